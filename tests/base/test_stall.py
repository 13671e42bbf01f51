import asyncio
import time

import pytest

from kube.base.clock import FakeClock, SystemClock
from kube.base.stall import StallGuard


class BlockedLoop(asyncio.SelectorEventLoop):
    """A loop on which a test can let time pass as if the process had stood still."""

    stall = 0.0

    def time(self):
        return super().time() + self.stall


def run(scenario):
    with asyncio.Runner(loop_factory=BlockedLoop) as runner:
        runner.run(scenario())


async def turns(seconds):
    await asyncio.sleep(seconds)


def test_a_block_of_60_s_counts_as_one():
    async def scenario():
        guard = StallGuard(SystemClock())
        guard.start()
        begin = guard.monotonic()
        asyncio.get_running_loop().stall += 60
        assert guard.monotonic() - begin <= 1.0
        await turns(0.01)
        assert 0.9 <= guard.monotonic() - begin <= 1.1
        assert 58.9 <= guard.lost <= 59.1
        guard.stop()

    run(scenario)


def test_readings_within_one_blocked_turn_count_the_block_once():
    async def scenario():
        guard = StallGuard(SystemClock())
        guard.start()
        begin = guard.monotonic()
        for _ in range(60):
            asyncio.get_running_loop().stall += 1
            guard.monotonic()
        assert guard.monotonic() - begin <= 1.0
        guard.stop()

    run(scenario)


def test_every_turn_counts_at_most_one_second_of_its_block():
    async def scenario():
        guard = StallGuard(SystemClock())
        guard.start()
        begin = guard.monotonic()
        for _ in range(5):
            asyncio.get_running_loop().stall += 60
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert guard.monotonic() - begin <= 5.1
        guard.stop()

    run(scenario)


def test_a_sleep_is_not_cut_short_by_a_stall():
    async def scenario():
        guard = StallGuard(SystemClock(), limit=0.05)
        guard.start()
        sleep = asyncio.create_task(guard.sleep(0.2))
        await asyncio.sleep(0)
        asyncio.get_running_loop().stall += 60
        begin = time.monotonic()
        await sleep
        assert time.monotonic() - begin >= 0.1
        guard.stop()

    run(scenario)


async def test_without_stalls_it_runs_as_its_clock_does():
    clock = SystemClock()
    guard = StallGuard(clock, limit=0.2)
    guard.start()
    guard.start()
    real, guarded = clock.monotonic(), guard.monotonic()
    for _ in range(10):
        await asyncio.sleep(0.03)
    assert guard.monotonic() - guarded == pytest.approx(clock.monotonic() - real, abs=0.15)
    guard.stop()


async def test_it_never_runs_backwards_and_stands_still_when_stopped():
    clock = FakeClock()
    guard = StallGuard(clock)
    assert guard.monotonic() == 0
    guard.start()
    readings = [guard.monotonic()]
    for seconds in (0.5, 100, 0.25):
        clock.advance(seconds)
        readings.append(guard.monotonic())
    guard.stop()
    readings.append(guard.monotonic())
    clock.advance(10)
    readings.append(guard.monotonic())
    assert readings == [0, 0.5, 1.0, 1.0, 1.0, 1.0]
    assert guard.now() == clock.now()


def test_a_limit_is_positive():
    with pytest.raises(ValueError, match="turn"):
        StallGuard(FakeClock(), limit=0)
