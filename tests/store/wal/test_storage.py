"""A member's storage between the disk and raft: what it takes, what it writes when, and what a failure leaves."""

import random

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
