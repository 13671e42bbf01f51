"""Who does what blocks: a thread of its own in a program, whoever runs the time in a simulation."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

T = TypeVar("T")


class Syncer(Protocol):
    """What it is given is done one after the other, in the order of the calls."""

    async def run(self, work: Callable[[], T]) -> T:
        """The result of ``work``, or what it raises. Once begun it runs to its end, whoever is cancelled."""
        ...


class InlineSyncer:
    """Does it at once, on the loop's own thread: for tests, and for a start before anything serves."""

    __slots__ = ()

    async def run(self, work: Callable[[], T]) -> T:
        return work()


class ThreadSyncer:
    """One thread, from the first work to ``close``."""

    __slots__ = ("_pool",)

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Wait until what was begun has ended, and leave no thread."""
        self._pool.shutdown(wait=True)
