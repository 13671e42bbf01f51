"""The exact reading of a body against a type: what is unknown, repeated, null or of another type.

A Shape is a type as Go's decoder sees it. `clean` turns an exact tree (`jsontext.parse_exact`) into a tree that the
type's own decoder takes as it is: unknown fields dropped and named, nulls replaced by what Go leaves there. This is the
slow path; sound bodies never come here.

Source of the behaviour and the words: Go's encoding/json, sigs.k8s.io/json (strict decoding).
"""

from __future__ import annotations

import base64
import binascii
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import msgspec

from kube.apimachinery.jsontext import Number, Pairs, plain
from kube.apimachinery.quantity import Quantity
from kube.apimachinery.time import Duration, MicroTime, Time

MAX_PROBLEMS: Final = 100
"""As many unknown and repeated fields are named."""


class BadValueError(ValueError):
    """A value that its field cannot hold; the message is that of Go's decoder."""


class Walk:
    """Where the reading is, and what it has found."""

    __slots__ = ("_go_field", "_go_struct", "_path", "problems")

    def __init__(self) -> None:
        self.problems: dict[str, None] = {}
        self._path: list[str] = []
        self._go_field: list[str] = []
        self._go_struct: list[str] = []

    def report(self, what: str, name: str) -> None:
        """`what` is `unknown` or `duplicate`; `name` the field's, below the current place."""
        if len(self.problems) < MAX_PROBLEMS:
            path = "".join((*self._path, f".{name}")).removeprefix(".")
            self.problems[f'{what} field "{path}"'] = None

    def clean_field(self, struct: str, name: str, shape: Shape, value: Any) -> Any:
        self._go_struct.append(struct)
        self._go_field.append(name)
        cleaned = self.clean_key(name, shape, value)
        self._go_field.pop()
        self._go_struct.pop()
        return cleaned

    def clean_key(self, key: str, shape: Shape, value: Any) -> Any:
        return self._clean_at(f".{key}", shape, value)

    def clean_element(self, index: int, shape: Shape, value: Any) -> Any:
        return self._clean_at(f"[{index}]", shape, value)

    def _clean_at(self, segment: str, shape: Shape, value: Any) -> Any:
        self._path.append(segment)
        cleaned = shape.clean(value, self)
        self._path.pop()
        return cleaned

    def mismatch(self, value: Any, go_type: str, *, literal: bool = False) -> BadValueError:
        """`literal` names a number itself: it is a number, but not one that the type holds."""
        held = kind_of(value)
        if literal and held == "number":
            held = f"number {bytes(value).decode() if isinstance(value, Number) else value}"
        if not self._go_struct:
            return BadValueError(f"json: cannot unmarshal {held} into Go value of type {go_type}")
        field = f"{self._go_struct[-1]}.{'.'.join(self._go_field)}"
        return BadValueError(f"json: cannot unmarshal {held} into Go struct field {field} of type {go_type}")


def kind_of(value: Any) -> str:
    """What Go calls the kind of a JSON value."""
    match value:
        case str():
            return "string"
        case bool():
            return "bool"
        case None:
            return "null"
        case Pairs():
            return "object"
        case list():
            return "array"
        case _:
            return "number"


class Shape(ABC):
    """A type: its Go name, its zero, and how a value of it is read."""

    go: str = "interface {}"

    def zero(self) -> Any:
        """What Go leaves where a list or a map holds null."""
        return None

    @abstractmethod
    def clean(self, value: Any, walk: Walk) -> Any:
        """The value as the type's decoder takes it. Raises BadValueError."""

    def takes(self, kind: str) -> bool:
        """Whether this member of a union is meant for values of a JSON kind."""
        return kind == self.go


class AnyShape(Shape):
    """RawExtension, JSON and the like: whatever it is, it stays."""

    def clean(self, value: Any, walk: Walk) -> Any:  # noqa: ARG002  # the interface
        return _verbatim(value)


def _verbatim(value: Any) -> Any:
    """An exact tree as an ordinary one whose numbers keep their spelling."""
    if isinstance(value, Pairs):
        return {key: _verbatim(item) for key, item in value}
    return [_verbatim(item) for item in value] if isinstance(value, list) else value


