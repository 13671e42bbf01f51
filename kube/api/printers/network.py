"""Services, their endpoints, ingresses and policies."""

from collections.abc import Iterable
from typing import Final

from kube.api.printers.columns import (
    AGE,
    NAME,
    NONE,
    SELECTOR,
    Cells,
    Printers,
    abridged,
    age,
    column,
    format_labels,
)
from kube.api.types.core_v1 import Endpoints, Service, ServicePort
from kube.api.types.discovery_v1 import EndpointPort, EndpointSlice
from kube.api.types.networking_v1 import Ingress, IngressClass, IPAddress, NetworkPolicy, ServiceCIDR
from kube.apimachinery.labels import format_label_selector

PRINTERS: Final = Printers()


def _ingress_points(points: Iterable[tuple[str, str]]) -> str:
    """Addresses of a load balancer: of each point its IP, else its host name."""
    return ",".join(sorted({ip or hostname for ip, hostname in points if ip or hostname}))


def _external_ip(obj: Service) -> str:
    external = ",".join(obj.spec.external_ips)
    if obj.spec.type in ("ClusterIP", "NodePort"):
        return external or NONE
    if obj.spec.type == "LoadBalancer":
        points = _ingress_points((point.ip, point.hostname) for point in obj.status.load_balancer.ingress)
        return ",".join(filter(None, (points, external))) or "<pending>"
    return obj.spec.external_name if obj.spec.type == "ExternalName" else "<unknown>"


def _service_port(port: ServicePort) -> str:
    return (
        f"{port.port}:{port.node_port}/{port.protocol}"
        if port.node_port > 0
        else f"{port.port}/{port.protocol}"
    )


@PRINTERS.whole(
    "",
    "Service",
    NAME,
    column("Type", "How the service is exposed."),
    column("Cluster-IP", "First virtual address inside the cluster."),
    column("External-IP", "Addresses from outside."),
    column("Port(s)", "Port, node port if any, and protocol."),
    AGE,
    SELECTOR,
)
def service(obj: Service, now: float) -> Cells:
    return (
        obj.metadata.name,
        obj.spec.type,
        obj.spec.cluster_ips[0] if obj.spec.cluster_ips else NONE,
        _external_ip(obj),
        ",".join(map(_service_port, obj.spec.ports)) or NONE,
        age(obj, now),
        format_labels(obj.spec.selector),
    )


def _host_port(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


@PRINTERS.between("", "Endpoints", column("Endpoints", "Ready addresses with their ports."))
def endpoints(obj: Endpoints, _: float) -> Cells:
    if not obj.subsets:
        return (NONE,)
    texts: list[str] = []
    for subset in obj.subsets:
        if not subset.ports:
            texts += [address.ip for address in subset.addresses]
        for port in subset.ports:
            texts += [_host_port(address.ip, port.port) for address in subset.addresses]
    return (abridged(texts) if texts else "",)


def _slice_port(port: EndpointPort) -> str:
    return str(port.port) if port.port is not None else "*" if port.name is None else port.name


@PRINTERS.between(
    "discovery.k8s.io",
    "EndpointSlice",
    column("AddressType", "IPv4, IPv6 or FQDN."),
    column("Ports", "The ports of every endpoint."),
    column("Endpoints", "Addresses, ready or not."),
)
def endpoint_slice(obj: EndpointSlice, _: float) -> Cells:
    addresses = [address for endpoint in obj.endpoints for address in endpoint.addresses]
    return (obj.address_type, abridged(map(_slice_port, obj.ports)), abridged(addresses))


def _hosts(obj: Ingress, limit: int = 3) -> str:
    """Host names of the rules; upstream counts every rule once it has seen enough hosts."""
    rules = obj.spec.rules
    hosts: list[str] = []
    more = False
    for rule in rules:
        more = more or len(hosts) == limit
        if not more and rule.host:
            hosts.append(rule.host)
    if not hosts:
        return "*"
    text = ",".join(hosts)
    return f"{text} + {len(rules) - limit} more..." if more else text


@PRINTERS.between(
    "networking.k8s.io",
    "Ingress",
    column("Class", "The IngressClass that implements it."),
    column("Hosts", "Host names that the rules match."),
    column("Address", "Addresses of the load balancer."),
    column("Ports", "Ports that are open."),
)
def ingress(obj: Ingress, _: float) -> Cells:
    points = ((point.ip, point.hostname) for point in obj.status.load_balancer.ingress)
    return (
        NONE if obj.spec.ingress_class_name is None else obj.spec.ingress_class_name,
        _hosts(obj),
        _ingress_points(points),
        "80, 443" if obj.spec.tls else "80",
    )


@PRINTERS.between(
    "networking.k8s.io",
    "IngressClass",
    column("Controller", "Who implements ingresses of the class."),
    column("Parameters", "The object with its further settings."),
)
def ingress_class(obj: IngressClass, _: float) -> Cells:
    parameters = obj.spec.parameters
    if parameters is None:
        return (obj.spec.controller, NONE)
    kind = parameters.kind if parameters.api_group is None else f"{parameters.kind}.{parameters.api_group}"
    return (obj.spec.controller, f"{kind}/{parameters.name}")


@PRINTERS.between("networking.k8s.io", "NetworkPolicy", column("Pod-Selector", "The pods that it rules."))
def network_policy(obj: NetworkPolicy, _: float) -> Cells:
    return (format_label_selector(obj.spec.pod_selector),)


@PRINTERS.between("networking.k8s.io", "ServiceCIDR", column("CIDRs", "Ranges of service addresses."))
def service_cidr(obj: ServiceCIDR, _: float) -> Cells:
    return (",".join(obj.spec.cidrs),)


@PRINTERS.whole(
    "networking.k8s.io", "IPAddress", NAME, column("ParentRef", "The object that has the address.")
)
def ip_address(obj: IPAddress, _: float) -> Cells:
    parent = obj.spec.parent_ref
    if parent is None:
        return (obj.metadata.name, NONE)
    resource = f"{parent.resource}.{parent.group}" if parent.group else parent.resource
    parts = [resource.lower(), *([parent.namespace] if parent.namespace else []), parent.name]
    return (obj.metadata.name, "/".join(parts))
