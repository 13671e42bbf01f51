"""One member of the store without what runs it: raft, storage, transport and state machine, joined.

``handle`` takes what has arrived and carries out every Ready that follows from it: persist, send, apply. Nothing in it waits. Where the
storage has a disk, or the leader has sent a large snapshot, ``handle`` stops in the middle of a Ready and says so; whoever runs the member
(``kube.actors.store_member``) awaits ``settle`` and then hands in what has arrived meanwhile, so that one sync serves all of that.
"""

import asyncio
import random
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeAlias

import msgspec

from kube.base.clock import Clock
from kube.store.administration import MemberInfo
from kube.store.apply import StateMachine, StateSnapshot
from kube.store.errors import DiskFullError, StoreError
from kube.store.membership import refused
from kube.store.mvcc.kvstore import finished
from kube.store.proposals import Proposal, Proposals
from kube.store.raft.config import Config
from kube.store.raft.messages import (
    NO_NODE,
    AppendEntries,
    ConfChange,
    Entry,
    InstallSnapshot,
    ReadState,
    Snapshot,
)
from kube.store.raft.raft import ProposalDroppedError, Raft, Role
from kube.store.raft.rawnode import RawNode, Ready
from kube.store.raft.storage import StableStorage
from kube.store.requests import LeaseRevokeRequest, size_of
from kube.store.transport import Delivery, PeerUnreachable, SnapshotReported, Transport
from kube.store.wal.storage import WalStorage
from kube.store.wal.syncer import Syncer

PRUNE_PORTIONS = 100
"""In so many portions the memory that a compaction freed is mostly given back, if that holds nobody up."""
MOST_PRUNED = 4_000
"""Changes of the largest portion: about five milliseconds."""
RESTORED_AT_ONCE = 5_000
"""Key values of a leader's snapshot after which others have their turns: about five milliseconds."""

APPLIED_AT_ONCE = 2_000
"""Entries after which a member with a disk lets others have their turns."""
ENTRY_BYTES = 64
"""What an entry takes in the log beside its data, about, and at most for one without."""


class Tick(msgspec.Struct, frozen=True):
    """A tick of time has passed. ``counts``: for raft too, which takes it for silence of others; see ``Replicas.tick_counts``."""

    counts: bool = True


class Campaign(msgspec.Struct, frozen=True):
    """Stand for election now."""


class TransferLeadership(msgspec.Struct, frozen=True):
    """Hand over to ``target``, if this member leads."""

    target: int


class Prune(msgspec.Struct, frozen=True):
    """Give back a portion of the memory that a compaction freed."""


Input: TypeAlias = Delivery | Proposal | Tick | Campaign | TransferLeadership | Prune


class MemberConfig(msgspec.Struct, frozen=True, kw_only=True):
    """``snapshot_entries``: a snapshot is taken after so many entries, or fewer of more than ``snapshot_bytes`` together.

    ``catch_up_entries`` stay in the log after it, so that a follower that is a little behind needs no snapshot. ``prune_changes``:
    changes of a portion that is freed after a compaction, or more where many wait. ``min_lease_ttl`` in seconds. ``lease_extend``: seconds
    that every lease lives longer when a new leader takes over; an election timeout.
    """

    raft: Config
    snapshot_entries: int = 10_000
    snapshot_bytes: int = 64 << 20
    catch_up_entries: int = 5_000
    prune_changes: int = 500
    min_lease_ttl: int = 1
    lease_extend: float = 0.0


class Observer(Protocol):
    """Who is told what becomes of members. Called within ``handle``, after everything in it is done."""

    def leadership_changed(self, member: "Member") -> None:
        """``leads`` or ``serving_term`` of the member changed, or whom it takes for the leader."""
        ...

    def proposals_dropped(self, proposals: Sequence[Proposal]) -> None:
        """The member does not lead; nothing of these has happened."""
        ...

    def crowds_waiting(self, member: "Member") -> None:
        """Many watches wait for the member's ``watches.pump``."""
        ...

    def watch_failed(self, error: Exception) -> None:
        """A watch's sink has raised, and its watch was ended."""
        ...

    def members_changed(self, member: "Member") -> None:
        """``machine.members`` is another table than it was."""
        ...

    def state_replaced(self, member: "Member") -> None:
        """The member has taken over a snapshot: ``machine`` is another one than it was."""
        ...

    def reads_ready(self, member: "Member", contexts: Sequence[int]) -> None:
        """The reads asked for by ``node.read_index`` under these contexts may now be served by the member's state machine."""
        ...


def _is_large(snapshot: Snapshot) -> bool:
    """Whether to restore it takes so long that others have their turns between."""
    data = snapshot.data
    return isinstance(data, StateSnapshot) and len(data.kv.bases) + len(data.kv.changes) > RESTORED_AT_ONCE


