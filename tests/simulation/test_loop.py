"""Time that is a number, and no way out."""

import asyncio
import threading

import pytest

from kube.simulation import loop
from kube.simulation.loop import OUTSIDE, DeadlockError, LivelockError, OutsideWorldError, VirtualTimeLoop


def test_an_hour_of_sleep_takes_no_time() -> None:
    async def main() -> tuple[float, list[int]]:
        order: list[int] = []

        async def sleeper(seconds: int) -> None:
            await asyncio.sleep(seconds)
            order.append(seconds)

        tasks = [asyncio.ensure_future(sleeper(seconds)) for seconds in (3600, 1, 60)]
        for task in tasks:
            await task
        return asyncio.get_running_loop().time(), order

    assert loop.run(main()) == (3600.0, [1, 60, 3600])


def test_timers_of_one_moment_and_timeouts_work_as_on_the_stock_loop() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):
                await asyncio.get_running_loop().create_future()
        return asyncio.get_running_loop().time()

    assert loop.run(main()) == 2.5


def test_who_waits_for_nothing_is_told() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(DeadlockError), asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())


def test_what_never_ends_is_ended() -> None:
    async def main() -> None:
        running = asyncio.get_running_loop()
        assert isinstance(running, VirtualTimeLoop)
        running.max_turns = 100
        while True:  # noqa: ASYNC110  # it is to wait for nothing
            await asyncio.sleep(0)

    with pytest.raises(LivelockError):
        loop.run(main())


@pytest.mark.parametrize("name", OUTSIDE)
def test_the_outside_world_is_refused(name: str) -> None:
    virtual = VirtualTimeLoop()
    try:
        with pytest.raises(OutsideWorldError, match=name):
            getattr(virtual, name)()
    finally:
        virtual.close()


def test_a_thread_may_not_call_in() -> None:
    refused: list[BaseException] = []

    async def main() -> None:
        running = asyncio.get_running_loop()

        def call() -> None:
            try:
                running.call_soon_threadsafe(print)
            except OutsideWorldError as error:
                refused.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()

    loop.run(main())
    assert len(refused) == 1
