"""Nodes: registration, heartbeats, power failures and restarts."""

import asyncio

import pytest

from kube.actors.runtime.errors import NameTakenError
from kube.api.helpers.nodes import get_condition, is_node_ready
from kube.api.types.coordination_v1 import Lease
from kube.api.types.core_v1 import Node, Pod, Taint
from kube.apimachinery.errors import ApiError, is_not_found, service_unavailable
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.time import to_seconds
from kube.kubelet.config import KubeletConfig

LEASES = "kube-node-lease"


async def lease(world, name="node-0"):
    return await world.client.get(Lease, name, namespace=LEASES)


async def test_a_node_registers_ready(world):
    taint = Taint(key="dedicated", value="gpu", effect="NoSchedule")
    node = world.node(capacity={"cpu": "4", "example.com/gpu": "2"}, labels={"zone": "a"}, taints=(taint,))
    await node.start(world.system)
    found = await world.get_node()
    assert is_node_ready(found)
    assert found.metadata.labels == {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": "node-0",
        "kubernetes.io/os": "linux",
        "zone": "a",
    }
    assert (found.status.allocatable["cpu"], found.status.capacity["example.com/gpu"]) == ("4", "2")
    assert found.spec.taints == (taint,)
    assert [each.type for each in found.status.conditions] == [
        "MemoryPressure",
        "DiskPressure",
        "PIDPressure",
        "Ready",
    ]
    assert found.status.node_info.kubelet_version == "v1.37.0"
    assert await world.events("node-0") == [("Starting", "Starting kubelet.")]


async def test_a_lease_is_renewed_every_ten_seconds(world):
    await world.node().start(world.system)
    await world.advance(10)
    first = await lease(world)
    assert first.spec.holder_identity == "node-0"
    assert first.spec.lease_duration_seconds == 40
    assert first.metadata.owner_references[0].uid == (await world.get_node()).metadata.uid
    await world.advance(10.4)
    second = await lease(world)
    renewed = to_seconds(second.spec.renew_time) - to_seconds(first.spec.renew_time)
    assert 0 < renewed <= 20.4
    assert second.metadata.resource_version != first.metadata.resource_version


async def test_the_status_is_written_when_it_changes_and_every_five_minutes(world):
    await world.node().start(world.system)
    version = (await world.get_node()).metadata.resource_version
    for _ in range(28):
        await world.advance(10.4)
    assert (await world.get_node()).metadata.resource_version == version
    for _ in range(3):
        await world.advance(10.4)
    node = await world.get_node()
    assert node.metadata.resource_version != version
    ready = get_condition(node.status, "Ready")
    assert to_seconds(ready.last_heartbeat_time) - to_seconds(ready.last_transition_time) >= 290


async def test_a_condition_that_somebody_else_set_is_corrected_at_the_next_beat(world):
    await world.node().start(world.system)
    patch = {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}
    await world.client.patch(Node, "node-0", patch, subresource="status")
    assert not is_node_ready(await world.get_node())
    await world.advance(10.4)
    assert is_node_ready(await world.get_node())


async def test_without_a_pod_cidr_the_node_is_not_ready_until_it_gets_one(world):
    node = world.nodes.node(KubeletConfig(node_name="node-0", node_ip="10.0.0.1"))
    await node.start(world.system)
    ready = get_condition((await world.get_node()).status, "Ready")
    assert (ready.status, ready.reason) == ("False", "KubeletNotReady")
    await world.create("web")
    await world.settle()
    assert (await world.pod("web")).status.phase == "Pending"
    patch = {"spec": {"podCIDR": "10.9.0.0/24", "podCIDRs": ["10.9.0.0/24"]}}
    await world.client.patch(Node, "node-0", patch)
    await world.advance(0.02)
    pod = await world.running("web")
    assert pod.status.pod_ip == "10.9.0.2"
    assert is_node_ready(await world.get_node())


async def test_it_takes_over_a_node_of_its_name(world):
    await world.client.create(Node(metadata=ObjectMeta(name="node-0", labels={"mine": "yes"})))
    await world.node().start(world.system)
    node = await world.get_node()
    assert is_node_ready(node)
    assert node.metadata.labels["mine"] == "yes"
    assert node.metadata.labels["kubernetes.io/hostname"] == "node-0"


