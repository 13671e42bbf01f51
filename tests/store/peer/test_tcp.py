"""Members over real sockets: what is said arrives in order, what is wrong ends one connection alone."""

import asyncio
import contextlib
import logging
import random
import socket
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from kube.base.clock import SystemClock
from kube.store.administration import MemberInfo
from kube.store.apply import StateMachine
from kube.store.codec import encode_snapshot
from kube.store.kv import Put
from kube.store.membership import MemberTable
from kube.store.peer import tcp
from kube.store.peer.frames import MAX_STRANGERS_FRAME_BYTES, PREAMBLE, FrameKind, encode_frame
from kube.store.peer.handshake import Channel, Hello
from kube.store.peer.listener import ListenError, SnapshotHeader
from kube.store.peer.messages import Forward
from kube.store.peer.network import PeerDisconnected
from kube.store.peer.tcp import TCPNetwork
from kube.store.peer.tls import PeerTLS
from kube.store.raft.messages import (
    AppendEntries,
    ConfState,
    Entry,
    Heartbeat,
    InstallSnapshot,
    Snapshot,
)
from kube.store.transport import PeerUnreachable, SnapshotReported
from kube.store.urls import address_of
from tests.store.peer.certificates import Authority
from tests.store.peer.proxy import Proxy
from tests.store.waiting import until

CLUSTER = 0xC1


class Node:
    """A network of one member, and what it was delivered."""

    def __init__(
        self,
        id_: int,
        *,
        cluster: int = CLUSTER,
        tls: PeerTLS | None = None,
        applied: int = 0,
        process: int = 0,
    ) -> None:
        self.id = id_
        self.got: list[object] = []
        self.removed = False
        self.url = ""
        self.scheme = "http" if tls is None else "https"
        self.network = TCPNetwork(
            cluster=cluster,
            member=id_,
            clock=SystemClock(),
            rng=random.Random(process or id_),
            tls=tls,
            applied=lambda: applied,
            removed=self._remove,
        )
        self.network.attach(id_, self._take)

    def _take(self, delivery: object) -> bool:
        self.got.append(delivery)
        return True

    def _remove(self) -> None:
        self.removed = True

    async def listen(self) -> "Node":
        (self.url,) = await self.network.listen((f"{self.scheme}://127.0.0.1:0",))
        return self

    def of(self, kind: type) -> list[object]:
        return [each for each in self.got if isinstance(each, kind)]


def meet(*nodes: Node, via: dict[tuple[int, int], str] | None = None, removed: tuple[int, ...] = ()) -> None:
    """``via``: by which URL the first of two nodes dials the second."""
    for node in nodes:
        members = [
            MemberInfo(other.id, peer_urls=((via or {}).get((node.id, other.id), other.url),))
            for other in nodes
        ]
        node.network.use(MemberTable.of(members, removed))


Nodes = Callable[..., Node]


