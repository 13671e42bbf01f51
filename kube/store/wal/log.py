"""The write-ahead log: segments, one after the other, of which the last one grows.

What is appended is written and synced together by ``flush``, which is all that blocks, and meant for a thread. A segment that is full is followed by
another: made under a passing name, synced, renamed, so that after a crash it is there whole or not at all. Space is reserved
ahead of writing, so that a disk that fills is noticed while there still is room for what raft itself must keep.
"""

import contextlib
import errno
import random
from collections.abc import Sequence

from msgspec import Struct

from kube.base.logging import get_logger
from kube.store.raft.messages import Entry, HardState, Snapshot
from kube.store.wal.disk import Disk, File
from kube.store.wal.record import FRAME_BYTES, frame
from kube.store.wal.segment import (
    MARK_BYTES,
    SYNCED,
    Batch,
    Header,
    Identity,
    encode_batch,
    encode_header,
    encode_mark,
    mark_of,
    segment_name,
)

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says when a file can't grow."""
NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)
"""And when none can be opened: clients' connections may have used up what the process may have."""
PASSING = NO_SPACE + NO_DESCRIPTOR
"""What says nothing about the disk, and may work later."""
_log = get_logger(__name__)


class WalOptions(Struct, frozen=True, kw_only=True):
    """In bytes. ``reserve``: kept free for what is not a client's, behind which writes are refused; ``allocation``: by how
    much a segment grows at once.
    """

    segment_bytes: int = 64 << 20
    allocation: int = 4 << 20
    reserve: int = 256 << 10


class Site(Struct, frozen=True):
    """Where a log is, and whose; ``rng`` gives the salt of each segment."""

    disk: Disk
    identity: Identity
    rng: random.Random
    options: WalOptions = WalOptions()


class Segment(Struct):
    sequence: int
    first_index: int

    @property
    def name(self) -> str:
        return segment_name(self.sequence, self.first_index)


class LogFailedError(Exception):
    """An earlier write or sync has failed. What the log's files hold must be read anew before it is trusted."""


class _NoSpaceError(Exception):
    def __init__(self, reason: OSError) -> None:
        super().__init__(reason)
        self.reason = reason


