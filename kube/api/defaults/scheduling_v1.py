"""Defaults of PriorityClasses.

Source of the semantics: pkg/apis/scheduling/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from kube.api.types.scheduling_v1 import PriorityClass


def default_priority_class(priority_class: PriorityClass) -> PriorityClass:
    if priority_class.preemption_policy is not None:
        return priority_class
    return replace(priority_class, preemption_policy="PreemptLowerPriority")


DEFAULTS: Final[Mapping[type, Callable[[Any], Any]]] = {PriorityClass: default_priority_class}
