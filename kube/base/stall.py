"""A stalled host is not a dead cluster: time that runs at most one second per turn of the loop."""

import asyncio

from kube.base.clock import Clock


class StallGuard:
    """A `Clock` whose `monotonic` and `sleep` count a block of the loop as at most `limit` seconds.

    For store ticks, leases and node monitors: a debugger, a stopped process or a minute of someone else's CPU must
    elect nobody, expire nothing and evict nobody. `now` stays the true wall time, since it is written into objects.

    An idle loop and a blocked one look alike to whoever reads a clock afterwards. A timer at half the limit tells
    them apart: it is late only when the loop was blocked, and only the timer adds to the time that has passed, so that
    many readings within one long turn count once. `stop` cancels the timer; a stopped guard stands still.
    """

    __slots__ = ("_anchor", "_clock", "_counted", "_limit", "_lost", "_timer")

    def __init__(self, clock: Clock, *, limit: float = 1.0) -> None:
        if limit <= 0:
            raise ValueError(f"a turn of the loop counts for more than nothing, not for {limit} s")
        self._clock = clock
        self._limit = limit
        self._counted = 0.0
        self._anchor = clock.monotonic()
        self._lost = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to count, on the running loop. Starting twice changes nothing."""
        if self._timer is None:
            self._anchor = self._clock.monotonic()
            self._timer = asyncio.get_running_loop().call_later(self._limit / 2, self._turn)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._count()

    @property
    def clock(self) -> Clock:
        """The clock that is guarded."""
        return self._clock

    @property
    def lost(self) -> float:
        """Seconds of stalls that were not counted."""
        return self._lost

    def now(self) -> float:
        return self._clock.now()

    def monotonic(self) -> float:
        if self._timer is None:
            return self._counted
        return self._counted + min(self._clock.monotonic() - self._anchor, self._limit)

    async def sleep(self, seconds: float) -> None:
        """Sleep until this clock has advanced by `seconds`; a stall makes it longer by what was not counted."""
        deadline = self.monotonic() + seconds
        remaining = seconds
        while True:
            await self._clock.sleep(remaining)
            remaining = deadline - self.monotonic()
            if remaining <= 1e-9:  # the two sums round differently
                return

    def _turn(self) -> None:
        self._count()
        self._timer = asyncio.get_running_loop().call_later(self._limit / 2, self._turn)

    def _count(self) -> None:
        reading = self._clock.monotonic()
        elapsed = reading - self._anchor
        self._anchor = reading
        counted = min(elapsed, self._limit)
        self._counted += counted
        self._lost += elapsed - counted
