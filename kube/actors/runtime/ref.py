"""References: all that anybody holds of an actor."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar, overload

from kube.actors.runtime.ask import Ask, Request, begin
from kube.actors.runtime.errors import ActorStoppedError, AskTimeoutError
from kube.actors.runtime.mailbox import Mailbox

M_contra = TypeVar("M_contra", contravariant=True)
R = TypeVar("R")

STALL: Final = 1.0
"""Seconds by which a deadline is late only if the loop was blocked."""


class Ref(Generic[M_contra]):
    """Sends messages to one actor. It stays valid across restarts, and is of one loop: not for other threads.

    Every message carries the current cause.
    """

    __slots__ = ("_mailbox", "path", "tell")

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self.path = mailbox.path
        self.tell: Callable[[M_contra], bool] = mailbox.put
        """`tell(message)` queues a message and does not wait. False means dropped: the actor is stopped, or its stream
        broken (Overflow.CLOSE).

        Raises MailboxFullError where the sender ought to wait (Overflow.WAIT): use `tell_wait`."""

    async def tell_wait(self, message: M_contra) -> bool:
        """As `tell`, but waits for room, in the order of the senders.

        Raises ActorStoppedError when the actor stops meanwhile, and MailboxFullError when an actor waits for room in its
        own mailbox.
        """
        return await self._mailbox.put_wait(message)

    @overload
    async def ask(self, message: Request[R], *, timeout: float) -> R: ...  # noqa: ASYNC109  # as below

    @overload
    async def ask(self, message: M_contra, *, timeout: float) -> Any: ...  # noqa: ASYNC109  # as below

    async def ask(self, message: Any, *, timeout: float) -> Any:  # noqa: ASYNC109  # the deadline is the ask's own
        """Queue a message, waiting for room if need be, and await the answer for at most `timeout` seconds.

        Raises AskTimeoutError, ActorStoppedError, ActorFailedError (the actor failed on it), AskCycleError,
        AskSupersededError, and what the actor refuses with (`Actor.refusals`). An ask that was given up before its turn
        is not handled.
        """
        mailbox = self._mailbox
        if mailbox.closed:
            raise ActorStoppedError(self.path)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        ask = begin(mailbox, answer)
        ask.deadline = deadline = loop.call_later(timeout, _expire, ask, message, timeout)
        try:
            mailbox.put_late(message, ask)
            return await answer
        finally:
            deadline.cancel()
            if ask.deadline is not deadline:
                ask.deadline.cancel()

    async def wait_stopped(self) -> None:
        """Until the actor is gone for good."""
        await self._mailbox.wait_finished()

    @property
    def depth(self) -> int:
        """How many messages wait."""
        return len(self._mailbox)

    def __repr__(self) -> str:
        return f"<Ref {self.path}>"


def _expire(ask: Ask, message: object, seconds: float) -> None:
    """The deadline has passed. If it did so long ago, nobody could answer: the loop stood still, and the time is given
    once more.
    """
    loop = ask.future.get_loop()
    assert ask.deadline is not None
    if loop.time() - ask.deadline.when() > STALL:
        ask.deadline = loop.call_later(seconds, _expire, ask, message, seconds)
    else:
        ask.fail(AskTimeoutError(ask.target.path, message, seconds))
