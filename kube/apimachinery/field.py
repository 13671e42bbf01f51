"""What validation says of a field: where it is, what is wrong, in upstream's words.

Source: k8s.io/apimachinery/pkg/util/validation/field. A validator returns a list of FieldErrors; nothing is raised.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any, Final

import msgspec

from kube.apimachinery.gofmt import quote


class Path(msgspec.Struct, frozen=True):
    """A place in an object: `Path("spec").child("containers").index(0).child("image")`.

    Validation of a sound object makes many and prints none, so a path is only a link to its parent until it is printed.
    ``Path("")`` is the object as a whole, printed as `[]`.
    """

    name: str | int | tuple[str]
    parent: Path | None = None

    def child(self, name: str, *more: str) -> Path:
        path = Path(name, self)
        for segment in more:
            path = Path(segment, path)
        return path

    def index(self, index: int) -> Path:
        """An element of a list: `[0]`."""
        return Path(index, self)

    def key(self, key: str) -> Path:
        """An entry of a map: `[app]`."""
        return Path((key,), self)

    def __str__(self) -> str:
        segments: list[str] = []
        path: Path | None = self
        while path is not None:
            name = path.name
            if type(name) is str and name:
                segments.append(f".{name}" if path.parent is not None else name)
            else:
                segments.append(f"[{name[0] if isinstance(name, tuple) else name}]")
            path = path.parent
        return "".join(reversed(segments))


class FieldErrorType(Enum):
    """The machine-readable reason of a status cause; `label` is its text for people."""

    NOT_FOUND = "FieldValueNotFound"
    REQUIRED = "FieldValueRequired"
    DUPLICATE = "FieldValueDuplicate"
    INVALID = "FieldValueInvalid"
    NOT_SUPPORTED = "FieldValueNotSupported"
    FORBIDDEN = "FieldValueForbidden"
    TOO_LONG = "FieldValueTooLong"
    TOO_SHORT = "FieldValueTooShort"
    TOO_MANY = "FieldValueTooMany"
    TOO_FEW = "FieldValueTooFew"
    INTERNAL = "InternalError"
    TYPE_INVALID = "FieldValueTypeInvalid"


_LABELS: Final = {
    FieldErrorType.NOT_FOUND: "Not found",
    FieldErrorType.REQUIRED: "Required value",
    FieldErrorType.DUPLICATE: "Duplicate value",
    FieldErrorType.INVALID: "Invalid value",
    FieldErrorType.NOT_SUPPORTED: "Unsupported value",
    FieldErrorType.FORBIDDEN: "Forbidden",
    FieldErrorType.TOO_LONG: "Too long",
    FieldErrorType.TOO_SHORT: "Too short",
    FieldErrorType.TOO_MANY: "Too many",
    FieldErrorType.TOO_FEW: "Too few",
    FieldErrorType.INTERNAL: "Internal error",
    FieldErrorType.TYPE_INVALID: "Invalid value",
}
_WITHOUT_VALUE: Final = frozenset(
    {
        FieldErrorType.REQUIRED,
        FieldErrorType.FORBIDDEN,
        FieldErrorType.TOO_LONG,
        FieldErrorType.TOO_SHORT,
        FieldErrorType.INTERNAL,
    }
)


class _Omitted(Enum):
    VALUE = "<value omitted>"


OMITTED: Final = _Omitted.VALUE
"""A bad value that is left out of the message."""


class FieldError(msgspec.Struct, frozen=True):
    """One fault of one field. `str()` is `field: body`."""

    type: FieldErrorType
    field: str
    bad_value: Any = ""
    detail: str = ""

    @property
    def body(self) -> str:
        """The message without the field: `Invalid value: "x": must be ...`."""
        text = _LABELS[self.type]
        if self.type not in _WITHOUT_VALUE and self.bad_value is not OMITTED:
            text = f"{text}: {_printed(self.bad_value)}"
        return f"{text}: {self.detail}" if self.detail else text

    def __str__(self) -> str:
        return f"{self.field}: {self.body}"


_HTML: Final = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def _printed(value: object) -> str:
    if value is None:  # upstream quotes the word for a nil pointer
        return '"null"'
    if value == ():  # and not for a nil slice, which is what an empty one is here
        return "null"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return msgspec.json.encode(value, order="deterministic").decode().translate(_HTML)


def required(path: Path, detail: str = "") -> FieldError:
    return FieldError(FieldErrorType.REQUIRED, str(path), "", detail)


def invalid(path: Path, value: object, detail: str) -> FieldError:
    return FieldError(FieldErrorType.INVALID, str(path), value, detail)


def type_invalid(path: Path, value: object, detail: str) -> FieldError:
    return FieldError(FieldErrorType.TYPE_INVALID, str(path), value, detail)


def not_supported(path: Path, value: object, supported: Iterable[str]) -> FieldError:
    """`supported` is listed in the order given."""
    values = ", ".join(map(quote, supported))
    return FieldError(
        FieldErrorType.NOT_SUPPORTED, str(path), value, f"supported values: {values}" if values else ""
    )


def duplicate(path: Path, value: object) -> FieldError:
    return FieldError(FieldErrorType.DUPLICATE, str(path), value)


def not_found(path: Path, value: object) -> FieldError:
    return FieldError(FieldErrorType.NOT_FOUND, str(path), value)


def forbidden(path: Path, detail: str) -> FieldError:
    return FieldError(FieldErrorType.FORBIDDEN, str(path), "", detail)


def internal_error(path: Path, error: Exception) -> FieldError:
    return FieldError(FieldErrorType.INTERNAL, str(path), OMITTED, str(error))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def too_long(path: Path, max_bytes: int) -> FieldError:
    """The value has more bytes of UTF-8 than `max_bytes` (negative: unsaid). The value itself is not printed."""
    detail = f"may not be more than {_counted(max_bytes, 'byte')}" if max_bytes >= 0 else "value is too long"
    return FieldError(FieldErrorType.TOO_LONG, str(path), OMITTED, detail)


def too_long_characters(path: Path, max_characters: int) -> FieldError:
    detail = (
        f"may not be more than {_counted(max_characters, 'character')}"
        if max_characters >= 0
        else "value is too long"
    )
    return FieldError(FieldErrorType.TOO_LONG, str(path), OMITTED, detail)


def too_short(path: Path, value: str, min_characters: int) -> FieldError:
    detail = (
        f"must be at least {_counted(min_characters, 'character')}"
        if min_characters >= 0
        else "value is too short"
    )
    return FieldError(FieldErrorType.TOO_SHORT, str(path), value, detail)


def too_many(path: Path, actual: int, most: int) -> FieldError:
    """A negative number is left unsaid."""
    detail = f"must have at most {_counted(most, 'item')}" if most >= 0 else "has too many items"
    return FieldError(FieldErrorType.TOO_MANY, str(path), actual if actual >= 0 else OMITTED, detail)


def too_few(path: Path, actual: int, least: int) -> FieldError:
    detail = f"must have at least {_counted(least, 'item')}" if least >= 0 else "has too few items"
    return FieldError(FieldErrorType.TOO_FEW, str(path), actual, detail)


def aggregate(messages: Iterable[object]) -> str:
    """Several messages as one: each once, in order, `[a, b]` when there is more than one."""
    distinct = list(dict.fromkeys(map(str, messages)))
    return f"[{', '.join(distinct)}]" if len(distinct) > 1 else "".join(distinct)


def invalid_each(path: Path, value: object, complaints: Iterable[str]) -> list[FieldError]:
    """One Invalid per complaint of a name check (`names`)."""
    return [invalid(path, value, complaint) for complaint in complaints]
