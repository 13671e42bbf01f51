"""The rules of ReplicationControllers.

Source of the semantics: pkg/apis/core/validation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kube.api.types.core_v1 import (
    PodTemplateSpec,
    ReplicationController,
    ReplicationControllerSpec,
    ReplicationControllerStatus,
)
from kube.api.validation.checks import Errors, name_is_dns_subdomain, shown, validate_nonnegative
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.api.validation.pod_spec import validate_pod_template_spec
from kube.apimachinery.field import Path, forbidden, invalid, not_supported, required

_SPEC: Final = Path("spec")
_MORE_THAN_ALL: Final = "cannot be greater than status.replicas"


def validate_replication_controller(controller: ReplicationController) -> Errors:
    errors = validate_object_meta(controller.metadata, True, name_is_dns_subdomain)
    _validate_spec(controller.spec, errors)
    return errors


def _validate_spec(spec: ReplicationControllerSpec, errors: Errors) -> None:
    validate_nonnegative(spec.min_ready_seconds, _SPEC.child("minReadySeconds"), errors)
    if not spec.selector:
        errors.append(required(_SPEC.child("selector")))
    if spec.replicas is None:
        errors.append(required(_SPEC.child("replicas")))
    else:
        validate_nonnegative(spec.replicas, _SPEC.child("replicas"), errors)
    at = _SPEC.child("template")
    if spec.template is None:
        errors.append(required(at))
    else:
        _validate_template(spec.template, spec.selector, at, errors)


def _validate_template(
    template: PodTemplateSpec, selector: Mapping[str, str], path: Path, errors: Errors
) -> None:
    labels = template.metadata.labels
    if any(labels.get(key) != value for key, value in selector.items()):
        at = path.child("metadata", "labels")
        errors.append(invalid(at, shown(labels), "`selector` does not match template `labels`"))
    validate_pod_template_spec(template, path, errors)
    policy = template.spec.restart_policy
    if policy != "Always":
        errors.append(not_supported(path.child("spec", "restartPolicy"), policy, ("Always",)))
    if template.spec.active_deadline_seconds is not None:
        at = path.child("spec", "activeDeadlineSeconds")
        detail = "activeDeadlineSeconds in ReplicationController is not Supported"
        errors.append(forbidden(at, detail))


def validate_replication_controller_update(new: ReplicationController, old: ReplicationController) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    _validate_spec(new.spec, errors)
    return errors


def validate_replication_controller_status_update(
    new: ReplicationController, old: ReplicationController
) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    _validate_status(new.status, Path("status"), errors)
    return errors


def _validate_status(status: ReplicationControllerStatus, path: Path, errors: Errors) -> None:
    numbers = (
        ("replicas", status.replicas),
        ("fullyLabeledReplicas", status.fully_labeled_replicas),
        ("readyReplicas", status.ready_replicas),
        ("availableReplicas", status.available_replicas),
        ("observedGeneration", status.observed_generation),
    )
    for name, number in numbers:
        validate_nonnegative(number, path.child(name), errors)
    for name, number in numbers[1:4]:
        if number > status.replicas:
            errors.append(invalid(path.child(name), number, _MORE_THAN_ALL))
    if status.available_replicas > status.ready_replicas:
        detail = "cannot be greater than readyReplicas"
        errors.append(invalid(path.child("availableReplicas"), status.available_replicas, detail))
