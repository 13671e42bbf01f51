"""The rules of ResourceQuotas.

Source of the semantics: pkg/apis/core/validation; the API page "Resource Quotas"; KEP-3751 (attributes classes).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from kube.api.helpers.resource_names import is_standard_for_quota
from kube.api.types.core_v1 import (
    ResourceQuota,
    ResourceQuotaSpec,
    ScopedResourceSelectorRequirement,
)
from kube.api.validation.checks import IMMUTABLE, Errors, name_is_dns_subdomain, report, shown
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.api.validation.resources import resource_name_complaints, validate_resource_quantity
from kube.apimachinery.field import Path, invalid, required
from kube.apimachinery.quantity import Quantity

_SPEC: Final = Path("spec")
_STATUS: Final = Path("status")
_POD_COUNT: Final = frozenset({"pods"})
_COMPUTE: Final = frozenset(
    {"cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"}
)
_CLAIMS: Final = frozenset({"persistentvolumeclaims", "requests.storage"})
_VALID_FOR: Final[Mapping[str, frozenset[str]]] = {
    "Terminating": _POD_COUNT | _COMPUTE,
    "NotTerminating": _POD_COUNT | _COMPUTE,
    "NotBestEffort": _POD_COUNT | _COMPUTE,
    "PriorityClass": _POD_COUNT | _COMPUTE,
    "CrossNamespacePodAffinity": _POD_COUNT | _COMPUTE,
    "BestEffort": _POD_COUNT,
    "VolumeAttributesClass": _CLAIMS,
}
"""What a quota of a scope can limit."""
_EXISTS_ONLY: Final = (
    "BestEffort",
    "NotBestEffort",
    "Terminating",
    "NotTerminating",
    "CrossNamespacePodAffinity",
)
_MUST_EXIST: Final = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating,"
    " ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)
_CONFLICTS: Final = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))


def validate_resource_quota(quota: ResourceQuota) -> Errors:
    errors = validate_object_meta(quota.metadata, True, name_is_dns_subdomain)
    _validate_spec(quota.spec, errors)
    _validate_status(quota, errors)
    return errors


def _validate_quantities(quantities: Mapping[str, Quantity], path: Path, errors: Errors) -> None:
    for name, quantity in quantities.items():
        at = path.key(name)
        report(at, name, resource_name_complaints(name), errors)
        if "/" not in name and not is_standard_for_quota(name):
            errors.append(invalid(at, name, "must be a standard resource for quota"))
        validate_resource_quantity(name, quantity, at, errors)


def _validate_status(quota: ResourceQuota, errors: Errors) -> None:
    _validate_quantities(quota.status.hard, _STATUS.child("hard"), errors)
    _validate_quantities(quota.status.used, _STATUS.child("used"), errors)


def _validate_spec(spec: ResourceQuotaSpec, errors: Errors) -> None:
    _validate_quantities(spec.hard, _SPEC.child("hard"), errors)
    at = _SPEC.child("scopes")
    for scope in spec.scopes:
        if scope not in _VALID_FOR:
            errors.append(invalid(at, spec.scopes, "unsupported scope"))
        _validate_scope(scope, spec, at, spec.scopes, errors)
    _validate_conflicts(spec.scopes, spec, at, errors)
    if spec.scope_selector is None:
        return
    at = _SPEC.child("scopeSelector", "matchExpressions")
    for requirement in spec.scope_selector.match_expressions:
        _validate_requirement(requirement, spec, at, errors)
    scopes = [requirement.scope_name for requirement in spec.scope_selector.match_expressions]
    _validate_conflicts(scopes, spec, at, errors)


def _validate_scope(scope: str, spec: ResourceQuotaSpec, path: Path, shown: object, errors: Errors) -> None:
    valid = _VALID_FOR.get(scope)
    if valid is None:
        return
    for name in sorted(spec.hard):
        if is_standard_for_quota(name) and name not in valid:
            errors.append(invalid(path, shown, "unsupported scope applied to resource"))


def _validate_conflicts(scopes: Sequence[str], spec: ResourceQuotaSpec, path: Path, errors: Errors) -> None:
    for pair in _CONFLICTS:
        if all(scope in scopes for scope in pair):
            errors.append(invalid(path, shown(spec.scopes), "conflicting scopes"))


def _validate_requirement(
    requirement: ScopedResourceSelectorRequirement,
    spec: ResourceQuotaSpec,
    path: Path,
    errors: Errors,
) -> None:
    scope, operator, values = requirement.scope_name, requirement.operator, requirement.values
    if scope not in _VALID_FOR:
        errors.append(invalid(path.child("scopeName"), scope, "unsupported scope"))
    _validate_scope(scope, spec, path, spec.scope_selector, errors)
    if scope in _EXISTS_ONLY and operator != "Exists":
        errors.append(invalid(path.child("operator"), operator, _MUST_EXIST))
    match operator:
        case "In" | "NotIn":
            if not values:
                detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
                errors.append(required(path.child("values"), detail))
        case "Exists" | "DoesNotExist":
            if values:
                detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
                errors.append(invalid(path.child("values"), values, detail))
        case _:
            errors.append(invalid(path.child("operator"), operator, "not a valid selector operator"))


def validate_resource_quota_update(new: ResourceQuota, old: ResourceQuota) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    _validate_spec(new.spec, errors)
    if set(new.spec.scopes) != set(old.spec.scopes):
        errors.append(invalid(_SPEC.child("scopes"), shown(new.spec.scopes), IMMUTABLE))
    return errors


def validate_resource_quota_status_update(new: ResourceQuota, old: ResourceQuota) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    if not new.metadata.resource_version:
        errors.append(required(Path("resourceVersion")))
    _validate_status(new, errors)
    return errors
