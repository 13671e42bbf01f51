"""Disks under simulation: what was not synced may be lost or torn when the power goes, a disk may be full, slow or broken.

Implements ``kube.store.wal.disk``. A ``Platter`` is what a crash leaves; a ``SimulatedDisk`` is one process's view of it, which dies with
the process.
"""

import asyncio
import errno
import random
from collections.abc import Callable
from typing import TypeVar

from kube.simulation.trace import Trace
from kube.store.wal.disk import DirectoryLockedError

T = TypeVar("T")

SECTOR = 512
"""Bytes that a disk writes as a whole."""


class PowerLossError(Exception):
    """The machine has lost its power: whoever wanted the disk is no more."""


class _Inode:
    """``unsynced``: (offset, data) of each write since the last sync; data None is a truncation to the offset."""

    __slots__ = ("current", "durable", "unsynced")

    def __init__(self) -> None:
        self.current = bytearray()
        self.durable = bytearray()
        self.unsynced: list[tuple[int, bytes | None]] = []

    def change(self, offset: int, data: bytes | None) -> None:
        _apply(self.current, offset, data)
        self.unsynced.append((offset, data))

    def sync(self) -> None:
        for offset, data in self.unsynced:
            _apply(self.durable, offset, data)
        self.unsynced.clear()

    def forget(self) -> None:
        """A sync has failed, and the system takes for written what is not: it can be read, and will not survive."""
        self.unsynced.clear()

    def crash(self, rng: random.Random) -> None:
        """Some first part of what was written is there, and of the write after it some sectors, or some bytes."""
        kept = int(rng.random() * (len(self.unsynced) + 1))
        for offset, data in self.unsynced[:kept]:
            _apply(self.durable, offset, data)
        if kept < len(self.unsynced):
            _tear(self.durable, *self.unsynced[kept], rng)
        self.current = bytearray(self.durable)
        self.unsynced = []


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        if offset < len(content):
            del content[offset:]
        else:
            content.extend(bytes(offset - len(content)))
        return
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _tear(content: bytearray, offset: int, data: bytes | None, rng: random.Random) -> None:
    if data is None:
        return
    if rng.random() < 0.5:
        _apply(content, offset, data[: int(rng.random() * len(data))])
        return
    for start in range(0, len(data), SECTOR):
        if rng.random() < 0.5:
            _apply(content, offset + start, data[start : start + SECTOR])


class Platter:
    """One directory as it is on the medium. ``capacity``: bytes of all its files together; beyond that it is full."""

    def __init__(self) -> None:
        self.capacity: int | None = None
        self.files: dict[str, _Inode] = {}
        self._durable: dict[str, _Inode] = {}
        self._journal: list[dict[str, _Inode | None]] = []
        """Changes of names since the last sync of the directory, in order, each as a whole."""

    def rename(self, changes: dict[str, _Inode | None]) -> None:
        _rename(self.files, changes)
        self._journal.append(changes)

    def sync(self) -> None:
        for changes in self._journal:
            _rename(self._durable, changes)
        self._journal.clear()

    def crash(self, rng: random.Random) -> None:
        kept = int(rng.random() * (len(self._journal) + 1))
        for changes in self._journal[:kept]:
            _rename(self._durable, changes)
        self._journal = []
        self.files = dict(self._durable)
        for name in sorted(self.files):
            self.files[name].crash(rng)

    @property
    def used(self) -> int:
        return sum(len(inode.current) for inode in self.files.values())


def _rename(names: dict[str, _Inode], changes: dict[str, _Inode | None]) -> None:
    for name, inode in changes.items():
        if inode is None:
            names.pop(name, None)
        else:
            names[name] = inode


class Power:
    """Of one machine, with all its disks. ``fuse``: operations of disks until the power goes by itself."""

    def __init__(self, rng: random.Random, lost: Callable[[], None]) -> None:
        self.on = True
        self.fuse: int | None = None
        self.io_errors = 0
        """Syncs that are to fail."""
        self.slow = 0.0
        """Seconds that a sync takes at most, beyond the usual."""
        self._rng = rng
        self._lost = lost
        self._platters: list[Platter] = []

    def supply(self, platter: Platter) -> None:
        self._platters.append(platter)

    def cut(self) -> None:
        """Now. The platters are what the crash leaves when this returns."""
        if self.on:
            self.on = False
            for platter in self._platters:
                platter.crash(self._rng)
            self._lost()

    def forgets(self) -> bool:
        """Whether a sync that fails loses what it should have written."""
        return self._rng.random() < 0.5

    def check(self) -> None:
        """Before every operation of a disk. Raises PowerLossError."""
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse <= 0:
                self.cut()
        if not self.on:
            raise PowerLossError


