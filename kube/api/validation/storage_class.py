"""The rules of StorageClasses and VolumeAttributesClasses.

Source of the semantics: pkg/apis/storage/validation, pkg/apis/core/validation (topology selectors), KEP-3751.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from kube.api.types.core_v1 import TopologySelectorLabelRequirement, TopologySelectorTerm
from kube.api.types.storage_v1 import StorageClass, VolumeAttributesClass
from kube.api.validation.checks import (
    Errors,
    label_key,
    name_is_dns_subdomain,
    report,
    validate_immutable,
    validate_one_of,
)
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.apimachinery.field import Path, duplicate, forbidden, invalid, not_supported, required, too_long

MAX_PARAMETERS: Final = 512
MAX_PARAMETERS_SIZE: Final = 256 * 1024
"""Bytes of all keys and values together."""
_RECLAIM_POLICIES: Final = ("Delete", "Retain")
_BINDING_MODES: Final = ("Immediate", "WaitForFirstConsumer")
_PARAMETERS: Final = Path("parameters")
_BINDING_MODE: Final = Path("volumeBindingMode")


def validate_storage_class(storage_class: StorageClass) -> Errors:
    errors = validate_object_meta(storage_class.metadata, False, name_is_dns_subdomain)
    _validate_provisioner(storage_class.provisioner, Path("provisioner"), errors)
    _validate_parameters(storage_class.parameters, True, errors)
    policy = storage_class.reclaim_policy
    if policy and policy not in _RECLAIM_POLICIES:
        errors.append(not_supported(Path("reclaimPolicy"), policy, _RECLAIM_POLICIES))
    mode = storage_class.volume_binding_mode
    validate_one_of(mode or "", _BINDING_MODES, _BINDING_MODE, errors)
    _validate_topologies(storage_class.allowed_topologies, Path("allowedTopologies"), errors)
    return errors


def validate_storage_class_update(new: StorageClass, old: StorageClass) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    if new.parameters != old.parameters:
        errors.append(forbidden(_PARAMETERS, "updates to parameters are forbidden."))
    if new.provisioner != old.provisioner:
        errors.append(forbidden(Path("provisioner"), "updates to provisioner are forbidden."))
    if new.reclaim_policy != old.reclaim_policy:
        errors.append(forbidden(Path("reclaimPolicy"), "updates to reclaimPolicy are forbidden."))
    validate_immutable(new.volume_binding_mode, old.volume_binding_mode, _BINDING_MODE, errors)
    return errors


def _validate_provisioner(provisioner: str, path: Path, errors: Errors) -> None:
    if provisioner:
        report(path, provisioner.lower(), label_key(provisioner.lower()), errors)
    else:
        errors.append(required(path))


def _validate_parameters(parameters: Mapping[str, str], may_be_empty: bool, errors: Errors) -> None:
    if len(parameters) > MAX_PARAMETERS:
        errors.append(too_long(_PARAMETERS, MAX_PARAMETERS))
        return
    size = 0
    for key, value in parameters.items():
        if not key:
            errors.append(invalid(_PARAMETERS, key, "field can not be empty."))
        size += len(key.encode()) + len(value.encode())
    if size > MAX_PARAMETERS_SIZE:
        errors.append(too_long(_PARAMETERS, MAX_PARAMETERS_SIZE))
    if not may_be_empty and not parameters:
        errors.append(required(_PARAMETERS, "must contain at least one key/value pair"))


def _validate_topologies(terms: Sequence[TopologySelectorTerm], path: Path, errors: Errors) -> None:
    seen: list[dict[str, frozenset[str]]] = []
    for i, term in enumerate(terms):
        at = path.index(i).child("matchLabelExpressions")
        keys: dict[str, frozenset[str]] = {}
        for j, requirement in enumerate(term.match_label_expressions):
            _validate_requirement(requirement, at.index(j), errors)
            if requirement.key in keys:
                errors.append(duplicate(at.index(j).child("key"), requirement.key))
            keys[requirement.key] = frozenset(requirement.values)
        if keys in seen:
            errors.append(duplicate(at, ""))
        seen.append(keys)


def _validate_requirement(requirement: TopologySelectorLabelRequirement, path: Path, errors: Errors) -> None:
    values, at = requirement.values, path.child("values")
    if not values:
        errors.append(required(at))
    for i, value in enumerate(values):
        if value in values[:i]:
            errors.append(duplicate(at.index(i), value))
    report(path.child("key"), requirement.key, label_key(requirement.key), errors)


def validate_attributes_class(attributes: VolumeAttributesClass) -> Errors:
    errors = validate_object_meta(attributes.metadata, False, name_is_dns_subdomain)
    _validate_provisioner(attributes.driver_name, Path("driverName"), errors)
    _validate_parameters(attributes.parameters, False, errors)
    return errors


def validate_attributes_class_update(new: VolumeAttributesClass, old: VolumeAttributesClass) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    if new.driver_name != old.driver_name:
        errors.append(forbidden(Path("driverName"), "updates to driverName are forbidden."))
    if new.parameters != old.parameters:
        errors.append(forbidden(_PARAMETERS, "updates to parameters are forbidden."))
    return errors + validate_attributes_class(new)
