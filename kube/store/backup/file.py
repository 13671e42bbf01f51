"""A backup as a stream of bytes and as a file: a bbolt database, followed by its SHA-256.

That is what ``snapshot save`` of etcd writes (etcd's page "Disaster recovery"). So etcd's tools look at it and make an etcd of it, and
what etcd has saved becomes a store of this kind.
"""

import hashlib
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from kube.store.apply import StateMachine, StateSnapshot
from kube.store.backup.bolt.reader import DamagedError, Database, newest_meta
from kube.store.backup.bolt.writer import BulkWriter
from kube.store.backup.etcd_schema import KEY, EtcdState, SchemaError, buckets_of, read_state, revision_of
from kube.store.raft.messages import ConfChange, Snapshot
from kube.store.raft.storage import Storage

BLOCK_BYTES: Final = 512
"""A bbolt file is a multiple of it: by what is over, etcd's tools tell that a digest follows."""
PIECE_BYTES: Final = 64 << 10
DIGEST_BYTES: Final = 32
_READ_BYTES: Final = 1 << 20
_STEP: Final = 200
"""Elements that are written in one step: of small ones a piece has ten times as many."""


class BackupError(Exception):
    """The file is no backup that can be used; the text tells a user why."""


class BackupStatus(Struct, frozen=True):
    """What ``etcdutl snapshot status`` shows, number for number.

    ``hash``: CRC-32C over the names, keys and values of all buckets. ``revision``: of the last change that is kept, 0 where there is
    none. ``keys``: entries of all buckets, each version of a key being one. ``size`` in bytes, of the database.
    """

    hash: int
    revision: int
    keys: int
    size: int
    has_digest: bool = True


class Backup(Struct, frozen=True):
    """``digest``: the SHA-256 of the database."""

    contents: EtcdState
    digest: bytes


# ---- writing


def encode_backup(snapshot: Snapshot) -> Iterator[bytes]:
    """The stream, in pieces of at most PIECE_BYTES, the last one with the digest.

    Each step takes a few milliseconds at most, and some bring nothing yet: those pieces are empty.
    """
    state = _state(snapshot)
    preparing = buckets_of(snapshot, state)
    while True:
        try:
            next(preparing)
        except StopIteration as done:
            writer = BulkWriter(done.value)
            break
        yield b""
    for _ in writer.lay_out():
        yield b""
    digest = hashlib.sha256()
    waiting: list[bytes] = []
    size = made = 0
    for elements, node in writer.nodes():
        digest.update(node)
        waiting.append(node)
        size += len(node)
        made += elements
        if size >= PIECE_BYTES:
            data = b"".join(waiting)
            size %= PIECE_BYTES
            whole = len(data) - size
            for at in range(0, whole, PIECE_BYTES):
                yield data[at : at + PIECE_BYTES]
            waiting, made = [data[whole:]], 0
        elif made >= _STEP:
            yield b""
            made = 0
    yield b"".join(waiting) + digest.digest()


def backup_bytes(piece: bytes) -> int:
    """Of the whole stream whose first piece that is. Raises DamagedError when it is none."""
    meta = newest_meta(memoryview(piece))
    return meta.pages * meta.page_bytes + DIGEST_BYTES


def _state(snapshot: Snapshot) -> StateSnapshot:
    if isinstance(snapshot.data, StateSnapshot):
        return snapshot.data
    return StateMachine(lambda: 0.0).snapshot()


def state_of(storage: Storage) -> Snapshot:
    """What a member that does not run has: its snapshot and all of its log, also what it never learned to be committed, since somebody may
    have been told that it is. Blocks.
    """
    snapshot = storage.snapshot()
    machine = StateMachine.restore(_state(snapshot), lambda: 0.0)
    last = storage.last_index()
    for entry in storage.entries(snapshot.index + 1, last + 1):
        if isinstance(entry.data, ConfChange):
            machine.change_members(entry.data)
        elif entry.data is not None:
            machine.apply(entry.data)
    return Snapshot(last, storage.term(last), snapshot.conf, machine.snapshot())


# ---- reading


def read_backup(path: Path, *, skip_hash_check: bool = False) -> Backup:
    """``skip_hash_check``: take a file that does not end with its digest, or with a wrong one, such as a copy of etcd's ``member/snap/db``.

    Raises BackupError, OSError.
    """
    size, digest, given = _digest(path)
    if not skip_hash_check:
        _check_digest(path, size, digest, given)
    try:
        return Backup(read_state(_database(path, size)), digest)
    except DamagedError as error:
        raise _damaged(path, error) from None
    except SchemaError as error:
        raise BackupError(f"{path} is no backup that can be used: {error}") from None


def backup_status(path: Path) -> BackupStatus:
    """A file without a digest is looked at too, since bbolt's structure tells a part of one as well. Raises BackupError, OSError."""
    size, digest, given = _digest(path)
    if given or size % BLOCK_BYTES or not size:
        _check_digest(path, size, digest, given)
    try:
        return _status(_database(path, size), has_digest=bool(given))
    except DamagedError as error:
        raise _damaged(path, error) from None
    except SchemaError as error:
        raise BackupError(f"{path} is no backup that can be used: {error}") from None


def _status(database: Database, *, has_digest: bool) -> BackupStatus:
    from kube.store.backup.crc32c import BLOCK_BYTES as CRC_BYTES  # noqa: PLC0415  # makes tables, which no cluster needs
    from kube.store.backup.crc32c import crc32c  # noqa: PLC0415  # as above

    crc = keys = revision = size = 0
    waiting: list[bytes | memoryview] = []
    for name, bucket in database.buckets():
        waiting.append(name)
        key = b""
        for key, value in bucket.items():
            waiting += (key, value)
            keys += 1
            size += len(key) + len(value)
            if size >= CRC_BYTES:
                crc = crc32c(b"".join(waiting), crc)
                waiting, size = [], 0
        if name == KEY and key:
            revision, _ = revision_of(key)
    crc = crc32c(b"".join(waiting), crc)
    return BackupStatus(crc, revision, keys, database.size, has_digest)


def _digest(path: Path) -> tuple[int, bytes, bytes]:
    """The size of what comes before the digest, its SHA-256, and the one in the file; empty where there is none."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        whole = os.fstat(file.fileno()).st_size
        given = DIGEST_BYTES if whole % BLOCK_BYTES == DIGEST_BYTES else 0
        size = left = whole - given
        while left and (read := file.read(min(_READ_BYTES, left))):
            digest.update(read)
            left -= len(read)
        return size - left, digest.digest(), file.read(given)


def _check_digest(path: Path, size: int, digest: bytes, given: bytes) -> None:
    """Raises BackupError."""
    if not size or not given:
        raise BackupError(
            f"{path} is no backup, or only a part of one: it does not end with a SHA-256 (of a file that never had one, as a copy of "
            "etcd's member/snap/db, --skip-hash-check makes a store all the same)"
        )
    if given != digest:
        raise BackupError(f"{path} is damaged: its SHA-256 is wrong")


def _database(path: Path, size: int) -> Database:
    """Of the first ``size`` bytes, which are read as they are asked for. Raises DamagedError."""
    if not size:
        raise DamagedError(0, "it is empty")
    with path.open("rb") as file:
        return Database(memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)))


def _damaged(path: Path, error: DamagedError) -> BackupError:
    if not error.offset:
        return BackupError(f"{path} is no backup of this store's or of etcd's: {error.detail}")
    return BackupError(f"{path} is damaged {error}")
