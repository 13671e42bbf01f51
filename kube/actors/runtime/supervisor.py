"""The children of one actor: starting, restarting and stopping them."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from kube.actors.runtime.errors import (
    ActorStoppedError,
    HopelessError,
    NameTakenError,
    RestartIntensityError,
)
from kube.actors.runtime.supervision import Restart, Strategy, Supervision
from kube.actors.runtime.turns import State
from kube.base.logging import get_logger
from kube.base.tasks import TaskOwner

if TYPE_CHECKING:
    from kube.actors.runtime.actor import Actor
    from kube.actors.runtime.cell import Cell
    from kube.actors.runtime.mailbox import MailboxSpec
    from kube.actors.runtime.ref import Ref


class Supervisor:
    """Children in the order of their start, and the plan for when they fail.

    Recovery runs in tasks of the supervisor's own: one per child that failed under ONE_FOR_ONE, one at a time under
    REST_FOR_ONE. `_down` holds, under REST_FOR_ONE, the children that are to be started again.
    """

    __slots__ = ("_down", "_owner", "_plan", "_recovery", "_running", "cells", "closed")

    def __init__(self, owner: "Cell", plan: Supervision) -> None:
        self._owner = owner
        self._plan = plan
        self.cells: dict[str, Cell] = {}
        self._down: dict[Cell, BaseException | None] = {}
        self._running: dict[Cell | None, asyncio.Task[None]] = {}
        self._recovery: TaskOwner | None = None
        self.closed = False

    def spawn(
        self, factory: "Callable[[], Actor[Any]]", name: str, restart: Restart, spec: "MailboxSpec | None"
    ) -> "Ref[Any]":
        cell = self._add(factory, name, restart, spec)
        try:
            task = cell.prepare()
        except Exception as error:  # noqa: BLE001  # it fails the child
            cell.fail(error)
        else:
            if task is not None:
                task.add_done_callback(cell.started_alone)
        return cell.ref

    async def start(
        self, factory: "Callable[[], Actor[Any]]", name: str, restart: Restart, spec: "MailboxSpec | None"
    ) -> "Ref[Any]":
        cell = self._add(factory, name, restart, spec)
        cell.supervised = False
        try:
            await cell.launch()
        except BaseException as error:
            await cell.teardown(error)
            await self._remove(cell)
            raise
        cell.supervised = True
        return cell.ref

    def child_failed(self, cell: "Cell", error: BaseException) -> None:
        if self.closed:
            return
        if self._plan.strategy is Strategy.ONE_FOR_ONE:
            self._recover(cell, self._recover_one(cell, error))
        else:
            self._down[cell] = error
            if None not in self._running:
                self._recover(None, self._recover_rest())

    def child_stops(self, cell: "Cell") -> None:
        """A child wants to end."""
        if self.closed:
            return
        if cell.restart is Restart.ALWAYS:
            cell.state = State.RESTARTING
            self.child_failed(cell, ActorStoppedError(cell.path))
        else:
            self._tasks().start(self.stop(cell.path), name=f"stop {cell.path}")

    async def stop(self, path: str, deadline: float | None = None) -> None:
        cell = next((cell for cell in self.cells.values() if cell.path == path), None)
        if cell is None:
            return
        cell.state = State.STOPPING  # from now on nobody restarts it
        self._down.pop(cell, None)
        recovery = self._running.pop(cell, None) or self._running.pop(None, None)
        if recovery is not None:
            recovery.cancel()
            await asyncio.gather(recovery, return_exceptions=True)
            self._down.pop(cell, None)
        if self._down and not self.closed and None not in self._running:
            self._recover(None, self._recover_rest())
        await self._remove(cell, deadline)

    async def close(self, deadline: float | None = None) -> None:
        """Stop all children, the last started first."""
        self.closed = True
        if self._recovery is not None:
            await self._recovery.aclose()
        for cell in reversed(list(self.cells.values())):
            await cell.stop(deadline)
        self.cells.clear()
        self._down.clear()

    def _add(
        self, factory: "Callable[[], Actor[Any]]", name: str, restart: Restart, spec: "MailboxSpec | None"
    ) -> "Cell":
        if self.closed:
            raise ActorStoppedError(self._owner.path)
        if not name or "/" in name:
            raise ValueError(f"not a name for an actor: {name!r}")
        path = f"{self._owner.path.rstrip('/')}/{name}"
        if name in self.cells:
            raise NameTakenError(path)
        cell = self._owner.child(path, factory, restart, spec)
        self.cells[name] = cell
        return cell

    async def _remove(self, cell: "Cell", deadline: float | None = None) -> None:
        await cell.stop(deadline)
        name = cell.path.rpartition("/")[2]
        if self.cells.get(name) is cell:
            del self.cells[name]

    # Recovery

    def _tasks(self) -> TaskOwner:
        if self._recovery is None:
            self._recovery = TaskOwner(
                f"{self._owner.path}/supervisor", on_error=lambda _, error: self._owner.fail(error)
            )
        return self._recovery

    def _recover(self, key: "Cell | None", work: Coroutine[Any, Any, None]) -> None:
        self._running[key] = self._tasks().start(
            work, name=f"recover {'children' if key is None else key.path}"
        )

    async def _recover_one(self, cell: "Cell", error: BaseException) -> None:
        failure: BaseException | None = error
        while failure is not None:
            await cell.teardown(failure)
            if cell.restart is Restart.NEVER:
                await self._remove(cell)
                break
            if not await self._back_off(cell, failure):
                break
            failure = await self._start_again(cell)
        self._running.pop(cell, None)

    async def _recover_rest(self) -> None:
        while self._down:
            order = [cell for cell in self.cells.values() if cell.state is not State.STOPPING]
            first = next((place for place, cell in enumerate(order) if cell in self._down), None)
            if first is None:
                break  # what is down is about to go for good
            rest = order[first:]
            for cell in reversed(rest):
                await cell.teardown(self._down.setdefault(cell, None))
            culprit = rest[0]
            failure = self._down[culprit]
            if failure is not None:
                if culprit.restart is Restart.NEVER:
                    del self._down[culprit]
                    await self._remove(culprit)
                    rest = rest[1:]
                elif not await self._back_off(culprit, failure):
                    break
            if all(
                cell in rest for cell in self._down
            ):  # else one that was started before them has failed meanwhile
                await self._start_in_order(rest)
        self._running.pop(None, None)

    async def _start_in_order(self, cells: "list[Cell]") -> None:
        for cell in cells:
            failure = await self._start_again(cell)
            if failure is not None:
                self._down[cell] = failure
                break
            del self._down[cell]

    async def _start_again(self, cell: "Cell") -> BaseException | None:
        """Start a fresh object; its failure to start is the next to be dealt with."""
        cell.supervised = False
        try:
            cell.renew()
            await cell.launch()
        except Exception as error:  # noqa: BLE001  # counted and logged as any failure of the child
            if not isinstance(error, HopelessError):
                get_logger(__name__).error("restart failed", actor=cell.path, exc_info=error)
            return error
        cell.supervised = True
        get_logger(__name__).info("restarted", actor=cell.path, restarts=cell.restarts)
        return None

    async def _back_off(self, cell: "Cell", failure: BaseException) -> bool:
        """Wait before the next start. False when there have been too many, or it would not help: the failure goes up."""
        if isinstance(failure, HopelessError):
            self._owner.fail(failure)
            return False
        plan, system = self._plan, self._owner.system
        now = system.clock.monotonic()
        recent = tuple(at for at in cell.restart_times if now - at < plan.period)
        if len(recent) >= plan.max_restarts:
            self._owner.fail(RestartIntensityError(cell.path, plan.max_restarts, plan.period, failure))
            return False
        cell.restart_times = (*recent, now)
        await system.clock.sleep(plan.backoff.delay(len(recent), system.jitter))
        return True