@pytest.fixture
async def node() -> AsyncIterator[Nodes]:
    made: list[Node] = []

    def make(*arguments: int, **options: object) -> Node:
        made.append(Node(*arguments, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        await each.network.aclose()


@pytest.fixture
async def pair(node: Nodes) -> tuple[Node, Node]:
    one, two = await node(1).listen(), await node(2).listen()
    meet(one, two)
    await until(lambda: one.network.active_since(2) is not None and two.network.active_since(1) is not None)
    return one, two


def beat(number: int, to: int = 2, from_: int = 1) -> Heartbeat:
    return Heartbeat(to, from_, 1, number)


async def connected(one: Node, two: Node) -> None:
    await until(lambda: one.network.active_since(two.id) is not None)


async def test_of_two_processes_that_are_one_member_the_first_stays(
    pair: tuple[Node, Node], node: Nodes, caplog: pytest.LogCaptureFixture
) -> None:
    """Both are told, once each, who it is and where; when the first is gone the second one takes its place."""
    one, two = pair
    copy = await node(1, process=99).listen()
    meet(copy, two, via={(two.id, copy.id): one.url})
    await until(lambda: "two processes are member 1" in caplog.text)
    for number in range(50):
        one.network.send([beat(number)])
        await asyncio.sleep(0.02)  # in which the copy tries again and again
    assert two.of(Heartbeat) == [beat(number) for number in range(50)]
    assert copy.network.active_since(2) is None
    said = [each.getMessage() for each in caplog.records if "two processes" in each.getMessage()]
    assert len(said) == 2, said
    assert all("is connected from 127.0.0.1:" in each for each in said)
    assert any("by=127.0.0.1:" in each for each in said), "where the other one is"
    assert any(f"{two.url} refused" in each for each in said), "the copy is told, too"
    await one.network.aclose()
    await connected(copy, two)


async def test_what_is_sent_arrives_in_order_with_what_is_said(pair: tuple[Node, Node]) -> None:
    one, two = pair
    entries = tuple(Entry(1, index, Put(b"k", bytes(1000)), 1065) for index in range(1, 1001))
    one.network.send([beat(0), AppendEntries(2, 1, 1, 0, 0, entries, 0)])
    assert one.network.say(Forward(2, 1, 5, 1, ((Put(b"a", b"b"), 66),)))
    one.network.send([beat(1)])
    await until(lambda: len(two.got) == 4)
    assert two.got == [
        beat(0),
        AppendEntries(2, 1, 1, 0, 0, entries, 0),
        Forward(2, 1, 5, 1, ((Put(b"a", b"b"), 66),)),
        beat(1),
    ]


async def test_what_cannot_be_sent_is_reported_once_per_turn(node: Nodes) -> None:
    one = await node(1).listen()
    one.network.use(MemberTable.of([MemberInfo(2, peer_urls=("http://127.0.0.1:1",))]))
    one.network.send([beat(1), beat(2), beat(3, to=9)])
    assert one.got == [PeerUnreachable(2), PeerUnreachable(9)]
    assert not one.network.say(Forward(2, 1, 1, 1, ()))


async def test_a_member_that_comes_later_or_again_is_connected(node: Nodes) -> None:
    one, two = await node(1).listen(), await node(2).listen()
    meet(one, two)
    await connected(one, two)
    await two.network.aclose()
    await until(lambda: PeerDisconnected(2) in one.got)
    assert one.network.active_since(2) is None
    again = node(2)
    (again.url,) = await again.network.listen((two.url,))
    meet(one, again)
    await connected(one, again)
    one.network.send([beat(7)])
    await until(lambda: again.got == [beat(7)])


async def test_a_snapshot_has_a_connection_of_its_own_and_its_fate_is_told(pair: tuple[Node, Node]) -> None:
    one, two = pair
    machine = StateMachine(lambda: 0.0)
    for number in range(3000):
        machine.apply(Put(b"k%d" % number, bytes(1000)))
    snapshot = Snapshot(3000, 2, ConfState((1, 2)), machine.snapshot())
    one.network.send([InstallSnapshot(2, 1, 3, snapshot)])
    one.network.send([beat(1)])
    await until(lambda: SnapshotReported(2, True) in one.got)
    assert two.of(InstallSnapshot) == [InstallSnapshot(2, 1, 3, snapshot)]
    assert two.of(Heartbeat) == [beat(1)]
    two.network.detach(2)
    one.network.send([InstallSnapshot(2, 1, 3, snapshot)])
    await until(lambda: SnapshotReported(2, False) in one.got)


async def test_a_member_that_was_removed_is_told_so(
    pair: tuple[Node, Node], caplog: pytest.LogCaptureFixture
) -> None:
    one, two = pair
    one.network.use(MemberTable.of([MemberInfo(1, peer_urls=(one.url,))], removed=[2]))
    await until(lambda: two.removed)
    assert "member 2 was removed from the cluster" in caplog.text
    assert one.network.active_since(2) is None


REFUSED = [
    pytest.param({"cluster": 0xBAD}, "its cluster id is bad, the one here is c1", id="another cluster"),
    pytest.param({}, "member 3 does not belong to the cluster", id="a stranger"),
]


@pytest.mark.parametrize(("options", "reason"), REFUSED)
async def test_whoever_does_not_belong_here_is_refused_and_all_else_goes_on(
    options: dict[str, int],
    reason: str,
    pair: tuple[Node, Node],
    node: Nodes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    one, two = pair
    stranger = await node(3, **options).listen()
    stranger.network.use(MemberTable.of([MemberInfo(2, peer_urls=(two.url,))]))
    await until(lambda: caplog.text.count(reason) == 2)  # what is refused here is told there
    lines = [each.getMessage() for each in caplog.records if each.name.endswith("listener")]
    assert len(lines) == 1
    assert "refused" in lines[0]
    assert stranger.network.active_since(2) is None
    one.network.send([beat(1)])
    await until(lambda: beat(1) in two.got)
    assert not two.of(PeerDisconnected)


async def test_a_member_that_joined_in_an_entry_yet_to_come_is_let_in_and_answered(node: Nodes) -> None:
    behind, leader = await node(2, applied=5).listen(), await node(3, applied=6).listen()
    behind.network.use(MemberTable.of([MemberInfo(2, peer_urls=(behind.url,))]))
    meet(leader, behind)
    await connected(leader, behind)
    leader.network.send([beat(1, to=2, from_=3)])
    await until(lambda: behind.got == [beat(1, to=2, from_=3)])
    await connected(behind, leader)


GARBAGE = [
    pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not a member of a store", id="http"),
    pytest.param(b"kube-peer/7\n", "version 1 here", id="another version"),
    pytest.param(PREAMBLE + encode_frame(FrameKind.PING), "PING before the handshake", id="no hello"),
    pytest.param(PREAMBLE + encode_frame(FrameKind.HELLO, b"\xc1"), "malformed handshake", id="bad hello"),
    pytest.param(PREAMBLE + bytes(9), "fails its CRC", id="zeros"),
    pytest.param(
        PREAMBLE + struct.pack("!IIB", MAX_STRANGERS_FRAME_BYTES + 1, 0, 1), "over the limit", id="too large"
    ),
]


@pytest.mark.parametrize(("data", "reason"), GARBAGE)
async def test_garbage_at_the_peer_port_is_closed_with_one_line(
    data: bytes, reason: str, pair: tuple[Node, Node], caplog: pytest.LogCaptureFixture
) -> None:
    one, two = pair
    reader, writer = await asyncio.open_connection(*address_of(two.url)[1:])
    writer.write(data)
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await until(lambda: reason in caplog.text)
    lines = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert [line.name for line in lines] == ["kube.store.peer.listener"]
    one.network.send([beat(1)])
    await until(lambda: beat(1) in two.got)


async def test_a_malformed_message_of_a_member_ends_its_connection_and_the_next_one_works(
    pair: tuple[Node, Node], caplog: pytest.LogCaptureFixture
) -> None:
    one, two = pair
    assert one.network._links[2].send(b"\xc1 is never used")
    await until(lambda: PeerDisconnected(1) in two.got)
    assert "malformed messages" in caplog.text
    await until(lambda: PeerDisconnected(2) in one.got)
    await connected(one, two)
    one.network.send([beat(1)])
    await until(lambda: beat(1) in two.got)


HELLO = Hello(CLUSTER, 1, 2, Channel.SNAPSHOT)
HEADER = (FrameKind.SNAPSHOT, msgspec.msgpack.encode(SnapshotHeader(2, 1, 3)))
PIECES = [(FrameKind.CHUNK, piece) for piece in encode_snapshot(Snapshot(9, 2, ConfState((1, 2))))]
END = (FrameKind.END, b"")


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        pytest.param([*PIECES, END], "a piece of a snapshot before its header", id="no header"),
        pytest.param([(FrameKind.SNAPSHOT, b"\xc1")], "malformed snapshot", id="bad header"),
        pytest.param([HEADER, HEADER], "a snapshot within another", id="two headers"),
        pytest.param([HEADER, END], "it is empty", id="no pieces"),
        pytest.param([HEADER, (FrameKind.CHUNK, b"\xc1"), END], "malformed data", id="a bad piece"),
        pytest.param(
            [(FrameKind.SNAPSHOT, msgspec.msgpack.encode(SnapshotHeader(2, 7, 3))), *PIECES, END],
            "a message from 7 to 2 came another way",
            id="in another's name",
        ),
        pytest.param([HEADER, *PIECES, END, END], "before its header", id="ended twice"),
        pytest.param([(FrameKind.MESSAGES, b"\x90")], "MESSAGES on a connection for snapshot", id="messages"),
    ],
)
async def test_what_is_no_snapshot_ends_its_connection_alone(
    sent: list[tuple[FrameKind, bytes]],
    reason: str,
    pair: tuple[Node, Node],
    caplog: pytest.LogCaptureFixture,
) -> None:
    one, two = pair
    reader, writer = await asyncio.open_connection(*address_of(two.url)[1:])
    writer.write(PREAMBLE + encode_frame(FrameKind.HELLO, msgspec.msgpack.encode(HELLO)))
    writer.write(b"".join([encode_frame(*each) for each in sent]))
    with contextlib.closing(writer), contextlib.suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), 5)
    await until(lambda: reason in caplog.text)
    assert len(two.of(InstallSnapshot)) == (sent.count(END) == 2)
    one.network.send([beat(1)])
    await until(lambda: beat(1) in two.got)


