"""Defaults of volumes and claim specs.

Source of the semantics: pkg/apis/core/v1/defaults.go and the ``+default`` markers of core/v1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from kube.api.defaults.quantities import default_resource_list
from kube.api.helpers.images import default_pull_policy
from kube.api.types.core_v1 import (
    ConfigMapVolumeSource,
    DownwardAPIProjection,
    DownwardAPIVolumeFile,
    DownwardAPIVolumeSource,
    EmptyDirVolumeSource,
    EphemeralVolumeSource,
    ImageVolumeSource,
    ObjectFieldSelector,
    PersistentVolumeClaimSpec,
    ProjectedVolumeSource,
    SecretVolumeSource,
    Volume,
    VolumeProjection,
    VolumeResourceRequirements,
)

DEFAULT_MODE: Final = 0o644
TOKEN_EXPIRATION: Final = 3600
FILESYSTEM: Final = "Filesystem"

_EMPTY_DIR: Final = EmptyDirVolumeSource()
VALUES: Final[Mapping[str, Mapping[str, Any]]] = {
    "host_path": {"type": ""},
    "iscsi": {"iscsi_interface": "default"},
    "rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "azure_disk": {"caching_mode": "ReadWrite", "fs_type": "ext4", "read_only": False, "kind": "Shared"},
    "scale_io": {"storage_mode": "ThinProvisioned", "fs_type": "xfs"},
}
"""The plain values of volume sources, the same in pods and in persistent volumes."""


def fill(source: Any, values: Mapping[str, Any]) -> Any:
    """The struct with the values in place of its fields that are "" or None."""
    missing = {
        name: value
        for name, value in values.items()
        if (given := getattr(source, name)) in ("", None) and given != value
    }
    return replace(source, **missing) if missing else source


def _with_mode(
    source: SecretVolumeSource | ConfigMapVolumeSource,
) -> SecretVolumeSource | ConfigMapVolumeSource:
    return source if source.default_mode is not None else replace(source, default_mode=DEFAULT_MODE)


def default_field_ref(selector: ObjectFieldSelector) -> ObjectFieldSelector:
    return selector if selector.api_version else replace(selector, api_version="v1")


def _default_files(files: tuple[DownwardAPIVolumeFile, ...]) -> tuple[DownwardAPIVolumeFile, ...]:
    for file in files:
        if file.field_ref is not None and not file.field_ref.api_version:
            return default_each(files, _default_file)
    return files


def _default_file(file: DownwardAPIVolumeFile) -> DownwardAPIVolumeFile:
    if file.field_ref is None or (selector := default_field_ref(file.field_ref)) is file.field_ref:
        return file
    return replace(file, field_ref=selector)


def _default_downward_api(source: DownwardAPIVolumeSource) -> DownwardAPIVolumeSource:
    items = _default_files(source.items)
    if items is source.items and source.default_mode is not None:
        return source
    mode = DEFAULT_MODE if source.default_mode is None else source.default_mode
    return replace(source, items=items, default_mode=mode)


def _default_projection(projection: VolumeProjection) -> VolumeProjection:
    token, downward = projection.service_account_token, projection.downward_api
    if token is not None and token.expiration_seconds is None:
        projection = replace(
            projection, service_account_token=replace(token, expiration_seconds=TOKEN_EXPIRATION)
        )
    if downward is not None and (items := _default_files(downward.items)) is not downward.items:
        projection = replace(projection, downward_api=DownwardAPIProjection(items=items))
    return projection


def _default_projected(source: ProjectedVolumeSource) -> ProjectedVolumeSource:
    sources = default_each(source.sources, _default_projection)
    if sources is source.sources and source.default_mode is not None:
        return source
    mode = DEFAULT_MODE if source.default_mode is None else source.default_mode
    return replace(source, sources=sources, default_mode=mode)


def _default_ephemeral(source: EphemeralVolumeSource) -> EphemeralVolumeSource:
    template = source.volume_claim_template
    if template is None or (spec := default_claim_spec(template.spec)) is template.spec:
        return source
    return replace(source, volume_claim_template=replace(template, spec=spec))


def _default_image(source: ImageVolumeSource) -> ImageVolumeSource:
    return (
        source if source.pull_policy else replace(source, pull_policy=default_pull_policy(source.reference))
    )


SOURCES: Final[Mapping[str, Callable[[Any], Any]]] = {
    "secret": _with_mode,
    "config_map": _with_mode,
    "projected": _default_projected,
    "downward_api": _default_downward_api,
    "ephemeral": _default_ephemeral,
    "image": _default_image,
}
"""The volume sources whose defaults are more than plain values."""

_COMMON: Final = ("config_map", "secret", "projected")
_ALL_SOURCES: Final = tuple(name for name in Volume.__struct_fields__ if name != "name")


def default_volume(volume: Volume) -> Volume:
    """A volume has one source; should it have more, validation will say so."""
    if volume.empty_dir is not None or volume.persistent_volume_claim is not None:
        return volume
    for name in _COMMON:
        source = getattr(volume, name)
        if source is not None:
            filled = SOURCES[name](source)
            return volume if filled is source else replace(volume, **{name: filled})
    return _default_rare_volume(volume)


def _default_rare_volume(volume: Volume) -> Volume:
    for name, default in SOURCES.items():
        source = getattr(volume, name)
        if source is not None and (filled := default(source)) is not source:
            return replace(volume, **{name: filled})
    for name, values in VALUES.items():
        source = getattr(volume, name)
        if source is not None and (filled := fill(source, values)) is not source:
            return replace(volume, **{name: filled})
    if all(getattr(volume, name) is None for name in _ALL_SOURCES):
        return replace(volume, empty_dir=_EMPTY_DIR)
    return volume


def default_claim_spec(spec: PersistentVolumeClaimSpec) -> PersistentVolumeClaimSpec:
    resources = spec.resources
    limits, requests = default_resource_list(resources.limits), default_resource_list(resources.requests)
    if limits is not resources.limits or requests is not resources.requests:
        spec = replace(spec, resources=VolumeResourceRequirements(limits=limits, requests=requests))
    return spec if spec.volume_mode is not None else replace(spec, volume_mode=FILESYSTEM)


def default_each(items: tuple[Any, ...], default: Callable[[Any], Any]) -> tuple[Any, ...]:
    """The items, each with its defaults; the very tuple if none changes."""
    for i, item in enumerate(items):
        filled = default(item)
        if filled is not item:
            return (*items[:i], filled, *map(default, items[i + 1 :]))
    return items
