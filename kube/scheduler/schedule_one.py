"""One scheduling cycle: from a pod to the node that it is assumed on, or to why there is none. Pure.

Source of the semantics: pkg/scheduler/schedule_one.go. Unlike there, every node is looked at: percentageOfNodesToScore is 100.
"""

import random
from collections import OrderedDict
from typing import Final

import numpy as np
from msgspec import Struct

from kube.api.types.core_v1 import Pod
from kube.scheduler.cache.cache import Cache
from kube.scheduler.cache.pod_facts import PodFacts, PodInfo
from kube.scheduler.evaluation import Evaluation
from kube.scheduler.framework.cycle_state import CycleState
from kube.scheduler.framework.diagnosis import NO_NODES, Diagnosis, FitError
from kube.scheduler.framework.runtime import Framework
from kube.scheduler.framework.status import Code, Status, unresolvable

_REMEMBERED: Final = 64
"""Kinds of pods whose evaluations are kept, per profile."""


class Placed(Struct, frozen=True):
    """The pod is assumed on the node; ``waits`` are the Permit plugins to wait for, with their seconds."""

    node_name: str
    state: CycleState
    waits: dict[str, float]


class Rejected(Struct, frozen=True):
    """No node, and what is said of it. ``plugins`` are those whose hints may queue the pod again; none: an error."""

    status: Status
    message: str
    plugins: frozenset[str]
    diagnosis: Diagnosis | None = None


class SchedulingCycle:
    """The algorithm of one profile over one cache."""

    def __init__(self, framework: Framework, cache: Cache, chance: random.Random) -> None:
        self.framework = framework
        self.cache = cache
        self._chance = chance
        self._evaluations: OrderedDict[PodFacts, Evaluation] = OrderedDict()
        self._filter_names = frozenset(plugin.name for plugin in framework.filters)

    def run(self, pod: Pod) -> Placed | Rejected:
        """Choose a node and assume the pod on it."""
        info = PodInfo(pod, self.cache.facts.of(pod))
        columns = self.cache.columns
        if not columns.count:
            return Rejected(unresolvable(NO_NODES), NO_NODES, self._filter_names)
        evaluation = self.evaluate(info)
        if isinstance(evaluation, Rejected):
            return evaluation
        best, state, narrowing = evaluation
        rows = best.best()
        if not len(rows):
            return self._post_filter(pod, state, best.diagnose(narrowing))
        row = int(rows[self._chance.randrange(len(rows)) if len(rows) > 1 else 0])
        return self._commit(info, state, columns.names[row])

    def evaluate(self, info: PodInfo) -> tuple[Evaluation, CycleState, list[str]] | Rejected:
        """What the nodes say, remembered where it can be; or a PreFilter's rejection."""
        known = self._evaluations.get(info.facts)
        if known is not None and not info.pod.spec.node_name:
            self._evaluations.move_to_end(info.facts)
            known.refresh()
            return known, known.state, []
        state = CycleState()
        names, status, narrowing = self.framework.run_pre_filter(state, info)
        if not status.is_success:
            return self._pre_filter_rejection(status)
        only = None
        if names is not None:
            row_of = self.cache.columns.row_of
            only = np.array(sorted(row_of[name] for name in names if name in row_of), np.int64)
        evaluation = Evaluation(self.framework, self.cache.columns, info, state, only)
        if only is None and self.framework.signed and not info.pod.spec.node_name:
            self._evaluations[info.facts] = evaluation
            if len(self._evaluations) > _REMEMBERED:
                self._evaluations.popitem(last=False)
        return evaluation, state, narrowing

    def _pre_filter_rejection(self, status: Status) -> Rejected:
        if not status.is_rejected:
            text = f'running PreFilter plugin "{status.plugin}": {status.message}'
            return Rejected(status, text, frozenset())
        diagnosis = Diagnosis(
            unschedulable_plugins=frozenset({status.plugin}), pre_filter_message=status.message
        )
        return self._rejected(diagnosis)

    def _post_filter(self, pod: Pod, state: CycleState, diagnosis: Diagnosis) -> Rejected:
        for plugin in self.framework.post_filter:
            _, status = plugin.post_filter(state, pod, diagnosis)
            diagnosis.post_filter_message = status.message
            if status.is_success:
                break
        return self._rejected(diagnosis)

    def _rejected(self, diagnosis: Diagnosis) -> Rejected:
        message = str(FitError(self.cache.columns.count, diagnosis))
        status = Status(Code.UNSCHEDULABLE, (message,))
        return Rejected(status, message, diagnosis.unschedulable_plugins or self._filter_names, diagnosis)

    def _commit(self, info: PodInfo, state: CycleState, node_name: str) -> Placed | Rejected:
        pod, framework = info.pod, self.framework
        self.cache.assume(pod, info.facts, node_name)
        if not framework.reserve and not framework.permit:
            return Placed(node_name, state, {})
        status = framework.run_reserve(state, pod, node_name)
        waits: dict[str, float] = {}
        if status.is_success:
            status, waits = framework.run_permit(state, pod, node_name)
        if status.is_success:
            return Placed(node_name, state, waits)
        framework.run_unreserve(state, pod, node_name)
        self.cache.forget(pod.metadata.uid)
        plugins = frozenset({status.plugin}) if status.is_rejected else frozenset()
        return Rejected(status, self._late_message(status), plugins)

    def _late_message(self, status: Status) -> str:
        if not status.is_rejected:
            return status.message
        reasons = ", ".join(f"1 {reason}" for reason in status.reasons)
        return f"0/{self.cache.columns.count} nodes are available: {reasons}."
