"""How two values of an API type differ, for the messages about immutable specs.

Upstream prints go-cmp's report, which is not stable even between runs; this has its look: ``-`` before what was,
``+`` before what is to be, and a count in place of what is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from kube.apimachinery.gofmt import quote


def diff(old: Any, new: Any) -> str:
    """The lines of difference, each with its sign; "" when the values are equal."""
    return "" if old == new else "".join(f"{line}\n" for line in _lines("", old, new, 0, ","))


def _lines(label: str, old: Any, new: Any, depth: int, end: str) -> Iterable[str]:
    pad = "\t" * depth
    tail = end if depth else ""
    if isinstance(old, Struct) and type(old) is type(new):
        yield f"  {pad}{label}core.{type(old).__name__}{{"
        yield from _members(_fields(old), _fields(new), depth + 1, "fields")
        yield f"  {pad}}}{tail}"
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        yield f"  {pad}{label}{{"
        before = {f"{quote(str(key))}: ": value for key, value in old.items()}
        after = {f"{quote(str(key))}: ": value for key, value in new.items()}
        yield from _members(before, after, depth + 1, "entries")
        yield f"  {pad}}}{tail}"
    elif isinstance(old, tuple) and isinstance(new, tuple):
        yield f"  {pad}{label}{{"
        yield from _members(_elements(old, new), _elements(new, old), depth + 1, "elements")
        yield f"  {pad}}}{tail}"
    else:
        yield f"- {pad}{label}{_printed(old)}{tail}"
        yield f"+ {pad}{label}{_printed(new)}{tail}"


def _fields(value: Struct) -> dict[str, Any]:
    return {
        f"{field.encode_name[:1].upper()}{field.encode_name[1:]}: ": getattr(value, field.name)
        for field in msgspec.structs.fields(value)
    }


def _elements(values: tuple[Any, ...], others: tuple[Any, ...]) -> dict[str, Any]:
    """The elements by position, or each by itself where the lists differ in length."""
    if len(values) == len(others):
        return {"\x00" * i: value for i, value in enumerate(values)}
    return {f"\x00{_printed(value)}": value for value in values}


def _members(old: Mapping[str, Any], new: Mapping[str, Any], depth: int, noun: str) -> Iterable[str]:
    same = 0
    pad = "\t" * depth
    for label in (*old, *(label for label in new if label not in old)):
        if label in old and label in new and old[label] == new[label]:
            same += 1
            continue
        if same:
            yield _identical(pad, same, noun)
            same = 0
        shown = label.lstrip("\x00") if noun != "elements" else ""
        if label not in new:
            yield f"- {pad}{shown}{_printed(old[label])},"
        elif label not in old:
            yield f"+ {pad}{shown}{_printed(new[label])},"
        else:
            yield from _lines(shown, old[label], new[label], depth, ",")
    if same:
        yield _identical(pad, same, noun)


def _identical(pad: str, count: int, noun: str) -> str:
    singular = {"fields": "field", "entries": "entry", "elements": "element"}[noun]
    return f"  {pad}... // {count} identical {singular if count == 1 else noun}"


def _printed(value: Any) -> str:
    match value:
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case str():
            return quote(value)
        case Struct():
            shown = (
                f"{label}{_printed(each)}"
                for label, each in _fields(value).items()
                if each not in (None, "", (), 0, {})
            )
            return f"{{{', '.join(shown)}}}"
        case Mapping():
            return f"{{{', '.join(f'{quote(str(key))}: {_printed(each)}' for key, each in value.items())}}}"
        case tuple():
            return f"{{{', '.join(map(_printed, value))}}}"
    return str(value)
