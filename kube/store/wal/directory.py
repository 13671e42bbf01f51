"""A data directory: the members of one process, each in a directory of its own, and whose they are.

``store.json`` says which store it is and which members it has; ``member-1`` and so on hold their logs and snapshots. It says so before the
members are made, and once more when they are, so that a directory whose making was cut short is made anew.
"""

import random
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from kube.base.logging import get_logger
from kube.store import codec
from kube.store.codec import CodecError
from kube.store.errors import CorruptError
from kube.store.raft.messages import Snapshot
from kube.store.wal.disk import DataDirectoryError, Disk, OsDisk
from kube.store.wal.segment import Identity
from kube.store.wal.storage import Sharing, StorageOptions, WalStorage, first_snapshot
from kube.store.wal.syncer import Syncer, ThreadSyncer

STORE_FILE = "store.json"
_log = get_logger(__name__)


class StoreFile(msgspec.Struct, frozen=True):
    """``members``: ids, sorted. ``complete``: they have all been made."""

    cluster_id: int
    members: tuple[int, ...]
    complete: bool
    format: int = codec.FORMAT


class StoreDirectory:
    """The storages of a store whose members live in this process, by member, and who waits for their disks.

    ``syncers``: one for each member; ``snapshot_syncer``: for what takes long and nobody waits for.
    """

    def __init__(
        self,
        cluster_id: int,
        storages: Mapping[int, WalStorage],
        syncers: Mapping[int, Syncer],
        snapshot_syncer: Syncer,
        *,
        path: str = "",
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.cluster_id = cluster_id
        self.storages = dict(storages)
        self.syncers = syncers
        self.snapshot_syncer = snapshot_syncer
        self.path = path
        self._on_close = on_close

    def close(self) -> None:
        """Give the directory back. Waits for what is being written; the members must have stopped."""
        for syncer in (*self.syncers.values(), self.snapshot_syncer):
            if isinstance(syncer, ThreadSyncer):
                syncer.close()
        for storage in self.storages.values():
            storage.close()
        if self._on_close is not None:
            self._on_close()


def member_path(path: Path, member: int) -> Path:
    return path / f"member-{member}"


def open_store(
    path: Path, replicas: int, rng: random.Random, options: StorageOptions | None = None
) -> StoreDirectory:
    """The store in ``path``, or a new one of ``replicas`` members where there is none. Blocks.

    Raises DataDirectoryError, whose text tells a user why it can't be opened.
    """
    try:
        disk = OsDisk(path)
        disk.lock()
        try:
            storages, cluster_id = _open_members(disk, path, replicas, rng, options)
        except BaseException:
            disk.close()
            raise
    except DataDirectoryError:
        raise
    except CorruptError as error:
        raise DataDirectoryError(f"the data directory can't be trusted: {error.detail}") from error
    except CodecError as error:
        raise DataDirectoryError(f"the data directory {path} can't be read: {error}") from error
    except OSError as error:
        raise DataDirectoryError(
            f"the data directory {error.filename or path} can't be used: {error.strerror}"
        ) from error
    syncers = {member: ThreadSyncer(f"store-{member}") for member in storages}
    snapshots = ThreadSyncer("store-snapshots")
    return StoreDirectory(cluster_id, storages, syncers, snapshots, path=str(path), on_close=disk.close)


def _open_members(
    disk: Disk, path: Path, replicas: int, rng: random.Random, options: StorageOptions | None
) -> tuple[dict[int, WalStorage], int]:
    stored = read_store_file(disk)
    if stored is None or not stored.complete:
        voters = tuple(range(1, replicas + 1))
        return create_members(disk, path, voters, first_snapshot(voters), rng=rng, options=options)
    if len(stored.members) != replicas:
        count = len(stored.members)
        raise DataDirectoryError(
            f"{path} holds a store of {count} member{'s' * (count > 1)}, not of {replicas}: "
            f"start it with --replicas {count}, or name another directory"
        )
    sharing = Sharing()
    storages: dict[int, WalStorage] = {}
    try:
        for member in stored.members:
            identity = Identity(stored.cluster_id, member)
            _log.info("opening", directory=str(member_path(path, member)))
            storages[member] = WalStorage.open(
                OsDisk(member_path(path, member)), identity, rng, options, sharing
            )
    except BaseException:
        for storage in storages.values():
            storage.close()
        raise
    return storages, stored.cluster_id


def create_members(
    disk: Disk,
    path: Path,
    members: tuple[int, ...],
    snapshot: Snapshot,
    *,
    rng: random.Random,
    options: StorageOptions | None = None,
) -> tuple[dict[int, WalStorage], int]:
    """A new store whose members all begin with ``snapshot``, and its id. Blocks. Raises DataDirectoryError, OSError."""
    _clear_unfinished(disk, path)
    stored = StoreFile(rng.getrandbits(64) or 1, members, complete=False)
    _write_store_file(disk, stored)
    storages: dict[int, WalStorage] = {}
    try:
        for member in members:
            storages[member] = WalStorage.create(
                OsDisk(member_path(path, member)), Identity(stored.cluster_id, member), rng, snapshot, options
            )
        _write_store_file(disk, msgspec.structs.replace(stored, complete=True))
    except BaseException:
        for storage in storages.values():
            storage.close()
        raise
    return storages, stored.cluster_id


def _clear_unfinished(disk: Disk, path: Path) -> None:
    """Remove what the making of a store left that was cut short. Raises DataDirectoryError where it was not."""
    directories = sorted(path.glob("member-*"))
    if directories and read_store_file(disk) is None:
        raise DataDirectoryError(f"{path} holds members of a store, but its {STORE_FILE} is missing")
    for directory in directories:
        for entry in directory.iterdir():
            entry.unlink()


def read_store_file(disk: Disk) -> StoreFile | None:
    """Raises DataDirectoryError."""
    if STORE_FILE not in disk.list():
        return None
    file = disk.open(STORE_FILE)
    try:
        stored = msgspec.json.decode(file.read(0, file.size()), type=StoreFile)
    except msgspec.DecodeError as error:
        raise DataDirectoryError(f"{disk.path}/{STORE_FILE} can't be read: {error}") from None
    finally:
        file.close()
    if stored.format > codec.FORMAT:
        raise DataDirectoryError(
            f"{disk.path} was written in format {stored.format}, and this program reads up to {codec.FORMAT}: use a newer one"
        )
    return stored


def _write_store_file(disk: Disk, stored: StoreFile) -> None:
    file = disk.create(f"{STORE_FILE}.tmp")
    file.append(msgspec.json.encode(stored))
    file.sync()
    file.close()
    disk.rename(f"{STORE_FILE}.tmp", STORE_FILE)
    disk.sync_dir()
