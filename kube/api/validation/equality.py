"""Semantic equality: equal but for the spelling of quantities (``1024`` and ``1Ki``).

Source of the semantics: k8s.io/apimachinery/pkg/api/equality. Nil and empty lists and maps are one in API types.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, get_args, get_type_hints

from msgspec import Struct

from kube.apimachinery.quantity import Quantity, parse_quantity

_QUANTITY: Final = 1
_OTHER: Final = 0


@cache
def _quantity_fields(cls: type[Struct]) -> Mapping[str, int]:
    """Which fields hold quantities, alone, optional or as a map's values."""
    hints = get_type_hints(cls)
    return {name: _QUANTITY if _mentions_quantity(hint) else _OTHER for name, hint in hints.items()}


def _mentions_quantity(hint: object) -> bool:
    return hint is Quantity or any(_mentions_quantity(argument) for argument in get_args(hint))


def semantic_equal(a: Any, b: Any) -> bool:
    """Whether two values of one API type mean the same."""
    if a is b or a == b:
        return True
    if isinstance(a, Struct) and type(a) is type(b):
        cls: type = type(a)
        return all(
            _equal_field(getattr(a, name), getattr(b, name), holds == _QUANTITY)
            for name, holds in _quantity_fields(cls).items()
        )
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(semantic_equal, a, b))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(semantic_equal(a[key], b[key]) for key in a)
    return False


def _equal_field(a: Any, b: Any, quantity: bool) -> bool:
    if not quantity or a is None or b is None:
        return semantic_equal(a, b)
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(parse_quantity(a[key]) == parse_quantity(b[key]) for key in a)
    return parse_quantity(a) == parse_quantity(b)
