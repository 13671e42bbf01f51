"""What a cancellation means: of a stop, of a handler from outside, of what a handler awaits."""

import asyncio

import pytest

from kube.actors.runtime.actor import Actor
from kube.actors.runtime.errors import (
    ActorFailedError,
    ActorStoppedError,
    StopTimeoutError,
)
from kube.actors.runtime.system import ActorSystem


async def settle(turns=50):
    for _ in range(turns):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("part", "told", "own", "given"),
    [
        ("receive", "/deaf/handler", 60, 0.01),
        # What is given to all may be spent before the hook is called; it is cancelled then before it has begun.
        ("on_stop", "/deaf/last hook", 0.01, 60),
        ("task", "/deaf", 60, 0.01),
    ],
)
async def test_what_ignores_its_cancellation_is_reported_and_not_waited_for(part, told, own, given):
    """The shorter of the actor's own patience and what the stop is given counts."""
    release = asyncio.Event()

    async def ignore(*_):
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    class Deaf(Actor):
        stop_timeout = own

        async def receive(self, message):
            if part == "receive":
                await ignore()
            elif part == "task":
                self.context.tasks.start(ignore(), name="deaf")

        async def on_stop(self):
            if part == "on_stop":
                await ignore()

    system = ActorSystem()
    system.spawn(Deaf, name="deaf").tell("go")
    await settle()
    with pytest.raises(StopTimeoutError, match=f"did not stop in time: {told}$"):
        async with asyncio.timeout(30):
            await system.stop(timeout=given)
    release.set()
    await settle()


async def test_a_stop_that_is_cancelled_can_be_done_again(system):
    gate = asyncio.Event()

    class Slow(Actor):
        stop_timeout = 5

        async def on_stop(self):
            await gate.wait()

    ref = await system.start(Slow, name="x")
    stopping = asyncio.create_task(system.stop_actor(ref))
    await settle()
    stopping.cancel()
    await settle()
    gate.set()
    await system.stop_actor(ref)
    assert system.describe() == ()


async def test_a_handler_cancelled_from_outside_ends_its_actor(system):
    class Busy(Actor):
        async def receive(self, message):
            self.task = asyncio.current_task()
            tasks.append(self.task)
            await asyncio.Event().wait()

    tasks = []
    ref = system.spawn(Busy, name="busy")
    asking = asyncio.create_task(ref.ask("go", timeout=60))
    await settle()
    tasks[0].cancel()
    await ref.wait_stopped()
    with pytest.raises(ActorStoppedError):
        await asking


class Awaiting(Actor):
    async def receive(self, message):
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future


class Reading(Actor):
    def receive(self, message):
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        return future.result()


@pytest.mark.parametrize("kind", [Awaiting, Reading])
async def test_a_handler_that_awaits_something_cancelled_has_failed(system, kind):

    ref = system.spawn(kind, name="x")
    with pytest.raises(ActorFailedError, match="CancelledError"):
        await ref.ask("go", timeout=5)
