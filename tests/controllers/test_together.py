"""The controllers side by side: what a user does with one object, all of them carry through."""

from functools import partial

import pytest
from msgspec.structs import replace
from nodes import QUICK, UNREACHABLE, heartbeat, taints
from objects import meta, selector, template
from running import gone, held, namespace, start

from kube import Cluster
from kube.api.types.apps_v1 import Deployment, DeploymentSpec, ReplicaSet, ReplicaSetSpec
from kube.api.types.core_v1 import (
    Binding,
    ConfigMap,
    Namespace,
    Node,
    ObjectReference,
    Pod,
    PodIP,
    Service,
    ServiceAccount,
    ServicePort,
    ServiceSpec,
    Toleration,
)
from kube.api.types.discovery_v1 import EndpointSlice
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.controllers.endpointslice.controller import EndpointSliceController
from kube.controllers.initializers import INITIALIZERS
from kube.controllers.nodelifecycle.controller import NodeLifecycleController
from kube.controllers.tainteviction import TaintEvictionController


async def test_every_controller_starts(cluster):
    await start(cluster, **{name.replace("-", "_"): make for name, make in INITIALIZERS.items()})
    await cluster.until(held(cluster, ServiceAccount, "default"))
    await cluster.node("n")

    async def ranged():
        return (await cluster.client.get(Node, "n")).spec.pod_cidr

    assert await cluster.until(ranged) == "10.244.0.0/24"


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
async def test_a_deployments_pods_go_with_it(cluster, policy):
    cluster.run("deployment", "replicaset", "garbagecollector")
    spec = DeploymentSpec(replicas=2, selector=selector(), template=template())
    await cluster.client.create(Deployment(metadata=meta(), spec=spec))
    await cluster.pods_become(2)
    await cluster.client.delete(Deployment, "web", namespace="default", propagation_policy=policy)

    async def nothing():
        sets = (await cluster.client.list(ReplicaSet, namespace="default")).items
        return not sets and not await cluster.pods() and await held(cluster, Deployment, "web")() is None

    await cluster.until(nothing)


async def test_pods_outlive_a_deployment_that_is_orphaned(cluster):
    cluster.run("deployment", "replicaset", "garbagecollector")
    spec = DeploymentSpec(replicas=1, selector=selector(), template=template())
    await cluster.client.create(Deployment(metadata=meta(), spec=spec))
    await cluster.pods_become(1)
    await cluster.client.delete(Deployment, "web", namespace="default", propagation_policy="Orphan")
    await cluster.until(gone(cluster, Deployment, "web"))
    (left,) = (await cluster.client.list(ReplicaSet, namespace="default")).items
    assert left.metadata.owner_references == ()
    assert len(await cluster.pods()) == 1


async def test_a_namespace_goes_with_all_that_runs_in_it():
    """In a whole cluster: no sooner are its pods deleted than their set would have new ones."""
    async with Cluster(nodes=1) as whole:
        client = whole.client
        await client.create(Namespace(metadata=ObjectMeta(name="doomed")))
        within = replace(meta(), namespace="doomed")
        spec = DeploymentSpec(replicas=3, selector=selector(), template=template())
        await client.create(Deployment(metadata=within, spec=spec))
        ports = (ServicePort(port=80, target_port=8080, protocol="TCP"),)
        service = Service(metadata=within, spec=ServiceSpec(ports=ports, selector={"app": "web"}))
        await client.create(service)
        await client.create(ConfigMap(metadata=ObjectMeta(name="c", namespace="doomed")))
        await client.wait_for(
            Deployment, "web", lambda found: found.status.ready_replicas == 3, namespace="doomed"
        )
        await client.delete(Namespace, "doomed")
        await client.wait_for_deletion(Namespace, "doomed", timeout=10)
        for kind in (Pod, ConfigMap, Service, EndpointSlice, ReplicaSet, Deployment):
            assert not (await client.list(kind, namespace="doomed")).items


