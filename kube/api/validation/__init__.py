"""Validation: what is wrong with an object, kind by kind, in upstream's paths, words and order.

One module per group version, named as the module of its types, with a table ``RULES`` of type to ``Rules``; each
thing with rules of its own (pods, services, metadata) has a module. Every function is pure, and expects an object
that is already defaulted. Names that must exist or be free elsewhere are the business of admission and registry.

A validator either returns its errors, or, where it is a part that is called often, appends them to ``errors``.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from kube.api.validation.rules import Rules

if TYPE_CHECKING:
    from kube.apimachinery.field import FieldError

__all__ = ["Rules", "rules", "validate", "validate_status_update", "validate_update"]


@cache
def rules(cls: type) -> Rules | None:
    """The rules of a kind, or None if it has none."""
    module = f"{__name__}.{cls.__module__.rpartition('.')[2]}"
    if find_spec(module) is None:
        return None
    found: Rules | None = import_module(module).RULES.get(cls)
    return found


def validate(obj: Any) -> list[FieldError]:
    """The errors of an object that is about to be created."""
    cls: type = type(obj)
    found = rules(cls)
    return [] if found is None else found.create(obj)


def validate_update(new: Any, old: Any, subresource: str = "") -> list[FieldError]:
    """The errors of replacing ``old`` by ``new``, through the object itself or one of its subresources.

    Subresources have rules of their own where upstream has: ``status``, ``ephemeralcontainers``, ``resize``,
    ``finalize``. One without its own falls back to no rules.
    """
    cls: type = type(new)
    found = rules(cls)
    if found is None:
        return []
    check = found.subresources.get(subresource) if subresource else found.update
    return [] if check is None else check(new, old)


def validate_status_update(new: Any, old: Any) -> list[FieldError]:
    """The errors of replacing the status of ``old`` by that of ``new``."""
    return validate_update(new, old, "status")