async def test_one_connection_may_bring_several_snapshots(pair: tuple[Node, Node]) -> None:
    _, two = pair
    _, writer = await asyncio.open_connection(*address_of(two.url)[1:])
    writer.write(PREAMBLE + encode_frame(FrameKind.HELLO, msgspec.msgpack.encode(HELLO)))
    writer.write(b"".join([encode_frame(*each) for each in 2 * [HEADER, *PIECES, END]]))
    with contextlib.closing(writer):
        await until(lambda: len(two.of(InstallSnapshot)) == 2)


async def test_a_message_in_the_name_of_another_member_ends_the_connection(
    pair: tuple[Node, Node], caplog: pytest.LogCaptureFixture
) -> None:
    one, two = pair
    one.network.send([beat(1, from_=7)])
    await until(lambda: "a message from 7 to 2 came another way" in caplog.text)
    assert not two.of(Heartbeat)


async def test_a_connection_cut_without_a_word_is_noticed_by_both_and_made_anew(
    node: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "KEEP_ALIVE", 0.05)
    monkeypatch.setattr(tcp, "SILENCE", 0.3)
    one, two = await node(1).listen(), await node(2).listen()
    async with Proxy(*address_of(two.url)[1:]) as proxy:
        meet(one, two, via={(1, 2): proxy.url})
        await connected(one, two)
        proxy.stall()
        await until(lambda: PeerDisconnected(2) in one.got and PeerDisconnected(1) in two.got)
        one.network.send([beat(1)])
        assert PeerUnreachable(2) in one.got
        proxy.resume()
        await connected(one, two)
        one.network.send([beat(2)])
        await until(lambda: two.of(Heartbeat) == [beat(2)])
        proxy.cut()
        await until(lambda: one.got.count(PeerDisconnected(2)) == 2)
        await connected(one, two)