async def test_a_killed_node_falls_silent_and_leaves_its_pods_as_they_were(world):
    node = world.node()
    await node.start(world.system)
    await world.create("web")
    await world.running("web")
    await world.advance(10.4)
    renewed = (await lease(world)).spec.renew_time
    await node.kill()
    await world.advance(60)
    assert (await lease(world)).spec.renew_time == renewed
    assert (await world.pod("web")).status.phase == "Running"
    await world.client.delete(Pod, "web")
    await world.advance(60)
    assert (await world.pod("web")).metadata.deletion_timestamp is not None


async def test_a_machine_that_comes_back_finishes_what_was_left(world):
    node = world.node()
    await node.start(world.system)
    for name in ("stays", "goes"):
        await world.create(name)
        await world.running(name)
    await node.kill()
    await world.client.delete(Pod, "goes")
    again = world.node()
    await again.start(world.system)
    await world.client.wait_for_deletion(Pod, "goes", timeout=5)
    await world.settle()
    pod = await world.running("stays")
    assert again.runtime is not None
    assert len(again.runtime) == 1
    assert pod.status.container_statuses[0].state.running is not None


async def test_many_nodes_each_run_their_own(world):
    nodes = [world.node(f"node-{number}") for number in range(20)]
    for node in nodes:
        await node.start(world.system)
    for number in range(20):
        await world.create(f"web-{number}", node=f"node-{number}")
    for number in range(20):
        await world.running(f"web-{number}")
    assert [len(node.runtime) for node in nodes if node.runtime is not None] == [1] * 20


async def test_an_idle_node_has_no_task(world):
    await world.node().start(world.system)
    await world.create("web")
    await world.running("web")
    await world.settle()
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert not [name for name in names if "kubelet-node-0" in name]


async def test_registration_is_tried_again(world, monkeypatch):
    create, failures = world.client.transport.call, [3]

    async def call(request):
        if request.verb == "create" and failures[0]:
            failures[0] -= 1
            raise service_unavailable("not yet")
        return await create(request)

    monkeypatch.setattr(world.client.transport, "call", call)
    node = world.node()
    node.spawn(world.system)
    for _ in range(4):
        await world.advance(7.7)
    assert is_node_ready(await world.get_node())
    with pytest.raises(NameTakenError):
        node.spawn(world.system)


async def test_a_node_that_is_deleted_is_not_registered_again(world):
    await world.node().start(world.system)
    await world.client.delete(Node, "node-0")
    await world.advance(10.4)
    with pytest.raises(ApiError) as raised:
        await world.get_node()
    assert is_not_found(raised.value)


async def test_containers_outlive_a_crash_of_the_kubelet(world, monkeypatch):
    node = world.node()
    await node.start(world.system)
    await world.create("web")
    before = await world.running("web")
    healthy, broken = node.runtime.pod_status, [True]

    async def pod_status(self, uid):
        if broken.pop() if broken else False:
            raise RuntimeError("a bug")
        return await healthy(uid)

    monkeypatch.setattr(type(node.runtime), "pod_status", pod_status)
    await world.create("other")
    await world.settle()
    for _ in range(3):
        await world.advance(10)
    await world.running("other")
    [info] = [each for each in world.system.describe() if "kubelet" in each.path]
    assert info.restarts == 1
    after = await world.pod("web")
    assert after.status.container_statuses == before.status.container_statuses
    await world.client.delete(Pod, "web")
    await world.client.wait_for_deletion(Pod, "web", timeout=5)


async def test_a_kubelet_that_fell_behind_goes_on_where_it_stood(world):
    node = world.node()
    ref = await node.start(world.system)
    await world.create("web")
    await world.running("web")
    kubelet = next(cell.actor for cell in world.system._cells() if cell.ref is ref)
    kubelet.on_overflow(1)
    await world.create("other")
    await world.running("other")


async def test_a_pod_cidr_that_comes_late_is_seen_at_once(world):
    await world.nodes.node(KubeletConfig(node_name="node-0", node_ip="10.0.0.1")).start(world.system)
    for _ in range(20):
        await world.advance(10.4)
    assert not is_node_ready(await world.get_node())
    patch = {"spec": {"podCIDR": "10.9.0.0/24", "podCIDRs": ["10.9.0.0/24"]}}
    await world.client.patch(Node, "node-0", patch)
    await world.settle()
    assert is_node_ready(await world.get_node())
