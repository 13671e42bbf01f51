"""NodeResourcesBalancedAllocation: prefers nodes whose resources the pod leaves more evenly used than it found them.

Source of the semantics: pkg/scheduler/framework/plugins/noderesources/balanced_allocation.go: 100 less the standard deviation
of the used fractions in percent, with the pod and without; the gain is scaled to 50 to 100.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kube.scheduler.cache.columns import Columns, Ints, View
from kube.scheduler.cache.pod_facts import PodInfo
from kube.scheduler.framework.cycle_state import CycleState
from kube.scheduler.framework.status import MAX_NODE_SCORE, SKIP, SUCCESS, Status
from kube.scheduler.plugins.resource_allocation import (
    DEFAULT_RESOURCES,
    ResourceSpec,
    amounts,
    row_amounts,
    scored_request,
)

Floats = npt.NDArray[np.float64]
_HALF = MAX_NODE_SCORE // 2


@dataclass(frozen=True, slots=True)
class NodeResourcesBalancedAllocationArgs:
    """The weights of the resources are not used."""

    resources: tuple[ResourceSpec, ...] = DEFAULT_RESOURCES


class NodeResourcesBalancedAllocation:
    name = "NodeResourcesBalancedAllocation"
    reads_pods = True

    def __init__(self, args: NodeResourcesBalancedAllocationArgs | None = None) -> None:
        self._resources = (args or NodeResourcesBalancedAllocationArgs()).resources

    def pre_score(self, state: CycleState, pod: PodInfo) -> Status:  # noqa: ARG002  # the protocol's
        """Best-effort pods leave the balance as it is."""
        facts = pod.facts
        requests = any(scored_request(facts, spec.name, use_requested=True) for spec in self._resources)
        return SUCCESS if requests else SKIP

    def score_all(self, state: CycleState, pod: PodInfo, view: View) -> Ints | None:
        parts = amounts(pod.facts, view, self._resources, use_requested=True)
        after: list[Floats] = []
        before: list[Floats] = []
        lacking: npt.NDArray[np.bool_] | None = None
        for _, allocatable, requested, added in parts:
            divisor = allocatable
            absent = allocatable == 0
            if absent.any():
                lacking = absent if lacking is None else lacking | absent
                divisor = np.maximum(allocatable, 1)
            fraction = requested / divisor
            before.append(np.minimum(fraction, 1.0))
            after.append(np.minimum((requested + added) / divisor, 1.0) if added else before[-1])
        scores = _HALF + (_HALF + _evenness_all(after) - _evenness_all(before)) // 2
        if lacking is not None:
            rows = view.row_numbers()
            for index in np.flatnonzero(lacking).tolist():
                scores[index] = self.score_row(state, pod, view.columns, rows[index])
        return scores

    def score_row(self, state: CycleState, pod: PodInfo, columns: Columns, row: int) -> int:  # noqa: ARG002  # the protocol's
        parts = row_amounts(pod.facts, columns, row, self._resources, use_requested=True)
        after = _evenness([min((requested + added) / whole, 1.0) for _, whole, requested, added in parts])
        before = _evenness([min(requested / whole, 1.0) for _, whole, requested, _ in parts])
        return _HALF + (_HALF + after - before) // 2


def _evenness(fractions: Sequence[float]) -> int:
    deviation = 0.0
    if len(fractions) == 2:
        deviation = abs((fractions[0] - fractions[1]) / 2)
    elif len(fractions) > 2:
        mean = sum(fractions) / len(fractions)
        squares = 0.0
        for fraction in fractions:
            squares += (fraction - mean) * (fraction - mean)
        deviation = math.sqrt(squares / len(fractions))
    return int((1 - deviation) * MAX_NODE_SCORE)


def _evenness_all(fractions: Sequence[Floats]) -> Ints:
    """As ``_evenness``, operation by operation, for all rows at once."""
    if len(fractions) < 2:
        return np.full(len(fractions[0]) if fractions else 1, MAX_NODE_SCORE, np.int64)
    if len(fractions) == 2:
        deviation = np.abs((fractions[0] - fractions[1]) / 2)
    else:
        total: Floats = np.zeros(len(fractions[0]))
        for fraction in fractions:
            total = total + fraction
        mean = total / len(fractions)
        squares: Floats = np.zeros(len(fractions[0]))
        for fraction in fractions:
            squares = squares + (fraction - mean) * (fraction - mean)
        deviation = np.sqrt(squares / len(fractions))
    return ((1 - deviation) * MAX_NODE_SCORE).astype(np.int64)
