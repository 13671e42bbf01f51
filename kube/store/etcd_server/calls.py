"""Calls of gRPC (grpc.io, "gRPC over HTTP2"): from a stream's headers and data to a handler's coroutine, and back.

A call that is malformed, too large, too late or that fails gets its status; the connection and its other calls go on.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Final

from google.protobuf.message import DecodeError, Message
from msgspec import Struct

from kube.base.logging import get_logger
from kube.base.tasks import TaskOwner
from kube.store.errors import Code, StoreError
from kube.store.etcd_server.decoding import decode
from kube.store.etcd_server.http2.connection import Connection
from kube.store.etcd_server.http2.frames import ErrorCode
from kube.store.etcd_server.http2.hpack import Headers, encode
from kube.store.etcd_server.http2.stream import Stream
from kube.store.etcd_server.status import DEADLINE_EXCEEDED, RpcError, percent_encoded, status_of
from kube.store.kv import MAX_TXN_OPS

PREFIX: Final = 5
"""Bytes before each message: whether it is compressed, and its length."""
HIGH_WATER: Final = 262_144
"""Bytes queued on a stream above which whoever sends more waits."""
_UNREAD: Final = 65_536
"""Bytes of messages that wait for a handler; past that the client's window is not opened again."""

_HEAD: Final = encode([(b":status", b"200"), (b"content-type", b"application/grpc")])
_OK: Final = encode([(b"grpc-status", b"0"), (b"grpc-message", b"")])
_UNITS: Final = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


class Endpoint(Struct, frozen=True):
    """A method that is served. ``function`` is ``Unary`` or ``Streaming``."""

    path: str
    request: type[Message]
    function: Callable[..., Awaitable[Any]]
    is_streaming: bool


Unary = Callable[[Any], Awaitable[Message | bytes]]
"""Takes the request, returns the response, which may be encoded already; raises StoreError or RpcError."""
Streaming = Callable[["StreamingCall"], Awaitable[None]]
"""Reads from and writes to the call; when it returns the call has ended well. Raises as ``Unary``."""


class Head(Struct, frozen=True):
    """What a request's headers say. ``timeout`` in seconds; ``refusal`` is a block of headers to answer with at once."""

    path: str
    timeout: float | None
    metadata: Mapping[str, str]
    refusal: bytes | None = None


class Admission:
    """Asked before a call is served; the server replaces ``check`` by what knows of leaders and learners."""

    async def check(self, head: Head, endpoint: Endpoint, request: Message | None) -> None:
        """Raises StoreError or RpcError for a call that is not to be served now."""

    def needs_check(self, head: Head) -> bool:  # noqa: ARG002  # by default none does
        return False

    def streaming(self, call: "StreamingCall") -> None:
        """The call was admitted, and lasts until ``over``."""

    def over(self, call: "StreamingCall") -> None:
        """The call has ended."""


