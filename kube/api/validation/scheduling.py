"""The rules of where a pod may go: affinity, tolerations, spreading, gates; and of how they may change.

Source of the semantics: pkg/apis/core/validation; KEP-3521 (gates), KEP-3633 (matchLabelKeys), KEP-5471 (Lt and Gt).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from kube.api.types.core_v1 import (
    Affinity,
    NodeAffinity,
    NodeSelectorTerm,
    PodAffinity,
    PodAffinityTerm,
    PodAntiAffinity,
    PodSchedulingGate,
    Taint,
    Toleration,
    TopologySpreadConstraint,
)
from kube.api.validation.checks import (
    NOT_POSITIVE,
    Errors,
    label_key,
    label_value,
    name_is_dns_label,
    report,
    shown,
    validate_qualified_name,
)
from kube.api.validation.selectors import (
    validate_label_selector,
    validate_node_selector,
    validate_preferred_scheduling_terms,
)
from kube.apimachinery.field import (
    FieldError,
    FieldErrorType,
    Path,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
)
from kube.apimachinery.meta.v1 import LabelSelector

EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_OPERATORS: Final = ("Equal", "Exists", "Lt", "Gt")
_UNSATISFIABLE: Final = ("DoNotSchedule", "ScheduleAnyway")
_NODE_POLICIES: Final = ("Honor", "Ignore")
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_INT64: Final = re.compile("0|-?[1-9][0-9]*", re.ASCII)


def validate_affinity(affinity: Affinity, path: Path, errors: Errors) -> None:
    node = affinity.node_affinity
    if node is not None:
        at = path.child("nodeAffinity")
        if node.required_during_scheduling_ignored_during_execution is not None:
            selector = node.required_during_scheduling_ignored_during_execution
            validate_node_selector(selector, at.child(_REQUIRED), errors)
        terms = node.preferred_during_scheduling_ignored_during_execution
        validate_preferred_scheduling_terms(terms, at.child(_PREFERRED), errors)
    if affinity.pod_affinity is not None:
        _validate_pod_affinity(affinity.pod_affinity, path.child("podAffinity"), errors)
    if affinity.pod_anti_affinity is not None:
        _validate_pod_affinity(affinity.pod_anti_affinity, path.child("podAntiAffinity"), errors)


def _validate_pod_affinity(affinity: PodAffinity | PodAntiAffinity, path: Path, errors: Errors) -> None:
    at = path.child(_REQUIRED)
    for i, term in enumerate(affinity.required_during_scheduling_ignored_during_execution):
        _validate_pod_affinity_term(term, at.index(i), errors)
    at = path.child(_PREFERRED)
    for i, weighted in enumerate(affinity.preferred_during_scheduling_ignored_during_execution):
        if not 1 <= weighted.weight <= 100:
            detail = "must be in the range 1-100"
            errors.append(invalid(at.index(i).child("weight"), weighted.weight, detail))
        inner = at.index(i).child("podAffinityTerm")
        _validate_pod_affinity_term(weighted.pod_affinity_term, inner, errors)


def _validate_pod_affinity_term(term: PodAffinityTerm, path: Path, errors: Errors) -> None:
    validate_label_selector(term.label_selector, path.child("labelSelector"), errors)
    validate_label_selector(term.namespace_selector, path.child("namespaceSelector"), errors)
    for namespace in term.namespaces:
        report(path.child("namespace"), namespace, name_is_dns_label(namespace, False), errors)
    _validate_label_keys(term.match_label_keys, term.label_selector, path.child("matchLabelKeys"), errors)
    at = path.child("mismatchLabelKeys")
    _validate_label_keys(term.mismatch_label_keys, term.label_selector, at, errors)
    _validate_merged_keys(term, path, errors)
    if not term.topology_key:
        errors.append(required(path.child("topologyKey"), "can not be empty"))
    report(path.child("topologyKey"), term.topology_key, label_key(term.topology_key), errors)


def _validate_label_keys(
    keys: Sequence[str], selector: LabelSelector | None, path: Path, errors: Errors
) -> None:
    if keys and selector is None:
        detail = "must not be specified when labelSelector is not set"
        errors.append(forbidden(path, detail))
        return
    for i, key in enumerate(keys):
        report(path.index(i), key, label_key(key), errors)


def _validate_merged_keys(term: PodAffinityTerm, path: Path, errors: Errors) -> None:
    """A key of matchLabelKeys, merged into the selector at creation, may be there only once."""
    positions = {key: i for i, key in enumerate(term.match_label_keys)}
    if term.label_selector is not None and positions:
        seen = set(term.label_selector.match_labels)
        for expression in term.label_selector.match_expressions:
            if expression.key in positions and expression.key in seen:
                detail = "exists in both matchLabelKeys and labelSelector"
                errors.append(invalid(path.index(positions[expression.key]), expression.key, detail))
            seen.add(expression.key)
    for i, key in enumerate(term.match_label_keys):
        if key in term.mismatch_label_keys:
            at = path.child("matchLabelKeys").index(i)
            errors.append(invalid(at, key, "exists in both matchLabelKeys and mismatchLabelKeys"))


def validate_topology_spread_constraints(
    constraints: Sequence[TopologySpreadConstraint], path: Path, errors: Errors
) -> None:
    for i, constraint in enumerate(constraints):
        at = path.index(i)
        if constraint.max_skew <= 0:
            errors.append(invalid(at.child("maxSkew"), constraint.max_skew, NOT_POSITIVE))
        if not constraint.topology_key:
            errors.append(required(at.child("topologyKey"), "can not be empty"))
        if constraint.when_unsatisfiable not in _UNSATISFIABLE:
            given = constraint.when_unsatisfiable
            errors.append(not_supported(at.child("whenUnsatisfiable"), given, _UNSATISFIABLE))
        pair = (constraint.topology_key, constraint.when_unsatisfiable)
        if any(pair == (later.topology_key, later.when_unsatisfiable) for later in constraints[i + 1 :]):
            twice = f"{{{pair[0]}, {pair[1]}}}"
            errors.append(duplicate(at.child("{topologyKey, whenUnsatisfiable}"), twice))
        _validate_min_domains(constraint, at.child("minDomains"), errors)
        for name, policy in (
            ("nodeAffinityPolicy", constraint.node_affinity_policy),
            ("nodeTaintsPolicy", constraint.node_taints_policy),
        ):
            if policy is not None and policy not in _NODE_POLICIES:
                errors.append(not_supported(at.child(name), policy, _NODE_POLICIES))
        _validate_spread_keys(constraint, at.child("matchLabelKeys"), errors)
        validate_label_selector(constraint.label_selector, at.child("labelSelector"), errors)


def _validate_min_domains(constraint: TopologySpreadConstraint, path: Path, errors: Errors) -> None:
    if constraint.min_domains is None:
        return
    if constraint.min_domains <= 0:
        errors.append(invalid(path, constraint.min_domains, NOT_POSITIVE))
    action = constraint.when_unsatisfiable
    if action != "DoNotSchedule":
        detail = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
        errors.append(invalid(path, constraint.min_domains, detail))


def _validate_spread_keys(constraint: TopologySpreadConstraint, path: Path, errors: Errors) -> None:
    if not constraint.match_label_keys:
        return
    selector = constraint.label_selector
    if selector is None:
        errors.append(forbidden(path, "must not be specified when labelSelector is not set"))
        selected: set[str] = set()
    else:
        selected = {*selector.match_labels, *(each.key for each in selector.match_expressions)}
    for i, key in enumerate(constraint.match_label_keys):
        report(path.index(i), key, label_key(key), errors)
        if key in selected:
            detail = "exists in both matchLabelKeys and labelSelector"
            errors.append(invalid(path.index(i), key, detail))


def validate_tolerations(tolerations: Sequence[Toleration], path: Path, errors: Errors) -> None:
    for i, toleration in enumerate(tolerations):
        key, operator = toleration.key, toleration.operator
        if key:
            if complaints := label_key(key):
                report(path.index(i).child("key"), key, complaints, errors)
        elif operator != "Exists":
            detail = (
                'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            )
            errors.append(invalid(path.index(i).child("operator"), operator, detail))
        if toleration.toleration_seconds is not None and toleration.effect != "NoExecute":
            detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            errors.append(invalid(path.index(i).child("effect"), toleration.effect, detail))
        if operator != "Exists" or toleration.value:
            _validate_operator(toleration, path.index(i).child("operator"), errors)
        if toleration.effect and toleration.effect not in EFFECTS:
            errors.append(not_supported(path.index(i).child("effect"), toleration.effect, EFFECTS))


def _validate_operator(toleration: Toleration, path: Path, errors: Errors) -> None:
    value = toleration.value
    match toleration.operator:
        case "" | "Equal":
            if complaints := label_value(value):
                errors.append(invalid(path, value, ";".join(complaints)))
        case "Exists":
            detail = "value must be empty when `operator` is 'Exists'"
            errors.append(invalid(path, value, detail))
        case "Lt" | "Gt":
            if not _INT64.fullmatch(value) or not -(2**63) <= int(value) < 2**63:
                detail = "value must be a valid integer when `operator` is 'Lt' or 'Gt'"
                errors.append(invalid(path, value, detail))
        case _:
            errors.append(not_supported(path, toleration.operator, _OPERATORS))


def validate_only_added_tolerations(
    new: Sequence[Toleration], old: Sequence[Toleration], path: Path, errors: Errors
) -> None:
    """Tolerations may be added, and those that are there may change in their seconds."""
    if new is old:
        return
    kept = {_without_seconds(toleration) for toleration in new}
    if any(_without_seconds(toleration) not in kept for toleration in old):
        detail = "existing toleration can not be modified except its tolerationSeconds"
        errors.append(forbidden(path, detail))
        return
    validate_tolerations(new, path, errors)


def _without_seconds(toleration: Toleration) -> Toleration:
    return replace(toleration, toleration_seconds=None)


def validate_scheduling_gates(gates: Sequence[PodSchedulingGate], path: Path, errors: Errors) -> None:
    seen: set[str] = set()
    for i, gate in enumerate(gates):
        validate_qualified_name(gate.name, path.index(i), errors)
        if gate.name in seen:
            errors.append(duplicate(path.index(i), gate.name))
        seen.add(gate.name)


def validate_only_deleted_scheduling_gates(
    new: Sequence[PodSchedulingGate], old: Sequence[PodSchedulingGate], path: Path, errors: Errors
) -> None:
    known = {gate.name for gate in old}
    for i, gate in enumerate(new):
        if gate.name not in known:
            detail = f"only deletion is allowed, but found new scheduling gate '{gate.name}'"
            errors.append(forbidden(path.index(i).child("name"), detail))


def validate_node_selector_mutation(
    new: Mapping[str, str], old: Mapping[str, str], path: Path, errors: Errors
) -> None:
    """The node selector of a gated pod may only grow."""
    if any(new.get(key) != value for key, value in old.items()):
        detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
        errors.append(invalid(path, shown(new), detail))


def validate_node_affinity_mutation(
    new: NodeAffinity | None, old: NodeAffinity | None, path: Path, errors: Errors
) -> None:
    """The required terms of a gated pod may only get stricter."""
    before = old.required_during_scheduling_ignored_during_execution if old is not None else None
    if before is None:
        return
    after = new.required_during_scheduling_ignored_during_execution if new is not None else None
    old_terms = before.node_selector_terms
    new_terms = after.node_selector_terms if after is not None else ()
    at = path.child(_REQUIRED, "nodeSelectorTerms")
    if old_terms and len(old_terms) != len(new_terms):
        detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        errors.append(invalid(at, shown(new_terms), detail))
        return
    for i, (new_term, old_term) in enumerate(zip(new_terms, old_terms, strict=False)):
        if not _only_adds(new_term, old_term):
            detail = "only additions are allowed (no mutations or deletions)"
            errors.append(invalid(at.index(i), new_term, detail))


def _only_adds(new: NodeSelectorTerm, old: NodeSelectorTerm) -> bool:
    if not old.match_expressions and not old.match_fields:
        return not new.match_expressions and not new.match_fields
    return (
        new.match_expressions[: len(old.match_expressions)] == old.match_expressions
        and new.match_fields[: len(old.match_fields)] == old.match_fields
    )


class _Taint(Struct, frozen=True, rename="pascal"):
    """How upstream prints a taint."""

    key: str
    value: str
    effect: str
    time_added: str | None


def validate_taints(taints: Sequence[Taint], path: Path, errors: Errors) -> None:
    seen: set[tuple[str, str]] = set()
    for i, taint in enumerate(taints):
        at = path.index(i)
        report(at.child("key"), taint.key, label_key(taint.key), errors)
        if complaints := label_value(taint.value):
            errors.append(invalid(at.child("value"), taint.value, ";".join(complaints)))
        if not taint.effect:
            errors.append(required(at.child("effect")))
        elif taint.effect not in EFFECTS:
            errors.append(not_supported(at.child("effect"), taint.effect, EFFECTS))
        if (taint.effect, taint.key) in seen:
            twin = _Taint(taint.key, taint.value, taint.effect, taint.time_added)
            detail = "taints must be unique by key and effect pair"
            errors.append(FieldError(FieldErrorType.DUPLICATE, str(at), twin, detail))
        seen.add((taint.effect, taint.key))
