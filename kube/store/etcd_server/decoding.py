"""From the bytes of a request to its message, as generously as etcd: its library (gogo/protobuf) takes strings that are no UTF-8 and messages
nested as deep as they like, which protobuf's own for Python refuses.
"""

from collections.abc import Iterator
from typing import Final, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from msgspec import Struct

from kube.store.etcdpb import messages
from kube.store.kv import MAX_TXN_OPS

_STRICT: Final = "grpc.health.v1"
"""The one service whose messages etcd has from Google's library."""
_SUCCESS: Final = messages.TxnRequest.DESCRIPTOR.fields_by_name["success"].number
_FAILURE: Final = messages.TxnRequest.DESCRIPTOR.fields_by_name["failure"].number
_NESTED: Final = messages.RequestOp.DESCRIPTOR.fields_by_name["request_txn"].number
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
"""Wire types."""
_FIXED: Final = {_FIXED64: 8, _FIXED32: 4}

M = TypeVar("M", bound=Message)


def decode(kind: type[M], body: bytes) -> M:
    """Raises DecodeError for what etcd can't read either."""
    try:
        return kind.FromString(body)
    except DecodeError:
        if kind.DESCRIPTOR.file.package == _STRICT:
            raise
    message = kind()
    if isinstance(message, messages.TxnRequest):
        _fill_txn(message, memoryview(body), MAX_TXN_OPS)
    else:
        _fill(message, memoryview(body))
    return message


def _fill(message: Message, body: memoryview) -> None:
    """Field by field. A string that is no UTF-8 is no name or address of anything: it stays none with the replacement character in it."""
    strings = {
        field.number: field
        for field in message.DESCRIPTOR.fields
        if field.type == FieldDescriptor.TYPE_STRING
    }
    for found in _fields(body):
        field = strings.get(found.number)
        if field is None or found.wire_type != _LENGTH:
            message.MergeFromString(bytes(found.whole))
            continue
        text = bytes(found.payload).decode(errors="replace")
        if field.is_repeated:
            getattr(message, field.name).append(text)
        else:
            setattr(message, field.name, text)


def _fill_txn(txn: messages.TxnRequest, body: memoryview, levels: int) -> None:
    """What is sure to be refused is not read to its end: more operations than etcd allows, or any below ``levels`` of nesting, each of
    which takes one of those that are allowed.
    """
    branches = {_SUCCESS: txn.success, _FAILURE: txn.failure}
    for found in _fields(body):
        branch = branches.get(found.number)
        if branch is None or found.wire_type != _LENGTH:
            txn.MergeFromString(bytes(found.whole))
            continue
        if len(branch) > MAX_TXN_OPS:
            return
        op = branch.add()
        for part in _fields(found.payload):
            if part.number != _NESTED or part.wire_type != _LENGTH:
                op.MergeFromString(bytes(part.whole))
                continue
            op.request_txn.SetInParent()
            if levels:
                _fill_txn(op.request_txn, part.payload, levels - 1)


# ---- protobuf's encoding (protobuf.dev, "Encoding")


class _Field(Struct, frozen=True):
    """``whole``: with its tag. ``payload``: of a field with a length, else empty."""

    number: int
    wire_type: int
    whole: memoryview
    payload: memoryview


def _fields(data: memoryview) -> Iterator[_Field]:
    """Raises DecodeError."""
    at = 0
    while at < len(data):
        tag, begin = _varint(data, at)
        wire_type = tag & 7
        payload = data[:0]
        if wire_type == _VARINT:
            _, end = _varint(data, begin)
        elif wire_type == _LENGTH:
            size, begin = _varint(data, begin)
            end = begin + size
            payload = data[begin:end]
        elif wire_type in _FIXED:
            end = begin + _FIXED[wire_type]
        else:
            raise DecodeError(f"illegal wire type {wire_type}")
        if end > len(data):
            raise DecodeError("unexpected EOF")
        yield _Field(tag >> 3, wire_type, data[at:end], payload)
        at = end


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number, and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise DecodeError("unexpected EOF")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise DecodeError("integer overflow")
