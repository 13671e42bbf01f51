"""The client's end of one connection: frames in, frames out, no socket."""

import struct
from typing import Any

from kube.store.etcd_server.http2 import frames
from kube.store.etcd_server.http2.connection import Connection, Limits
from kube.store.etcd_server.http2.frames import ErrorCode
from kube.store.etcd_server.http2.hpack import Headers, encode
from kube.store.etcd_server.http2.stream import Stream

REQUEST = encode([(b":method", b"POST"), (b":path", b"/x"), (b":scheme", b"http")])
HEAD = encode([(b":status", b"200")])
TAIL = encode([(b"grpc-status", b"0")])
END = frames.END_HEADERS | frames.END_STREAM


class Heard:
    """A receiver that keeps what it is told."""

    def __init__(self, stream: Stream, headers: Headers) -> None:
        self.stream = stream
        self.headers = headers
        self.body = b""
        self.ended = False
        self.reset_by: ErrorCode | None = None
        self.drains = 0
        stream.receiver = self

    def data(self, payload: bytes, *, ended: bool) -> None:
        self.body += payload
        self.ended = ended

    def reset(self, code: ErrorCode) -> None:
        self.reset_by = code

    def drained(self) -> None:
        self.drains += 1


class Peer:
    """The client's end: what it sends, and what it has got."""

    def __init__(self, *, greet: bool = True, **limits: Any) -> None:
        self.now = 0.0
        self.connection = Connection(lambda: None, lambda: self.now, Limits(**limits))
        self.heard: dict[int, Heard] = {}
        self.connection.opened = self._opened
        self.connection.start()
        if greet:
            self.send(frames.PREFACE, frames.settings({}))
            self.got()

    def _opened(self, stream: Stream, headers: Headers) -> None:
        self.heard[stream.id] = Heard(stream, headers)

    def send(self, *pieces: bytes) -> None:
        self.connection.receive(b"".join(pieces))

    def open(self, stream: int, flags: int = frames.END_HEADERS, block: bytes = REQUEST) -> Heard:
        self.send(frames.frame(frames.HEADERS, flags, stream, block))
        return self.heard[stream]

    def got(self) -> list[tuple[int, int, int, bytes]]:
        """Kind, flags, stream and payload of the frames since the last call."""
        data = b"".join(self.connection.output)
        self.connection.output = []
        found = []
        while data:
            length = int.from_bytes(data[:3], "big")
            found.append((data[3], data[4], int.from_bytes(data[5:9], "big"), data[9 : 9 + length]))
            data = data[9 + length :]
        return found

    def farewell(self) -> tuple[ErrorCode, str]:
        """The error of the GOAWAY that has ended the connection."""
        assert self.connection.closed
        [payload] = [payload for kind, _, _, payload in self.got() if kind == frames.GOAWAY]
        return ErrorCode(int.from_bytes(payload[4:8], "big")), payload[8:].decode()

    def resets(self) -> list[tuple[int, ErrorCode]]:
        return [
            (stream, ErrorCode(int.from_bytes(payload, "big")))
            for kind, _, stream, payload in self.got()
            if kind == frames.RST_STREAM
        ]


def setting(key: int, value: int) -> bytes:
    return frames.frame(frames.SETTINGS, 0, 0, struct.pack(">HI", key, value))


def window(stream: int, increment: int) -> bytes:
    return frames.window_update(stream, increment)


def sent(peer: Peer) -> dict[int, int]:
    """Bytes of data by stream."""
    found: dict[int, int] = {}
    for kind, _, stream, payload in peer.got():
        if kind == frames.DATA:
            found[stream] = found.get(stream, 0) + len(payload)
    return found
