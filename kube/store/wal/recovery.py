"""Reading a member's directory: the newest sound snapshot, and what the log says after it.

What can be read is either all that was ever synced, with perhaps some that was not, or it is refused with the place that is damaged.
"""

from collections.abc import Callable
from itertools import pairwise

from msgspec import Struct

from kube.base.logging import get_logger
from kube.store.errors import CorruptError
from kube.store.raft.messages import NO_NODE, Entry, HardState, Snapshot
from kube.store.wal.disk import Disk
from kube.store.wal.log import Segment, Site, Wal
from kube.store.wal.record import DamagedError, check_tail, record_at, records
from kube.store.wal.segment import (
    SYNCED,
    Header,
    Identity,
    SyncedMark,
    decode_batch,
    decode_header,
    decode_mark,
    parse_name,
)
from kube.store.wal.snapshots import Shared, load, snapshots_on

_log = get_logger(__name__)

Intern = Callable[[list[Entry]], list[Entry]]
"""Gives what this process has already in place of equal entries."""


class Tail(Struct):
    """What the log says behind the snapshot at ``start``, as its records are read."""

    start: int
    hard_state: HardState
    entries: list[Entry]
    start_term: int = 0
    """Of the log's own entry at ``start``; 0 when it was not among what was read."""
    size: int = 0
    """Bytes of records."""

    @property
    def next_index(self) -> int:
        return self.start + len(self.entries) + 1


class _Open(Struct, frozen=True):
    """The last segment as it was found: its header, its sound bytes."""

    header: Header
    data: memoryview
    end: int


def recover(
    site: Site, *, known: Shared | None = None, intern: Intern | None = None
) -> tuple[Snapshot, Tail, Wal]:
    """The member's snapshot, what follows it, and the log to go on with. Blocks. Raises CorruptError (DamagedError where a place
    can be named), CodecError for a newer format, OSError.

    The last segment is written anew: after a sync that failed the system may show what is not on disk.
    """
    disk = site.disk
    for name in disk.list():
        if name.endswith(".tmp"):
            disk.remove(name)
    segments = _segments(disk)
    snapshot = _snapshot(site, segments, known)
    first = max(
        (at for at, segment in enumerate(segments) if segment.first_index <= snapshot.index + 1), default=0
    )
    tail = Tail(snapshot.index, HardState(), [])
    mark = _mark(disk)
    if mark is not None and mark.sequence > segments[-1].sequence:
        raise CorruptError(f"{disk.path}: segment {mark.sequence} of the log is missing")
    last: _Open | None = None
    for at in range(first, len(segments)):
        sealed = at < len(segments) - 1
        last = _read(site, segments[at], tail, intern)
        _check_end(f"{disk.path}/{segments[at].name}", last, mark, sealed=sealed)
        _log.info("read", segment=at - first + 1, of=len(segments) - first, entries=len(tail.entries))
    assert last is not None
    if tail.start == snapshot.index:
        _settle(snapshot, tail)
    _check(disk, snapshot, tail)
    wal = _write_anew(site, segments, last)
    return snapshot, tail, wal


def _segments(disk: Disk) -> list[Segment]:
    found = sorted(parsed for parsed in map(parse_name, disk.list()) if parsed is not None)
    if not found:
        raise CorruptError(f"{disk.path}: the write-ahead log is missing")
    segments = [Segment(sequence, first_index) for sequence, first_index in found]
    for before, after in pairwise(segments):
        if after.sequence != before.sequence + 1:
            raise CorruptError(f"{disk.path}: segment {before.sequence + 1} of the log is missing")
    return segments


def _snapshot(site: Site, segments: list[Segment], known: Shared | None) -> Snapshot:
    """The newest sound one from which the log goes on."""
    disk = site.disk
    failure: CorruptError | None = None
    for index, term in snapshots_on(disk):
        if segments[0].first_index > index + 1:
            break
        try:
            found, snapshot = load(disk, index, term, known)
        except DamagedError as error:
            failure = failure or error
            _log.warning("a snapshot is damaged, trying an older one", reason=error.detail)
            continue
        check_identity(disk.path, site.identity, found)
        return snapshot
    raise failure or CorruptError(
        f"{disk.path}: there is no snapshot from which the log, which begins at entry {segments[0].first_index}, goes on"
    )


