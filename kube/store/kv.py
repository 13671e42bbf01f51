r"""The protocols that everything above the store codes against: etcd v3's semantics as Python types.

Source of the semantics: etcd's API reference (``KV``, ``Watch``, ``Lease``, ``Maintenance`` services) and,
for the optimistic requests, the ``Interface`` of etcd's ``client/v3/kubernetes`` package. Keys and values are
bytes, revisions are ints that start at 1 (an empty store), a lease of 0 is none, an empty ``range_end`` means the one key,
``b"\0"`` means every key from ``key`` on. Errors are in ``kube.store.errors``. What only whoever runs a store asks of it is in
``kube.store.administration``.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Protocol, TypeAlias, runtime_checkable

import msgspec

from kube.store.errors import StoreError

ALL_KEYS_END = b"\0"
MAX_REQUEST_BYTES = 1536 * 1024
"""etcd's --max-request-bytes."""
MAX_TXN_OPS = 128
"""etcd's --max-txn-ops."""


def prefix_end(prefix: bytes) -> bytes:
    """The ``range_end`` under which a range from ``prefix`` holds exactly the keys that start with it.

    >>> prefix_end(b"/registry/pods/")
    b'/registry/pods0'
    """
    end = prefix.rstrip(b"\xff")
    if not end:
        return ALL_KEYS_END
    return end[:-1] + bytes((end[-1] + 1,))


# ---- data -------------------------------------------------------------------------------------------------


