"""One member of the store without what runs it: raft, storage, transport and state machine, joined.

``handle`` takes what has arrived and carries out every Ready that follows from it: persist, send, apply. Nothing here waits;
``kube.actors.store_member`` calls it from its mailbox.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeAlias

import msgspec

from kube.base.clock import Clock
from kube.store.apply import StateMachine, StateSnapshot
from kube.store.proposals import Proposal, Proposals
from kube.store.raft.config import Config
from kube.store.raft.messages import ConfChange, Entry, ReadState, Snapshot
from kube.store.raft.raft import ProposalDroppedError, Raft, Role
from kube.store.raft.rawnode import RawNode
from kube.store.raft.storage import StableStorage
from kube.store.requests import LeaseRevokeRequest, size_of
from kube.store.transport import Delivery, PeerUnreachable, SnapshotReported, Transport

PRUNE_TICKS = 50
"""In so many ticks the memory that a compaction freed is mostly given back, however much it is."""


class Tick(msgspec.Struct, frozen=True):
    """A tick of raft's time has passed."""


class Campaign(msgspec.Struct, frozen=True):
    """Stand for election now."""


Input: TypeAlias = Delivery | Proposal | Tick | Campaign


class MemberConfig(msgspec.Struct, frozen=True, kw_only=True):
    """``snapshot_entries``: a snapshot is taken after so many entries, or fewer of more than ``snapshot_bytes`` together.

    ``catch_up_entries`` stay in the log after it, so that a follower that is a little behind needs no snapshot. ``prune_changes``:
    changes that one tick frees after a compaction, or more where many wait. ``min_lease_ttl`` in seconds.
    """

    raft: Config
    snapshot_entries: int = 10_000
    snapshot_bytes: int = 64 << 20
    catch_up_entries: int = 5_000
    prune_changes: int = 500
    min_lease_ttl: int = 1


