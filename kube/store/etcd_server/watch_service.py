"""etcd's Watch service: many watches on one stream.

Each watch has a sink at the store, which puts batches into the watch's queue; one coroutine of the stream writes what is queued, as fast
as the client takes it. What waits is bounded: a watch for which there is no room leaves the store, and goes on from the history
where it left once its queue is written. So a slow client loses nothing, holds nobody up, and costs no more than the bound; if its
place in the history is compacted meanwhile, its watch is cancelled with the compacted revision.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import ClassVar, Final

from kube.base.tasks import TaskOwner
from kube.store.administration import AdministeredStore
from kube.store.errors import CompactedError, SlowWatcherError, StoppedError, StoreError
from kube.store.etcd_server.calls import StreamingCall
from kube.store.etcd_server.convert import key_value
from kube.store.etcd_server.service import Service
from kube.store.etcdpb import messages
from kube.store.kv import ALL_KEYS_END, Event, EventType, WatchBatch, WatchFilter, WatchStream

MAX_PENDING: Final = 10_000
"""Events that wait on one stream."""
MAX_PENDING_BYTES: Final = 16_777_216
"""Bytes of keys and values that wait on one stream."""
FRAGMENT_BYTES: Final = 2_097_152
"""A response to a watch with fragments is cut above this: etcd's limit of a request with its overhead."""
_RESPONSE_EVENTS: Final = 1_000
"""Events of one response, unless a single revision has more."""
_RESPONSE_BYTES: Final = 1_048_576
"""Bytes of keys and values of one response, unless a single revision has more: clients take 4 MiB by default."""
_MAX_CONTROL: Final = 128
"""Answers to requests that wait; with more the next request waits (etcd's ctrlStreamBufLen)."""
_ENCODED: Final = 64
"""Batches whose encoding is kept for the other watches that get them."""
_FRAGMENT: Final = messages.WatchResponse(fragment=True).SerializeToString()
NO_WATCH: Final = -1
"""The id in a response that is about no watch, or about all."""

DUPLICATE_ID: Final = "mvcc: duplicate watch ID provided on the WatchStream"
EMPTY_RANGE: Final = "mvcc: watcher range is empty"


def event_message(event: Event, *, prev_kv: bool) -> messages.Event:
    """A deletion's key and revision are all that is set of its ``kv``."""
    prev = event.prev_kv if prev_kv else None
    return messages.Event(
        type=event.type,
        kv=messages.KeyValue(key=event.kv.key, mod_revision=event.kv.mod_revision)
        if event.type is EventType.DELETE
        else key_value(event.kv),
        prev_kv=None if prev is None else key_value(prev),
    )


