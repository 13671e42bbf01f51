"""When a watch has begun: no compaction can come between its creation and what is written behind it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from kube.base.clock import SystemClock
from kube.store.errors import RequestTimeoutError, StoppedError
from kube.store.etcd3.config import Etcd3Config
from kube.store.etcd3.errors import UnreachableError
from kube.store.etcd3.store import Etcd3Store
from kube.store.kv import WatchStream
from tests.store.peer.proxy import Proxy
from tests.store.servers import Server


@asynccontextmanager
async def connected(*endpoints: str, seconds: float = 5.0) -> AsyncIterator[Etcd3Store]:
    store = Etcd3Store(Etcd3Config(endpoints=endpoints, request_timeout=seconds), SystemClock())
    try:
        yield store
    finally:
        await store.aclose()


@asynccontextmanager
async def through_a_proxy(server: Server, seconds: float = 5.0) -> AsyncIterator[tuple[Etcd3Store, Proxy]]:
    host, _, port = server.endpoint.rpartition(":")
    async with (
        Proxy(host, int(port)) as proxy,
        connected(proxy.url.removeprefix("http://"), seconds=seconds) as store,
    ):
        yield store, proxy


def once_the_revision_is_known(
    store: Etcd3Store, then: Callable[[], None], ahead: int = 0
) -> asyncio.Semaphore:
    """What a watch asks first is answered, ``then`` something happens, and the stream has yet to be opened. Counts those answers."""
    answered, ask = asyncio.Semaphore(0), store._client.current_revision

    async def asked() -> int:
        revision = await ask()
        then()
        answered.release()
        return revision + ahead

    store._client.current_revision = asked  # type: ignore[method-assign]  # the place between two requests of one call
    return answered


async def values(stream: WatchStream, count: int) -> list[bytes]:
    found: list[bytes] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            found += [event.kv.value for event in (await stream.next()).events]
    return found


async def test_a_compaction_before_the_stream_is_open_is_before_the_watch(server: Server) -> None:
    async with through_a_proxy(server) as (store, proxy), connected(server.endpoint) as direct:
        answered = once_the_revision_is_known(store, proxy.stall)
        watching = asyncio.ensure_future(store.watch(b"k"))
        await answered.acquire()
        await direct.put(b"k", b"before")
        await direct.compact((await direct.put(b"k", b"before")).revision)
        assert not watching.done()
        proxy.resume()
        stream = await watching
        await direct.put(b"k", b"1")
        await direct.compact((await direct.put(b"k", b"2")).revision)
        assert await values(stream, 2) == [b"1", b"2"]


async def test_all_who_wait_for_a_stream_get_it_but_those_who_gave_up(server: Server) -> None:
    async with through_a_proxy(server) as (store, proxy):
        stalls = [proxy.stall]

        def stall_once() -> None:
            """At the first of the six answers: the others may come when the proxy goes on."""
            if stalls:
                stalls.pop()()

        answered = once_the_revision_is_known(store, stall_once)
        asked = [asyncio.ensure_future(store.watch(b"k")) for _ in range(4)]
        asked += [asyncio.ensure_future(store.watch(b"k", prev_kv=True)) for _ in range(2)]
        await answered.acquire()
        for each in (asked[0], asked[2], *asked[4:]):
            each.cancel()
        proxy.resume()
        results = await asyncio.gather(*asked, return_exceptions=True)
        gave_up = [isinstance(result, asyncio.CancelledError) for result in results]
        assert gave_up == [True, False, True, False, True, True], results
        assert len(store._watches) == 2
        await store.put(b"k", b"v")
        for stream in (results[1], results[3]):
            assert not isinstance(stream, BaseException)
            assert await values(stream, 1) == [b"v"]
            stream.cancel()
        async with asyncio.timeout(10):
            while store._watches._feeds or store._watches._opening:  # noqa: ASYNC110  # the sweep has no event
                await asyncio.sleep(0.05)


async def test_a_stream_that_does_not_open_is_told_of_within_the_timeout(server: Server) -> None:
    async with through_a_proxy(server, seconds=0.5) as (store, proxy):
        once_the_revision_is_known(store, proxy.stall)
        started = time.monotonic()
        for prev_kv in (False, True):
            with pytest.raises(RequestTimeoutError):
                await store.watch(b"k", prev_kv=prev_kv)
            proxy.resume()
        assert time.monotonic() - started < 5
        assert len(store._watches) == 0
        once_the_revision_is_known(store, proxy.resume)
        stream = await store.watch(b"k")
        await store.put(b"k", b"v")
        assert await values(stream, 1) == [b"v"]


async def test_an_etcd_that_dies_before_the_stream_is_open(server: Server) -> None:
    async with connected(server.endpoint, seconds=1.0) as store:
        once_the_revision_is_known(store, server.kill)
        with pytest.raises(UnreachableError, match=server.endpoint):
            await store.watch(b"k")
        assert len(store._watches) == 0


async def test_a_store_that_is_closed_before_the_stream_is_open(server: Server) -> None:
    async with through_a_proxy(server) as (store, proxy):
        answered = once_the_revision_is_known(store, proxy.stall)
        watching = asyncio.ensure_future(store.watch(b"k"))
        await answered.acquire()
        await asyncio.sleep(0)
        await store.aclose()
        with pytest.raises(StoppedError):
            await watching


async def test_a_member_that_hangs_is_passed_over(server: Server) -> None:
    host, _, port = server.endpoint.rpartition(":")
    async with (
        Proxy(host, int(port)) as proxy,
        connected(server.endpoint, proxy.url.removeprefix("http://"), seconds=2.0) as store,
    ):
        proxy.stall()
        stream = await store.watch(b"k")  # its first request goes to one endpoint, its stream to the next
        async with connected(server.endpoint) as direct:
            await direct.put(b"k", b"v")
        assert await values(stream, 1) == [b"v"]


async def test_a_member_that_is_behind_tells_nothing_that_was_before(server: Server) -> None:
    """The revision was another member's: the one that serves the stream has yet to come to it."""
    async with connected(server.endpoint) as store:
        known = (await store.put(b"k", b"")).revision
        once_the_revision_is_known(store, lambda: None, ahead=3)
        live = await store.watch(b"k")
        past = await store.watch(b"k", b"", known + 1)
        for number in range(1, 6):
            await store.put(b"k", b"%d" % number)
        assert await values(live, 2) == [b"4", b"5"]
        assert await values(past, 5) == [b"1", b"2", b"3", b"4", b"5"]
