"""The network between members over TCP or TLS: what raft sends, forwards and questions, snapshots.

A member keeps one connection to each other member for what it sends, and takes one from each for what it is sent. It is heard from the
other side at least twice a second, or the connection is made anew: a cut that nobody told of is noticed so. A snapshot has a
connection of its own.
"""

import asyncio
import random
import ssl
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from kube.base.clock import Clock
from kube.base.logging import get_logger
from kube.base.tasks import TaskOwner
from kube.store.administration import MemberInfo
from kube.store.codec import CodecError, encode_snapshot
from kube.store.membership import MemberTable
from kube.store.peer.connection import Connection, ProtocolError
from kube.store.peer.frames import FrameKind
from kube.store.peer.handshake import Admission, Channel, Hello, Members, Reason, Refusal
from kube.store.peer.link import Dialled, Link, RefusedError
from kube.store.peer.listener import Incoming, Listener, SnapshotHeader
from kube.store.peer.messages import Encoder, PeerMessage
from kube.store.peer.network import PeerDisconnected, Talk
from kube.store.peer.tls import PeerTLS
from kube.store.raft.messages import InstallSnapshot, Message
from kube.store.transport import Delivery, Inbox, PeerUnreachable, SnapshotReported

KEEP_ALIVE = 0.5
"""Seconds between two pings of a connection."""
SILENCE = 2.0
"""Seconds of silence after which a connection is taken for cut."""
RIVAL_SILENCE = 2 * KEEP_ALIVE
"""Seconds within which a process that runs was heard."""
SNAPSHOT_TIMEOUT = 60.0
"""Seconds within which one piece of a snapshot must be taken, or its receipt be given."""

_encode = msgspec.msgpack.Encoder().encode


