"""autoscaling/v1 loses nothing of a v2 autoscaler, nor v2 anything of a v1 one."""

import msgspec
import pytest
from msgspec.structs import replace

from kube.api.conversion.autoscaling import BEHAVIOR, CONDITIONS, CURRENT_METRICS, METRICS
from kube.api.conversion.convert import convert
from kube.api.types import autoscaling_v1 as v1
from kube.api.types import autoscaling_v2 as v2
from kube.api.types.core_v1 import Pod
from kube.apimachinery.meta.v1 import LabelSelector, ObjectMeta
from kube.apimachinery.quantity import Quantity
from kube.apimachinery.time import Time

TARGET = v2.CrossVersionObjectReference(kind="Deployment", name="d", api_version="apps/v1")
SELECTOR = LabelSelector(match_labels={"a": "b"})


def identifier(name):
    return v2.MetricIdentifier(name=name, selector=SELECTOR)


CPU = v2.MetricSpec(
    type="Resource",
    resource=v2.ResourceMetricSource(
        name="cpu", target=v2.MetricTarget(type="Utilization", average_utilization=50)
    ),
)
OTHERS = {
    "memory by amount": v2.MetricSpec(
        type="Resource",
        resource=v2.ResourceMetricSource(
            name="memory", target=v2.MetricTarget(type="AverageValue", average_value=Quantity("1Gi"))
        ),
    ),
    "container": v2.MetricSpec(
        type="ContainerResource",
        container_resource=v2.ContainerResourceMetricSource(
            name="cpu", container="c", target=v2.MetricTarget(type="Utilization", average_utilization=5)
        ),
    ),
    "pods": v2.MetricSpec(
        type="Pods",
        pods=v2.PodsMetricSource(
            metric=identifier("m"),
            target=v2.MetricTarget(type="AverageValue", average_value=Quantity("10")),
        ),
    ),
    "object": v2.MetricSpec(
        type="Object",
        object=v2.ObjectMetricSource(
            described_object=TARGET,
            metric=identifier("m"),
            target=v2.MetricTarget(type="Value", value=Quantity("10")),
        ),
    ),
    "external by average": v2.MetricSpec(
        type="External",
        external=v2.ExternalMetricSource(
            metric=identifier("m"),
            target=v2.MetricTarget(type="AverageValue", average_value=Quantity("10")),
        ),
    ),
}
CURRENT = (
    v2.MetricStatus(
        type="Resource",
        resource=v2.ResourceMetricStatus(
            name="cpu",
            current=v2.MetricValueStatus(average_utilization=30, average_value=Quantity("3")),
        ),
    ),
    v2.MetricStatus(
        type="Pods",
        pods=v2.PodsMetricStatus(
            metric=identifier("m"), current=v2.MetricValueStatus(average_value=Quantity("4"))
        ),
    ),
    v2.MetricStatus(
        type="Object",
        object=v2.ObjectMetricStatus(
            metric=identifier("m"),
            described_object=TARGET,
            current=v2.MetricValueStatus(value=Quantity("5")),
        ),
    ),
    v2.MetricStatus(
        type="ContainerResource",
        container_resource=v2.ContainerResourceMetricStatus(
            name="cpu", container="c", current=v2.MetricValueStatus(average_value=Quantity("6"))
        ),
    ),
    v2.MetricStatus(
        type="External",
        external=v2.ExternalMetricStatus(
            metric=identifier("m"), current=v2.MetricValueStatus(value=Quantity("7"))
        ),
    ),
)
BEHAVIOUR = v2.HorizontalPodAutoscalerBehavior(
    scale_up=v2.HPAScalingRules(
        stabilization_window_seconds=0,
        select_policy="Max",
        policies=(v2.HPAScalingPolicy(type="Pods", value=4, period_seconds=15),),
    )
)


def autoscaler(*metrics, behavior=None, current=(), conditions=()):
    return v2.HorizontalPodAutoscaler(
        metadata=ObjectMeta(name="a", namespace="n", annotations={"own": "1"}),
        spec=v2.HorizontalPodAutoscalerSpec(
            scale_target_ref=TARGET, min_replicas=1, max_replicas=9, metrics=metrics, behavior=behavior
        ),
        status=v2.HorizontalPodAutoscalerStatus(
            current_replicas=2,
            desired_replicas=3,
            last_scale_time=Time("2026-01-01T00:00:00Z"),
            current_metrics=current,
            conditions=conditions,
        ),
    )


def there_and_back(hpa):
    old = convert(hpa, v1.HorizontalPodAutoscaler)
    return old, convert(old, v2.HorizontalPodAutoscaler)


def test_cpu_has_a_field_of_its_own():
    old, back = there_and_back(autoscaler(CPU))
    assert old.spec.target_cpu_utilization_percentage == 50
    assert old.metadata.annotations == {"own": "1"}
    assert back == autoscaler(CPU)


@pytest.mark.parametrize("name", OTHERS)
def test_other_metrics_are_told_by_an_annotation(name):
    hpa = autoscaler(OTHERS[name], CPU)
    old, back = there_and_back(hpa)
    assert set(old.metadata.annotations) == {"own", METRICS}
    (told,) = msgspec.json.decode(old.metadata.annotations[METRICS])
    assert told["type"] == OTHERS[name].type
    assert back == hpa


def test_status_and_behavior_are_told_by_annotations():
    condition = v2.HorizontalPodAutoscalerCondition(type="AbleToScale", status="True", reason="R")
    hpa = autoscaler(CPU, behavior=BEHAVIOUR, current=CURRENT, conditions=(condition,))
    old, back = there_and_back(hpa)
    assert set(old.metadata.annotations) == {"own", CURRENT_METRICS, CONDITIONS, BEHAVIOR}
    assert old.status.current_cpu_utilization_percentage == 30
    told = msgspec.json.decode(old.metadata.annotations[BEHAVIOR])
    assert told["ScaleUp"]["Policies"] == [{"Type": "Pods", "Value": 4, "PeriodSeconds": 15}]
    assert back == hpa


def test_an_annotation_that_cannot_be_read_says_nothing():
    old = convert(autoscaler(CPU), v1.HorizontalPodAutoscaler)
    broken = replace(
        old, metadata=replace(old.metadata, annotations={METRICS: "{", BEHAVIOR: '{"ScaleUp":3}'})
    )
    back = convert(broken, v2.HorizontalPodAutoscaler)
    assert back.spec.metrics == (CPU,)
    assert back.spec.behavior is None


def test_what_is_one_already_is_left():
    hpa = autoscaler()
    assert convert(hpa, v2.HorizontalPodAutoscaler) is hpa


def test_nothing_leads_from_a_pod_to_an_autoscaler():
    with pytest.raises(LookupError, match="no conversion from Pod to"):
        convert(Pod(), v2.HorizontalPodAutoscaler)
