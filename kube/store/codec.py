"""The log's entries and snapshots of the state machine as bytes and back: what is on disk, and what peers send.

MessagePack by msgspec: a struct is an array of its fields after its name, so a field may be added at the end, with a default, and what
was written before still reads. Anything else raises ``FORMAT``, which whoever keeps or sends these bytes says beside them.

A snapshot is a sequence of pieces of about a given size, so that neither side ever handles all of it at once. What both the current
state and the history hold is in it once.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any, TypeAlias

import msgspec

from kube.store.administration import MemberInfo
from kube.store.apply import StateSnapshot
from kube.store.kv import KeyValue
from kube.store.raft.messages import (
    ConfChange,
    ConfChangeSingle,
    ConfChangeTransition,
    ConfState,
    Entry,
    Snapshot,
)
from kube.store.requests import Request

FORMAT = 1
"""The version of everything in this module; a newer one can't be read."""
PIECE_BYTES = 1 << 20
"""About how large a piece of a snapshot is; one value may be larger."""
_KEY_VALUE_BYTES = 32
"""What a key value takes beside its key and its value, about."""


class CodecError(ValueError):
    """The bytes are not what this module writes; the text says what is wrong."""


UNENCODABLE = (TypeError, ValueError, OverflowError, RecursionError)
"""What the encoder raises: for a type that it does not know, a number of more than 64 bits, what is nested too deep."""


class _ConfChange(msgspec.Struct, frozen=True, tag="ConfChange", array_like=True):
    """``ConfChange`` with the type of context that the store gives it."""

    changes: tuple[ConfChangeSingle, ...] = ()
    transition: ConfChangeTransition = ConfChangeTransition.AUTO
    context: tuple[MemberInfo, ...] | None = None


_Data: TypeAlias = Request | _ConfChange | None


class StoredEntry(msgspec.Struct, frozen=True, array_like=True):
    """What an Entry is decoded as; ``own_entries`` makes it one."""

    term: int
    index: int
    data: _Data = None
    size: int = 0


_encode = msgspec.msgpack.Encoder().encode
_decode_data = msgspec.msgpack.Decoder(_Data).decode
_decode_entries = msgspec.msgpack.Decoder(list[StoredEntry]).decode


# ---- entries ----------------------------------------------------------------------------------------------


def encode_data(data: object) -> bytes:
    """An entry's data: a request without notes, a ConfChange whose context is a tuple of MemberInfo or None, or None.

    Raises CodecError for anything else.
    """
    try:
        return _encode(data)
    except UNENCODABLE as error:
        raise CodecError(f"{type(data).__name__} is no data of an entry: {error}") from None


def decode_data(data: bytes | memoryview) -> object:
    """Raises CodecError."""
    return _own(_decoded(_decode_data, data))


def encode_entries(entries: Sequence[Entry]) -> bytes:
    """Raises CodecError for an entry whose data has no encoding."""
    try:
        return _encode(entries)
    except UNENCODABLE as error:
        raise CodecError(f"an entry holds what is no data of an entry: {error}") from None


def decode_entries(data: bytes | memoryview) -> list[Entry]:
    """Raises CodecError."""
    return own_entries(_decoded(_decode_entries, data))


def own_entries(stored: list[StoredEntry]) -> list[Entry]:
    return [Entry(each.term, each.index, _own(each.data), each.size) for each in stored]


def _own(data: Any) -> object:
    if type(data) is _ConfChange:
        return ConfChange(data.changes, data.transition, data.context)
    return data


def _decoded(decode: Any, data: bytes | memoryview) -> Any:
    try:
        return decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CodecError(f"malformed data: {error}") from None


# ---- snapshots --------------------------------------------------------------------------------------------


class SnapshotHead(msgspec.Struct, frozen=True):
    """The first piece. ``state`` is everything but key values, which follow; ``counts``: how many are changes, and how many bases."""

    index: int
    term: int
    conf: ConfState
    state: StateSnapshot | None
    counts: tuple[int, int] = (0, 0)
    format: int = FORMAT


