"""The kinds of the small groups: budgets, leases, priority classes, roles, endpoint slices."""

import pytest

from kube.api.types.coordination_v1 import Lease
from kube.api.types.discovery_v1 import EndpointSlice
from kube.api.types.policy_v1 import PodDisruptionBudget
from kube.api.types.rbac_v1 import ClusterRole, ClusterRoleBinding, Role, RoleBinding
from kube.api.types.scheduling_v1 import PriorityClass

META = {"name": "n", "namespace": "default", "resourceVersion": "1"}
CLUSTER_META = {"name": "n", "resourceVersion": "1"}
BUDGET = {"metadata": META, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}}
LEASE = {"metadata": META, "spec": {}}
PRIORITY = {"metadata": CLUSTER_META, "value": 5}
ROLE = {"metadata": META, "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}
CLUSTER_ROLE = {"metadata": CLUSTER_META, "rules": ROLE["rules"]}
BINDING = {
    "metadata": META,
    "subjects": [{"kind": "User", "name": "u"}],
    "roleRef": {"kind": "Role", "name": "r"},
}
CLUSTER_BINDING = {
    "metadata": CLUSTER_META,
    "subjects": [{"kind": "Group", "name": "g"}],
    "roleRef": {"kind": "ClusterRole", "name": "r"},
}
SLICE = {
    "metadata": META,
    "addressType": "IPv4",
    "endpoints": [{"addresses": ["10.0.0.1"]}],
    "ports": [{"name": "http", "port": 80}],
}
GROUP = '"rbac.authorization.k8s.io"'
OBJECTS = {
    "budget": (PodDisruptionBudget, BUDGET, {}, []),
    "budget, both": (
        PodDisruptionBudget,
        BUDGET,
        {"spec.maxUnavailable": "10%"},
        [
            (
                'spec: Invalid value: {"MinAvailable":1,"Selector":{"matchLabels":{"a":"b"}},"MaxUnavailable":"10%",'
                '"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set'
            )
        ],
    ),
    "budget, amount": (
        PodDisruptionBudget,
        BUDGET,
        {"spec.minAvailable": "101%"},
        ['spec.minAvailable: Invalid value: "101%": must not be greater than 100%'],
    ),
    "budget, negative": (
        PodDisruptionBudget,
        BUDGET,
        {"spec.minAvailable": -1},
        ["spec.minAvailable: Invalid value: -1: must be greater than or equal to 0"],
    ),
    "budget, eviction policy": (
        PodDisruptionBudget,
        BUDGET,
        {"spec.unhealthyPodEvictionPolicy": "Never"},
        [
            (
                'spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": '
                'supported values: "AlwaysAllow", "IfHealthyBudget"'
            )
        ],
    ),
    "budget, name": (
        PodDisruptionBudget,
        BUDGET,
        {"metadata.name": "a/b"},
        ["metadata.name: Invalid value: \"a/b\": may not contain '/'"],
    ),
    "lease": (Lease, LEASE, {"spec.leaseDurationSeconds": 15, "spec.strategy": "a.io/b"}, []),
    "lease, numbers": (
        Lease,
        LEASE,
        {"spec.leaseDurationSeconds": 0, "spec.leaseTransitions": -1},
        [
            "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
            "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
        ],
    ),
    "lease, strategy": (
        Lease,
        LEASE,
        {"spec.strategy": "Newest"},
        ['spec.strategy.strategy: Unsupported value: "Newest": supported values: "OldestEmulationVersion"'],
    ),
    "lease, holder": (
        Lease,
        LEASE,
        {"spec.preferredHolder": "a"},
        ["spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined"],
    ),
    "priority class": (PriorityClass, PRIORITY, {}, []),
    "priority class, value": (
        PriorityClass,
        PRIORITY,
        {"value": 1_000_000_001},
        ["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"],
    ),
    "priority class, system": (
        PriorityClass,
        PRIORITY,
        {"metadata.name": "system-node-critical", "value": 2000001000},
        [],
    ),
    "priority class, system value": (
        PriorityClass,
        PRIORITY,
        {"metadata.name": "system-node-critical"},
        [
            (
                "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use "
                "only. error: value of system-node-critical PriorityClass must be 2000001000"
            )
        ],
    ),
    "priority class, unknown system": (
        PriorityClass,
        PRIORITY,
        {"metadata.name": "system-x"},
        [
            (
                "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use "
                "only. error: system-x is not a known system priority class"
            )
        ],
    ),
    "priority class, policy": (
        PriorityClass,
        PRIORITY,
        {"preemptionPolicy": "Always"},
        ['preemptionPolicy: Unsupported value: "Always": supported values: "PreemptLowerPriority", "Never"'],
    ),
    "role": (Role, ROLE, {"metadata.name": "system:a"}, []),
    "role, name": (
        Role,
        ROLE,
        {"metadata.name": "a%b"},
        ["metadata.name: Invalid value: \"a%b\": may not contain '%'"],
    ),
    "role, rules": (
        Role,
        ROLE,
        {"rules": [{}, {"verbs": ["get"], "nonResourceURLs": ["/a"], "resources": ["pods"]}]},
        [
            "rules[0].verbs: Required value: verbs must contain at least one value",
            "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
            "rules[0].resources: Required value: resource rules must supply at least one resource",
            'rules[1].nonResourceURLs: Invalid value: ["/a"]: namespaced rules cannot apply to non-resource URLs',
            (
                'rules[1].nonResourceURLs: Invalid value: ["/a"]: '
                "rules cannot apply to both regular resources and non-resource URLs"
            ),
        ],
    ),
    "cluster role": (
        ClusterRole,
        CLUSTER_ROLE,
        {"rules": [{"verbs": ["get"], "nonResourceURLs": ["/a"]}], "aggregationRule": {}},
        [
            (
                "aggregationRule.clusterRoleSelectors: Required value: "
                "at least one clusterRoleSelector required if aggregationRule is non-nil"
            )
        ],
    ),
    "binding": (RoleBinding, BINDING, {}, []),
    "binding, role": (
        RoleBinding,
        BINDING,
        {"roleRef": {"apiGroup": "x", "kind": "Rule", "name": ""}},
        [
            f'roleRef.apiGroup: Unsupported value: "x": supported values: {GROUP}',
            'roleRef.kind: Unsupported value: "Rule": supported values: "Role", "ClusterRole"',
            "roleRef.name: Required value",
        ],
    ),
    "binding, subjects": (
        RoleBinding,
        BINDING,
        {
            "subjects": [
                {"kind": "User", "apiGroup": "x", "name": ""},
                {"kind": "ServiceAccount", "apiGroup": "x", "name": "s"},
                {"kind": "Robot", "name": "r"},
            ]
        },
        [
            "subjects[0].name: Required value",
            f'subjects[0].apiGroup: Unsupported value: "x": supported values: {GROUP}',
            'subjects[1].apiGroup: Unsupported value: "x": supported values: ""',
            'subjects[2].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
        ],
    ),
    "cluster binding": (
        ClusterRoleBinding,
        CLUSTER_BINDING,
        {"subjects.0": {"kind": "ServiceAccount", "name": "s"}, "roleRef.kind": "Role"},
        [
            'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
            "subjects[0].namespace: Required value",
        ],
    ),
    "slice": (EndpointSlice, SLICE, {}, []),
    "slice, address type": (
        EndpointSlice,
        SLICE,
        {"addressType": "IPX"},
        ['addressType: Unsupported value: "IPX": supported values: "FQDN", "IPv4", "IPv6"'],
    ),
    "slice, no address type": (EndpointSlice, SLICE, {"addressType": ""}, ["addressType: Required value"]),
    "slice, addresses": (
        EndpointSlice,
        SLICE,
        {"endpoints": [{"addresses": []}, {"addresses": ["::1", "127.0.0.1"]}]},
        [
            "endpoints[0].addresses: Required value: must contain at least 1 address",
            'endpoints[1].addresses[0]: Invalid value: "::1": must be a valid IPv4 address',
            (
                'endpoints[1].addresses[0]: Invalid value: "::1": '
                "may not be in the loopback range (127.0.0.0/8, ::1/128)"
            ),
            (
                'endpoints[1].addresses[1]: Invalid value: "127.0.0.1": '
                "may not be in the loopback range (127.0.0.0/8, ::1/128)"
            ),
        ],
    ),
    "slice, names": (
        EndpointSlice,
        SLICE,
        {"addressType": "FQDN", "endpoints": [{"addresses": ["a.io.", "a"]}]},
        [
            (
                'endpoints[0].addresses[1]: Invalid value: "a": '
                "should be a domain with at least two segments separated by dots"
            )
        ],
    ),
    "slice, many endpoints": (
        EndpointSlice,
        SLICE,
        {"endpoints": [{"addresses": ["10.0.0.1"]}] * 1001},
        ["endpoints: Too many: 1001: must have at most 1000 items"],
    ),
    "slice, hints": (
        EndpointSlice,
        SLICE,
        {"endpoints.0.hints": {"forZones": [{"name": "z"}, {"name": "z"}], "forNodes": [{"name": "n"}] * 9}},
        [
            'endpoints[0].hints.forZones[1].name: Duplicate value: "z"',
            "endpoints[0].hints.forNodes: Too many: 9: must have at most 8 items",
        ],
    ),
    "slice, ports": (
        EndpointSlice,
        SLICE,
        {"ports": [{"name": "a"}, {"name": "a", "protocol": "ICMP"}]},
        [
            'ports[1].name: Duplicate value: "a"',
            'ports[1].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
        ],
    ),
}


@pytest.mark.parametrize(("cls", "tree", "changes", "expected"), OBJECTS.values(), ids=OBJECTS)
def test_objects(cls, tree, changes, expected, faults):
    assert faults(cls, tree, changes) == expected


SHOWN = '{"APIGroup":"rbac.authorization.k8s.io","Kind":"ClusterRole","Name":"r"}'
CONDITION = {"type": "A", "status": "Maybe", "reason": "", "message": "", "lastTransitionTime": None}
UPDATES = {
    "budget": (PodDisruptionBudget, BUDGET, {"spec.minAvailable": 2}, "", []),
    "budget, version": (
        PodDisruptionBudget,
        BUDGET,
        {"metadata.resourceVersion": ""},
        "",
        ['metadata.resourceVersion: Invalid value: "": must be specified for an update'],
    ),
    "budget status": (
        PodDisruptionBudget,
        BUDGET,
        {"status": {"currentHealthy": -1, "conditions": [CONDITION]}},
        "status",
        [
            'status.conditions[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"',
            "status.conditions[0].lastTransitionTime: Required value: must be set",
            "status.conditions[0].reason: Required value: must be set",
            "status.currentHealthy: Invalid value: -1: must be greater than or equal to 0",
        ],
    ),
    "lease": (
        Lease,
        LEASE,
        {"spec.leaseDurationSeconds": -1},
        "",
        ["spec.leaseDurationSeconds: Invalid value: -1: must be greater than 0"],
    ),
    "priority class": (
        PriorityClass,
        PRIORITY,
        {"value": 6, "preemptionPolicy": "Never"},
        "",
        [
            "value: Forbidden: may not be changed in an update.",
            'preemptionPolicy: Invalid value: "Never": field is immutable',
        ],
    ),
    "role": (Role, ROLE, {"rules": []}, "", []),
    "binding": (
        RoleBinding,
        BINDING,
        {"roleRef.kind": "ClusterRole"},
        "",
        [f"roleRef: Invalid value: {SHOWN}: cannot change roleRef"],
    ),
    "slice": (
        EndpointSlice,
        SLICE,
        {"addressType": "FQDN", "endpoints": []},
        "",
        ['addressType: Invalid value: "FQDN": field is immutable'],
    ),
}


@pytest.mark.parametrize(("cls", "tree", "after", "subresource", "expected"), UPDATES.values(), ids=UPDATES)
def test_updates(cls, tree, after, subresource, expected, update_faults):
    assert update_faults(cls, tree, {}, after, subresource) == expected
