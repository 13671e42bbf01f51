"""The rules of a Service's cluster IPs and IP families, and of what may become of them.

Source of the semantics: pkg/apis/core/validation, KEP-563 (dual stack).
"""

from __future__ import annotations

from typing import Final

from kube.api.helpers.services import CLUSTER_IP_NONE, EXTERNAL_NAME
from kube.api.types.core_v1 import ServiceSpec
from kube.api.validation.checks import Errors, is_dual_stack, is_ipv6, shown, validate_ip
from kube.apimachinery.field import Path, duplicate, invalid, not_supported, required

_FAMILIES: Final = ("IPv4", "IPv6")
_POLICIES: Final = ("PreferDualStack", "RequireDualStack", "SingleStack")
_FIXED: Final = "may not change once set"


def is_headless(spec: ServiceSpec) -> bool:
    return spec.cluster_ips == (CLUSTER_IP_NONE,)


def validate_cluster_ips(spec: ServiceSpec, path: Path, errors: Errors) -> None:
    if spec.type == EXTERNAL_NAME:
        return
    at, ips = path.child("clusterIPs"), spec.cluster_ips
    if spec.cluster_ip and not ips:
        errors.append(required(at))
    elif spec.cluster_ip and ips[0] != spec.cluster_ip:
        errors.append(invalid(at, ips, "first value must match `clusterIP`"))
    elif not spec.cluster_ip and ips:
        errors.append(invalid(at, ips, "must be empty when `clusterIP` is not specified"))
    for i, family in enumerate(spec.ip_families):
        family_at = path.child("ipFamilies").index(i)
        if family not in _FAMILIES:
            errors.append(not_supported(family_at, family, _FAMILIES))
        if family in spec.ip_families[:i]:
            errors.append(duplicate(family_at, family))
    policy = spec.ip_family_policy
    if policy is not None and policy not in _POLICIES:
        errors.append(not_supported(path.child("ipFamilyPolicy"), policy, _POLICIES))
    before = len(errors)
    for i, ip in enumerate(ips):
        if i == 0 and ip == CLUSTER_IP_NONE:
            if len(ips) > 1:
                errors.append(invalid(at, ips, "'None' must be the first and only value"))
        else:
            validate_ip(ip, at.index(i), errors)
    sound = len(errors) == before
    if len(ips) > 2:
        errors.append(invalid(at, ips, "may only hold up to 2 values"))
    if sound:
        _validate_families_of(spec, at, errors)


def _validate_families_of(spec: ServiceSpec, path: Path, errors: Errors) -> None:
    ips = spec.cluster_ips
    if len(ips) > 1 and not is_dual_stack(ips):
        errors.append(invalid(path, ips, "may specify no more than one IP for each IP family"))
    if is_headless(spec):
        return
    for i, (ip, family) in enumerate(zip(ips, spec.ip_families, strict=False)):
        if family in _FAMILIES and is_ipv6(ip) != (family == "IPv6"):
            article_family = f"an {family} value as indicated by `ipFamilies[{i}]`"
            errors.append(invalid(path.index(i), ip, f"expected {article_family}"))


def validate_cluster_ips_update(new: ServiceSpec, old: ServiceSpec, path: Path, errors: Errors) -> None:
    """The primary address is fixed once set; a secondary may come and go."""
    if EXTERNAL_NAME in (new.type, old.type) or (is_headless(new) and is_headless(old)):
        return
    at, after, before = path.child("clusterIPs"), new.cluster_ips, old.cluster_ips
    if len(before) == len(after):
        for i, ip in enumerate(before):
            if ip != after[i]:
                errors.append(invalid(at.index(i), shown(after), _FIXED))
        return
    if before and not after:
        errors.append(invalid(at.index(0), shown(after), "primary clusterIP can not be unset"))
    if before and after and after[0] != before[0]:
        errors.append(invalid(at.index(0), after, _FIXED))
    if len(before) > len(after) == 1:
        _require_single_stack(new, path, "secondary clusterIP", errors)


def validate_ip_families_update(new: ServiceSpec, old: ServiceSpec, path: Path, errors: Errors) -> None:
    if EXTERNAL_NAME in (new.type, old.type) or is_headless(new) or is_headless(old):
        return
    at, after, before = path.child("ipFamilies").index(0), new.ip_families, old.ip_families
    if len(before) == len(after):
        for i, family in enumerate(before):
            if family != after[i]:
                errors.append(invalid(at, after, _FIXED))
        return
    if len(before) > len(after) and not new.cluster_ips:
        errors.append(invalid(at, shown(after), "primary ipFamily can not be unset"))
    if before and after and after[0] != before[0]:
        errors.append(invalid(at, shown(new.cluster_ips), _FIXED))
    if len(before) > len(after) == 1:
        _require_single_stack(new, path, "secondary ipFamily", errors)


def _require_single_stack(spec: ServiceSpec, path: Path, what: str, errors: Errors) -> None:
    if spec.ip_family_policy != "SingleStack":
        detail = f"must be set to 'SingleStack' when releasing the {what}"
        errors.append(invalid(path.child("ipFamilyPolicy"), spec.ip_family_policy, detail))
