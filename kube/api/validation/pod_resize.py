"""The rules of the pods/resize subresource: cpu and memory of containers and sidecars change in place.

Source of the semantics: pkg/apis/core/validation, KEP-1287.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from kube.api.helpers.pods import is_mirror_pod
from kube.api.helpers.qos import compute_pod_qos, pod_qos
from kube.api.helpers.resources import is_restartable_init_container
from kube.api.types.core_v1 import Container, Pod, PodSpec, ResourceRequirements
from kube.api.validation.checks import Errors
from kube.api.validation.equality import semantic_equal
from kube.api.validation.metadata import validate_object_meta_update
from kube.api.validation.pod import validate_metadata_and_spec
from kube.apimachinery.field import Path, forbidden, invalid
from kube.apimachinery.meta.struct import EMPTY_MAP
from kube.apimachinery.quantity import Quantity

_SPEC: Final = Path("spec")
_CONTAINERS: Final = _SPEC.child("containers")
_INIT_CONTAINERS: Final = _SPEC.child("initContainers")
_WHOLE: Final = Path("")
_RESIZABLE: Final = ("cpu", "memory")
_ONLY_RESIZABLE: Final = "only cpu and memory resources are mutable"


def validate_pod_resize(new: Pod, old: Pod) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    errors += validate_metadata_and_spec(new)
    if refusal := _unresizable(old):
        return [forbidden(_WHOLE, refusal)]
    if pod_qos(old) != compute_pod_qos(new.spec):
        detail = "Pod QOS Class may not change as a result of resizing"
        errors.append(invalid(_SPEC, new.status.qos_class, detail))
    if not _node_supports_resize(old):
        errors.append(forbidden(_SPEC, "Pod running on node without support for resize"))
    masked = _mask_resources(new.spec, old.spec, errors)
    if not errors and not semantic_equal(masked, old.spec):
        errors.append(forbidden(_SPEC, _ONLY_RESIZABLE))
    return errors


def _unresizable(pod: Pod) -> str:
    if is_mirror_pod(pod):
        return "static pods cannot be resized"
    if pod.spec.os is not None and pod.spec.os.name == "windows":
        return "windows pods cannot be resized"
    return ""


def _node_supports_resize(pod: Pod) -> bool:
    """A node that resizes reports the resources of what runs."""
    for status in pod.status.container_statuses:
        if status.state.running is not None:
            return status.resources is not None
    return True


def _mask_resources(new: PodSpec, old: PodSpec, errors: Errors) -> PodSpec:
    if len(new.containers) != len(old.containers) or len(new.init_containers) != len(old.init_containers):
        errors.append(forbidden(_SPEC, _ONLY_RESIZABLE))
        return new
    init_pairs = tuple(zip(new.init_containers, old.init_containers, strict=True))
    pairs = tuple(zip(new.containers, old.containers, strict=True))
    for i, (after, before) in enumerate(init_pairs):
        if is_restartable_init_container(before):
            at = _INIT_CONTAINERS.index(i).child("resources")
            _validate_kept(after.resources, before.resources, at, errors)
    for i, (after, before) in enumerate(pairs):
        at = _CONTAINERS.index(i).child("resources")
        _validate_kept(after.resources, before.resources, at, errors)
    containers = tuple(_mask_container(after, before) for after, before in pairs)
    for masked, (_, before) in zip(containers, pairs, strict=True):
        if not semantic_equal(masked, before):
            errors.append(forbidden(_SPEC, _ONLY_RESIZABLE))
    init_containers = []
    for after, before in init_pairs:
        sidecar = is_restartable_init_container(after)
        masked = _mask_container(after, before) if sidecar else after
        if not semantic_equal(masked, before):
            detail = (
                "only cpu and memory resources for sidecar containers are mutable"
                if sidecar
                else "resources for non-sidecar init containers are immutable"
            )
            errors.append(forbidden(_SPEC, detail))
        init_containers.append(masked)
    return replace(
        new,
        containers=containers,
        init_containers=tuple(init_containers),
        resources=_mask_pod_level(new.resources, old.resources),
    )


def _validate_kept(new: ResourceRequirements, old: ResourceRequirements, path: Path, errors: Errors) -> None:
    for name, after, before in (
        ("requests", new.requests, old.requests),
        ("limits", new.limits, old.limits),
    ):
        if any(resource not in after for resource in before):
            errors.append(forbidden(path.child(name), f"resource {name} cannot be removed"))


def _mask_container(new: Container, old: Container) -> Container:
    return replace(new, resources=_mask_requirements(new.resources, old.resources))


def _mask_requirements(new: ResourceRequirements, old: ResourceRequirements) -> ResourceRequirements:
    return ResourceRequirements(
        limits=_mask_list(new.limits, old.limits),
        requests=_mask_list(new.requests, old.requests),
        claims=new.claims,
    )


def _mask_pod_level(
    new: ResourceRequirements | None, old: ResourceRequirements | None
) -> ResourceRequirements | None:
    return new if new is None or old is None else _mask_requirements(new, old)


def _mask_list(new: Mapping[str, Quantity], old: Mapping[str, Quantity]) -> Mapping[str, Quantity]:
    """The new list with the old cpu and memory."""
    if not old:
        return EMPTY_MAP
    kept = {name: quantity for name, quantity in new.items() if name not in _RESIZABLE}
    return {**kept, **{name: old[name] for name in _RESIZABLE if name in old}}
