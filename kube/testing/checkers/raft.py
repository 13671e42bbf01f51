"""Raft's properties, checked from outside after every step of a member (Raft figure 3, and what its implementation promises).

Whoever runs members says when one starts, saves, sends, has handled something, and is gone. A member is a
``kube.store.member.Member``; what it keeps is shadowed here, so that a log that was compacted or forgotten can still be compared.
"""

from collections.abc import Sequence

from msgspec import Struct, field

from kube.store.member import Member
from kube.store.raft.messages import (
    AppendEntries,
    AppendResponse,
    Entry,
    HardState,
    Heartbeat,
    InstallSnapshot,
    Message,
    RequestVote,
    Snapshot,
    VoteResponse,
)
from kube.store.raft.raft import Role
from kube.store.raft.storage import LogCompactedError
from kube.testing.checkers.replay import Replay
from kube.testing.checkers.violation import ViolationError


class Shadow(Struct):
    """What one member has promised to keep, and what was last seen of it.

    ``log``: the entries it has saved after ``base``, where its last snapshot from a leader put it. ``led``: term, last index
    and its term while it leads.
    """

    member: int
    base: int = 0
    base_term: int = 0
    log: list[Entry] = field(default_factory=list)
    term: int = 0
    vote: int = 0
    seen_term: int = 0
    commit: int = 0
    applied: int = 0
    led: tuple[int, int, int] | None = None

    @property
    def last(self) -> int:
        return self.base + len(self.log)

    def term_at(self, index: int) -> int | None:
        """None for what the shadow does not have."""
        if index == self.base:
            return self.base_term
        return self.log[index - self.base - 1].term if self.base < index <= self.last else None

    def entry(self, index: int) -> Entry | None:
        return self.log[index - self.base - 1] if self.base < index <= self.last else None


