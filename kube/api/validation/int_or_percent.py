"""The rules of numbers that may be percentages: maxSurge, maxUnavailable, minAvailable.

Source of the semantics: pkg/apis/apps/validation (ValidatePositiveIntOrPercent, IsNotMoreThan100Percent).
"""

from __future__ import annotations

from kube.api.validation.checks import Errors, validate_nonnegative
from kube.apimachinery.field import Path, invalid
from kube.apimachinery.names import percent


def validate_positive_int_or_percent(value: int | str, path: Path, errors: Errors) -> None:
    if isinstance(value, int):
        validate_nonnegative(value, path, errors)
        return
    for complaint in percent(value):
        errors.append(invalid(path, value, complaint))


def percent_value(value: int | str) -> int | None:
    """The number before the sign, None for what is no percentage."""
    return None if isinstance(value, int) or percent(value) else int(value[:-1])


def int_or_percent_value(value: int | str) -> int:
    """The number, of either form; 0 for text that is neither."""
    if isinstance(value, int):
        return value
    share = percent_value(value)
    if share is not None:
        return share
    try:
        return int(value)
    except ValueError:
        return 0


def validate_not_more_than_100_percent(value: int | str, path: Path, errors: Errors) -> None:
    share = percent_value(value)
    if share is not None and share > 100:
        errors.append(invalid(path, value, "must not be greater than 100%"))
