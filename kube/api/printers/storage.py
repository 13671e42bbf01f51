"""Volumes, claims, their classes and the CSI objects."""

from collections.abc import Collection
from typing import Final

from kube.api.printers.columns import AGE, NAME, NONE, UNSET, Cells, HasMetadata, Printers, age, column
from kube.api.types.core_v1 import PersistentVolume, PersistentVolumeClaim
from kube.api.types.storage_v1 import (
    CSIDriver,
    CSINode,
    CSIStorageCapacity,
    StorageClass,
    VolumeAttachment,
    VolumeAttributesClass,
)
from kube.api.types.storagemigration_v1 import StorageVersionMigration

PRINTERS: Final = Printers()

_BETA_CLASS: Final = "volume.beta.kubernetes.io/storage-class"
_DEFAULT_CLASS: Final = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)
_DEFAULT_ATTRIBUTES_CLASS: Final = ("volumeattributesclass.alpha.kubernetes.io/is-default-class",)
_ACCESS_MODES: Final = (
    ("ReadWriteOnce", "RWO"),
    ("ReadOnlyMany", "ROX"),
    ("ReadWriteMany", "RWX"),
    ("ReadWriteOncePod", "RWOP"),
)


def _access_modes(modes: Collection[str]) -> str:
    return ",".join(short for mode, short in _ACCESS_MODES if mode in modes)


def _class_of(obj: HasMetadata, name: str | None) -> str:
    return obj.metadata.annotations.get(_BETA_CLASS, name or "")


def _phase(obj: HasMetadata, phase: str) -> str:
    return "Terminating" if obj.metadata.deletion_timestamp else phase


def _or_unset(value: str | None) -> str:
    return UNSET if value is None else value


def _with_default(obj: HasMetadata, annotations: tuple[str, ...]) -> str:
    marked = any(obj.metadata.annotations.get(annotation) == "true" for annotation in annotations)
    return f"{obj.metadata.name} (default)" if marked else obj.metadata.name


_CAPACITY: Final = column("Capacity", "Size of the volume.")
_MODES: Final = column("Access Modes", "How the volume may be mounted.")
_CLASS: Final = column("StorageClass", "Class of the volume.")
_ATTRIBUTES: Final = column("VolumeAttributesClass", "Class of the attributes that can be changed.")
_VOLUME_MODE: Final = column("VolumeMode", "Filesystem or Block.", wide=True)


@PRINTERS.whole(
    "",
    "PersistentVolume",
    NAME,
    _CAPACITY,
    _MODES,
    column("Reclaim Policy", "What happens to the volume when its claim is deleted."),
    column("Status", "The phase."),
    column("Claim", "Namespace and name of the claim that is bound to it."),
    _CLASS,
    _ATTRIBUTES,
    column("Reason", "Why the phase is Failed."),
    AGE,
    _VOLUME_MODE,
)
def persistent_volume(obj: PersistentVolume, now: float) -> Cells:
    claim = obj.spec.claim_ref
    return (
        obj.metadata.name,
        obj.spec.capacity.get("storage", "0"),
        _access_modes(obj.spec.access_modes),
        obj.spec.persistent_volume_reclaim_policy,
        _phase(obj, obj.status.phase),
        f"{claim.namespace}/{claim.name}" if claim else "",
        _class_of(obj, obj.spec.storage_class_name),
        _or_unset(obj.spec.volume_attributes_class_name),
        obj.status.reason,
        age(obj, now),
        _or_unset(obj.spec.volume_mode),
    )


@PRINTERS.whole(
    "",
    "PersistentVolumeClaim",
    NAME,
    column("Status", "The phase."),
    column("Volume", "The volume that is bound to it."),
    _CAPACITY,
    _MODES,
    _CLASS,
    _ATTRIBUTES,
    AGE,
    _VOLUME_MODE,
)
def persistent_volume_claim(obj: PersistentVolumeClaim, now: float) -> Cells:
    bound = bool(obj.spec.volume_name)
    return (
        obj.metadata.name,
        _phase(obj, obj.status.phase),
        obj.spec.volume_name,
        obj.status.capacity.get("storage", "0") if bound else "",
        _access_modes(obj.status.access_modes) if bound else "",
        _class_of(obj, obj.spec.storage_class_name),
        _or_unset(obj.spec.volume_attributes_class_name),
        age(obj, now),
        _or_unset(obj.spec.volume_mode),
    )


