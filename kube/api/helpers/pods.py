"""What a pod's spec and status say: conditions, readiness, whether it has ended, who owns it.

Source of the semantics: pkg/api/v1/pod, the API page "Pod Lifecycle".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from kube.api.types.core_v1 import (
    Container,
    ContainerPort,
    ContainerStatus,
    EphemeralContainer,
    Pod,
    PodCondition,
    PodSpec,
    PodStatus,
)
from kube.apimachinery.meta.v1 import ObjectMeta, OwnerReference
from kube.apimachinery.time import Time, to_seconds

PENDING: Final = "Pending"
RUNNING: Final = "Running"
SUCCEEDED: Final = "Succeeded"
FAILED: Final = "Failed"
UNKNOWN: Final = "Unknown"

POD_SCHEDULED: Final = "PodScheduled"
POD_READY: Final = "Ready"
POD_INITIALIZED: Final = "Initialized"
CONTAINERS_READY: Final = "ContainersReady"
POD_READY_TO_START_CONTAINERS: Final = "PodReadyToStartContainers"
DISRUPTION_TARGET: Final = "DisruptionTarget"
POD_RESIZE_PENDING: Final = "PodResizePending"
POD_RESIZE_IN_PROGRESS: Final = "PodResizeInProgress"

MIRROR_POD_ANNOTATION: Final = "kubernetes.io/config.mirror"
DELETION_COST_ANNOTATION: Final = "controller.kubernetes.io/pod-deletion-cost"

_COST: Final = re.compile("-[0-9]+|[1-9][0-9]*|0", re.ASCII)


def get_condition(status: PodStatus, condition_type: str) -> PodCondition | None:
    for condition in status.conditions:
        if condition.type == condition_type:
            return condition
    return None


def has_condition(status: PodStatus, condition_type: str) -> bool:
    """Whether the condition is there and "True"."""
    condition = get_condition(status, condition_type)
    return condition is not None and condition.status == "True"


def with_condition(status: PodStatus, condition: PodCondition, now: Time) -> PodStatus:
    """The status with the condition set; its transition time is ``now`` only if its status changes.

    The status itself if nothing changes.
    """
    old = get_condition(status, condition.type)
    if old is None:
        fresh = replace(condition, last_transition_time=condition.last_transition_time or now)
        return replace(status, conditions=(*status.conditions, fresh))
    since = old.last_transition_time if old.status == condition.status else now
    fresh = replace(condition, last_transition_time=since)
    if fresh == old:
        return status
    conditions = tuple(fresh if each is old else each for each in status.conditions)
    return replace(status, conditions=conditions)


def is_pod_ready(pod: Pod) -> bool:
    return has_condition(pod.status, POD_READY)


def pod_ready_since(pod: Pod) -> Time | None:
    """When the pod became ready; None if it is not ready."""
    condition = get_condition(pod.status, POD_READY)
    return condition.last_transition_time if condition is not None and condition.status == "True" else None


def is_pod_available(pod: Pod, min_ready_seconds: int, now: float) -> bool:
    """Whether the pod has been ready for ``min_ready_seconds``; ``now`` in seconds since the epoch."""
    condition = get_condition(pod.status, POD_READY)
    if condition is None or condition.status != "True":
        return False
    if min_ready_seconds == 0:
        return True
    since = condition.last_transition_time
    return since is not None and to_seconds(since) + min_ready_seconds <= now


def is_phase_terminal(phase: str) -> bool:
    return phase in (SUCCEEDED, FAILED)


def is_pod_terminal(pod: Pod) -> bool:
    """Whether the pod has ended for good."""
    return pod.status.phase in (SUCCEEDED, FAILED)


def is_pod_terminating(pod: Pod) -> bool:
    """Whether the pod is being deleted and has not ended yet."""
    return pod.metadata.deletion_timestamp is not None and not is_pod_terminal(pod)


def is_pod_active(pod: Pod) -> bool:
    """Whether a controller counts the pod: neither ended nor being deleted."""
    return not is_pod_terminal(pod) and pod.metadata.deletion_timestamp is None


def is_mirror_pod(pod: Pod) -> bool:
    """Whether the pod only shows a static pod of a node."""
    return MIRROR_POD_ANNOTATION in pod.metadata.annotations


def controller_of(metadata: ObjectMeta) -> OwnerReference | None:
    """The owner that manages the object."""
    for reference in metadata.owner_references:
        if reference.controller:
            return reference
    return None


def is_owned_by_daemon_set(pod: Pod) -> bool:
    owner = controller_of(pod.metadata)
    return owner is not None and owner.kind == "DaemonSet" and owner.api_version.startswith("apps/")


def deletion_cost(annotations: Mapping[str, str]) -> int | None:
    """The cost that steers which pods a ReplicaSet deletes first (KEP-2255): 0 by default, None if malformed."""
    text = annotations.get(DELETION_COST_ANNOTATION)
    if text is None:
        return 0
    if not _COST.fullmatch(text) or not -(2**31) <= int(text) < 2**31:
        return None
    return int(text)


def containers(spec: PodSpec) -> Iterator[tuple[str, int, Container | EphemeralContainer]]:
    """Every container with the wire name of its list and its index, in upstream's order of visiting."""
    for i, container in enumerate(spec.init_containers):
        yield "initContainers", i, container
    for i, container in enumerate(spec.containers):
        yield "containers", i, container
    for i, ephemeral in enumerate(spec.ephemeral_containers):
        yield "ephemeralContainers", i, ephemeral


def container_status(statuses: Sequence[ContainerStatus], name: str) -> ContainerStatus | None:
    for status in statuses:
        if status.name == name:
            return status
    return None


def host_ports(spec: PodSpec) -> list[ContainerPort]:
    """The ports of the node that the containers and sidecars of the pod bind."""
    return [
        port
        for container in (
            *spec.containers,
            *(c for c in spec.init_containers if c.restart_policy == "Always"),
        )
        for port in container.ports
        if port.host_port > 0
    ]


def find_port(pod: Pod, port: int | str, protocol: str = "TCP") -> int | None:
    """The number of a target port: a number is itself, a name is looked up in the containers and sidecars."""
    if isinstance(port, int):
        return port
    sidecars = (c for c in pod.spec.init_containers if c.restart_policy == "Always")
    for container in (*pod.spec.containers, *sidecars):
        for candidate in container.ports:
            if candidate.name == port and candidate.protocol == protocol:
                return candidate.container_port
    return None
