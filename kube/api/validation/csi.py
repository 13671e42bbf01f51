"""The rules of CSIDrivers, CSINodes and CSIStorageCapacities.

Source of the semantics: pkg/apis/storage/validation; KEP-2047 (token requests), KEP-1472 (capacity), KEP-4876 (mutable
allocatable count).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from kube.api.types.storage_v1 import (
    CSIDriver,
    CSIDriverSpec,
    CSINode,
    CSINodeDriver,
    CSIStorageCapacity,
    TokenRequest,
)
from kube.api.validation.checks import (
    IMMUTABLE,
    NEGATIVE,
    Errors,
    name_is_dns_subdomain,
    validate_immutable,
    validate_nonnegative,
    validate_qualified_name,
)
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.api.validation.selectors import validate_label_selector
from kube.api.validation.volume_sources import validate_csi_driver_name
from kube.api.validation.workload import SPEC
from kube.apimachinery.field import Path, duplicate, invalid, not_supported, required
from kube.apimachinery.names import longer_than
from kube.apimachinery.quantity import parse_quantity

NODE_ID_MAX: Final = 192
_GROUP_POLICIES: Final = ("File", "None", "ReadWriteOnceWithFSType")
_LIFECYCLE_MODES: Final = ("Persistent", "Ephemeral")
_SHORTEST_TOKEN: Final = 600
_LONGEST_TOKEN: Final = 2**32
_SHORTEST_PERIOD: Final = 10
_DRIVERS: Final = SPEC.child("drivers")


def validate_csi_driver(driver: CSIDriver) -> Errors:
    errors = validate_object_meta(driver.metadata, False, name_is_dns_subdomain)
    _validate_driver_spec(driver.spec, errors)
    return errors


def validate_csi_driver_update(new: CSIDriver, old: CSIDriver) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    _validate_driver_spec(new.spec, errors)
    at = SPEC.child("attachedRequired")
    validate_immutable(new.spec.attach_required, old.spec.attach_required, at, errors)
    at = SPEC.child("volumeLifecycleModes")
    validate_immutable(new.spec.volume_lifecycle_modes, old.spec.volume_lifecycle_modes, at, errors)
    return errors


def _validate_driver_spec(spec: CSIDriverSpec, errors: Errors) -> None:
    for name, flag in (
        ("attachedRequired", spec.attach_required),
        ("podInfoOnMount", spec.pod_info_on_mount),
        ("storageCapacity", spec.storage_capacity),
    ):
        if flag is None:
            errors.append(required(SPEC.child(name)))
    policy = spec.fs_group_policy
    if policy is not None and policy not in _GROUP_POLICIES:
        errors.append(not_supported(SPEC.child("fsGroupPolicy"), policy, _GROUP_POLICIES))
    _validate_token_requests(spec.token_requests, SPEC.child("tokenRequests"), errors)
    for mode in spec.volume_lifecycle_modes:
        if mode not in _LIFECYCLE_MODES:
            errors.append(not_supported(SPEC.child("volumeLifecycleModes"), mode, _LIFECYCLE_MODES))
    if spec.se_linux_mount is None:
        errors.append(required(SPEC.child("seLinuxMount")))
    period = spec.node_allocatable_update_period_seconds
    if period is not None and period < _SHORTEST_PERIOD:
        at = SPEC.child("nodeAllocatableUpdatePeriodSeconds")
        errors.append(invalid(at, period, "must be greater than or equal to 10 seconds"))


def _validate_token_requests(requests: Sequence[TokenRequest], path: Path, errors: Errors) -> None:
    audiences: set[str] = set()
    for i, request in enumerate(requests):
        if request.audience in audiences:
            errors.append(duplicate(path.index(i).child("audience"), request.audience))
            continue
        audiences.add(request.audience)
        seconds, at = request.expiration_seconds, path.index(i).child("expirationSeconds")
        if seconds is not None and seconds < _SHORTEST_TOKEN:
            errors.append(invalid(at, seconds, "may not specify a duration less than 10 minutes"))
        if seconds is not None and seconds > _LONGEST_TOKEN:
            errors.append(invalid(at, seconds, "may not specify a duration larger than 2^32 seconds"))


def validate_csi_node(node: CSINode) -> Errors:
    errors = validate_object_meta(node.metadata, False, name_is_dns_subdomain)
    names: set[str] = set()
    for i, driver in enumerate(node.spec.drivers):
        _validate_node_driver(driver, names, _DRIVERS.index(i), errors)
    return errors


def validate_csi_node_update(new: CSINode, old: CSINode) -> Errors:
    """Of a driver that stays, only the number of volumes may change."""
    errors = validate_object_meta_update(new.metadata, old.metadata)
    errors += validate_csi_node(new)
    for before in old.spec.drivers:
        for driver in new.spec.drivers:
            if driver.name == before.name:
                rest = replace(driver, allocatable=None)
                validate_immutable(rest, replace(before, allocatable=None), _DRIVERS, errors)
    return errors


def _validate_node_driver(driver: CSINodeDriver, names: set[str], path: Path, errors: Errors) -> None:
    validate_csi_driver_name(driver.name, path.child("name"), errors)
    at = path.child("nodeID")
    if not driver.node_id:
        errors.append(required(at))
    if longer_than(driver.node_id, NODE_ID_MAX):
        errors.append(invalid(at, driver.node_id, f"must be {NODE_ID_MAX} characters or less"))
    if driver.allocatable is not None and driver.allocatable.count is not None:
        validate_nonnegative(driver.allocatable.count, path.child("allocatable", "count"), errors)
    if driver.name in names:
        errors.append(duplicate(path.child("name"), driver.name))
    names.add(driver.name)
    for i, key in enumerate(driver.topology_keys):
        if not key:
            errors.append(required(path))
        if key in driver.topology_keys[:i]:
            errors.append(duplicate(path, key))
        validate_qualified_name(key, path, errors)


def validate_storage_capacity(capacity: CSIStorageCapacity) -> Errors:
    errors = validate_object_meta(capacity.metadata, True, name_is_dns_subdomain)
    validate_label_selector(capacity.node_topology, Path("nodeTopology"), errors)
    for complaint in name_is_dns_subdomain(capacity.storage_class_name, False):
        errors.append(invalid(Path("storageClassName"), capacity.storage_class_name, complaint))
    if capacity.capacity is not None and parse_quantity(capacity.capacity) < 0:
        errors.append(invalid(Path("capacity"), capacity.capacity, NEGATIVE))
    return errors


def validate_storage_capacity_update(new: CSIStorageCapacity, old: CSIStorageCapacity) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    if new.node_topology != old.node_topology:
        errors.append(invalid(Path("nodeTopology"), new.node_topology, IMMUTABLE))
    if new.storage_class_name != old.storage_class_name:
        errors.append(invalid(Path("storageClassName"), new.storage_class_name, IMMUTABLE))
    return errors
