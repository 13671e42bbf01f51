"""Label selectors: parsed from text, from a LabelSelector or from a map, and matched against labels.

Grammar, errors and canonical form: k8s.io/apimachinery/pkg/labels; LabelSelector: meta/v1 `LabelSelectorAsSelector`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

import msgspec

from kube.apimachinery import field, names
from kube.apimachinery.field import FieldError, Path
from kube.apimachinery.meta.v1 import LabelSelector

IN: Final = "in"
NOT_IN: Final = "notin"
EQUALS: Final = "="
DOUBLE_EQUALS: Final = "=="
NOT_EQUALS: Final = "!="
EXISTS: Final = "exists"
DOES_NOT_EXIST: Final = "!"
GREATER_THAN: Final = "gt"
LESS_THAN: Final = "lt"

_BINARY: Final = (IN, NOT_IN, EQUALS, DOUBLE_EQUALS, NOT_EQUALS, GREATER_THAN, LESS_THAN)
_OPERATORS: Final = (*_BINARY, EXISTS, DOES_NOT_EXIST)
_ONE_OF: Final = frozenset((IN, EQUALS, DOUBLE_EQUALS))
_NONE_OF: Final = frozenset((NOT_IN, NOT_EQUALS))
_PRINTED: Final = {EQUALS: "=", DOUBLE_EQUALS: "==", NOT_EQUALS: "!=", GREATER_THAN: ">", LESS_THAN: "<"}

Labels = Mapping[str, str]


class SelectorError(ValueError):
    """The selector is malformed; the message is upstream's."""


