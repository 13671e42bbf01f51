"""The rules of the metrics that a HorizontalPodAutoscaler scales by.

Source of the semantics: pkg/apis/autoscaling/validation, KEP-1610 (container resources).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from kube.api.types.autoscaling_v2 import (
    ContainerResourceMetricSource,
    CrossVersionObjectReference,
    ExternalMetricSource,
    MetricIdentifier,
    MetricSpec,
    MetricTarget,
    ObjectMetricSource,
    PodsMetricSource,
    ResourceMetricSource,
)
from kube.api.validation.checks import Errors, report, validate_dns1123_label
from kube.api.validation.resources import validate_container_resource_name
from kube.apimachinery.field import Path, forbidden, invalid, required
from kube.apimachinery.names import path_segment_name
from kube.apimachinery.quantity import parse_quantity

_TARGET_TYPES: Final = ("Utilization", "Value", "AverageValue")


class MetricSource(Struct, frozen=True):
    """A kind of metric: its type, its field, its rules."""

    type: str
    attribute: str
    name: str
    validate: Callable[[Any, Path, Errors], None]


def validate_metric(metric: MetricSpec, source: MetricSource, path: Path, errors: Errors) -> None:
    source.validate(getattr(metric, source.attribute), path.child(source.name), errors)


def validate_reference(reference: CrossVersionObjectReference, path: Path, errors: Errors) -> None:
    for name, value in (("kind", reference.kind), ("name", reference.name)):
        if value:
            report(path.child(name), value, path_segment_name(value), errors)
        else:
            errors.append(required(path.child(name)))


def _validate_object(source: ObjectMetricSource, path: Path, errors: Errors) -> None:
    validate_reference(source.described_object, path.child("describedObject"), errors)
    _validate_identifier(source.metric, path.child("metric"), errors)
    _validate_target(source.target, path.child("target"), errors)
    if source.target.value is None and source.target.average_value is None:
        detail = "must set either a target value or averageValue"
        errors.append(required(path.child("target", "averageValue"), detail))


def _validate_external(source: ExternalMetricSource, path: Path, errors: Errors) -> None:
    _validate_identifier(source.metric, path.child("metric"), errors)
    _validate_target(source.target, path.child("target"), errors)
    value, average = source.target.value, source.target.average_value
    if value is None and average is None:
        detail = "must set either a target value for metric or a per-pod target"
        errors.append(required(path.child("target", "averageValue"), detail))
    if value is not None and average is not None:
        detail = "may not set both a target value for metric and a per-pod target"
        errors.append(forbidden(path.child("target", "value"), detail))


def _validate_pods(source: PodsMetricSource, path: Path, errors: Errors) -> None:
    _validate_identifier(source.metric, path.child("metric"), errors)
    _validate_target(source.target, path.child("target"), errors)
    if source.target.average_value is None:
        detail = "must specify a positive target averageValue"
        errors.append(required(path.child("target", "averageValue"), detail))


def _validate_resource(source: ResourceMetricSource, path: Path, errors: Errors) -> None:
    if not source.name:
        errors.append(required(path.child("name"), "must specify a resource name"))
    _validate_resource_target(source.target, path.child("target"), errors)


def _validate_container_resource(source: ContainerResourceMetricSource, path: Path, errors: Errors) -> None:
    if source.name:
        validate_container_resource_name(source.name, path.child("name"), errors)
    else:
        errors.append(required(path.child("name"), "must specify a resource name"))
    if source.container:
        validate_dns1123_label(source.container, path.child("container"), errors)
    else:
        errors.append(required(path.child("container"), "must specify a container"))
    _validate_resource_target(source.target, path.child("target"), errors)


def _validate_resource_target(target: MetricTarget, path: Path, errors: Errors) -> None:
    _validate_target(target, path, errors)
    utilization, average = target.average_utilization, target.average_value
    if utilization is None and average is None:
        detail = "must set either a target raw value or a target utilization"
        errors.append(required(path.child("averageUtilization"), detail))
    if utilization is not None and average is not None:
        detail = "may not set both a target raw value and a target utilization"
        errors.append(forbidden(path.child("averageValue"), detail))


def _validate_identifier(metric: MetricIdentifier, path: Path, errors: Errors) -> None:
    if metric.name:
        report(path.child("name"), metric.name, path_segment_name(metric.name), errors)
    else:
        errors.append(required(path.child("name"), "must specify a metric name"))


def _validate_target(target: MetricTarget, path: Path, errors: Errors) -> None:
    at = path.child("type")
    if not target.type:
        errors.append(required(at, "must specify a metric target type"))
    if target.type not in _TARGET_TYPES:
        errors.append(invalid(at, target.type, "must be either Utilization, Value, or AverageValue"))
    for name, quantity in (("value", target.value), ("averageValue", target.average_value)):
        if quantity is not None and parse_quantity(quantity) <= 0:
            errors.append(invalid(path.child(name), quantity, "must be positive"))
    utilization = target.average_utilization
    if utilization is not None and utilization < 1:
        errors.append(invalid(path.child("averageUtilization"), utilization, "must be greater than 0"))


METRIC_SOURCES: Final = (
    MetricSource("Object", "object", "object", _validate_object),
    MetricSource("External", "external", "external", _validate_external),
    MetricSource("Pods", "pods", "pods", _validate_pods),
    MetricSource("Resource", "resource", "resource", _validate_resource),
    MetricSource(
        "ContainerResource", "container_resource", "containerResource", _validate_container_resource
    ),
)
"""In the order in which upstream looks at them: of several, only the first is judged."""
