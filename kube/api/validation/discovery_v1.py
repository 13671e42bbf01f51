"""The rules of EndpointSlices.

Source of the semantics: pkg/apis/discovery/validation, KEP-752, KEP-2433 (hints).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from kube.api.types.discovery_v1 import Endpoint, EndpointHints, EndpointPort, EndpointSlice
from kube.api.validation.checks import (
    Errors,
    dns1123_label,
    dns1123_subdomain,
    is_ipv6,
    label_value,
    name_is_dns_subdomain,
    parse_ip,
    report,
    validate_dns1123_label,
    validate_immutable,
    validate_non_special_ip,
    validate_one_of,
    validate_qualified_name,
)
from kube.api.validation.metadata import (
    validate_labels,
    validate_object_meta,
    validate_object_meta_update,
)
from kube.api.validation.rules import Rules
from kube.apimachinery.field import Path, duplicate, internal_error, invalid, required, too_many

MAX_ENDPOINTS: Final = 1000
MAX_ADDRESSES: Final = 100
MAX_PORTS: Final = 20000
_MAX_TOPOLOGY_LABELS: Final = 16
_MAX_HINTS: Final = 8
_ADDRESS_TYPES: Final = ("FQDN", "IPv4", "IPv6")
_PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
_ENDPOINTS: Final = Path("endpoints")
_PORTS: Final = Path("ports")
_ADDRESS_TYPE: Final = Path("addressType")
_ZONE: Final = "topology.kubernetes.io/zone"


def validate_endpoint_slice(endpoint_slice: EndpointSlice) -> Errors:
    errors = validate_object_meta(endpoint_slice.metadata, True, name_is_dns_subdomain)
    family = endpoint_slice.address_type
    validate_one_of(family, _ADDRESS_TYPES, _ADDRESS_TYPE, errors)
    endpoints = endpoint_slice.endpoints
    if len(endpoints) > MAX_ENDPOINTS:
        errors.append(too_many(_ENDPOINTS, len(endpoints), MAX_ENDPOINTS))
    else:
        for i, endpoint in enumerate(endpoints):
            _validate_endpoint(endpoint, family, _ENDPOINTS.index(i), errors)
    _validate_ports(endpoint_slice.ports, errors)
    return errors


def validate_endpoint_slice_update(new: EndpointSlice, old: EndpointSlice) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    errors += validate_endpoint_slice(new)
    validate_immutable(new.address_type, old.address_type, _ADDRESS_TYPE, errors)
    return errors


def _validate_endpoint(endpoint: Endpoint, family: str, path: Path, errors: Errors) -> None:
    at = path.child("addresses")
    if not endpoint.addresses:
        errors.append(required(at, "must contain at least 1 address"))
    elif len(endpoint.addresses) > MAX_ADDRESSES:
        errors.append(too_many(at, len(endpoint.addresses), MAX_ADDRESSES))
    for i, address in enumerate(endpoint.addresses):
        if not _is_sound(address, family):
            _validate_address(address, family, at.index(i), errors)
    if endpoint.node_name is not None:
        complaints = name_is_dns_subdomain(endpoint.node_name, False)
        report(path.child("nodeName"), endpoint.node_name, complaints, errors)
    topology, at = endpoint.deprecated_topology, path.child("deprecatedTopology")
    if len(topology) > _MAX_TOPOLOGY_LABELS:
        errors.append(too_many(at, len(topology), _MAX_TOPOLOGY_LABELS))
    validate_labels(topology, at, errors)
    if _ZONE in topology:
        fault = ValueError("reserved key was not removed in conversion")
        errors.append(internal_error(at.key(_ZONE), fault))
    if endpoint.hostname is not None:
        validate_dns1123_label(endpoint.hostname, path.child("hostname"), errors)
    if endpoint.hints is not None:
        _validate_hints(endpoint.hints, path.child("hints"), errors)


@lru_cache(16384)
def _is_sound(address: str, family: str) -> bool:
    """The same addresses come by with every change of a slice."""
    errors: Errors = []
    _validate_address(address, family, _ENDPOINTS, errors)
    return not errors


def _validate_address(address: str, family: str, path: Path, errors: Errors) -> None:
    match family:
        case "IPv4" | "IPv6":
            if parse_ip(address) is None or is_ipv6(address) != (family == "IPv6"):
                errors.append(invalid(path, address, f"must be a valid {family} address"))
            validate_non_special_ip(address, path, errors)
        case "FQDN":
            validate_fully_qualified_domain_name(address, path, errors)


def validate_fully_qualified_domain_name(name: str, path: Path, errors: Errors) -> None:
    """Two labels at least; a trailing dot is allowed."""
    if not name:
        errors.append(required(path))
        return
    name = name.removesuffix(".")
    if complaints := dns1123_subdomain(name):
        errors.append(invalid(path, name, ",".join(complaints)))
        return
    labels = name.split(".")
    if len(labels) < 2:
        detail = "should be a domain with at least two segments separated by dots"
        errors.append(invalid(path, name, detail))
        return
    for label in labels:
        if complaints := dns1123_label(label):
            errors.append(invalid(path, label, ",".join(complaints)))
            return


def _validate_hints(hints: EndpointHints, path: Path, errors: Errors) -> None:
    zones = [zone.name for zone in hints.for_zones]
    if _validate_hint_names(zones, path.child("forZones"), errors):
        for i, name in enumerate(zones):
            report(path.child("forZones").index(i).child("name"), name, label_value(name), errors)
    nodes = [node.name for node in hints.for_nodes]
    if _validate_hint_names(nodes, path.child("forNodes"), errors):
        for i, name in enumerate(nodes):
            complaints = name_is_dns_subdomain(name, False)
            report(path.child("forNodes").index(i).child("name"), name, complaints, errors)


def _validate_hint_names(names: Sequence[str], path: Path, errors: Errors) -> bool:
    """Whether there are few enough to look at each."""
    if len(names) > _MAX_HINTS:
        errors.append(too_many(path, len(names), _MAX_HINTS))
        return False
    for i in _repeated(names):
        errors.append(duplicate(path.index(i).child("name"), names[i]))
    return True


def _repeated(names: Iterable[str]) -> list[int]:
    seen: set[str] = set()
    again = []
    for i, name in enumerate(names):
        if name in seen:
            again.append(i)
        seen.add(name)
    return again


def _validate_ports(ports: Sequence[EndpointPort], errors: Errors) -> None:
    if len(ports) > MAX_PORTS:
        errors.append(too_many(_PORTS, len(ports), MAX_PORTS))
        return
    seen: set[str] = set()
    for i, port in enumerate(ports):
        path, name = _PORTS.index(i), port.name or ""
        if name:
            validate_dns1123_label(name, path.child("name"), errors)
        if name in seen:
            errors.append(duplicate(path.child("name"), name))
        seen.add(name)
        validate_one_of(port.protocol or "", _PROTOCOLS, path.child("protocol"), errors)
        if port.app_protocol is not None:
            validate_qualified_name(port.app_protocol, path.child("appProtocol"), errors)


RULES: Final[Mapping[type, Rules]] = {
    EndpointSlice: Rules(validate_endpoint_slice, validate_endpoint_slice_update)
}
