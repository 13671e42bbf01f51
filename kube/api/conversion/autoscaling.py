"""Horizontal pod autoscalers of autoscaling/v1, which says by annotations what it has no fields for.

Source of the semantics: pkg/apis/autoscaling/v1/conversion.go; KEP-117.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from kube.api.conversion.autoscaling_metrics import (
    current_from_v1,
    current_to_v1,
    metric_from_v1,
    metric_to_v1,
)
from kube.api.types import autoscaling_v1 as v1
from kube.api.types import autoscaling_v2 as v2

METRICS: Final = "autoscaling.alpha.kubernetes.io/metrics"
CURRENT_METRICS: Final = "autoscaling.alpha.kubernetes.io/current-metrics"
CONDITIONS: Final = "autoscaling.alpha.kubernetes.io/conditions"
BEHAVIOR: Final = "autoscaling.alpha.kubernetes.io/behavior"
_ANNOTATIONS: Final = (METRICS, CURRENT_METRICS, CONDITIONS, BEHAVIOR)


def to_v1(hpa: v2.HorizontalPodAutoscaler) -> v1.HorizontalPodAutoscaler:
    spec, status = hpa.spec, hpa.status
    target = spec.scale_target_ref
    return v1.HorizontalPodAutoscaler(
        metadata=replace(hpa.metadata, annotations=_annotations(hpa)),
        spec=v1.HorizontalPodAutoscalerSpec(
            scale_target_ref=v1.CrossVersionObjectReference(
                kind=target.kind, name=target.name, api_version=target.api_version
            ),
            min_replicas=spec.min_replicas,
            max_replicas=spec.max_replicas,
            target_cpu_utilization_percentage=_target_cpu(spec.metrics),
        ),
        status=v1.HorizontalPodAutoscalerStatus(
            observed_generation=status.observed_generation,
            last_scale_time=status.last_scale_time,
            current_replicas=status.current_replicas,
            desired_replicas=status.desired_replicas,
            current_cpu_utilization_percentage=_current_cpu(status.current_metrics),
        ),
    )


def from_v1(hpa: v1.HorizontalPodAutoscaler) -> v2.HorizontalPodAutoscaler:
    spec, status = hpa.spec, hpa.status
    target = spec.scale_target_ref
    said = hpa.metadata.annotations
    metrics = tuple(metric_from_v1(each) for each in _read(said, METRICS, tuple[v1.MetricSpec, ...], ()))
    current = tuple(
        current_from_v1(each) for each in _read(said, CURRENT_METRICS, tuple[v1.MetricStatus, ...], ())
    )
    if spec.target_cpu_utilization_percentage is not None:
        metrics = (*metrics, _cpu(spec.target_cpu_utilization_percentage))
    if not current and status.current_cpu_utilization_percentage is not None:
        used = v2.MetricValueStatus(average_utilization=status.current_cpu_utilization_percentage)
        current = (
            v2.MetricStatus(type="Resource", resource=v2.ResourceMetricStatus(name="cpu", current=used)),
        )
    annotations = {name: value for name, value in said.items() if name not in _ANNOTATIONS}
    return v2.HorizontalPodAutoscaler(
        metadata=replace(hpa.metadata, annotations=annotations),
        spec=v2.HorizontalPodAutoscalerSpec(
            scale_target_ref=v2.CrossVersionObjectReference(
                kind=target.kind, name=target.name, api_version=target.api_version
            ),
            min_replicas=spec.min_replicas,
            max_replicas=spec.max_replicas,
            metrics=metrics,
            behavior=_read(said, BEHAVIOR, v2.HorizontalPodAutoscalerBehavior | None, None, _small),
        ),
        status=v2.HorizontalPodAutoscalerStatus(
            observed_generation=status.observed_generation,
            last_scale_time=status.last_scale_time,
            current_replicas=status.current_replicas,
            desired_replicas=status.desired_replicas,
            current_metrics=current,
            conditions=_read(said, CONDITIONS, tuple[v2.HorizontalPodAutoscalerCondition, ...], ()),
        ),
    )


def _cpu(percentage: int) -> v2.MetricSpec:
    target = v2.MetricTarget(type="Utilization", average_utilization=percentage)
    return v2.MetricSpec(type="Resource", resource=v2.ResourceMetricSource(name="cpu", target=target))


def _is_cpu(metric: v2.MetricSpec) -> bool:
    """Whether v1 has a field for the metric."""
    resource = metric.resource
    return (
        metric.type == "Resource"
        and resource is not None
        and resource.name == "cpu"
        and resource.target.average_utilization is not None
    )


def _target_cpu(metrics: tuple[v2.MetricSpec, ...]) -> int | None:
    for metric in metrics:
        if _is_cpu(metric) and metric.resource is not None:
            return metric.resource.target.average_utilization
    return None


def _current_cpu(metrics: tuple[v2.MetricStatus, ...]) -> int | None:
    for metric in metrics:
        if metric.type == "Resource" and metric.resource is not None and metric.resource.name == "cpu":
            return metric.resource.current.average_utilization
    return None


def _annotations(hpa: v2.HorizontalPodAutoscaler) -> Mapping[str, str]:
    others = [metric_to_v1(each) for each in hpa.spec.metrics if not _is_cpu(each)]
    current = [current_to_v1(each) for each in hpa.status.current_metrics]
    told: dict[str, Any] = {
        METRICS: others,
        CURRENT_METRICS: current,
        CONDITIONS: hpa.status.conditions,
        BEHAVIOR: None if hpa.spec.behavior is None else _large(msgspec.to_builtins(hpa.spec.behavior)),
    }
    written = {name: msgspec.json.encode(value).decode() for name, value in told.items() if value}
    kept = {name: value for name, value in hpa.metadata.annotations.items() if name not in _ANNOTATIONS}
    return {**kept, **written}


def _read(
    annotations: Mapping[str, str],
    name: str,
    cls: Any,
    absent: Any,
    renamed: Callable[[Any], Any] | None = None,
) -> Any:
    """What an annotation says; one that cannot be read says nothing."""
    text = annotations.get(name)
    if not text:
        return absent
    try:
        found = msgspec.json.decode(text)
        return msgspec.convert(found if renamed is None else renamed(found), cls)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return absent


def _large(value: Any) -> Any:
    """The names of the internal type's fields, which upstream writes the behavior with."""
    return _renamed(value, str.upper)


def _small(value: Any) -> Any:
    return _renamed(value, str.lower)


def _renamed(value: Any, first: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {
            first(name[:1]) + name[1:]: _renamed(each, first)
            for name, each in value.items()
            if each is not None
        }
    return [_renamed(each, first) for each in value] if isinstance(value, list | tuple) else value
