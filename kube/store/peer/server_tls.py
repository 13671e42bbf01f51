"""TLS of a connection that another member opened, by memory BIOs: so that a handshake that fails can be told, and why.

(The event loops end such a connection without a word to whoever listens.)
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, cast

READ_BYTES = 1 << 18


class ServerTLS(asyncio.Transport, asyncio.Protocol):
    """The protocol of the socket, and the transport of the protocol that ``established`` gives once the handshake is done."""

    def __init__(
        self,
        context: ssl.SSLContext,
        established: Callable[["ServerTLS"], asyncio.Protocol],
        failed: Callable[["ServerTLS", str], None],
    ) -> None:
        """``failed``: the handshake, with the reason in words."""
        super().__init__()
        self.since = 0.0
        """For the owner: when it began."""
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._established = established
        self._failed = failed
        self._socket: asyncio.Transport | None = None
        self._protocol: asyncio.Protocol | None = None
        self._over = False
        self._aborted = False
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once the socket is closed."""

    @property
    def connected(self) -> bool:
        """There is a socket, or was."""
        return self._socket is not None

    # ---- the socket's protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = cast("asyncio.Transport", transport)
        if self._aborted:
            self._socket.abort()

    def data_received(self, data: bytes) -> None:
        self._incoming.write(data)
        if self._protocol is None and not self._handshake():
            return
        self._read()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            protocol.connection_lost(exc)
        else:
            self._fail("the other side gave up")

    def pause_writing(self) -> None:
        if self._protocol is not None:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        if self._protocol is not None:
            self._protocol.resume_writing()

    def _handshake(self) -> bool:
        """True when it is done."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as error:
            self._flush()  # the alert that tells the other side
            self._fail(getattr(error, "verify_message", "") or error.reason or str(error))
            return False
        self._flush()
        if self._over:
            return False
        self._over = True
        self._protocol = self._established(self)
        self._protocol.connection_made(self)
        return True

    def _fail(self, why: str) -> None:
        if not self._over:
            self._over = True
            self._failed(self, f"TLS: {why}")
        self.close()

    def _read(self) -> None:
        while self._protocol is not None:
            try:
                data = self._tls.read(READ_BYTES)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError:
                self.abort()
                return
            if not data:  # the other side has said that it is done
                self.close()
                return
            self._protocol.data_received(data)
        self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending and self._socket is not None and not self._socket.is_closing():
            self._socket.write(self._outgoing.read())

    # ---- the transport of who is above

    def write(self, data: Any) -> None:
        view = memoryview(data)
        while view:
            view = view[self._tls.write(view) :]
        self._flush()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if self._socket is not None:
            self._socket.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return 0 if self._socket is None else self._socket.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default if self._socket is None else self._socket.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._socket is None or self._socket.is_closing()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def abort(self) -> None:
        """At once, or as soon as there is a socket."""
        self._aborted = True
        if self._socket is not None:
            self._socket.abort()
