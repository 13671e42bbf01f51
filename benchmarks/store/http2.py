"""A gRPC client that costs little: frames made once, answers looked at no more than their check needs.

It speaks just enough HTTP/2 (RFC 9113) and gRPC over it to keep streams busy: no padding, no continuation, no priorities. What it
does not expect, and every status that is not OK, fails the run.
"""

import asyncio
import operator
import struct
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar, cast

import hpack

R = TypeVar("R")

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, PADDED, ACK = 1, 4, 8, 1
NO_ERROR = bytes(4)
_HEAD = struct.Struct(">HBBBI")
"""Length in 16 and 8 bits, type, flags, stream."""
_GRPC_HEAD = struct.Struct(">BI")
MAX_WINDOW = 2**31 - 1
REPLENISH = 64 << 20
"""Received bytes after which the connection's window is opened again."""


class Workload(Protocol):
    """What a client of the closed loop says next, and what it does with the answer."""

    def request(self, client: int) -> bytes | None:
        """The next message; None when the client is done."""
        ...

    def answer(self, client: int, message: bytes) -> None:
        """Raises ValueError where the answer is not what it ought to be."""
        ...


class RpcError(Exception):
    """The server said no, or something that is not understood."""


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    length = len(payload)
    return _HEAD.pack(length >> 8, length & 0xFF, kind, flags, stream) + payload


def message_frame(message: bytes) -> bytes:
    """A gRPC message, not compressed, as the payload of a DATA frame."""
    return _GRPC_HEAD.pack(0, len(message)) + message


