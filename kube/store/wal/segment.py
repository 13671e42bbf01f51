"""One file of the write-ahead log: its name, its header, and what its records say."""

import re
import zlib

import msgspec

from kube.store import codec
from kube.store.codec import StoredEntry
from kube.store.raft.messages import ConfState, Entry, HardState, Snapshot
from kube.store.wal.record import DamagedError

_NAME = re.compile(r"([0-9a-f]{16})-([0-9a-f]{16})\.wal")


class Identity(msgspec.Struct, frozen=True):
    """Whose log this is. ``format``: of everything in the directory."""

    cluster_id: int
    member_id: int
    format: int = codec.FORMAT


class Header(msgspec.Struct, frozen=True):
    """A segment's first record. ``sequence`` counts segments; ``first_index``: of the entry that would come next when it was begun;
    ``hard_state``: as of then. ``salt`` goes into the check sum of every other record.
    """

    identity: Identity
    sequence: int
    first_index: int
    salt: int
    hard_state: HardState = HardState()


class SnapshotMark(msgspec.Struct, frozen=True, array_like=True):
    """A snapshot that took the place of the whole log was on disk before this record: the log goes on behind it."""

    index: int
    term: int
    conf: ConfState = ConfState()


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """What one Ready asks to keep: always the hard state; ``snapshot`` before ``entries``."""

    term: int
    vote: int
    commit: int
    entries: list[Entry]
    snapshot: SnapshotMark | None = None

    @property
    def hard_state(self) -> HardState:
        return HardState(self.term, self.vote, self.commit)


class _StoredBatch(msgspec.Struct, frozen=True, array_like=True):
    term: int
    vote: int
    commit: int
    entries: list[StoredEntry]
    snapshot: SnapshotMark | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode_header = msgspec.msgpack.Decoder(Header).decode
_decode_batch = msgspec.msgpack.Decoder(_StoredBatch).decode


def segment_name(sequence: int, first_index: int) -> str:
    return f"{sequence:016x}-{first_index:016x}.wal"


def parse_name(name: str) -> tuple[int, int] | None:
    """Sequence and first index; None for what is no segment."""
    match = _NAME.fullmatch(name)
    return None if match is None else (int(match[1], 16), int(match[2], 16))


def encode_header(header: Header) -> bytes:
    return _encode(header)


def decode_header(file: str, payload: memoryview) -> Header:
    """Raises DamagedError."""
    try:
        return _decode_header(payload)
    except msgspec.DecodeError as error:
        raise DamagedError(file, 0, f"its header can't be read: {error}") from None


def encode_batch(batch: Batch) -> bytes:
    """Raises CodecError for an entry whose data has no encoding."""
    try:
        return _encode(batch)
    except codec.UNENCODABLE as error:
        raise codec.CodecError(f"an entry holds what is no data of an entry: {error}") from None


def decode_batch(file: str, offset: int, payload: memoryview) -> Batch:
    """Raises DamagedError: the check sum held, so this program did not write it."""
    try:
        stored = _decode_batch(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise DamagedError(file, offset, f"a record can't be read: {error}") from None
    entries = codec.own_entries(stored.entries)
    return Batch(stored.term, stored.vote, stored.commit, entries, stored.snapshot)


def mark_of(snapshot: Snapshot) -> SnapshotMark:
    return SnapshotMark(snapshot.index, snapshot.term, snapshot.conf)


# ---- how far the last segment is synced ---------------------------------------------------------------------


class SyncedMark(msgspec.Struct, frozen=True, array_like=True):
    """``offset`` bytes of segment ``sequence`` were synced. Written after each sync and never itself synced: where it is
    lost or torn nothing is known, but what it says is so.
    """

    sequence: int
    offset: int


SYNCED = "synced"
"""The file of the mark."""
MARK_BYTES = 24


def encode_mark(sequence: int, offset: int) -> bytes:
    body = sequence.to_bytes(8, "little") + offset.to_bytes(8, "little")
    return body + zlib.crc32(body).to_bytes(8, "little")


def decode_mark(data: bytes) -> SyncedMark | None:
    body = data[:16]
    if len(data) < MARK_BYTES or zlib.crc32(body).to_bytes(8, "little") != data[16:MARK_BYTES]:
        return None
    return SyncedMark(int.from_bytes(body[:8], "little"), int.from_bytes(body[8:], "little"))
