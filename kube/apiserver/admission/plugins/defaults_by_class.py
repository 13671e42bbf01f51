"""DefaultStorageClass, DefaultIngressClass and StorageObjectInUseProtection: what claims, ingresses and volumes get at creation.

Source of the semantics: plugin/pkg/admission/storage/{storageclass/setdefault,storageobjectinuseprotection},
plugin/pkg/admission/network/defaultingressclass.
"""

from typing import Any, Final

from msgspec.structs import replace

from kube.api.types.core_v1 import PersistentVolumeClaim
from kube.api.types.networking_v1 import Ingress
from kube.apiserver.admission.interface import Attributes
from kube.apiserver.admission.plugins.lookup import CREATE, Lookup, Name, Stores

DEFAULT_STORAGE_CLASS: Final = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)
DEFAULT_INGRESS_CLASS: Final = ("ingressclass.kubernetes.io/is-default-class",)
LEGACY_STORAGE_CLASS: Final = "volume.beta.kubernetes.io/storage-class"
LEGACY_INGRESS_CLASS: Final = "kubernetes.io/ingress.class"
PROTECTION: Final = {
    "persistentvolumes": "kubernetes.io/pv-protection",
    "persistentvolumeclaims": "kubernetes.io/pvc-protection",
}


async def _default_of(classes: Lookup, annotations: tuple[str, ...]) -> str:
    """The name of the default class; the newest where there are several, "" where there is none."""
    found = [
        (str(each.metadata.creation_timestamp or ""), each.metadata.name)
        for each in await classes.list()
        if any(each.metadata.annotations.get(name) == "true" for name in annotations)
    ]
    newest = max((created for created, _ in found), default="")
    return min((name for created, name in found if created == newest), default="")


class DefaultStorageClass:
    name = "DefaultStorageClass"
    operations = CREATE
    resources: frozenset[Name] = frozenset((("", "persistentvolumeclaims"),))

    def __init__(self, stores: Stores) -> None:
        self._classes = Lookup(stores["storage.k8s.io", "storageclasses"])

    async def admit(self, attributes: Attributes) -> Any:
        claim: PersistentVolumeClaim = attributes.object
        if claim.spec.storage_class_name is not None or LEGACY_STORAGE_CLASS in claim.metadata.annotations:
            return claim
        name = await _default_of(self._classes, DEFAULT_STORAGE_CLASS)
        if not name:
            return claim
        return replace(claim, spec=replace(claim.spec, storage_class_name=name))


class DefaultIngressClass:
    name = "DefaultIngressClass"
    operations = CREATE
    resources: frozenset[Name] = frozenset((("networking.k8s.io", "ingresses"),))

    def __init__(self, stores: Stores) -> None:
        self._classes = Lookup(stores["networking.k8s.io", "ingressclasses"])

    async def admit(self, attributes: Attributes) -> Any:
        ingress: Ingress = attributes.object
        if (
            ingress.spec.ingress_class_name is not None
            or LEGACY_INGRESS_CLASS in ingress.metadata.annotations
        ):
            return ingress
        name = await _default_of(self._classes, DEFAULT_INGRESS_CLASS)
        if not name:
            return ingress
        return replace(ingress, spec=replace(ingress.spec, ingress_class_name=name))


class StorageObjectInUseProtection:
    """The finalizers of volumes and claims, which the protection controllers take away again."""

    name = "StorageObjectInUseProtection"
    operations = CREATE
    resources: frozenset[Name] = frozenset(("", plural) for plural in PROTECTION)

    async def admit(self, attributes: Attributes) -> Any:
        if attributes.subresource:
            return attributes.object
        obj = attributes.object
        finalizer = PROTECTION[attributes.resource.plural]
        meta = obj.metadata
        if finalizer in meta.finalizers:
            return obj
        return replace(obj, metadata=replace(meta, finalizers=(*meta.finalizers, finalizer)))
