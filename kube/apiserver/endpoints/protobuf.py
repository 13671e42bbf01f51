"""Bodies in Kubernetes' protobuf, as JSON: clients of the Go library send built-in kinds so, kubectl among them.

Source of the format: the page "Kubernetes API Concepts" (Protobuf encoding) and the generated.proto files of k8s.io/api:
four magic bytes, then a `runtime.Unknown` around the object's message. The numbers of the fields are in the field table.
Answers are not written in protobuf; such clients take JSON too.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import cache
from struct import unpack
from typing import Any, Final

import msgspec

from kube.api.resources import GROUPS
from kube.api.schema import Field, GoType, message_of
from kube.apimachinery.serializer import DecodeError
from kube.apimachinery.time import format_duration, from_seconds, micro_from_seconds

MAGIC: Final = b"k8s\x00"
_MAX_DEPTH: Final = 100
_FOLDERS: Final = {group.name: group.folder for group in GROUPS}

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Value = int | bytes
"""What stands on the wire: an unsigned number, or bytes of a string, a message or a packed list."""

_DELETE_OPTIONS: Final = ("meta/v1", "DeleteOptions")
"""Registered in every group version."""


def to_json(data: bytes) -> bytes:
    """The JSON of an object, with its kind and apiVersion. Raises DecodeError."""
    try:
        return msgspec.json.encode(_object(data))
    except (UnicodeDecodeError, OverflowError, ValueError) as error:
        raise DecodeError(f"proto: {error}") from None


def _object(data: bytes, depth: int = 0) -> dict[str, Any]:
    if not data.startswith(MAGIC):
        raise DecodeError(
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
        )
    api_version = kind = ""
    raw = b""
    for number, value in _read(data[len(MAGIC) :]):
        if number == 1:
            names = dict(_read(_bytes(value)))
            api_version = _bytes(names.get(1, b"")).decode()
            kind = _bytes(names.get(2, b"")).decode()
        elif number == 2:
            raw = _bytes(value)
    package, name = _type_of(api_version, kind)
    if not message_of(package, name):
        raise DecodeError(f'no kind "{kind}" is registered for version "{api_version}"')
    return {"kind": kind, "apiVersion": api_version, **_struct(raw, package, name, depth + 1)}


def _type_of(api_version: str, kind: str) -> tuple[str, str]:
    if kind == "DeleteOptions":
        return _DELETE_OPTIONS
    group, slash, version = api_version.partition("/")
    group, version = (group, version) if slash else ("", group)
    return (f"{_FOLDERS.get(group, group)}/{version}", kind)


def _read(data: bytes) -> Iterator[tuple[int, Value]]:
    """The fields of a message, by number, in their order. Raises DecodeError."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(wire)
        if wire == _BYTES:
            size, at = _varint(data, at)
        if size is None or number == 0:
            raise DecodeError(f"proto: illegal wireType {wire}")
        if at + size > end:
            raise DecodeError("unexpected EOF")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if at >= len(data):
            raise DecodeError("unexpected EOF")
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & (2**64 - 1), at
        shift += 7
        if shift >= 70:
            raise DecodeError("proto: integer overflow")


def _bytes(value: Value) -> bytes:
    if isinstance(value, int):
        raise DecodeError("proto: wrong wireType")
    return value


def _number(value: Value) -> int:
    """A signed number."""
    if isinstance(value, bytes):
        raise DecodeError("proto: wrong wireType")
    return value - 2**64 if value >= 2**63 else value


@cache
def _fields(package: str, name: str) -> dict[int, Field]:
    return {field.proto: field for field in message_of(package, name) if field.proto}


def _struct(data: bytes, package: str, name: str, depth: int) -> dict[str, Any]:
    """The JSON object of a message; what is inlined in Go is part of it. Unknown fields are left out, as in Go."""
    if depth > _MAX_DEPTH:
        raise DecodeError("exceeded max depth")
    fields = _fields(package, name)
    found: dict[str, Any] = {}
    for number, value in _read(data):
        field = fields.get(number)
        if field is None:
            continue
        wrappers = tuple(wrapper for wrapper in field.type.wrappers if wrapper != "*")
        if not field.json:
            found |= _struct(_bytes(value), field.type.package, field.type.name, depth + 1)
        elif wrappers[:1] == ("map",):
            entry = dict(_read(_bytes(value)))
            key = _bytes(entry.get(1, b"")).decode()
            of = entry.get(2, b"")
            found.setdefault(field.json, {})[key] = _map_value(of, wrappers[1:], field.type, depth)
        elif wrappers == ("[]",) and field.type.name != "byte":
            found.setdefault(field.json, []).extend(_elements(value, field.type, depth))
        else:
            found[field.json] = _single(value, field.type, depth)
    return found