async def test_the_slices_of_a_service_go_with_it(cluster):
    cluster.run("endpointslice", "garbagecollector")
    ports = (ServicePort(port=80, target_port=8080, protocol="TCP"),)
    await cluster.client.create(
        Service(metadata=meta(), spec=ServiceSpec(ports=ports, selector={"app": "web"}))
    )

    async def slices():
        return (await cluster.client.list(EndpointSlice, namespace="default")).items

    await cluster.until(slices)
    await cluster.client.delete(Service, "web", namespace="default")

    async def none():
        return not await slices()

    await cluster.until(none)


async def test_a_dead_nodes_pods_are_replaced_and_leave_the_service(cluster):
    """The test schedules and runs the pods."""
    await namespace(cluster, "kube-node-lease")
    for name in ("a", "b"):
        await cluster.node(name)
        await heartbeat(cluster, name)
    await start(
        cluster,
        replicaset=INITIALIZERS["replicaset"],
        endpointslice=EndpointSliceController,
        nodelifecycle=partial(NodeLifecycleController, config=QUICK),
        taint_eviction=TaintEvictionController,
    )
    ports = (ServicePort(port=80, target_port=8080, protocol="TCP"),)
    await cluster.client.create(
        Service(metadata=meta(), spec=ServiceSpec(ports=ports, selector={"app": "web"}))
    )
    spec = ReplicaSetSpec(replicas=2, selector=selector(), template=template())
    await cluster.client.create(ReplicaSet(metadata=meta(), spec=spec))

    async def run(pod, node):
        name = pod.metadata.name
        target = ObjectReference(kind="Node", name=node)
        await cluster.client.bind(Binding(metadata=meta(name), target=target))
        address = f"10.244.0.{len(addresses) + 1}"
        addresses.append(address)
        await cluster.set_pod(pod, pod_ip=address, pod_ips=(PodIP(ip=address),))
        await cluster.ready(pod)

    addresses = []
    for pod, node in zip(await cluster.pods_become(2), ("a", "b"), strict=True):
        await run(pod, node)

    async def replacement():
        await heartbeat(cluster, "a")
        assert await taints(cluster, "a") == []
        return [pod for pod in await cluster.pods() if not pod.spec.node_name]

    (fresh,) = await cluster.until(replacement, "the replacement")
    assert (UNREACHABLE, "NoExecute") in await taints(cluster, "b")
    await run(fresh, "a")

    async def served():
        await heartbeat(cluster, "a")
        found = (await cluster.client.list(EndpointSlice, namespace="default")).items
        return sorted(a for s in found for e in s.endpoints if e.conditions.ready for a in e.addresses)

    async def both():
        return await served() == ["10.244.0.1", "10.244.0.3"]

    await cluster.until(both, "the service to lead to the living")


async def test_a_killed_node_is_the_only_one_that_is_given_up():
    """In a whole cluster with a grace period that is shorter than the kubelets' own default of a lease."""
    impatient = tuple(
        Toleration(key=key, operator="Exists", effect="NoExecute", toleration_seconds=0)
        for key in ("node.kubernetes.io/not-ready", UNREACHABLE)
    )
    base = template()
    spec = DeploymentSpec(
        replicas=6,
        selector=selector(),
        template=replace(base, spec=replace(base.spec, tolerations=impatient)),
    )
    async with Cluster(nodes=3, node_monitor_period=0.1, node_monitor_grace_period=1.5) as whole:
        client = whole.client
        await client.create(Deployment(metadata=meta(), spec=spec))
        await client.wait_for(Deployment, "web", lambda found: found.status.ready_replicas == 6)
        before = (await client.list(Pod, namespace="default")).items
        killed = before[0].spec.node_name
        await whole.kill_node(killed)
        await client.wait_for(Deployment, "web", lambda found: found.status.ready_replicas < 6)
        await client.wait_for(Deployment, "web", lambda found: found.status.ready_replicas == 6)
        pods = (await client.list(Pod, namespace="default")).items
        alive = {pod.metadata.uid: pod for pod in pods if pod.metadata.deletion_timestamp is None}
        assert len(alive) == 6
        assert killed not in {pod.spec.node_name for pod in alive.values()}
        assert {pod.metadata.uid for pod in before if pod.spec.node_name != killed} <= alive.keys()
        await client.delete(Node, killed)
        assert not [node for node in (await client.list(Node)).items if node.spec.taints]