class Requirement(msgspec.Struct, frozen=True):
    """One term: a key, an operator of this module, and as many values as it takes. See `requirement`."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Labels) -> bool:
        operator = self.operator
        held = labels.get(self.key)
        if operator in _ONE_OF:
            return held is not None and held in self.values
        if operator in _NONE_OF:
            return held is None or held not in self.values
        if operator == EXISTS:
            return held is not None
        if operator == DOES_NOT_EXIST:
            return held is None
        number, bound = _integer(held), _integer(self.values[0])
        if number is None or bound is None:
            return False
        return number > bound if operator == GREATER_THAN else number < bound

    def __str__(self) -> str:
        if self.operator == EXISTS:
            return self.key
        if self.operator == DOES_NOT_EXIST:
            return f"!{self.key}"
        values = ",".join(sorted(self.values))
        if self.operator in _PRINTED:
            return f"{self.key}{_PRINTED[self.operator]}{values}"
        return f"{self.key} {self.operator} ({values})"


_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,25}", re.ASCII)


def _integer(text: str | None) -> int | None:
    """The 64-bit integer that the text is, or None."""
    if text is None or not _INTEGER.fullmatch(text):
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


def requirement(key: str, operator: str, values: Iterable[str] = (), path: Path | None = None) -> Requirement:
    """A checked Requirement. Raises SelectorError; `path` is where the term stands, for the message."""
    made = Requirement(key, operator, tuple(values))
    if errors := _faults(made, path):
        raise SelectorError(field.aggregate(errors))
    return made


def _at(path: Path | None, name: str) -> Path:
    return path.child(name) if path is not None else Path(name)


def _faults(term: Requirement, path: Path | None) -> list[FieldError]:
    errors: list[FieldError] = []
    values, operator = term.values, term.operator
    if complaints := names.label_key(term.key):
        errors.append(field.invalid(_at(path, "key"), term.key, "; ".join(complaints)))
    at = _at(path, "values")
    if operator not in _OPERATORS:
        errors.append(field.not_supported(_at(path, "operator"), operator, _OPERATORS))
    elif complaint := _count_complaint(operator, len(values)):
        errors.append(field.invalid(at, tuple(values), complaint))
    if operator in (GREATER_THAN, LESS_THAN):
        errors.extend(
            field.invalid(at.index(index), value, "for 'Gt', 'Lt' operators, the value must be an integer")
            for index, value in enumerate(values)
            if _integer(value) is None
        )
    for index, value in enumerate(values):
        if complaints := names.label_value(value):
            errors.append(field.invalid(at.index(index).key(term.key), value, "; ".join(complaints)))
    return errors


def _count_complaint(operator: str, count: int) -> str:
    if operator in (IN, NOT_IN):
        return "" if count else "for 'in', 'notin' operators, values set can't be empty"
    if operator in (EXISTS, DOES_NOT_EXIST):
        return "values set must be empty for exists and does not exist" if count else ""
    if operator in (GREATER_THAN, LESS_THAN):
        return "" if count == 1 else "for 'Gt', 'Lt' operators, exactly one value is required"
    return "" if count == 1 else "exact-match compatibility requires one single value"


class Selector:
    """All of its requirements must match; with none it matches everything. Immutable and hashable.

    `str()` is the canonical text, which parses to an equal selector (but for NOTHING, whose text is empty).
    """

    __slots__ = ("_equal", "_rest", "requirements", "selectable")

    def __init__(self, requirements: Iterable[Requirement] = (), *, selectable: bool = True) -> None:
        self.requirements = tuple(sorted(requirements, key=lambda term: term.key))
        self.selectable = selectable
        """False for the selector that matches nothing."""
        self._equal = tuple(
            (term.key, term.values[0])
            for term in self.requirements
            if term.operator in _ONE_OF and len(term.values) == 1
        )
        self._rest = tuple(
            term for term in self.requirements if term.operator not in _ONE_OF or len(term.values) != 1
        )

    def matches(self, labels: Labels) -> bool:
        get = labels.get
        for key, value in self._equal:
            if get(key) != value:
                return False
        for term in self._rest:
            if not term.matches(labels):
                return False
        return self.selectable

    @property
    def empty(self) -> bool:
        """Whether it matches everything."""
        return self.selectable and not self.requirements

    def requires_exact_match(self, key: str) -> str | None:
        """The one value that the label must have, if the selector asks for one."""
        for term in self.requirements:
            if term.key == key:
                return term.values[0] if term.operator in _ONE_OF and len(term.values) == 1 else None
        return None

    def add(self, *requirements: Requirement) -> Selector:
        return Selector((*self.requirements, *requirements)) if self.selectable else self

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))

    def __repr__(self) -> str:
        return f"Selector({str(self)!r})" if self.selectable else "NOTHING"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Selector):
            return NotImplemented
        return self.requirements == other.requirements and self.selectable == other.selectable

    def __hash__(self) -> int:
        return hash((self.requirements, self.selectable))


EVERYTHING: Final = Selector()
NOTHING: Final = Selector(selectable=False)


def from_set(labels: Labels) -> Selector:
    """Matches what has all of these labels; the labels are not checked."""
    return (
        Selector(Requirement(key, EQUALS, (value,)) for key, value in labels.items())
        if labels
        else EVERYTHING
    )


_FROM_API: Final = {"In": IN, "NotIn": NOT_IN, "Exists": EXISTS, "DoesNotExist": DOES_NOT_EXIST}


def from_label_selector(selector: LabelSelector | None) -> Selector:
    """None matches nothing, an empty selector everything. Raises SelectorError."""
    if selector is None:
        return NOTHING
    terms = [requirement(key, EQUALS, (value,)) for key, value in selector.match_labels.items()]
    for expression in selector.match_expressions:
        operator = _FROM_API.get(expression.operator)
        if operator is None:
            raise SelectorError(f'"{expression.operator}" is not a valid label selector operator')
        terms.append(requirement(expression.key, operator, expression.values))
    return Selector(terms) if terms else EVERYTHING


def format_label_selector(selector: LabelSelector | None) -> str:
    """The text of a printer column: `<none>` for what selects everything or nothing, `<error>` for the malformed."""
    try:
        return str(from_label_selector(selector)) or "<none>"
    except SelectorError:
        return "<error>"


@lru_cache(4096)
def parse(text: str) -> Selector:
    """From text such as `a=b,c!=d,e in (f,g),!h,x>1`. Raises SelectorError."""
    terms = _Parser(text).parse()
    return Selector(terms) if terms else EVERYTHING


_KEYWORDS: Final = (IN, NOT_IN)
_SYMBOLS: Final = ("==", "!=", "=", "!", ">", "<", "(", ")", ",")
_FROM_SYMBOL: Final = {
    "in": IN,
    "notin": NOT_IN,
    "=": EQUALS,
    "==": DOUBLE_EQUALS,
    "!=": NOT_EQUALS,
    ">": GREATER_THAN,
    "<": LESS_THAN,
}
_TOKEN: Final = re.compile(r"[ \t\r\n]*(?:([=!><(),]+)|([^=!><(), \t\r\n]+))")
_END: Final = ""
_IDENTIFIER: Final = "identifier"

Token = tuple[str, str]
"""Its kind (a symbol, a keyword, `identifier`, or '' at the end) and its text."""


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    position = 0
    while match := _TOKEN.match(text, position):
        symbols, word = match.groups()
        position = match.end()
        if word is not None:
            tokens.append((word if word in _KEYWORDS else _IDENTIFIER, word))
            continue
        symbol = next(symbol for symbol in _SYMBOLS if symbols.startswith(symbol))
        position -= len(symbols) - len(symbol)
        tokens.append((symbol, symbol))
    tokens.append((_END, ""))
    return tokens


class _Parser:
    """Recursive descent over the tokens; `in` and `notin` are words everywhere but where an operator is due."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._position = 0

    def _look(self) -> Token:
        kind, text = self._tokens[self._position]
        return (_IDENTIFIER if kind in _KEYWORDS else kind), text

    def _take(self) -> Token:
        token = self._look()
        if self._position < len(self._tokens) - 1:
            self._position += 1
        return token

    def parse(self) -> list[Requirement]:
        terms: list[Requirement] = []
        while True:
            kind, text = self._look()
            if kind == _END:
                return terms
            if kind not in (_IDENTIFIER, "!"):
                raise SelectorError(f"found '{text}', expected: !, identifier, or 'end of string'")
            try:
                terms.append(self._requirement())
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from None
            kind, text = self._take()
            if kind == _END:
                return terms
            if kind != ",":
                raise SelectorError(f"found '{text}', expected: ',' or 'end of string'")
            kind, text = self._look()
            if kind not in (_IDENTIFIER, "!"):
                raise SelectorError(f"found '{text}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        kind, key = self._take()
        negated = kind == "!"
        if negated:
            kind, key = self._take()
        if kind != _IDENTIFIER:
            raise SelectorError(f"found '{key}', expected: identifier")
        if complaints := names.label_key(key):
            raise SelectorError(f"<nil>: {field.invalid(Path(''), key, '; '.join(complaints)).body}")
        if negated:
            return requirement(key, DOES_NOT_EXIST)
        if self._look()[0] in (_END, ","):
            return requirement(key, EXISTS)
        operator = self._operator()
        values = self._set() if operator in (IN, NOT_IN) else self._exact()
        return requirement(key, operator, sorted(set(values)))

    def _operator(self) -> str:
        kind, text = self._tokens[self._position]
        self._take()
        if kind not in _FROM_SYMBOL:
            raise SelectorError(f"found '{text}', expected: {', '.join(_BINARY)}")
        return _FROM_SYMBOL[kind]

    def _exact(self) -> list[str]:
        if self._look()[0] in (_END, ","):
            return [""]
        kind, text = self._take()
        if kind != _IDENTIFIER:
            raise SelectorError(f"found '{text}', expected: identifier")
        return [text]

    def _set(self) -> list[str]:
        kind, text = self._take()
        if kind != "(":
            raise SelectorError(f"found '{text}' expected: '('")
        kind, text = self._look()
        if kind not in (_IDENTIFIER, ",", ")"):
            raise SelectorError(f"found '{text}', expected: ',', ')' or identifier")
        values: list[str] = []
        while True:
            if self._look()[0] == _IDENTIFIER:
                values.append(self._take()[1])
                kind, text = self._look()
                if kind not in (",", ")"):
                    raise SelectorError(f"found '{text}', expected: ',' or ')'")
            else:
                values.append("")
            kind, text = self._take()
            if kind == ")":
                return values
            if kind != ",":
                raise SelectorError(f"found '{text}', expected: ',', or identifier")
