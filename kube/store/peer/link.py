"""The connection that this member keeps to one other, and makes again when it ends; what it sends goes over it."""

import asyncio
import random
import ssl
from collections.abc import Callable

import msgspec

from kube.base.backoff import Backoff, BackoffState
from kube.base.clock import Clock
from kube.base.logging import get_logger
from kube.store.codec import CodecError
from kube.store.peer.connection import Connection, ProtocolError
from kube.store.peer.frames import FrameKind
from kube.store.peer.handshake import Hello, Reason, Refusal
from kube.store.urls import address_of

MAX_BUFFERED = 32 << 20
"""Bytes that wait for a slow peer; what comes on top is not sent, and raft is told."""
CONNECT_TIMEOUT = 2.0
"""Seconds for a connection to stand, its TLS and its handshake included."""
RECONNECT = Backoff(initial=0.02, cap=0.5, jitter=0.5)

_encode = msgspec.msgpack.Encoder().encode
_decode_refusal = msgspec.msgpack.Decoder(Refusal).decode


def decode_refusal(payload: bytes) -> Refusal:
    """Raises CodecError."""
    try:
        return _decode_refusal(payload)
    except msgspec.DecodeError as error:
        raise CodecError(f"malformed refusal: {error}") from None


class RefusedError(Exception):
    """The other side does not want the connection."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"refused: {refusal.detail}")
        self.refusal = refusal


class Dialled:
    """A connection that this side opened, from its handshake on. It is the owner of its Connection."""

    def __init__(
        self,
        hello: Hello,
        received: Callable[[FrameKind, bytes], None],
        closed: Callable[[str], None],
    ) -> None:
        """After the handshake frames go to ``received``, and the end to ``closed``."""
        self._hello = hello
        self._received = received
        self._closed = closed
        self._welcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._welcomed = False

    def opened(self, connection: Connection) -> None:
        connection.send(FrameKind.HELLO, _encode(self._hello))

    def received(self, _: Connection, kind: FrameKind, payload: bytes) -> None:
        if self._welcomed:
            self._received(kind, payload)
        elif kind is FrameKind.REFUSAL:
            self._answer(RefusedError(decode_refusal(payload)))
        elif kind is FrameKind.WELCOME:
            self._welcomed = True
            self._answer(None)
        else:
            raise ProtocolError(f"{kind.name} instead of an answer to the handshake")

    def closed(self, _: Connection, why: str) -> None:
        self._answer(ConnectionError(why))
        if self._welcomed:
            self._closed(why)

    def _answer(self, error: Exception | None) -> None:
        if self._welcome.done():
            return
        if error is None:
            self._welcome.set_result(None)
        else:
            self._welcome.set_exception(error)

    async def connect(self, url: str, tls: ssl.SSLContext | None, now: Callable[[], float]) -> Connection:
        """Raises OSError (and its TimeoutError), RefusedError."""
        secure, host, port = address_of(url)
        if secure and tls is None:
            raise ConnectionError(f"{url} wants TLS, and this member has no peer certificate")
        connection: Connection | None = None
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(self, now, accepted=False),
                    host,
                    port,
                    ssl=tls if secure else None,
                )
                await self._welcome
        except UnicodeError as error:  # of a name that can't be one
            raise ConnectionError(f"{host!r} is no host: {error}") from None
        except BaseException:
            if connection is not None:
                connection.fail("the handshake failed")
                await connection.ended()
            if not self._welcome.done():
                self._welcome.cancel()
            elif not self._welcome.cancelled():
                self._welcome.exception()  # it was raised, or something else was
            raise
        return connection


class Link:
    """``urls`` are dialled in turn. ``since``: when the connection that stands was made, None without one."""

    def __init__(
        self,
        peer: int,
        urls: tuple[str, ...],
        *,
        tls: ssl.SSLContext | None,
        clock: Clock,
        rng: random.Random,
        hello: Callable[[], Hello],
        disconnected: Callable[[], None],
        removed: Callable[[], None],
    ) -> None:
        """``removed``: the other side says that this member was removed from the cluster."""
        self.peer = peer
        self.urls = urls
        self.url = urls[0]
        """The one that was connected to last."""
        self.since: float | None = None
        self._tls = tls
        self._clock = clock
        self._hello = hello
        self._disconnected = disconnected
        self._removed = removed
        self._backoff = BackoffState(RECONNECT, rng)
        self._connection: Connection | None = None
        self._lost: asyncio.Future[None] | None = None
        self._said = ""
        self._log = get_logger(__name__).bind(peer=f"{peer:x}")

    # ---- sending

    def send(self, payload: bytes) -> bool:
        """A MESSAGES frame. False: it is not sent, as there is no connection or too much waits already."""
        connection = self._connection
        if connection is None or not connection.open or connection.buffered > MAX_BUFFERED:
            return False
        connection.send(FrameKind.MESSAGES, payload)
        return True

    def ping(self) -> None:
        if self._connection is not None:
            self._connection.send(FrameKind.PING)

    @property
    def heard(self) -> float | None:
        """When the other side was heard from last, None without a connection."""
        return None if self._connection is None else self._connection.heard

    def fail(self, why: str) -> None:
        """End the connection that stands; another one is made."""
        if self._connection is not None:
            self._connection.fail(why)

    # ---- the task that keeps it

    async def keep(self) -> None:
        attempt = 0
        try:
            while True:
                url = self.urls[attempt % len(self.urls)]
                attempt += 1
                try:
                    await self._hold(url)
                except RefusedError as error:
                    self._refused(url, error)
                except OSError as error:
                    self._say(f"cannot connect to {url}: {_words(error)}")
                await self._clock.sleep(self._backoff.next())
        finally:
            if self._connection is not None:
                self._connection.fail("this member ends it")
                await self._connection.ended()

    async def _hold(self, url: str) -> None:
        """Connect, and return when the connection has ended. Raises OSError, RefusedError."""
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def received(kind: FrameKind, _: bytes) -> None:
            if kind is not FrameKind.PONG:
                raise ProtocolError(f"{kind.name} on a connection that takes none")

        def closed(why: str) -> None:
            self._connection = self.since = None
            self._say(f"lost the connection: {why}")
            self._disconnected()
            if not lost.done():
                lost.set_result(None)

        dialled = Dialled(self._hello(), received, closed)
        connection = await dialled.connect(url, self._tls, self._clock.monotonic)
        if not connection.open:
            return
        self._connection, self.url = connection, url
        self.since = self._clock.monotonic()
        self._backoff.reset()
        self._said = ""
        self._log.info("connected", url=url)
        await lost

    def _refused(self, url: str, error: RefusedError) -> None:
        self._say(f"{url} {error}")
        if error.refusal.reason is Reason.REMOVED:
            self._removed()

    def _say(self, what: str) -> None:
        """Once, however often it is tried again."""
        if what != self._said:
            self._said = what
            self._log.warning(what)


def _words(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {CONNECT_TIMEOUT:g} s"
    return error.strerror or str(error) or type(error).__name__
