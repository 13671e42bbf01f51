"""Members that are away, come back or hang: what is lost, what is repeated, and how soon one is told."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kube.base.clock import SystemClock
from kube.store.errors import CompactedError, RequestTimeoutError, StoppedError, StoreError
from kube.store.etcd3.config import Etcd3Config
from kube.store.etcd3.errors import AnotherStoreError, UnreachableError
from kube.store.etcd3.store import Etcd3Store
from kube.store.kv import Event, WatchBatch
from tests.store.peer.proxy import Proxy
from tests.store.servers import DEBIAN, DISTRO, Server, etcd, etcd_cluster, free_port


@asynccontextmanager
async def connected(*endpoints: str, seconds: float = 5.0) -> AsyncIterator[Etcd3Store]:
    store = Etcd3Store(Etcd3Config(endpoints=endpoints, request_timeout=seconds), SystemClock())
    try:
        yield store
    finally:
        await store.aclose()


def nowhere() -> str:
    return f"127.0.0.1:{free_port()}"


class Writer:
    """Writes numbers to one key until it is stopped. ``acknowledged``: number by revision; what may be there beside them."""

    def __init__(self, store: Etcd3Store) -> None:
        self.acknowledged: dict[int, int] = {}
        self.uncertain: set[int] = set()
        self.refused: set[int] = set()
        self._store = store
        self._stopping = False
        self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        number = 0
        while not self._stopping:
            number += 1
            try:
                result = await self._store.put(b"k", b"%d" % number)
            except StoreError as error:
                (self.uncertain if error.maybe_applied else self.refused).add(number)
            else:
                self.acknowledged[result.revision] = number

    async def until(self, count: int) -> None:
        """That many more have been acknowledged."""
        wanted = len(self.acknowledged) + count
        async with asyncio.timeout(30):
            while len(self.acknowledged) < wanted:  # noqa: ASYNC110  # it looks from outside at what has no event
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._stopping = True
        await self._task


async def complete(store: Etcd3Store, batches: list[WatchBatch]) -> list[Event]:
    """All events of a sink, once it has heard of the store's present revision."""
    now = await store.current_revision()
    async with asyncio.timeout(30):
        while not batches or batches[-1].revision < now:  # noqa: ASYNC110  # it looks from outside at what has no event
            await asyncio.sleep(0.01)
    return [event for batch in batches for event in batch.events]


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[Server]:
    """One member that keeps what it acknowledged: 3.5.1 tells of a write before its log has it (etcd issue 14370)."""
    made = etcd(DEBIAN, tmp_path)
    made.start()
    yield made
    made.kill()


async def test_a_member_that_dies_and_comes_back_loses_and_repeats_nothing(durable: Server) -> None:
    async with connected(durable.endpoint, seconds=1.0) as store:
        batches: list[WatchBatch] = []
        watch = await store.watch(b"k", sink=batches.append)
        history = await store.watch(b"k", b"", 2, prev_kv=True)
        writer = Writer(store)
        for _ in range(3):
            await writer.until(30)
            durable.kill()
            await asyncio.sleep(0.2)  # as long as it is away there is nothing to wait for
            durable.start()
        await writer.until(30)
        await writer.stop()
        events = await complete(store, batches)
        seen = {event.kv.mod_revision: int(event.kv.value) for event in events}
        assert len(seen) == len(events) == len(set(seen.values()))  # nothing twice: no event, no write
        assert list(seen) == sorted(seen)
        assert seen.items() >= writer.acknowledged.items()
        extra = set(seen.values()) - set(writer.acknowledged.values())
        assert extra <= writer.uncertain
        assert not writer.refused & set(seen.values())
        read: list[Event] = []
        async with asyncio.timeout(30):
            while len(read) < len(events):
                read += (await history.next()).events
        assert [event.kv for event in read] == [event.kv for event in events]
        assert [event.prev_kv for event in read[1:]] == [event.kv for event in events[:-1]]
        for each in (watch, history):
            each.cancel()


async def test_an_etcd_that_is_not_there_is_told_of_within_the_timeout() -> None:
    endpoint = nowhere()
    async with connected(endpoint, seconds=1.0) as store:
        started = time.monotonic()
        for request in (store.ready(), store.put(b"k", b""), store.watch(b"k"), store.keep_alive(1)):
            with pytest.raises(UnreachableError) as refused:
                await request
            assert endpoint in str(refused.value)
            assert not refused.value.maybe_applied
        assert time.monotonic() - started < 8


