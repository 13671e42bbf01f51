"""Actors whose turn has come and that wait for no other callback of the loop: see `Actor.prompt`."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context as Variables
from typing import Final, TypeVar

M = TypeVar("M")

SLICE: Final = 0.005
"""Seconds that one callback of the loop takes before everybody else has a turn."""

Turn = tuple[Variables, Callable[[float], float]]
"""In which context, and what is to be called. It takes the reading of the stopwatch with which it begins and gives the one with which
it ended: one reading for each turn, since most take a few microseconds."""


class RunQueue:
    """Runs turns in the order in which their actors were woken; those that are woken meanwhile follow in the same callback.

    So a message that goes from actor to actor and back does not wait for the loop at every step.
    """

    __slots__ = ("_loop", "_stopwatch", "_taken", "_variables", "due", "scheduled")

    def __init__(self, stopwatch: Callable[[], float]) -> None:
        self._stopwatch = stopwatch
        self._loop = asyncio.get_running_loop()
        self.due: deque[Turn] = deque()
        self.scheduled = False
        """A callback of the loop is due, or runs."""
        self._taken = 0.0
        """Seconds of turns since the loop last ran this queue."""
        self._variables = Variables()
        """Of nobody, for each turn enters its actor's own."""

    def schedule(self) -> None:
        """Run what is due soon. For whoever adds to ``due`` while nothing is scheduled."""
        self.scheduled = True
        self._loop.call_soon(self._run, context=self._variables)

    def run_through(self, tell: Callable[[M], bool], message: M) -> bool:
        """Tell a prompt actor a message; it has had its turn when this returns, and so have all whom that woke.

        Unless others are due before it, or the loop has not run this queue for a slice of such turns: then it does, as with any
        message. For callers that have not been given the loop for long: nobody else has a turn meanwhile.
        """
        if self.scheduled or self._taken >= SLICE:
            return tell(message)
        self.scheduled = True
        try:
            return tell(message)
        finally:
            self._run_due()

    def _run(self) -> None:
        self._taken = 0.0
        self._run_due()

    def _run_due(self) -> None:
        due, stopwatch = self.due, self._stopwatch
        now = begin = stopwatch()
        try:
            while due:
                variables, turn = due.popleft()
                now = variables.run(turn, now)
                if now - begin >= SLICE:
                    break
        finally:
            self._taken += now - begin
            if due:
                self._loop.call_soon(self._run, context=self._variables)
            else:
                self.scheduled = False
