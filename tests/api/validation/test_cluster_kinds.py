"""Nodes, Namespaces, Endpoints, ReplicationControllers, ServiceAccounts."""

import pytest

from kube.api.types.core_v1 import (
    Endpoints,
    Namespace,
    Node,
    ReplicationController,
    ServiceAccount,
)

NODE = {"metadata": {"name": "n1", "resourceVersion": "1"}}
NODES = {
    "sound": (
        {
            "spec.podCIDRs": ["10.0.0.0/24", "fd00::/64"],
            "spec.taints": [{"key": "a", "effect": "NoSchedule"}],
            "status.capacity": {"cpu": "4", "pods": "110"},
        },
        [],
    ),
    "taints": (
        {
            "spec.taints": [
                {"key": "a", "value": "v v", "effect": ""},
                {"key": "b", "effect": "Later"},
                {"key": "b", "effect": "Later"},
            ]
        },
        [
            'metadata.taints[0].value: Invalid value: "v v": a valid label must be',
            "metadata.taints[0].effect: Required value",
            (
                'metadata.taints[1].effect: Unsupported value: "Later": supported values: "NoSchedule", "PreferNoSchedule",'
                ' "NoExecute"'
            ),
            'metadata.taints[2].effect: Unsupported value: "Later"',
            (
                'metadata.taints[2]: Duplicate value: {"Key":"b","Value":"","Effect":"Later","TimeAdded":null}: taints must be'
                " unique by key and effect pair"
            ),
        ],
    ),
    "amounts": (
        {"status.capacity": {"cpu": "-1", "pods": "1500m"}},
        [
            'status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0',
            'status.capacity.pods: Invalid value: "1500m": must be an integer',
            'status.allocatable.cpu: Invalid value: "-1": must be greater than or equal to 0',
            'status.allocatable.pods: Invalid value: "1500m": must be an integer',
        ],
    ),
    "pod CIDR": (
        {"spec.podCIDRs": ["x"]},
        [
            'spec.podCIDRs[0]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'
        ],
    ),
    "pod CIDRs of one family": (
        {"spec.podCIDRs": ["10.0.0.0/24", "10.0.0.0/24"]},
        [
            (
                'spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.0.0.0/24"]: may specify no more than one CIDR for each IP'
                " family"
            ),
            'spec.podCIDRs[1]: Duplicate value: "10.0.0.0/24"',
        ],
    ),
}


def assert_starts(errors, expected):
    assert len(errors) == len(expected), errors
    for error, start in zip(errors, expected, strict=True):
        assert error.startswith(start)


@pytest.mark.parametrize(("changes", "expected"), NODES.values(), ids=NODES)
def test_node(faults, changes, expected):
    assert_starts(faults(Node, NODE, changes), expected)


NODE_UPDATES = {
    "cordon": ({}, {"spec.unschedulable": True}, []),
    "first pod CIDR": ({}, {"spec.podCIDRs": ["10.0.0.0/24"]}, []),
    "other pod CIDR": (
        {"spec.podCIDRs": ["10.0.0.0/24"]},
        {"spec.podCIDRs": ["10.0.1.0/24"]},
        ['spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid'],
    ),
    "other provider": (
        {"spec.providerID": "a"},
        {"spec.providerID": "b"},
        ['spec.providerID: Forbidden: node updates may not change providerID except from "" to valid'],
    ),
    "address twice": (
        {},
        {"status.addresses": [{"type": "Hostname", "address": "n"}] * 2},
        ['status.addresses[1]: Duplicate value: {"Type":"Hostname","Address":"n"}'],
    ),
    "config source": (
        {},
        {
            "spec.configSource": {
                "configMap": {"namespace": "", "name": "N", "kubeletConfigKey": "k", "uid": "u"}
            }
        },
        [
            "spec.configSource.configMap.uid: Forbidden: uid must not be set in spec",
            "spec.configSource.configMap.namespace: Required value: namespace must be set",
            'spec.configSource.configMap.name: Invalid value: "N": a lowercase RFC 1123 subdomain',
        ],
    ),
}


NODE_UPDATES |= {
    "config status": (
        {},
        {
            "status.config": {
                "assigned": {"configMap": {"namespace": "n", "name": "c", "kubeletConfigKey": "a/b"}}
            }
        },
        [
            "status.config.assigned.configMap.uid: Required value: uid must be set in status",
            "status.config.assigned.configMap.resourceVersion: Required value: resourceVersion must be set in status",
            'status.config.assigned.configMap.kubeletConfigKey: Invalid value: "a/b": a valid config key',
        ],
    ),
    "config of nothing": (
        {},
        {"spec.configSource": {}},
        ["spec.configSource: Invalid value: {}: exactly one reference subfield must be non-nil"],
    ),
    "external ID": (
        {"spec.externalID": "a"},
        {"spec.externalID": "b"},
        ["spec.externalID: Forbidden: may not be updated"],
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), NODE_UPDATES.values(), ids=NODE_UPDATES)
@pytest.mark.parametrize("subresource", ["", "status"])
def test_node_update(update_faults, before, after, expected, subresource):
    assert_starts(update_faults(Node, NODE, before, after, subresource), expected)


NAMESPACE = {"metadata": {"name": "team", "resourceVersion": "1"}}


