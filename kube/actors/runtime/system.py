"""The actor system: the root of all actors of one cluster, and what can be asked about them."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from kube.actors.runtime.actor import Actor
from kube.actors.runtime.cell import Cell
from kube.actors.runtime.errors import StopTimeoutError
from kube.actors.runtime.introspection import ActorInfo, Totals, describe, draw, register
from kube.actors.runtime.mailbox import MailboxSpec
from kube.actors.runtime.ref import Ref
from kube.actors.runtime.run_queue import RunQueue
from kube.actors.runtime.supervision import Restart, Supervision
from kube.base.cause import Causes
from kube.base.chance import Chance
from kube.base.clock import Clock, SystemClock
from kube.base.metrics import Metrics
from kube.base.stall import StallGuard
from kube.base.tasks import TaskOwner
from kube.base.timers import Timers

C = TypeVar("C")

STOP_TIMEOUT: Final = 2.0


class ActorSystem:
    """Owns actors, clock, chance, causes and metrics. Make it inside the loop it runs on; many may share a loop.

    `stopwatch` times handlers and turns, in seconds; by default the processor's for a SystemClock (guarded or not) and otherwise the clock's,
    so that a run under virtual time does not depend on how fast the host is.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        chance: Chance | None = None,
        metrics: Metrics | None = None,
        supervision: Supervision | None = None,
        stopwatch: Callable[[], float] | None = None,
    ) -> None:
        self.clock: Clock = clock if clock is not None else SystemClock()
        self.chance = chance if chance is not None else Chance.system()
        self.jitter = self.chance.fork("supervision")
        self.metrics = metrics if metrics is not None else Metrics()
        self.causes = Causes()
        self.stopwatch = stopwatch if stopwatch is not None else _stopwatch(self.clock)
        self.run_queue = RunQueue(self.stopwatch)
        self._incarnations = itertools.count()
        self._loop = asyncio.get_running_loop()
        self._tasks = TaskOwner("actors")
        self.timers = Timers(self.clock, self._tasks)
        self._left_over: list[str] = []
        self._failure: BaseException | None = None
        self._retired: dict[str, Totals] = {}
        plan = supervision if supervision is not None else Supervision()
        self._root = Cell(self, None, "/", factory=lambda: _Root(plan), restart=Restart.NEVER, spec=None)
        self._root.prepare()
        register(self)

    def spawn(
        self,
        factory: Callable[[], Actor[C]],
        *,
        name: str,
        restart: Restart = Restart.ON_FAILURE,
        mailbox: MailboxSpec | None = None,
    ) -> Ref[C]:
        """Start an actor below the root, without waiting; as `Context.spawn`."""
        return self._root.context.spawn(factory, name=name, restart=restart, mailbox=mailbox)

    async def start(
        self,
        factory: Callable[[], Actor[C]],
        *,
        name: str,
        restart: Restart = Restart.ON_FAILURE,
        mailbox: MailboxSpec | None = None,
    ) -> Ref[C]:
        """Start an actor below the root and wait until it has started; as `Context.start`."""
        return await self._root.context.start(factory, name=name, restart=restart, mailbox=mailbox)

    async def stop_actor(self, ref: Ref[Any]) -> None:
        """Stop one actor, wherever it is, and wait until it is gone; not from its own handler."""
        cell = next((cell for cell in self._cells() if cell.path == ref.path), None)
        if cell is not None and cell.parent is not None:
            await cell.parent.children.stop(cell.path)

    async def wait(self) -> None:
        """Until all is stopped. Raises the failure that reached the root, if one did."""
        await self._root.ref.wait_stopped()
        if self._failure is not None:
            raise self._failure

    async def stop(self, timeout: float = STOP_TIMEOUT) -> None:  # noqa: ASYNC109  # shared out among the actors
        """Stop everything, the last started first. No task, timer or future is left; not from within an actor.

        Raises StopTimeoutError when something did not end within `timeout` and ignored its cancellation.
        """
        await self._root.stop(self._loop.time() + timeout)
        await self._tasks.aclose()
        if self._left_over:
            paths, self._left_over = tuple(self._left_over), []
            raise StopTimeoutError(paths)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # What can be asked

    def describe(self) -> tuple[ActorInfo, ...]:
        """All actors but the root, parents before children, children in the order of their start."""
        return tuple(describe(cell) for cell in self._cells())

    def lookup(self, path: str) -> Ref[Any] | None:
        """The actor that lives at a path now."""
        cell = next((cell for cell in self._cells() if cell.path == path), None)
        return None if cell is None else cell.ref

    def draw(self) -> str:
        """The tree of actors as text, one line each."""
        return draw(self.describe())

    def _cells(self) -> Iterator[Cell]:
        stack = list(reversed(self._root.child_cells()))
        while stack:
            cell = stack.pop()
            yield cell
            stack.extend(reversed(cell.child_cells()))

    # For cells

    def next_incarnation(self) -> int:
        return next(self._incarnations)

    def left_over(self, name: str) -> None:
        """Something ignored its cancellation; `stop` reports it."""
        self._left_over.append(name)

    def root_failed(self, error: BaseException) -> None:
        """A failure has gone all the way up: stop everything; `wait` raises it."""
        self._failure = error
        self._tasks.start(self._root.stop(self._loop.time() + STOP_TIMEOUT), name="stop after failure")

    def retire(self, cell: Cell) -> None:
        """Keep the counts of an actor that is gone."""
        totals = self._retired.get(cell.kind)
        if totals is None:
            totals = self._retired[cell.kind] = Totals()
        totals.add(cell)

    def totals(self) -> dict[str, Totals]:
        """Counts per kind of actor, those that are gone included."""
        sums: dict[str, Totals] = {}
        for kind, totals in self._retired.items():
            sums[kind] = Totals().merge(totals)
        for cell in self._cells():
            totals = sums.setdefault(cell.kind, Totals())
            totals.add(cell)
            totals.actors += 1
            totals.depth += len(cell.mailbox)
        return sums


def _stopwatch(clock: Clock) -> Callable[[], float]:
    """The processor's own where time is the host's, since it is read for every message; else the clock's."""
    source = clock.clock if isinstance(clock, StallGuard) else clock
    return time.perf_counter if isinstance(source, SystemClock) else clock.monotonic


class _Root(Actor[None]):
    """Parent of all, handles nothing."""

    def __init__(self, plan: Supervision) -> None:
        self.supervision = plan  # type: ignore[misc]  # the one actor whose plan is not of its class
