"""One stream of a connection: its windows, and what waits to be sent on it."""

from collections import deque
from typing import Protocol

from kube.store.etcd_server.http2.frames import ErrorCode


class Receiver(Protocol):
    """Whom a stream's frames are for. Called from within the connection: it must not block."""

    def data(self, payload: bytes, *, ended: bool) -> None:
        """Part of the body. What is kept counts against the stream's window until ``Stream.consumed``."""
        ...

    def reset(self, code: ErrorCode) -> None:
        """The stream is gone: the peer has reset it, or the connection has ended. Nothing comes after this."""
        ...

    def drained(self) -> None:
        """Some of what was queued has been sent."""
        ...


class Stream:
    """``queued``: bytes that wait for a window or for the transport. ``trailers``: what follows them and ends the stream."""

    __slots__ = (
        "ended",
        "id",
        "offset",
        "queue",
        "queued",
        "receive_window",
        "receiver",
        "remote_closed",
        "send_window",
        "trailers",
        "unconsumed",
    )

    def __init__(self, id_: int, send_window: int, receive_window: int) -> None:
        self.id = id_
        self.send_window = send_window
        self.receive_window = receive_window
        self.unconsumed = 0
        """Bytes that the receiver is done with and the peer was not yet told of."""
        self.receiver: Receiver | None = None
        self.remote_closed = False
        self.ended = False
        """Nothing can be sent any more."""
        self.queue: deque[bytes] = deque()
        self.offset = 0
        """Bytes of the queue's first piece that are sent."""
        self.queued = 0
        self.trailers: bytes | None = None

    def take(self, most: int) -> bytes:
        """The next bytes of the queue, of one piece, at most ``most``."""
        piece, start = self.queue[0], self.offset
        end = start + most
        if end >= len(piece):
            self.queue.popleft()
            self.offset = 0
            taken = piece[start:] if start else piece
        else:
            self.offset = end
            taken = piece[start:end]
        self.queued -= len(taken)
        return taken
