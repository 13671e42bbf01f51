"""What members of different processes ask each other beside raft's messages, and all of it as bytes and back.

A member that does not lead hands its clients' proposals to the leader as a ``Forward``. The leader answers with the term and
the index of the first of their entries before it sends any of them, on the same ordered connection, so that who waits is known by
(term, index) when the entries are applied. What only the leader can do (leases' time, promotions) is a ``Question``.
"""

import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, TypeAlias, get_args

import msgspec

from kube.store import errors
from kube.store.codec import CodecError, decode_data, decode_entries, encode_data, encode_entries
from kube.store.errors import StoreError
from kube.store.raft.messages import AppendEntries, Entry, InstallSnapshot, Message

MAX_BATCH_BYTES = 4 << 20
"""A frame of messages is about as large at most; one message may be larger."""
_OVERHEAD = 64
"""Bytes of a message beside its entries' data, about."""


ErrorData: TypeAlias = tuple[str, tuple[int, ...]]
"""The name of a StoreError's class and what it is made with."""


class _Addressed(msgspec.Struct, frozen=True, tag=True):
    to: int
    from_: int


# ---- what members say -------------------------------------------------------------------------------------


class Forward(_Addressed, frozen=True, tag=True):
    """Proposals for the leader of ``term``, and of no other: each with its size in bytes. ``number`` is the asker's own."""

    number: int
    term: int
    items: tuple[tuple[object, int], ...]


class Forwarded(_Addressed, frozen=True, tag=True):
    """They are the entries from ``first`` on, of the term they were meant for; 0: nothing was appended, nor ever will be.

    ``error``: why not, where another attempt would end the same way.
    """

    number: int
    first: int
    error: ErrorData | None = None


class LeaseRenew(msgspec.Struct, frozen=True, tag=True):
    """Answered by the ttl granted, in seconds."""

    lease: int


class LeaseRemaining(msgspec.Struct, frozen=True, tag=True):
    """Answered by the seconds left."""

    lease: int


class PromoteMember(msgspec.Struct, frozen=True, tag=True):
    member: int


class HashAt(msgspec.Struct, frozen=True, tag=True):
    """Answered by any member: the hash of its key space at ``revision``, if it has compacted the same."""

    revision: int
    compact_revision: int


Ask: TypeAlias = LeaseRenew | LeaseRemaining | PromoteMember | HashAt


class Question(_Addressed, frozen=True, tag=True):
    number: int
    ask: Ask


class Answer(_Addressed, frozen=True, tag=True):
    number: int
    value: float | int | None = None
    error: ErrorData | None = None


PeerMessage: TypeAlias = Message | Forward | Forwarded | Question | Answer


_ERROR_DATA: dict[str, tuple[str, ...]] = {
    "LeaseNotFoundError": ("lease",),
    "NotLeaderError": ("leader",),
    "MemberNotFoundError": ("member",),
    "MemberNotLearnerError": ("member",),
    "LearnerNotReadyError": ("member",),
    "NotEnoughStartedError": (),
    "UnhealthyClusterError": (),
    "NoLeaderError": (),
    "NoSpaceError": (),
    "TooManyRequestsError": (),
    "StoppedError": (),
    "LeaderChangedError": (),
    "RequestTimeoutError": (),
}
"""The errors that an answer may carry, and the attributes they are made from."""


def error_data(error: StoreError) -> ErrorData:
    """``Answer.error`` for ``error``; for one that no answer carries, a timeout: it may have happened."""
    name = type(error).__name__
    if name not in _ERROR_DATA:
        return "RequestTimeoutError", ()
    return name, tuple(getattr(error, attribute) for attribute in _ERROR_DATA[name])


def error_of(data: ErrorData) -> StoreError:
    """The error that ``error_data`` was made from. Raises CodecError."""
    name, arguments = data
    if len(_ERROR_DATA.get(name, (None,) * 9)) != len(arguments):
        raise CodecError(f"no answer carries {name}{arguments}")
    error: StoreError = getattr(errors, name)(*arguments)
    return error


# ---- as bytes ---------------------------------------------------------------------------------------------


