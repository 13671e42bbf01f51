"""What goes through the log beside the ops of ``kv.py``, and the check of a request before it is proposed.

An op in the log carries no note: a note is an object of one process, and stays with the proposal that waits there.
"""

from enum import IntEnum
from typing import TypeAlias

import msgspec

from kube.store.administration import Alarm
from kube.store.errors import (
    DuplicateKeyError,
    EmptyKeyError,
    LeaseProvidedError,
    TooManyOpsError,
    ValueProvidedError,
)
from kube.store.key_ranges import KeyRanges
from kube.store.kv import ALL_KEYS_END, CompareTarget, DeleteRange, Op, Put, Range, Txn

_OVERHEAD = 64
"""Bytes that a request counts beside its keys and values."""


PUT_GROWTH = 256
"""etcd's kvOverhead: bytes that a put counts for the quota beside its key and value."""
_LEASE_GROWTH = 64
"""etcd's leaseOverhead."""


class OptimisticPut(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    key: bytes
    value: bytes
    mod_revision: int
    lease: int = 0


class OptimisticDelete(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    key: bytes
    mod_revision: int


class Compact(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    revision: int


class LeaseGrantRequest(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    """``ttl`` in seconds."""

    id: int
    ttl: int


class LeaseRevokeRequest(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    id: int


class AlarmAction(IntEnum):
    """The numbers of etcd's AlarmRequest."""

    ACTIVATE = 1
    DEACTIVATE = 2


class AlarmRequest(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    """To deactivate, member 0 stands for every member and type NONE for every type."""

    action: AlarmAction
    alarm: Alarm


class MemberAttributes(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    """What a member that has started tells of itself (etcd's ClusterMemberAttrSetRequest)."""

    id: int
    name: str
    client_urls: tuple[str, ...]


Request: TypeAlias = (
    Put
    | DeleteRange
    | Txn
    | OptimisticPut
    | OptimisticDelete
    | Compact
    | LeaseGrantRequest
    | LeaseRevokeRequest
    | AlarmRequest
    | MemberAttributes
)


def size_of(request: Request | Range) -> int:
    """About how many bytes a request is, for limits and flow control."""
    if isinstance(request, (Put, OptimisticPut)):
        return len(request.key) + len(request.value) + _OVERHEAD
    if isinstance(request, Txn):
        compares = sum(
            len(each.key)
            + len(each.range_end)
            + (len(each.operand) if isinstance(each.operand, bytes) else 8)
            for each in request.compares
        )
        return compares + sum(size_of(op) for op in (*request.success, *request.failure)) + _OVERHEAD
    if isinstance(request, (DeleteRange, Range)):
        return len(request.key) + len(request.range_end) + _OVERHEAD
    if isinstance(request, OptimisticDelete):
        return len(request.key) + _OVERHEAD
    return _OVERHEAD


def growth(request: Request) -> int:
    """About how many bytes the request may add to the key space, for the quota; 0 for what adds nothing.

    As etcd's quota counts: a txn as its larger branch, whichever will be taken.
    """
    if isinstance(request, (Put, OptimisticPut)):
        return len(request.key) + len(request.value) + PUT_GROWTH
    if isinstance(request, Txn):
        return max(sum(map(_op_growth, request.success)), sum(map(_op_growth, request.failure)))
    return _LEASE_GROWTH if isinstance(request, LeaseGrantRequest) else 0


def _op_growth(op: Op) -> int:
    return growth(op) if isinstance(op, (Put, Txn)) else 0


def check_put(put: Put) -> None:
    """Raises EmptyKeyError, ValueProvidedError, LeaseProvidedError."""
    if not put.key:
        raise EmptyKeyError
    if put.ignore_value and put.value:
        raise ValueProvidedError
    if put.ignore_lease and put.lease:
        raise LeaseProvidedError


def check_txn(txn: Txn, max_ops: int) -> None:
    """What etcd refuses before a txn is proposed: its checkTxnRequest and checkIntervals.

    Raises TooManyOpsError, DuplicateKeyError, what its puts raise, and TypeError for an operand that is not of its target's type.
    """
    _check_ops(txn, max_ops)
    _written(txn.success)
    _written(txn.failure)


def has_writes(txn: Txn) -> bool:
    """Whether any branch writes; a txn that does not is a read."""
    return any(
        has_writes(op) if isinstance(op, Txn) else not isinstance(op, Range)
        for op in (*txn.success, *txn.failure)
    )


def without_notes(txn: Txn, notes: dict[bytes, object]) -> Txn:
    """The txn as it goes through the log; its notes go to ``notes`` by key."""
    if not _has_notes(txn):
        return txn
    return Txn(txn.compares, _strip(txn.success, notes), _strip(txn.failure, notes))


def _has_notes(txn: Txn) -> bool:
    return any(
        _has_notes(op) if isinstance(op, Txn) else isinstance(op, Put) and op.note is not None
        for op in (*txn.success, *txn.failure)
    )


def _strip(ops: tuple[Op, ...], notes: dict[bytes, object]) -> tuple[Op, ...]:
    stripped: list[Op] = []
    for op in ops:
        if isinstance(op, Txn):
            stripped.append(without_notes(op, notes))
        elif isinstance(op, Put) and op.note is not None:
            notes[op.key] = op.note
            stripped.append(msgspec.structs.replace(op, note=None))
        else:
            stripped.append(op)
    return tuple(stripped)


def _check_ops(txn: Txn, max_ops: int) -> None:
    most = max(len(txn.compares), len(txn.success), len(txn.failure))
    if most > max_ops:
        raise TooManyOpsError(most, max_ops)
    for compare in txn.compares:
        if not compare.key:
            raise EmptyKeyError
        if isinstance(compare.operand, bytes) is not (compare.target is CompareTarget.VALUE):
            raise TypeError(f"{compare.operand!r} can't be compared with a {compare.target.name}")
    for op in (*txn.success, *txn.failure):
        if isinstance(op, Txn):
            _check_ops(op, max_ops - most)
        elif isinstance(op, Put):
            check_put(op)
        elif not op.key:
            raise EmptyKeyError


def _written(ops: tuple[Op, ...]) -> tuple[dict[bytes, None], KeyRanges]:
    """The keys put and the ranges deleted by one branch with all that is nested in it.

    Refused, as in etcd: a key that is put twice; one that is put and that a delete beside it, around it, or in a txn before it covers.
    Not refused, as in etcd: a delete in a later txn of the same branch, and deletes from a key on (``ALL_KEYS_END``). What is written
    twice in a revision that way ends as it was written last.
    """
    deleted = KeyRanges()
    for op in ops:
        if isinstance(op, DeleteRange) and op.range_end != ALL_KEYS_END:
            deleted.add(op.key, op.range_end)
    puts: dict[bytes, None] = {}
    for op in ops:
        if isinstance(op, Txn):
            (puts_then, deleted_then), (puts_else, deleted_else) = _written(op.success), _written(op.failure)
            # One of the two is done, so they are not held apart.
            _check_apart(puts_then, deleted, puts)
            _check_apart(puts_else, deleted, puts)
            puts = _joined(puts, _joined(puts_then, puts_else))
            deleted = deleted.union(deleted_then).union(deleted_else)
    own: dict[bytes, None] = {}
    for op in ops:
        if isinstance(op, Put):
            if op.key in own:
                raise DuplicateKeyError(op.key)
            own[op.key] = None
    _check_apart(own, deleted, puts)
    return _joined(puts, own), deleted


def _joined(one: dict[bytes, None], other: dict[bytes, None]) -> dict[bytes, None]:
    """The larger of the two with the smaller one's keys: however deep they are nested, a key is seldom copied."""
    larger, smaller = (other, one) if len(one) < len(other) else (one, other)
    larger |= smaller
    return larger


def _check_apart(keys: dict[bytes, None], deleted: KeyRanges, puts: dict[bytes, None]) -> None:
    for key in keys:
        if key in puts or key in deleted:
            raise DuplicateKeyError(key)
