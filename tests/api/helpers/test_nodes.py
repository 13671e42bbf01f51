from kube.api.helpers import nodes
from kube.api.types.core_v1 import Node, NodeAddress, NodeCondition, NodeStatus
from kube.apimachinery.meta.v1 import ObjectMeta


def test_readiness():
    assert not nodes.is_node_ready(Node())
    for status, ready in (("True", True), ("False", False), ("Unknown", False)):
        node = Node(status=NodeStatus(conditions=(NodeCondition(type="Ready", status=status),)))
        assert nodes.is_node_ready(node) is ready


def test_addresses():
    node = Node(
        status=NodeStatus(
            addresses=(
                NodeAddress(type="Hostname", address="n"),
                NodeAddress(type="ExternalIP", address="192.0.2.1"),
                NodeAddress(type="InternalIP", address="10.0.0.1"),
            )
        )
    )
    assert nodes.addresses(node, "Hostname") == ("n",)
    assert nodes.preferred_address(node) == "10.0.0.1"
    assert nodes.preferred_address(Node()) == ""


def test_roles():
    labels = {
        "node-role.kubernetes.io/worker": "",
        "node-role.kubernetes.io/": "",
        "kubernetes.io/role": "admin",
        "other": "x",
    }
    assert nodes.roles(Node(metadata=ObjectMeta(labels=labels))) == ("admin", "worker")


def test_zone_key():
    assert nodes.zone_key({}) == ""
    both = {nodes.REGION_LABEL: "r", nodes.ZONE_LABEL: "z"}
    assert nodes.zone_key(both) == "r:\x00:z"
    assert nodes.zone_key({nodes.ZONE_LABEL: "z"}) == ":\x00:z"