class RaftChecker:
    """Raises ViolationError at the step that breaks a promise."""

    def __init__(self, voters: Sequence[int], replay: Replay) -> None:
        self.replay = replay
        self.leaders: dict[int, int] = {}
        """Who led each term."""
        self.steps = 0
        self._terms: list[int] = [0]
        """The term of each committed entry, by index."""
        self._shadows = {voter: Shadow(voter) for voter in voters}
        self._chain: dict[tuple[int, int], tuple[int, object]] = {}
        """By index and term of an entry: the term of the one before it, and its data."""
        self._votes: dict[tuple[int, int], int] = {}

    def shadow(self, member: int) -> Shadow:
        return self._shadows[member]

    # ---- what is kept

    def saved(self, member: int, hard_state: HardState | None, entries: Sequence[Entry]) -> None:
        """The member's storage has said that it will have these after a crash."""
        shadow = self._shadows[member]
        if hard_state is not None:
            self._saved_state(shadow, hard_state)
        if not entries:
            return
        first = entries[0].index
        if not shadow.base < first <= shadow.last + 1:
            raise ViolationError("log matching", f"member {member} saves entry {first} after {shadow.last}")
        if first <= shadow.commit:
            raise ViolationError(
                "commit never regresses", f"member {member} replaces {first} of {shadow.commit}"
            )
        del shadow.log[first - shadow.base - 1 :]
        previous = shadow.term_at(first - 1) or 0
        for entry in entries:
            link = (previous, entry.data)
            known = self._chain.setdefault((entry.index, entry.term), link)
            if known[0] != link[0] or (known[1] is not link[1] and known[1] != link[1]):
                raise ViolationError(
                    "log matching", f"member {member}: entry {entry.index} of term {entry.term} differs"
                )
            previous = entry.term
        shadow.log.extend(entries)

    def _saved_state(self, shadow: Shadow, state: HardState) -> None:
        member = shadow.member
        if state.term < shadow.term:
            raise ViolationError("terms grow", f"member {member} saves {state.term} after {shadow.term}")
        shadow.term, shadow.vote = state.term, state.vote
        if state.vote:
            self._voted(member, state.term, state.vote)

    def _voted(self, member: int, term: int, candidate: int) -> None:
        voted = self._votes.setdefault((member, term), candidate)
        if voted != candidate:
            raise ViolationError(
                "one vote a term", f"member {member} for {voted} and {candidate} in term {term}"
            )

    def restored(self, member: int, snapshot: Snapshot) -> None:
        """The member's storage has taken over a leader's snapshot."""
        shadow = self._shadows[member]
        if snapshot.index < shadow.commit:
            raise ViolationError(
                "commit never regresses", f"member {member} goes back to a snapshot of {snapshot.index}"
            )
        shadow.base, shadow.base_term, shadow.log = snapshot.index, snapshot.term, []

    # ---- what is sent

    def sent(self, message: Message, kept: HardState) -> None:
        """``kept``: what its sender would have after a crash now (persist before send)."""
        sender = message.from_
        shadow = self._shadows[sender]
        kind = type(message)
        if message.term > kept.term and not (
            isinstance(message, (RequestVote, VoteResponse)) and message.pre
        ):
            raise ViolationError("persist before send", f"member {sender}: {message} with only {kept} kept")
        if isinstance(message, VoteResponse) and not message.pre and not message.rejected:
            if message.term == kept.term and kept.vote != message.to:
                raise ViolationError(
                    "persist before send", f"member {sender}: {message} with only {kept} kept"
                )
            self._voted(sender, message.term, message.to)
        elif isinstance(message, AppendResponse):
            if not message.rejected and message.index > shadow.last:
                raise ViolationError(
                    "persist before send", f"member {sender} acknowledges {message.index} of {shadow.last}"
                )
        elif kind is AppendEntries or kind is Heartbeat or kind is InstallSnapshot:
            self._leads(message.term, sender)

    def _leads(self, term: int, member: int) -> None:
        leader = self.leaders.setdefault(term, member)
        if leader != member:
            raise ViolationError("election safety", f"members {leader} and {member} both lead term {term}")

    # ---- what is seen

    def started(self, member: Member) -> None:
        """Built from its storage, which must have everything that it said it would."""
        shadow = self._shadows[member.id]
        raft = member.raft
        if (raft.term, raft.vote) != (shadow.term, shadow.vote):
            raise ViolationError(
                "vote and term survive",
                f"member {member.id} starts with term {raft.term} and vote {raft.vote}, not {shadow.term} and {shadow.vote}",
            )
        storage = member.storage
        if storage.last_index() != shadow.last:
            raise ViolationError(
                "what is saved survives",
                f"member {member.id}: log to {storage.last_index()}, not {shadow.last}",
            )
        for index in range(max(storage.first_index(), shadow.base + 1), shadow.last + 1):
            kept = storage.entries(index, index + 1)[0]
            if kept != shadow.entry(index):
                raise ViolationError("what is saved survives", f"member {member.id}: entry {index} differs")
        shadow.led = None
        shadow.seen_term = raft.term
        shadow.commit = max(raft.log.committed, 0)
        shadow.applied = member.applied_index
        self._compare(member)

    def handled(self, member: Member) -> None:
        """After every step."""
        self.steps += 1
        shadow = self._shadows[member.id]
        raft = member.raft
        log = raft.log
        if raft.term < shadow.seen_term:
            raise ViolationError("terms grow", f"member {member.id}: {raft.term} after {shadow.seen_term}")
        if log.committed < shadow.commit:
            raise ViolationError(
                "commit never regresses", f"member {member.id}: {log.committed} after {shadow.commit}"
            )
        if not member.applied_index <= log.applied <= log.committed <= log.last_index:
            raise ViolationError(
                "applied, committed, last are in order",
                f"member {member.id}: {member.applied_index}, {log.applied}, {log.committed}, {log.last_index}",
            )
        shadow.seen_term = raft.term
        if raft.role is Role.LEADER:
            self._check_leader(member, shadow)
        else:
            shadow.led = None
        shadow.commit = log.committed
        if member.applied_index != shadow.applied:
            self._applied(member, shadow)

    def _check_leader(self, member: Member, shadow: Shadow) -> None:
        raft = member.raft
        log = raft.log
        self._leads(raft.term, member.id)
        if shadow.led is None or shadow.led[0] != raft.term:
            self._check_complete(member)
        else:
            _, index, term = shadow.led
            if not _has(member, index, term):
                raise ViolationError("leader append-only", f"member {member.id} lost its entry {index}")
        if log.committed > shadow.commit and shadow.led is not None and shadow.led[0] == raft.term:
            if log.term(log.committed) != raft.term:
                raise ViolationError(
                    "only entries of the current term are committed by counting",
                    f"member {member.id} in term {raft.term}: entry {log.committed} of term {log.term(log.committed)}",
                )
            self._check_quorum(member, log.committed, raft.term)
        shadow.led = (raft.term, log.last_index, log.last_term)

    def _check_complete(self, member: Member) -> None:
        """By log matching the last committed entry stands for all before it."""
        index = len(self._terms) - 1
        if index and not _has(member, index, self._terms[index]):
            raise ViolationError("leader completeness", f"member {member.id} leads without entry {index}")

    def _check_quorum(self, member: Member, index: int, term: int) -> None:
        """Commit means kept by a majority."""
        having = {
            shadow.member: shadow.term_at(index) == term or shadow.base >= index
            for shadow in self._shadows.values()
        }
        for voters in _halves(member):
            kept = sum(having.get(voter, False) for voter in voters)
            if voters and kept <= len(voters) // 2:
                raise ViolationError(
                    "what is committed is kept by a majority",
                    f"entry {index} of term {term} by {kept} of {voters}",
                )

    # ---- what is applied

    def _applied(self, member: Member, shadow: Shadow) -> None:
        if member.applied_index < shadow.applied:
            raise ViolationError(
                "state machine safety", f"member {member.id} goes back to {member.applied_index}"
            )
        for index in range(max(shadow.applied, shadow.base) + 1, member.applied_index + 1):
            entry = shadow.entry(index)
            if entry is None:
                raise ViolationError("state machine safety", f"member {member.id} applies {index} unsaved")
            self._commit(member.id, entry)
        shadow.applied = member.applied_index
        self._compare(member)

    def _commit(self, member: int, entry: Entry) -> None:
        index = entry.index
        if index == len(self._terms):
            self._terms.append(entry.term)
            self.replay.commit(entry.data)
        elif index > len(self._terms):
            raise ViolationError(
                "state machine safety", f"member {member} applies {index} before {len(self._terms)}"
            )
        committed = self.replay.requests[index]
        if self._terms[index] != entry.term or (committed is not entry.data and committed != entry.data):
            raise ViolationError("state machine safety", f"member {member} applies another entry {index}")

    def _compare(self, member: Member) -> None:
        """The state machine against the model's state at the same index."""
        index = member.applied_index
        if index > self.replay.index:
            raise ViolationError(
                "snapshot and tail are the full log", f"member {member.id}: {index} is not committed"
            )
        state, kv = self.replay.states[index], member.machine.kv
        expected = (state.revision, state.compact_revision, len(state.keys), len(state.leases))
        actual = (kv.revision, kv.compact_revision, len(kv.live), len(member.machine.lessor))
        if expected != actual:
            raise ViolationError(
                "replicas agree with the log",
                f"member {member.id} at {index}: (revision, compacted, keys, leases) {actual}, not {expected}",
            )

    def compare_whole(self, member: Member) -> None:
        """Every key of the state machine against the model: costs their number."""
        self._compare(member)
        state = self.replay.states[member.applied_index]
        machine = member.machine
        live = dict(machine.kv.live.items())
        if live != state.keys:
            raise ViolationError(
                "replicas agree with the log", f"member {member.id}: {live}, not {state.keys}"
            )
        if machine.lessor.ids() != tuple(sorted(state.leases)):
            raise ViolationError("replicas agree with the log", f"member {member.id}: {machine.lessor.ids()}")


def _has(member: Member, index: int, term: int) -> bool:
    log = member.raft.log
    try:
        return log.term(index) == term
    except LogCompactedError:
        return True  # it is in the snapshot, which holds nothing that is not committed


def _halves(member: Member) -> tuple[tuple[int, ...], ...]:
    """The voters of each half of the configuration; the second is empty unless it is joint."""
    conf = member.node.conf_state
    return conf.voters, conf.voters_outgoing
