"""The rules of NetworkPolicies.

Source of the semantics: pkg/apis/networking/validation, KEP-2079 (endPort), KEP-4858 (strict CIDRs).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

from kube.api.types.networking_v1 import (
    IPBlock,
    NetworkPolicy,
    NetworkPolicyPeer,
    NetworkPolicyPort,
    NetworkPolicySpec,
)
from kube.api.validation.checks import (
    Errors,
    name_is_dns_subdomain,
    parse_ip,
    port_name,
    report,
    validate_cidr,
)
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.api.validation.selectors import validate_label_selector
from kube.api.validation.workload import SPEC
from kube.apimachinery import names
from kube.apimachinery.field import Path, forbidden, invalid, not_supported, required

_PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
_POLICY_TYPES: Final = ("Ingress", "Egress")


def validate_network_policy(policy: NetworkPolicy) -> Errors:
    errors = validate_object_meta(policy.metadata, True, name_is_dns_subdomain)
    _validate_spec(policy.spec, errors)
    return errors


def validate_network_policy_update(new: NetworkPolicy, old: NetworkPolicy) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    _validate_spec(new.spec, errors)
    return errors


def _validate_spec(spec: NetworkPolicySpec, errors: Errors) -> None:
    validate_label_selector(spec.pod_selector, SPEC.child("podSelector"), errors)
    for i, ingress in enumerate(spec.ingress):
        at = SPEC.child("ingress").index(i)
        _validate_rule(ingress.ports, ingress.from_, at, "from", errors)
    for i, egress in enumerate(spec.egress):
        at = SPEC.child("egress").index(i)
        _validate_rule(egress.ports, egress.to, at, "to", errors)
    at = SPEC.child("policyTypes")
    if len(spec.policy_types) > len(_POLICY_TYPES):
        errors.append(invalid(at, spec.policy_types, "may not specify more than two policyTypes"))
        return
    for i, policy_type in enumerate(spec.policy_types):
        if policy_type not in _POLICY_TYPES:
            errors.append(not_supported(at.index(i), policy_type, _POLICY_TYPES))


def _validate_rule(
    ports: Sequence[NetworkPolicyPort],
    peers: Sequence[NetworkPolicyPeer],
    path: Path,
    peers_name: str,
    errors: Errors,
) -> None:
    for i, port in enumerate(ports):
        _validate_port(port, path.child("ports").index(i), errors)
    for i, peer in enumerate(peers):
        _validate_peer(peer, path.child(peers_name).index(i), errors)


def _validate_port(port: NetworkPolicyPort, path: Path, errors: Errors) -> None:
    if port.protocol is not None and port.protocol not in _PROTOCOLS:
        errors.append(not_supported(path.child("protocol"), port.protocol, _PROTOCOLS))
    number, end, at = port.port, port.end_port, path.child("endPort")
    if number is None:
        if end is not None:
            errors.append(invalid(at, end, "may not be specified when `port` is not specified"))
    elif isinstance(number, str):
        if end is not None:
            errors.append(invalid(at, end, "may not be specified when `port` is non-numeric"))
        report(path.child("port"), number, port_name(number), errors)
    else:
        report(path.child("port"), number, names.port_number(number), errors)
        if end is not None:
            if end < number:
                errors.append(invalid(at, number, "must be greater than or equal to `port`"))
            report(at, end, names.port_number(end), errors)


def _validate_peer(peer: NetworkPolicyPeer, path: Path, errors: Errors) -> None:
    selectors = (("podSelector", peer.pod_selector), ("namespaceSelector", peer.namespace_selector))
    for name, selector in selectors:
        validate_label_selector(selector, path.child(name), errors)
    selects = peer.pod_selector is not None or peer.namespace_selector is not None
    if peer.ip_block is not None:
        _validate_ip_block(peer.ip_block, path.child("ipBlock"), errors)
        if selects:
            errors.append(forbidden(path, "may not specify both ipBlock and another peer"))
    elif not selects:
        errors.append(required(path, "must specify a peer"))


def _validate_ip_block(block: IPBlock, path: Path, errors: Errors) -> None:
    at = path.child("cidr")
    if not block.cidr:
        errors.append(required(at))
        return
    validate_cidr(block.cidr, at, errors)
    network = _network(block.cidr)
    for i, text in enumerate(block.except_):
        at = path.child("except").index(i)
        if network is None:
            return
        validate_cidr(text, at, errors)
        excepted = _network(text)
        if excepted is not None and not _strictly_contains(network, excepted):
            errors.append(invalid(at, text, "must be a strict subset of `cidr`"))


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(text: str) -> Network | None:
    """The network of a CIDR, however it is spelled; None if it is none."""
    prefix, _, length = text.partition("/")
    address = parse_ip(prefix)
    if address is None or not (length.isascii() and length.isdigit()):
        return None
    if int(length) > address.max_prefixlen:
        return None
    return ipaddress.ip_network(f"{address}/{int(length)}", strict=False)


def _strictly_contains(outer: Network, inner: Network) -> bool:
    return inner.network_address in outer and outer.prefixlen < inner.prefixlen
