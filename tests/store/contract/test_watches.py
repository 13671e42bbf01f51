"""Watches: ordered, unique, reliable, atomic, resumable, with bookmarks (etcd's API guarantees)."""

import asyncio
from typing import Any

import pytest

from kube.store.errors import CompactedError, WatchCanceledError
from kube.store.kv import (
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    Event,
    EventType,
    KeyValue,
    Put,
    Txn,
    WatchBatch,
    WatchFilter,
    WatchStream,
    prefix_end,
)
from tests.store.contract.conftest import World

PUT, DELETE = EventType
SECONDS = 20


async def until_revision(stream: WatchStream, revision: int) -> list[Event]:
    """Everything up to a revision, by asking for progress where nothing else comes."""
    events: list[Event] = []
    async with asyncio.timeout(SECONDS):
        stream.request_progress()
        while True:
            batch = await stream.next()
            events += batch.events
            if batch.revision >= revision:
                return events


def brief(world: World, events: list[Event] | tuple[Event, ...]) -> list[tuple[str, str]]:
    return [
        (
            event.kv.key.removeprefix(world.base).decode(),
            event.kv.value.decode() if event.type is PUT else "deleted",
        )
        for event in events
    ]


async def write(world: World) -> int:
    """Seven revisions of four keys. The revision before them."""
    store, start = world.store, await world.store.current_revision()
    await store.put(world(b"a"), b"1")
    await store.put(world(b"b"), b"2")
    await store.put(world(b"a"), b"3")
    await store.txn(Txn((), (Put(world(b"c"), b"4"), Put(world(b"d"), b"5"))))
    await store.delete_range(world(b"a"))
    await store.put(world(b"a"), b"6")
    await store.delete_range(world(b"b"), world(b"d"))
    return start


ALL = [
    ("a", "1"),
    ("b", "2"),
    ("a", "3"),
    ("c", "4"),
    ("d", "5"),
    ("a", "deleted"),
    ("a", "6"),
    ("b", "deleted"),
    ("c", "deleted"),
]


async def test_history_then_what_comes(world: World) -> None:
    start = await write(world)
    stream = await world.store.watch(*world.all, start + 1)
    assert brief(world, await until_revision(stream, start + 7)) == ALL
    await world.store.put(world(b"e"), b"7")
    assert brief(world, await until_revision(stream, start + 8)) == [("e", "7")]
    stream.cancel()


async def test_from_the_middle_of_history(world: World) -> None:
    start = await write(world)
    stream = await world.store.watch(*world.all, start + 4)
    assert brief(world, await until_revision(stream, start + 7)) == ALL[3:]
    stream.cancel()


async def test_without_a_start_only_what_comes(world: World) -> None:
    start = await write(world)
    stream = await world.store.watch(*world.all)
    await world.store.put(world(b"e"), b"7")
    assert brief(world, await until_revision(stream, start + 8)) == [("e", "7")]
    stream.cancel()


RANGES: list[Any] = [
    pytest.param(b"a", b"", [("a", "1"), ("a", "3"), ("a", "deleted"), ("a", "6")], id="one key"),
    pytest.param(b"b", b"d", [("b", "2"), ("c", "4"), ("b", "deleted"), ("c", "deleted")], id="a range"),
    pytest.param(b"c", b"\0", [("c", "4"), ("d", "5"), ("c", "deleted")], id="from a key on"),
    pytest.param(b"x", b"y", [], id="a range in which nothing happens"),
    pytest.param(b"a", b"a", [], id="a range that ends where it begins"),
    pytest.param(b"c", b"a", [], id="a range that ends before it begins"),
]


@pytest.mark.parametrize(("key", "end", "wanted"), RANGES)
@pytest.mark.parametrize("live", [True, False], ids=["live", "history"])
async def test_a_watch_sees_its_range(
    world: World, key: bytes, end: bytes, wanted: list[tuple[str, str]], live: bool
) -> None:
    range_end = end if end in {b"", b"\0"} else world(end)
    now = await world.store.current_revision()
    if live:
        stream = await world.store.watch(world(key), range_end)
        await write(world)
    else:
        await write(world)
        stream = await world.store.watch(world(key), range_end, now + 1)
    assert brief(world, await until_revision(stream, now + 7)) == wanted
    stream.cancel()


@pytest.mark.parametrize("live", [True, False], ids=["live", "history"])
async def test_filters(world: World, live: bool) -> None:
    now = await world.store.current_revision()
    wanted = {
        (WatchFilter.NODELETE,): [each for each in ALL if each[1] != "deleted"],
        (WatchFilter.NOPUT,): [each for each in ALL if each[1] == "deleted"],
        (WatchFilter.NOPUT, WatchFilter.NODELETE): [],
    }
    if not live:
        await write(world)
    streams = [await world.store.watch(*world.all, now + 1, filters=filters) for filters in wanted]
    if live:
        await write(world)
    for stream, events in zip(streams, wanted.values(), strict=True):
        assert brief(world, await until_revision(stream, now + 7)) == events
        stream.cancel()


