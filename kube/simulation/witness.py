"""Who watches members from outside, and the storages through which it learns what they keep."""

import random
from collections.abc import Callable, Sequence
from typing import Protocol

from kube.store.member import Member
from kube.store.mvcc.kvstore import NEVER_COMPACTED
from kube.store.raft.messages import Entry, HardState, Message, Snapshot
from kube.store.raft.storage import StableStorage
from kube.store.wal.storage import WalStorage
from kube.store.wal.syncer import Syncer


class SimulatedCrashError(Exception):
    """The member stops here, in the middle of its work."""


class Witness(Protocol):
    """Told of every step of every member. What it raises ends the run."""

    def begins(self, member: int, first: Snapshot | None) -> None:
        """A member comes that has never been: with nothing, or with what the members of a new store begin with."""
        ...

    def started(self, member: Member) -> None:
        """Built from its storage."""
        ...

    def handled(self, member: Member) -> None:
        """It has handled what had arrived, or gone on after its storage had synced."""
        ...

    def saved(self, member: int, hard_state: HardState | None, entries: Sequence[Entry]) -> None:
        """Its storage has taken these, and has them as long as the process lives."""
        ...

    def restored(self, member: int, snapshot: Snapshot) -> None:
        """Its storage has taken over a leader's snapshot, likewise."""
        ...

    def settled(self, member: int) -> None:
        """What its storage had taken survives a crash now."""
        ...

    def sent(self, message: Message) -> None: ...


class Onlooker:
    """A witness that judges nothing, for a run of which only the trace is wanted.

    ``revision``, ``compact_revision``: the newest that any member has had.
    """

    def __init__(self) -> None:
        self.revision = 1
        self.compact_revision = NEVER_COMPACTED

    def started(self, member: Member) -> None: ...

    def handled(self, member: Member) -> None:
        kv = member.machine.kv
        self.revision = max(self.revision, kv.revision)
        self.compact_revision = max(self.compact_revision, kv.compact_revision)

    def begins(self, member: int, first: Snapshot | None) -> None: ...

    def saved(self, member: int, hard_state: HardState | None, entries: Sequence[Entry]) -> None: ...

    def restored(self, member: int, snapshot: Snapshot) -> None: ...

    def settled(self, member: int) -> None: ...

    def sent(self, message: Message) -> None: ...


class WitnessedStorage:
    """Implements ``kube.store.raft.storage.StableStorage`` by another one, to which memory is as good as a disk.

    ``before_save`` may raise SimulatedCrashError: the member crashes with nothing of this kept.
    """

    def __init__(
        self, member: int, inner: StableStorage, witness: Witness, before_save: Callable[[int], None]
    ) -> None:
        self._member = member
        self._witness = witness
        self._before_save = before_save
        self.inner = inner
        self.initial_state = inner.initial_state
        self.first_index = inner.first_index
        self.last_index = inner.last_index
        self.term = inner.term
        self.entries = inner.entries
        self.snapshot = inner.snapshot
        self.save_snapshot = inner.save_snapshot
        self.compact = inner.compact

    @property
    def log_size(self) -> int:
        return self.inner.log_size

    @log_size.setter
    def log_size(self, size: int) -> None:
        self.inner.log_size = size

    @property
    def hard_state(self) -> HardState:
        return self.inner.hard_state

    def save(self, hard_state: HardState | None, entries: list[Entry], *, must_sync: bool) -> None:
        self._before_save(self._member)
        self.inner.save(hard_state, entries, must_sync=must_sync)
        self._witness.saved(self._member, hard_state, entries)
        self._witness.settled(self._member)

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        self._before_save(self._member)
        self.inner.apply_snapshot(snapshot)
        self._witness.restored(self._member, snapshot)
        self._witness.settled(self._member)


class WitnessedWalStorage(WalStorage):
    """A storage on disk that tells what it keeps, from ``watch`` on."""

    witness: Witness | None = None
    before_save: Callable[[int], None]

    def watch(self, witness: Witness, before_save: Callable[[int], None]) -> None:
        self.before_save = before_save
        self.witness = witness

    @property
    def _member(self) -> int:
        return self.identity.member_id

    def save(self, hard_state: HardState | None, entries: list[Entry], *, must_sync: bool) -> None:
        if self.witness is not None:
            self.before_save(self._member)
        super().save(hard_state, entries, must_sync=must_sync)
        if self.witness is not None:
            self.witness.saved(self._member, hard_state, entries)

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        if self.witness is not None:
            self.before_save(self._member)
        super().apply_snapshot(snapshot)
        if self.witness is not None:
            self.witness.restored(self._member, snapshot)

    async def settle(self, syncer: Syncer) -> None:
        await super().settle(syncer)
        if self.witness is not None:
            self.witness.settled(self._member)

    def reopen(self, rng: random.Random) -> WalStorage:
        self._wal.close()
        self.disk.close()
        storage = WitnessedWalStorage.open(self.disk, self.identity, rng, self.options)
        assert isinstance(storage, WitnessedWalStorage)
        if self.witness is not None:
            storage.watch(self.witness, self.before_save)
        return storage
