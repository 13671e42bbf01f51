"""Lists of the indexes of a Job: ``1,3-5,7``.

Source of the semantics: pkg/apis/batch/validation, KEP-2214 (indexed jobs), KEP-3850 (backoff per index).
"""

from __future__ import annotations

import re
from typing import Final

from kube.apimachinery.gofmt import quote

_NUMBER: Final = re.compile(r"[+-]?[0-9]+")


class IndexesError(ValueError):
    """A list of indexes that is malformed; the text says why."""


def count_indexes(text: str, completions: int) -> int:
    """How many indexes the list has. Raises IndexesError."""
    total, last = 0, None
    for interval in text.split(",") if text else ():
        first, end = _parse_interval(interval, completions)
        if last is not None and last >= first:
            raise IndexesError(f"non-increasing order, previous: {last}, current: {first}")
        total += end - first + 1
        last = end
    return total


def _parse_interval(text: str, completions: int) -> tuple[int, int]:
    limits = text.split("-")
    if len(limits) > 2:
        raise IndexesError(
            f"the fragment {quote(text)} violates the requirement that an index interval can have at most two parts "
            "separated by '-'"
        )
    first, end = _parse_index(limits[0], completions), None
    if len(limits) > 1:
        end = _parse_index(limits[1], completions)
        if first >= end:
            raise IndexesError(f"non-increasing order, previous: {first}, current: {end}")
    return first, first if end is None else end


def _parse_index(text: str, completions: int) -> int:
    if not _NUMBER.fullmatch(text):
        raise IndexesError(f"cannot convert string to integer for index: {quote(text)}")
    index = int(text)
    if index >= completions:
        raise IndexesError(f"too large index: {quote(text)}")
    return index


def overlap(completed: str, failed: str, completions: int) -> int | None:
    """The first index that is in both lists; malformed intervals are passed over."""
    ends = _sound_intervals(failed, completions)
    for first, end in _sound_intervals(completed, completions):
        for other_first, other_end in ends:
            if first <= other_end and other_first <= end:
                return max(first, other_first)
    return None


def _sound_intervals(text: str, completions: int) -> list[tuple[int, int]]:
    found = []
    for interval in text.split(",") if text else ():
        try:
            found.append(_parse_interval(interval, completions))
        except IndexesError:
            continue
    return found
