"""The rules of lists of conditions.

Source of the semantics: k8s.io/apimachinery/pkg/apis/meta/v1/validation (ValidateConditions), KEP-1623.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from kube.api.validation.checks import Errors, label_key, report
from kube.apimachinery.field import Path, duplicate, invalid, not_supported, required, too_long
from kube.apimachinery.meta.v1 import Condition
from kube.apimachinery.names import longer_than, regex_complaint

_STATUSES: Final = ("False", "True", "Unknown")
_REASON_MAX: Final = 1024
_MESSAGE_MAX: Final = 32 * 1024
_REASON: Final = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_REASON_RE: Final = re.compile(_REASON)
_REASON_COMPLAINT: Final = regex_complaint(
    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric "
    "characters or '_,:', and must end with an alphanumeric character or '_'",
    _REASON,
    "my_name",
    "MY_NAME",
    "MyName",
    "ReasonA,ReasonB",
    "ReasonA:ReasonB",
)


def validate_conditions(conditions: Sequence[Condition], path: Path, errors: Errors) -> None:
    seen: set[str] = set()
    for i, condition in enumerate(conditions):
        if condition.type in seen:
            errors.append(duplicate(path.index(i).child("type"), condition.type))
        seen.add(condition.type)
        _validate_condition(condition, path.index(i), errors)


def _validate_condition(condition: Condition, path: Path, errors: Errors) -> None:
    report(path.child("type"), condition.type, label_key(condition.type), errors)
    if condition.status not in _STATUSES:
        errors.append(not_supported(path.child("status"), condition.status, _STATUSES))
    if condition.observed_generation < 0:
        at = path.child("observedGeneration")
        errors.append(invalid(at, condition.observed_generation, "must be greater than or equal to zero"))
    if condition.last_transition_time is None:
        errors.append(required(path.child("lastTransitionTime"), "must be set"))
    at = path.child("reason")
    if not condition.reason:
        errors.append(required(at, "must be set"))
    else:
        if not _REASON_RE.fullmatch(condition.reason):
            errors.append(invalid(at, condition.reason, _REASON_COMPLAINT))
        if longer_than(condition.reason, _REASON_MAX):
            errors.append(too_long(at, _REASON_MAX))
    if longer_than(condition.message, _MESSAGE_MAX):
        errors.append(too_long(path.child("message"), _MESSAGE_MAX))
