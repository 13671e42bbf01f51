"""Metadata as requests bring it, before admission (k8s.io/apiserver/pkg/endpoints/handlers, rest.go)."""

from typing import Any, Final

from msgspec.structs import replace

from kube.apimachinery.errors import bad_request
from kube.apimachinery.meta.v1 import OwnerReference

NAMESPACE_MISMATCH: Final = (
    "the namespace of the provided object does not match the namespace sent on the request"
)
_DUPLICATE_OWNERS: Final = (
    ".metadata.ownerReferences contains duplicate entries{}; API server dedups owner references in 1.20+, and may "
    "reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {}"
)


def with_namespace(obj: Any, namespace: str) -> Any:
    """``obj`` in the namespace of its request ("" for cluster-scoped kinds). Raises ApiError (400)."""
    held = obj.metadata.namespace
    if held == namespace:
        return obj
    if held and namespace:
        raise bad_request(NAMESPACE_MISMATCH)
    return replace(obj, metadata=replace(obj.metadata, namespace=namespace))


def check_name(obj: Any, name: str) -> None:
    """Raises ApiError (400) unless the object is the one that the URL names."""
    held = obj.metadata.name
    if held == name:
        return
    if not held:
        raise bad_request(
            f"the name of the object ({name} based on URL) was undeterminable: name must be provided"
        )
    raise bad_request(f"the name of the object ({held}) does not match the name on the URL ({name})")


def without_duplicate_owners(obj: Any, warnings: list[str], *, after_admission: bool) -> Any:
    """``obj`` with each owner reference once, and a warning if that was not so."""
    owners: tuple[OwnerReference, ...] = obj.metadata.owner_references
    if len(owners) < 2:
        return obj
    kept: list[OwnerReference] = []
    duplicates: list[str] = []
    for owner in owners:
        if owner in kept:
            duplicates.append(owner.uid)
        else:
            kept.append(owner)
    if not duplicates:
        return obj
    when = " after mutating admission happens" if after_admission else ""
    warning = _DUPLICATE_OWNERS.format(when, ", ".join(duplicates))
    if warning not in warnings:
        warnings.append(warning)
    return replace(obj, metadata=replace(obj.metadata, owner_references=tuple(kept)))
