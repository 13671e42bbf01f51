"""One actor's life: start, turns, failure, stop.

An idle actor has no task. The first message that arrives schedules a turn as a callback of the loop; a turn handles what
has arrived, and only a handler that waits gets a task, which goes on with the mailbox until it is empty.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kube.actors.runtime.actor import Actor
from kube.actors.runtime.ask import HANDLING, Ask, Frame, Reply
from kube.actors.runtime.context import Context
from kube.actors.runtime.errors import ActorFailedError, ActorStoppedError
from kube.actors.runtime.mailbox import BREAK, ClosingMailbox, MailboxSpec, make_mailbox
from kube.actors.runtime.ref import Ref
from kube.actors.runtime.supervision import Restart
from kube.actors.runtime.supervisor import Supervisor
from kube.base.cause import CURRENT, Cause
from kube.base.logging import Logger, get_logger
from kube.base.tasks import TaskOwner

if TYPE_CHECKING:
    from kube.actors.runtime.system import ActorSystem

BATCH: Final = 256
"""Messages per turn."""

TURN: Final = 0.005
"""Seconds per turn."""

GRACE: Final = 0.25
"""Seconds that a cancelled task has to end before it is given up."""


class State(Enum):
    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    """Failed, or taken down with a sibling; the mailbox fills meanwhile."""
    STOPPING = "stopping"
    STOPPED = "stopped"


class Waiting(NamedTuple):
    """A handler that waits."""

    awaitable: Awaitable[Any]
    ask: Ask | None
    message: Any
    begin: float


class Cell:
    """The runtime's side of an actor; it outlives the actor objects that restarts replace."""

    __slots__ = (
        "_base",
        "_children",
        "_context",
        "_factory",
        "_gone",
        "_handler",
        "_leaving",
        "_loop",
        "_open",
        "_receive",
        "_receive_batch",
        "_runtime_tasks",
        "_starting",
        "_stopwatch",
        "actor",
        "context",
        "failure",
        "handled",
        "high_water",
        "incarnation",
        "kind",
        "mailbox",
        "parent",
        "path",
        "ref",
        "restart",
        "restart_times",
        "restarts",
        "slowest",
        "slowest_message",
        "state",
        "supervised",
        "system",
    )

    def __init__(
        self,
        system: "ActorSystem",
        parent: "Cell | None",
        path: str,
        *,
        factory: Callable[[], Actor[Any]],
        restart: Restart,
        spec: MailboxSpec | None,
    ) -> None:
        self.system = system
        self.parent = parent
        self.path = path
        self.restart = restart
        self.restarts = 0
        self.restart_times: tuple[float, ...] = ()
        self.handled = 0
        self.high_water = 0
        self.slowest = 0.0
        self.slowest_message = ""
        self.supervised = True
        self._factory = factory
        self._loop = asyncio.get_running_loop()
        self._stopwatch = system.stopwatch
        self._runtime_tasks: TaskOwner | None = None
        self._children: Supervisor | None = None
        self.failure: BaseException | None = None
        self._open: dict[Ask, None] = {}
        self._handler: asyncio.Task[None] | None = None
        self._starting: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None
        self.actor = factory()
        self.kind = type(self.actor).__name__
        self.mailbox = make_mailbox(spec if spec is not None else self.actor.mailbox, path, self._wake)
        self._base = Frame(self.mailbox, None)
        self.ref: Ref[Any] = Ref(self.mailbox)
        self._dress()

    def child(
        self, path: str, factory: Callable[[], Actor[Any]], restart: Restart, spec: MailboxSpec | None
    ) -> "Cell":
        return Cell(self.system, self, path, factory=factory, restart=restart, spec=spec)

    @property
    def children(self) -> Supervisor:
        if self._children is None:
            self._children = Supervisor(self, self.actor.supervision)
        return self._children

    def child_cells(self) -> "list[Cell]":
        """In the order of their start."""
        return [] if self._children is None else list(self._children.cells.values())

    @property
    def _own(self) -> TaskOwner:
        """Tasks of the runtime's: handlers and hooks that wait."""
        if self._runtime_tasks is None:
            self._runtime_tasks = TaskOwner(self.path, on_error=self._escaped)
        return self._runtime_tasks

    # Starting

    def renew(self) -> None:
        """Replace an object that failed by a fresh one. Raises what the factory raises."""
        self.restarts += 1
        self.actor = self._factory()
        self._dress()

    def _dress(self) -> None:
        """Give a fresh object what it needs."""
        actor = self.actor
        self.state = State.STARTING
        self.failure = None
        self._gone = False
        self.incarnation = self.system.next_incarnation()
        self.context: Context[Any] = Context(self)
        actor.context = self.context
        self._children = None
        self._receive: Callable[[Any], Any] = actor.receive
        self._receive_batch: Callable[[list[Any]], Any] | None = actor.receive_batch
        self._context = copy_context()
        self._context.run(HANDLING.set, self._base)

    def prepare(self) -> "asyncio.Task[None] | None":
        """Run on_start; a task when it waits. Raises what a plain on_start raises."""
        hook = self._context.run(self.actor.on_start)
        if hook is None:
            if self.failure is not None and not self.supervised:
                raise self.failure
            if self.state is State.STARTING:
                self._enter()
            return None
        self._starting = self._context.run(self._own.start, _await(hook), name="on_start")
        self._starting.add_done_callback(lambda _: _close(hook))
        return self._starting

    def started(self, task: "asyncio.Task[None]") -> None:
        """on_start has ended: begin to handle messages, or raise what it raised."""
        self._starting = None
        if self.failure is not None:
            raise self.failure
        if task.cancelled():
            raise ActorStoppedError(self.path)
        if (error := task.exception()) is not None:
            raise error
        if self.state is State.STARTING:
            self._enter()

    def started_alone(self, task: "asyncio.Task[None]") -> None:
        """As `started`, as the task's callback, where nobody waits for the start."""
        if self._starting is not task or self.state is not State.STARTING:
            return
        try:
            self.started(task)
        except Exception as error:  # noqa: BLE001  # it fails the actor
            self.fail(error)

    async def launch(self) -> None:
        """Run on_start to its end, or raise what it raises."""
        task = self.prepare()
        if task is not None:
            await _ended(task)
            self.started(task)

    def _enter(self) -> None:
        self.state = State.RUNNING
        self._rest()

    # Turns

    def _wake(self) -> None:
        """The mailbox's: a message came while nobody drained."""
        if self.state is State.RUNNING:
            self._loop.call_soon(self._on_turn, context=self._context)

    def _on_turn(self) -> None:
        if self._handler is not None:
            return
        waiting = self._turn()
        if waiting is not None:
            self._handler = self._own.start(self._follow(waiting), name="handler")
            self._handler.add_done_callback(lambda task: self._handler_ended(task, waiting))
            HANDLING.set(self._base)
        elif self.state is State.RUNNING:
            self._rest()

    def _rest(self) -> None:
        """Sleep until the next message; with some left, let the loop do other things first."""
        if self.mailbox.queue:
            self.mailbox.awake = True
            self._loop.call_soon(self._on_turn, context=self._context)
        else:
            self.mailbox.awake = False

    def _turn(self) -> Waiting | None:
        """Handle what has arrived, at most BATCH messages and TURN seconds, up to the first handler that waits."""
        running = State.RUNNING
        if self.state is not running:
            return None
        mailbox = self.mailbox
        queue, pop, receive, batch = mailbox.queue, mailbox.pop, self._receive, self._receive_batch
        stopwatch = self._stopwatch
        self.high_water = max(self.high_water, len(queue))
        current = CURRENT.get()
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
                except Exception as error:  # noqa: BLE001  # a refusal, or it fails the actor
                    self._raised(error, ask, message)
                    result = None
                if result is not None and hasattr(result, "__await__"):
                    return Waiting(result, ask, message, last)
                now = stopwatch()
                if now - last > self.slowest:
                    self.slowest, self.slowest_message = now - last, type(message).__name__
                last = now
                if now >= end or self.state is not running:
                    break
        finally:
            self.handled += BATCH - left
            if mailbox.waiting_senders:
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
        _close(first.awaitable)
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

    # Answers and failures

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

    def task_failed(self, task: "asyncio.Task[Any]", error: BaseException) -> None:
        """One of the actor's own tasks has raised."""
        self.fail(error, task=task.get_name())

    def fail(self, error: BaseException, **where: str) -> None:
        """The actor has failed: stop handling, and leave the rest to the supervisor."""
        log = get_logger(__name__).bind(actor=self.path, **where)
        if self.state not in (State.STARTING, State.RUNNING):
            log.warning("failed again on its way down", exc_info=error)
            return
        log.error("actor failed", exc_info=error)
        self.state = State.RESTARTING
        self.failure = error
        if not self.supervised:
            if self._starting is not None:
                self._starting.cancel()  # whoever starts it is told
        elif self.parent is not None:
            self.parent.children.child_failed(self, error)
        else:
            self.system.root_failed(error)

    def _escaped(self, task: "asyncio.Task[Any]", error: BaseException) -> None:
        """A task of the runtime's has raised; hooks are heard by whoever runs them."""
        if task is self._handler:
            self.fail(error, task=task.get_name())

    # Stopping

    def stop_soon(self) -> None:
        """Handle no further message, and be stopped by the supervisor."""
        if self.state is not State.RUNNING and self.state is not State.STARTING:
            return
        self.state = State.STOPPING
        if self.parent is not None:
            self.parent.children.child_stops(self)

    async def teardown(self, error: BaseException | None, deadline: float | None = None) -> None:
        """End what the object began, the handler first and its last hook last. Done twice it does nothing.

        With an `error` nothing is waited for. `deadline` is a time of the loop.
        """
        if self.state is not State.STOPPING:
            self.state = State.RESTARTING
        if self._starting is not None:
            await self._end(self._starting, 0)
            self._starting = None
        if self._handler is not None:
            await self._end(self._handler, 0 if error is not None else self._patience(deadline))
            self._handler = None
        reason = ActorStoppedError(self.path) if error is None else ActorFailedError(self.path, error)
        for ask in list(self._open):
            ask.fail(reason)
        self._open.clear()
        try:
            async with asyncio.timeout(self._patience(deadline) + GRACE):
                await self.context.close()
        except TimeoutError:
            self.system.left_over(self.path)
        if self._children is not None:
            await self._children.close(deadline)
        if not self._gone:
            self._gone = True
            self._leaving = self._farewell(error)
        if self._leaving is not None:
            await self._end(self._leaving, self._patience(deadline))
            self._leaving = None

    def _farewell(self, error: BaseException | None) -> "asyncio.Task[None] | None":
        """Run on_stop or on_failure; what they raise is logged, for there is nobody left to fail."""
        log = get_logger(__name__).bind(actor=self.path)
        try:
            hook = (
                self._context.run(self.actor.on_stop)
                if error is None
                else self._context.run(self.actor.on_failure, error)
            )
        except Exception:
            log.exception("last hook failed")
            return None
        if hook is None:
            return None
        task = self._context.run(self._own.start, _await_last(hook, log), name="last hook")
        task.add_done_callback(lambda _: _close(hook))
        return task

    async def stop(self, deadline: float | None = None) -> None:
        """Stop for good. Whoever calls while another stops it waits with them."""
        if self.state is State.STOPPED:
            return
        self.state = State.STOPPING
        self.mailbox.close()
        await self.teardown(None, deadline)
        if self._runtime_tasks is not None:
            await self._runtime_tasks.aclose()
        self._bury()

    def _bury(self) -> None:
        """The end, once."""
        if self.state is State.STOPPED:
            return
        self.state = State.STOPPED
        self.mailbox.finish()
        self.system.retire(self)

    def _patience(self, deadline: float | None) -> float:
        """Seconds that this actor may take for one thing."""
        patience = self.actor.stop_timeout
        return patience if deadline is None else max(0.0, min(patience, deadline - self._loop.time()))

    async def _end(self, task: "asyncio.Task[None]", seconds: float) -> None:
        """Wait for a task, cancel it when that takes too long, and give it up when even that does not help."""
        if seconds > 0:
            await _ended(task, seconds)
        if not task.done():
            task.cancel()
            await _ended(task, GRACE)
        if not task.done():
            self.system.left_over(task.get_name())


async def _await(awaitable: Awaitable[None]) -> None:
    await awaitable


async def _await_last(hook: Awaitable[None], log: Logger) -> None:
    try:
        await hook
    except Exception:
        log.exception("last hook failed")


async def _ended(task: "asyncio.Task[Any]", seconds: float | None = None) -> None:
    """Wait until a task has ended, at most so many seconds; neither its result nor a cancellation of the wait touch it."""
    if task.done():
        return
    ended = asyncio.get_running_loop().create_future()

    def tell(_: object) -> None:
        if not ended.done():
            ended.set_result(None)

    task.add_done_callback(tell)
    try:
        async with asyncio.timeout(seconds):
            await ended
    except TimeoutError:
        return
    finally:
        task.remove_done_callback(tell)


def _close(awaitable: Awaitable[Any]) -> None:
    """Say that a coroutine whose task ended before its first step will never be awaited."""
    if asyncio.iscoroutine(awaitable):
        awaitable.close()
