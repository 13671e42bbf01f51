"""The rules of how a container mounts volumes and attaches block devices.

Source of the semantics: pkg/apis/core/validation, KEP-3857 (recursive read-only mounts).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kube.api.types.core_v1 import Container, EphemeralContainer, SecurityContext, Volume, VolumeMount
from kube.api.validation.checks import Errors, validate_local_descending_path
from kube.apimachinery.field import Path, forbidden, invalid, not_found, not_supported, required

_PROPAGATIONS: Final = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE: Final = ("Disabled", "Enabled", "IfPossible")


def validate_volume_mounts(
    container: Container | EphemeralContainer, volumes: Mapping[str, Volume], path: Path, errors: Errors
) -> None:
    """``volumes`` are the pod's sound volumes."""
    seen: set[str] = set()
    devices = container.volume_devices
    device_names = {device.name for device in devices} if devices else ()
    device_paths = {device.device_path for device in devices} if devices else ()
    for i, mount in enumerate(container.volume_mounts):
        name, target = mount.name, mount.mount_path
        if not name:
            errors.append(required(path.index(i).child("name")))
        if name not in volumes:
            errors.append(not_found(path.index(i).child("name"), name))
        if not target:
            errors.append(required(path.index(i).child("mountPath")))
        if target in seen:
            errors.append(invalid(path.index(i).child("mountPath"), target, "must be unique"))
        seen.add(target)
        if name in device_names:
            detail = "must not already exist in volumeDevices"
            errors.append(invalid(path.index(i).child("name"), name, detail))
        if target in device_paths:
            detail = "must not already exist as a path in volumeDevices"
            errors.append(invalid(path.index(i).child("mountPath"), target, detail))
        if mount.sub_path or mount.sub_path_expr:
            _validate_sub_path(mount, i, path, errors)
        if mount.mount_propagation is not None:
            _validate_propagation(mount.mount_propagation, container.security_context, path, errors)
        if mount.recursive_read_only is not None:
            _validate_recursive(mount, mount.recursive_read_only, path.child("recursiveReadOnly"), errors)


def _validate_sub_path(mount: VolumeMount, i: int, path: Path, errors: Errors) -> None:
    if mount.sub_path:
        validate_local_descending_path(mount.sub_path, path.child("subPath"), errors)
    if mount.sub_path_expr:
        if mount.sub_path:
            at = path.index(i).child("subPathExpr")
            detail = "subPathExpr and subPath are mutually exclusive"
            errors.append(invalid(at, mount.sub_path_expr, detail))
        validate_local_descending_path(mount.sub_path_expr, path.child("subPathExpr"), errors)


def _validate_propagation(
    propagation: str, context: SecurityContext | None, path: Path, errors: Errors
) -> None:
    at = path.child("mountPropagation")
    if propagation not in _PROPAGATIONS:
        errors.append(not_supported(at, propagation, _PROPAGATIONS))
    if propagation == "Bidirectional" and not (context is not None and context.privileged):
        detail = "Bidirectional mount propagation is available only to privileged containers"
        errors.append(forbidden(at, detail))


def _validate_recursive(mount: VolumeMount, recursive: str, path: Path, errors: Errors) -> None:
    if recursive not in _RECURSIVE:
        errors.append(not_supported(path, recursive, _RECURSIVE))
    elif recursive != "Disabled":
        if not mount.read_only:
            errors.append(forbidden(path, "may only be specified when readOnly is true"))
        if mount.mount_propagation not in (None, "None"):
            detail = "may only be specified when mountPropagation is None or not specified"
            errors.append(forbidden(path, detail))


def validate_volume_devices(
    container: Container | EphemeralContainer, volumes: Mapping[str, Volume], path: Path, errors: Errors
) -> None:
    names: set[str] = set()
    targets: set[str] = set()
    mount_names = {mount.name for mount in container.volume_mounts}
    mount_paths = {mount.mount_path for mount in container.volume_mounts}
    for i, device in enumerate(container.volume_devices):
        at_name, at_path = path.index(i).child("name"), path.index(i).child("devicePath")
        name, target = device.name, device.device_path
        if not name:
            errors.append(required(at_name))
        if name in names:
            errors.append(invalid(at_name, name, "must be unique"))
        _validate_is_block(volumes.get(name), name, at_name, errors)
        if not target:
            errors.append(required(at_path))
        if target in targets:
            errors.append(invalid(at_path, target, "must be unique"))
        if ".." in target.split("/"):
            errors.append(invalid(at_path, target, "can not contain backsteps ('..')"))
        else:
            targets.add(target)
        if name in mount_names:
            errors.append(invalid(at_name, name, "must not already exist in volumeMounts"))
        if target in mount_paths:
            detail = "must not already exist as a path in volumeMounts"
            errors.append(invalid(at_path, target, detail))
        if name:
            names.add(name)


def _validate_is_block(volume: Volume | None, name: str, path: Path, errors: Errors) -> None:
    if volume is None:
        errors.append(not_found(path, name))
    elif volume.persistent_volume_claim is None and volume.ephemeral is None:
        detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        errors.append(invalid(path, name, detail))