@pytest.mark.parametrize("live", [True, False], ids=["live", "history"])
async def test_previous_values(world: World, live: bool) -> None:
    now = await world.store.current_revision()
    if not live:
        await write(world)
    stream = await world.store.watch(*world.all, now + 1, prev_kv=True)
    if live:
        await write(world)
    events = await until_revision(stream, now + 7)
    assert [None if event.prev_kv is None else event.prev_kv.value.decode() for event in events] == [
        *(None, None, "1", None, None, "3", None, "2", "4")
    ]
    assert [event.is_create for event in events] == [
        *(True, True, False, True, True, False, True, False, False)
    ]
    assert events[5].kv == KeyValue(world(b"a"), b"", 0, now + 5, 0, 0)
    stream.cancel()


async def test_the_events_of_a_revision_stay_together(world: World) -> None:
    store, start = world.store, await world.store.current_revision()
    stream = await store.watch(*world.all)
    for _ in range(20):
        await store.txn(Txn((), tuple(Put(world(b"%d" % number), b"x" * 4000) for number in range(100))))
    seen = start
    while seen < start + 20:
        batch = await stream.next()
        revisions = [event.kv.mod_revision for event in batch.events]
        assert revisions == sorted(revisions)
        assert {revisions.count(each) for each in revisions} == {100}
        assert min(revisions) == seen + 1
        seen = batch.revision
        assert seen == max(revisions)
    stream.cancel()


async def test_a_revision_larger_than_a_message(world: World) -> None:
    """What is kept of 2 MB in a few values, deleted at once with the previous values: etcd sends it in fragments."""
    store, start = world.store, await world.store.current_revision()
    for number in range(4):
        await store.put(world(b"%d" % number), b"%d" % number * 1_000_000)
    stream = await store.watch(*world.all, start + 1, prev_kv=True)
    await store.delete_range(*world.all)
    events = await until_revision(stream, start + 5)
    assert [event.kv.mod_revision - start for event in events] == [1, 2, 3, 4, 5, 5, 5, 5]
    assert [len(event.prev_kv.value) for event in events if event.prev_kv is not None] == [1_000_000] * 4
    stream.cancel()


async def test_a_sink_gets_everything_in_order(world: World) -> None:
    batches: list[WatchBatch] = []
    done = asyncio.Event()
    now = await world.store.current_revision()

    def sink(batch: WatchBatch) -> None:
        batches.append(batch)
        if batch.revision >= now + 7:
            done.set()

    stream = await world.store.watch(*world.all, sink=sink)
    await write(world)
    async with asyncio.timeout(SECONDS):
        await done.wait()
    assert brief(world, [event for batch in batches for event in batch.events]) == ALL
    revisions = [batch.revision for batch in batches]
    assert revisions == sorted(set(revisions))
    with pytest.raises(RuntimeError):
        await stream.next()
    stream.cancel()
    await world.store.put(world(b"e"), b"7")
    assert batches[-1].revision == now + 7


async def test_progress_says_how_far_a_quiet_watch_is(world: World) -> None:
    """Whoever has read a revision can wait until a watch is complete up to it."""
    stream = await world.store.watch(*world.all)
    for number in range(5):
        await world.store.put(b"/elsewhere/%d" % number, b"")
        now = await world.store.current_revision()
        assert await until_revision(stream, now) == []
    stream.cancel()


async def test_progress_never_overtakes_an_event(world: World) -> None:
    store = world.store
    stream = await store.watch(*world.all)
    for number in range(200):
        written = (await store.put(world(b"k"), b"%d" % number)).revision
        events = await until_revision(stream, written)
        assert [event.kv.mod_revision for event in events] == [written]
    stream.cancel()


async def test_a_start_that_is_compacted_is_refused_with_the_revision(world: World) -> None:
    start = await write(world)
    await world.store.compact(start + 5)
    stream = await world.store.watch(*world.all, start + 4)
    with pytest.raises(CompactedError) as refused:
        async with asyncio.timeout(SECONDS):
            await stream.next()
    assert (refused.value.revision, refused.value.compact_revision) == (start + 4, start + 5)
    with pytest.raises(CompactedError):
        await stream.next()
    batches: list[WatchBatch] = []
    told = asyncio.Event()
    sunk = await world.store.watch(
        *world.all, start + 4, sink=lambda batch: (batches.append(batch), told.set())[0]
    )
    async with asyncio.timeout(SECONDS):
        await told.wait()
    [batch] = batches
    assert isinstance(batch.error, CompactedError)
    assert (batch.events, batch.error.compact_revision) == ((), start + 5)
    for each in (stream, sunk):
        each.cancel()


