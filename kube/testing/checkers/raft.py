"""Raft's properties, checked from outside after every step of a member (Raft figure 3, and what its implementation promises).

Whoever runs members says when one starts, saves, sends, has handled something, and is gone. A member is a
``kube.store.member.Member``; what it keeps is shadowed here, so that a log that was compacted or forgotten can still be compared.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct, field

from kube.store.member import Member
from kube.store.raft.messages import (
    AppendEntries,
    AppendResponse,
    ConfState,
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


class Kept(Struct):
    """A member's log and hard state: ``log`` follows ``base``, where its last snapshot from a leader put it."""

    base: int = 0
    base_term: int = 0
    log: list[Entry] = field(default_factory=list)
    term: int = 0
    vote: int = 0

    @property
    def last(self) -> int:
        return self.base + len(self.log)

    def term_at(self, index: int) -> int | None:
        """None for what is not there."""
        if index == self.base:
            return self.base_term
        return self.log[index - self.base - 1].term if self.base < index <= self.last else None

    def entry(self, index: int) -> Entry | None:
        return self.log[index - self.base - 1] if self.base < index <= self.last else None

    def save(self, change: "Change") -> None:
        if isinstance(change, Snapshot):
            self.base, self.base_term, self.log = change.index, change.term, []
            return
        hard_state, entries = change
        if hard_state is not None:
            self.term, self.vote = hard_state.term, hard_state.vote
        if entries:
            del self.log[entries[0].index - self.base - 1 :]
            self.log.extend(entries)

    def copy(self) -> "Kept":
        return Kept(self.base, self.base_term, list(self.log), self.term, self.vote)


Change: TypeAlias = Snapshot | tuple[HardState | None, Sequence[Entry]]


class Shadow(Struct):
    """``kept``: what the member has saved. ``durable``: what it will have after a crash, and ``unsettled`` what lies between.

    ``led``: term, last index and its term while it leads.
    """

    member: int
    kept: Kept = field(default_factory=Kept)
    durable: Kept = field(default_factory=Kept)
    unsettled: list[Change] = field(default_factory=list)
    seen_term: int = 0
    commit: int = 0
    applied: int = 0
    led: tuple[int, int, int] | None = None
    conf: ConfState = ConfState()


