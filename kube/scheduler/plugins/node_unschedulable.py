"""NodeUnschedulable: a cordoned node takes only pods that tolerate the taint of that name."""

from typing import Final

from kube.api.helpers.taints import NO_SCHEDULE, UNSCHEDULABLE, tolerates_taint
from kube.api.types.core_v1 import Node, Pod, Taint
from kube.scheduler.cache.columns import Bools, View
from kube.scheduler.cache.pod_facts import PodInfo
from kube.scheduler.framework.cycle_state import CycleState
from kube.scheduler.framework.events import (
    Action,
    ClusterEvent,
    ClusterEventWithHint,
    QueueingHint,
    Resource,
    queue_if,
)
from kube.scheduler.framework.status import unresolvable
from kube.scheduler.plugins.vector import VectorFilter

_TAINT: Final = Taint(key=UNSCHEDULABLE, effect=NO_SCHEDULE)
_NODE: Final = ClusterEvent(Resource.NODE, Action.ADD | Action.UPDATE_NODE_TAINT)
_POD: Final = ClusterEvent(Resource.UNSCHEDULED_POD, Action.UPDATE_POD_TOLERATIONS)


class NodeUnschedulable(VectorFilter):
    name = "NodeUnschedulable"
    rejection = unresolvable("node(s) were unschedulable")

    def filter_all(self, state: CycleState, pod: PodInfo, view: View) -> Bools | None:  # noqa: ARG002  # the protocol's
        columns = view.columns
        if not columns.unschedulable_count or tolerates_taint(pod.facts.tolerations, _TAINT):
            return None
        return columns.unschedulable[view.rows]

    def events_to_register(self) -> tuple[ClusterEventWithHint, ...]:
        return (ClusterEventWithHint(_NODE, _node_changed), ClusterEventWithHint(_POD, _pod_changed))


def _node_changed(pod: Pod, old: Node | None, node: Node) -> QueueingHint:
    was_closed = old is None or old.spec.unschedulable
    is_open = not node.spec.unschedulable or tolerates_taint(pod.spec.tolerations, _TAINT)
    return queue_if(was_closed and is_open)


def _pod_changed(_pod: Pod, _old: Pod, new: Pod) -> QueueingHint:
    return queue_if(tolerates_taint(new.spec.tolerations, _TAINT))
