"""Bytes to typed objects and back.

A sound body takes one pass of msgspec's decoder. One that fails is read again exactly (`shapes`), which tolerates null
where Go does, drops and names unknown and repeated fields, and says in Go's words what is wrong.

Sources: k8s.io/apimachinery/pkg/runtime/serializer/json, sigs.k8s.io/json; field validation: KEP-2885.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar, cast

import msgspec

from kube.apimachinery import errors, jsontext, quantity, time
from kube.apimachinery.errors import ApiError
from kube.apimachinery.gofmt import quote
from kube.apimachinery.jsontext import JsonSyntaxError, JsonTree, Pairs
from kube.apimachinery.quantity import Quantity
from kube.apimachinery.shapes import BadValueError, UntypedShape, Walk, kind_of, shape_of
from kube.apimachinery.time import Duration, MicroTime, Time

IGNORE: Final = "Ignore"
WARN: Final = "Warn"
STRICT: Final = "Strict"
FIELD_VALIDATION_MODES: Final = (IGNORE, WARN, STRICT)

T = TypeVar("T")


class DecodeError(ValueError):
    """The bytes are no object of the type; the message is that of Go's decoder."""


class Decoded(msgspec.Struct, Generic[T], frozen=True):
    """An object and what its text had too much: `unknown field "spec.x"`, `duplicate field "spec.y"`."""

    object: T
    problems: tuple[str, ...] = ()


_SCALARS: Final[dict[type, Callable[[str], str]]] = {
    Quantity: quantity.canonical,
    Time: time.canonical_time,
    MicroTime: time.canonical_micro_time,
    Duration: time.canonical_duration,
}


def dec_hook(kind: type, value: Any) -> Any:
    """Msgspec's hook for the nominal scalars, for other decoders of API types (custom resources)."""
    if type(value) is str:
        return _SCALARS[kind](value)
    if kind is Quantity:
        return Quantity(value)
    raise TypeError(f"{kind.__name__} is written as a string")


def enc_hook(value: Any) -> Any:
    """Msgspec's hook for read-only maps."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


class _Decoders(dict[type[Any], msgspec.json.Decoder[Any]]):
    """One decoder per type, made on first use."""

    def __missing__(self, kind: type[Any]) -> msgspec.json.Decoder[Any]:
        decoder = msgspec.json.Decoder(kind, dec_hook=dec_hook)
        self[kind] = decoder
        return decoder


_DECODERS: Final = _Decoders()
_ENCODER: Final = msgspec.json.Encoder(enc_hook=enc_hook, order="deterministic")

encode: Final = _ENCODER.encode
"""The JSON of an object or tree: fields in declared order, map keys sorted."""

encode_into: Final = _ENCODER.encode_into
"""`encode` into a bytearray at an offset."""

_FAILURES: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def decode(kind: type[T], data: bytes) -> T:
    """The object; unknown and repeated fields are ignored. Raises DecodeError."""
    try:
        found: T = _DECODERS[kind].decode(data)
    except _FAILURES:
        return _read_exactly(kind, data).object
    return found


def decode_strict(kind: type[T], data: bytes, mode: str = STRICT) -> Decoded[T]:
    """The object, and (unless the mode is Ignore) its unknown and repeated fields by name. Raises DecodeError.

    The caller decides what they mean: warnings in mode Warn, `strict_failure` in mode Strict.
    """
    try:
        found: T = _DECODERS[kind].decode(data)
    except _FAILURES:
        decoded = _read_exactly(kind, data)
        return Decoded(decoded.object) if mode == IGNORE else decoded
    if mode == IGNORE or not jsontext.may_repeat_keys(data):
        return Decoded(found)
    return _read_exactly(kind, data)


def _read_exactly(kind: type[T], data: bytes) -> Decoded[T]:
    walk = Walk()
    try:
        tree = jsontext.parse_exact(data)
        cleaned = shape_of(cast("Any", kind)).clean(Pairs() if tree is None else tree, walk)
        found = _DECODERS[kind].decode(encode(cleaned))
    except RecursionError:
        raise DecodeError(jsontext.MAX_DEPTH_EXCEEDED) from None
    except (JsonSyntaxError, BadValueError, msgspec.MsgspecError) as error:
        raise DecodeError(str(error)) from None
    return Decoded(found, tuple(walk.problems))


def decode_tree(data: bytes, mode: str = IGNORE) -> Decoded[JsonTree]:
    """A body as a tree, and (unless the mode is Ignore) its repeated fields by name. Raises DecodeError."""
    walk = Walk()
    try:
        tree = jsontext.parse(data)
        if mode != IGNORE and jsontext.may_repeat_keys(data):
            UntypedShape().clean(jsontext.parse_exact(data), walk)
    except JsonSyntaxError as error:
        raise DecodeError(str(error)) from None
    return Decoded(tree, tuple(walk.problems))


class TypeMeta(msgspec.Struct, frozen=True, rename={"api_version": "apiVersion"}):
    """What a body says it is; empty where it does not say."""

    api_version: str | None = ""
    kind: str | None = ""


_TYPE_META: Final = msgspec.json.Decoder(TypeMeta)


def peek(data: bytes) -> TypeMeta:
    """The apiVersion and kind of a body; the rest is only skipped. Raises DecodeError."""
    try:
        found = _TYPE_META.decode(data)
    except _FAILURES:
        found = _peek_exactly(data)
    return TypeMeta(found.api_version or "", found.kind or "")


def _peek_exactly(data: bytes) -> TypeMeta:
    try:
        tree = jsontext.parse_exact(data)
        if not isinstance(tree, Pairs):
            raise Walk().mismatch(tree, _GO_TYPE_META)
        return TypeMeta(*(_text_or_nothing(dict(tree), name) for name in ("apiVersion", "kind")))
    except (JsonSyntaxError, BadValueError) as error:
        raise DecodeError(f"couldn't get version/kind; json parse error: {error}") from None


_GO_TYPE_META: Final = (
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
)


def _text_or_nothing(tree: Mapping[str, Any], name: str) -> str:
    value = tree.get(name)
    if value is None or isinstance(value, str):
        return value or ""
    raise BadValueError(
        f"json: cannot unmarshal {kind_of(value)} into Go struct field .{name} of type string"
    )


def strict_failure(problems: tuple[str, ...]) -> str:
    """The message of a body that mode Strict refuses."""
    return f"strict decoding error: {', '.join(problems)}"


def cannot_be_handled(kind: str, version: str, as_kind: str, why: object) -> ApiError:
    """400 for a body of a known kind that does not decode; `version` is that of the group."""
    return errors.bad_request(f"{kind} in version {quote(version)} cannot be handled as a {as_kind}: {why}")


_SUMMARY: Final = 30
"""As many bytes of an unrecognized body are shown."""


def is_unrecognized(as_kind: str, why: object, data: bytes) -> ApiError:
    """400 for a body whose kind cannot be told."""
    head = data[:_SUMMARY].decode("utf-8", "replace") if data.startswith(b"{") else data[:_SUMMARY].hex()
    summary = f"{head or '<empty>'}{' ...' if len(data) > _SUMMARY else ''}"
    return errors.bad_request(
        f"the object provided is unrecognized (must be of type {as_kind}): {why} ({summary})"
    )