class Observer(Protocol):
    """Who is told what becomes of members. Called within ``handle``, after everything in it is done."""

    def leadership_changed(self, member: "Member") -> None:
        """``leads`` or ``serving_term`` of the member changed."""
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

    def reads_ready(self, member: "Member", contexts: Sequence[int]) -> None:
        """The reads asked for by ``node.read_index`` under these contexts may now be served by the member's state machine."""
        ...


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
        handlers: Mapping[type, Callable[[Any], None]] | None = None,
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
        self.machine = self._restore(snapshot)
        self.node = RawNode(config.raft, storage, rng, applied=snapshot.index)
        self.raft: Raft = self.node.raft
        self.applied_index = snapshot.index
        self.applied_term = snapshot.term
        self.leads = False
        self.serving_term = 0
        self._role = Role.FOLLOWER
        self._noticed_term = self.applied_term
        self._pruning = True
        self._snapshot_due = snapshot.index + config.snapshot_entries
        self._handlers: dict[type, Callable[[Any], None]] = {
            Tick: self._tick,
            Campaign: lambda _: self.node.campaign(),
            PeerUnreachable: lambda report: self.node.report_unreachable(report.peer),
            SnapshotReported: lambda report: self.node.report_snapshot(
                report.peer, delivered=report.delivered
            ),
            **(handlers or {}),
        }
        self._confirmed_reads: list[ReadState] = []
        """Their leader is confirmed, but the entry at their index is not applied here yet."""

    def _restore(self, snapshot: Snapshot) -> StateMachine:
        if isinstance(snapshot.data, StateSnapshot):
            return StateMachine.restore(snapshot.data, self._clock.monotonic, self.config.min_lease_ttl)
        return StateMachine(self._clock.monotonic, self.config.min_lease_ttl)

    # ---- input

    def handle(self, inputs: Iterable[Input]) -> None:
        """What has arrived, in order; proposals among it travel as one batch of entries."""
        proposals: list[Proposal] = []
        handlers, step = self._handlers, self.raft.step
        for each in inputs:
            if type(each) is Proposal:
                if each.owner is self and not each.future.done():
                    proposals.append(each)
            else:
                handlers.get(type(each), step)(each)
        dropped = self._propose(proposals) if proposals else None
        self._drive()
        if self.raft.role is not self._role or self.applied_term != self._noticed_term:
            self._notice_leadership()
        if dropped:
            self._observer.proposals_dropped(dropped)
        if self.machine.watches.crowds:
            self._observer.crowds_waiting(self)

    def _propose(self, proposals: list[Proposal]) -> list[Proposal] | None:
        """Those that could not be proposed here."""
        try:
            first = self.node.propose([(proposal.request, proposal.size) for proposal in proposals])
        except ProposalDroppedError:
            return proposals
        self._proposals.taken(proposals, self.raft.term, first)
        return None

    def _tick(self, _: Tick) -> None:
        self.node.tick()
        if self.serving_term:
            expired = self.machine.lessor.expire()
            if expired and self.raft.role is Role.LEADER:
                requests = [LeaseRevokeRequest(lease) for lease in expired]
                with suppress(ProposalDroppedError):  # the lessor gives them again in a while
                    self.node.propose([(request, size_of(request)) for request in requests])
        if self._pruning:
            kv = self.machine.kv
            self._pruning = kv.prune(max(self.config.prune_changes, kv.unpruned // PRUNE_TICKS))

    # ---- Ready

    def _drive(self) -> None:
        node, storage, raft = self.node, self.storage, self.raft
        log = raft.log
        while (ready := node.ready()) is not None:
            if ready.snapshot is not None:
                storage.apply_snapshot(ready.snapshot)
            if ready.must_sync:
                storage.save(ready.hard_state, ready.entries, must_sync=True)
            if ready.messages:
                self._transport.send(ready.messages)
            if ready.snapshot is not None:
                self._take_over(ready.snapshot)
            if ready.committed:
                self._apply(ready.committed)
            if ready.read_states or self._confirmed_reads:
                self._serve_reads(ready.read_states)
            node.advance()
            if not raft.messages and log.applied >= log.committed and log.ready_end > log.last_index:
                break  # nothing else can have become ready
        if self.applied_index >= self._snapshot_due or storage.log_size > self.config.snapshot_bytes:
            self._compact_log()

    def _apply(self, entries: list[Entry]) -> None:
        machine, proposals = self.machine, self._proposals
        watches, kv, apply = machine.watches, machine.kv, machine.apply
        pending = proposals.pending
        compacted = kv.compact_revision
        answers: list[tuple[Proposal, object]] = []
        try:
            for entry in entries:
                term = entry.term
                if term != self.applied_term:
                    self.applied_term = term
                    proposals.term_applied(term)
                if entry.data is None:
                    continue
                result: object
                if type(entry.data) is ConfChange:
                    result = self.node.apply_conf_change(entry.data)
                else:
                    result = apply(entry.data)
                proposal = pending.pop((term, entry.index), None) if pending else None
                if kv.journal:
                    watches.collect(None if proposal is None else proposal.notes)
                if proposal is not None:
                    answers.append((proposal, result))
        except Exception:
            # Nobody was answered: whoever applies these entries again does that.
            proposals.restore(proposal for proposal, _ in answers)
            raise
        self.applied_index = entries[-1].index
        if watches.touched:
            watches.flush()
        for proposal, result in answers:
            proposal.answer(result)
        if kv.compact_revision != compacted:
            self._pruning = True
        if watches.failures:
            self.report_failures()

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
        self.machine = self._restore(snapshot)
        self.applied_index, self.applied_term = snapshot.index, snapshot.term
        self._snapshot_due = snapshot.index + self.config.snapshot_entries
        self._pruning = True
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
        self._role, self._noticed_term = raft.role, self.applied_term
        leads = raft.role is Role.LEADER
        serving_term = raft.term if leads and self.applied_term == raft.term else 0
        if leads is self.leads and serving_term == self.serving_term:
            return
        self.leads, self.serving_term = leads, serving_term
        if serving_term:
            self.machine.lessor.promote()
        else:
            self.machine.lessor.demote()
        self._observer.leadership_changed(self)