class KeyValue(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One version of a key. ``version`` counts the puts since the key was created, from 1.

    In an event of type DELETE only ``key`` and ``mod_revision`` (the deletion's) are set.
    """

    # gc=False here and below: bytes, numbers and tuples of such can't be part of a cycle, and there are many of them.

    key: bytes
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    lease: int


class EventType(IntEnum):
    PUT = 0
    DELETE = 1


class Event(msgspec.Struct, frozen=True):
    """A change of one key.

    ``prev_kv`` is what the key held before; it is always there for events of this process unless it was
    compacted or the key was absent, so a watch without ``prev_kv`` may see it too.
    ``note`` is what the writer left with its put, when writer and watcher share a process and the event is live
    (not read back from history); else None. It is never part of the log.
    """

    type: EventType
    kv: KeyValue
    prev_kv: KeyValue | None = None
    note: object | None = None

    @property
    def is_create(self) -> bool:
        return self.type is EventType.PUT and self.kv.create_revision == self.kv.mod_revision


class SortOrder(IntEnum):
    NONE = 0
    ASCEND = 1
    DESCEND = 2


class SortTarget(IntEnum):
    KEY = 0
    VERSION = 1
    CREATE = 2
    MOD = 3
    VALUE = 4


class CompareResult(IntEnum):
    EQUAL = 0
    GREATER = 1
    LESS = 2
    NOT_EQUAL = 3


class CompareTarget(IntEnum):
    VERSION = 0
    CREATE = 1
    MOD = 2
    VALUE = 3
    LEASE = 4


# ---- requests ---------------------------------------------------------------------------------------------


class Range(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    """Keys in [key, range_end), as of ``revision`` (0: now). Without a sort order they come sorted by key."""

    key: bytes
    range_end: bytes = b""
    revision: int = 0
    limit: int = 0
    keys_only: bool = False
    count_only: bool = False
    sort_order: SortOrder = SortOrder.NONE
    sort_target: SortTarget = SortTarget.KEY
    min_mod_revision: int = 0
    max_mod_revision: int = 0
    min_create_revision: int = 0
    max_create_revision: int = 0


class Put(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """``ignore_value`` and ``ignore_lease`` keep what the key has; both need the key to exist.

    ``note``: any object of this process, handed to the watches of this process with the put's event.

    It is dropped as soon as the event is dispatched or the request has failed; it never enters the log.
    """

    key: bytes
    value: bytes
    lease: int = 0
    prev_kv: bool = False
    ignore_value: bool = False
    ignore_lease: bool = False
    note: object | None = None


class DeleteRange(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    key: bytes
    range_end: bytes = b""
    prev_kv: bool = False


class Compare(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """``operand``: bytes for the target VALUE, an int for the others. With ``range_end``: true of all in range.

    A key that is absent has version, create and mod revision and lease 0, and no comparison of its VALUE holds.
    """

    key: bytes
    target: CompareTarget
    result: CompareResult
    operand: int | bytes
    range_end: bytes = b""


class Txn(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """If all ``compares`` hold then ``success`` else ``failure``, atomically, in at most one revision."""

    compares: tuple[Compare, ...] = ()
    success: "tuple[Op, ...]" = ()
    failure: "tuple[Op, ...]" = ()


Op: TypeAlias = Range | Put | DeleteRange | Txn


def optimistic_put_txn(
    key: bytes, value: bytes, mod_revision: int, lease: int = 0, note: object | None = None
) -> Txn:
    """The txn that ``KV.optimistic_put`` stands for, for stores that know only txns."""
    return Txn(
        (Compare(key, CompareTarget.MOD, CompareResult.EQUAL, mod_revision),),
        (Put(key, value, lease, note=note),),
        (Range(key),),
    )


def optimistic_delete_txn(key: bytes, mod_revision: int) -> Txn:
    """The txn that ``KV.optimistic_delete`` stands for, for stores that know only txns."""
    return Txn(
        (Compare(key, CompareTarget.MOD, CompareResult.EQUAL, mod_revision),),
        (DeleteRange(key),),
        (Range(key),),
    )


# ---- results ----------------------------------------------------------------------------------------------
# ``revision`` of a result is the store's revision when the request took effect: for a write, its own.


class RangeResult(msgspec.Struct, frozen=True, gc=False):
    """``count``: all keys in range, whatever the limit. ``more``: the limit cut the answer.

    With ``keys_only`` the values are empty; with ``count_only`` there are no ``kvs``.
    """

    kvs: tuple[KeyValue, ...]
    count: int
    more: bool
    revision: int


class PutResult(msgspec.Struct, frozen=True, gc=False):
    revision: int
    prev_kv: KeyValue | None = None


class DeleteRangeResult(msgspec.Struct, frozen=True, gc=False):
    deleted: int
    revision: int
    prev_kvs: tuple[KeyValue, ...] = ()


class TxnResult(msgspec.Struct, frozen=True, gc=False):
    """One response for each op of the branch taken."""

    succeeded: bool
    revision: int
    responses: "tuple[OpResult, ...]"


OpResult: TypeAlias = RangeResult | PutResult | DeleteRangeResult | TxnResult


class OptimisticResult(msgspec.Struct, frozen=True, gc=False):
    """``kv``: when not succeeded, what the key holds now, None when it is absent."""

    succeeded: bool
    revision: int
    kv: KeyValue | None = None


class LeaseGrant(msgspec.Struct, frozen=True, gc=False):
    """``ttl`` in seconds."""

    id: int
    ttl: int


class LeaseStatus(msgspec.Struct, frozen=True, gc=False):
    """``ttl``: seconds left; ``granted_ttl``: seconds as granted; ``keys`` only when asked for, sorted."""

    id: int
    ttl: float
    granted_ttl: int
    keys: tuple[bytes, ...] = ()


class StoreStatus(msgspec.Struct, frozen=True):
    """What etcd's Maintenance.Status answers, and the oldest readable revision.

    ``db_size``: bytes of keys and values with their history; ``db_size_in_use``: of the live keys alone.
    ``leader`` is a member id, 0 when there is none. ``errors``: alarms, and what else is wrong with the member, in words.
    """

    member: int
    members: tuple[int, ...]
    leader: int
    raft_term: int
    raft_index: int
    raft_applied_index: int
    revision: int
    compact_revision: int
    keys: int
    db_size: int
    db_size_in_use: int
    is_learner: bool = False
    errors: tuple[str, ...] = ()


# ---- watches ----------------------------------------------------------------------------------------------


class WatchFilter(IntEnum):
    """Event types that a watch does not want."""

    NOPUT = 0
    NODELETE = 1

    @property
    def unwanted(self) -> EventType:
        return EventType.PUT if self is WatchFilter.NOPUT else EventType.DELETE


class WatchBatch(msgspec.Struct, frozen=True):
    """Events in order of revision; those of one revision are never split over two batches.

    ``revision``: every event of this watch up to and including it has been delivered, with this batch. A batch
    without events is progress (a bookmark). ``error``: set on the last batch that a sink gets, unless the
    watch was ended by ``cancel``; CompactedError and SlowWatcherError say where to go on.
    """

    events: tuple[Event, ...]
    revision: int
    error: StoreError | None = None


WatchSink: TypeAlias = Callable[[WatchBatch], None]
"""Called in the turn in which a revision is applied, before the writer's await returns. It must not
block or await, and what it raises ends its watch (with a log line), never the store's work."""


class WatchStream(Protocol):
    """One watch. Ordered, unique, reliable, atomic, over leader changes too."""

    async def next(self) -> WatchBatch:
        """Everything that has arrived since the last call, else the next to arrive. One caller at a time.

        Raises CompactedError, SlowWatcherError, WatchCanceledError (after ``cancel``) or StoppedError; after that
        the stream is over. Not to be called on a watch that has a sink.
        """
        ...

    def request_progress(self) -> None:
        """Ask for a batch without events that carries the revision up to which this watch is complete.

        In process it is answered at once, before this call returns when the watch has a sink.
        """
        ...

    def cancel(self) -> None:
        """End the watch; nothing is delivered after this call. Idempotent."""
        ...


class Watcher(Protocol):
    async def watch(
        self,
        key: bytes,
        range_end: bytes = b"",
        start_revision: int = 0,
        *,
        prev_kv: bool = False,
        progress_notify: bool = False,
        filters: tuple[WatchFilter, ...] = (),
        sink: WatchSink | None = None,
        patient: bool = False,
    ) -> WatchStream:
        """Watch [key, range_end) from ``start_revision`` on, inclusive; 0 means what comes after this call.

        A start below the compacted revision gives a stream (or sink) whose first answer is CompactedError; one in
        the future waits for that revision. With ``sink`` the batches are pushed into it, those of the history
        before this call returns when the store is in this process. ``patient``: where many watch the same range, this sink may be
        served a few turns of the loop later, so that writers need not wait until all are. ``progress_notify``: a batch without events
        at least every 10 s in which nothing else was delivered.
        """
        ...


# ---- services ---------------------------------------------------------------------------------------------


class KV(Protocol):
    """Strictly serializable; one revision per write request that changes anything.

    A write that raises an error with ``maybe_applied`` may have taken effect; any other error means it did not.
    """

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
        """``serializable`` reads what a member holds, which may be stale; else the read is linearizable.

        Raises CompactedError, FutureRevisionError, EmptyKeyError.
        """
        ...

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
        """Raises EmptyKeyError, LeaseNotFoundError, RequestTooLargeError; to ignore: KeyNotFoundError,
        ValueProvidedError, LeaseProvidedError.
        """
        ...

    async def delete_range(
        self, key: bytes, range_end: bytes = b"", *, prev_kv: bool = False
    ) -> DeleteRangeResult: ...

    async def txn(self, txn: Txn) -> TxnResult:
        """Raises DuplicateKeyError, TooManyOpsError, and what its ops raise; then nothing of it is done."""
        ...

    async def optimistic_put(
        self, key: bytes, value: bytes, mod_revision: int, lease: int = 0, *, note: object | None = None
    ) -> OptimisticResult:
        """Put if the key's mod revision is ``mod_revision``; 0 means create if absent.

        The same as ``txn(optimistic_put_txn(...))`` for a fraction of its cost.
        """
        ...

    async def optimistic_delete(self, key: bytes, mod_revision: int) -> OptimisticResult:
        """Delete if the key's mod revision is ``mod_revision``, which must not be 0."""
        ...

    async def compact(self, revision: int) -> None:
        """Drop history below ``revision``: reads at it and watches from it on still work, older ones are refused.

        Raises CompactedError when that is done already, FutureRevisionError.
        """
        ...

    async def current_revision(self) -> int:
        """The store's revision, linearizable: at least that of every write acknowledged before the call."""
        ...


class Leases(Protocol):
    async def grant(self, ttl: int, lease: int = 0) -> LeaseGrant:
        """``ttl`` in seconds; a lease id of 0 lets the store choose one.

        Raises LeaseExistsError, LeaseTTLTooLargeError.
        """
        ...

    async def revoke(self, lease: int) -> None:
        """Delete the lease's keys, in one revision, and the lease. Raises LeaseNotFoundError."""
        ...

    async def keep_alive(self, lease: int) -> LeaseGrant:
        """Renew by the ttl granted. Raises LeaseNotFoundError."""
        ...

    async def time_to_live(self, lease: int, *, keys: bool = False) -> LeaseStatus:
        """Raises LeaseNotFoundError."""
        ...

    async def leases(self) -> tuple[int, ...]:
        """The ids of all leases, sorted."""
        ...


class Maintenance(Protocol):
    async def status(self) -> StoreStatus: ...


@runtime_checkable
class Store(KV, Watcher, Leases, Maintenance, Protocol):
    """The whole of what the API server is given."""
