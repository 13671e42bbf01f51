"""Whatever happens to the bytes on disk: all that was synced is there again, or the place that is damaged is named."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.store.apply import StateMachine
from kube.store.errors import CorruptError
from kube.store.kv import Put
from kube.store.raft.messages import ConfState, Entry, HardState, Snapshot
from kube.store.wal.record import DamagedError
from kube.store.wal.segment import SYNCED, Identity
from kube.store.wal.storage import WalStorage
from kube.store.wal.syncer import InlineSyncer
from tests.store.wal.conftest import SMALL, MemoryDisk, View, create, reopen, run

SYNCER = InlineSyncer()


class Writer:
    """A member's storage written as a member writes it, by chance; ``views`` after each write, ``synced`` of them on disk."""

    def __init__(self, disk: MemoryDisk, seed: int) -> None:
        self.rng = random.Random(seed)
        self.storage = create(disk, seed)
        self.term, self.commit = 1, 0
        self.views = [View(self.storage)]
        self.synced = 0
        self.wanted: list[Snapshot] = []
        self.storage.on_snapshot_due(self.wanted.append)

    def save(self) -> None:
        """A batch of entries behind the last one, or in place of what is not committed."""
        rng, storage = self.rng, self.storage
        first = storage.last_index() + 1
        if rng.random() < 0.2:
            first = rng.randint(self.commit + 1, first)
            self.term += 1
        entries = [
            Entry(self.term, index, Put(b"k%d" % rng.randrange(9), rng.randbytes(rng.randrange(60))), 30)
            for index in range(first, first + rng.randrange(4))
        ]
        last = entries[-1].index if entries else storage.last_index()
        if entries or first > last:
            self.commit = max(self.commit, rng.randint(min(self.commit, last), last))
        storage.save(HardState(self.term, rng.randrange(4), self.commit), entries, must_sync=True)
        self.views.append(View(storage))

    def take_over(self) -> None:
        """A snapshot of a leader's, of which nobody here has the log."""
        index = self.storage.last_index() + self.rng.randrange(1, 5)
        self.term += 1
        self.commit = index
        self.storage.apply_snapshot(self.state(index))
        self.storage.save(HardState(self.term, 0, index), [], must_sync=True)
        self.views.append(View(self.storage))

    def compact(self) -> None:
        index = self.commit
        if index <= self.storage.snapshot().index:
            return
        self.storage.save_snapshot(self.state(index, self.storage.term(index)))
        self.storage.compact(self.rng.randint(0, index))
        while self.wanted:
            run(self.storage.write_snapshot(self.wanted.pop(), SYNCER))
        self.views[-1] = View(self.storage)

    def state(self, index: int, term: int = 0) -> Snapshot:
        machine = StateMachine(lambda: 0.0)
        machine.apply(Put(b"k", self.rng.randbytes(80)))
        return Snapshot(index, term or self.term, ConfState((1, 2, 3)), machine.snapshot())

    def settle(self) -> None:
        run(self.storage.settle(SYNCER))
        self.synced = len(self.views) - 1

    def work(self, steps: int) -> None:
        for _ in range(steps):
            if self.rng.random() < 0.06:
                self.take_over()
            else:
                self.save()
            self.settle()
            if self.rng.random() < 0.3:
                self.compact()


def assert_prefix(writer: Writer, storage: WalStorage) -> None:
    """What is there is what was, at some point not before the last sync."""
    after = View(storage)
    possible = writer.views[writer.synced :]
    assert any(view.is_kept_by(after) for view in possible), (after.state, after.first, after.last)


@given(st.integers(0, 2**32), st.integers(0, 30))
@settings(max_examples=80, deadline=None)
def test_what_was_synced_is_there_after_a_clean_end(seed: int, steps: int) -> None:
    disk = MemoryDisk()
    writer = Writer(disk, seed)
    writer.work(steps)
    writer.storage.close()
    storage = reopen(disk)
    assert writer.views[-1].is_kept_by(View(storage))
    storage.close()
    assert View(storage).is_kept_by(View(reopen(disk)))


