"""Schedules: what they parse to, when they are due, and what is said of malformed ones."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.api.helpers.cron import CronError, location, parse


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NEXT = {
    "every minute": ("* * * * *", "2024-01-01T00:00:30", "2024-01-01T00:01"),
    "strictly later": ("5 * * * *", "2024-01-01T00:05", "2024-01-01T01:05"),
    "step": ("*/15 * * * *", "2024-01-01T00:16", "2024-01-01T00:30"),
    "step from a number": ("20/15 * * * *", "2024-01-01T00:00", "2024-01-01T00:20"),
    "step in a range": ("0 8-17/4 * * *", "2024-01-01T13:00", "2024-01-01T16:00"),
    "list": ("0 0,12 1 */2 *", "2024-01-01T12:00", "2024-03-01T00:00"),
    "names": ("0 0 * FEB-mar Mon", "2024-01-01T00:00", "2024-02-05T00:00"),
    "leap day": ("0 0 29 2 *", "2024-03-01T00:00", "2028-02-29T00:00"),
    "either day": ("0 0 13 * FRI", "2024-01-01T00:00", "2024-01-05T00:00"),
    "both days where one is a star": ("0 0 */10 * FRI", "2024-01-01T00:00", "2024-01-05T00:00"),
    "question mark": ("0 0 ? * 1", "2024-01-02T00:00", "2024-01-08T00:00"),
    "end of year": ("0 0 1 1 *", "2024-01-01T00:00", "2025-01-01T00:00"),
    "yearly": ("@yearly", "2024-06-01T00:00", "2025-01-01T00:00"),
    "weekly": ("@weekly", "2024-01-01T00:00", "2024-01-07T00:00"),
    "hourly": ("@hourly", "2024-01-01T00:30", "2024-01-01T01:00"),
    "every": ("@every 1h30m", "2024-01-01T00:00:10", "2024-01-01T01:30:10"),
    "every, at least a second": ("@every 1ms", "2024-01-01T00:00", "2024-01-01T00:00:01"),
    "zone": ("TZ=Asia/Tokyo 0 9 * * *", "2024-01-01T00:00", "2024-01-02T00:00"),
    "zone with a prefix": ("CRON_TZ=Europe/Rome 30 2 1 1 *", "2024-01-01T00:00", "2024-01-01T01:30"),
}


@pytest.mark.parametrize(("schedule", "after", "due"), NEXT.values(), ids=NEXT)
def test_next(schedule, after, due):
    assert parse(schedule).next(at(after)) == at(due)


def test_what_never_comes():
    assert parse("0 0 30 2 *").next(at("2024-01-01T00:00")) is None


BERLIN = {
    "the skipped hour is not due": ("30 2 * * *", "2024-03-30T02:00", "2024-04-01T00:30"),
    "hours go on over the gap": ("0 * * * *", "2024-03-31T00:30", "2024-03-31T01:00"),
    "the repeated hour is due again": ("30 2 * * *", "2024-10-27T00:30", "2024-10-27T01:30"),
}


@pytest.mark.parametrize(("schedule", "after", "due"), BERLIN.values(), ids=BERLIN)
def test_daylight_saving(schedule, after, due):
    assert parse(schedule, location("Europe/Berlin")).next(at(after)) == at(due)


MALFORMED = {
    "empty": ("", "empty spec string"),
    "four fields": ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
    "six fields": ("0 * * * * *", "expected exactly 5 fields, found 6: [0 * * * * *]"),
    "minute": ("60 * * * *", "end of range (60) above maximum (59): 60"),
    "day": ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
    "weekday": ("* * * * 7", "end of range (7) above maximum (6): 7"),
    "backwards": ("5-3 * * * *", "beginning of range (5) beyond end of range (3): 5-3"),
    "hyphens": ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
    "slashes": ("1/2/3 * * * *", "too many slashes: 1/2/3"),
    "no step": ("*/0 * * * *", "step of range should be a positive number: */0"),
    "text": ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
    "negative": ("*/-1 * * * *", "negative number (-1) not allowed: -1"),
    "descriptor": ("@often", "unrecognized descriptor: @often"),
    "zone": ("TZ=Nowhere * * * * *", "provided bad location Nowhere: unknown time zone Nowhere"),
}


@pytest.mark.parametrize(("schedule", "message"), MALFORMED.values(), ids=MALFORMED)
def test_malformed(schedule, message):
    with pytest.raises(CronError) as caught:
        parse(schedule)
    assert str(caught.value) == message


def numbers(least, most):
    return st.sets(st.integers(least, most), min_size=1, max_size=6)


@given(
    minutes=numbers(0, 59),
    hours=numbers(0, 23),
    days=st.sets(st.integers(0, 6), min_size=1),
    offset=st.integers(0, 60 * 24 * 30),
)
def test_next_is_the_first_minute_that_matches(minutes, hours, days, offset):
    fields = [",".join(map(str, sorted(each))) for each in (minutes, hours)]
    schedule = parse(f"{fields[0]} {fields[1]} * * {','.join(map(str, sorted(days)))}")
    after = at("2024-02-15T00:00") + timedelta(minutes=offset)
    due = schedule.next(after)
    assert due is not None
    assert due > after
    candidates = (after + timedelta(minutes=i) for i in range(1, 60 * 24 * 8))
    first = next(
        moment
        for moment in candidates
        if moment.minute in minutes and moment.hour in hours and moment.isoweekday() % 7 in days
    )
    assert due == first
