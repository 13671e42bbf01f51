"""Times and durations, canonical from entry on.

Semantics: k8s.io/apimachinery/pkg/apis/meta/v1 (Time, MicroTime, Duration) over Go's `time` package. Absent times are
None in API types; there is no zero Time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, Self, cast

from kube.apimachinery.gofmt import quote
from kube.apimachinery.scalar import PlainStr

_RFC3339: Final = "2006-01-02T15:04:05Z07:00"
_RFC3339_MICRO: Final = "2006-01-02T15:04:05.000000Z07:00"
_CANONICAL: Final = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z",
    re.ASCII,
)
_PARTS: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_CACHED: Final = 8192
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class TimeError(ValueError):
    """The text is no time or duration; the message is that of Go's `time` package."""


class Time(str, metaclass=PlainStr):
    """A moment in RFC 3339, UTC, whole seconds: `2026-01-31T23:59:59Z`. Fractions are cut, offsets become Z."""

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        return cast("Self", canonical_time(value))


class MicroTime(str, metaclass=PlainStr):
    """A moment in RFC 3339, UTC, exactly six fractional digits: `2026-01-31T23:59:59.000000Z`."""

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        return cast("Self", canonical_micro_time(value))


class Duration(str, metaclass=PlainStr):
    """A span as Go prints it: `1h30m0s`, `1.5s`, `250ms`, `0s`."""

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        return cast("Self", canonical_duration(value))


@lru_cache(_CACHED)
def canonical_time(text: str) -> str:
    if _CANONICAL.fullmatch(text):
        return text
    moment = _parse(text, _RFC3339)
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z".rjust(20, "0")


@lru_cache(_CACHED)
def canonical_micro_time(text: str) -> str:
    moment = _parse(text, _RFC3339_MICRO)
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z".rjust(27, "0")


def _parse(text: str, layout: str) -> datetime:
    match = _PARTS.fullmatch(text)
    if match is None or (layout is _RFC3339_MICRO and len(match[7] or "") != 6):
        raise _unparsable(text, layout)
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        local = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second), micro, tzinfo=UTC
        )
        return local - _offset(zone)
    except (ValueError, OverflowError):
        raise _out_of_range(text, match) from None


def _offset(zone: str) -> timedelta:
    if zone == "Z":
        return timedelta()
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 24 or minutes > 59:
        raise ValueError(zone)
    span = timedelta(hours=hours, minutes=minutes)
    return -span if zone[0] == "-" else span


_RANGES: Final = (("month", 2, 1, 12), ("hour", 4, 0, 23), ("minute", 5, 0, 59), ("second", 6, 0, 59))


def _out_of_range(text: str, match: re.Match[str]) -> TimeError:
    for name, group, low, high in _RANGES:
        if not low <= int(match[group]) <= high:
            return TimeError(f"parsing time {quote(text)}: {name} out of range")
    zone = match[8]
    if zone != "Z" and (int(zone[1:3]) > 24 or int(zone[4:6]) > 59):
        part = "hour" if int(zone[1:3]) > 24 else "minute"
        return TimeError(f"parsing time {quote(text)}: time zone offset {part} out of range")
    return TimeError(f"parsing time {quote(text)}: day out of range")


_ELEMENT: Final = re.compile(r"2006|01|02|15|04|05|\.000000|Z07:00|[-T:]")
_ELEMENT_PATTERN: Final = {
    "2006": re.compile(r"[0-9]{4}", re.ASCII),
    ".000000": re.compile(r"\.[0-9]{6}(?![0-9])", re.ASCII),
    "Z07:00": re.compile(r"Z|[+-][0-9]{2}:[0-9]{2}", re.ASCII),
}
_TWO_DIGITS: Final = re.compile(r"[0-9]{2}", re.ASCII)
_ANY_FRACTION: Final = re.compile(r"\.[0-9]+", re.ASCII)