class UntypedShape(Shape):
    """A body without a type: only repeated keys are named."""

    def clean(self, value: Any, walk: Walk) -> Any:
        if isinstance(value, Pairs):
            return MapShape(self).clean(value, walk)
        return ListShape(self).clean(value, walk) if isinstance(value, list) else value


class StringShape(Shape):
    go = "string"

    def zero(self) -> Any:
        return ""

    def clean(self, value: Any, walk: Walk) -> Any:
        if isinstance(value, str):
            return value
        raise walk.mismatch(value, self.go)


class BoolShape(Shape):
    go = "bool"

    def zero(self) -> Any:
        return False

    def clean(self, value: Any, walk: Walk) -> Any:
        if isinstance(value, bool):
            return value
        raise walk.mismatch(value, self.go)


class IntShape(Shape):
    def __init__(self, bits: int) -> None:
        self.go = f"int{bits}"
        self._limit = 1 << (bits - 1)

    def zero(self) -> Any:
        return 0

    def clean(self, value: Any, walk: Walk) -> Any:
        if type(value) is int and -self._limit <= value < self._limit:
            return value
        raise walk.mismatch(value, self.go, literal=True)

    def takes(self, kind: str) -> bool:
        return kind == "number"


class FloatShape(Shape):
    go = "float64"

    def zero(self) -> Any:
        return 0

    def clean(self, value: Any, walk: Walk) -> Any:
        if type(value) is int or isinstance(value, Number):
            return value
        raise walk.mismatch(value, self.go)


class BytesShape(Shape):
    go = "[]uint8"

    def zero(self) -> Any:
        return ""

    def clean(self, value: Any, walk: Walk) -> Any:
        if not isinstance(value, str):
            raise walk.mismatch(value, self.go)
        text = value.replace("\r", "").replace("\n", "")
        try:
            base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise BadValueError(f"illegal base64 data at input byte {_illegal_byte(text)}") from None
        return text


_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*", re.ASCII)


def _illegal_byte(text: str) -> int:
    """Where Go stops: a foreign byte, padding out of place, or the start of a group that is cut short."""
    end = len(_BASE64.match(text)[0])  # type: ignore[index]  # the pattern matches nothing too
    padding = text[end : end + 2]
    if not padding:
        return end // 4 * 4
    if padding[0] != "=" or end % 4 < 2:
        return end
    if end % 4 == 3:
        return end + 1
    return end + len(padding) if padding in ("=", "==") else end + 1


class QuantityShape(Shape):
    go = "resource.Quantity"

    def zero(self) -> Any:
        return "0"

    def clean(self, value: Any, walk: Walk) -> Any:  # noqa: ARG002  # the interface
        value = plain(value)
        return _checked(Quantity, value if isinstance(value, str | int | float) else "{}")


class TimeShape(Shape):
    """Time, MicroTime or Duration."""

    def __init__(self, kind: type[str]) -> None:
        self._kind = kind
        self.go = f"v1.{kind.__name__}"

    def clean(self, value: Any, walk: Walk) -> Any:
        if isinstance(value, str):
            return _checked(self._kind, value)
        raise walk.mismatch(value, "string")


def _checked(kind: type[str], value: Any) -> str:
    try:
        return kind(value)
    except ValueError as error:
        raise BadValueError(str(error)) from None


class IntOrStringShape(Shape):
    go = "intstr.IntOrString"

    def zero(self) -> Any:
        return 0

    def clean(self, value: Any, walk: Walk) -> Any:
        return value if isinstance(value, str) else _INT32.clean(value, walk)


class UnionShape(Shape):
    """One of several types, told apart by the kind of the JSON value."""

    def __init__(self, members: tuple[Shape, ...]) -> None:
        self._members = members
        self.go = members[0].go

    def clean(self, value: Any, walk: Walk) -> Any:
        kind = kind_of(value)
        shape = next((member for member in self._members if member.takes(kind)), self._members[0])
        return shape.clean(value, walk)


