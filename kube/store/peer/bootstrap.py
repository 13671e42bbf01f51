"""How a member begins: in a new store from a static list, or in one that runs and was told of it.

A member that was started before must never begin again with an empty log: what it has acknowledged would be gone while it still counts.
With a data directory the log is there. Without one, a store of several members begins only when each of them has heard of all the
others and none of them knows another incarnation of it: whoever restarts is known to those who did not. (etcd refuses what "has already
been bootstrapped" where a peer can tell.)
"""

import asyncio
import random
import ssl
from collections.abc import Callable, Iterable, Mapping

import msgspec

from kube.base.clock import Clock
from kube.store.administration import MemberInfo
from kube.store.codec import CodecError
from kube.store.membership import MemberTable, cluster_id, initial_members, member_id
from kube.store.peer.connection import ProtocolError
from kube.store.peer.frames import FrameKind
from kube.store.peer.handshake import Channel, Hello, Members, Reason
from kube.store.peer.link import CONNECT_TIMEOUT, Dialled, RefusedError
from kube.store.raft.messages import Snapshot
from kube.store.standalone import initial_snapshot
from kube.store.urls import AddressError

ASK_AGAIN = 0.2
"""Seconds until a member that did not answer is asked again."""

_WHY: Mapping[Reason, str] = {
    Reason.CLUSTER: "{url} belongs to another cluster: {detail}",
    Reason.UNKNOWN: "{url} was started with another --initial-cluster: {detail}",
}
_decode_members = msgspec.msgpack.Decoder(Members).decode


class NewMember(msgspec.Struct, frozen=True):
    """Who begins, and with what: nothing yet, or the members of a new store."""

    cluster_id: int
    member: int
    snapshot: Snapshot


class BootstrapError(Exception):
    """The member can't begin; the message says why and what to do."""


class InitialCluster(msgspec.Struct, frozen=True, kw_only=True):
    """etcd's flags of these names. ``members``: name to peer URLs."""

    name: str
    members: Mapping[str, tuple[str, ...]]
    token: str
    advertised: tuple[str, ...]

    def check(self) -> None:
        """Raises AddressError."""
        own = self.members.get(self.name)
        if own is None:
            names = ", ".join(self.members)
            raise AddressError(f"--initial-cluster has no member {self.name!r}: it has {names}; see --name")
        if own != self.advertised:
            raise AddressError(
                f"--initial-cluster has {','.join(own)} for {self.name}, "
                f"--initial-advertise-peer-urls {','.join(self.advertised)}: they must be the same"
            )

    @property
    def other_urls(self) -> tuple[str, ...]:
        return tuple(url for name, urls in self.members.items() if name != self.name for url in urls)


def begin_new(cluster: InitialCluster) -> NewMember:
    """A member of a new store. Raises AddressError."""
    cluster.check()
    members = initial_members(cluster.members, cluster.token)
    snapshot = initial_snapshot(MemberTable(members))
    own = member_id(cluster.members[cluster.name], cluster.token)
    return NewMember(cluster_id(each.id for each in members), own, snapshot)


class Asker:
    """Asks members for their table, before there is a network."""

    def __init__(self, tls: ssl.SSLContext | None, clock: Clock) -> None:
        self._tls = tls
        self._clock = clock

    async def ask(self, url: str, hello: Hello) -> Members:
        """Raises OSError, RefusedError."""
        answer: asyncio.Future[Members] = asyncio.get_running_loop().create_future()

        def received(kind: FrameKind, payload: bytes) -> None:
            if kind is not FrameKind.MEMBERS:
                raise ProtocolError(f"{kind.name} instead of the members")
            try:
                members = _decode_members(payload)
            except msgspec.DecodeError as error:
                raise CodecError(f"malformed members: {error}") from None
            if not answer.done():
                answer.set_result(members)

        def closed(why: str) -> None:
            if not answer.done():
                answer.set_exception(ConnectionError(why))

        dialled = Dialled(hello, received, closed)
        connection = await dialled.connect(url, self._tls, self._clock.monotonic)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                return await answer
        finally:
            connection.fail("answered")
            await connection.ended()

    async def first(self, urls: Iterable[str], wanted: Callable[[Members], bool]) -> Members | None:
        """The first answer that is wanted, else any other; None when nobody gives one. A member that is behind may not know."""
        found: Members | None = None
        for url in urls:
            try:
                found = await self.ask(url, Hello(0, 0, 0, Channel.MEMBERS))
            except (OSError, RefusedError):
                continue
            if wanted(found):
                return found
        return found


