"""How an actor handles its messages: in turns.

An idle actor has no task. The first message that arrives schedules a turn as a callback of the loop; a turn handles what
has arrived, and only a handler that waits gets a task, which goes on with the mailbox until it is empty.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextvars import Context as Variables
from enum import Enum
from typing import Any, Final, NamedTuple

from kube.actors.runtime.actor import Actor
from kube.actors.runtime.ask import HANDLING, Ask, Frame, Reply
from kube.actors.runtime.context import Context
from kube.actors.runtime.errors import ActorFailedError
from kube.actors.runtime.mailbox import BREAK, ClosingMailbox, Mailbox
from kube.actors.runtime.run_queue import RunQueue, Turn
from kube.base.cause import CURRENT, Cause
from kube.base.logging import get_logger
from kube.base.tasks import TaskOwner

BATCH: Final = 256
"""Messages per turn."""

TURN: Final = 0.005
"""Seconds per turn."""


class State(Enum):
    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    """Failed, or taken down with a sibling; the mailbox fills meanwhile."""
    STOPPING = "stopping"
    STOPPED = "stopped"


_current_cause = CURRENT.get

_RUNNING: Final = State.RUNNING
"""The member by a name of its own, for the look-up in an Enum costs more than the comparison."""


class Waiting(NamedTuple):
    """A handler that waits."""

    awaitable: Awaitable[Any]
    ask: Ask | None
    message: Any
    begin: float


class Turns(ABC):
    """The draining half of a `Cell`."""

    __slots__ = (
        "_base",
        "_context",
        "_handler",
        "_loop",
        "_open",
        "_prompt_turn",
        "_receive",
        "_receive_batch",
        "_run_queue",
        "_stopwatch",
        "actor",
        "context",
        "handled",
        "high_water",
        "mailbox",
        "path",
        "slowest",
        "slowest_message",
        "state",
    )

    path: str
    mailbox: Mailbox
    actor: Actor[Any]
    context: Context[Any]
    state: State

    _receive: Callable[[Any], Any]
    _receive_batch: Callable[[list[Any]], Any] | None
    _context: Variables
    """In which handlers and hooks run: `HANDLING` is this actor."""

    _prompt_turn: Turn | None
    """What a prompt actor has wait in the run queue for its turn; the others wait in the loop."""

    _base: Frame
    """What `HANDLING` is between asks."""

    def __init__(self, stopwatch: Callable[[], float], run_queue: RunQueue) -> None:
        self._stopwatch = stopwatch
        self._run_queue = run_queue
        self._loop = asyncio.get_running_loop()
        self._handler: asyncio.Task[None] | None = None
        self._open: dict[Ask, None] = {}
        """Asks that are handled or deferred, and not answered."""
        self.handled = 0
        self.high_water = 0
        self.slowest = 0.0
        self.slowest_message = ""

    @property
    @abstractmethod
    def own(self) -> TaskOwner:
        """Of the runtime's tasks: handlers and hooks that wait."""

    @abstractmethod
    def fail(self, error: BaseException, **where: str) -> None:
        """The actor has failed: stop handling, and leave the rest to the supervisor."""

    @abstractmethod
    def stop_soon(self) -> None:
        """Handle no further message, and be stopped by the supervisor."""

    def _wake(self) -> None:
        """The mailbox's: a message came while nobody drained."""
        if self.state is not _RUNNING:
            return
        if self._prompt_turn is None:
            self._loop.call_soon(self._on_turn, context=self._context)
        else:
            run_queue = self._run_queue
            run_queue.due.append(self._prompt_turn)
            if not run_queue.scheduled:
                run_queue.schedule()

    def _on_turn(self) -> None:
        self._take_turn(self._stopwatch())

    def _take_turn(self, begin: float) -> float:
        """One turn, which begins at ``begin`` of the stopwatch; when it ended.

        Most turns are of one message, for which this does what `_turn` does for each.
        """
        if self._handler is not None:
            return begin
        mailbox = self.mailbox
        queue, end = mailbox.queue, begin
        result = waiting = None
        if len(queue) == 1 and self.state is _RUNNING:
            if not self.high_water:
                self.high_water = 1
            pop, receive, batch, stopwatch = mailbox.pop, self._receive, self._receive_batch, self._stopwatch
            message, cause, ask = pop()
            if cause is not _current_cause():
                CURRENT.set(cause)
            try:
                if ask is not None:
                    result = self._receive_ask(message, ask)
                elif batch is None:
                    result = receive(message)
                else:
                    self.context.causes = (cause,)
                    result = batch([message])
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # a refusal, or it fails the actor
                self._raised(error, ask, message)
            self.handled += 1
            if mailbox.senders is not None:
                mailbox.admit()
            end = stopwatch()
            if result is not None and hasattr(result, "__await__"):
                waiting = Waiting(result, ask, message, begin)
            elif end - begin > self.slowest:
                self.slowest, self.slowest_message = end - begin, type(message).__name__
        if queue and waiting is None:
            waiting = self._turn()
            end = self._stopwatch()
        if waiting is not None:
            self._wait_for(waiting)
        elif self.state is _RUNNING:
            if queue:
                self._rest()
            else:
                mailbox.awake = False
        return end

    def _wait_for(self, waiting: Waiting) -> None:
        self._handler = self.own.start(self._follow(waiting), name="handler")
        self._handler.add_done_callback(lambda task: self._handler_ended(task, waiting))
        HANDLING.set(self._base)

    def _rest(self) -> None:
        """Sleep until the next message; with some left, let the loop do other things first."""
        if self.mailbox.queue:
            self.mailbox.awake = True
            self._loop.call_soon(self._on_turn, context=self._context)
        else:
            self.mailbox.awake = False

    def _turn(self) -> Waiting | None:
        """Handle what has arrived, at most BATCH messages and TURN seconds, up to the first handler that waits."""
        if self.state is not _RUNNING:
            return None
        mailbox = self.mailbox
        queue = mailbox.queue
        depth = len(queue)
        if depth > self.high_water:  # noqa: PLR1730  # max costs a call for every turn
            self.high_water = depth
        pop, receive, batch, stopwatch = mailbox.pop, self._receive, self._receive_batch, self._stopwatch
        current = _current_cause()
        last = stopwatch()
        end = last + TURN
        left = BATCH
        try:
            while left > 0 and queue:
                message, cause, ask = pop()
                left -= 1
                if cause is not current:
                    CURRENT.set(cause)
                    current = cause
                try:
                    if ask is not None:
                        result = self._receive_ask(message, ask)
                    elif batch is None:
                        result = receive(message)
                    else:
                        messages = self._gather(message, cause, left)
                        left -= len(messages) - 1
                        result = batch(messages)
                except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # a refusal, or it fails the actor
                    self._raised(error, ask, message)
                    result = None
                if result is not None and hasattr(result, "__await__"):
                    return Waiting(result, ask, message, last)
                now = stopwatch()
                if now - last > self.slowest:
                    self.slowest, self.slowest_message = now - last, type(message).__name__
                last = now
                if now >= end or self.state is not _RUNNING:
                    break
        finally:
            self.handled += BATCH - left
            if mailbox.senders is not None:
                mailbox.admit()
        return None

    def _receive_ask(self, message: Any, ask: Ask) -> Any:
        """Handle an ask, or what stands in its place. Gives only what is to be awaited."""
        if ask is BREAK:
            mailbox = self.mailbox
            return self.actor.on_overflow(mailbox.reopen()) if isinstance(mailbox, ClosingMailbox) else None
        if ask.future.done():
            return None  # given up before its turn
        HANDLING.set(Frame(self.mailbox, ask))
        result = self._receive(message)
        if result is not None and hasattr(result, "__await__"):
            self._open[ask] = None
            return result
        self._settle(ask, result)
        return None

    async def _follow(self, waiting: Waiting) -> None:
        """Await a handler, then go on with the mailbox until it is empty."""
        stopwatch = self._stopwatch
        end, mark = stopwatch() + TURN, self.handled
        while True:
            await self._finish(waiting)
            while True:
                if stopwatch() >= end or self.handled - mark >= BATCH:
                    await asyncio.sleep(0)
                    end, mark = stopwatch() + TURN, self.handled
                following = self._turn()
                if following is not None:
                    break
                if self.state is not State.RUNNING or not self.mailbox.queue:
                    self._handler = None
                    if self.state is State.RUNNING:
                        self._rest()
                    return
            waiting = following

    async def _finish(self, waiting: Waiting) -> None:
        awaitable, ask, message, begin = waiting
        try:
            result = await awaitable
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            self._raised(error, ask, message)
        except Exception as error:  # noqa: BLE001  # a refusal, or it fails the actor
            self._raised(error, ask, message)
        else:
            if ask is not None and ask is not BREAK:
                self._settle(ask, result)
        elapsed = self._stopwatch() - begin
        if elapsed > self.slowest:
            self.slowest, self.slowest_message = elapsed, type(message).__name__

    def _handler_ended(self, task: "asyncio.Task[None]", first: Waiting) -> None:
        close(first.awaitable)
        if task is self._handler and task.cancelled() and self.state is State.RUNNING:
            get_logger(__name__).warning("handler was cancelled from outside", actor=self.path)
            self.stop_soon()

    def _gather(self, first: Any, cause: Cause | None, left: int) -> list[Any]:
        """The batch that begins with `first`: what was told, up to the next ask or break of the stream."""
        mailbox = self.mailbox
        queue, peek, pop = mailbox.queue, mailbox.peek, mailbox.pop
        messages, causes = [first], [cause]
        while queue and left > 0:
            message, cause, ask = peek()
            if ask is not None:
                break
            pop()
            messages.append(message)
            causes.append(cause)
            left -= 1
        self.context.causes = causes
        return messages

    def _settle(self, ask: Ask, result: Any) -> None:
        HANDLING.set(self._base)
        if not ask.deferred:
            self._open.pop(ask, None)
            ask.answer(result)

    def defer(self, ask: Ask | None) -> Reply[Any]:
        if ask is not None and not ask.deferred:
            ask.deferred = True
            self._open[ask] = None
            ask.future.add_done_callback(lambda _: self._open.pop(ask, None))
        return Reply(ask)

    def _raised(self, error: BaseException, ask: Ask | None, message: Any) -> None:
        """A handler has raised."""
        HANDLING.set(self._base)
        if ask is not None and ask is not BREAK:
            self._open.pop(ask, None)
            if isinstance(error, self.actor.refusals):
                ask.fail(error)
                return
            ask.fail(ActorFailedError(self.path, error))
        self.fail(error, message=type(message).__name__)


def close(awaitable: Awaitable[Any]) -> None:
    """Say that a coroutine whose task ended before its first step will never be awaited."""
    if asyncio.iscoroutine(awaitable):
        awaitable.close()
