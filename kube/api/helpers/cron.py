"""Schedules of CronJobs: five fields, descriptors, ``@every``; and when one is next due.

Source of the semantics: github.com/robfig/cron/v3 (ParseStandard, SpecSchedule.Next), whose words the errors use.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from kube.apimachinery.time import TimeError, duration_nanoseconds

_YEARS_AHEAD: Final = 5
"""How far a schedule is searched for its next time (February 30 has none)."""


class CronError(ValueError):
    """A schedule that cannot be parsed; the text says why."""


class _Bounds(Struct, frozen=True):
    least: int
    most: int
    names: tuple[str, ...] = ()
    """The names of the values from ``least`` on."""


_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final = (
    _Bounds(0, 59),
    _Bounds(0, 23),
    _Bounds(1, 31),
    _Bounds(1, 12, _MONTHS),
    _Bounds(0, 6, _DAYS),
)

_DESCRIPTORS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class FieldValues(Struct, frozen=True):
    """The values of one field; ``any`` where it was written as a star or question mark."""

    values: frozenset[int]
    any: bool


class SpecSchedule(Struct, frozen=True):
    """Due whenever the clock on the wall of ``zone`` shows a minute that all five fields have."""

    minute: FieldValues
    hour: FieldValues
    day_of_month: FieldValues
    month: FieldValues
    day_of_week: FieldValues
    zone: tzinfo

    def next(self, after: datetime) -> datetime | None:
        """The first time later than ``after`` (both aware; the answer in UTC), None if there is none in five years."""
        local = after.astimezone(self.zone)
        limit = local.year + _YEARS_AHEAD
        moment = after.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        while True:
            local = moment.astimezone(self.zone)
            if local.year > limit:
                return None
            if local.month not in self.month.values:
                moment = self._midnight(local.year + local.month // 12, local.month % 12 + 1, 1)
            elif not self._day_matches(local):
                day = datetime(local.year, local.month, local.day, tzinfo=UTC) + timedelta(days=1)
                moment = self._midnight(day.year, day.month, day.day)
            elif local.hour not in self.hour.values:
                moment += timedelta(minutes=60 - local.minute)
            elif local.minute not in self.minute.values:
                moment += timedelta(minutes=1)
            else:
                return moment

    def _midnight(self, year: int, month: int, day: int) -> datetime:
        """The start of a day; where the clock jumps over midnight, the first moment after."""
        return datetime(year, month, day, tzinfo=self.zone).astimezone(UTC)

    def _day_matches(self, local: datetime) -> bool:
        """Both days must match if either is a star, else one of them."""
        of_month = local.day in self.day_of_month.values
        of_week = local.isoweekday() % 7 in self.day_of_week.values
        if self.day_of_month.any or self.day_of_week.any:
            return of_month and of_week
        return of_month or of_week


class ConstantDelaySchedule(Struct, frozen=True):
    """Due ``delay`` after the last time, in whole seconds, one at least."""

    delay: timedelta

    def next(self, after: datetime) -> datetime | None:
        return after.astimezone(UTC).replace(microsecond=0) + self.delay


Schedule = SpecSchedule | ConstantDelaySchedule


def location(name: str) -> tzinfo:
    """A zone of the IANA database. Raises CronError."""
    if name in ("", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CronError(f"unknown time zone {name}") from error


def parse(text: str, zone: tzinfo = UTC) -> Schedule:
    """A schedule in its own zone (``TZ=`` or ``CRON_TZ=`` before it) or in ``zone``. Raises CronError."""
    if not text:
        raise CronError("empty spec string")
    if text.startswith(("TZ=", "CRON_TZ=")):
        setting, _, text = text.partition(" ")
        name = setting.partition("=")[2]
        try:
            zone = location(name)
        except CronError as error:
            raise CronError(f"provided bad location {name}: {error}") from error
        text = text.strip()
    if text.startswith("@"):
        if text.startswith("@every "):
            return _every(text)
        if text not in _DESCRIPTORS:
            raise CronError(f"unrecognized descriptor: {text}")
        text = _DESCRIPTORS[text]
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise CronError(f"expected exactly {len(_FIELDS)} fields, found {len(fields)}: [{' '.join(fields)}]")
    minute, hour, day_of_month, month, day_of_week = map(_parse_field, fields, _FIELDS)
    return SpecSchedule(minute, hour, day_of_month, month, day_of_week, zone)


def _every(text: str) -> ConstantDelaySchedule:
    try:
        nanoseconds = duration_nanoseconds(text.removeprefix("@every "))
    except TimeError as error:
        raise CronError(f"failed to parse duration {text}: {error}") from error
    return ConstantDelaySchedule(timedelta(seconds=max(nanoseconds // 10**9, 1)))


def _parse_field(text: str, bounds: _Bounds) -> FieldValues:
    values: set[int] = set()
    any_value = False
    for expression in text.split(","):
        if expression:
            some, star = _parse_range(expression, bounds)
            values.update(some)
            any_value = any_value or star
    return FieldValues(frozenset(values), any_value)


def _parse_range(text: str, bounds: _Bounds) -> tuple[range, bool]:
    span, *steps = text.split("/")
    low, *high = span.split("-")
    star = low in ("*", "?")
    if star:
        start, end = bounds.least, bounds.most
    else:
        start = _number_or_name(low, bounds)
        if len(high) > 1:
            raise CronError(f"too many hyphens: {text}")
        end = _number_or_name(high[0], bounds) if high else start
    step = 1
    if len(steps) > 1:
        raise CronError(f"too many slashes: {text}")
    if steps:
        step = _number(steps[0])
        end = end if high else bounds.most
        star = star and step <= 1
    if start < bounds.least:
        raise CronError(f"beginning of range ({start}) below minimum ({bounds.least}): {text}")
    if end > bounds.most:
        raise CronError(f"end of range ({end}) above maximum ({bounds.most}): {text}")
    if start > end:
        raise CronError(f"beginning of range ({start}) beyond end of range ({end}): {text}")
    if step == 0:
        raise CronError(f"step of range should be a positive number: {text}")
    return range(start, end + 1, step), star


def _number_or_name(text: str, bounds: _Bounds) -> int:
    if text.lower() in bounds.names:
        return bounds.least + bounds.names.index(text.lower())
    return _number(text)


def _number(text: str) -> int:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()):
        raise CronError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    number = int(text)
    if number < 0:
        raise CronError(f"negative number ({number}) not allowed: {text}")
    return number