def _before(committed: list[Entry], entries: list[Entry]) -> list[Entry]:
    """Those of ``committed`` that are before the first of ``entries``."""
    if not entries or not committed or committed[-1].index < entries[0].index:
        return committed
    return committed[: max(0, entries[0].index - committed[0].index)]


async def settle(member: "Member", syncer: Syncer) -> None:
    """What follows a ``handle`` that said so: sync, go on, and again, until the member can take what has arrived meanwhile.

    Raises OSError when what was to be kept can't be; the member must not go on, and its storage be opened anew.
    """
    unsettled = True
    while unsettled:
        storage = member.storage
        if isinstance(storage, WalStorage) and storage.unsynced:
            await storage.settle(syncer)
        else:
            await asyncio.sleep(0)
        unsettled = member.settled()


class Member:
    """``serving_term``: the term in which this member leads and has applied an entry of its own, so that its state machine
    holds everything that was ever acknowledged; 0 when it does not.
    """

    def __init__(
        self,
        config: MemberConfig,
        storage: StableStorage,
        *,
        transport: Transport,
        proposals: Proposals,
        observer: Observer,
        clock: Clock,
        rng: random.Random,
        handlers: Mapping[type, Callable[[Any], object]] | None = None,
    ) -> None:
        """Rebuild the state machine from the storage's snapshot; the log brings the rest once raft commits it again.

        ``handlers``: what else may arrive, by type, and who takes it, in its turn among the other inputs.
        """
        self.config = config
        self.id = config.raft.id
        self.storage = storage
        self._transport = transport
        self._proposals = proposals
        self._observer = observer
        self._clock = clock
        snapshot = storage.snapshot()
        self.machine = finished(self._restoring(snapshot))
        self._restoration: Generator[None, None, StateMachine] | None = None
        self._restored: StateMachine | None = None
        """What takes the state machine's place."""
        self.node = RawNode(config.raft, storage, rng, applied=snapshot.index)
        self.raft: Raft = self.node.raft
        self.applied_index = snapshot.index
        self.applied_term = snapshot.term
        self.leads = False
        self.serving_term = 0
        self._role = Role.FOLLOWER
        self._leader = NO_NODE
        self._machine = self.machine
        self._members = self.machine.members
        self._noticed_term = self.applied_term
        self._news = False
        """There may be another state machine than before, an entry of another term in it, other members, or crowds of watches."""
        self.pruning = True
        """There may be something for Prune to do."""
        self._snapshot_due = snapshot.index + config.snapshot_entries
        self._handlers: dict[type, Callable[[Any], object]] = {
            Tick: self._tick,
            Prune: self._prune,
            Campaign: lambda _: self.node.campaign(),
            TransferLeadership: lambda wanted: self.node.transfer_leadership(wanted.target),
            PeerUnreachable: lambda report: self.node.report_unreachable(report.peer),
            SnapshotReported: lambda report: self.node.report_snapshot(
                report.peer, delivered=report.delivered
            ),
            **(handlers or {}),
        }
        self._disk = storage if isinstance(storage, WalStorage) else None
        if self._disk is not None:
            self._handlers[AppendEntries] = self._append_if_room
            self._handlers[InstallSnapshot] = self._install_if_room
        self._ready: Ready | None = None
        """What waits for the storage's sync."""
        self.unsettled = False
        """It waits for ``settle``."""
        self._confirmed_reads: list[ReadState] = []
        """Their leader is confirmed, but the entry at their index is not applied here yet."""

    def _restoring(self, snapshot: Snapshot) -> Generator[None, None, StateMachine]:
        now, min_ttl = self._clock.monotonic, self.config.min_lease_ttl
        if isinstance(snapshot.data, StateSnapshot):
            return (yield from StateMachine.restoring(snapshot.data, now, min_ttl, portion=RESTORED_AT_ONCE))
        return StateMachine(now, min_ttl)

    def _restore_portion(self, snapshot: Snapshot) -> None:
        """Of what the leader sent. Until it is whole the state machine from before is the member's."""
        if self._restoration is None:
            self._restoration = self._restoring(snapshot)
        try:
            next(self._restoration)
        except StopIteration as end:
            self._restoration, self._restored = None, end.value

    # ---- input

    def handle(self, inputs: Iterable[Input]) -> bool:
        """What has arrived, in order; proposals among it travel as one batch of entries.

        True: ``settle`` must be awaited before anything else is handed in.
        """
        if self.unsettled:
            raise AssertionError(f"member {self.id} has not settled")
        proposals: list[Proposal] = []
        raft, handlers = self.raft, self._handlers
        for each in inputs:
            if type(each) is Proposal:
                if each.owner is self and not each.future.done():
                    proposals.append(each)
            else:
                handlers.get(type(each), raft.step)(each)
        dropped = self._propose(proposals) if proposals else None
        self._drive()
        if self._news or raft.role is not self._role or raft.leader != self._leader:
            self._tell()
        if dropped:
            self._observer.proposals_dropped(dropped)
        return self.unsettled

    def settled(self) -> bool:
        """The storage has synced: go on where ``handle`` stopped. True as there."""
        ready = self._ready
        snapshot = None if ready is None else ready.snapshot
        if snapshot is not None and self._restored is None and _is_large(snapshot):
            self._restore_portion(snapshot)
            if self._restored is None:
                return True
        self._ready, self.unsettled = None, False
        if ready is not None:
            self._finish(ready)
        self._drive()
        self._tell()
        return self.unsettled

    def _tell(self) -> None:
        """Of what has become of the member since the last time."""
        self._news = False
        raft = self.raft
        if (
            raft.role is not self._role
            or raft.leader != self._leader
            or self.applied_term != self._noticed_term
        ):
            self._notice_leadership()
        if self.machine is not self._machine:
            self._machine = self.machine
            self._observer.state_replaced(self)
        if self.machine.members is not self._members:
            before, self._members = self._members, self.machine.members
            if before != self._members:  # a snapshot brings another object
                self._observer.members_changed(self)
        if self.machine.watches.crowds:
            self._observer.crowds_waiting(self)

    def _propose(self, proposals: list[Proposal]) -> list[Proposal] | None:
        """Those that could not be proposed here."""
        if self._disk is not None and not self._disk.has_room(
            sum([proposal.size + ENTRY_BYTES for proposal in proposals])
        ):
            for proposal in proposals:
                proposal.answer(DiskFullError(self._disk.path))
            return None
        try:
            first = self.raft.propose([(proposal.request, proposal.size) for proposal in proposals])
        except ProposalDroppedError:
            return proposals
        self._proposals.taken(proposals, self.raft.term, first)
        return None

    def _append_if_room(self, message: AppendEntries) -> None:
        """A follower whose disk is full takes no entries: for the leader they are lost on the way."""
        assert self._disk is not None
        entries = message.entries
        if not entries or self._disk.has_room(sum([entry.size + ENTRY_BYTES for entry in entries])):
            self.raft.step(message)

    def _install_if_room(self, message: InstallSnapshot) -> None:
        assert self._disk is not None
        if not self._disk.full:
            self.raft.step(message)

    def _tick(self, tick: Tick) -> None:
        if tick.counts:
            self.node.tick()
        if self._disk is not None and self._disk.full:
            self._disk.has_room(0)  # there may be space again
        if self.serving_term:
            expired = self.machine.lessor.expire()
            full = self._disk is not None and self._disk.full
            if expired and self.raft.role is Role.LEADER and not full:
                requests = [LeaseRevokeRequest(lease) for lease in expired]
                with suppress(ProposalDroppedError):  # the lessor gives them again in a while
                    self.node.propose([(request, size_of(request)) for request in requests])

    def _prune(self, _: Prune) -> None:
        kv = self.machine.kv
        base = kv.base_revision
        portion = max(self.config.prune_changes, min(kv.unpruned // PRUNE_PORTIONS, MOST_PRUNED))
        self.pruning = kv.prune(portion)
        if kv.base_revision != base and self.applied_index > self.storage.snapshot().index:
            self._snapshot_due = self.applied_index  # the snapshot that is kept holds on to what was pruned

    # ---- Ready

    def _drive(self) -> None:
        """Every Ready that there is, up to one that must be on disk first."""
        node, storage, disk = self.node, self.storage, self._disk
        end = self.applied_index + APPLIED_AT_ONCE
        while (ready := node.ready()) is not None:
            snapshot = ready.snapshot
            if snapshot is not None:
                storage.apply_snapshot(snapshot)
            if ready.must_sync:
                storage.save(ready.hard_state, ready.entries, must_sync=True)
            if (disk is not None and disk.unsynced) or (snapshot is not None and _is_large(snapshot)):
                self._persist(ready)
                return
            if ready.messages:
                self._transport.send(ready.messages)
            if snapshot is not None or ready.read_states or self._confirmed_reads:
                self._carry_out(ready, ready.committed)
            elif ready.committed:
                self._apply(ready.committed)
            if not node.advance():
                break
            if disk is not None and self.applied_index >= end:
                self.unsettled = True  # much to apply after a start: others have their turns between
                return
        if self.applied_index >= self._snapshot_due or storage.log_size > self.config.snapshot_bytes:
            self._compact_log()

    def _persist(self, ready: Ready) -> None:
        """What does not depend on it is done while the storage syncs: a leader's appends are on their way to disks that work at the
        same time, and what was on disk here before and is committed now need not wait.
        """
        self._ready, self.unsettled = ready, True
        if ready.early:
            self._transport.send(ready.messages)
        synced = _before(ready.committed, ready.entries)
        if synced:
            self._apply(synced)

    def _finish(self, ready: Ready) -> None:
        """The rest of a Ready of which ``_persist`` did the beginning."""
        if not ready.early:
            self._transport.send(ready.messages)
        self._carry_out(ready, ready.committed[len(_before(ready.committed, ready.entries)) :])
        self.node.advance()

    def _carry_out(self, ready: Ready, committed: list[Entry]) -> None:
        if ready.snapshot is not None:
            self._take_over(ready.snapshot)
        if committed:
            self._apply(committed)
        if ready.read_states or self._confirmed_reads:
            self._serve_reads(ready.read_states)

    def _apply(self, entries: list[Entry]) -> None:
        machine, proposals = self.machine, self._proposals
        watches, kv, apply = machine.watches, machine.kv, machine.apply
        last = entries[-1].index
        pending = proposals.pending if last > proposals.applied else None
        compacted = kv.compact_revision
        answers: list[tuple[Proposal, object]] = []
        try:
            for entry in entries:
                term, data = entry.term, entry.data
                if term != self.applied_term:
                    self.applied_term = term
                    self._news = True
                    proposals.term_applied(term)
                if data is None:
                    continue
                result: object
                if type(data) is ConfChange:
                    result = self._change_members(data)
                else:
                    result = apply(data)
                proposal = pending.pop((term, entry.index), None) if pending else None
                if kv.journal:
                    watches.collect(None if proposal is None else proposal.notes)
                if proposal is not None:
                    answers.append((proposal, result))
        except Exception:
            # Nobody was answered: whoever applies these entries again does that.
            proposals.restore(proposal for proposal, _ in answers)
            raise
        self.applied_index = last
        if pending is not None:
            proposals.applied = last
        if watches.touched:
            watches.flush()
        for proposal, result in answers:
            if not proposal.future.done():
                proposal.future.set_result(result)
        if kv.compact_revision != compacted:
            self.pruning = True
        if watches.failures:
            self.report_failures()
        if watches.crowds or machine.members is not self._members:
            self._news = True

    def _change_members(self, change: ConfChange) -> tuple[MemberInfo, ...] | StoreError:
        """The members after it, or why nothing was changed."""
        machine = self.machine
        result = machine.change_members(change) if machine.members.members else ()
        self.node.apply_conf_change(refused(change) if isinstance(result, StoreError) else change)
        return result

    def _serve_reads(self, confirmed: list[ReadState]) -> None:
        applied = self.applied_index
        waiting = [*self._confirmed_reads, *confirmed]
        self._confirmed_reads = [read for read in waiting if read.index > applied]
        ready = [read.context for read in waiting if read.index <= applied]
        if ready:
            self._observer.reads_ready(self, ready)

    def report_failures(self) -> None:
        """Tell of what sinks of watches have raised."""
        watches = self.machine.watches
        failures, watches.failures = watches.failures, []
        for _, error in failures:
            self._observer.watch_failed(error)

    def _take_over(self, snapshot: Snapshot) -> None:
        restored, self._restored = self._restored, None
        self.machine = finished(self._restoring(snapshot)) if restored is None else restored
        self.applied_index, self.applied_term = snapshot.index, snapshot.term
        self._snapshot_due = snapshot.index + self.config.snapshot_entries
        self.pruning = self._news = True
        self._proposals.skipped(snapshot.index)

    def _compact_log(self) -> None:
        index = self.applied_index
        if index == self.storage.snapshot().index:
            return  # the log is long because nothing commits
        conf = self.node.conf_state
        self.storage.save_snapshot(Snapshot(index, self.applied_term, conf, self.machine.snapshot()))
        self._snapshot_due = index + self.config.snapshot_entries
        self.storage.compact(index - self.config.catch_up_entries)
        if self.storage.log_size > self.config.snapshot_bytes // 2:
            self.storage.compact(index)

    # ---- leadership

    def _notice_leadership(self) -> None:
        raft = self.raft
        other_leader = raft.leader != self._leader
        self._role, self._noticed_term, self._leader = raft.role, self.applied_term, raft.leader
        leads = raft.role is Role.LEADER
        serving_term = raft.term if leads and self.applied_term == raft.term else 0
        if leads is self.leads and serving_term == self.serving_term:
            if other_leader:
                self._observer.leadership_changed(self)
            return
        self.leads, self.serving_term = leads, serving_term
        if serving_term:
            self.machine.lessor.promote(self.config.lease_extend)
        else:
            self.machine.lessor.demote()
        self._observer.leadership_changed(self)