class RaftChecker:
    """Raises ViolationError at the step that breaks a promise."""

    def __init__(self, now: Callable[[], float], replay: Replay, first: Snapshot | None = None) -> None:
        """``now`` in seconds. ``first``: what the members of a new store begin with, where that is not nothing."""
        self.replay = replay
        self.leaders: dict[int, int] = {}
        """Who led each term."""
        self.times: list[float] = [0.0]
        """When each entry was first applied anywhere, by index."""
        self.steps = 0
        self.installed = 0
        """Snapshots that members have taken over from leaders."""
        self._terms: list[int] = [0]
        """The term of each committed entry, by index."""
        self._committed: dict[int, tuple[int, int]] = {}
        """By term: the index and the term of the last entry that any member then knew to be committed."""
        self._shadows: dict[int, Shadow] = {}
        self._chain: dict[tuple[int, int], tuple[int, object]] = {}
        """By index and term of an entry: the term of the one before it, and its data."""
        self._votes: dict[tuple[int, int], int] = {}
        for _ in range(first.index if first is not None else 0):
            self._terms.append(first.term if first is not None else 0)
            self.times.append(0.0)
            replay.commit(None)
        self._now = now

    def begins(self, member: int, first: Snapshot | None = None) -> None:
        """A member comes that has never been: with nothing, or with what the members of a new store begin with."""
        shadow = self._shadows[member] = Shadow(member)
        if first is not None:
            shadow.kept = Kept(first.index, first.term, [], first.term)
            shadow.durable = shadow.kept.copy()

    def shadow(self, member: int) -> Shadow:
        return self._shadows[member]

    # ---- what is kept

    def saved(self, member: int, hard_state: HardState | None, entries: Sequence[Entry]) -> None:
        shadow = self._shadows[member]
        kept = shadow.kept
        if hard_state is not None and hard_state.term < kept.term:
            raise ViolationError("terms grow", f"member {member} saves {hard_state.term} after {kept.term}")
        if entries:
            first = entries[0].index
            if not kept.base < first <= kept.last + 1:
                raise ViolationError("log matching", f"member {member} saves entry {first} after {kept.last}")
            if first <= shadow.commit:
                raise ViolationError(
                    "commit never regresses", f"member {member} replaces {first} of {shadow.commit}"
                )
            self._check_chain(member, kept.term_at(first - 1) or 0, entries)
        change = (hard_state, tuple(entries))
        kept.save(change)
        shadow.unsettled.append(change)

    def _voted(self, member: int, term: int, candidate: int) -> None:
        voted = self._votes.setdefault((member, term), candidate)
        if voted != candidate:
            raise ViolationError(
                "one vote a term", f"member {member} for {voted} and {candidate} in term {term}"
            )

    def _check_chain(self, member: int, previous: int, entries: Sequence[Entry]) -> None:
        """An index and a term name one entry, and with it all before it."""
        for entry in entries:
            link = (previous, entry.data)
            known = self._chain.setdefault((entry.index, entry.term), link)
            if known[0] != link[0] or (known[1] is not link[1] and known[1] != link[1]):
                raise ViolationError(
                    "log matching", f"member {member}: entry {entry.index} of term {entry.term} differs"
                )
            previous = entry.term

    def restored(self, member: int, snapshot: Snapshot) -> None:
        shadow = self._shadows[member]
        if snapshot.index < shadow.commit:
            raise ViolationError(
                "commit never regresses", f"member {member} goes back to a snapshot of {snapshot.index}"
            )
        self.installed += 1
        shadow.kept.save(snapshot)
        shadow.unsettled.append(snapshot)

    def settled(self, member: int) -> None:
        shadow = self._shadows[member]
        if shadow.unsettled:
            durable = shadow.durable
            for change in shadow.unsettled:
                durable.save(change)
            shadow.unsettled.clear()
            if durable.vote:
                self._voted(member, durable.term, durable.vote)

    # ---- what is sent

    def sent(self, message: Message) -> None:
        """Persist before send."""
        sender = message.from_
        durable = self._shadows[sender].durable
        kind = type(message)
        pre = isinstance(message, (RequestVote, VoteResponse)) and message.pre
        if message.term > durable.term and not pre:
            raise ViolationError(
                "persist before send", f"member {sender}: {message}, with term {durable.term} kept"
            )
        if isinstance(message, VoteResponse) and not pre and not message.rejected:
            if message.term == durable.term and durable.vote != message.to:
                raise ViolationError(
                    "persist before send", f"member {sender}: {message}, with a vote for {durable.vote} kept"
                )
            self._voted(sender, message.term, message.to)
        elif isinstance(message, AppendResponse):
            # In an older term it may have promised what a newer leader has replaced since, in the same step: as if it had kept both,
            # one after the other.
            replaced = message.term < durable.term
            if not message.rejected and message.index > durable.last and not replaced:
                raise ViolationError(
                    "persist before send",
                    f"member {sender} acknowledges {message.index} with {durable.last} kept",
                )
        elif kind is AppendEntries or kind is Heartbeat or kind is InstallSnapshot:
            self._leads(message.term, sender)

    def _leads(self, term: int, member: int) -> None:
        leader = self.leaders.setdefault(term, member)
        if leader != member:
            raise ViolationError("election safety", f"members {leader} and {member} both lead term {term}")

    # ---- what is seen

    def started(self, member: Member) -> None:
        """Built from its storage, which has all that it said would survive, and of what came after it some first part."""
        shadow = self._shadows[member.id]
        raft = member.raft
        shadow.kept = self._found(member, shadow)
        shadow.durable = shadow.kept.copy()
        shadow.unsettled.clear()
        shadow.led = None
        shadow.conf = member.node.conf_state
        shadow.seen_term = raft.term
        shadow.commit = raft.log.committed
        shadow.applied = member.applied_index
        self.compare_whole(member)

    def _found(self, member: Member, shadow: Shadow) -> Kept:
        candidate = shadow.durable.copy()
        difference = _difference(member, candidate)
        for change in shadow.unsettled:
            if difference is None:
                break
            candidate.save(change)
            difference = _difference(member, candidate)
        if difference is not None:
            raise ViolationError("what is kept survives", f"member {member.id} starts with {difference}")
        return candidate

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
        if shadow.conf != member.node.conf_state:
            self._configured(member, shadow)
        if log.committed > shadow.commit:
            known = self._committed.get(raft.term, (0, 0))
            self._committed[raft.term] = max(known, (log.committed, log.term(log.committed)))
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
            if shadow.conf == member.node.conf_state:
                self._check_quorum(member, log.committed, raft.term)
        shadow.led = (raft.term, log.last_index, log.last_term)

    def _check_complete(self, member: Member) -> None:
        """What was committed in older terms is there (Raft §5.4). By log matching its last entry stands for all before it.

        What a newer leader has committed, one that is cut off and only seen now need not have.
        """
        older = [last for term, last in self._committed.items() if term < member.raft.term]
        index, term = max(older, default=(0, 0))
        if not _has(member, index, term):
            raise ViolationError("leader completeness", f"member {member.id} leads without entry {index}")

    def _check_quorum(self, member: Member, index: int, term: int) -> None:
        """Commit means kept by a majority."""
        having = {
            shadow.member: shadow.durable.term_at(index) == term or shadow.durable.base >= index
            for shadow in self._shadows.values()
        }
        for voters in _halves(member):
            kept = sum(having.get(voter, False) for voter in voters)
            if voters and kept <= len(voters) // 2:
                raise ViolationError(
                    "what is committed is kept by a majority",
                    f"entry {index} of term {term} by {kept} of {voters}",
                )

    def _configured(self, member: Member, shadow: Shadow) -> None:
        """A change of members was applied, or a snapshot with another configuration: whatever decides before and after must overlap."""
        before, shadow.conf = shadow.conf, member.node.conf_state
        if member.applied_index == shadow.applied + 1 and before.voters and not overlap(before, shadow.conf):
            raise ViolationError(
                "configurations overlap", f"member {member.id} goes from {before} to {shadow.conf}"
            )

    # ---- what is applied

    def _applied(self, member: Member, shadow: Shadow) -> None:
        if member.applied_index < shadow.applied:
            raise ViolationError(
                "state machine safety", f"member {member.id} goes back to {member.applied_index}"
            )
        for index in range(max(shadow.applied, shadow.kept.base) + 1, member.applied_index + 1):
            entry = shadow.kept.entry(index)
            if entry is None:
                raise ViolationError("state machine safety", f"member {member.id} applies {index} unsaved")
            self._commit(member.id, entry)
        installed = shadow.applied < shadow.kept.base
        shadow.applied = member.applied_index
        if installed:
            self.compare_whole(member)
        else:
            self._compare(member)

    def _commit(self, member: int, entry: Entry) -> None:
        index = entry.index
        if index == len(self._terms):
            self._terms.append(entry.term)
            self.times.append(self._now())
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


