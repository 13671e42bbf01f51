"""From a pod to an endpoint of a service.

Semantics: staging/src/k8s.io/endpointslice/utils.go; KEP-1672 (terminating endpoints), KEP-4444 and KEP-3015 (traffic
distribution).
"""

from collections.abc import Sequence
from typing import Final

from kube.api.helpers.nodes import ZONE_LABEL
from kube.api.helpers.pods import find_port, is_pod_ready
from kube.api.helpers.services import is_headless
from kube.api.types.core_v1 import Node, ObjectReference, Pod, Service
from kube.api.types.discovery_v1 import (
    Endpoint,
    EndpointConditions,
    EndpointHints,
    EndpointPort,
    ForNode,
    ForZone,
)
from kube.controllers.endpointslice.membership import hostname_of

IPV4: Final = "IPv4"
IPV6: Final = "IPv6"
CLOSE: Final = ("PreferClose", "PreferSameZone", "PreferSameNode")
"""Values of ``trafficDistribution``."""

Ports = tuple[EndpointPort, ...]


def address_types(service: Service) -> tuple[str, ...]:
    """IPv4, IPv6 or both, the primary one first."""
    if service.spec.ip_families:
        return service.spec.ip_families
    address = service.spec.cluster_ip
    if address and not is_headless(service):
        return (IPV6,) if ":" in address else (IPV4,)
    return (IPV4, IPV6)


def endpoint_ports(service: Service, pod: Pod) -> Ports:
    """The service's ports as the pod has them; those with a name that the pod does not know are left out."""
    found = []
    for port in service.spec.ports:
        number = find_port(pod, port.target_port, port.protocol)
        if number is not None:
            found.append(
                EndpointPort(
                    name=port.name, port=number, protocol=port.protocol, app_protocol=port.app_protocol
                )
            )
    return tuple(found)


def addresses_of(pod: Pod, address_type: str) -> tuple[str, ...]:
    wants_v6 = address_type == IPV6
    ips = [each.ip for each in pod.status.pod_ips] or [pod.status.pod_ip]
    return tuple(ip for ip in ips if ip and (":" in ip) == wants_v6)


def endpoint_of(pod: Pod, node: Node | None, service: Service, addresses: tuple[str, ...]) -> Endpoint:
    metadata, spec = pod.metadata, pod.spec
    serving = is_pod_ready(pod)
    terminating = metadata.deletion_timestamp is not None
    ready = service.spec.publish_not_ready_addresses or (serving and not terminating)
    zone = node.metadata.labels.get(ZONE_LABEL) or None if node is not None else None
    return Endpoint(
        addresses=addresses,
        conditions=EndpointConditions(ready=ready, serving=serving, terminating=terminating),
        hostname=hostname_of(pod, service) or None,
        target_ref=ObjectReference(
            kind="Pod", namespace=metadata.namespace, name=metadata.name, uid=metadata.uid
        ),
        node_name=spec.node_name or None,
        zone=zone,
        hints=_hints(service, zone, spec.node_name) if ready else None,
    )


def _hints(service: Service, zone: str | None, node_name: str) -> EndpointHints | None:
    wanted = service.spec.traffic_distribution
    if wanted not in CLOSE:
        return None
    zones = (ForZone(name=zone),) if zone else ()
    nodes = (ForNode(name=node_name),) if node_name and wanted == "PreferSameNode" else ()
    return EndpointHints(for_zones=zones, for_nodes=nodes) if zones or nodes else None


def ports_key(ports: Sequence[EndpointPort]) -> Ports:
    """Equal for the same ports in whatever order."""
    return tuple(
        sorted(
            ports,
            key=lambda port: (port.name or "", port.protocol or "", port.port or 0, port.app_protocol or ""),
        )
    )
