"""The cluster as a guest in a program: entered, used, left without a trace."""

import asyncio
import gc
import logging
import os
import signal
import socket
import threading
import time
import warnings
from pathlib import Path

import pytest
from msgspec.structs import replace

from kube import Cluster
from kube.actors.cluster import ClusterConfig
from kube.api.helpers.pods import is_pod_ready
from kube.api.types.apps_v1 import Deployment, DeploymentSpec
from kube.api.types.core_v1 import (
    ConfigMap,
    Container,
    Event,
    Node,
    Pod,
    PodSpec,
    PodTemplateSpec,
    Toleration,
)
from kube.api.types.rbac_v1 import ClusterRole
from kube.apimachinery.meta.v1 import LabelSelector, ObjectMeta
from kube.apiserver.server import ListenError


def deployment(name: str, replicas: int) -> Deployment:
    labels = {"app": name}
    pod = PodSpec(containers=(Container(name="web", image="nginx"),))
    template = PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=pod)
    spec = DeploymentSpec(replicas=replicas, selector=LabelSelector(match_labels=labels), template=template)
    return Deployment(metadata=ObjectMeta(name=name), spec=spec)


def impatient(name: str, replicas: int) -> Deployment:
    """As ``deployment``, but its pods tolerate a lost node for no time at all."""
    made = deployment(name, replicas)
    at_once = tuple(
        Toleration(
            key=f"node.kubernetes.io/{why}", operator="Exists", effect="NoExecute", toleration_seconds=0
        )
        for why in ("not-ready", "unreachable")
    )
    template = made.spec.template
    template = replace(template, spec=replace(template.spec, tolerations=at_once))
    return replace(made, spec=replace(made.spec, template=template))


async def test_entered_means_that_everything_serves() -> None:
    async with Cluster(nodes=3) as cluster:
        nodes = (await cluster.client.list(Node)).items
        assert [node.metadata.name for node in nodes] == ["node-0", "node-1", "node-2"]
        assert all(
            any(c.type == "Ready" and c.status == "True" for c in node.status.conditions) for node in nodes
        )


async def test_entered_means_that_pods_can_be_created_and_bound() -> None:
    async with Cluster(nodes=2) as cluster:
        assert not any(node.spec.taints for node in (await cluster.client.list(Node)).items)
        for number in range(3):
            pod = Pod(
                metadata=ObjectMeta(name=f"pod-{number}", namespace=("default", "kube-system")[number % 2]),
                spec=PodSpec(containers=(Container(name="web", image="nginx"),)),
            )
            await cluster.client.create(pod)
        for number in range(3):
            await cluster.client.wait_for(
                Pod,
                f"pod-{number}",
                lambda pod: pod.status.phase == "Running",
                namespace=("default", "kube-system")[number % 2],
            )
        events = (await cluster.client.list(Event)).items
        assert not [event.message for event in events if event.type == "Warning"]


async def test_entered_means_that_the_default_roles_are_there() -> None:
    async with Cluster(nodes=0) as cluster:
        roles = (await cluster.client.list(ClusterRole)).items
        assert {"cluster-admin", "view", "system:kube-scheduler"} <= {role.metadata.name for role in roles}


@pytest.mark.parametrize("replicas", [1, 3, 5])
async def test_a_deployment_runs(replicas: int) -> None:
    async with Cluster(nodes=2, replicas=replicas, detect_mutations=True) as cluster:
        await cluster.client.create(deployment("web", 4))
        await cluster.client.wait_for(Deployment, "web", lambda found: found.status.ready_replicas == 4)
        pods = (await cluster.client.list(Pod)).items
        assert {pod.status.phase for pod in pods} == {"Running"}
        assert len({pod.status.pod_ip for pod in pods}) == 4


