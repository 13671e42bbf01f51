"""The conditions of a pod that its kubelet owns. Pure.

Semantics: pkg/kubelet/status/generate.go, KEP-580 (readiness gates), KEP-3085 (PodReadyToStartContainers), KEP-5067
(observedGeneration).
"""

from collections.abc import Mapping, Sequence
from typing import Final

from kube.api.helpers.pods import (
    CONTAINERS_READY,
    FAILED,
    POD_INITIALIZED,
    POD_READY,
    POD_READY_TO_START_CONTAINERS,
    POD_SCHEDULED,
    SUCCEEDED,
)
from kube.api.types.core_v1 import ContainerStatus, Pod, PodCondition, PodSpec
from kube.apimachinery.time import Time
from kube.kubelet.container import is_sidecar

POD_COMPLETED: Final = "PodCompleted"
POD_FAILED: Final = "PodFailed"
CONTAINERS_NOT_READY: Final = "ContainersNotReady"
CONTAINERS_NOT_INITIALIZED: Final = "ContainersNotInitialized"
READINESS_GATES_NOT_READY: Final = "ReadinessGatesNotReady"

OWNED: Final = (
    POD_READY_TO_START_CONTAINERS,
    POD_INITIALIZED,
    POD_READY,
    CONTAINERS_READY,
    POD_SCHEDULED,
)
"""The conditions that a kubelet writes, in the order in which it does; all others are somebody else's."""

Verdict = tuple[bool, str, str]
"""Status, reason, message."""

TRUE: Final[Verdict] = (True, "", "")


def pod_conditions(
    pod: Pod,
    statuses: Mapping[str, ContainerStatus],
    phase: str,
    old: Sequence[PodCondition],
    now: Time,
    *,
    sandbox_ready: bool,
    initialized: bool,
) -> tuple[PodCondition, ...]:
    """Those of others first, as the pod has them, then the kubelet's own."""
    foreign = tuple([each for each in pod.status.conditions if each.type not in OWNED])
    containers_ready = _containers_ready(pod.spec, statuses, phase)
    verdicts = (
        (sandbox_ready, "", ""),
        _initialized(pod.spec, statuses, phase, initialized=initialized),
        _ready(pod.spec, foreign, containers_ready) if containers_ready[0] else containers_ready,
        containers_ready,
        TRUE,
    )
    before = {each.type: each for each in old}
    generation = pod.metadata.generation
    own = [
        _condition(type_, verdict, before.get(type_), generation, now)
        for type_, verdict in zip(OWNED, verdicts, strict=True)
    ]
    return (*foreign, *own)


def _condition(
    type_: str, verdict: Verdict, old: PodCondition | None, generation: int, now: Time
) -> PodCondition:
    status = "True" if verdict[0] else "False"
    since = old.last_transition_time if old is not None and old.status == status else None
    return PodCondition(
        type=type_,
        observed_generation=generation,
        status=status,
        last_transition_time=since or now,
        reason=verdict[1],
        message=verdict[2],
    )


def _containers_ready(spec: PodSpec, statuses: Mapping[str, ContainerStatus], phase: str) -> Verdict:
    if phase == FAILED:
        return False, POD_FAILED, ""
    wanted = [each.name for each in spec.init_containers if is_sidecar(each)]
    wanted += [each.name for each in spec.containers]
    unknown = [name for name in wanted if name not in statuses]
    if phase == SUCCEEDED and not unknown:
        return False, POD_COMPLETED, ""
    unready = [name for name in wanted if name in statuses and not statuses[name].ready]
    message = _message(("unknown", unknown), ("unready", unready))
    return (False, CONTAINERS_NOT_READY, message) if message else TRUE


def _ready(spec: PodSpec, conditions: Sequence[PodCondition], otherwise: Verdict) -> Verdict:
    if not spec.readiness_gates:
        return otherwise
    known = {each.type: each for each in conditions}
    complaints = []
    for gate in spec.readiness_gates:
        condition = known.get(gate.condition_type)
        if condition is None:
            complaints.append(
                f'corresponding condition of pod readiness gate "{gate.condition_type}" does not exist.'
            )
        elif condition.status != "True":
            complaints.append(
                f'the status of pod readiness gate "{gate.condition_type}" is not "True", but {condition.status}'
            )
    return (False, READINESS_GATES_NOT_READY, ", ".join(complaints)) if complaints else otherwise


def _initialized(
    spec: PodSpec, statuses: Mapping[str, ContainerStatus], phase: str, *, initialized: bool
) -> Verdict:
    unknown = [each.name for each in spec.init_containers if each.name not in statuses]
    if phase == SUCCEEDED and not unknown:
        return True, POD_COMPLETED, ""
    if initialized or not spec.init_containers:
        return TRUE
    incomplete = []
    for container in spec.init_containers:
        status = statuses.get(container.name)
        if status is not None and not (status.started if is_sidecar(container) else status.ready):
            incomplete.append(container.name)
    message = _message(("unknown", unknown), ("incomplete", incomplete))
    return (False, CONTAINERS_NOT_INITIALIZED, message) if message else TRUE


def _message(*kinds: tuple[str, Sequence[str]]) -> str:
    return ", ".join(f"containers with {kind} status: [{' '.join(names)}]" for kind, names in kinds if names)
