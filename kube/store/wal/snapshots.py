"""Snapshots of the state machine as files: written in portions, sound as a whole or not at all, the last two kept.

A file is a sequence of records as the log's: whose it is, the pieces of ``kube.store.codec``, and how many they were.
"""

import re
from collections.abc import Callable, Iterator

import msgspec

from kube.base.logging import get_logger
from kube.store.codec import SnapshotDecoder
from kube.store.kv import KeyValue
from kube.store.raft.messages import Snapshot
from kube.store.wal.disk import Disk, File
from kube.store.wal.record import FRAME_BYTES, DamagedError, frame, is_sound, payload_length
from kube.store.wal.segment import Identity

KEPT = 2
"""Snapshots on disk: one, and one to fall back to."""
SYNC_BYTES = 16 << 20
"""A snapshot that is being written is synced so often that the log's own syncs never wait for much of it."""
_NAME = re.compile(r"([0-9a-f]{16})-([0-9a-f]{16})\.snap")
_encode = msgspec.msgpack.Encoder().encode
_decode_identity = msgspec.msgpack.Decoder(Identity).decode
_log = get_logger(__name__)

Shared = dict[tuple[bytes, int], KeyValue]
"""See ``SnapshotDecoder``."""


class End(msgspec.Struct, frozen=True, tag=True):
    """The last record: how many pieces there are before it."""

    pieces: int


_decode_end = msgspec.msgpack.Decoder(End).decode


def snapshot_name(index: int, term: int) -> str:
    return f"{index:016x}-{term:016x}.snap"


def parse_name(name: str) -> tuple[int, int] | None:
    """Index and term; None for what is no snapshot."""
    match = _NAME.fullmatch(name)
    return None if match is None else (int(match[1], 16), int(match[2], 16))


def frames(identity: Identity, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes of a snapshot's file, a piece at a time."""
    offset = count = 0
    framed = frame(_encode(identity), offset=0, synced=0, salt=0)
    yield framed
    for count, piece in enumerate(pieces, 1):  # noqa: B007  # it is the number of pieces in the end
        offset += len(framed)
        framed = frame(piece, offset=offset, synced=0, salt=0)
        yield framed
    yield frame(_encode(End(count)), offset=offset + len(framed), synced=0, salt=0)


Read = Callable[[int, int], bytes]
"""``size`` bytes from ``offset`` on, fewer at the end."""


def read_frames(name: str, read: Read) -> Iterator[bytes]:
    """The payloads of a snapshot's file but the last. Raises DamagedError."""
    offset = count = 0
    last: bytes | None = None
    while True:
        head = read(offset, FRAME_BYTES)
        length = payload_length(head)
        if length < 0:
            break
        payload = read(offset + FRAME_BYTES, length)
        if not is_sound(head, payload, offset=offset, salt=0):
            raise DamagedError(name, offset, "a piece of the snapshot is damaged")
        if last is not None:
            yield last
            count += 1
        last = payload
        offset += FRAME_BYTES + length
    if last is None or _end(last) != count - 1:
        raise DamagedError(name, offset, "the snapshot is not whole")


def _end(payload: bytes) -> int:
    try:
        return _decode_end(payload).pieces
    except msgspec.DecodeError:
        return -1


def decode_frames(
    name: str, payloads: Iterator[bytes], known: Shared | None = None
) -> tuple[Identity, Snapshot]:
    """Raises DamagedError, and CodecError for a newer format."""
    decoder = SnapshotDecoder(known)
    try:
        identity = _decode_identity(next(payloads, b""))
        for piece in payloads:
            decoder.feed(piece)
        return identity, decoder.finish()
    except msgspec.DecodeError as error:
        raise DamagedError(name, 0, f"whose snapshot it is can't be read: {error}") from None


# ---- in a member's directory --------------------------------------------------------------------------------


class SnapshotWriter:
    """A snapshot on its way to the disk. Its methods block; whatever raises OSError leaves the earlier snapshots as they are."""

    __slots__ = ("_disk", "_file", "_name", "_unsynced")

    def __init__(self, disk: Disk, index: int, term: int) -> None:
        self._disk = disk
        self._name = snapshot_name(index, term)
        self._file: File | None = disk.create(f"{self._name}.tmp")
        self._unsynced = 0

    def write(self, framed: bytes) -> None:
        assert self._file is not None
        self._file.append(framed)
        self._unsynced += len(framed)
        if self._unsynced >= SYNC_BYTES:
            self._file.sync()
            self._unsynced = 0

    def finish(self) -> None:
        """It is there, whole, after a crash too."""
        assert self._file is not None
        self._file.sync()
        self._file.close()
        self._file = None
        self._disk.rename(f"{self._name}.tmp", self._name)
        self._disk.sync_dir()

    def abort(self) -> None:
        """Give the space back, unless it is finished."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._disk.remove(f"{self._name}.tmp")


def snapshots_on(disk: Disk) -> list[tuple[int, int]]:
    """Index and term of each, the newest first."""
    found = [parse_name(name) for name in disk.list()]
    return sorted((each for each in found if each is not None), reverse=True)


def load(disk: Disk, index: int, term: int, known: Shared | None = None) -> tuple[Identity, Snapshot]:
    """Raises DamagedError, CodecError, OSError."""
    name = snapshot_name(index, term)
    place = f"{disk.path}/{name}"
    file = disk.open(name)
    try:
        identity, snapshot = decode_frames(place, read_frames(place, file.read), known)
    finally:
        file.close()
    if (snapshot.index, snapshot.term) != (index, term):
        raise DamagedError(place, 0, f"it is the snapshot of entry {snapshot.index}")
    return identity, snapshot


def remove_old(disk: Disk) -> None:
    """Keep the newest ones."""
    old = snapshots_on(disk)[KEPT:]
    for index, term in old:
        disk.remove(snapshot_name(index, term))
    if old:
        disk.sync_dir()
