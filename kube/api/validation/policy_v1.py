"""The rules of PodDisruptionBudgets.

Source of the semantics: pkg/apis/policy/validation, KEP-85, KEP-3017 (unhealthyPodEvictionPolicy).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw

from kube.api.types.policy_v1 import PodDisruptionBudget, PodDisruptionBudgetSpec
from kube.api.validation.checks import Errors
from kube.api.validation.conditions import validate_conditions
from kube.api.validation.int_or_percent import (
    validate_not_more_than_100_percent,
    validate_positive_int_or_percent,
)
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.api.validation.rules import Rules
from kube.api.validation.selectors import validate_label_selector
from kube.api.validation.workload import SPEC, STATUS, validate_counters
from kube.apimachinery.field import invalid, not_supported
from kube.apimachinery.names import path_segment_name

_EVICTION_POLICIES: Final = ("AlwaysAllow", "IfHealthyBudget")


def validate_budget(budget: PodDisruptionBudget) -> Errors:
    """The spec first; the metadata, which has no rules of its own, only when that is sound."""
    errors: Errors = []
    _validate_spec(budget.spec, errors)
    return errors or validate_object_meta(budget.metadata, True, path_segment_name)


def validate_budget_update(new: PodDisruptionBudget, old: PodDisruptionBudget) -> Errors:
    errors = validate_object_meta(new.metadata, True, path_segment_name)
    errors += validate_object_meta_update(new.metadata, old.metadata)
    _validate_spec(new.spec, errors)
    return errors


def _validate_spec(spec: PodDisruptionBudgetSpec, errors: Errors) -> None:
    available, unavailable = spec.min_available, spec.max_unavailable
    if available is not None and unavailable is not None:
        detail = "minAvailable and maxUnavailable cannot be both set"
        errors.append(invalid(SPEC, _shown(spec), detail))
    for name, amount in (("minAvailable", available), ("maxUnavailable", unavailable)):
        if amount is not None:
            validate_positive_int_or_percent(amount, SPEC.child(name), errors)
            validate_not_more_than_100_percent(amount, SPEC.child(name), errors)
    validate_label_selector(spec.selector, SPEC.child("selector"), errors)
    policy = spec.unhealthy_pod_eviction_policy
    if policy is not None and policy not in _EVICTION_POLICIES:
        errors.append(not_supported(SPEC.child("unhealthyPodEvictionPolicy"), policy, _EVICTION_POLICIES))


def _shown(spec: PodDisruptionBudgetSpec) -> Raw:
    """As upstream prints its internal type."""
    shown = {
        "MinAvailable": spec.min_available,
        "Selector": spec.selector,
        "MaxUnavailable": spec.max_unavailable,
        "UnhealthyPodEvictionPolicy": spec.unhealthy_pod_eviction_policy,
    }
    return Raw(msgspec.json.encode(shown))


def validate_budget_status_update(new: PodDisruptionBudget, old: PodDisruptionBudget) -> Errors:
    errors = validate_object_meta(new.metadata, True, path_segment_name)
    errors += validate_object_meta_update(new.metadata, old.metadata)
    status = new.status
    validate_conditions(status.conditions, STATUS.child("conditions"), errors)
    counters = (
        ("disruptionsAllowed", status.disruptions_allowed),
        ("currentHealthy", status.current_healthy),
        ("desiredHealthy", status.desired_healthy),
        ("expectedPods", status.expected_pods),
    )
    validate_counters(counters, STATUS, errors)
    return errors


RULES: Final[Mapping[type, Rules]] = {
    PodDisruptionBudget: Rules(
        validate_budget, validate_budget_update, {"status": validate_budget_status_update}
    ),
}
