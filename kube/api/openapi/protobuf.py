"""Just enough of protobuf's wire format to write messages: varints and length-delimited fields."""

from functools import cache
from typing import Final

_VARINT: Final = 0
_BYTES: Final = 2


@cache
def varint(number: int) -> bytes:
    """Base 128, least significant group first; ``number`` is not negative."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


@cache
def _tag(field: int, wire_type: int) -> bytes:
    return varint(field << 3 | wire_type)


def bytes_field(field: int, value: bytes) -> bytes:
    """A length-delimited field: bytes, or a message that is encoded already."""
    return b"".join((_tag(field, _BYTES), varint(len(value)), value))


def string_field(field: int, value: str) -> bytes:
    return bytes_field(field, value.encode())


def bool_field(field: int, value: bool) -> bytes:
    return _tag(field, _VARINT) + (b"\x01" if value else b"\x00")
