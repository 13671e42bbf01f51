"""The rules of Namespaces, of their status and of the finalize subresource.

Source of the semantics: pkg/apis/core/validation; the API page "Namespaces".
"""

from __future__ import annotations

from typing import Final

from kube.api.types.core_v1 import Namespace
from kube.api.validation.checks import Errors, label_key, name_is_dns_label, report
from kube.api.validation.metadata import (
    validate_kube_finalizer_name,
    validate_object_meta,
    validate_object_meta_update,
)
from kube.apimachinery.field import Path, invalid

_FINALIZERS: Final = Path("spec").child("finalizers")


def _validate_finalizer(finalizer: str, path: Path, errors: Errors) -> None:
    report(path, finalizer, label_key(finalizer), errors)
    validate_kube_finalizer_name(finalizer, path, errors)


def validate_namespace(namespace: Namespace) -> Errors:
    errors = validate_object_meta(namespace.metadata, False, name_is_dns_label)
    for finalizer in namespace.spec.finalizers:
        _validate_finalizer(finalizer, _FINALIZERS, errors)
    return errors


def validate_namespace_update(new: Namespace, old: Namespace) -> Errors:
    return validate_object_meta_update(new.metadata, old.metadata)


def validate_namespace_status_update(new: Namespace, old: Namespace) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    deleted = new.metadata.deletion_timestamp is not None
    phase, state = ("Terminating", "not empty") if deleted else ("Active", "empty")
    if new.status.phase != phase:
        at = Path("status").child("Phase")
        detail = f"may only be '{phase}' if `deletionTimestamp` is {state}"
        errors.append(invalid(at, new.status.phase, detail))
    return errors


def validate_namespace_finalize_update(new: Namespace, old: Namespace) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    for i, finalizer in enumerate(new.spec.finalizers):
        _validate_finalizer(finalizer, _FINALIZERS.index(i), errors)
    return errors
