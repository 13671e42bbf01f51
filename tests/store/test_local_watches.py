"""The store as its clients have it, in one process: leases and watches."""

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kube.store.errors import (
    CompactedError,
)
from kube.store.kv import (
    DeleteRange,
    Event,
    Put,
    Txn,
    WatchBatch,
)

Make = Callable[..., Awaitable[Any]]


@pytest.fixture(params=[1, 3, 5], ids=lambda count: f"{count} replicas")
async def any_size(cluster: Make, request: pytest.FixtureRequest) -> Any:
    return await cluster(request.param)


# ---- leases


async def test_a_lease_takes_its_keys_along(any_size: Any) -> None:
    store = any_size.store
    lease = await store.grant(10)
    await store.put(b"a", b"", lease.id)
    await store.put(b"b", b"", lease.id)
    await store.put(b"c", b"")
    status = await store.time_to_live(lease.id, keys=True)
    assert (status.granted_ttl, status.ttl, status.keys) == (10, 10.0, (b"a", b"b"))
    assert await store.leases() == (lease.id,)
    any_size.clock.advance(9.9)
    await any_size.tick(2)
    assert (await store.range(b"a", b"d")).count == 3
    any_size.clock.advance(0.2)
    await any_size.tick(2)
    assert [kv.key for kv in (await store.range(b"a", b"d")).kvs] == [b"c"]
    assert await store.leases() == ()
    assert await store.current_revision() == 5


async def test_a_lease_is_granted_for_an_election_at_least(cluster: Make) -> None:
    store = (await cluster(3, tick=0.1)).store
    assert [(await store.grant(ttl)).ttl for ttl in (-1, 0, 1, 2, 3)] == [2, 2, 2, 2, 3]


async def test_a_lease_that_is_kept_alive_stays(cluster: Make) -> None:
    net = await cluster(3)
    lease = await net.store.grant(10, 77)
    assert (lease.id, lease.ttl) == (77, 10)
    await net.store.put(b"k", b"", 77)
    for _ in range(5):
        net.clock.advance(8)
        await net.tick()
        assert (await net.store.keep_alive(77)).ttl == 10
    assert (await net.store.range(b"k")).count == 1
    await net.store.revoke(77)
    assert (await net.store.range(b"k")).count == 0


async def test_leases_live_on_over_a_change_of_leader(cluster: Make) -> None:
    net = await cluster(3)
    lease = await net.store.grant(10)
    await net.store.put(b"k", b"", lease.id)
    net.clock.advance(9)
    net.stop(1)
    await net.until(lambda: net.leader != 0)
    net.clock.advance(9)
    await net.tick(2)
    assert (await net.store.time_to_live(lease.id)).ttl == pytest.approx(
        1 + 10 * 0.02
    )  # an election's time more
    net.clock.advance(2)
    await net.tick(2)
    assert (await net.store.range(b"k")).count == 0


# ---- watches


def revisions(batches: list[WatchBatch]) -> list[int]:
    return [event.kv.mod_revision for batch in batches for event in batch.events]


async def test_a_stream_gives_history_then_what_comes(any_size: Any) -> None:
    store = any_size.store
    for number in range(3):
        await store.put(b"k", b"%d" % number)
    stream = await store.watch(b"k", b"", 3)
    first = await stream.next()
    assert revisions([first]) == [3, 4]
    waiting = asyncio.ensure_future(stream.next())
    await any_size.settle()
    assert not waiting.done()
    await store.put(b"k", b"x")
    assert revisions([await waiting]) == [5]
    await store.put(b"k", b"y")
    await store.put(b"k", b"z")
    assert revisions([await stream.next()]) == [6, 7]
    stream.cancel()


async def test_a_sink_hears_of_a_write_before_its_writer_does(cluster: Make) -> None:
    net = await cluster(3)
    order: list[str] = []
    await net.store.watch(b"k", sink=lambda batch: order.append(f"event {batch.revision}"))
    for _ in range(2):
        result = await net.store.put(b"k", b"")
        order.append(f"written {result.revision}")
    assert order == ["event 2", "written 2", "event 3", "written 3"]


async def test_the_writers_note_comes_with_the_event_and_nothing_keeps_it(cluster: Make) -> None:
    class Note:
        pass

    net = await cluster(3)
    seen: list[Event] = []
    await net.store.watch(b"a", b"z", sink=lambda batch: seen.extend(batch.events))
    put, swapped, in_txn = Note(), Note(), Note()
    await net.store.put(b"k", b"1", note=put)
    await net.store.optimistic_put(b"k", b"2", 2, note=swapped)
    await net.store.txn(Txn((), (Put(b"l", b"3", note=in_txn), DeleteRange(b"k"))))
    await net.store.put(b"k", b"4")
    assert [event.note for event in seen] == [put, swapped, in_txn, None, None]
    refs = [weakref.ref(note) for note in (put, swapped, in_txn)]
    refused = Note()
    refs.append(weakref.ref(refused))
    assert not (await net.store.optimistic_put(b"k", b"", 1, note=refused)).succeeded
    del put, swapped, in_txn, refused
    seen.clear()
    gc.collect()
    assert [ref() for ref in refs] == [None] * 4


