"""What the shell drives: feed inputs, take a Ready, do what it says, ``advance``."""

import random
from collections.abc import Sequence

import msgspec

from kube.store.raft import reconfiguration, replication, transfer
from kube.store.raft.config import Config
from kube.store.raft.messages import ConfChange, ConfState, Entry, HardState, Message, ReadState, Snapshot
from kube.store.raft.raft import Raft, Role
from kube.store.raft.status import Status, status_of
from kube.store.raft.storage import Storage

_LEADER = Role.LEADER


class Ready(msgspec.Struct, frozen=True):
    """What is to be done, in this order: ``snapshot``, ``entries`` and ``hard_state`` to stable storage (with an fsync
    when ``must_sync``; a tail that a crash tears off must take the hard state before the entries); then, and not before,
    ``messages`` sent (persist before send); then ``snapshot`` and ``committed`` applied to the state machine. An entry of
    ``committed`` whose data is a ConfChange is applied by ``RawNode.apply_conf_change``, in its turn.

    ``hard_state`` is None when neither term nor vote changed and no entries came with a new commit; a commit alone is not worth a
    write, unless a ConfChange was applied by it: a member that forgot it would ask those for their votes who are gone. ``early``: the
    messages are a leader's and promise nothing of this Ready, so they may be sent before it is persisted, for its followers to write
    at the same time (dissertation §10.2.1). ``read_states`` answer ``read_index``.
    """

    hard_state: HardState | None
    snapshot: Snapshot | None
    entries: list[Entry]
    messages: list[Message]
    committed: list[Entry]
    read_states: list[ReadState]
    must_sync: bool
    early: bool


class RawNode:
    """One Ready is outstanding at most: after ``ready`` comes ``advance`` before the next ``ready``. Inputs that come between
    the two show in the next one.
    """

    __slots__ = ("_commit", "_outstanding", "_term", "_vote", "changed", "raft")

    def __init__(self, config: Config, storage: Storage, rng: random.Random, applied: int = 0) -> None:
        """``applied``: the log index that the state machine holds at the start; the storage's ConfState is the one at it.

        A member that is to be added to others starts with an empty ConfState and learns the rest from their leader.
        """
        self.raft = Raft(config, storage, rng, applied)
        self._term, self._vote, self._commit = self.raft.term, self.raft.vote, self.raft.log.committed
        self._outstanding: Ready | None = None
        self.changed = False
        """A ConfChange was applied whose commit no Ready's ``hard_state`` has told yet."""

    # ---- inputs

    def tick(self) -> None:
        self.raft.tick()

    def step(self, message: Message) -> None:
        self.raft.step(message)

    def propose(self, items: Sequence[tuple[object, int]]) -> int:
        """See ``Raft.propose``."""
        return self.raft.propose(items)

    def propose_conf_change(self, change: ConfChange, size: int = 0) -> int:
        """Append an entry that changes the members, ``size`` in bytes; its index, in the current term.

        It is in force at each member once ``apply_conf_change`` is called there. Where etcd-io/raft appends an empty entry in its
        place, this raises ConfChangeError: the last change is not applied yet, or this one does not fit the configuration.
        Raises ProposalDroppedError as ``propose`` does.
        """
        return reconfiguration.propose_conf_change(self.raft, change, size)

    def apply_conf_change(self, change: ConfChange) -> ConfState:
        """A committed ``change`` is applied; the configuration after it, which snapshots from here on carry.

        A shell that refuses the change though it is committed passes one whose nodes are NO_NODE. Raises ConfChangeError.
        """
        self.changed = self._commit < self.raft.log.applied
        return reconfiguration.apply_conf_change(self.raft, change)

    def transfer_leadership(self, target: int) -> bool:
        """See ``transfer.transfer_leadership``."""
        return transfer.transfer_leadership(self.raft, target)

    def read_index(self, context: int) -> bool:
        """See ``Raft.read_index``."""
        return self.raft.read_index(context)

    def campaign(self) -> None:
        self.raft.campaign()

    def forget_leader(self) -> None:
        """See ``Raft.forget_leader``."""
        self.raft.forget_leader()

    def report_unreachable(self, peer: int) -> None:
        self.raft.report_unreachable(peer)

    def report_snapshot(self, peer: int, *, delivered: bool) -> None:
        self.raft.report_snapshot(peer, delivered=delivered)

    # ---- outputs

    @property
    def conf_state(self) -> ConfState:
        """The configuration as of the last entry applied: what a snapshot of the state machine at that entry carries."""
        return self.raft.conf

    def status(self) -> Status:
        return status_of(self.raft)

    def has_ready(self) -> bool:
        """Whether ``ready`` would give something."""
        raft = self.raft
        log = raft.log
        return bool(
            raft.messages
            or raft.read_states
            or log.ready_end <= log.last_index
            or log.committed > log.applied
            or log.unstable_snapshot is not None
            or raft.term != self._term
            or raft.vote != self._vote
            or self.changed
        )

    def ready(self) -> Ready | None:
        """What is to be done now; None when there is nothing."""
        if self._outstanding is not None:
            raise AssertionError("the last Ready was not advanced")
        raft = self.raft
        log = raft.log
        messages, read_states, snapshot = raft.messages, raft.read_states, log.unstable_snapshot
        committed = log.committed
        has_entries = log.ready_end <= log.last_index
        voted = raft.term != self._term or raft.vote != self._vote
        has_committed = committed > log.applied and snapshot is None
        must_sync = has_entries or voted or self.changed
        if not (messages or must_sync or has_committed or read_states or snapshot is not None):
            return None
        hard_state = None
        if must_sync and (committed != self._commit or voted or self.changed):
            self._term, self._vote, self._commit = raft.term, raft.vote, committed
            self.changed = False
            hard_state = HardState(raft.term, raft.vote, committed)
        # Lists of its own, be they empty: inputs that come while this Ready is outstanding are of the next one.
        if messages:
            raft.messages = []
        else:
            messages = []
        if read_states:
            raft.read_states = []
        else:
            read_states = []
        ready = self._outstanding = Ready(
            hard_state,
            snapshot,
            log.take_unstable() if has_entries else [],
            messages,
            log.take_committed(raft.config.max_entries_per_ready) if has_committed else [],
            read_states,
            must_sync,
            raft.role is _LEADER and not voted,
        )
        return ready

    def advance(self) -> bool:
        """Everything that the last Ready said is done. False: no other Ready follows without another input."""
        ready = self._outstanding
        if ready is None:
            raise AssertionError("advance without a Ready")
        self._outstanding = None
        raft = self.raft
        log = raft.log
        if ready.snapshot is not None:
            log.stable_snapshot_to(ready.snapshot.index)
            raft.applied = log.applied
            raft.use_conf(ready.snapshot.conf)
        entries = ready.entries
        if entries:
            last = entries[-1]
            log.stable_to(last.index, last.term)
            if raft.role is _LEADER:
                replication.persisted(raft, last.index, last.term)
        if ready.committed:
            raft.applied = log.applied
            if raft.conf.auto_leave:
                reconfiguration.leave_joint(raft)
        return (
            bool(raft.messages)
            or log.applied < log.committed
            or log.ready_end <= log.last_index
            or self.changed
        )
