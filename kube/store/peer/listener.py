"""Connections that other members open to this one: who they are, what they bring, and why one is closed.

Whatever is wrong with one connection ends that one, with one line in the log; everything else goes on.
"""

import errno
import ssl
from collections.abc import Callable
from typing import Protocol

import msgspec

from kube.base.acceptor import Acceptor
from kube.base.clock import Clock
from kube.base.logging import get_logger
from kube.store.codec import CodecError, SnapshotDecoder
from kube.store.peer.connection import Connection, ProtocolError
from kube.store.peer.frames import FrameKind
from kube.store.peer.handshake import Admission, Channel, Hello, Members, Refusal
from kube.store.peer.messages import PeerMessage, decode_messages
from kube.store.peer.server_tls import ServerTLS
from kube.store.raft.messages import InstallSnapshot
from kube.store.urls import address_of

HANDSHAKE_TIMEOUT = 2.0
"""Seconds for the other side to say who it is."""
REPEAT = 30.0
MAX_SAID = 100
"""Different lines within ``REPEAT`` seconds; somebody who tries everything fills no log."""

_encode = msgspec.msgpack.Encoder().encode
_decode_hello = msgspec.msgpack.Decoder(Hello).decode


class SnapshotHeader(msgspec.Struct, frozen=True, array_like=True):
    """The InstallSnapshot whose snapshot follows in pieces."""

    to: int
    from_: int
    term: int


_decode_header = msgspec.msgpack.Decoder(SnapshotHeader).decode


class ListenError(Exception):
    """The address can't be listened on; the message is one line."""


class Receiver(Protocol):
    """Whose connections these are."""

    def admission(self) -> Admission: ...

    def rival(self, hello: Hello) -> Refusal | None:
        """Why a member that the admission lets in is refused: another process is it already."""
        ...

    def members(self, hello: Hello) -> Members: ...

    def admitted(self, incoming: "Incoming") -> None:
        """The handshake is done. Raises ProtocolError to refuse it all the same."""
        ...

    def deliver(self, incoming: "Incoming", messages: list[PeerMessage]) -> None: ...

    def install(self, message: InstallSnapshot) -> bool:
        """False: there was no room for it."""
        ...

    def ended(self, incoming: "Incoming", why: str) -> None:
        """After ``admitted`` alone."""
        ...


class Incoming:
    """One accepted connection, and the owner of its Connection. ``hello`` is None until the handshake is done."""

    def __init__(
        self,
        receiver: Receiver,
        strangers: "_Strangers",
        accepted: Callable[["Incoming"], None],
        forget: Callable[["Incoming"], None],
    ) -> None:
        self.hello: Hello | None = None
        self.connection: Connection | None = None
        self._receiver = receiver
        self._strangers = strangers
        self._accepted = accepted
        self._forget = forget
        self._header: SnapshotHeader | None = None
        self._decoder = SnapshotDecoder()
        self._log = get_logger(__name__)

    def opened(self, connection: Connection) -> None:
        self.connection = connection
        self._accepted(self)

    def received(self, connection: Connection, kind: FrameKind, payload: bytes) -> None:
        hello = self.hello
        if hello is None:
            if kind is not FrameKind.HELLO:
                raise ProtocolError(f"{kind.name} before the handshake")
            self._greet(connection, payload)
        elif kind is FrameKind.PING:
            connection.send(FrameKind.PONG)
        elif hello.channel is Channel.MESSAGES and kind is FrameKind.MESSAGES:
            self._receiver.deliver(self, self._checked(hello, decode_messages(payload)))
        elif hello.channel is Channel.SNAPSHOT and kind in _SNAPSHOT_FRAMES:
            self._take_snapshot(connection, kind, payload)
        else:
            raise ProtocolError(f"{kind.name} on a connection for {hello.channel.value}")

    def closed(self, connection: Connection, why: str) -> None:
        self._forget(self)
        if self.hello is None:
            self._strangers.closed(connection.address, why)
            return
        if self.hello.channel is not Channel.MEMBERS:
            say = self._log.warning if connection.violated else self._log.info
            peer, channel = f"{self.hello.from_:x}", self.hello.channel.value
            say("a peer's connection was closed", peer=peer, channel=channel, why=why)
        self._receiver.ended(self, why)

    # ---- handshake

    def _greet(self, connection: Connection, payload: bytes) -> None:
        try:
            hello = _decode_hello(payload)
        except msgspec.DecodeError as error:
            raise CodecError(f"malformed handshake: {error}") from None
        admission = self._receiver.admission()
        refusal = admission.refusal(hello) or self._receiver.rival(hello)
        if refusal is not None:
            self._refuse(connection, refusal)
            return
        if hello.channel is Channel.MEMBERS:
            self.hello = hello
            connection.send(FrameKind.WELCOME)
            connection.send(FrameKind.MEMBERS, _encode(self._receiver.members(hello)))
            connection.close("answered")
            return
        self.hello = hello
        self._receiver.admitted(self)
        connection.admit()
        connection.send(FrameKind.WELCOME)

    def _refuse(self, connection: Connection, refusal: Refusal) -> None:
        connection.send(FrameKind.REFUSAL, _encode(refusal))
        connection.close(f"refused: {refusal.detail}")

    # ---- messages

    @staticmethod
    def _checked(hello: Hello, messages: list[PeerMessage]) -> list[PeerMessage]:
        """Raises ProtocolError for a message of or for somebody else."""
        for message in messages:
            if message.from_ != hello.from_ or message.to != hello.to:
                raise ProtocolError(f"a message from {message.from_:x} to {message.to:x} came another way")
        return messages

    def _take_snapshot(self, connection: Connection, kind: FrameKind, payload: bytes) -> None:
        if kind is FrameKind.SNAPSHOT:
            if self._header is not None:
                raise ProtocolError("a snapshot within another")
            try:
                self._header = _decode_header(payload)
            except msgspec.DecodeError as error:
                raise CodecError(f"malformed snapshot: {error}") from None
        elif self._header is None:
            raise ProtocolError("a piece of a snapshot before its header")
        elif kind is FrameKind.CHUNK:
            self._decoder.feed(payload)
        else:
            header, snapshot = self._header, self._decoder.finish()
            self._header, self._decoder = None, SnapshotDecoder()
            message = InstallSnapshot(header.to, header.from_, header.term, snapshot)
            assert self.hello is not None
            self._checked(self.hello, [message])
            if not self._receiver.install(message):
                raise ProtocolError("no room for a snapshot now")
            connection.send(FrameKind.RECEIVED)


