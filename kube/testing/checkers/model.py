"""etcd's key space by the book: what each request must answer, and what it must change. Slow, short, and independent of ``kube.store.mvcc``.

Source of the semantics: etcd's API reference and the model of its robustness tests. Only the types of ``kube.store.kv`` are shared.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from kube.store.errors import (
    CompactedError,
    FutureRevisionError,
    KeyNotFoundError,
    LeaseExistsError,
    LeaseNotFoundError,
    StoreError,
)
from kube.store.kv import (
    ALL_KEYS_END,
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    DeleteRangeResult,
    Event,
    EventType,
    KeyValue,
    LeaseGrant,
    OpResult,
    OptimisticResult,
    Put,
    PutResult,
    Range,
    RangeResult,
    SortOrder,
    SortTarget,
    Txn,
    TxnResult,
)
from kube.store.requests import (
    Compact,
    LeaseGrantRequest,
    LeaseRevokeRequest,
    OptimisticDelete,
    OptimisticPut,
)

Answer: TypeAlias = OpResult | OptimisticResult | LeaseGrant | None


def in_range(key: bytes, start: bytes, end: bytes) -> bool:
    return key == start if not end else start <= key and (end == ALL_KEYS_END or key < end)


class State(Struct):
    """The key space after some request. Whoever changes it has made it, by ``copy``: earlier ones stay as they were."""

    revision: int = 1
    compact_revision: int = -1
    keys: dict[bytes, KeyValue] = field(default_factory=dict)
    leases: dict[int, int] = field(default_factory=dict)
    """Seconds granted, by id."""
    changes: int = 0
    """How many requests have changed something so far, with a revision or without."""

    def copy(self) -> "State":
        return State(
            self.revision, self.compact_revision, dict(self.keys), dict(self.leases), self.changes + 1
        )

    def fingerprint(self) -> tuple[object, ...]:
        """Equal for states in which every later request is answered alike."""
        keys = tuple([(key, kv.mod_revision) for key, kv in sorted(self.keys.items())])
        return self.changes, self.revision, self.compact_revision, keys, tuple(sorted(self.leases))


_SORT: dict[SortTarget, Callable[[KeyValue], Any]] = {
    SortTarget.KEY: lambda kv: kv.key,
    SortTarget.VERSION: lambda kv: kv.version,
    SortTarget.CREATE: lambda kv: kv.create_revision,
    SortTarget.MOD: lambda kv: kv.mod_revision,
    SortTarget.VALUE: lambda kv: kv.value,
}

_HOLDS: dict[CompareResult, Callable[[Any, Any], bool]] = {
    CompareResult.EQUAL: lambda actual, operand: bool(actual == operand),
    CompareResult.GREATER: lambda actual, operand: bool(actual > operand),
    CompareResult.LESS: lambda actual, operand: bool(actual < operand),
    CompareResult.NOT_EQUAL: lambda actual, operand: bool(actual != operand),
}

_COMPARED: dict[CompareTarget, Callable[[KeyValue], int | bytes]] = {
    CompareTarget.VERSION: lambda kv: kv.version,
    CompareTarget.CREATE: lambda kv: kv.create_revision,
    CompareTarget.MOD: lambda kv: kv.mod_revision,
    CompareTarget.VALUE: lambda kv: kv.value,
    CompareTarget.LEASE: lambda kv: kv.lease,
}


def read(state: State, request: Range, *, now: int = 0) -> RangeResult:
    """The answer to a range over ``state``; ``now`` is the store's revision where the state is an older one.

    ``revision`` of the request is the caller's to look at. ``count`` is that of the range, before filters and limit.
    """
    kvs = [kv for key, kv in sorted(state.keys.items()) if in_range(key, request.key, request.range_end)]
    revision = now or state.revision
    count = len(kvs)
    if request.count_only:
        return RangeResult((), count, False, revision)
    bounds: tuple[tuple[int, int, Callable[[KeyValue], int]], ...] = (
        (request.min_mod_revision, request.max_mod_revision, lambda kv: kv.mod_revision),
        (request.min_create_revision, request.max_create_revision, lambda kv: kv.create_revision),
    )
    for low, high, of in bounds:
        kvs = [kv for kv in kvs if of(kv) >= low and (not high or of(kv) <= high)]
    more = 0 < request.limit < len(kvs)
    if more and request.sort_order is SortOrder.NONE and not any(low or high for low, high, _ in bounds):
        kvs = kvs[: request.limit + 1]  # etcd fetches no more than that, and sorts then
    if request.sort_order is not SortOrder.NONE or request.sort_target is not SortTarget.KEY:
        kvs.sort(key=_SORT[request.sort_target], reverse=request.sort_order is SortOrder.DESCEND)
    if more:
        kvs = kvs[: request.limit]
    if request.keys_only:
        kvs = [replace(kv, value=b"") for kv in kvs]
    return RangeResult(tuple(kvs), count, more, revision)


class Step:
    """One request on its way through a state: what it answers and the events it makes."""

    def __init__(self, before: State, past: Callable[[int], State]) -> None:
        self.before = before
        self._past = past
        self.state = before
        self.events: list[Event] = []

    def run(self, request: object) -> Answer | StoreError:
        """The answer; ``state`` is the next one then. A request that is refused has changed nothing."""
        try:
            return _STEPS[type(request)](self, request)
        except StoreError as error:
            self.state, self.events = self.before, []
            return error

    # ---- changes

    def _open(self) -> State:
        """The state that may be changed."""
        if self.state is self.before:
            self.state = self.before.copy()
        return self.state

    def _write(self, key: bytes, value: bytes, lease: int) -> KeyValue | None:
        state = self._open()
        if lease and lease not in state.leases:
            raise LeaseNotFoundError(lease)
        revision = state.revision = self.before.revision + 1
        prev = state.keys.get(key)
        if prev is None:
            kv = KeyValue(key, value, revision, revision, 1, lease)
        else:
            kv = KeyValue(key, value, prev.create_revision, revision, prev.version + 1, lease)
        state.keys[key] = kv
        self.events.append(Event(EventType.PUT, kv, prev))
        return prev

    def _erase(self, keys: Iterable[bytes]) -> tuple[KeyValue, ...]:
        gone: list[KeyValue] = []
        for key in keys:
            state = self._open()
            state.revision = self.before.revision + 1
            prev = state.keys.pop(key)
            gone.append(prev)
            self.events.append(Event(EventType.DELETE, KeyValue(key, b"", 0, state.revision, 0, 0), prev))
        return tuple(gone)

    # ---- requests

    def put(self, op: Put) -> PutResult:
        if op.lease and op.lease not in self.state.leases:
            raise LeaseNotFoundError(op.lease)
        held = self.state.keys.get(op.key)
        if held is None and (op.ignore_value or op.ignore_lease):
            raise KeyNotFoundError(op.key)
        value = held.value if held is not None and op.ignore_value else op.value
        lease = held.lease if held is not None and op.ignore_lease else op.lease
        prev = self._write(op.key, value, lease)
        return PutResult(self.state.revision, prev if op.prev_kv else None)

    def delete_range(self, op: DeleteRange) -> DeleteRangeResult:
        keys = [key for key in sorted(self.state.keys) if in_range(key, op.key, op.range_end)]
        gone = self._erase(keys)
        return DeleteRangeResult(len(gone), self.state.revision, gone if op.prev_kv else ())

    def range(self, op: Range) -> RangeResult:
        check_revision(self.state, op.revision)
        if 0 < op.revision < self.state.revision:
            return read(self._past(op.revision), op, now=self.state.revision)
        return read(self.state, op)

    def txn(self, op: Txn) -> TxnResult:
        succeeded, ops = self._decide(op)
        return self._execute(op, succeeded, ops)

    def _decide(self, op: Txn) -> tuple[bool, dict[int, Any]]:
        """All comparisons, nested ones too, look at the state before the txn."""
        succeeded = all(self._holds(compare) for compare in op.compares)
        branch = op.success if succeeded else op.failure
        return succeeded, {at: self._decide(each) for at, each in enumerate(branch) if isinstance(each, Txn)}

    def _execute(self, op: Txn, succeeded: bool, nested: dict[int, Any]) -> TxnResult:
        responses: list[OpResult] = []
        for at, each in enumerate(op.success if succeeded else op.failure):
            if isinstance(each, Txn):
                responses.append(self._execute(each, *nested[at]))
            elif isinstance(each, Put):
                responses.append(self.put(each))
            elif isinstance(each, DeleteRange):
                responses.append(self.delete_range(each))
            else:
                responses.append(self.range(each))
        return TxnResult(succeeded, self.state.revision, tuple(responses))

    def _holds(self, compare: Compare) -> bool:
        keys = self.before.keys
        found = [kv for key, kv in keys.items() if in_range(key, compare.key, compare.range_end)]
        if not found:
            if compare.target is CompareTarget.VALUE:
                return False
            found = [KeyValue(b"", b"", 0, 0, 0, 0)]
        holds, of = _HOLDS[compare.result], _COMPARED[compare.target]
        return all(holds(of(kv), compare.operand) for kv in found)

    def optimistic_put(self, op: OptimisticPut) -> OptimisticResult:
        held = self.state.keys.get(op.key)
        if (held.mod_revision if held is not None else 0) != op.mod_revision:
            return OptimisticResult(False, self.state.revision, held)
        self._write(op.key, op.value, op.lease)
        return OptimisticResult(True, self.state.revision)

    def optimistic_delete(self, op: OptimisticDelete) -> OptimisticResult:
        held = self.state.keys.get(op.key)
        if held is None or held.mod_revision != op.mod_revision:
            return OptimisticResult(False, self.state.revision, held)
        self._erase([op.key])
        return OptimisticResult(True, self.state.revision)

    def compact(self, op: Compact) -> None:
        state = self.state
        if op.revision <= state.compact_revision:
            raise CompactedError(op.revision, state.compact_revision)
        if op.revision > state.revision:
            raise FutureRevisionError(op.revision, state.revision)
        self._open().compact_revision = op.revision

    def grant(self, op: LeaseGrantRequest) -> LeaseGrant:
        if op.id in self.state.leases:
            raise LeaseExistsError(op.id)
        self._open().leases[op.id] = op.ttl
        return LeaseGrant(op.id, op.ttl)

    def revoke(self, op: LeaseRevokeRequest) -> None:
        if op.id not in self.state.leases:
            raise LeaseNotFoundError(op.id)
        del self._open().leases[op.id]
        self._erase(key for key, kv in sorted(self.state.keys.items()) if kv.lease == op.id)


def check_revision(state: State, revision: int) -> None:
    """Raises CompactedError or FutureRevisionError for a revision that can't be read."""
    if revision > state.revision:
        raise FutureRevisionError(revision, state.revision)
    if 0 < revision < state.compact_revision:
        raise CompactedError(revision, state.compact_revision)


