"""What a pod asks for and may use: requests and limits over its containers, sidecars, init containers and overhead.

Amounts are integers in nano-units (``quantity.parse_quantity``), so that sums are exact: 1 CPU is ``10**9``, one
byte is ``10**9``. Source of the semantics: k8s.io/component-helpers/resource, KEP-753 (sidecars), KEP-1287 (resize
in place), KEP-2837 (pod-level resources).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from kube.api.helpers.resource_names import is_huge_page, is_overcommit_allowed, is_pod_level
from kube.api.types.core_v1 import (
    Container,
    ContainerStatus,
    NodeAllocatableResourceClaimStatus,
    Pod,
    PodSpec,
)
from kube.apimachinery.quantity import Format, Quantity, format_quantity, parse_quantity

Amounts = dict[str, int]
Quantities = Mapping[str, Quantity]

_NOTHING: Final[Quantities] = {}
_BYTES: Final = frozenset({"memory", "ephemeral-storage", "storage"})


def amounts(quantities: Quantities) -> Amounts:
    return {name: parse_quantity(quantity) for name, quantity in quantities.items()}


def quantities(values: Mapping[str, int]) -> dict[str, Quantity]:
    """Amounts as quantities, bytes with binary suffixes and the rest with decimal ones."""
    result = {}
    for name, value in values.items():
        style = Format.BINARY_SI if name in _BYTES or is_huge_page(name) else Format.DECIMAL_SI
        result[name] = Quantity(format_quantity(value, style))
    return result


def add_amounts(total: Amounts, more: Mapping[str, int]) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0) + value


def max_amounts(total: Amounts, other: Mapping[str, int]) -> None:
    for name, value in other.items():
        if name not in total or value > total[name]:
            total[name] = value


def is_restartable_init_container(container: Container) -> bool:
    """Whether an init container is a sidecar."""
    return container.restart_policy == "Always"


def aggregate(spec: PodSpec, of: Callable[[Container], Quantities]) -> Amounts:
    """The sum over the containers and sidecars, or what the init phase peaks at, whichever is more (KEP-753)."""
    total: Amounts = {}
    for container in spec.containers:
        add_amounts(total, amounts(of(container)))
    if spec.init_containers:
        _add_init_containers(total, spec.init_containers, of)
    return total


def _add_init_containers(
    total: Amounts, containers: Iterable[Container], of: Callable[[Container], Quantities]
) -> None:
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in containers:
        used = amounts(of(container))
        if is_restartable_init_container(container):
            add_amounts(total, used)
            add_amounts(sidecars, used)
            used = sidecars
        else:
            add_amounts(used, sidecars)
        max_amounts(peak, used)
    max_amounts(total, peak)


def _spec_requests(container: Container) -> Quantities:
    return container.resources.requests


def _spec_limits(container: Container) -> Quantities:
    return container.resources.limits


def container_requests(spec: PodSpec) -> Amounts:
    """What the containers of a spec request together."""
    return aggregate(spec, _spec_requests)


def container_limits(spec: PodSpec) -> Amounts:
    return aggregate(spec, _spec_limits)


def is_pod_level_requests_set(spec: PodSpec) -> bool:
    return spec.resources is not None and any(map(is_pod_level, spec.resources.requests))


def is_pod_level_limits_set(spec: PodSpec) -> bool:
    return spec.resources is not None and any(map(is_pod_level, spec.resources.limits))


def is_pod_level_resources_set(spec: PodSpec) -> bool:
    return is_pod_level_requests_set(spec) or is_pod_level_limits_set(spec)


def _apply_pod_level(total: Amounts, stated: Mapping[str, int]) -> None:
    for name, value in stated.items():
        if is_pod_level(name):
            total[name] = value


def pod_requests(
    pod: Pod,
    *,
    use_status: bool = False,
    exclude_overhead: bool = False,
    non_missing: Mapping[str, int] | None = None,
) -> Amounts:
    """The amounts that scheduling and admission count for a pod.

    ``use_status`` counts a resize that is under way at its larger side (what the spec asks, what the node has
    allocated or applied). ``non_missing`` stands in for what a container does not request (the scheduler's
    default for scoring).
    """
    total = _container_requests(pod, use_status, non_missing or {})
    if pod.status.node_allocatable_resource_claim_statuses:
        add_amounts(total, _claimed(pod.status.node_allocatable_resource_claim_statuses))
    if pod.spec.resources is not None and is_pod_level_requests_set(pod.spec):
        _apply_pod_level(total, amounts(pod.spec.resources.requests))
    if pod.spec.overhead and not exclude_overhead:
        add_amounts(total, amounts(pod.spec.overhead))
    return total


Reader = Callable[[Container], Quantities]


def _container_requests(pod: Pod, use_status: bool, non_missing: Mapping[str, int]) -> Amounts:
    spec = pod.spec
    if not use_status:
        return aggregate(spec, _filled(_spec_requests, non_missing))
    statuses = _statuses(pod)
    infeasible = is_resize_infeasible(pod)

    def allocated(container: Container) -> Quantities:
        status = statuses.get(container.name)
        if status is not None and status.allocated_resources:
            return status.allocated_resources
        return _NOTHING if infeasible else container.resources.requests

    def actuated(container: Container) -> Quantities:
        status = statuses.get(container.name)
        if status is not None and status.resources is not None and status.resources.requests:
            return status.resources.requests
        return allocated(container)

    total = {} if infeasible else aggregate(spec, _filled(_spec_requests, non_missing))
    max_amounts(total, aggregate(spec, _filled(actuated, non_missing)))
    max_amounts(total, aggregate(spec, _filled(allocated, non_missing)))
    return total


def _filled(of: Reader, non_missing: Mapping[str, int]) -> Reader:
    if not non_missing:
        return of
    stand_ins = {name: Quantity(format_quantity(value)) for name, value in non_missing.items()}
    return lambda container: {**stand_ins, **of(container)}


def pod_limits(pod: Pod, *, use_status: bool = False, exclude_overhead: bool = False) -> Amounts:
    """What a pod may use. A resource that no container limits is absent: unlimited."""
    spec = pod.spec
    if use_status:
        statuses = _statuses(pod)
        infeasible = is_resize_infeasible(pod)

        def actuated(container: Container) -> Quantities:
            status = statuses.get(container.name)
            if status is not None and status.resources is not None and status.resources.limits:
                return status.resources.limits
            return _NOTHING if infeasible else container.resources.limits

        total = {} if infeasible else container_limits(spec)
        max_amounts(total, aggregate(spec, actuated))
    else:
        total = container_limits(spec)
    if spec.resources is not None and is_pod_level_resources_set(spec):
        _apply_pod_level(total, amounts(spec.resources.limits))
    if spec.overhead and not exclude_overhead:
        for name, value in amounts(spec.overhead).items():
            if total.get(name):
                total[name] += value
    return total


def _statuses(pod: Pod) -> dict[str, ContainerStatus]:
    status = pod.status
    return {each.name: each for each in (*status.init_container_statuses, *status.container_statuses)}


def is_resize_infeasible(pod: Pod) -> bool:
    """Whether the node has said that a pending resize can never fit."""
    return _resize_pending_reason(pod) == "Infeasible"


def is_resize_deferred(pod: Pod) -> bool:
    """Whether a pending resize waits for room on the node."""
    return _resize_pending_reason(pod) == "Deferred"


def _resize_pending_reason(pod: Pod) -> str:
    for condition in pod.status.conditions:
        if condition.type == "PodResizePending":
            return condition.reason
    return ""


def _claimed(statuses: Iterable[NodeAllocatableResourceClaimStatus]) -> Amounts:
    """What dynamic resource claims take of the node's allocatable resources."""
    total: Amounts = {}
    for status in statuses:
        for mapping in status.mapping:
            if mapping.quantity is not None:
                add_amounts(total, {mapping.name: parse_quantity(mapping.quantity)})
        for overhead in status.overhead:
            value = parse_quantity(overhead.per_pod) if overhead.per_pod is not None else 0
            if overhead.per_container is not None:
                value += parse_quantity(overhead.per_container) * len(status.containers)
            add_amounts(total, {overhead.name: value})
    return total


def all_containers_have_limit(spec: PodSpec, name: str) -> bool:
    """Whether every container and sidecar limits the resource, and so every init container."""
    return all(name in container.resources.limits for container in (*spec.containers, *spec.init_containers))


def missing_pod_limits(spec: PodSpec) -> Amounts:
    """The pod-level limits that follow from the containers' (KEP-2837)."""
    return {
        name: value
        for name, value in container_limits(spec).items()
        if is_pod_level(name) and is_overcommit_allowed(name) and all_containers_have_limit(spec, name)
    }
