"""What a resource's name says of it: native or extended, divisible or counted, overcommittable or not.

Source of the semantics: pkg/apis/core/helper; the API page "Resource management for pods and containers".
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from kube.apimachinery.names import qualified_name
from kube.apimachinery.quantity import NANO, Quantity, QuantityError, parse_quantity

CPU: Final = "cpu"
MEMORY: Final = "memory"
EPHEMERAL_STORAGE: Final = "ephemeral-storage"
STORAGE: Final = "storage"
PODS: Final = "pods"
HUGE_PAGES_PREFIX: Final = "hugepages-"
REQUESTS_PREFIX: Final = "requests."
ATTACHABLE_VOLUMES_PREFIX: Final = "attachable-volumes-"

COUNTED_OBJECTS: Final = frozenset(
    {
        PODS,
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    }
)
STANDARD_CONTAINER_RESOURCES: Final = frozenset({CPU, MEMORY, EPHEMERAL_STORAGE})
STANDARD_QUOTA_RESOURCES: Final = frozenset(
    {
        *STANDARD_CONTAINER_RESOURCES,
        *(f"{prefix}.{name}" for prefix in ("requests", "limits") for name in STANDARD_CONTAINER_RESOURCES),
        *COUNTED_OBJECTS,
        "requests.storage",
    }
)
STANDARD_RESOURCES: Final = STANDARD_QUOTA_RESOURCES | {STORAGE}
POD_LEVEL_RESOURCES: Final = (CPU, HUGE_PAGES_PREFIX, MEMORY)
"""What pod-level resources may name (KEP-2837); the huge pages entry is a prefix."""

_REMEMBERED: Final = 4096


def is_huge_page(name: str) -> bool:
    return name.startswith(HUGE_PAGES_PREFIX)


def is_quota_huge_page(name: str) -> bool:
    return name.startswith((HUGE_PAGES_PREFIX, "requests.hugepages-"))


def is_native(name: str) -> bool:
    """Kubernetes' own: without a domain, or under kubernetes.io."""
    return "/" not in name or "kubernetes.io/" in name


@lru_cache(_REMEMBERED)
def is_extended(name: str) -> bool:
    """Another domain's resource: whole units, limit equal to request."""
    if is_native(name) or name.startswith(REQUESTS_PREFIX):
        return False
    return not qualified_name(f"{REQUESTS_PREFIX}{name}")


def is_integer(name: str) -> bool:
    """Whether amounts must be whole."""
    return name in COUNTED_OBJECTS or is_extended(name)


def is_overcommit_allowed(name: str) -> bool:
    """Whether a request may be below the limit."""
    return is_native(name) and not is_huge_page(name)


def is_standard(name: str) -> bool:
    return name in STANDARD_RESOURCES or is_quota_huge_page(name)


def is_standard_for_containers(name: str) -> bool:
    return name in STANDARD_CONTAINER_RESOURCES or is_huge_page(name)


def is_standard_for_quota(name: str) -> bool:
    return name in STANDARD_QUOTA_RESOURCES or is_quota_huge_page(name)


def is_pod_level(name: str) -> bool:
    """Whether a pod can state it as a whole (KEP-2837)."""
    return name in (CPU, MEMORY) or is_huge_page(name)


def is_divisible_by_page(name: str, quantity: Quantity) -> bool:
    """Whether the amount of a ``hugepages-<size>`` resource is a whole number of pages."""
    try:
        page = parse_quantity(name.removeprefix(HUGE_PAGES_PREFIX))
    except QuantityError:
        return False
    return page > 0 and page % NANO == 0 and parse_quantity(quantity) % page == 0
