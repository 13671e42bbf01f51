"""The rules of Endpoints.

Source of the semantics: pkg/apis/core/validation.
"""

from __future__ import annotations

from typing import Final

from kube.api.types.core_v1 import EndpointAddress, EndpointPort, Endpoints
from kube.api.validation.checks import (
    Errors,
    name_is_dns_subdomain,
    report,
    validate_dns1123_label,
    validate_ip,
    validate_non_special_ip,
    validate_one_of,
    validate_qualified_name,
)
from kube.api.validation.containers import PROTOCOLS
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.apimachinery import names
from kube.apimachinery.field import Path, required

_SUBSETS: Final = Path("subsets")


def validate_endpoints(endpoints: Endpoints) -> Errors:
    errors = validate_object_meta(endpoints.metadata, True, name_is_dns_subdomain)
    for i, subset in enumerate(endpoints.subsets):
        at = _SUBSETS.index(i)
        if not subset.addresses and not subset.not_ready_addresses:
            errors.append(required(at, "must specify `addresses` or `notReadyAddresses`"))
        for j, address in enumerate(subset.addresses):
            _validate_address(address, at.child("addresses").index(j), errors)
        for j, address in enumerate(subset.not_ready_addresses):
            _validate_address(address, at.child("notReadyAddresses").index(j), errors)
        for j, port in enumerate(subset.ports):
            _validate_port(port, len(subset.ports) > 1, at.child("ports").index(j), errors)
    return errors


def _validate_address(address: EndpointAddress, path: Path, errors: Errors) -> None:
    validate_ip(address.ip, path.child("ip"), errors)
    if address.hostname:
        validate_dns1123_label(address.hostname, path.child("hostname"), errors)
    if address.node_name is not None:
        complaints = name_is_dns_subdomain(address.node_name, False)
        report(path.child("nodeName"), address.node_name, complaints, errors)
    validate_non_special_ip(address.ip, path.child("ip"), errors)


def _validate_port(port: EndpointPort, require_name: bool, path: Path, errors: Errors) -> None:
    if require_name and not port.name:
        errors.append(required(path.child("name")))
    elif port.name:
        validate_dns1123_label(port.name, path.child("name"), errors)
    report(path.child("port"), port.port, names.port_number(port.port), errors)
    if port.protocol not in PROTOCOLS:
        validate_one_of(port.protocol, PROTOCOLS, path.child("protocol"), errors)
    if port.app_protocol is not None:
        validate_qualified_name(port.app_protocol, path.child("appProtocol"), errors)


def validate_endpoints_update(new: Endpoints, old: Endpoints) -> Errors:
    return validate_object_meta_update(new.metadata, old.metadata) + validate_endpoints(new)
