"""A real etcd as ``kv.py``'s store."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kube.base.clock import Clock
from kube.store.errors import EmptyKeyError, FutureRevisionError, LeaseNotFoundError
from kube.store.etcd3.administration import Administrator
from kube.store.etcd3.client import CLUSTER, KV, LEASE, MAINTENANCE, Client
from kube.store.etcd3.config import Etcd3Config
from kube.store.etcd3.convert import Converter
from kube.store.etcd3.errors import Asked
from kube.store.etcd3.leases import KeepAlives
from kube.store.etcd3.notes import Note, Notes
from kube.store.etcd3.watches import Watches
from kube.store.etcdpb import messages
from kube.store.kv import (
    DeleteRange,
    DeleteRangeResult,
    LeaseGrant,
    LeaseStatus,
    Op,
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
    optimistic_delete_txn,
    optimistic_put_txn,
)
from kube.store.requests import check_txn, has_writes, size_of

_LAST_REVISION = (1 << 63) - 1


class Etcd3Store(Administrator):
    """Implements ``administration.AdministeredStore``. Beside the errors of ``kv.py``'s methods each may raise those of ``etcd3.errors``.

    Errors repeat what etcd says of them and no more: a CompactedError of a range knows the compact revision only where a watch
    or a compaction of this client has told it.
    """

    def __init__(self, config: Etcd3Config, clock: Clock) -> None:
        """On a running loop; connects when it is first asked. Raises EtcdURLError for certificates that can't be read."""
        super().__init__(Client(config, clock))
        self.config = config
        self._convert = Converter(config.prefix)
        self._notes = Notes()
        self._watches = Watches(self._client, self._convert, self._notes, clock)
        self._keep_alives = KeepAlives(self._client, clock)

    async def ready(self) -> None:
        """Raises StoreError when no endpoint answers within the request timeout."""
        await self._client.current_revision()

    async def aclose(self) -> None:
        """Ends every watch and every request."""
        await self._watches.aclose()
        await self._keep_alives.aclose()
        await self._client.aclose()

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
        put = Put(key, value, lease, prev_kv, ignore_value, ignore_lease, note)
        request = self._convert.put(put)
        asked = Asked(key=key, lease=lease, size=size_of(put))
        with self._noted((put,), None) as written:
            response = await self._client.call(KV + "Put", request, asked, is_write=True)
            written(response.header.revision, (put,))
        return self._convert.put_result(response)

    async def delete_range(
        self, key: bytes, range_end: bytes = b"", *, prev_kv: bool = False
    ) -> DeleteRangeResult:
        request = self._convert.delete_range(DeleteRange(key, range_end, prev_kv))
        response = await self._client.call(KV + "DeleteRange", request, Asked(key=key), is_write=True)
        return self._convert.delete_range_result(response)

    async def txn(self, txn: Txn) -> TxnResult:
        return await self._txn(txn, None)

    async def _txn(self, txn: Txn, floor: int | None) -> TxnResult:
        """``floor``: a revision before that of the txn, if it succeeds; 0: its put makes the key."""
        if self.config.prefix:
            check_txn(txn, sys.maxsize)  # in etcd's order, which the prefix would change
        request = self._convert.txn(txn)
        puts = list(_puts(txn))
        asked = Asked(
            key=_first_twice(puts),
            lease=next((put.lease for put in puts if put.lease), 0),
            revision=max((op.revision for op in _ranges(txn)), default=0),
            size=size_of(txn),
        )
        with self._noted(puts, floor) as written:
            response = await self._client.call(KV + "Txn", request, asked, is_write=has_writes(txn))
            result = self._convert.txn_result(response)
            written(result.revision, tuple(_done(txn, result)))
        return result

    async def optimistic_put(
        self, key: bytes, value: bytes, mod_revision: int, lease: int = 0, *, note: object | None = None
    ) -> OptimisticResult:
        txn = optimistic_put_txn(key, value, mod_revision, lease, note)
        return _optimistic(await self._txn(txn, mod_revision))

    async def optimistic_delete(self, key: bytes, mod_revision: int) -> OptimisticResult:
        return _optimistic(await self._txn(optimistic_delete_txn(key, mod_revision), mod_revision))

    async def compact(self, revision: int) -> None:
        request = messages.CompactionRequest(revision=revision)
        asked = Asked(revision=revision)
        await self._client.call(KV + "Compact", request, asked, is_write=True)
        self._client.compacted(revision)

    @contextmanager
    def _noted(self, puts: Sequence[Put], floor: int | None) -> Iterator["_Written"]:
        """Notes are on their way until the block ends; ``written`` says which puts were done, and in which revision."""
        written = _Written()
        noted = [put for put in puts if put.note is not None] if len(self._watches) else ()
        above = max(floor or 0, self._client.revision)
        sent = [
            (put, Note(self._convert.key(put.key), put.value, above, floor == 0, put.note)) for put in noted
        ]
        for _, note in sent:
            self._notes.send(note)
        try:
            yield written
        finally:
            for put, note in sent:
                self._notes.settle(note, written.revision_of(put))

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
        if revision > _LAST_REVISION:  # a client of the API may name any, and etcd's numbers end here
            raise FutureRevisionError(revision, self._client.revision)
        message = self._convert.range(request, serializable=serializable)
        response = await self._client.call(KV + "Range", message, Asked(key=key, revision=revision))
        return self._convert.range_result(response)

    async def current_revision(self) -> int:
        return await self._client.current_revision()

    # ---- watches

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
        patient: bool = False,  # noqa: ARG002  # no writer of this process waits for another's watches
    ) -> WatchStream:
        """All watches share one stream of every change under the prefix; a busy stranger there costs its traffic.

        A start that is compacted, but of which the stream has kept everything since, is served all the same.
        """
        if not key:
            raise EmptyKeyError
        return await self._watches.watch(
            key,
            range_end,
            start_revision,
            prev_kv=prev_kv,
            progress_notify=progress_notify,
            filters=filters,
            sink=sink,
        )

    # ---- leases

    async def grant(self, ttl: int, lease: int = 0) -> LeaseGrant:
        request = messages.LeaseGrantRequest(TTL=ttl, ID=lease)
        asked = Asked(lease=lease, ttl=ttl)
        response = await self._client.call(LEASE + "Grant", request, asked, is_write=True)
        return LeaseGrant(response.ID, response.TTL)

    async def revoke(self, lease: int) -> None:
        request = messages.LeaseRevokeRequest(ID=lease)
        await self._client.call(LEASE + "Revoke", request, Asked(lease=lease), is_write=True)

    async def keep_alive(self, lease: int) -> LeaseGrant:
        return LeaseGrant(lease, await self._keep_alives.renew(lease))

    async def time_to_live(self, lease: int, *, keys: bool = False) -> LeaseStatus:
        request = messages.LeaseTimeToLiveRequest(ID=lease, keys=keys)
        response = await self._client.call(LEASE + "TimeToLive", request, Asked(lease=lease))
        if response.TTL < 0:
            raise LeaseNotFoundError(lease)
        held = tuple(sorted(self._convert.keys(response.keys)))
        return LeaseStatus(lease, response.TTL, response.grantedTTL, held)

    async def leases(self) -> tuple[int, ...]:
        response = await self._client.call(LEASE + "Leases", messages.LeaseLeasesRequest())
        return tuple(sorted(each.ID for each in response.leases))

    # ---- maintenance

    async def status(self) -> StoreStatus:
        """Of the member that was asked. ``db_size`` and ``db_size_in_use`` are both what etcd's database uses: etcd does not
        know how much of it is history. ``compact_revision`` is the newest that this client was told.
        """
        client = self._client
        status = await client.call(MAINTENANCE + "Status", messages.StatusRequest())
        listed = await client.call(CLUSTER + "List", messages.MemberListRequest())
        key, range_end = self._convert.scope
        count = messages.RangeRequest(key=key, range_end=range_end, count_only=True, serializable=True)
        counted = await client.call(KV + "Range", count)
        return StoreStatus(
            member=status.header.member_id,
            members=tuple(sorted(member.ID for member in listed.members)),
            leader=status.leader,
            raft_term=status.raftTerm,
            raft_index=status.raftIndex,
            raft_applied_index=status.raftAppliedIndex,
            revision=status.header.revision,
            compact_revision=client.compact_revision,
            keys=counted.count,
            db_size=status.dbSizeInUse,
            db_size_in_use=status.dbSizeInUse,
            is_learner=status.isLearner,
            errors=tuple(status.errors),
        )


