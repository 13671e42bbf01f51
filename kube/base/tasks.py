"""Tasks that somebody owns: named, their exceptions heard, gone when their owner closes."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

from kube.base.logging import get_logger

T = TypeVar("T")

ErrorHandler = Callable[["asyncio.Task[Any]", BaseException], None]


class TaskOwner:
    """Starts tasks on the running loop and answers for them.

    An exception that leaves a task goes to `on_error(task, exception)`. Without one it is logged and fails `failed`,
    which the owner's own code awaits (or not: it has been said in the log). Cancelled tasks are no errors.
    """

    __slots__ = ("_closed", "_failed", "_failure", "_on_error", "_tasks", "name")

    def __init__(self, name: str, on_error: ErrorHandler | None = None) -> None:
        self.name = name
        self._on_error = on_error if on_error is not None else self._fail
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._failed: asyncio.Future[None] | None = None
        self._failure: BaseException | None = None
        self._closed = False

    @property
    def failed(self) -> asyncio.Future[None]:
        """A future that takes the first exception that no handler took; cancelled by `aclose`."""
        if self._failed is None:
            self._failed = asyncio.get_running_loop().create_future()
            if self._failure is not None:
                self._failed.set_exception(self._failure)
            elif self._closed:
                self._failed.cancel()
        return self._failed

    @property
    def closed(self) -> bool:
        return self._closed

    def start(self, coro: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        """Run `coro` as a task named `OWNER/name`, from the loop's next turn on.

        That holds even where the host has set an eager task factory, which runs a task's first step within the call
        that starts it: what starts a task here may be in the middle of a change.

        Raises RuntimeError when the owner is closed; the coroutine is closed then, not left unawaited.
        """
        if self._closed:
            coro.close()
            raise RuntimeError(f"{self.name} is closed and starts no {name}")
        task = asyncio.Task(coro, loop=asyncio.get_running_loop(), name=f"{self.name}/{name}")
        self._tasks[task] = None
        task.add_done_callback(self._done)
        return task

    def __len__(self) -> int:
        return len(self._tasks)

    def names(self) -> tuple[str, ...]:
        """The names of the tasks that run, in the order of their start."""
        return tuple(task.get_name() for task in self._tasks)

    async def aclose(self) -> None:
        """Cancel all tasks, the last started first, and wait until all have ended; then nothing can be started.

        The wait can be given up where a task ignores its cancellation. A task that closes its own owner is left to end by itself. What a task raises while it is cancelled goes to
        `on_error` like any other exception.
        """
        self._closed = True
        current = asyncio.current_task()
        while pending := [task for task in self._tasks if task is not current]:
            for task in reversed(pending):
                task.cancel(f"{self.name} closes")
            for task in reversed(pending):
                await ended(task)
                self._done(task)  # its own callback may be a turn away
        if self._failed is not None and not self._failed.done():
            self._failed.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _done(self, task: asyncio.Task[Any]) -> None:
        if task not in self._tasks:
            return  # aclose was first
        del self._tasks[task]
        if not task.cancelled() and (exception := task.exception()) is not None:
            self._on_error(task, exception)

    def _fail(self, task: asyncio.Task[Any], exception: BaseException) -> None:
        get_logger(__name__).error("task failed", task=task.get_name(), exc_info=exception)
        if self._failure is None:
            self._failure = exception
            if self._failed is not None and not self._failed.done():
                self._failed.set_exception(exception)


async def ended(task: "asyncio.Task[Any]") -> None:
    """Wait until a task has ended; neither its result nor a cancellation of the wait touch it."""
    if task.done():
        return
    over = asyncio.get_running_loop().create_future()

    def tell(_: object) -> None:
        if not over.done():
            over.set_result(None)

    task.add_done_callback(tell)
    try:
        await over
    finally:
        task.remove_done_callback(tell)
