"""LimitRanges and ResourceQuotas."""

import pytest

from kube.api.types.core_v1 import LimitRange, ResourceQuota

META = {"metadata": {"name": "l", "namespace": "default", "resourceVersion": "1"}}
L = "spec.limits[0]"
LIMITS = {
    "sound": (
        [
            {"type": "Container", "max": {"cpu": "2"}, "min": {"cpu": "1"}},
            {"type": "Pod", "maxLimitRequestRatio": {"cpu": "2"}},
            {"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}},
        ],
        [],
    ),
    "types": (
        [{"type": "Node"}, {"type": "Pod"}, {"type": "Pod"}],
        [
            f'{L}.type: Invalid value: "Node": must be a standard limit type or fully qualified',
            'spec.limits[2].type: Duplicate value: "Pod"',
        ],
    ),
    "defaults of pods": (
        [{"type": "Pod", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "1"}}],
        [
            f"{L}.default: Forbidden: may not be specified when `type` is 'Pod'",
            f"{L}.defaultRequest: Forbidden: may not be specified when `type` is 'Pod'",
        ],
    ),
    "claim without storage": (
        [{"type": "PersistentVolumeClaim"}],
        [
            f"{L}.limits: Required value: either minimum or maximum storage value is required, but neither was provided"
        ],
    ),
    "names": (
        [{"type": "Container", "max": {"storage": "1"}}],
        [
            f'{L}.max[storage]: Invalid value: "storage": must be a standard resource for containers',
            f'{L}.default[storage]: Invalid value: "storage": must be a standard resource for containers',
            f'{L}.defaultRequest[storage]: Invalid value: "storage": must be a standard resource for containers',
        ],
    ),
    "order": (
        [
            {
                "type": "Container",
                "min": {"cpu": "4"},
                "max": {"cpu": "1"},
                "default": {"cpu": "2"},
                "defaultRequest": {"cpu": "3"},
            }
        ],
        [
            f'{L}.min[cpu]: Invalid value: "4": min value 4 is greater than max value 1',
            f'{L}.defaultRequest[cpu]: Invalid value: "3": min value 4 is greater than default request value 3',
            f'{L}.defaultRequest[cpu]: Invalid value: "3": default request value 3 is greater than max value 1',
            f'{L}.defaultRequest[cpu]: Invalid value: "3": default request value 3 is greater than default limit value 2',
            f'{L}.default[cpu]: Invalid value: "4": min value 4 is greater than default value 2',
            f'{L}.default[cpu]: Invalid value: "1": default value 2 is greater than max value 1',
        ],
    ),
    "ratio": (
        [
            {
                "type": "Pod",
                "min": {"cpu": "1", "memory": "1"},
                "max": {"cpu": "2", "memory": "2"},
                "maxLimitRequestRatio": {"cpu": "500m", "memory": "3"},
            }
        ],
        [
            f'{L}.maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1',
            f'{L}.maxLimitRequestRatio[memory]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000',
        ],
    ),
    "extended resource": (
        [
            {
                "type": "Container",
                "default": {"example.com/gpu": "2"},
                "defaultRequest": {"example.com/gpu": "1"},
            }
        ],
        [
            (
                f'{L}.defaultRequest[example.com/gpu]: Invalid value: "1": default value 2 must equal to defaultRequest value 1'
                " in example.com/gpu"
            )
        ],
    ),
}


@pytest.mark.parametrize(("limits", "expected"), LIMITS.values(), ids=LIMITS)
def test_limit_range(faults, update_faults, limits, expected):
    assert faults(LimitRange, META, {"spec.limits": limits}) == expected
    assert update_faults(LimitRange, META, {"spec.limits": []}, {"spec.limits": limits}) == expected


QUOTAS = {
    "sound": (
        {"hard": {"pods": "10", "requests.cpu": "4", "count/deployments.apps": "2", "hugepages-2Mi": "4Mi"}},
        [],
    ),
    "names and amounts": (
        {"hard": {"storage": "1Gi", "stuff": "1", "pods": "1500m", "cpu": "-1"}},
        [
            'spec.hard[storage]: Invalid value: "storage": must be a standard resource for quota',
            'spec.hard[stuff]: Invalid value: "stuff": must be a standard resource type or fully qualified',
            'spec.hard[stuff]: Invalid value: "stuff": must be a standard resource for quota',
            'spec.hard[pods]: Invalid value: "1500m": must be an integer',
            'spec.hard[cpu]: Invalid value: "-1": must be greater than or equal to 0',
        ],
    ),
    "scopes": (
        {"hard": {"cpu": "1"}, "scopes": ["BestEffort", "NotBestEffort", "X"]},
        [
            'spec.scopes: Invalid value: ["BestEffort","NotBestEffort","X"]: unsupported scope applied to resource',
            'spec.scopes: Invalid value: ["BestEffort","NotBestEffort","X"]: unsupported scope',
            'spec.scopes: Invalid value: ["BestEffort","NotBestEffort","X"]: conflicting scopes',
        ],
    ),
    "selector": (
        {
            "hard": {"pods": "1"},
            "scopeSelector": {
                "matchExpressions": [
                    {"scopeName": "PriorityClass", "operator": "In"},
                    {"scopeName": "Terminating", "operator": "In", "values": ["a"]},
                    {"scopeName": "X", "operator": "Is"},
                ]
            },
        },
        [
            (
                "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is"
                " 'In' or 'NotIn' for scope selector"
            ),
            (
                "spec.scopeSelector.matchExpressions.operator: Invalid value: \"In\": must be 'Exists' when scope is any of"
                " ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort,"
                " ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
            ),
            'spec.scopeSelector.matchExpressions.scopeName: Invalid value: "X": unsupported scope',
            'spec.scopeSelector.matchExpressions.operator: Invalid value: "Is": not a valid selector operator',
        ],
    ),
}


@pytest.mark.parametrize(("spec", "expected"), QUOTAS.values(), ids=QUOTAS)
def test_resource_quota(faults, spec, expected):
    assert faults(ResourceQuota, META, {"spec": spec}) == expected


def test_scopes_of_a_quota_are_fixed(update_faults):
    before = {"spec": {"scopes": ["BestEffort"]}}
    assert update_faults(ResourceQuota, META, before, before) == []
    assert update_faults(ResourceQuota, META, before, {"spec": {}}) == [
        "spec.scopes: Invalid value: null: field is immutable"
    ]


def test_resource_quota_status(update_faults):
    after = {"status": {"hard": {"pods": "1"}, "used": {"pods": "-1"}}}
    assert update_faults(ResourceQuota, META, {}, after, "status") == [
        'status.used[pods]: Invalid value: "-1": must be greater than or equal to 0'
    ]
