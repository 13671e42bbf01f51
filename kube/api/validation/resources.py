"""The rules of resource names, amounts, and what containers and pods request of them.

Source of the semantics: pkg/apis/core/validation, the API page "Resource Management for Pods and Containers".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Final

from kube.api.helpers.resource_names import (
    POD_LEVEL_RESOURCES,
    is_divisible_by_page,
    is_extended,
    is_huge_page,
    is_integer,
    is_native,
    is_overcommit_allowed,
    is_pod_level,
    is_standard,
    is_standard_for_containers,
)
from kube.api.helpers.resources import container_requests
from kube.api.types.core_v1 import PodSpec, ResourceClaim, ResourceRequirements
from kube.api.validation.checks import (
    NEGATIVE,
    NOT_INTEGER,
    NOT_POSITIVE,
    Errors,
    dns1123_label,
    label_key,
    report,
)
from kube.apimachinery.field import (
    FieldError,
    FieldErrorType,
    Path,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
)
from kube.apimachinery.quantity import NANO, Quantity, format_quantity, parse_quantity, value

_REMEMBERED: Final = 8192

ResourceNameRule = Callable[[str, Path, Errors], None]


@lru_cache(_REMEMBERED)
def resource_name_complaints(name: str) -> tuple[str, ...]:
    if complaints := label_key(name):
        return complaints
    if "/" not in name and not is_standard(name):
        return ("must be a standard resource type or fully qualified",)
    return ()


@lru_cache(_REMEMBERED)
def container_resource_name_complaints(name: str) -> tuple[str, ...]:
    complaints = resource_name_complaints(name)
    if "/" not in name:
        if not is_standard_for_containers(name):
            return (*complaints, "must be a standard resource for containers")
    elif not is_native(name) and not is_extended(name):
        return (*complaints, "doesn't follow extended resource name standard")
    return complaints


def validate_resource_name(name: str, path: Path, errors: Errors) -> None:
    if complaints := resource_name_complaints(name):
        report(path, name, complaints, errors)


def validate_container_resource_name(name: str, path: Path, errors: Errors) -> None:
    if complaints := container_resource_name_complaints(name):
        report(path, name, complaints, errors)


def _validate_pod_resource_name(name: str, path: Path, errors: Errors) -> None:
    if complaints := resource_name_complaints(name):
        report(path, name, complaints, errors)
    elif not is_pod_level(name):
        errors.append(not_supported(path, name, POD_LEVEL_RESOURCES))


@lru_cache(_REMEMBERED)
def _quantity_complaints(name: str, quantity: Quantity) -> tuple[str, ...]:
    amount = parse_quantity(quantity)
    negative = (NEGATIVE,) if amount < 0 else ()
    return (*negative, NOT_INTEGER) if amount % NANO and is_integer(name) else negative


def validate_resource_quantity(name: str, quantity: Quantity, path: Path, errors: Errors) -> None:
    """An amount of the resource: not negative, and whole where the resource is counted."""
    if complaints := _quantity_complaints(name, quantity):
        report(path, quantity, complaints, errors)


def validate_positive_quantity(quantity: Quantity, path: Path, errors: Errors) -> bool:
    """Whether the quantity is above zero."""
    if parse_quantity(quantity) > 0:
        return True
    errors.append(invalid(path, quantity, NOT_POSITIVE))
    return False


def validate_basic_quantity(quantity: Quantity, path: Path, errors: Errors) -> bool:
    """Whether the quantity, in whole units, is not negative."""
    if value(quantity) >= 0:
        return True
    errors.append(invalid(path, value(quantity), "must be a valid resource quantity"))
    return False


_NOWHERE: Final = Path("resources")


def validate_container_resources(
    requirements: ResourceRequirements, claim_names: Collection[str], path: Path, errors: Errors
) -> None:
    limits, requests = requirements.limits, requirements.requests
    if (limits or requests) and not _are_sound(tuple(limits.items()), tuple(requests.items())):
        _validate_requirements(requirements, validate_container_resource_name, path, errors)
    if requirements.claims:
        _validate_claims(requirements.claims, claim_names, path.child("claims"), errors)


@lru_cache(4096)
def _are_sound(limits: tuple[tuple[str, Quantity], ...], requests: tuple[tuple[str, Quantity], ...]) -> bool:
    """Whether a container's requirements are without fault: a cluster's containers have few different ones."""
    errors: Errors = []
    requirements = ResourceRequirements(limits=dict(limits), requests=dict(requests))
    _validate_requirements(requirements, validate_container_resource_name, _NOWHERE, errors)
    return not errors


def _validate_requirements(
    requirements: ResourceRequirements, name_rule: ResourceNameRule, path: Path, errors: Errors
) -> None:
    limits, requests = requirements.limits, requirements.requests
    limits_path, requests_path = path.child("limits"), path.child("requests")
    for name, quantity in limits.items():
        _validate_amount(name, quantity, name_rule, limits_path, errors)
    for name, quantity in requests.items():
        limit = limits.get(name)
        if limit is None:
            _validate_amount(name, quantity, name_rule, requests_path, errors)
            if not is_overcommit_allowed(name):
                detail = "Limit must be set for non overcommitable resources"
                errors.append(required(limits_path, detail))
            continue
        name_rule(name, requests_path.key(name), errors)
        validate_resource_quantity(name, quantity, requests_path.key(name), errors)
        _validate_against_limit(name, quantity, limit, requests_path, errors)
        _validate_pages(name, quantity, requests_path, errors)
    if "cpu" in limits or "memory" in limits or "cpu" in requests or "memory" in requests:
        return
    if any(map(is_huge_page, limits)) or any(map(is_huge_page, requests)):
        errors.append(forbidden(path, "HugePages require cpu or memory"))


def _validate_amount(
    name: str, quantity: Quantity, name_rule: ResourceNameRule, path: Path, errors: Errors
) -> None:
    at = path.key(name)
    name_rule(name, at, errors)
    if complaints := _quantity_complaints(name, quantity):
        report(at, quantity, complaints, errors)
    _validate_pages(name, quantity, path, errors)


def _validate_pages(name: str, quantity: Quantity, path: Path, errors: Errors) -> None:
    if is_huge_page(name) and not is_divisible_by_page(name, quantity):
        detail = f"{quantity} is not positive integer multiple of {name}"
        errors.append(invalid(path.key(name), quantity, detail))


def _validate_against_limit(
    name: str, quantity: Quantity, limit: Quantity, path: Path, errors: Errors
) -> None:
    amount, most = parse_quantity(quantity), parse_quantity(limit)
    if amount == most:
        return
    if not is_overcommit_allowed(name):
        errors.append(invalid(path, quantity, f"must be equal to {name} limit of {limit}"))
    elif amount > most:
        errors.append(invalid(path, quantity, f"must be less than or equal to {name} limit of {limit}"))


def _validate_claims(
    claims: Sequence[ResourceClaim], claim_names: Collection[str], path: Path, errors: Errors
) -> None:
    seen: set[str] = set()
    for i, claim in enumerate(claims):
        at = path.index(i)
        if not claim.name:
            errors.append(required(at))
            continue
        _validate_claim(claim, seen, at, errors)
        if claim.name not in claim_names:
            detail = "must be one of the names in pod.spec.resourceClaims"
            known = f": {', '.join(sorted(claim_names))}" if claim_names else " which is empty"
            errors.append(FieldError(FieldErrorType.NOT_FOUND, str(at), claim.name, detail + known))


def _validate_claim(claim: ResourceClaim, seen: set[str], path: Path, errors: Errors) -> None:
    """A claim may be named once as a whole, or once for each of its requests."""
    if claim.name in seen:
        errors.append(duplicate(path, claim.name))
        return
    key = claim.name
    if claim.request:
        report(path.child("request"), claim.request, dns1123_label(claim.request), errors)
        key = f"{claim.name}/{claim.request}"
    if key in seen:
        errors.append(duplicate(path, key))
    elif not claim.request and any(other.startswith(f"{claim.name}/") for other in seen):
        errors.append(duplicate(path, claim.name))
    seen.add(key)


def validate_pod_level_resources(
    spec: PodSpec, claim_names: Collection[str], path: Path, errors: Errors
) -> None:
    """What a pod states as a whole, against what its containers state (KEP-2837)."""
    stated = spec.resources
    if stated is None:
        return
    if stated.claims:
        errors.append(forbidden(path.child("claims"), "claims cannot be set for Resources at pod-level"))
    _validate_requirements(stated, _validate_pod_resource_name, path, errors)
    if stated.claims:
        _validate_claims(stated.claims, claim_names, path.child("claims"), errors)
    for name, amount in container_requests(spec).items():
        request = stated.requests.get(name, Quantity("0"))
        if amount > parse_quantity(request):
            detail = (
                f"must be greater than or equal to aggregate container requests of {format_quantity(amount)}"
            )
            errors.append(invalid(path.child("requests").key(name), request, detail))
    for i, container in enumerate(spec.containers):
        for name, limit in container.resources.limits.items():
            most = stated.limits.get(name)
            if most is not None and parse_quantity(limit) > parse_quantity(most):
                at = path.child("containers").index(i).key(name).child("limits")
                errors.append(invalid(at, limit, f"must be less than or equal to pod limits of {most}"))
