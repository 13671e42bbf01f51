"""A data directory: the members of one process, each in a directory of its own, and whose they are.

``store.json`` says which store it is and which members it has; ``member-1`` and so on hold their logs and snapshots. It says so before the
members are made, and once more when they are, so that a directory whose making was cut short is made anew.
"""

import contextlib
import random
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from kube.base.logging import get_logger
from kube.store import codec
from kube.store.codec import CodecError
from kube.store.errors import CorruptError
from kube.store.raft.messages import Snapshot
from kube.store.wal.disk import LOCK, DataDirectoryError, Disk, OsDisk
from kube.store.wal.segment import Identity
from kube.store.wal.storage import Sharing, StorageOptions, WalStorage, first_snapshot
from kube.store.wal.syncer import Syncer, ThreadSyncer

STORE_FILE = "store.json"
UNFINISHED = f"{STORE_FILE}.tmp"
_log = get_logger(__name__)


class StoreFile(msgspec.Struct, frozen=True):
    """``members``: ids, sorted. ``complete``: they have all been made. ``standalone``: of the store's members this directory has one,
    the others are other processes'. ``restoring``: it is being made of a backup, and is none before it is complete. ``crc``: of the file as it is with a ``crc`` of 0, so that no damage is taken for an unfinished store,
    which is made anew.
    """

    cluster_id: int
    members: tuple[int, ...]
    complete: bool
    standalone: bool = False
    restoring: bool = False
    format: int = codec.FORMAT
    crc: int = 0

    def sealed(self) -> "StoreFile":
        """With its CRC."""
        bare = msgspec.structs.replace(self, crc=0)
        return msgspec.structs.replace(self, crc=zlib.crc32(msgspec.json.encode(bare)))


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
    return path / f"member-{member:x}"


def open_store(
    path: Path, replicas: int, rng: random.Random, options: StorageOptions | None = None
) -> StoreDirectory:
    """The store in ``path``, or a new one of ``replicas`` members where there is none. Blocks.

    Raises DataDirectoryError, whose text tells a user why it can't be opened.
    """

    def members(disk: Disk, stored: StoreFile | None) -> tuple[dict[int, WalStorage], int]:
        if stored is None or not stored.complete:
            voters = tuple(range(1, replicas + 1))
            return create_members(disk, path, voters, first_snapshot(voters), rng=rng, options=options)
        if stored.standalone:
            raise DataDirectoryError(
                f"{path} holds one member of a store of several processes: start it with kube store member"
            )
        count = len(stored.members)
        if count != replicas:
            raise DataDirectoryError(
                f"{path} holds a store of {count} member{'s' * (count > 1)}, not of {replicas}: "
                f"start it with --replicas {count}, or name another directory"
            )
        return _open_members(path, stored, rng, options), stored.cluster_id

    return _opened(path, members)


def open_member(
    path: Path,
    identity: Identity,
    initial: Snapshot,
    rng: random.Random,
    options: StorageOptions | None = None,
) -> StoreDirectory:
    """The one member of a store of several processes that is in ``path``, or a new one that begins with ``initial``. Blocks.

    Raises DataDirectoryError.
    """

    def members(disk: Disk, stored: StoreFile | None) -> tuple[dict[int, WalStorage], int]:
        member = identity.member_id
        if stored is None or not stored.complete:
            return create_members(
                disk, path, (member,), initial, cluster_id=identity.cluster_id, rng=rng, options=options
            )
        if not stored.standalone:
            raise DataDirectoryError(
                f"{path} holds a whole store: start it with kube up or kube store serve, or name another directory"
            )
        if stored.cluster_id != identity.cluster_id:
            raise DataDirectoryError(
                f"{path} belongs to the store {stored.cluster_id:x}, not to {identity.cluster_id:x}"
            )
        if stored.members != (member,):
            raise DataDirectoryError(f"{path} is member {stored.members[0]:x}'s, not member {member:x}'s")
        return _open_members(path, stored, rng, options), stored.cluster_id

    return _opened(path, members)


def open_one(path: Path, member: int, rng: random.Random) -> StoreDirectory:
    """One member of whatever store is in ``path``, without the others: to read what it has. Blocks. Raises DataDirectoryError."""

    def members(_: Disk, stored: StoreFile | None) -> tuple[dict[int, WalStorage], int]:
        if stored is None or not stored.complete:
            raise DataDirectoryError(f"{path} holds no store")
        if member not in stored.members:
            there = ", ".join(f"{each:x}" for each in stored.members)
            raise DataDirectoryError(f"{path} has no member {member:x}: there is {there}")
        one = msgspec.structs.replace(stored, members=(member,))
        return _open_members(path, one, rng, None), stored.cluster_id

    return _opened(path, members)


