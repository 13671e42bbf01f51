"""A server's end of one HTTP/2 connection (RFC 9113) as a state machine: bytes in, calls of receivers and bytes out.

It does no I/O. ``output`` gathers what is to be written; ``wake`` is called when something is put there outside of ``receive``.
A rule that the peer breaks ends the stream or the connection, as the RFC says; what a peer can make this side keep is bounded.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from kube.store.etcd_server.http2 import frames
from kube.store.etcd_server.http2.frames import ConnectionFault, ErrorCode, Setting, StreamFault
from kube.store.etcd_server.http2.hpack import Decoder, HeaderListTooLargeError, Headers, HpackError
from kube.store.etcd_server.http2.stream import Stream

_REMEMBERED: Final = 512
"""Streams ended here of which frames may still arrive."""
_MAX_FRAME: Final = 65_536
"""What is sent in one frame at most, where the peer takes as much."""
_RESETS: Final = 1_000
"""Streams that a peer may reset before they were answered, beside as many as were answered."""
_PING_STRIKES: Final = 2
_QUEUED: Final = 8_388_608
"""Bytes that wait on all streams, and for the transport, above which ``is_congested``."""
_IDLE_PING: Final = 7_200.0
"""Seconds between pings that are taken from a peer that has no stream open."""


class Limits(Struct, frozen=True, kw_only=True):
    """What a peer may ask for. Windows and ``max_header_list`` in bytes; ``min_ping_interval`` in seconds (etcd's --grpc-keepalive-min-time)."""

    max_concurrent_streams: int = 10_000
    stream_window: int = 262_144
    connection_window: int = 4_194_304
    max_header_list: int = 65_536
    min_ping_interval: float = 5.0


def _nobody(stream: Stream, headers: Headers) -> None:  # noqa: ARG001  # a place to be filled
    raise RuntimeError("nobody serves this connection")


class Connection:
    """``opened`` is called for each request with its headers; it sets the stream's receiver, which then gets the body."""

    def __init__(
        self,
        wake: Callable[[], None],
        now: Callable[[], float],
        limits: Limits,
    ) -> None:
        self.output: list[bytes] = []
        self.streams: dict[int, Stream] = {}
        self.closed = False
        """Nothing is read any more, and the transport is to be closed once ``output`` is written."""
        self.opened: Callable[[Stream, Headers], None] = _nobody
        self._wake = wake
        self._now = now
        self._limits = limits
        self._decoder = Decoder(limits.max_header_list)
        self._buffer = b""
        self._preface_left = frames.PREFACE
        self._receiving = False
        self._paused = False
        self._closing = False
        self.greeted = False
        """The peer has said that it speaks HTTP/2, by its preface and its settings."""
        self._last_stream = 0
        self._headers: tuple[int, int, bytearray] | None = None
        """Stream, flags and block of headers that a CONTINUATION is to follow."""
        self._ended_early: dict[int, None] = {}
        self._blocked: dict[Stream, None] = {}
        """Streams with something to send and a window for it, while the connection has none or its transport is full."""
        self._queued = 0
        """Bytes that wait on all streams."""
        self._unwritten = 0
        """Bytes of ``output``, while there is any."""
        self._waiting: deque[Callable[[], bool]] = deque()
        self._send_window = frames.DEFAULT_WINDOW
        self._receive_window = limits.connection_window
        self._initial_window = frames.DEFAULT_WINDOW
        self._max_frame = frames.DEFAULT_MAX_FRAME
        self._answered = 0
        self._resets = 0
        self._last_ping = -_IDLE_PING
        self._ping_strikes = 0
        self._handlers: dict[int, Callable[[int, int, bytes], None]] = {
            frames.DATA: self._on_data,
            frames.HEADERS: self._on_headers,
            frames.PRIORITY: self._on_priority,
            frames.RST_STREAM: self._on_rst_stream,
            frames.SETTINGS: self._on_settings,
            frames.PUSH_PROMISE: self._on_push_promise,
            frames.PING: self._on_ping,
            frames.GOAWAY: self._on_goaway,
            frames.WINDOW_UPDATE: self._on_window_update,
            frames.CONTINUATION: self._on_continuation,
        }

    # ---- from the transport

    def start(self) -> None:
        """Say what this side takes. Before anything else."""
        limits = self._limits
        self._write(
            frames.settings(
                {
                    Setting.MAX_CONCURRENT_STREAMS: limits.max_concurrent_streams,
                    Setting.INITIAL_WINDOW_SIZE: limits.stream_window,
                    Setting.MAX_HEADER_LIST_SIZE: limits.max_header_list,
                }
            )
            + frames.window_update(0, limits.connection_window - frames.DEFAULT_WINDOW)
        )

    def receive(self, data: bytes) -> None:
        if self.closed:
            return
        self._receiving = True
        try:
            self._read(self._buffer + data if self._buffer else data)
        except ConnectionFault as fault:
            self.fail(fault.code, fault.why)
        finally:
            self._receiving = False

    def pause(self) -> None:
        """The transport is full."""
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._pump()

    def lost(self) -> None:
        """The transport is gone."""
        self.closed = True
        streams, self.streams = self.streams, {}
        self._blocked.clear()
        self._queued = 0
        for stream in streams.values():
            stream.ended = True
            if stream.receiver is not None:
                stream.receiver.reset(ErrorCode.CANCEL)

    def ping(self) -> None:
        """See whether the peer is there: it answers."""
        self._write(frames.frame(frames.PING, 0, 0, bytes(8)))

    def shut_down(self) -> None:
        """Take no new streams; ``closed`` when the last that runs has ended."""
        if not self._closing and not self.closed:
            self._closing = True
            self._write(frames.goaway(self._last_stream, ErrorCode.NO_ERROR))
            self.closed = not self.streams

    def fail(self, code: ErrorCode, why: str) -> None:
        """End the connection, and tell the peer why."""
        if not self.closed:
            self._write(frames.goaway(self._last_stream, code, why.encode()))
            self.lost()

    # ---- to be sent

    def respond(self, stream: Stream, head: bytes, body: bytes, tail: bytes) -> None:
        """A whole response: a block of headers, the body, and a block of trailers."""
        size, id_ = len(body), stream.id
        if (
            size > self._send_window
            or size > stream.send_window
            or size > self._max_frame
            or self._paused
            or stream.ended
        ):
            self.send_headers(stream, head)
            self.send_data(stream, body)
            self.send_trailers(stream, tail)
            return
        self._send_window -= size
        header = frames.header
        self._write(
            header(len(head), frames.HEADERS, frames.END_HEADERS, id_)
            + head
            + header(size, frames.DATA, 0, id_)
            + body
            + header(len(tail), frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, id_)
            + tail
        )
        self._finish(stream)

    def send_headers(self, stream: Stream, block: bytes) -> None:
        if not stream.ended:
            self._write(frames.frame(frames.HEADERS, frames.END_HEADERS, stream.id, block))

    def send_data(self, stream: Stream, data: bytes) -> None:
        """At once as far as the windows allow. ``stream.queued`` tells what is left, which the caller is to bound."""
        size = len(data)
        if stream.ended or not size:
            return
        if not (
            stream.queue
            or self._paused
            or size > self._send_window
            or size > stream.send_window
            or size > self._max_frame
        ):
            self._send_window -= size
            stream.send_window -= size
            self._write(frames.frame(frames.DATA, 0, stream.id, data))
            return
        stream.queue.append(data)
        stream.queued += size
        self._queued += size
        self._offer(stream)
        self._pump()

    def send_trailers(self, stream: Stream, block: bytes) -> None:
        """After the data that is queued; this ends the stream."""
        if stream.ended:
            return
        stream.trailers = block
        if not stream.queue:
            self._end(stream)

    def is_congested(self) -> bool:
        """So much waits to be sent that no more should be made: see ``wait``."""
        return self._queued + (self._unwritten if self.output else 0) > _QUEUED

    def wait(self, turn: Callable[[], bool]) -> None:
        """``turn`` is called when there is room for what its caller would send; False: the caller wants it no more.

        Who has had its turn calls ``let_next`` when it is done, and who writes ``output`` when that is done.
        """
        self._waiting.append(turn)

    def let_next(self) -> None:
        while self._waiting and not self.is_congested():
            if self._waiting.popleft()():
                return

    def abort(self, stream: Stream, code: ErrorCode) -> None:
        if not stream.ended:
            self._write(frames.rst_stream(stream.id, code))
            self._forget(stream)

    def consumed(self, stream: Stream, size: int) -> None:
        """The receiver has room again for ``size`` bytes."""
        stream.unconsumed += size
        if stream.unconsumed * 2 >= self._limits.stream_window and not stream.remote_closed:
            self._write(frames.window_update(stream.id, stream.unconsumed))
            stream.receive_window += stream.unconsumed
            stream.unconsumed = 0

    def _write(self, data: bytes) -> None:
        if not self.output:
            self._unwritten = 0
            if not self._receiving:
                self._wake()
        self.output.append(data)
        self._unwritten += len(data)
        self._ping_strikes = 0

    def _offer(self, stream: Stream) -> None:
        if stream.send_window > 0 and not stream.ended:
            self._blocked[stream] = None

    def _pump(self) -> None:
        """Send what is queued, a frame of each stream in turn, as far as the windows allow."""
        blocked = self._blocked
        while blocked and self._send_window > 0 and not self._paused:
            stream = next(iter(blocked))
            del blocked[stream]
            if not stream.queue:
                continue
            payload = stream.take(min(stream.send_window, self._send_window, self._max_frame))
            stream.send_window -= len(payload)
            self._send_window -= len(payload)
            self._queued -= len(payload)
            self._write(frames.frame(frames.DATA, 0, stream.id, payload))
            if stream.queue:
                self._offer(stream)
            elif stream.trailers is not None:
                self._end(stream)
            if stream.receiver is not None:
                stream.receiver.drained()
        self.let_next()

    def _end(self, stream: Stream) -> None:
        assert stream.trailers is not None
        flags = frames.END_HEADERS | frames.END_STREAM
        self._write(frames.frame(frames.HEADERS, flags, stream.id, stream.trailers))
        self._finish(stream)

    def _finish(self, stream: Stream) -> None:
        """All is said. A peer that is still sending is told that nobody listens."""
        self._answered += 1
        if not stream.remote_closed:
            self._write(frames.rst_stream(stream.id, ErrorCode.NO_ERROR))
        self._forget(stream)

    def _forget(self, stream: Stream) -> None:
        stream.ended = True
        stream.queue.clear()
        self._queued -= stream.queued
        stream.queued = 0
        self.streams.pop(stream.id, None)
        self._blocked.pop(stream, None)
        if not stream.remote_closed:
            self._remember(stream.id)
        if self._closing and not self.streams:
            self.closed = True

    def _remember(self, id_: int) -> None:
        """That the stream ended here before the peer was done."""
        self._ended_early[id_] = None
        if len(self._ended_early) > _REMEMBERED:
            del self._ended_early[next(iter(self._ended_early))]

    # ---- frames

    def _read(self, data: bytes) -> None:
        position, size = 0, len(data)
        if self._preface_left:
            expected = self._preface_left[:size]
            if data[: len(expected)] != expected:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "no preface of HTTP/2")
            self._preface_left = self._preface_left[len(expected) :]
            position = len(expected)
        handlers = self._handlers
        while size - position >= frames.HEADER_SIZE:
            length = data[position] << 16 | data[position + 1] << 8 | data[position + 2]
            if length > frames.DEFAULT_MAX_FRAME:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a frame that is larger than was allowed")
            start = position + frames.HEADER_SIZE
            end = start + length
            if end > size:
                break
            kind, flags = data[position + 3], data[position + 4]
            stream = int.from_bytes(data[position + 5 : start], "big") & 0x7FFFFFFF
            self._check_order(kind, stream)
            handler = handlers.get(kind)
            if handler is not None:
                try:
                    handler(flags, stream, data[start:end])
                except StreamFault as fault:
                    self._reset_by_fault(fault)
            position = end
            if self.closed:
                return
        self._buffer = data[position:]

    def _check_order(self, kind: int, stream: int) -> None:
        if self._headers is not None and (kind != frames.CONTINUATION or stream != self._headers[0]):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "headers that do not go on")
        if not self.greeted:
            if kind != frames.SETTINGS:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "settings come first")
            self.greeted = True

    def _reset_by_fault(self, fault: StreamFault) -> None:
        stream = self.streams.get(fault.stream)
        if stream is None:
            self._write(frames.rst_stream(fault.stream, fault.code))
            return
        self.abort(stream, fault.code)
        if stream.receiver is not None:
            stream.receiver.reset(fault.code)

    def _on_data(self, flags: int, id_: int, payload: bytes) -> None:
        size = len(payload)
        self._receive_window -= size
        if self._receive_window < 0:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "more data than the window of the connection")
        window = self._limits.connection_window
        if self._receive_window * 2 < window:
            self._write(frames.window_update(0, window - self._receive_window))
            self._receive_window = window
        stream = self.streams.get(id_)
        if stream is None or stream.remote_closed:
            self._on_late_frame(id_)
            return
        stream.receive_window -= size
        if stream.receive_window < 0:
            raise StreamFault(id_, ErrorCode.FLOW_CONTROL_ERROR)
        data = frames.unpadded(payload, flags)
        ended = bool(flags & frames.END_STREAM)
        if size != len(data):
            self.consumed(stream, size - len(data))
        if ended:
            stream.remote_closed = True
        elif not data:
            self._count_nuisance("data that is empty")
        if stream.receiver is not None:
            stream.receiver.data(data, ended=ended)

    def _on_late_frame(self, id_: int) -> None:
        """A frame of a stream that is not open: in order if the peer could not know yet."""
        if id_ > self._last_stream or not id_ & 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame of a stream that nobody has opened")
        if id_ not in self._ended_early:
            raise StreamFault(id_, ErrorCode.STREAM_CLOSED)

    def _on_headers(self, flags: int, id_: int, payload: bytes) -> None:
        if not id_ & 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a request needs a stream of an odd number")
        block = frames.unpadded(payload, flags)
        if flags & frames.PRIORITIZED:
            if len(block) < 5:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a priority is five bytes")
            block = block[5:]
        if flags & frames.END_HEADERS:
            self._on_header_block(id_, flags, block)
        else:
            self._headers = (id_, flags, bytearray(block))

    def _on_continuation(self, flags: int, id_: int, payload: bytes) -> None:
        if self._headers is None:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a continuation of nothing")
        _, first_flags, block = self._headers
        if not payload and not flags & frames.END_HEADERS:
            self._count_nuisance("continuations that are empty")
        block += payload
        if len(block) > self._limits.max_header_list:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "headers that are too large")
        if flags & frames.END_HEADERS:
            self._headers = None
            self._on_header_block(id_, first_flags, bytes(block))

    def _on_header_block(self, id_: int, flags: int, block: bytes) -> None:
        try:
            headers = self._decoder.decode(block)
        except HeaderListTooLargeError as error:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, str(error)) from None
        except HpackError as error:
            raise ConnectionFault(ErrorCode.COMPRESSION_ERROR, str(error)) from None
        if id_ <= self._last_stream:
            self._on_trailers(id_, flags)
            return
        self._last_stream = id_
        if self._closing:
            return
        if len(self.streams) >= self._limits.max_concurrent_streams:
            self._remember(id_)
            raise StreamFault(id_, ErrorCode.REFUSED_STREAM)
        stream = self.streams[id_] = Stream(id_, self._initial_window, self._limits.stream_window)
        ended = stream.remote_closed = bool(flags & frames.END_STREAM)
        self.opened(stream, headers)
        if ended and stream.receiver is not None:
            stream.receiver.data(b"", ended=True)

    def _on_trailers(self, id_: int, flags: int) -> None:
        stream = self.streams.get(id_)
        if stream is None or stream.remote_closed:
            if id_ in self._ended_early:
                return
            raise ConnectionFault(ErrorCode.STREAM_CLOSED, "headers of a stream that has ended")
        if not flags & frames.END_STREAM:
            raise StreamFault(id_, ErrorCode.PROTOCOL_ERROR)
        stream.remote_closed = True
        if stream.receiver is not None:
            stream.receiver.data(b"", ended=True)

    def _on_priority(self, flags: int, id_: int, payload: bytes) -> None:  # noqa: ARG002  # every frame's signature
        """Priorities are advice, and not taken."""
        if not id_:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a priority of the connection")
        if len(payload) != 5:
            raise StreamFault(id_, ErrorCode.FRAME_SIZE_ERROR)
        self._count_nuisance("priorities")

    def _on_rst_stream(self, flags: int, id_: int, payload: bytes) -> None:  # noqa: ARG002  # as above
        if len(payload) != 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "an error code is four bytes")
        if not id_ or id_ > self._last_stream:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a reset of a stream that nobody has opened")
        stream = self.streams.get(id_)
        if stream is None:
            return
        self._count_nuisance("resets")
        stream.remote_closed = True
        self._forget(stream)
        if stream.receiver is not None:
            number = int.from_bytes(payload, "big")
            known = number in ErrorCode._value2member_map_  # enum's own way to ask
            stream.receiver.reset(ErrorCode(number) if known else ErrorCode.CANCEL)

    def _on_settings(self, flags: int, id_: int, payload: bytes) -> None:
        if id_:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "settings of a stream")
        if flags & frames.ACK:
            if payload:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "an acknowledgement with settings")
            return
        if len(payload) % 6:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a setting is six bytes")
        self._count_nuisance("settings")
        for start in range(0, len(payload), 6):
            key = int.from_bytes(payload[start : start + 2], "big")
            self._on_setting(key, int.from_bytes(payload[start + 2 : start + 6], "big"))
        self._write(frames.frame(frames.SETTINGS, frames.ACK, 0))
        self._pump()

    def _on_setting(self, key: int, value: int) -> None:
        if key == Setting.INITIAL_WINDOW_SIZE:
            if value > frames.MAX_WINDOW:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a window that is too large")
            change, self._initial_window = value - self._initial_window, value
            for stream in self.streams.values():
                self._widen(stream, change)
        elif key == Setting.MAX_FRAME_SIZE:
            if not frames.DEFAULT_MAX_FRAME <= value < 2**24:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a size of frames out of its range")
            self._max_frame = min(value, _MAX_FRAME)
        elif key == Setting.ENABLE_PUSH and value > 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "push is on or off")

    def _widen(self, stream: Stream, change: int) -> None:
        stream.send_window += change
        if stream.send_window > frames.MAX_WINDOW:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a window that is too large")
        if stream.queue:
            self._offer(stream)

    def _on_push_promise(self, flags: int, id_: int, payload: bytes) -> None:  # noqa: ARG002  # as above
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a client does not push")

    def _on_ping(self, flags: int, id_: int, payload: bytes) -> None:
        if id_:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a ping of a stream")
        if len(payload) != 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a ping is eight bytes")
        if flags & frames.ACK:
            return
        strikes, now = self._ping_strikes, self._now()
        least = self._limits.min_ping_interval if self.streams else _IDLE_PING
        if now - self._last_ping < least:
            strikes += 1
        self._last_ping = now
        if strikes > _PING_STRIKES:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings")
        self._write(frames.frame(frames.PING, frames.ACK, 0, payload))
        self._ping_strikes = strikes

    def _on_goaway(self, flags: int, id_: int, payload: bytes) -> None:  # noqa: ARG002  # as above
        """The peer opens no more streams; those that run go on."""
        if id_:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a farewell of a stream")

    def _on_window_update(self, flags: int, id_: int, payload: bytes) -> None:  # noqa: ARG002  # as above
        if len(payload) != 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "an increment is four bytes")
        increment = int.from_bytes(payload, "big") & 0x7FFFFFFF
        if id_ > self._last_stream:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a window of a stream that nobody has opened")
        if not increment:
            if not id_:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a window that grows by nothing")
            raise StreamFault(id_, ErrorCode.PROTOCOL_ERROR)
        if not id_:
            self._send_window += increment
            if self._send_window > frames.MAX_WINDOW:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a window that is too large")
        else:
            stream = self.streams.get(id_)
            if stream is None:
                return
            if stream.send_window + increment > frames.MAX_WINDOW:
                raise StreamFault(id_, ErrorCode.FLOW_CONTROL_ERROR)
            self._widen(stream, increment)
        self._pump()

    def _count_nuisance(self, what: str) -> None:
        """Frames that cost this side more than the peer: as many as there were answers, and some."""
        self._resets += 1
        if self._resets > _RESETS + self._answered:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, f"too many {what}")
