"""How large a request is to etcd, whose limit is of what goes through its log: an InternalRaftRequest, in protobuf's encoding.

(etcd's v3_server.go, ``processInternalRaftRequestOnce``; the numbers of fields are those of its rpc.proto and raft_internal.proto.)
"""

from typing import Final

from kube.store.errors import RequestTooLargeError
from kube.store.kv import Compare, CompareTarget, DeleteRange, Op, Put, Range, Txn, optimistic_put_txn
from kube.store.protowire import varint_bytes
from kube.store.requests import OptimisticPut

_HEADER: Final = 14
"""The field of a header whose one number is of 64 bits."""


def check_size(request: object, size: int, most: int) -> None:
    """Raises RequestTooLargeError. ``size`` is what counts of a request that etcd does not have, or that has no values."""
    if isinstance(request, (Put, DeleteRange, Txn)):
        size = _HEADER + _nested(_op_bytes(request))
    elif isinstance(request, OptimisticPut):
        txn = optimistic_put_txn(request.key, request.value, request.mod_revision, request.lease)
        size = _HEADER + _nested(_op_bytes(txn))
    if size > most:
        raise RequestTooLargeError(size, most)


def _op_bytes(op: Op) -> int:
    if isinstance(op, Put):
        flags = (op.prev_kv, op.ignore_value, op.ignore_lease)
        return _bytes(op.key) + _bytes(op.value) + _number(op.lease) + 2 * sum(flags)
    if isinstance(op, DeleteRange):
        return _bytes(op.key) + _bytes(op.range_end) + 2 * op.prev_kv
    if isinstance(op, Txn):
        ops = sum([_nested(_nested(_op_bytes(each))) for each in (*op.success, *op.failure)])
        return ops + sum([_nested(_compare_bytes(each)) for each in op.compares])
    return _range_bytes(op)


def _range_bytes(op: Range) -> int:
    numbers = (
        op.limit,
        op.revision,
        op.sort_order,
        op.sort_target,
        op.keys_only,
        op.count_only,
        op.min_mod_revision,
        op.max_mod_revision,
        op.min_create_revision,
        op.max_create_revision,
    )
    return _bytes(op.key) + _bytes(op.range_end) + sum(map(_number, numbers))


def _compare_bytes(compare: Compare) -> int:
    """The operand is there even if it is nothing, as every field of a oneof; the tag of ``range_end`` has two bytes."""
    operand = compare.operand
    if compare.target is CompareTarget.VALUE and isinstance(operand, bytes):
        size = _nested(len(operand))
    else:
        size = 1 + varint_bytes(int(operand))
    if compare.range_end:
        size += 1 + _bytes(compare.range_end)
    return size + _number(compare.result) + _number(compare.target) + _bytes(compare.key)


def _bytes(value: bytes) -> int:
    return _nested(len(value)) if value else 0


def _number(number: int) -> int:
    return 1 + varint_bytes(number) if number else 0


def _nested(size: int) -> int:
    """Of a field with so many bytes."""
    return 1 + varint_bytes(size) + size
