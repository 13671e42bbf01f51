"""One client's connection: plain requests of HTTP/1.1, one after the other, each answered by one write.

The first request of another sort (`kube.apiserver.http.framing` says which) takes the connection over to a full implementation
of HTTP for good, so that only what is common has to be fast and only what is fast has to be simple.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import chain
from typing import Final, Protocol, cast

from kube.apimachinery.errors import bad_request
from kube.apiserver.endpoints.body import MAX_BODY
from kube.apiserver.http.compression import THRESHOLD, gzip, pieces_of, takes_gzip
from kube.apiserver.http.framing import Head, HeadReader, HeadWriter
from kube.apiserver.http.messages import (
    Answer,
    Handler,
    HttpRequest,
    HttpResponse,
    HttpStream,
    Stream,
    text,
)
from kube.base.clock import Clock
from kube.base.tasks import TaskOwner

IDLE_SECONDS: Final = 90.0
"""How long a connection may be idle or in the middle of a request (upstream's IdleTimeout)."""
_LAST_CHUNK: Final = b"0\r\n\r\n"
_MAX_HELD: Final = 64 * 1024
"""Bytes of further requests that are taken in while one is answered."""


class OpenConnection(Protocol):
    """What the server does with connections, whoever speaks HTTP on them."""

    def end_stream(self) -> None:
        """End the stream from this side, if one is open: its source is told, its end written."""
        ...

    def finish(self) -> None:
        """Take no further request; close when what is under way is answered."""
        ...

    def abort(self) -> None: ...


class Connections:
    """The connections that are open, and how many requests are under way on those of this module."""

    def __init__(self) -> None:
        self._open: dict[OpenConnection, None] = {}
        self._empty = asyncio.Event()
        self._empty.set()
        self._busy = 0
        self._quiet: asyncio.Event | None = None

    def all(self) -> tuple[OpenConnection, ...]:
        return tuple(self._open)

    def add(self, connection: OpenConnection) -> None:
        self._open[connection] = None
        self._empty.clear()

    def remove(self, connection: OpenConnection) -> None:
        self._open.pop(connection, None)
        if not self._open:
            self._empty.set()

    def began(self) -> None:
        self._busy += 1

    def ended(self) -> None:
        self._busy -= 1
        if not self._busy and self._quiet is not None:
            self._quiet.set()

    async def emptied(self) -> None:
        await self._empty.wait()

    async def answered(self, seconds: float) -> None:
        """Wait until no request is under way, at most so long."""
        if not self._busy:
            return
        self._quiet = asyncio.Event()
        try:
            async with asyncio.timeout(seconds):
                await self._quiet.wait()
        except TimeoutError:
            pass  # whoever takes longer is cut off


class Front:
    """What the connections of one server share.

    `elsewhere` makes the protocol of the full implementation for a connection that is taken over.
    """

    def __init__(
        self, handler: Handler, elsewhere: Callable[[], asyncio.Protocol], clock: Clock, tasks: TaskOwner
    ) -> None:
        self.handler = handler
        self.elsewhere = elsewhere
        self.clock = clock
        self.tasks = tasks
        self.connections = Connections()
        self.stopping = False
        """Whether streams are no longer opened."""
        self.reader = HeadReader()
        self.writer = HeadWriter()


class Connection(asyncio.Protocol):
    """Reads requests as they come; a task of the connection's own answers them in order."""

    __slots__ = (
        "_certificate", "_close", "_drained", "_front", "_head", "_held", "_idle", "_last", "_loop", "_pieces",
        "_received", "_remote", "_request", "_secure", "_stream", "_stream_finish", "_waiter", "_working", "busy", "transport",
        "writing_paused",
    )  # fmt: skip

    def __init__(self, front: Front, loop: asyncio.AbstractEventLoop) -> None:
        self._front = front
        self._loop = loop
        self.transport: asyncio.Transport | None = None
        self.writing_paused = False
        self.busy = False
        """Whether a request is under way."""
        self._certificate: bytes | None = None
        self._secure = False
        self._remote = ""
        self._close = False
        """Whether the request under way is the last."""
        self._head: Head | None = None
        """Of the request whose body is still on its way; `_pieces` is what has come of it."""
        self._pieces: list[bytes] = []
        self._received = 0
        self._held = b""
        """What has come behind the request under way."""
        self._request: HttpRequest | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._working = False
        self._stream: Stream | None = None
        self._stream_finish: Callable[[], None] | None = None
        self._last = 0.0
        self._idle: asyncio.TimerHandle | None = None

    # -- what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        tls = transport.get_extra_info("ssl_object")
        self._secure = tls is not None
        if tls is not None:
            self._certificate = tls.getpeercert(binary_form=True)
        peer = transport.get_extra_info("peername")
        self._remote = peer[0] if peer else ""
        self._last = self._loop.time()
        self._idle = self._loop.call_later(IDLE_SECONDS, self._check_idle)
        self._front.connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._last = self._loop.time()
        if self.busy:
            self._held += data
            if len(self._held) > _MAX_HELD and self.transport is not None:
                self.transport.pause_reading()
            return
        head = self._head
        if head is None:
            head = self._front.reader.read(data)
            if head is None or head.fields.length > MAX_BODY:
                self._hand_over(data)
                return
            size = len(data)
        else:
            self._pieces.append(data)
            self._received += len(data)
            size = self._received
        end = head.end + head.fields.length
        if size < end:
            if self._head is None:
                self._head, self._pieces, self._received = head, [data], size
            return
        if self._head is not None:
            data = b"".join(self._pieces)
            self._head, self._pieces = None, []
        self._held = data[end:]
        self._begin(head, data[head.end : end])

    def eof_received(self) -> bool | None:
        """A body that breaks off: whoever reads it is told so, and over plain TCP so is the client."""
        if self.busy or self._head is None:
            return None
        head, self._head, self._pieces = self._head, None, []
        self._close = True
        self._begin(head, _broken_off)
        return not self._secure

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self.transport = None
        self._held = b""
        self._left()
        self.end_stream()
        self.resume_writing()

    def pause_writing(self) -> None:
        self.writing_paused = True

    def resume_writing(self) -> None:
        self.writing_paused = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        if self._stream is not None:
            self._stream.resumed()

    def _left(self) -> None:
        """The connection is no more, or another's."""
        self._front.connections.remove(self)
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        self._wake()

    def _hand_over(self, data: bytes) -> None:
        transport, self.transport = self.transport, None
        self._left()
        if transport is not None:
            successor = self._front.elsewhere()
            transport.set_protocol(successor)
            successor.connection_made(transport)
            if self.writing_paused:
                successor.pause_writing()
            successor.data_received(data)

    def _check_idle(self) -> None:
        now = self._loop.time()
        if self.busy:
            self._last = now
        left = self._last + IDLE_SECONDS - now
        if left > 0:
            self._idle = self._loop.call_later(left, self._check_idle)
        elif self.transport is not None:
            self.transport.close()

    # -- what the server says

    def end_stream(self) -> None:
        stream, finish = self._stream, self._stream_finish
        self.detach()
        if stream is not None:
            stream.lost()
        if finish is not None:
            finish()

    def detach(self) -> None:
        self._stream = self._stream_finish = None

    def finish(self) -> None:
        self._close = True
        if not self.busy and self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    # -- one request after the other

    def _begin(self, head: Head, body: bytes | Callable[[], Awaitable[bytes]]) -> None:
        headers = head.fields.headers
        self.busy = True
        self._close = self._close or head.fields.close
        self._request = HttpRequest(
            head.method, head.target, headers, body, certificate=self._certificate, remote=self._remote
        )
        self._front.connections.began()
        if self._working:
            self._wake()
        else:
            self._working = True
            self._front.tasks.start(self._work(), name="connection")

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _work(self) -> None:
        """Answer requests until the connection ends."""
        try:
            while self.transport is not None:
                request, self._request = self._request, None
                if request is None:
                    self._waiter = self._loop.create_future()
                    await self._waiter
                    continue
                try:
                    await self._send(request, await self._front.handler(request))
                finally:
                    self._front.connections.ended()
                self._answered()
        finally:
            if self._request is not None:
                self._front.connections.ended()
            if self.busy:
                self.abort()

    def _answered(self) -> None:
        """Go on with what came meanwhile."""
        self.busy = False
        self._last = self._loop.time()
        transport = self.transport
        if transport is None:
            return
        if self._close:
            transport.close()
            return
        held, self._held = self._held, b""
        if held:
            if len(held) > _MAX_HELD:
                transport.resume_reading()
            self.data_received(held)

    async def _send(self, request: HttpRequest, answer: Answer) -> None:
        if isinstance(answer, HttpStream):
            if not self._front.stopping:
                await self._send_stream(answer)
                return
            answer.stream.lost()
            answer = text(503, "the server is shutting down\n")
        pieces = in_pieces(answer, request.header("Accept-Encoding"))
        if pieces is not None:
            await self._send_pieces(request, answer, pieces)
            return
        body = cast("bytes", answer.body)
        self._write(self._head_of(answer, answer.status, len(body)) + body)
        if self.writing_paused:
            await self._drain()

    def _head_of(self, answer: Answer, status: int, length: int | None) -> bytes:
        return self._front.writer.write(
            status,
            answer.content_type,
            answer.headers,
            length=length,
            close=self._close,
            now=self._front.clock.now(),
        )

    async def _send_pieces(self, request: HttpRequest, answer: HttpResponse, pieces: Iterator[bytes]) -> None:
        """Send a long body as it is made; others run between the pieces."""
        if takes_gzip(request.header("Accept-Encoding")):
            answer.headers += (("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
            pieces = gzip(pieces)
        self._write(self._head_of(answer, answer.status, None))
        for piece in pieces:
            if piece:
                self._write(b"%x\r\n%b\r\n" % (len(piece), piece))
            if self.transport is None:
                return
            await (self._drain() if self.writing_paused else asyncio.sleep(0))
        self._write(_LAST_CHUNK)

    async def _send_stream(self, answer: HttpStream) -> None:
        """Keep the answer open until the stream ends, from whichever side."""
        done = self._loop.create_future()

        def finish() -> None:
            self.detach()
            if not done.done():
                done.set_result(None)

        self._stream, self._stream_finish = answer.stream, finish
        try:
            self._write(self._head_of(answer, 200, None))
            answer.stream.opened(ChunkWriter(self, finish), finish)
            await done
        finally:
            self.end_stream()
        self._write(_LAST_CHUNK)

    def _write(self, data: bytes) -> None:
        transport = self.transport
        if transport is not None and not transport.is_closing():
            transport.write(data)

    async def _drain(self) -> None:
        self._drained = self._loop.create_future()
        await self._drained


async def _broken_off() -> bytes:
    raise bad_request("unexpected EOF")


class ChunkedConnection(Protocol):
    """What a writer of chunks needs of a connection."""

    @property
    def transport(self) -> asyncio.Transport | None: ...

    @property
    def writing_paused(self) -> bool: ...

    def detach(self) -> None:
        """Forget the stream, without telling it."""
        ...

    def abort(self) -> None: ...


class ChunkWriter:
    """Writes frames that are chunks of a body already."""

    __slots__ = ("_connection", "_finish")

    def __init__(self, connection: ChunkedConnection, finish: Callable[[], None]) -> None:
        self._connection = connection
        self._finish = finish

    def write(self, frame: bytes) -> None:
        transport = self._connection.transport
        if transport is not None and not transport.is_closing():
            transport.write(frame)

    @property
    def congested(self) -> bool:
        return self._connection.writing_paused

    def abort(self) -> None:
        self._connection.detach()
        self._connection.abort()
        self._finish()  # nobody else ends the wait for a stream that is forgotten


def in_pieces(answer: HttpResponse, accept_encoding: str) -> Iterator[bytes] | None:
    """The body as pieces, where it is to be sent as such. None: it is short, and `answer.body` is all of it."""
    body = answer.body
    if not isinstance(body, bytes):
        first = next(body, b"")
        second = next(body, None)
        if second is not None:
            return chain((first, second), body)
        answer.body = body = first
    if len(body) > THRESHOLD and takes_gzip(accept_encoding):
        return pieces_of(body)
    return None
