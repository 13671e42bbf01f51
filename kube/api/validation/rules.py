"""The validators of one kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

if TYPE_CHECKING:
    from kube.apimachinery.field import FieldError


class Rules(Struct, frozen=True):
    """``create(obj)``, ``update(new, old)`` and ``subresources[name](new, old)``, each returning the errors.

    ``update`` is None for what is only posted (a Binding).
    """

    create: Callable[[Any], list[FieldError]]
    update: Callable[[Any, Any], list[FieldError]] | None = None
    subresources: Mapping[str, Callable[[Any, Any], list[FieldError]]] = field(default_factory=dict)
