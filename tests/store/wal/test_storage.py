"""A member's storage between the disk and raft: what it takes, what it writes when, and what a failure leaves."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from kube.store.codec import CodecError
from kube.store.kv import Put
from kube.store.raft.messages import Entry, HardState, Snapshot
from kube.store.requests import OptimisticDelete
from kube.store.wal.storage import WalStorage
from kube.store.wal.syncer import InlineSyncer
from tests.store.wal.conftest import SMALL, MemoryDisk, View, create, reopen, run

SYNCER = InlineSyncer()


def entries(*data: object, first: int = 1) -> list[Entry]:
    return [Entry(1, index, each, 30) for index, each in enumerate(data, first)]


@pytest.mark.parametrize(
    "data", [OptimisticDelete(b"k", 1 << 64), object()], ids=["a number of 65 bits", "no request"]
)
def test_what_has_no_encoding_is_refused_and_leaves_no_trace(disk: MemoryDisk, data: object) -> None:
    """A member that starts again on this storage must not take for kept what is on no disk."""
    storage = create(disk)
    storage.save(HardState(1, 1, 0), entries(Put(b"k", b"1")), must_sync=True)
    run(storage.settle(SYNCER))
    before = View(storage)
    with pytest.raises(CodecError):
        storage.save(HardState(2, 0, 1), entries(Put(b"k", b"2"), data, first=2), must_sync=True)
    assert vars(View(storage)) == vars(before)
    assert not storage.unsynced
    storage.save(None, entries(Put(b"k", b"3"), first=2), must_sync=True)
    run(storage.settle(SYNCER))
    assert vars(View(reopen(disk.copy()))) == vars(View(storage))


def test_a_snapshot_of_the_leaders_is_written_by_settle_alone(disk: MemoryDisk) -> None:
    """Two who write one file at a time would each find it half written, or gone, by the other."""
    storage: WalStorage = create(disk)
    wanted: list[Snapshot] = []
    storage.on_snapshot_due(wanted.append)
    values = [Put(b"k", random.Random(each).randbytes(SMALL.snapshot_bytes)) for each in range(4)]
    storage.save(HardState(1, 1, 0), entries(*values), must_sync=True)
    run(storage.settle(SYNCER))
    storage.apply_snapshot(Snapshot(9, 1, storage.snapshot().conf))
    assert wanted == []
    run(storage.settle(SYNCER))
    assert reopen(disk.copy()).snapshot().index == 9


def test_without_a_descriptor_the_log_goes_on_in_its_segment(
    disk: MemoryDisk, caplog: pytest.LogCaptureFixture
) -> None:
    """And neither the next segment nor a snapshot is given up for good."""
    storage = create(disk)
    wanted: list[Snapshot] = []
    storage.on_snapshot_due(wanted.append)

    def write(first: int) -> None:
        value = random.Random(first).randbytes(SMALL.wal.segment_bytes // 2)
        storage.save(HardState(1, 1, first - 1), entries(Put(b"k", value), first=first), must_sync=True)
        run(storage.settle(SYNCER))

    disk.descriptors = False
    for index in range(1, 6):
        write(index)
    assert segments(disk) == 1
    assert vars(View(reopen(disk.copy()))) == vars(View(storage))
    storage.save_snapshot(Snapshot(5, 1, storage.snapshot().conf))
    run(storage.write_snapshot(wanted.pop(), SYNCER))
    assert reopen(disk.copy()).snapshot().index == 0
    disk.descriptors = True
    for index in range(6, 9):
        write(index)
    assert segments(disk) > 1
    storage.save_snapshot(Snapshot(8, 1, storage.snapshot().conf))
    run(storage.write_snapshot(wanted.pop(), SYNCER))
    assert reopen(disk.copy()).snapshot().index == 8
    said = [record.message for record in caplog.records]
    assert len([line for line in said if "no new segment of the log can be opened yet" in line]) == 1
    assert len([line for line in said if "no snapshot was written" in line]) == 1


def segments(disk: MemoryDisk) -> int:
    return sum(name.endswith(".wal") for name in disk.list())


class BusySyncer:
    """A thread that does what it was given when ``work`` says so, whoever has given up waiting."""

    def __init__(self) -> None:
        self.given: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []

    async def run(self, work: Callable[[], Any]) -> Any:
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.given.append((work, waiter))
        return await waiter

    async def work(self) -> None:
        given, self.given = self.given, []
        for work, waiter in given:
            result = work()
            if not waiter.done():
                waiter.set_result(result)
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.mark.parametrize("done", range(4), ids=["to be opened", "open", "written to", "written to again"])
async def test_a_snapshot_that_was_cut_short_leaves_nothing_and_disturbs_no_other(
    disk: MemoryDisk, done: int
) -> None:
    storage, syncer = create(disk), BusySyncer()
    cut = asyncio.ensure_future(storage.write_snapshot(Snapshot(5, 1, storage.snapshot().conf), syncer))
    await asyncio.sleep(0)
    for _ in range(done):
        await syncer.work()
    cut.cancel()
    await asyncio.gather(cut, return_exceptions=True)
    next_ = asyncio.ensure_future(storage._write(Snapshot(9, 1, storage.snapshot().conf), SYNCER))
    for _ in range(5):
        await asyncio.sleep(0)
    for _ in range(5):
        await syncer.work()
    await next_
    storage.close()
    assert [name for name in disk.files if name.endswith(".tmp")] == []
    assert reopen(disk).snapshot().index == 9
