"""Pods: what the containers' states add up to in one word."""

from typing import Final

from kube.api.helpers.pods import has_condition, is_phase_terminal
from kube.api.helpers.resources import is_restartable_init_container
from kube.api.printers.columns import AGE, NAME, NONE, Cells, Printer, age, column, since
from kube.api.types.core_v1 import ContainerState, ContainerStateTerminated, ContainerStatus, Pod
from kube.apimachinery.meta.v1 import TableRowCondition
from kube.apimachinery.time import Time

NODE_LOST: Final = "NodeLost"
"""The status reason that the node lifecycle controller gives to pods of an unreachable node."""
SCHEDULING_GATED: Final = "SchedulingGated"

_COLUMNS: Final = (
    NAME,
    column("Ready", "How many of the pod's containers are ready."),
    column("Status", "The phase, or what keeps the pod from it."),
    column("Restarts", "How often containers of the pod were restarted, and when last."),
    AGE,
    column("IP", "The pod's first address.", wide=True),
    column("Node", "The node that the pod is bound to.", wide=True),
    column("Nominated Node", "The node that preemption is making room on.", wide=True),
    column("Readiness Gates", "How many of the additional conditions for readiness hold.", wide=True),
)

_FINISHED: Final = {
    "Succeeded": TableRowCondition(
        type="Completed", status="True", reason="Succeeded", message="The pod has completed successfully."
    ),
    "Failed": TableRowCondition(type="Completed", status="True", reason="Failed", message="The pod failed."),
}


class _Restarts:
    """A sum of restarts and the moment of the last one."""

    def __init__(self) -> None:
        self.count = 0
        self.last: Time | None = None

    def add(self, status: ContainerStatus) -> None:
        self.count += status.restart_count
        ended = status.last_state.terminated
        if ended is not None and ended.finished_at and (self.last is None or self.last < ended.finished_at):
            self.last = ended.finished_at

    def text(self, now: float) -> str:
        return f"{self.count} ({since(self.last, now)} ago)" if self.count and self.last else str(self.count)


def _how_it_ended(ended: ContainerStateTerminated) -> str:
    if ended.reason:
        return ended.reason
    return f"Signal:{ended.signal}" if ended.signal else f"ExitCode:{ended.exit_code}"


class _Summary:
    """READY, STATUS and RESTARTS of one pod."""

    def __init__(self, pod: Pod) -> None:
        self.pod = pod
        self.reason = pod.status.reason or pod.status.phase
        if any(
            condition.type == "PodScheduled" and condition.reason == SCHEDULING_GATED
            for condition in pod.status.conditions
        ):
            self.reason = SCHEDULING_GATED
        self.restarts = _Restarts()
        self.ready = 0
        sidecars = {
            container.name
            for container in pod.spec.init_containers
            if is_restartable_init_container(container)
        }
        self.total = len(pod.spec.containers) + len(sidecars)
        sidecar_restarts = _Restarts()
        initializing = self._initialize(sidecars, sidecar_restarts)
        if not initializing or has_condition(pod.status, "Initialized"):
            self.restarts = sidecar_restarts
            self._run()
        self._delete()

    def _initialize(self, sidecars: set[str], sidecar_restarts: _Restarts) -> bool:
        """Walk the init containers up to the first that is not done; whether there is such a one."""
        for index, status in enumerate(self.pod.status.init_container_statuses):
            self.restarts.add(status)
            sidecar = status.name in sidecars
            if sidecar:
                sidecar_restarts.add(status)
            ended = status.state.terminated
            if ended is not None and ended.exit_code == 0:
                continue
            if sidecar and status.started:
                self.ready += status.ready
                continue
            self.reason = f"Init:{self._init_reason(index, status.state)}"
            return True
        return False

    def _init_reason(self, index: int, state: ContainerState) -> str:
        if state.terminated is not None:
            return _how_it_ended(state.terminated)
        if state.waiting is not None and state.waiting.reason not in ("", "PodInitializing"):
            return state.waiting.reason
        return f"{index}/{len(self.pod.spec.init_containers)}"

    def _run(self) -> None:
        running = False
        for status in reversed(self.pod.status.container_statuses):
            self.restarts.add(status)
            state = status.state
            if state.waiting is not None and state.waiting.reason:
                self.reason = state.waiting.reason
            elif state.terminated is not None:
                self.reason = _how_it_ended(state.terminated)
            elif status.ready and state.running is not None:
                running = True
                self.ready += 1
        if self.reason == "Completed" and running:
            self.reason = "Running" if has_condition(self.pod.status, "Ready") else "NotReady"

    def _delete(self) -> None:
        if self.pod.metadata.deletion_timestamp is None:
            return
        if self.pod.status.reason == NODE_LOST:
            self.reason = "Unknown"
        elif not is_phase_terminal(self.pod.status.phase):
            self.reason = "Terminating"


def _readiness_gates(pod: Pod) -> str:
    gates = pod.spec.readiness_gates
    if not gates:
        return NONE
    holding = sum(has_condition(pod.status, gate.condition_type) for gate in gates)
    return f"{holding}/{len(gates)}"


def _cells(pod: Pod, now: float) -> Cells:
    summary = _Summary(pod)
    ips = pod.status.pod_ips
    return (
        pod.metadata.name,
        f"{summary.ready}/{summary.total}",
        summary.reason,
        summary.restarts.text(now),
        age(pod, now),
        (ips[0].ip if ips else "") or NONE,
        pod.spec.node_name or NONE,
        pod.status.nominated_node_name or NONE,
        _readiness_gates(pod),
    )


def _conditions(pod: Pod) -> tuple[TableRowCondition, ...]:
    finished = _FINISHED.get(pod.status.phase)
    return (finished,) if finished else ()


POD: Final = Printer(_COLUMNS, _cells, _conditions)
