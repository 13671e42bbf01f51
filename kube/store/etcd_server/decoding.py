"""From the bytes of a request to its message, as generously as etcd: its library (gogo/protobuf) takes strings that are no UTF-8 and messages
nested as deep as they like, which protobuf's own for Python refuses. And as strictly: a field that is known is of its kind, where
protobuf's own takes one of another kind for a field that it does not know.
"""

from collections.abc import Iterator
from functools import cache
from typing import Final, TypeVar

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet
from msgspec import Struct

from kube.store.etcdpb import messages
from kube.store.kv import MAX_TXN_OPS
from kube.store.protowire import BYTES, FIXED, VARINT, WireError, varint_at

_GOOGLES: Final = "grpc.health.v1"
"""The one service whose messages etcd reads with Google's library."""
_SUCCESS: Final = messages.TxnRequest.DESCRIPTOR.fields_by_name["success"].number
_FAILURE: Final = messages.TxnRequest.DESCRIPTOR.fields_by_name["failure"].number
_NESTED: Final = messages.RequestOp.DESCRIPTOR.fields_by_name["request_txn"].number
MAX_LEVELS: Final = MAX_TXN_OPS
"""Of nested txns, however many operations are allowed."""

M = TypeVar("M", bound=Message)


def decode(kind: type[M], body: bytes, max_txn_ops: int = MAX_TXN_OPS) -> M:
    """``max_txn_ops``: what has more is refused later, and need not be read to its end. Raises DecodeError for what etcd can't read
    either.
    """
    try:
        message = kind.FromString(body)
    except DecodeError:
        if kind.DESCRIPTOR.file.package == _GOOGLES:
            raise
        message = _decode_slowly(kind, body, max_txn_ops)
    else:
        if not _may_have_unknown(message, body):
            return message
        message = kind.FromString(body)
    if kind.DESCRIPTOR.file.package != _GOOGLES:
        _check_kinds(message)
    return message


def _may_have_unknown(message: Message, body: bytes) -> bool:
    """Whether the message, or one within it, may have fields that it does not know. Those within are gone then: without them
    it is not as long as it came. (So is one that was not encoded as everybody does it.)
    """
    if _is_flat(message.DESCRIPTOR):
        return len(UnknownFieldSet(message)) > 0
    message.DiscardUnknownFields()
    return message.ByteSize() != len(body)


@cache
def _is_flat(kind: Descriptor) -> bool:
    """Whether its messages have no others within."""
    return all(field.message_type is None for field in kind.fields)


def _check_kinds(message: Message) -> None:
    """Raises DecodeError, in etcd's words, for a field that is known and of another kind."""
    known = message.DESCRIPTOR.fields_by_number
    unknowns = UnknownFieldSet(message)
    for at in range(len(unknowns)):
        unknown = unknowns[at]
        field = known.get(unknown.field_number)
        if field is not None:
            raise DecodeError(
                f"proto: wrong wireType = {unknown.wire_type} for field {_name_in_go(field.name)}"
            )
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in (value,) if isinstance(value, Message) else value:
                _check_kinds(each)


def _name_in_go(name: str) -> str:
    """As protobuf's generator for Go writes it.

    >>> _name_in_go("range_end"), _name_in_go("peerURLs")
    ('RangeEnd', 'PeerURLs')
    """
    return "".join([part[:1].upper() + part[1:] for part in name.split("_")])


def _decode_slowly(kind: type[M], body: bytes, max_txn_ops: int) -> M:
    message = kind()
    try:
        if isinstance(message, messages.TxnRequest):
            _fill_txn(message, memoryview(body), max_txn_ops, min(max_txn_ops, MAX_LEVELS))
        else:
            _fill(message, memoryview(body))
    except WireError as error:
        raise DecodeError(str(error)) from None
    return message


def _fill(message: Message, body: memoryview) -> None:
    """Field by field. A string that is no UTF-8 is no name or address of anything: it stays none with the replacement character in it."""
    strings = {
        field.number: field.name
        for field in message.DESCRIPTOR.fields
        if field.type == FieldDescriptor.TYPE_STRING
    }
    for found in _fields(body):
        name = strings.get(found.number)
        if name is None or found.kind != BYTES:
            message.MergeFromString(bytes(found.whole))
            continue
        text = bytes(found.payload).decode(errors="replace")
        if isinstance(getattr(message, name), str):
            setattr(message, name, text)
        else:
            getattr(message, name).append(text)


def _fill_txn(txn: messages.TxnRequest, body: memoryview, max_ops: int, levels: int) -> None:
    """What is sure to be refused is not read to its end: more operations than etcd allows, or any below ``levels`` of nesting, each of
    which takes one of those that are allowed.
    """
    branches = {_SUCCESS: txn.success, _FAILURE: txn.failure}
    for found in _fields(body):
        branch = branches.get(found.number)
        if branch is None or found.kind != BYTES:
            txn.MergeFromString(bytes(found.whole))
            continue
        if len(branch) > max_ops:
            return
        op = branch.add()
        for part in _fields(found.payload):
            if part.number != _NESTED or part.kind != BYTES:
                op.MergeFromString(bytes(part.whole))
                continue
            op.request_txn.SetInParent()
            if levels:
                _fill_txn(op.request_txn, part.payload, max_ops, levels - 1)
            elif max_ops > MAX_LEVELS:
                raise WireError(f"txns are nested more than {MAX_LEVELS} deep")


class _Field(Struct, frozen=True):
    """``whole``: with its tag. ``payload``: of a field with a length, else empty."""

    number: int
    kind: int
    whole: memoryview
    payload: memoryview


def _fields(data: memoryview) -> Iterator[_Field]:
    """Raises WireError."""
    at = 0
    while at < len(data):
        tag, begin = varint_at(data, at)
        kind = tag & 7
        payload = data[:0]
        if kind == VARINT:
            _, end = varint_at(data, begin)
        elif kind == BYTES:
            size, begin = varint_at(data, begin)
            end = begin + size
            payload = data[begin:end]
        elif kind in FIXED:
            end = begin + FIXED[kind]
        else:
            raise WireError(f"a field is of kind {kind}")
        if end > len(data):
            raise WireError("unexpected EOF")
        yield _Field(tag >> 3, kind, data[at:end], payload)
        at = end
