"""Durations as people read them: ``5m30s``, ``3d4h``, ``2y``.

Semantics: ``HumanDuration`` of k8s.io/apimachinery/pkg/util/duration: two units while the first is small.
"""

from typing import Final

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
YEAR: Final = 365 * DAY

_SCALE: Final = (
    (2 * MINUTE, 1, "s", 0, ""),
    (10 * MINUTE, MINUTE, "m", 1, "s"),
    (3 * HOUR, MINUTE, "m", 0, ""),
    (8 * HOUR, HOUR, "h", MINUTE, "m"),
    (2 * DAY, HOUR, "h", 0, ""),
    (8 * DAY, DAY, "d", HOUR, "h"),
    (2 * YEAR, DAY, "d", 0, ""),
    (8 * YEAR, YEAR, "y", DAY, "d"),
)
"""Below so many seconds: the unit, and the smaller unit beside it unless it is zero."""


def human(seconds: float) -> str:
    """A span in at most two units. Up to two seconds below zero count as now, as clocks differ."""
    whole = int(seconds)
    if whole < 0:
        return "<invalid>" if whole < -1 else "0s"
    for below, unit, name, rest_unit, rest_name in _SCALE:
        if whole < below:
            rest = whole % unit // rest_unit if rest_unit else 0
            return f"{whole // unit}{name}{rest}{rest_name}" if rest else f"{whole // unit}{name}"
    return f"{whole // YEAR}y"
