import asyncio

from kube.base.cause import CURRENT, Causes, because
from kube.base.clock import FakeClock, SystemClock
from kube.base.tasks import TaskOwner
from kube.base.timers import Timers


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_calls_are_made_in_the_order_of_their_deadlines_then_of_their_arming():
    clock = FakeClock()
    async with TaskOwner("t") as owner:
        timers = Timers(clock, owner)
        log = []
        for seconds, name in ((3, "c"), (1, "a"), (2, "b1"), (2, "b2"), (5, "never")):
            timers.after(seconds, log.append, name)
        await settle()
        clock.advance(1)
        await settle()
        assert log == ["a"]
        clock.advance(2)
        await settle()
        assert log == ["a", "b1", "b2", "c"]
        assert len(timers) == 1


async def test_a_cancelled_timer_does_not_ring():
    clock = FakeClock()
    async with TaskOwner("t") as owner:
        timers = Timers(clock, owner)
        log = []
        timer = timers.after(1, log.append, "no")
        timers.after(2, log.append, "yes")
        await settle()
        timer.cancel()
        timer.cancel()
        assert not timer.active
        assert len(timers) == 1
        clock.advance(2)
        await settle()
        assert log == ["yes"]
        assert len(timers) == 0


async def test_many_cancelled_timers_do_not_stay():
    async with TaskOwner("t") as owner:
        timers = Timers(FakeClock(), owner)
        log = []
        kept = timers.after(50, log.append, "kept")
        for _ in range(1000):
            timers.after(100, log.append, "gone").cancel()
        assert len(timers) == 1
        assert len(timers._heap) < 200
        assert kept.active


async def test_an_earlier_timer_wakes_the_sleeper():
    clock = FakeClock()
    async with TaskOwner("t") as owner:
        timers = Timers(clock, owner)
        log = []
        timers.after(100, log.append, "late")
        await settle()
        timers.after(1, log.append, "early")
        await settle()
        clock.advance(1)
        await settle()
        assert log == ["early"]


async def test_calls_that_rearm_themselves_at_once_leave_the_loop_its_turns():
    async with TaskOwner("t") as owner:
        timers = Timers(SystemClock(), owner)
        rings = []

        def ring():
            rings.append(1)
            timers.after(0, ring)

        timers.after(0, ring)
        for _ in range(50):
            await asyncio.sleep(0)
        assert 1 < len(rings) < 50


async def test_a_call_that_raises_is_heard_and_stops_no_other():
    clock = FakeClock()
    heard = []
    async with TaskOwner("t", on_error=lambda _, error: heard.append(str(error))) as owner:
        timers = Timers(clock, owner)
        log = []

        def broken():
            raise ValueError("broken")

        timers.after(1, broken)
        timers.after(1, log.append, "same time")
        timers.after(2, log.append, "later")
        await settle()
        clock.advance(1)
        await settle()
        assert (heard, log) == (["broken"], ["same time"])
        clock.advance(1)
        await settle()
        assert log == ["same time", "later"]


async def test_a_call_has_the_cause_of_whoever_armed_it():
    clock = FakeClock()
    async with TaskOwner("t") as owner:
        timers = Timers(clock, owner)
        seen = []
        timers.after(1, lambda: seen.append(CURRENT.get()))
        with because(Causes().root("apply")) as cause:
            timers.after(2, lambda: seen.append(CURRENT.get()))
        await settle()
        clock.advance(2)
        await settle()
        assert seen == [None, cause]


async def test_it_can_be_armed_again_after_all_have_rung():
    clock = FakeClock()
    async with TaskOwner("t") as owner:
        timers = Timers(clock, owner)
        log = []
        for number in range(3):
            timers.after(1, log.append, number)
            await settle()
            clock.advance(1)
            await settle()
        assert log == [0, 1, 2]
        assert len(owner) == 0