class TCPNetwork:
    """Implements ``PeerNetwork`` for one member. ``removed``: the others say that this member was removed from the cluster."""

    def __init__(
        self,
        *,
        cluster: int,
        member: int,
        clock: Clock,
        rng: random.Random,
        tls: PeerTLS | None = None,
        applied: Callable[[], int] = lambda: 0,
        removed: Callable[[], None] = lambda: None,
        fresh: bool = False,
    ) -> None:
        """On a running loop. ``applied``: the index that the member's state machine has. ``fresh``: the member begins with this
        process, so this has heard of every other one that ever spoke to it. Raises AddressError for bad files of ``tls``.
        """
        self.cluster = cluster
        self.member = member
        self._clock = clock
        self._rng = rng
        self.applied = applied
        self._fresh = fresh
        self._process = rng.getrandbits(63) + 1
        self._incarnations: dict[int, int] = {}
        self._told_removed = removed
        self._client_tls: ssl.SSLContext | None = None if tls is None else tls.client_context()
        self._tasks = TaskOwner("peers")
        self._listener = Listener(self, clock, None if tls is None else tls.server_context())
        self._table = MemberTable()
        self._inbox: Callable[[Delivery | Talk | PeerDisconnected], bool] | None = None
        self._links: dict[int, Link] = {}
        self._keeping: dict[int, asyncio.Task[None]] = {}
        self._snapshots: dict[int, asyncio.Task[None]] = {}
        """Those on their way, by receiver."""
        self._from: dict[int, Incoming] = {}
        """The connection that each other member sends over."""
        self._log = get_logger(__name__)
        self._tasks.start(self._keep_alive(), name="keep-alive")

    # ---- PeerNetwork

    async def listen(self, urls: tuple[str, ...]) -> tuple[str, ...]:
        """The URLs that are listened on, with the port where 0 was asked for. Raises ListenError."""
        return await self._listener.listen(urls)

    def attach(self, member: int, inbox: Inbox) -> None:
        if member != self.member:
            raise ValueError(f"member {member:x} does not live here, {self.member:x} does")
        self._inbox = inbox  # type: ignore[assignment]  # an inbox on this network takes talk, too

    def detach(self, member: int) -> None:
        if member == self.member:
            self._inbox = None

    def use(self, table: MemberTable) -> None:
        self._table = table
        wanted = {each.id: each for each in table.members if each.id != self.member}
        for peer in [peer for peer in self._links if peer not in wanted]:
            self._drop(peer)
        for peer, info in wanted.items():
            link = self._links.get(peer)
            if link is None:
                self._add_link(info)
            elif link.urls != info.peer_urls:
                link.urls = info.peer_urls
                link.fail("its URLs have changed")
        for peer in table.removed:
            incoming = self._from.get(peer)
            if incoming is not None and incoming.connection is not None:
                incoming.connection.close("it was removed from the cluster")

    def send(self, messages: Sequence[Message]) -> None:
        """To each member in one frame, or a few; what can't go now is dropped and reported."""
        by_peer: dict[int, list[PeerMessage]] = {}
        for message in messages:
            if type(message) is InstallSnapshot:
                self._send_snapshot(message)
            else:
                by_peer.setdefault(message.to, []).append(message)
        encoder = Encoder()
        for peer, batch in by_peer.items():
            link = self._links.get(peer)
            if link is None or link.since is None or not all(map(link.send, encoder.encode(batch))):
                self._deliver(PeerUnreachable(peer))

    def say(self, message: Talk) -> bool:
        link = self._links.get(message.to)
        return link is not None and all(map(link.send, Encoder().encode([message])))

    def active_since(self, peer: int) -> float | None:
        link = self._links.get(peer)
        return None if link is None else link.since

    async def aclose(self) -> None:
        self._inbox = None
        await self._listener.aclose()
        await self._tasks.aclose()

    # ---- links

    def _add_link(self, info: MemberInfo) -> None:
        if self._tasks.closed:
            return
        peer = info.id
        link = Link(
            peer,
            info.peer_urls,
            tls=self._client_tls,
            clock=self._clock,
            rng=random.Random(self._rng.getrandbits(64)),
            hello=partial(self._hello, peer, Channel.MESSAGES),
            disconnected=partial(self._disconnected, peer),
            removed=self._told_removed,
        )
        self._links[peer] = link
        self._keeping[peer] = self._tasks.start(link.keep(), name=f"link-{peer:x}")

    def _drop(self, peer: int) -> None:
        del self._links[peer]
        self._keeping.pop(peer).cancel()
        snapshot = self._snapshots.pop(peer, None)
        if snapshot is not None:
            snapshot.cancel()

    def _hello(self, peer: int, channel: Channel) -> Hello:
        urls = next((each.peer_urls for each in self._table.members if each.id == self.member), ())
        return Hello(self.cluster, self.member, peer, channel, urls, self.applied(), process=self._process)

    def _disconnected(self, peer: int) -> None:
        self._deliver(PeerDisconnected(peer))

    def _deliver(self, delivery: Delivery | Talk | PeerDisconnected) -> bool:
        return self._inbox is not None and self._inbox(delivery)

    async def _keep_alive(self) -> None:
        while True:
            await self._clock.sleep(KEEP_ALIVE)
            now = self._clock.monotonic()
            for link in self._links.values():
                heard = link.heard
                if heard is not None and now - heard > SILENCE:
                    link.fail(f"nothing was heard for {SILENCE:g} s")
                else:
                    link.ping()
            self._listener.sweep(SILENCE)

    # ---- what others open (listener.Receiver)

    def admission(self) -> Admission:
        ids = tuple(each.id for each in self._table.members)
        return Admission(self.cluster, self.member, ids, self._table.removed, self.applied())

    def rival(self, hello: Hello) -> Refusal | None:
        """Two processes with one member's data would else take each other's connections for ever. Who was first stays, as long as it
        is heard: what a process that has ended leaves behind is silent.
        """
        incoming = self._from.get(hello.from_)
        if incoming is None or incoming.hello is None or incoming.connection is None:
            return None
        connection, other = incoming.connection, incoming.hello.process
        if hello.process in {0, other} or not other or not connection.open:
            return None
        if self._clock.monotonic() - connection.heard > RIVAL_SILENCE:
            return None
        return Refusal(
            Reason.TWICE,
            f"two processes are member {hello.from_:x}, and the other one is connected from {connection.address}: "
            "stop one of them, and never start a member from a copy of its data directory",
        )

    def members(self, hello: Hello) -> Members:
        known = 0
        is_ours = hello.cluster == self.cluster and any(
            each.id == hello.from_ for each in self._table.members
        )
        if hello.incarnation and self._fresh and is_ours:
            known = self._incarnations.setdefault(hello.from_, hello.incarnation)
        return Members(self.cluster, self._table.members, self._table.removed, known)

    def admitted(self, incoming: Incoming) -> None:
        hello = incoming.hello
        assert hello is not None
        if hello.channel is not Channel.MESSAGES:
            return
        older = self._from.get(hello.from_)
        self._from[hello.from_] = incoming
        if older is not None and older.connection is not None:
            # What it still holds would come after what the newer one brings.
            older.connection.fail("the member has opened a newer one")
            self._disconnected(hello.from_)
        if hello.from_ not in self._links and hello.urls:
            # It joined in an entry that is yet to come here; without an answer that could never come.
            self._add_link(MemberInfo(hello.from_, peer_urls=hello.urls))

    def deliver(self, incoming: Incoming, messages: list[PeerMessage]) -> None:
        inbox = self._inbox
        if inbox is None or incoming.hello is None or self._from.get(incoming.hello.from_) is not incoming:
            return
        for message in messages:
            inbox(message)

    def install(self, message: InstallSnapshot) -> bool:
        return self._deliver(message)

    def ended(self, incoming: Incoming, why: str) -> None:  # noqa: ARG002  # it was logged
        hello = incoming.hello
        if hello is not None and self._from.get(hello.from_) is incoming:
            del self._from[hello.from_]
            self._disconnected(hello.from_)

    # ---- snapshots

    def _send_snapshot(self, message: InstallSnapshot) -> None:
        running = self._snapshots.get(message.to)
        if (
            (running is not None and not running.done())
            or message.to not in self._links
            or self._tasks.closed
        ):
            self._deliver(SnapshotReported(message.to, False))
            return
        name = f"snapshot-{message.to:x}"
        self._snapshots[message.to] = self._tasks.start(self._stream_snapshot(message), name=name)

    async def _stream_snapshot(self, message: InstallSnapshot) -> None:
        delivered = False
        try:
            await self._transfer(message)
            delivered = True
            self._log.info("snapshot sent", peer=f"{message.to:x}", index=message.snapshot.index)
        except (OSError, RefusedError, ProtocolError, CodecError) as error:
            self._log.warning(
                "snapshot not sent", peer=f"{message.to:x}", why=str(error) or type(error).__name__
            )
        finally:
            self._deliver(SnapshotReported(message.to, delivered))

    async def _transfer(self, message: InstallSnapshot) -> None:
        """Raises OSError, RefusedError."""
        receipt: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def received(kind: FrameKind, _: bytes) -> None:
            if kind is not FrameKind.RECEIVED:
                raise ProtocolError(f"{kind.name} instead of a receipt")
            if not receipt.done():
                receipt.set_result(None)

        def closed(why: str) -> None:
            if not receipt.done():
                receipt.set_exception(ConnectionError(why))

        url = self._links[message.to].url
        dialled = Dialled(self._hello(message.to, Channel.SNAPSHOT), received, closed)
        connection = await dialled.connect(url, self._client_tls, self._clock.monotonic)
        try:
            await self._send_pieces(connection, message)
            async with asyncio.timeout(SNAPSHOT_TIMEOUT):
                await receipt
        finally:
            connection.close("the snapshot is sent")
            await connection.ended()
            if receipt.done() and not receipt.cancelled():
                receipt.exception()

    async def _send_pieces(self, connection: Connection, message: InstallSnapshot) -> None:
        """One piece in each turn of the loop, and no more than the other side takes."""
        header = SnapshotHeader(message.to, message.from_, message.term)
        connection.send(FrameKind.SNAPSHOT, _encode(header))
        for piece in encode_snapshot(message.snapshot):
            connection.send(FrameKind.CHUNK, piece)
            async with asyncio.timeout(SNAPSHOT_TIMEOUT):
                await connection.drained()
            await asyncio.sleep(0)
            if not connection.open:
                return
        connection.send(FrameKind.END)