async def test_a_peer_that_takes_nothing_fills_no_memory(node: Nodes) -> None:
    one, two = await node(1).listen(), await node(2).listen()
    async with Proxy(*address_of(two.url)[1:]) as proxy:
        meet(one, two, via={(1, 2): proxy.url})
        await connected(one, two)
        proxy.stall()
        entries = (Entry(1, 1, Put(b"k", bytes(1 << 20)), 1 << 20),)
        for _ in range(100):
            one.network.send([AppendEntries(2, 1, 1, 0, 0, entries, 0)])
            if PeerUnreachable(2) in one.got:
                break
        connection = one.network._links[2]._connection
        assert connection is not None
        assert connection.buffered < 40 << 20
        assert PeerUnreachable(2) in one.got


async def test_a_port_in_use_and_a_url_without_certificates_are_refused_in_one_line(
    pair: tuple[Node, Node], node: Nodes
) -> None:
    one, _ = pair
    with pytest.raises(ListenError, match=r"cannot listen for peers on http://.*: the port is in use"):
        await node(3).network.listen((one.url,))
    with pytest.raises(ListenError, match="wants TLS: give --peer-cert-file"):
        await node(4).network.listen(("https://127.0.0.1:0",))


# ---- TLS


async def test_members_with_certificates_of_one_authority_talk(node: Nodes, tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    one = await node(1, tls=authority.member("one")).listen()
    two = await node(2, tls=authority.member("two")).listen()
    assert one.url.startswith("https:")
    meet(one, two)
    await connected(one, two)
    one.network.send([beat(1)])
    await until(lambda: two.got == [beat(1)])
    machine = StateMachine(lambda: 0.0)
    one.network.send([InstallSnapshot(2, 1, 3, Snapshot(9, 2, ConfState((1, 2)), machine.snapshot()))])
    await until(lambda: SnapshotReported(2, True) in one.got)


async def test_a_certificate_of_another_authority_is_refused_by_either_side(
    node: Nodes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ours, theirs = Authority(tmp_path, "ca"), Authority(tmp_path, "other-ca")
    one = await node(1, tls=ours.member("one")).listen()
    two = await node(2, tls=ours.member("two")).listen()
    # It trusts us, so that it comes as far as showing its own certificate.
    wrong = await node(3, tls=theirs.member("wrong", trusted=ours.file)).listen()
    meet(one, two, wrong)
    await connected(one, two)
    await until(lambda: "TLS: unable to get local issuer certificate" in caplog.text)
    await until(lambda: "certificate verify failed" in caplog.text)
    one.network.send([beat(1)])
    await until(lambda: beat(1) in two.got)
    assert wrong.network.active_since(1) is None
    assert one.network.active_since(3) is None


async def test_a_certificate_for_another_address_is_refused_by_who_dials(
    node: Nodes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path, "ca")
    one = await node(1, tls=authority.member("one")).listen()
    moved = await node(2, tls=authority.member("two", address="192.0.2.1")).listen()
    meet(one, moved)
    await until(lambda: "IP address mismatch" in caplog.text)
    assert one.network.active_since(2) is None


@pytest.mark.parametrize("secure", [True, False], ids=["TLS", "plain"])
@pytest.mark.parametrize("turns", range(5))
async def test_whoever_dials_while_a_member_stops_is_hung_up_on(
    node: Nodes, tmp_path: Path, turns: int, secure: bool
) -> None:
    one = await node(1, tls=Authority(tmp_path, "ca").member("one") if secure else None).listen()
    with socket.create_connection(address_of(one.url)[1:]) as client:
        for _ in range(turns):
            await asyncio.sleep(0)
        await one.network.aclose()
        client.setblocking(False)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 1), 5) == b""