class ListShape(Shape):
    def __init__(self, item: Shape) -> None:
        self._item = item
        self.go = f"[]{item.go}"

    def zero(self) -> Any:
        return []

    def clean(self, value: Any, walk: Walk) -> Any:
        if not isinstance(value, list) or isinstance(value, Pairs):
            raise walk.mismatch(value, self.go)
        item = self._item
        return [
            item.zero() if each is None else walk.clean_element(index, item, each)
            for index, each in enumerate(value)
        ]

    def takes(self, kind: str) -> bool:
        return kind == "array"


class MapShape(Shape):
    def __init__(self, item: Shape) -> None:
        self._item = item
        self.go = f"map[string]{item.go}"

    def zero(self) -> Any:
        return {}

    def clean(self, value: Any, walk: Walk) -> Any:
        if not isinstance(value, Pairs):
            raise walk.mismatch(value, self.go)
        item = self._item
        cleaned: dict[str, Any] = {}
        for key, each in value:
            if key in cleaned:
                walk.report("duplicate", key)
            cleaned[key] = item.zero() if each is None else walk.clean_key(key, item, each)
        return cleaned

    def takes(self, kind: str) -> bool:
        return kind == "object"


class StructShape(Shape):
    """A Struct; its fields are looked at on first use, for types refer to each other."""

    def __init__(self, kind: type[msgspec.Struct]) -> None:
        self._struct = kind
        self._fields: dict[str, Shape] | None = None
        version = kind.__module__.rpartition(".")[2].rpartition("_")[2]
        self.go = f"{version}.{kind.__name__}"

    @property
    def fields(self) -> dict[str, Shape]:
        if self._fields is None:
            self._fields = {
                field.encode_name: shape_of(field.type) for field in msgspec.structs.fields(self._struct)
            }
        return self._fields

    def zero(self) -> Any:
        return {}

    def clean(self, value: Any, walk: Walk) -> Any:
        if not isinstance(value, Pairs):
            raise walk.mismatch(value, self.go)
        fields = self.fields
        cleaned: dict[str, Any] = {}
        seen: set[str] = set()
        for name, each in value:
            if (shape := fields.get(name)) is None:
                walk.report("unknown", name)
                continue
            if name in seen:
                walk.report("duplicate", name)
            seen.add(name)
            if each is not None:
                cleaned[name] = walk.clean_field(self._struct.__name__, name, shape, each)
        return cleaned

    def takes(self, kind: str) -> bool:
        return kind == "object"


_INT32: Final = IntShape(32)
_SCALARS: Final[dict[Any, Shape]] = {
    str: StringShape(),
    bool: BoolShape(),
    int: IntShape(64),
    float: FloatShape(),
    bytes: BytesShape(),
    Any: AnyShape(),
    msgspec.Raw: AnyShape(),
    Quantity: QuantityShape(),
    Time: TimeShape(Time),
    MicroTime: TimeShape(MicroTime),
    Duration: TimeShape(Duration),
    int | str: IntOrStringShape(),
    str | int: IntOrStringShape(),
}


@cache
def shape_of(annotation: Any) -> Shape:
    """The shape of a Struct or of the annotation of one of its fields."""
    if (scalar := _SCALARS.get(annotation)) is not None:
        return scalar
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return StructShape(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _int_shape(annotation) if arguments[0] is int else shape_of(arguments[0])
    if origin in (Union, UnionType):
        return _union_shape(tuple(member for member in arguments if member is not NoneType))
    if origin in (tuple, list):
        return ListShape(shape_of(arguments[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return MapShape(shape_of(arguments[1]))
    raise TypeError(f"no JSON shape for {annotation!r}")


def _int_shape(annotation: Any) -> Shape:
    bounds = [meta.le for meta in annotation.__metadata__ if isinstance(meta, msgspec.Meta)]
    return _INT32 if bounds == [2**31 - 1] else _SCALARS[int]


def _union_shape(members: tuple[Any, ...]) -> Shape:
    if len(members) == 1:
        return shape_of(members[0])
    if set(members) == {int, str}:
        return _SCALARS[int | str]
    return UnionShape(tuple(map(shape_of, members)))
