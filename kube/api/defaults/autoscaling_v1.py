"""Defaults of HorizontalPodAutoscalers of autoscaling/v1.

Source of the semantics: pkg/apis/autoscaling/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from kube.api.types.autoscaling_v1 import HorizontalPodAutoscaler


def default_horizontal_pod_autoscaler(hpa: HorizontalPodAutoscaler) -> HorizontalPodAutoscaler:
    if hpa.spec.min_replicas is not None:
        return hpa
    return replace(hpa, spec=replace(hpa.spec, min_replicas=1))


DEFAULTS: Final[Mapping[type, Callable[[Any], Any]]] = {
    HorizontalPodAutoscaler: default_horizontal_pod_autoscaler
}
