"""Nominal string types whose run-time values are plain `str`.

`Quantity`, `Time`, `MicroTime` and `Duration` are types to mypy and to msgspec's `dec_hook`, but their values are
ordinary strings in canonical form: they hash, compare, share and encode as fast as any string.
"""

from __future__ import annotations


class PlainStr(type):
    """Metaclass of a `str` subclass that is never instantiated: its instances are the plain strings."""

    def __instancecheck__(cls, instance: object) -> bool:
        return type(instance) is str
