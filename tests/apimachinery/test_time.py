import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.apimachinery import time as t
from kube.apimachinery.time import Duration, MicroTime, Time, TimeError


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
        ("2024-01-01T00:00:00.999+02:00", "2023-12-31T22:00:00Z"),
        ("2024-01-01T00:00:00-05:30", "2024-01-01T05:30:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_time_is_utc_in_whole_seconds(text, canonical):
    assert Time(text) == canonical


def test_micro_time_has_six_digits():
    assert MicroTime("2024-01-01T00:00:00.123456+01:00") == "2023-12-31T23:00:00.123456Z"


_AS = 'as "2006-01-02T15:04:05Z07:00"'
_AS_MICRO = 'as "2006-01-02T15:04:05.000000Z07:00"'


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (Time, "", f'parsing time "" {_AS}: cannot parse "" as "2006"'),
        (Time, "yesterday", f'parsing time "yesterday" {_AS}: cannot parse "yesterday" as "2006"'),
        (Time, "2024-1-1", f'parsing time "2024-1-1" {_AS}: cannot parse "1-1" as "01"'),
        (
            Time,
            "2024-01-01T00:00:00",
            f'parsing time "2024-01-01T00:00:00" {_AS}: cannot parse "" as "Z07:00"',
        ),
        (Time, "2024-02-30T00:00:00Z", 'parsing time "2024-02-30T00:00:00Z": day out of range'),
        (Time, "2024-13-01T00:00:00Z", 'parsing time "2024-13-01T00:00:00Z": month out of range'),
        (Time, "2024-01-01T24:00:00Z", 'parsing time "2024-01-01T24:00:00Z": hour out of range'),
        (Time, "2024-01-01T00:00:00Zx", 'parsing time "2024-01-01T00:00:00Zx": extra text: "x"'),
        (
            MicroTime,
            "2024-01-01T00:00:00Z",
            f'parsing time "2024-01-01T00:00:00Z" {_AS_MICRO}: cannot parse "Z" as ".000000"',
        ),
        (Duration, "1d", 'time: unknown unit "d" in duration "1d"'),
        (Duration, "1", 'time: missing unit in duration "1"'),
        (Duration, "", 'time: invalid duration ""'),
        (Duration, "-", 'time: invalid duration "-"'),
        (Duration, ".s", 'time: invalid duration ".s"'),
        (Duration, "2562048h", 'time: invalid duration "2562048h"'),
    ],
)
def test_refuses_in_gos_words(kind, text, message):
    with pytest.raises(TimeError, match=f"^{re.escape(message)}$"):
        kind(text)


_ERA = timedelta(days=1), timedelta(days=3_652_000)


@given(st.timedeltas(*_ERA), st.integers(-1439, 1439))
def test_any_offset_names_the_same_moment(since, offset):
    zoned = (datetime(1, 1, 1, tzinfo=UTC) + since).replace(tzinfo=timezone(timedelta(minutes=offset)))
    text = zoned.isoformat(timespec="microseconds").rjust(32, "0")
    assert datetime.fromisoformat(MicroTime(text)) == zoned
    assert datetime.fromisoformat(Time(text)) == zoned.replace(microsecond=0)


@given(st.integers(0, 250_000_000_000_000_000))
def test_seconds_go_there_and_back(micros):
    seconds = micros / 1e6
    whole = t.from_seconds(seconds)
    assert Time(whole) == whole
    assert t.to_seconds(whole) == seconds // 1
    micro = t.micro_from_seconds(seconds)
    assert MicroTime(micro) == micro
    assert t.to_seconds(micro) == pytest.approx(seconds, abs=2e-6, rel=1e-15)


def test_equal_seconds_are_one_object_and_the_fraction_is_cut():
    assert t.from_seconds(1700000000.1) is t.from_seconds(1700000000.9)
    assert t.from_seconds(1700000000.9) == "2023-11-14T22:13:20Z"
    assert t.micro_of(t.from_seconds(1700000000.9)) == "2023-11-14T22:13:20.000000Z"
    assert datetime.fromtimestamp(1700000000, UTC) == datetime.fromisoformat(t.from_seconds(1700000000))


@pytest.mark.parametrize(
    ("text", "canonical", "seconds"),
    [
        ("0", "0s", 0),
        ("1.5h", "1h30m0s", 5400),
        ("90s", "1m30s", 90),
        ("1h", "1h0m0s", 3600),
        ("+5m", "5m0s", 300),
        ("-1.5s", "-1.5s", -1.5),
        ("1s500ms", "1.5s", 1.5),
        ("100ms", "100ms", 0.1),
        ("1500us", "1.5ms", 0.0015),
        ("1us", "1\u00b5s", 0.000001),
        ("7ns", "7ns", 7e-9),
        ("1.00000001s", "1.00000001s", 1.00000001),
    ],
)
def test_duration_is_printed_as_go_does(text, canonical, seconds):
    assert Duration(text) == canonical
    assert t.duration_seconds(Duration(text)) == pytest.approx(seconds)


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_duration_text_loses_nothing(nanoseconds):
    text = t.format_duration(nanoseconds)
    assert t.duration_nanoseconds(text) == nanoseconds
    assert Duration(text) == text
