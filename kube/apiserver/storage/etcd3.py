"""Objects of one resource as JSON under keys of the store (k8s.io/apiserver/pkg/storage/etcd3).

Stored values carry no resourceVersion: it is the key's mod revision. What is written travels to the watch cache as the
note of its put, and what is read is looked up in the watch cache first, so that no version of an object is decoded twice.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from kube.apimachinery.errors import ApiError, bad_request, expired, too_large_resource_version
from kube.apimachinery.meta.v1 import Preconditions
from kube.apimachinery.serializer import DecodeError
from kube.apiserver.storage import continue_token
from kube.apiserver.storage.codec import Codec
from kube.apiserver.storage.errors import (
    MAX_CORRUPT,
    CorruptListError,
    CorruptObjectError,
    KeyExistsError,
    KeyNotFoundError,
)
from kube.apiserver.storage.interface import (
    TTL,
    CheckDelete,
    Entry,
    ListOptions,
    ListResult,
    TryUpdate,
    with_resource_version,
)
from kube.apiserver.storage.lease_manager import LeaseManager
from kube.apiserver.storage.preconditions import check_preconditions
from kube.base.cause import CURRENT
from kube.store.errors import CompactedError, FutureRevisionError
from kube.store.kv import Event, KeyValue, RangeResult, Store, WatchSink, WatchStream, prefix_end

PAGE: Final = 10_000
"""Keys of one range request, where no limit is given."""

Lookup = Callable[[bytes, int], Entry | None]
"""A cached entry by key and revision."""


def nothing_cached(_key: bytes, _revision: int) -> None:
    return None


class Etcd3Storage:
    """``prefix`` ends in a slash and holds the keys of this resource alone."""

    def __init__(self, kv: Store, prefix: bytes, codec: Codec, leases: LeaseManager) -> None:
        self.prefix = prefix
        self.end = prefix_end(prefix)
        self.lookup: Lookup = nothing_cached
        self._kv = kv
        self._codec = codec
        self._leases = leases

    # -- single objects

    def entry(self, kv: KeyValue) -> Entry:
        """The entry of what the store holds; from the cache if it has the same version. Raises CorruptObjectError."""
        found = self.lookup(kv.key, kv.mod_revision)
        if found is not None:
            return found
        try:
            obj, exact = self._codec.decode(kv.value)
        except DecodeError as error:
            raise CorruptObjectError(kv.key, kv.mod_revision, error) from None
        obj = with_resource_version(obj, kv.mod_revision)
        return Entry(kv.key, kv.mod_revision, obj, kv.value if exact else None)

    async def read(self, key: bytes) -> Entry | None:
        """What is stored now."""
        result = await self._kv.range(key)
        return self.entry(result.kvs[0]) if result.kvs else None

    async def get(self, key: bytes) -> Entry:
        """Raises KeyNotFoundError."""
        entry = await self.read(key)
        if entry is None:
            raise KeyNotFoundError(key)
        return entry

    async def create(self, key: bytes, obj: Any, *, ttl: TTL | None = None) -> Entry:
        if obj.metadata.resource_version:
            raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
        value = self._codec.encode(obj)
        entry = Entry(key, 0, obj, value, CURRENT.get())
        lease = await self._lease(ttl, obj)
        result = await self._kv.optimistic_put(key, value, 0, lease, note=entry)
        if not result.succeeded:
            raise KeyExistsError(key)
        entry.seal(result.revision)
        return entry

    async def guaranteed_update(
        self,
        key: bytes,
        try_update: TryUpdate,
        *,
        ignore_not_found: bool = False,
        preconditions: Preconditions | None = None,
        ttl: TTL | None = None,
        cached: Entry | None = None,
    ) -> Entry:
        """``cached`` is tried first, and believed only when the swap or a second look confirms it."""
        current = cached
        live = cached is None
        if live:
            current = await self.read(key)
        while True:
            try:
                if current is None and not ignore_not_found:
                    raise KeyNotFoundError(key)
                check_preconditions(key, preconditions, current)
                obj = await try_update(current)
            except Exception:
                if live:
                    raise
                fresh, live = await self.read(key), True
                if fresh is not None and current is not None and fresh.revision == current.revision:
                    raise
                current = fresh
                continue
            obj = with_resource_version(obj, 0)
            value = self._codec.encode(obj)
            if current is not None and value == current.value:
                if live:
                    return current
                fresh, live = await self.read(key), True
                if fresh is not None and fresh.revision == current.revision:
                    return fresh
                current = fresh
                continue
            entry = Entry(key, 0, obj, value, CURRENT.get())
            lease = await self._lease(ttl, obj)
            revision = 0 if current is None else current.revision
            result = await self._kv.optimistic_put(key, value, revision, lease, note=entry)
            if result.succeeded:
                entry.seal(result.revision)
                return entry
            current, live = (None if result.kv is None else self.entry(result.kv)), True

    async def delete(
        self,
        key: bytes,
        *,
        preconditions: Preconditions | None = None,
        check: CheckDelete | None = None,
        cached: Entry | None = None,
    ) -> Entry:
        """The last state, with the resourceVersion of the deletion."""
        current = cached
        live = cached is None
        if live:
            current = await self.read(key)
        while True:
            if current is None:
                raise KeyNotFoundError(key)
            try:
                check_preconditions(key, preconditions, current)
                if check is not None:
                    await check(current)
            except Exception:
                if live:
                    raise
                fresh, live = await self.read(key), True
                if fresh is not None and fresh.revision == current.revision:
                    raise
                current = fresh
                continue
            result = await self._kv.optimistic_delete(key, current.revision)
            if result.succeeded:
                return Entry(key, result.revision, with_resource_version(current.object, result.revision))
            current, live = (None if result.kv is None else self.entry(result.kv)), True

    async def delete_corrupt(self, key: bytes, revision: int) -> bool:
        return (await self._kv.optimistic_delete(key, revision)).succeeded

    async def _lease(self, ttl: TTL | None, obj: Any) -> int:
        seconds = 0 if ttl is None else ttl(obj)
        return await self._leases.lease(seconds) if seconds else 0

    async def count(self) -> int:
        return (await self._kv.range(self.prefix, self.end, count_only=True)).count

    # -- lists

    async def get_list(self, options: ListOptions) -> ListResult:
        """A list as of one revision: the token's, the one asked for, or the present one. Raises CorruptListError."""
        selection = options.selection
        scope = self.prefix + selection.namespace.encode() + b"/" if selection.namespace else self.prefix
        start, revision = scope, self._revision_of(options)
        if options.continue_:
            start, revision = self._continued(options, scope)
        if selection.name:
            start = scope + selection.name.encode()
        try:
            return await self._pages(options, scope, start, max(revision, 0))
        except CompactedError:
            if not options.continue_:
                raise expired("The resourceVersion for the provided list is too old.") from None
            token = continue_token.encode(start, scope, continue_token.INCONSISTENT)
            raise continue_token.ContinueExpiredError(token) from None
        except FutureRevisionError as error:
            raise too_large_resource_version(error.revision, error.current_revision, 1) from None

    def _revision_of(self, options: ListOptions) -> int:
        """The revision to read at; 0 for the present."""
        asked = continue_token.parse_revision(options.resource_version)
        exact = options.match == "Exact" or (not options.match and options.limit > 0)
        return asked if exact else 0

    def _continued(self, options: ListOptions, scope: bytes) -> tuple[bytes, int]:
        if options.resource_version not in ("", "0"):
            raise bad_request("specifying resource version is not allowed when using continue")
        return continue_token.decode(options.continue_, scope)

    async def _pages(self, options: ListOptions, scope: bytes, start: bytes, revision: int) -> ListResult:
        selection, limit = options.selection, options.limit
        end = b"" if selection.name else prefix_end(scope)
        minimum = continue_token.parse_revision(options.resource_version)
        matches = selection.matches
        found: list[Entry] = []
        corrupt: list[CorruptObjectError] = []
        async for result, at in self._ranges(start, end, revision, limit, filtered=matches is not None):
            if minimum > at:
                raise too_large_resource_version(minimum, at, 1)
            for index, kv in enumerate(result.kvs):
                try:
                    entry = self.entry(kv)
                except CorruptObjectError as error:
                    if len(corrupt) == MAX_CORRUPT:
                        raise CorruptListError(corrupt, truncated=True) from None
                    corrupt.append(error)
                    continue
                if matches is not None and not matches(entry.object):
                    continue
                found.append(entry)
                if limit and len(found) == limit and (result.more or index + 1 < len(result.kvs)):
                    _refuse(corrupt)
                    token = continue_token.encode(kv.key + b"\0", scope, at)
                    remaining = result.count - limit if matches is None else None
                    return ListResult(
                        entries=found, resource_version=str(at), continue_=token, remaining=remaining
                    )
            revision = at
        _refuse(corrupt)
        return ListResult(entries=found, resource_version=str(revision))

    async def _ranges(
        self, start: bytes, end: bytes, revision: int, limit: int, *, filtered: bool
    ) -> AsyncIterator[tuple[RangeResult, int]]:
        """Pages of a range, all as of the revision of the first, with that revision.

        A filtered list reads more than its limit, twice as much each time, so that a rare match costs few requests.
        """
        page = limit or PAGE
        while True:
            result = await self._kv.range(start, end, revision=revision, limit=page)
            revision = revision or result.revision
            yield result, revision
            if not result.more:
                return
            start = result.kvs[-1].key + b"\0"
            page = min(page * 2, PAGE) if filtered else page

    async def everything(self, *, page: int = PAGE) -> AsyncIterator[tuple[list[Entry], int]]:
        """All objects by pages, with the revision that they are of: what a watch cache begins with."""
        async for result, revision in self._ranges(self.prefix, self.end, 0, page, filtered=False):
            yield [self.entry(kv) for kv in result.kvs], revision

    # -- changes

    async def current_revision(self) -> int:
        """The store's revision, at least that of every write acknowledged before this call."""
        return await self._kv.current_revision()

    async def follow(self, revision: int, sink: WatchSink) -> WatchStream:
        """Push every change from ``revision`` on into ``sink``."""
        return await self._kv.watch(self.prefix, self.end, revision, sink=sink)

    async def history(self, first: int, last: int) -> AsyncIterator[Event]:
        """The changes from revision ``first`` to ``last``, with previous values. Raises CompactedError."""
        stream = await self._kv.watch(self.prefix, self.end, first, prev_kv=True)
        try:
            stream.request_progress()
            while True:
                batch = await stream.next()
                for event in batch.events:
                    if event.kv.mod_revision > last:
                        return
                    yield event
                if batch.revision >= last:
                    return
        finally:
            stream.cancel()


def _refuse(corrupt: list[CorruptObjectError]) -> None:
    """A list without what can't be read would say that it is not there. Raises CorruptListError."""
    if corrupt:
        raise CorruptListError(corrupt)
