"""The quality of service class of a pod, which orders eviction and OOM scores.

Source of the semantics: pkg/apis/core/helper/qos; the API page "Pod Quality of Service Classes".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from kube.api.helpers.resources import is_pod_level_resources_set
from kube.api.types.core_v1 import Pod, PodSpec, ResourceRequirements
from kube.apimachinery.quantity import Quantity, parse_quantity

GUARANTEED: Final = "Guaranteed"
BURSTABLE: Final = "Burstable"
BEST_EFFORT: Final = "BestEffort"

_COMPUTE: Final = ("cpu", "memory")


def pod_qos(pod: Pod) -> str:
    """The class that the status records, else the one that follows from the spec."""
    return pod.status.qos_class or compute_pod_qos(pod.spec)


def compute_pod_qos(spec: PodSpec) -> str:
    if spec.resources is not None and is_pod_level_resources_set(spec):
        return _classify((spec.resources,))
    return _classify(container.resources for container in (*spec.containers, *spec.init_containers))


def _classify(requirements: Iterable[ResourceRequirements]) -> str:
    requests: dict[str, int] = {}
    limits: dict[str, int] = {}
    guaranteed = True
    for each in requirements:
        _add_compute(requests, each.requests)
        if _add_compute(limits, each.limits) != len(_COMPUTE):
            guaranteed = False
    if not requests and not limits:
        return BEST_EFFORT
    return GUARANTEED if guaranteed and requests == limits else BURSTABLE


def _add_compute(total: dict[str, int], quantities: Mapping[str, Quantity]) -> int:
    """Add what is above zero; how many of the compute resources were."""
    found = 0
    for name in _COMPUTE:
        quantity = quantities.get(name)
        if quantity is not None and (value := parse_quantity(quantity)) > 0:
            total[name] = total.get(name, 0) + value
            found += 1
    return found
