"""The rules of the storage kinds, by type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kube.api.types import storage_v1
from kube.api.validation import csi, storage_class, volume_attachment
from kube.api.validation.rules import Rules

RULES: Final[Mapping[type, Rules]] = {
    storage_v1.CSIDriver: Rules(csi.validate_csi_driver, csi.validate_csi_driver_update),
    storage_v1.CSINode: Rules(csi.validate_csi_node, csi.validate_csi_node_update),
    storage_v1.CSIStorageCapacity: Rules(csi.validate_storage_capacity, csi.validate_storage_capacity_update),
    storage_v1.StorageClass: Rules(
        storage_class.validate_storage_class, storage_class.validate_storage_class_update
    ),
    storage_v1.VolumeAttachment: Rules(
        volume_attachment.validate_attachment,
        volume_attachment.validate_attachment_update,
        {"status": volume_attachment.validate_attachment_update},
    ),
    storage_v1.VolumeAttributesClass: Rules(
        storage_class.validate_attributes_class, storage_class.validate_attributes_class_update
    ),
}
