"""Field selectors: `metadata.name=x,status.phase!=Running`.

Semantics: k8s.io/apimachinery/pkg/fields. Which fields a resource can be selected by is its own table's business:
`Selector.transform` lets that table check and rename them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Final

import msgspec


class FieldSelectorError(ValueError):
    """The selector is malformed; the message is upstream's."""


FieldGetter = Callable[[str], str]
"""Reads an object's selectable field by name; the empty string where it is absent."""

Transform = Callable[[str, str], tuple[str, str]]
"""Turns a field and a value into the field and the value to compare, or raises."""


class FieldRequirement(msgspec.Struct, frozen=True):
    """`field=value`, or `field!=value` when not `equal`."""

    field: str
    equal: bool
    value: str

    def __str__(self) -> str:
        return f"{self.field}{'=' if self.equal else '!='}{escape_value(self.value)}"


class Selector(msgspec.Struct, frozen=True):
    """All of its requirements must match; with none it matches everything. `str()` is the canonical text."""

    requirements: tuple[FieldRequirement, ...] = ()

    def matches(self, get: FieldGetter) -> bool:
        return all((get(term.field) == term.value) is term.equal for term in self.requirements)

    def matches_map(self, fields: Mapping[str, str]) -> bool:
        """Against fields by name; one that is absent is the empty string."""
        return self.matches(lambda field: fields.get(field, ""))

    @property
    def empty(self) -> bool:
        return not self.requirements

    def requires_exact_match(self, field: str) -> str | None:
        """The one value that the field must have, if the selector asks for one."""
        for term in self.requirements:
            if term.equal and term.field == field:
                return term.value
        return None

    def transform(self, function: Transform) -> Selector:
        """The selector with every field and value put through `function`."""
        terms: list[FieldRequirement] = []
        for term in self.requirements:
            field, value = function(term.field, term.value)
            terms.append(FieldRequirement(field, term.equal, value))
        return Selector(tuple(terms))

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))


EVERYTHING: Final = Selector()


def from_set(fields: Mapping[str, str]) -> Selector:
    return Selector(tuple(FieldRequirement(field, True, value) for field, value in fields.items()))


def one_term_equal(field: str, value: str) -> Selector:
    return Selector((FieldRequirement(field, True, value),))


def combine(selectors: Iterable[Selector]) -> Selector:
    """Matches what all of them match."""
    return Selector(tuple(term for selector in selectors for term in selector.requirements))


@lru_cache(4096)
def parse(text: str) -> Selector:
    """From text; terms are sorted, empty ones dropped. Raises FieldSelectorError."""
    terms: list[FieldRequirement] = []
    for part in sorted(_TERM.findall(text)):
        if not part:
            continue
        match = _OPERATOR.search(part)
        if match is None:
            raise FieldSelectorError(f"invalid selector: '{text}'; can't understand '{part}'")
        value = unescape_value(part[match.end() :])
        terms.append(FieldRequirement(part[: match.start()], match[0] != "!=", value))
    return Selector(tuple(terms)) if terms else EVERYTHING


_TERM: Final = re.compile(r"(?:[^,\\]|\\.|\\\Z)+", re.DOTALL)
_OPERATOR: Final = re.compile("!=|==|=")
_ESCAPED: Final = str.maketrans({"\\": "\\\\", ",": "\\,", "=": "\\="})


def escape_value(value: str) -> str:
    """The value as it stands in a selector: backslash, comma and equals sign behind a backslash."""
    return value.translate(_ESCAPED)


def unescape_value(text: str) -> str:
    """Undoes `escape_value`. Raises FieldSelectorError."""
    if "\\" not in text and "," not in text and "=" not in text:
        return text
    value: list[str] = []
    rest = iter(text)
    for char in rest:
        if char in ",=":
            raise FieldSelectorError(f"invalid field selector: unescaped character in value: {ord(char)}")
        if char != "\\":
            value.append(char)
            continue
        escaped = next(rest, "")
        if not escaped or escaped not in "\\,=":
            raise FieldSelectorError(f"invalid field selector: invalid escape sequence: \\{escaped}")
        value.append(escaped)
    return "".join(value)
