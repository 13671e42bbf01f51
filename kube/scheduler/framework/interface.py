"""The extension points (KEP-624), as protocols: a plugin is an object with a ``name`` and the methods of its points.

Filter and Score have two forms. The per-node form is upstream's: one node at a time, and all that an out-of-tree plugin needs.
The vector form answers for all rows of a ``View`` at once; a plugin that has it states with ``reads_pods`` whether its answer
for a row depends on the pods there, and promises that it depends on nothing but the pod's facts and the row (the contract of
upstream's SignPlugin, KEP-5598): its answers are remembered for pods that are alike.

Sources of the semantics: k8s.io/kube-scheduler/framework/interface.go.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from kube.api.types.core_v1 import Node, Pod
from kube.scheduler.cache.columns import AnyArray, Columns, Ints, View
from kube.scheduler.cache.pod_facts import PodInfo
from kube.scheduler.framework.cycle_state import CycleState
from kube.scheduler.framework.events import ClusterEventWithHint
from kube.scheduler.framework.status import Status


class NodeInfo:
    """One row as a per-node plugin sees it."""

    __slots__ = ("_columns", "_row")

    def __init__(self, columns: Columns, row: int) -> None:
        self._columns = columns
        self._row = row

    @property
    def node(self) -> Node:
        node = self._columns.nodes[self._row]
        assert node is not None
        return node

    @property
    def pods(self) -> Sequence[Pod]:
        return tuple(self._columns.pods[self._row].values())

    @property
    def allowed_pods(self) -> int:
        return self._columns.allowed_pods.item(self._row)

    def allocatable(self, resource: str) -> int:
        index = self._columns.resource_index.get(resource)
        return 0 if index is None else self._columns.allocatable[index].item(self._row)

    def requested(self, resource: str) -> int:
        index = self._columns.resource_index.get(resource)
        return 0 if index is None else self._columns.requested[index].item(self._row)


class Plugin(Protocol):
    @property
    def name(self) -> str: ...


@runtime_checkable
class PreEnqueuePlugin(Plugin, Protocol):
    def pre_enqueue(self, pod: Pod) -> Status:
        """Not success keeps the pod out of the active queue until it is updated."""


@runtime_checkable
class QueueSortPlugin(Plugin, Protocol):
    def sort_key(self, pod: Pod, timestamp: float) -> Any:
        """The smallest is scheduled first. A profile has exactly one, and all profiles the same."""


@runtime_checkable
class EnqueueExtensions(Plugin, Protocol):
    def events_to_register(self) -> Sequence[ClusterEventWithHint]:
        """What may make a pod schedulable that this plugin has rejected; without it, any event may."""


class PreFilterResult(Struct, frozen=True):
    """The only nodes that are worth asking about; ``None`` is all."""

    node_names: frozenset[str] | None = None


@runtime_checkable
class PreFilterPlugin(Plugin, Protocol):
    def pre_filter(self, state: CycleState, pod: PodInfo) -> tuple[PreFilterResult | None, Status]:
        """Skip leaves the plugin's Filter out; a rejection ends the cycle."""


@runtime_checkable
class FilterPlugin(Plugin, Protocol):
    def filter(self, state: CycleState, pod: Pod, node: NodeInfo) -> Status: ...


@runtime_checkable
class VectorFilterPlugin(Plugin, Protocol):
    @property
    def reads_pods(self) -> bool: ...

    def filter_all(self, state: CycleState, pod: PodInfo, view: View) -> AnyArray | None:
        """For each row of the view whether, or by which code that is not 0, it is rejected. ``None``: all fit."""

    def codes_of(self, state: CycleState, pod: PodInfo, view: View) -> AnyArray:
        """For rows that were rejected: which of the plugin's statuses each has. Asked only when no node fits."""

    def filter_row(self, state: CycleState, pod: PodInfo, columns: Columns, row: int) -> int:
        """As ``filter_all`` for one row."""

    def status_of(self, state: CycleState, pod: PodInfo, code: int) -> Status:
        """What a code of ``codes_of`` means."""


@runtime_checkable
class PostFilterPlugin(Plugin, Protocol):
    def post_filter(self, state: CycleState, pod: Pod, rejected: Any) -> tuple[str | None, Status]:
        """No node fits (``rejected`` is the Diagnosis): perhaps the name of a node to nominate."""


@runtime_checkable
class PreScorePlugin(Plugin, Protocol):
    def pre_score(self, state: CycleState, pod: PodInfo) -> Status:
        """Skip leaves the plugin's Score out."""


@runtime_checkable
class ScorePlugin(Plugin, Protocol):
    def score(self, state: CycleState, pod: Pod, node: NodeInfo) -> int:
        """0 to 100, or any number for a plugin that normalizes."""


@runtime_checkable
class VectorScorePlugin(Plugin, Protocol):
    @property
    def reads_pods(self) -> bool: ...

    def score_all(self, state: CycleState, pod: PodInfo, view: View) -> Ints | None:
        """One score for each row of the view. ``None``: 0 for all."""

    def score_row(self, state: CycleState, pod: PodInfo, columns: Columns, row: int) -> int: ...


@runtime_checkable
class ScoreExtensions(Plugin, Protocol):
    def normalize_score(self, scores: Ints) -> Ints:
        """From the scores of the nodes that fit to scores of 0 to 100."""


@runtime_checkable
class ReservePlugin(Plugin, Protocol):
    def reserve(self, state: CycleState, pod: Pod, node_name: str) -> Status: ...

    def unreserve(self, state: CycleState, pod: Pod, node_name: str) -> None:
        """Idempotent; called for every plugin, in reverse order, if anything after its ``reserve`` fails."""


@runtime_checkable
class PermitPlugin(Plugin, Protocol):
    def permit(self, state: CycleState, pod: Pod, node_name: str) -> tuple[Status, float]:
        """With Wait, the number of seconds after which the pod is rejected."""


@runtime_checkable
class PreBindPlugin(Plugin, Protocol):
    async def pre_bind(self, state: CycleState, pod: Pod, node_name: str) -> Status: ...


@runtime_checkable
class BindPlugin(Plugin, Protocol):
    async def bind(self, state: CycleState, pod: Pod, node_name: str) -> Status:
        """Skip leaves it to the next."""


@runtime_checkable
class PostBindPlugin(Plugin, Protocol):
    def post_bind(self, state: CycleState, pod: Pod, node_name: str) -> None: ...


def default_normalize_score(scores: Ints, *, reverse: bool) -> Ints:
    """Scaled so that the highest is 100, or with ``reverse`` 0 (upstream: helper.DefaultNormalizeScore)."""
    highest = int(scores.max()) if len(scores) else 0
    if highest == 0:
        return scores + 100 if reverse else scores
    scaled = scores * 100 // highest
    return 100 - scaled if reverse else scaled
