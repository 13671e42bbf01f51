"""Many timers on any `Clock`, at the price of one sleeping task."""

import heapq
import itertools
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any, Final

from kube.base.clock import Clock
from kube.base.tasks import TaskOwner

_TIDY_ABOVE: Final = 64
"""Cancelled timers are swept out of the heap when they are more than this and more than half of it."""


class Timer:
    """A call that is due; `cancel` takes it back, before or after it was made."""

    __slots__ = ("_timers", "call", "deadline")

    def __init__(self, timers: "Timers", deadline: float, call: Callable[[], object]) -> None:
        self._timers = timers
        self.deadline = deadline
        self.call: Callable[[], object] | None = call

    def cancel(self) -> None:
        if self.call is not None:
            self.call = None
            self._timers._cancelled()  # noqa: SLF001  # the heap's other half

    @property
    def active(self) -> bool:
        return self.call is not None


class Timers:
    """Calls functions at times of a clock, in the order of deadline, then of arming.

    Unlike `loop.call_later` it honours a `FakeClock` and a `StallGuard`; unlike a task per timer it costs one heap
    entry each. A call runs in a copy of the context that armed it, so its cause carries over. What a call raises is
    the owner's to hear; the timers behind it still fire.
    """

    def __init__(self, clock: Clock, owner: TaskOwner) -> None:
        self._clock = clock
        self._owner = owner
        self._heap: list[tuple[float, int, Timer, Context]] = []
        self._sequence = itertools.count()
        self._dead = 0
        self._sleeping_until: float | None = None
        self._sleeper: Any = None

    def __len__(self) -> int:
        """How many timers are armed."""
        return len(self._heap) - self._dead

    def after(self, seconds: float, call: Callable[..., object], *arguments: Any) -> Timer:
        """Arm `call(*arguments)`; with zero seconds or fewer it is made in one of the loop's next turns."""
        deadline = self._clock.monotonic() + max(seconds, 0.0)
        timer = Timer(self, deadline, (lambda: call(*arguments)) if arguments else call)
        heapq.heappush(self._heap, (deadline, next(self._sequence), timer, copy_context()))
        if self._sleeping_until is None or deadline < self._sleeping_until:
            self._sleep_until(deadline)
        return timer

    def _sleep_until(self, deadline: float) -> None:
        if self._sleeper is not None:
            self._sleeper.cancel()
        self._sleeping_until = deadline
        self._sleeper = Context().run(self._owner.start, self._run(), name="timers")

    async def _run(self) -> None:
        while self._heap:
            self._sleeping_until = self._heap[0][0]
            # Even nothing is slept: calls that arm each other without delay must leave the loop its turns.
            await self._clock.sleep(max(self._sleeping_until - self._clock.monotonic(), 0.0))
            self._fire(self._clock.monotonic(), next(self._sequence))
        self._sleeping_until = None
        self._sleeper = None

    def _fire(self, now: float, fence: int) -> None:
        """Make the calls that are due and were armed before `fence`."""
        while self._heap and self._heap[0][0] <= now and self._heap[0][1] < fence:
            _, _, timer, context = heapq.heappop(self._heap)
            call = timer.call
            if call is None:
                self._dead -= 1
                continue
            timer.call = None
            try:
                context.run(call)
            except BaseException:
                self._carry_on()
                raise

    def _carry_on(self) -> None:
        """Let another task take over from one that a call has broken."""
        self._sleeper = None
        self._sleeping_until = None
        if self._heap:
            self._sleep_until(self._heap[0][0])

    def _cancelled(self) -> None:
        self._dead += 1
        if self._dead > _TIDY_ABOVE and self._dead * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].call is not None]
            heapq.heapify(self._heap)
            self._dead = 0