class Encoder:
    """Events as bytes of the field of a WatchResponse. Watches of one range get the same batch: it is encoded once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, bool], tuple[tuple[Event, ...], bytes]] = {}
        """By identity; the events are kept so that nothing else takes it."""

    def encode(self, events: tuple[Event, ...], *, prev_kv: bool) -> bytes:
        known = self._known.get((id(events), prev_kv))
        if known is not None:
            return known[1]
        encoded = encode_events(events, prev_kv=prev_kv)
        if len(self._known) >= _ENCODED:
            del self._known[next(iter(self._known))]
        self._known[id(events), prev_kv] = (events, encoded)
        return encoded


def encode_events(events: Sequence[Event], *, prev_kv: bool) -> bytes:
    return messages.WatchResponse(
        events=[event_message(event, prev_kv=prev_kv) for event in events]
    ).SerializeToString()


def weight(event: Event, *, prev_kv: bool) -> int:
    """About how many bytes an event is on the wire."""
    prev = event.prev_kv if prev_kv else None
    return 64 + len(event.kv.key) + len(event.kv.value) + (0 if prev is None else len(prev.value))


def portions(
    events: tuple[Event, ...],
    most: int = _RESPONSE_EVENTS,
    most_bytes: int = _RESPONSE_BYTES,
    *,
    prev_kv: bool = False,
) -> list[tuple[Event, ...]]:
    """Of about ``most`` events and ``most_bytes``; those of one revision stay together."""
    if len(events) == 1:
        return [events]
    found: list[tuple[Event, ...]] = []
    start = size = revision = 0
    for index, event in enumerate(events):
        size += weight(event, prev_kv=prev_kv)
        is_full = index - start >= most or size > most_bytes
        if is_full and index > start and event.kv.mod_revision != revision:
            found.append(events[start:index])
            start, size = index, weight(event, prev_kv=prev_kv)
        revision = event.kv.mod_revision
    return [*found, events[start:] if start else events]


def fragments(events: tuple[Event, ...], most: int, *, prev_kv: bool) -> list[bytes]:
    """Encoded events in pieces of at most ``most`` bytes, of a single event if that alone is larger."""
    pieces: list[bytes] = []
    piece = b""
    for event in events:
        encoded = encode_events((event,), prev_kv=prev_kv)
        if piece and len(piece) + len(encoded) > most:
            pieces.append(piece)
            piece = b""
        piece += encoded
    return [*pieces, piece]


def watched_range(request: messages.WatchCreateRequest) -> tuple[bytes, bytes]:
    """No key is the smallest key, as in etcd."""
    return request.key or b"\0", request.range_end


def refusal_of(request: messages.WatchCreateRequest, taken: dict[int, "Watch"]) -> str:
    """Why this watch can't be, in etcd's words; empty when it can."""
    key, end = watched_range(request)
    if end and end != ALL_KEYS_END and key >= end:
        return EMPTY_RANGE
    return DUPLICATE_ID if request.watch_id and request.watch_id in taken else ""


class Watch:
    """One watch of a stream. ``revision``: all events up to it are in ``pending`` or written."""

    def __init__(self, id_: int, request: messages.WatchCreateRequest) -> None:
        self.id = id_
        self.key, self.range_end = watched_range(request)
        self.prev_kv = request.prev_kv
        self.progress_notify = request.progress_notify
        self.fragment = request.fragment
        self.filters = tuple(WatchFilter(each) for each in request.filters if each in {0, 1})
        self.revision = 0
        self.announced = False
        self.head = messages.WatchResponse(watch_id=id_).SerializeToString()
        """What is the same in all of its responses."""
        self.pending: deque[tuple[WatchBatch, int]] = deque()
        """With their bytes."""
        self.handle: WatchStream | None = None
        self.subscribing: asyncio.Task[None] | None = None
        self.resume_revision = 0
        """Where to go on once ``pending`` is written; 0 while the watch is at the store."""
        self.registered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def leave(self) -> None:
        """Nothing more comes from the store."""
        if self.subscribing is not None:
            self.subscribing.cancel()
        if self.handle is not None:
            self.handle.cancel()
            self.handle = None

    def register(self) -> None:
        if not self.registered.done():
            self.registered.set_result(None)


class WatchSession:
    """The watches of one stream."""

    def __init__(
        self, store: AdministeredStore, service: Service, call: StreamingCall, encoder: Encoder
    ) -> None:
        self._store = store
        self._service = service
        self._call = call
        self._encoder = encoder
        self._watches: dict[int, Watch] = {}
        self._next_id = 0
        self._pending = 0
        """Events in all queues, and their bytes."""
        self._pending_bytes = 0
        self._weighed: tuple[WatchBatch | None, bool, int] = (None, False, 0)
        self._header = (0, 0, b"")
        """Revision, term, and the header with both as bytes of the field of a WatchResponse."""
        self._control: deque[messages.WatchResponse] = deque()
        self._ready: dict[Watch, None] = {}
        """Watches with something queued."""
        self._progress_of: dict[Watch, None] = {}
        """Watches that have not yet said how far they are, since the client has asked."""
        self._progress_wanted = False
        self._work: asyncio.Future[None] | None = None
        self._control_room: asyncio.Future[None] | None = None
        self._tasks = TaskOwner("watches", self._task_failed)

    async def run(self) -> None:
        """Until the client ends the stream. Raises what ends all watches at once."""
        self._tasks.start(self._write(), name="write")
        try:
            async for request in self._call:
                await self._handle(request)
                while len(self._control) > _MAX_CONTROL:
                    self._control_room = asyncio.get_running_loop().create_future()
                    await self._control_room
        finally:
            for watch in self._watches.values():
                watch.leave()
            await self._tasks.aclose()

    def _task_failed(self, _task: "asyncio.Task[None]", error: BaseException) -> None:
        if isinstance(error, Exception):
            self._call.cancel(error)

    # ---- requests

    async def _handle(self, request: messages.WatchRequest) -> None:
        match request.WhichOneof("request_union"):
            case "create_request":
                await self._create(request.create_request)
            case "cancel_request":
                watch = self._watches.get(request.cancel_request.watch_id)
                if watch is not None:
                    self._drop(watch)
                    self._say(await self._answer(watch.id, canceled=True))
            case "progress_request":
                if not self._watches:
                    self._say(await self._answer(NO_WATCH))
                self._request_progress()
            case None:
                """A request of none of the kinds is passed over, as in etcd."""

    async def _answer(
        self, watch: int, *, created: bool = False, canceled: bool = False
    ) -> messages.WatchResponse:
        header = await self._service.current_header()
        return messages.WatchResponse(header=header, watch_id=watch, created=created, canceled=canceled)

    async def _create(self, request: messages.WatchCreateRequest) -> None:
        refusal = refusal_of(request, self._watches)
        if refusal:
            response = await self._answer(NO_WATCH, created=True, canceled=True)
            response.cancel_reason = refusal
            self._say(response)
            return
        watch = Watch(request.watch_id or self._free_id(), request)
        self._watches[watch.id] = watch
        self._subscribe(watch, request.start_revision)
        await watch.registered
        watch.announced = True
        self._say(await self._answer(watch.id, created=True))
        self._offer(watch)

    def _free_id(self) -> int:
        while self._next_id in self._watches:
            self._next_id += 1
        self._next_id += 1
        return self._next_id - 1

    def _drop(self, watch: Watch) -> None:
        watch.leave()
        self._watches.pop(watch.id, None)
        self._ready.pop(watch, None)
        for batch, size in watch.pending:
            self._unqueued(batch, size)
        watch.pending.clear()
        if self._progress_of.pop(watch, self) is None:
            self._progress_answered()

    # ---- at the store

    def _subscribe(self, watch: Watch, start_revision: int) -> None:
        watch.resume_revision = 0
        watch.subscribing = self._tasks.start(
            self._watch(watch, start_revision), name=f"subscribe-{watch.id}"
        )

    async def _watch(self, watch: Watch, start_revision: int) -> None:
        """While history is read the sink may have to give the watch up, which cancels this task: too late at the end of the history."""
        handle = await self._store.watch(
            watch.key,
            watch.range_end,
            start_revision,
            prev_kv=watch.prev_kv,
            progress_notify=watch.progress_notify,
            filters=watch.filters,
            sink=lambda batch: self._receive(watch, batch),
            patient=True,
        )
        if watch.resume_revision:
            handle.cancel()
            return
        watch.handle = handle
        watch.subscribing = None
        watch.register()
        if watch in self._progress_of:
            watch.handle.request_progress()

    def _receive(self, watch: Watch, batch: WatchBatch) -> None:
        """The sink of the watch: it only queues."""
        if watch.resume_revision or self._watches.get(watch.id) is not watch:
            return  # it is leaving, and reads this again
        error = batch.error
        if isinstance(error, SlowWatcherError):
            watch.resume_revision = error.resume_revision
        size = self._weight(watch, batch)
        if batch.events and self._pending and self._is_full(batch, size):
            watch.resume_revision = batch.events[0].kv.mod_revision
        if watch.resume_revision:
            watch.leave()
            watch.register()
            self._offer(watch)
            return
        watch.revision = batch.revision
        if not batch.events and error is None and self._progress_of.pop(watch, self) is None:
            self._progress_answered()
            return
        watch.pending.append((batch, size))
        self._pending += len(batch.events)
        self._pending_bytes += size
        watch.register()
        self._offer(watch)

    def _is_full(self, batch: WatchBatch, size: int) -> bool:
        return (
            self._pending + len(batch.events) > MAX_PENDING or self._pending_bytes + size > MAX_PENDING_BYTES
        )

    def _weight(self, watch: Watch, batch: WatchBatch) -> int:
        """The bytes of a batch, added up once for all watches that get it."""
        known, prev_kv, size = self._weighed
        if known is not batch or prev_kv is not watch.prev_kv:
            prev_kv = watch.prev_kv
            size = sum([weight(event, prev_kv=prev_kv) for event in batch.events])
            self._weighed = (batch, prev_kv, size)
        return size

    def _unqueued(self, batch: WatchBatch, size: int) -> None:
        self._pending -= len(batch.events)
        self._pending_bytes -= size

    # ---- progress of all

    def _request_progress(self) -> None:
        """One response for all watches, with the revision up to which all of them are complete."""
        self._progress_of = dict.fromkeys(self._watches.values())
        for watch in tuple(self._progress_of):
            if watch.handle is not None:
                watch.handle.request_progress()

    def _progress_answered(self) -> None:
        if not self._progress_of and self._watches:
            self._progress_wanted = True
            self._wake()

    def _progress_made(self) -> int:
        """If it is wanted, the revision up to which every watch is complete once all that is queued now is written; 0 for not now."""
        if not self._progress_wanted:
            return 0
        self._progress_wanted = False
        made = min((watch.revision for watch in self._watches.values()), default=0)
        if not made:
            self._request_progress()  # of one, too, that has come since
        return made

    # ---- the writer

    def _say(self, response: messages.WatchResponse) -> None:
        self._control.append(response)
        self._wake()

    def _offer(self, watch: Watch) -> None:
        if watch.announced:
            self._ready[watch] = None
            self._wake()

    def _wake(self) -> None:
        if self._work is not None and not self._work.done():
            self._work.set_result(None)

    async def _write(self) -> None:
        while True:
            # What comes while this round is written is of the next one, and no part of the progress that is told after this one.
            round_, self._ready = self._ready, {}
            progress = self._progress_made()
            while self._control:
                await self._call.send(self._control.popleft())
            if self._control_room is not None and not self._control_room.done():
                self._control_room.set_result(None)
            for watch in round_:
                await self._write_pending(watch)
            if progress and self._watches:
                header = self._service.header(progress)
                await self._call.send(messages.WatchResponse(header=header, watch_id=NO_WATCH))
            if not (self._control or self._ready or self._progress_wanted):
                self._work = asyncio.get_running_loop().create_future()
                await self._work
                self._work = None

    async def _write_pending(self, watch: Watch) -> None:
        for _ in range(len(watch.pending)):
            if self._watches.get(watch.id) is not watch:
                return
            batch, size = watch.pending.popleft()
            self._unqueued(batch, size)
            if batch.error is not None:
                await self._end(watch, batch.error)
            elif not batch.events:
                self._call.write(self._response(watch, batch.revision, b""))
                await self._call.drain()
            else:
                await self._write_events(watch, batch)
        if watch.resume_revision and not watch.pending and self._watches.get(watch.id) is watch:
            self._subscribe(watch, watch.resume_revision)

    async def _write_events(self, watch: Watch, batch: WatchBatch) -> None:
        for events in portions(batch.events, prev_kv=watch.prev_kv):
            if self._watches.get(watch.id) is not watch:
                return
            revision = batch.revision if events[-1] is batch.events[-1] else events[-1].kv.mod_revision
            encoded = self._encoder.encode(events, prev_kv=watch.prev_kv)
            if watch.fragment and len(encoded) > FRAGMENT_BYTES:
                pieces = fragments(events, FRAGMENT_BYTES, prev_kv=watch.prev_kv)
                for piece in pieces[:-1]:
                    self._call.write(self._response(watch, revision, piece, fragment=True))
                    await self._call.drain()
                encoded = pieces[-1]
            self._call.write(self._response(watch, revision, encoded))
            await self._call.drain()

    def _response(self, watch: Watch, revision: int, events: bytes, *, fragment: bool = False) -> bytes:
        """Fields of a message may come in any order, so what is encoded already is put one behind the other."""
        term = self._store.raft_term
        known, known_term, header = self._header
        if revision != known or term != known_term:
            header = messages.WatchResponse(header=self._service.header(revision)).SerializeToString()
            self._header = (revision, term, header)
        return b"".join((header, watch.head, _FRAGMENT if fragment else b"", events))

    async def _end(self, watch: Watch, error: StoreError) -> None:
        """The store has ended the watch. Raises what concerns the whole stream."""
        if isinstance(error, StoppedError):
            raise error
        self._drop(watch)
        response = await self._answer(watch.id, canceled=True)
        if isinstance(error, CompactedError):
            response.compact_revision = error.compact_revision
        else:
            response.cancel_reason = error.message
        await self._call.send(response)


class WatchService(Service):
    name = "etcdserverpb.Watch"
    serves: ClassVar = {"Watch": "watch"}

    def __init__(self, store: AdministeredStore) -> None:
        super().__init__(store)
        self._encoder = Encoder()

    async def watch(self, call: StreamingCall) -> None:
        await WatchSession(self.store, self, call, self._encoder).run()
