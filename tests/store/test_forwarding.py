"""Proposals on their way to the leader: what each way of not being answered means to who waits."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from kube.store.errors import NoSpaceError, RequestTimeoutError
from kube.store.forwarding import MAX_FORWARD_BYTES, Forwarding
from kube.store.kv import Put
from kube.store.peer.messages import Forward, Forwarded, error_data
from kube.store.proposals import Proposal, Proposals
from kube.store.raft.messages import ConfChange
from kube.store.requests import Request

OWN, LEADER, TERM = 2, 1, 5


class World:
    """A member's side of the network: ``said`` is what reached the connection."""

    def __init__(self) -> None:
        self.said: list[Forward] = []
        self.reachable = True
        self.retried: list[Proposal] = []
        self.proposals = Proposals(self.retried.append)
        self.forwarding = Forwarding(OWN, self.say, self.proposals, self._retry, 0)

    def say(self, message: Any) -> bool:
        if self.reachable:
            self.said.append(message)
        return self.reachable

    def _retry(self, proposals: Sequence[Proposal]) -> None:
        self.retried.extend(proposals)

    def proposal(self, request: Request | ConfChange | None = None, size: int = 66) -> Proposal:
        future = asyncio.get_running_loop().create_future()
        return Proposal(request or Put(b"k", b"v"), size, None, future, 0)

    def send(self, *proposals: Proposal) -> list[Proposal]:
        self.forwarding.send(proposals, LEADER, TERM)
        return list(proposals)

    def answer(self, number: int, first: int, *, applied: tuple[int, int] = (0, TERM), **more: Any) -> None:
        self.forwarding.answered(Forwarded(OWN, LEADER, number, first, **more), *applied)


@pytest.fixture
async def world() -> World:
    return World()


async def test_the_answer_says_which_entries_they_are(world: World) -> None:
    sent = world.send(world.proposal(), world.proposal())
    assert all(proposal.term == TERM for proposal in sent)
    world.answer(1, 7)
    assert world.proposals.pending == {(TERM, 7): sent[0], (TERM, 8): sent[1]}
    assert len(world.forwarding) == 0


async def test_batches_are_split_by_size_and_a_change_of_members_goes_alone(world: World) -> None:
    large = world.proposal(size=MAX_FORWARD_BYTES)
    change = world.proposal(ConfChange(), 100)
    world.send(world.proposal(), world.proposal(), large, change, world.proposal())
    assert [len(forward.items) for forward in world.said] == [2, 1, 1, 1]
    assert [forward.number for forward in world.said] == [1, 2, 3, 4]
    assert world.said[2].items == ((ConfChange(), 100),)


async def test_what_could_not_be_sent_is_tried_again(world: World) -> None:
    world.reachable = False
    sent = world.send(world.proposal())
    assert world.retried == sent
    assert sent[0].term == 0
    assert len(world.forwarding) == 0


async def test_what_the_leader_did_not_take_is_tried_again(world: World) -> None:
    sent = world.send(world.proposal(), world.proposal())
    sent[1].answer(None)  # nobody waits for it any more
    world.answer(1, 0)
    assert world.retried == sent[:1]
    assert sent[0].term == 0


async def test_a_refusal_is_the_answer(world: World) -> None:
    (sent,) = world.send(world.proposal())
    world.answer(1, 0, error=error_data(NoSpaceError()))
    assert isinstance(await sent.future, NoSpaceError)
    assert world.retried == []


async def test_the_end_of_the_connection_leaves_the_outcome_unknown(world: World) -> None:
    (sent,) = world.send(world.proposal())
    world.forwarding.disconnected(3)
    assert not sent.future.done()
    world.forwarding.disconnected(LEADER)
    assert isinstance(await sent.future, RequestTimeoutError)
    world.answer(1, 7)
    assert world.proposals.pending == {}
    assert world.retried == []


@pytest.mark.parametrize(
    ("applied", "unknown", "retried"),
    [
        pytest.param((0, TERM), [], [], id="nothing yet"),
        pytest.param((7, TERM), [0], [], id="a snapshot has gone past the first"),
        pytest.param((8, TERM), [0, 1], [], id="and past both"),
        pytest.param((6, TERM + 1), [], [0, 1], id="a newer term has begun before them"),
        pytest.param((7, TERM + 1), [0], [1], id="a newer term has begun between them"),
    ],
)
async def test_an_answer_that_comes_late_gives_nobody_anothers_result(
    applied: tuple[int, int], unknown: list[int], retried: list[int], world: World
) -> None:
    sent = world.send(world.proposal(), world.proposal())
    world.answer(1, 7, applied=applied)
    assert [number for number, each in enumerate(sent) if each.future.done()] == unknown
    assert all(isinstance(sent[number].future.result(), RequestTimeoutError) for number in unknown)
    assert world.retried == [sent[number] for number in retried]
    waiting = [each for number, each in enumerate(sent) if number not in {*unknown, *retried}]
    assert list(world.proposals.pending.values()) == waiting


async def test_an_answer_of_somebody_else_is_nobodys(world: World) -> None:
    (sent,) = world.send(world.proposal())
    world.forwarding.answered(Forwarded(OWN, 3, 1, 7), 0, TERM)
    assert world.proposals.pending == {}
    world.answer(1, 9)
    assert world.proposals.pending == {(TERM, 9): sent}


async def test_batches_for_which_nobody_waits_are_forgotten(world: World) -> None:
    sent = world.send(world.proposal(), world.proposal())
    sent[0].answer(None)
    world.forwarding.sweep()
    assert len(world.forwarding) == 1
    sent[1].future.cancel()
    world.forwarding.sweep()
    assert len(world.forwarding) == 0
