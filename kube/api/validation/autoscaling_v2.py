"""The rules of HorizontalPodAutoscalers; those of autoscaling/v1 are converted first.

Source of the semantics: pkg/apis/autoscaling/validation; KEP-853 (behavior), KEP-2021 (scaling to zero), KEP-4951
(tolerance).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from kube.api.types.autoscaling_v2 import (
    HorizontalPodAutoscaler,
    HorizontalPodAutoscalerSpec,
    HPAScalingPolicy,
    HPAScalingRules,
    MetricSpec,
)
from kube.api.validation.autoscaling_metrics import METRIC_SOURCES, validate_metric, validate_reference
from kube.api.validation.checks import NOT_POSITIVE, Errors, name_is_dns_subdomain
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.api.validation.rules import Rules
from kube.api.validation.workload import SPEC, STATUS, validate_counters
from kube.apimachinery.field import Path, forbidden, invalid, not_supported, required
from kube.apimachinery.quantity import parse_quantity

MAX_PERIOD: Final = 1800
MAX_STABILIZATION_WINDOW: Final = 3600
_POLICY_TYPES: Final = ("Percent", "Pods")
_SELECT_POLICIES: Final = ("Disabled", "Max", "Min")


def validate_autoscaler(autoscaler: HorizontalPodAutoscaler) -> Errors:
    errors = validate_object_meta(autoscaler.metadata, True, name_is_dns_subdomain)
    _validate_spec(autoscaler.spec, errors)
    return errors


def validate_autoscaler_update(new: HorizontalPodAutoscaler, old: HorizontalPodAutoscaler) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    _validate_spec(new.spec, errors)
    return errors


def _validate_spec(spec: HorizontalPodAutoscalerSpec, errors: Errors) -> None:
    least, most = spec.min_replicas, spec.max_replicas
    if least is not None and least < 0:
        detail = "must be greater than or equal to 0"
        errors.append(invalid(SPEC.child("minReplicas"), least, detail))
    at = SPEC.child("maxReplicas")
    if most < 1:
        errors.append(invalid(at, most, "must be greater than 0"))
    if least is not None and most < least:
        errors.append(invalid(at, most, "must be greater than or equal to `minReplicas`"))
    validate_reference(spec.scale_target_ref, SPEC.child("scaleTargetRef"), errors)
    _validate_metrics(spec.metrics, least, SPEC.child("metrics"), errors)
    if spec.behavior is not None:
        at = SPEC.child("behavior")
        _validate_rules(spec.behavior.scale_up, at.child("scaleUp"), errors)
        _validate_rules(spec.behavior.scale_down, at.child("scaleDown"), errors)


def _validate_metrics(
    metrics: Sequence[MetricSpec], min_replicas: int | None, path: Path, errors: Errors
) -> None:
    for i, metric in enumerate(metrics):
        _validate_metric_spec(metric, path.index(i), errors)
    if min_replicas == 0 and not any(metric.type in ("Object", "External") for metric in metrics):
        detail = "must specify at least one Object or External metric to support scaling to zero replicas"
        errors.append(forbidden(path, detail))


def _validate_metric_spec(metric: MetricSpec, path: Path, errors: Errors) -> None:
    """A metric has one source, that of its type."""
    at = path.child("type")
    if not metric.type:
        errors.append(required(at, "must specify a metric source type"))
    types = tuple(sorted(source.type for source in METRIC_SOURCES))
    if metric.type not in types:
        errors.append(not_supported(at, metric.type, types))
    given = [source for source in METRIC_SOURCES if getattr(metric, source.attribute) is not None]
    if given:
        validate_metric(metric, given[0], path, errors)
    expected = next((source for source in METRIC_SOURCES if source.type == metric.type), None)
    if expected is None:
        errors.append(not_supported(at, metric.type, types))
    elif expected not in given:
        detail = "must populate information for the given metric source"
        errors.append(required(path.child(expected.name), detail))
    if len(given) > 1:
        for source in given:
            if source is not expected:
                detail = "must populate the given metric source only"
                errors.append(forbidden(path.child(source.name), detail))


def _validate_rules(rules: HPAScalingRules | None, path: Path, errors: Errors) -> None:
    if rules is None:
        return
    window, at = rules.stabilization_window_seconds, path.child("stabilizationWindowSeconds")
    if window is not None and window < 0:
        errors.append(invalid(at, window, "must be greater than or equal to zero"))
    if window is not None and window > MAX_STABILIZATION_WINDOW:
        errors.append(invalid(at, window, f"must be less than or equal to {MAX_STABILIZATION_WINDOW}"))
    if rules.select_policy is not None and rules.select_policy not in _SELECT_POLICIES:
        errors.append(not_supported(path.child("selectPolicy"), rules.select_policy, _SELECT_POLICIES))
    if not rules.policies:
        errors.append(required(path.child("policies"), "must specify at least one Policy"))
    for i, policy in enumerate(rules.policies):
        _validate_policy(policy, path.child("policies").index(i), errors)
    if rules.tolerance is not None and parse_quantity(rules.tolerance) < 0:
        detail = "must be greater or equal to zero"
        errors.append(invalid(path.child("tolerance"), rules.tolerance, detail))


def _validate_policy(policy: HPAScalingPolicy, path: Path, errors: Errors) -> None:
    if policy.type not in _POLICY_TYPES:
        errors.append(not_supported(path.child("type"), policy.type, _POLICY_TYPES))
    if policy.value <= 0:
        errors.append(invalid(path.child("value"), policy.value, NOT_POSITIVE))
    at = path.child("periodSeconds")
    if policy.period_seconds <= 0:
        errors.append(invalid(at, policy.period_seconds, NOT_POSITIVE))
    if policy.period_seconds > MAX_PERIOD:
        errors.append(invalid(at, policy.period_seconds, f"must be less than or equal to {MAX_PERIOD}"))


def validate_autoscaler_status_update(new: HorizontalPodAutoscaler, old: HorizontalPodAutoscaler) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    counters = (
        ("currentReplicas", new.status.current_replicas),
        ("desiredReplicas", new.status.desired_replicas),
    )
    validate_counters(counters, STATUS, errors)
    return errors


RULES: Final[Mapping[type, Rules]] = {
    HorizontalPodAutoscaler: Rules(
        validate_autoscaler, validate_autoscaler_update, {"status": validate_autoscaler_status_update}
    ),
}
