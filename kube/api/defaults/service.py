"""Defaults of services.

Cluster IPs, IP families and node ports are allocated by the registry. Source of the semantics:
pkg/apis/core/v1/defaults.go.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from kube.api.defaults.volumes import default_each
from kube.api.helpers.services import CLUSTER_IP, LOAD_BALANCER, NODE_PORT, is_externally_accessible
from kube.api.types.core_v1 import (
    ClientIPConfig,
    LoadBalancerIngress,
    Service,
    ServicePort,
    ServiceSpec,
    SessionAffinityConfig,
)

CLIENT_IP_AFFINITY_SECONDS: Final = 10800
_AFFINITY: Final = SessionAffinityConfig(client_ip=ClientIPConfig(timeout_seconds=CLIENT_IP_AFFINITY_SECONDS))


def default_service(service: Service) -> Service:
    spec = _default_spec(service.spec)
    if spec is not service.spec:
        service = replace(service, spec=spec)
    if is_externally_accessible(service) and not spec.external_traffic_policy:
        service = replace(service, spec=replace(spec, external_traffic_policy="Cluster"))
    return _default_ingress(service) if spec.type == LOAD_BALANCER else service


def _default_spec(spec: ServiceSpec) -> ServiceSpec:
    changes: dict[str, Any] = {}
    affinity = spec.session_affinity or "None"
    if not spec.session_affinity:
        changes["session_affinity"] = affinity
    if affinity == "None" and spec.session_affinity_config is not None:
        changes["session_affinity_config"] = None
    if affinity == "ClientIP" and not _has_timeout(spec.session_affinity_config):
        changes["session_affinity_config"] = _AFFINITY
    kind = spec.type or CLUSTER_IP
    if not spec.type:
        changes["type"] = kind
    if (ports := default_each(spec.ports, _default_port)) is not spec.ports:
        changes["ports"] = ports
    if spec.internal_traffic_policy is None and kind in (CLUSTER_IP, NODE_PORT, LOAD_BALANCER):
        changes["internal_traffic_policy"] = "Cluster"
    if kind == LOAD_BALANCER and spec.allocate_load_balancer_node_ports is None:
        changes["allocate_load_balancer_node_ports"] = True
    return replace(spec, **changes) if changes else spec


def _has_timeout(config: SessionAffinityConfig | None) -> bool:
    return (
        config is not None and config.client_ip is not None and config.client_ip.timeout_seconds is not None
    )


def _default_port(port: ServicePort) -> ServicePort:
    if port.protocol and port.target_port not in (0, ""):
        return port
    return replace(port, protocol=port.protocol or "TCP", target_port=port.target_port or port.port)


def _default_ingress(service: Service) -> Service:
    balancer = service.status.load_balancer
    ingress = default_each(balancer.ingress, _default_ip_mode)
    if ingress is balancer.ingress:
        return service
    status = replace(service.status, load_balancer=replace(balancer, ingress=ingress))
    return replace(service, status=status)


def _default_ip_mode(ingress: LoadBalancerIngress) -> LoadBalancerIngress:
    return replace(ingress, ip_mode="VIP") if ingress.ip and ingress.ip_mode is None else ingress
