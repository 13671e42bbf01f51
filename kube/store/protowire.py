"""Protobuf's wire format, as much as etcd's files need of it, without the library: whoever backs a store up may not have it.

(protobuf.dev, "Encoding".) A message is fields one behind the other: a varint of number and kind, then a varint, or a length and so many bytes.
"""

from typing import Final

from kube.store.kv import KeyValue

VARINT: Final = 0
BYTES: Final = 2
FIXED: Final = {1: 8, 5: 4}
"""Sizes of the kinds that have no use here."""
_MASK: Final = (1 << 64) - 1
_MAX_VARINT: Final = 10
_MAX_FIELD: Final = (1 << 29) - 1

Fields = dict[int, int | bytes]
"""The last value of each number. Varints are unsigned."""


class WireError(ValueError):
    """The bytes are no message; the text says why."""


def varint(number: int) -> bytes:
    """An int64 or a uint64."""
    if 0 <= number < len(_SHORT):
        return _SHORT[number]
    number &= _MASK
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


_SHORT: tuple[bytes, ...] = ()
_SHORT = tuple(map(varint, range(1 << 10)))
"""Lengths, versions, and the like."""


def varint_bytes(number: int) -> int:
    """How many ``varint`` has."""
    return ((number & _MASK | 1).bit_length() + 6) // 7


def int_field(field: int, number: int) -> bytes:
    """Nothing for 0, as proto3 has it."""
    return varint(field << 3) + varint(number) if number else b""


def signed(number: int) -> int:
    """The int64 of a varint."""
    return number - (1 << 64) if number >> 63 else number


def decode_fields(data: bytes) -> Fields:
    """Raises WireError."""
    found: Fields = {}
    at, end = 0, len(data)
    while at < end:
        tag, at = varint_at(data, at)
        number, kind = tag >> 3, tag & 7
        if not 0 < number <= _MAX_FIELD:
            raise WireError(f"a field has the number {number}")
        if kind == VARINT:
            found[number], at = varint_at(data, at)
        elif kind == BYTES:
            length, at = varint_at(data, at)
            if at + length > end:
                raise WireError(f"field {number} is cut off")
            found[number] = data[at : at + length]
            at += length
        elif kind in FIXED:
            at += FIXED[kind]
            if at > end:
                raise WireError(f"field {number} is cut off")
        else:
            raise WireError(f"field {number} is of kind {kind}")
    return found


def varint_at(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """The number, and where it ends. Raises WireError."""
    number = shift = 0
    for byte in data[at : at + _MAX_VARINT]:
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & _MASK, at
        shift += 7
    raise WireError("a number has no end")


def int_of(fields: Fields, field: int) -> int:
    """Unsigned. Raises WireError when it is of another kind."""
    found = fields.get(field, 0)
    if isinstance(found, bytes):
        raise WireError(f"field {field} is no number")
    return found


def bytes_of(fields: Fields, field: int) -> bytes:
    """Raises WireError when it is of another kind."""
    found = fields.get(field, b"")
    if isinstance(found, int):
        raise WireError(f"field {field} is no bytes")
    return found


# ---- mvccpb.KeyValue


def encode_key_value(kv: KeyValue) -> bytes:
    key, value = kv.key, kv.value
    parts = [b"\x0a", varint(len(key)), key]
    if kv.create_revision:
        parts += b"\x10", varint(kv.create_revision)
    if kv.mod_revision:
        parts += b"\x18", varint(kv.mod_revision)
    if kv.version:
        parts += b"\x20", varint(kv.version)
    if value:
        parts += b"\x2a", varint(len(value)), value
    if kv.lease:
        parts += b"\x30", varint(kv.lease)
    return b"".join(parts)


def key_value_bytes(kv: KeyValue) -> int:
    """How many ``encode_key_value`` has."""
    key, value = len(kv.key), len(kv.value)
    size = 1 + varint_bytes(key) + key
    if value:
        size += 1 + varint_bytes(value) + value
    for number in (kv.create_revision, kv.mod_revision, kv.version, kv.lease):
        if number:
            size += 1 + varint_bytes(number)
    return size


def decode_key_value(data: bytes) -> KeyValue:
    """Raises WireError."""
    fields = decode_fields(data)
    return KeyValue(
        bytes_of(fields, 1),
        bytes_of(fields, 5),
        signed(int_of(fields, 2)),
        signed(int_of(fields, 3)),
        signed(int_of(fields, 4)),
        signed(int_of(fields, 6)),
    )
