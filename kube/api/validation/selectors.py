"""The rules of what selects: label selectors, node selectors, topology selector terms.

Source of the semantics: k8s.io/apimachinery/pkg/apis/meta/v1/validation and pkg/apis/core/validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kube.api.types.core_v1 import (
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    PreferredSchedulingTerm,
)
from kube.api.validation.checks import Errors, label_key, label_value, name_is_dns_subdomain, report
from kube.api.validation.metadata import validate_labels
from kube.apimachinery.field import Path, forbidden, invalid, required
from kube.apimachinery.meta.v1 import LabelSelector, LabelSelectorRequirement

_NO_VALUES: Final = "must be specified when `operator` is 'In' or 'NotIn'"
_VALUES: Final = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
_NOT_AN_OPERATOR: Final = "not a valid selector operator"


def validate_label_selector(selector: LabelSelector | None, path: Path, errors: Errors) -> None:
    if selector is None:
        return
    if selector.match_labels:
        validate_labels(selector.match_labels, path.child("matchLabels"), errors)
    for i, requirement in enumerate(selector.match_expressions):
        _validate_requirement(requirement, path.child("matchExpressions").index(i), errors)


def _validate_requirement(requirement: LabelSelectorRequirement, path: Path, errors: Errors) -> None:
    match requirement.operator:
        case "In" | "NotIn":
            if not requirement.values:
                errors.append(required(path.child("values"), _NO_VALUES))
        case "Exists" | "DoesNotExist":
            if requirement.values:
                errors.append(forbidden(path.child("values"), _VALUES))
        case _:
            errors.append(invalid(path.child("operator"), requirement.operator, _NOT_AN_OPERATOR))
    _validate_key_and_values(requirement.key, requirement.values, path, errors)


def _validate_key_and_values(key: str, values: Sequence[str], path: Path, errors: Errors) -> None:
    if complaints := label_key(key):
        report(path.child("key"), key, complaints, errors)
    for i, value in enumerate(values):
        if complaints := label_value(value):
            report(path.child("values").index(i), value, complaints, errors)


def validate_node_selector(selector: NodeSelector, path: Path, errors: Errors) -> None:
    terms = path.child("nodeSelectorTerms")
    if not selector.node_selector_terms:
        errors.append(required(terms, "must have at least one node selector term"))
    for i, term in enumerate(selector.node_selector_terms):
        validate_node_selector_term(term, terms.index(i), errors)


def validate_node_selector_term(
    term: NodeSelectorTerm, path: Path, errors: Errors, any_value: bool = False
) -> None:
    """``any_value`` admits values that no label can have, as preferences may name."""
    for i, requirement in enumerate(term.match_expressions):
        _validate_expression(requirement, path.child("matchExpressions").index(i), errors, any_value)
    for i, requirement in enumerate(term.match_fields):
        _validate_field(requirement, path.child("matchFields").index(i), errors)


def _validate_expression(
    requirement: NodeSelectorRequirement, path: Path, errors: Errors, any_value: bool
) -> None:
    match requirement.operator:
        case "In" | "NotIn":
            if not requirement.values:
                errors.append(required(path.child("values"), _NO_VALUES))
        case "Exists" | "DoesNotExist":
            if requirement.values:
                errors.append(forbidden(path.child("values"), _VALUES))
        case "Gt" | "Lt":
            if len(requirement.values) != 1:
                detail = "must be specified single value when `operator` is 'Lt' or 'Gt'"
                errors.append(required(path.child("values"), detail))
        case _:
            errors.append(invalid(path.child("operator"), requirement.operator, _NOT_AN_OPERATOR))
    _validate_key_and_values(requirement.key, () if any_value else requirement.values, path, errors)


def _validate_field(requirement: NodeSelectorRequirement, path: Path, errors: Errors) -> None:
    if requirement.operator in ("In", "NotIn"):
        if len(requirement.values) != 1:
            detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
            errors.append(required(path.child("values"), detail))
    else:
        errors.append(invalid(path.child("operator"), requirement.operator, _NOT_AN_OPERATOR))
    if requirement.key != "metadata.name":
        errors.append(invalid(path.child("key"), requirement.key, "not a valid field selector key"))
        return
    for i, value in enumerate(requirement.values):
        if complaints := name_is_dns_subdomain(value, False):
            report(path.child("values").index(i), value, complaints, errors)


def validate_preferred_scheduling_terms(
    terms: Sequence[PreferredSchedulingTerm], path: Path, errors: Errors
) -> None:
    for i, term in enumerate(terms):
        if not 1 <= term.weight <= 100:
            errors.append(invalid(path.index(i).child("weight"), term.weight, "must be in the range 1-100"))
        at = path.index(i).child("preference")
        validate_node_selector_term(term.preference, at, errors, any_value=True)
