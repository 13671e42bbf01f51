"""What a service's spec says: headless, reachable from outside, its ports.

Source of the semantics: pkg/api/service, the API page "Service".
"""

from __future__ import annotations

from typing import Final

from kube.api.types.core_v1 import Service, ServicePort

CLUSTER_IP: Final = "ClusterIP"
NODE_PORT: Final = "NodePort"
LOAD_BALANCER: Final = "LoadBalancer"
EXTERNAL_NAME: Final = "ExternalName"

CLUSTER_IP_NONE: Final = "None"


def is_headless(service: Service) -> bool:
    return service.spec.cluster_ips == (CLUSTER_IP_NONE,) or service.spec.cluster_ip == CLUSTER_IP_NONE


def is_cluster_ip_set(service: Service) -> bool:
    """Whether kube-proxy has a virtual IP to serve."""
    return service.spec.type != EXTERNAL_NAME and service.spec.cluster_ip not in ("", CLUSTER_IP_NONE)


def is_externally_accessible(service: Service) -> bool:
    spec = service.spec
    return spec.type in (LOAD_BALANCER, NODE_PORT) or (spec.type == CLUSTER_IP and bool(spec.external_ips))


def requests_only_local_traffic(service: Service) -> bool:
    """Whether traffic from outside stays on the node that it reaches."""
    return service.spec.type in (LOAD_BALANCER, NODE_PORT) and service.spec.external_traffic_policy == "Local"


def needs_health_check(service: Service) -> bool:
    """Whether the service has a port that tells load balancers which nodes have endpoints."""
    return service.spec.type == LOAD_BALANCER and requests_only_local_traffic(service)


def needs_node_ports(service: Service) -> bool:
    spec = service.spec
    if spec.type == NODE_PORT:
        return True
    return spec.type == LOAD_BALANCER and spec.allocate_load_balancer_node_ports is not False


def port_named(service: Service, name: str) -> ServicePort | None:
    for port in service.spec.ports:
        if port.name == name:
            return port
    return None
