"""How a member begins: with the same ids as all others, once, and never again with an empty log."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable

import pytest

from kube.base.clock import SystemClock
from kube.store.administration import MemberInfo
from kube.store.membership import MemberTable
from kube.store.peer.bootstrap import (
    Asker,
    BootstrapError,
    InitialCluster,
    NewMember,
    agree,
    begin_existing,
    begin_new,
    check_new,
)
from kube.store.peer.handshake import Channel, Hello
from kube.store.peer.tcp import TCPNetwork
from kube.store.raft.messages import Snapshot
from kube.store.urls import AddressError, parse_initial_cluster

CLUSTER = 0xC1


def initial(name: str, text: str, **options: str) -> InitialCluster:
    members = parse_initial_cluster(text)
    advertised = options.get("advertised")
    return InitialCluster(
        name=name,
        members=members,
        token=options.get("token", "t"),
        advertised=(advertised,) if advertised else members.get(name, ()),
    )


LIST = "a=http://h:1,b=http://h:2,c=http://h:3"


def test_all_members_of_a_new_store_agree_on_everything_but_who_they_are() -> None:
    begun = [begin_new(initial(name, LIST)) for name in "abc"]
    assert len({new.cluster_id for new in begun}) == 1
    assert len({new.member for new in begun}) == 3
    snapshots = [new.snapshot for new in begun]
    assert snapshots[0] == snapshots[1] == snapshots[2]
    assert snapshots[0].conf.voters == tuple(sorted(new.member for new in begun))
    assert begin_new(initial("a", LIST, token="u")).cluster_id != begun[0].cluster_id


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        pytest.param("d", {}, "has no member 'd': it has a, b, c; see --name", id="not in the list"),
        pytest.param("a", {"advertised": "http://h:9"}, "they must be the same", id="another url"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(name: str, options: dict[str, str], reason: str) -> None:
    with pytest.raises(AddressError, match=reason):
        begin_new(initial(name, LIST, **options))


class Peer:
    """The network of a member that runs, or waits to begin."""

    def __init__(self, member: int, *, fresh: bool) -> None:
        self.member = member
        self.url = ""
        self.network = TCPNetwork(
            cluster=CLUSTER, member=member, clock=SystemClock(), rng=random.Random(member), fresh=fresh
        )

    @property
    def info(self) -> MemberInfo:
        return MemberInfo(self.member, peer_urls=(self.url,))


@pytest.fixture
async def peers() -> AsyncIterator[list[Peer]]:
    made = [Peer(1, fresh=True), Peer(2, fresh=True), Peer(3, fresh=True)]
    for peer in made:
        (peer.url,) = await peer.network.listen(("http://127.0.0.1:0",))
    for peer in made:
        peer.network.use(MemberTable.of(each.info for each in made))
    yield made
    for peer in made:
        await peer.network.aclose()


async def begin(
    peers: list[Peer],
    number: int,
    *,
    seed: int,
    cluster: int = CLUSTER,
    waiting: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """Agree with all others as the incarnation that ``seed`` draws. Whom it waited for, of which ``waiting`` hears at once."""
    waited: list[str] = []

    def wait(url: str) -> None:
        waited.append(url)
        waiting(url)

    async with asyncio.timeout(10):
        await agree(
            NewMember(cluster, peers[number].member, Snapshot()),
            "name",
            [peer.info for peer in peers if peer is not peers[number]],
            Asker(None, SystemClock()),
            clock=SystemClock(),
            rng=random.Random(seed),
            waiting=wait,
        )
    return waited


async def test_members_in_memory_begin_when_all_have_heard_of_each_other(peers: list[Peer]) -> None:
    assert await asyncio.gather(*(begin(peers, number, seed=number) for number in range(3))) == [[], [], []]


async def test_another_incarnation_is_refused_by_whoever_knew_the_first(peers: list[Peer]) -> None:
    await asyncio.gather(*(begin(peers, number, seed=number) for number in range(3)))
    with pytest.raises(BootstrapError, match="was started before, and what it held in memory is gone"):
        await begin(peers, 2, seed=77)


async def test_whoever_only_looks_around_begins_as_nobody(peers: list[Peer]) -> None:
    """Who does not name the cluster is answered, and neither takes a member's place nor is remembered."""
    for member in (3, 4):
        await Asker(None, SystemClock()).ask(
            peers[0].url, Hello(0, member, 0, Channel.MEMBERS, incarnation=5, applied=9)
        )
    assert not peers[0].network._incarnations
    await asyncio.gather(*(begin(peers, number, seed=number) for number in range(3)))