async def test_stopping_the_leader_loses_nothing() -> None:
    async with Cluster(nodes=1, replicas=3) as cluster:
        client = cluster.client
        await client.create(ConfigMap(metadata=ObjectMeta(name="before")))
        leader = (await cluster.store.status()).leader
        ref = cluster.system.lookup(f"/store-{leader}")
        assert ref is not None
        stopped = time.monotonic()
        await cluster.system.stop_actor(ref)
        await client.create(ConfigMap(metadata=ObjectMeta(name="after")))
        assert time.monotonic() - stopped < 1.0
        names = [found.metadata.name for found in (await client.list(ConfigMap, namespace="default")).items]
        assert "before" in names
        assert "after" in names
        assert (await cluster.store.status()).leader not in (0, leader)


async def test_a_dead_nodes_pods_come_back_elsewhere() -> None:
    async with Cluster(nodes=3, node_monitor_period=0.1, node_monitor_grace_period=1.0) as cluster:
        client = cluster.client
        await client.create(impatient("web", 6))
        await client.wait_for(Deployment, "web", lambda found: found.status.ready_replicas == 6)
        killed = (await client.list(Pod)).items[0].spec.node_name
        await cluster.kill_node(killed)
        await client.wait_for(
            Node,
            killed,
            lambda node: any(taint.key == "node.kubernetes.io/unreachable" for taint in node.spec.taints),
        )
        elsewhere: dict[str, bool] = {}
        async with asyncio.timeout(30), client.watch(Pod, namespace="default") as events:
            async for event in events:
                pod = event.object
                elsewhere[pod.metadata.name] = is_pod_ready(pod) and pod.spec.node_name != killed
                if sum(elsewhere.values()) == 6:
                    break
        await client.wait_for(Deployment, "web", lambda found: found.status.ready_replicas == 6)


async def test_two_side_by_side_know_nothing_of_each_other() -> None:
    async with Cluster() as one, Cluster() as other:
        await one.client.create(ConfigMap(metadata=ObjectMeta(name="mine")))
        names = [
            found.metadata.name for found in (await other.client.list(ConfigMap, namespace="default")).items
        ]
        assert "mine" not in names


def open_files() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


async def test_many_in_sequence_leave_nothing() -> None:
    """No task, thread, file or socket is left, and the number of objects does not grow."""

    async def one(listen: bool) -> None:
        async with Cluster(nodes=1, listen=("127.0.0.1", 0) if listen else None):
            pass

    async def settle() -> None:
        for _ in range(3):
            await asyncio.sleep(0)

    await one(listen=True)
    await settle()
    gc.collect()
    tasks, threads, files, objects = (
        len(asyncio.all_tasks()),
        threading.active_count(),
        open_files(),
        len(gc.get_objects()),
    )
    for number in range(int(os.environ.get("KUBE_TEST_CLUSTERS", "12"))):
        await one(listen=number % 4 == 0)
    await settle()
    gc.collect()
    assert len(asyncio.all_tasks()) == tasks
    assert threading.active_count() == threads
    assert open_files() == files
    assert len(gc.get_objects()) - objects < 1000


async def test_it_leaves_its_host_alone() -> None:
    before = (
        signal.getsignal(signal.SIGINT),
        signal.getsignal(signal.SIGTERM),
        gc.get_threshold(),
        logging.getLogger().handlers[:],
        warnings.filters[:],
    )
    async with Cluster() as cluster:
        await cluster.client.create(ConfigMap(metadata=ObjectMeta(name="any")))
        within = (
            signal.getsignal(signal.SIGINT),
            signal.getsignal(signal.SIGTERM),
            gc.get_threshold(),
            logging.getLogger().handlers[:],
            warnings.filters[:],
        )
    assert within == before


async def test_a_cancelled_host_is_left_within_two_seconds() -> None:
    entered = asyncio.Event()

    async def host() -> None:
        async with Cluster(nodes=3) as cluster:
            await cluster.client.create(deployment("web", 20))
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(host())
    await entered.wait()
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 2.0


async def test_a_port_that_is_taken_is_refused_and_nothing_stays() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(ListenError, match="in use"):
            await Cluster(nodes=0, listen=("127.0.0.1", port)).start()
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="nodes"):
        ClusterConfig(nodes=-1).node_configs()
    with pytest.raises(TypeError):
        Cluster(knobs=3)
    with pytest.raises(TypeError, match=r"a store is an etcd's URL, .*, not 5"):
        Cluster(store=5)
