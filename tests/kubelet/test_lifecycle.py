"""Admission on the node."""

import pytest

from kube.api.types.core_v1 import (
    Affinity,
    Container,
    ContainerPort,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    NodeSpec,
    NodeStatus,
    Pod,
    PodOS,
    PodSpec,
    ResourceRequirements,
    Taint,
    Toleration,
)
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.kubelet.lifecycle import Usage, admit, matches_node

NODE = Node(
    metadata=ObjectMeta(name="n", labels={"disk": "ssd", "cores": "8"}),
    spec=NodeSpec(taints=(Taint(key="maintenance", effect="NoSchedule"),)),
    status=NodeStatus(
        allocatable={"cpu": "2", "memory": "1Gi", "pods": "3", "ephemeral-storage": "1Gi", "x.io/gpu": "1"}
    ),
)


def pod(uid="u", *, requests=None, port=0, **spec):
    container = Container(
        name="a",
        resources=ResourceRequirements(requests=requests or {}),
        ports=(ContainerPort(container_port=80, host_port=port, protocol="TCP"),) if port else (),
    )
    return Pod(metadata=ObjectMeta(name="p", uid=uid), spec=PodSpec(containers=(container,), **spec))


def full(*pods):
    usage = Usage()
    for each in pods:
        usage.add(each)
    return usage


HALF = pod("half", requests={"cpu": "1500m", "memory": "512Mi"}, port=8080)

TABLE = {
    "fits": (pod(requests={"cpu": "500m"}), full(HALF), None),
    "cpu": (pod(requests={"cpu": "501m"}), full(HALF), ("OutOfcpu", "cpu, requested: 501, used: 1500, capacity: 2000")),
    "memory": (
        pod(requests={"memory": "1Gi"}), full(HALF),
        ("OutOfmemory", "memory, requested: 1073741824, used: 536870912, capacity: 1073741824"),
    ),
    "pods": (pod(), full(pod("1"), pod("2"), pod("3")), ("OutOfpods", "pods, requested: 1, used: 3, capacity: 3")),
    "extended": (pod(requests={"x.io/gpu": "2"}), full(), ("OutOfx.io/gpu", "x.io/gpu, requested: 2, used: 0, capacity: 1")),
    "unknown extended": (pod(requests={"y.io/fpga": "2"}), full(), None),
    "port": (pod(port=8080), full(HALF), ("NodePorts", "didn't have free ports")),
    "other port": (pod(port=8081), full(HALF), None),
    "selector": (pod(node_selector={"disk": "hdd"}), full(), ("NodeAffinity", "didn't match Pod's node affinity/selector")),
    "os": (pod(os=PodOS(name="windows")), full(), ("PodOSNotSupported", "OS field")),
}  # fmt: skip


@pytest.mark.parametrize(("candidate", "usage", "expected"), TABLE.values(), ids=TABLE)
def test_admission(candidate, usage, expected):
    rejection = admit(candidate, NODE, usage)
    if expected is None:
        assert rejection is None
    else:
        assert rejection.reason == expected[0]
        assert expected[1] in rejection.message


def test_only_no_execute_taints_count():
    tainted = Node(
        metadata=NODE.metadata,
        spec=NodeSpec(taints=(Taint(key="down", effect="NoExecute"),)),
        status=NODE.status,
    )
    assert admit(pod(), NODE, Usage()) is None
    assert admit(pod(), tainted, Usage()).reason == "TaintToleration"
    assert admit(pod(tolerations=(Toleration(operator="Exists"),)), tainted, Usage()) is None


def test_what_goes_frees_what_it_took():
    usage = full(HALF)
    usage.remove("half")
    usage.remove("half")
    assert admit(pod(requests={"cpu": "2"}, port=8080), NODE, usage) is None


def term(key, operator, *values):
    return NodeSelectorTerm(
        match_expressions=(NodeSelectorRequirement(key=key, operator=operator, values=values),)
    )


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ((), False),
        ((NodeSelectorTerm(),), False),
        ((term("disk", "In", "ssd", "nvme"),), True),
        ((term("disk", "NotIn", "ssd"),), False),
        ((term("gpu", "NotIn", "a100"),), True),
        ((term("disk", "Exists"),), True),
        ((term("gpu", "DoesNotExist"),), True),
        ((term("cores", "Gt", "4"),), True),
        ((term("cores", "Lt", "4"),), False),
        ((term("disk", "Gt", "4"),), False),
        ((term("gpu", "Exists"), term("disk", "Exists")), True),
        ((NodeSelectorTerm(match_fields=term("metadata.name", "In", "n").match_expressions),), True),
        ((NodeSelectorTerm(match_fields=term("metadata.name", "In", "m").match_expressions),), False),
    ],
)
def test_required_node_affinity(terms, expected):
    affinity = Affinity(
        node_affinity=NodeAffinity(
            required_during_scheduling_ignored_during_execution=NodeSelector(node_selector_terms=terms)
        )
    )
    assert matches_node(PodSpec(affinity=affinity), NODE) is expected