def _unparsable(text: str, layout: str) -> TimeError:
    """Go's complaint: the first layout element that the rest of the text does not begin with."""
    rest = text
    for element in _ELEMENT.findall(layout):
        if element.isdigit() and element != "2006":
            pattern = _TWO_DIGITS
        else:
            pattern = _ELEMENT_PATTERN.get(element) or re.compile(re.escape(element))
        match = pattern.match(rest)
        if match is None:
            return TimeError(
                f"parsing time {quote(text)} as {quote(layout)}: cannot parse {quote(rest)} as {quote(element)}"
            )
        rest = rest[match.end() :]
        if element == "05" and layout is _RFC3339 and (fraction := _ANY_FRACTION.match(rest)):
            rest = rest[fraction.end() :]
    return TimeError(f"parsing time {quote(text)}: extra text: {quote(rest)}")


def to_seconds(moment: Time | MicroTime) -> float:
    """Wall seconds since the epoch."""
    return datetime.fromisoformat(moment).timestamp()


@lru_cache(_CACHED)
def _from_whole_seconds(seconds: int) -> Time:
    return cast("Time", f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}Z")


def from_seconds(seconds: float) -> Time:
    """The Time of a wall clock's reading, its fraction cut off. Equal seconds give one object while cached."""
    return _from_whole_seconds(int(seconds // 1))


def micro_from_seconds(seconds: float) -> MicroTime:
    """The MicroTime of a wall clock's reading."""
    moment = _EPOCH + timedelta(microseconds=round(seconds * 1e6))
    return cast("MicroTime", f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z")


def micro_of(moment: Time) -> MicroTime:
    """The same moment as a MicroTime."""
    return cast("MicroTime", f"{moment[:-1]}.000000Z")


_UNIT: Final = {
    "ns": 1,
    "us": 10**3,
    "\u00b5s": 10**3,
    "\u03bcs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_TERM: Final = re.compile(r"([0-9]*)(\.[0-9]*)?([^0-9.]*)", re.ASCII)
_MAX_INT64: Final = 2**63 - 1


def duration_nanoseconds(text: str) -> int:
    """The span in nanoseconds (Go's `time.ParseDuration`). Raises TimeError."""
    body = text[1:] if text[:1] in ("-", "+") else text
    if body == "0":
        return 0
    if not body:
        raise TimeError(f"time: invalid duration {quote(text)}")
    total = position = 0
    while position < len(body):
        match = cast("re.Match[str]", _TERM.match(body, position))
        whole, fraction, unit = match[1], (match[2] or "")[1:], match[3]
        if not whole and not fraction:
            raise TimeError(f"time: invalid duration {quote(text)}")
        if not unit:
            raise TimeError(f"time: missing unit in duration {quote(text)}")
        if unit not in _UNIT:
            raise TimeError(f"time: unknown unit {quote(unit)} in duration {quote(text)}")
        if len(whole) > 19:
            raise TimeError(f"time: invalid duration {quote(text)}")
        fraction = fraction[:18]
        total += int(whole or "0") * _UNIT[unit] + int(fraction or "0") * _UNIT[unit] // 10 ** len(fraction)
        position = match.end()
    if total > _MAX_INT64 + (text[0] == "-"):
        raise TimeError(f"time: invalid duration {quote(text)}")
    return -total if text[0] == "-" else total


def duration_seconds(duration: Duration) -> float:
    return duration_nanoseconds(duration) / 1e9


def duration_from_seconds(seconds: float) -> Duration:
    return cast("Duration", format_duration(round(seconds * 1e9)))


@lru_cache(_CACHED)
def canonical_duration(text: str) -> str:
    return format_duration(duration_nanoseconds(text))


def format_duration(nanoseconds: int) -> str:
    """As Go's `Duration.String()`: hours, minutes and seconds from one second on, else one smaller unit."""
    if nanoseconds == 0:
        return "0s"
    sign, span = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if span < 10**9:
        unit, size = next(
            (unit, size) for unit, size in (("ns", 1000), ("\u00b5s", 10**6), ("ms", 10**9)) if span < size
        )
        return f"{sign}{_decimal(span, size // 1000)}{unit}"
    minutes, rest = divmod(span, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(rest, 10**9)}s"
    if minutes or hours:
        text = f"{minutes}m{text}"
    if hours:
        text = f"{hours}h{text}"
    return sign + text


def _decimal(amount: int, unit: int) -> str:
    whole, fraction = divmod(amount, unit)
    if not fraction:
        return str(whole)
    return f"{whole}.{fraction:0{len(str(unit)) - 1}d}".rstrip("0")
