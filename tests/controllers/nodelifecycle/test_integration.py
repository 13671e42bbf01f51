"""A node that is no longer heard of is tainted, its pods are evicted, and what its kubelet can't do is done for it."""

from functools import partial

import pytest
from msgspec.structs import replace
from nodes import QUICK, UNREACHABLE, heartbeat, taints
from running import gone, held, namespace, start

from kube.api.types.core_v1 import Container, Node, NodeCondition, Pod, PodSpec, Taint, Toleration
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.controllers.nodelifecycle.controller import NodeLifecycleController
from kube.controllers.podgc import PodGarbageCollector, PodGCConfig, terminated_beyond
from kube.controllers.tainteviction import TaintEvictionController, toleration_time

LIFECYCLE = partial(NodeLifecycleController, config=QUICK)


async def pod_on(cluster, node, name="web", **spec):
    wanted = PodSpec(containers=(Container(name="main", image="nginx"),), node_name=node, **spec)
    pod = await cluster.client.create(Pod(metadata=ObjectMeta(name=name, namespace="default"), spec=wanted))
    return await cluster.ready(pod)


async def test_a_dead_node_loses_its_pods_and_a_live_one_keeps_them(cluster):
    await namespace(cluster, "kube-node-lease")
    for name in ("alive", "dead"):
        await cluster.node(name)
        await pod_on(cluster, name, f"on-{name}")
    await start(cluster, nodelifecycle=LIFECYCLE, taint_eviction=TaintEvictionController)

    async def evicted():
        await heartbeat(cluster, "alive")
        pod = await cluster.client.get(Pod, "on-dead", namespace="default")
        return pod if pod.metadata.deletion_timestamp is not None else None

    pod = await cluster.until(evicted, "the eviction")
    conditions = {each.type: each for each in pod.status.conditions}
    assert conditions["Ready"].status == "False"
    assert conditions["DisruptionTarget"].reason == "DeletionByTaintManager"
    dead = await cluster.client.get(Node, "dead")
    (ready, *_) = dead.status.conditions
    assert (ready.status, ready.reason) == ("Unknown", "NodeStatusUnknown")

    async def tainted():
        await heartbeat(cluster, "alive")
        return await taints(cluster, "dead") == [(UNREACHABLE, "NoExecute"), (UNREACHABLE, "NoSchedule")]

    await cluster.until(tainted, "both taints")
    assert await taints(cluster, "alive") == []
    kept = await cluster.client.get(Pod, "on-alive", namespace="default")
    assert kept.metadata.deletion_timestamp is None
    await cluster.said("NodeNotReady", "Node dead status is now: NodeNotReady")
    await cluster.said("NodeNotReady", "Node is not ready")
    await cluster.said("TaintManagerEviction", "Marking for deletion Pod default/on-dead")


async def test_a_node_that_comes_back_is_untainted(cluster):
    await namespace(cluster, "kube-node-lease")
    await cluster.node("alive")
    node = await cluster.node("back")
    await start(cluster, nodelifecycle=LIFECYCLE)

    async def tainted():
        await heartbeat(cluster, "alive")
        return (UNREACHABLE, "NoExecute") in await taints(cluster, "back")

    await cluster.until(tainted)

    async def cured():
        await heartbeat(cluster, "alive")
        await heartbeat(cluster, "back")
        fresh = await cluster.client.get(Node, "back")
        if fresh.status.conditions[0].status != "True":
            ready = NodeCondition(
                type="Ready", status="True", last_heartbeat_time=node.metadata.creation_timestamp
            )
            await cluster.client.update_status(
                replace(fresh, status=replace(fresh.status, conditions=(ready,)))
            )
        return not fresh.spec.taints

    await cluster.until(cured)


async def test_when_all_nodes_look_dead_none_is_emptied(cluster):
    await cluster.node("one")
    await cluster.node("two")
    await start(cluster, nodelifecycle=LIFECYCLE)

    async def unknown():
        nodes = (await cluster.client.list(Node)).items
        return all(each.status.conditions[0].status == "Unknown" for each in nodes)

    await cluster.until(unknown)

    async def marked():
        found = [await taints(cluster, name) for name in ("one", "two")]
        return all((UNREACHABLE, "NoSchedule") in each for each in found) and found

    for found in await cluster.until(marked):
        assert (UNREACHABLE, "NoExecute") not in found


async def test_a_cordoned_node_is_tainted(cluster):
    await cluster.node("n")
    await start(cluster, nodelifecycle=NodeLifecycleController)
    await cluster.client.patch(Node, "n", {"spec": {"unschedulable": True}})

    async def tainted():
        return await taints(cluster, "n") == [("node.kubernetes.io/unschedulable", "NoSchedule")]

    await cluster.until(tainted)
    await cluster.client.patch(Node, "n", {"spec": {"unschedulable": False}})

    async def clean():
        return await taints(cluster, "n") == []

    await cluster.until(clean)


