"""Durations as upstream's HumanDuration prints them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.api.printers.duration import DAY, HOUR, MINUTE, YEAR, human

CASES = [
    (-5, "<invalid>"),
    (-2, "<invalid>"),
    (-1.5, "0s"),
    (-1, "0s"),
    (0, "0s"),
    (0.9, "0s"),
    (1, "1s"),
    (70, "70s"),
    (119, "119s"),
    (2 * MINUTE, "2m"),
    (2 * MINUTE + 1, "2m1s"),
    (9 * MINUTE + 59, "9m59s"),
    (10 * MINUTE, "10m"),
    (10 * MINUTE + 1, "10m"),
    (3 * HOUR - 1, "179m"),
    (3 * HOUR, "3h"),
    (3 * HOUR + MINUTE, "3h1m"),
    (8 * HOUR - 1, "7h59m"),
    (8 * HOUR, "8h"),
    (2 * DAY - 1, "47h"),
    (2 * DAY, "2d"),
    (2 * DAY + HOUR, "2d1h"),
    (8 * DAY - 1, "7d23h"),
    (8 * DAY, "8d"),
    (2 * YEAR - 1, "729d"),
    (2 * YEAR, "2y"),
    (2 * YEAR + DAY, "2y1d"),
    (8 * YEAR - 1, "7y364d"),
    (8 * YEAR, "8y"),
    (8 * YEAR + 364 * DAY, "8y"),
]


@pytest.mark.parametrize(("seconds", "text"), CASES, ids=[text + str(seconds) for seconds, text in CASES])
def test_human(seconds: float, text: str) -> None:
    assert human(seconds) == text


@given(st.integers(min_value=0, max_value=20 * YEAR))
def test_never_more_than_it_is_and_never_a_tenth_less(seconds: int) -> None:
    units = {"s": 1, "m": MINUTE, "h": HOUR, "d": DAY, "y": YEAR}
    shown, number = 0, ""
    for character in human(seconds):
        if character.isdigit():
            number += character
        else:
            shown += int(number) * units[character]
            number = ""
    assert shown <= seconds
    assert seconds - shown <= max(seconds / 8, 1)
