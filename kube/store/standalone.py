"""The front of a process that runs one member, whose peers are elsewhere: in the place of ``Replicas`` under ``LocalStore``.

Proposals go to the leader wherever it is, and are answered when the member here applies them. A linearizable read asks the leader for a
read index and waits until it is applied here. Watches read from the member here, a follower's too.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from kube.base.clock import Clock
from kube.store.administration import Alarm, AlarmType, HashKV, MemberInfo
from kube.store.apply import StateMachine
from kube.store.config import StoreConfig
from kube.store.corruption import differing
from kube.store.errors import (
    CompactedError,
    LearnerNotReadyError,
    LeaseNotFoundError,
    MemberNotLearnerError,
    NoLeaderError,
    NoSpaceError,
    NotEnoughStartedError,
    NotLeaderError,
    RequestTimeoutError,
    StoppedError,
    StoreError,
    TooManyRequestsError,
)
from kube.store.forwarding import Forwarding, take_forward
from kube.store.linearizable import LinearizableReads
from kube.store.member import ENTRY_BYTES, Campaign, Input, Member, MemberConfig, TransferLeadership
from kube.store.membership import IN_SYNC, MemberTable
from kube.store.mvcc.hashing import KeySpaceHash
from kube.store.peer.messages import (
    Answer,
    Ask,
    Forward,
    Forwarded,
    HashAt,
    LeaseRemaining,
    LeaseRenew,
    PromoteMember,
    Question,
    error_data,
)
from kube.store.peer.network import PeerDisconnected, PeerNetwork
from kube.store.proposals import Proposal
from kube.store.questions import Questions
from kube.store.raft.confchange import ConfChangeError
from kube.store.raft.config import Config
from kube.store.raft.messages import (
    ConfChange,
    ConfChangeSingle,
    ConfChangeType,
    ConfState,
    HardState,
    Snapshot,
)
from kube.store.raft.raft import ProposalDroppedError
from kube.store.raft.storage import MemoryStorage, StableStorage
from kube.store.replica import Replica
from kube.store.replicas import HASH_PAUSE, SWEEP, Replicas
from kube.store.wal.directory import StoreDirectory
from kube.store.wal.storage import WalStorage

CHANGE_BYTES = 256
"""What a change of members counts in the log, about."""


GIVE_WAY_SECONDS = 10.0
"""How long a leader that has handed over for want of space, and leads again, keeps the others waiting."""
HASH_PATIENCE = 60.0
"""Seconds that another member has for the hash of its key space."""


class ReadIndexWanted(msgspec.Struct, frozen=True):
    context: int


class ConfChangeProposed(msgspec.Struct, frozen=True, eq=False):
    proposal: Proposal


def initial_snapshot(table: MemberTable) -> Snapshot:
    """What every member of a new store begins with.

    It is at index 1, so that a member that joins later with an empty log needs a snapshot, and learns from it who the members are.
    """
    machine = StateMachine(lambda: 0.0)
    machine.members = table
    voters = tuple(each.id for each in table.members if not each.is_learner)
    learners = tuple(each.id for each in table.members if each.is_learner)
    return Snapshot(1, 1, ConfState(voters, learners), machine.snapshot())


def memory_storage(table: MemberTable) -> MemoryStorage:
    """Of a member that keeps nothing beyond its process: of a new store, or with an empty ``table`` of one that joins."""
    storage = MemoryStorage(())
    if table.members:
        storage.apply_snapshot(initial_snapshot(table))
        storage.save(HardState(term=1, commit=1), [], must_sync=True)
    return storage


class Standalone(Replicas):
    """``id``: the member here. ``on_removed`` is called once the store has removed it; whoever runs it should stop it then."""

    def __init__(
        self,
        config: StoreConfig,
        clock: Clock,
        rng: random.Random,
        *,
        member: int,
        cluster: int,
        network: PeerNetwork,
        storage: StableStorage | None = None,
        directory: StoreDirectory | None = None,
        on_removed: Callable[[], None] = lambda: None,
    ) -> None:
        """On a running loop. Either ``storage`` or ``directory`` holds the member's log. Raises ValueError."""
        if config.replicas != 1:
            raise ValueError(f"a member alone is one replica, not {config.replicas}: its peers are elsewhere")
        super().__init__(config, clock, rng, network, directory)
        self.id = member
        self._cluster = cluster
        kept = storage if directory is None else directory.storages[member]
        assert kept is not None
        self._here = Replica(member, kept)
        self._replicas = {member: self._here}
        self._network = network
        self._on_removed = on_removed
        self._told_removed = False
        self._stays_until = float("-inf")
        first = rng.getrandbits(62)
        self._forwarding = Forwarding(member, network.say, self._proposals, self._not_taken, first)
        self._to_forward: list[Proposal] = []
        self._questions = Questions(member, network.say, first)
        self._reads = LinearizableReads(self._ask_read_index, first)
        self._raft_leader = 0
        data = kept.snapshot().data
        self.table = MemberTable(getattr(data, "members", ()), getattr(data, "removed_members", ()))
        self._use_table(self.table)
        if config.corrupt_check > 0:
            self._tasks.start(self._compare_replicas(), name="corrupt-check")

    # ---- the member

    def start_member(
        self,
        id_: int,
        submit: Callable[[Input], bool],
        at_once: Callable[[Input], bool] | None = None,  # noqa: ARG002  # what follows takes a peer's answer
    ) -> Member:
        config = self.config
        member = Member(
            MemberConfig(
                raft=Config(
                    id=id_,
                    election_ticks=config.election_ticks,
                    heartbeat_ticks=config.heartbeat_ticks,
                ),
                snapshot_entries=config.snapshot_entries,
                catch_up_entries=config.catch_up_entries,
                lease_extend=config.tick * config.election_ticks,
            ),
            self._here.storage,
            transport=self._transport,
            proposals=self._proposals,
            observer=self,
            clock=self._clock,
            rng=random.Random(self._rng.getrandbits(64)),
            handlers=self._inputs(),
        )
        self._here.member = self.measured = member
        self._here.submit = submit
        self._use_table(member.machine.members)
        self._transport.attach(id_, submit)
        self.subscriptions.move(member.machine.watches)
        if member.node.conf_state.voters == (id_,):
            submit(Campaign())
        return member

    def member_stopped(self, member: Member) -> None:
        if self._here.member is not member:
            return
        self._raft_leader = 0
        super().member_stopped(member)
        self.measured = None

    def _inputs(self) -> dict[type, Callable[[Any], object]]:
        """What arrives in the member's turn beside raft's own inputs."""
        return {
            ReadIndexWanted: self._want_read_index,
            ConfChangeProposed: self._propose_conf_change,
            Forward: self._take_forward,
            Forwarded: self._take_forwarded,
            Question: self._take_question,
            Answer: self._questions.answered,
            PeerDisconnected: self._peer_disconnected,
        }

    def _hand_in(self, wanted: Proposal | ReadIndexWanted | ConfChangeProposed) -> bool:
        """Into the member's mailbox."""
        return self._here.submit(wanted)  # type: ignore[arg-type]  # one of _inputs

    @property
    def _member(self) -> Member:
        """Raises StoppedError."""
        if self._here.member is None:
            raise StoppedError
        return self._here.member

    @property
    def applied_index(self) -> int:
        """Of the member here; 0 while it does not run."""
        return 0 if self._here.member is None else self._here.member.applied_index

    @property
    def cluster_id(self) -> int:
        return self._cluster

    @property
    def members(self) -> tuple[MemberInfo, ...]:
        return self.table.members

    @property
    def leader(self) -> int:
        return self._raft_leader

    # ---- what the member tells

    def leadership_changed(self, member: Member) -> None:
        leader = member.raft.leader
        if leader != self._raft_leader:
            self._raft_leader = leader
            self._log.info("leader", member=f"{self.id:x}", leader=f"{leader:x}", term=member.raft.term)
            self._reads.again()
        super().leadership_changed(member)

    def _elect(self) -> None:
        member = self._here.member
        self._leader = self._here if member is not None and member.leads else None
        self.serving = member if member is not None and member.serving_term else None
        if self._raft_leader:
            self._submit_unsent()
        self._wake_all()

    def members_changed(self, member: Member) -> None:
        self._use_table(member.machine.members)

    def state_replaced(self, member: Member) -> None:
        self._proposals.term_applied(member.applied_term)
        self.subscriptions.move(member.machine.watches)

    def reads_ready(self, member: Member, contexts: Sequence[int]) -> None:
        for context in contexts:
            self._reads.answered(context, member)

    def _use_table(self, table: MemberTable) -> None:
        if not table.members:
            return  # it joins, and does not know yet
        self.table = table
        self.voters = tuple(each.id for each in table.voters)
        self._network.use(table)
        if self.id in table.removed and not self._told_removed:
            self._told_removed = True
            self._log.warning("this member was removed from the cluster", member=f"{self.id:x}")
            self._on_removed()

    # ---- proposals

    def _submit(self, proposal: Proposal) -> None:
        leader = self._raft_leader
        if self._closed:
            proposal.answer(StoppedError())
        elif not leader:
            proposal.owner = None
            self._unsent.append(proposal)
        elif leader == self.id:
            self._submit_here(proposal)
        else:
            proposal.owner = None
            if not self._to_forward:
                self._loop.call_soon(self._forward)
            self._to_forward.append(proposal)

    def _submit_here(self, proposal: Proposal) -> None:
        proposal.owner = self._here.member
        wanted = ConfChangeProposed(proposal) if isinstance(proposal.request, ConfChange) else proposal
        if not self._hand_in(wanted):
            proposal.owner = None
            self._unsent.append(proposal)

    def _forward(self) -> None:
        """All that has come in this turn of the loop."""
        proposals, self._to_forward = self._to_forward, []
        waiting = [proposal for proposal in proposals if not proposal.future.done()]
        leader, member = self._raft_leader, self._here.member
        if leader in {0, self.id} or member is None:
            for proposal in waiting:
                self._submit(proposal)
        else:
            self._forwarding.send(waiting, leader, member.raft.term)

    def _not_taken(self, proposals: Sequence[Proposal]) -> None:
        """Again at the next leader or the next sweep."""
        self._unsent.extend(proposals)

    def _take_forwarded(self, answer: Forwarded) -> None:
        member = self._member
        self._forwarding.answered(answer, member.applied_index, member.applied_term)

    def _take_forward(self, forward: Forward) -> None:
        """Said before the entries are sent, which is at the end of the member's turn."""
        if self._has_room(sum([size for _, size in forward.items]), len(forward.items)):
            answer = take_forward(self._member.node, forward)
        else:
            refusal = error_data(NoSpaceError())
            answer = Forwarded(forward.from_, self.id, forward.number, 0, refusal)
        self._network.say(answer)

    def _has_room(self, size: int, entries: int) -> bool:
        storage = self._here.storage
        return not isinstance(storage, WalStorage) or storage.has_room(size + entries * ENTRY_BYTES)

    def _propose_conf_change(self, wanted: ConfChangeProposed) -> None:
        proposal, member = wanted.proposal, self._member
        if proposal.owner is not member or proposal.future.done():
            return
        assert isinstance(proposal.request, ConfChange)
        if not self._has_room(proposal.size, 1):
            proposal.answer(NoSpaceError())
            return
        try:
            index = member.node.propose_conf_change(proposal.request, proposal.size)
        except ProposalDroppedError:
            self._not_taken([proposal])
        except ConfChangeError as error:
            self._log.warning("a change of members is refused", reason=str(error))
            proposal.answer(TooManyRequestsError())
        else:
            self._proposals.taken([proposal], member.raft.term, index)

    def _peer_disconnected(self, lost: PeerDisconnected) -> None:
        self._forwarding.disconnected(lost.peer)
        self._questions.disconnected(lost.peer)
        if lost.peer == self._raft_leader:
            self._reads.again()

    # ---- reads

    def confirmed(self) -> Member | None:
        """A single member needs nobody's word."""
        member = self.serving
        if member is None or member.node.conf_state.voters != (self.id,) or member.node.conf_state.joint:
            return None
        return member

    async def reader(self) -> Member:
        """The member here, once its state machine holds everything that was acknowledged before the call.

        Raises NoLeaderError, RequestTimeoutError, StoppedError.
        """
        member = self.confirmed()
        if member is not None:
            return member
        if self._closed:
            raise StoppedError
        return await self._reads.confirmed(self._patience)

    def any_member(self) -> Member:
        return self._member

    def _ask_read_index(self, context: int) -> bool:
        return self._hand_in(ReadIndexWanted(context))

    def _want_read_index(self, wanted: ReadIndexWanted) -> None:
        self._member.node.read_index(wanted.context)  # without a leader it is asked again when there is one

    # ---- what only a leader can do

    async def renew(self, lease: int) -> int:
        return int(await self._at_leader(LeaseRenew(lease)))

    async def remaining(self, lease: int) -> float:
        return float(await self._at_leader(LeaseRemaining(lease)))

    async def promote(self, member: int) -> None:
        """Raises what ``Administration.promote_member`` raises."""
        members = (await self.reader()).machine.members.members
        was_learner = any(each.id == member and each.is_learner for each in members)
        try:
            await self._at_leader(PromoteMember(member))
        except MemberNotLearnerError:
            if not was_learner:
                raise  # else it was promoted since: the answer to that was lost

    async def _at_leader(self, ask: Ask) -> float | int:
        """Ask again while there is time: each of these can be asked for twice."""
        last_sweep = self._sweeps + self._patience
        while True:
            leader = self._raft_leader
            try:
                if leader == self.id:
                    return await self._answer_here(ask)
                if leader:
                    seconds = max(SWEEP, (last_sweep - self._sweeps) * SWEEP)
                    return await self._questions.ask(leader, ask, seconds) or 0
            except (NotLeaderError, RequestTimeoutError):
                if self._sweeps >= last_sweep:
                    raise
            if self._closed:
                raise StoppedError
            if self._sweeps >= last_sweep:
                raise NoLeaderError
            await self._change()

    def _take_question(self, question: Question) -> None:
        self._tasks.start(self._answer(question), name="answer")

    async def _answer(self, question: Question) -> None:
        value: float | int | None = None
        error = None
        try:
            value = await self._answer_here(question.ask)
        except StoreError as raised:
            error = error_data(raised)
        self._network.say(Answer(question.from_, self.id, question.number, value, error))

    async def _answer_here(self, ask: Ask) -> float | int:
        """As the leader, but for a hash. Raises NotLeaderError, and what the question itself raises."""
        if isinstance(ask, HashAt):
            made = await self._hash_at(ask.revision, HASH_PAUSE)
            if made.compact_revision != ask.compact_revision:
                raise CompactedError(ask.compact_revision, made.compact_revision)
            return made.hash
        member = await self.reader()
        if not member.serving_term:
            raise NotLeaderError(self._raft_leader)
        match ask:
            case LeaseRenew(lease):
                return member.machine.lessor.renew(lease)
            case LeaseRemaining(lease):
                if lease not in member.machine.lessor:
                    raise LeaseNotFoundError(lease)
                return member.machine.lessor.remaining(lease)
            case PromoteMember(learner):
                await self._promote_here(learner)
                return 0

    # ---- equal hashes

    async def check_corruption(self, pause: float = HASH_PAUSE) -> tuple[int, ...]:
        """As the leader, ask the others for their hashes, as etcd's does. Who does not answer, or is behind, is not compared."""
        member = self._here.member
        if member is None or not member.serving_term:
            return ()
        own = await self._hash_at(member.machine.kv.revision, pause)
        hashes = {self.id: own}
        for peer in self.table.members:
            if peer.id != self.id:
                try:
                    ask = HashAt(own.revision, own.compact_revision)
                    answer = await self._questions.ask(peer.id, ask, HASH_PATIENCE)
                except StoreError:
                    continue
                hashes[peer.id] = HashKV(int(answer or 0), own.revision, own.compact_revision)
        corrupt = differing(hashes)
        for each in corrupt:
            await self.raise_alarm(Alarm(each, AlarmType.CORRUPT))
        return corrupt

    async def _hash_at(self, revision: int, pause: float) -> HashKV:
        """Of the member here. Raises CompactedError, FutureRevisionError when it is behind."""
        making = KeySpaceHash(self._member.machine.kv, revision)
        while (made := making.step()) is None:
            await self._clock.sleep(pause)
        return made

    async def _promote_here(self, learner: int) -> None:
        """Raises MemberNotFoundError, MemberNotLearnerError, LearnerNotReadyError, NotEnoughStartedError."""
        member = self._member
        change = ConfChange((ConfChangeSingle(ConfChangeType.ADD_NODE, learner),))
        member.machine.members.check(change)
        status = {each.id: each.match for each in member.node.status().progress}
        if status.get(learner, 0) < IN_SYNC * status.get(self.id, 0):
            raise LearnerNotReadyError(learner)
        if not member.machine.members.may_promote():
            raise NotEnoughStartedError
        await self.propose(change, CHANGE_BYTES)

    # ---- time, and the end

    def _swept(self) -> None:
        self._reads.sweep(NoLeaderError if not self._raft_leader else RequestTimeoutError)
        self._forwarding.sweep()
        self._give_way()

    def _give_way(self) -> None:
        """A leader whose disk is full would refuse the writes of all. It hands over, and not soon again: all disks may be full."""
        now = self._clock.monotonic()
        if not self._is_full() or now < self._stays_until:
            return
        target = self._successor()
        if target:
            self._stays_until = now + GIVE_WAY_SECONDS
            self._log.warning("the disk is full: leadership is handed over", to=f"{target:x}")
            self._here.submit(TransferLeadership(target))

    def _is_full(self) -> bool:
        storage = self._here.storage
        return isinstance(storage, WalStorage) and storage.full

    def _successor(self) -> int:
        """The connected voter that is furthest; 0 where this member does not lead or there is none."""
        member = self._here.member
        if member is None or not member.leads:
            return 0
        voters = member.node.conf_state.voters
        progress = [
            each for each in member.node.status().progress if each.id != self.id and each.id in voters
        ]
        active = [each for each in progress if self._network.active_since(each.id) is not None]
        return max(active, key=lambda each: each.match).id if active else 0

    async def hand_over(self, seconds: float) -> None:
        """Before a stop: if this member leads, leadership goes to the voter that is furthest, when that takes no longer than this."""
        target = self._successor()
        if not target:
            return
        self._here.submit(TransferLeadership(target))
        try:
            async with asyncio.timeout(seconds):
                while self._raft_leader == self.id:
                    await self._change()
        except TimeoutError:
            self._log.warning("leadership was not handed over in time", to=f"{target:x}")

    async def aclose(self) -> None:
        self._reads.fail(StoppedError)
        self._questions.fail(StoppedError)
        await super().aclose()
