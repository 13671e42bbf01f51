"""The informer actor over a small API server in memory."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kube.actors.informer import Informer, InformerFactory, Selection, WatchStream, enqueue
from kube.actors.runtime.actor import Actor
from kube.actors.runtime.mailbox import MailboxSpec, Overflow
from kube.actors.runtime.ref import Ref
from kube.actors.runtime.system import ActorSystem
from kube.api.types.core_v1 import Node, Pod, PodSpec
from kube.apimachinery import errors
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.watch import WatchEvent
from kube.base.cause import CURRENT, Cause
from kube.base.chance import Chance
from kube.base.clock import FakeClock
from kube.client.mutation_detector import CacheMutatedError, MutationDetector
from kube.client.reflector import Reflector
from kube.client.store import Indexer

sys.path.append(str(Path(__file__).parent.parent / "client"))

from memory_api import MemoryApi


def pod(name: str, *, node: str = "", namespace: str = "default", **labelled: str) -> Pod:
    return Pod(
        metadata=ObjectMeta(name=name, namespace=namespace, labels=labelled), spec=PodSpec(node_name=node)
    )


class Recorder(Actor[Any]):
    """Keeps what it is told, and under which cause."""

    def __init__(self, heard: list[Any], causes: list[Cause | None]) -> None:
        self.heard = heard
        self.causes = causes

    def receive(self, message: Any) -> None:
        self.heard.append(message)
        self.causes.append(CURRENT.get())


class Busy(Recorder):
    """Has no time for the next message before the gate is open."""

    def __init__(self, heard: list[Any], causes: list[Cause | None], gate: asyncio.Event) -> None:
        super().__init__(heard, causes)
        self.gate = gate

    async def receive(self, message: Any) -> None:
        await self.gate.wait()
        super().receive(message)


class Owner(Actor[Any]):
    """Whose children the informers are."""


class World:
    def __init__(self, system: ActorSystem, clock: FakeClock) -> None:
        self.system = system
        self.clock = clock
        self.api = MemoryApi()
        self.heard: list[Any] = []
        self.causes: list[Cause | None] = []
        self.detector = MutationDetector()
        owner = Owner()
        system.spawn(lambda: owner, name="informers")
        self.factory = InformerFactory(
            owner.context, self.api.transport(), self.api.resources, detector=self.detector
        )

    def recorder(self, spec: MailboxSpec | None = None) -> Ref[Any]:
        return self.system.spawn(lambda: Recorder(self.heard, self.causes), name="recorder", mailbox=spec)

    def busy(self, gate: asyncio.Event, *, capacity: int) -> Ref[Any]:
        spec = MailboxSpec(capacity=capacity)
        return self.system.spawn(lambda: Busy(self.heard, self.causes, gate), name="busy", mailbox=spec)

    def verbs(self) -> list[str]:
        return [request.verb for request in self.api.requests]


async def settle(turns: int = 50) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock = FakeClock()
    async with ActorSystem(clock=clock, chance=Chance(7)) as system:
        made = World(system, clock)
        yield made
        made.detector.verify()


def names(informer: Informer[Any]) -> list[str]:
    return [obj.metadata.name for obj in informer.lister.list()]


async def test_it_lists_and_then_follows(world: World):
    world.api.put(pod("a"))
    informer = world.factory.informer(Pod)
    assert not informer.has_synced
    await informer.wait_synced()
    assert names(informer) == ["a"]
    await settle()
    world.api.put(pod("b"))
    world.api.remove(pod("a"))
    await settle()
    assert names(informer) == ["b"]
    assert world.verbs() == ["list", "watch"]
    assert world.api.requests[1].options.allow_watch_bookmarks


async def test_one_informer_serves_all_who_ask_for_the_same(world: World):
    assert world.factory.informer(Pod) is world.factory.informer(("", "v1", "pods"))
    assert world.factory.informer(Pod) is not world.factory.informer(Pod, namespace="x")
    assert world.factory.informer(Pod) is not world.factory.informer(Node)
    await world.factory.wait_synced()
    assert world.factory.has_synced
    assert world.verbs().count("list") == 3


async def test_a_handler_hears_of_what_is_there_then_that_it_is_synced_then_of_changes(world: World):
    for name in "ab":
        world.api.put(pod(name))
    informer = world.factory.informer(Pod)
    ref = world.recorder()
    informer.add_handler("test", enqueue(ref), on_synced=[(ref, "synced")])
    await settle()
    world.api.put(pod("a"))
    await settle()
    assert world.heard == ["default/a", "default/b", "synced", "default/a"]


async def test_a_handler_that_comes_late_is_told_what_is_in_the_cache(world: World):
    world.api.put(pod("a"))
    informer = world.factory.informer(Pod)
    await informer.wait_synced()
    ref = world.recorder()
    informer.add_handler("test", lambda old, new: [(ref, (old, new))], on_synced=[(ref, "synced")])
    await settle()
    a = informer.lister.get("default", "a")
    assert world.heard == [(None, a), "synced"]


async def test_a_handler_of_the_same_name_replaces_and_starts_over(world: World):
    world.api.put(pod("a"))
    informer = world.factory.informer(Pod)
    ref = world.recorder()
    informer.add_handler("test", lambda _, new: [(ref, ("first", new.metadata.name))])
    await settle()
    informer.add_handler("test", lambda _, new: [(ref, ("second", new.metadata.name))])
    await settle()
    world.api.put(pod("b"))
    await settle()
    informer.remove_handler("test")
    world.api.put(pod("c"))
    await settle()
    assert world.heard == [("first", "a"), ("second", "a"), ("second", "b")]


async def test_a_field_selector_is_the_servers_to_apply(world: World):
    world.api.put(pod("here", node="n1"))
    world.api.put(pod("there", node="n2"))
    informer = world.factory.informer(Pod, field_selector="spec.nodeName=n1")
    await settle()
    world.api.put(pod("late", node="n1"))
    world.api.put(pod("other", node="n2"))
    await settle()
    assert names(informer) == ["here", "late"]


async def test_after_a_time_out_it_watches_on_from_the_last_version(world: World):
    informer = world.factory.informer(Pod)
    await settle()
    world.api.put(pod("a"))
    world.api.bookmark()
    await settle()
    world.api.close_watches()
    world.api.put(pod("b"))
    await settle()
    assert names(informer) == ["a", "b"]
    assert world.verbs() == ["list", "watch", "watch"]


async def test_410_means_a_new_list_and_tells_what_vanished_meanwhile(world: World):
    for name in ("stays", "goes"):
        world.api.put(pod(name))
    informer = world.factory.informer(Pod)
    ref = world.recorder()
    informer.add_handler(
        "test", lambda old, new: [(ref, (old and old.metadata.name, new and new.metadata.name))]
    )
    await settle()
    world.heard.clear()
    gate = world.api.hold()
    world.api.close_watches(errors.expired("too old resource version"))
    world.api.remove(pod("goes"))
    world.api.put(pod("comes"))
    world.api.compact()
    gate.set()
    await settle()
    assert world.heard == [("goes", None), (None, "comes")]
    assert world.verbs() == ["list", "watch", "list", "watch"]


async def test_a_list_that_fails_is_tried_again_with_back_off(world: World):
    world.api.fail("list", errors.service_unavailable("no leader"), times=2)
    informer = world.factory.informer(Pod)
    await settle()
    assert world.verbs() == ["list"]
    world.clock.advance(1.6)
    await settle()
    assert world.verbs() == ["list", "list"]
    world.clock.advance(1.6)
    await settle()
    assert world.verbs() == ["list", "list"]
    world.clock.advance(1.6)
    await settle()
    assert informer.has_synced


async def test_a_resource_that_is_not_served_is_synced_and_empty(world: World):
    world.api.fail("list", errors.generic(404, "GET"))
    informer = world.factory.informer(Pod)
    await informer.wait_synced()
    assert len(informer.lister) == 0


async def test_a_full_mailbox_closes_the_watch_and_the_stream_goes_on_without_a_gap(world: World):
    informer = world.factory.informer(Pod)
    ref = world.recorder(MailboxSpec(capacity=10_000))
    informer.add_handler("test", enqueue(ref))
    await settle()
    for number in range(1000):
        world.api.put(pod(f"p{number}"))
    assert world.api.watchers == []
    await settle()
    assert len(informer.lister) == 1000
    assert world.heard == [f"default/p{number}" for number in range(1000)]
    assert world.verbs() == ["list", "watch", "watch"]
    [broken] = [
        line
        for line in world.system.metrics.render().decode().splitlines()
        if line.startswith("informer_streams_broken_total ")
    ]
    assert broken.endswith(" 1.0")


async def test_a_receiver_without_room_slows_the_informer_and_loses_nothing(world: World):
    for number in range(300):
        world.api.put(pod(f"p{number}"))
    informer = world.factory.informer(Pod)
    ref = world.recorder(MailboxSpec(capacity=4))
    informer.add_handler("test", enqueue(ref), on_synced=[(ref, "synced")])
    await settle(2000)
    assert world.heard == [f"default/p{number}" for number in range(300)] + ["synced"]


async def test_a_long_list_is_handed_out_over_several_turns(world: World):
    for number in range(1000):
        world.api.put(pod(f"p{number}"))
    informer = world.factory.informer(Pod)
    ref = world.recorder(MailboxSpec(capacity=10_000))
    longest = 0
    depth = 0

    def handler(_: Pod | None, new: Pod | None) -> list[tuple[Ref[Any], Any]]:
        nonlocal longest, depth
        depth += 1
        longest = max(longest, depth)
        if depth == 1:
            asyncio.get_running_loop().call_soon(turned)
        return [(ref, new)]

    def turned() -> None:
        nonlocal depth
        depth = 0

    informer.add_handler("test", handler)
    await settle(200)
    assert len(world.heard) == 1000
    assert longest <= 512


async def test_a_handler_that_raises_fails_the_actor_and_takes_nothing_from_the_others(world: World):
    informer = world.factory.informer(Pod)
    ref = world.recorder()

    def broken(_: Pod | None, new: Pod | None) -> list[tuple[Ref[Any], Any]]:
        if new is not None and new.metadata.name == "b":
            raise RuntimeError("a bug")
        return [(ref, "broken")]

    informer.add_handler("broken", broken)
    informer.add_handler("sound", enqueue(ref))
    await settle()
    for name in "abc":
        world.api.put(pod(name))
    await settle()
    world.clock.advance(1)
    await settle()
    world.api.put(pod("d"))
    await settle()
    assert [key for key in world.heard if key != "broken"] == [f"default/{name}" for name in "abcd"]
    assert world.heard.count("broken") == 3
    [info] = [info for info in world.system.describe() if info.kind == "InformerActor"]
    assert info.restarts == 1
    assert world.verbs() == ["list", "watch", "watch"]


def fail_informer(world: World) -> None:
    [cell] = [cell for cell in world.system._cells() if cell.kind == "InformerActor"]
    cell.fail(RuntimeError("a bug"))


@pytest.mark.parametrize("when", ["list", "replay", "events"])
async def test_a_failure_while_a_receiver_has_no_room_loses_nothing(world: World, when: str):
    """The receiver is up to its neck: what it was to be told next is told when the informer is back."""
    gate = asyncio.Event()

    ref = world.busy(gate, capacity=4)
    informer = world.factory.informer(Pod)
    if when != "list":
        await informer.wait_synced()
    if when == "events":
        informer.add_handler("test", enqueue(ref), on_synced=[(ref, "synced")])
        await settle()
    for number in range(20):
        world.api.put(pod(f"p{number}"))
    if when == "replay":
        await settle()
    if when != "events":
        informer.add_handler("test", enqueue(ref), on_synced=[(ref, "synced")])
    await settle()
    for _ in range(2):
        fail_informer(world)
        await settle()
        world.clock.advance(1)
        await settle()
    assert len(informer.lister) < 20 or when == "replay"
    gate.set()
    await settle(500)
    told = [f"default/p{number}" for number in range(20)]
    assert world.heard == (["synced", *told] if when == "events" else [*told, "synced"])


async def test_what_waits_for_room_keeps_its_cause_when_the_informer_fails(world: World):
    gate = asyncio.Event()

    ref = world.busy(gate, capacity=1)
    world.factory.informer(Pod).add_handler("test", enqueue(ref))
    await settle()
    causes = [Cause(f"c{number}", "kubectl apply") for number in range(3)]
    [watcher] = world.api.watchers
    stamped = (world.api.stamp(pod(name), uid=name) for name in "abc")
    watcher.sink.deliver(
        [WatchEvent("ADDED", obj, cause) for obj, cause in zip(stamped, causes, strict=True)]
    )
    await settle()
    fail_informer(world)
    await settle()
    world.clock.advance(1)
    gate.set()
    await settle()
    assert world.heard[:2] == ["default/a", "default/b"]
    assert world.causes[:2] == causes[:2]


async def test_a_failure_amid_a_later_list_means_another_list(world: World):
    gate = asyncio.Event()

    ref = world.busy(gate, capacity=1)
    world.factory.informer(Pod).add_handler("test", enqueue(ref))
    await settle()
    hold = world.api.hold()
    world.api.close_watches(errors.expired("too old resource version"))
    for number in range(5):
        world.api.put(pod(f"p{number}"))
    world.api.compact()
    hold.set()
    await settle()
    fail_informer(world)
    await settle()
    world.clock.advance(1)
    await settle()
    gate.set()
    await settle()
    assert world.heard == [f"default/p{number}" for number in range(5)]
    assert world.verbs() == ["list", "watch", "list", "list", "watch"]


async def test_what_is_told_carries_the_cause_of_its_event(world: World):
    informer = world.factory.informer(Pod)
    ref = world.recorder()
    informer.add_handler("test", enqueue(ref))
    await settle()
    cause = Cause("c1", "kubectl apply")
    [watcher] = world.api.watchers
    a, b = (world.api.stamp(pod(name), uid=name) for name in "ab")
    watcher.sink.deliver((WatchEvent("ADDED", a, cause), WatchEvent("ADDED", b)))
    await settle()
    assert world.causes == [cause, None]


async def test_an_index_can_be_added_at_any_time(world: World):
    world.api.put(pod("a", node="n1"))
    informer = world.factory.informer(Pod)
    await informer.wait_synced()
    informer.add_index("node", lambda obj: (obj.spec.node_name,))
    await settle()
    world.api.put(pod("b", node="n1"))
    await settle()
    assert [obj.metadata.name for obj in informer.lister.by_index("node", "n1")] == ["a", "b"]


async def test_stopping_ends_the_watch():
    clock = FakeClock()
    async with ActorSystem(clock=clock, chance=Chance(7)) as system:
        world = World(system, clock)
        world.factory.informer(Pod)
        await settle()
        assert len(world.api.watchers) == 1
    assert world.api.watchers == []


async def test_keys_may_coalesce(world: World):
    informer = world.factory.informer(Pod)
    gate = asyncio.Event()
    heard: list[str] = []

    class Slow(Actor[str]):
        mailbox = MailboxSpec(capacity=4, overflow=Overflow.COALESCE, key=str)

        async def receive(self, message: str) -> None:
            heard.append(message)
            await gate.wait()

    ref = world.system.spawn(Slow, name="slow")
    informer.add_handler("test", enqueue(ref))
    await settle()
    for _ in range(5):
        world.api.put(pod("a"))
        await settle()
    gate.set()
    await settle()
    assert heard == ["default/a", "default/a"]


async def test_the_detector_finds_who_writes_to_the_cache(world: World):
    world.api.put(pod("a", app="web"))
    informer = world.factory.informer(Pod)
    await informer.wait_synced()
    await settle()
    shared: Any = informer.lister.get("default", "a")
    labelled = shared.metadata.labels
    labelled["app"] = "db"
    with pytest.raises(CacheMutatedError, match="Pod default/a"):
        world.detector.verify()
    labelled["app"] = "web"


async def test_an_informer_that_nobody_needs_can_be_removed(world: World):
    informer = world.factory.informer(Pod)
    await settle()
    await world.factory.remove(informer)
    assert world.api.watchers == []
    again = world.factory.informer(Pod)
    assert again is not informer
    await again.wait_synced()


class Kubelet(Actor[Any]):
    """An actor with a stream of its own in a mailbox that makes senders wait."""

    mailbox = MailboxSpec(capacity=4)

    def __init__(self, world: World) -> None:
        self.world = world

    def on_start(self) -> None:
        selection = Selection(self.world.api.row(Pod()), field_selector="spec.nodeName=n1")
        reflector: Reflector[Pod] = Reflector(Indexer(), Chance(1))
        self.stream = WatchStream(self.context, self.world.api.transport(), selection, reflector)
        self.stream.start()

    def on_stop(self) -> None:
        self.stream.stop()

    def receive(self, message: Any) -> None:
        if isinstance(message, str):
            self.world.heard.append(message)
            return
        self.world.heard += [
            (old and old.metadata.name, new and new.metadata.name)
            for old, new in self.stream.receive(message)
        ]


async def test_any_actor_can_have_a_stream_of_its_own(world: World):
    world.api.put(pod("a", node="n1"))
    ref = world.system.spawn(lambda: Kubelet(world), name="kubelet")
    await settle()
    ref.tell("between")
    world.api.put(pod("a", node="n1"))
    world.api.put(pod("b", node="n2"))
    world.api.remove(pod("a"))
    await settle()
    assert world.heard == [(None, "a"), "between", ("a", "a"), ("a", None)]


async def test_a_stream_whose_actors_mailbox_is_full_goes_on_without_a_gap(world: World):
    world.system.spawn(lambda: Kubelet(world), name="kubelet")
    await settle()
    for number in range(50):
        world.api.put(pod(str(number), node="n1"))
    assert world.api.watchers == []
    for _ in range(20):
        world.clock.advance(0.1)
        await settle(10)
    assert world.heard == [(None, str(number)) for number in range(50)]
