"""Each reason that a pod is left without a node, in upstream's words."""

import random

import pytest
from scheduler_objects import node, pod, term

from kube.api.types.core_v1 import Toleration
from kube.scheduler.scheduler import Bind, Scheduler

TAINTED = {"taints": (("dedicated", "db", "NoSchedule"),)}


def decide(nodes, wanted, *before):
    scheduler = Scheduler(random.Random(1))
    for each in nodes:
        scheduler.node_changed(None, each, 0.0)
    for each in before:
        scheduler.pod_changed(None, each, 0.0)
        assert isinstance(scheduler.schedule_one(0.0), Bind)
    scheduler.pod_changed(None, wanted, 0.0)
    found = scheduler.schedule_one(0.0)
    return found.node_name if isinstance(found, Bind) else found.note


REJECTED = {
    "cpu": ([node("n", {"cpu": "1"})], pod(requests={"cpu": "1100m"}), "1 Insufficient cpu"),
    "cpu and memory": (
        [node("n", {"cpu": "1", "memory": "1Gi"})],
        pod(requests={"cpu": "2", "memory": "2Gi"}),
        "1 Insufficient cpu, 1 Insufficient memory",
    ),
    "extended resource": (
        [node("n")],
        pod(requests={"example.com/gpu": "1"}),
        "1 Insufficient example.com/gpu",
    ),
    "pods": ([node("n", {"pods": "0"})], pod(), "1 Too many pods"),
    "cordoned": ([node("n", unschedulable=True)], pod(), "1 node(s) were unschedulable"),
    "taint": ([node("n", **TAINTED)], pod(), "1 node(s) had untolerated taint(s)"),
    "no execute": (
        [node("n", taints=(("k", "", "NoExecute"),))],
        pod(tolerations=(Toleration(key="k", operator="Exists", effect="NoSchedule"),)),
        "1 node(s) had untolerated taint(s)",
    ),
    "selector": (
        [node("n", labels={"zone": "a"})],
        pod(node_selector={"zone": "b"}),
        "1 node(s) didn't match Pod's node affinity/selector",
    ),
    "affinity": (
        [node("n", labels={"zone": "a"})],
        pod(required=[term(("zone", "NotIn", "a", "b"))]),
        "1 node(s) didn't match Pod's node affinity/selector",
    ),
    "counts and order": (
        [node("a", {"cpu": "1"}), node("b", {"cpu": "1"}), node("c", unschedulable=True)],
        pod(requests={"cpu": "2"}),
        "1 node(s) were unschedulable, 2 Insufficient cpu",
    ),
    "a node named by a field is full, the others were not asked": (
        [node("a", {"cpu": "1"}), node("b"), node("c")],
        pod(requests={"cpu": "2"}, required=[term(fields=[("metadata.name", "In", "a")])]),
        "1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]",
    ),
    "terms in conflict": (
        [node("a")],
        pod(
            required=[
                term(fields=[("metadata.name", "In", "a"), ("metadata.name", "In", "b")]),
            ]
        ),
        "pod affinity terms conflict",
    ),
}


@pytest.mark.parametrize(("nodes", "wanted", "why"), REJECTED.values(), ids=REJECTED)
def test_the_reasons_are_upstreams(nodes, wanted, why):
    assert decide(nodes, wanted) == f"0/{len(nodes)} nodes are available: {why}."


ACCEPTED = {
    "toleration": (
        [node("n", **TAINTED)],
        pod(tolerations=(Toleration(key="dedicated", operator="Equal", value="db", effect="NoSchedule"),)),
    ),
    "toleration of the cordon": (
        [node("n", unschedulable=True)],
        pod(tolerations=(Toleration(operator="Exists"),)),
    ),
    "field": ([node("m"), node("n")], pod(required=[term(fields=[("metadata.name", "In", "n")])])),
    "not that field": (
        [node("m"), node("n")],
        pod(required=[term(fields=[("metadata.name", "NotIn", "m")])]),
    ),
    "greater than": (
        [node("m", labels={"cores": "4"}), node("n", labels={"cores": "10"}), node("o")],
        pod(required=[term(("cores", "Gt", "5"))]),
    ),
    "any of two terms": (
        [node("m"), node("n", labels={"disk": "ssd"})],
        pod(required=[term(("disk", "In", "nvme")), term(("disk", "Exists"))]),
    ),
}


@pytest.mark.parametrize(("nodes", "wanted"), ACCEPTED.values(), ids=ACCEPTED)
def test_the_pod_goes_to_n(nodes, wanted):
    assert decide(nodes, wanted) == "n"


PORTS = {
    "same": (("", "TCP", 80), ("", "TCP", 80), False),
    "any address and one": (("", "TCP", 80), ("10.0.0.1", "TCP", 80), False),
    "one address and any": (("10.0.0.1", "TCP", 80), ("0.0.0.0", "TCP", 80), False),
    "two addresses": (("10.0.0.1", "TCP", 80), ("10.0.0.2", "TCP", 80), True),
    "two protocols": (("", "TCP", 80), ("", "UDP", 80), True),
    "two numbers": (("", "TCP", 80), ("", "TCP", 81), True),
}


@pytest.mark.parametrize(("first", "second", "fits"), PORTS.values(), ids=PORTS)
def test_host_ports(first, second, fits):
    found = decide([node("n")], pod(ports=(second,)), pod(ports=(first,)))
    why = "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."
    assert found == ("n" if fits else why)
