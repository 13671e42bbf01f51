"""Members driven by the test: no actors, no ticks but the test's own, a clock that stands still."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from kube.base.clock import FakeClock
from kube.store.config import StoreConfig
from kube.store.local import LocalStore
from kube.store.member import Input, Member, Prune, Tick


class Cluster:
    """A LocalStore whose members take their turns in the loop; ``paused`` ones let their mailbox fill."""

    def __init__(self, replicas: int, **config: Any) -> None:
        self.clock = FakeClock()
        self.store = LocalStore(StoreConfig(replicas=replicas, **config), self.clock, random.Random(1))
        self.members: dict[int, Member] = {}
        self.mailboxes: dict[int, list[Input]] = {}
        self.paused: set[int] = set()
        for voter in self.store.replicas.voters:
            self.start(voter)

    def start(self, voter: int) -> None:
        mailbox = self.mailboxes.setdefault(voter, [])

        def submit(message: Input) -> bool:
            mailbox.append(message)
            if len(mailbox) == 1:
                asyncio.get_running_loop().call_soon(self._turn, voter)
            return True

        self.members[voter] = self.store.replicas.start_member(voter, submit)

    def _turn(self, voter: int) -> None:
        if voter in self.paused or voter not in self.members:
            return
        mailbox = self.mailboxes[voter]
        messages = list(mailbox)
        mailbox.clear()
        self.members[voter].handle(messages)

    def pause(self, voter: int) -> None:
        self.paused.add(voter)

    def resume(self, voter: int) -> None:
        self.paused.discard(voter)
        self._turn(voter)

    def stop(self, voter: int) -> None:
        """What waits in the mailbox is lost with it."""
        member = self.members.pop(voter)
        self.mailboxes.pop(voter)
        self.store.replicas.member_stopped(member)

    async def settle(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)

    async def tick(self, count: int = 1) -> None:
        for _ in range(count):
            for voter, member in tuple(self.members.items()):
                if voter not in self.paused and self.members.get(voter) is member:
                    member.handle([Tick(), Prune()])
            await self.settle()

    async def until(self, condition: Callable[[], bool], ticks: int = 200) -> None:
        for _ in range(ticks):
            if condition():
                return
            await self.tick()
        raise AssertionError("it did not come about")

    async def sweep(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.5)):
            self.clock.advance(0.5)
            await self.settle()

    @property
    def leader(self) -> int:
        return self.store.leader


@pytest.fixture
async def cluster() -> AsyncIterator[Callable[..., Awaitable[Cluster]]]:
    made: list[Cluster] = []

    async def make(replicas: int = 3, **config: Any) -> Cluster:
        each = Cluster(replicas, **config)
        made.append(each)
        await each.store.ready()
        return each

    yield make
    for each in made:
        await each.store.aclose()
