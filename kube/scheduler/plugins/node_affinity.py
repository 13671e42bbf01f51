"""NodeAffinity: ``spec.nodeSelector`` and the node affinity of the pod, required and preferred.

Source of the semantics: k8s.io/component-helpers/scheduling/corev1/nodeaffinity.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from kube.api.types.core_v1 import Node, NodeSelectorRequirement, NodeSelectorTerm, Pod
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
from kube.scheduler.framework.interface import PreFilterResult, default_normalize_score
from kube.scheduler.framework.status import SKIP, SUCCESS, Status, unresolvable
from kube.scheduler.plugins.vector import VectorFilter

_NAME_FIELD: Final = "metadata.name"
_NODE: Final = ClusterEvent(Resource.NODE, Action.ADD | Action.UPDATE_NODE_LABEL)
_CONFLICT: Final = unresolvable("pod affinity terms conflict")


class NodeAffinity(VectorFilter):
    name = "NodeAffinity"
    rejection = unresolvable("node(s) didn't match Pod's node affinity/selector")

    def pre_filter(self, state: CycleState, pod: PodInfo) -> tuple[PreFilterResult | None, Status]:  # noqa: ARG002  # the protocol's
        facts = pod.facts
        if facts.affinity is None:
            return None, SUCCESS if facts.node_selector else SKIP
        names: set[str] = set()
        for term in facts.affinity.node_selector_terms:
            of_term = _names_of(term)
            if of_term is None:
                return None, SUCCESS
            names |= of_term
        if not facts.affinity.node_selector_terms:
            return None, SUCCESS
        return (PreFilterResult(frozenset(names)), SUCCESS) if names else (None, _CONFLICT)

    def filter_all(self, state: CycleState, pod: PodInfo, view: View) -> Bools | None:  # noqa: ARG002  # the protocol's
        facts, columns = pod.facts, view.columns
        fits: Bools | None = None
        for key, value in facts.node_selector.items():
            column = columns.labels.column(key)
            matched = column.codes[: columns.size] == column.index.get(value, -1)
            fits = matched if fits is None else fits & matched
        if facts.affinity is not None:
            matched = np.zeros(columns.size, np.bool_)
            for term in facts.affinity.node_selector_terms:
                matched |= match_term(term, columns)
            fits = matched if fits is None else fits & matched
        return None if fits is None else ~fits[view.rows]

    def pre_score(self, state: CycleState, pod: PodInfo) -> Status:  # noqa: ARG002  # the protocol's
        return SUCCESS if pod.facts.preferred else SKIP

    def score_all(self, state: CycleState, pod: PodInfo, view: View) -> Ints | None:  # noqa: ARG002  # the protocol's
        """The sum of the weights of the preferred terms that match."""
        columns = view.columns
        scores: Ints | None = None
        for preferred in pod.facts.preferred:
            if preferred.weight:
                weighed = match_term(preferred.preference, columns) * np.int64(preferred.weight)
                scores = weighed if scores is None else scores + weighed
        return None if scores is None else scores[view.rows]

    def score_row(self, state: CycleState, pod: PodInfo, columns: Columns, row: int) -> int:
        scores = self.score_all(state, pod, View(columns, np.array([row])))
        return 0 if scores is None else int(scores[0])

    def normalize_score(self, scores: Ints) -> Ints:
        return default_normalize_score(scores, reverse=False)

    def events_to_register(self) -> tuple[ClusterEventWithHint, ...]:
        return (ClusterEventWithHint(_NODE, _node_changed),)


def _names_of(term: NodeSelectorTerm) -> frozenset[str] | None:
    """The node names that the term can match; None where it does not say."""
    names: frozenset[str] | None = None
    for field in term.match_fields:
        if field.key == _NAME_FIELD and field.operator == "In":
            values = frozenset(field.values)
            names = values if names is None else names & values
    return names


def match_term(term: NodeSelectorTerm, columns: Columns) -> Bools:
    """Which rows a term matches; one without requirements matches none."""
    matched = np.full(columns.size, bool(term.match_expressions or term.match_fields))
    for requirement in term.match_expressions:
        column = columns.labels.column(requirement.key)
        matches = OPERATORS.get(requirement.operator, _never)
        table = np.array([matches(value, requirement.values) for value in column.values], np.bool_)
        matched &= table[column.codes[: columns.size]]
    for requirement in term.match_fields:
        matched &= _match_field(requirement, columns)
    return matched


def _match_field(requirement: NodeSelectorRequirement, columns: Columns) -> Bools:
    named = np.zeros(columns.size, np.bool_)
    if requirement.key != _NAME_FIELD:
        return named
    for value in requirement.values:
        row = columns.row_of.get(value)
        if row is not None:
            named[row] = True
    return ~named if requirement.operator == "NotIn" else named


Values = tuple[str, ...]


def _integer(text: str | None) -> int | None:
    try:
        return int(text) if text is not None and text.strip() == text and "_" not in text else None
    except ValueError:
        return None


def _compared(value: str | None, values: Values) -> int | None:
    """The sign of the difference, if both are integers."""
    left, right = _integer(value), _integer(values[0]) if len(values) == 1 else None
    if left is None or right is None:
        return None
    return (left > right) - (left < right)


def _never(_value: str | None, _values: Values) -> bool:
    return False


OPERATORS: Final[Mapping[str, Callable[[str | None, Values], bool]]] = {
    "In": lambda value, values: value is not None and value in values,
    "NotIn": lambda value, values: value is None or value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
    "Gt": lambda value, values: _compared(value, values) == 1,
    "Lt": lambda value, values: _compared(value, values) == -1,
}
"""Each takes the value of the label, None where it is absent, and the requirement's values."""


def matches_node(pod: Pod, node: Node) -> bool:
    """Whether the node's labels and name meet what the pod requires; for one node, without columns."""
    spec, labels = pod.spec, node.metadata.labels
    if any(labels.get(key) != value for key, value in spec.node_selector.items()):
        return False
    affinity = spec.affinity.node_affinity if spec.affinity is not None else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity is not None else None
    return required is None or any(_term_matches(term, node) for term in required.node_selector_terms)


def _term_matches(term: NodeSelectorTerm, node: Node) -> bool:
    if not term.match_expressions and not term.match_fields:
        return False
    labels = node.metadata.labels
    return all(
        OPERATORS.get(each.operator, _never)(labels.get(each.key), each.values)
        for each in term.match_expressions
    ) and all(
        each.key == _NAME_FIELD and OPERATORS.get(each.operator, _never)(node.metadata.name, each.values)
        for each in term.match_fields
    )


def _node_changed(pod: Pod, old: Node | None, node: Node) -> QueueingHint:
    return queue_if(matches_node(pod, node) and not (old is not None and matches_node(pod, old)))
