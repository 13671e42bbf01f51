"""One peer connection: bytes from and to a socket, as frames. Which frames mean what is its owner's."""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from kube.store.codec import CodecError
from kube.store.peer.frames import (
    MAX_FRAME_BYTES,
    MAX_STRANGERS_FRAME_BYTES,
    PREAMBLE,
    FrameDecoder,
    FrameError,
    FrameKind,
    encode_frame,
)

HIGH_WATER = 4 << 20
"""Bytes that wait to be sent past which ``drained`` waits."""


class ProtocolError(Exception):
    """The other side said what it must not say; its connection is closed."""


class ConnectionOwner(Protocol):
    def opened(self, connection: "Connection") -> None: ...

    def received(self, connection: "Connection", kind: FrameKind, payload: bytes) -> None:
        """Raises ProtocolError or CodecError for what can't be."""
        ...

    def closed(self, connection: "Connection", why: str) -> None:
        """Called once. ``why`` in words, for one log line."""
        ...


class Connection(asyncio.Protocol):
    """``heard``: the owner's time at which anything arrived last. ``violated``: the other side said what it must not say.

    Nothing is called after ``closed``.
    """

    def __init__(self, owner: ConnectionOwner, now: Callable[[], float], *, accepted: bool) -> None:
        """``accepted``: the other side dialled, and begins."""
        self.heard = now()
        self.address = ""
        self.violated = False
        self._owner = owner
        self._now = now
        self._accepted = accepted
        limit = MAX_STRANGERS_FRAME_BYTES if accepted else MAX_FRAME_BYTES
        self._decoder = FrameDecoder(preamble=accepted, limit=limit)
        self._transport: asyncio.Transport | None = None
        self._writable: asyncio.Future[None] | None = None
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._why = ""
        self._over = False

    # ---- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(HIGH_WATER)
        name = transport.get_extra_info("peername")
        if isinstance(name, tuple):
            self.address = f"{name[0]}:{name[1]}"
        self.heard = self._now()
        if not self._accepted:
            self._transport.write(PREAMBLE)
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        self.heard = self._now()
        try:
            for kind, payload in self._decoder.feed(data):
                if self._over or self._why:
                    return
                self._owner.received(self, kind, payload)
        except (FrameError, ProtocolError, CodecError) as error:
            self.violated = True
            self.fail(str(error))

    def pause_writing(self) -> None:
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(self._why or (str(exc) or type(exc).__name__ if exc is not None else "closed by the peer"))

    def _end(self, why: str) -> None:
        if self._over:
            return
        self._over = True
        self.resume_writing()
        if not self._ended.done():
            self._ended.set_result(None)
        self._owner.closed(self, why)

    # ---- the owner's side

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._over and not self._why

    @property
    def buffered(self) -> int:
        """Bytes that wait to be sent."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def admit(self) -> None:
        """The other side is who it should be."""
        self._decoder.limit = MAX_FRAME_BYTES

    def send(self, kind: FrameKind, payload: bytes = b"") -> None:
        if self._transport is not None and self.open:
            self._transport.write(encode_frame(kind, payload))

    async def drained(self) -> None:
        """Until little waits to be sent, or the connection is closed."""
        if self._writable is not None:
            await self._writable

    async def ended(self) -> None:
        """Until the connection is closed, and its socket with it."""
        await asyncio.shield(self._ended)

    def close(self, why: str) -> None:
        """After what was sent."""
        if self.open and self._transport is not None:
            self._why = why
            self._transport.close()

    def fail(self, why: str) -> None:
        """At once."""
        if self._transport is not None and not self._over:
            self._why = self._why or why
            self._transport.abort()
