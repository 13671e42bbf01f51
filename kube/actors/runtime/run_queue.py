"""Actors whose turn has come and that wait for no other callback of the loop: see `Actor.prompt`."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context as Variables
from typing import Final

SLICE: Final = 0.005
"""Seconds that one callback of the loop takes before everybody else has a turn."""

Turn = tuple[Variables, Callable[[], None]]
"""What is to be called, and in which context."""


class RunQueue:
    """Runs turns in the order in which their actors were woken; those that are woken meanwhile follow in the same callback.

    So a message that goes from actor to actor and back does not wait for the loop at every step.
    """

    __slots__ = ("_due", "_loop", "_scheduled", "_stopwatch", "_variables")

    def __init__(self, stopwatch: Callable[[], float]) -> None:
        self._stopwatch = stopwatch
        self._loop = asyncio.get_running_loop()
        self._due: deque[Turn] = deque()
        self._scheduled = False
        self._variables = Variables()
        """Of nobody, for each turn enters its actor's own."""

    def add(self, turn: Turn) -> None:
        self._due.append(turn)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._run, context=self._variables)

    def _run(self) -> None:
        due, stopwatch = self._due, self._stopwatch
        end = stopwatch() + SLICE
        try:
            while due:
                variables, turn = due.popleft()
                variables.run(turn)
                if stopwatch() >= end:
                    break
        finally:
            if due:
                self._loop.call_soon(self._run, context=self._variables)
            else:
                self._scheduled = False
