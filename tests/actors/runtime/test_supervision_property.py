"""Whatever fails, stops and starts whenever: lives do not overlap, nobody is forgotten, nothing is left."""

import asyncio
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.actors.runtime.actor import Actor
from kube.actors.runtime.errors import ActorError, NameTakenError
from kube.actors.runtime.supervision import Restart, Strategy, Supervision
from kube.actors.runtime.system import ActorSystem
from kube.base.backoff import Backoff
from kube.base.chance import Chance
from kube.base.clock import FakeClock

NAMES = "abcd"


class Life(Actor):
    """Its hooks take `turns` turns of the loop each, and note begin and end."""

    stop_timeout = 0.05

    def __init__(self, name, log, turns):
        self.name = name
        self.log = log
        self.turns = turns

    async def on_start(self):
        self.log.append((self.name, "start"))
        await self.wait()

    async def receive(self, message):
        if message == "task":
            self.context.tasks.start(self.fail(), name="fail")
        await self.wait()
        if message == "fail":
            raise ValueError("broken")
        if message == "stop":
            self.context.stop()
        return message

    async def on_stop(self):
        await self.wait()
        self.log.append((self.name, "end"))

    async def wait(self):
        for _ in range(self.turns):
            await asyncio.sleep(0)

    async def fail(self):
        await self.wait()
        raise ValueError("task broken")


steps = st.one_of(
    st.tuples(st.sampled_from(["fail", "task", "stop", "hello"]), st.sampled_from(NAMES)),
    st.tuples(st.just("start"), st.sampled_from(NAMES)),
    st.tuples(st.just("remove"), st.sampled_from(NAMES)),
    st.tuples(st.just("turns"), st.integers(1, 12)),
    st.tuples(st.just("advance"), st.sampled_from([0.5, 1.0, 5.0])),
)


async def scenario(strategy, turns, script):
    before = asyncio.all_tasks()
    clock, log, background = FakeClock(), [], []
    plan = Supervision(strategy, max_restarts=10_000, backoff=Backoff(initial=1, cap=1))
    system = ActorSystem(clock=clock, chance=Chance(1), supervision=plan, stopwatch=clock.monotonic)

    async def spin(count):
        for _ in range(count):
            await asyncio.sleep(0)

    async def settle():
        for _ in range(20):
            await spin(60)
            clock.advance(1)
        await spin(60)

    def start(name):
        restart = Restart.NEVER if name == "d" else Restart.ON_FAILURE
        try:
            system.spawn(lambda: Life(name, log, turns), name=name, restart=restart)
        except NameTakenError:
            log.append((name, "taken"))

    for name in NAMES:
        start(name)
    for step, argument in script:
        ref = system.lookup(f"/{argument}")
        if step == "turns":
            await spin(argument)
        elif step == "advance":
            clock.advance(argument)
        elif step == "start":
            start(argument)
        elif ref is None:
            continue
        elif step == "remove":
            background.append(asyncio.create_task(system.stop_actor(ref)))
        elif step == "hello":
            background.append(asyncio.create_task(ref.ask(step, timeout=60)))
        else:
            ref.tell(step)
    await settle()
    alive = [info.path for info in system.describe()]
    assert [info.state for info in system.describe()] == ["running"] * len(alive)
    for path in alive:
        assert await system.lookup(path).ask("hello", timeout=1) == "hello"
    assert all(task.done() for task in background)
    for task in background:
        error = task.exception()
        assert error is None or isinstance(error, ActorError)
    for name in NAMES:
        events = [event for who, event in log if who == name and event != "taken"]
        assert events[::2] == ["start"] * len(events[::2])
        assert events[1::2] == ["end"] * len(events[1::2])
        assert (len(events) % 2 == 1) == (f"/{name}" in alive), "who lives has begun and not ended"
    await system.stop()
    for name in NAMES:
        events = [event for who, event in log if who == name and event != "taken"]
        assert events == ["start", "end"] * (len(events) // 2)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert [task.get_name() for task in left] == []
    return log


@pytest.fixture(autouse=True)
def _quiet(caplog):
    caplog.set_level(logging.CRITICAL, logger="kube")


@pytest.mark.parametrize("strategy", list(Strategy))
@settings(max_examples=60, deadline=None)
@given(turns=st.integers(0, 3), script=st.lists(steps, max_size=25))
def test_lives_do_not_overlap_and_nobody_is_forgotten(strategy, turns, script):
    with asyncio.Runner() as runner:
        first = runner.run(scenario(strategy, turns, script))
        assert runner.run(scenario(strategy, turns, script)) == first, "and a run repeats itself"