@PRINTERS.whole(
    "storage.k8s.io",
    "StorageClass",
    NAME,
    column("Provisioner", "Who makes volumes of the class."),
    column("ReclaimPolicy", "What happens to a volume when its claim is deleted."),
    column("VolumeBindingMode", "Whether a volume is made at once or for the first pod."),
    column("AllowVolumeExpansion", "Whether claims may grow."),
    AGE,
)
def storage_class(obj: StorageClass, now: float) -> Cells:
    return (
        _with_default(obj, _DEFAULT_CLASS),
        obj.provisioner,
        "Delete" if obj.reclaim_policy is None else obj.reclaim_policy,
        "Immediate" if obj.volume_binding_mode is None else obj.volume_binding_mode,
        bool(obj.allow_volume_expansion),
        age(obj, now),
    )


@PRINTERS.whole(
    "storage.k8s.io",
    "VolumeAttributesClass",
    NAME,
    column("DriverName", "The CSI driver that is meant."),
    AGE,
)
def volume_attributes_class(obj: VolumeAttributesClass, now: float) -> Cells:
    return (_with_default(obj, _DEFAULT_ATTRIBUTES_CLASS), obj.driver_name, age(obj, now))


@PRINTERS.between(
    "storage.k8s.io",
    "VolumeAttachment",
    column("Attacher", "The driver that attaches.", format_="name"),
    column("PV", "The volume."),
    column("Node", "The node that it is attached to."),
    column("Attached", "Whether it is attached.", "boolean"),
)
def volume_attachment(obj: VolumeAttachment, _: float) -> Cells:
    volume = obj.spec.source.persistent_volume_name or ""
    return (obj.spec.attacher, volume, obj.spec.node_name, obj.status.attached)


@PRINTERS.between(
    "storage.k8s.io", "CSINode", column("Drivers", "Number of CSI drivers on the node.", "integer")
)
def csi_node(obj: CSINode, _: float) -> Cells:
    return (len(obj.spec.drivers),)


@PRINTERS.between(
    "storage.k8s.io",
    "CSIDriver",
    column("AttachRequired", "Whether volumes are attached before they are mounted.", "boolean"),
    column("PodInfoOnMount", "Whether the driver is told about the pod.", "boolean"),
    column("StorageCapacity", "Whether the scheduler looks at the capacity left.", "boolean"),
    column("TokenRequests", "Audiences of the service account tokens that the driver gets."),
    column("RequiresRepublish", "Whether mounts are renewed again and again.", "boolean"),
    column("Modes", "Persistent, Ephemeral or both."),
)
def csi_driver(obj: CSIDriver, _: float) -> Cells:
    spec = obj.spec
    return (
        spec.attach_required is None or spec.attach_required,
        bool(spec.pod_info_on_mount),
        bool(spec.storage_capacity),
        ",".join(request.audience for request in spec.token_requests) if spec.token_requests else UNSET,
        bool(spec.requires_republish),
        ",".join(spec.volume_lifecycle_modes) or NONE,
    )


@PRINTERS.whole(
    "storage.k8s.io",
    "CSIStorageCapacity",
    NAME,
    column("StorageClassName", "The class that the capacity is for."),
    column("Capacity", "How much is left."),
)
def csi_storage_capacity(obj: CSIStorageCapacity, _: float) -> Cells:
    return (obj.metadata.name, obj.storage_class_name, _or_unset(obj.capacity))


@PRINTERS.whole(
    "storagemigration.k8s.io",
    "StorageVersionMigration",
    NAME,
    column("Resource", "The resource whose objects are rewritten."),
)
def storage_version_migration(obj: StorageVersionMigration, _: float) -> Cells:
    resource = obj.spec.resource
    return (
        obj.metadata.name,
        f"{resource.resource}.{resource.group}" if resource.group else resource.resource,
    )
