"""The rules of PersistentVolumeClaims, and of the claim templates inside pods.

Source of the semantics: pkg/apis/core/validation, KEP-1790 (recovery from a failed expansion), KEP-3751 (volume
attributes classes).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from kube.api.helpers.resource_names import STORAGE, is_native
from kube.api.types.core_v1 import (
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeClaimTemplate,
    TypedLocalObjectReference,
    TypedObjectReference,
)
from kube.api.validation.checks import (
    IMMUTABLE,
    Errors,
    dns1123_subdomain,
    label_key,
    name_is_dns_label,
    name_is_dns_subdomain,
    report,
    validate_immutable,
)
from kube.api.validation.diff import diff
from kube.api.validation.equality import semantic_equal
from kube.api.validation.metadata import (
    METADATA,
    validate_object_meta,
    validate_object_meta_update,
    validate_template_metadata,
)
from kube.api.validation.resources import (
    validate_basic_quantity,
    validate_positive_quantity,
    validate_resource_quantity,
)
from kube.api.validation.selectors import validate_label_selector
from kube.apimachinery.field import Path, forbidden, invalid, not_supported, required
from kube.apimachinery.quantity import Quantity, compare

ACCESS_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES: Final = ("Block", "Filesystem")
BETA_STORAGE_CLASS: Final = "volume.beta.kubernetes.io/storage-class"
_SPEC: Final = Path("spec")
_RESIZE_STATUSES: Final = (
    "ControllerResizeInProgress",
    "ControllerResizeInfeasible",
    "NodeResizeInProgress",
    "NodeResizeInfeasible",
    "NodeResizePending",
)
_IMMUTABLE_SPEC: Final = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n"


def validate_access_modes(modes: Sequence[str], path: Path, errors: Errors) -> None:
    for mode in modes:
        if mode not in ACCESS_MODES:
            errors.append(not_supported(path, mode, ACCESS_MODES))
    if "ReadWriteOncePod" in modes and any(
        mode in ACCESS_MODES and mode != "ReadWriteOncePod" for mode in modes
    ):
        errors.append(forbidden(path, "may not use ReadWriteOncePod with other access modes"))


def validate_claim_spec(spec: PersistentVolumeClaimSpec, path: Path, errors: Errors) -> None:
    if not spec.access_modes:
        errors.append(required(path.child("accessModes"), "at least 1 access mode is required"))
    validate_label_selector(spec.selector, path.child("selector"), errors)
    validate_access_modes(spec.access_modes, path.child("accessModes"), errors)
    storage, at = spec.resources.requests.get(STORAGE), path.child("resources").key(STORAGE)
    if storage is None:
        errors.append(required(at))
    elif validate_positive_quantity(storage, at, errors):
        validate_resource_quantity(STORAGE, storage, at, errors)
    if spec.storage_class_name:
        complaints = name_is_dns_subdomain(spec.storage_class_name, False)
        report(path.child("storageClassName"), spec.storage_class_name, complaints, errors)
    if spec.volume_mode is not None and spec.volume_mode not in VOLUME_MODES:
        errors.append(not_supported(path.child("volumeMode"), spec.volume_mode, VOLUME_MODES))
    _validate_data_sources(spec, path, errors)
    if spec.volume_attributes_class_name:
        complaints = name_is_dns_subdomain(spec.volume_attributes_class_name, False)
        at = path.child("volumeAttributesClassName")
        report(at, spec.volume_attributes_class_name, complaints, errors)


def _validate_data_sources(spec: PersistentVolumeClaimSpec, path: Path, errors: Errors) -> None:
    source, reference = spec.data_source, spec.data_source_ref
    if source is not None:
        _validate_data_source(source, path.child("dataSource"), errors)
    if reference is None:
        return
    _validate_data_source(reference, path.child("dataSourceRef"), errors)
    if reference.namespace:
        at = path.child("dataSourceRef", "namespace")
        report(at, reference.namespace, name_is_dns_label(reference.namespace, False), errors)
    if source is None:
        return
    if reference.namespace:
        detail = "may not be specified when dataSourceRef.namespace is specified"
        errors.append(invalid(path, str(path.child("dataSource")), detail))
    elif (source.api_group, source.kind, source.name) != (
        reference.api_group,
        reference.kind,
        reference.name,
    ):
        errors.append(invalid(path, str(path.child("dataSource")), "must match dataSourceRef"))


def _validate_data_source(
    source: TypedLocalObjectReference | TypedObjectReference, path: Path, errors: Errors
) -> None:
    if not source.name:
        errors.append(required(path.child("name")))
    if not source.kind:
        errors.append(required(path.child("kind")))
    if not source.api_group and source.kind != "PersistentVolumeClaim":
        detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        errors.append(invalid(path, source.kind, detail))
    if source.api_group:
        at = path.child("apiGroup")
        report(at, source.api_group, dns1123_subdomain(source.api_group), errors)


def validate_claim_template(template: PersistentVolumeClaimTemplate, path: Path, errors: Errors) -> None:
    validate_template_metadata(template.metadata, path.child("metadata"), errors)
    validate_claim_spec(template.spec, path.child("spec"), errors)


def validate_claim(claim: PersistentVolumeClaim) -> Errors:
    errors = validate_object_meta(claim.metadata, True, name_is_dns_subdomain)
    validate_claim_spec(claim.spec, _SPEC, errors)
    return errors


def validate_claim_update(new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    errors += validate_claim(new)
    changed, before = new.spec, old.spec
    if not before.volume_name:
        before = replace(before, volume_name=changed.volume_name)
    changed = _mask_storage_class(new, old, changed, errors)
    if new.status.phase == "Bound":
        changed = _mask_mutable_when_bound(changed, before)
    if not semantic_equal(changed, before):
        errors.append(forbidden(_SPEC, _IMMUTABLE_SPEC + diff(before, changed)))
    _validate_size(new, old, errors)
    validate_immutable(new.spec.volume_mode, old.spec.volume_mode, Path("volumeMode"), errors)
    given, was = new.spec.volume_attributes_class_name, old.spec.volume_attributes_class_name
    if was is not None and not given:
        what = "nil" if given is None else "an empty string"
        detail = f"update from non-nil value to {what} is forbidden"
        errors.append(forbidden(_SPEC.child("volumeAttributesClassName"), detail))
    return errors


def _mask_storage_class(
    new: PersistentVolumeClaim,
    old: PersistentVolumeClaim,
    changed: PersistentVolumeClaimSpec,
    errors: Errors,
) -> PersistentVolumeClaimSpec:
    """The class may move from the beta annotation to the field, and be set where there was none."""
    given, was = (
        new.metadata.annotations.get(BETA_STORAGE_CLASS),
        old.metadata.annotations.get(BETA_STORAGE_CLASS),
    )
    name = new.spec.storage_class_name
    if old.spec.storage_class_name is None and name is not None:
        if was is not None and name == was and given in (None, was):
            return replace(changed, storage_class_name=None)
        if was is None or name == was:
            changed = replace(changed, storage_class_name=None)
    if (given or "") != (was or ""):
        at = METADATA.child("annotations", BETA_STORAGE_CLASS)
        errors.append(invalid(at, given or "", IMMUTABLE))
    return changed


def _mask_mutable_when_bound(
    changed: PersistentVolumeClaimSpec, before: PersistentVolumeClaimSpec
) -> PersistentVolumeClaimSpec:
    requests = dict(changed.resources.requests)
    if requests and STORAGE in before.resources.requests:
        requests[STORAGE] = before.resources.requests[STORAGE]
    changed = replace(changed, resources=replace(changed.resources, requests=requests))
    if changed.volume_attributes_class_name is not None:
        changed = replace(changed, volume_attributes_class_name=before.volume_attributes_class_name)
    return changed


def _validate_size(new: PersistentVolumeClaim, old: PersistentVolumeClaim, errors: Errors) -> None:
    """A request may shrink again after a failed expansion, but not to what the volume already has."""
    wanted = new.spec.resources.requests.get(STORAGE, Quantity("0"))
    before = old.spec.resources.requests.get(STORAGE, Quantity("0"))
    has = old.status.capacity.get(STORAGE, Quantity("0"))
    if compare(wanted, before) < 0 and compare(wanted, has) <= 0:
        at = _SPEC.child("resources", "requests", "storage")
        errors.append(forbidden(at, "field can not be less than status.capacity"))


def validate_claim_status_update(new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    if not new.metadata.resource_version:
        errors.append(required(Path("resourceVersion")))
    if not new.spec.access_modes:
        errors.append(required(Path("Spec").child("accessModes")))
    status = Path("status")
    for name, quantity in new.status.capacity.items():
        validate_basic_quantity(quantity, status.child("capacity").key(name), errors)
    at = status.child("allocatedResourceStatus")
    for name, state in new.status.allocated_resource_statuses.items():
        _validate_resource_key(name, at, errors)
        if state not in _RESIZE_STATUSES:
            errors.append(not_supported(at, name, _RESIZE_STATUSES))
    _validate_allocated(new.status.allocated_resources, status.child("allocatedResources"), errors)
    return errors


def _validate_allocated(allocated: Mapping[str, Quantity], path: Path, errors: Errors) -> None:
    for name, quantity in allocated.items():
        if _validate_resource_key(name, path, errors) and validate_basic_quantity(
            quantity, path.key(name), errors
        ):
            validate_resource_quantity(STORAGE, quantity, path.key(name), errors)


def _validate_resource_key(name: str, path: Path, errors: Errors) -> bool:
    if complaints := label_key(name):
        report(path, name, complaints, errors)
    elif is_native(name) and name != STORAGE:
        errors.append(not_supported(path, name, (STORAGE,)))
    else:
        return True
    return False
