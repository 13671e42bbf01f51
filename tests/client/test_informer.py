"""The informer that programs use, over the API server in memory."""

import asyncio

import pytest
from memory_api import MemoryApi

from kube.api.types.core_v1 import Pod, PodSpec
from kube.apimachinery import errors
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.base.chance import Chance
from kube.base.clock import FakeClock
from kube.client.client import Client
from kube.client.informer import Informer


def pod(name: str, *, node: str = "", **labelled: str) -> Pod:
    return Pod(
        metadata=ObjectMeta(name=name, namespace="default", labels=labelled), spec=PodSpec(node_name=node)
    )


async def settle(turns: int = 50) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


class World:
    def __init__(self):
        self.api = MemoryApi()
        self.clock = FakeClock()
        self.heard: list[tuple[str, ...]] = []

    def informer(self, **options) -> Informer[Pod]:
        client = Client(self.api.transport(), resources=self.api.resources)
        informer = Informer(client, Pod, clock=self.clock, chance=Chance(1), **options)
        informer.add_handler(
            add=lambda new: self.heard.append(("add", new.metadata.name)),
            update=lambda old, new: self.heard.append(
                ("update", old.metadata.resource_version, new.metadata.resource_version)
            ),
            delete=lambda old: self.heard.append(("delete", old.metadata.name)),
        )
        return informer


@pytest.fixture
def world():
    return World()


async def test_callbacks_hear_of_what_is_there_and_of_each_change(world):
    first = world.api.put(pod("a"))
    async with world.informer() as informer:
        await informer.wait_synced()
        assert informer.has_synced
        assert world.heard == [("add", "a")]
        second = world.api.put(pod("a"))
        world.api.put(pod("b"))
        world.api.remove(pod("a"))
        await settle()
        assert world.heard[1:] == [
            ("update", first.metadata.resource_version, second.metadata.resource_version),
            ("add", "b"),
            ("delete", "a"),
        ]
        assert [obj.metadata.name for obj in informer.lister.list()] == ["b"]
    assert world.api.watchers == []


async def test_it_covers_what_it_is_told_to(world):
    for obj in (pod("a", node="n1", app="x"), pod("b", node="n2", app="x"), pod("c", node="n1")):
        world.api.put(obj)
    async with world.informer(label_selector="app=x", field_selector="spec.nodeName=n1") as informer:
        await informer.wait_synced()
        assert [obj.metadata.name for obj in informer.lister.list()] == ["a"]


async def test_410_yields_deletions_for_what_vanished(world):
    for name in "ab":
        world.api.put(pod(name))
    async with world.informer() as informer:
        await informer.wait_synced()
        await settle()
        gate = world.api.hold()
        world.api.close_watches(errors.expired("too old resource version"))
        world.api.remove(pod("a"))
        world.api.put(pod("c"))
        world.api.compact()
        gate.set()
        await settle()
        assert world.heard == [("add", "a"), ("add", "b"), ("delete", "a"), ("add", "c")]


async def test_a_watch_that_fell_behind_goes_on_without_a_gap(world):
    async with world.informer() as informer:
        await informer.wait_synced()
        await settle()
        for number in range(3000):
            world.api.put(pod(str(number)))
        assert world.api.watchers == []
        await settle(200)
        assert len(informer.lister) == 3000
        assert world.heard == [("add", str(number)) for number in range(3000)]


async def test_a_handler_that_comes_late_and_goes(world):
    world.api.put(pod("a"))
    async with world.informer() as informer:
        await informer.wait_synced()
        late = []
        remove = informer.add_handler(add=lambda new: late.append(new.metadata.name))
        await settle()
        world.api.put(pod("b"))
        await settle()
        remove()
        remove()
        world.api.put(pod("c"))
        await settle()
        assert late == ["a", "b"]


async def test_an_index(world):
    world.api.put(pod("a", node="n1"))
    async with world.informer(indexes={"node": lambda obj: (obj.spec.node_name,)}) as informer:
        await informer.wait_synced()
        assert len(informer.lister.by_index("node", "n1")) == 1


async def test_a_server_that_is_away_is_waited_for(world):
    world.api.fail("list", errors.service_unavailable("no leader"), times=2)
    async with world.informer() as informer:
        for _ in range(2):
            await settle()
            assert not informer.has_synced
            world.clock.advance(4)
        await informer.wait_synced()


async def test_a_callback_that_raises_ends_the_informer_and_is_heard(world):
    world.api.put(pod("a"))
    informer = world.informer()

    def broken(_: Pod) -> None:
        raise RuntimeError("a bug")

    informer.add_handler(add=broken)
    await informer.__aenter__()
    with pytest.raises(RuntimeError, match="a bug"):
        await informer.wait_synced()
    with pytest.raises(RuntimeError, match="a bug"):
        await informer.__aexit__(None, None, None)
    assert not informer.has_synced


async def test_waiting_for_what_never_runs_fails(world):
    informer = world.informer()
    with pytest.raises(RuntimeError, match="not started"):
        await informer.wait_synced()
    world.api.hold()
    informer.start()
    with pytest.raises(RuntimeError, match="started before"):
        informer.start()
    waiting = asyncio.get_running_loop().create_task(informer.wait_synced())
    await settle()
    await informer.aclose()
    with pytest.raises(RuntimeError, match="closed before it was synced"):
        await waiting
