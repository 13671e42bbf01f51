"""The deadline that all requests have alike, at the price of a dictionary's entry each.

A timer of its own for each request, which hardly ever fires, costs more than most of what the request does.
"""

import asyncio
from types import TracebackType
from typing import Any, Final

SWEEP_SECONDS: Final = 1.0
"""How often those that are late are looked for: so much later may a request be cut off."""


class Deadlines:
    """Cuts off what runs longer than `seconds`: `with deadlines.begin():` is `asyncio.timeout(seconds)`, but coarser."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._under_way: dict[Deadline, None] = {}
        """In the order of their ends."""
        self._sweeping: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._under_way)

    def begin(self) -> "Deadline":
        return Deadline(self)

    def add(self, deadline: "Deadline", loop: asyncio.AbstractEventLoop) -> None:
        self._under_way[deadline] = None
        if self._sweeping is None:
            self._sweeping = loop.call_later(SWEEP_SECONDS, self._sweep, loop)

    def remove(self, deadline: "Deadline") -> None:
        self._under_way.pop(deadline, None)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for deadline in tuple(self._under_way):
            if deadline.at > now:
                break
            del self._under_way[deadline]
            deadline.expire()
        self._sweeping = loop.call_later(SWEEP_SECONDS, self._sweep, loop) if self._under_way else None


class Deadline:
    """A block with a deadline. Leaves with TimeoutError where it was cut off."""

    __slots__ = ("_cancelling", "_expired", "_owner", "_task", "at")

    def __init__(self, owner: Deadlines) -> None:
        self._owner = owner
        self._expired = False
        self._task: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self.at = 0.0

    def expire(self) -> None:
        self._expired = True
        if self._task is not None:
            self._task.cancel()

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        self._task = task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("a deadline is for tasks")
        self._cancelling = task.cancelling()
        self.at = loop.time() + self._owner.seconds
        self._owner.add(self, loop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._owner.remove(self)
        task, self._task = self._task, None
        if self._expired and task is not None:
            mine = task.uncancel() <= self._cancelling
            if mine and kind is asyncio.CancelledError:
                raise TimeoutError from error
