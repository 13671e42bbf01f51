"""The rules of Services.

Source of the semantics: pkg/apis/core/validation; the API page "Service"; KEP-5311 (names), KEP-2433 (topology mode),
KEP-3015 (traffic distribution), KEP-1860 (IP mode).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from kube.api.helpers.services import (
    CLUSTER_IP,
    EXTERNAL_NAME,
    LOAD_BALANCER,
    NODE_PORT,
    is_externally_accessible,
    needs_health_check,
)
from kube.api.types.core_v1 import (
    LoadBalancerIngress,
    Service,
    ServicePort,
    ServiceSpec,
    SessionAffinityConfig,
)
from kube.api.validation.checks import (
    IMMUTABLE,
    Errors,
    dns1123_subdomain,
    name_is_dns_label,
    parse_ip,
    report,
    validate_cidr,
    validate_dns1123_label,
    validate_ip,
    validate_non_special_ip,
    validate_one_of,
    validate_port_number_or_name,
    validate_qualified_name,
)
from kube.api.validation.containers import PROTOCOLS
from kube.api.validation.metadata import (
    METADATA,
    validate_labels,
    validate_object_meta,
    validate_object_meta_update,
)
from kube.api.validation.service_ips import (
    is_headless,
    validate_cluster_ips,
    validate_cluster_ips_update,
    validate_ip_families_update,
)
from kube.apimachinery import names
from kube.apimachinery.field import Path, duplicate, forbidden, invalid, not_supported, required

_SPEC: Final = Path("spec")
_PORTS: Final = _SPEC.child("ports")
_AFFINITIES: Final = ("ClientIP", "None")
_TYPES: Final = (CLUSTER_IP, EXTERNAL_NAME, LOAD_BALANCER, NODE_PORT)
_TRAFFIC_POLICIES: Final = ("Cluster", "Local")
_DISTRIBUTIONS: Final = ("PreferClose", "PreferSameNode", "PreferSameZone")
_IP_MODES: Final = ("Proxy", "VIP")
_AFFINITY_SECONDS_MAX: Final = 86400
_TOPOLOGY_HINTS: Final = "service.kubernetes.io/topology-aware-hints"
_TOPOLOGY_MODE: Final = "service.kubernetes.io/topology-mode"
_SOURCE_RANGES: Final = "service.beta.kubernetes.io/load-balancer-source-ranges"
_ONLY_LOAD_BALANCER: Final = "may only be used when `type` is 'LoadBalancer'"


class _PortKey(msgspec.Struct, frozen=True, rename="pascal"):
    """How upstream prints the pair that must be unique."""

    name: str = ""
    protocol: str = ""
    app_protocol: str | None = None
    port: int = 0
    target_port: int = 0
    node_port: int = 0


def validate_service(service: Service) -> Errors:
    errors = validate_object_meta(service.metadata, True, name_is_dns_label)
    spec = service.spec
    _validate_topology_annotations(service, errors)
    headless = is_headless(spec)
    if not spec.ports and not headless and spec.type != EXTERNAL_NAME:
        errors.append(required(_PORTS))
    if headless and spec.type in (LOAD_BALANCER, NODE_PORT):
        at = _SPEC.child("clusterIPs").index(0)
        detail = f"may not be set to 'None' for {spec.type} services"
        errors.append(invalid(at, spec.cluster_ips[0], detail))
    if spec.type == EXTERNAL_NAME:
        _validate_external_name(spec, errors)
    seen: set[str] = set()
    for i, port in enumerate(spec.ports):
        _validate_port(port, len(spec.ports) > 1, seen, _PORTS.index(i), errors)
    validate_labels(spec.selector, _SPEC.child("selector"), errors)
    _validate_affinity(spec, errors)
    validate_cluster_ips(spec, _SPEC, errors)
    for i, ip in enumerate(spec.external_ips):
        at = _SPEC.child("externalIPs").index(i)
        before = len(errors)
        validate_ip(ip, at, errors)
        if len(errors) == before:
            validate_non_special_ip(ip, at, errors)
    if spec.type not in _TYPES:
        validate_one_of(spec.type, _TYPES, _SPEC.child("type"), errors)
    _validate_port_uniqueness(spec, errors)
    _validate_load_balancer_fields(service, errors)
    _validate_load_balancer_class(spec, None, errors)
    _validate_external_traffic(service, errors)
    _validate_internal_traffic(spec, errors)
    return errors


def _validate_topology_annotations(service: Service, errors: Errors) -> None:
    annotations = service.metadata.annotations
    mode, hints = annotations.get(_TOPOLOGY_MODE), annotations.get(_TOPOLOGY_HINTS)
    if mode is not None and hints is not None and mode != hints:
        detail = f"must match annotations[{_TOPOLOGY_HINTS}] when both are specified"
        errors.append(invalid(METADATA.child("annotations").key(_TOPOLOGY_MODE), mode, detail))


def _validate_external_name(spec: ServiceSpec, errors: Errors) -> None:
    for name, given in (
        ("clusterIPs", spec.cluster_ips),
        ("ipFamilies", spec.ip_families),
        ("ipFamilyPolicy", spec.ip_family_policy is not None),
    ):
        if given:
            errors.append(forbidden(_SPEC.child(name), "may not be set for ExternalName services"))
    at, cname = _SPEC.child("externalName"), spec.external_name.removesuffix(".")
    if cname:
        report(at, cname, dns1123_subdomain(cname), errors)
    else:
        errors.append(required(at))


def _validate_port(port: ServicePort, require_name: bool, seen: set[str], path: Path, errors: Errors) -> None:
    if require_name and not port.name:
        errors.append(required(path.child("name")))
    elif port.name:
        validate_dns1123_label(port.name, path.child("name"), errors)
        if port.name in seen:
            errors.append(duplicate(path.child("name"), port.name))
        seen.add(port.name)
    report(path.child("port"), port.port, names.port_number(port.port), errors)
    if port.protocol not in PROTOCOLS:
        validate_one_of(port.protocol, PROTOCOLS, path.child("protocol"), errors)
    validate_port_number_or_name(port.target_port, path.child("targetPort"), errors)
    if port.app_protocol is not None:
        validate_qualified_name(port.app_protocol, path.child("appProtocol"), errors)


def _validate_affinity(spec: ServiceSpec, errors: Errors) -> None:
    affinity, at = spec.session_affinity, _SPEC.child("sessionAffinityConfig")
    if affinity not in _AFFINITIES:
        validate_one_of(affinity, _AFFINITIES, _SPEC.child("sessionAffinity"), errors)
    if affinity == "ClientIP":
        _validate_client_ip(spec.session_affinity_config, at, errors)
    elif affinity == "None" and spec.session_affinity_config is not None:
        errors.append(forbidden(at, "must not be set when session affinity is None"))


def _validate_client_ip(config: SessionAffinityConfig | None, path: Path, errors: Errors) -> None:
    detail = "when session affinity type is ClientIP"
    at = path.child("clientIP", "timeoutSeconds")
    if config is None:
        errors.append(required(path, detail))
    elif config.client_ip is None:
        errors.append(required(path.child("clientIP"), detail))
    elif config.client_ip.timeout_seconds is None:
        errors.append(required(at, detail))
    elif not 0 < config.client_ip.timeout_seconds <= _AFFINITY_SECONDS_MAX:
        detail = f"must be greater than 0 and less than {_AFFINITY_SECONDS_MAX}"
        errors.append(invalid(at, config.client_ip.timeout_seconds, detail))


def _validate_port_uniqueness(spec: ServiceSpec, errors: Errors) -> None:
    if spec.type == CLUSTER_IP:
        for i, port in enumerate(spec.ports):
            if port.node_port:
                detail = "may not be used when `type` is 'ClusterIP'"
                errors.append(forbidden(_PORTS.index(i).child("nodePort"), detail))
    node_ports: set[tuple[str, int]] = set()
    for i, port in enumerate(spec.ports):
        if port.node_port and (port.protocol, port.node_port) in node_ports:
            errors.append(duplicate(_PORTS.index(i).child("nodePort"), port.node_port))
        node_ports.add((port.protocol, port.node_port))
    ports: set[tuple[str, int]] = set()
    for i, port in enumerate(spec.ports):
        if (port.protocol, port.port) in ports:
            key = _PortKey(protocol=port.protocol, port=port.port)
            errors.append(duplicate(_PORTS.index(i), key))
        ports.add((port.protocol, port.port))


def _validate_load_balancer_fields(service: Service, errors: Errors) -> None:
    spec = service.spec
    balanced = spec.type == LOAD_BALANCER
    ranges: Sequence[str] = spec.load_balancer_source_ranges
    if ranges:
        at = _SPEC.child("LoadBalancerSourceRanges")
        if not balanced:
            errors.append(forbidden(at, _ONLY_LOAD_BALANCER))
        for i, text in enumerate(ranges):
            validate_cidr(text.strip(), at.index(i), errors)
    elif (annotation := service.metadata.annotations.get(_SOURCE_RANGES)) is not None:
        at = METADATA.child("annotations").key(_SOURCE_RANGES)
        if not balanced:
            errors.append(forbidden(at, _ONLY_LOAD_BALANCER))
        for text in annotation.strip().split(",") if annotation.strip() else ():
            validate_cidr(text.strip(), at, errors)
    if spec.allocate_load_balancer_node_ports is not None and not balanced:
        at = _SPEC.child("allocateLoadBalancerNodePorts")
        errors.append(forbidden(at, _ONLY_LOAD_BALANCER))
    if spec.allocate_load_balancer_node_ports is None and balanced:
        errors.append(required(Path("allocateLoadBalancerNodePorts")))


def _validate_load_balancer_class(spec: ServiceSpec, old: ServiceSpec | None, errors: Errors) -> None:
    at, given = _SPEC.child("loadBalancerClass"), spec.load_balancer_class
    if old is not None and old.type == spec.type == LOAD_BALANCER and old.load_balancer_class != given:
        errors.append(invalid(at, given, "may not change once set"))
    if given is None:
        return
    if spec.type == LOAD_BALANCER:
        validate_qualified_name(given, at, errors)
    else:
        errors.append(forbidden(at, _ONLY_LOAD_BALANCER))


def _validate_external_traffic(service: Service, errors: Errors) -> None:
    spec = service.spec
    at, policy = _SPEC.child("externalTrafficPolicy"), spec.external_traffic_policy
    if is_externally_accessible(service):
        validate_one_of(policy, _TRAFFIC_POLICIES, at, errors)
    elif policy:
        errors.append(invalid(at, policy, "may only be set for externally-accessible services"))
    at, port = _SPEC.child("healthCheckNodePort"), spec.health_check_node_port
    if needs_health_check(service):
        if port == 0:
            errors.append(required(at))
        else:
            report(at, port, names.port_number(port), errors)
    elif port != 0:
        detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        errors.append(invalid(at, port, detail))


def _validate_internal_traffic(spec: ServiceSpec, errors: Errors) -> None:
    at, policy = _SPEC.child("internalTrafficPolicy"), spec.internal_traffic_policy
    if policy is None:
        if spec.type in (NODE_PORT, LOAD_BALANCER, CLUSTER_IP):
            errors.append(required(at))
    elif policy not in _TRAFFIC_POLICIES:
        errors.append(not_supported(at, policy, _TRAFFIC_POLICIES))
    distribution = spec.traffic_distribution
    if distribution is not None and distribution not in _DISTRIBUTIONS:
        at = _SPEC.child("trafficDistribution")
        errors.append(not_supported(at, distribution, _DISTRIBUTIONS))


def validate_service_update(new: Service, old: Service) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    validate_cluster_ips_update(new.spec, old.spec, _SPEC, errors)
    validate_ip_families_update(new.spec, old.spec, _SPEC, errors)
    _validate_load_balancer_class(new.spec, old.spec, errors)
    port_changed = new.spec.health_check_node_port != old.spec.health_check_node_port
    if port_changed and needs_health_check(old) and needs_health_check(new):
        errors.append(forbidden(_SPEC.child("healthCheckNodePort"), IMMUTABLE))
    return errors + validate_service(new)


def validate_service_status_update(new: Service, old: Service) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    at = Path("status").child("loadBalancer", "ingress")
    ingress = new.status.load_balancer.ingress
    if ingress and new.spec.type != LOAD_BALANCER:
        errors.append(forbidden(at, "may only be used when `spec.type` is 'LoadBalancer'"))
        return errors
    for i, each in enumerate(ingress):
        _validate_ingress(each, at.index(i), errors)
    return errors


def _validate_ingress(ingress: LoadBalancerIngress, path: Path, errors: Errors) -> None:
    if ingress.ip:
        validate_ip(ingress.ip, path.child("ip"), errors)
    at, mode = path.child("ipMode"), ingress.ip_mode
    if mode is None:
        if ingress.ip:
            errors.append(required(at, "must be specified when `ip` is set"))
    elif not ingress.ip:
        errors.append(forbidden(at, "may not be specified when `ip` is not set"))
    elif mode not in _IP_MODES:
        errors.append(not_supported(at, mode, _IP_MODES))
    at, hostname = path.child("hostname"), ingress.hostname
    if hostname:
        report(at, hostname, dns1123_subdomain(hostname), errors)
        if parse_ip(hostname) is not None:
            errors.append(invalid(at, hostname, "must be a DNS name, not an IP address"))