_decode_head = msgspec.msgpack.Decoder(SnapshotHead).decode
_decode_piece = msgspec.msgpack.Decoder(list[KeyValue]).decode


def encode_snapshot(snapshot: Snapshot, piece_bytes: int = PIECE_BYTES) -> Iterator[bytes]:
    """The pieces of a snapshot of the state machine, made one at a time as they are asked for.

    Raises CodecError for a snapshot whose data is neither a StateSnapshot nor None.
    """
    state = snapshot.data
    if state is not None and not isinstance(state, StateSnapshot):
        raise CodecError(f"{type(state).__name__} is no state of this store")
    if state is None:
        yield _encode(SnapshotHead(snapshot.index, snapshot.term, snapshot.conf, None))
        return
    kv = state.kv
    empty = msgspec.structs.replace(state, kv=msgspec.structs.replace(kv, bases=(), changes=()))
    counts = (len(kv.changes), len(kv.bases))
    yield _encode(SnapshotHead(snapshot.index, snapshot.term, snapshot.conf, empty, counts))
    yield from _pieces(kv.changes, piece_bytes)
    yield from _pieces(kv.bases, piece_bytes)


def _pieces(key_values: Sequence[KeyValue], piece_bytes: int) -> Iterator[bytes]:
    return map(_encode, _portions(key_values, piece_bytes))


def _portions(key_values: Sequence[KeyValue], piece_bytes: int) -> Iterator[Sequence[KeyValue]]:
    begin = size = 0
    for position, kv in enumerate(key_values):
        size += len(kv.key) + len(kv.value) + _KEY_VALUE_BYTES
        if size >= piece_bytes:
            yield key_values[begin : position + 1]
            begin, size = position + 1, 0
    if begin < len(key_values):
        yield key_values[begin:]


class SnapshotDecoder:
    """Takes the pieces in order; ``finish`` gives the snapshot.

    ``known``: key values of this process by (key, mod revision); one that is equal takes the place of a new one, and new ones are
    added, so that replicas that are read from disk share their key values as others do.
    """

    __slots__ = ("_expected", "_head", "_key_values", "_known")

    def __init__(self, known: dict[tuple[bytes, int], KeyValue] | None = None) -> None:
        self._head: SnapshotHead | None = None
        self._key_values: list[list[KeyValue | bytes]] = []
        self._known = known
        self._expected = 0

    @property
    def head(self) -> SnapshotHead | None:
        """What the first piece said, once it has come."""
        return self._head

    def feed(self, piece: bytes | memoryview) -> None:
        """Raises CodecError."""
        if self._head is None:
            self._head = head = _decoded(_decode_head, piece)
            if head.format > FORMAT:
                raise CodecError(f"it is of format {head.format}, this program reads up to {FORMAT}")
            self._expected = sum(head.counts)
            return
        key_values = _decoded(_decode_piece, piece)
        known = self._known
        if known is not None:
            key_values = [_interned(known, each) if type(each) is KeyValue else each for each in key_values]
        self._key_values.append(key_values)

    def finish(self) -> Snapshot:
        """Raises CodecError when pieces are missing or too many."""
        head = self._head
        if head is None:
            raise CodecError("it is empty")
        found = sum(map(len, self._key_values))
        if found != self._expected:
            raise CodecError(f"it holds {found} key values instead of {self._expected}")
        if head.state is None:
            return Snapshot(head.index, head.term, head.conf)
        every = chain.from_iterable(self._key_values)
        changes = tuple(islice(every, head.counts[0]))
        bases = tuple(every)
        state = head.state
        kv = msgspec.structs.replace(state.kv, bases=bases, changes=changes)
        data = msgspec.structs.replace(state, kv=kv)
        return Snapshot(head.index, head.term, head.conf, data)


def _interned(known: dict[tuple[bytes, int], KeyValue], kv: KeyValue) -> KeyValue:
    same = known.setdefault((kv.key, kv.mod_revision), kv)
    return same if same is kv or same == kv else kv
