"""Whoever writes alone is answered without a turn of the loop; whoever is not shares batches."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import pytest

from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import StoreMember, start_members
from kube.base.clock import SystemClock
from kube.base.stall import StallGuard
from kube.store.apply import StateMachine
from kube.store.config import StoreConfig
from kube.store.errors import StoreError
from kube.store.kv import Put, WatchBatch
from kube.store.local import LocalStore
from kube.store.replicas import AT_ONCE


@pytest.fixture
async def system() -> AsyncIterator[ActorSystem]:
    guard = StallGuard(SystemClock())
    guard.start()
    async with ActorSystem(clock=guard) as system:
        yield system
    guard.stop()


@pytest.fixture
async def store(system: ActorSystem) -> AsyncIterator[LocalStore]:
    store = LocalStore(StoreConfig(replicas=3), system.clock, random.Random(1))
    await start_members(system, store)
    yield store
    await store.aclose()


async def turns(act: Callable[[], Awaitable[object]]) -> int:
    """How many turns of the loop others have meanwhile."""
    seen = 0

    def count() -> None:
        nonlocal seen, handle
        seen += 1
        handle = loop.call_soon(count)

    loop = asyncio.get_running_loop()
    handle = loop.call_soon(count)
    await act()
    handle.cancel()
    return seen


async def test_whoever_writes_alone_waits_for_the_loop_only_now_and_then(store: LocalStore) -> None:
    await store.put(b"k", b"")
    own = [await turns(lambda: store.put(b"k", b"v")) for _ in range(3 * (AT_ONCE + 1))]
    assert own.count(0) >= 2 * AT_ONCE
    assert len(own) - own.count(0) >= 3, "everybody else has turns between"


async def test_a_watch_has_the_event_before_the_writer_has_the_answer(store: LocalStore) -> None:
    batches: list[WatchBatch] = []
    await store.watch(b"k", sink=batches.append)
    await store.put(b"k", b"first")
    assert await turns(lambda: store.put(b"k", b"at once")) == 0
    assert [batch.events[0].kv.value for batch in batches] == [b"first", b"at once"]


async def test_a_sink_that_writes_does_so_behind_the_write_that_it_hears_of(store: LocalStore) -> None:
    followed: list[asyncio.Task[Any]] = []

    def sink(batch: WatchBatch) -> None:
        key, number = batch.events[0].kv.key, int(batch.events[0].kv.value)
        if number < 5:
            followed.append(asyncio.ensure_future(store.put(key, b"%d" % (number + 1))))

    await store.watch(b"k", sink=sink)
    await store.put(b"k", b"0")
    while not all(task.done() for task in followed):
        await asyncio.gather(*followed)
    found = (await store.range(b"k")).kvs[0]
    assert (found.value, found.version) == (b"5", 6)


async def test_an_error_comes_at_once_too(store: LocalStore) -> None:
    await store.put(b"k", b"")

    async def refused() -> None:
        with pytest.raises(StoreError, match="lease not found"):
            await store.put(b"k", b"v", lease=7)

    assert await turns(refused) == 0


async def test_those_who_write_at_the_same_time_share_batches(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    raft = type(store.replicas.any_member().raft)
    propose = raft.propose

    def counted(self: Any, items: Sequence[tuple[object, int]]) -> int:
        sizes.append(len(items))
        return propose(self, items)

    monkeypatch.setattr(raft, "propose", counted)
    await store.put(b"alone", b"")

    async def client(number: int) -> None:
        for turn in range(50):
            await store.put(b"%d/%d" % (number, turn), b"")

    await asyncio.gather(*map(client, range(20)))
    assert sum(sizes) == 1001
    assert sizes.count(1) <= 2 + 2 * AT_ONCE
    assert max(sizes) == 20


async def test_a_write_that_finds_no_majority_waits_for_it(system: ActorSystem, store: LocalStore) -> None:
    await store.put(b"k", b"")
    followers = [voter for voter in store.replicas.voters if voter != store.leader]
    for voter in followers:
        ref = system.lookup(f"/store-{voter}")
        assert ref is not None
        await system.stop_actor(ref)
    put = asyncio.create_task(store.put(b"k", b"v"))
    await turns(partial(asyncio.sleep, 0.05))
    assert not put.done()
    await system.start(lambda: StoreMember(store, followers[0]), name=f"store-{followers[0]}")
    await put
    assert (await store.range(b"k")).kvs[0].value == b"v"


async def test_a_write_at_once_amid_which_the_leader_crashes_is_answered_once(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.put(b"k", b"")
    leader = store.replicas.any_member()
    crashed: list[bytes] = []
    apply = type(leader.machine).apply

    def bug(machine: StateMachine, request: object) -> object:
        if machine is leader.machine and isinstance(request, Put) and not crashed:
            crashed.append(request.key)
            raise RuntimeError("a bug in the state machine")
        return apply(machine, request)

    monkeypatch.setattr(type(leader.machine), "apply", bug)
    await store.put(b"k", b"v")
    assert crashed == [b"k"]
    found = (await store.range(b"k")).kvs[0]
    assert (found.value, found.version) == (b"v", 2), "applied, and once"


async def test_writers_alone_and_together_leave_equal_replicas(store: LocalStore) -> None:
    rng = random.Random(7)

    async def client(number: int) -> None:
        for turn in range(40):
            key = b"%d" % rng.randrange(20)
            if rng.random() < 0.2:
                await store.delete_range(key)
            else:
                await store.put(key, b"%d/%d" % (number, turn))
            await asyncio.sleep(0 if rng.random() < 0.5 else 0.001)

    for clients in (1, 5, 1, 2):
        await asyncio.gather(*map(client, range(clients)))
    members = [replica.member for replica in store.replicas.all() if replica.member is not None]
    async with asyncio.timeout(10):
        while len({member.applied_index for member in members}) > 1:  # noqa: ASYNC110  # followers tell nobody
            await asyncio.sleep(0.01)
    hashes = [member.machine.hash_kv() for member in members]
    assert hashes[0] == hashes[1] == hashes[2]
    assert await store.replicas.check_corruption() == ()
