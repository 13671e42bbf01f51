"""The members of one process: who runs, who leads, who serves, and what waits for them.

A proposal goes to the leader, and again to the next one when it is known not to have been applied. A read goes to the member whose
state machine holds everything that was acknowledged. What waits longer than the request timeout is told so.
"""

import asyncio
import math
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from kube.base.clock import Clock
from kube.base.logging import get_logger
from kube.base.tasks import TaskOwner
from kube.store.administration import Alarm, AlarmType, MemberInfo
from kube.store.config import StoreConfig
from kube.store.corruption import find_corrupt
from kube.store.errors import (
    BadLeaderTransfereeError,
    DiskFullError,
    NoLeaderError,
    NoSpaceError,
    NotLeaderError,
    RequestTimeoutError,
    StoppedError,
    StoreError,
    TooManyRequestsError,
)
from kube.store.member import Campaign, Input, Member, MemberConfig, TransferLeadership
from kube.store.membership import cluster_id
from kube.store.proposals import Proposal, Proposals
from kube.store.raft.config import Config
from kube.store.raft.messages import ConfChange
from kube.store.raft.raft import Role
from kube.store.raft.storage import MemoryStorage, StableStorage
from kube.store.replica import Replica, refuse
from kube.store.request_size import check_size
from kube.store.requests import PUT_GROWTH, AlarmAction, AlarmRequest, Request
from kube.store.subscriptions import Subscriptions
from kube.store.transport import InProcessTransport, Transport
from kube.store.wal.directory import StoreDirectory

SWEEP = 0.5
"""Seconds between two looks at what has waited too long."""
PUMPED = 256
"""Watches of a crowd that are served in one turn of the loop."""
THRIFTY = 64
"""Entries by which one of three members may be behind the other two, and what followers have applied behind what the leader has: they
share a process, and its fate."""
AT_ONCE = 16
"""Proposals of somebody who proposes alone that are carried out without a turn of the loop; then everybody else has one."""
PROGRESS_SWEEPS = 20
"""Quiet sweeps after which a watch with progress_notify gets a bookmark."""
HASH_PAUSE = 0.02
"""Seconds between two portions of a comparison of hashes, so that it takes about a tenth of the loop's time."""


