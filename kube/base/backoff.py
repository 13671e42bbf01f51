"""Exponential back-off, as arithmetic."""

import random

from msgspec import Struct


class Backoff(Struct, frozen=True):
    """How long to wait before attempt number 0, 1, 2, …: `initial * factor**attempt`, at most `cap` seconds.

    `jitter` spreads each delay over [delay, delay * (1 + jitter)), as apimachinery's wait.Jitter does, so that those who
    failed together do not come back together; the cap holds before the jitter, as there.
    """

    initial: float
    cap: float
    factor: float = 2.0
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if self.initial < 0 or self.cap < self.initial or self.factor < 1 or self.jitter < 0:
            raise ValueError(f"not a back-off: {self}")

    def delay(self, attempt: int, chance: random.Random | None = None) -> float:
        """Seconds before `attempt` (0 is the first retry). Without `chance` there is no jitter."""
        try:
            delay = min(self.initial * self.factor**attempt, self.cap)
        except OverflowError:
            delay = self.cap
        if chance is not None and self.jitter:
            delay *= 1 + self.jitter * chance.random()
        return delay


class BackoffState:
    """A back-off that remembers its attempts: `next` grows, `reset` starts over."""

    __slots__ = ("_backoff", "_chance", "attempts")

    def __init__(self, backoff: Backoff, chance: random.Random | None = None) -> None:
        self._backoff = backoff
        self._chance = chance
        self.attempts = 0

    def next(self) -> float:
        """Seconds to wait before the next attempt."""
        delay = self._backoff.delay(self.attempts, self._chance)
        self.attempts += 1
        return delay

    def reset(self) -> None:
        self.attempts = 0
