"""The status of a pod as the API shows it, from what the runtime says. Pure.

Semantics: ``generateAPIPodStatus`` and ``convertToAPIContainerStatuses`` of pkg/kubelet/kubelet_pods.go, ``TerminatePod`` of
pkg/kubelet/status/status_manager.go.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from kube.api.helpers.pods import FAILED, is_phase_terminal
from kube.api.helpers.qos import pod_qos
from kube.api.types.core_v1 import (
    Container,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    HostIP,
    Pod,
    PodIP,
    PodStatus,
    VolumeMountStatus,
)
from kube.api.types.core_v1 import ContainerState as ApiState
from kube.api.types.core_v1 import ContainerStatus as ApiStatus
from kube.apimachinery.time import Time, from_seconds
from kube.cri.interface import ContainerState, ContainerStatus, SandboxState
from kube.cri.interface import PodStatus as RuntimeStatus
from kube.kubelet.conditions import pod_conditions
from kube.kubelet.container import is_sidecar
from kube.kubelet.phase import pod_phase
from kube.kubelet.prober import ContainerProbes

CONTAINER_STATUS_UNKNOWN: Final = "ContainerStatusUnknown"
_CREATING: Final = ApiState(waiting=ContainerStateWaiting(reason="ContainerCreating"))
_INITIALIZING: Final = ApiState(waiting=ContainerStateWaiting(reason="PodInitializing"))
_LOST: Final = ApiState(
    terminated=ContainerStateTerminated(
        reason=CONTAINER_STATUS_UNKNOWN,
        message="The container could not be located when the pod was terminated",
        exit_code=137,
    )
)
_NO_STATE: Final = ApiState()

Waiting = Mapping[str, tuple[str, str]]
"""By container name: the reason and message for which it is not started (upstream's reason cache)."""


class Facts(Struct, frozen=True):
    """What the status is made of, besides the pod. ``ended`` is the phase, reason and message that the kubelet itself
    has decided on: a deadline that passed.
    """

    runtime: RuntimeStatus
    runtime_name: str
    host_ip: str
    waiting: Waiting
    probes: Mapping[str, ContainerProbes]
    terminal: bool = False
    """Nothing of the pod will be started again."""
    ended: tuple[str, str, str] | None = None


def generate_pod_status(pod: Pod, old: PodStatus, facts: Facts, now: float) -> PodStatus:
    """``old`` is what the kubelet said last, or the API's. What is not the kubelet's is taken from the pod."""
    moment = from_seconds(now)
    spec = pod.spec
    initial = _INITIALIZING if spec.init_containers else _CREATING
    regular = [_container_status(each, old.container_statuses, initial, facts) for each in spec.containers]
    init: list[ApiStatus] = []
    by_name = {each.name: each for each in regular}
    initialized = _any_started(regular)
    if spec.init_containers:
        init = [
            _container_status(each, old.init_container_statuses, initial, facts, ends=not is_sidecar(each))
            for each in spec.init_containers
        ]
        by_name.update({each.name: each for each in init})
    if len(regular) > 1:
        regular.sort(key=lambda status: status.name)
    phase, reason, message = _phase(
        pod, old, facts, pod_phase(spec, by_name, terminal=facts.terminal, initialized=initialized)
    )
    sandbox = facts.runtime.sandbox
    sandbox_ready = sandbox is not None and sandbox.state is SandboxState.READY
    ip, ips = _addresses(pod, old, facts)
    return replace(
        pod.status,
        observed_generation=pod.metadata.generation,
        phase=phase,
        reason=reason,
        message=message,
        conditions=pod_conditions(
            pod,
            by_name,
            phase,
            old.conditions,
            moment,
            sandbox_ready=sandbox_ready,
            initialized=initialized,
        ),
        host_ip=facts.host_ip,
        host_ips=(HostIP(ip=facts.host_ip),),
        pod_ip=ip,
        pod_ips=ips,
        start_time=old.start_time or pod.status.start_time or moment,
        init_container_statuses=tuple(init),
        container_statuses=tuple(regular),
        qos_class=pod_qos(pod),
    )


def rejected_status(pod: Pod, reason: str, message: str, now: float) -> PodStatus:
    """Of a pod that the node does not admit."""
    return replace(
        pod.status,
        observed_generation=pod.metadata.generation,
        phase=FAILED,
        reason=reason,
        message=f"Pod was rejected: {message}",
        start_time=pod.status.start_time or from_seconds(now),
        qos_class=pod_qos(pod),
    )


def terminated_status(status: PodStatus) -> PodStatus:
    """The last status of a pod whose containers are gone: each has ended, how is unknown for those not known to have,
    and the phase is terminal.
    """
    containers, init = status.container_statuses, status.init_container_statuses
    if _any_started(containers):
        containers = tuple([_ended(each) for each in containers])
        init = tuple([_ended(each) for each in init])
    elif init:
        reached = max((i for i, each in enumerate(init) if _has_run(each)), default=-1)
        init = tuple([_ended(each) if i <= reached else each for i, each in enumerate(init)])
    phase = status.phase if is_phase_terminal(status.phase) else FAILED
    return replace(status, container_statuses=containers, init_container_statuses=init, phase=phase)


def _ended(status: ApiStatus) -> ApiStatus:
    if status.state.terminated is not None:
        return status
    return replace(status, state=_LOST, ready=False, started=False)


def _has_run(status: ApiStatus) -> bool:
    state = status.state
    return (
        state.running is not None or state.terminated is not None or status.last_state.terminated is not None
    )


def _any_started(statuses: Sequence[ApiStatus]) -> bool:
    return any(_has_run(status) for status in statuses)


def _phase(pod: Pod, old: PodStatus, facts: Facts, computed: str) -> tuple[str, str, str]:
    """A pod that has ended stays as it ended; reason and message stay with the phase that they belong to."""
    if facts.ended is not None:
        return facts.ended
    phase = computed
    for earlier in (pod.status, old):
        if is_phase_terminal(earlier.phase):
            phase = earlier.phase
            break
    if phase == old.phase:
        return phase, old.reason or pod.status.reason, old.message or pod.status.message
    return phase, "", ""


def _addresses(pod: Pod, old: PodStatus, facts: Facts) -> tuple[str, tuple[PodIP, ...]]:
    if pod.spec.host_network:
        return facts.host_ip, (PodIP(ip=facts.host_ip),)
    sandbox = facts.runtime.sandbox
    if sandbox is not None and sandbox.ips:
        return sandbox.ips[0], tuple([PodIP(ip=ip) for ip in sandbox.ips])
    if facts.terminal:
        return old.pod_ip, old.pod_ips
    return "", ()


def _container_status(
    container: Container,
    old: Sequence[ApiStatus],
    initial: ApiState,
    facts: Facts,
    *,
    ends: bool = False,
) -> ApiStatus:
    """``ends``: it is an init container, ready when it has done its work."""
    known = facts.runtime.find(container.name)
    before = next((status for status in old if status.name == container.name), None)
    waiting = facts.waiting.get(container.name)
    if known is None:
        if before is not None and before.state.terminated is not None and waiting is None:
            return before
        state = initial if waiting is None else _waiting(waiting)
        return ApiStatus(
            name=container.name,
            image=container.image,
            state=state,
            last_state=_NO_STATE if before is None else before.last_state,
            restart_count=0 if before is None else before.restart_count,
            started=False,
            volume_mounts=_mounts(container),
        )
    return _of_known(container, known, before, waiting, facts, initial=initial, ends=ends)


def _of_known(
    container: Container,
    known: ContainerStatus,
    before: ApiStatus | None,
    waiting: tuple[str, str] | None,
    facts: Facts,
    *,
    initial: ApiState,
    ends: bool,
) -> ApiStatus:
    container_id = f"{facts.runtime_name}://{known.id}"
    state = _state(known, container_id, initial)
    last = _NO_STATE if before is None else before.last_state
    if known.attempt and (previous := _previous(facts.runtime, known)) is not None:
        last = ApiState(terminated=_terminated(previous, f"{facts.runtime_name}://{previous.id}"))
    if waiting is not None and state.terminated is not None and not facts.terminal:
        last, state = state, _waiting(waiting)
    running = state.running is not None
    probes = facts.probes.get(known.id) if running else None
    if ends:
        ready = known.state is ContainerState.EXITED and known.exit_code == 0
    else:
        ready = running and (probes is None or probes.ready)
    resources = container.resources
    return ApiStatus(
        name=container.name,
        state=state,
        last_state=last,
        ready=ready,
        restart_count=known.attempt,
        image=known.image,
        image_id=known.image_ref,
        container_id=container_id,
        started=running and (probes is None or probes.started),
        allocated_resources=resources.requests,
        resources=resources,
        volume_mounts=_mounts(container),
    )


def _state(known: ContainerStatus, container_id: str, initial: ApiState) -> ApiState:
    if known.state is ContainerState.RUNNING:
        return ApiState(running=ContainerStateRunning(started_at=from_seconds(known.started_at)))
    if known.state is ContainerState.EXITED:
        return ApiState(terminated=_terminated(known, container_id))
    return initial


def _terminated(known: ContainerStatus, container_id: str) -> ContainerStateTerminated:
    return ContainerStateTerminated(
        exit_code=known.exit_code,
        reason=known.reason,
        message=known.message,
        started_at=_moment(known.started_at),
        finished_at=_moment(known.finished_at),
        container_id=container_id,
    )


def _moment(seconds: float) -> Time | None:
    return from_seconds(seconds) if seconds else None


def _previous(runtime: RuntimeStatus, known: ContainerStatus) -> ContainerStatus | None:
    """The run before the newest one, if the runtime still has it."""
    for status in runtime.containers:
        if status.name == known.name and status is not known and status.state is ContainerState.EXITED:
            return status
    return None


def _waiting(waiting: tuple[str, str]) -> ApiState:
    return ApiState(waiting=ContainerStateWaiting(reason=waiting[0], message=waiting[1]))


def _mounts(container: Container) -> tuple[VolumeMountStatus, ...]:
    if not container.volume_mounts:
        return ()
    return tuple(
        [
            VolumeMountStatus(
                name=mount.name,
                mount_path=mount.mount_path,
                read_only=mount.read_only,
                recursive_read_only="Disabled" if mount.read_only else None,
            )
            for mount in container.volume_mounts
        ]
    )
