"""Defaults of StorageClasses, CSIDrivers and the volumes inside VolumeAttachments.

Source of the semantics: pkg/apis/storage/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from kube.api.defaults.quantities import default_resource_list
from kube.api.defaults.volumes import VALUES, fill
from kube.api.types.core_v1 import PersistentVolumeSpec
from kube.api.types.storage_v1 import CSIDriver, StorageClass, VolumeAttachment

_CSI_DRIVER: Final[Mapping[str, Any]] = {
    "attach_required": True,
    "pod_info_on_mount": False,
    "volume_lifecycle_modes": ("Persistent",),
    "storage_capacity": False,
    "fs_group_policy": "ReadWriteOnceWithFSType",
    "requires_republish": False,
    "se_linux_mount": False,
}


def default_storage_class(storage_class: StorageClass) -> StorageClass:
    if storage_class.reclaim_policy is not None and storage_class.volume_binding_mode is not None:
        return storage_class
    policy, mode = storage_class.reclaim_policy, storage_class.volume_binding_mode
    return replace(
        storage_class,
        reclaim_policy="Delete" if policy is None else policy,
        volume_binding_mode="Immediate" if mode is None else mode,
    )


def default_csi_driver(driver: CSIDriver) -> CSIDriver:
    spec = driver.spec
    missing = {
        name: value
        for name, value in _CSI_DRIVER.items()
        if getattr(spec, name) is None or getattr(spec, name) == ()
    }
    return replace(driver, spec=replace(spec, **missing)) if missing else driver


def default_volume_attachment(attachment: VolumeAttachment) -> VolumeAttachment:
    source = attachment.spec.source
    if source.inline_volume_spec is None:
        return attachment
    inline = _default_volume(source.inline_volume_spec)
    if inline is source.inline_volume_spec:
        return attachment
    spec = replace(attachment.spec, source=replace(source, inline_volume_spec=inline))
    return replace(attachment, spec=spec)


def _default_volume(spec: PersistentVolumeSpec) -> PersistentVolumeSpec:
    changes: dict[str, Any] = {}
    if (capacity := default_resource_list(spec.capacity)) is not spec.capacity:
        changes["capacity"] = capacity
    for name, values in VALUES.items():
        source = getattr(spec, name)
        if source is not None and (filled := fill(source, values)) is not source:
            changes[name] = filled
    return replace(spec, **changes) if changes else spec


DEFAULTS: Final[Mapping[type, Callable[[Any], Any]]] = {
    CSIDriver: default_csi_driver,
    StorageClass: default_storage_class,
    VolumeAttachment: default_volume_attachment,
}
