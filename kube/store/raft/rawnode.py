"""What the shell drives: feed inputs, take a Ready, do what it says, ``advance``."""

import random
from collections.abc import Sequence

import msgspec

from kube.store.raft.config import Config
from kube.store.raft.messages import Entry, HardState, Message, ReadState, Snapshot
from kube.store.raft.raft import Raft, Role
from kube.store.raft.storage import Storage


class Ready(msgspec.Struct, frozen=True):
    """What is to be done, in this order: ``hard_state``, ``snapshot`` and ``entries`` to stable storage (with an fsync
    when ``must_sync``); then, and not before, ``messages`` sent (persist before send); then ``snapshot`` and
    ``committed`` applied to the state machine.

    ``hard_state`` is None when it did not change. ``read_states`` answer ``read_index``.
    """

    hard_state: HardState | None
    snapshot: Snapshot | None
    entries: list[Entry]
    messages: list[Message]
    committed: list[Entry]
    read_states: list[ReadState]
    must_sync: bool


class RawNode:
    """One Ready is outstanding at most: after ``ready`` comes ``advance`` before any other input."""

    __slots__ = ("_commit", "_outstanding", "_term", "_vote", "raft")

    def __init__(self, config: Config, storage: Storage, rng: random.Random, applied: int = 0) -> None:
        """``applied``: the log index that the state machine holds at the start."""
        self.raft = Raft(config, storage, rng, applied)
        self._remember(self.raft)
        self._outstanding: Ready | None = None

    def _remember(self, raft: Raft) -> None:
        self._term, self._vote, self._commit = raft.term, raft.vote, raft.log.committed

    # ---- inputs

    def tick(self) -> None:
        self.raft.tick()

    def step(self, message: Message) -> None:
        self.raft.step(message)

    def propose(self, items: Sequence[tuple[object, int]]) -> int:
        """See ``Raft.propose``."""
        return self.raft.propose(items)

    def read_index(self, context: int) -> bool:
        """See ``Raft.read_index``."""
        return self.raft.read_index(context)

    def campaign(self) -> None:
        self.raft.campaign()

    def report_unreachable(self, peer: int) -> None:
        self.raft.report_unreachable(peer)

    def report_snapshot(self, peer: int, *, delivered: bool) -> None:
        self.raft.report_snapshot(peer, delivered=delivered)

    # ---- outputs

    def has_ready(self) -> bool:
        raft = self.raft
        log = raft.log
        return bool(
            raft.messages
            or log.has_unstable()
            or log.has_committed()
            or raft.read_states
            or self._hard_state_changed()
            or log.unstable_snapshot is not None
        )

    def _hard_state_changed(self) -> bool:
        raft = self.raft
        return raft.term != self._term or raft.vote != self._vote or raft.log.committed != self._commit

    def ready(self) -> Ready:
        if self._outstanding is not None:
            raise AssertionError("the last Ready was not advanced")
        raft = self.raft
        log = raft.log
        entries = log.take_unstable() if log.has_unstable() else []
        must_sync = bool(entries) or raft.term != self._term or raft.vote != self._vote
        hard_state = None
        if self._hard_state_changed():
            hard_state = raft.hard_state
            self._remember(raft)
        messages, raft.messages = raft.messages, []
        read_states = raft.read_states
        if read_states:
            raft.read_states = []
        committed = log.take_committed(raft.config.max_entries_per_ready) if log.has_committed() else []
        ready = Ready(
            hard_state, log.unstable_snapshot, entries, messages, committed, list(read_states), must_sync
        )
        self._outstanding = ready
        return ready

    def advance(self) -> None:
        """Everything that the last Ready said is done."""
        ready = self._outstanding
        if ready is None:
            raise AssertionError("advance without a Ready")
        self._outstanding = None
        log = self.raft.log
        if ready.snapshot is not None:
            log.stable_snapshot_to(ready.snapshot.index)
        if ready.entries:
            last = ready.entries[-1]
            log.stable_to(last.index, last.term)
            self.raft.persisted(last.index, last.term)

    # ---- state

    @property
    def is_leader(self) -> bool:
        return self.raft.role is Role.LEADER
