"""The rules of ObjectMeta: names, labels, annotations, owners, finalizers, and what an update may not change.

Source of the semantics: k8s.io/apimachinery/pkg/api/validation (objectmeta.go).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from kube.api.validation.checks import (
    Errors,
    label_key,
    label_value,
    name_is_dns_label,
    report,
    validate_immutable,
    validate_nonnegative,
)
from kube.apimachinery.field import Path, forbidden, invalid, required, too_long
from kube.apimachinery.gofmt import quote
from kube.apimachinery.meta.v1 import ManagedFieldsEntry, ObjectMeta, OwnerReference
from kube.apimachinery.names import NameCheck, longer_than

METADATA: Final = Path("metadata")

TOTAL_ANNOTATIONS_SIZE: Final = 256 * 1024
"""Bytes of all keys and values together."""
_FIELD_MANAGER_MAX: Final = 128
_SUBRESOURCE_MAX: Final = 256
_ORPHAN: Final = "orphan"
_FOREGROUND: Final = "foregroundDeletion"
_STANDARD_FINALIZERS: Final = frozenset(("kubernetes", _ORPHAN, _FOREGROUND))


def validate_labels(labels: Mapping[str, str], path: Path, errors: Errors) -> None:
    for key, value in labels.items():
        if complaints := label_key(key):
            report(path, key, complaints, errors)
        if complaints := label_value(value):
            report(path, value, complaints, errors)


def validate_annotations(annotations: Mapping[str, str], path: Path, errors: Errors) -> None:
    size = 0
    for key, value in annotations.items():
        if complaints := label_key(key.lower()):
            report(path, key, complaints, errors)
        size += len(key) + (len(value) if value.isascii() else len(value.encode(errors="surrogatepass")))
    if size > TOTAL_ANNOTATIONS_SIZE:
        errors.append(too_long(path, TOTAL_ANNOTATIONS_SIZE))


def validate_owner_references(references: Sequence[OwnerReference], path: Path, errors: Errors) -> None:
    controller = ""
    for reference in references:
        _validate_owner_reference(reference, path, errors)
        if reference.controller:
            current = f"{reference.kind}/{reference.name}"
            if controller:
                detail = (
                    'Only one reference can have Controller set to true. Found "true" in references for'
                    f" {controller} and {current}"
                )
                errors.append(invalid(path, references, detail))
            else:
                controller = current


def _validate_owner_reference(reference: OwnerReference, path: Path, errors: Errors) -> None:
    group, _, version = reference.api_version.rpartition("/")
    for name, value, given, detail in (
        ("apiVersion", version, reference.api_version, "version must not be empty"),
        ("kind", reference.kind, reference.kind, "must not be empty"),
        ("name", reference.name, reference.name, "must not be empty"),
        ("uid", reference.uid, reference.uid, "must not be empty"),
    ):
        if not value:
            errors.append(invalid(path.child(name), given, detail))
    if (group, version, reference.kind) == ("", "v1", "Event"):
        errors.append(invalid(path, reference, "/v1, Kind=Event is disallowed from being an owner"))


def validate_finalizers(finalizers: Sequence[str], path: Path, errors: Errors) -> None:
    for finalizer in finalizers:
        if complaints := label_key(finalizer):
            report(path, finalizer, complaints, errors)
    if _ORPHAN in finalizers and _FOREGROUND in finalizers:
        errors.append(invalid(path, finalizers, f"finalizer {_ORPHAN} and {_FOREGROUND} cannot be both set"))


def validate_kube_finalizer_name(finalizer: str, path: Path, errors: Errors) -> None:
    """A name without a domain must be one of Kubernetes' own."""
    if "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS:
        detail = "name is neither a standard finalizer name nor is it fully qualified"
        errors.append(invalid(path, finalizer, detail))


def validate_managed_fields(entries: Sequence[ManagedFieldsEntry], path: Path, errors: Errors) -> None:
    for i, entry in enumerate(entries):
        if entry.operation not in ("Apply", "Update"):
            at = path.index(i).child("operation")
            errors.append(invalid(at, entry.operation, "must be `Apply` or `Update`"))
        if entry.fields_type and entry.fields_type != "FieldsV1":
            errors.append(invalid(path.index(i).child("fieldsType"), entry.fields_type, "must be `FieldsV1`"))
        validate_field_manager(entry.manager, path.index(i).child("manager"), errors)
        if longer_than(entry.subresource, _SUBRESOURCE_MAX):
            errors.append(too_long(path.index(i).child("subresource"), _SUBRESOURCE_MAX))


def validate_field_manager(manager: str, path: Path, errors: Errors) -> None:
    if longer_than(manager, _FIELD_MANAGER_MAX):
        errors.append(too_long(path, _FIELD_MANAGER_MAX))
    if manager.isprintable():
        return
    position = 0
    for char in manager:
        if not char.isprintable():
            detail = f"invalid character U+{ord(char):04X} (at position {position})"
            errors.append(invalid(path, manager, detail))
        position += len(char.encode(errors="surrogatepass"))


