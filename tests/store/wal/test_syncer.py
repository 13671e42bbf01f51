"""Blocking work in a thread of its own."""

import asyncio
import threading

import pytest

from kube.store.wal.syncer import InlineSyncer, ThreadSyncer


async def test_work_is_done_in_order_off_the_loop() -> None:
    syncer = ThreadSyncer("sync")
    done: list[int] = []
    threads = await asyncio.gather(
        *(syncer.run(lambda n=n: (done.append(n), threading.current_thread().name)[1]) for n in range(20))
    )
    assert done == list(range(20))
    assert set(threads) == {"sync"}
    syncer.close()
    assert "sync" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("syncer", [ThreadSyncer("sync"), InlineSyncer()], ids=["thread", "inline"])
async def test_what_work_raises_is_its_callers(syncer: ThreadSyncer | InlineSyncer) -> None:
    def fails() -> None:
        raise OSError(5, "no")

    with pytest.raises(OSError, match="no"):
        await syncer.run(fails)
    assert await syncer.run(lambda: 3) == 3
    if isinstance(syncer, ThreadSyncer):
        syncer.close()


async def test_closing_waits_for_what_was_begun_by_who_is_cancelled() -> None:
    syncer = ThreadSyncer("sync")
    begun, go = threading.Event(), threading.Event()
    done: list[int] = []

    def work() -> None:
        begun.set()
        go.wait(5)
        done.append(1)

    waiting = asyncio.ensure_future(syncer.run(work))
    await asyncio.sleep(0)
    begun.wait(5)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()
    syncer.close()
    assert done == [1]


def test_a_loop_that_is_gone_is_told_nothing() -> None:
    syncer = ThreadSyncer("sync")
    go = threading.Event()

    async def begin() -> None:
        task = asyncio.ensure_future(syncer.run(lambda: go.wait(5)))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(begin())
    go.set()
    syncer.close()


def test_one_that_was_never_used_has_no_thread() -> None:
    before = threading.active_count()
    syncer = ThreadSyncer("sync")
    assert threading.active_count() == before
    syncer.close()
