"""The rules of Nodes.

Source of the semantics: pkg/apis/core/validation; the API page "Nodes".
"""

from __future__ import annotations

from typing import Final

import msgspec

from kube.api.types.core_v1 import ConfigMapNodeConfigSource, Node, NodeConfigSource
from kube.api.validation.checks import (
    Errors,
    config_map_key,
    is_dual_stack,
    name_is_dns_label,
    name_is_dns_subdomain,
    report,
    validate_cidr,
)
from kube.api.validation.metadata import (
    METADATA,
    validate_object_meta,
    validate_object_meta_update,
)
from kube.api.validation.resources import validate_resource_quantity
from kube.api.validation.scheduling import validate_taints
from kube.apimachinery.field import Path, duplicate, forbidden, invalid, required

_SPEC: Final = Path("spec")
_STATUS: Final = Path("status")
_TAINTS: Final = METADATA.child("taints")
"""Upstream reports taints under metadata."""


class _Address(msgspec.Struct, frozen=True, rename="pascal"):
    """How upstream prints a node address."""

    type: str
    address: str


def validate_node(node: Node) -> Errors:
    errors = validate_object_meta(node.metadata, False, name_is_dns_subdomain)
    validate_taints(node.spec.taints, _TAINTS, errors)
    _validate_resources(node, errors)
    cidrs, at = node.spec.pod_cidrs, _SPEC.child("podCIDRs")
    before = len(errors)
    for i, cidr in enumerate(cidrs):
        validate_cidr(cidr, at.index(i), errors)
    if len(cidrs) > 1 and len(errors) == before:
        if len(cidrs) > 2 or not is_dual_stack(cidrs):
            detail = "may specify no more than one CIDR for each IP family"
            errors.append(invalid(at, cidrs, detail))
        for i, cidr in enumerate(cidrs):
            if cidr in cidrs[:i]:
                errors.append(duplicate(at.index(i), cidr))
    return errors


def _validate_resources(node: Node, errors: Errors) -> None:
    for name, quantities in (
        ("capacity", node.status.capacity),
        ("allocatable", node.status.allocatable),
    ):
        for resource, quantity in quantities.items():
            validate_resource_quantity(resource, quantity, _STATUS.child(name, resource), errors)


def validate_node_update(new: Node, old: Node) -> Errors:
    """Of the spec, only what is unset may be set, but for taints and unschedulable. The status has the same rules."""
    errors = validate_object_meta_update(new.metadata, old.metadata)
    _validate_resources(new, errors)
    addresses = new.status.addresses
    for i, address in enumerate(addresses):
        if address in addresses[:i]:
            shown = _Address(address.type, address.address)
            errors.append(duplicate(_STATUS.child("addresses").index(i), shown))
    spec, before = new.spec, old.spec
    if before.pod_cidrs and spec.pod_cidrs != before.pod_cidrs:
        detail = 'node updates may not change podCIDR except from "" to valid'
        errors.append(forbidden(_SPEC.child("podCIDRs"), detail))
    if before.provider_id and spec.provider_id != before.provider_id:
        detail = 'node updates may not change providerID except from "" to valid'
        errors.append(forbidden(_SPEC.child("providerID"), detail))
    if spec.config_source is not None:
        _validate_config_source(spec.config_source, False, _SPEC.child("configSource"), errors)
    if new.status.config is not None:
        for name, source in (
            ("assigned", new.status.config.assigned),
            ("active", new.status.config.active),
            ("lastKnownGood", new.status.config.last_known_good),
        ):
            if source is not None:
                _validate_config_source(source, True, _STATUS.child("config", name), errors)
    validate_taints(spec.taints, _TAINTS, errors)
    if spec.external_id != before.external_id:
        errors.append(forbidden(_SPEC.child("externalID"), "may not be updated"))
    return errors


def _validate_config_source(source: NodeConfigSource, in_status: bool, path: Path, errors: Errors) -> None:
    config_map = source.config_map
    if config_map is None:
        detail = "exactly one reference subfield must be non-nil"
        errors.append(invalid(path, source, detail))
        return
    at = path.child("configMap")
    for name, value in (("uid", config_map.uid), ("resourceVersion", config_map.resource_version)):
        if in_status and not value:
            errors.append(required(at.child(name), f"{name} must be set in status"))
        elif not in_status and value:
            errors.append(forbidden(at.child(name), f"{name} must not be set in spec"))
    _validate_config_map(config_map, at, errors)


def _validate_config_map(source: ConfigMapNodeConfigSource, path: Path, errors: Errors) -> None:
    for name, value, complaints in (
        ("namespace", source.namespace, name_is_dns_label(source.namespace, False)),
        ("name", source.name, name_is_dns_subdomain(source.name, False)),
        ("kubeletConfigKey", source.kubelet_config_key, config_map_key(source.kubelet_config_key)),
    ):
        if not value:
            errors.append(required(path.child(name), f"{name} must be set"))
        else:
            report(path.child(name), value, complaints, errors)