async def test_watches_go_on_over_changes_of_leader_without_gap_or_repetition(cluster: Make) -> None:
    net = await cluster(3)
    batches: list[WatchBatch] = []
    await net.store.watch(b"k", sink=batches.append)
    stream = await net.store.watch(b"k")
    for round_ in range(4):
        puts = [asyncio.ensure_future(net.store.put(b"k", b"%d" % number)) for number in range(5)]
        for _ in range(round_ + 1):
            await asyncio.sleep(0)
        stopped = net.leader
        net.stop(stopped)
        await net.until(lambda: net.leader != 0)
        await asyncio.gather(*puts)
        net.start(stopped)
        await net.tick(3)
    assert revisions(batches) == list(range(2, 22))
    assert [batch.revision for batch in batches] == sorted(batch.revision for batch in batches)
    assert revisions([await stream.next()]) == list(range(2, 22))


async def test_a_watch_begun_without_a_leader_waits_for_one(cluster: Make) -> None:
    net = await cluster(3)
    net.stop(1)
    opening = asyncio.ensure_future(net.store.watch(b"k"))
    await net.settle()
    assert not opening.done()
    await net.until(lambda: net.leader != 0)
    stream = await opening
    await net.store.put(b"k", b"")
    assert revisions([await stream.next()]) == [2]


async def test_progress_is_answered_at_once(cluster: Make) -> None:
    net = await cluster(3)
    batches: list[WatchBatch] = []
    handle = await net.store.watch(b"k", sink=batches.append)
    stream = await net.store.watch(b"k")
    await net.store.put(b"other", b"")
    handle.request_progress()
    stream.request_progress()
    assert batches == [WatchBatch((), 2)]
    assert await stream.next() == WatchBatch((), 2)


async def test_progress_asked_for_without_a_leader_comes_with_the_next_one(cluster: Make) -> None:
    net = await cluster(3)
    batches: list[WatchBatch] = []
    handle = await net.store.watch(b"k", sink=batches.append)
    net.stop(1)
    handle.request_progress()
    assert batches == []
    await net.until(lambda: net.leader != 0)
    assert batches == [WatchBatch((), 1)]


async def test_a_quiet_watch_gets_bookmarks_if_it_wants_them(cluster: Make) -> None:
    net = await cluster(1)
    wanted: list[WatchBatch] = []
    unwanted: list[WatchBatch] = []
    await net.store.watch(b"k", progress_notify=True, sink=wanted.append)
    await net.store.watch(b"k", sink=unwanted.append)
    await net.sweep(9.0)
    assert wanted == []
    await net.sweep(1.5)
    assert wanted == [WatchBatch((), 1)]
    assert unwanted == []


async def test_a_compacted_start_is_refused_with_where_to_go_on(cluster: Make) -> None:
    net = await cluster(1)
    for _ in range(4):
        await net.store.put(b"k", b"")
    await net.store.compact(4)
    stream = await net.store.watch(b"k", b"", 2)
    with pytest.raises(CompactedError) as error:
        await stream.next()
    assert error.value.compact_revision == 4
    batches: list[WatchBatch] = []
    await net.store.watch(b"k", b"", 2, sink=batches.append)
    assert [type(batch.error) for batch in batches] == [CompactedError]
    await net.sweep(0.5)
    assert len(net.store.replicas.subscriptions) == 0


async def test_a_long_history_is_read_in_portions_while_others_have_their_turn(cluster: Make) -> None:
    net = await cluster(1)
    for _ in range(60):
        await asyncio.gather(*(net.store.put(b"k", b"") for _ in range(100)))
    batches: list[WatchBatch] = []
    opening = asyncio.ensure_future(net.store.watch(b"k", b"", 1, sink=batches.append))
    await asyncio.sleep(0)
    await net.store.put(b"k", b"meanwhile")
    await opening
    assert len(batches) > 2
    assert revisions(batches) == list(range(2, 6003))


async def test_a_sink_that_fails_ends_its_watch_alone(cluster: Make) -> None:
    net = await cluster(3)

    def broken(_: WatchBatch) -> None:
        raise RuntimeError("a bug of the watcher")

    batches: list[WatchBatch] = []
    await net.store.watch(b"k", sink=broken)
    await net.store.watch(b"k", sink=batches.append)
    assert (await net.store.put(b"k", b"")).revision == 2
    net.stop(1)
    await net.until(lambda: net.leader != 0)
    await net.store.put(b"k", b"")
    await net.sweep(0.5)
    assert revisions(batches) == [2, 3]
    assert len(net.store.replicas.subscriptions) == 1


async def test_a_crowd_of_streams_does_not_keep_a_writer_waiting(cluster: Make) -> None:
    net = await cluster(3)
    streams = [await net.store.watch(b"k") for _ in range(2_000)]
    readers = [asyncio.ensure_future(stream.next()) for stream in streams]
    await asyncio.sleep(0)
    await net.store.put(b"k", b"")
    assert sum(reader.done() for reader in readers) < 1_000
    assert {tuple(revisions([batch])) for batch in await asyncio.gather(*readers)} == {(2,)}
