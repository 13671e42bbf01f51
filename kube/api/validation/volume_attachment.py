"""The rules of VolumeAttachments.

Source of the semantics: pkg/apis/storage/validation, pkg/registry/storage/volumeattachment/strategy.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw

from kube.api.types.core_v1 import PersistentVolumeSpec
from kube.api.types.storage_v1 import (
    VolumeAttachment,
    VolumeAttachmentSource,
    VolumeAttachmentSpec,
    VolumeAttachmentStatus,
    VolumeError,
)
from kube.api.validation.checks import IMMUTABLE, MAX_INT32, Errors, name_is_dns_subdomain, report
from kube.api.validation.equality import semantic_equal
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.api.validation.persistent_volume_claim import validate_access_modes
from kube.api.validation.volume_sources import validate_csi_driver_name, validate_persistent_csi
from kube.api.validation.workload import SPEC, STATUS
from kube.apimachinery.field import Path, forbidden, invalid, required, too_long
from kube.apimachinery.names import longer_than, range_complaint

MAX_METADATA_SIZE: Final = 256 * 1024
"""Bytes of all keys and values together."""
_MESSAGE_MAX: Final = 1024
_ONE_SOURCE: Final = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
_NOT_INLINE: Final = "may not be specified in the context of inline volumes"


def validate_attachment(attachment: VolumeAttachment) -> Errors:
    errors = _validate(attachment)
    validate_csi_driver_name(attachment.spec.attacher, Path("spec.attacher"), errors)
    name = attachment.spec.source.persistent_volume_name
    if name is not None:
        report(Path("spec.source.persistentVolumeName"), name, name_is_dns_subdomain(name, False), errors)
    return errors


def validate_attachment_update(new: VolumeAttachment, old: VolumeAttachment) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    errors += _validate(new)
    if not semantic_equal(new.spec, old.spec):
        errors.append(invalid(SPEC, _shown(new.spec), IMMUTABLE))
    return errors


def _validate(attachment: VolumeAttachment) -> Errors:
    errors = validate_object_meta(attachment.metadata, False, name_is_dns_subdomain)
    spec = attachment.spec
    if not spec.attacher:
        errors.append(required(SPEC.child("attacher")))
    _validate_source(spec.source, SPEC.child("source"), errors)
    report(SPEC.child("nodeName"), spec.node_name, name_is_dns_subdomain(spec.node_name, False), errors)
    _validate_status(attachment.status, errors)
    return errors


def _validate_source(source: VolumeAttachmentSource, path: Path, errors: Errors) -> None:
    name, inline = source.persistent_volume_name, source.inline_volume_spec
    if name is None and inline is None:
        errors.append(required(path, _ONE_SOURCE))
    elif name is not None and inline is not None:
        errors.append(forbidden(path, _ONE_SOURCE))
    elif inline is not None:
        _validate_inline(inline, path.child("inlineVolumeSpec"), errors)
    elif not name:
        at = path.child("persistentVolumeName")
        errors.append(required(at, "must specify non empty persistentVolumeName"))


def _validate_inline(spec: PersistentVolumeSpec, path: Path, errors: Errors) -> None:
    """A volume without an object of its own: of CSI, with nothing of what binds volumes to claims."""
    for name, given in (("claimRef", spec.claim_ref is not None), ("capacity", bool(spec.capacity))):
        if given:
            errors.append(forbidden(path.child(name), _NOT_INLINE))
    if spec.csi is None:
        detail = "has to be specified in the context of inline volumes"
        errors.append(required(path.child("csi"), detail))
    if not spec.access_modes:
        errors.append(required(path.child("accessModes")))
    validate_access_modes(spec.access_modes, path.child("accessModes"), errors)
    for name, given in (
        ("persistentVolumeReclaimPolicy", bool(spec.persistent_volume_reclaim_policy)),
        ("nodeAffinity", spec.node_affinity is not None),
    ):
        if given:
            errors.append(forbidden(path.child(name), _NOT_INLINE))
    if spec.csi is not None:
        validate_persistent_csi(spec.csi, path.child("csi"), errors)
    if spec.storage_class_name:
        errors.append(forbidden(path.child("storageClassName"), _NOT_INLINE))


def _validate_status(status: VolumeAttachmentStatus, errors: Errors) -> None:
    at = STATUS.child("attachmentMetadata")
    if _size(status.attachment_metadata) > MAX_METADATA_SIZE:
        errors.append(too_long(at, MAX_METADATA_SIZE))
    for name, error in (("attachError", status.attach_error), ("detachError", status.detach_error)):
        if error is not None:
            _validate_error(error, STATUS.child(name), errors)


def _size(metadata: Mapping[str, str]) -> int:
    return sum(len(key.encode()) + len(value.encode()) for key, value in metadata.items())


def _validate_error(error: VolumeError, path: Path, errors: Errors) -> None:
    if longer_than(error.message, _MESSAGE_MAX):
        errors.append(too_long(path.child("message"), MAX_METADATA_SIZE))
    if error.error_code is not None and error.error_code < 0:
        errors.append(invalid(path.child("errorCode"), error.error_code, range_complaint(0, MAX_INT32)))


def _shown(spec: VolumeAttachmentSpec) -> Raw:
    """As upstream prints its internal type."""
    source = {
        "PersistentVolumeName": spec.source.persistent_volume_name,
        "InlineVolumeSpec": spec.source.inline_volume_spec,
    }
    shown = {"Attacher": spec.attacher, "Source": source, "NodeName": spec.node_name}
    return Raw(msgspec.json.encode(shown))