class _Written:
    """What a request has done: nothing, until ``__call__`` says otherwise."""

    def __init__(self) -> None:
        self._revision = 0
        self._puts: tuple[Put, ...] = ()

    def __call__(self, revision: int, puts: tuple[Put, ...]) -> None:
        self._revision, self._puts = revision, puts

    def revision_of(self, put: Put) -> int:
        return self._revision if any(each is put for each in self._puts) else 0


def _optimistic(result: TxnResult) -> OptimisticResult:
    if result.succeeded:
        return OptimisticResult(True, result.revision)
    found = result.responses[0]
    assert isinstance(found, RangeResult)
    return OptimisticResult(False, result.revision, found.kvs[0] if found.kvs else None)


def _ops(txn: Txn) -> Iterator[Op]:
    """With those of nested txns."""
    for op in (*txn.success, *txn.failure):
        if isinstance(op, Txn):
            yield from _ops(op)
        else:
            yield op


def _puts(txn: Txn) -> Iterator[Put]:
    return (op for op in _ops(txn) if isinstance(op, Put))


def _ranges(txn: Txn) -> Iterator[Range]:
    return (op for op in _ops(txn) if isinstance(op, Range))


def _done(txn: Txn, result: TxnResult) -> Iterator[Put]:
    """The puts of the branches that were taken."""
    for op, response in zip(txn.success if result.succeeded else txn.failure, result.responses, strict=True):
        if isinstance(op, Put):
            yield op
        elif isinstance(op, Txn) and isinstance(response, TxnResult):
            yield from _done(op, response)


def _first_twice(puts: Sequence[Put]) -> bytes:
    """The key that more than one of the puts writes; else the first."""
    seen: dict[bytes, None] = {}
    for put in puts:
        if put.key in seen:
            return put.key
        seen[put.key] = None
    return puts[0].key if puts else b""