def check_hashes(members: Sequence[Member]) -> None:
    """Members whose key spaces are at one revision, compacted at one revision, have one hash."""
    known: dict[tuple[int, int], tuple[int, int]] = {}
    for member in members:
        made = member.machine.hash_kv()
        other, value = known.setdefault((made.revision, made.compact_revision), (member.id, made.hash))
        if value != made.hash:
            raise ViolationError(
                "replicas hash alike", f"members {other} and {member.id} differ at revision {made.revision}"
            )


def _has(member: Member, index: int, term: int) -> bool:
    log = member.raft.log
    try:
        return log.term(index) == term
    except LogCompactedError:
        return True  # it is in the snapshot, which holds nothing that is not committed


def _difference(member: Member, kept: Kept) -> str | None:
    """In what the storage of a member differs from what it should be."""
    storage, raft = member.storage, member.raft
    if (raft.term, raft.vote) != (kept.term, kept.vote):
        return f"term {raft.term} and vote {raft.vote}, not {kept.term} and {kept.vote}"
    if storage.last_index() != kept.last:
        return f"a log to {storage.last_index()}, not {kept.last}"
    start = storage.first_index() - 1
    if kept.term_at(start) not in (None, storage.term(start)):
        return f"entry {start} of term {storage.term(start)}, not {kept.term_at(start)}"
    first = max(start, kept.base) + 1
    for own in storage.entries(first, kept.last + 1) if first <= kept.last else ():
        if own != kept.entry(own.index):
            return f"another entry {own.index}"
    return None


def overlap(before: ConfState, after: ConfState) -> bool:
    """Whether any quorum of the one shares a member with any quorum of the other."""
    members = sorted({*before.members, *after.members})
    everybody = (1 << len(members)) - 1
    return not any(
        _decides(before, members, some) and _decides(after, members, everybody & ~some)
        for some in range(everybody + 1)
    )


def _decides(conf: ConfState, members: list[int], some: int) -> bool:
    chosen = [member for at, member in enumerate(members) if some >> at & 1]
    return all(
        2 * sum(voter in chosen for voter in half) > len(half)
        for half in (conf.voters, conf.voters_outgoing)
        if half
    )


def _halves(member: Member) -> tuple[tuple[int, ...], ...]:
    """The voters of each half of the configuration; the second is empty unless it is joint."""
    conf = member.node.conf_state
    return conf.voters, conf.voters_outgoing
