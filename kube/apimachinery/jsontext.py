"""JSON text to trees: fast for what is sound, and in Go's words for what is not.

A tree is made of dict, list, str, int, float, bool and None. The exact reader keeps what a tree loses: the order of
keys, the keys that repeat, and the spelling of numbers.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec

from kube.apimachinery.gofmt import quote

JsonTree = Any


class JsonSyntaxError(ValueError):
    """The bytes are no JSON; the message is that of Go's decoder."""


class Pairs(list[tuple[str, Any]]):
    """An object as the exact reader gives it: its keys and values in order, with repetitions."""

    __slots__ = ()


Number = msgspec.Raw
"""A number that is no plain integer as the exact reader gives it: its text, encoded as it stands."""


_TREE: Final = msgspec.json.Decoder()
_ENCODE: Final = msgspec.json.Encoder().encode
MAX_DEPTH_EXCEEDED: Final = "exceeded max depth"


def parse(data: bytes) -> JsonTree:
    """The tree of a JSON text; of keys that repeat the last counts. Raises JsonSyntaxError."""
    try:
        return _TREE.decode(data)
    except RecursionError:
        raise JsonSyntaxError(MAX_DEPTH_EXCEEDED) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return plain(parse_exact(data))


def parse_exact(data: bytes) -> JsonTree:
    """The tree with Pairs for objects and Number for numbers that are not integers. Raises JsonSyntaxError."""
    text = data.decode("utf-8", "replace")
    try:
        tree = _EXACT.decode(text)
        _ENCODE(tree)  # refuses lone surrogates, which Go replaces
        return tree
    except json.JSONDecodeError as error:
        raise JsonSyntaxError(_in_gos_words(error)) from None
    except RecursionError:
        raise JsonSyntaxError(MAX_DEPTH_EXCEEDED) from None
    except UnicodeEncodeError:
        return _EXACT.decode(_LONE_SURROGATE.sub(_replaced, text))


def plain(tree: JsonTree) -> JsonTree:
    """An exact tree as an ordinary one."""
    if isinstance(tree, Pairs):
        return {key: plain(value) for key, value in tree}
    if isinstance(tree, list):
        return [plain(value) for value in tree]
    return float(bytes(tree)) if isinstance(tree, Number) else tree


def may_repeat_keys(data: bytes) -> bool:
    r"""Whether an object of this sound JSON text may have a key twice; False is certain.

    A tree holds each key once. Written out again it has the colons of the text, but for those that went with a repeated
    key; only an escape (`\u003a`) could hide the difference.
    """
    if b"\\u003" in data:
        return True
    try:
        return data.count(b":") != _ENCODE(_TREE.decode(data)).count(b":")
    except RecursionError:
        return True


def _constant(name: str) -> Any:
    if name.startswith("-"):
        raise JsonSyntaxError("invalid character 'I' in numeric literal")
    raise JsonSyntaxError(f"invalid character '{name[0]}' looking for beginning of value")


def _number(text: str) -> Number:
    return Number(text.encode())


def _integer(text: str) -> int | Number:
    return int(text) if len(text) < 40 else _number(text)


class _ExactDecoder(json.JSONDecoder):
    def __init__(self) -> None:
        super().__init__(
            object_pairs_hook=Pairs, parse_float=_number, parse_int=_integer, parse_constant=_constant
        )


_EXACT: Final = _ExactDecoder()

_LONE_SURROGATE: Final = re.compile(
    r"(\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


def _replaced(match: re.Match[str]) -> str:
    return match[1] or "\ufffd"


# Go's messages name the character and what it was expected to be; Python's decoder gives the place.

_TRUNCATED: Final = "unexpected end of JSON input"
_LITERALS: Final = {"t": "true", "f": "false", "n": "null"}
_PLACES: Final = {
    "Expecting value": "looking for beginning of value",
    "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
    "Illegal trailing comma before end of object": "looking for beginning of object key string",
    "Illegal trailing comma before end of array": "looking for beginning of value",
    "Expecting ':' delimiter": "after object key",
    "Extra data": "after top-level value",
    "Invalid control character at": "in string literal",
    "Invalid \\escape": "in string escape code",
    "Invalid \\uXXXX escape": "in \\u hexadecimal character escape",
}
_SKIPPED: Final = {
    "Invalid \\escape": 1,
    "Invalid \\uXXXX escape": 1,
    "Illegal trailing comma before end of object": 1,
    "Illegal trailing comma before end of array": 1,
}
"""How far the character that Go names is from the place that Python names."""

_FRACTION: Final = re.compile(r"(?<=[0-9])(?:\.|[eE][+-]?)(?![0-9])")
_FRACTIONS: Final = {
    ".": "after decimal point in numeric literal",
    "e": "in exponent of numeric literal",
    "E": "in exponent of numeric literal",
}
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_HEX: Final = re.compile(r"[0-9a-fA-F]{0,4}")
_STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)


def _in_gos_words(error: json.JSONDecodeError) -> str:
    text, problem = error.doc, error.msg
    if problem.startswith("Unterminated string"):
        return _TRUNCATED
    position = error.pos + _SKIPPED.get(problem, 0)
    if not problem.startswith("Invalid"):
        position = _SPACE.match(text, position).end()  # type: ignore[union-attr]  # it matches nothing too
    elif problem == "Invalid \\uXXXX escape":
        position = _HEX.match(text, position).end()  # type: ignore[union-attr]  # it matches nothing too
    place = _PLACES.get(problem, "")
    if problem in ("Expecting ',' delimiter", "Extra data"):
        if fraction := _FRACTION.match(text, position):
            position = fraction.end()
            place = _FRACTIONS[fraction[0][0]]
        elif not place:
            place = f"after {'object key:value pair' if _inside(text, position) == '{' else 'array element'}"
    elif problem == "Expecting value" and position < len(text):
        position, place = _bad_value(text, position)
    if position >= len(text):
        return _TRUNCATED
    return f"invalid character {_quoted(text[position])} {place}"


def _bad_value(text: str, position: int) -> tuple[int, str]:
    """Where a literal or number goes wrong, or that there is none."""
    literal = _LITERALS.get(text[position])
    if literal is not None:
        for offset, char in enumerate(literal):
            if text[position + offset : position + offset + 1] != char:
                return position + offset, f"in literal {literal} (expecting {_quoted(char)})"
    if text[position] == "-":
        return position + 1, "in numeric literal"
    return position, _PLACES["Expecting value"]


def _inside(text: str, position: int) -> str:
    """The bracket that is open at the position."""
    brackets: list[str] = []
    for match in _STRING_OR_BRACKET.finditer(text, 0, position):
        if match[0] in ("{", "["):
            brackets.append(match[0])
        elif match[0] in ("}", "]") and brackets:
            brackets.pop()
    return brackets[-1] if brackets else "["


def _quoted(char: str) -> str:
    if char == "'":
        return "'\\''"
    return "'\"'" if char == '"' else f"'{quote(char)[1:-1]}'"