def test_namespace_names_are_labels(faults):
    (error,) = faults(Namespace, NAMESPACE, {"metadata.name": "a.b"})
    assert error == 'metadata.name: Invalid value: "a.b": must not contain dots'


def test_namespace_finalizers(faults, update_faults):
    changes = {"spec.finalizers": ["kubernetes", "mine"]}
    text = 'Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified'
    assert faults(Namespace, NAMESPACE, changes) == [f"spec.finalizers: {text}"]
    assert update_faults(Namespace, NAMESPACE, {}, changes, "finalize") == [f"spec.finalizers[1]: {text}"]
    assert update_faults(Namespace, NAMESPACE, {}, changes) == []


DYING = {"metadata.deletionTimestamp": "2026-01-01T00:00:00Z"}
PHASES = {
    "active": ({}, []),
    "active while dying": (
        {**DYING, "status.phase": "Active"},
        [
            "status.Phase: Invalid value: \"Active\": may only be 'Terminating' if `deletionTimestamp` is not empty"
        ],
    ),
    "terminating": ({**DYING, "status.phase": "Terminating"}, []),
    "terminating too early": (
        {"status.phase": "Terminating"},
        [
            "status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"
        ],
    ),
}


@pytest.mark.parametrize(("after", "expected"), PHASES.values(), ids=PHASES)
def test_namespace_status(update_faults, after, expected):
    before = DYING if "metadata.deletionTimestamp" in after else {}
    assert update_faults(Namespace, NAMESPACE, before, after, "status") == expected


ENDPOINTS = {
    "metadata": {"name": "web", "namespace": "default", "resourceVersion": "1"},
    "subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}],
}
SUBSETS = {
    "sound": ({}, []),
    "no addresses": (
        {"subsets.0.addresses": []},
        ["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"],
    ),
    "addresses": (
        {
            "subsets.0.addresses": [{"ip": "::1", "hostname": "A"}],
            "subsets.0.notReadyAddresses": [{"ip": "nope", "nodeName": "N"}],
        },
        [
            'subsets[0].addresses[0].hostname: Invalid value: "A": a lowercase RFC 1123 label',
            'subsets[0].addresses[0].ip: Invalid value: "::1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
            (
                'subsets[0].notReadyAddresses[0].ip: Invalid value: "nope": must be a valid IP address, (e.g. 10.9.8.7 or'
                " 2001:db8::ffff)"
            ),
            'subsets[0].notReadyAddresses[0].nodeName: Invalid value: "N": a lowercase RFC 1123 subdomain',
            'subsets[0].notReadyAddresses[0].ip: Invalid value: "nope": must be a valid IP address',
        ],
    ),
    "ports": (
        {"subsets.0.ports": [{"port": 80}, {"name": "b", "port": 0, "protocol": "X"}]},
        [
            "subsets[0].ports[0].name: Required value",
            "subsets[0].ports[1].port: Invalid value: 0: must be between 1 and 65535, inclusive",
            'subsets[0].ports[1].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), SUBSETS.values(), ids=SUBSETS)
def test_endpoints(faults, update_faults, changes, expected):
    assert_starts(faults(Endpoints, ENDPOINTS, changes), expected)
    assert_starts(update_faults(Endpoints, ENDPOINTS, {}, changes), expected)


CONTROLLER = {
    "metadata": {"name": "rc", "namespace": "default", "resourceVersion": "1"},
    "spec": {
        "selector": {"app": "web"},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "nginx"}]},
        },
    },
}
CONTROLLERS = {
    "sound": ({}, []),
    "numbers": (
        {"spec.replicas": -1, "spec.minReadySeconds": -1},
        [
            "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0",
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        ],
    ),
    "no template": (
        {"spec.template": None},
        ["spec.template: Required value"],
    ),
    "no selector and no labels": (
        {"spec.selector": {}, "spec.template.metadata": {}},
        ["spec.selector: Required value"],
    ),
    "labels do not match": (
        {"spec.template.metadata": {}},
        ["spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`"],
    ),
    "restart policy": (
        {"spec.template.spec.restartPolicy": "Never", "spec.template.spec.activeDeadlineSeconds": 1},
        [
            'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
            (
                "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicationController is not"
                " Supported"
            ),
        ],
    ),
    "container": (
        {"spec.template.spec.containers.0.image": ""},
        ["spec.template.spec.containers[0].image: Required value"],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), CONTROLLERS.values(), ids=CONTROLLERS)
def test_replication_controller(faults, update_faults, changes, expected):
    assert faults(ReplicationController, CONTROLLER, changes) == expected
    assert update_faults(ReplicationController, CONTROLLER, {}, changes) == expected


def test_replication_controller_status(update_faults):
    after = {"status": {"replicas": 1, "readyReplicas": 2, "availableReplicas": 3}}
    assert update_faults(ReplicationController, CONTROLLER, {}, after, "status") == [
        "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
        "status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas",
        "status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas",
    ]


def test_service_account(faults, update_faults):
    account = {"metadata": {"name": "default", "namespace": "default", "resourceVersion": "1"}}
    assert faults(ServiceAccount, account, {}) == []
    assert update_faults(ServiceAccount, account, {}, {"secrets": [{"name": "s"}]}) == []
    assert len(faults(ServiceAccount, account, {"metadata.name": "A"})) == 1