class _Append(msgspec.Struct, frozen=True, tag="Append"):
    """AppendEntries whose entries are encoded once for all whom they are sent to."""

    to: int
    from_: int
    term: int
    prev_index: int
    prev_term: int
    commit: int
    entries: bytes


class _Forward(msgspec.Struct, frozen=True, tag="ForwardBatch"):
    to: int
    from_: int
    number: int
    term: int
    items: tuple[tuple[bytes, int], ...]


_APART = (AppendEntries, InstallSnapshot)
"""Raft's messages that are not encoded as they stand; a snapshot has a connection of its own."""
_ANSWERS = (Forwarded, Answer)
_AS_THEY_STAND = tuple(kind for kind in get_args(Message) if kind not in _APART)
_WIRE: Any = reduce(operator.or_, (*_AS_THEY_STAND, _Append, _Forward, Forwarded, Question, Answer))

_encode = msgspec.msgpack.Encoder().encode
_decode_wire: Callable[[bytes], list[Any]] = msgspec.msgpack.Decoder(list[_WIRE]).decode


class Encoder:
    """Encodes what one turn sends; entries that several are sent are encoded once."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[int, tuple[tuple[Entry, ...], bytes]] = {}

    def encode(self, messages: Sequence[PeerMessage]) -> list[bytes]:
        """Payloads of MESSAGES frames, in order. Raises CodecError for what has no encoding."""
        payloads: list[bytes] = []
        batch: list[object] = []
        size = 0
        for message in messages:
            wire, bytes_ = self._wire(message)
            if batch and size + bytes_ > MAX_BATCH_BYTES:
                payloads.append(_encode(batch))
                batch, size = [], 0
            batch.append(wire)
            size += bytes_
        if batch:
            payloads.append(_encode(batch))
        return payloads

    def _wire(self, message: PeerMessage) -> tuple[object, int]:
        if type(message) is AppendEntries:
            entries = self._encoded(message.entries)
            wire = _Append(
                message.to,
                message.from_,
                message.term,
                message.prev_index,
                message.prev_term,
                message.commit,
                entries,
            )
            return wire, len(entries) + _OVERHEAD
        if type(message) is Forward:
            items = tuple([(encode_data(data), size) for data, size in message.items])
            forward = _Forward(message.to, message.from_, message.number, message.term, items)
            return forward, sum([len(data) for data, _ in items]) + _OVERHEAD
        return message, _OVERHEAD

    def _encoded(self, entries: tuple[Entry, ...]) -> bytes:
        known = self._entries.get(id(entries))
        if known is None:
            known = self._entries[id(entries)] = (entries, encode_entries(entries))
        return known[1]


def decode_messages(payload: bytes) -> list[PeerMessage]:
    """The messages of one MESSAGES frame. Raises CodecError."""
    try:
        return [_message(wire) for wire in _decode_wire(payload)]
    except (msgspec.DecodeError, RecursionError) as error:
        raise CodecError(f"malformed messages: {error}") from None


def _message(wire: Any) -> PeerMessage:
    kind = type(wire)
    if kind is _Append:
        entries = tuple(decode_entries(wire.entries))
        _check_entries(wire, entries)
        return AppendEntries(
            wire.to, wire.from_, wire.term, wire.prev_index, wire.prev_term, entries, wire.commit
        )
    if kind is _Forward:
        items = tuple([(decode_data(data), size) for data, size in wire.items])
        return Forward(wire.to, wire.from_, wire.number, wire.term, items)
    if kind in _ANSWERS and wire.error is not None:
        error_of(wire.error)  # what it can't be is refused here
    message: PeerMessage = wire
    return message


def _check_entries(wire: _Append, entries: tuple[Entry, ...]) -> None:
    """Raft takes it for granted that entries follow each other. Raises CodecError."""
    term = wire.prev_term
    for index, entry in enumerate(entries, wire.prev_index + 1):
        if entry.index != index or not term <= entry.term <= wire.term:
            raise CodecError(f"entry {entry.index} of term {entry.term} can't be the one at {index}")
        term = entry.term
