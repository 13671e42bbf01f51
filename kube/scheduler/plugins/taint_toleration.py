"""TaintToleration: filters by NoSchedule and NoExecute taints, and prefers nodes with fewer untolerated PreferNoSchedule ones."""

from typing import ClassVar, Final

import numpy as np

from kube.api.helpers.taints import (
    NO_EXECUTE,
    NO_SCHEDULE,
    PREFER_NO_SCHEDULE,
    find_untolerated_taint,
    tolerates_taint,
)
from kube.api.types.core_v1 import Node, Pod, Taint, Toleration
from kube.scheduler.cache.columns import Bools, Columns, Ints, View
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
from kube.scheduler.framework.interface import default_normalize_score
from kube.scheduler.framework.status import Status, unresolvable
from kube.scheduler.plugins.vector import VectorFilter

_HARD: Final = (NO_SCHEDULE, NO_EXECUTE)
_NODE: Final = ClusterEvent(Resource.NODE, Action.ADD | Action.UPDATE_NODE_TAINT)
_POD: Final = ClusterEvent(Resource.UNSCHEDULED_POD, Action.UPDATE_POD_TOLERATIONS)


class TaintToleration(VectorFilter):
    name = "TaintToleration"
    rejection: ClassVar[Status] = unresolvable("node(s) had untolerated taint(s)")

    def filter_all(self, state: CycleState, pod: PodInfo, view: View) -> Bools | None:  # noqa: ARG002  # the protocol's
        taints = view.columns.taints
        if taints.none:
            return None
        tolerations = pod.facts.tolerations
        rejected = [find_untolerated_taint(each, tolerations, _HARD) is not None for each in taints.sets]
        if not any(rejected):
            return None
        return np.array(rejected)[taints.column[view.rows]]

    def score_all(self, state: CycleState, pod: PodInfo, view: View) -> Ints | None:  # noqa: ARG002  # the protocol's
        """The number of PreferNoSchedule taints that are not tolerated."""
        taints = view.columns.taints
        if taints.none:
            return None
        soft = [t for t in pod.facts.tolerations if t.effect in ("", PREFER_NO_SCHEDULE)]
        counts = [_intolerable(each, soft) for each in taints.sets]
        return np.array(counts, np.int64)[taints.column[view.rows]]

    def score_row(self, state: CycleState, pod: PodInfo, columns: Columns, row: int) -> int:
        scores = self.score_all(state, pod, View(columns, np.array([row])))
        return 0 if scores is None else int(scores[0])

    def normalize_score(self, scores: Ints) -> Ints:
        return default_normalize_score(scores, reverse=True)

    def events_to_register(self) -> tuple[ClusterEventWithHint, ...]:
        return (ClusterEventWithHint(_NODE, _node_changed), ClusterEventWithHint(_POD))


def _intolerable(taints: tuple[Taint, ...], tolerations: list[Toleration]) -> int:
    return sum(
        taint.effect == PREFER_NO_SCHEDULE and not tolerates_taint(tolerations, taint) for taint in taints
    )


def _node_changed(pod: Pod, old: Node | None, node: Node) -> QueueingHint:
    tolerations = pod.spec.tolerations
    fitted = old is not None and find_untolerated_taint(old.spec.taints, tolerations, _HARD) is None
    fits = find_untolerated_taint(node.spec.taints, tolerations, _HARD) is None
    return queue_if(fits and not fitted)
