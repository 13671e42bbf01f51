"""HorizontalPodAutoscalers."""

import pytest

from kube.api.types.autoscaling_v2 import HorizontalPodAutoscaler

HPA = {
    "metadata": {"name": "h", "namespace": "default", "resourceVersion": "1"},
    "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "d"}, "maxReplicas": 3},
}
M = "spec.metrics[0]"
TYPES = '"ContainerResource", "External", "Object", "Pods", "Resource"'
AVERAGE = {"type": "AverageValue", "averageValue": "5"}
EXTERNAL = {"type": "External", "external": {"metric": {"name": "q"}, "target": AVERAGE}}


def metrics(*metrics, **spec):
    return {"spec.metrics": list(metrics), **spec}


def resource(**target):
    return metrics({"type": "Resource", "resource": {"name": "cpu", "target": target}})


AUTOSCALERS = {
    "sound": ({}, []),
    "replicas": (
        {"spec.minReplicas": -1, "spec.maxReplicas": -2},
        [
            "spec.minReplicas: Invalid value: -1: must be greater than or equal to 0",
            "spec.maxReplicas: Invalid value: -2: must be greater than 0",
            "spec.maxReplicas: Invalid value: -2: must be greater than or equal to `minReplicas`",
        ],
    ),
    "target": (
        {"spec.scaleTargetRef": {"kind": "", "name": "a/b"}},
        [
            "spec.scaleTargetRef.kind: Required value",
            "spec.scaleTargetRef.name: Invalid value: \"a/b\": may not contain '/'",
        ],
    ),
    "to zero": (metrics(EXTERNAL, **{"spec.minReplicas": 0}), []),
    "to zero by CPU": (
        {"spec.minReplicas": 0},
        [
            (
                "spec.metrics: Forbidden: must specify at least one Object or External metric to support "
                "scaling to zero replicas"
            )
        ],
    ),
    "no type": (
        metrics({"resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 5}}}),
        [
            f"{M}.type: Required value: must specify a metric source type",
            f'{M}.type: Unsupported value: "": supported values: {TYPES}',
            f'{M}.type: Unsupported value: "": supported values: {TYPES}',
        ],
    ),
    "no source": (
        metrics({"type": "Pods"}),
        [f"{M}.pods: Required value: must populate information for the given metric source"],
    ),
    "two sources": (
        metrics({**EXTERNAL, "pods": {"metric": {"name": ""}, "target": {}}}),
        [f"{M}.pods: Forbidden: must populate the given metric source only"],
    ),
    "resource target": (
        resource(type="Average", averageUtilization=0, averageValue="0"),
        [
            f'{M}.resource.target.type: Invalid value: "Average": must be either Utilization, Value, or AverageValue',
            f'{M}.resource.target.averageValue: Invalid value: "0": must be positive',
            f"{M}.resource.target.averageUtilization: Invalid value: 0: must be greater than 0",
            f"{M}.resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization",
        ],
    ),
    "no resource target": (
        resource(type="Utilization"),
        [
            (
                f"{M}.resource.target.averageUtilization: Required value: "
                "must set either a target raw value or a target utilization"
            )
        ],
    ),
    "container": (
        metrics({"type": "ContainerResource", "containerResource": {"target": AVERAGE}}),
        [
            f"{M}.containerResource.name: Required value: must specify a resource name",
            f"{M}.containerResource.container: Required value: must specify a container",
        ],
    ),
    "pods": (
        metrics(
            {"type": "Pods", "pods": {"metric": {"name": ""}, "target": {"type": "Value", "value": "1"}}}
        ),
        [
            f"{M}.pods.metric.name: Required value: must specify a metric name",
            f"{M}.pods.target.averageValue: Required value: must specify a positive target averageValue",
        ],
    ),
    "object": (
        metrics(
            {
                "type": "Object",
                "object": {
                    "describedObject": {"kind": "Ingress", "name": "i"},
                    "metric": {"name": "m"},
                    "target": {"type": "Value"},
                },
            }
        ),
        [f"{M}.object.target.averageValue: Required value: must set either a target value or averageValue"],
    ),
    "external": (
        metrics(
            {"type": "External", "external": {"metric": {"name": "q"}, "target": {**AVERAGE, "value": "1"}}}
        ),
        [
            (
                f"{M}.external.target.value: Forbidden: "
                "may not set both a target value for metric and a per-pod target"
            )
        ],
    ),
    "behavior": (
        {
            "spec.behavior": {
                "scaleUp": {"stabilizationWindowSeconds": 3601, "selectPolicy": "Some", "tolerance": "-1"},
                "scaleDown": {
                    "stabilizationWindowSeconds": -1,
                    "policies": [{"type": "Nodes", "value": 0, "periodSeconds": 1801}],
                },
            }
        },
        [
            "spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600",
            'spec.behavior.scaleUp.selectPolicy: Unsupported value: "Some": supported values: "Disabled", "Max", "Min"',
            'spec.behavior.scaleUp.tolerance: Invalid value: "-1": must be greater or equal to zero',
            "spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: -1: must be greater than or equal to zero",
            (
                'spec.behavior.scaleDown.policies[0].type: Unsupported value: "Nodes": '
                'supported values: "Percent", "Pods"'
            ),
            "spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be greater than zero",
            (
                "spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 1801: "
                "must be less than or equal to 1800"
            ),
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), AUTOSCALERS.values(), ids=AUTOSCALERS)
def test_autoscalers(changes, expected, faults, update_faults):
    assert faults(HorizontalPodAutoscaler, HPA, changes) == expected
    assert update_faults(HorizontalPodAutoscaler, HPA, {}, changes) == expected


def test_status(update_faults):
    after = {"status": {"currentReplicas": -1, "desiredReplicas": -1}}
    assert update_faults(HorizontalPodAutoscaler, HPA, {}, after, "status") == [
        "status.currentReplicas: Invalid value: -1: must be greater than or equal to 0",
        "status.desiredReplicas: Invalid value: -1: must be greater than or equal to 0",
    ]
