"""How far a watch is, when nothing that it sees tells: prefixes that share an etcd, histories that are compacted, idle watches."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from kube.base.clock import Clock, FakeClock, SystemClock
from kube.store.etcd3.config import Etcd3Config
from kube.store.etcd3.store import Etcd3Store
from kube.store.kv import ALL_KEYS_END, WatchBatch, WatchStream
from tests.store.servers import DISTRO, Server, etcd


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = etcd(DISTRO, tmp_path_factory.mktemp("etcd"))
    made.start()
    yield made
    made.kill()


@asynccontextmanager
async def connected(server: Server, prefix: bytes, clock: Clock | None = None) -> AsyncIterator[Etcd3Store]:
    store = Etcd3Store(Etcd3Config(endpoints=(server.endpoint,), prefix=prefix), clock or SystemClock())
    try:
        yield store
    finally:
        await store.aclose()


async def reach(stream: WatchStream, revision: int) -> list[WatchBatch]:
    """What comes until the watch is complete up to a revision, which is asked for once."""
    stream.request_progress()
    batches: list[WatchBatch] = []
    async with asyncio.timeout(10):
        while not batches or batches[-1].revision < revision:
            batches.append(await stream.next())
    return batches


async def test_what_others_write_beside_the_prefix_is_progress_too(shared: Server) -> None:
    async with connected(shared, b"/mine") as mine, connected(shared, b"/others") as others:
        stream = await mine.watch(b"\0", ALL_KEYS_END)
        for _ in range(5):
            await others.put(b"k", b"")
            assert not [batch for batch in await reach(stream, await mine.current_revision()) if batch.events]
        history = await mine.watch(b"\0", ALL_KEYS_END, 2)
        assert not [batch for batch in await reach(history, await mine.current_revision()) if batch.events]
        assert (await mine.range(b"\0", ALL_KEYS_END)).count == 0
        assert (await others.range(b"\0", ALL_KEYS_END)).count == 1


async def test_nobody_writes_for_progress_unless_somebody_asks(shared: Server) -> None:
    async with connected(shared, b"/quiet") as mine, connected(shared, b"/loud") as others:
        streams = [await mine.watch(b"%d" % number) for number in range(50)]
        written = (await others.put(b"k", b"")).revision
        await asyncio.sleep(0.2)  # several times as long as it takes to lose patience
        assert await others.current_revision() == written
        now = await mine.current_revision()
        await asyncio.gather(*(reach(stream, now) for stream in streams))
        assert await others.current_revision() == written + 1  # one write for all who ask
        await asyncio.gather(*(reach(stream, now) for stream in streams))
        assert await others.current_revision() == written + 1


async def test_a_history_whose_end_is_compacted_comes_to_an_end(shared: Server) -> None:
    """A deletion at the compacted revision is gone from etcd; nothing says that there is no more to read."""
    async with connected(shared, b"") as store:
        await store.put(b"k", b"1")
        deleted = (await store.delete_range(b"k")).revision
        await store.compact(deleted)
        async with asyncio.timeout(10):  # until etcd has freed it
            while (await store.hash_kv()).compact_revision < deleted:  # noqa: ASYNC110  # of another process
                await asyncio.sleep(0.01)
        stream = await store.watch(b"k", b"", deleted)
        batches = await reach(stream, deleted)
        assert [event.kv.mod_revision for batch in batches for event in batch.events] in ([], [deleted])


async def test_an_idle_watch_that_wants_it_hears_every_ten_seconds(shared: Server) -> None:
    clock = FakeClock()
    async with connected(shared, b"/idle", clock) as store:
        wanting: list[WatchBatch] = []
        other: list[WatchBatch] = []
        await store.watch(b"k", progress_notify=True, sink=wanting.append)
        await store.watch(b"k", sink=other.append)

        async def pass_time(seconds: float) -> None:
            for _ in range(round(seconds / 0.5)):
                clock.advance(0.5)
                await asyncio.sleep(0)

        await pass_time(10)
        assert [batch.events for batch in wanting] == [()]
        await pass_time(10)
        assert [batch.events for batch in wanting] == [(), ()]
        written = (await store.put(b"k", b"")).revision
        async with asyncio.timeout(10):
            while len(wanting) < 3:  # noqa: ASYNC110  # of another process
                await asyncio.sleep(0.001)
        await pass_time(9)
        assert len(wanting) == 3
        await pass_time(1)
        assert [(len(batch.events), batch.revision) for batch in wanting[2:]] == [(1, written), (0, written)]
        assert [len(batch.events) for batch in other] == [1]


async def test_a_feed_that_nobody_watches_ends(shared: Server) -> None:
    clock = FakeClock()
    async with connected(shared, b"/unwatched", clock) as store:
        for _ in range(3):
            stream = await store.watch(b"k")
            assert len(store._watches._feeds) == 1
            await store.put(b"k", b"")
            assert len((await stream.next()).events) == 1
            stream.cancel()
            clock.advance(0.5)
            await asyncio.sleep(0)
            assert not store._watches._feeds
