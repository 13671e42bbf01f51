"""Rest between the reconciles of owners with many dependents. Pure.

A reconcile walks all of an owner's pods. If a thousand change one by one, each change by itself would walk them all; a rest
in proportion to their number lets changes gather, so that they cost about as much as they are.
"""

from typing import Final

from kube.controllers.framework import Now

PACE: Final = 2e-5
"""Seconds of rest for each pod that a reconcile has walked."""

PACED_FROM: Final = 50
"""Pods from which an owner is paced."""


class Pacing:
    """By the controller's keys. A new generation of the owner is never kept waiting, nor is what a burst has left to do."""

    __slots__ = ("_monotonic", "_rest")

    def __init__(self, monotonic: Now) -> None:
        self._monotonic = monotonic
        self._rest: dict[str, tuple[float, int, bool]] = {}

    def pause(self, key: str, generation: int, *, idle: bool) -> float:
        """Seconds that the key should wait; 0 or less for none. ``idle`` says that nothing is expected any more."""
        until, seen, more = self._rest.get(key, (0.0, -1, False))
        if seen != generation or (more and idle):
            return 0.0
        return until - self._monotonic()

    def walked(self, key: str, generation: int, count: int, *, more: bool = False) -> None:
        """A reconcile has walked so many pods; ``more`` says that it has left some to make or delete."""
        if count >= PACED_FROM:
            self._rest[key] = (self._monotonic() + count * PACE, generation, more)
        else:
            self._rest.pop(key, None)

    def forget(self, key: str) -> None:
        self._rest.pop(key, None)
