"""The values that field selectors compare, read from Structs and from untyped bodies alike."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from msgspec import Struct


class SelectableField(Struct, frozen=True):
    """A label of field selectors, and the JSON paths where its value may be, the first that is set wins."""

    label: str
    paths: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        return self.paths or (self.label,)


@cache
def _attributes(cls: type[Struct]) -> Mapping[str, str]:
    return dict(zip(cls.__struct_encode_fields__, cls.__struct_fields__, strict=True))


@cache
def _steps(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def value_at(obj: Any, path: str) -> Any:
    """What is at a dotted JSON path of wire names; None where a step is missing or null."""
    for step in _steps(path):
        if isinstance(obj, Mapping):
            obj = obj.get(step)
        elif isinstance(obj, Struct):
            attribute = _attributes(type(obj)).get(step)
            obj = getattr(obj, attribute) if attribute else None
        else:
            return None
    return obj


def field_text(value: Any) -> str:
    """A value as field selectors write it: ``true``, ``3``, the text itself; empty for what is absent."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def field_value(field: SelectableField, obj: Any) -> str:
    """The value of one label."""
    text = ""
    for path in field.sources:
        text = field_text(value_at(obj, path))
        if text:
            break
    return text


def field_set(fields: tuple[SelectableField, ...], obj: Any) -> dict[str, str]:
    """The values of all labels, the two of every object first."""
    values = {"metadata.name": obj.metadata.name, "metadata.namespace": obj.metadata.namespace}
    for field in fields:
        values[field.label] = field_value(field, obj)
    return values