@given(st.integers(0, 2**32), st.integers(0, 25), st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_after_the_power_goes_all_that_was_synced_is_there(seed: int, steps: int, unsynced: int) -> None:
    """And it is never taken for damage, whichever sectors of the rest have come to the disk."""
    disk = MemoryDisk()
    writer = Writer(disk, seed)
    writer.work(steps)
    disk.fail = lambda what: what == "sync"
    for _ in range(unsynced):
        writer.save()
    if unsynced:
        with pytest.raises(OSError, match="injected"):
            run(writer.storage.settle(SYNCER))
    storage = reopen(disk.crash(random.Random(seed)))
    assert_prefix(writer, storage)
    assert storage.hard_state.commit <= storage.last_index()


def damage(disk: MemoryDisk, rng: random.Random) -> str:
    """Flip a byte of a file or cut it; what was done."""
    names = [name for name in disk.files if disk.files[name].content]
    file = disk.files[rng.choice(names)]
    at = rng.randrange(len(file.content))
    if rng.random() < 0.3:
        del file.content[at:]
        return f"{file.name} cut at {at}"
    file.content[at] ^= 1 << rng.randrange(8)
    return f"{file.name} flipped at {at}"


@given(st.integers(0, 2**32), st.integers(1, 25), st.integers(0, 2))
@settings(max_examples=600, deadline=None)
def test_damage_anywhere_is_refused_with_its_place_or_costs_nothing_that_was_synced(
    seed: int, steps: int, unsynced: int
) -> None:
    disk = MemoryDisk()
    writer = Writer(disk, seed)
    writer.work(steps)
    for _ in range(unsynced):
        writer.save()
    damaged = disk.copy()
    done = damage(damaged, random.Random(seed))
    found = opened(damaged)
    if isinstance(found, WalStorage):
        assert_prefix(writer, found)
    else:
        assert "memory" in found.detail, done
    if isinstance(found, DamagedError):
        assert found.file.startswith("memory/")
        assert found.offset >= 0


def opened(disk: MemoryDisk) -> WalStorage | CorruptError:
    try:
        return reopen(disk)
    except CorruptError as error:
        return error


def test_every_byte_of_a_log_counts() -> None:
    """Flip each byte of a log in turn: nothing that was synced goes unnoticed."""
    disk = MemoryDisk()
    writer = Writer(disk, 5)
    for _ in range(6):
        writer.save()
        writer.settle()
    refused = 0
    for name in disk.files:
        for at in range(len(disk.files[name].content)):
            damaged = disk.copy()
            damaged.files[name].content[at] ^= 0x10
            try:
                assert_prefix(writer, reopen(damaged))
            except CorruptError:
                refused += 1
    assert refused > 200


# ---- by example


def written(disk: MemoryDisk, batches: int = 3) -> WalStorage:
    storage = create(disk)
    for number in range(1, batches + 1):
        storage.save(HardState(1, 1, 0), [Entry(1, number, Put(b"k", b"v" * 20), 30)], must_sync=True)
        run(storage.settle(SYNCER))
    return storage


def last_segment(disk: MemoryDisk) -> str:
    return max(name for name in disk.files if name.endswith(".wal"))


def test_a_torn_tail_is_cut_and_writing_goes_on_behind_what_is_sound(disk: MemoryDisk) -> None:
    storage = written(disk)
    end = storage._wal.appended
    storage.save(None, [Entry(1, 4, Put(b"k", b"v" * 50), 60)], must_sync=True)
    framed = storage._wal._buffer[-1]
    disk.files[last_segment(disk)].write(end, framed[:-3])
    storage = reopen(disk.copy())
    assert storage.last_index() == 3
    storage.save(None, [Entry(1, 4, None)], must_sync=True)
    run(storage.settle(SYNCER))
    assert storage.last_index() == 4


def test_damage_before_the_mark_is_refused_even_at_the_very_end(disk: MemoryDisk) -> None:
    storage = written(disk)
    disk.files[last_segment(disk)].content[storage._wal.appended - 1] ^= 1
    with pytest.raises(DamagedError, match=r"\.wal at offset \d+: a record is damaged that was on disk"):
        reopen(disk.copy())


def test_damage_in_the_middle_is_refused_without_the_mark_too(disk: MemoryDisk) -> None:
    storage = written(disk)
    del disk.files[SYNCED]
    name = last_segment(disk)
    disk.files[name].content[storage._wal.appended // 2] ^= 1
    with pytest.raises(DamagedError, match="a sound one follows"):
        reopen(disk.copy())


def test_a_value_that_looks_like_a_record_does_not_pass_for_one(disk: MemoryDisk) -> None:
    """A client can't make a torn tail look like damage: it does not know the salt."""
    from kube.store.wal.record import frame

    storage = written(disk)
    end = storage._wal.appended
    fake = frame(b"x", offset=end + 100, synced=end + 50, salt=0)
    storage.save(None, [Entry(1, 4, Put(b"k", b"v" * 40 + fake), 60)], must_sync=True)
    disk.files[last_segment(disk)].write(end, storage._wal._buffer[-1])
    disk.files[last_segment(disk)].content[end + 4] ^= 1
    assert reopen(disk.copy()).last_index() == 3


def test_a_missing_segment_is_refused(disk: MemoryDisk) -> None:
    writer = Writer(disk, 3)
    for _ in range(30):
        writer.save()
        writer.settle()
    segments = sorted(name for name in disk.files if name.endswith(".wal"))
    assert len(segments) > 3
    for missing in (segments[1], segments[-1]):
        after = disk.copy()
        del after.files[missing]
        with pytest.raises(CorruptError, match=f"segment {int(missing[:16], 16)} of the log is missing"):
            reopen(after)


def test_without_the_newest_snapshot_the_older_one_and_the_log_do(disk: MemoryDisk) -> None:
    writer = Writer(disk, 4)
    writer.work(60)
    snapshots = sorted(name for name in disk.files if name.endswith(".snap"))
    assert len(snapshots) == 2
    disk.files[snapshots[-1]].content[30] ^= 1
    assert writer.views[-1].is_kept_by(View(reopen(disk.copy())))
    disk.files[snapshots[0]].content[30] ^= 1
    with pytest.raises(DamagedError, match=r"\.snap at offset"):
        reopen(disk.copy())


def test_segments_are_removed_once_two_snapshots_are_behind_them(disk: MemoryDisk) -> None:
    writer = Writer(disk, 4)
    writer.work(200)
    names = [name for name in disk.files if name.endswith(".wal")]
    assert min(names) > f"{3:016x}"
    assert len(names) < 20


@pytest.mark.parametrize(
    ("identity", "message"),
    [
        (Identity(0xC2, 1), "belongs to the store c1, not to c2"),
        (Identity(0xC1, 2), "is member 1's, not member 2's"),
        (
            Identity(0xC1, 1, format=0),
            "was written in format 1, and this program reads up to 0: use a newer one",
        ),
    ],
    ids=["another store", "another member", "a newer format"],
)
def test_somebody_elses_directory_is_refused(disk: MemoryDisk, identity: Identity, message: str) -> None:
    written(disk).close()
    with pytest.raises(CorruptError, match=message):
        WalStorage.open(disk, identity, random.Random(1), SMALL)
    assert not disk.locked


def test_a_snapshot_on_disk_of_which_the_log_does_not_tell_yet_is_taken_over(disk: MemoryDisk) -> None:
    """The power went between the leader's snapshot and the log. What follows another entry than the snapshot's is dropped."""
    writer = Writer(disk, 1)
    storage = writer.storage
    storage.save(HardState(1, 1, 0), [Entry(1, index, None) for index in range(1, 9)], must_sync=True)
    run(storage.settle(SYNCER))
    writer.term = 3
    storage.apply_snapshot(writer.state(5))
    run(storage._write(storage.snapshot(), SYNCER))
    after = reopen(disk.copy())
    assert (after.snapshot().index, after.last_index()) == (5, 5)
    assert after.hard_state == HardState(3, 0, 5)


def test_passing_files_of_a_crash_are_removed(disk: MemoryDisk) -> None:
    written(disk).close()
    disk.create("0000000000000007-0000000000000001.snap.tmp").append(b"half")
    reopen(disk)
    assert not any(name.endswith(".tmp") for name in disk.files)
