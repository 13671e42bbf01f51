"""Backups: whole or refused, and equal to what they were made of."""

import hashlib
import random
from pathlib import Path

import pytest

from kube.store.apply import StateMachine, StateSnapshot
from kube.store.backup import (
    BLOCK_BYTES,
    PIECE_BYTES,
    BackupError,
    backup_status,
    encode_backup,
    read_backup,
    restored,
    state_of,
)
from kube.store.kv import Alarm, AlarmType, MemberInfo, Put
from kube.store.raft.messages import ConfChange, ConfState, Entry, HardState, Snapshot
from kube.store.raft.storage import MemoryStorage
from kube.store.requests import AlarmAction, AlarmRequest, Compact, LeaseGrantRequest
from kube.store.wal.segment import Identity

IDENTITY = Identity(7, 3)


def machine() -> StateMachine:
    made = StateMachine(lambda: 0.0)
    rng = random.Random(1)
    made.apply(LeaseGrantRequest(5, 60))
    for number in range(200):
        made.apply(Put(b"k%d" % (number % 40), rng.randbytes(2000), 5 if number % 3 else 0))
    made.apply(Compact(100))
    made.apply(AlarmRequest(AlarmAction.ACTIVATE, Alarm(3, AlarmType.NOSPACE)))
    return made


def snapshot(made: StateMachine) -> Snapshot:
    return Snapshot(300, 9, ConfState((3, 4)), made.snapshot())


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    file = tmp_path / "backup"
    file.write_bytes(b"".join(encode_backup(IDENTITY, snapshot(machine()))))
    return file


def test_a_backup_holds_all_that_there_is(backup: Path) -> None:
    assert read_backup(backup) == (IDENTITY, snapshot(machine()))


def test_it_is_as_etcds_clients_expect_it() -> None:
    pieces = list(encode_backup(IDENTITY, snapshot(machine())))
    assert max(map(len, pieces)) <= PIECE_BYTES
    whole = b"".join(pieces)
    assert len(whole) % BLOCK_BYTES == 32
    assert hashlib.sha256(whole[:-32]).digest() == whole[-32:]


def test_its_status_is_the_stores(backup: Path) -> None:
    made = machine()
    status = backup_status(backup)
    assert (status.hash, status.keys, status.size) == (made.hash_kv(), 40, backup.stat().st_size)


@pytest.mark.parametrize("keep", [0, 31, 32, 544, -1, -33, -512])
def test_a_part_of_one_is_refused(backup: Path, keep: int) -> None:
    backup.write_bytes(backup.read_bytes()[:keep])
    with pytest.raises(BackupError, match=r"is no backup|is damaged"):
        read_backup(backup)


def test_a_flipped_byte_is_refused(backup: Path) -> None:
    data = bytearray(backup.read_bytes())
    for at in range(0, len(data), 9973):
        data[at] ^= 4
        backup.write_bytes(data)
        with pytest.raises(BackupError, match="damaged"):
            read_backup(backup)
        data[at] ^= 4


def test_something_else_with_a_right_digest_is_refused(backup: Path) -> None:
    other = b"bolt" * 256
    backup.write_bytes(other + hashlib.sha256(other).digest())
    with pytest.raises(BackupError, match="no backup of this program's"):
        read_backup(backup)


def test_a_store_made_of_it_has_members_of_its_own_and_everything_else() -> None:
    made = machine()
    members = (MemberInfo(8, peer_urls=("http://h:1",)),)
    fresh = restored(snapshot(made), ConfState((8,)), members=members)
    assert (fresh.index, fresh.term, fresh.conf) == (1, 1, ConfState((8,)))
    assert isinstance(fresh.data, StateSnapshot)
    assert fresh.data.members == members
    again = StateMachine.restore(fresh.data, lambda: 0.0)
    assert again.hash_kv() == made.hash_kv()
    assert again.lessor.ids() == (5,)


def test_a_members_state_is_its_snapshot_and_all_of_its_log() -> None:
    made = machine()
    storage = MemoryStorage((3, 4))
    storage.apply_snapshot(snapshot(made))
    requests = [
        Put(b"new", b"v"),
        None,
        ConfChange(),
        Put(b"k1", b"w", 9),
        Compact(150),
        Put(b"new", b"w", 5),
    ]
    entries = [Entry(9 + (at > 1), 301 + at, each) for at, each in enumerate(requests)]
    storage.save(HardState(10, 0, commit=302), entries, must_sync=True)
    for each in requests:
        if not isinstance(each, ConfChange | None):
            made.apply(each)  # a lease that is not there is refused, as it was then
    found = state_of(storage)
    assert (found.index, found.term, found.conf) == (306, 10, ConfState((3, 4)))
    assert isinstance(found.data, StateSnapshot)
    again = StateMachine.restore(found.data, lambda: 0.0)
    assert (again.kv.revision, again.kv.compact_revision) == (made.kv.revision, 150)
    assert again.hash_kv() == made.hash_kv()
    assert again.alarms == made.alarms


def test_a_backup_of_etcds_own_is_told_by_its_name(backup: Path) -> None:
    page = bytes(16) + (0xED0CDAED).to_bytes(4, "little") + bytes(492)
    backup.write_bytes(page + hashlib.sha256(page).digest())
    with pytest.raises(BackupError, match="restore it with etcdutl"):
        read_backup(backup)
