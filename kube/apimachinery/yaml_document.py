"""One YAML document to its JSON: the work behind `kube.apimachinery.yaml`.

The rules are YAML 1.1 as go-yaml v2 reads it: `yes` and `on` are booleans, `010` is eight, dates and `12:30` stay
strings. The document is built from the parser's events on a stack of its own: composing nodes recurses in C without a
bound. Anchors may be used within a budget.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import yaml

from kube.apimachinery.gofmt import plain, quote
from kube.apimachinery.yaml import YamlError

MAX_DEPTH: Final = 500
"""Nesting of a document; every JSON reader takes as much."""

MAX_ALIASED_NODES: Final = 10_000
"""As many nodes may be reached through aliases."""

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def convert(data: bytes, repeated: list[str] | None = None) -> bytes:
    """As `kube.apimachinery.yaml.yaml_to_json`."""
    builder = _Builder()
    try:
        for event in _events(data):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise YamlError(f"yaml: {where}{error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        raise YamlError(f"yaml: {error.reason}") from None
    if builder.repeated and repeated is not None:
        repeated.append("\n  ".join(("yaml: unmarshal errors:", *builder.repeated)))
    return msgspec.json.encode(builder.document)


def _events(data: bytes) -> Iterator[yaml.Event]:
    yield from yaml.parse(data, Loader=_LOADER)


_MERGE: Final = object()
"""The key of an entry that merges a map into the one around it."""

_NO_KEY: Final = object()


class _Frame:
    """A collection that is being built; `size` counts the nodes in it."""

    __slots__ = ("anchor", "items", "key", "line", "merged", "size")

    def __init__(self, items: dict[str, Any] | list[Any], anchor: str | None) -> None:
        self.items = items
        self.anchor = anchor
        self.key: Any = _NO_KEY
        self.line = 0
        self.merged: set[str] = set()
        self.size = 1


class _Builder:
    """Takes the events of a stream and makes its document."""

    def __init__(self) -> None:
        self.document: Any = None
        self.repeated: list[str] = []
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._documents = 0
        self._aliased = 0

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self._add(_scalar(event), event.anchor, 1, event)
            case yaml.MappingStartEvent():
                self._open({}, event)
            case yaml.SequenceStartEvent():
                self._open([], event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                frame = self._stack.pop()
                self._add(frame.items, frame.anchor, frame.size, event)
            case yaml.AliasEvent():
                self._add_alias(event)
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise YamlError(
                        "yaml: expected a single document in the stream, but found another document"
                    )

    def _open(self, items: dict[str, Any] | list[Any], event: Any) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise YamlError(f"yaml: exceeded max depth of {MAX_DEPTH}")
        if event.anchor is not None:
            self._anchors.pop(event.anchor, None)
        self._stack.append(_Frame(items, event.anchor))

    def _add_alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            if any(frame.anchor == event.anchor for frame in self._stack):
                raise YamlError(f"yaml: anchor '{event.anchor}' value contains itself")
            raise YamlError(f"yaml: unknown anchor '{event.anchor}' referenced")
        value, size = self._anchors[event.anchor]
        self._aliased += size
        if self._aliased > MAX_ALIASED_NODES:
            raise YamlError("yaml: document contains excessive aliasing")
        self._add(value, None, size, event)

    def _add(self, value: Any, anchor: str | None, size: int, event: yaml.Event) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, size)
        if not self._stack:
            self.document = None if value is _MERGE else value
            return
        frame = self._stack[-1]
        frame.size += size
        if isinstance(frame.items, list):
            frame.items.append("<<" if value is _MERGE else value)
        elif frame.key is _NO_KEY:
            frame.key = value if value is _MERGE else _key(value)
            frame.line = event.start_mark.line + 1 if event.start_mark else 0
        else:
            self._set(frame, frame.items, "<<" if value is _MERGE else value)
            frame.key = _NO_KEY

    def _set(self, frame: _Frame, items: dict[str, Any], value: Any) -> None:
        if frame.key is _MERGE:
            for merged in reversed(value if isinstance(value, list) else [value]):
                if not isinstance(merged, dict):
                    raise YamlError("yaml: map merge requires map or sequence of maps as the value")
                items.update(merged)
                frame.merged.update(merged)
            return
        if frame.key in items and frame.key not in frame.merged:
            self.repeated.append(f"line {frame.line}: key {quote(frame.key)} already set in map")
        items[frame.key] = value
        frame.merged.discard(frame.key)


def _key(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return plain(value)
    raise YamlError(f"yaml: invalid map key: {plain(value)}")


_TAG: Final = "tag:yaml.org,2002:"
_WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    "<<": _MERGE,
}
_INTEGER: Final = re.compile(
    r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))", re.ASCII
)
_BASES: Final = (16, 2, 8, 10)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_FIRST: Final = frozenset("+-0123456789.")
_LONGEST_NUMBER: Final = 400


def _scalar(event: yaml.ScalarEvent) -> Any:
    text, tag = event.value, (event.tag or "").removeprefix(_TAG)
    if tag == "binary":
        return _binary(text)
    if tag in ("", "!") and event.implicit[0]:
        value = _resolved(text)
    elif tag in ("int", "float", "bool", "null"):
        value = _tagged(text, tag)
    else:
        return text
    return _json_number(value) if isinstance(value, float) else value


def _resolved(text: str) -> Any:
    """The value of a plain scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _FIRST or len(text) > _LONGEST_NUMBER:
        return text
    digits = text.replace("_", "") if text[0] != "." else text
    if match := _INTEGER.fullmatch(digits):
        sign, *bases = match.groups()
        number = next(int(part, base) for part, base in zip(bases, _BASES, strict=True) if part)
        return -number if sign == "-" else number
    return float(digits) if _FLOAT.fullmatch(digits) else text


def _tagged(text: str, tag: str) -> Any:
    value = _resolved(text)
    if tag == "float" and type(value) is int:
        return float(value)
    kinds = {"int": int, "float": float, "bool": bool, "null": type(None)}
    if type(value) is kinds[tag]:
        return value
    found = next((name for name, kind in kinds.items() if type(value) is kind), "str")
    raise YamlError(f"yaml: cannot decode !!{found} `{text}` as a !!{tag}")


def _binary(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("utf-8", "replace")
    except binascii.Error:
        raise YamlError("yaml: !!binary value contains invalid base64 data") from None


_NOT_FINITE: Final = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}


def _json_number(value: float) -> int | float:
    """As Go writes a float: without a fraction where there is none."""
    if not math.isfinite(value):
        raise YamlError(f"json: unsupported value: {_NOT_FINITE[str(value)]}")
    return int(value) if value.is_integer() and abs(value) < 1e21 else value
