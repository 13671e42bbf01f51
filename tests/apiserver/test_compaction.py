"""History is compacted by age, and by size when it grows too fast."""

import asyncio

import pytest

from kube.apiserver.compaction import CHECK_SECONDS, INTERVAL_SECONDS, Compactor
from kube.store.errors import CompactedError, RequestTimeoutError


@pytest.fixture
def write(store):
    async def do(size=1):
        return (await store.put(b"k", b"x" * size)).revision

    return do


async def oldest(store):
    return (await store.status()).compact_revision


async def passes(compactor, clock, seconds):
    clock.advance(seconds)
    await compactor.check()


async def test_a_revision_is_readable_for_an_interval_at_least(store, clock, write):
    compactor = Compactor(store, clock)
    await write()
    await passes(compactor, clock, INTERVAL_SECONDS)
    seen = await store.current_revision()
    await write()
    await passes(compactor, clock, INTERVAL_SECONDS - 1)
    assert await oldest(store) < seen
    await passes(compactor, clock, 1)
    assert await oldest(store) == seen


async def test_too_much_history_goes_at_once_but_for_the_newest(store, clock, write):
    compactor = Compactor(store, clock, max_history_bytes=1000)
    await compactor.check()
    for _ in range(5):
        last = await write(100)
    await passes(compactor, clock, CHECK_SECONDS)
    assert await oldest(store) < last
    for _ in range(20):
        await write(100)
    await passes(compactor, clock, CHECK_SECONDS)
    assert await oldest(store) == last


async def test_who_comes_second_finds_it_done(store, clock, write):
    one, two = Compactor(store, clock), Compactor(store, clock)
    await write()
    for _ in range(3):
        clock.advance(INTERVAL_SECONDS)
        await one.check()
        await two.check()
        await write()
    with pytest.raises(CompactedError):
        await store.compact(await oldest(store))


async def test_it_runs_until_it_is_cancelled_whatever_the_store_says(store, clock, write, monkeypatch):
    compactor = Compactor(store, clock, interval=5)
    status, failures = store.status, []

    async def fails_once():
        if not failures:
            failures.append(True)
            raise RequestTimeoutError
        return await status()

    monkeypatch.setattr(store, "status", fails_once)
    running = asyncio.create_task(compactor.run())
    while (await status()).compact_revision < 3:
        await write()
        clock.advance(5)
        await asyncio.sleep(0)
    assert failures
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
