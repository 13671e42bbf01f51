"""NodeResourcesBalancedAllocation: prefers nodes whose resources the pod leaves more evenly used than it found them.

Source of the semantics: pkg/scheduler/framework/plugins/noderesources/balanced_allocation.go: 100 less the standard deviation
of the used fractions in percent, with the pod and without; the gain is scaled to 50 to 100.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from kube.api.helpers.resource_names import CPU, EPHEMERAL_STORAGE, MEMORY
from kube.scheduler.cache.columns import Columns, Ints, View
from kube.scheduler.cache.derived import Usage
from kube.scheduler.cache.pod_facts import PodFacts, PodInfo
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


class NodeResourcesBalancedAllocationArgs(Struct, frozen=True):
    """The weights of the resources are not used."""

    resources: tuple[ResourceSpec, ...] = DEFAULT_RESOURCES


class NodeResourcesBalancedAllocation:
    name = "NodeResourcesBalancedAllocation"
    reads_pods = True

    def __init__(self, args: NodeResourcesBalancedAllocationArgs | None = None) -> None:
        self._resources = (args or NodeResourcesBalancedAllocationArgs()).resources
        self._names = tuple(spec.name for spec in self._resources)
        self._native = len(self._names) > 1 and all(
            name in (CPU, MEMORY, EPHEMERAL_STORAGE) for name in self._names
        )
        self._usage = Usage()
        self._before: Ints = np.zeros(0, np.int64)

    def pre_score(self, state: CycleState, pod: PodInfo) -> Status:  # noqa: ARG002  # the protocol's
        """Best-effort pods leave the balance as it is."""
        facts = pod.facts
        requests = any(scored_request(facts, spec.name, use_requested=True) for spec in self._resources)
        return SUCCESS if requests else SKIP

    def score_all(self, state: CycleState, pod: PodInfo, view: View) -> Ints | None:
        facts, columns = pod.facts, view.columns
        if self._native and columns.exact:
            rows = self._usage.refresh(
                columns,
                [(columns.allocatable[i], columns.requested[i]) for i in map(columns.resource, self._names)],
            )
            if not self._usage.lacking:
                self._refresh_before(rows)
                return self._gain(facts, view)
        return self._score_any(state, pod, view)

    def _refresh_before(self, rows: list[int] | None) -> None:
        """The evenness that the pods find, less the constant part of the score."""
        usage = self._usage
        if rows is None:
            fractions = [
                np.minimum(used / whole, 1.0) for used, whole in zip(usage.used, usage.whole, strict=True)
            ]
            self._before = _HALF - _evenness_all(fractions)
            return
        for row in rows:
            parts = zip(usage.used, usage.whole, strict=True)
            self._before[row] = _HALF - _evenness(
                [min(used.item(row) / whole.item(row), 1.0) for used, whole in parts]
            )

    def _gain(self, facts: PodFacts, view: View) -> Ints:
        """Every node has some of every resource, and each counts for every pod."""
        rows = view.rows
        after = []
        for i, name in enumerate(self._names):
            part = self._usage.used[i][rows] + facts.requests.get(name, 0)
            part /= self._usage.whole[i][rows]
            after.append(np.minimum(part, 1.0, out=part))
        score = _evenness_all(after)
        score += self._before[rows]
        np.right_shift(score, 1, out=score)
        score += _HALF
        return score

    def _score_any(self, state: CycleState, pod: PodInfo, view: View) -> Ints:
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
        deviation = fractions[0] - fractions[1]
        deviation /= 2
        np.abs(deviation, out=deviation)
    else:
        total: Floats = np.zeros(len(fractions[0]))
        for fraction in fractions:
            total = total + fraction
        mean = total / len(fractions)
        squares: Floats = np.zeros(len(fractions[0]))
        for fraction in fractions:
            squares = squares + (fraction - mean) * (fraction - mean)
        deviation = np.sqrt(squares / len(fractions))
    np.subtract(1, deviation, out=deviation)
    deviation *= MAX_NODE_SCORE
    return deviation.astype(np.int64)