async def test_two_that_restart_together_are_refused_by_the_third(peers: list[Peer]) -> None:
    await asyncio.gather(*(begin(peers, number, seed=number) for number in range(3)))
    again = [peers[0], Peer(2, fresh=True), Peer(3, fresh=True)]
    for peer in again[1:]:
        (peer.url,) = await peer.network.listen(("http://127.0.0.1:0",))
        peer.network.use(MemberTable.of(each.info for each in again))
    results = await asyncio.gather(begin(again, 1, seed=8), begin(again, 2, seed=9), return_exceptions=True)
    assert [type(result) for result in results] == [BootstrapError, BootstrapError]
    for peer in again[1:]:
        await peer.network.aclose()


async def test_whoever_went_on_from_its_disk_vouches_for_nobody(peers: list[Peer]) -> None:
    restarted = Peer(2, fresh=False)
    (restarted.url,) = await restarted.network.listen(("http://127.0.0.1:0",))
    restarted.network.use(MemberTable.of(peer.info for peer in peers))
    with pytest.raises(BootstrapError, match="was started before"):
        await begin([peers[0], restarted, peers[2]], 0, seed=1)
    await restarted.network.aclose()


async def test_who_is_not_there_is_waited_for(peers: list[Peer]) -> None:
    await peers[2].network.aclose()
    told = asyncio.Event()
    beginning = asyncio.ensure_future(begin(peers, 0, seed=1, waiting=lambda _: told.set()))
    await told.wait()
    later = Peer(3, fresh=True)
    later.network.use(MemberTable.of(peer.info for peer in peers))
    (later.url,) = await later.network.listen((peers[2].url,))
    assert await beginning == [peers[2].url]
    await later.network.aclose()


async def test_another_cluster_at_a_peer_url_is_told(peers: list[Peer]) -> None:
    with pytest.raises(BootstrapError, match="belongs to another cluster: its cluster id is bad"):
        await begin(peers, 0, seed=1, cluster=0xBAD)


async def test_a_new_member_asks_who_it_is(peers: list[Peer]) -> None:
    asker = Asker(None, SystemClock())
    text = f"one={peers[0].url},two={peers[1].url},three={peers[2].url}"
    new = await begin_existing(initial("two", text), asker)
    assert (new.cluster_id, new.member, new.snapshot) == (CLUSTER, 2, Snapshot())
    with pytest.raises(BootstrapError, match="etcdctl member add four"):
        await begin_existing(initial("four", f"{text},four=http://127.0.0.1:4"), asker)
    with pytest.raises(BootstrapError, match="answers: who are the members is theirs to tell"):
        await begin_existing(initial("x", "x=http://127.0.0.1:1,y=http://127.0.0.1:2"), asker)
    with pytest.raises(AddressError, match="names nobody else"):
        await begin_existing(initial("x", "x=http://127.0.0.1:1"), asker)


async def test_a_member_that_has_told_its_name_begins_no_second_time(peers: list[Peer]) -> None:
    asker = Asker(None, SystemClock())
    table = MemberTable.of(peer.info for peer in peers).published(2, "two", ())
    for peer in peers:
        peer.network.use(table)
    text = f"one={peers[0].url},two={peers[1].url}"
    with pytest.raises(
        BootstrapError, match=r"member two \(2\) was started before, and its data is not here"
    ):
        await begin_existing(initial("two", text), asker)
    with pytest.raises(BootstrapError, match="was started before"):
        await check_new(NewMember(CLUSTER, 2, Snapshot()), initial("two", text), asker)
    await check_new(NewMember(CLUSTER, 1, Snapshot()), initial("one", text), asker)
    with pytest.raises(BootstrapError, match="was started before"):  # a restored store has another id
        await check_new(NewMember(0xBAD, 2, Snapshot()), initial("two", text), asker)
    await check_new(NewMember(0xBAD, 1, Snapshot()), initial("one", text), asker)
