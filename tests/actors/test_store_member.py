"""Members as real actors on a real clock: a leader that is stopped or crashes, and a host that stalls."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from kube.actors.runtime.ref import Ref
from kube.actors.runtime.supervision import Supervision
from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import StoreMember, start_members
from kube.base.backoff import Backoff
from kube.base.chance import Chance
from kube.base.clock import SystemClock
from kube.base.stall import StallGuard
from kube.store.config import StoreConfig
from kube.store.kv import Put, Txn, WatchBatch
from kube.store.local import LocalStore
from kube.store.member import RESTORED_AT_ONCE, Input
from kube.store.requests import OptimisticPut
from tests.store.waiting import until, waited


class World:
    def __init__(self, system: ActorSystem, store: LocalStore, refs: tuple[Ref[Input], ...]) -> None:
        self.system = system
        self.store = store
        self.refs = refs

    async def stop_leader(self) -> int:
        leader = self.store.leader
        await self.system.stop_actor(self.refs[leader - 1])
        return leader

    async def start(self, member: int) -> None:
        ref = await self.system.start(lambda: StoreMember(self.store, member), name=f"store-{member}")
        refs = list(self.refs)
        refs[member - 1] = ref
        self.refs = tuple(refs)


async def worlds(replicas: int, **config: Any) -> AsyncIterator[World]:
    guard = StallGuard(SystemClock())
    guard.start()
    quick = Supervision(backoff=Backoff(initial=0.001, cap=0.01), max_restarts=100)
    system = ActorSystem(clock=guard, chance=Chance(1), supervision=quick)
    store = LocalStore(StoreConfig(replicas=replicas, **config), guard, random.Random(1))
    refs = await start_members(system, store)
    yield World(system, store, refs)
    await system.stop()
    await store.aclose()
    guard.stop()


@pytest.fixture
async def three() -> AsyncIterator[World]:
    async for world in worlds(3):
        yield world


@pytest.fixture
async def one() -> AsyncIterator[World]:
    async for world in worlds(1):
        yield world


def own_time() -> float:
    """Seconds that go on while this process runs or sleeps, not while it waits for a core that others have (Linux)."""
    return time.monotonic() - waited()


class Load:
    """Clients that write numbered keys one after the other, and what was acknowledged to them."""

    def __init__(self, store: LocalStore, clients: int = 8) -> None:
        self.acknowledged: list[bytes] = []
        self.slowest = 0.0
        self._stopping = False
        self._store = store
        self._tasks = [asyncio.create_task(self._client(client)) for client in range(clients)]

    async def _client(self, client: int) -> None:
        number = 0
        while not self._stopping:
            key = b"load/%d/%d" % (client, number)
            begin = own_time()
            result = await self._store.optimistic_put(key, b"x" * 100, 0)
            self.slowest = max(self.slowest, own_time() - begin)
            assert result.succeeded, "applied twice"
            self.acknowledged.append(key)
            number += 1

    async def progress(self, count: int) -> None:
        target = len(self.acknowledged) + count
        await until(lambda: len(self.acknowledged) >= target)

    async def stop(self) -> None:
        self._stopping = True
        await asyncio.gather(*self._tasks)


async def test_a_fresh_store_has_a_leader_at_once(three: World) -> None:
    assert three.store.leader == 1
    assert (await three.store.put(b"k", b"v")).revision == 2


async def test_stopping_the_leader_elects_another_within_a_second_and_loses_nothing(three: World) -> None:
    batches: list[WatchBatch] = []
    await three.store.watch(b"load/", b"load0", sink=batches.append)
    load = Load(three.store)
    for _ in range(3):
        await load.progress(200)
        stopped = await three.stop_leader()
        begin = own_time()
        await three.store.ready()
        assert own_time() - begin < 1.0
        assert three.store.leader != stopped
        await load.progress(200)
        await three.start(stopped)
    await load.stop()
    assert load.slowest < 1.0
    found = [kv.key for kv in (await three.store.range(b"load/", b"load0")).kvs]
    assert found == sorted(load.acknowledged)
    events = [event for batch in batches for event in batch.events]
    assert sorted(event.kv.key for event in events) == found
    assert [event.kv.mod_revision for event in events] == list(range(2, len(found) + 2))


@pytest.mark.parametrize("member", ["leader", "follower"])
async def test_a_member_that_crashes_is_restarted_and_catches_up(three: World, member: str) -> None:
    load = Load(three.store)
    await load.progress(100)
    leader = three.store.leader
    victim = leader if member == "leader" else leader % 3 + 1
    replica = three.store.replicas._replicas[victim]
    crashed = replica.member
    assert crashed is not None

    def bug(*_: Any) -> None:
        raise RuntimeError("a bug in the state machine")

    crashed.machine._appliers[OptimisticPut] = bug
    await until(lambda: replica.member not in {crashed, None})
    await load.progress(200)
    await load.stop()
    await three.store.put(b"last", b"")
    revision = await three.store.current_revision()
    await until(lambda: replica.member is not None and replica.member.machine.kv.revision >= revision)
    assert replica.member is not None
    serving = three.store.replicas.serving
    assert serving is not None
    assert replica.member.machine.snapshot() == serving.machine.snapshot()


async def test_a_single_member_that_crashes_comes_back_with_everything(one: World) -> None:
    await one.store.put(b"k", b"v")
    member = one.store.replicas.serving
    assert member is not None
    member.handle = lambda _: (_ for _ in ()).throw(RuntimeError("a bug"))  # type: ignore[method-assign]
    await one.store.put(b"l", b"w")
    assert (await one.store.range(b"k", b"z")).count == 2
    assert one.store.replicas.serving is not member


async def test_a_host_that_stalls_for_a_minute_elects_nobody_and_expires_nothing(
    three: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    lease = await three.store.grant(5)
    await three.store.put(b"k", b"", lease.id)
    waiting = asyncio.ensure_future(three.store.put(b"l", b""))
    leader, term = three.store.leader, (await three.store.status()).raft_term
    real = loop.time
    stalled = 0.0
    monkeypatch.setattr(loop, "time", lambda: real() + stalled)
    for _ in range(3):
        stalled += 60.0
        for _ in range(20):
            await asyncio.sleep(0.005)
    assert (await waiting).revision > 0
    assert three.store.leader == leader
    assert (await three.store.status()).raft_term == term
    assert (await three.store.time_to_live(lease.id)).ttl > 1
    assert (await three.store.range(b"k")).count == 1


async def test_everything_stops_while_clients_write(three: World) -> None:
    load = Load(three.store)
    await load.progress(50)
    await three.system.stop()
    await three.store.aclose()
    results = await asyncio.gather(*load._tasks, return_exceptions=True)
    assert {type(result).__name__ for result in results} == {"StoppedError"}


async def test_members_are_seen_in_the_actor_system(three: World) -> None:
    infos = {info.path: info for info in three.system.describe()}
    assert sorted(infos) == ["/store-1", "/store-2", "/store-3"]


async def test_what_waited_in_the_mailbox_when_a_member_crashed_is_applied_once(one: World) -> None:
    """The mailbox outlives the crash, and what was in it is handed over anew besides."""
    writing = [asyncio.create_task(one.store.put(b"k%d" % number, b"v")) for number in range(3)]
    await asyncio.sleep(0)
    assert one.refs[0].depth == 3
    cell = next(cell for cell in one.system._cells() if cell.ref is one.refs[0])
    cell.fail(RuntimeError("a bug"))
    await asyncio.gather(*writing)
    found = (await one.store.range(b"k", b"l")).kvs
    assert [(kv.key, kv.version) for kv in found] == [(b"k%d" % number, 1) for number in range(3)]


async def test_a_crash_amid_a_batch_leaves_nobody_of_it_without_an_answer(one: World) -> None:
    member = one.store.replicas.serving
    assert member is not None
    apply = member.machine._appliers[OptimisticPut]

    def bug(request: OptimisticPut) -> Any:
        if request.key == b"k3":
            raise RuntimeError("a bug in the state machine")
        return apply(request)

    member.machine._appliers[OptimisticPut] = bug
    begin = own_time()
    written = await asyncio.gather(*(one.store.optimistic_put(b"k%d" % n, b"v", 0) for n in range(6)))
    assert own_time() - begin < 2.0
    assert all(result.succeeded for result in written)


async def test_what_is_compacted_is_freed_between_two_ticks() -> None:
    """At a portion a tick it would take a quarter of a minute, in which the quota refuses writes."""
    async for world in worlds(1, tick=0.5):
        store = world.store
        for _ in range(60):
            await asyncio.gather(*(store.put(b"k", b"v") for _ in range(250)))
        await store.compact(await store.current_revision())
        await until(partial(has_only, store, b"kv"), seconds=7)


def has_only(store: LocalStore, content: bytes) -> bool:
    return store.replicas.any_member().machine.kv.size == len(content)


async def test_a_large_snapshot_is_restored_between_the_turns_of_others_and_nobody_sees_half_of_it() -> None:
    """Of what a follower missed, each revision has a hundred keys."""
    async for world in worlds(3, snapshot_entries=20, catch_up_entries=5):
        store = world.store
        behind = store.leader % 3 + 1
        await world.system.stop_actor(world.refs[behind - 1])
        for number in range(RESTORED_AT_ONCE * 3 // 100):
            puts = tuple(Put(b"%d/%d" % (number, each), b"v") for each in range(100))
            await store.txn(Txn((), puts))
        await world.start(behind)
        member = store.replicas._replicas[behind].member
        assert member is not None
        revision = await store.current_revision()
        turns = 0
        while member.machine.kv.revision < revision:
            kv = member.machine.kv
            assert len(kv.live) == (kv.revision - 1) * 100
            turns += member._restoration is not None
            await asyncio.sleep(0)
        assert turns >= 3
        serving = store.replicas.serving
        assert serving is not None
        assert member.machine.snapshot() == serving.machine.snapshot()
        assert (await store.txn(Txn((), (Put(b"k", b"v"),)))).succeeded
        await until(lambda: member.machine.kv.revision > revision)  # noqa: B023  # it is awaited here
