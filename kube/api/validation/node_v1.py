"""The rules of RuntimeClasses.

Source of the semantics: pkg/apis/node/validation, KEP-585, KEP-688 (overhead).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kube.api.types.core_v1 import ResourceRequirements
from kube.api.types.node_v1 import RuntimeClass, Scheduling
from kube.api.validation.checks import (
    Errors,
    name_is_dns_label,
    name_is_dns_subdomain,
    report,
    validate_immutable,
)
from kube.api.validation.metadata import (
    validate_labels,
    validate_object_meta,
    validate_object_meta_update,
)
from kube.api.validation.resources import validate_container_resources
from kube.api.validation.rules import Rules
from kube.api.validation.scheduling import validate_tolerations
from kube.apimachinery.field import Path, duplicate

_HANDLER: Final = Path("handler")


def validate_runtime_class(runtime_class: RuntimeClass) -> Errors:
    errors = validate_object_meta(runtime_class.metadata, False, name_is_dns_subdomain)
    report(_HANDLER, runtime_class.handler, name_is_dns_label(runtime_class.handler, False), errors)
    if runtime_class.overhead is not None:
        limits = ResourceRequirements(limits=runtime_class.overhead.pod_fixed)
        validate_container_resources(limits, (), Path("overhead").child("podFixed"), errors)
    if runtime_class.scheduling is not None:
        _validate_scheduling(runtime_class.scheduling, Path("scheduling"), errors)
    return errors


def _validate_scheduling(scheduling: Scheduling, path: Path, errors: Errors) -> None:
    validate_labels(scheduling.node_selector, path.child("nodeSelector"), errors)
    tolerations, at = scheduling.tolerations, path.child("tolerations")
    validate_tolerations(tolerations, at, errors)
    for i, toleration in enumerate(tolerations):
        if toleration in tolerations[:i]:
            errors.append(duplicate(at.index(i), toleration))


def validate_runtime_class_update(new: RuntimeClass, old: RuntimeClass) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    validate_immutable(new.handler, old.handler, _HANDLER, errors)
    return errors


RULES: Final[Mapping[type, Rules]] = {
    RuntimeClass: Rules(validate_runtime_class, validate_runtime_class_update)
}
