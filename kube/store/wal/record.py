"""Records of the write-ahead log: their frame, and how far a segment's bytes are sound.

A frame is a magic number, the length of the payload, how many bytes of the segment were synced when it was written, and a CRC-32 of all
that, of the payload, of the record's offset and of the segment's salt: no bytes that a client chose, nor those of another place,
pass for a record.

The count of synced bytes tells a torn tail from damage. What is written after the last sync may reach the disk in any order, or not at all,
when the power goes. But a sound record that says that the bytes at some offset were synced proves that they were sound once.
"""

import struct
import zlib
from collections.abc import Iterator

from msgspec import Struct

from kube.store.errors import CorruptError
from kube.store.wal.checksums import StretchSums

MAGIC = b"\xa7wal"
_FRAME = struct.Struct("<4sIII")
"""Magic, length of the payload, bytes that were synced, CRC."""
FRAME_BYTES = _FRAME.size
_SPREAD = 0x9E3779B1
"""Makes neighbouring offsets differ in every bit of the check sum."""


class DamagedError(CorruptError):
    """Bytes that were on disk for sure are not sound any more. ``offset`` in ``file``."""

    def __init__(self, file: str, offset: int, what: str) -> None:
        super().__init__(f"{file} at offset {offset}: {what}")
        self.file = file
        self.offset = offset


class Record(Struct, frozen=True):
    """``end``: the offset behind it."""

    offset: int
    end: int
    payload: memoryview


def frame(payload: bytes, *, offset: int, synced: int, salt: int) -> bytes:
    """The bytes of a record that is to stand at ``offset`` of its segment."""
    crc = zlib.crc32(payload, _head_crc(len(payload), synced, offset=offset, salt=salt))
    return b"".join((_FRAME.pack(MAGIC, len(payload), synced, crc), payload))


def _head_crc(length: int, synced: int, *, offset: int, salt: int) -> int:
    """What the CRC of the payload goes on from."""
    seed = (salt + offset * _SPREAD) & 0xFFFFFFFF
    return zlib.crc32(_FRAME.pack(MAGIC, length, synced, 0), seed)


def record_at(data: memoryview, offset: int, salt: int) -> tuple[Record, int] | None:
    """The record at ``offset`` with the count of bytes that were synced when it was written; None when there is no sound one."""
    start = offset + FRAME_BYTES
    head = data[offset:start]
    length = payload_length(head)
    payload = data[start : start + length]
    if length < 0 or not is_sound(head, payload, offset=offset, salt=salt):
        return None
    synced: int = _FRAME.unpack(head)[2]
    return Record(offset, start + length, payload), synced


def is_sound(head: bytes | memoryview, payload: bytes | memoryview, *, offset: int, salt: int) -> bool:
    """Whether the first FRAME_BYTES of a record and what follows them are what was written at ``offset``."""
    magic, length, synced, crc = _FRAME.unpack(head)
    if magic != MAGIC or len(payload) != length:
        return False
    expected = zlib.crc32(payload, _head_crc(length, synced, offset=offset, salt=salt))
    return bool(crc == expected)


def payload_length(head: bytes | memoryview) -> int:
    """What the first FRAME_BYTES of a record say of the length of its payload; -1 when they are no record's."""
    if len(head) < FRAME_BYTES or head[:4] != MAGIC:
        return -1
    length: int = _FRAME.unpack_from(head)[1]
    return length


def records(data: memoryview, offset: int, salt: int) -> Iterator[Record]:
    """The sound records from ``offset`` on, each right behind the one before, up to the first that is not."""
    while (found := record_at(data, offset, salt)) is not None:
        yield found[0]
        offset = found[0].end


def check_tail(file: str, data: memoryview, end: int, *, synced: int, salt: int, sealed: bool) -> int:
    """How many bytes behind ``end``, where the sound records of a segment stop, are torn and to be cut; 0 for a clean end.

    ``synced``: bytes of the segment that are known to have been on disk; ``sealed``: all of them were, as another
    segment follows. Raises DamagedError when what is there, or should be, was sound once.
    """
    if end < synced:
        raise DamagedError(file, end, f"a record is damaged that was on disk: {synced} bytes were synced")
    torn = len(bytes(data[end:]).rstrip(b"\0"))
    if not torn:
        return 0
    if sealed:
        raise DamagedError(file, end, "a record is damaged, and another segment follows")
    at = _sound_behind(data, end, salt)
    if at is not None:
        raise DamagedError(file, end, f"a record is damaged, and a sound one follows at offset {at}")
    return torn


def _sound_behind(data: memoryview, end: int, salt: int) -> int | None:
    """Where a sound record begins that was written after more than ``end`` bytes were synced.

    Values may hold as many headers as fit into them, each of which claims all that follows: so none is summed up by itself.
    """
    whole = bytes(data)
    sums = StretchSums(memoryview(whole)[end:])
    last = len(whole) - FRAME_BYTES + len(MAGIC)
    at = whole.find(MAGIC, end + 1, last)
    while at >= 0:
        _, length, synced, crc = _FRAME.unpack_from(whole, at)
        start = at + FRAME_BYTES
        if end < synced <= at and start + length <= len(whole):
            seed = _head_crc(length, synced, offset=at, salt=salt)
            if sums.crc(start - end, start + length - end, seed) == crc:
                return at
        at = whole.find(MAGIC, at + 1, last)
    return None
