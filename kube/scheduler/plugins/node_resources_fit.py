"""NodeResourcesFit: the node has room for what the pod requests; and scores by how much is, or would be, in use.

Source of the semantics: pkg/scheduler/framework/plugins/noderesources (fit.go, least_allocated.go, most_allocated.go,
requested_to_capacity_ratio.go).
"""

from typing import Final, Literal

import numpy as np
from msgspec import Struct

from kube.api.helpers.resource_names import CPU, EPHEMERAL_STORAGE, MEMORY, PODS
from kube.api.types.core_v1 import Node, Pod
from kube.apimachinery.quantity import parse_quantity
from kube.scheduler.cache.columns import EXACT_LIMIT, AnyArray, Bools, Columns, Ints, View
from kube.scheduler.cache.derived import Usage
from kube.scheduler.cache.pod_facts import PodFacts, PodInfo, units
from kube.scheduler.framework.cycle_state import CycleState
from kube.scheduler.framework.events import (
    Action,
    ClusterEvent,
    ClusterEventWithHint,
    QueueingHint,
    Resource,
    queue_if,
)
from kube.scheduler.framework.status import MAX_NODE_SCORE, Code, Status
from kube.scheduler.plugins.resource_allocation import (
    DEFAULT_RESOURCES,
    ResourceSpec,
    amounts,
    quotient,
    row_amounts,
)

TOO_MANY_PODS: Final = "Too many pods"
MAX_UTILIZATION: Final = 100
MAX_SHAPE_SCORE: Final = 10

_PODS_BIT: Final = 1
_UNRESOLVABLE_BIT: Final = 1 << 62
_FIRST: Final = (CPU, MEMORY, EPHEMERAL_STORAGE)
_NODE: Final = ClusterEvent(Resource.NODE, Action.ADD | Action.UPDATE_NODE_ALLOCATABLE)
_POD_GONE: Final = ClusterEvent(Resource.ASSIGNED_POD, Action.DELETE | Action.UPDATE_POD_SCALE_DOWN)
_POD: Final = ClusterEvent(Resource.UNSCHEDULED_POD, Action.UPDATE_POD_SCALE_DOWN)

Strategy = Literal["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"]


class UtilizationShapePoint(Struct, frozen=True):
    """At so many percent of utilization, a score of 0 to 10."""

    utilization: int
    score: int


