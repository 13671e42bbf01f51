"""The store as its own process sees it: ``kv.py``'s protocols over members that all live here.

Writes go to the leader's mailbox and come back when they are applied. Reads are answered from the leader's state machine at once:
what ReadIndex asks a majority by message, that no newer term has begun, is read from the members' memory here.
"""

import asyncio
import random
from collections.abc import AsyncIterator

from kube.base.clock import Clock
from kube.base.logging import get_logger
from kube.store.administration import Alarm, HashKV, MemberInfo
from kube.store.backup.file import encode_backup
from kube.store.config import StoreConfig
from kube.store.errors import (
    EmptyKeyError,
    FixedMembersError,
    LeaseExistsError,
    MemberNotFoundError,
    MemberNotLearnerError,
)
from kube.store.kv import (
    DeleteRange,
    DeleteRangeResult,
    LeaseGrant,
    LeaseStatus,
    OptimisticResult,
    Put,
    PutResult,
    Range,
    RangeResult,
    SortOrder,
    SortTarget,
    StoreStatus,
    Txn,
    TxnResult,
    WatchFilter,
    WatchSink,
    WatchStream,
)
from kube.store.lease import least_ttl
from kube.store.mvcc.hashing import KeySpaceHash
from kube.store.raft.messages import Snapshot
from kube.store.replicas import Replicas
from kube.store.requests import (
    AlarmAction,
    AlarmRequest,
    Compact,
    LeaseGrantRequest,
    LeaseRevokeRequest,
    OptimisticDelete,
    OptimisticPut,
    check_put,
    check_txn,
    has_writes,
    size_of,
    without_notes,
)
from kube.store.subscriptions import BufferedStream, SinkStream, Subscription
from kube.store.transport import Transport
from kube.store.wal.directory import StoreDirectory

_log = get_logger(__name__)