def _map_value(value: Value, wrappers: tuple[str, ...], kind: GoType, depth: int) -> Any:
    if wrappers == ("[]",) and kind.name != "byte":
        items = (item for number, item in _read(_bytes(value)) if number == 1)
        return [_single(item, kind, depth) for item in items]
    return _single(value, kind, depth)


def _elements(value: Value, kind: GoType, depth: int) -> list[Any]:
    """One element, or a packed list of numbers."""
    if isinstance(value, bytes) and kind.name in ("int32", "int64", "int", "bool"):
        numbers: list[Any] = []
        at = 0
        while at < len(value):
            number, at = _varint(value, at)
            numbers.append(_single(number, kind, depth))
        return numbers
    return [_single(value, kind, depth)]


def _single(value: Value, kind: GoType, depth: int) -> Any:
    if kind.is_struct:
        special = _SPECIAL.get((kind.package, kind.name))
        if special is not None:
            return special(_bytes(value), depth)
        return _struct(_bytes(value), kind.package, kind.name, depth + 1)
    return _SCALARS[kind.name](value, depth)


def _time(value: Value, _: int) -> str | None:
    seconds = dict(_read(_bytes(value)))
    return from_seconds(_number(seconds.get(1, 0))) if seconds else None


def _micro_time(value: Value, _: int) -> str | None:
    parts = dict(_read(_bytes(value)))
    if not parts:
        return None
    return micro_from_seconds(_number(parts.get(1, 0)) + _number(parts.get(2, 0)) / 1e9)


def _duration(value: Value, _: int) -> str:
    return format_duration(_number(dict(_read(_bytes(value))).get(1, 0)))


def _quantity(value: Value, _: int) -> str:
    return _bytes(dict(_read(_bytes(value))).get(1, b"0")).decode() or "0"


def _int_or_string(value: Value, _: int) -> int | str:
    parts = dict(_read(_bytes(value)))
    if parts.get(1, 0) == 0:
        return _number(parts.get(2, 0))
    return _bytes(parts.get(3, b"")).decode()


def _raw(value: Value, depth: int) -> Any:
    """JSON as it is, or an object in the same envelope."""
    raw = _bytes(dict(_read(_bytes(value))).get(1, b""))
    if not raw:
        return None
    return _object(raw, depth + 1) if raw.startswith(MAGIC) else msgspec.json.decode(raw)


def _float(value: Value, _: int) -> float:
    (number,) = unpack("<d", _bytes(value))
    return float(number)


_SCALARS: Final[dict[str, Callable[[Value, int], Any]]] = {
    "string": lambda value, _: _bytes(value).decode(),
    "bool": lambda value, _: bool(_number(value)),
    "int": lambda value, _: _number(value),
    "int32": lambda value, _: _number(value),
    "int64": lambda value, _: _number(value),
    "float64": _float,
    "byte": lambda value, _: b64encode(_bytes(value)).decode(),
    "Quantity": _quantity,
    "Time": _time,
    "MicroTime": _micro_time,
    "Duration": _duration,
    "IntOrString": _int_or_string,
    "Raw": _raw,
}

_PROPS: Final = ("apiextensions/v1", "JSONSchemaProps")


def _schema(value: Value, depth: int) -> dict[str, Any]:
    return _struct(_bytes(value), *_PROPS, depth + 1)


def _first_schema(parts: list[tuple[int, Value]], depth: int) -> Any:
    return next((_schema(part, depth) for number, part in parts if number == 1), None)


def _schema_or_array(value: bytes, depth: int) -> Any:
    parts = list(_read(value))
    several = [_schema(part, depth) for number, part in parts if number == 2]
    return several or _first_schema(parts, depth)


def _schema_or_bool(value: bytes, depth: int) -> Any:
    parts = dict(_read(value))
    return _schema(parts[2], depth) if 2 in parts else bool(_number(parts.get(1, 0)))


def _schema_or_strings(value: bytes, depth: int) -> Any:
    parts = list(_read(value))
    names = [_bytes(part).decode() for number, part in parts if number == 2]
    return names or _first_schema(parts, depth)


_SPECIAL: Final[dict[tuple[str, str], Callable[[bytes, int], Any]]] = {
    ("apiextensions/v1", "JSONSchemaPropsOrArray"): _schema_or_array,
    ("apiextensions/v1", "JSONSchemaPropsOrBool"): _schema_or_bool,
    ("apiextensions/v1", "JSONSchemaPropsOrStringArray"): _schema_or_strings,
}
"""Types with a JSON form of their own."""
