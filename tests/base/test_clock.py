import asyncio
import time

import pytest

from kube.base.clock import FakeClock, LoopClock, SystemClock


async def test_the_system_clock_measures_by_the_loop_and_tells_the_wall_time():
    clock = SystemClock()
    assert abs(clock.monotonic() - asyncio.get_running_loop().time()) < 0.1
    assert abs(clock.now() - time.time()) < 1


def test_the_system_clock_works_outside_of_a_loop():
    clock = SystemClock()
    assert abs(clock.monotonic() - time.monotonic()) < 0.1


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time is its own."""

    offset = 0.0

    def time(self):
        return super().time() + self.offset


def test_the_loop_clock_follows_a_loop_whose_time_is_not_the_hosts():
    async def scenario():
        loop = asyncio.get_running_loop()
        clock = LoopClock(1_000_000.0)
        begin = clock.monotonic()
        assert clock.now() == pytest.approx(1_000_000.0, abs=0.1)
        loop.offset += 3600
        assert clock.now() == pytest.approx(1_003_600.0, abs=0.1)
        assert clock.monotonic() - begin == pytest.approx(3600, abs=0.1)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(scenario())


async def test_advance_releases_the_sleepers_that_are_due_in_the_order_of_their_deadlines():
    clock = FakeClock(100.0)
    woken = []

    async def sleeper(seconds):
        await clock.sleep(seconds)
        woken.append((seconds, clock.now()))

    tasks = [asyncio.create_task(sleeper(seconds)) for seconds in (3, 1, 2, 9)]
    await asyncio.sleep(0)
    assert clock.sleepers() == 4
    assert clock.next_deadline() == 1
    clock.advance(3)
    await asyncio.gather(*tasks[:3])
    assert woken == [(1, 103.0), (2, 103.0), (3, 103.0)]
    assert clock.sleepers() == 1
    tasks[3].cancel()
    await asyncio.gather(tasks[3], return_exceptions=True)
    assert clock.sleepers() == 0
    assert clock.next_deadline() is None
    clock.advance(100)
    assert len(woken) == 3


async def test_sleeping_for_nothing_gives_the_loop_a_turn_and_needs_no_advance():
    clock = FakeClock()
    turns = []
    asyncio.get_running_loop().call_soon(turns.append, 1)
    await clock.sleep(0)
    assert turns == [1]


def test_setting_the_wall_clock_leaves_the_monotonic_one_alone():
    clock = FakeClock(100.0)
    clock.advance(5)
    clock.set_now(50.0)
    assert (clock.now(), clock.monotonic()) == (50.0, 5.0)
    clock.advance(1)
    assert (clock.now(), clock.monotonic()) == (51.0, 6.0)


def test_time_does_not_run_backwards():
    with pytest.raises(ValueError, match="forward"):
        FakeClock().advance(-1)