TAINT = Taint(key="k", value="v", effect="NoExecute")


def tolerate(seconds=None, key="k"):
    return Toleration(key=key, operator="Exists", effect="NoExecute", toleration_seconds=seconds)


@pytest.mark.parametrize(
    ("held_taints", "tolerations", "time"),
    [
        pytest.param([], [], None, id="no taint"),
        pytest.param([TAINT], [], 0.0, id="not tolerated"),
        pytest.param([TAINT], [tolerate()], None, id="for ever"),
        pytest.param([TAINT], [tolerate(30)], 30.0, id="for a while"),
        pytest.param([TAINT], [tolerate(-5)], 0.0, id="not at all"),
        pytest.param(
            [TAINT, replace(TAINT, key="x")], [tolerate(30), tolerate(5, "x")], 5.0, id="the shortest"
        ),
        pytest.param([TAINT, replace(TAINT, key="x")], [tolerate(30)], 0.0, id="one of two"),
        pytest.param([TAINT], [tolerate(), tolerate(5)], None, id="the first that matches"),
    ],
)
def test_toleration_times(held_taints, tolerations, time):
    assert toleration_time(held_taints, tolerations) == time


async def test_tolerations_run_out_or_are_spared(cluster):
    await cluster.node("n")
    await start(cluster, taint_eviction=TaintEvictionController)
    await pod_on(cluster, "n", "brief", tolerations=(tolerate(1),))
    await pod_on(cluster, "n", "long", tolerations=(tolerate(300),))
    await pod_on(cluster, "n", "ever", tolerations=(tolerate(),))
    await cluster.client.patch(Node, "n", {"spec": {"taints": [{"key": "k", "effect": "NoExecute"}]}})

    async def evicted():
        pods = (await cluster.client.list(Pod, namespace="default")).items
        return [pod.metadata.name for pod in pods if pod.metadata.deletion_timestamp is not None]

    assert await cluster.until(evicted) == ["brief"]
    await cluster.client.patch(Node, "n", {"spec": {"taints": []}})
    await cluster.said("TaintManagerEviction", "Cancelling deletion of Pod default/long")
    assert await evicted() == ["brief"]


async def test_pods_of_a_node_that_is_gone_are_collected(cluster):
    await cluster.node("n")
    await cluster.node("other")
    await pod_on(cluster, "n", "lost", termination_grace_period_seconds=300)
    await pod_on(cluster, "other", "kept")
    await start(
        cluster, podgc=partial(PodGarbageCollector, config=PodGCConfig(check_period=0.1, quarantine=0.1))
    )
    await cluster.client.delete(Node, "n")
    await cluster.until(gone(cluster, Pod, "lost"), "the end of the pod")
    assert await held(cluster, Pod, "kept")() is not None


async def test_pods_that_hang_on_a_node_out_of_service_are_collected(cluster):
    await cluster.node("n", taints=(Taint(key="node.kubernetes.io/out-of-service", effect="NoExecute"),))
    node = await cluster.client.get(Node, "n")
    down = NodeCondition(type="Ready", status="Unknown")
    await cluster.client.update_status(replace(node, status=replace(node.status, conditions=(down,))))
    await pod_on(cluster, "n", "hung", termination_grace_period_seconds=300)
    await cluster.client.delete(Pod, "hung", namespace="default")
    await start(cluster, podgc=partial(PodGarbageCollector, config=PodGCConfig(check_period=0.1)))
    await cluster.until(gone(cluster, Pod, "hung"), "the end of the pod")


def ended(name, age, *, phase="Succeeded", reason=""):
    metadata = ObjectMeta(name=name, creation_timestamp=f"2026-01-01T00:00:{60 - age:02}Z")
    return replace(
        Pod(metadata=metadata, spec=PodSpec(containers=())),
        status=replace(Pod(spec=PodSpec(containers=())).status, phase=phase, reason=reason),
    )


@pytest.mark.parametrize(
    ("threshold", "expected"), [(0, []), (1, ["evicted", "old", "newer"]), (3, ["evicted"]), (4, [])]
)
def test_ended_pods_beyond_the_threshold(threshold, expected):
    pods = [
        ended("newest", 1),
        ended("old", 9),
        ended("running", 30, phase="Running"),
        ended("newer", 5),
        ended("evicted", 2, phase="Failed", reason="Evicted"),
    ]
    assert [pod.metadata.name for pod in terminated_beyond(pods, threshold)] == expected
