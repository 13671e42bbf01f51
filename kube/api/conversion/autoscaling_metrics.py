"""Metrics of autoscaling/v1 as its annotations have them, and of autoscaling/v2.

Source of the semantics: pkg/apis/autoscaling/v1/conversion.go.
"""

from kube.api.types import autoscaling_v1 as v1
from kube.api.types import autoscaling_v2 as v2
from kube.apimachinery.quantity import Quantity

_ZERO = Quantity("0")


def metric_to_v1(metric: v2.MetricSpec) -> v1.MetricSpec:
    held, of = metric.object, metric.pods
    resource, container, external = metric.resource, metric.container_resource, metric.external
    return v1.MetricSpec(
        type=metric.type,
        object=None
        if held is None
        else v1.ObjectMetricSource(
            target=_reference_to_v1(held.described_object),
            metric_name=held.metric.name,
            target_value=held.target.value or _ZERO,
            selector=held.metric.selector,
            average_value=held.target.average_value,
        ),
        pods=None
        if of is None
        else v1.PodsMetricSource(
            metric_name=of.metric.name,
            target_average_value=of.target.average_value or _ZERO,
            selector=of.metric.selector,
        ),
        resource=None
        if resource is None
        else v1.ResourceMetricSource(
            name=resource.name,
            target_average_utilization=resource.target.average_utilization,
            target_average_value=resource.target.average_value,
        ),
        container_resource=None
        if container is None
        else v1.ContainerResourceMetricSource(
            name=container.name,
            container=container.container,
            target_average_utilization=container.target.average_utilization,
            target_average_value=container.target.average_value,
        ),
        external=None
        if external is None
        else v1.ExternalMetricSource(
            metric_name=external.metric.name,
            metric_selector=external.metric.selector,
            target_value=external.target.value,
            target_average_value=external.target.average_value,
        ),
    )


def metric_from_v1(metric: v1.MetricSpec) -> v2.MetricSpec:
    held, of = metric.object, metric.pods
    resource, container, external = metric.resource, metric.container_resource, metric.external
    return v2.MetricSpec(
        type=metric.type,
        object=None
        if held is None
        else v2.ObjectMetricSource(
            described_object=_reference_to_v2(held.target),
            metric=v2.MetricIdentifier(name=held.metric_name, selector=held.selector),
            target=_target(held.target_value, held.average_value),
        ),
        pods=None
        if of is None
        else v2.PodsMetricSource(
            metric=v2.MetricIdentifier(name=of.metric_name, selector=of.selector),
            target=v2.MetricTarget(type="AverageValue", average_value=of.target_average_value),
        ),
        resource=None
        if resource is None
        else v2.ResourceMetricSource(
            name=resource.name,
            target=_usage(resource.target_average_utilization, resource.target_average_value),
        ),
        container_resource=None
        if container is None
        else v2.ContainerResourceMetricSource(
            name=container.name,
            container=container.container,
            target=_usage(container.target_average_utilization, container.target_average_value),
        ),
        external=None
        if external is None
        else v2.ExternalMetricSource(
            metric=v2.MetricIdentifier(name=external.metric_name, selector=external.metric_selector),
            target=_target(external.target_value, external.target_average_value),
        ),
    )


def current_to_v1(metric: v2.MetricStatus) -> v1.MetricStatus:
    held, of = metric.object, metric.pods
    resource, container, external = metric.resource, metric.container_resource, metric.external
    return v1.MetricStatus(
        type=metric.type,
        object=None
        if held is None
        else v1.ObjectMetricStatus(
            target=_reference_to_v1(held.described_object),
            metric_name=held.metric.name,
            current_value=held.current.value or _ZERO,
            selector=held.metric.selector,
            average_value=held.current.average_value,
        ),
        pods=None
        if of is None
        else v1.PodsMetricStatus(
            metric_name=of.metric.name,
            current_average_value=of.current.average_value or _ZERO,
            selector=of.metric.selector,
        ),
        resource=None
        if resource is None
        else v1.ResourceMetricStatus(
            name=resource.name,
            current_average_utilization=resource.current.average_utilization,
            current_average_value=resource.current.average_value or _ZERO,
        ),
        container_resource=None
        if container is None
        else v1.ContainerResourceMetricStatus(
            name=container.name,
            container=container.container,
            current_average_utilization=container.current.average_utilization,
            current_average_value=container.current.average_value or _ZERO,
        ),
        external=None
        if external is None
        else v1.ExternalMetricStatus(
            metric_name=external.metric.name,
            metric_selector=external.metric.selector,
            current_value=external.current.value or _ZERO,
            current_average_value=external.current.average_value,
        ),
    )


def current_from_v1(metric: v1.MetricStatus) -> v2.MetricStatus:
    held, of = metric.object, metric.pods
    resource, container, external = metric.resource, metric.container_resource, metric.external
    return v2.MetricStatus(
        type=metric.type,
        object=None
        if held is None
        else v2.ObjectMetricStatus(
            described_object=_reference_to_v2(held.target),
            metric=v2.MetricIdentifier(name=held.metric_name, selector=held.selector),
            current=v2.MetricValueStatus(value=held.current_value, average_value=held.average_value),
        ),
        pods=None
        if of is None
        else v2.PodsMetricStatus(
            metric=v2.MetricIdentifier(name=of.metric_name, selector=of.selector),
            current=v2.MetricValueStatus(average_value=of.current_average_value),
        ),
        resource=None
        if resource is None
        else v2.ResourceMetricStatus(
            name=resource.name,
            current=v2.MetricValueStatus(
                average_utilization=resource.current_average_utilization,
                average_value=resource.current_average_value,
            ),
        ),
        container_resource=None
        if container is None
        else v2.ContainerResourceMetricStatus(
            name=container.name,
            container=container.container,
            current=v2.MetricValueStatus(
                average_utilization=container.current_average_utilization,
                average_value=container.current_average_value,
            ),
        ),
        external=None
        if external is None
        else v2.ExternalMetricStatus(
            metric=v2.MetricIdentifier(name=external.metric_name, selector=external.metric_selector),
            current=v2.MetricValueStatus(
                value=external.current_value, average_value=external.current_average_value
            ),
        ),
    )


def _target(value: Quantity | None, average: Quantity | None) -> v2.MetricTarget:
    kind = "Value" if average is None else "AverageValue"
    return v2.MetricTarget(type=kind, value=value, average_value=average)


def _usage(utilization: int | None, average: Quantity | None) -> v2.MetricTarget:
    kind = "AverageValue" if utilization is None else "Utilization"
    return v2.MetricTarget(type=kind, average_utilization=utilization, average_value=average)


def _reference_to_v1(reference: v2.CrossVersionObjectReference) -> v1.CrossVersionObjectReference:
    return v1.CrossVersionObjectReference(
        kind=reference.kind, name=reference.name, api_version=reference.api_version
    )


def _reference_to_v2(reference: v1.CrossVersionObjectReference) -> v2.CrossVersionObjectReference:
    return v2.CrossVersionObjectReference(
        kind=reference.kind, name=reference.name, api_version=reference.api_version
    )