async def check_new(new: NewMember, cluster: InitialCluster, asker: Asker) -> None:
    """Raises BootstrapError where a peer can tell that the member was started before: also one of a restored store, whose id is its own."""

    def knows(answer: Members) -> bool:
        started = any(each.id == new.member and each.name for each in answer.members)
        return started or new.member in answer.removed

    found = await asker.first(cluster.other_urls, knows)
    if found is not None and knows(found):
        raise BootstrapError(_again(cluster.name, new.member))


async def begin_existing(cluster: InitialCluster, asker: Asker) -> NewMember:
    """A member that was added to a store that runs. Raises AddressError, BootstrapError."""
    cluster.check()
    if not cluster.other_urls:
        raise AddressError("--initial-cluster names nobody else whom a new member could join")

    def ours(answer: Members) -> list[MemberInfo]:
        return [each for each in answer.members if each.peer_urls == cluster.advertised]

    found = await asker.first(cluster.other_urls, lambda answer: bool(ours(answer)))
    if found is None:
        raise BootstrapError(
            f"none of {', '.join(cluster.other_urls)} answers: who are the members is theirs to tell"
        )
    own = ours(found)
    if not own:
        raise BootstrapError(
            f"no member with the peer URLs {','.join(cluster.advertised)} belongs to the cluster: "
            f"add it first (etcdctl member add {cluster.name} --peer-urls={','.join(cluster.advertised)})"
        )
    if own[0].name:
        raise BootstrapError(_again(cluster.name, own[0].id))
    return NewMember(found.cluster, own[0].id, Snapshot())


def _again(name: str, member: int) -> str:
    return (
        f"member {name} ({member:x}) was started before, and its data is not here: "
        f"remove it (etcdctl member remove {member:x}) and add it as a new one"
    )


async def agree(
    new: NewMember,
    name: str,
    others: Iterable[MemberInfo],
    asker: Asker,
    *,
    clock: Clock,
    rng: random.Random,
    waiting: Callable[[str], None],
) -> None:
    """Until every other member of a new store in memory has heard of this incarnation of the member, and of no other.

    ``waiting`` is told, once each, whom it waits for. Raises BootstrapError.
    """
    incarnation = rng.getrandbits(63) or 1
    hello = Hello(new.cluster_id, new.member, 0, Channel.MEMBERS, incarnation=incarnation)
    for other in others:
        answer = await _answer(asker, other.peer_urls[0], hello, clock, waiting)
        if answer.known != incarnation:
            raise BootstrapError(
                f"member {name} ({new.member:x}) was started before, and what it held in memory is gone: "
                "stop all members and start them anew, or give each a --data-dir"
            )


async def _answer(
    asker: Asker, url: str, hello: Hello, clock: Clock, waiting: Callable[[str], None]
) -> Members:
    """Asked again until somebody is there. Raises BootstrapError for one that wants no such member."""
    said = False
    while True:
        try:
            return await asker.ask(url, hello)
        except RefusedError as error:
            why = _WHY.get(error.refusal.reason, "{url} refuses this member: {detail}")
            raise BootstrapError(why.format(url=url, detail=error.refusal.detail)) from None
        except OSError:
            if not said:
                waiting(url)
                said = True
        await clock.sleep(ASK_AGAIN)
