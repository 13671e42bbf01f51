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

    ``hard_state`` is None when neither term nor vote changed; a commit alone is not worth a write. ``read_states`` answer ``read_index``.
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

    __slots__ = ("_outstanding", "_term", "_vote", "raft")

    def __init__(self, config: Config, storage: Storage, rng: random.Random, applied: int = 0) -> None:
        """``applied``: the log index that the state machine holds at the start."""
        self.raft = Raft(config, storage, rng, applied)
        self._term, self._vote = self.raft.term, self.raft.vote
        self._outstanding: Ready | None = None

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

    def ready(self) -> Ready | None:
        """What is to be done now; None when there is nothing."""
        if self._outstanding is not None:
            raise AssertionError("the last Ready was not advanced")
        raft = self.raft
        log = raft.log
        messages, read_states, snapshot = raft.messages, raft.read_states, log.unstable_snapshot
        has_entries = log.ready_end <= log.last_index
        voted = raft.term != self._term or raft.vote != self._vote
        has_committed = log.committed > log.applied and snapshot is None
        if not (messages or has_entries or voted or has_committed or read_states or snapshot is not None):
            return None
        hard_state = None
        if voted:
            self._term, self._vote = raft.term, raft.vote
            hard_state = raft.hard_state
        if messages:
            raft.messages = []
        if read_states:
            raft.read_states = []
        ready = self._outstanding = Ready(
            hard_state,
            snapshot,
            log.take_unstable() if has_entries else [],
            messages,
            log.take_committed(raft.config.max_entries_per_ready) if has_committed else [],
            read_states,
            has_entries or voted,
        )
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
            if self.raft.role is Role.LEADER:
                self.raft.persisted(last.index, last.term)
