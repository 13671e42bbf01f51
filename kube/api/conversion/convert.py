"""From an object of one version to the same object of another."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from kube.api.conversion.autoscaling import from_v1, to_v1
from kube.api.conversion.events import from_events_v1, to_events_v1
from kube.api.types import autoscaling_v1, autoscaling_v2, core_v1, events_v1

CONVERSIONS: Final[Mapping[tuple[type, type], Callable[[Any], Any]]] = {
    (autoscaling_v1.HorizontalPodAutoscaler, autoscaling_v2.HorizontalPodAutoscaler): from_v1,
    (autoscaling_v2.HorizontalPodAutoscaler, autoscaling_v1.HorizontalPodAutoscaler): to_v1,
    (core_v1.Event, events_v1.Event): to_events_v1,
    (events_v1.Event, core_v1.Event): from_events_v1,
}
"""What makes the second type from the first."""


def convert(obj: Any, cls: type) -> Any:
    """``obj`` as ``cls``; ``obj`` itself if it is one. Raises LookupError if nothing leads from one to the other."""
    if type(obj) is cls:
        return obj
    function = CONVERSIONS.get((type(obj), cls))
    if function is None:
        raise LookupError(f"no conversion from {type(obj).__name__} to {cls.__module__}.{cls.__name__}")
    return function(obj)
