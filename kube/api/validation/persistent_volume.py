"""The rules of PersistentVolumes.

Source of the semantics: pkg/apis/core/validation; the API page "Persistent Volumes"; KEP-3751.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from kube.api.helpers.resource_names import STORAGE
from kube.api.types.core_v1 import (
    NodeSelectorRequirement,
    PersistentVolume,
    PersistentVolumeSource,
    PersistentVolumeSpec,
    VolumeNodeAffinity,
)
from kube.api.validation.checks import (
    IMMUTABLE,
    Errors,
    Validator,
    name_is_dns_subdomain,
    report,
    shown,
    validate_immutable,
)
from kube.api.validation.diff import diff
from kube.api.validation.equality import semantic_equal
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.api.validation.persistent_volume_claim import VOLUME_MODES, validate_access_modes
from kube.api.validation.resources import validate_basic_quantity, validate_positive_quantity
from kube.api.validation.selectors import validate_node_selector
from kube.api.validation.volume_sources import (
    SHARED,
    is_root,
    validate_iscsi_portal,
    validate_local,
    validate_persistent_csi,
)
from kube.apimachinery.field import Path, forbidden, invalid, not_supported, required

_SPEC: Final = Path("spec")
_RECLAIM_POLICIES: Final = ("Delete", "Recycle", "Retain")
_ONE_TYPE: Final = "may not specify more than 1 volume type"

_RULES: Final[tuple[tuple[str, str, str, Validator], ...]] = (
    ("host_path", "hostPath", "hostPath", SHARED["host_path"]),
    (
        "gce_persistent_disk",
        "persistentDisk",
        "gcePersistentDisk",
        SHARED["gce_persistent_disk"],
    ),
    (
        "aws_elastic_block_store",
        "awsElasticBlockStore",
        "awsElasticBlockStore",
        SHARED["aws_elastic_block_store"],
    ),
    ("glusterfs", "glusterfs", "glusterfs", SHARED["glusterfs"]),
    ("flocker", "flocker", "flocker", SHARED["flocker"]),
    ("nfs", "nfs", "nfs", SHARED["nfs"]),
    ("rbd", "rbd", "rbd", SHARED["rbd"]),
    ("quobyte", "quobyte", "quobyte", SHARED["quobyte"]),
    ("cephfs", "cephfs", "cephFS", SHARED["cephfs"]),
    ("iscsi", "iscsi", "iscsi", SHARED["iscsi"]),
    ("cinder", "cinder", "cinder", SHARED["cinder"]),
    ("fc", "fc", "fc", SHARED["fc"]),
    ("flex_volume", "flexVolume", "flexVolume", SHARED["flex_volume"]),
    ("azure_file", "azureFile", "azureFile", SHARED["azure_file"]),
    ("vsphere_volume", "vsphereVolume", "vsphereVolume", SHARED["vsphere_volume"]),
    (
        "photon_persistent_disk",
        "photonPersistentDisk",
        "photonPersistentDisk",
        SHARED["photon_persistent_disk"],
    ),
    ("portworx_volume", "portworxVolume", "portworxVolume", SHARED["portworx_volume"]),
    ("azure_disk", "azureDisk", "azureDisk", SHARED["azure_disk"]),
    ("scale_io", "scaleIO", "scaleIO", SHARED["scale_io"]),
    ("local", "local", "local", validate_local),
    ("storageos", "storageos", "storageos", SHARED["storageos"]),
    ("csi", "csi", "csi", validate_persistent_csi),
)
"""Attribute, name in its own errors, name as a second source; in the order in which upstream looks at them."""

_BETA_LABELS: Final[Mapping[str, str]] = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
}


def validate_persistent_volume(volume: PersistentVolume) -> Errors:
    errors = validate_object_meta(volume.metadata, False, name_is_dns_subdomain)
    _validate_spec(volume.spec, volume.metadata.name, errors)
    return errors


def _validate_spec(spec: PersistentVolumeSpec, name: str, errors: Errors) -> None:
    if not spec.access_modes:
        errors.append(required(_SPEC.child("accessModes")))
    validate_access_modes(spec.access_modes, _SPEC.child("accessModes"), errors)
    _validate_capacity(spec, errors)
    policy, at = spec.persistent_volume_reclaim_policy, _SPEC.child("persistentVolumeReclaimPolicy")
    if policy and policy not in _RECLAIM_POLICIES:
        errors.append(not_supported(at, policy, _RECLAIM_POLICIES))
    if spec.node_affinity is not None:
        _validate_node_affinity(spec.node_affinity, errors)
    _validate_source(spec, name, errors)
    if spec.host_path is not None and is_root(spec.host_path.path) and policy == "Recycle":
        errors.append(forbidden(at, "may not be 'recycle' for a hostPath mount of '/'"))
    if spec.storage_class_name:
        complaints = name_is_dns_subdomain(spec.storage_class_name, False)
        report(_SPEC.child("storageClassName"), spec.storage_class_name, complaints, errors)
    if spec.volume_mode is not None and spec.volume_mode not in VOLUME_MODES:
        errors.append(not_supported(_SPEC.child("volumeMode"), spec.volume_mode, VOLUME_MODES))
    if spec.volume_attributes_class_name is not None:
        _validate_attributes_class(spec, spec.volume_attributes_class_name, errors)


def _validate_capacity(spec: PersistentVolumeSpec, errors: Errors) -> None:
    at = _SPEC.child("capacity")
    if not spec.capacity:
        errors.append(required(at))
    if set(spec.capacity) != {STORAGE}:
        errors.append(not_supported(at, shown(spec.capacity), (STORAGE,)))
    for name, quantity in spec.capacity.items():
        validate_basic_quantity(quantity, at.key(name), errors)
        validate_positive_quantity(quantity, at.key(name), errors)


def _validate_node_affinity(affinity: VolumeNodeAffinity, errors: Errors) -> None:
    at = _SPEC.child("nodeAffinity", "required")
    if affinity.required is None:
        errors.append(required(at, "must specify required node constraints"))
    else:
        validate_node_selector(affinity.required, at, errors)


def _validate_source(spec: PersistentVolumeSpec, volume_name: str, errors: Errors) -> None:
    given = 0
    for attribute, name, other, validate in _RULES:
        source: Any = getattr(spec, attribute)
        if source is None:
            continue
        given += 1
        if given > 1 and attribute != "flex_volume":
            errors.append(forbidden(_SPEC.child(other), _ONE_TYPE))
            continue
        validate(source, _SPEC.child(name), errors)
        if attribute == "iscsi":
            at = _SPEC.child(name, "targetportal")
            validate_iscsi_portal(source, volume_name, at, source.target_portal, errors)
        if attribute == "local" and spec.node_affinity is None:
            detail = "Local volume requires node affinity"
            errors.append(required(_SPEC.child("nodeAffinity"), detail))
    if not given:
        errors.append(required(_SPEC, "must specify a volume type"))


def _validate_attributes_class(spec: PersistentVolumeSpec, name: str, errors: Errors) -> None:
    at = _SPEC.child("volumeAttributesClassName")
    if not name:
        errors.append(required(at, "an empty string is disallowed"))
    else:
        report(at, name, name_is_dns_subdomain(name, False), errors)
    if spec.csi is None:
        detail = "has to be specified when using volumeAttributesClassName"
        errors.append(required(_SPEC.child("csi"), detail))


def validate_persistent_volume_update(new: PersistentVolume, old: PersistentVolume) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    errors += validate_persistent_volume(new)
    after, before = _source(new.spec), _source(old.spec)
    if (
        before.csi is not None
        and before.csi.controller_expand_secret_ref is None
        and after.csi is not None
        and after.csi.controller_expand_secret_ref is not None
    ):
        after = replace(after, csi=replace(after.csi, controller_expand_secret_ref=None))
    if not semantic_equal(after, before):
        detail = f"spec.persistentvolumesource is immutable after creation\n{diff(before, after)}"
        errors.append(forbidden(_SPEC.child("persistentvolumesource"), detail))
    validate_immutable(new.spec.volume_mode, old.spec.volume_mode, Path("volumeMode"), errors)
    affinity = old.spec.node_affinity
    if affinity is not None and not _equal_but_for_beta_labels(new.spec.node_affinity, affinity):
        detail = f"{IMMUTABLE}, except for updating from beta label to GA"
        errors.append(invalid(Path("nodeAffinity"), new.spec.node_affinity, detail))
    if old.spec.volume_attributes_class_name is not None and new.spec.volume_attributes_class_name is None:
        at = _SPEC.child("volumeAttributesClassName")
        errors.append(forbidden(at, "update from non-nil value to nil is forbidden"))
    return errors


def _source(spec: PersistentVolumeSpec) -> PersistentVolumeSource:
    fields = PersistentVolumeSource.__struct_fields__
    return PersistentVolumeSource(**{name: getattr(spec, name) for name in fields})


def _equal_but_for_beta_labels(new: VolumeNodeAffinity | None, old: VolumeNodeAffinity) -> bool:
    if new == old:
        return True
    if new is None or new.required is None or old.required is None:
        return False
    pairs = (new.required.node_selector_terms, old.required.node_selector_terms)
    if len(pairs[0]) != len(pairs[1]):
        return False
    return all(
        a.match_fields == b.match_fields
        and len(a.match_expressions) == len(b.match_expressions)
        and all(map(_same_requirement, a.match_expressions, b.match_expressions))
        for a, b in zip(*pairs, strict=True)
    )


def _same_requirement(new: NodeSelectorRequirement, old: NodeSelectorRequirement) -> bool:
    return new == old or new == replace(old, key=_BETA_LABELS.get(old.key, old.key))


def validate_persistent_volume_status_update(new: PersistentVolume, old: PersistentVolume) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    if not new.metadata.resource_version:
        errors.append(required(Path("resourceVersion")))
    return errors
