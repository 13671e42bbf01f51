"""What an actor is given: itself seen from outside, and what the system has for it."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kube.actors.runtime.actor import Actor
from kube.actors.runtime.ask import HANDLING, Reply
from kube.actors.runtime.mailbox import MailboxSpec
from kube.actors.runtime.ref import Ref
from kube.actors.runtime.supervision import Restart
from kube.base.cause import Cause
from kube.base.chance import Chance
from kube.base.clock import Clock
from kube.base.logging import Logger, get_logger
from kube.base.metrics import Metrics
from kube.base.tasks import TaskOwner
from kube.base.timers import Timer

if TYPE_CHECKING:
    from kube.actors.runtime.cell import Cell
    from kube.actors.runtime.system import ActorSystem

M = TypeVar("M")
C = TypeVar("C")
R = TypeVar("R")


class Context(Generic[M]):
    """One per actor object: a restart makes a new one, and what hung on the old one is gone."""

    __slots__ = ("_cell", "_chance", "_log", "_tasks", "_timers", "causes")

    def __init__(self, cell: "Cell") -> None:
        self._cell = cell
        self._chance: Chance | None = None
        self._log: Logger | None = None
        self._tasks: TaskOwner | None = None
        self._timers: dict[Timer, None] | None = None
        self.causes: Sequence[Cause | None] = ()
        """What led to each message of the batch that `receive_batch` handles; the first is the current cause."""

    @property
    def self_ref(self) -> Ref[M]:
        return self._cell.ref

    @property
    def path(self) -> str:
        return self._cell.path

    @property
    def system(self) -> "ActorSystem":
        return self._cell.system

    @property
    def clock(self) -> Clock:
        return self._cell.system.clock

    @property
    def metrics(self) -> Metrics:
        return self._cell.system.metrics

    @property
    def chance(self) -> Chance:
        """A source of this object's own, determined by the system's seed and the order of spawning."""
        if self._chance is None:
            self._chance = self._cell.system.chance.fork(f"{self._cell.path}#{self._cell.incarnation}")
        return self._chance

    @property
    def log(self) -> Logger:
        """Bound to the path; lines carry the cause of the message that is handled."""
        if self._log is None:
            self._log = get_logger(type(self._cell.actor).__module__).bind(actor=self._cell.path)
        return self._log

    @property
    def tasks(self) -> TaskOwner:
        """Owns tasks that die with this object, and whose exceptions fail it."""
        if self._tasks is None:
            self._tasks = TaskOwner(self._cell.path, on_error=self._cell.task_failed)
        return self._tasks

    def new_cause(self, name: str) -> Cause:
        """A cause below that of the message that is handled; use it with `because(cause)`."""
        return self._cell.system.causes.new(name)

    def spawn(
        self,
        factory: Callable[[], Actor[C]],
        *,
        name: str,
        restart: Restart = Restart.ON_FAILURE,
        mailbox: MailboxSpec | None = None,
    ) -> Ref[C]:
        """Start a child and don't wait: it takes messages at once, and handles them when its `on_start` is done.

        Raises NameTakenError, and what the factory raises. If `on_start` fails, it is restarted as after any failure.
        """
        return self._cell.children.spawn(factory, name, restart, mailbox)

    async def start(
        self,
        factory: Callable[[], Actor[C]],
        *,
        name: str,
        restart: Restart = Restart.ON_FAILURE,
        mailbox: MailboxSpec | None = None,
    ) -> Ref[C]:
        """Start a child and wait until its `on_start` is done; if that fails, raise what it raised and keep no child."""
        return await self._cell.children.start(factory, name, restart, mailbox)

    async def stop_child(self, ref: Ref[Any]) -> None:
        """Stop a child and wait until it is gone; unknown ones and those gone already are fine."""
        await self._cell.children.stop(ref.path)

    def stop(self) -> None:
        """Stop this actor once the message is handled. Those that wait in the mailbox are dropped."""
        self._cell.stop_soon()

    def defer(self) -> Reply[Any]:
        """Take the answer to the ask that is handled upon oneself; return what this gives, and answer it later.

        If the actor fails or stops before, the ask fails.
        """
        frame = HANDLING.get()
        return self._cell.defer(None if frame is None else frame.ask)

    def answer_later(self, work: Coroutine[Any, Any, R], *, name: str) -> Reply[R]:
        """Answer with what `work` returns, as an owned task; the mailbox is drained meanwhile.

        `refusals` go to the asker as from a handler, other exceptions fail the actor.
        """
        reply: Reply[R] = self.defer()
        self.tasks.start(self._answer(reply, work), name=name)
        return reply

    def after(self, seconds: float, message: M) -> Timer:
        """Tell this actor `message` in so many seconds of the system's clock, unless it is gone by then."""
        if self._timers is None:
            self._timers = {}
        timers = self._timers
        timer: Timer

        def ring() -> None:
            timers.pop(timer, None)
            self._cell.mailbox.put_late(message)

        timer = self._cell.system.timers.after(seconds, ring)
        timers[timer] = None
        return timer

    async def close(self) -> None:
        """The runtime's: end what hangs on this object."""
        if self._timers is not None:
            for timer in self._timers:
                timer.cancel()
            self._timers.clear()
        if self._tasks is not None:
            await self._tasks.aclose()

    async def _answer(self, reply: Reply[R], work: Awaitable[R]) -> None:
        try:
            reply.answer(await work)
        except type(self._cell.actor).refusals as error:
            reply.fail(error)
