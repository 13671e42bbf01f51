"""Asks: a message whose sender waits for an answer, and the chain of those who wait for each other."""

import asyncio
from contextvars import ContextVar
from typing import Any, Generic, Protocol, TypeVar

from kube.actors.runtime.errors import AskCycleError

R = TypeVar("R")


class Request(Generic[R]):
    """Base of messages that are answered with an R: `ref.ask(Get("a"), timeout=1)` has the type that Get names."""

    __slots__ = ()


class Asked(Protocol):
    """Identifies an actor among those who wait: its mailbox, which outlives restarts."""

    path: str


class Ask:
    """One ask under way. `asker` is the actor that waits (None outside of actors), `parent` the ask that made it ask."""

    __slots__ = ("asker", "deadline", "deferred", "future", "parent", "target")

    def __init__(
        self, target: Asked, future: "asyncio.Future[Any]", asker: Asked | None, parent: "Ask | None"
    ) -> None:
        self.target = target
        self.future = future
        self.asker = asker
        self.parent = parent
        self.deferred = False
        self.deadline: asyncio.TimerHandle | None = None

    def answer(self, value: Any) -> None:
        """Answer, unless the asker has given up."""
        if not self.future.done():
            self.future.set_result(value)

    def fail(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class Frame:
    """Which actor runs, and for which ask."""

    __slots__ = ("ask", "mailbox")

    def __init__(self, mailbox: Asked, ask: Ask | None) -> None:
        self.mailbox = mailbox
        self.ask = ask


HANDLING: ContextVar[Frame | None] = ContextVar("kube_actor", default=None)
"""What runs now on behalf of an actor: its handlers, its hooks and the tasks they start. None outside."""


def begin(target: Asked, future: "asyncio.Future[Any]") -> Ask:
    """An ask of `target` by what runs now.

    Raises AskCycleError when `target` waits, directly or through others, for what runs now. An ask that is over ends
    the chain: a task that outlives the ask in which it was started stands in nobody's way.
    """
    frame = HANDLING.get()
    if frame is None:
        return Ask(target, future, None, None)
    paths = [target.path, frame.mailbox.path]
    waiting = frame.mailbox
    link = frame.ask
    while waiting is not target:
        if link is None or link.future.done() or link.asker is None:
            return Ask(target, future, frame.mailbox, frame.ask)
        waiting = link.asker
        paths.append(waiting.path)
        link = link.parent
    raise AskCycleError(tuple(reversed(paths)))


class Reply(Generic[R]):
    """An answer that is given later; obtained from `context.defer()`. The first answer counts.

    For a message that was told, not asked, answering has no effect.
    """

    __slots__ = ("_ask",)

    def __init__(self, ask: Ask | None) -> None:
        self._ask = ask

    @property
    def wanted(self) -> bool:
        """Whether somebody still waits for the answer."""
        return self._ask is not None and not self._ask.future.done()

    def answer(self, value: R) -> None:
        if self._ask is not None:
            self._ask.answer(value)

    def fail(self, error: BaseException) -> None:
        if self._ask is not None:
            self._ask.fail(error)