_SNAPSHOT_FRAMES = (FrameKind.SNAPSHOT, FrameKind.CHUNK, FrameKind.END)


class _Strangers:
    """One log line for each connection that was closed before its handshake was done; for one that is tried again and again, one
    in ``REPEAT`` seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._said: dict[tuple[str, str], float] = {}
        self._log = get_logger(__name__)

    def closed(self, by: str, why: str) -> None:
        now = self._now()
        self._said = {what: at for what, at in self._said.items() if now - at < REPEAT}
        what = (by.rpartition(":")[0], why)
        if what not in self._said and len(self._said) < MAX_SAID:
            self._said[what] = now
            self._log.warning("a connection to the peer port was closed", by=by, why=why)


class Listener:
    """Listens on the peer URLs of one member. ``sweep`` is to be called about twice a second."""

    def __init__(self, receiver: Receiver, clock: Clock, tls: ssl.SSLContext | None) -> None:
        self._receiver = receiver
        self._clock = clock
        self._tls = tls
        self._acceptors: list[Acceptor] = []
        self._incoming: dict[Incoming, None] = {}
        self._shaking: dict[ServerTLS, None] = {}
        """Until the handshake is done, or the socket closed."""
        self._closed = False
        self._strangers = _Strangers(clock.monotonic)

    @property
    def incoming(self) -> tuple[Incoming, ...]:
        return tuple(self._incoming)

    async def listen(self, urls: tuple[str, ...]) -> tuple[str, ...]:
        """The URLs that are listened on, with the port where 0 was asked for. Raises ListenError."""
        return tuple([await self._listen(url) for url in urls])

    async def _listen(self, url: str) -> str:
        secure, host, port = address_of(url)
        if secure and self._tls is None:
            raise ListenError(
                f"{url} wants TLS: give --peer-cert-file, --peer-key-file, --peer-trusted-ca-file"
            )
        acceptor = Acceptor(self._accept_secure if secure else self._accept)
        try:
            await acceptor.listen(host, port)
        except OSError as error:
            raise ListenError(f"cannot listen for peers on {url}: {_why(error)}") from None
        self._acceptors.append(acceptor)
        return url if port else f"{url.rpartition(':')[0]}:{acceptor.address[1]}"

    def _accept(self) -> Connection:
        incoming = Incoming(self._receiver, self._strangers, self._accepted, self._forget)
        return Connection(incoming, self._clock.monotonic, accepted=True)

    def _accepted(self, incoming: Incoming) -> None:
        self._incoming[incoming] = None
        if self._closed and incoming.connection is not None:
            incoming.connection.fail("this member stops")

    def _forget(self, incoming: Incoming) -> None:
        self._incoming.pop(incoming, None)

    # ---- TLS

    def _accept_secure(self) -> ServerTLS:
        assert self._tls is not None
        shaking = ServerTLS(self._tls, self._shaken, self._not_shaken)
        shaking.since = self._clock.monotonic()
        self._shaking[shaking] = None
        shaking.ended.add_done_callback(lambda _: self._shaking.pop(shaking, None))
        return shaking

    def _shaken(self, tls: ServerTLS) -> Connection:
        del self._shaking[tls]
        return self._accept()

    def _not_shaken(self, tls: ServerTLS, why: str) -> None:
        if self._closed:
            return
        name = tls.get_extra_info("peername")
        self._strangers.closed(f"{name[0]}:{name[1]}" if isinstance(name, tuple) else "", why)

    # ---- time

    def sweep(self, patience: float) -> None:
        """End what has not said who it is in time, and what was silent for ``patience`` seconds."""
        now = self._clock.monotonic()
        for tls in tuple(self._shaking):
            if now - tls.since > HANDSHAKE_TIMEOUT:
                tls.abort()
        for incoming in tuple(self._incoming):
            connection = incoming.connection
            if connection is None:
                continue
            limit = HANDSHAKE_TIMEOUT if incoming.hello is None else patience
            if now - connection.heard > limit:
                connection.fail(f"nothing was heard for {limit:g} s")

    async def aclose(self) -> None:
        self._closed = True
        for acceptor in self._acceptors:
            await acceptor.aclose()
        for tls in tuple(self._shaking):
            tls.abort()
        for tls in tuple(self._shaking):
            if tls.connected:
                await tls.ended
        for incoming in tuple(self._incoming):
            if incoming.connection is not None:
                incoming.connection.fail("this member stops")
                await incoming.connection.ended()


def _why(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the port is in use"
    return error.strerror or str(error)
