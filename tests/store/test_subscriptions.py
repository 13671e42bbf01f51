"""What a stream buffers, and how it ends."""

import asyncio

import pytest

from kube.store import subscriptions
from kube.store.errors import SlowWatcherError, StoppedError, WatchCanceledError
from kube.store.kv import WatchBatch
from kube.store.mvcc.kvstore import KVStore
from kube.store.mvcc.watchable import WatchableStore
from kube.store.subscriptions import BufferedStream, SinkStream, Subscription, Subscriptions


class World:
    def __init__(self) -> None:
        self.kv = KVStore()
        self.store = WatchableStore(self.kv)
        self.subscriptions = Subscriptions()
        self.subscriptions.move(self.store)

    def put(self, count: int = 1) -> None:
        for _ in range(count):
            self.kv.revision += 1
            self.kv.put(b"k", b"", 0)
            self.store.collect()
            self.store.flush()

    def open(self) -> BufferedStream:
        stream = BufferedStream()
        subscription = Subscription(b"k", b"", 0, filters=(), progress_notify=False, sink=stream.push)
        stream.open(subscription, self.subscriptions.remove)
        self.subscriptions.add(subscription)
        subscription.catch_up()
        return stream


async def test_what_has_gathered_comes_as_one_batch() -> None:
    world = World()
    stream = world.open()
    world.put(5)
    batch = await stream.next()
    assert [event.kv.mod_revision for event in batch.events] == [2, 3, 4, 5, 6]
    assert batch.revision == 6


async def test_who_does_not_read_is_told_where_to_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "MAX_BUFFERED", 3)
    world = World()
    stream, other = world.open(), world.open()
    world.put(2)
    assert len((await other.next()).events) == 2
    world.put(3)
    assert len((await other.next()).events) == 3
    assert [event.kv.mod_revision for event in (await stream.next()).events] == [2, 3, 4]
    with pytest.raises(SlowWatcherError) as error:
        await stream.next()
    assert error.value.resume_revision == 5
    assert len(world.subscriptions) == 1


async def test_one_batch_that_is_larger_than_the_buffer_still_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "MAX_BUFFERED", 3)
    world = World()
    stream = world.open()
    for _ in range(10):
        world.kv.revision += 1
        world.kv.put(b"k", b"", 0)
        world.store.collect()
    world.store.flush()
    assert len((await stream.next()).events) == 10


async def test_a_cancelled_stream_says_so_to_who_waits() -> None:
    world = World()
    stream = world.open()
    waiting = asyncio.ensure_future(stream.next())
    await asyncio.sleep(0)
    stream.cancel()
    stream.cancel()
    with pytest.raises(WatchCanceledError):
        await waiting
    world.put()
    with pytest.raises(WatchCanceledError):
        await stream.next()


async def test_a_closed_store_ends_its_streams_after_what_they_hold() -> None:
    world = World()
    stream = world.open()
    world.put()
    world.subscriptions.close()
    assert len((await stream.next()).events) == 1
    with pytest.raises(StoppedError):
        await stream.next()


async def test_a_reader_that_is_cancelled_loses_nothing() -> None:
    world = World()
    stream = world.open()
    waiting = asyncio.ensure_future(stream.next())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    world.put()
    assert len((await stream.next()).events) == 1


async def test_a_stream_with_a_sink_is_not_read() -> None:
    subscription = Subscription(b"k", b"", 0, filters=(), progress_notify=False, sink=lambda _: None)
    with pytest.raises(RuntimeError, match="sink"):
        await SinkStream(subscription, lambda _: None).next()


async def test_one_that_another_has_ended_while_all_move_does_not_go_along() -> None:
    world = World()
    world.put()
    home = WatchableStore(world.kv)
    streams: list[SinkStream] = []
    for _ in range(2):
        subscription = Subscription(
            b"k",
            b"",
            2,
            filters=(),
            progress_notify=False,
            sink=lambda _: [stream.cancel() for stream in streams[1:]],
        )
        world.subscriptions.add(subscription)
        streams.append(SinkStream(subscription, world.subscriptions.remove))
    world.subscriptions.move(home)
    assert len(world.subscriptions) == 1
    streams[0].cancel()
    assert not home._groups


async def test_a_compaction_ends_no_watch_that_moves_and_lacks_nothing() -> None:
    """Nothing has happened in its range for long, so nothing was delivered: it is as far as its home all the same."""
    world = World()
    batches: list[WatchBatch] = []
    subscription = Subscription(b"idle", b"", 2, filters=(), progress_notify=False, sink=batches.append)
    world.subscriptions.add(subscription)
    subscription.catch_up()
    world.put(10)
    world.kv.compact(world.kv.revision)
    world.subscriptions.move(None)
    world.subscriptions.move(WatchableStore(world.kv))
    assert batches == []
    world.subscriptions.close()
    assert [type(batch.error) for batch in batches] == [StoppedError]


async def test_a_receiver_that_raises_at_the_end_leaves_the_others_theirs() -> None:
    world = World()
    ended: list[WatchBatch] = []

    def raises(batch: WatchBatch) -> None:
        raise RuntimeError("told too late")

    for sink in (raises, ended.append):
        world.subscriptions.add(Subscription(b"k", b"", 0, filters=(), progress_notify=False, sink=sink))
    world.subscriptions.close()
    assert [type(batch.error) for batch in ended] == [StoppedError]
    assert len(world.subscriptions) == 0
