"""Watch streams: events as frames that all streams share, one write per round and stream, bounded.

Source of the semantics: k8s.io/apiserver/pkg/endpoints/handlers/watch.go. Frames are made on the way out, once per event
and representation; a stream that does not take them keeps references to shared events, and is cut off when it has too
many. What is watched, and for how long, is in `kube.apiserver.endpoints.watch`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, Final

from msgspec import Raw, Struct

from kube.apimachinery.errors import ApiError
from kube.apimachinery.serializer import encode
from kube.apiserver.endpoints.interface import StoredEvent
from kube.apiserver.endpoints.negotiation import Representation
from kube.apiserver.endpoints.tables import META_GROUP, TableMaker, partial_metadata
from kube.apiserver.http.messages import StreamWriter
from kube.base.logging import get_logger
from kube.client.interface import WatchHandle

MAX_PENDING: Final = 10_000
"""Events that may wait for a peer which does not read; the initial state does not count."""
_LOG: Final = get_logger(__name__)
_WRITE: Final = 256 * 1024
"""Bytes of one write; what is left follows in the loop's next turn."""
_JOINED: Final = 64
"""As many events are written at once whatever their size."""
_TURN_SECONDS: Final = 0.001
_TURN_SECONDS_PER_EVENT: Final = 0.00002
"""Streams get the longer turns, the more each has waiting: they must not fall behind for good."""
_CHEAP_SECONDS: Final = 0.001
"""A round that takes no longer needs no rest."""
_MAX_REST_SECONDS: Final = 0.02


class _Event(Struct, frozen=True):
    type: str
    object: Raw


