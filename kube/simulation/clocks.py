"""A host's clock under simulation: it may run fast or slow, and its wall clock may be wrong."""

import asyncio


class SkewedClock:
    """Implements ``kube.base.clock.Clock``. ``rate``: seconds of this clock in a second of the loop's time.

    ``epoch``: what ``now`` says when the clock is made, inside the loop that it follows.
    """

    def __init__(self, epoch: float, rate: float = 1.0) -> None:
        if rate <= 0:
            raise ValueError(f"time runs forward, not at a rate of {rate}")
        self._loop = asyncio.get_running_loop()
        self._epoch = epoch
        self._elapsed = 0.0
        self._anchor = self._loop.time()
        self._rate = rate

    @property
    def rate(self) -> float:
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self._elapsed = self.monotonic()
        self._anchor = self._loop.time()
        self._rate = rate

    def step(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an administrator would; ``monotonic`` does not notice."""
        self._epoch += seconds

    def now(self) -> float:
        return self._epoch + self.monotonic()

    def monotonic(self) -> float:
        return self._elapsed + (self._loop.time() - self._anchor) * self._rate

    async def sleep(self, seconds: float) -> None:
        """By this clock's rate as of the call."""
        await asyncio.sleep(seconds / self._rate)
