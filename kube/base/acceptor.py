"""A listening socket that loses nobody: who was accepted when it closes is its owner's, or is hung up on. So is who comes when
descriptors are scarce.

asyncio loses the socket of whom it has accepted and not yet given to a server that is closed, and keeps a TLS handshake that is
under way to itself: the connection comes up after the server is gone, and stays.
"""

import asyncio
import contextlib
import os
import ssl
import sys
from collections.abc import Callable
from typing import Any, Final, cast

from kube.base import descriptors
from kube.base.logging import get_logger
from kube.base.tasks import TaskOwner

TURN: Final = 1e-6
"""Seconds: the loop's timers come after what sockets bring in the same turn."""

SILENCE: Final = 10.0
"""Seconds between two lines in the log about connections that were refused."""

_UNTRUSTED: Final = ("CERTIFICATE_VERIFY_FAILED", "PEER_DID_NOT_RETURN_A_CERTIFICATE")
"""OpenSSL's reasons when it is the client's certificate that is wrong."""

log = get_logger(__name__)

MakeProtocol = Callable[[], asyncio.Protocol]


class Acceptor:
    """``make`` gives each connection its protocol: at once, or behind TLS when the handshake is done."""

    def __init__(
        self,
        make: MakeProtocol,
        tls: ssl.SSLContext | None = None,
        *,
        handshake_timeout: float = 10.0,
        shutdown_timeout: float = 0.5,
    ) -> None:
        """Seconds that a client has for its handshake, and for the last word of a TLS connection that is closed."""
        self.make = make
        self._tls = tls
        if tls is not None:
            known: Any = tls.sslobject_class
            self._teller = known if isinstance(known, _Teller) else _Teller()
            tls.sslobject_class = self._teller  # type: ignore[assignment]  # of which wrap_bio wants no more than _create
        self._handshake_timeout = handshake_timeout
        self._shutdown_timeout = shutdown_timeout
        self._server: asyncio.Server | None = None
        self._tasks = TaskOwner("acceptor")
        self._shaking: dict[_Handshake, None] = {}
        self._said = self._said_untrusted = float("-inf")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; ("", 0) before it listens and when it is closed."""
        if self._server is None or not self._server.sockets:
            return "", 0
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

    async def listen(self, host: str, port: int, *, backlog: int = 1024) -> None:
        """Port 0 picks a free one. Raises OSError."""
        self._server = await asyncio.get_running_loop().create_server(
            self._accepted,
            host,
            port,
            backlog=backlog,
            start_serving=False,  # it waits while it begins, and sockets would be lost to who is cancelled there
        )
        await self._server.start_serving()

    async def aclose(self) -> None:
        """Accept nobody any more. Every protocol that was made has its transport when this returns. Idempotent."""
        if self._server is None:
            return
        await asyncio.sleep(TURN)  # what the loop has accepted is the server's then
        self._server.close()
        await asyncio.sleep(0)  # and has its transport then
        for handshake in tuple(self._shaking):
            handshake.abort()
        await self._tasks.aclose()
        await asyncio.sleep(0)  # what was aborted is closed then

    def _accepted(self) -> asyncio.Protocol:
        if descriptors.are_scarce():
            now = asyncio.get_running_loop().time()
            if now - self._said >= SILENCE:
                self._said = now
                log.warning("too many open files: connections are refused until some have ended")
            return _Refused()
        return self.make() if self._tls is None else _Handshake(self._begin, self._end)

    # -- TLS

    def _begin(self, handshake: "_Handshake", transport: asyncio.Transport) -> None:
        if self._tasks.closed:
            transport.abort()
            return
        self._shaking[handshake] = None
        self._tasks.start(self._shake(handshake, transport), name="handshake")

    def _end(self, handshake: "_Handshake") -> None:
        self._shaking.pop(handshake, None)

    async def _shake(self, handshake: "_Handshake", transport: asyncio.Transport) -> None:
        assert self._tls is not None
        if handshake.is_over():
            self._end(handshake)
            return
        loop = asyncio.get_running_loop()
        self._teller.begin(transport)  # asyncio makes the object in start_tls, uvloop in what that calls soon
        loop.call_soon(self._teller.begin, transport)
        loop.call_soon(_feed, transport, handshake.taken())  # before what start_tls calls soon
        try:
            secure = await loop.start_tls(
                transport,
                handshake,
                self._tls,
                server_side=True,
                ssl_handshake_timeout=self._handshake_timeout,
                ssl_shutdown_timeout=self._shutdown_timeout,
            )
        except OSError as error:
            self._say(transport, error)
            transport.abort()
            self._end(handshake)
            return
        except asyncio.CancelledError:
            transport.abort()
            self._end(handshake)
            raise
        self._end(handshake)
        if secure is None or handshake.is_over():
            transport.abort()
            return
        try:
            handshake.hand_over(secure, self.make())
        except BaseException:
            transport.abort()
            raise

    def _say(self, transport: asyncio.Transport, error: OSError) -> None:
        client = transport.get_extra_info("peername")
        reason = getattr(error, "reason", None)
        if reason not in _UNTRUSTED:
            log.debug("no TLS handshake", client=client, error=str(error))
            return
        now = asyncio.get_running_loop().time()
        if now - self._said_untrusted >= SILENCE:
            self._said_untrusted = now
            why = getattr(error, "verify_message", "") or "it has none"
            where = f"{client[0]}:{client[1]}" if isinstance(client, tuple) else str(client)
            log.warning("a client's certificate is refused", client=where, why=why)


class _Teller:
    """In the place of a context's ``sslobject_class``: makes objects that know whose they are. Of one loop."""

    def __init__(self) -> None:
        self._next: asyncio.Transport | None = None

    def begin(self, transport: asyncio.Transport) -> None:
        """The next object is for ``transport``."""
        self._next = transport

    def _create(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, **options: Any) -> "_Telling":
        """What ``SSLContext.wrap_bio`` calls."""
        made: _Telling = _Telling._create(incoming, outgoing, **options)  # type: ignore[attr-defined]  # noqa: SLF001  # as wrap_bio does
        made.outgoing = outgoing
        made.transport, self._next = self._next, None
        return made