_STEPS: dict[type, Callable[[Step, Any], Answer]] = {
    Put: Step.put,
    DeleteRange: Step.delete_range,
    Range: Step.range,
    Txn: Step.txn,
    OptimisticPut: Step.optimistic_put,
    OptimisticDelete: Step.optimistic_delete,
    Compact: Step.compact,
    LeaseGrantRequest: Step.grant,
    LeaseRevokeRequest: Step.revoke,
}


def knows(request: object) -> bool:
    """Whether the request concerns the key space: entries of raft's own and of the cluster's make-up do not."""
    return type(request) in _STEPS


def _no_past(revision: int) -> State:
    raise LookupError(f"nobody kept the state of revision {revision}")


def step(
    state: State, request: object, past: Callable[[int], State] = _no_past
) -> tuple[Answer | StoreError, State, list[Event]]:
    """What ``request`` answers, the state after it, and its events; ``state`` itself stays as it is.

    ``past`` gives the state as of an older revision, which ranges may ask for.
    """
    one = Step(state, past)
    answer = one.run(request)
    return answer, one.state, one.events


def same_answer(expected: object, actual: object) -> bool:
    """Errors are equal when their kind and their data are."""
    if isinstance(expected, StoreError):
        return type(expected) is type(actual) and vars(expected) == vars(actual)
    return expected == actual
