"""The common deadline: who is late is cut off, everybody else and every other cancellation is left alone."""

import asyncio

import pytest

from kube.apiserver.http import deadlines as module
from kube.apiserver.http.deadlines import Deadlines


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.005)


async def test_who_is_late_is_cut_off():
    deadlines = Deadlines(0.01)
    with pytest.raises(TimeoutError), deadlines.begin():
        await asyncio.Event().wait()
    assert not len(deadlines)
    assert asyncio.current_task().cancelling() == 0


async def test_who_is_in_time_is_left_alone():
    deadlines = Deadlines(60)
    with deadlines.begin():
        assert len(deadlines) == 1
        await asyncio.sleep(0.02)
    assert not len(deadlines)


async def test_only_the_late_ones(monkeypatch):
    """The loop's time is the test's: each who hurries needs 12 ms of the 20 allowed, however busy the machine is."""
    loop = asyncio.get_running_loop()
    now = loop.time()
    monkeypatch.setattr(loop, "time", lambda: now)
    deadlines = Deadlines(0.02)
    begun = asyncio.Event()

    async def wait():
        with deadlines.begin():
            begun.set()
            await asyncio.Event().wait()

    late = asyncio.ensure_future(wait())
    await begun.wait()
    ended = []
    for _ in range(5):
        with deadlines.begin():
            now += 0.012
            for _ in range(5):
                await asyncio.sleep(0)
        ended.append(late.done())
    with pytest.raises(TimeoutError):
        await late
    assert ended == [False, True, True, True, True]


async def test_another_s_cancellation_stays_one():
    deadlines = Deadlines(60)

    async def wait():
        with deadlines.begin():
            await asyncio.Event().wait()

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not len(deadlines)


async def test_an_error_of_the_block_goes_through():
    with pytest.raises(KeyError), Deadlines(60).begin():
        raise KeyError("x")