def check_identity(path: str, wanted: Identity, found: Identity) -> None:
    """Raises CorruptError."""
    if found.format > wanted.format:
        raise CorruptError(
            f"{path} was written in format {found.format}, and this program reads up to {wanted.format}: use a newer one"
        )
    if found.cluster_id != wanted.cluster_id:
        raise CorruptError(f"{path} belongs to the store {found.cluster_id:x}, not to {wanted.cluster_id:x}")
    if found.member_id != wanted.member_id:
        raise CorruptError(f"{path} is member {found.member_id:x}'s, not member {wanted.member_id:x}'s")


def _mark(disk: Disk) -> SyncedMark | None:
    if SYNCED not in disk.list():
        return None
    file = disk.open(SYNCED)
    try:
        return decode_mark(file.read(0, 64))
    finally:
        file.close()


def _read(site: Site, segment: Segment, tail: Tail, intern: Intern | None) -> _Open:
    name = f"{site.disk.path}/{segment.name}"
    file = site.disk.open(segment.name)
    try:
        data = memoryview(file.read(0, file.size()))
    finally:
        file.close()
    first = record_at(data, 0, 0)
    if first is None:
        raise DamagedError(name, 0, "the header of the segment is damaged")
    header = decode_header(name, first[0].payload)
    check_identity(site.disk.path, site.identity, header.identity)
    if (header.sequence, header.first_index) != (segment.sequence, segment.first_index):
        raise DamagedError(name, 0, f"it is segment {header.sequence} from entry {header.first_index} on")
    tail.hard_state = header.hard_state
    end = first[0].end
    for record in records(data, end, header.salt):
        _replay(name, record.offset, record.payload, tail, intern)
        end = record.end
    tail.size += end
    return _Open(header, data, end)


def _check_end(name: str, segment: _Open, mark: SyncedMark | None, *, sealed: bool) -> None:
    synced = mark.offset if mark is not None and mark.sequence == segment.header.sequence else 0
    torn = check_tail(name, segment.data, segment.end, synced=synced, salt=segment.header.salt, sealed=sealed)
    if torn:
        _log.warning(
            "a torn tail is cut, of which nobody was told", file=name, offset=segment.end, bytes=torn
        )


def _replay(name: str, offset: int, payload: memoryview, tail: Tail, intern: Intern | None) -> None:
    batch = decode_batch(name, offset, payload)
    tail.hard_state = batch.hard_state
    if batch.snapshot is not None:
        tail.start, tail.start_term, tail.entries = max(tail.start, batch.snapshot.index), 0, []
    entries = batch.entries
    if not entries:
        return
    at = entries[0].index - tail.start - 1
    if at > len(tail.entries):
        raise DamagedError(
            name, offset, f"entry {entries[0].index} follows entry {tail.next_index - 1}: some are missing"
        )
    if at < 0:
        if entries[-1].index >= tail.start:
            tail.start_term = entries[-at - 1].term
        entries, at = entries[-at:], 0
    del tail.entries[at:]
    tail.entries.extend(entries if intern is None else intern(entries))


def _settle(snapshot: Snapshot, tail: Tail) -> None:
    """A snapshot of the leader's may have come to the disk, and the power gone before the log said so."""
    if tail.start_term and tail.start_term != snapshot.term:
        tail.entries = []  # they follow another entry than the one that the snapshot holds
    state = tail.hard_state
    term = max(state.term, snapshot.term)
    vote = state.vote if term == state.term else NO_NODE
    tail.hard_state = HardState(term, vote, max(state.commit, snapshot.index))


def _check(disk: Disk, snapshot: Snapshot, tail: Tail) -> None:
    if tail.start != snapshot.index:
        raise CorruptError(
            f"{disk.path}: the log goes on from a snapshot of entry {tail.start}, the newest sound one is of {snapshot.index}"
        )
    last = tail.next_index - 1
    if tail.hard_state.commit > last:
        raise CorruptError(
            f"{disk.path}: the log ends at entry {last}, though {tail.hard_state.commit} was committed"
        )


def _write_anew(site: Site, segments: list[Segment], last: _Open) -> Wal:
    """The last segment's sound bytes, written over themselves and synced. A crash in the middle leaves the same bytes, and a disk
    that is full has room for them.
    """
    file = site.disk.open(segments[-1].name)
    try:
        file.write(0, bytes(last.data[: last.end]))
        file.truncate(last.end)
        file.sync()
    except OSError:
        file.close()
        raise
    return Wal(site, segments, file, end=last.end, salt=last.header.salt)
