"""The rules of annotations that mean something on pods.

Source of the semantics: pkg/apis/core/validation, KEP-2255 (deletion cost).
"""

from __future__ import annotations

from collections.abc import Mapping

from kube.api.helpers.pods import DELETION_COST_ANNOTATION, MIRROR_POD_ANNOTATION, deletion_cost
from kube.api.types.core_v1 import Pod, PodSpec
from kube.api.validation.checks import Errors
from kube.api.validation.security_context import (
    APPARMOR_PREFIX,
    has_profile_annotations,
    validate_profile_annotations,
)
from kube.apimachinery.field import Path, forbidden, invalid


def validate_pod_annotations(
    annotations: Mapping[str, str], spec: PodSpec, path: Path, errors: Errors
) -> None:
    if MIRROR_POD_ANNOTATION in annotations and not spec.node_name:
        detail = "must set spec.nodeName if mirror pod annotation is set"
        at = path.key(MIRROR_POD_ANNOTATION)
        errors.append(invalid(at, annotations[MIRROR_POD_ANNOTATION], detail))
    if deletion_cost(annotations) is None:
        at = path.key(DELETION_COST_ANNOTATION)
        errors.append(invalid(at, annotations[DELETION_COST_ANNOTATION], "must be a 32bit integer"))
    if has_profile_annotations(annotations):
        validate_profile_annotations(annotations, spec, path, errors)


def validate_pod_annotations_update(new: Pod, old: Pod, path: Path, errors: Errors) -> None:
    after, before = new.metadata.annotations, old.metadata.annotations
    if after != before:
        for key, value in before.items():
            if after.get(key) != value:
                _forbid_change(key, "remove or update", path, errors)
        for key in after:
            if key not in before:
                _forbid_change(key, "add", path, errors)
    if after:
        validate_pod_annotations(after, new.spec, path, errors)


def _forbid_change(key: str, verb: str, path: Path, errors: Errors) -> None:
    if key.startswith(APPARMOR_PREFIX):
        errors.append(forbidden(path.key(key), f"may not {verb} AppArmor annotations"))
    if key == MIRROR_POD_ANNOTATION:
        errors.append(forbidden(path.key(key), f"may not {verb} mirror pod annotation"))
