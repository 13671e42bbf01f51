"""The watch cache of one resource, in front of its storage (k8s.io/apiserver/pkg/storage/cacher).

It starts when it is first needed, is fed by one watch of the store and feeds all watches of the resource. Lists are
served from it at a revision at least the store's (KEP-2340): in one process the store has told the cache of every
revision before it says which is the latest, so that a consistent list waits for nothing.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kube.apimachinery.errors import (
    ApiError,
    is_timeout,
    service_unavailable,
    too_large_resource_version,
    too_many_requests,
    too_old_resource_version,
)
from kube.apimachinery.meta.v1 import ObjectMeta, Preconditions
from kube.apiserver.storage import continue_token
from kube.apiserver.storage.errors import CorruptObjectError, KeyNotFoundError, key_text
from kube.apiserver.storage.etcd3 import Etcd3Storage
from kube.apiserver.storage.interface import (
    INITIAL_EVENTS_END,
    TTL,
    CheckDelete,
    Entry,
    EventSink,
    ListOptions,
    ListResult,
    Selection,
    StoredEvent,
    TryUpdate,
    WatchOptions,
)
from kube.apiserver.storage.watch_cache import CacheEvent, FieldGetter, WatchCache
from kube.apiserver.storage.watchers import Watcher, Watchers
from kube.base.backoff import Backoff, BackoffState
from kube.base.clock import Clock
from kube.base.logging import get_logger
from kube.base.tasks import TaskOwner
from kube.store.errors import CompactedError, CorruptError, StoreError
from kube.store.kv import Event, EventType, WatchBatch, WatchStream

log = get_logger(__name__)

WAIT_SECONDS: Final = 3.0
"""How long a request waits for the cache, to start or to reach a revision (upstream's blockTimeout)."""
PROGRESS_SECONDS: Final = 0.1
"""How often a store in another process is asked for progress while a request waits."""
AT_ONCE: Final = 5_000
"""Initial events that are made before others get a turn of the loop."""
JUDGED_AT_ONCE: Final = 2_000
"""Objects that selectors judge in one turn of the loop."""
LOADED_AT_ONCE: Final = 200
"""Objects that are decoded in one turn of the loop."""
CORRUPT_SECONDS: Final = 1.0
"""How often a value that could not be read is looked at again (upstream starts its cache over as often)."""
_RETRY: Final = Backoff(initial=0.1, cap=10.0)


class Cacher:
    """Implements ``storage.interface.Storage``.

    ``kind`` is the type of the objects. ``fields`` are the indexed fields, each with what reads it from an object.
    ``tasks`` owns what runs in the background: starting, and starting over when the store's watch has broken.
    """

    def __init__(
        self,
        storage: Etcd3Storage,
        kind: type,
        fields: Mapping[str, FieldGetter],
        clock: Clock,
        tasks: TaskOwner,
        *,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._storage = storage
        self._kind = kind
        self._clock = clock
        self._tasks = tasks
        self._wait_seconds = wait_seconds
        self._prefix = storage.prefix.decode()
        self._cache = WatchCache(storage.prefix, fields)
        self._watchers = Watchers(self._cache, self._bookmark)
        self._stream: WatchStream | None = None
        self._errors: list[StoreError | CorruptObjectError] = []
        """What has broken the watch while it started."""
        self._stale = True
        self._corrupt: CorruptObjectError | None = None
        """Why the cache can't follow the store. It keeps what it held, for who peeks; lists are the store's meanwhile."""
        self._starting: asyncio.Task[None] | None = None
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._retry = BackoffState(_RETRY)
        self._closed = False
        storage.lookup = self._lookup

    # -- life

    @property
    def ready(self) -> bool:
        """Whether the cache follows the store."""
        return self._stream is not None

    @property
    def holds_state(self) -> bool:
        """Whether there is something to peek at: what follows the store, or what was known before it became unreadable."""
        return self._stream is not None or (self._corrupt is not None and self._cache.revision > 0)

    @property
    def changes(self) -> int:
        """How often what the cache holds has changed."""
        return self._cache.changes

    @property
    def revision(self) -> int:
        """The store's revision that the cache is complete up to; 0 before it has started."""
        return self._cache.revision

    def __len__(self) -> int:
        """Objects in the cache."""
        return len(self._cache)

    def peek(self, key: bytes) -> Entry | None:
        """What the cache holds of a key at this moment."""
        return self._cache.get(key)

    def peek_all(self, namespace: str = "") -> Sequence[Entry]:
        """What the cache holds of a namespace, or of all, at this moment; sorted by key."""
        return self._cache.select(Selection(namespace=namespace))

    @property
    def watches(self) -> int:
        return len(self._watchers)

    async def start(self) -> None:
        """Wait until the cache follows the store. Raises ApiError: 503 when it is closed, 429 when that takes too long, or
        until what cannot be read is gone.
        """
        if self._stream is not None:
            return
        if self._corrupt is not None and not self._closed:
            raise too_many_requests("storage is (re)initializing", 1)
        if not (self._closed or self._tasks.closed):
            task = self._start_task()
            try:
                async with asyncio.timeout(self._wait_seconds):
                    # Gathered, since who waits for the task is not to be cancelled with it.
                    await asyncio.gather(asyncio.shield(task), return_exceptions=True)
            except TimeoutError:
                raise too_many_requests("storage is (re)initializing", 1) from None
        self._check_open()
        if self._stream is None:  # it has broken since
            raise too_many_requests("storage is (re)initializing", 1)

    def _check_open(self) -> None:
        """Raises ApiError (503)."""
        if self._closed or self._tasks.closed:
            raise service_unavailable("storage is shut down")

    def close(self) -> None:
        """End all watches. What runs in the background ends with its task owner."""
        self._closed = True
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()
        self._watchers.close()

    def _start_task(self) -> asyncio.Task[None]:
        if self._starting is None or self._starting.done():
            self._starting = self._tasks.start(self._run_start(), name=f"watch cache {self._prefix}")
        return self._starting

    async def _run_start(self) -> None:
        """Follow the store from where the cache is, or from a new list; try until it works."""
        while not self._closed and (error := await self._follow()) is not None:
            if isinstance(error, CorruptObjectError):
                self._note(error)
                self._tasks.start(self._outlast(error.key), name=f"corrupt object {self._prefix}")
                break
            if isinstance(error, CompactedError):
                self._stale = True
                continue
            log.warning("watch cache waits for the store", prefix=self._prefix, error=str(error))
            await self._clock.sleep(self._retry.next())
        self._retry.reset()

    def _note(self, error: CorruptObjectError) -> None:
        if self._corrupt is None or self._corrupt.key != error.key:
            log.error(
                "a stored value is no object of its resource: until it is deleted, nobody can watch the resource",
                key=key_text(error.key),
                error=error.detail,
            )
        self._corrupt = error

    async def _outlast(self, key: bytes) -> None:
        """Start over when the value under ``key`` can be read, or is gone."""
        while not self._closed and await self._is_corrupt(key):
            await self._clock.sleep(CORRUPT_SECONDS)
        if not self._closed:
            self._start_task()

    async def _is_corrupt(self, key: bytes) -> bool:
        try:
            await self._storage.read(key)
        except CorruptObjectError:
            return True
        except StoreError:
            return False  # who starts over waits for the store, and says so
        return False

    async def _follow(self) -> StoreError | CorruptObjectError | None:
        """One try; what it failed of."""
        self._errors.clear()
        try:
            if self._stale:
                await self._load()
            stream = await self._storage.follow(self._cache.revision + 1, self._receive)
        except (StoreError, CorruptObjectError) as error:
            return error
        except Exception as error:
            log.exception("watch cache cannot read what is stored", prefix=self._prefix)
            return CorruptError(str(error))
        if self._errors or self._closed:  # the history that came with the call has ended the watch
            stream.cancel()
            return self._errors[0] if self._errors else None
        self._stream = stream
        return None

    async def _load(self) -> None:
        """Start over from a list. Watchers cannot be told what they missed, so they end and come again.

        What the cache held stays until all of the list is read.
        """
        self._watchers.close()
        revision = 0
        listed: list[Entry] = []
        async for entries, at in self._storage.everything(page=LOADED_AT_ONCE):
            revision = at
            listed += entries
            await asyncio.sleep(0)
        if self._corrupt is not None:
            log.warning("what is stored can be read again", prefix=self._prefix)
            self._corrupt = None
        self._cache.clear()
        for start in range(0, len(listed), AT_ONCE):
            for entry in listed[start : start + AT_ONCE]:
                self._cache.load(entry)
            await asyncio.sleep(0)
        self._cache.revision = self._cache.floor = revision
        self._stale = False

    # -- following the store

    def _receive(self, batch: WatchBatch) -> None:
        """The store's push, in the turn in which a revision is applied."""
        try:
            if batch.events:
                self._take(batch)
            elif batch.revision > self._cache.revision:
                self._cache.revision = batch.revision
        except CorruptObjectError as error:
            self._note(error)
            self._give_up(error)
            return
        except Exception as error:
            log.exception("watch cache cannot read what is stored", prefix=self._prefix)
            self._give_up(CorruptError(str(error)))
            return
        if self._waiting:
            self._wake()
        if batch.error is not None:
            self._break(batch.error)

    def _take(self, batch: WatchBatch) -> None:
        cache = self._cache
        now = self._clock.monotonic()
        changes: list[CacheEvent] = []
        for event in batch.events:
            kv = event.kv
            if event.type is EventType.PUT:
                changes.append(cache.put(self._noted(event), now))
            elif (change := cache.delete(kv.key, kv.mod_revision, now)) is not None:
                changes.append(change)
        cache.revision = batch.revision
        self._watchers.dispatch(changes)

    def _noted(self, event: Event) -> Entry:
        note = event.note
        if type(note) is Entry and note.key == event.kv.key:
            note.seal(event.kv.mod_revision)
            return note
        return self._storage.entry(event.kv)

    def _give_up(self, error: StoreError | CorruptObjectError) -> None:
        """A batch could not be taken: what the cache holds is not of any revision."""
        if self._stream is not None:
            self._stream.cancel()
        self._stale = True
        self._break(error)

    def _break(self, error: StoreError | CorruptObjectError) -> None:
        self._errors.append(error)
        self._stream = None
        self._stale = self._stale or isinstance(error, CompactedError)
        if not (self._closed or self._tasks.closed):
            self._start_task()

    def _lookup(self, key: bytes, revision: int) -> Entry | None:
        entry = self._cache.get(key)
        return entry if entry is not None and entry.revision == revision else None

    @property
    def _is_bypassed(self) -> bool:
        """Whether reads are the store's, as the cache can't follow it: what is sound can be read there."""
        return self._corrupt is not None and self._stream is None and not self._closed

    # -- waiting for revisions

    async def _reach(self, revision: int) -> None:
        """Wait until the cache is complete up to ``revision``. Raises ApiError (504) when that takes too long."""
        if self._cache.revision >= revision:
            return
        if self._stream is not None:
            self._stream.request_progress()
            if self._cache.revision >= revision:
                return
        try:
            async with asyncio.timeout(self._wait_seconds):
                while self._cache.revision < revision:
                    await self._progress(revision)
        except TimeoutError:
            raise too_large_resource_version(revision, self._cache.revision, 1) from None

    async def _progress(self, revision: int) -> None:
        """Wait for the revision for a while, then ask a store in another process how far it is."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[future] = revision
        try:
            async with asyncio.timeout(PROGRESS_SECONDS):
                await future
        except TimeoutError:
            if self._stream is not None:
                self._stream.request_progress()
        finally:
            del self._waiting[future]

    def _wake(self) -> None:
        for future, revision in self._waiting.items():
            if revision <= self._cache.revision and not future.done():
                future.set_result(None)

    # -- storage: what is written goes past the cache, which only says where to start

    async def create(self, key: bytes, obj: Any, *, ttl: TTL | None = None) -> Entry:
        return await self._storage.create(key, obj, ttl=ttl)

    async def guaranteed_update(
        self,
        key: bytes,
        try_update: TryUpdate,
        *,
        ignore_not_found: bool = False,
        preconditions: Preconditions | None = None,
        ttl: TTL | None = None,
    ) -> Entry:
        return await self._storage.guaranteed_update(
            key,
            try_update,
            ignore_not_found=ignore_not_found,
            preconditions=preconditions,
            ttl=ttl,
            cached=self._cache.get(key),
        )

    async def delete(
        self, key: bytes, *, preconditions: Preconditions | None = None, check: CheckDelete | None = None
    ) -> Entry:
        return await self._storage.delete(
            key, preconditions=preconditions, check=check, cached=self._cache.get(key)
        )

    async def delete_corrupt(self, key: bytes, revision: int) -> bool:
        return await self._storage.delete_corrupt(key, revision)

    async def count(self) -> int:
        return await self._storage.count()

    async def get(self, key: bytes, resource_version: str = "") -> Entry:
        if not resource_version:
            if self._stream is None and self._corrupt is None and not self._closed:
                self._start_task()  # what is read here is likely to be read again, and the cache holds it decoded
            return await self._storage.get(key)
        revision = continue_token.parse_revision(resource_version)
        try:
            await self.start()
        except ApiError:
            if self._is_bypassed:
                return await self._get_past_cache(key, revision)
            raise
        await self._reach(revision)
        entry = self._cache.get(key)
        if entry is None:
            raise KeyNotFoundError(key)
        return entry

    async def _get_past_cache(self, key: bytes, revision: int) -> Entry:
        """Raises ApiError (504) when the store is not that far."""
        now = await self._storage.current_revision()
        if revision > now:
            raise too_large_resource_version(revision, now, 1)
        return await self._storage.get(key)

    async def get_list(self, options: ListOptions) -> ListResult:
        if _is_of_one_revision(options):
            return await self._storage.get_list(options)
        try:
            await self.start()
        except ApiError:
            if self._is_bypassed:
                return await self._storage.get_list(options)
            raise
        if options.resource_version:
            await self._reach(continue_token.parse_revision(options.resource_version))
        else:
            try:
                await self._reach(await self._storage.current_revision())
            except ApiError as error:
                if is_timeout(error):  # the store is ahead of its own watches: ask it instead
                    return await self._storage.get_list(options)
                raise
        at = self._cache.revision
        entries = await self._select(options.selection)
        limit = 0 if options.resource_version == "0" else options.limit
        if not limit or len(entries) <= limit:
            return ListResult(entries=entries, resource_version=str(at))
        namespace = options.selection.namespace.encode()
        scope = self._storage.prefix + (namespace + b"/" if namespace else b"")
        return ListResult(
            entries=entries[:limit],
            resource_version=str(at),
            continue_=continue_token.encode(entries[limit - 1].key + b"\0", scope, at),
            remaining=len(entries) - limit if options.selection.is_everything else None,
        )

    # -- watches

    async def watch(self, options: WatchOptions, sink: EventSink) -> Watcher:
        """Initial events are delivered before this returns.

        A revision that is older than the cache's history is served from the store's; 410 comes only from compaction.
        """
        await self.start()
        asked = continue_token.parse_revision(options.resource_version)
        await self._reach(asked or (await self._storage.current_revision() if options.is_fresh else 0))
        self._check_open()
        watcher = self._watchers.add(sink, options.selection, bookmarks=options.bookmarks)
        try:
            initial = await self._initial(options, asked, watcher)
        except BaseException:
            watcher.cancel()
            raise
        watcher.begin(initial)
        return watcher

    async def _initial(self, options: WatchOptions, asked: int, watcher: Watcher) -> Sequence[StoredEvent]:
        """What a watch begins with. While this waits the watcher collects what happens."""
        with_state = options.send_initial_events
        if with_state is None:
            with_state = not asked
        if with_state:
            at = self._cache.revision
            initial = await self._state(await self._select(options.selection))
            if options.send_initial_events and options.bookmarks:
                initial.append(self._bookmark(at))
            return initial
        if not asked or asked >= self._cache.revision:
            return ()
        in_memory = asked >= self._cache.floor
        changes = self._cache.since(asked) if in_memory else await self._replay(asked)
        return [seen for change in changes if (seen := self._watchers.seen_by(watcher, change)) is not None]

    async def _select(self, selection: Selection) -> Sequence[Entry]:
        """The entries that are selected now. To tell many apart takes several turns of the loop."""
        found, matches = self._cache.candidates(selection)
        if matches is None:
            return found
        selected: list[Entry] = []
        for start in range(0, len(found), JUDGED_AT_ONCE):
            if start:
                await asyncio.sleep(0)
            selected += [entry for entry in found[start : start + JUDGED_AT_ONCE] if matches(entry.object)]
        return selected

    async def _state(self, entries: Sequence[Entry]) -> list[StoredEvent]:
        events: list[StoredEvent] = []
        for start in range(0, len(entries), AT_ONCE):
            if start:
                await asyncio.sleep(0)
            events += [StoredEvent("ADDED", entry) for entry in entries[start : start + AT_ONCE]]
        return events

    async def _replay(self, after: int) -> list[CacheEvent]:
        """The changes after a revision up to the cache's, from the store's history. Raises ApiError (410)."""
        upto = self._cache.revision
        known: dict[bytes, Entry] = {}
        changes: list[CacheEvent] = []
        try:
            async for event in self._storage.history(after + 1, upto):
                kv = event.kv
                prev = known.pop(kv.key, None)
                if prev is None and event.prev_kv is not None:
                    prev = self._storage.entry(event.prev_kv)
                if prev is None and kv.version != 1:  # it was there before, but as what is compacted
                    raise too_old_resource_version(after, kv.mod_revision)
                entry = None if event.type is EventType.DELETE else self._storage.entry(kv)
                if entry is not None:
                    known[kv.key] = entry
                namespace = self._cache.namespace_of(kv.key)
                changes.append(CacheEvent(kv.key, namespace, kv.mod_revision, entry=entry, prev=prev))
        except CompactedError as error:
            raise too_old_resource_version(after, error.compact_revision) from None
        except CorruptObjectError as error:  # it was there for a while
            raise too_old_resource_version(after, error.revision) from None
        return changes

    def _bookmark(self, initial_events_end_at: int = 0) -> StoredEvent:
        """That everything up to now was delivered; or, once, that the initial events have ended."""
        at = initial_events_end_at or self._cache.revision
        annotations = {INITIAL_EVENTS_END: "true"} if initial_events_end_at else {}
        meta = ObjectMeta(resource_version=str(at), annotations=annotations)
        return StoredEvent("BOOKMARK", Entry(b"", at, self._kind(metadata=meta)))

    def send_bookmarks(self) -> None:
        """Tell the watchers who want it how far they are. To be called about once a minute."""
        if self._stream is not None and len(self._watchers):
            self._stream.request_progress()
            self._watchers.bookmark()


def _is_of_one_revision(options: ListOptions) -> bool:
    """Whether a list must be read at a revision of its own: a later page, or an exact resourceVersion."""
    if options.continue_ or options.match == "Exact":
        return True
    return not options.match and options.limit > 0 and options.resource_version not in ("", "0")
