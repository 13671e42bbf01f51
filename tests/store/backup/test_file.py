"""Backups: whole or refused, and equal to what they were made of."""

import hashlib
import random
from pathlib import Path

import pytest
from msgspec import structs

from kube.store.administration import Alarm, AlarmType
from kube.store.apply import StateMachine, StateSnapshot
from kube.store.backup.etcd_schema import EtcdState, Users
from kube.store.backup.file import (
    BLOCK_BYTES,
    PIECE_BYTES,
    BackupError,
    BackupStatus,
    backup_bytes,
    backup_status,
    encode_backup,
    read_backup,
    state_of,
)
from kube.store.kv import Put
from kube.store.raft.messages import ConfChange, ConfState, Entry, HardState, Snapshot
from kube.store.raft.storage import MemoryStorage
from kube.store.requests import AlarmAction, AlarmRequest, Compact, LeaseGrantRequest


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


@pytest.fixture(scope="module")
def whole() -> bytes:
    return b"".join(encode_backup(snapshot(machine())))


@pytest.fixture
def backup(tmp_path: Path, whole: bytes) -> Path:
    file = tmp_path / "backup"
    file.write_bytes(whole)
    return file


def read_machine(file: Path) -> StateMachine:
    return StateMachine.restore(read_backup(file).contents.state, lambda: 0.0)


def test_a_backup_holds_all_that_there_is(backup: Path) -> None:
    made, again = machine(), read_machine(backup)
    assert again.kv.live == made.kv.live
    assert (again.kv.revision, again.kv.compact_revision) == (201, 100)
    for revision in (100, 150, 201):
        assert again.hash_kv(revision) == made.hash_kv(revision)
    assert again.lessor.snapshot() == made.lessor.snapshot()
    assert again.alarms == made.alarms
    assert read_backup(backup).contents.users == Users(enabled=False, users=0, roles=0)


def test_a_store_that_holds_nothing_has_a_backup_too(tmp_path: Path) -> None:
    file = tmp_path / "empty"
    file.write_bytes(b"".join(encode_backup(Snapshot(1, 1, ConfState((1,))))))
    assert read_machine(file).kv.revision == 1
    assert (backup_status(file).revision, backup_status(file).keys) == (0, 5)


def test_it_is_as_etcds_clients_expect_it() -> None:
    pieces = list(encode_backup(snapshot(machine())))
    assert max(map(len, pieces)) <= PIECE_BYTES
    whole = b"".join(pieces)
    assert len(whole) % BLOCK_BYTES == 32
    assert hashlib.sha256(whole[:-32]).digest() == whole[-32:]


def test_its_first_piece_says_how_much_it_is(whole: bytes) -> None:
    first = next(piece for piece in encode_backup(snapshot(machine())) if piece)
    assert backup_bytes(first) == len(whole)


def test_it_is_made_in_small_steps() -> None:
    """However small the values are that fill a piece, and in whatever order the keys were compacted."""
    made = StateMachine(lambda: 0.0)
    numbers = list(range(6000))
    for at in range(2):
        random.Random(at).shuffle(numbers)
        for number in numbers:
            made.apply(Put(b"%d" % number, b""))
    made.apply(Compact(made.kv.revision))
    while made.kv.prune(1000):
        pass
    steps = sum(1 for _ in encode_backup(snapshot(made)))
    assert steps >= 6000 / 500 + 6000 / 500 + 6000 / 400, "sorted, laid out, written"


def test_equal_states_have_equal_backups(whole: bytes) -> None:
    """Whatever order their keys came in: replicas can be compared by them."""
    made = snapshot(machine())
    assert isinstance(made.data, StateSnapshot)
    pruned = machine()
    while pruned.kv.prune(1000):
        pass
    state = pruned.snapshot()
    turned = structs.replace(state, kv=structs.replace(state.kv, bases=tuple(reversed(state.kv.bases))))
    first, second = (b"".join(encode_backup(structs.replace(made, data=each))) for each in (state, turned))
    assert first == second


def test_its_status_counts_as_etcdutl_does(backup: Path) -> None:
    """Every version is a key, and so are the lease, the alarm, and the five entries of etcd's own."""
    status = backup_status(backup)
    size = backup.stat().st_size - 32
    assert status == BackupStatus(status.hash, 201, 200 + 2 + 6, size)


def test_the_state_is_that_of_one_moment() -> None:
    """What is written while the pieces are asked for is not in them."""
    made = machine()
    before = b"".join(encode_backup(snapshot(made)))
    pieces = encode_backup(snapshot(made))
    found = []
    for number, piece in enumerate(pieces):
        found.append(piece)
        made.apply(Put(b"k%d" % (number % 40), b"later"))
        made.apply(Compact(made.kv.revision))
        made.kv.prune(1000)
    assert b"".join(found) == before


@pytest.mark.parametrize("keep", [0, 31, 32, 544, -1, -33, -512])
def test_a_part_of_one_is_refused(backup: Path, keep: int) -> None:
    backup.write_bytes(backup.read_bytes()[:keep])
    with pytest.raises(BackupError, match=r"is no backup|is damaged"):
        read_backup(backup)


@pytest.mark.parametrize("keep", [0, 31, 32, 544, 4096, -1, -33, -4096 - 32])
def test_a_part_of_one_has_no_status(backup: Path, keep: int) -> None:
    backup.write_bytes(backup.read_bytes()[:keep])
    with pytest.raises(BackupError, match=r"is no backup|is damaged"):
        backup_status(backup)


def test_a_database_without_a_digest_is_taken_where_asked_for(backup: Path, whole: bytes) -> None:
    """A copy of an etcd's database, which may be longer than what is in use."""
    status = backup_status(backup)
    for behind in (b"", bytes(8192)):
        backup.write_bytes(whole[:-32] + behind)
        with pytest.raises(BackupError, match="--skip-hash-check"):
            read_backup(backup)
        assert backup_status(backup) == structs.replace(status, has_digest=False)
        assert read_backup(backup, skip_hash_check=True).contents == _contents(whole, backup)


def _contents(whole: bytes, file: Path) -> EtcdState:
    whole_file = file.with_name("whole")
    whole_file.write_bytes(whole)
    return read_backup(whole_file).contents


def test_a_flipped_byte_is_refused(backup: Path) -> None:
    data = bytearray(backup.read_bytes())
    for at in range(0, len(data), 39_973):
        data[at] ^= 4
        backup.write_bytes(data)
        with pytest.raises(BackupError, match="damaged"):
            read_backup(backup)
        data[at] ^= 4


def test_something_else_with_a_right_digest_is_refused(backup: Path) -> None:
    other = b"bolt" * 256
    backup.write_bytes(other + hashlib.sha256(other).digest())
    for reading in (read_backup, backup_status):
        with pytest.raises(BackupError, match="no backup of this store's or of etcd's"):
            reading(backup)


def test_damage_with_a_right_digest_is_told_with_its_place(backup: Path, whole: bytes) -> None:
    data = bytearray(whole[:-32])
    data[3 * 4096] ^= 1
    backup.write_bytes(data + hashlib.sha256(data).digest())
    for reading in (read_backup, backup_status):
        with pytest.raises(BackupError, match="is damaged at byte 12288: page 3 says that it is page 2"):
            reading(backup)


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
