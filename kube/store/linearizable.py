"""Linearizable reads at any member: a read index of the leader, asked for many readers at once (Raft dissertation §6.4).

One question is under way at a time, and who comes meanwhile shares the next one (etcd's ``linearizableReadLoop``).
"""

import asyncio
from collections.abc import Callable

import msgspec

from kube.store.errors import StoreError
from kube.store.member import Member


class _Reader(msgspec.Struct, eq=False):
    """``last_sweep``: the store's sweep at which it is told that there is no answer."""

    future: "asyncio.Future[Member]"
    last_sweep: int


class LinearizableReads:
    """``ask(context)`` puts a question for a read index into the member's mailbox; ``confirmed`` brings its answer."""

    def __init__(self, ask: Callable[[int], bool], first_context: int) -> None:
        """``first_context``: far from those of an earlier process of the same member, whose answers may still be on their way."""
        self._ask = ask
        self._context = first_context
        self._asked: list[_Reader] = []
        """Those of the question under way."""
        self._waiting: list[_Reader] = []
        self._asked_sweep = 0
        self._sweep = 0
        self._scheduled = False

    def __len__(self) -> int:
        return len(self._asked) + len(self._waiting)

    async def confirmed(self, patience: int) -> Member:
        """The member that answered: its state machine holds every write that was acknowledged before this call. (The one that runs
        a moment later may be another, built anew from its log.)

        ``patience`` in sweeps. Raises what ``fail`` and ``sweep`` are given.
        """
        loop = asyncio.get_running_loop()
        reader = _Reader(loop.create_future(), self._sweep + patience)
        self._waiting.append(reader)
        if not self._asked and not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._next)  # with everybody who comes in this turn
        return await reader.future

    def _next(self) -> None:
        self._scheduled = False
        if self._asked or not self._waiting:
            return
        self._asked, self._waiting = self._waiting, []
        self._question()

    def _question(self) -> None:
        self._context += 1
        self._asked_sweep = self._sweep
        self._ask(self._context)

    def answered(self, context: int, member: Member) -> None:
        if context != self._context:
            return  # to a question that was given up
        asked, self._asked = self._asked, []
        for reader in asked:
            if not reader.future.done():
                reader.future.set_result(member)
        self._next()

    def again(self) -> None:
        """The leader is another one: what was asked of the last one may never be answered."""
        if self._asked:
            self._question()

    def sweep(self, error: Callable[[], StoreError]) -> None:
        """A lost question is asked again; who has waited too long is told so."""
        self._sweep += 1
        for reader in (*self._asked, *self._waiting):
            if reader.last_sweep <= self._sweep and not reader.future.done():
                reader.future.set_exception(error())
        self._asked = [reader for reader in self._asked if not reader.future.done()]
        self._waiting = [reader for reader in self._waiting if not reader.future.done()]
        if self._asked:
            if self._asked_sweep + 1 < self._sweep:
                self._question()
        else:
            self._next()

    def fail(self, error: Callable[[], StoreError]) -> None:
        readers, self._asked, self._waiting = (*self._asked, *self._waiting), [], []
        for reader in readers:
            if not reader.future.done():
                reader.future.set_exception(error())