def _validate_common(meta: ObjectMeta, path: Path, errors: Errors) -> None:
    if meta.labels:
        validate_labels(meta.labels, path.child("labels"), errors)
    if meta.annotations:
        validate_annotations(meta.annotations, path.child("annotations"), errors)
    if meta.owner_references:
        validate_owner_references(meta.owner_references, path.child("ownerReferences"), errors)


def _validate_tail(meta: ObjectMeta, path: Path, errors: Errors) -> None:
    if meta.managed_fields:
        validate_managed_fields(meta.managed_fields, path.child("managedFields"), errors)
    for i, finalizer in enumerate(meta.finalizers):
        validate_kube_finalizer_name(finalizer, path.child("finalizers").index(i), errors)


def validate_object_meta(
    meta: ObjectMeta, namespaced: bool, name_check: NameCheck, path: Path = METADATA
) -> Errors:
    """The errors of a new object's metadata, its name already generated where generateName asks for one.

    ``name_check`` is the kind's rule for names (``names.name_is_dns_subdomain`` and its like).
    """
    errors: Errors = []
    if meta.generate_name and (complaints := name_check(meta.generate_name, True)):
        report(path.child("generateName"), meta.generate_name, complaints, errors)
    if not meta.name:
        errors.append(required(path.child("name"), "name or generateName is required"))
    elif complaints := name_check(meta.name, False):
        report(path.child("name"), meta.name, complaints, errors)
    if namespaced:
        if not meta.namespace:
            errors.append(required(path.child("namespace")))
        elif complaints := name_is_dns_label(meta.namespace, False):
            report(path.child("namespace"), meta.namespace, complaints, errors)
    elif meta.namespace:
        errors.append(forbidden(path.child("namespace"), "not allowed on this type"))
    if meta.generation < 0:
        validate_nonnegative(meta.generation, path.child("generation"), errors)
    _validate_common(meta, path, errors)
    if meta.finalizers:
        validate_finalizers(meta.finalizers, path.child("finalizers"), errors)
    _validate_tail(meta, path, errors)
    return errors


_IMMUTABLE_FIELDS: Final = (
    ("name", "name"),
    ("namespace", "namespace"),
    ("uid", "uid"),
    ("creation_timestamp", "creationTimestamp"),
    ("deletion_timestamp", "deletionTimestamp"),
    ("deletion_grace_period_seconds", "deletionGracePeriodSeconds"),
)


def validate_object_meta_update(new: ObjectMeta, old: ObjectMeta, path: Path = METADATA) -> Errors:
    """The errors of replacing ``old`` by ``new``; the new name is not judged, it must only be the old one."""
    errors: Errors = []
    if old.deletion_timestamp is not None:
        _validate_no_new_finalizers(new.finalizers, old.finalizers, path.child("finalizers"), errors)
    if not new.resource_version:
        errors.append(invalid(path.child("resourceVersion"), "", "must be specified for an update"))
    if new.generation < old.generation:
        errors.append(invalid(path.child("generation"), new.generation, "must not be decremented"))
    for attribute, wire_name in _IMMUTABLE_FIELDS:
        if (value := getattr(new, attribute)) != (before := getattr(old, attribute)):
            validate_immutable(value, before, path.child(wire_name), errors)
    _validate_common(new, path, errors)
    _validate_tail(new, path, errors)
    return errors


def _validate_no_new_finalizers(new: Sequence[str], old: Sequence[str], path: Path, errors: Errors) -> None:
    added = sorted(set(new).difference(old))
    if added:
        listed = ", ".join(map(quote, added))
        detail = f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{listed}}}"
        errors.append(forbidden(path, detail))


def validate_template_metadata(meta: ObjectMeta, path: Path, errors: Errors) -> None:
    """The metadata of an embedded template, of which only labels and annotations may be set (claim templates)."""
    validate_annotations(meta.annotations, path.child("annotations"), errors)
    validate_labels(meta.labels, path.child("labels"), errors)
    for attribute, name in _ONLY_WITH_IDENTITY:
        if getattr(meta, attribute):
            errors.append(forbidden(path.child(name), "cannot be set"))


_ONLY_WITH_IDENTITY: Final = (
    ("name", "name"),
    ("generate_name", "generateName"),
    ("namespace", "namespace"),
    ("self_link", "selfLink"),
    ("uid", "uID"),
    ("resource_version", "resourceVersion"),
    ("generation", "generation"),
    ("creation_timestamp", "creationTimestamp"),
    ("deletion_timestamp", "deletionTimestamp"),
    ("deletion_grace_period_seconds", "deletionGracePeriodSeconds"),
    ("owner_references", "ownerReferences"),
    ("finalizers", "finalizers"),
    ("managed_fields", "managedFields"),
)
