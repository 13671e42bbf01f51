"""Who watches members from outside, and the storage through which it learns what they keep."""

from collections.abc import Callable, Sequence
from typing import Protocol

from kube.store.member import Member
from kube.store.raft.messages import Entry, HardState, Message, Snapshot
from kube.store.raft.storage import StableStorage


class SimulatedCrashError(Exception):
    """The member stops here, in the middle of its work."""


class Witness(Protocol):
    """Told of every step of every member. What it raises ends the run."""

    def started(self, member: Member) -> None:
        """Built from its storage."""
        ...

    def handled(self, member: Member) -> None:
        """It has handled what had arrived."""
        ...

    def saved(self, member: int, hard_state: HardState | None, entries: Sequence[Entry]) -> None:
        """Its storage has said that these survive a crash."""
        ...

    def restored(self, member: int, snapshot: Snapshot) -> None:
        """Its storage has taken over a leader's snapshot."""
        ...

    def sent(self, message: Message, kept: HardState) -> None:
        """``kept``: what the sender's storage has promised to have after a crash."""
        ...


class WitnessedStorage:
    """Implements ``kube.store.raft.storage.StableStorage`` by another one.

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

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        self._before_save(self._member)
        self.inner.apply_snapshot(snapshot)
        self._witness.restored(self._member, snapshot)
