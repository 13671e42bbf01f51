"""A member's log, hard state and snapshots, in memory for raft to read and on disk to survive: ``StableStorage`` with a disk under it.

``save`` and ``apply_snapshot`` change what is in memory and say what is to be written; ``settle`` writes and syncs it, and nothing that
depends on it may leave the member before. Snapshots of the own state machine go to disk besides, in portions, as often as
the log has grown by as much as there is state: so the disk takes each byte about twice, and a start reads
about twice the state.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from msgspec import Struct

from kube.base.logging import get_logger
from kube.store import codec
from kube.store.raft.messages import ConfState, Entry, HardState, Snapshot
from kube.store.raft.storage import MemoryStorage
from kube.store.wal import recovery
from kube.store.wal.disk import Disk
from kube.store.wal.log import NO_SPACE, PASSING, Segment, Site, Wal, WalOptions
from kube.store.wal.segment import Identity
from kube.store.wal.snapshots import (
    Shared,
    SnapshotWriter,
    frames,
    remove_old,
    snapshots_on,
)
from kube.store.wal.syncer import Syncer

SPACE_SECONDS = 0.5
"""Between two looks for space that a member can't do without."""
_log = get_logger(__name__)


class StorageOptions(Struct, frozen=True, kw_only=True):
    """``snapshot_bytes``: a snapshot goes to disk when the log has grown by so much since the last one, or by as much as the
    state is large, whichever is more.
    """

    wal: WalOptions = WalOptions()
    snapshot_bytes: int = 32 << 20
    piece_bytes: int = codec.PIECE_BYTES


class Sharing:
    """What the members of one process hold in common, while their directories are read: key values and entries that are equal are
    the same objects, as they are when the members write them.
    """

    __slots__ = ("_entries", "key_values")

    def __init__(self) -> None:
        self.key_values: Shared = {}
        self._entries: dict[int, Entry] = {}

    def intern(self, entries: list[Entry]) -> list[Entry]:
        known = self._entries
        shared = [known.setdefault(entry.index, entry) for entry in entries]
        return [
            each if each is own or each == own else own for each, own in zip(shared, entries, strict=True)
        ]