def chunk(line: bytes) -> bytes:
    """A piece of a body in HTTP/1.1's chunked transfer coding (RFC 9112, section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(line), line)


def _plain_line(event: StoredEvent) -> bytes:
    return b'{"type":"%b","object":%b}\n' % (event.type.encode(), event.entry.encoded)


def _plain_chunk(event: StoredEvent) -> bytes:
    return chunk(_plain_line(event))


def _line(type_: str, body: bytes) -> bytes:
    return encode(_Event(type_, Raw(body))) + b"\n"


class Frames:
    """Makes the frames of one watch, in its representation and transport.

    Frames are kept with the event for the other streams of the same kind, but for the first Table of a stream: it
    alone has the column definitions.
    """

    def __init__(
        self,
        form: Representation,
        kind: tuple[str, str],
        include: str,
        now: Callable[[], float],
        *,
        chunked: bool,
    ) -> None:
        """`kind`: group and kind of the objects. `now` is read for the ages in tables.

        `chunked` frames are pieces of one body and may be written together; others are messages of their own.
        """
        self.chunked = chunked
        self._wrap: Callable[[bytes], bytes] = chunk if chunked else bytes
        self._first = False
        self._now = now
        self._key: tuple[Any, ...]
        self._make: Callable[[StoredEvent], bytes]
        if form.transform == "Table":
            self._tables = TableMaker(*kind, include, form.version)
            self._first = True
            self._key, self._make = ("table", form.version, include, chunked), self._table
        elif form.transform:
            self._version = f"{META_GROUP}/{form.version}"
            self._key, self._make = ("metadata", form.version, chunked), self._metadata
        else:
            self._key, self._make = ("plain", chunked), _plain_chunk if chunked else _plain_line

    @property
    def shared(self) -> tuple[Any, ...] | None:
        """What streams have in common whose next frames are the same for the same events; None for a chosen one."""
        return self._key if self.chunked and not self._first else None

    def frame(self, event: StoredEvent) -> bytes:
        if self._first:
            self._first = False
            return self._wrap(self._table_line(event, columns=True))
        return event.view(self._key, self._make)

    def error(self, error: ApiError) -> bytes:
        return self._wrap(_line("ERROR", encode(error.to_status())))

    def _table(self, event: StoredEvent) -> bytes:
        return self._wrap(self._table_line(event, columns=False))

    def _table_line(self, event: StoredEvent, *, columns: bool) -> bytes:
        table = self._tables.of_object(event.entry.object, None, self._now(), columns=columns)
        return _line(event.type, encode(table))

    def _metadata(self, event: StoredEvent) -> bytes:
        return self._wrap(_line(event.type, encode(partial_metadata(event.entry.object, self._version))))


class Flusher:
    """Lets the streams of a server write, so that everybody else has turns too.

    A stream writes in the next turn of the loop while that is cheap. When many have something to write, as many do in each
    turn as its time allows, and when all have, they rest for as long as it took: what comes meanwhile goes out in the next
    round as one write per stream, so that the more there is to do, the cheaper it is.
    """

    def __init__(self) -> None:
        self._due: deque[WatchStream] = deque()
        """Who writes in this round."""
        self._next: list[WatchStream] = []
        """Who writes in the next one, when there has been a rest."""
        self._scheduled = False
        self._spent = 0.0
        self._joined: dict[tuple[Any, ...], tuple[tuple[StoredEvent, ...], bytes]] = {}
        """What was last written, by what its streams have in common."""

    def schedule(self, stream: "WatchStream") -> None:
        """Have the stream called soon."""
        self._next.append(stream)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        self._due.extend(self._next)
        self._next.clear()
        self._spent = 0.0
        self._turn()

    def _turn(self) -> None:
        due = self._due
        begin = now = perf_counter()  # the time of the loop stands still within a turn
        until = begin + _TURN_SECONDS + due[0].waiting * _TURN_SECONDS_PER_EVENT
        while due:
            try:
                due.popleft().flush()
            except Exception as error:  # noqa: BLE001  # one stream's failure is not the others'
                _LOG.error("a watch stream cannot be written", exc_info=error)
            now = perf_counter()
            if now >= until:
                break
        self._spent += now - begin
        loop = asyncio.get_running_loop()
        if due:
            loop.call_soon(self._turn)
            return
        self._joined.clear()
        rest = self._spent if self._spent >= _CHEAP_SECONDS else 0.0
        if self._next or rest:
            loop.call_later(min(rest, _MAX_REST_SECONDS), self._rested)
        else:
            self._scheduled = False

    def _rested(self) -> None:
        if self._next:
            self._begin()
        else:
            self._scheduled = False

    def join(self, frames: Frames, events: tuple[StoredEvent, ...]) -> bytes:
        """The frames of some events as one; made once in each round for all streams that write the same."""
        key = frames.shared
        if key is None:
            return b"".join(map(frames.frame, events))
        known = self._joined.get(key)
        if known is not None and known[0] == events:
            return known[1]
        made = b"".join(map(frames.frame, events))
        self._joined[key] = (events, made)
        return made


class WatchStream:
    """One watch on its way to one client: the sink of the watch and the source of the stream.

    Events may come before the stream is opened; they wait. When the client is gone or the server stops, the watch is
    cancelled; when the watch ends, the stream is finished, with the error as its last event.
    """

    def __init__(self, frames: Frames, flusher: Flusher) -> None:
        self._frames = frames
        self._flusher = flusher
        self._pending: deque[StoredEvent] = deque()
        self._initial = 0
        self._live = False
        self._scheduled = False
        self._ended = False
        self._error: ApiError | None = None
        self._writer: StreamWriter | None = None
        self._finish: Callable[[], None] | None = None
        self._handle: WatchHandle | None = None

    @property
    def waiting(self) -> int:
        """Events that are not written yet."""
        return len(self._pending)

    def started(self, handle: WatchHandle) -> None:
        """The watch is on, and the initial state delivered: from here on events count."""
        self._live = True
        self._initial = len(self._pending)
        if not self._ended:
            self._handle = handle

    # -- the sink

    def deliver(self, events: Sequence[StoredEvent]) -> bool:
        self._pending.extend(events)
        if self._live and len(self._pending) - self._initial > MAX_PENDING:
            self._overrun()
            return False
        self._schedule()
        return True

    def closed(self, error: ApiError | None) -> None:
        self._ended = True
        self._handle = None
        self._error = error
        self._schedule()

    # -- the source

    def opened(self, writer: StreamWriter, finish: Callable[[], None]) -> None:
        self._writer = writer
        self._finish = finish
        self._schedule()

    def resumed(self) -> None:
        self._schedule()

    def lost(self) -> None:
        self._writer = None
        self._finish = None
        self._pending.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _overrun(self) -> None:
        """The peer does not read: it is cut off, so that it notices and resumes from its last version."""
        self._pending.clear()
        self._ended = True
        self._handle = None
        if (writer := self._writer) is not None:
            self._writer = self._finish = None
            writer.abort()

    def _schedule(self) -> None:
        if not self._scheduled and self._writer is not None:
            self._scheduled = True
            self._flusher.schedule(self)

    def flush(self) -> None:
        """Write what has come since the last turn, as much as the peer takes."""
        self._scheduled = False
        writer = self._writer
        if writer is None or writer.congested:
            return
        try:
            self._write(writer)
        except Exception as error:  # noqa: BLE001  # one event that cannot be shown must not leave a silent stream
            _LOG.error("a watch event cannot be encoded", exc_info=error)
            self.lost()
            writer.abort()
            return
        if self._pending:
            if not writer.congested:
                self._schedule()
        elif self._ended:
            self._end(writer)

    def _write(self, writer: StreamWriter) -> None:
        pending, frame = self._pending, self._frames.frame
        if self._frames.chunked and len(pending) <= _JOINED:
            events = tuple(pending)
            pending.clear()
            self._initial = max(self._initial - len(events), 0)
            if events:
                writer.write(self._flusher.join(self._frames, events))
            return
        parts: list[bytes] = []
        size = 0
        while pending and size < _WRITE:
            made = frame(pending.popleft())
            parts.append(made)
            size += len(made)
        self._initial = max(self._initial - len(parts), 0)
        if self._frames.chunked and parts:
            writer.write(parts[0] if len(parts) == 1 else b"".join(parts))
        else:
            for part in parts:
                writer.write(part)

    def _end(self, writer: StreamWriter) -> None:
        if self._error is not None:
            writer.write(self._frames.error(self._error))
        finish, self._finish, self._writer = self._finish, None, None
        if finish is not None:
            finish()
