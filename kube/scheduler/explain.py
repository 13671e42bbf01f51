"""Why a pod goes, or would go, where it does: every node, plugin by plugin. Changes nothing.

For each node either the status of the first plugin that rejects it, or what each Score plugin gives it (0 to 100, normalized)
and the weighted total.
"""

from collections.abc import Mapping

import numpy as np
from msgspec import Struct, field

from kube.api.types.core_v1 import Pod
from kube.scheduler.cache.pod_facts import PodInfo
from kube.scheduler.evaluation import Evaluation
from kube.scheduler.framework.diagnosis import Diagnosis
from kube.scheduler.framework.status import SUCCESS, Status
from kube.scheduler.schedule_one import Rejected, SchedulingCycle


class NodeExplanation(Struct, frozen=True):
    """``status`` is success for a node that fits; only such a node has scores."""

    name: str
    status: Status
    scores: Mapping[str, int] = field(default_factory=dict)
    total: int = 0


class Explanation(Struct, frozen=True):
    """Nodes that fit by descending total, then those that do not, each by name; ``best`` are those that chance chooses from."""

    nodes: tuple[NodeExplanation, ...]
    best: tuple[str, ...]
    weights: Mapping[str, int]
    message: str = ""
    """Of a pod that a PreFilter plugin rejected: what it said. The nodes were not asked then."""


def explain(cycle: SchedulingCycle, pod: Pod) -> Explanation:
    """What the profile says of the pod as the cluster stands. Costs work for every node."""
    info = PodInfo(pod, cycle.cache.facts.of(pod))
    found = cycle.evaluate(info)
    weights = {scorer.plugin.name: scorer.weight for scorer in cycle.framework.scorers}
    if isinstance(found, Rejected):
        return Explanation((), (), weights, found.message)
    evaluation, _, narrowing = found
    names = cycle.cache.columns.names
    fitting = _fitting(evaluation, names)
    rejected = _rejected(cycle, evaluation.diagnose(narrowing), {node.name for node in fitting})
    best = tuple(sorted(names[row] for row in map(int, evaluation.best())))
    return Explanation((*fitting, *rejected), best, weights)


def _fitting(evaluation: Evaluation, names: list[str]) -> list[NodeExplanation]:
    if not evaluation.feasible.any():
        return []
    parts = {plugin: scores.tolist() for plugin, scores in evaluation.scores().items()}
    rows = evaluation.rows_that_fit().tolist()
    totals = evaluation.total[evaluation.feasible].tolist()
    nodes = [
        NodeExplanation(
            names[row], SUCCESS, {plugin: scores[i] for plugin, scores in parts.items()}, totals[i]
        )
        for i, row in enumerate(rows)
    ]
    return sorted(nodes, key=lambda node: (-node.total, node.name))


def _rejected(cycle: SchedulingCycle, diagnosis: Diagnosis, fitting: set[str]) -> list[NodeExplanation]:
    columns = cycle.cache.columns
    statuses = {
        row: rejection.status for rejection in diagnosis.rejections for row in rejection.rows.tolist()
    }
    nodes = [
        NodeExplanation(columns.names[row], statuses.get(row, diagnosis.absent))
        for row in np.flatnonzero(columns.valid[: columns.size]).tolist()
        if columns.names[row] not in fitting
    ]
    return sorted(nodes, key=lambda node: node.name)