class _Telling(ssl.SSLObject):
    """Tells the client why its handshake has failed: event loops close the connection before they write what TLS has to say of it."""

    outgoing: ssl.MemoryBIO
    transport: asyncio.Transport | None

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            if self.transport is not None:
                _write_now(self.transport, self.outgoing.read())
            raise
        self.transport = None


def _write_now(transport: asyncio.Transport, data: bytes) -> None:
    """Past the transport's buffer, which is thrown away with the connection."""
    if sys.platform == "win32":
        transport.write(data)
    else:
        with contextlib.suppress(OSError):  # who is gone, or reads nothing, is not told
            os.write(transport.get_extra_info("socket").fileno(), data)


def _feed(transport: asyncio.Transport, pieces: list[bytes]) -> None:
    """Give TLS what was read before its turn came: uvloop reads though it was told to pause."""
    if transport.is_closing():
        return
    tls = cast("asyncio.BufferedProtocol", transport.get_protocol())
    for piece in pieces:
        left = memoryview(piece)
        while left:
            space = memoryview(tls.get_buffer(len(left)))
            taken = min(len(space), len(left))
            space[:taken] = left[:taken]
            tls.buffer_updated(taken)
            left = left[taken:]


class _Refused(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).abort()


class _Handshake(asyncio.Protocol):
    """Stands in for a connection's protocol until its handshake is done, and keeps what comes right before and behind it."""

    def __init__(
        self,
        begin: "Callable[[_Handshake, asyncio.Transport], None]",
        end: "Callable[[_Handshake], None]",
    ) -> None:
        self._begin = begin
        self._end = end
        self._transport: asyncio.Transport | None = None
        self._held: list[bytes] = []
        self._eof = self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.pause_reading()  # the first bytes are for TLS
        self._begin(self, self._transport)

    def data_received(self, data: bytes) -> None:
        self._held.append(data)

    def eof_received(self) -> bool:
        self._eof = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._lost = True
        self._end(self)

    def is_over(self) -> bool:
        return self._lost or self._transport is None or self._transport.is_closing()

    def taken(self) -> list[bytes]:
        held, self._held = self._held, []
        return held

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def hand_over(self, transport: asyncio.Transport, protocol: asyncio.Protocol) -> None:
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        for data in self.taken():
            _receiver(transport).data_received(data)
        if self._eof:
            _receiver(transport).eof_received()


def _receiver(transport: asyncio.Transport) -> asyncio.Protocol:
    """Whose the connection is now: who gets the first of it may pass it on."""
    return cast("asyncio.Protocol", transport.get_protocol())