class WalStorage(MemoryStorage):
    """``disk`` is locked and this storage's own until ``close``; what it raises as OSError leaves the storage ``failed``."""

    __slots__ = (
        "_abandoned",
        "_disk_index",
        "_incoming",
        "_logged",
        "_snapshot_wanted",
        "_state_bytes",
        "_unmarked",
        "_wal",
        "_writing",
        "disk",
        "identity",
        "options",
    )

    def __init__(
        self,
        disk: Disk,
        identity: Identity,
        options: StorageOptions,
        *,
        snapshot: Snapshot,
        tail: recovery.Tail,
        wal: Wal,
    ) -> None:
        super().__init__(snapshot.conf.voters)
        self.disk = disk
        self.identity = identity
        self.options = options
        self._wal = wal
        self._incoming: Snapshot | None = None
        """A snapshot of the leader's that is not on disk yet."""
        self._unmarked: Snapshot | None = None
        """The same until the log tells of it."""
        self._logged = tail.size
        """Bytes of the log since the snapshot on disk, about."""
        self._abandoned: list[tuple[list[SnapshotWriter], Syncer]] = []
        """Of snapshots whose writing was cut short, and who is at it."""
        self._disk_index = snapshot.index
        self._state_bytes = 0
        """Of the snapshot on disk."""
        self._writing = False
        self._snapshot_wanted: Callable[[Snapshot], None] | None = None
        super().apply_snapshot(snapshot)
        super().save(tail.hard_state, tail.entries, must_sync=True)

    # ---- opening

    @classmethod
    def create(
        cls,
        disk: Disk,
        identity: Identity,
        rng: random.Random,
        snapshot: Snapshot,
        options: StorageOptions | None = None,
    ) -> "WalStorage":
        """A member that begins with ``snapshot``, whose configuration is the one it starts in. Blocks. Raises FileExistsError for a
        directory that holds a member already, DirectoryLockedError, OSError.
        """
        options = options or StorageOptions()
        disk.lock()
        try:
            if any(name.endswith((".wal", ".snap")) for name in disk.list()):
                raise FileExistsError(f"{disk.path} holds a member already")
            hard_state = HardState(snapshot.term, 0, snapshot.index)
            _write_snapshot(disk, identity, snapshot, options.piece_bytes)
            site = Site(disk, identity, rng, options.wal)
            wal = Wal.create(site, Segment(0, snapshot.index + 1), hard_state)
        except BaseException:
            disk.close()
            raise
        tail = recovery.Tail(snapshot.index, hard_state, [])
        return cls(disk, identity, options, snapshot=snapshot, tail=tail, wal=wal)

    @classmethod
    def open(
        cls,
        disk: Disk,
        identity: Identity,
        rng: random.Random,
        options: StorageOptions | None = None,
        sharing: Sharing | None = None,
    ) -> "WalStorage":
        """What ``create`` made and a member went on with. Blocks. Raises DirectoryLockedError, and what ``recover`` does."""
        options = options or StorageOptions()
        disk.lock()
        try:
            site = Site(disk, identity, rng, options.wal)
            known, intern = (None, None) if sharing is None else (sharing.key_values, sharing.intern)
            snapshot, tail, wal = recovery.recover(site, known=known, intern=intern)
        except BaseException:
            disk.close()
            raise
        return cls(disk, identity, options, snapshot=snapshot, tail=tail, wal=wal)

    def reopen(self, rng: random.Random) -> "WalStorage":
        """The storage as the disk has it, in place of this one, which has failed. Blocks. Raises as ``open``."""
        self._wal.close()
        self.disk.close()
        return WalStorage.open(self.disk, self.identity, rng, self.options)

    @property
    def failed(self) -> OSError | None:
        """Why nothing can be kept any more. The disk must be read anew, by ``reopen``."""
        return self._wal.failed

    # ---- writes

    @property
    def unsynced(self) -> bool:
        return self._wal.pending or self._incoming is not None

    @property
    def path(self) -> str:
        return self.disk.path

    @property
    def full(self) -> bool:
        """The disk had no space when it was asked last."""
        return self._wal.full

    def has_room(self, size: int) -> bool:
        return self._wal.has_room(size)

    def save(self, hard_state: HardState | None, entries: list[Entry], *, must_sync: bool) -> None:
        """Raises CodecError for what has no encoding; nothing is kept of it then, here neither."""
        state = self.hard_state if hard_state is None else hard_state
        self._logged += self._wal.append(state, entries, self._unmarked)
        super().save(hard_state, entries, must_sync=must_sync)
        self._unmarked = None

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        self._incoming = self._unmarked = snapshot
        super().apply_snapshot(snapshot)

    async def settle(self, syncer: Syncer) -> None:
        """Until all that was saved would survive a crash. Where a file system can't reserve space ahead, and has none, that may
        be until there is some: what raft has promised itself must be kept. Raises OSError; the storage is ``failed`` then.
        """
        incoming = self._incoming
        if incoming is not None:
            await self._write_incoming(incoming, syncer)
            self._incoming = None
            self._logged = 0
            if self._unmarked is not None:
                self.save(None, [], must_sync=True)
        while True:
            try:
                await syncer.run(partial(self._wal.flush, self.hard_state, self.last_index() + 1))
            except OSError as error:
                if self.failed is not None or error.errno not in NO_SPACE:
                    raise
            else:
                return
            await asyncio.sleep(SPACE_SECONDS)

    async def _write_incoming(self, snapshot: Snapshot, syncer: Syncer) -> None:
        """Without it the member can't go on. So on a full disk it waits for space, or until a file can be opened."""
        while True:
            try:
                await self._write(snapshot, syncer)
            except OSError as error:
                if error.errno not in PASSING:
                    self._wal.failed = error
                    raise
                _log.error(
                    "the leader's snapshot can't be written yet",
                    directory=self.disk.path,
                    reason=error.strerror,
                )
            else:
                return
            await asyncio.sleep(SPACE_SECONDS)

    # ---- snapshots of the own state machine

    def on_snapshot_due(self, wanted: Callable[[Snapshot], None] | None) -> None:
        """``wanted`` is called with each snapshot that is to go to disk, by ``write_snapshot``; None: nobody writes now."""
        self._snapshot_wanted = wanted
        self._writing = False

    def save_snapshot(self, snapshot: Snapshot) -> None:
        super().save_snapshot(snapshot)
        if self._incoming is not None:
            return  # it is the leader's, which ``settle`` writes
        due = max(self.options.snapshot_bytes, self._state_bytes)
        if self._snapshot_wanted is not None and self._logged > due and not self._writing:
            self._writing = True
            self._snapshot_wanted(snapshot)

    async def write_snapshot(self, snapshot: Snapshot, syncer: Syncer) -> None:
        """Put it on disk in portions, and remove what is not needed any more. On a full disk, or where no file can be opened, that is
        given up until the next one is due. Raises OSError for anything else.
        """
        self._writing = True
        logged = self._logged
        try:
            if snapshot.index > self._disk_index:
                await self._write(snapshot, syncer)
                self._logged = max(
                    0, self._logged - logged
                )  # a snapshot of the leader's may have come meanwhile
                await syncer.run(self._release)
        except OSError as error:
            if error.errno not in PASSING:
                raise
            _log.warning(
                "no snapshot was written, the log grows on", directory=self.disk.path, reason=error.strerror
            )
            self._logged = 0
        finally:
            self._writing = False

    async def _write(self, snapshot: Snapshot, syncer: Syncer) -> None:
        for each in tuple(self._abandoned):
            abandoned, theirs = each
            await theirs.run(partial(_abort, abandoned))
            if each in self._abandoned:
                self._abandoned.remove(each)
        opened: list[SnapshotWriter] = []
        written = 0
        try:
            await syncer.run(lambda: opened.append(SnapshotWriter(self.disk, snapshot.index, snapshot.term)))
            (writer,) = opened
            for framed in frames(self.identity, codec.encode_snapshot(snapshot, self.options.piece_bytes)):
                await syncer.run(partial(writer.write, framed))
                written += len(framed)
            await syncer.run(writer.finish)
        except asyncio.CancelledError:
            # The disk may be at it still, and who stops does not wait for it.
            self._abandoned.append((opened, syncer))
            raise
        except BaseException:
            await syncer.run(partial(_abort, opened))
            raise
        self._disk_index, self._state_bytes = max(self._disk_index, snapshot.index), written

    def _release(self) -> None:
        """Remove snapshots beyond those kept, and the log before the oldest of them. For one thread: that of own snapshots."""
        remove_old(self.disk)
        kept = snapshots_on(self.disk)
        self._wal.release(kept[-1][0])

    # ---- the end

    def close(self) -> None:
        """What was not settled is lost. Blocks."""
        with suppress(OSError):  # what is left of them is removed at the next start
            for abandoned, _ in self._abandoned:
                _abort(abandoned)
        self._wal.close()
        self.disk.close()


def _abort(writers: list[SnapshotWriter]) -> None:
    for writer in writers:
        writer.abort()


def _write_snapshot(disk: Disk, identity: Identity, snapshot: Snapshot, piece_bytes: int) -> None:
    writer = SnapshotWriter(disk, snapshot.index, snapshot.term)
    try:
        for framed in frames(identity, codec.encode_snapshot(snapshot, piece_bytes)):
            writer.write(framed)
        writer.finish()
    finally:
        writer.abort()


def first_snapshot(voters: tuple[int, ...]) -> Snapshot:
    """What a member of a new store begins with: nothing, in the configuration of ``voters``."""
    return Snapshot(conf=ConfState(tuple(sorted(voters))))
