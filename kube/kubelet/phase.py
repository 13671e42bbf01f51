"""The phase of a pod, from the statuses of its containers. Pure.

Semantics: ``getPhase`` of pkg/kubelet/kubelet_pods.go.
"""

from collections.abc import Mapping

from kube.api.helpers.pods import FAILED, PENDING, RUNNING, SUCCEEDED
from kube.api.types.core_v1 import ContainerStatus, PodSpec
from kube.kubelet.container import is_sidecar, should_restart


def pod_phase(
    spec: PodSpec, statuses: Mapping[str, ContainerStatus], *, terminal: bool, initialized: bool
) -> str:
    """``terminal``: nothing will be restarted any more; ``initialized``: a regular container has been started."""
    pending_init = False
    for container in spec.init_containers:
        status = statuses.get(container.name)
        if is_sidecar(container):
            pending_init |= not initialized and _is_pending_sidecar(status)
            continue
        ended = None if status is None else status.state.terminated
        if ended is None and status is not None and status.state.waiting is not None:
            ended = status.last_state.terminated
        if ended is None:
            pending_init = True
        elif ended.exit_code and not should_restart(container, spec, ended.exit_code):
            return FAILED
    if pending_init:
        return PENDING
    return _of_regular(spec, statuses, terminal=terminal)


def _is_pending_sidecar(status: ContainerStatus | None) -> bool:
    if status is None:
        return False
    if status.state.running is not None:
        return not status.started
    return status.state.waiting is not None and status.last_state.terminated is None


def _of_regular(spec: PodSpec, statuses: Mapping[str, ContainerStatus], *, terminal: bool) -> str:
    running = stopped = succeeded = restartable = unknown = 0
    for container in spec.init_containers:
        status = statuses.get(container.name)
        if is_sidecar(container) and status is not None and status.state.running is not None:
            running += 1
    for container in spec.containers:
        status = statuses.get(container.name)
        if status is None:
            unknown += 1
            continue
        state = status.state
        ended = state.terminated
        if state.running is not None:
            running += 1
            continue
        if ended is not None and ended.exit_code == 0:
            succeeded += 1
        if ended is None and state.waiting is not None:
            ended = status.last_state.terminated
            if ended is None:
                return PENDING
        if ended is None:
            unknown += 1
            continue
        stopped += 1
        restartable += should_restart(container, spec, ended.exit_code)
    if unknown or not (running or stopped):
        return PENDING
    if running or (restartable and not terminal):
        return RUNNING
    return SUCCEEDED if stopped == succeeded else FAILED
