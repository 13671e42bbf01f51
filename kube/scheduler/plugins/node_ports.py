"""NodePorts: two pods that bind a port of the host cannot share the node."""

from kube.api.types.core_v1 import Pod
from kube.scheduler.cache.columns import Bools, Columns, View
from kube.scheduler.cache.pod_facts import ANY_IP, HostPort, PodFacts, PodInfo
from kube.scheduler.framework.cycle_state import CycleState
from kube.scheduler.framework.events import (
    ASSIGNED_POD_DELETE,
    NODE_ADD,
    ClusterEventWithHint,
    QueueingHint,
    queue_if,
)
from kube.scheduler.framework.interface import PreFilterResult
from kube.scheduler.framework.status import SKIP, SUCCESS, Status, unschedulable
from kube.scheduler.plugins.vector import VectorFilter


class NodePorts(VectorFilter):
    name = "NodePorts"
    reads_pods = True
    rejection = unschedulable("node(s) didn't have free ports for the requested pod ports")

    def pre_filter(self, state: CycleState, pod: PodInfo) -> tuple[PreFilterResult | None, Status]:  # noqa: ARG002  # the protocol's
        return None, SUCCESS if pod.facts.host_ports else SKIP

    def filter_all(self, state: CycleState, pod: PodInfo, view: View) -> Bools | None:  # noqa: ARG002  # the protocol's
        rejected: Bools | None = None
        for port in pod.facts.host_ports:
            for column in view.columns.ports.conflicting(port):
                taken = column[view.rows] > 0
                rejected = taken if rejected is None else rejected | taken
        return rejected

    def filter_row(self, state: CycleState, pod: PodInfo, columns: Columns, row: int) -> int:  # noqa: ARG002  # the protocol's
        conflicting = columns.ports.conflicting
        return int(any(column.item(row) for port in pod.facts.host_ports for column in conflicting(port)))

    def events_to_register(self) -> tuple[ClusterEventWithHint, ...]:
        return (
            ClusterEventWithHint(ASSIGNED_POD_DELETE, _pod_gone),
            ClusterEventWithHint(NODE_ADD),
        )


def _pod_gone(pod: Pod, old: Pod, _new: object) -> QueueingHint:
    wanted, freed = PodFacts(pod).host_ports, PodFacts(old).host_ports
    return queue_if(any(_conflict(a, b) for a in wanted for b in freed))


def _conflict(a: HostPort, b: HostPort) -> bool:
    return a[1:] == b[1:] and (a[0] == b[0] or ANY_IP in (a[0], b[0]))
