"""The rules of PriorityClasses.

Source of the semantics: pkg/apis/scheduling/validation, pkg/apis/scheduling/v1/helpers.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kube.api.types.scheduling_v1 import PriorityClass
from kube.api.validation.checks import Errors, name_is_dns_subdomain, validate_immutable, validate_one_of
from kube.api.validation.metadata import METADATA, validate_object_meta, validate_object_meta_update
from kube.api.validation.rules import Rules
from kube.apimachinery.field import Path, forbidden

HIGHEST_USER_PRIORITY: Final = 1_000_000_000
SYSTEM_PREFIX: Final = "system-"
SYSTEM_CLASSES: Final = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}
_POLICIES: Final = ("PreemptLowerPriority", "Never")


def validate_priority_class(priority_class: PriorityClass) -> Errors:
    errors = validate_object_meta(priority_class.metadata, False, name_is_dns_subdomain)
    name = priority_class.metadata.name
    if name.startswith(SYSTEM_PREFIX):
        if fault := _system_fault(priority_class):
            detail = (
                f"priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system use only. "
                f"error: {fault}"
            )
            errors.append(forbidden(METADATA.child("name"), detail))
    elif priority_class.value > HIGHEST_USER_PRIORITY:
        detail = f"maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}"
        errors.append(forbidden(Path("value"), detail))
    if priority_class.preemption_policy is not None:
        validate_one_of(priority_class.preemption_policy, _POLICIES, Path("preemptionPolicy"), errors)
    return errors


def _system_fault(priority_class: PriorityClass) -> str:
    """How it differs from the system's class of its name; "" if it does not."""
    name = priority_class.metadata.name
    value = SYSTEM_CLASSES.get(name)
    if value is None:
        return f"{name} is not a known system priority class"
    if priority_class.value != value:
        return f"value of {name} PriorityClass must be {value}"
    return f"globalDefault of {name} PriorityClass must be false" if priority_class.global_default else ""


def validate_priority_class_update(new: PriorityClass, old: PriorityClass) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    if new.value != old.value:
        errors.append(forbidden(Path("value"), "may not be changed in an update."))
    validate_immutable(new.preemption_policy, old.preemption_policy, Path("preemptionPolicy"), errors)
    return errors


RULES: Final[Mapping[type, Rules]] = {
    PriorityClass: Rules(validate_priority_class, validate_priority_class_update)
}
