"""Prompt actors: one callback of the loop for what goes back and forth between them."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from kube.actors.runtime.actor import Actor
from kube.actors.runtime.errors import MailboxFullError
from kube.actors.runtime.ref import Ref
from kube.actors.runtime.run_queue import SLICE
from kube.actors.runtime.system import ActorSystem
from kube.base.cause import CURRENT, Cause
from kube.base.clock import FakeClock


class Player(Actor[int]):
    """Sends the ball back until it is at zero."""

    def __init__(
        self, played: list[str], *, prompt: bool, also: Callable[[int], None] = lambda _: None
    ) -> None:
        self.prompt = prompt  # type: ignore[misc]  # a class for both kinds
        self.played = played
        self.also = also
        self.other: Ref[int] | None = None

    def receive(self, ball: int) -> None:
        self.played.append(self.context.path)
        self.also(ball)
        if ball and self.other is not None:
            self.other.tell(ball - 1)


async def turns_of_the_loop(until: Callable[[], bool]) -> int:
    turns = 0
    while not until():
        await asyncio.sleep(0)
        turns += 1
    return turns


def pair(system: ActorSystem, played: list[str], **options: Any) -> Ref[int]:
    players = [Player(played, **options) for _ in range(2)]
    refs: list[Ref[int]] = [
        system.spawn(lambda player=player: player, name=name)  # type: ignore[misc]  # a lambda's default
        for player, name in zip(players, "ab", strict=True)
    ]
    players[0].other, players[1].other = refs[1], refs[0]
    return refs[0]


@pytest.mark.parametrize(("prompt", "turns"), [(True, 1), (False, 10)])
async def test_a_message_that_goes_back_and_forth_takes_one_turn_of_the_loop(prompt: bool, turns: int):
    async with ActorSystem() as system:
        played: list[str] = []
        pair(system, played, prompt=prompt).tell(9)
        assert await turns_of_the_loop(lambda: len(played) == 10) == turns
        assert played == ["/a", "/b"] * 5
        assert [info.handled for info in system.describe()] == [5, 5]


async def test_everybody_else_has_turns_after_a_slice_of_time():
    clock = FakeClock()
    async with ActorSystem(clock=clock) as system:
        played: list[str] = []
        heard: list[int] = []
        first = pair(system, played, prompt=True, also=lambda _: clock.advance(SLICE / 4))
        first.tell(99)
        asyncio.get_running_loop().call_soon(lambda: heard.append(len(played)))
        await turns_of_the_loop(lambda: len(played) == 100)
        assert heard == [4]


async def test_whoever_fails_takes_nobodys_turn():
    def also(ball: int) -> None:
        if ball == 7:
            raise RuntimeError("a bug")

    async with ActorSystem(clock=FakeClock()) as system:
        played: list[str] = []
        first = pair(system, played, prompt=True, also=also)
        bystander: list[str] = []
        third = system.spawn(lambda: Player(bystander, prompt=True), name="c")
        first.tell(9)
        third.tell(0)
        await turns_of_the_loop(lambda: bool(bystander))
        assert played == ["/a", "/b", "/a"]
        assert [info.restarts for info in system.describe()] == [0, 0, 0]


async def test_each_turn_has_its_own_cause():
    causes: list[Cause | None] = []
    async with ActorSystem() as system:
        played: list[str] = []
        first = pair(system, played, prompt=True, also=lambda _: causes.append(CURRENT.get()))
        token = CURRENT.set(Cause("c1", "a test"))
        first.tell(2)
        CURRENT.reset(token)
        first.tell(0)
        await turns_of_the_loop(lambda: len(played) == 4)
        assert [cause and cause.id for cause in causes] == ["c1", None, "c1", "c1"]
        assert CURRENT.get() is None


async def test_one_that_has_waited_in_a_handler_goes_on():
    gate = asyncio.Event()
    handled: list[int] = []

    class Waits(Actor[int]):
        prompt = True

        async def receive(self, message: int) -> None:
            await gate.wait()
            handled.append(message)

    async with ActorSystem() as system:
        ref = system.spawn(Waits, name="waits")
        for number in range(3):
            ref.tell(number)
        await asyncio.sleep(0)
        gate.set()
        await turns_of_the_loop(lambda: len(handled) == 3)
        ref.tell(3)
        await turns_of_the_loop(lambda: len(handled) == 4)
        assert handled == [0, 1, 2, 3]


async def test_who_tells_through_the_queue_waits_for_no_turn_of_the_loop():
    async with ActorSystem() as system:
        played: list[str] = []
        first = pair(system, played, prompt=True)
        await asyncio.sleep(0)
        assert system.run_queue.run_through(first.tell, 9)
        assert played == ["/a", "/b"] * 5
        first.tell(1)
        assert len(played) == 10, "whoever just tells does"
        await turns_of_the_loop(lambda: len(played) == 12)


async def test_who_tells_through_the_queue_comes_behind_those_who_are_due():
    async with ActorSystem() as system:
        played: list[str] = []
        first = pair(system, played, prompt=True)
        first.tell(1)
        assert system.run_queue.run_through(first.tell, 3)
        assert played == []
        await turns_of_the_loop(lambda: len(played) == 6)


async def test_a_turn_within_a_turn_waits_for_its_end():
    within: list[int] = []

    def also(ball: int) -> None:
        if ball == 9:
            system.run_queue.run_through(first.tell, 0)
            within.append(len(played))

    async with ActorSystem() as system:
        played: list[str] = []
        first = pair(system, played, prompt=True, also=also)
        await asyncio.sleep(0)
        system.run_queue.run_through(first.tell, 9)
        assert within == [1]
        assert len(played) == 11


async def test_a_slice_of_time_ends_what_is_told_through_the_queue_too():
    clock = FakeClock()
    async with ActorSystem(clock=clock) as system:
        played: list[str] = []
        first = pair(system, played, prompt=True, also=lambda _: clock.advance(SLICE / 4))
        await asyncio.sleep(0)
        system.run_queue.run_through(first.tell, 99)
        assert len(played) == 4
        await turns_of_the_loop(lambda: len(played) == 100)


async def test_everybody_else_has_turns_after_a_slice_of_turns_that_were_told_through_the_queue():
    clock = FakeClock()
    async with ActorSystem(clock=clock) as system:
        played: list[str] = []
        first = pair(system, played, prompt=True, also=lambda _: clock.advance(SLICE / 4))
        await asyncio.sleep(0)
        counts = []
        for _ in range(3):
            system.run_queue.run_through(first.tell, 1)
            counts.append(len(played))
        assert counts == [2, 4, 4]
        await turns_of_the_loop(lambda: len(played) == 6)
        system.run_queue.run_through(first.tell, 0)
        assert len(played) == 7


async def test_what_the_mailbox_refuses_stands_in_nobodys_way():
    def refuse(_: int) -> bool:
        raise MailboxFullError("/a", 1)

    async with ActorSystem() as system:
        played: list[str] = []
        first = pair(system, played, prompt=True)
        await asyncio.sleep(0)
        with pytest.raises(MailboxFullError):
            system.run_queue.run_through(refuse, 1)
        system.run_queue.run_through(first.tell, 1)
        assert played == ["/a", "/b"]


async def test_each_turn_has_its_own_cause_when_it_is_told_through_the_queue():
    causes: list[Cause | None] = []
    async with ActorSystem() as system:
        played: list[str] = []
        first = pair(system, played, prompt=True, also=lambda _: causes.append(CURRENT.get()))
        await asyncio.sleep(0)
        cause = Cause("c1", "a test")
        token = CURRENT.set(cause)
        system.run_queue.run_through(first.tell, 1)
        assert CURRENT.get() is cause
        CURRENT.reset(token)
        system.run_queue.run_through(first.tell, 0)
        assert causes == [cause, cause, None]
