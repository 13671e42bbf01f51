"""All of HTTP/1.1, by aiohttp's low-level server: for the connections whose requests are not all plain ones (a WebSocket, a body
in chunks, HTTP/1.0, what is malformed). The only module of the server that knows aiohttp, and imported with the first of them.

Limits of a client's patience and greed are those of `kube.apiserver.http.connection`, and what is set here.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

from aiohttp import ClientError, HttpVersion11, WSCloseCode, web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict

from kube.apimachinery.errors import ApiError, bad_request, request_entity_too_large
from kube.apiserver.endpoints.body import MAX_BODY
from kube.apiserver.http.compression import gzip, takes_gzip
from kube.apiserver.http.connection import IDLE_SECONDS, ChunkWriter, Connections, Front, in_pieces
from kube.apiserver.http.framing import NO_CACHE, SERVER
from kube.apiserver.http.messages import Headers, HttpRequest, HttpResponse, HttpStream, Stream, text
from kube.apiserver.http.upgrades import requested_upgrade
from kube.base.logging import get_logger

_HEARTBEAT_SECONDS: Final = 60.0
"""How often the other side of a WebSocket is asked whether it is still there."""
_LINGER_SECONDS: Final = 2.0
"""How long the rest of a body that nobody wants is read, so that the client sees the answer."""
_MAX_HEADER_LINE: Final = 64 * 1024
_CONGESTED_MESSAGES: Final = 1024
"""WebSocket messages that may wait to be sent."""

_LOG: Final = get_logger(__name__)
_NO_CACHE: Final = ("Cache-Control", NO_CACHE)
_SERVER: Final = ("Server", SERVER)


class FullServer:
    """Makes the protocols of connections that are taken over, and answers what comes on them."""

    def __init__(self, front: Front, loop: asyncio.AbstractEventLoop) -> None:
        self._front = front
        self._loop = loop
        self._http = web.Server(self._serve)

    def connection(self) -> asyncio.Protocol:
        return _Connection(self._http, self._loop, self._front.connections)

    def pre_shutdown(self) -> None:
        """Take no further request on the connections that there are."""
        self._http.pre_shutdown()

    async def shutdown(self, grace: float) -> None:
        """Close the connections; requests have `grace` seconds to be answered."""
        await self._http.shutdown(grace)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = cast("_Connection", request.protocol)
        headers = cast("Headers", request.headers)
        target = request.raw_path
        wanted = HttpRequest(
            request.method,
            target if target.startswith("/") else request.rel_url.raw_path_qs,
            headers,
            lambda: _read_body(request),
            certificate=connection.certificate,
            remote=request.remote or "",
            upgrade=requested_upgrade(headers),
        )
        answer = await self._front.handler(wanted)
        if isinstance(answer, HttpResponse):
            return await self._respond(request, answer)
        if self._front.stopping:
            answer.stream.lost()
            return _response(text(503, "the server is shutting down\n"))
        if answer.websocket:
            return await self._stream_messages(request, answer, connection)
        return await _stream_chunks(request, answer, connection)

    @staticmethod
    async def _respond(request: web.BaseRequest, answer: HttpResponse) -> web.StreamResponse:
        pieces = in_pieces(answer, request.headers.get("Accept-Encoding", ""))
        if pieces is not None:
            return await _send_pieces(request, answer, pieces)
        return _response(answer)

    async def _stream_messages(
        self, request: web.BaseRequest, answer: HttpStream, connection: "_Connection"
    ) -> web.StreamResponse:
        """A WebSocket: what the client says is not listened to, but for its goodbye."""
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT_SECONDS, compress=False)
        socket.headers.extend(answer.headers)
        try:
            await socket.prepare(request)
        except web.HTTPException as refused:
            answer.stream.lost()
            return _response(text(refused.status, f"{refused.text or refused.reason}\n"))
        writer = _MessageWriter(socket, connection)
        sender = self._front.tasks.start(writer.run(answer.stream), name="websocket")
        connection.attach(answer.stream, writer.finish)
        answer.stream.opened(writer, writer.finish)
        try:
            async for _ in socket:
                pass
        finally:
            connection.end_stream()
            sender.cancel()
        return socket


class _Connection(web.RequestHandler):
    """A client's connection: whose it is, and the stream that it carries, if any."""

    __slots__ = ("_finish", "_open", "_socket", "_stream", "certificate")

    def __init__(
        self,
        server: web.Server,
        loop: asyncio.AbstractEventLoop,
        connections: Connections,
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=IDLE_SECONDS,
            access_log=None,  # type: ignore[arg-type]  # the way to have none
            max_line_size=_MAX_HEADER_LINE,
            max_field_size=_MAX_HEADER_LINE,
            lingering_time=_LINGER_SECONDS,
            auto_decompress=False,
        )
        self._open = connections
        self._socket: asyncio.Transport | None = None
        """The transport, which the library forgets when it closes while the peer has not read everything."""
        self._stream: Stream | None = None
        self._finish: Callable[[], None] | None = None
        self.certificate: bytes | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._socket = cast("asyncio.Transport", transport)
        self._open.add(self)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self.certificate = tls.getpeercert(binary_form=True)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._open.remove(self)
        super().connection_lost(exc)
        self.end_stream()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stream is not None:
            self._stream.resumed()

    def log_exception(self, *_: object, **fields: Any) -> None:
        """What the library has to say: malformed requests are the client's fault, anything else is ours."""
        error = fields.get("exc_info")
        if isinstance(error, HttpProcessingError | ConnectionError | asyncio.CancelledError):
            _LOG.debug("malformed request", error=str(error))
        else:
            _LOG.error("answering a request failed", exc_info=error)

    def attach(self, stream: Stream, finish: Callable[[], None]) -> None:
        self._stream = stream
        self._finish = finish

    def end_stream(self) -> None:
        """End the stream from this side, if one is open: its source is told, its end written."""
        stream, finish = self._stream, self._finish
        self._stream = self._finish = None
        if stream is not None:
            stream.lost()
        if finish is not None:
            finish()

    def detach(self) -> None:
        self._stream = self._finish = None

    def finish(self) -> None:
        """The library ends its connections by itself."""

    def abort(self) -> None:
        if self._socket is not None:
            self._socket.abort()


