"""Defaulting: what an absent field of an object means, kind by kind, as the API server stores it.

One module per group version, named as the module of its types, with a table ``DEFAULTS`` of type to function; what
several kinds share (pod templates) has modules of its own. Every function is pure: no clock, no chance, no cluster
state (what depends on those, such as a service's cluster IP, is the registry's work). It returns the very object
that it was given when nothing is missing.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar, cast

T = TypeVar("T")


@cache
def defaulter(cls: type) -> Callable[[Any], Any] | None:
    """The function that defaults objects of ``cls``, or None if they have no defaults."""
    module = f"{__name__}.{cls.__module__.rpartition('.')[2]}"
    if find_spec(module) is None:
        return None
    function: Callable[[Any], Any] | None = import_module(module).DEFAULTS.get(cls)
    return function


def default(obj: T) -> T:
    """``obj`` with its defaults filled in; ``obj`` itself if nothing was missing. Idempotent."""
    cls: type = type(obj)
    function = defaulter(cls)
    return obj if function is None else cast("T", function(obj))
