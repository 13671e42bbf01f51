"""Preconditions of updates and deletions (k8s.io/apiserver/pkg/storage, ``Preconditions.Check``)."""

from kube.apimachinery.meta.v1 import Preconditions
from kube.apiserver.storage.errors import PreconditionError
from kube.apiserver.storage.interface import Entry


def check_preconditions(key: bytes, preconditions: Preconditions | None, entry: Entry | None) -> None:
    """Raises PreconditionError. An object that does not exist has an empty uid and resourceVersion."""
    if preconditions is None:
        return
    meta = None if entry is None else entry.object.metadata
    uid = "" if meta is None else meta.uid
    if preconditions.uid is not None and preconditions.uid != uid:
        raise PreconditionError(
            key, f"Precondition failed: UID in precondition: {preconditions.uid}, UID in object meta: {uid}"
        )
    version = "" if meta is None else meta.resource_version
    if preconditions.resource_version is not None and preconditions.resource_version != version:
        raise PreconditionError(
            key,
            f"Precondition failed: ResourceVersion in precondition: {preconditions.resource_version}, "
            f"ResourceVersion in object meta: {version}",
        )