async def test_endpoints_that_are_not_there_are_passed_over(server: Server) -> None:
    async with connected(nowhere(), server.endpoint, nowhere()) as store:
        stream = await store.watch(b"k")
        for number in range(20):
            await store.put(b"k", b"%d" % number)
            assert (await store.range(b"k")).kvs[0].value == b"%d" % number
        lease = await store.grant(10)
        assert (await store.keep_alive(lease.id)).ttl == 10
        values: list[bytes] = []
        async with asyncio.timeout(10):
            while len(values) < 20:
                values += [event.kv.value for event in (await stream.next()).events]
        assert values == [b"%d" % number for number in range(20)]
        stream.cancel()


async def test_what_was_compacted_while_the_connection_was_cut(server: Server) -> None:
    """Every watch is told from where on it could go on; a new one does."""
    host, _, port = server.endpoint.rpartition(":")
    async with (
        Proxy(host, int(port)) as proxy,
        connected(proxy.url.removeprefix("http://")) as store,
        connected(server.endpoint) as direct,
    ):
        batches: list[WatchBatch] = []
        await store.watch(b"k", sink=batches.append)
        quiet = await store.watch(b"quiet")
        first = await store.put(b"k", b"1")
        await complete(store, batches)
        proxy.stall()
        proxy.cut()
        for number in range(5):
            await direct.put(b"k", b"%d" % number)
        await direct.compact(first.revision + 5)
        proxy.resume()
        with pytest.raises(CompactedError) as refused:
            async with asyncio.timeout(30):
                await quiet.next()
        assert isinstance(batches[-1].error, CompactedError)
        for error in (refused.value, batches[-1].error):
            assert (error.revision, error.compact_revision) == (first.revision + 1, first.revision + 5)
        again = await store.watch(b"k", b"", first.revision + 5)
        assert [event.kv.value for event in (await again.next()).events] == [b"4"]


async def test_a_connection_that_is_cut_again_and_again(server: Server) -> None:
    host, _, port = server.endpoint.rpartition(":")
    async with Proxy(host, int(port)) as proxy, connected(proxy.url.removeprefix("http://")) as store:
        batches: list[WatchBatch] = []
        await store.watch(b"k", sink=batches.append)
        writer = Writer(store)
        for _ in range(10):
            await writer.until(10)
            proxy.cut()
        await writer.until(10)
        await writer.stop()
        events = await complete(store, batches)
        seen = {event.kv.mod_revision: int(event.kv.value) for event in events}
        assert len(seen) == len(events) == len(set(seen.values()))  # nothing twice: no event, no write
        assert list(seen) == sorted(seen)
        assert seen.items() >= writer.acknowledged.items()
        assert set(seen.values()) - set(writer.acknowledged.values()) <= writer.uncertain


async def test_a_store_that_is_closed_ends_its_watches(server: Server) -> None:
    async with connected(server.endpoint) as store:
        batches: list[WatchBatch] = []
        await store.watch(b"k", sink=batches.append)
        stream = await store.watch(b"k")
        waiting = asyncio.ensure_future(stream.next())
        await asyncio.sleep(0)
    with pytest.raises(StoppedError):
        await waiting
    assert isinstance(batches[-1].error, StoppedError)


async def find_leader(store: Etcd3Store, members: list[Server]) -> Server:
    """The one whose own client URL the leader has."""
    leader = (await store.status()).leader
    [info] = [member for member in await store.members() if member.id == leader]
    [found] = [member for member in members if f"http://{member.endpoint}" in info.client_urls]
    return found


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[Server]]:
    members = etcd_cluster(DISTRO, tmp_path, 3)
    yield members
    for member in members:
        member.kill()


