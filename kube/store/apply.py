"""The state machine of one replica: a committed request in, its result out, the same on every replica.

An error that the request has earned (a lease that is gone, a revision that is compacted) is a result too. Anything else
that is raised means that the replica can't be trusted any more.
"""

from collections.abc import Callable, Generator
from typing import Any, TypeAlias

import msgspec

from kube.store.administration import Alarm, AlarmType, HashKV, MemberInfo
from kube.store.errors import (
    CompactedError,
    CorruptError,
    KeyNotFoundError,
    LeaseNotFoundError,
    NoSpaceError,
    StoreError,
)
from kube.store.key_ranges import KeyRanges
from kube.store.kv import (
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    DeleteRangeResult,
    KeyValue,
    LeaseGrant,
    OpResult,
    OptimisticResult,
    Put,
    PutResult,
    Range,
    RangeResult,
    Txn,
    TxnResult,
)
from kube.store.lease import LeaseSnapshot, Lessor
from kube.store.membership import MemberTable
from kube.store.mvcc.hashing import hash_kv
from kube.store.mvcc.kvstore import KVSnapshot, KVStore, finished, portions
from kube.store.mvcc.query import execute_range
from kube.store.mvcc.watchable import WatchableStore
from kube.store.raft.messages import ConfChange
from kube.store.requests import (
    AlarmAction,
    AlarmRequest,
    Compact,
    LeaseGrantRequest,
    LeaseRevokeRequest,
    MemberAttributes,
    OptimisticDelete,
    OptimisticPut,
    Request,
    growth,
)

Result: TypeAlias = OpResult | OptimisticResult | LeaseGrant | tuple[Alarm, ...] | None


class StateSnapshot(msgspec.Struct, frozen=True):
    """What a replica is, as the data of a raft snapshot. ``alarms`` and ``members`` sorted."""

    kv: KVSnapshot
    leases: tuple[LeaseSnapshot, ...]
    alarms: tuple[Alarm, ...] = ()
    members: tuple[MemberInfo, ...] = ()
    removed_members: tuple[int, ...] = ()


_COMPARE: dict[CompareResult, Callable[[Any, Any], bool]] = {
    CompareResult.EQUAL: lambda actual, operand: bool(actual == operand),
    CompareResult.GREATER: lambda actual, operand: bool(actual > operand),
    CompareResult.LESS: lambda actual, operand: bool(actual < operand),
    CompareResult.NOT_EQUAL: lambda actual, operand: bool(actual != operand),
}

_TARGET: dict[CompareTarget, Callable[[KeyValue], int | bytes]] = {
    CompareTarget.VERSION: lambda kv: kv.version,
    CompareTarget.CREATE: lambda kv: kv.create_revision,
    CompareTarget.MOD: lambda kv: kv.mod_revision,
    CompareTarget.VALUE: lambda kv: kv.value,
    CompareTarget.LEASE: lambda kv: kv.lease,
}

_ABSENT = KeyValue(b"", b"", 0, 0, 0, 0)


class _Plan(msgspec.Struct, frozen=True):
    """A txn whose comparisons are all decided; ``nested`` in the order of the txns among its ops."""

    succeeded: bool
    ops: tuple[Any, ...]
    nested: tuple["_Plan", ...]


