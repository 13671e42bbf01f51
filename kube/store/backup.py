"""A store's contents as one stream of bytes: what ``snapshot save`` writes, and a new store begins with.

It is the file of a snapshot (``kube.store.wal.snapshots``), filled with zeros to a multiple of 512 bytes and followed by the SHA-256 of all
that, so that who knows etcd's backups (``etcdctl snapshot save``) can tell a whole one from a part. What it holds: the keys with
their history, leases and alarms. A store made of it has members and an id of its own, as etcd's has (etcd's page
"Disaster recovery").
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from kube.store import codec
from kube.store.apply import StateMachine, StateSnapshot
from kube.store.codec import CodecError
from kube.store.kv import HashKV
from kube.store.raft.messages import ConfChange, ConfState, Snapshot
from kube.store.raft.storage import Storage
from kube.store.wal.record import DamagedError
from kube.store.wal.segment import Identity
from kube.store.wal.snapshots import decode_frames, frames, read_frames

BLOCK_BYTES = 512
PIECE_BYTES = 64 << 10
DIGEST_BYTES = 32


_BOLT_MAGIC = bytes.fromhex("edda0ced")
"""In the first page of a bbolt file, little-endian 0xED0CDAED: what etcd's backups are."""


class BackupError(Exception):
    """The file is no backup that can be used; the text tells a user why."""


class BackupStatus(Struct, frozen=True):
    """``size`` in bytes, of the file."""

    hash: HashKV
    keys: int
    size: int


def encode_backup(identity: Identity, snapshot: Snapshot) -> Iterator[bytes]:
    """The stream, in pieces of at most PIECE_BYTES, the last one with the digest."""
    digest = hashlib.sha256()
    size = 0
    for framed in frames(identity, codec.encode_snapshot(snapshot)):
        digest.update(framed)
        size += len(framed)
        for at in range(0, len(framed), PIECE_BYTES):
            yield framed[at : at + PIECE_BYTES]
    padding = bytes(-size % BLOCK_BYTES)
    digest.update(padding)
    yield padding + digest.digest()


def read_backup(path: Path) -> tuple[Identity, Snapshot]:
    """Raises BackupError, OSError."""
    with path.open("rb") as file:
        data = memoryview(file.read())
    if len(data) % BLOCK_BYTES != DIGEST_BYTES:
        raise BackupError(f"{path} is no backup, or only a part of one: it does not end with a SHA-256")
    body = data[:-DIGEST_BYTES]
    if hashlib.sha256(body).digest() != data[-DIGEST_BYTES:]:
        raise BackupError(f"{path} is damaged: its SHA-256 is wrong")

    def read(offset: int, size: int) -> bytes:
        return bytes(body[offset : offset + size])

    try:
        return decode_frames(str(path), read_frames(str(path), read))
    except DamagedError as error:
        if body[16:20] == _BOLT_MAGIC:
            raise BackupError(f"{path} is a backup of etcd's own: restore it with etcdutl") from None
        raise BackupError(f"{path} is no backup of this program's: {error.detail}") from None
    except CodecError as error:
        raise BackupError(f"{path} is no backup of this program's: {error}") from None


def restored_cluster_id(path: Path, fresh: int) -> int:
    """The id of the store that members in processes of their own make of a backup, where ``fresh`` is that of a new one of the same members.

    Their logs all begin at the same entry, with the backup's state: a member that begins with nothing there, or with another
    backup's, must not take itself for one of them. Raises OSError.
    """
    with path.open("rb") as file:
        file.seek(-DIGEST_BYTES, os.SEEK_END)
        digest = hashlib.sha256(fresh.to_bytes(8, "big") + file.read())
    return int.from_bytes(digest.digest()[:8], "big") or 1


def backup_status(path: Path) -> BackupStatus:
    """Raises BackupError, OSError."""
    _, snapshot = read_backup(path)
    machine = StateMachine.restore(_state(snapshot), lambda: 0.0)
    return BackupStatus(machine.hash_kv(), len(machine.kv.live), path.stat().st_size)


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


def restored(snapshot: Snapshot, conf: ConfState, **members: object) -> Snapshot:
    """What the members of a new store begin with: the state of a backup, in the configuration ``conf``.

    ``members`` replaces fields of the StateSnapshot that tell of members. It is at index 1 of term 1, so that a member that joins
    later with an empty log needs it.
    """
    state = msgspec.structs.replace(_state(snapshot), **{"members": (), "removed_members": (), **members})
    return Snapshot(1, 1, conf, state)
