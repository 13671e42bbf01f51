"""Time as a thing that is handed in.

Two readings, never mixed: `now` is for people and objects (timestamps, certificates, cron) and may be set by the
administrator; `monotonic` is for deadlines, leases and back-off, and only moves forward. Whoever measures a span
subtracts two monotonic readings.
"""

import asyncio
import heapq
import itertools
import time
from typing import Protocol


class Clock(Protocol):
    """All times are seconds. `now` counts from the Unix epoch, `monotonic` from an arbitrary point."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The host's time: the wall clock for `now`, the running loop's time for `monotonic` and `sleep`.

    `now` asks the host each time. Anchoring it once to the loop's time would keep a wall clock that was wrong at start
    (a virtual machine before its first NTP step) wrong for as long as the process lives, and certificates, tokens and
    timestamps with it. Nothing that measures spans reads `now`, so a step of the wall clock hurts nobody. A loop whose
    time is not the host's, as the simulation's, needs `LoopClock`.
    """

    __slots__ = ()

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        """The running loop's time; outside of a loop the host's monotonic clock, which the stock loops follow."""
        loop = asyncio._get_running_loop()  # noqa: SLF001  # documented, and raises nothing outside of a loop
        return time.monotonic() if loop is None else loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class LoopClock:
    """A wall clock that starts at `epoch` and advances with the running loop alone: time under a virtual-time loop.

    Must be made inside the loop that it follows.
    """

    __slots__ = ("_anchor", "_loop")

    def __init__(self, epoch: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._anchor = epoch - self._loop.time()

    def now(self) -> float:
        return self._anchor + self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class FakeClock:
    """Time that moves only when a test says so. `monotonic` starts at zero, `now` at `start`."""

    __slots__ = ("_elapsed", "_sequence", "_sleepers", "_start")

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._start = start
        self._elapsed = 0.0
        self._sequence = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._start + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed

    def set_now(self, now: float) -> None:
        """Step the wall clock as an administrator would; the monotonic clock and the sleepers do not notice."""
        self._start = now - self._elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._sequence), sleeper))
        await sleeper

    def advance(self, seconds: float) -> None:
        """Move time forward and release, in the order of their deadlines, the sleepers that are due.

        They run in the loop's next turn, not within this call.
        """
        if seconds < 0:
            raise ValueError(f"time runs forward, not by {seconds} s")
        self._elapsed += seconds
        while self._sleepers and self._sleepers[0][0] <= self._elapsed:
            sleeper = heapq.heappop(self._sleepers)[2]
            if not sleeper.done():
                sleeper.set_result(None)

    def sleepers(self) -> int:
        """How many calls of `sleep` wait for `advance`; cancelled ones do not count."""
        return sum(not sleeper.done() for _, _, sleeper in self._sleepers)

    def next_deadline(self) -> float | None:
        """Seconds from now to the earliest sleeper's deadline, None when nobody sleeps."""
        live = [deadline for deadline, _, sleeper in self._sleepers if not sleeper.done()]
        return min(live) - self._elapsed if live else None
