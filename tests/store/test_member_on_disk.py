"""What a member with a disk does before its disk has synced, and what only after."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from kube.base.clock import FakeClock
from kube.store.kv import Put
from kube.store.member import Campaign, Member, MemberConfig, settle
from kube.store.proposals import Proposal, Proposals
from kube.store.raft.config import Config
from kube.store.raft.messages import (
    AppendEntries,
    AppendResponse,
    Entry,
    Message,
    RequestVote,
    VoteResponse,
)
from kube.store.transport import Inbox
from kube.store.wal.segment import Identity
from kube.store.wal.storage import WalStorage, first_snapshot
from kube.store.wal.syncer import InlineSyncer
from tests.store.wal.conftest import SMALL, MemoryDisk


class Wire:
    """A transport that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def attach(self, member: int, inbox: Inbox) -> None: ...

    def detach(self, member: int) -> None: ...

    def send(self, messages: Sequence[Message]) -> None:
        self.sent.extend(messages)

    def taken(self) -> list[Message]:
        sent, self.sent = self.sent, []
        return sent


class Nobody:
    """An observer whom nothing concerns."""

    def __getattr__(self, _: str) -> object:
        return lambda *_: None


class World:
    def __init__(self, voters: tuple[int, ...] = (1, 2, 3)) -> None:
        self.disk = MemoryDisk()
        self.wire = Wire()
        self.proposals = Proposals(lambda _: None)
        self.storage = WalStorage.create(
            self.disk, Identity(1, 1), random.Random(1), first_snapshot(voters), SMALL
        )
        self.member = self.begin()

    def begin(self) -> Member:
        return Member(
            MemberConfig(raft=Config(id=1, pre_vote=False)),
            self.storage,
            transport=self.wire,
            proposals=self.proposals,
            observer=Nobody(),  # type: ignore[arg-type]  # it answers to every name
            clock=FakeClock(),
            rng=random.Random(1),
        )

    async def do(self, *inputs: object) -> list[Message]:
        """What is sent in all."""
        if self.member.handle(inputs):  # type: ignore[arg-type]
            await settle(self.member, InlineSyncer())
        return self.wire.taken()

    async def lead(self) -> None:
        await self.do(Campaign())
        await self.do(VoteResponse(1, 2, 1, rejected=False))
        for peer in (2, 3):
            await self.do(AppendResponse(1, peer, 1, self.storage.last_index()))
        assert self.member.leads

    def proposal(self, key: bytes) -> Proposal:
        future = asyncio.get_running_loop().create_future()
        proposal = Proposal(Put(key, b"v"), 10, None, future, 100)
        proposal.owner = self.member
        return proposal


@pytest.fixture
async def world() -> World:
    return World()


APPEND = AppendEntries(1, 2, 1, 0, 0, (Entry(1, 1, None), Entry(1, 2, Put(b"k", b"v"), 2)), 2)


async def test_a_follower_answers_and_applies_what_it_was_sent_once_that_is_on_disk(world: World) -> None:
    assert world.member.handle([APPEND])
    assert world.wire.taken() == []
    assert world.member.applied_index == 0
    await settle(world.member, InlineSyncer())
    assert [type(message) for message in world.wire.taken()] == [AppendResponse]
    assert world.member.machine.kv.live[b"k"].value == b"v"


async def test_a_vote_is_on_disk_before_it_is_given(world: World) -> None:
    assert world.member.handle([RequestVote(1, 3, 1, 0, 0)])
    assert world.wire.taken() == []
    await settle(world.member, InlineSyncer())
    assert [(message.to, message.rejected) for message in world.wire.taken()] == [(3, False)]  # type: ignore[union-attr]
    after = WalStorage.open(world.disk.copy(), Identity(1, 1), random.Random(1), SMALL)
    assert (after.hard_state.term, after.hard_state.vote) == (1, 3)


async def test_a_leaders_appends_are_on_their_way_while_its_own_disk_syncs(world: World) -> None:
    await world.lead()
    world.wire.taken()
    proposal = world.proposal(b"k")
    assert world.member.handle([proposal])
    assert {message.to for message in world.wire.taken() if type(message) is AppendEntries} == {2, 3}
    await settle(world.member, InlineSyncer())
    assert not proposal.future.done()
    await world.do(AppendResponse(1, 2, 1, world.storage.last_index()))
    assert (await proposal.future).revision == 2


async def test_what_is_committed_already_does_not_wait_for_what_is_new(world: World) -> None:
    await world.lead()
    first, second = world.proposal(b"k"), world.proposal(b"l")
    await world.do(first)
    committed = AppendResponse(1, 2, 1, world.storage.last_index())
    assert world.member.handle([committed, second])
    assert first.future.done()
    assert not second.future.done()
    await settle(world.member, InlineSyncer())


async def test_one_sync_serves_all_that_arrived_while_another_was_on_its_way() -> None:
    world = World((1,))
    await world.do(Campaign())
    syncs = 0

    def count(what: str) -> bool:
        nonlocal syncs
        syncs += what == "sync"
        return False

    world.disk.fail = count
    proposals = [world.proposal(b"k%d" % number) for number in range(50)]
    await world.do(*proposals)
    assert all(proposal.future.done() for proposal in proposals)
    assert syncs <= 3  # one, and two for another segment


async def test_nothing_may_be_handed_in_before_it_has_settled(world: World) -> None:
    assert world.member.handle([APPEND])
    with pytest.raises(AssertionError, match="has not settled"):
        world.member.handle([])


async def test_much_that_is_to_be_applied_after_a_start_is_applied_in_portions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World((1,))
    await world.do(Campaign())
    for number in range(30):
        await world.do(*(world.proposal(b"k%d" % (number * 10 + each)) for each in range(10)))
    world.storage.close()
    world.storage = WalStorage.open(world.disk, Identity(1, 1), random.Random(1), SMALL)
    monkeypatch.setattr("kube.store.member.APPLIED_AT_ONCE", 50)
    member = world.begin()
    member.raft.config = Config(id=1, max_entries_per_ready=20)
    turns = 0
    unsettled = member.handle([])
    while unsettled:
        turns += 1
        before = member.applied_index
        unsettled = member.settled()
        assert member.applied_index - before <= 70
    assert turns >= 4
    assert len(member.machine.kv.live) >= 290  # the last ones are committed by the next leader