class SimulatedFile:
    """Implements ``kube.store.wal.disk.File``."""

    __slots__ = ("_disk", "_end", "_inode", "_name")

    def __init__(self, disk: "SimulatedDisk", name: str, inode: _Inode) -> None:
        self._disk = disk
        self._name = name
        self._inode = inode
        self._end = len(inode.current)

    @property
    def name(self) -> str:
        return self._name

    def append(self, data: bytes) -> None:
        self.write(self._end, data)
        self._end += len(data)

    def write(self, offset: int, data: bytes) -> None:
        self._disk.power.check()
        self._disk.reserve(offset + len(data) - len(self._inode.current))
        self._inode.change(offset, bytes(data))

    def read(self, offset: int, size: int) -> bytes:
        self._disk.power.check()
        return bytes(self._inode.current[offset : offset + size])

    def size(self) -> int:
        self._disk.power.check()
        return len(self._inode.current)

    def allocate(self, size: int) -> None:
        self._disk.power.check()
        if size > len(self._inode.current):
            self._disk.reserve(size - len(self._inode.current))
            self._inode.change(size, None)

    def truncate(self, size: int) -> None:
        self._disk.power.check()
        self._inode.change(size, None)
        self._end = min(self._end, size)

    def sync(self) -> None:
        self._disk.power.check()
        try:
            self._disk.may_fail()
        except OSError:
            if self._disk.power.forgets():
                self._inode.forget()
            raise
        self._inode.sync()

    def close(self) -> None:
        """What was not synced stays as it is."""


class SimulatedDisk:
    """Implements ``kube.store.wal.disk.Disk``."""

    def __init__(self, name: str, platter: Platter, power: Power, trace: Trace) -> None:
        self.power = power
        self._platter = platter
        self._name = name
        self._trace = trace
        self._locked = False
        power.supply(platter)

    @property
    def path(self) -> str:
        return self._name

    def list(self) -> tuple[str, ...]:
        self.power.check()
        return tuple(sorted(self._platter.files))

    def open(self, name: str) -> SimulatedFile:
        self.power.check()
        return SimulatedFile(self, name, self._inode(name))

    def create(self, name: str) -> SimulatedFile:
        self.power.check()
        inode = _Inode()
        self._platter.rename({name: inode})
        return SimulatedFile(self, name, inode)

    def rename(self, old: str, new: str) -> None:
        self.power.check()
        self._platter.rename({old: None, new: self._inode(old)})

    def remove(self, name: str) -> None:
        self.power.check()
        self._inode(name)
        self._platter.rename({name: None})

    def sync_dir(self) -> None:
        self.power.check()
        self._platter.sync()

    def lock(self) -> None:
        self.power.check()
        if self._locked:
            raise DirectoryLockedError(self._name, 0)
        self._locked = True

    def close(self) -> None:
        self._locked = False

    def reserve(self, size: int) -> None:
        """Raises OSError when the disk is full."""
        platter = self._platter
        if size > 0 and platter.capacity is not None and platter.used + size > platter.capacity:
            self._trace.fault("disk full", self._name)
            raise OSError(errno.ENOSPC, "No space left on device", self._name)

    def may_fail(self) -> None:
        """Raises OSError when a sync is to fail."""
        if self.power.io_errors:
            self.power.io_errors -= 1
            self._trace.fault("disk error", self._name)
            raise OSError(errno.EIO, "Input/output error", self._name)

    def _inode(self, name: str) -> _Inode:
        inode = self._platter.files.get(name)
        if inode is None:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", name)
        return inode


class SimulatedSyncer:
    """Implements ``kube.store.wal.syncer.Syncer``: a thread that takes its simulated time. With the power its work is gone."""

    def __init__(self, power: Power, rng: random.Random, trace: Trace) -> None:
        self._power = power
        self._rng = rng
        self._trace = trace
        self._loop = asyncio.get_running_loop()
        self._free = 0.0

    async def run(self, work: Callable[[], T]) -> T:
        rng, power = self._rng, self._power
        power.check()
        seconds = 0.0002 + 0.002 * rng.random()
        if power.slow:
            self._trace.faults["slow sync"] += 1
            seconds += power.slow * rng.random()
        self._free = max(self._free, self._loop.time()) + seconds
        done: asyncio.Future[T] = self._loop.create_future()
        self._loop.call_at(self._free, self._work, work, done)
        return await done

    def _work(self, work: Callable[[], T], done: "asyncio.Future[T]") -> None:
        try:
            if not self._power.on:
                raise PowerLossError
            result = work()
        except Exception as error:  # noqa: BLE001  # whoever waits is told
            if not done.done():
                done.set_exception(error)
            return
        if not done.done():
            done.set_result(result)
