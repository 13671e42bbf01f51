"""The rules of LimitRanges.

Source of the semantics: pkg/apis/core/validation; the API page "Limit Ranges".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kube.api.helpers.resource_names import STORAGE, is_overcommit_allowed
from kube.api.types.core_v1 import LimitRange, LimitRangeItem
from kube.api.validation.checks import Errors, label_key, name_is_dns_subdomain, report
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.api.validation.resources import (
    validate_container_resource_name,
    validate_resource_name,
)
from kube.apimachinery.field import Path, duplicate, forbidden, invalid, required
from kube.apimachinery.quantity import NANO, Quantity, parse_quantity

_LIMITS: Final = Path("spec").child("limits")
_TYPES: Final = ("Pod", "Container", "PersistentVolumeClaim")
_NOT_FOR_PODS: Final = "may not be specified when `type` is 'Pod'"


def validate_limit_range(limit_range: LimitRange) -> Errors:
    errors = validate_object_meta(limit_range.metadata, True, name_is_dns_subdomain)
    seen: set[str] = set()
    for i, item in enumerate(limit_range.spec.limits):
        at = _LIMITS.index(i)
        _validate_type(item.type, at.child("type"), errors)
        if item.type in seen:
            errors.append(duplicate(at.child("type"), item.type))
        seen.add(item.type)
        _validate_item(item, at, errors)
    return errors


def validate_limit_range_update(new: LimitRange, old: LimitRange) -> Errors:
    return validate_object_meta_update(new.metadata, old.metadata) + validate_limit_range(new)


def _validate_type(name: str, path: Path, errors: Errors) -> None:
    if complaints := label_key(name):
        report(path, name, complaints, errors)
    elif "/" not in name and name not in _TYPES:
        detail = "must be a standard limit type or fully qualified"
        errors.append(invalid(path, name, detail))


def _validate_names(
    item: LimitRangeItem, quantities: Mapping[str, Quantity], path: Path, errors: Errors
) -> None:
    for name in quantities:
        if item.type in ("Pod", "Container"):
            validate_container_resource_name(name, path.key(name), errors)
        else:
            validate_resource_name(name, path.key(name), errors)


def _validate_item(item: LimitRangeItem, path: Path, errors: Errors) -> None:
    default, default_request = item.default, item.default_request
    _validate_names(item, item.max, path.child("max"), errors)
    _validate_names(item, item.min, path.child("min"), errors)
    if item.type == "Pod":
        for name, given in (("default", default), ("defaultRequest", default_request)):
            if given:
                errors.append(forbidden(path.child(name), _NOT_FOR_PODS))
        default = default_request = {}
    else:
        _validate_names(item, default, path.child("default"), errors)
        _validate_names(item, default_request, path.child("defaultRequest"), errors)
    if item.type == "PersistentVolumeClaim" and STORAGE not in item.min and STORAGE not in item.max:
        detail = "either minimum or maximum storage value is required, but neither was provided"
        errors.append(required(path.child("limits"), detail))
    ratios = item.max_limit_request_ratio
    _validate_names(item, ratios, path.child("maxLimitRequestRatio"), errors)
    for name in dict.fromkeys((*item.max, *item.min, *default, *default_request, *ratios)):
        _validate_order(item, name, path, errors, default.get(name), default_request.get(name))
        if (ratio := ratios.get(name)) is not None:
            _validate_ratio(item, name, ratio, path.child("maxLimitRequestRatio").key(name), errors)
        limit, request = default.get(name), default_request.get(name)
        if limit is None or request is None or is_overcommit_allowed(name):
            continue
        if parse_quantity(limit) != parse_quantity(request):
            detail = f"default value {limit} must equal to defaultRequest value {request} in {name}"
            errors.append(invalid(path.child("defaultRequest").key(name), request, detail))


def _validate_order(  # noqa: PLR0917  the two defaults are absent for pods, whatever the item says
    item: LimitRangeItem,
    name: str,
    path: Path,
    errors: Errors,
    default: Quantity | None,
    default_request: Quantity | None,
) -> None:
    """Min <= default request <= default <= max."""
    least, most = item.min.get(name), item.max.get(name)
    for field, bad, low, low_name, high, high_name in (
        ("min", least, least, "min value", most, "max value"),
        ("defaultRequest", default_request, least, "min value", default_request, "default request value"),
        ("defaultRequest", default_request, default_request, "default request value", most, "max value"),
        (
            "defaultRequest",
            default_request,
            default_request,
            "default request value",
            default,
            "default limit value",
        ),
        ("default", least, least, "min value", default, "default value"),
        ("default", most, default, "default value", most, "max value"),
    ):
        if low is not None and high is not None and parse_quantity(low) > parse_quantity(high):
            detail = f"{low_name} {low} is greater than {high_name} {high}"
            errors.append(invalid(path.child(field).key(name), bad, detail))


def _validate_ratio(item: LimitRangeItem, name: str, ratio: Quantity, path: Path, errors: Errors) -> None:
    amount = parse_quantity(ratio)
    if amount < NANO:
        errors.append(invalid(path, ratio, f"ratio {ratio} is less than 1"))
    least, most = item.min.get(name), item.max.get(name)
    if least is None or most is None or parse_quantity(least) == 0:
        return
    bound = parse_quantity(most) / parse_quantity(least)
    if amount / NANO > bound:
        errors.append(invalid(path, ratio, f"ratio {ratio} is greater than max/min = {bound:f}"))