class Accepted(asyncio.Transport):
    """What the loop has accepted, and hands over a moment later."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def close(self) -> None:
        """It is aborted already."""


@pytest.mark.parametrize("handed_over", ["before", "after"])
async def test_who_is_accepted_while_a_member_stops_is_hung_up_on(
    node: Nodes, tmp_path: Path, handed_over: str
) -> None:
    one = await node(1, tls=Authority(tmp_path, "ca").member("one")).listen()
    protocol = one.network._listener._accept_secure()
    accepted = Accepted()
    stopping = asyncio.ensure_future(one.network.aclose())
    if handed_over == "before":
        protocol.connection_made(accepted)
        await until(lambda: accepted.aborted)
        assert not stopping.done()
        protocol.connection_lost(None)
        await stopping
    else:
        await stopping
        protocol.connection_made(accepted)
        assert accepted.aborted
        protocol.connection_lost(None)


async def test_plain_text_at_a_tls_port_is_closed_with_one_line(
    node: Nodes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = await node(1, tls=Authority(tmp_path, "ca").member("one")).listen()
    reader, writer = await asyncio.open_connection(*address_of(one.url)[1:])
    writer.write(PREAMBLE)
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await until(lambda: "a connection to the peer port was closed" in caplog.text)
    assert "TLS: " in caplog.text


async def test_a_name_that_can_be_no_host_is_told_and_tried_again(
    node: Nodes, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = await node(1).listen(), await node(2).listen()
    one.network.use(MemberTable.of([MemberInfo(2, peer_urls=("http://a..b:1", two.url))]))
    two.network.use(MemberTable.of([MemberInfo(1, peer_urls=(one.url,))]))
    await connected(one, two)
    assert "'a..b' is no host" in caplog.text