class Connection(asyncio.Protocol):
    """One HTTP/2 connection, whose requests are all of one method."""

    def __init__(self, authority: str, method: str) -> None:
        """``method`` as its path, ``/package.Service/Method``."""
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the server has sent its settings."""
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Raises what ended the connection."""
        self._headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", method),
            (":authority", authority),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
        ]
        self._encoder = hpack.Encoder()
        self._decoder = hpack.Decoder()
        self._good: set[bytes] = set()
        """Headers known to say OK, as long as the decoder's table is what it is."""
        self._first = self._encoder.encode(self._headers)
        self._block = self._encoder.encode(self._headers)
        """Nothing but references to what the first request left in the table."""
        self._buffer = b""
        self._next_stream = 1
        self._window = 65_535
        self._stream_window = 65_535
        self._held: deque[bytes] = deque()
        """Messages that the server has no window for."""
        self._received = 0
        self._out: list[bytes] = []

    # ---- what a user of the connection makes of it

    def on_message(self, stream: int, message: bytes) -> None:
        """A message of a stream."""

    def on_end(self, stream: int) -> None:
        """The stream ended with OK."""

    def ended(self, stream: int) -> bool:  # noqa: ARG002  # as a rule they stay open
        """Whether the stream's whole answer has come."""
        return False

    # ---- sending

    def open(self, message: bytes, *, end: bool = True) -> int:
        """Begin a stream with a message. What is sent goes out with ``flush``."""
        stream = self._next_stream
        self._next_stream += 2
        block = self._block if stream > 1 else self._first
        self._out.append(frame(HEADERS, END_HEADERS, stream, block))
        self.send(stream, message, end=end)
        return stream

    def send(self, stream: int, message: bytes, *, end: bool = False) -> None:
        payload = message_frame(message)
        if len(payload) > min(self._stream_window, 16_384):
            raise RpcError(f"a message of {len(payload)} bytes is not for this client")
        data = frame(DATA, END_STREAM if end else 0, stream, payload)
        if self._held or len(payload) > self._window:
            self._held.append(data)
        else:
            self._window -= len(payload)
            self._out.append(data)

    def flush(self) -> None:
        if self._out:
            self._transport.write(b"".join(self._out))
            self._out = []

    def close(self) -> None:
        if not self.failed.done():
            self.failed.set_result(None)
        self._transport.close()

    # ---- receiving

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        settings = struct.pack(">HIHI", 4, MAX_WINDOW, 5, 1 << 20)  # INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE
        self._out += [
            PREFACE,
            frame(SETTINGS, 0, 0, settings),
            frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", MAX_WINDOW - 65_535)),
        ]
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        try:
            self._parse(self._buffer + data if self._buffer else data)
        except Exception as error:  # noqa: BLE001  # it fails the run, where the run waits
            self._fail(error)
            self._transport.abort()
        else:
            self.flush()

    def _fail(self, error: Exception) -> None:
        for future in (self.ready, self.failed):
            if not future.done():
                future.set_exception(error)

    def _parse(self, buffer: bytes) -> None:
        at, size = 0, len(buffer)
        unpack = _HEAD.unpack_from
        while at + 9 <= size:
            high, low, kind, flags, stream = unpack(buffer, at)
            end = at + 9 + (high << 8 | low)
            if end > size:
                break
            if kind == DATA:
                if flags & PADDED:
                    raise RpcError("padded data")
                self._on_data(stream, buffer[at + 9 : end])
            elif kind == HEADERS:
                if flags != END_HEADERS and flags != END_HEADERS | END_STREAM:
                    raise RpcError("headers in pieces, padded or with priorities")
                self._on_headers(stream, buffer[at + 9 : end], flags)
            else:
                self._on_control(kind, flags, stream, buffer[at + 9 : end])
            at = end
        self._buffer = buffer[at:]

    def _on_data(self, stream: int, payload: bytes) -> None:
        self._received += len(payload)
        if self._received > REPLENISH:
            self._out.append(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", self._received)))
            self._received = 0
        self.on_data(stream, payload)

    def on_data(self, stream: int, payload: bytes) -> None:
        """A piece of a stream: of messages, each with five bytes before it."""

    def _on_headers(self, stream: int, block: bytes, flags: int) -> None:
        if block not in self._good:
            table = self._decoder.header_table.dynamic_entries
            before = list(table)
            fields = {str(name): str(value) for name, value in self._decoder.decode(block)}
            status = fields.get("grpc-status", "0" if fields.get(":status") == "200" else "")
            if status != "0":
                raise RpcError(f"status {status}: {fields.get('grpc-message', fields)}")
            if len(table) == len(before) and all(map(operator.is_, table, before)):
                self._good.add(block)
            else:
                self._good.clear()  # what references mean has changed
        if flags & END_STREAM:
            self.on_end(stream)

    def _on_control(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == SETTINGS and not flags & ACK:
            self._on_settings(payload)
            self._out.append(frame(SETTINGS, ACK, 0, b""))
            if not self.ready.done():
                self.ready.set_result(None)
        elif kind == PING and not flags & ACK:
            self._out.append(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE and stream == 0:
            self._window += int.from_bytes(payload)
            while self._held and len(self._held[0]) - 9 <= self._window:
                data = self._held.popleft()
                self._window -= len(data) - 9
                self._out.append(data)
        elif kind == RST_STREAM and payload == NO_ERROR and self.ended(stream):
            pass  # it was answered before the server had seen the request's end (RFC 9113 §8.1); grpc-go does that
        elif kind in {RST_STREAM, GOAWAY}:
            raise RpcError(f"frame {kind} on stream {stream}: {payload!r}")

    def _on_settings(self, payload: bytes) -> None:
        for name, value in struct.iter_unpack(">HI", payload):
            if name == 1 and value < 4096:
                raise RpcError(f"a table of {value} bytes for headers is not for this client")
            if name == 4:
                self._stream_window = value


class Caller(Connection):
    """Unary calls in a closed loop: each client sends its next request when the last one is answered."""

    def __init__(
        self, authority: str, method: str, workload: Workload, clients: range, latencies: list[float]
    ) -> None:
        super().__init__(authority, method)
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._workload = workload
        self._clients = clients
        self._latencies = latencies
        self._calls: dict[int, tuple[int, float]] = {}
        """Client, and when it asked, by stream."""
        self._answers: dict[int, bytes] = {}

    def start(self) -> None:
        for client in self._clients:
            self.ask(client)
        self.flush()

    def ask(self, client: int) -> None:
        """Send the client's next request; ``done`` when nobody has one, nor waits for an answer."""
        message = self._workload.request(client)
        if message is not None:
            self._calls[self.open(message)] = (client, time.perf_counter())
        elif not self._calls and not self.done.done():
            self.done.set_result(None)

    def on_data(self, stream: int, payload: bytes) -> None:
        so_far = self._answers.get(stream)
        self._answers[stream] = payload if so_far is None else so_far + payload

    def ended(self, stream: int) -> bool:
        return stream < self._next_stream and stream not in self._calls

    def on_end(self, stream: int) -> None:
        answer = self._answers.pop(stream)
        if len(answer) != 5 + int.from_bytes(answer[1:5]):
            raise RpcError("an answer is not one message")
        client, asked = self._calls.pop(stream)
        self._latencies.append(time.perf_counter() - asked)
        self._workload.answer(client, answer[5:])
        self.ask(client)


class Duplex(Connection):
    """Streams that stay open; each message goes to the stream's own receiver."""

    def __init__(self, authority: str, method: str) -> None:
        super().__init__(authority, method)
        self._receivers: dict[int, Callable[[bytes], None]] = {}
        self._rest: dict[int, bytes] = {}

    def begin(self, message: bytes, receiver: Callable[[bytes], None]) -> int:
        stream = self.open(message, end=False)
        self._receivers[stream] = receiver
        return stream

    def on_data(self, stream: int, payload: bytes) -> None:
        rest = self._rest.pop(stream, b"")
        if rest:
            payload = rest + payload
        at, size = 0, len(payload)
        receiver = self._receivers[stream]
        while at + 5 <= size:
            end = at + 5 + int.from_bytes(payload[at + 1 : at + 5])
            if end > size:
                break
            receiver(payload[at + 5 : end])
            at = end
        if at < size:
            self._rest[stream] = payload[at:]

    def on_end(self, stream: int) -> None:
        raise RpcError(f"stream {stream} ended")


C = TypeVar("C", bound=Connection)


async def connect(port: int, make: Callable[[], C]) -> C:
    """Raises what the connection fails with."""
    _, connection = await asyncio.get_running_loop().create_connection(make, "127.0.0.1", port)
    await connection.ready
    return connection


async def during(work: Awaitable[R], connections: Sequence[Connection]) -> R:
    """What ``work`` returns, unless one of the connections fails before."""
    done: asyncio.Future[R] = asyncio.ensure_future(work)
    failures = [connection.failed for connection in connections]
    either: list[asyncio.Future[Any]] = [done, *failures]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    for failure in failures:
        if failure.done():
            done.cancel()
            failure.result()
    return done.result()


class _Once:
    def __init__(self, message: bytes) -> None:
        self._left = [message]
        self.answers: list[bytes] = []

    def request(self, client: int) -> bytes | None:  # noqa: ARG002  # there is one
        return self._left.pop() if self._left else None

    def answer(self, client: int, message: bytes) -> None:  # noqa: ARG002  # there is one
        self.answers.append(message)


async def call(port: int, method: str, message: bytes) -> bytes:
    """One unary call on a connection of its own."""
    once = _Once(message)
    caller = await connect(port, lambda: Caller(f"127.0.0.1:{port}", method, once, range(1), []))
    caller.start()
    await during(caller.done, [caller])
    caller.close()
    return once.answers[0]