class Wal:
    """``full``: the last look for space found none. ``size``: bytes of all segments."""

    def __init__(self, site: Site, segments: list[Segment], file: File, *, end: int, salt: int) -> None:
        """Go on at ``end`` of the last of ``segments``, whose file is open; everything before ``end`` is synced."""
        self.full = False
        self._cramped = False  # the last look for a descriptor found none
        self.failed: OSError | None = None
        self.segments = segments
        self._site = site
        self._disk = site.disk
        self._file = file
        self._salt = salt
        self._end = end
        """Behind what was appended."""
        self._synced = end
        self._allocated = max(end, file.size())
        self._buffer: list[bytes] = []
        self._mark = _mark_file(site.disk)

    @classmethod
    def create(cls, site: Site, segment: Segment, hard_state: HardState) -> "Wal":
        """A log that begins with ``segment``. Blocks."""
        file, end, salt = _begin_segment(site, segment, hard_state)
        return cls(site, [segment], file, end=end, salt=salt)

    # ---- writing

    @property
    def pending(self) -> bool:
        """Whether something was appended that is not on disk yet."""
        return bool(self._buffer)

    @property
    def appended(self) -> int:
        """Bytes of the last segment with what is appended."""
        return self._end

    def append(
        self, hard_state: HardState, entries: Sequence[Entry], snapshot: Snapshot | None = None
    ) -> int:
        """Take what ``flush`` is to write; its size in bytes. Raises LogFailedError."""
        if self.failed is not None:
            raise LogFailedError(str(self.failed))
        mark = None if snapshot is None else mark_of(snapshot)
        batch = Batch(hard_state.term, hard_state.vote, hard_state.commit, list(entries), mark)
        framed = frame(encode_batch(batch), offset=self._end, synced=self._synced, salt=self._salt)
        self._buffer.append(framed)
        self._end += len(framed)
        return len(framed)

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more can be appended with the reserve left; reserves what it takes, and half an allocation more.

        Where there is not that much more the log is ``full``, though what was promised by then still fits: who asks ``full`` before
        promising anything hears of it in time. Raises LogFailedError, and OSError for what is no lack of space.
        """
        options = self._site.options
        needed = self._end + size + FRAME_BYTES + options.reserve
        ahead = needed + options.allocation // 2
        if ahead <= self._allocated and not self.full:
            return True
        if self.failed is not None:
            raise LogFailedError(str(self.failed))
        for wanted in (max(needed, self._allocated) + options.allocation, ahead):
            if wanted > self._allocated and self._allocate(wanted):
                break
        return needed <= self._allocated

    def _allocate(self, size: int) -> bool:
        try:
            self._file.allocate(size)
        except OSError as error:
            if error.errno not in NO_SPACE:
                self.failed = error
                raise
            self._say_full(error)
            return False
        self._allocated = size
        if self.full:
            self.full = False
            _log.info("there is space on the disk again, writes go on", directory=self._disk.path)
        return True

    def _say_full(self, error: OSError) -> None:
        if not self.full:
            self.full = True
            _log.error(
                "the disk is full: writes are refused until there is space, reads go on",
                directory=self._disk.path,
                reason=error.strerror,
            )

    def flush(self, hard_state: HardState, next_index: int) -> None:
        """Write what was appended and sync it. Blocks. Begins another segment when this one is full: ``next_index`` is that
        of the entry to come, ``hard_state`` what was appended last.

        Raises OSError. After a lack of space that was met while writing, it can be called again. After anything else the log takes
        nothing any more, as nobody knows what is on disk: a failed fsync may forget what it did not write, and the next one succeed.
        """
        data = b"".join(self._buffer)
        try:
            if data:
                self._write(data)
                self._file.sync()
                self._synced = self._end
                self._write_mark()
            if self._end >= self._site.options.segment_bytes:
                self._switch(hard_state, next_index)
        except _NoSpaceError as error:
            raise error.reason from None
        except OSError as error:
            self.failed = error
            raise

    def _write(self, data: bytes) -> None:
        try:
            self._file.write(self._end - len(data), data)
        except OSError as error:
            if error.errno not in NO_SPACE:
                raise
            self._buffer = [data]
            self._say_full(error)
            raise _NoSpaceError(error) from None
        self._buffer = []

    def _write_mark(self) -> None:
        self._mark.write(0, encode_mark(self.segments[-1].sequence, self._synced))

    def _switch(self, hard_state: HardState, next_index: int) -> None:
        segment = Segment(self.segments[-1].sequence + 1, next_index)
        try:
            file, end, salt = _begin_segment(self._site, segment, hard_state)
        except OSError as error:  # this segment goes on as long as there is room in it
            if error.errno in NO_DESCRIPTOR:
                if not self._cramped:
                    self._cramped = True
                    _log.warning(
                        "no new segment of the log can be opened yet",
                        directory=self._disk.path,
                        reason=error.strerror,
                    )
            elif error.errno in NO_SPACE:
                self._say_full(error)
            else:
                raise
            return
        self._cramped = False
        self._file.truncate(self._end)
        self._file.sync()
        self._file.close()
        self.segments.append(segment)
        self._file, self._salt = file, salt
        self._end = self._synced = end
        self._allocated = file.size()
        self._write_mark()

    # ---- the rest

    def release(self, index: int) -> int:
        """Remove the segments in which no entry behind ``index`` is. How many. Blocks."""
        segments, count = self.segments, 0
        while len(segments) > 1 and segments[1].first_index <= index + 1:
            self._disk.remove(segments[0].name)
            del segments[0]
            count += 1
        if count:
            self._disk.sync_dir()
        return count

    def close(self) -> None:
        """What was appended and not flushed is lost. The mark is synced, so that later damage is known for what it is."""
        if self.failed is None:
            with contextlib.suppress(OSError):  # it was never promised
                self._mark.sync()
        self._mark.close()
        self._file.close()


def _mark_file(disk: Disk) -> File:
    """As long as it will ever be, so that writing to it needs no space."""
    if SYNCED in disk.list():
        return disk.open(SYNCED)
    file = disk.create(SYNCED)
    file.write(0, bytes(MARK_BYTES))
    return file


def _begin_segment(site: Site, segment: Segment, hard_state: HardState) -> tuple[File, int, int]:
    """A new segment, its header synced, in its place: the open file, where its records begin, and its salt. Blocks."""
    disk = site.disk
    salt = site.rng.getrandbits(32)
    header = encode_header(Header(site.identity, segment.sequence, segment.first_index, salt, hard_state))
    framed = frame(header, offset=0, synced=0, salt=0)
    passing = f"{segment.name}.tmp"
    file = disk.create(passing)
    try:
        file.allocate(len(framed) + site.options.reserve)
        file.write(0, framed)
        file.sync()
        disk.rename(passing, segment.name)
        disk.sync_dir()
    except OSError:
        file.close()
        if passing in disk.list():
            disk.remove(passing)
        raise
    return file, len(framed), salt
