"""Resource quantities (`100m`, `1Gi`, `1e3`), canonical from entry on.

Semantics: k8s.io/apimachinery/pkg/api/resource. A quantity is an exact multiple of one nano-unit; a finer amount is
rounded away from zero, and a binary one is capped at 2^63-1.
"""

from __future__ import annotations

import re
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Final, Self, cast

from kube.apimachinery.scalar import PlainStr

NANO: Final = 10**9
"""Nano-units in one unit."""

_MAX_INT64: Final = 2**63 - 1
_SPLIT: Final = r"^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
_SCAN: Final = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)", re.ASCII)
_EXPONENT: Final = re.compile(r"[eE]([+-]?[0-9]{1,9})", re.ASCII)
_LARGEST_EXPONENT: Final = 999
"""Upstream takes any 32-bit exponent; the value would be an integer of that many digits."""

_CACHED: Final = 16384


class QuantityError(ValueError):
    """The text is no quantity; the message is upstream's."""


class Format(Enum):
    """The suffix family that a quantity was written in and is printed in again."""

    DECIMAL_SI = "DecimalSI"
    BINARY_SI = "BinarySI"
    DECIMAL_EXPONENT = "DecimalExponent"


_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIX: Final = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX: Final = ("", *_BINARY)


class Quantity(str, metaclass=PlainStr):
    """A quantity in canonical form. `Quantity("0.5") == "500m"`; equal texts are one object while cached.

    Raises QuantityError, in upstream's words.
    """

    __slots__ = ()

    def __new__(cls, value: str | float) -> Self:
        if type(value) is str:
            return cast("Self", canonical(value))
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise QuantityError(_FORMAT_WRONG)
        text = format(Decimal(repr(value)), "f") if isinstance(value, float) else str(value)
        return cast("Self", canonical(text))


_FORMAT_WRONG: Final = f"quantities must match the regular expression '{_SPLIT}'"
_NUMERIC: Final = "unable to parse numeric part of quantity"
_SUFFIX: Final = "unable to parse quantity's suffix"


@lru_cache(_CACHED)
def canonical(text: str) -> str:
    """The canonical form of a quantity, as `resource.Quantity.String()` prints a parsed one."""
    result = format_quantity(*_parse(text.strip()))
    return text if result == text else canonical(result)


@lru_cache(_CACHED)
def parse_quantity(text: str) -> int:
    """The exact amount in nano-units."""
    return _parse(text)[0]


@lru_cache(_CACHED)
def quantity_format(text: str) -> Format:
    return _parse(text)[1]


def _parse(text: str) -> tuple[int, Format]:
    match = _SCAN.fullmatch(text)
    if match is None or not text:
        raise QuantityError(_FORMAT_WRONG)
    sign, whole, fraction, suffix = match.groups(default="")
    try:
        mantissa = int(whole + fraction or "0")
    except ValueError:  # more digits than the interpreter converts
        raise QuantityError(_NUMERIC) from None
    if (binary := _BINARY.get(suffix)) is not None:
        style = Format.BINARY_SI
        nano = min(_to_nano(mantissa << binary, -len(fraction)), _MAX_INT64 * NANO)
        if nano < NANO:
            style = Format.DECIMAL_SI
    else:
        style, exponent = _decimal_exponent(suffix)
        nano = _to_nano(mantissa, exponent - len(fraction))
    return (-nano if sign == "-" else nano), style


def _decimal_exponent(suffix: str) -> tuple[Format, int]:
    if suffix in _DECIMAL:
        return Format.DECIMAL_SI, _DECIMAL[suffix]
    match = _EXPONENT.fullmatch(suffix)
    if match is None or (exponent := int(match[1])) > _LARGEST_EXPONENT:
        raise QuantityError(_SUFFIX)
    return Format.DECIMAL_EXPONENT, exponent


def _to_nano(mantissa: int, exponent: int) -> int:
    """`mantissa * 10**exponent` in nano-units, rounded up; mantissa >= 0."""
    shift = exponent + 9
    if shift >= 0:
        return mantissa * _power_of_ten(shift)
    if mantissa.bit_length() < -shift:  # below one nano whatever the digits: do not build the divisor
        return 1 if mantissa else 0
    return -(-mantissa // _power_of_ten(-shift))


def _power_of_ten(exponent: int) -> int:
    return cast("int", 10**exponent)


def format_quantity(nano: int, style: Format = Format.DECIMAL_SI) -> str:
    """The canonical text of an amount in nano-units.

    A binary quantity below 1024, or with a fraction, is printed with decimal suffixes.
    """
    if nano == 0:
        return "0"
    magnitude = abs(nano)
    sign = "-" if nano < 0 else ""
    if style is Format.BINARY_SI and magnitude >= 1024 * NANO and magnitude % NANO == 0:
        number, power = magnitude // NANO, 0
        while number & 1023 == 0 and power < len(_BINARY_SUFFIX) - 1:
            number, power = number >> 10, power + 1
        return f"{sign}{number}{_BINARY_SUFFIX[power]}"
    number, exponent = magnitude, -9
    while number % 1000 == 0:
        number, exponent = number // 1000, exponent + 3
    suffix = None if style is Format.DECIMAL_EXPONENT else _DECIMAL_SUFFIX.get(exponent)
    if suffix is None:
        suffix = f"e{exponent}" if exponent else ""
    return f"{sign}{number}{suffix}"


def _round_away(nano: int, unit: int) -> int:
    return -(-nano // unit) if nano >= 0 else nano // unit


def value(quantity: Quantity) -> int:
    """The amount in units, rounded away from zero."""
    return _round_away(parse_quantity(quantity), NANO)


def milli_value(quantity: Quantity) -> int:
    """The amount in thousandths, rounded away from zero."""
    return _round_away(parse_quantity(quantity), NANO // 1000)


def is_zero(quantity: Quantity) -> bool:
    return parse_quantity(quantity) == 0


def compare(left: Quantity, right: Quantity) -> int:
    """-1, 0 or 1 as left is less than, equal to or greater than right."""
    a, b = parse_quantity(left), parse_quantity(right)
    return (a > b) - (a < b)


def _combined_format(left: Quantity, right: Quantity) -> Format:
    return quantity_format(right if is_zero(left) else left)


def add(left: Quantity, right: Quantity) -> Quantity:
    """The sum, in left's suffix family (right's when left is zero)."""
    return from_nano(parse_quantity(left) + parse_quantity(right), _combined_format(left, right))


def sub(left: Quantity, right: Quantity) -> Quantity:
    """The difference, in left's suffix family (right's when left is zero)."""
    return from_nano(parse_quantity(left) - parse_quantity(right), _combined_format(left, right))


def from_nano(nano: int, style: Format = Format.DECIMAL_SI) -> Quantity:
    return Quantity(format_quantity(nano, style))


def from_value(units: int, style: Format = Format.DECIMAL_SI) -> Quantity:
    return from_nano(units * NANO, style)


def from_milli(milli: int, style: Format = Format.DECIMAL_SI) -> Quantity:
    return from_nano(milli * (NANO // 1000), style)


def round_up(quantity: Quantity, unit_nano: int) -> Quantity:
    """The quantity rounded away from zero to a multiple of `unit_nano`, in its own suffix family."""
    nano = parse_quantity(quantity)
    rounded = _round_away(nano, unit_nano) * unit_nano
    return quantity if rounded == nano else from_nano(rounded, quantity_format(quantity))
