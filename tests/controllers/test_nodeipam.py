"""Nodes get ranges of pod addresses that do not overlap, and give them back."""

from functools import partial
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from running import start

from kube.api.types.core_v1 import Node
from kube.apimachinery.errors import ApiError
from kube.controllers.nodeipam import CidrSet, NodeIpamConfig, NodeIpamController, cluster_cidr_for


@pytest.mark.parametrize(
    ("nodes", "cidr"),
    [(1, "10.244.0.0/16"), (256, "10.244.0.0/16"), (257, "10.128.0.0/9"), (5000, "10.128.0.0/9")],
)
def test_the_cluster_cidr_has_room(nodes, cidr):
    assert cluster_cidr_for(nodes) == cidr


def test_no_cidr_is_large_enough():
    with pytest.raises(ValueError, match="no cluster CIDR has room for 40000 nodes"):
        cluster_cidr_for(40_000)


@pytest.mark.parametrize("cidr", ["10.244.0.0/16", "fd00:10:244::/56"])
def test_ranges_are_handed_out_in_turn(cidr):
    ranges = CidrSet(cidr, 24 if "." in cidr else 64)
    first = ranges.allocate()
    second = ranges.allocate()
    assert ip_network(first).subnet_of(ip_network(cidr))
    assert not ip_network(first).overlaps(ip_network(second))
    ranges.release(first)
    assert ranges.allocate() not in (first, second)


def test_what_is_outside_is_none_of_ours():
    ranges = CidrSet("10.244.0.0/16", 24)
    ranges.occupy("192.168.0.0/24")
    ranges.occupy("fd00::/64")
    assert len(ranges) == 0
    ranges.occupy("10.244.0.0/23")
    assert len(ranges) == 2
    assert ranges.allocate() == "10.244.2.0/24"


def test_a_mask_must_divide_the_cluster_cidr():
    with pytest.raises(ValueError, match="does not divide"):
        CidrSet("10.244.0.0/16", 8)


@given(st.lists(st.integers(0, 9)))
def test_no_two_ranges_overlap(steps):
    """0 to 6 allocate, the rest give back the oldest."""
    ranges, held = CidrSet("10.0.0.0/28", 30), []
    for step in steps:
        if step > 6 and held:
            ranges.release(held.pop(0))
            continue
        cidr = ranges.allocate()
        assert (cidr is None) == (len(held) == 4)
        if cidr is not None:
            held.append(cidr)
        assert len(set(held)) == len(held) == len(ranges)


async def test_each_node_gets_a_range_of_its_own(cluster):
    await cluster.node("old", pod_cidr="10.0.1.0/24", pod_cidrs=("10.0.1.0/24",))
    config = NodeIpamConfig((("10.0.0.0/22", 24),))
    await start(cluster, nodeipam=partial(NodeIpamController, config=config))
    for name in ("a", "b", "c"):
        await cluster.node(name)

    async def ranges():
        nodes = (await cluster.client.list(Node)).items
        found = [node.spec.pod_cidrs for node in nodes]
        assert all(node.spec.pod_cidr == (node.spec.pod_cidrs or ("",))[0] for node in nodes)
        return sorted(found) if all(found) else None

    assert await cluster.until(ranges) == [(f"10.0.{n}.0/24",) for n in range(4)]
    await cluster.client.delete(Node, "b")
    await cluster.node("d")
    assert len(await cluster.until(ranges)) == 4


class Replacing:
    """A client; before its first patch somebody deletes the node and makes another one of that name."""

    def __init__(self, cluster, client):
        self.cluster = cluster
        self.client = client
        self.refused = []

    async def patch(self, kind, name, patch):
        if not self.refused:
            await self.cluster.client.delete(Node, name)
            await self.cluster.node(name)
        try:
            return await self.client.patch(kind, name, patch)
        except ApiError as error:
            self.refused.append(error.reason)
            raise


async def test_a_node_that_is_another_one_by_now_gets_its_range_without_a_fuss(cluster, caplog):
    clients = []

    class Meanwhile(NodeIpamController):
        def __init__(self, environment):
            super().__init__(environment, NodeIpamConfig((("10.0.0.0/24", 24),)))
            clients.append(Replacing(cluster, self._client))
            self._client = clients[0]

    await start(cluster, nodeipam=Meanwhile)
    await cluster.node("a")

    async def ranges():
        return (await cluster.client.get(Node, "a")).spec.pod_cidrs

    assert await cluster.until(ranges) == ("10.0.0.0/24",), "the only one there is was given back"
    assert len(clients[0].refused) == 1
    assert not [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]