class _MessageWriter:
    """Queues messages for a task that sends them."""

    def __init__(self, socket: web.WebSocketResponse, connection: _Connection) -> None:
        self._socket = socket
        self._connection = connection
        self._queue: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._finished = False

    def write(self, frame: bytes) -> None:
        self._queue.append(frame)
        self._wake.set()

    @property
    def congested(self) -> bool:
        return len(self._queue) > _CONGESTED_MESSAGES

    def finish(self) -> None:
        self._finished = True
        self._wake.set()

    def abort(self) -> None:
        self._connection.detach()
        self._connection.abort()

    async def run(self, stream: Stream) -> None:
        try:
            while self._queue or not self._finished:
                await self._wake.wait()
                self._wake.clear()
                was_congested = self.congested
                while self._queue:
                    await self._socket.send_str(self._queue.popleft().decode())
                if was_congested:
                    stream.resumed()
            await self._socket.close(code=WSCloseCode.OK)
        except (ConnectionError, ClientError):
            self._connection.end_stream()


async def _read_body(request: web.BaseRequest) -> bytes:
    """Raises ApiError 413 above the limit, 400 for a body that breaks off."""
    length = request.content_length
    if length is not None and length > MAX_BODY:
        raise _too_large()
    content = request.content
    if content.at_eof():
        return b""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    pieces: list[bytes] = []
    size = 0
    try:
        while not content.at_eof():
            piece = await content.readany()
            size += len(piece)
            if size > MAX_BODY:
                raise _too_large()
            pieces.append(piece)
    except (ClientError, ConnectionError, HttpProcessingError, web.RequestPayloadError) as error:
        raise bad_request("unexpected EOF") from error
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _too_large() -> ApiError:
    return request_entity_too_large(f"limit is {MAX_BODY}")


def _headers(answer: HttpResponse | HttpStream) -> "CIMultiDict[str]":
    headers = CIMultiDict(answer.headers)
    if answer.content_type:
        headers["Content-Type"] = answer.content_type
    headers.setdefault(*_NO_CACHE)
    headers.setdefault(*_SERVER)
    return headers


def _response(answer: HttpResponse) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers=_headers(answer))


async def _send_pieces(
    request: web.BaseRequest, answer: HttpResponse, pieces: Iterator[bytes]
) -> web.StreamResponse:
    """Send a long body as it is made; others run between the pieces."""
    response = web.StreamResponse(status=answer.status, headers=_headers(answer))
    if takes_gzip(request.headers.get("Accept-Encoding", "")):
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
        pieces = gzip(pieces)
    if request.version >= HttpVersion11:
        response.enable_chunked_encoding()
    else:
        response.force_close()
    await response.prepare(request)
    if request.method != "HEAD":
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(0)
    return response


async def _stream_chunks(
    request: web.BaseRequest, answer: HttpStream, connection: _Connection
) -> web.StreamResponse:
    """Keep the response open until the stream ends, from whichever side."""
    if request.version < HttpVersion11:
        answer.stream.lost()
        return _response(text(505, "streams need HTTP/1.1\n"))
    response = web.StreamResponse(headers=_headers(answer))
    response.enable_chunked_encoding()
    done = asyncio.get_running_loop().create_future()

    def finish() -> None:
        connection.detach()
        if not done.done():
            done.set_result(None)

    connection.attach(answer.stream, finish)
    try:
        await response.prepare(request)
        answer.stream.opened(ChunkWriter(connection, finish), finish)
        await done
    finally:
        connection.end_stream()
    return response
