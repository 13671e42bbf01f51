"""Members of several processes ask each other for their hashes. Here they share a loop, and a network that loses nothing."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec
import pytest

from kube.base.clock import FakeClock
from kube.store.administration import Alarm, AlarmType, MemberInfo
from kube.store.config import StoreConfig
from kube.store.errors import CorruptError
from kube.store.local import LocalStore
from kube.store.member import Member, Tick
from kube.store.membership import MemberTable
from kube.store.raft.messages import Message
from kube.store.standalone import Standalone, memory_storage


class Net:
    """The network of one member; what is sent arrives in the turn after."""

    def __init__(self, inboxes: dict[int, Callable[[Any], bool]]) -> None:
        self._inboxes = inboxes

    def attach(self, member: int, inbox: Callable[[Any], bool]) -> None:
        self._inboxes[member] = inbox

    def detach(self, member: int) -> None:
        self._inboxes.pop(member, None)

    def send(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self.say(message)

    def say(self, message: Any) -> bool:
        inbox = self._inboxes.get(message.to)
        return inbox is not None and inbox(message)

    def use(self, table: MemberTable) -> None:
        """Everybody is known from the start."""

    def active_since(self, peer: int) -> float | None:
        return 0.0 if peer in self._inboxes else None


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        table = MemberTable(
            tuple(MemberInfo(number, peer_urls=(f"http://{number}",)) for number in (1, 2, 3))
        )
        inboxes: dict[int, Callable[[Any], bool]] = {}
        config = StoreConfig(replicas=1, tick=0.02, corrupt_check=60.0)
        self.fronts = {
            number: Standalone(
                config,
                self.clock,
                random.Random(number),
                member=number,
                cluster=7,
                network=Net(inboxes),
                storage=memory_storage(table),
            )
            for number in (1, 2, 3)
        }
        self.members: dict[int, Member] = {}
        for number in self.fronts:
            self._start(number)

    def _start(self, number: int) -> None:
        mailbox: list[Any] = []

        def turn() -> None:
            inputs, mailbox[:] = list(mailbox), []
            self.members[number].handle(inputs)

        def submit(message: Any) -> bool:
            mailbox.append(message)
            if len(mailbox) == 1:
                asyncio.get_running_loop().call_soon(turn)
            return True

        self.members[number] = self.fronts[number].start_member(number, submit)

    async def settle(self, ticks: int = 0) -> None:
        for _ in range(ticks + 1):
            for _ in range(40):
                await asyncio.sleep(0)
            if ticks:
                for member in self.members.values():
                    member.handle([Tick()])

    async def leader(self) -> Standalone:
        for _ in range(100):
            await self.settle(1)
            for front in self.fronts.values():
                if front.serving is not None:
                    await self.settle(5)
                    return front
        raise AssertionError("nobody leads")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    for front in made.fronts.values():
        await front.aclose()


def damage(member: Member) -> None:
    kv = member.machine.kv
    damaged = msgspec.structs.replace(kv.live[b"k"], value=b"damaged")
    kv.live[b"k"] = damaged
    kv.changes.tail[:] = [damaged if each.key == b"k" else each for each in kv.changes.tail]


def store_of(front: Standalone) -> LocalStore:
    return LocalStore(front.config, FakeClock(), random.Random(1), replicas=front)


async def wrote(world: World) -> Standalone:
    leader = await world.leader()
    put = asyncio.ensure_future(store_of(leader).put(b"k", b"v"))
    await world.settle(10)
    await put
    return leader


async def test_members_that_agree_raise_nothing(world: World) -> None:
    leader = await wrote(world)
    for front in world.fronts.values():
        assert await front.check_corruption() == ()
    assert leader.serving is not None
    assert leader.serving.machine.alarms == ()


async def test_the_leader_finds_who_differs_and_tells_all(world: World) -> None:
    leader = await wrote(world)
    other = next(number for number in world.fronts if world.fronts[number] is not leader)
    damage(world.members[other])
    for _ in range(130):
        world.clock.advance(0.5)
        await world.settle(1)
    alarms = (Alarm(other, AlarmType.CORRUPT),)
    assert [member.machine.alarms for member in world.members.values()] == [alarms] * 3
    put = asyncio.ensure_future(store_of(leader).put(b"k", b"w"))
    await world.settle(5)
    with pytest.raises(CorruptError):
        await put


async def test_who_has_compacted_something_else_is_not_compared(world: World) -> None:
    leader = await wrote(world)
    other = next(number for number in world.fronts if world.fronts[number] is not leader)
    damage(world.members[other])
    world.members[other].machine.kv.compact(2)
    assert await leader.check_corruption() == ()