async def test_a_member_that_hangs_holds_up_neither_reads_nor_watches_for_long(three: list[Server]) -> None:
    async with connected(*(member.endpoint for member in three), seconds=6.0) as store:
        batches: list[WatchBatch] = []
        await store.watch(b"k", sink=batches.append)
        await store.put(b"k", b"1")
        leader = await find_leader(store, three)
        hung = next(member for member in three if member is not leader)
        hung.pause()
        try:
            done = 0
            async with asyncio.timeout(60):
                for number in range(20):
                    await store.range(b"k")
                    try:
                        await store.put(b"k", b"%d" % number)
                        done += 1
                    except RequestTimeoutError:
                        continue  # it went to the member that hangs, and may not be sent again
            assert done >= 15
        finally:
            hung.resume()
        events = await complete(store, batches)
        revisions = [event.kv.mod_revision for event in events]
        assert revisions == sorted(set(revisions))


async def test_the_leader_moves(three: list[Server]) -> None:
    async with connected(*(member.endpoint for member in three)) as store:
        status = await store.status()
        target = next(member for member in status.members if member != status.leader)
        await store.move_leader(target)
        async with asyncio.timeout(10):
            while (await store.status()).leader != target:  # noqa: ASYNC110  # it looks from outside at what has no event
                await asyncio.sleep(0.01)


async def test_a_leader_that_is_killed_under_load(three: list[Server]) -> None:
    async with connected(*(member.endpoint for member in three)) as store:
        batches: list[WatchBatch] = []
        await store.watch(b"k", sink=batches.append)
        writer = Writer(store)
        await writer.until(30)
        (await find_leader(store, three)).kill()
        await writer.until(50)
        await writer.stop()
        events = await complete(store, batches)
        seen = {event.kv.mod_revision: int(event.kv.value) for event in events}
        assert len(seen) == len(events) == len(set(seen.values()))  # nothing twice: no event, no write
        assert list(seen) == sorted(seen)
        assert seen.items() >= writer.acknowledged.items()
        assert set(seen.values()) - set(writer.acknowledged.values()) <= writer.uncertain


async def test_a_watch_whose_history_is_gone_says_so(server: Server) -> None:
    async with connected(server.endpoint) as store:
        for number in range(5):
            await store.put(b"k", b"%d" % number)
        await store.compact(4)
        for prev_kv in (False, True):
            stream = await store.watch(b"k", b"", 2, prev_kv=prev_kv)
            with pytest.raises(CompactedError):
                await stream.next()


@pytest.mark.parametrize("how", ["same members, nothing in it", "another cluster"])
async def test_an_etcd_that_was_replaced_is_not_taken_for_the_one_before(server: Server, how: str) -> None:
    """Its revisions mean something else: watches would wait for what never comes, and caches hold what is not there."""
    async with connected(server.endpoint) as store:
        for number in range(5):
            await store.put(b"k%d" % number, b"v")
        live = await store.watch(b"k", b"l")
        future = await store.watch(b"k", b"l", 100)
        server.kill()
        server.lose_data()
        if how == "another cluster":
            server.add_flags("--initial-cluster-token", "other")
        server.start()
        with pytest.raises(AnotherStoreError, match=r"replaced or restored.*start again"):
            await store.range(b"k", b"l")
        for watch in (live, future):
            async with asyncio.timeout(5):
                with pytest.raises(AnotherStoreError):
                    await watch.next()
        with pytest.raises(AnotherStoreError):
            await store.put(b"k", b"w")
    async with connected(server.endpoint) as store:
        assert (await store.range(b"k", b"l")).count == 0


async def test_who_shares_an_answer_is_told_of_its_failure_too(server: Server) -> None:
    """Many ask for the revision at once; one that gives up takes nobody along."""
    async with connected(server.endpoint, seconds=1.0) as store:
        asked = [asyncio.ensure_future(store.current_revision()) for _ in range(100)]
        await asyncio.sleep(0)
        for task in asked[::7]:
            task.cancel()
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert {result for number, result in enumerate(results) if number % 7} == {1}
        server.kill()
        failed = await asyncio.gather(*(store.current_revision() for _ in range(100)), return_exceptions=True)
        assert {type(failure) for failure in failed} == {UnreachableError}
        server.start()
        pending = [asyncio.ensure_future(store.current_revision()) for _ in range(100)]
        await asyncio.sleep(0)
    ended = await asyncio.gather(*pending, return_exceptions=True)
    assert all(isinstance(each, (int, StoreError, asyncio.CancelledError)) for each in ended)
