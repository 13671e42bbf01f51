"""The rules of pods, templates of pods, bindings and log requests.

Source of the semantics: pkg/apis/core/validation; KEP-277 (ephemeral containers), KEP-3838 (gated pods).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from kube.api.helpers.pods import is_mirror_pod
from kube.api.types.core_v1 import (
    Affinity,
    Binding,
    Container,
    Pod,
    PodLogOptions,
    PodSpec,
    PodTemplate,
)
from kube.api.validation.checks import MAX_INT32, Errors, name_is_dns_subdomain
from kube.api.validation.containers import validate_image_whitespace
from kube.api.validation.diff import diff
from kube.api.validation.equality import semantic_equal
from kube.api.validation.metadata import (
    METADATA,
    validate_object_meta,
    validate_object_meta_update,
)
from kube.api.validation.pod_annotations import (
    validate_pod_annotations,
    validate_pod_annotations_update,
)
from kube.api.validation.pod_spec import validate_pod_spec, validate_pod_template_spec
from kube.api.validation.scheduling import (
    validate_node_affinity_mutation,
    validate_node_selector_mutation,
    validate_only_added_tolerations,
    validate_only_deleted_scheduling_gates,
)
from kube.api.validation.security_context import validate_annotations_match_fields
from kube.apimachinery.field import Path, forbidden, invalid, not_supported, required
from kube.apimachinery.gofmt import quote
from kube.apimachinery.names import range_complaint

_SPEC: Final = Path("spec")
_CONTAINERS: Final = _SPEC.child("containers")
_INIT_CONTAINERS: Final = _SPEC.child("initContainers")
_VOLUMES: Final = _SPEC.child("volumes")
_ANNOTATIONS: Final = METADATA.child("annotations")
_WHOLE: Final = Path("")
_UPDATABLE: Final = (
    "`spec.containers[*].image`",
    "`spec.initContainers[*].image`",
    "`spec.activeDeadlineSeconds`",
    "`spec.tolerations` (only additions to existing tolerations)",
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
)


def validate_metadata_and_spec(pod: Pod) -> Errors:
    """What holds of a pod whenever it is written."""
    metadata, spec = pod.metadata, pod.spec
    errors = validate_object_meta(metadata, True, name_is_dns_subdomain)
    if metadata.annotations:
        validate_pod_annotations(metadata.annotations, spec, _ANNOTATIONS, errors)
    validate_pod_spec(spec, metadata, _SPEC, errors)
    if not spec.service_account_name:
        _forbid_tokens(spec, errors)
    for i, container in enumerate(spec.containers):
        validate_image_whitespace(container, _CONTAINERS.index(i), errors)
    for i, container in enumerate(spec.init_containers):
        validate_image_whitespace(container, _INIT_CONTAINERS.index(i), errors)
    return errors


def _forbid_tokens(spec: PodSpec, errors: Errors) -> None:
    for i, volume in enumerate(spec.volumes):
        for j, source in enumerate(volume.projected.sources if volume.projected is not None else ()):
            if source.service_account_token is not None:
                at = _VOLUMES.index(i).child("projected", "sources").index(j).child("serviceAccountToken")
                detail = "must not be specified when serviceAccountName is not set"
                errors.append(forbidden(at, detail))


def validate_pod(pod: Pod) -> Errors:
    errors = validate_metadata_and_spec(pod)
    spec = pod.spec
    if spec.ephemeral_containers:
        errors.append(forbidden(_SPEC.child("ephemeralContainers"), "cannot be set on create"))
    if spec.node_name and spec.scheduling_gates:
        detail = "cannot be set until all schedulingGates have been cleared"
        errors.append(forbidden(_SPEC.child("nodeName"), detail))
    if pod.metadata.annotations:
        validate_annotations_match_fields(pod.metadata.annotations, spec, _SPEC, errors)
    return errors


def validate_pod_update(new: Pod, old: Pod) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    errors += validate_metadata_and_spec(new)
    validate_pod_annotations_update(new, old, _ANNOTATIONS, errors)
    if not (
        _validate_images(new.spec.containers, old.spec.containers, _CONTAINERS, errors)
        and _validate_images(new.spec.init_containers, old.spec.init_containers, _INIT_CONTAINERS, errors)
        and _validate_deadline(new.spec, old.spec, errors)
    ):
        return errors
    at = _SPEC.child("tolerations")
    validate_only_added_tolerations(new.spec.tolerations, old.spec.tolerations, at, errors)
    at = _SPEC.child("schedulingGates")
    validate_only_deleted_scheduling_gates(new.spec.scheduling_gates, old.spec.scheduling_gates, at, errors)
    if semantic_equal(new.spec, old.spec):
        return errors
    masked = _mask_updatable(new.spec, old.spec)
    if old.spec.scheduling_gates:
        masked = _mask_gated(masked, old.spec, errors)
    if not semantic_equal(masked, old.spec):
        allowed = ",".join(_UPDATABLE)
        detail = f"pod updates may not change fields other than {allowed}\n{diff(old.spec, masked)}"
        errors.append(forbidden(_SPEC, detail))
    return errors


def _validate_images(new: Sequence[Container], old: Sequence[Container], path: Path, errors: Errors) -> bool:
    """Whether the containers are still the same in number, so that they can be compared one by one."""
    if len(new) != len(old):
        errors.append(forbidden(path, "pod updates may not add or remove containers"))
        return False
    for i, container in enumerate(new):
        if not container.image:
            errors.append(required(path.index(i).child("image")))
        validate_image_whitespace(container, path.index(i), errors)
    return True


def _validate_deadline(new: PodSpec, old: PodSpec, errors: Errors) -> bool:
    """A deadline may be set, and then only be brought forward."""
    given, was = new.active_deadline_seconds, old.active_deadline_seconds
    at = _SPEC.child("activeDeadlineSeconds")
    if given is None:
        if was is not None:
            detail = "must not update from a positive integer to nil value"
            errors.append(invalid(at, None, detail))
        return True
    if not 0 <= given <= MAX_INT32:
        errors.append(invalid(at, given, range_complaint(0, MAX_INT32)))
        return False
    if was is not None and was < given:
        errors.append(invalid(at, given, "must be less than or equal to previous value"))
        return False
    return True


def _mask_updatable(new: PodSpec, old: PodSpec) -> PodSpec:
    """The new spec with the old values of what may change."""
    seconds = new.termination_grace_period_seconds
    if (old.termination_grace_period_seconds or 0) < 0 and seconds == 1:
        seconds = old.termination_grace_period_seconds
    return replace(
        new,
        containers=_with_images_of(new.containers, old.containers),
        init_containers=_with_images_of(new.init_containers, old.init_containers),
        active_deadline_seconds=old.active_deadline_seconds,
        scheduling_gates=old.scheduling_gates,
        tolerations=old.tolerations,
        termination_grace_period_seconds=seconds,
    )


def _with_images_of(new: Sequence[Container], old: Sequence[Container]) -> tuple[Container, ...]:
    return tuple(replace(a, image=b.image) for a, b in zip(new, old, strict=True))


def _mask_gated(masked: PodSpec, old: PodSpec, errors: Errors) -> PodSpec:
    """Before a gated pod is scheduled, where it may go can be narrowed."""
    if masked.node_selector != old.node_selector:
        at = _SPEC.child("nodeSelector")
        validate_node_selector_mutation(masked.node_selector, old.node_selector, at, errors)
        masked = replace(masked, node_selector=old.node_selector)
    before = old.affinity.node_affinity if old.affinity is not None else None
    after = masked.affinity.node_affinity if masked.affinity is not None else None
    if before == after:
        return masked
    validate_node_affinity_mutation(after, before, _SPEC.child("affinity", "nodeAffinity"), errors)
    affinity = replace(masked.affinity or Affinity(), node_affinity=before)
    if old.affinity is None and affinity == Affinity():
        return replace(masked, affinity=None)
    return replace(masked, affinity=affinity)


def validate_ephemeral_containers_update(new: Pod, old: Pod) -> Errors:
    """The ephemeralcontainers subresource: containers may be added, never changed or removed."""
    errors = validate_object_meta_update(new.metadata, old.metadata)
    errors += validate_metadata_and_spec(new)
    validate_pod_annotations_update(new, old, _ANNOTATIONS, errors)
    if is_mirror_pod(old):
        return [forbidden(_WHOLE, "static pods do not support ephemeral containers")]
    at = _SPEC.child("ephemeralContainers")
    given = {container.name: container for container in new.spec.ephemeral_containers}
    for container in old.spec.ephemeral_containers:
        changed = given.get(container.name)
        name = quote(container.name)
        if changed is None:
            errors.append(forbidden(at, f"existing ephemeral containers {name} may not be removed\n"))
        elif not semantic_equal(changed, container):
            detail = f"existing ephemeral containers {name} may not be changed\n{diff(container, changed)}"
            errors.append(forbidden(at, detail))
    return errors


def validate_binding(binding: Binding) -> Errors:
    errors: Errors = []
    target = Path("target")
    if binding.target.kind not in ("", "Node"):
        kinds = ("Node", "<empty>")
        errors.append(not_supported(target.child("kind"), binding.target.kind, kinds))
    if not binding.target.name:
        errors.append(required(target.child("name")))
    return errors


def validate_pod_template(template: PodTemplate) -> Errors:
    errors = validate_object_meta(template.metadata, True, name_is_dns_subdomain)
    validate_pod_template_spec(template.template, Path("template"), errors)
    return errors


def validate_pod_template_update(new: PodTemplate, old: PodTemplate) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    validate_pod_template_spec(new.template, Path("template"), errors)
    return errors


_STREAMS: Final = ("All", "Stderr", "Stdout")


def validate_pod_log_options(options: PodLogOptions) -> Errors:
    errors: Errors = []
    for name, number, least, detail in (
        ("tailLines", options.tail_lines, 0, "must be greater than or equal to 0"),
        ("limitBytes", options.limit_bytes, 1, "must be greater than 0"),
    ):
        if number is not None and number < least:
            errors.append(invalid(Path(name), number, detail))
    seconds = options.since_seconds
    if seconds is not None and options.since_time is not None:
        detail = "at most one of `sinceTime` or `sinceSeconds` may be specified"
        errors.append(forbidden(_WHOLE, detail))
    elif seconds is not None and seconds < 1:
        errors.append(invalid(Path("sinceSeconds"), seconds, "must be greater than 0"))
    if options.stream is None:
        errors.append(required(Path("stream"), "must be specified"))
        return errors
    if options.stream not in _STREAMS:
        errors.append(not_supported(Path("stream"), options.stream, _STREAMS))
    if options.stream != "All" and options.tail_lines is not None:
        detail = "`tailLines` and specific `stream` are mutually exclusive for now"
        errors.append(forbidden(_WHOLE, detail))
    return errors