class LocalStore:
    """Implements ``kv.Store``. Whoever runs the members starts them at ``replicas``."""

    def __init__(
        self,
        config: StoreConfig,
        clock: Clock,
        rng: random.Random,
        transport: Transport | None = None,
        directory: StoreDirectory | None = None,
        *,
        replicas: Replicas | None = None,
    ) -> None:
        """On a running loop. ``clock`` should be a StallGuard, so that a stalled host expires no leases. See ``Replicas``, which
        are made of the rest where they are not given.
        """
        self.replicas = replicas or Replicas(config, clock, rng, transport, directory)
        self._config = config
        self._rng = rng
        self._subscriptions = self.replicas.subscriptions

    # ---- writes

    async def put(
        self,
        key: bytes,
        value: bytes,
        lease: int = 0,
        *,
        prev_kv: bool = False,
        ignore_value: bool = False,
        ignore_lease: bool = False,
        note: object | None = None,
    ) -> PutResult:
        request = Put(key, value, lease, prev_kv, ignore_value, ignore_lease)
        if not key or ignore_value or ignore_lease:
            check_put(request)
        notes = None if note is None else {key: note}
        result = await self.replicas.propose(request, len(key) + len(value), notes)
        assert isinstance(result, PutResult)
        return result

    async def delete_range(
        self, key: bytes, range_end: bytes = b"", *, prev_kv: bool = False
    ) -> DeleteRangeResult:
        if not key:
            raise EmptyKeyError
        size = len(key) + len(range_end)
        result = await self.replicas.propose(DeleteRange(key, range_end, prev_kv), size)
        assert isinstance(result, DeleteRangeResult)
        return result

    async def txn(self, txn: Txn) -> TxnResult:
        check_txn(txn, self._config.max_txn_ops)
        if not has_writes(txn):
            return (await self.replicas.reader()).machine.read_txn(txn)
        notes: dict[bytes, object] = {}
        request = without_notes(txn, notes)
        result = await self.replicas.propose(request, size_of(request), notes or None)
        assert isinstance(result, TxnResult)
        return result

    async def optimistic_put(
        self, key: bytes, value: bytes, mod_revision: int, lease: int = 0, *, note: object | None = None
    ) -> OptimisticResult:
        if not key:
            raise EmptyKeyError
        notes = None if note is None else {key: note}
        size = len(key) + len(value)
        result = await self.replicas.propose(OptimisticPut(key, value, mod_revision, lease), size, notes)
        assert isinstance(result, OptimisticResult)
        return result

    async def optimistic_delete(self, key: bytes, mod_revision: int) -> OptimisticResult:
        if not key:
            raise EmptyKeyError
        result = await self.replicas.propose(OptimisticDelete(key, mod_revision), len(key))
        assert isinstance(result, OptimisticResult)
        return result

    async def compact(self, revision: int) -> None:
        await self.replicas.propose(Compact(revision), 8)

    # ---- reads

    async def range(
        self,
        key: bytes,
        range_end: bytes = b"",
        *,
        revision: int = 0,
        limit: int = 0,
        keys_only: bool = False,
        count_only: bool = False,
        serializable: bool = False,
        sort_order: SortOrder = SortOrder.NONE,
        sort_target: SortTarget = SortTarget.KEY,
        min_mod_revision: int = 0,
        max_mod_revision: int = 0,
        min_create_revision: int = 0,
        max_create_revision: int = 0,
    ) -> RangeResult:
        if not key:
            raise EmptyKeyError
        request = Range(
            key,
            range_end,
            revision,
            limit,
            keys_only,
            count_only,
            sort_order,
            sort_target,
            min_mod_revision,
            max_mod_revision,
            min_create_revision,
            max_create_revision,
        )
        member = (
            self.replicas.any_member()
            if serializable
            else self.replicas.confirmed() or await self.replicas.reader()
        )
        return member.machine.range(request)

    async def current_revision(self) -> int:
        member = self.replicas.confirmed() or await self.replicas.reader()
        return member.machine.kv.revision

    # ---- watches

    async def watch(
        self,
        key: bytes,
        range_end: bytes = b"",
        start_revision: int = 0,
        *,
        prev_kv: bool = False,  # noqa: ARG002  # events of this process carry it anyway
        progress_notify: bool = False,
        filters: tuple[WatchFilter, ...] = (),
        sink: WatchSink | None = None,
        patient: bool = False,
    ) -> WatchStream:
        if not key:
            raise EmptyKeyError
        await self.replicas.reader()
        buffered = BufferedStream()
        subscription = Subscription(
            key,
            range_end,
            start_revision,
            filters=filters,
            progress_notify=progress_notify,
            sink=buffered.push if sink is None else sink,
            patient=patient or sink is None,
        )
        stream: BufferedStream | SinkStream = buffered
        if sink is None:
            buffered.open(subscription, self._subscriptions.remove)
        else:
            stream = SinkStream(subscription, self._subscriptions.remove)
        self._subscriptions.add(subscription)
        try:
            while subscription.catch_up():  # noqa: ASYNC110  # there is work left: let others have their turn
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            stream.cancel()
            raise
        return stream

    # ---- leases

    async def grant(self, ttl: int, lease: int = 0) -> LeaseGrant:
        # Here and not where it is applied: members whose election timeouts differ must grant the same.
        ttl = max(ttl, least_ttl(self._config.tick * self._config.election_ticks))
        while True:
            request = LeaseGrantRequest(lease or self._rng.getrandbits(63) or 1, ttl)
            try:
                result = await self.replicas.propose(request, 16)
            except LeaseExistsError:
                if lease:
                    raise
                continue  # the draw was another's, which a store with a seed may draw again after a restart
            assert isinstance(result, LeaseGrant)
            return result

    async def revoke(self, lease: int) -> None:
        await self.replicas.propose(LeaseRevokeRequest(lease), 8)

    async def keep_alive(self, lease: int) -> LeaseGrant:
        return LeaseGrant(lease, await self.replicas.renew(lease))

    async def time_to_live(self, lease: int, *, keys: bool = False) -> LeaseStatus:
        lessor = (await self.replicas.reader()).machine.lessor
        found = lessor.get(lease)
        attached = tuple(sorted(found.keys)) if keys else ()
        return LeaseStatus(lease, await self.replicas.remaining(lease), found.ttl, attached)

    async def leases(self) -> tuple[int, ...]:
        return (await self.replicas.reader()).machine.lessor.ids()

    # ---- maintenance

    async def status(self) -> StoreStatus:
        member = self.replicas.any_member()
        kv, raft = member.machine.kv, member.raft
        return StoreStatus(
            member=member.id,
            members=self.replicas.voters,
            leader=raft.leader,
            raft_term=raft.term,
            raft_index=raft.log.last_index,
            raft_applied_index=member.applied_index,
            revision=kv.revision,
            compact_revision=max(kv.compact_revision, 0),
            keys=len(kv.live),
            db_size=kv.size,
            db_size_in_use=kv.size_in_use,
            is_learner=member.id in raft.conf.learners,
            errors=tuple(
                f"memberID:{alarm.member} alarm:{alarm.type.name} " for alarm in member.machine.alarms
            ),
        )

    async def hash_kv(self, revision: int = 0) -> HashKV:
        """Made in portions: the store serves meanwhile."""
        making = KeySpaceHash(self.replicas.any_member().machine.kv, revision)
        while (made := making.step()) is None:  # noqa: ASYNC110  # there is work left: let others have their turn
            await asyncio.sleep(0)
        return made

    async def alarms(self) -> tuple[Alarm, ...]:
        return (await self.replicas.reader()).machine.alarms

    async def raise_alarm(self, alarm: Alarm) -> None:
        await self.replicas.raise_alarm(alarm)

    async def disarm(self, alarm: Alarm) -> tuple[Alarm, ...]:
        disarmed = await self.replicas.propose(AlarmRequest(AlarmAction.DEACTIVATE, alarm), 16)
        assert isinstance(disarmed, tuple)
        for each in disarmed:
            _log.warning("the alarm is over", member=each.member, alarm=each.type.name)
        return disarmed

    async def snapshot(self) -> AsyncIterator[bytes]:
        """See ``kube.store.backup``: all that was acknowledged before the first piece is asked for. Others have their turns between."""
        member = self.replicas.confirmed() or await self.replicas.reader()
        state = Snapshot(
            member.applied_index, member.applied_term, member.node.conf_state, member.machine.snapshot()
        )
        for piece in encode_backup(state):
            if piece:
                yield piece
            await asyncio.sleep(0)

    async def defragment(self) -> None:
        """Nothing: memory has no holes to close."""

    # ---- members

    @property
    def cluster_id(self) -> int:
        return self.replicas.cluster_id

    @property
    def member_id(self) -> int:
        return self.replicas.any_member().id

    @property
    def raft_term(self) -> int:
        return self.replicas.any_member().raft.term

    async def members(self, *, linearizable: bool = True) -> tuple[MemberInfo, ...]:
        if linearizable:
            await self.replicas.reader()
        return self.replicas.members

    async def add_member(self, peer_urls: tuple[str, ...], *, learner: bool = False) -> MemberInfo:  # noqa: ARG002  # the protocol's
        """Raises FixedMembersError, as all changes of members do here."""
        raise FixedMembersError

    async def remove_member(self, member: int) -> None:
        self._check_member(member)
        raise FixedMembersError

    async def update_member(self, member: int, peer_urls: tuple[str, ...]) -> None:  # noqa: ARG002  # as above
        self._check_member(member)
        raise FixedMembersError

    async def promote_member(self, member: int) -> None:
        self._check_member(member)
        raise MemberNotLearnerError(member)

    def _check_member(self, member: int) -> None:
        if all(each.id != member for each in self.replicas.members):
            raise MemberNotFoundError(member)

    async def move_leader(self, target: int) -> None:
        await self.replicas.move_leader(target)

    async def ready(self) -> None:
        """Until a member serves. Raises NoLeaderError when none does within the request timeout."""
        await self.replicas.reader()

    @property
    def leader(self) -> int:
        """The id of the member that serves, 0 when none does."""
        return self.replicas.leader

    async def aclose(self) -> None:
        """Everybody who waits gets StoppedError. The members are stopped by whoever runs them."""
        await self.replicas.aclose()
