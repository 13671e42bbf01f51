"""Clients that nobody here wrote."""

import asyncio

import aetcd
import pytest

from tests.store.etcd_server.conftest import Serving


@pytest.fixture
async def client(serving: Serving) -> aetcd.Client:
    host, port = serving.endpoint.split(":")
    return aetcd.Client(host=host, port=int(port))


async def test_aetcd(client: aetcd.Client) -> None:
    async with client:
        await client.put(b"k/1", b"one")
        await client.put(b"k/2", b"two")
        found = await client.get(b"k/1")
        assert found is not None
        assert (found.key, found.value, found.version) == (b"k/1", b"one", 1)
        assert [kv.value for kv in await client.get_prefix(b"k/")] == [b"one", b"two"]
        assert await client.replace(b"k/1", b"one", b"uno")
        assert not await client.replace(b"k/1", b"one", b"eins")
        lease = await client.lease(60)
        await client.put(b"k/3", b"three", lease=lease)
        assert (await lease.remaining_ttl()) > 50
        await lease.revoke()
        assert await client.get(b"k/3") is None
        assert await client.delete(b"k/1") is not None
        status = await client.status()
        assert status.version.startswith("3.5.")


async def test_aetcd_watches(client: aetcd.Client) -> None:
    async with client:
        watch = await client.watch_prefix(b"k/")
        for number in range(3):
            await client.put(b"k/%d" % number, b"v")
        await client.delete(b"k/0")
        seen = []
        async with asyncio.timeout(10):
            async for event in watch:
                seen.append((event.kind, event.kv.key))
                if len(seen) == 4:
                    break
        await watch.cancel()
    assert seen == [("PUT", b"k/0"), ("PUT", b"k/1"), ("PUT", b"k/2"), ("DELETE", b"k/0")]


async def test_aetcd_locks(client: aetcd.Client) -> None:
    async with client:
        async with client.lock(b"door", ttl=60) as lock:
            assert await lock.is_acquired()
        assert not await lock.is_acquired()
