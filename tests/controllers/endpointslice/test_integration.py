"""Slices follow services and pods, in few writes."""

from msgspec.structs import replace
from running import start
from services import HTTP, pod

from kube.api.types.core_v1 import Pod, Service, ServiceSpec
from kube.api.types.discovery_v1 import EndpointSlice
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.controllers.endpointslice.controller import EndpointSliceController


def web():
    spec = ServiceSpec(ports=(replace(HTTP, target_port=8080),), selector={"app": "web"})
    return Service(metadata=ObjectMeta(name="web", namespace="default"), spec=spec)


async def run_pod(cluster, name, ip, *, ready=True):
    wanted = pod(name, ip, ready=ready)
    metadata = replace(wanted.metadata, uid="")
    created = await cluster.client.create(replace(wanted, metadata=metadata))
    return await cluster.client.update_status(replace(created, status=wanted.status))


async def slices(cluster):
    found = await cluster.client.list(
        EndpointSlice, namespace="default", label_selector="kubernetes.io/service-name=web"
    )
    return found.items


def ready_in(found):
    return sorted(e.target_ref.name for s in found for e in s.endpoints if e.conditions.ready)


async def test_slices_follow_pods(cluster):
    await start(cluster, endpointslice=EndpointSliceController)
    await cluster.node("node")
    await run_pod(cluster, "a", "10.244.0.1")
    await run_pod(cluster, "b", "10.244.0.2", ready=False)
    await cluster.client.create(web())

    async def become(names):
        async def check():
            return ready_in(await slices(cluster)) == names

        await cluster.until(check, f"{names} ready")

    await become(["a"])
    (one,) = await slices(cluster)
    assert one.address_type == "IPv4"
    assert one.ports[0].port == 8080
    assert len(one.endpoints) == 2
    await cluster.ready(await cluster.client.get(Pod, "b", namespace="default"))
    await become(["a", "b"])
    await cluster.client.delete(Pod, "a", namespace="default", grace_period_seconds=0)
    await become(["b"])


async def test_a_slice_that_somebody_changes_is_mended(cluster):
    await start(cluster, endpointslice=EndpointSliceController)
    await cluster.node("node")
    await run_pod(cluster, "a", "10.244.0.1")
    await cluster.client.create(web())

    async def whole():
        found = await slices(cluster)
        return found if ready_in(found) == ["a"] else None

    (one,) = await cluster.until(whole)
    await cluster.client.update(replace(one, endpoints=()))
    (one,) = await cluster.until(whole)
    await cluster.client.delete(EndpointSlice, one.metadata.name, namespace="default")
    await cluster.until(whole)


async def test_many_pods_become_ready_in_few_writes(cluster):
    writes = await start(cluster, endpointslice=EndpointSliceController)
    await cluster.node("node")
    await cluster.client.create(web())
    count = 300
    for number in range(count):
        await run_pod(cluster, f"pod-{number}", f"10.244.{number // 250}.{number % 250}")

    async def all_ready():
        return len(ready_in(await slices(cluster))) == count

    await cluster.until(all_ready)
    assert max(len(each.endpoints) for each in await slices(cluster)) <= 100
    assert len(writes.of("endpointslices")) < count / 5
