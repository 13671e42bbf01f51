"""One actor's life: start, failure, stop. What it does in between is in `turns`."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final

from kube.actors.runtime.actor import Actor
from kube.actors.runtime.ask import HANDLING, Frame
from kube.actors.runtime.context import Context
from kube.actors.runtime.errors import ActorFailedError, ActorStoppedError, HopelessError
from kube.actors.runtime.mailbox import MailboxSpec, make_mailbox
from kube.actors.runtime.ref import Ref
from kube.actors.runtime.supervision import Restart
from kube.actors.runtime.supervisor import Supervisor
from kube.actors.runtime.turns import State, Turns, close
from kube.base.logging import Logger, get_logger
from kube.base.tasks import TaskOwner, ended

if TYPE_CHECKING:
    from kube.actors.runtime.system import ActorSystem

GRACE: Final = 0.25
"""Seconds that a cancelled task has to end before it is given up."""


class Cell(Turns):
    """The runtime's side of an actor; it outlives the actor objects that restarts replace."""

    __slots__ = (
        "_children",
        "_deaf",  # a task has ignored its cancellation and was given up
        "_factory",
        "_gone",  # no last hook is due: it has run, or the first never did
        "_leaving",
        "_runtime_tasks",
        "_starting",
        "failure",
        "incarnation",
        "kind",
        "parent",
        "ref",
        "restart",
        "restart_times",
        "restarts",
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
        super().__init__(system.stopwatch, system.run_queue)
        self.system = system
        self.parent = parent
        self.path = path
        self.restart = restart
        self.restarts = 0
        self.restart_times: tuple[float, ...] = ()
        self.supervised = True
        self._factory = factory
        self._runtime_tasks: TaskOwner | None = None
        self._children: Supervisor | None = None
        self._deaf = False
        self.failure: BaseException | None = None
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
    def own(self) -> TaskOwner:
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
        self.context = Context(self)
        actor.context = self.context
        self._children = None
        self._receive = actor.receive
        self._receive_batch = actor.receive_batch
        self._context = copy_context()
        self._context.run(HANDLING.set, self._base)
        self._prompt_turn = (self._context, self._take_turn) if actor.prompt else None

    def prepare(self) -> "asyncio.Task[None] | None":
        """Run on_start; a task when it waits. Raises what a plain on_start raises."""
        hook = self._context.run(self.actor.on_start)
        self._gone = hook is not None
        if hook is None:
            if self.failure is not None and not self.supervised:
                raise self.failure
            if self.state is State.STARTING:
                self._enter()
            return None
        self._starting = self._context.run(self.own.start, self._await_start(hook), name="on_start")
        self._starting.add_done_callback(lambda _: close(hook))
        return self._starting

    async def _await_start(self, hook: Awaitable[None]) -> None:
        self._gone = False
        await hook

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

    # Failing

    def task_failed(self, task: "asyncio.Task[Any]", error: BaseException) -> None:
        """One of the actor's own tasks has raised."""
        self.fail(error, task=task.get_name())

    def fail(self, error: BaseException, **where: str) -> None:
        """The actor has failed: stop handling, and leave the rest to the supervisor."""
        log = get_logger(__name__).bind(actor=self.path, **where)
        if self.state not in (State.STARTING, State.RUNNING):
            if not isinstance(error, HopelessError):
                log.warning("failed again on its way down", exc_info=error)
            return
        self.state = State.RESTARTING
        self.failure = error
        try:
            if isinstance(error, HopelessError):
                log.info("actor failed", reason=str(error))
            else:
                log.error("actor failed", exc_info=error)
        finally:  # whatever becomes of the log's lines
            self._tell_supervisor(error)

    def _tell_supervisor(self, error: BaseException) -> None:
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
        if self.failure is not None or self.state in (State.STOPPING, State.STOPPED):
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
        task = self._context.run(self.own.start, _await_last(hook, log), name="last hook")
        task.add_done_callback(lambda _: close(hook))
        return task

    async def stop(self, deadline: float | None = None) -> None:
        """Stop for good. Whoever calls while another stops it waits with them."""
        if self.state is State.STOPPED:
            return
        self.state = State.STOPPING
        self.mailbox.close()
        await self.teardown(None, deadline)
        if self._runtime_tasks is not None and not self._deaf:
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
            self._deaf = True
            self.system.left_over(task.get_name())


async def _await_last(hook: Awaitable[None], log: Logger) -> None:
    try:
        await hook
    except Exception:
        log.exception("last hook failed")


async def _ended(task: "asyncio.Task[Any]", seconds: float | None = None) -> None:
    """Wait until a task has ended, at most so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await ended(task)
    except TimeoutError:
        return