async def test_a_watch_begins_after_what_was_compacted(world: World) -> None:
    start = await write(world)
    await world.store.compact(start + 4)
    stream = await world.store.watch(*world.all, start + 5)
    assert brief(world, await until_revision(stream, start + 7)) == ALL[5:]
    stream.cancel()


async def test_a_running_watch_does_not_mind_a_compaction(world: World) -> None:
    stream = await world.store.watch(*world.all)
    start = await write(world)
    await world.store.compact(start + 7)
    await world.store.put(world(b"e"), b"7")
    assert brief(world, await until_revision(stream, start + 8)) == [*ALL, ("e", "7")]
    stream.cancel()


async def test_a_start_in_the_future_is_waited_for(world: World) -> None:
    now = await world.store.current_revision()
    stream = await world.store.watch(*world.all, now + 3)
    for number in range(4):
        await world.store.put(world(b"k"), b"%d" % number)
    assert brief(world, await until_revision(stream, now + 4)) == [("k", "2"), ("k", "3")]
    stream.cancel()


async def test_a_watch_that_is_cancelled_is_over(world: World) -> None:
    stream = await world.store.watch(*world.all)
    waiting = asyncio.ensure_future(stream.next())
    await asyncio.sleep(0)
    stream.cancel()
    with pytest.raises(WatchCanceledError):
        await waiting
    stream.cancel()
    await world.store.put(world(b"k"), b"")
    with pytest.raises(WatchCanceledError):
        await stream.next()


async def test_many_watches_of_many_ranges(world: World) -> None:
    store, now = world.store, await world.store.current_revision()
    single = [await store.watch(world(b"%02d" % number)) for number in range(50)]
    everything = [await store.watch(*world.all) for _ in range(20)]
    tens = [
        await store.watch(world(b"%d" % ten), prefix_end(world(b"%d" % ten)), now + 1) for ten in range(5)
    ]
    for number in range(50):
        await store.put(world(b"%02d" % number), b"%d" % number)
    await store.txn(Txn((), (DeleteRange(*world.all),)))
    names = [f"{number:02}" for number in range(50)]
    for number, stream in enumerate(single):
        events = brief(world, await until_revision(stream, now + 51))
        assert events == [(names[number], str(number)), (names[number], "deleted")]
    for stream in everything:
        assert [key for key, _ in brief(world, await until_revision(stream, now + 51))] == names * 2
    for ten, stream in enumerate(tens):
        keys = [key for key, _ in brief(world, await until_revision(stream, now + 51))]
        assert keys == names[ten * 10 : ten * 10 + 10] * 2
    for stream in (*single, *everything, *tens):
        stream.cancel()


async def test_a_sink_that_raises_ends_its_watch_alone(world: World) -> None:
    calls = []

    def raising(batch: WatchBatch) -> None:
        calls.append(batch)
        raise ValueError("a receiver's own mistake")

    bad = await world.store.watch(*world.all, sink=raising)
    good = await world.store.watch(*world.all)
    start = await write(world)
    assert brief(world, await until_revision(good, start + 7)) == ALL
    assert len(calls) == 1
    for each in (bad, good):
        each.cancel()


async def test_writers_notes_come_with_their_events(world: World) -> None:
    store = world.store
    batches: list[WatchBatch] = []
    stream = await store.watch(*world.all, sink=batches.append)
    now = await store.current_revision()
    await store.put(world(b"a"), b"1", note="put")
    await store.optimistic_put(world(b"b"), b"1", 0, note="created")
    await store.optimistic_put(world(b"b"), b"2", 0, note="refused")
    await store.optimistic_put(world(b"b"), b"2", now + 2, note="swapped")
    await store.txn(Txn((), (Put(world(b"c"), b"1", note="in a txn"), Put(world(b"d"), b"1"))))
    await store.put(world(b"a"), b"2")
    absent = Compare(world(b"a"), CompareTarget.VERSION, CompareResult.EQUAL, 0)
    await store.txn(
        Txn((absent,), (Put(world(b"a"), b"3", note="no"),), (Put(world(b"a"), b"4", note="yes"),))
    )
    async with asyncio.timeout(SECONDS):
        while not batches or batches[-1].revision < now + 6:
            stream.request_progress()
            await asyncio.sleep(0.01)
    notes = [event.note for batch in batches for event in batch.events]
    assert notes == ["put", "created", "swapped", "in a txn", None, None, "yes"]
    late = await store.watch(*world.all, now + 1, prev_kv=True)
    again = [event.note for event in await until_revision(late, now + 6)]
    assert all(note in {None, live} for note, live in zip(again, notes, strict=True))
    for each in (stream, late):
        each.cancel()
