"""The quality of service class of a pod, which orders eviction and OOM scores.

Source of the semantics: pkg/apis/core/helper/qos; the API page "Pod Quality of Service Classes".
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from kube.api.helpers.resources import is_pod_level_resources_set
from kube.api.types.core_v1 import Pod, PodSpec, ResourceRequirements
from kube.apimachinery.quantity import Quantity, parse_quantity

GUARANTEED: Final = "Guaranteed"
BURSTABLE: Final = "Burstable"
BEST_EFFORT: Final = "BestEffort"


def pod_qos(pod: Pod) -> str:
    """The class that the status records, else the one that follows from the spec."""
    return pod.status.qos_class or compute_pod_qos(pod.spec)


def compute_pod_qos(spec: PodSpec) -> str:
    if spec.resources is not None and is_pod_level_resources_set(spec):
        return _classify((_compute(spec.resources),))
    return _classify(
        tuple([_compute(container.resources) for container in (*spec.containers, *spec.init_containers)])
    )


_Compute = tuple[Quantity | None, Quantity | None]
"""CPU and memory."""


def _compute(requirements: ResourceRequirements) -> tuple[_Compute, _Compute]:
    """What counts of requests and of limits."""
    requests, limits = requirements.requests, requirements.limits
    return (requests.get("cpu"), requests.get("memory")), (limits.get("cpu"), limits.get("memory"))


@lru_cache(4096)
def _classify(requirements: tuple[tuple[_Compute, _Compute], ...]) -> str:
    requests: dict[int, int] = {}
    limits: dict[int, int] = {}
    guaranteed = True
    for requested, limited in requirements:
        _add_compute(requests, requested)
        if _add_compute(limits, limited) != len(limited):
            guaranteed = False
    if not requests and not limits:
        return BEST_EFFORT
    return GUARANTEED if guaranteed and requests == limits else BURSTABLE


def _add_compute(total: dict[int, int], quantities: _Compute) -> int:
    """Add what is above zero; how many of the compute resources were."""
    found = 0
    for which, quantity in enumerate(quantities):
        if quantity is not None and (value := parse_quantity(quantity)) > 0:
            total[which] = total.get(which, 0) + value
            found += 1
    return found