class Dispatcher:
    """What all connections of a server share."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        tasks: TaskOwner,
        admission: Admission,
        max_message: int,
        max_txn_ops: int = MAX_TXN_OPS,
    ) -> None:
        """``max_message``: bytes of a request."""
        self.endpoints = endpoints
        self.tasks = tasks
        self.admission = admission
        self.max_message = max_message
        self.max_txn_ops = max_txn_ops
        self.streaming: dict[StreamingCall, None] = {}
        """Those that run."""
        self.log = get_logger(__name__)
        self.loop = asyncio.get_running_loop()

    def opened(self, connection: Connection) -> Callable[[Stream, Headers], None]:
        """For ``Connection``: gives each new stream of one connection its call."""
        memo: list[tuple[Headers, Head]] = []

        def open_(stream: Stream, headers: Headers) -> None:
            if memo and memo[0][0] is headers:  # the decoder gives the same object for the same block
                head = memo[0][1]
            else:
                head = parse_head(headers)
                memo[:] = [(headers, head)]
            self._open(connection, stream, head)

        return open_

    def _open(self, connection: Connection, stream: Stream, head: Head) -> None:
        if head.refusal is not None:
            connection.send_trailers(stream, head.refusal)
            return
        endpoint = self.endpoints.get(head.path)
        if endpoint is None:
            connection.send_trailers(stream, trailers_only(*self._unknown(head.path)))
        elif endpoint.is_streaming:
            StreamingCall(self, connection, stream, endpoint, head)
        else:
            UnaryCall(self, connection, stream, endpoint, head)

    def _unknown(self, path: str) -> tuple[Code, str]:
        service, _, method = path.removeprefix("/").rpartition("/")
        if any(each.startswith(f"/{service}/") for each in self.endpoints):
            return Code.UNIMPLEMENTED, f"unknown method {method} for service {service}"
        return Code.UNIMPLEMENTED, f"unknown service {service}"

    def failure(self, error: Exception, path: str) -> tuple[Code, str]:
        if isinstance(error, (StoreError, RpcError)):
            return status_of(error)
        self.log.error("a call failed", path=path, exc_info=error)
        return Code.INTERNAL, "etcdserver: internal error"


def status_headers(code: Code, message: str) -> list[tuple[bytes, bytes]]:
    return [(b"grpc-status", b"%d" % code), (b"grpc-message", percent_encoded(message))]


def trailers_only(code: Code, message: str) -> bytes:
    """The one block of headers of a response without messages."""
    return _HEAD + encode(status_headers(code, message))


def _plain(status: bytes, text: str) -> bytes:
    """The refusal of what is not gRPC at all."""
    code = Code.UNIMPLEMENTED if status == b"415" else Code.INTERNAL
    return encode([(b":status", status), (b"content-type", b"application/grpc"), *status_headers(code, text)])


def parse_head(headers: Headers) -> Head:
    """Never raises: what is wrong becomes the refusal."""
    fields: dict[str, str] = {}
    for name, value in headers:
        fields.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    path = fields.get(":path", "")
    content_type = fields.get("content-type", "")
    try:
        timeout = parse_timeout(fields["grpc-timeout"]) if "grpc-timeout" in fields else None
    except ValueError as error:
        return Head(path, None, fields, trailers_only(Code.INTERNAL, str(error)))
    refusal = None
    if fields.get(":method") != "POST":
        refusal = _plain(
            b"405",
            f"http2Server.operateHeaders parsed a :method field: {fields.get(':method')} which should be POST",
        )
    elif content_type != "application/grpc" and not content_type.startswith(
        ("application/grpc+", "application/grpc;")
    ):
        refusal = _plain(b"415", f'invalid gRPC request content-type "{content_type}"')
    return Head(path, timeout, fields, refusal)


def parse_timeout(text: str) -> float:
    """Seconds, from at most eight digits and a unit. Raises ValueError.

    >>> parse_timeout("1500m")
    1.5
    """
    digits, unit = text[:-1], text[-1:]
    if not digits.isascii() or not digits.isdigit() or len(digits) > 8 or unit not in _UNITS:
        raise ValueError(f'malformed grpc-timeout: "{text}"')
    return int(digits) * _UNITS[unit]


class _Call:
    """What unary and streaming calls have in common: the deadline, the task, and the end."""

    __slots__ = ("connection", "dispatcher", "endpoint", "head", "stream", "task", "timer")

    def __init__(
        self, dispatcher: Dispatcher, connection: Connection, stream: Stream, endpoint: Endpoint, head: Head
    ) -> None:
        self.dispatcher = dispatcher
        self.connection = connection
        self.stream = stream
        self.endpoint = endpoint
        self.head = head
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        if head.timeout is not None:
            self.timer = dispatcher.loop.call_later(head.timeout, self._expire)

    def drained(self) -> None:
        """Nobody waits."""

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self.task = self.dispatcher.tasks.start(coroutine, name=self.endpoint.path)

    def reset(self, code: ErrorCode) -> None:  # noqa: ARG002  # why the client went does not matter
        if self.timer is not None:
            self.timer.cancel()
        if self.task is not None:
            self.task.cancel()

    def _expire(self) -> None:
        self.fail(Code.DEADLINE_EXCEEDED, DEADLINE_EXCEEDED)
        if self.task is not None:
            self.task.cancel()

    def fail(self, code: Code, message: str) -> None:
        """Answer with a status and nothing else."""
        if self.timer is not None:
            self.timer.cancel()
        self.connection.send_trailers(self.stream, trailers_only(code, message))


class UnaryCall(_Call):
    """One request, one response."""

    __slots__ = ("_body",)

    def __init__(
        self, dispatcher: Dispatcher, connection: Connection, stream: Stream, endpoint: Endpoint, head: Head
    ) -> None:
        self._body = bytearray()
        super().__init__(dispatcher, connection, stream, endpoint, head)
        stream.receiver = self

    def data(self, payload: bytes, *, ended: bool) -> None:
        if self.stream.ended or self.task is not None:
            return  # refused already
        body: bytes | bytearray = payload
        if self._body or not ended:
            body = self._body
            body += payload
        if not ended:
            self.connection.consumed(self.stream, len(payload))
        problem = prefix_problem(body, self.dispatcher.max_message, ended=ended)
        if problem is not None:
            self.fail(*problem)
        elif ended:
            whole = bytes(body)
            self._body.clear()
            self.run(self._serve(whole))

    async def _serve(self, body: bytes) -> None:
        if not self.connection.is_congested():
            await self._answer(body)
            return
        try:
            while self.connection.is_congested():
                turn = self.dispatcher.loop.create_future()
                self.connection.wait(partial(_wake, turn))
                await turn
            await self._answer(body)
        finally:
            self.connection.let_next()

    async def _answer(self, body: bytes) -> None:
        endpoint, dispatcher = self.endpoint, self.dispatcher
        try:
            try:
                request = decode(endpoint.request, body[PREFIX:], dispatcher.max_txn_ops)
            except DecodeError as error:
                raise RpcError(Code.INTERNAL, f"grpc: error unmarshalling request: {error}") from None
            if dispatcher.admission.needs_check(self.head):
                await dispatcher.admission.check(self.head, endpoint, request)
            answer = await endpoint.function(request)
            response = answer if type(answer) is bytes else answer.SerializeToString()
        except Exception as error:  # noqa: BLE001  # every failure is an answer, and the unexpected ones are logged
            self.fail(*dispatcher.failure(error, endpoint.path))
            return
        if self.timer is not None:
            self.timer.cancel()
        self.connection.respond(self.stream, _HEAD, b"\0" + len(response).to_bytes(4, "big") + response, _OK)


def prefix_problem(body: bytes | bytearray, most: int, *, ended: bool) -> tuple[Code, str] | None:
    """What is wrong with the bytes of a single message, as far as they have come."""
    if len(body) < PREFIX:
        return (Code.INTERNAL, "unexpected EOF") if ended else None
    if body[0]:
        return _compressed(body[0])
    size = int.from_bytes(body[1:PREFIX], "big")
    if size > most:
        return Code.RESOURCE_EXHAUSTED, f"grpc: received message larger than max ({size} vs. {most})"
    if len(body) > PREFIX + size:
        return Code.INTERNAL, "a call of one request has more"
    if ended and len(body) < PREFIX + size:
        return Code.INTERNAL, "unexpected EOF"
    return None


def _compressed(flag: int) -> tuple[Code, str]:
    if flag == 1:
        return Code.UNIMPLEMENTED, "grpc: Decompressor is not installed for the grpc-encoding of the request"
    return Code.INTERNAL, f"grpc: received unexpected payload format {flag}"


class StreamingCall(_Call):
    """Messages in both directions, as many as each side likes. One task reads, and one at a time writes."""

    __slots__ = (
        "_buffer",
        "_ended",
        "_greeted",
        "_held",
        "_problem",
        "_reader",
        "_requests",
        "_unread",
        "_writer",
    )

    def __init__(
        self, dispatcher: Dispatcher, connection: Connection, stream: Stream, endpoint: Endpoint, head: Head
    ) -> None:
        self._buffer = bytearray()
        self._requests: deque[bytes] = deque()
        self._unread = 0
        self._held = 0
        """Bytes for which the client's window was not opened again."""
        self._ended = False
        self._problem: tuple[Code, str] | None = None
        self._greeted = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        super().__init__(dispatcher, connection, stream, endpoint, head)
        stream.receiver = self
        dispatcher.streaming[self] = None
        self.run(self._serve())

    # ---- from the connection

    def data(self, payload: bytes, *, ended: bool) -> None:
        if self._problem is not None:
            return
        buffer = self._buffer
        buffer += payload
        while len(buffer) >= PREFIX and self._problem is None:
            size = int.from_bytes(buffer[1:PREFIX], "big")
            if buffer[0]:
                self._problem = _compressed(buffer[0])
            elif size > self.dispatcher.max_message:
                self._problem = (
                    Code.RESOURCE_EXHAUSTED,
                    f"grpc: received message larger than max ({size} vs. {self.dispatcher.max_message})",
                )
            elif len(buffer) < PREFIX + size:
                break
            else:
                self._requests.append(bytes(buffer[PREFIX : PREFIX + size]))
                self._unread += PREFIX + size
                del buffer[: PREFIX + size]
        if ended and buffer and self._problem is None:
            self._problem = (Code.INTERNAL, "unexpected EOF")
        self._ended = self._ended or ended
        self._held += len(payload)
        self._open_window()
        _wake(self._reader)

    def _open_window(self) -> None:
        if self._held and self._unread < _UNREAD:
            self.connection.consumed(self.stream, self._held)
            self._held = 0

    def drained(self) -> None:
        if self.stream.queued <= HIGH_WATER // 2:
            _wake(self._writer)

    # ---- for the handler

    def __aiter__(self) -> "StreamingCall":
        return self

    async def __anext__(self) -> Any:
        """The next request. Raises RpcError for what is none."""
        while not self._requests:
            if self._problem is not None:
                raise RpcError(*self._problem)
            if self._ended:
                raise StopAsyncIteration
            self._reader = self.dispatcher.loop.create_future()
            await self._reader
        body = self._requests.popleft()
        self._unread -= PREFIX + len(body)
        self._open_window()
        try:
            return decode(self.endpoint.request, body)
        except DecodeError as error:
            raise RpcError(Code.INTERNAL, f"grpc: error unmarshalling request: {error}") from None

    def write(self, body: bytes) -> None:
        """Send a message, encoded; whoever sends many awaits ``drain`` between them."""
        if not self._greeted:
            self._greeted = True
            self.connection.send_headers(self.stream, _HEAD)
        self.connection.send_data(self.stream, b"\0" + len(body).to_bytes(4, "big") + body)

    async def drain(self) -> None:
        """Until the client has taken most of what was written."""
        while self.stream.queued > HIGH_WATER:
            self._writer = self.dispatcher.loop.create_future()
            await self._writer

    async def send(self, message: Message) -> None:
        self.write(message.SerializeToString())
        await self.drain()

    # ---- its life

    async def _serve(self) -> None:
        dispatcher = self.dispatcher
        try:
            if dispatcher.admission.needs_check(self.head):
                await dispatcher.admission.check(self.head, self.endpoint, None)
            dispatcher.admission.streaming(self)
            await self.endpoint.function(self)
        except Exception as error:  # noqa: BLE001  # as in UnaryCall
            self.fail(*dispatcher.failure(error, self.endpoint.path))
            return
        finally:
            dispatcher.admission.over(self)
            dispatcher.streaming.pop(self, None)
        self._finish(_OK)

    def _finish(self, trailers: bytes) -> None:
        if self.timer is not None:
            self.timer.cancel()
        if not self._greeted:
            self.connection.send_headers(self.stream, _HEAD)
        self.connection.send_trailers(self.stream, trailers)

    def fail(self, code: Code, message: str) -> None:
        if self._greeted:
            self._finish(encode(status_headers(code, message)))
        else:
            super().fail(code, message)

    def cancel(self, error: Exception) -> None:
        """End the call from outside of its handler, as if the handler had raised ``error``."""
        self.fail(*self.dispatcher.failure(error, self.endpoint.path))
        if self.task is not None:
            self.task.cancel()


def _wake(waiter: "asyncio.Future[None] | None") -> bool:
    """False: nobody waits."""
    if waiter is None or waiter.done():
        return False
    waiter.set_result(None)
    return True