class NodeResourcesFitArgs(Struct, frozen=True):
    """``shape`` is RequestedToCapacityRatio's, by ascending utilization. ``ignored_resources`` are extended ones."""

    strategy: Strategy = "LeastAllocated"
    resources: tuple[ResourceSpec, ...] = DEFAULT_RESOURCES
    shape: tuple[UtilizationShapePoint, ...] = ()
    ignored_resources: frozenset[str] = frozenset()
    ignored_resource_groups: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Raises ValueError."""
        points = [point.utilization for point in self.shape]
        if self.strategy == "RequestedToCapacityRatio" and not points:
            raise ValueError("at least one point must be specified")
        if points != sorted(dict.fromkeys(points)):
            raise ValueError("utilization values must be sorted")


class NodeResourcesFit:
    name = "NodeResourcesFit"
    reads_pods = True

    def __init__(self, args: NodeResourcesFitArgs | None = None) -> None:
        self._args = args or NodeResourcesFitArgs()
        self._resources = self._args.resources
        self._is_default = self._args.strategy == "LeastAllocated" and self._resources == DEFAULT_RESOURCES
        self._usage = Usage()

    # Filter

    def _requests(self, facts: PodFacts) -> list[tuple[str, int]]:
        args = self._args
        if not args.ignored_resources and not args.ignored_resource_groups:
            return list(facts.requests.items())
        return [
            (name, amount)
            for name, amount in facts.requests.items()
            if name in _FIRST
            or (
                name not in args.ignored_resources
                and name.partition("/")[0] not in args.ignored_resource_groups
            )
        ]

    def filter_all(self, state: CycleState, pod: PodInfo, view: View) -> Bools | None:  # noqa: ARG002  # the protocol's
        columns, rows = view.columns, view.rows
        rejected: Bools = columns.pod_count[rows] >= columns.allowed_pods[rows]
        for name, amount in self._requests(pod.facts):
            index = columns.resource(name)
            rejected |= columns.requested[index][rows] + amount > columns.allocatable[index][rows]
        return rejected

    def codes_of(self, state: CycleState, pod: PodInfo, view: View) -> AnyArray:  # noqa: ARG002  # the protocol's
        """A bit for too many pods, one for each resource in the order of the pod's requests, one for beyond help."""
        columns, rows = view.columns, view.rows
        codes = (columns.pod_count[rows] >= columns.allowed_pods[rows]) * np.int64(_PODS_BIT)
        for i, (name, amount) in enumerate(self._requests(pod.facts)):
            index = columns.resource(name)
            allocatable = columns.allocatable[index][rows]
            codes |= (columns.requested[index][rows] + amount > allocatable) * np.int64(2 << i)
            codes |= (allocatable < amount) * np.int64(_UNRESOLVABLE_BIT)
        return codes

    def filter_row(self, state: CycleState, pod: PodInfo, columns: Columns, row: int) -> int:  # noqa: ARG002  # the protocol's
        if columns.pod_count.item(row) >= columns.allowed_pods.item(row):
            return 1
        for name, amount in self._requests(pod.facts):
            index = columns.resource(name)
            if columns.requested[index].item(row) + amount > columns.allocatable[index].item(row):
                return 1
        return 0

    def status_of(self, state: CycleState, pod: PodInfo, code: int) -> Status:  # noqa: ARG002  # the protocol's
        reasons = [TOO_MANY_PODS] if code & _PODS_BIT else []
        for i, (name, _) in enumerate(self._requests(pod.facts)):
            if code & (2 << i):
                reasons.append(f"Insufficient {name}")
        beyond = bool(code & _UNRESOLVABLE_BIT)
        return Status(Code.UNSCHEDULABLE_AND_UNRESOLVABLE if beyond else Code.UNSCHEDULABLE, tuple(reasons))

    # Score

    def score_all(self, state: CycleState, pod: PodInfo, view: View) -> Ints | None:  # noqa: ARG002  # the protocol's
        if (
            self._is_default
            and view.columns.exact
            and max(pod.facts.requests.values(), default=0) < EXACT_LIMIT
        ):
            usage = self._usage
            columns = view.columns
            usage.refresh(
                columns,
                [
                    (columns.allocatable[columns.resource(CPU)], columns.non_zero_cpu),
                    (columns.allocatable[columns.resource(MEMORY)], columns.non_zero_memory),
                ],
            )
            if not usage.lacking:
                return self._least_of_two(pod.facts, view)
        return self._score_any(pod.facts, view)

    def _least_of_two(self, facts: PodFacts, view: View) -> Ints:
        """The default: processor and memory, each of weight 1, of which all nodes have some."""
        rows = view.rows
        total: Ints | None = None
        for i, added in enumerate((facts.non_zero_milli_cpu, facts.non_zero_memory)):
            whole = self._usage.whole[i][rows]
            part = whole - self._usage.used[i][rows]
            part -= added
            np.maximum(part, 0.0, out=part)
            part *= 100.0
            part /= whole
            score = part.astype(np.int64)
            total = score if total is None else np.add(total, score, out=total)
        assert total is not None
        return np.right_shift(total, 1, out=total)

    def _score_any(self, facts: PodFacts, view: View) -> Ints:
        score = np.zeros(view.size, np.int64)
        weights: Ints | None = None
        total = 0
        exact = view.columns.exact
        parts = amounts(facts, view, self._resources, use_requested=False)
        for weight, allocatable, requested, added in parts:
            absent = allocatable == 0
            part = self._part(allocatable, requested + added, exact=exact and added < EXACT_LIMIT)
            if absent.any():
                part[absent] = 0
                weights = np.zeros(view.size, np.int64) if weights is None else weights
                weights -= weight * absent
            if self._args.strategy == "RequestedToCapacityRatio":
                weights = np.zeros(view.size, np.int64) if weights is None else weights
                weights -= weight * ((part <= 0) & ~absent)
                part = np.maximum(part, 0)
            score += part if weight == 1 else part * weight
            total += weight
        return self._average(score, total if weights is None else weights + total)

    def _part(self, allocatable: Ints, requested: Ints, *, exact: bool) -> Ints:
        """The score by one resource, 0 to 100; anything where there is none of it."""
        divisor = np.maximum(allocatable, 1)
        match self._args.strategy:
            case "LeastAllocated":
                return quotient(np.maximum(allocatable - requested, 0) * 100, divisor, exact=exact)
            case "MostAllocated":
                return quotient(np.minimum(requested, allocatable) * 100, divisor, exact=exact)
            case "RequestedToCapacityRatio":
                used = quotient(np.minimum(requested, allocatable) * MAX_UTILIZATION, divisor, exact=exact)
                used[requested > allocatable] = MAX_UTILIZATION
                table = np.array([self._shape(i) for i in range(MAX_UTILIZATION + 1)], np.int64)
                return table[used]

    def _average(self, score: Ints, weights: int | Ints) -> Ints:
        if isinstance(weights, int):
            if not weights:
                return score
            divisor = np.full(len(score), weights, np.int64)
        else:
            divisor = np.maximum(weights, 1)
        if self._args.strategy == "RequestedToCapacityRatio":
            return (2 * score + divisor) // (2 * divisor)
        if isinstance(weights, int) and weights == 2:
            return score >> 1
        result: Ints = score // divisor
        return result

    def _shape(self, utilization: int) -> int:
        """The broken line through the points of the shape, scaled to 100."""
        shape, scale = self._args.shape, MAX_NODE_SCORE // MAX_SHAPE_SCORE
        for i, point in enumerate(shape):
            if utilization <= point.utilization:
                if i == 0:
                    return point.score * scale
                before = shape[i - 1]
                rise = (point.score - before.score) * scale * (utilization - before.utilization)
                run = point.utilization - before.utilization
                return before.score * scale + (abs(rise) // run) * (1 if rise >= 0 else -1)
        return shape[-1].score * scale

    def score_row(self, state: CycleState, pod: PodInfo, columns: Columns, row: int) -> int:  # noqa: ARG002  # the protocol's
        score = weights = 0
        strategy = self._args.strategy
        parts = row_amounts(pod.facts, columns, row, self._resources, use_requested=False)
        for weight, allocatable, before, added in parts:
            requested = before + added
            if strategy == "LeastAllocated":
                part = (allocatable - requested) * 100 // allocatable if requested < allocatable else 0
            elif strategy == "MostAllocated":
                part = min(requested, allocatable) * 100 // allocatable
            else:
                used = MAX_UTILIZATION if requested > allocatable else requested * 100 // allocatable
                part = self._shape(used)
                if part <= 0:
                    continue
            score += part * weight
            weights += weight
        if not weights:
            return 0
        if strategy == "RequestedToCapacityRatio":
            return (2 * score + weights) // (2 * weights)
        return score // weights

    # Queueing hints

    def events_to_register(self) -> tuple[ClusterEventWithHint, ...]:
        return (
            ClusterEventWithHint(_POD_GONE, self._pod_changed),
            ClusterEventWithHint(_POD),
            ClusterEventWithHint(_NODE, self._node_changed),
        )

    def _pod_changed(self, pod: Pod, old: Pod, new: Pod | None) -> QueueingHint:
        """A pod that has gone makes room for one more; one that has shrunk must have freed what is requested."""
        if new is None:
            return QueueingHint.QUEUE
        before, after = PodFacts(old).requests, PodFacts(new).requests
        return queue_if(
            any(before.get(name, 0) > after.get(name, 0) for name, _ in self._requests(PodFacts(pod)))
        )

    def _node_changed(self, pod: Pod, _old: Node | None, node: Node) -> QueueingHint:
        """Whether the pod would fit if the node were empty."""
        allocatable = node.status.allocatable

        def has(name: str) -> int:
            return units(name, parse_quantity(allocatable[name])) if name in allocatable else 0

        fits = all(amount <= has(name) for name, amount in self._requests(PodFacts(pod)))
        return queue_if(fits and has(PODS) > 0)