class StateMachine:
    """``kv``, ``watches``, ``lessor`` and ``alarms`` are for reading; only ``apply`` changes what they hold.

    ``members``: who belongs to the store, where members are in processes of their own; empty elsewhere. Part of the snapshot.
    """

    __slots__ = ("_appliers", "_unarmed", "alarms", "kv", "lessor", "members", "watches")

    def __init__(self, now: Callable[[], float], min_lease_ttl: int = 1) -> None:
        """``now`` is for the leases of a leader, see ``Lessor``."""
        self.kv = KVStore()
        self.lessor = Lessor(now, min_lease_ttl)
        self.watches = WatchableStore(self.kv)
        self.alarms: tuple[Alarm, ...] = ()
        """Those that are raised, sorted."""
        self.members = MemberTable()
        self._unarmed: dict[type, Callable[[Any], Result]] = {
            Put: self._apply_put,
            OptimisticPut: self._optimistic_put,
            OptimisticDelete: self._optimistic_delete,
            DeleteRange: self._apply_delete_range,
            Txn: self._txn,
            Compact: self._compact,
            LeaseGrantRequest: self._lease_grant,
            LeaseRevokeRequest: self._lease_revoke,
            AlarmRequest: self._alarm,
            MemberAttributes: self._member_attributes,
        }
        self._appliers = self._unarmed

    def apply(self, request: object) -> Result | StoreError:
        try:
            return self._appliers[type(request)](request)
        except StoreError as error:
            return error

    # ---- single ops

    def _apply_put(self, op: Put) -> PutResult:
        kv = self.kv
        if op.lease or op.ignore_value or op.ignore_lease:
            self._check_put(op)
            kv.revision += 1
            return self._put(op)
        revision = kv.revision = kv.revision + 1
        prev = kv.put(op.key, op.value, 0)
        if prev is not None and prev.lease:
            self.lessor.detach(prev.lease, op.key)
        return PutResult(revision, prev if op.prev_kv else None)

    def _apply_delete_range(self, op: DeleteRange) -> DeleteRangeResult:
        keys = self.kv.keys(op.key, op.range_end)
        if keys:
            self.kv.revision += 1
        return self._delete(keys, prev_kv=op.prev_kv)

    def _optimistic_put(self, op: OptimisticPut) -> OptimisticResult:
        kv = self.kv
        current = kv.live.get(op.key)
        if (0 if current is None else current.mod_revision) != op.mod_revision:
            return OptimisticResult(False, kv.revision, current)
        lease = op.lease
        if lease and lease not in self.lessor:
            raise LeaseNotFoundError(lease)
        revision = kv.revision = kv.revision + 1
        prev = kv.put(op.key, op.value, lease)
        if lease or (prev is not None and prev.lease):
            self._attach(op.key, prev, lease)
        return OptimisticResult(True, revision)

    def _optimistic_delete(self, op: OptimisticDelete) -> OptimisticResult:
        kv = self.kv
        current = kv.live.get(op.key)
        if current is None or current.mod_revision != op.mod_revision:
            return OptimisticResult(False, kv.revision, current)
        kv.revision += 1
        self._delete([op.key], prev_kv=False)
        return OptimisticResult(True, kv.revision)

    # ---- writes within a revision that is open

    def _put(self, op: Put) -> PutResult:
        kv = self.kv
        value, lease = op.value, op.lease
        if op.ignore_value:
            value = kv.live[op.key].value
        if op.ignore_lease:
            lease = kv.live[op.key].lease
        prev = kv.put(op.key, value, lease)
        if lease or (prev is not None and prev.lease):
            self._attach(op.key, prev, lease)
        return PutResult(kv.revision, prev if op.prev_kv else None)

    def _attach(self, key: bytes, prev: KeyValue | None, lease: int) -> None:
        if prev is not None and prev.lease and prev.lease != lease:
            self.lessor.detach(prev.lease, key)
        if lease:
            self.lessor.attach(lease, key)

    def _delete(self, keys: list[bytes], *, prev_kv: bool) -> DeleteRangeResult:
        kv = self.kv
        prevs: list[KeyValue] = []
        for key in keys:
            prev = kv.delete(key)
            if prev is not None:
                if prev.lease:
                    self.lessor.detach(prev.lease, key)
                prevs.append(prev)
        return DeleteRangeResult(len(prevs), kv.revision, tuple(prevs) if prev_kv else ())

    def _check_put(self, op: Put) -> None:
        """Raises LeaseNotFoundError, KeyNotFoundError."""
        self._check_lease(op.lease)
        self._check_kept(op)

    def _check_lease(self, lease: int) -> None:
        if lease and lease not in self.lessor:
            raise LeaseNotFoundError(lease)

    def _check_kept(self, op: Put) -> None:
        if (op.ignore_value or op.ignore_lease) and op.key not in self.kv.live:
            raise KeyNotFoundError(op.key)

    # ---- txns: decide, check, then do, so that a txn that fails has done nothing

    def _txn(self, txn: Txn) -> TxnResult:
        plan = self._plan(txn)
        self._check_plan(plan)
        return self._execute(plan, self.kv.revision)

    def read_txn(self, txn: Txn) -> TxnResult:
        """A txn without writes, which needs no place in the log. Raises what its ranges raise."""
        return self._txn(txn)

    def _plan(self, txn: Txn) -> _Plan:
        succeeded = all(self._holds(compare) for compare in txn.compares)
        ops = txn.success if succeeded else txn.failure
        return _Plan(succeeded, ops, tuple(self._plan(op) for op in ops if isinstance(op, Txn)))

    def _holds(self, compare: Compare) -> bool:
        kvs = self.kv.range(compare.key, compare.range_end)
        if not kvs:
            if compare.target is CompareTarget.VALUE:
                return False
            kvs = [_ABSENT]
        target, holds = _TARGET[compare.target], _COMPARE[compare.result]
        return all(holds(target(kv), compare.operand) for kv in kvs)

    def _check_plan(self, plan: _Plan) -> None:
        """In etcd's order, which decides what of several errors is told: all puts, then all ranges."""
        self._check_puts(plan, KeyRanges())
        self._check_ranges(plan)

    def _check_puts(self, plan: _Plan, deleted: KeyRanges) -> None:
        """``deleted``: what the txn deletes before. There is nothing to keep of that (which etcd finds too late, and crashes)."""
        nested = iter(plan.nested)
        for op in plan.ops:
            if isinstance(op, Put):
                self._check_kept(op)
                self._check_lease(op.lease)
                if (op.ignore_value or op.ignore_lease) and op.key in deleted:
                    raise KeyNotFoundError(op.key)
            elif isinstance(op, DeleteRange):
                deleted.add(op.key, op.range_end)
            elif isinstance(op, Txn):
                self._check_puts(next(nested), deleted)

    def _check_ranges(self, plan: _Plan) -> None:
        compacted = self.kv.compact_revision
        nested = iter(plan.nested)
        for op in plan.ops:
            if isinstance(op, Range):
                if op.revision < 0 and op.revision < compacted:
                    raise CompactedError(op.revision, compacted)  # outside of a txn it means now
                self.kv.check_revision(op.revision)
            elif isinstance(op, Txn):
                self._check_ranges(next(nested))

    def _execute(self, plan: _Plan, before: int) -> TxnResult:
        """``before``: the revision before the txn; its first write opens the next one."""
        kv = self.kv
        nested = iter(plan.nested)
        responses: list[OpResult] = []
        for op in plan.ops:
            if isinstance(op, Put):
                kv.revision = before + 1
                responses.append(self._put(op))
            elif isinstance(op, DeleteRange):
                keys = kv.keys(op.key, op.range_end)
                if keys:
                    kv.revision = before + 1
                responses.append(self._delete(keys, prev_kv=op.prev_kv))
            elif isinstance(op, Range):
                responses.append(execute_range(kv, op))
            else:
                responses.append(self._execute(next(nested), before))
        return TxnResult(plan.succeeded, kv.revision, tuple(responses))

    # ---- the rest of the log

    def _compact(self, request: Compact) -> None:
        self.kv.compact(request.revision)

    def _lease_grant(self, request: LeaseGrantRequest) -> LeaseGrant:
        lease = self.lessor.grant(request.id, request.ttl)
        return LeaseGrant(lease.id, lease.ttl)

    def _lease_revoke(self, request: LeaseRevokeRequest) -> None:
        keys = self.lessor.revoke(request.id)
        if keys:
            self.kv.revision += 1
            self._delete(keys, prev_kv=False)

    # ---- members

    def change_members(self, change: ConfChange) -> tuple[MemberInfo, ...] | StoreError:
        """The members after ``change``, or why it is refused; then raft must not make it either (``membership.refused``)."""
        try:
            self.members = self.members.changed(change)
        except StoreError as error:
            return error
        return self.members.members

    def _member_attributes(self, request: MemberAttributes) -> None:
        self.members = self.members.published(request.id, request.name, request.client_urls)

    # ---- alarms

    def _alarm(self, request: AlarmRequest) -> tuple[Alarm, ...]:
        """The alarms that were activated or deactivated."""
        wanted = request.alarm
        if request.action is AlarmAction.ACTIVATE:
            if wanted not in self.alarms:
                self._arm((*self.alarms, wanted))
            return (wanted,)
        disarmed = tuple(
            alarm
            for alarm in self.alarms
            if wanted.member in {0, alarm.member} and wanted.type in {AlarmType.NONE, alarm.type}
        )
        self._arm(tuple(alarm for alarm in self.alarms if alarm not in disarmed))
        return disarmed

    def _arm(self, alarms: tuple[Alarm, ...]) -> None:
        """From now on requests are applied as ``alarms`` demand: etcd's applierV3Capped and applierV3Corrupt."""
        self.alarms = tuple(sorted(alarms))
        raised = {alarm.type for alarm in alarms}
        self._appliers = self._unarmed
        if AlarmType.CORRUPT in raised:
            self._appliers = dict.fromkeys(self._unarmed, self._refuse_corrupt)
            self._appliers |= {AlarmRequest: self._alarm, MemberAttributes: self._member_attributes}
        elif AlarmType.NOSPACE in raised:
            self._appliers = dict(self._unarmed)
            for growing in (Put, OptimisticPut, Txn, LeaseGrantRequest):
                self._appliers[growing] = self._capped

    def _refuse_corrupt(self, _: object) -> Result:
        raise CorruptError(self.corruption)

    def _capped(self, request: Put | OptimisticPut | Txn | LeaseGrantRequest) -> Result:
        if growth(request):
            raise NoSpaceError
        return self._unarmed[type(request)](request)

    @property
    def corruption(self) -> str:
        """Which members are told to disagree with the others; empty when none is."""
        return ", ".join(
            f"member {alarm.member:x} differs from the others" if alarm.member else "members differ"
            for alarm in self.alarms
            if alarm.type is AlarmType.CORRUPT
        )

    def over_quota(self, request: Request, quota_bytes: float) -> bool:
        """Whether the request may add to the key space, and that would bring it to ``quota_bytes``."""
        added = growth(request)
        return bool(added) and self.kv.size + added >= quota_bytes

    # ---- reads

    def hash_kv(self, revision: int = 0) -> HashKV:
        """Of the whole key space in one turn; ``KeySpaceHash`` makes it in portions. Raises CompactedError, FutureRevisionError."""
        return hash_kv(self.kv, revision)

    def range(self, request: Range) -> RangeResult:
        """Raises CompactedError, FutureRevisionError."""
        return execute_range(self.kv, request)

    # ---- snapshots

    def snapshot(self) -> StateSnapshot:
        return StateSnapshot(
            self.kv.snapshot(),
            self.lessor.snapshot(),
            self.alarms,
            self.members.members,
            self.members.removed,
        )

    @classmethod
    def restore(
        cls, snapshot: StateSnapshot, now: Callable[[], float], min_lease_ttl: int = 1
    ) -> "StateMachine":
        whole = len(snapshot.kv.bases) + len(snapshot.kv.changes) + 1
        return finished(cls.restoring(snapshot, now, min_lease_ttl, portion=whole))

    @classmethod
    def restoring(
        cls, snapshot: StateSnapshot, now: Callable[[], float], min_lease_ttl: int, *, portion: int
    ) -> Generator[None, None, "StateMachine"]:
        """``restore`` in steps of so many key values."""
        machine = cls(now, min_lease_ttl)
        machine.kv = yield from KVStore.restoring(snapshot.kv, portion)
        machine.watches = WatchableStore(machine.kv)
        machine.lessor.restore(snapshot.leases)
        machine.members = MemberTable(snapshot.members, snapshot.removed_members)
        machine._arm(snapshot.alarms)
        for kvs in portions(machine.kv.live.values(), portion):
            for kv in kvs:
                if kv.lease:
                    machine.lessor.attach(kv.lease, kv.key)
            yield
        return machine
