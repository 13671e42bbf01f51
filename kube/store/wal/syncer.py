"""Who does what blocks: a thread of its own in a program, whoever runs the time in a simulation."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

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


class _Job:
    """``waiter`` is resolved on its loop by ``finish``."""

    __slots__ = ("_error", "_result", "loop", "waiter", "work")

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Callable[[], Any]) -> None:
        self.loop = loop
        self.work = work
        self.waiter: asyncio.Future[Any] = loop.create_future()
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self.work()
        except BaseException as error:  # noqa: BLE001  # it belongs to who waits
            self._error = error

    def finish(self) -> None:
        error, self._error = self._error, None
        if self.waiter.done():
            return  # who waited was cancelled
        if error is None:
            self.waiter.set_result(self._result)
        else:
            self.waiter.set_exception(error)


class ThreadSyncer:
    """One thread, from the first work to ``close``. (An executor does the same at three times the cost of each call.)"""

    __slots__ = ("_name", "_queue", "_thread")

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, work: Callable[[], T]) -> T:
        if self._thread is None:
            self._thread = threading.Thread(target=_serve, args=(self._queue,), name=self._name, daemon=True)
            self._thread.start()
        job = _Job(asyncio.get_running_loop(), work)
        self._queue.put(job)
        result: T = await job.waiter
        return result

    def close(self) -> None:
        """Wait until what was given has been done, and leave no thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None


def _serve(queue: "SimpleQueue[_Job | None]") -> None:
    while (job := queue.get()) is not None:
        job.run()
        with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            job.loop.call_soon_threadsafe(job.finish)
        del job
