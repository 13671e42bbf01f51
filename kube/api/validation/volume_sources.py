"""The rules of volume sources that pods and persistent volumes share, or that only one of them has.

Most of these drivers live outside Kubernetes today; their sources are still accepted, and judged as ever. Source of
the semantics: pkg/apis/core/validation.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from kube.api.types import core_v1
from kube.api.validation.checks import (
    Errors,
    Validator,
    dns1123_label,
    dns1123_subdomain,
    name_is_dns_label,
    name_is_dns_subdomain,
    report,
    validate_local_descending_path,
    validate_no_backsteps,
)
from kube.apimachinery.field import Path, invalid, not_supported, required, too_long
from kube.apimachinery.names import range_complaint

_HOST_PATH_TYPES: Final = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
# Patterns that few volumes need stay text: compiling them would cost every start.
_INITIATORS: Final = {
    "iqn": r"iqn\.[0-9]{4}-[0-9]{2}\.([a-zA-Z0-9.-]+)(:[^,;*&$|\s]+)\Z",
    "eui": r"\Aeui.[a-zA-Z0-9]{16}\Z",
    "naa": r"\Anaa.[a-zA-Z0-9]{32}\Z",
}
_CSI_DRIVER_MAX: Final = 63
_QUOBYTE_REGISTRY: Final = "must be a host:port pair or multiple pairs separated by commas"
_HOST_PORT: Final = r"(?:\[[^\[\]]*\]|[^:\[\]]*):[^:\[\]]*"
_ISCSI_PORTAL: Final = (
    "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is"
    " specified."
)


def _require(*fields: tuple[str, str]) -> Validator:
    """A rule that only asks for fields, by attribute and wire name."""

    def validate(source: Any, path: Path, errors: Errors) -> None:
        for attribute, name in fields:
            if not getattr(source, attribute):
                errors.append(required(path.child(name)))

    return validate


def validate_host_path(source: core_v1.HostPathVolumeSource, path: Path, errors: Errors) -> None:
    if not source.path:
        errors.append(required(path.child("path")))
        return
    validate_no_backsteps(source.path, path.child("path"), errors)
    if source.type is not None and source.type not in _HOST_PATH_TYPES:
        errors.append(not_supported(path.child("type"), source.type, _HOST_PATH_TYPES))


def validate_git_repo(source: core_v1.GitRepoVolumeSource, path: Path, errors: Errors) -> None:
    if not source.repository:
        errors.append(required(path.child("repository")))
    validate_local_descending_path(source.directory, path.child("directory"), errors)


def validate_nfs(source: core_v1.NFSVolumeSource, path: Path, errors: Errors) -> None:
    if not source.server:
        errors.append(required(path.child("server")))
    if not source.path:
        errors.append(required(path.child("path")))
    if not source.path.startswith("/"):
        errors.append(invalid(path.child("path"), source.path, "must be an absolute path"))


def validate_gce_disk(source: core_v1.GCEPersistentDiskVolumeSource, path: Path, errors: Errors) -> None:
    if not source.pd_name:
        errors.append(required(path.child("pdName")))
    _validate_partition(source.partition, path, errors)


def validate_aws_disk(source: core_v1.AWSElasticBlockStoreVolumeSource, path: Path, errors: Errors) -> None:
    if not source.volume_id:
        errors.append(required(path.child("volumeID")))
    _validate_partition(source.partition, path, errors)


def _validate_partition(partition: int, path: Path, errors: Errors) -> None:
    if not 0 <= partition <= 255:
        errors.append(invalid(path.child("partition"), partition, range_complaint(1, 255)))


def validate_iscsi(
    source: core_v1.ISCSIVolumeSource | core_v1.ISCSIPersistentVolumeSource, path: Path, errors: Errors
) -> None:
    persistent = isinstance(source, core_v1.ISCSIPersistentVolumeSource)
    unknown = "must be valid format" if persistent else "must be valid format starting with iqn, eui, or naa"
    if not source.target_portal:
        errors.append(required(path.child("targetPortal")))
    if not source.iqn:
        errors.append(required(path.child("iqn")))
    else:
        _validate_initiator(source.iqn, path.child("iqn"), unknown, errors)
    _validate_lun(source.lun, path, errors)
    if (source.chap_auth_discovery or source.chap_auth_session) and source.secret_ref is None:
        errors.append(required(path.child("secretRef")))
    if persistent and source.secret_ref is not None and not source.secret_ref.name:
        errors.append(required(path.child("secretRef", "name")))
    if source.initiator_name is not None:
        at = path.child("initiatorname")
        _validate_initiator(source.initiator_name, at, unknown, errors)


def _validate_initiator(name: str, path: Path, unknown: str, errors: Errors) -> None:
    form = _INITIATORS.get(name[:3])
    if form is None:
        errors.append(invalid(path, name, unknown))
    elif not re.search(form, name):
        errors.append(invalid(path, name, "must be valid format"))


def _validate_lun(lun: int, path: Path, errors: Errors) -> None:
    if not 0 <= lun <= 255:
        errors.append(invalid(path.child("lun"), lun, range_complaint(0, 255)))


def validate_iscsi_portal(
    source: core_v1.ISCSIVolumeSource | core_v1.ISCSIPersistentVolumeSource,
    volume_name: str,
    path: Path,
    bad_value: str,
    errors: Errors,
) -> None:
    """An initiator is named after the volume and the portal, and must stay short."""
    if source.initiator_name is not None and len(f"{volume_name}:{source.target_portal}") > 64:
        errors.append(invalid(path, bad_value, _ISCSI_PORTAL))


def validate_fc(source: core_v1.FCVolumeSource, path: Path, errors: Errors) -> None:
    at = path.child("targetWWNs")
    if not source.target_wwns and not source.wwids:
        errors.append(required(at, "must specify either targetWWNs or wwids, but not both"))
    if source.target_wwns and source.wwids:
        detail = "targetWWNs and wwids can not be specified simultaneously"
        errors.append(invalid(at, source.target_wwns, detail))
    if source.target_wwns and source.lun is None:
        errors.append(required(path.child("lun"), "lun is required if targetWWNs is specified"))
    elif source.target_wwns and source.lun is not None:
        _validate_lun(source.lun, path, errors)


def validate_glusterfs(
    source: core_v1.GlusterfsVolumeSource | core_v1.GlusterfsPersistentVolumeSource,
    path: Path,
    errors: Errors,
) -> None:
    _require(("endpoints", "endpoints"), ("path", "path"))(source, path, errors)
    if not isinstance(source, core_v1.GlusterfsPersistentVolumeSource):
        return
    namespace, at = source.endpoints_namespace, path.child("endpointsNamespace")
    if namespace == "":
        detail = "if the endpointnamespace is set, it must be a valid namespace name"
        errors.append(invalid(at, namespace, detail))
    elif namespace is not None:
        report(at, namespace, name_is_dns_label(namespace, False), errors)


def validate_flocker(source: core_v1.FlockerVolumeSource, path: Path, errors: Errors) -> None:
    if not source.dataset_name and not source.dataset_uuid:
        errors.append(required(path, "one of datasetName and datasetUUID is required"))
    if source.dataset_name and source.dataset_uuid:
        detail = "datasetName and datasetUUID can not be specified simultaneously"
        errors.append(invalid(path, "resource", detail))
    if "/" in source.dataset_name:
        errors.append(invalid(path.child("datasetName"), source.dataset_name, "must not contain '/'"))


def validate_quobyte(source: core_v1.QuobyteVolumeSource, path: Path, errors: Errors) -> None:
    if not source.registry:
        errors.append(required(path.child("registry"), _QUOBYTE_REGISTRY))
    elif len(source.tenant) >= 65:
        detail = "must be a UUID and may not exceed a length of 64 characters"
        errors.append(required(path.child("tenant"), detail))
    else:
        for pair in source.registry.split(","):
            if not re.fullmatch(_HOST_PORT, pair):
                errors.append(invalid(path.child("registry"), source.registry, _QUOBYTE_REGISTRY))
    if not source.volume:
        errors.append(required(path.child("volume")))


def validate_flex(
    source: core_v1.FlexVolumeSource | core_v1.FlexPersistentVolumeSource, path: Path, errors: Errors
) -> None:
    if not source.driver:
        errors.append(required(path.child("driver")))
    for key in source.options:
        domain = f".{key.partition('/')[0].lower()}"
        if domain.endswith((".kubernetes.io", ".k8s.io")):
            detail = "kubernetes.io and k8s.io namespaces are reserved"
            errors.append(invalid(path.child("options").key(key), key, detail))


def validate_azure_file(
    source: core_v1.AzureFileVolumeSource | core_v1.AzureFilePersistentVolumeSource,
    path: Path,
    errors: Errors,
) -> None:
    _require(("secret_name", "secretName"), ("share_name", "shareName"))(source, path, errors)
    if isinstance(source, core_v1.AzureFilePersistentVolumeSource) and source.secret_namespace == "":
        errors.append(required(path.child("secretNamespace")))


_AZURE_CACHING: Final = ("None", "ReadOnly", "ReadWrite")
_AZURE_KINDS: Final = ("Dedicated", "Managed", "Shared")
_AZURE_MANAGED: Final = (
    "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}",
)
_AZURE_BLOB: Final = ("https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd",)


def validate_azure_disk(source: core_v1.AzureDiskVolumeSource, path: Path, errors: Errors) -> None:
    _require(("disk_name", "diskName"), ("disk_uri", "diskURI"))(source, path, errors)
    if source.caching_mode is not None and source.caching_mode not in _AZURE_CACHING:
        errors.append(not_supported(path.child("cachingMode"), source.caching_mode, _AZURE_CACHING))
    if source.kind is None:
        return
    if source.kind not in _AZURE_KINDS:
        errors.append(not_supported(path.child("kind"), source.kind, _AZURE_KINDS))
    managed = source.kind == "Managed"
    if not source.disk_uri.startswith("/subscriptions/" if managed else "https://"):
        supported = _AZURE_MANAGED if managed else _AZURE_BLOB
        errors.append(not_supported(path.child("diskURI"), source.disk_uri, supported))


def validate_cinder(
    source: core_v1.CinderVolumeSource | core_v1.CinderPersistentVolumeSource, path: Path, errors: Errors
) -> None:
    if not source.volume_id:
        errors.append(required(path.child("volumeID")))
    _validate_secret_parts(source.secret_ref, path, errors)


def validate_storageos(
    source: core_v1.StorageOSVolumeSource | core_v1.StorageOSPersistentVolumeSource,
    path: Path,
    errors: Errors,
) -> None:
    name, namespace = source.volume_name, source.volume_namespace
    if not name:
        errors.append(required(path.child("volumeName")))
    else:
        report(path.child("volumeName"), name, dns1123_label(name), errors)
    if namespace:
        report(path.child("volumeNamespace"), namespace, dns1123_label(namespace), errors)
    _validate_secret_parts(source.secret_ref, path, errors)


def _validate_secret_parts(
    reference: core_v1.LocalObjectReference | core_v1.SecretReference | core_v1.ObjectReference | None,
    path: Path,
    errors: Errors,
) -> None:
    if reference is None:
        return
    if not reference.name:
        errors.append(required(path.child("secretRef", "name")))
    if not isinstance(reference, core_v1.LocalObjectReference) and not reference.namespace:
        errors.append(required(path.child("secretRef", "namespace")))


def validate_local(source: core_v1.LocalVolumeSource, path: Path, errors: Errors) -> None:
    if not source.path:
        errors.append(required(path.child("path")))
    else:
        validate_no_backsteps(source.path, path.child("path"), errors)


def validate_csi_driver_name(name: str, path: Path, errors: Errors) -> None:
    if not name:
        errors.append(required(path))
    if len(name.encode()) > _CSI_DRIVER_MAX:
        errors.append(too_long(path, _CSI_DRIVER_MAX))
    report(path, name, dns1123_subdomain(name.lower()), errors)


def validate_csi(source: core_v1.CSIVolumeSource, path: Path, errors: Errors) -> None:
    validate_csi_driver_name(source.driver, path.child("driver"), errors)
    reference = source.node_publish_secret_ref
    if reference is None:
        return
    if not reference.name:
        errors.append(required(path.child("nodePublishSecretRef", "name")))
    else:
        report(path.child("name"), reference.name, name_is_dns_subdomain(reference.name, False), errors)


def validate_persistent_csi(source: core_v1.CSIPersistentVolumeSource, path: Path, errors: Errors) -> None:
    validate_csi_driver_name(source.driver, path.child("driver"), errors)
    if not source.volume_handle:
        errors.append(required(path.child("volumeHandle")))
    for name, reference in (
        ("controllerPublishSecretRef", source.controller_publish_secret_ref),
        ("controllerExpandSecretRef", source.controller_expand_secret_ref),
        ("nodePublishSecretRef", source.node_publish_secret_ref),
        ("nodeExpandSecretRef", source.node_expand_secret_ref),
    ):
        if reference is not None:
            _validate_secret_reference(reference, path.child(name), errors)


def _validate_secret_reference(reference: core_v1.SecretReference, path: Path, errors: Errors) -> None:
    check: Callable[[str], tuple[str, ...]]
    for name, text, check in (
        ("name", reference.name, dns1123_subdomain),
        ("namespace", reference.namespace, dns1123_label),
    ):
        if not text:
            errors.append(required(path.child(name)))
        else:
            report(path.child(name), text, check(text), errors)


def is_root(host_path: str) -> bool:
    """Whether a path, cleaned, is ``/``."""
    return bool(host_path) and posixpath.normpath(host_path) in ("/", "//")


SHARED: Final[Mapping[str, Validator]] = {
    "host_path": validate_host_path,
    "gce_persistent_disk": validate_gce_disk,
    "aws_elastic_block_store": validate_aws_disk,
    "nfs": validate_nfs,
    "iscsi": validate_iscsi,
    "glusterfs": validate_glusterfs,
    "flocker": validate_flocker,
    "rbd": _require(("monitors", "monitors"), ("image", "image")),
    "cinder": validate_cinder,
    "cephfs": _require(("monitors", "monitors")),
    "quobyte": validate_quobyte,
    "fc": validate_fc,
    "flex_volume": validate_flex,
    "azure_file": validate_azure_file,
    "vsphere_volume": _require(("volume_path", "volumePath")),
    "photon_persistent_disk": _require(("pd_id", "pdID")),
    "portworx_volume": _require(("volume_id", "volumeID")),
    "azure_disk": validate_azure_disk,
    "storageos": validate_storageos,
    "scale_io": _require(("gateway", "gateway"), ("system", "system"), ("volume_name", "volumeName")),
}
"""The sources that pods and persistent volumes both have, by attribute."""
