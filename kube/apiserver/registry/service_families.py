"""ipFamilyPolicy and ipFamilies of a service in a cluster of one family, IPv4.

Source of the semantics: pkg/registry/core/service/storage/alloc.go (initIPFamilyFields); KEP-563.
"""

from typing import Any, Final

from msgspec.structs import replace

from kube.api.helpers.services import CLUSTER_IP_NONE, EXTERNAL_NAME
from kube.api.types.core_v1 import ServiceSpec
from kube.api.validation.checks import is_ipv6
from kube.api.validation.service_ips import validate_cluster_ips
from kube.apimachinery.errors import invalid as invalid_object
from kube.apimachinery.field import FieldError, Path, invalid

IPV4: Final = "IPv4"
IPV6: Final = "IPv6"
SINGLE: Final = "SingleStack"
REQUIRE_DUAL: Final = "RequireDualStack"
_SPEC: Final = Path("spec")
_POLICY: Final = _SPEC.child("ipFamilyPolicy")


def with_families(spec: ServiceSpec, old: ServiceSpec | None, name: str) -> ServiceSpec:
    """The spec with the policy and the families that it has by default. Raises ApiError (422)."""
    if spec.type == EXTERNAL_NAME:
        return spec
    headless = spec.cluster_ip == CLUSTER_IP_NONE
    selectorless = headless and not spec.selector
    policy = spec.ip_family_policy
    if policy is None and old is not None:
        policy = old.ip_family_policy
    if policy is None:
        policy = REQUIRE_DUAL if selectorless else SINGLE
    spec = replace(spec, ip_family_policy=policy)
    errors: list[FieldError] = []
    validate_cluster_ips(spec, _SPEC, errors)
    if errors:
        raise invalid_object("Service", name, errors)
    changes: dict[str, Any] = _reduced(spec, old, policy, errors)
    families = _inferred(replace(spec, **changes), errors)
    if errors:
        raise invalid_object("Service", name, errors)
    if selectorless:
        families = families or (IPV4,)
        if len(families) < 2 and policy != SINGLE:
            families = (*families, IPV6 if families[0] == IPV4 else IPV4)
        return replace(spec, **{**changes, "ip_families": families})
    _check_configured(policy, families, errors)
    if errors:
        raise invalid_object("Service", name, errors)
    return replace(spec, **{**changes, "ip_families": families or (IPV4,)})


def _reduced(
    spec: ServiceSpec, old: ServiceSpec | None, policy: str, errors: list[FieldError]
) -> dict[str, Any]:
    """What a change to a single stack drops, where it is clear that this is meant."""
    changes: dict[str, Any] = {}
    ips, families = spec.cluster_ips, spec.ip_families
    if policy != SINGLE:
        return changes
    if old is not None and ips == old.cluster_ips and len(ips) > 1:
        changes["cluster_ips"] = ips = ips[:1]
    if old is not None and families == old.ip_families and len(families) > 1:
        changes["ip_families"] = families = families[:1]
    both = "must be 'RequireDualStack' or 'PreferDualStack' when multiple {} are specified"
    if len(ips) == 2:
        errors.append(invalid(_POLICY, policy, both.format("cluster IPs")))
    if len(families) == 2:
        errors.append(invalid(_POLICY, policy, both.format("IP families")))
    return changes


def _inferred(spec: ServiceSpec, errors: list[FieldError]) -> tuple[str, ...]:
    """The families, those of given addresses added."""
    families = spec.ip_families
    for at, ip in enumerate(spec.cluster_ips):
        if ip == CLUSTER_IP_NONE:
            break
        if at < len(families):
            continue
        if is_ipv6(ip):
            where = _SPEC.child("clusterIPs").index(at)
            errors.append(invalid(where, spec.cluster_ips, f"{IPV6} is not configured on this cluster"))
        else:
            families = (*families, IPV4)
    return families


def _check_configured(policy: str, families: tuple[str, ...], errors: list[FieldError]) -> None:
    if policy == REQUIRE_DUAL:
        why = "this cluster is not configured for dual-stack services"
        errors.append(invalid(_POLICY, policy, why))
    for at, family in enumerate(families):
        if family != IPV4:
            where = _SPEC.child("ipFamilies").index(at)
            errors.append(invalid(where, family, "not configured on this cluster"))
