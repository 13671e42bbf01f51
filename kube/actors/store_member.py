"""One member of the store as an actor: its mailbox is where proposals, raft messages and ticks become one batch."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import ClassVar, Protocol

from kube.actors.runtime.actor import Actor
from kube.actors.runtime.errors import HopelessError, MailboxFullError
from kube.actors.runtime.mailbox import MailboxSpec
from kube.actors.runtime.ref import Ref
from kube.store.local import LocalStore
from kube.store.member import Input, Member, Prune, Tick, settle
from kube.store.raft.messages import Snapshot
from kube.store.wal.storage import WalStorage
from kube.store.wal.syncer import InlineSyncer, Syncer

_TICK = Tick()
_UNCOUNTED = Tick(counts=False)
_PRUNE = Prune()
_PRUNE_PAUSE = 0.01
"""Seconds between two portions, in which others have their turns."""


class StoreMember(Actor[Input]):
    """Rebuilt from its storage at each start. A crash loses nothing that was acknowledged, nor does a stop."""

    mailbox: ClassVar[MailboxSpec] = MailboxSpec(capacity=16_384)
    prompt: ClassVar[bool] = True

    def __init__(self, store: LocalStore, member: int) -> None:
        self._store = store
        self._id = member
        self._member: Member | None = None
        self._ticked = False
        """There was a tick since the member took its last batch."""
        self._asked_to_prune = False
        """As for ticks."""
        self._prunes: asyncio.Task[None] | None = None
        self._storage: WalStorage | None = None
        self._syncer: Syncer = InlineSyncer()

    def on_start(self) -> Awaitable[None] | None:
        if self._store.replicas.directory is not None:
            return self._begin_on_disk()
        self._begin()
        return None

    def _begin(self) -> None:
        tell, run_through = self.context.self_ref.tell, self.context.system.run_queue.run_through

        def submit(message: Input) -> bool:
            try:
                return tell(message)
            except MailboxFullError:
                return False

        def at_once(message: Input) -> bool:
            return run_through(submit, message)

        self._member = self._store.replicas.start_member(self._id, submit, at_once)
        self.context.tasks.start(self._tick(submit), name="tick")

    async def _begin_on_disk(self) -> None:
        directory = self._store.replicas.directory
        assert directory is not None
        await self._while_there(partial(self._store.replicas.prepare_member, self._id))
        storage = self._storage = directory.storages[self._id]
        self._syncer = directory.syncers[self._id]
        write = partial(storage.write_snapshot, syncer=directory.snapshot_syncer)

        def start(snapshot: Snapshot) -> None:
            self.context.tasks.start(self._while_there(partial(write, snapshot)), name="snapshot")

        storage.on_snapshot_due(start)
        self._begin()

    def on_stop(self) -> None:
        if self._storage is not None:
            self._storage.on_snapshot_due(None)
        if self._member is not None:
            self._store.replicas.member_stopped(self._member)

    def receive_batch(self, messages: list[Input]) -> Awaitable[None] | None:
        """What arrives while the member settles makes the next batch: one sync for all of it."""
        member = self._member
        assert member is not None
        self._ticked = self._asked_to_prune = False
        if not member.handle(messages):
            return None
        if self._storage is None:
            return settle(member, self._syncer)
        return self._while_there(partial(settle, member, self._syncer))

    async def _while_there(self, work: Callable[[], Awaitable[None]]) -> None:
        """Raises HopelessError when the files are gone: their contents can't be made again from what is in memory."""
        try:
            await work()
        except FileNotFoundError as error:
            directory = self._store.replicas.directory
            raise HopelessError(
                f"the data directory {directory.path if directory else ''} was removed, or a part of it, while the "
                f"store ran: {error.filename} is not there; put it back, or restore a backup, and start again"
            ) from error

    async def _tick(self, submit: Callable[[Input], bool]) -> None:
        """Ticks that a stalled loop or a member that waits for its disk has missed are not made up: they would count as silence of
        a leader that was as stalled.
        """
        replicas = self._store.replicas
        clock, seconds = self.context.clock, replicas.config.tick
        while True:
            await clock.sleep(seconds)
            assert self._member is not None
            if not (self._ticked and self._member.unsettled):
                self._ticked = submit(_TICK if replicas.tick_counts(self._id) else _UNCOUNTED)
            if self._member.pruning and (self._prunes is None or self._prunes.done()):
                self._prunes = self.context.tasks.start(self._prune(self._member, submit), name="prune")

    async def _prune(self, member: Member, submit: Callable[[Input], bool]) -> None:
        while member.pruning:
            if not self._asked_to_prune:
                self._asked_to_prune = submit(_PRUNE)
            await self.context.clock.sleep(_PRUNE_PAUSE)


class Starter(Protocol):
    """An actor's context, or the actor system."""

    async def start(self, factory: Callable[[], Actor[Input]], *, name: str) -> Ref[Input]: ...


async def start_members(starter: Starter, store: LocalStore) -> tuple[Ref[Input], ...]:
    """Start every member of ``store``, as ``store-1`` and so on, and wait until one serves.

    Raises NoLeaderError.
    """
    refs = [
        await starter.start(partial(StoreMember, store, voter), name=f"store-{voter}")
        for voter in store.replicas.voters
    ]
    await store.ready()
    return tuple(refs)
