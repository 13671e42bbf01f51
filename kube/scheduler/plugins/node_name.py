"""NodeName: a pod that names its node in the spec fits no other."""

import numpy as np

from kube.api.types.core_v1 import Node, Pod
from kube.scheduler.cache.columns import Bools, View
from kube.scheduler.cache.pod_facts import PodInfo
from kube.scheduler.framework.cycle_state import CycleState
from kube.scheduler.framework.events import NODE_ADD, ClusterEventWithHint, QueueingHint, queue_if
from kube.scheduler.framework.status import unresolvable
from kube.scheduler.plugins.vector import VectorFilter


class NodeName(VectorFilter):
    name = "NodeName"
    rejection = unresolvable("node(s) didn't match the requested node name")

    def filter_all(self, state: CycleState, pod: PodInfo, view: View) -> Bools | None:  # noqa: ARG002  # the protocol's
        wanted = pod.pod.spec.node_name
        if not wanted:
            return None
        rejected = np.ones(view.columns.size, np.bool_)
        row = view.columns.row_of.get(wanted)
        if row is not None:
            rejected[row] = False
        return rejected[view.rows]

    def events_to_register(self) -> tuple[ClusterEventWithHint, ...]:
        return (ClusterEventWithHint(NODE_ADD, _node_added),)


def _node_added(pod: Pod, _old: object, node: Node) -> QueueingHint:
    return queue_if(pod.spec.node_name in ("", node.metadata.name))
