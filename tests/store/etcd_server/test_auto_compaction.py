"""Compaction by itself: by age, or by the number of revisions."""

import asyncio
import random

import pytest

from kube.base.clock import FakeClock
from kube.base.tasks import TaskOwner
from kube.store.errors import CompactedError, StoppedError
from kube.store.etcd_server.auto_compaction import REVISION_PERIOD, compact_periodically, compact_revisions
from kube.store.kv import StoreStatus


class History:
    """What compaction knows of a store."""

    def __init__(self) -> None:
        self.revision = 1
        self.compacted: list[int] = []
        self.rival = 0
        self.runs = True

    async def status(self) -> StoreStatus:
        if not self.runs:
            raise StoppedError
        compacted = max([0, *self.compacted])
        return StoreStatus(1, (1,), 1, 1, 1, 1, self.revision, compacted, 0, 0, 0)

    async def compact(self, revision: int) -> None:
        if revision <= self.rival:
            raise CompactedError(revision, self.rival)
        self.compacted.append(revision)


async def live(history: History, clock: FakeClock, seconds: int, writes: int = 1) -> None:
    """So many seconds, with so many writes in each."""
    await asyncio.sleep(0)
    for _ in range(seconds):
        history.revision += writes
        clock.advance(1.0)
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.mark.parametrize("period", [10, 60, 600])
async def test_by_age(period: int) -> None:
    history, clock = History(), FakeClock()
    async with TaskOwner("test") as tasks:
        tasks.start(compact_periodically(history, clock, float(period)), name="compaction")
        await live(history, clock, period - 1)
        assert not history.compacted
        await live(history, clock, 3 * period)
    assert len(history.compacted) in {3, 4}
    assert history.compacted == sorted(history.compacted)
    assert history.revision - history.compacted[-1] >= period
    assert history.revision - history.compacted[-1] <= 2.2 * period


async def test_by_revisions() -> None:
    history, clock = History(), FakeClock()
    async with TaskOwner("test") as tasks:
        tasks.start(compact_revisions(history, clock, 100), name="compaction")
        await live(history, clock, int(REVISION_PERIOD) * 2 + 10)
    assert history.compacted == [201, 501]


async def test_a_quiet_store_is_left_alone() -> None:
    history, clock = History(), FakeClock()
    async with TaskOwner("test") as tasks:
        tasks.start(compact_revisions(history, clock, 100), name="compaction")
        await live(history, clock, 700, writes=0)
    assert not history.compacted


async def test_who_is_second_goes_on() -> None:
    history, clock = History(), FakeClock()
    history.rival = 250
    async with TaskOwner("test") as tasks:
        tasks.start(compact_revisions(history, clock, 100), name="compaction")
        await live(history, clock, int(REVISION_PERIOD) * 2 + 10)
    assert history.compacted == [501]


@pytest.mark.parametrize("seed", range(5))
async def test_what_was_current_within_the_period_is_kept(seed: int) -> None:
    """Whatever the writes: nothing that was current less than a period ago is compacted."""
    history, clock, chance = History(), FakeClock(), random.Random(seed)
    then: list[int] = []
    async with TaskOwner("test") as tasks:
        tasks.start(compact_periodically(history, clock, 30.0), name="compaction")
        for _ in range(200):
            then.append(history.revision)
            await live(history, clock, 1, writes=chance.randrange(3))
            if history.compacted and len(then) > 31:
                assert history.compacted[-1] <= then[-30]
    assert history.compacted


@pytest.mark.parametrize("mode", ["periodic", "revision"])
async def test_it_goes_on_after_a_member_that_did_not_run(mode: str) -> None:
    history, clock = History(), FakeClock()
    compaction = (
        compact_periodically(history, clock, 60.0)
        if mode == "periodic"
        else compact_revisions(history, clock, 50)
    )
    async with TaskOwner("test") as tasks:
        tasks.start(compaction, name="compaction")
        await live(history, clock, 200)
        history.runs = False
        await live(history, clock, 200)
        before = list(history.compacted)
        history.runs = True
        await live(history, clock, 600)
        assert tasks.names() == ("test/compaction",)
    assert max(history.compacted) > max([0, *before])
