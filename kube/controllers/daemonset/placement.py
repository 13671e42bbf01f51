"""Which nodes a daemon set's pods belong on, and how a pod is made for one node. Pure.

Semantics: NodeShouldRunDaemonPod of pkg/controller/daemon; pkg/controller/daemon/util; the API page "DaemonSet" (taints and
tolerations that are added).
"""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from kube.api.helpers import taints as taint_helpers
from kube.api.helpers.taints import NO_EXECUTE, NO_SCHEDULE, add_toleration, find_untolerated_taint
from kube.api.types.apps_v1 import DaemonSet
from kube.api.types.core_v1 import (
    Affinity,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    Pod,
    PodSpec,
    Toleration,
)
from kube.apimachinery import labels

NAME_FIELD: Final = "metadata.name"

_OPERATORS: Final[Mapping[str, str]] = {
    "In": labels.IN,
    "NotIn": labels.NOT_IN,
    "Exists": labels.EXISTS,
    "DoesNotExist": labels.DOES_NOT_EXIST,
    "Gt": labels.GREATER_THAN,
    "Lt": labels.LESS_THAN,
}

TOLERATIONS: Final = tuple(
    Toleration(key=key, operator="Exists", effect=effect)
    for key, effect in (
        (taint_helpers.NOT_READY, NO_EXECUTE),
        (taint_helpers.UNREACHABLE, NO_EXECUTE),
        (taint_helpers.DISK_PRESSURE, NO_SCHEDULE),
        (taint_helpers.MEMORY_PRESSURE, NO_SCHEDULE),
        (taint_helpers.PID_PRESSURE, NO_SCHEDULE),
        (taint_helpers.UNSCHEDULABLE, NO_SCHEDULE),
    )
)
"""What every daemon tolerates: it runs where nothing else would."""

HOST_NETWORK_TOLERATION: Final = Toleration(
    key=taint_helpers.NETWORK_UNAVAILABLE, operator="Exists", effect=NO_SCHEDULE
)


def tolerations(spec: PodSpec) -> tuple[Toleration, ...]:
    """Those of the template and those of all daemons."""
    found = spec.tolerations
    for each in (*TOLERATIONS, *((HOST_NETWORK_TOLERATION,) if spec.host_network else ())):
        found = add_toleration(found, each)
    return found


def _matches(requirement: NodeSelectorRequirement, held: Mapping[str, str]) -> bool:
    operator = _OPERATORS.get(requirement.operator)
    if operator is None:
        return False
    return labels.Requirement(requirement.key, operator, requirement.values).matches(held)


def _term_matches(term: NodeSelectorTerm, node: Node) -> bool:
    """An empty term matches nothing."""
    if not term.match_expressions and not term.match_fields:
        return False
    fields = {NAME_FIELD: node.metadata.name}
    return all(_matches(each, node.metadata.labels) for each in term.match_expressions) and all(
        _matches(each, fields) for each in term.match_fields
    )


def affinity_matches(spec: PodSpec, node: Node) -> bool:
    """Whether the node has the labels that the pod selects, and is one that its affinity requires."""
    held = node.metadata.labels
    if any(held.get(key) != value for key, value in spec.node_selector.items()):
        return False
    affinity = spec.affinity.node_affinity if spec.affinity is not None else None
    required = None if affinity is None else affinity.required_during_scheduling_ignored_during_execution
    return required is None or any(_term_matches(term, node) for term in required.node_selector_terms)


def should_run(daemon_set: DaemonSet, node: Node) -> tuple[bool, bool]:
    """Whether a pod should be put on the node, and whether one that is there may stay."""
    spec = daemon_set.spec.template.spec
    if spec.node_name not in ("", node.metadata.name) or not affinity_matches(spec, node):
        return False, False
    taints = node.spec.taints
    if not taints:
        return True, True
    tolerated = tolerations(spec)
    if find_untolerated_taint(taints, tolerated, (NO_SCHEDULE, NO_EXECUTE)) is None:
        return True, True
    return False, find_untolerated_taint(taints, tolerated, (NO_EXECUTE,)) is None


def bound_to(spec: PodSpec, node_name: str) -> PodSpec:
    """The spec with an affinity that only this node has, in the place of what the template requires."""
    term = NodeSelectorTerm(
        match_fields=(NodeSelectorRequirement(key=NAME_FIELD, operator="In", values=(node_name,)),)
    )
    required = NodeSelector(node_selector_terms=(term,))
    affinity = spec.affinity or Affinity()
    of_nodes = replace(
        affinity.node_affinity or NodeAffinity(), required_during_scheduling_ignored_during_execution=required
    )
    return replace(spec, affinity=replace(affinity, node_affinity=of_nodes))


def target_node(pod: Pod) -> str:
    """The node that the pod is on or is meant for; empty if it is meant for none."""
    if pod.spec.node_name:
        return pod.spec.node_name
    affinity = pod.spec.affinity.node_affinity if pod.spec.affinity is not None else None
    required = None if affinity is None else affinity.required_during_scheduling_ignored_during_execution
    for term in () if required is None else required.node_selector_terms:
        for each in term.match_fields:
            if each.key == NAME_FIELD and each.operator == "In" and len(each.values) == 1:
                return each.values[0]
    return ""


def pods_by_node(pods: Iterable[Pod]) -> dict[str, list[Pod]]:
    """The pods by their nodes, but for those that have ended and are being deleted."""
    found: dict[str, list[Pod]] = {}
    for pod in pods:
        ended = pod.status.phase in ("Succeeded", "Failed")
        if not (ended and pod.metadata.deletion_timestamp is not None):
            found.setdefault(target_node(pod), []).append(pod)
    return found