def restore_store(
    path: Path, members: tuple[int, ...], snapshot: Snapshot, rng: random.Random, *, cluster_id: int = 0
) -> None:
    """A new store in ``path`` whose members all begin with ``snapshot``, that of a backup; with a ``cluster_id`` the member of a store
    of several processes. Blocks. What was cut short holds no store: it is made anew. Raises DataDirectoryError.
    """

    def made(disk: Disk, _: StoreFile | None) -> tuple[dict[int, WalStorage], int]:
        return create_members(disk, path, members, snapshot, rng=rng, cluster_id=cluster_id, restoring=True)

    with _told(path):
        if not _may_be_restored_to(path):
            raise DataDirectoryError(f"{path} is not empty: name a directory that is not there yet")
    _opened(path, made, restores=True).close()


def _may_be_restored_to(path: Path) -> bool:
    """Whether nothing is there, or only what a restore has left that did not come to its end."""
    if not path.exists():
        return True
    there = {each.name for each in path.iterdir()} - {LOCK, UNFINISHED}
    if STORE_FILE not in there:
        return not there
    stored = read_store_file(OsDisk(path))
    return stored is not None and stored.restoring and not stored.complete


def stored_at(path: Path) -> StoreFile | None:
    """What is in a directory, for who does not know whose it is; None for one that holds no store yet. Raises DataDirectoryError."""
    with _told(path):
        if not path.is_dir():
            return None
        stored = read_store_file(OsDisk(path))
        return stored if stored is not None and stored.complete else None


_Members = Callable[[Disk, StoreFile | None], tuple[dict[int, WalStorage], int]]


def _opened(path: Path, members: _Members, *, restores: bool = False) -> StoreDirectory:
    with _told(path):
        if (path / "member" / "wal").is_dir():
            raise DataDirectoryError(
                f"{path} is a data directory of etcd's: save what that etcd has with etcdctl snapshot save, and make a store of "
                "the file with kube store snapshot restore"
            )
        disk = OsDisk(path)
        disk.lock()
        try:
            stored = read_store_file(disk)
            if stored is not None and stored.restoring and not stored.complete and not restores:
                raise DataDirectoryError(
                    f"{path} holds what a restore has left that did not come to its end: restore the backup again"
                )
            storages, cluster_id = members(disk, stored)
        except BaseException:
            disk.close()
            raise
    syncers = {member: ThreadSyncer(f"store-{member}") for member in storages}
    snapshots = ThreadSyncer("store-snapshots")
    return StoreDirectory(cluster_id, storages, syncers, snapshots, path=str(path), on_close=disk.close)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """What goes wrong is a DataDirectoryError."""
    try:
        yield
    except CorruptError as error:
        raise DataDirectoryError(f"the data directory can't be trusted: {error.detail}") from error
    except CodecError as error:
        raise DataDirectoryError(f"the data directory {path} can't be read: {error}") from error
    except OSError as error:
        raise DataDirectoryError(
            f"the data directory {error.filename or path} can't be used: {error.strerror}"
        ) from error


def _open_members(
    path: Path, stored: StoreFile, rng: random.Random, options: StorageOptions | None
) -> dict[int, WalStorage]:
    sharing = Sharing() if len(stored.members) > 1 else None
    storages: dict[int, WalStorage] = {}
    try:
        for member in stored.members:
            identity = Identity(stored.cluster_id, member)
            directory = member_path(path, member)
            _log.info("opening", directory=str(directory))
            storages[member] = WalStorage.open(OsDisk(directory), identity, rng, options, sharing)
    except BaseException:
        for storage in storages.values():
            storage.close()
        raise
    return storages


def create_members(
    disk: Disk,
    path: Path,
    members: tuple[int, ...],
    snapshot: Snapshot,
    *,
    rng: random.Random,
    options: StorageOptions | None = None,
    cluster_id: int = 0,
    restoring: bool = False,
) -> tuple[dict[int, WalStorage], int]:
    """A new store whose members all begin with ``snapshot``, and its id, which is drawn where it is 0. Blocks.

    Raises DataDirectoryError, OSError.
    """
    _clear_unfinished(disk, path)
    stored = StoreFile(
        cluster_id or rng.getrandbits(64) or 1,
        members,
        complete=False,
        standalone=bool(cluster_id),
        restoring=restoring,
    )
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
        raise DataDirectoryError(
            f"the data directory can't be trusted: {disk.path}/{STORE_FILE}: {error}"
        ) from None
    finally:
        file.close()
    if stored.format > codec.FORMAT:
        raise DataDirectoryError(
            f"{disk.path} was written in format {stored.format}, and this program reads up to {codec.FORMAT}: use a newer one"
        )
    if stored != stored.sealed():
        raise DataDirectoryError(f"the data directory can't be trusted: {disk.path}/{STORE_FILE} is damaged")
    return stored


def _write_store_file(disk: Disk, stored: StoreFile) -> None:
    file = disk.create(UNFINISHED)
    file.append(msgspec.json.encode(stored.sealed()))
    file.sync()
    file.close()
    disk.rename(UNFINISHED, STORE_FILE)
    disk.sync_dir()
