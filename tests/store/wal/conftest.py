"""A disk in memory that crashes, tears, fills and fails when it is told to, and a member's storage on it."""

import errno
import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from kube.store.raft.messages import Entry, HardState, Snapshot
from kube.store.wal.log import WalOptions
from kube.store.wal.segment import Identity
from kube.store.wal.storage import StorageOptions, WalStorage, first_snapshot

T = TypeVar("T")

IDENTITY = Identity(0xC1, 1)
SMALL = StorageOptions(
    wal=WalOptions(segment_bytes=400, allocation=128, reserve=64), snapshot_bytes=200, piece_bytes=64
)
SECTOR = 16


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """A coroutine that never waits, as with an InlineSyncer."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise AssertionError("it waits")


class MemoryFile:
    def __init__(self, disk: "MemoryDisk", name: str) -> None:
        self.disk = disk
        self.name = name
        self.content = bytearray()
        self.durable = b""
        self.closed = False

    def append(self, data: bytes) -> None:
        self.write(len(self.content), data)

    def write(self, offset: int, data: bytes) -> None:
        self.disk.may_fail("write")
        self._grow(offset)
        grown = max(0, offset + len(data) - len(self.content))
        fits = min(len(data), len(data) - grown + max(0, self.disk.free))
        self.content[offset : offset + fits] = data[:fits]
        self.disk.free -= min(grown, max(0, self.disk.free))
        if fits < len(data):
            raise OSError(errno.ENOSPC, "No space left on device", self.name)

    def _grow(self, size: int) -> None:
        self.content += bytes(max(0, size - len(self.content)))

    def read(self, offset: int, size: int) -> bytes:
        self.disk.may_fail("read")
        return bytes(self.content[offset : offset + size])

    def size(self) -> int:
        return len(self.content)

    def allocate(self, size: int) -> None:
        self.disk.may_fail("allocate")
        if not self.disk.reserves:
            return
        grown = size - len(self.content)
        if grown > self.disk.free:
            raise OSError(errno.ENOSPC, "No space left on device", self.name)
        if grown > 0:
            self.disk.free -= grown
            self._grow(size)

    def truncate(self, size: int) -> None:
        self.disk.free += max(0, len(self.content) - size)
        del self.content[size:]

    def sync(self) -> None:
        self.disk.may_fail("sync")
        self.durable = bytes(self.content)

    def close(self) -> None:
        self.closed = True


class MemoryDisk:
    """``free``: bytes. ``fail``: decides, by the name of what is done, whether EIO is raised. ``reserves``: whether files can have
    space allocated ahead of writing. ``descriptors``: whether files can be made.
    """

    path = "memory"

    def __init__(self) -> None:
        self.files: dict[str, MemoryFile] = {}
        self.durable_names: dict[str, MemoryFile] = {}
        self.free = 1 << 30
        self.fail: Callable[[str], bool] = lambda _: False
        self.locked = False
        self.reserves = True
        self.descriptors = True

    def may_fail(self, what: str) -> None:
        if self.fail(what):
            raise OSError(errno.EIO, f"injected at {what}")

    def list(self) -> tuple[str, ...]:
        return tuple(sorted(self.files))

    def open(self, name: str) -> MemoryFile:
        if name not in self.files:
            raise FileNotFoundError(errno.ENOENT, "No such file", name)
        return self.files[name]

    def create(self, name: str) -> MemoryFile:
        self.may_fail("create")
        if not self.descriptors:
            raise OSError(errno.EMFILE, "Too many open files", name)
        self.files[name] = MemoryFile(self, name)
        return self.files[name]

    def rename(self, old: str, new: str) -> None:
        self.may_fail("rename")
        file = self.files[new] = self.files.pop(old)
        file.name = new

    def remove(self, name: str) -> None:
        self.free += len(self.files.pop(name).content)

    def sync_dir(self) -> None:
        self.may_fail("sync_dir")
        self.durable_names = dict(self.files)

    def lock(self) -> None:
        assert not self.locked
        self.locked = True

    def close(self) -> None:
        self.locked = False

    def crash(self, rng: random.Random) -> "MemoryDisk":
        """The disk after the power has gone: names as of the last sync_dir or later, and of what was not synced any sectors."""
        after = MemoryDisk()
        later = rng.random() < 0.5
        for name, file in (self.files if later else self.durable_names).items():
            survivor = MemoryFile(after, name)
            survivor.content = _torn(file, rng)
            survivor.durable = bytes(survivor.content)
            after.files[name] = after.durable_names[name] = survivor
        return after

    def copy(self) -> "MemoryDisk":
        after = MemoryDisk()
        for name, file in self.files.items():
            each = after.files[name] = MemoryFile(after, name)
            each.content = bytearray(file.content)
        after.durable_names = dict(after.files)
        return after


def _torn(file: MemoryFile, rng: random.Random) -> bytearray:
    length = rng.choice([len(file.durable), len(file.content)])
    survivor = bytearray(length)
    for at in range(0, length, SECTOR):
        source = file.durable if rng.random() < 0.5 else bytes(file.content)
        sector = source[at : min(at + SECTOR, length)]
        survivor[at : at + len(sector)] = sector
    return survivor


@pytest.fixture
def disk() -> MemoryDisk:
    return MemoryDisk()


def create(disk: MemoryDisk, seed: int = 1, options: StorageOptions = SMALL) -> WalStorage:
    return WalStorage.create(disk, IDENTITY, random.Random(seed), first_snapshot((1, 2, 3)), options)


def reopen(disk: MemoryDisk, seed: int = 2, options: StorageOptions = SMALL) -> WalStorage:
    return WalStorage.open(disk, IDENTITY, random.Random(seed), options)


class View:
    """What raft can see of a storage, to be compared over a crash."""

    def __init__(self, storage: WalStorage) -> None:
        self.state: HardState = storage.hard_state
        self.snapshot: Snapshot = storage.snapshot()
        self.first = storage.first_index()
        self.last = storage.last_index()
        self.entries: dict[int, Entry] = {
            entry.index: entry for entry in storage.entries(self.first, self.last + 1)
        }

    def is_kept_by(self, after: "View") -> bool:
        """Whether ``after`` may stand for this one: from an older snapshot, with all entries since."""
        return (
            (after.state.term, after.state.vote) == (self.state.term, self.state.vote)
            and after.state.commit >= self.state.commit
            and after.last == self.last
            and after.first <= max(self.first, self.snapshot.index + 1)
            and all(
                after.entries[index] == entry for index, entry in self.entries.items() if index >= after.first
            )
        )
