"""A cluster whose host gives up on it, and one whose parts fail: nothing is left behind, nothing is lost."""

import asyncio
import contextlib
import os
import threading
from pathlib import Path

import pytest

from kube import Cluster
from kube.actors.runtime.actor import Actor
from kube.actors.runtime.errors import StopTimeoutError


def left() -> tuple[int, int, int]:
    """Tasks, threads and open files of the process."""
    folder = Path("/proc/self/fd")
    files = len(os.listdir(folder)) if folder.exists() else 0  # noqa: PTH208  # its own handle is closed by then
    return len(asyncio.all_tasks()), threading.active_count(), files


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def cancelled_after(count: int, **settings: object) -> bool:
    """Cancel the start of a cluster in the loop's turn ``count``; whether it was under way then."""
    cluster = Cluster(**settings)
    starting = asyncio.create_task(cluster.start())
    for _ in range(count):
        await asyncio.sleep(0)
        if starting.done():
            await cluster.stop()
            return False
    starting.cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(starting, return_exceptions=True)
    assert starting.cancelled()
    return True


@pytest.mark.parametrize(
    "settings",
    [{"nodes": 1, "listen": ("127.0.0.1", 0)}, {"nodes": 1, "replicas": 3}],
    ids=["listening", "replicated"],
)
async def test_a_start_that_is_cancelled_at_any_turn_leaves_nothing(settings) -> None:
    await cancelled_after(1_000_000, **settings)
    await turns(3)
    before = left()
    count = 0
    while await cancelled_after(count, **settings):
        await turns(3)
        assert left() == before, f"cancelled in turn {count}"
        count += 1
    assert count > 20


async def test_a_stop_that_is_cancelled_goes_on_to_its_end() -> None:
    """A host that is in a hurry: cancelled while it starts, and again and again while it stops."""
    await cancelled_after(1_000_000, nodes=1)
    await turns(3)
    before = left()
    for count in range(0, 60, 7):
        starting = asyncio.create_task(Cluster(nodes=1).start())
        await turns(count)
        for _ in range(10):
            starting.cancel()
            await asyncio.sleep(0)
        await asyncio.gather(starting, return_exceptions=True)
        assert starting.cancelled()
        await turns(3)
        assert left() == before, f"cancelled in turn {count}"


class Stubborn(Actor[None]):
    """Does not end for a while, whatever it is told."""

    def __init__(self, released: asyncio.Event) -> None:
        self._released = released

    async def on_stop(self) -> None:
        while not self._released.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self._released.wait()


async def test_what_does_not_end_in_time_is_told_and_keeps_nothing_else_from_ending() -> None:
    await cancelled_after(1_000_000, nodes=1)
    await turns(3)
    before, released = left(), asyncio.Event()
    cluster = Cluster(nodes=1)
    await cluster.start()
    await cluster.system.start(lambda: Stubborn(released), name="stubborn")
    with pytest.raises(StopTimeoutError, match="stubborn"):
        await cluster.stop()
    released.set()
    await turns(5)
    assert left() == before
    await cluster.stop()