class Replicas:
    """Members come and go by ``start_member`` and ``member_stopped``; their storage stays here."""

    def __init__(
        self,
        config: StoreConfig,
        clock: Clock,
        rng: random.Random,
        transport: Transport | None = None,
        directory: StoreDirectory | None = None,
    ) -> None:
        """``transport`` carries the members' messages; by default they pass by reference and at once. ``directory`` keeps what must
        survive the process; by default nothing does.
        """
        self.config = config
        self.voters = tuple(range(1, config.replicas + 1))
        self._cluster_id = cluster_id(self.voters) if directory is None else directory.cluster_id
        self.serving: Member | None = None
        """The leader, once it has applied an entry of its term."""
        self.measured: Member | None = None
        """Whose key space the quota is about."""
        self.subscriptions = Subscriptions()
        self._clock = clock
        self._rng = rng
        self._loop = asyncio.get_running_loop()
        self._tasks = TaskOwner("store")
        self._log = get_logger(__name__)
        self._transport: Transport = InProcessTransport() if transport is None else transport
        self._at_once_limit = (
            AT_ONCE if isinstance(self._transport, InProcessTransport) and directory is None else 0
        )
        self._quorum = config.replicas // 2 + 1
        self._small = config.max_request_bytes // 2
        self._quota = config.quota_bytes if config.quota_bytes > 0 else math.inf
        self.directory = directory
        self.member_name = "member"
        self.client_urls: tuple[str, ...] = ()
        """What the list of members tells clients: whoever serves the store sets it."""
        storages: Mapping[int, StableStorage] = {} if directory is None else directory.storages
        self._replicas = {
            voter: Replica(voter, storages.get(voter) or MemoryStorage(self.voters)) for voter in self.voters
        }
        if directory is None:
            self._log.info("the store is in memory: it is gone when the process ends")
        self._proposals = Proposals(self._submit)
        self._leader: Replica | None = None
        self._unsent: deque[Proposal] = deque()
        self._in_flight: dict[Proposal, None] = {}
        self._room: deque[asyncio.Future[None]] = deque()
        """Who waits to propose."""
        self._changed: list[asyncio.Future[None]] = []
        """Who waits for a member that serves."""
        self._at_once = 0
        """Proposals that may be carried out at once, if nobody else has one in flight."""
        self._sweeps = 0
        self._patience = int(config.request_timeout / SWEEP) + 1
        self._closed = False
        self._pumping: asyncio.Handle | None = None
        self._alarming = False
        self._tasks.start(self._sweep(), name="sweep")
        if config.replicas > 1 and config.corrupt_check > 0:
            self._tasks.start(self._compare_replicas(), name="corrupt-check")

    # ---- members

    async def prepare_member(self, id_: int) -> None:
        """Before ``start_member``, where the store has a directory: what an earlier run of the member left unwritten is
        written, and what failed is read anew. Raises OSError, CorruptError.
        """
        directory, replica = self.directory, self._replicas[id_]
        assert directory is not None
        syncer = directory.syncers[id_]
        storage = directory.storages[id_]
        await syncer.run(lambda: None)  # a sync may still be on its way
        if storage.failed is not None:
            self._log.warning("reading the disk anew", member=id_, reason=str(storage.failed))
            storage = await syncer.run(partial(storage.reopen, random.Random(self._rng.getrandbits(64))))
            directory.storages[id_] = replica.storage = storage
        elif storage.unsynced:
            await storage.settle(syncer)

    def start_member(
        self, id_: int, submit: Callable[[Input], bool], at_once: Callable[[Input], bool] | None = None
    ) -> Member:
        """Build member ``id_`` from its storage. ``submit`` puts into its mailbox, without waiting; False: not taken. ``at_once`` does
        too, and when it returns the members have mostly handled what follows from it.

        Once all members run and none leads, one is told to campaign, so that a store that starts has a leader at once.
        """
        config = self.config
        replica = self._replicas[id_]
        raft = Config(
            id=id_,
            election_ticks=config.election_ticks,
            heartbeat_ticks=config.heartbeat_ticks,
            eager_commit=False,
            thrifty=THRIFTY,
        )
        member = Member(
            MemberConfig(
                raft=raft,
                # Not all members at once: each holds the loop while it takes its snapshot.
                snapshot_entries=config.snapshot_entries + (id_ - 1) * max(1, config.snapshot_entries // 8),
                catch_up_entries=config.catch_up_entries,
                lease_extend=config.tick * config.election_ticks,
            ),
            replica.storage,
            transport=self._transport,
            proposals=self._proposals,
            observer=self,
            clock=self._clock,
            rng=random.Random(self._rng.getrandbits(64)),
        )
        replica.member = member
        replica.submit = submit
        replica.at_once = at_once or submit
        self._transport.attach(id_, submit)
        running = [each for each in self._replicas.values() if each.member is not None]
        if len(running) == len(self.voters) and self._leader is None:
            running[0].submit(Campaign())
        return member

    def member_stopped(self, member: Member) -> None:
        """The member runs no more; its storage stays, and what it promised with it."""
        replica = self._replicas[member.id]
        if replica.member is not member:
            return
        self._transport.detach(member.id)
        replica.member = None
        replica.submit = replica.at_once = refuse
        if self.subscriptions.home is member.machine.watches:
            self.subscriptions.move(None)
        self._elect()
        for proposal in [each for each in self._in_flight if each.owner is member and not each.term]:
            self._submit(proposal)  # it waited in the mailbox, which may be gone

    def tick_counts(self, id_: int) -> bool:
        """Whether a tick may count as silence of others for member ``id_``.

        Not while the leader, or so many members that no majority is left, wait for disks: they are silent, and alive, and another leader
        would have to wait for the same disks.
        """
        if self.directory is None:
            return True
        settling = 0
        for replica in self._replicas.values():
            if replica.member is not None and replica.member.unsettled:
                if replica is self._leader and replica.id != id_:
                    return False
                settling += 1
        return len(self.voters) - settling >= self._quorum

    # ---- what members tell (member.Observer)

    def leadership_changed(self, member: Member) -> None:
        if member.serving_term:
            self._log.info("serving", member=member.id, term=member.serving_term)
        self._elect()

    def proposals_dropped(self, proposals: Sequence[Proposal]) -> None:
        leader = self._leader.member if self._leader is not None else None
        for proposal in proposals:
            if leader is not None and proposal.owner is leader and leader.raft.role is Role.LEADER:
                # It hands over, or too much is uncommitted there: again at the next leader or the next sweep.
                proposal.owner = None
                self._unsent.append(proposal)
            else:
                self._submit(proposal)

    def crowds_waiting(self, member: Member) -> None:
        if self._pumping is None:
            self._pumping = self._loop.call_soon(self._pump, member)

    def _pump(self, member: Member) -> None:
        """Serve a portion of a crowd of watches in each turn of the loop, so that everybody else has turns too."""
        self._pumping = None
        if member.machine.watches.pump(PUMPED):
            self.crowds_waiting(member)
        member.report_failures()

    def watch_failed(self, error: Exception) -> None:
        self._log.error("a watch's sink failed; the watch is ended", exc_info=error)

    def members_changed(self, member: Member) -> None:
        raise AssertionError(f"member {member.id}: the members of one process never change")

    def state_replaced(self, member: Member) -> None:
        """No watch reads from a member that is behind."""

    def reads_ready(self, member: Member, contexts: Sequence[int]) -> None:
        raise AssertionError(f"member {member.id}: nobody asks for a read index here, {contexts} is nobody's")

    def _elect(self) -> None:
        """Find out who leads, and who serves, after a change."""
        running = [each for each in self._replicas.values() if each.member is not None]
        leaders = [each for each in running if each.member is not None and each.member.leads]
        self._leader = max(leaders, key=lambda each: each.term, default=None)
        serving = self._leader.member if self._leader is not None else None
        if serving is not None and not serving.serving_term:
            serving = None
        if serving is not self.serving:
            self.serving = self.measured = serving
            if serving is not None:
                self.subscriptions.move(serving.machine.watches)
            self._wake_all()
        if self._leader is not None:
            self._submit_unsent()

    # ---- proposals

    async def propose(
        self, request: Request | ConfChange, size: int, notes: Mapping[bytes, object] | None = None
    ) -> object:
        """The result of the request once it is applied. ``size`` in bytes."""
        if size > self._small:
            check_size(request, size, self.config.max_request_bytes)
        if self.directory is not None:
            self._check_disks(self.directory)
        serving = self.measured
        if serving is not None and serving.machine.kv.size + size + PUT_GROWTH >= self._quota:
            await self._check_quota(serving, request)
        if len(self._in_flight) >= self.config.max_in_flight:
            await self._wait_for_room()
        future: asyncio.Future[object] = self._loop.create_future()
        proposal = Proposal(request, size, notes, future, self._sweeps + self._patience)
        in_flight = self._in_flight
        alone = not in_flight
        in_flight[proposal] = None
        try:
            if alone and self._at_once:
                self._at_once -= 1
                self._submit_at_once(proposal)
                result = await future
            else:
                self._submit(proposal)
                result = await future
                # Whoever was alone all the while is again, it seems; proposals of several are better off as one batch.
                self._at_once = self._at_once_limit if alone and len(in_flight) == 1 else 0
        finally:
            del in_flight[proposal]
            if self._room:
                self._make_room()
        if isinstance(result, StoreError):
            try:
                raise result
            finally:
                del result  # its traceback holds this frame: no cycle for the collector
        return result

    def _check_disks(self, directory: StoreDirectory) -> None:
        """Raises DiskFullError when no majority can write."""
        full = 0
        for storage in directory.storages.values():
            if storage.full:
                full += 1
        if full > len(self.voters) - self._quorum:
            raise DiskFullError(directory.path)

    async def _check_quota(self, serving: Member, request: Request | ConfChange) -> None:
        """Raises NoSpaceError, and the NOSPACE alarm, which stays until somebody disarms it."""
        if isinstance(request, ConfChange) or not serving.machine.over_quota(request, self._quota):
            return
        alarm = Alarm(serving.id, AlarmType.NOSPACE)
        if alarm not in serving.machine.alarms and not self._alarming:
            self._alarming = True
            try:
                await self.raise_alarm(alarm)
            except StoreError as error:  # the next that is refused tries again
                self._log.error("the alarm could not be raised", error=str(error))
            finally:
                self._alarming = False
        raise NoSpaceError

    async def raise_alarm(self, alarm: Alarm) -> None:
        """Through the log, so that all members have it."""
        self._log.error("alarm", member=alarm.member, alarm=alarm.type.name)
        await self.propose(AlarmRequest(AlarmAction.ACTIVATE, alarm), 16)

    # ---- equal hashes

    async def check_corruption(self, pause: float = HASH_PAUSE) -> tuple[int, ...]:
        """Compare the replicas that run; a CORRUPT alarm for each member that differs from the majority. Those members.

        ``pause`` in seconds, between portions of work.
        """
        spaces = {
            replica.id: replica.member.machine.kv
            for replica in self._replicas.values()
            if replica.member is not None
        }
        corrupt = await find_corrupt(spaces, lambda: self._clock.sleep(pause))
        for member in corrupt:
            await self.raise_alarm(Alarm(member, AlarmType.CORRUPT))
        return corrupt

    async def _compare_replicas(self) -> None:
        while True:
            await self._clock.sleep(self.config.corrupt_check)
            try:
                await self.check_corruption()
            except (
                StoreError
            ) as error:  # nobody leads, or it was compacted meanwhile: the next comparison finds it
                self._log.warning("the members' hashes could not be compared", error=str(error))

    def _submit(self, proposal: Proposal) -> None:
        """Hand a proposal to the leader, or keep it until there is one."""
        leader = self._leader
        if self._closed:
            proposal.answer(StoppedError())
            return
        if leader is not None:
            proposal.owner = leader.member
            if leader.submit(proposal):
                return
        proposal.owner = None
        self._unsent.append(proposal)

    def _submit_at_once(self, proposal: Proposal) -> None:
        leader = self._leader
        if leader is not None and not self._closed:
            proposal.owner = leader.member
            at_once = leader.at_once
            if at_once(proposal):
                return
        self._submit(proposal)

    def _submit_unsent(self) -> None:
        unsent, self._unsent = self._unsent, deque()
        for proposal in unsent:
            if not proposal.future.done():
                self._submit(proposal)

    async def _wait_for_room(self) -> None:
        """Raises TooManyRequestsError when there is none within the request timeout."""
        last_sweep = self._sweeps + self._patience
        wait = self._room.append
        while len(self._in_flight) >= self.config.max_in_flight:
            if self._sweeps >= last_sweep:
                raise TooManyRequestsError
            room: asyncio.Future[None] = self._loop.create_future()
            wait(room)
            await room
            wait = self._room.appendleft  # a newcomer was faster; whoever waits keeps the place

    def _make_room(self) -> None:
        while self._room:
            room = self._room.popleft()
            if not room.done():
                room.set_result(None)
                return

    # ---- what only a leader can do

    @property
    def leader(self) -> int:
        """The id of the member that serves, 0 when none does."""
        return 0 if self.serving is None else self.serving.id

    async def renew(self, lease: int) -> int:
        """The ttl granted, in seconds. Raises LeaseNotFoundError."""
        return (await self.reader()).machine.lessor.renew(lease)

    async def remaining(self, lease: int) -> float:
        """The seconds left. Raises LeaseNotFoundError."""
        return (await self.reader()).machine.lessor.remaining(lease)

    async def move_leader(self, target: int) -> None:
        """Raises NotLeaderError, BadLeaderTransfereeError, RequestTimeoutError."""
        leader = self._leader
        if leader is None or leader.member is None:
            raise NotLeaderError(self.leader)
        if target == leader.id:
            return
        if target not in leader.member.node.conf_state.voters:
            raise BadLeaderTransfereeError(target)
        leader.submit(TransferLeadership(target))
        last_sweep = self._sweeps + self._patience
        while self.leader != target:
            if self._sweeps >= last_sweep or self._closed:
                raise RequestTimeoutError
            await self._change()

    async def _change(self) -> None:
        """Until who waits should look again: at who serves, or at the time."""
        changed: asyncio.Future[None] = self._loop.create_future()
        self._changed.append(changed)
        await changed

    # ---- readers

    async def reader(self) -> Member:
        """The member whose state machine now holds every acknowledged write.

        It leads, has applied an entry of its term, and a majority has not gone on to a newer term, without which
        nobody else can have acknowledged anything. Raises NoLeaderError when there is none within the request timeout.
        """
        last_sweep = self._sweeps + self._patience
        while (member := self.confirmed()) is None:
            if self._closed:
                raise StoppedError
            if self._sweeps >= last_sweep:
                raise NoLeaderError
            await self._change()
        return member

    def confirmed(self) -> Member | None:
        member = self.serving
        if member is None:
            return None
        term = member.serving_term
        agreed = 0
        for replica in self._replicas.values():
            if replica.term <= term:
                agreed += 1
        return member if agreed >= self._quorum else None

    @property
    def cluster_id(self) -> int:
        """The directory's; of a store in memory a hash of its members' ids."""
        return self._cluster_id

    @property
    def members(self) -> tuple[MemberInfo, ...]:
        """Sorted by id."""
        return tuple(
            MemberInfo(voter, f"{self.member_name}-{voter}", client_urls=self.client_urls)
            for voter in self.voters
        )

    def all(self) -> tuple[Replica, ...]:
        """Every place for a member, in the order of ids."""
        return tuple(self._replicas.values())

    def any_member(self) -> Member:
        """The member that serves, else any that runs. Raises StoppedError when none does."""
        if self.serving is not None:
            return self.serving
        for replica in self._replicas.values():
            if replica.member is not None:
                return replica.member
        raise StoppedError

    async def aclose(self) -> None:
        """Everybody who waits gets StoppedError. The members are stopped by whoever runs them."""
        self._closed = True
        if self._pumping is not None:
            self._pumping.cancel()
        await self._tasks.aclose()
        for proposal in self._in_flight:
            proposal.answer(StoppedError())
        self.subscriptions.close()
        self._wake_all()

    # ---- time

    async def _sweep(self) -> None:
        while True:
            await self._clock.sleep(SWEEP)
            self._sweeps += 1
            for proposal in [each for each in self._in_flight if each.deadline <= self._sweeps]:
                self._proposals.forget(proposal)
                # What no leader took will not be taken any more, so it is known not to be applied.
                proposal.answer(RequestTimeoutError() if proposal.term else NoLeaderError())
            if self._unsent:
                self._submit_unsent()
            self.subscriptions.sweep(PROGRESS_SWEEPS)
            self._swept()
            self._wake_all()

    def _swept(self) -> None:
        """What else waits can look at the time."""

    def _wake_all(self) -> None:
        """Let everybody who waits look again, at the time above all."""
        waiting = [*self._changed, *self._room]
        self._changed = []
        self._room.clear()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
