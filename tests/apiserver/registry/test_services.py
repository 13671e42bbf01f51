"""Services through the whole server: what they are given, keep and give back."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kube.api.types.core_v1 import Service, ServicePort, ServiceSpec
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.registry.service_allocation import (
    AllocationError,
    NumberAllocator,
    ServiceAllocator,
    ServiceRange,
)
from kube.base.chance import Chance


def service(name="s", *ports, **spec):
    ports = ports or (ServicePort(port=80),)
    return Service(metadata=ObjectMeta(name=name, namespace="default"), spec=ServiceSpec(ports=ports, **spec))


async def message_of(call, code=422):
    with pytest.raises(ApiError) as refused:
        await call
    assert refused.value.code == code
    return refused.value.message


async def test_a_service_gets_an_address(api):
    made = await api.create(service())
    spec = made.spec
    assert spec.cluster_ip.startswith("10.")
    assert spec.cluster_ips == (spec.cluster_ip,)
    assert (spec.type, spec.ip_families, spec.ip_family_policy) == ("ClusterIP", ("IPv4",), "SingleStack")
    assert spec.ports[0].node_port == 0


async def test_addresses_are_given_to_one_service_each(api):
    made = await asyncio.gather(*(api.create(service(f"s{i}")) for i in range(50)))
    assert len({each.spec.cluster_ip for each in made}) == 50


async def test_an_address_by_wish_is_had_once(api):
    await api.create(service("a", cluster_ip="10.96.0.10"))
    message = await message_of(api.create(service("b", cluster_ip="10.96.0.10")))
    assert message == (
        'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: '
        "failed to allocate IP 10.96.0.10: provided IP is already allocated"
    )
    await api.delete(Service, "a")
    await api.create(service("b", cluster_ip="10.96.0.10"))


async def test_an_address_of_elsewhere_is_refused(api):
    message = await message_of(api.create(service(cluster_ip="192.168.0.1")))
    assert message.endswith(
        "failed to allocate IP 192.168.0.1: the provided network does not match the current range"
    )


async def test_what_a_refused_service_took_is_free_again(api):
    bad = service("a", ServicePort(port=0), cluster_ip="10.96.0.11")
    await message_of(api.create(bad))
    await api.create(service("b", cluster_ip="10.96.0.11"))


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancelled_create_gives_back_only_what_was_not_written(api, clock, turns):
    """Whoever is cancelled while the write is on its way does not know whether it has happened."""
    creating = asyncio.create_task(api.create(service("a", cluster_ip="10.96.0.13")))
    for _ in range(turns):
        await asyncio.sleep(0)
    creating.cancel()
    await asyncio.gather(creating, return_exceptions=True)
    for _ in range(20):
        await asyncio.sleep(0)
    clock.advance(120)
    written = [each.metadata.name for each in await api.call("list", Service)]
    if written:
        assert "already allocated" in await message_of(api.create(service("b", cluster_ip="10.96.0.13")))
        await api.delete(Service, "a")
    await api.create(service("b", cluster_ip="10.96.0.13"))


async def test_the_address_of_a_cancelled_create_is_taken_until_it_is_known_to_be_free(api, clock):
    await api.create(service("first"))
    created = asyncio.Event()
    storage = api.served.stores["", "services"].storage
    create = type(storage).create

    async def late(self, key, obj, *, ttl=None):
        created.set()
        await asyncio.Event().wait()
        return await create(self, key, obj, ttl=ttl)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(storage), "create", late)
        creating = asyncio.create_task(api.create(service("a", cluster_ip="10.96.0.14")))
        await created.wait()
        creating.cancel()
        await asyncio.gather(creating, return_exceptions=True)
    assert "already allocated" in await message_of(api.create(service("b", cluster_ip="10.96.0.14")))
    clock.advance(120)
    await api.create(service("b", cluster_ip="10.96.0.14"))


async def test_a_dry_run_takes_nothing(api):
    await api.create(service("a", cluster_ip="10.96.0.12"), dry_run=True)
    await api.create(service("b", cluster_ip="10.96.0.12"))


async def test_headless_services_have_no_address(api):
    made = await api.create(service(cluster_ip="None", selector={"a": "b"}))
    assert (made.spec.cluster_ips, made.spec.ip_families) == (("None",), ("IPv4",))
    bare = await api.create(service("t", cluster_ip="None"))
    assert (bare.spec.ip_families, bare.spec.ip_family_policy) == (("IPv4", "IPv6"), "RequireDualStack")


async def test_external_names_have_none_either(api):
    made = await api.create(service(type="ExternalName", external_name="a.example"))
    assert (made.spec.cluster_ip, made.spec.cluster_ips, made.spec.ip_families) == ("", (), ())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param(
            {"ip_family_policy": "RequireDualStack"},
            "this cluster is not configured for dual-stack services",
            id="dual stack",
        ),
        pytest.param({"ip_families": ("IPv6",)}, "not configured on this cluster", id="IPv6"),
        pytest.param({"cluster_ip": "fd00::1"}, "IPv6 is not configured on this cluster", id="IPv6 address"),
    ],
)
async def test_the_cluster_has_one_family(api, spec, message):
    assert message in await message_of(api.create(service(**spec)))


async def test_preferring_two_families_is_content_with_one(api):
    made = await api.create(service(ip_family_policy="PreferDualStack"))
    assert (made.spec.ip_families, made.spec.ip_family_policy) == (("IPv4",), "PreferDualStack")


# node ports


async def test_node_ports_are_given(api):
    made = await api.create(
        service("s", ServicePort(name="a", port=1), ServicePort(name="b", port=2), type="NodePort")
    )
    ports = {port.node_port for port in made.spec.ports}
    assert len(ports) == 2
    assert all(30000 <= port <= 32767 for port in ports)


async def test_ports_of_one_number_share_their_node_port(api):
    dns = (ServicePort(name="t", port=53), ServicePort(name="u", port=53, protocol="UDP"))
    made = await api.create(service("s", *dns, type="NodePort"))
    assert made.spec.ports[0].node_port == made.spec.ports[1].node_port != 0


async def test_a_node_port_by_wish_is_had_once(api):
    port = ServicePort(port=80, node_port=30080)
    await api.create(service("a", port, type="NodePort"))
    message = await message_of(api.create(service("b", port, type="NodePort")))
    assert message == (
        'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30080: '
        "provided port is already allocated"
    )


async def test_a_node_port_out_of_range(api):
    message = await message_of(
        api.create(service("a", ServicePort(port=80, node_port=8080), type="NodePort"))
    )
    assert message.endswith(
        "provided port is not in the valid range. The range of valid ports is 30000-32767"
    )


async def test_a_load_balancer_gets_a_port_for_health_checks(api):
    made = await api.create(service(type="LoadBalancer", external_traffic_policy="Local"))
    assert made.spec.health_check_node_port
    assert made.spec.ports[0].node_port != made.spec.health_check_node_port


async def test_a_load_balancer_may_do_without_node_ports(api):
    made = await api.create(service(type="LoadBalancer", allocate_load_balancer_node_ports=False))
    assert made.spec.ports[0].node_port == 0


# updates


async def test_an_update_that_leaves_values_out_keeps_them(api):
    made = await api.create(service(type="NodePort"))
    bare = replace(service(type="NodePort", selector={"a": "b"}), metadata=made.metadata)
    held = await api.update(bare)
    assert held.spec.cluster_ip == made.spec.cluster_ip
    assert held.spec.ports[0].node_port == made.spec.ports[0].node_port
    assert held.spec.selector == {"a": "b"}


async def test_changing_the_type_takes_and_gives_back(api):
    made = await api.create(service())
    ip = made.spec.cluster_ip
    wide = await api.update(replace(made, spec=replace(made.spec, type="NodePort")))
    port = wide.spec.ports[0].node_port
    assert port
    narrow = await api.update(replace(wide, spec=replace(wide.spec, type="ClusterIP")))
    assert (narrow.spec.ports[0].node_port, narrow.spec.cluster_ip) == (0, ip)
    assert narrow.spec.external_traffic_policy == ""
    await api.create(service("t", ServicePort(port=80, node_port=port), type="NodePort"))
    gone = await api.update(
        replace(narrow, spec=replace(narrow.spec, type="ExternalName", external_name="a.example"))
    )
    assert (gone.spec.cluster_ip, gone.spec.cluster_ips, gone.spec.ip_families) == ("", (), ())
    await api.create(service("u", cluster_ip=ip))
    back = await api.update(replace(gone, spec=replace(gone.spec, type="ClusterIP", external_name="")))
    assert back.spec.cluster_ip not in ("", ip)


async def test_another_node_port_frees_the_old_one(api):
    made = await api.create(service("s", ServicePort(port=80, node_port=30001), type="NodePort"))
    ports = (replace(made.spec.ports[0], node_port=30002),)
    await api.update(replace(made, spec=replace(made.spec, ports=ports)))
    await api.create(service("t", ServicePort(port=80, node_port=30001), type="NodePort"))
    message = await message_of(
        api.create(service("u", ServicePort(port=80, node_port=30002), type="NodePort"))
    )
    assert "already allocated" in message


async def test_an_address_does_not_change(api):
    made = await api.create(service())
    other = replace(made.spec, cluster_ip="10.96.0.99", cluster_ips=("10.96.0.99",))
    message = await message_of(api.update(replace(made, spec=other)))
    assert "may not change once set" in message


async def test_put_creates_a_service(api):
    made = await api.update(service())
    assert made.spec.cluster_ip


async def test_a_new_server_knows_what_is_taken(api, factory):
    made = await api.create(service("s", ServicePort(port=80, node_port=30003), type="NodePort"))
    allocator = ServiceAllocator(ServiceRange())
    allocator.follow(api.served.stores["", "services"].storage)
    await allocator.load(0.0)
    operation = allocator.operation(Chance(1))
    with pytest.raises(AllocationError, match="provided IP is already allocated"):
        operation.take_ip(made.spec.cluster_ip)
    with pytest.raises(AllocationError, match="provided port is already allocated"):
        operation.take_port(30003)


# the allocator alone


@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 2**32))
def test_numbers_are_given_once_and_the_static_ones_last(size, static, seed):
    static = min(static, size)
    allocator = NumberAllocator(100, 100 + size - 1, static)
    chance = Chance(seed)
    given_out = [allocator.next(chance) for _ in range(size)]
    assert sorted(given_out) == list(range(100, 100 + size))
    assert all(number >= 100 + static for number in given_out[: size - static])
    with pytest.raises(AllocationError, match="range is full"):
        allocator.next(chance)
    allocator.give_back(given_out[0])
    assert allocator.next(chance) == given_out[0]


def test_the_lower_bands_are_those_of_upstream():
    allocator = ServiceAllocator(ServiceRange())
    chance = Chance(1)
    operation = allocator.operation(chance)
    assert all(int(operation.next_ip().split(".")[2]) >= 1 for _ in range(200))
    assert all(operation.next_port() >= 30086 for _ in range(200))
