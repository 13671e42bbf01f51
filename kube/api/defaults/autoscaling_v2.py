"""Defaults of HorizontalPodAutoscalers: one metric, and the whole of a behavior of which something is said.

Source of the semantics: pkg/apis/autoscaling/v2/defaults.go, KEP-853 (behavior).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from kube.api.types.autoscaling_v2 import (
    HorizontalPodAutoscaler,
    HorizontalPodAutoscalerBehavior,
    HPAScalingPolicy,
    HPAScalingRules,
    MetricSpec,
    MetricTarget,
    ResourceMetricSource,
)

CPU_UTILIZATION: Final = 80
"""Percent of what the pods request."""
PERIOD: Final = 15

_CPU: Final = MetricSpec(
    type="Resource",
    resource=ResourceMetricSource(
        name="cpu", target=MetricTarget(type="Utilization", average_utilization=CPU_UTILIZATION)
    ),
)
_DOUBLE: Final = HPAScalingPolicy(type="Percent", value=100, period_seconds=PERIOD)
SCALE_UP: Final = HPAScalingRules(
    stabilization_window_seconds=0,
    select_policy="Max",
    policies=(HPAScalingPolicy(type="Pods", value=4, period_seconds=PERIOD), _DOUBLE),
)
SCALE_DOWN: Final = HPAScalingRules(select_policy="Max", policies=(_DOUBLE,))
"""Without a stabilization window: that is the controller's to know."""


def default_horizontal_pod_autoscaler(hpa: HorizontalPodAutoscaler) -> HorizontalPodAutoscaler:
    spec = hpa.spec
    changes: dict[str, Any] = {}
    if spec.min_replicas is None:
        changes["min_replicas"] = 1
    if not spec.metrics:
        changes["metrics"] = (_CPU,)
    if spec.behavior is not None and (filled := _default_behavior(spec.behavior)) is not spec.behavior:
        changes["behavior"] = filled
    return replace(hpa, spec=replace(spec, **changes)) if changes else hpa


def _default_behavior(behavior: HorizontalPodAutoscalerBehavior) -> HorizontalPodAutoscalerBehavior:
    up = _default_rules(behavior.scale_up, SCALE_UP)
    down = _default_rules(behavior.scale_down, SCALE_DOWN)
    if up is behavior.scale_up and down is behavior.scale_down:
        return behavior
    return HorizontalPodAutoscalerBehavior(scale_up=up, scale_down=down)


def _default_rules(rules: HPAScalingRules | None, defaults: HPAScalingRules) -> HPAScalingRules:
    if rules is None:
        return defaults
    changes: dict[str, Any] = {}
    if rules.stabilization_window_seconds is None and defaults.stabilization_window_seconds is not None:
        changes["stabilization_window_seconds"] = defaults.stabilization_window_seconds
    if rules.select_policy is None:
        changes["select_policy"] = defaults.select_policy
    if not rules.policies:
        changes["policies"] = defaults.policies
    return replace(rules, **changes) if changes else rules


DEFAULTS: Final[Mapping[type, Callable[[Any], Any]]] = {
    HorizontalPodAutoscaler: default_horizontal_pod_autoscaler
}
