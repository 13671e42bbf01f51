"""What many parts read from an object's metadata and conditions.

Sources: k8s.io/apimachinery/pkg/apis/meta/v1 (controller_ref.go), pkg/api/meta (conditions.go), client-go tools/cache
(keys).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

import msgspec

from kube.apimachinery.gofmt import quote
from kube.apimachinery.meta.v1 import ObjectMeta, OwnerReference
from kube.apimachinery.time import Time


class HasMetadata(Protocol):
    """Any API object that is stored."""

    @property
    def metadata(self) -> ObjectMeta: ...


class ApiObject(HasMetadata, Protocol):
    """A stored object that knows its type."""

    @property
    def kind(self) -> str: ...

    @property
    def api_version(self) -> str: ...


class ConditionLike(Protocol):
    """`meta.v1.Condition` and the kinds' own conditions."""

    @property
    def type(self) -> str: ...

    @property
    def status(self) -> str: ...

    @property
    def last_transition_time(self) -> Time | None: ...


C = TypeVar("C", bound=ConditionLike)


def namespaced_key(obj: HasMetadata) -> str:
    """`namespace/name`, or `name` of an object of the cluster."""
    meta = obj.metadata
    return f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name


def split_key(key: str) -> tuple[str, str]:
    """The namespace (empty for the cluster's own) and name of a `namespaced_key`. Raises ValueError."""
    namespace, slash, name = key.partition("/")
    if not slash:
        return "", key
    if "/" in name:
        raise ValueError(f"unexpected key format: {quote(key)}")
    return namespace, name


def controller_of(meta: ObjectMeta) -> OwnerReference | None:
    """The owner that manages the object, if it has one."""
    for owner in meta.owner_references:
        if owner.controller:
            return owner
    return None


def is_controlled_by(obj: HasMetadata, owner: HasMetadata) -> bool:
    """Whether `owner`, this very one by uid, manages the object."""
    controller = controller_of(obj.metadata)
    return controller is not None and controller.uid == owner.metadata.uid


def owner_reference(
    owner: ApiObject, *, controller: bool = True, block_owner_deletion: bool = True
) -> OwnerReference:
    """A reference to the owner; as the controller that manages the object, unless told otherwise."""
    return OwnerReference(
        api_version=owner.api_version,
        kind=owner.kind,
        name=owner.metadata.name,
        uid=owner.metadata.uid,
        controller=True if controller else None,
        block_owner_deletion=True if block_owner_deletion else None,
    )


def find_condition(conditions: Iterable[C], type_: str) -> C | None:
    for condition in conditions:
        if condition.type == type_:
            return condition
    return None


def is_condition_true(conditions: Iterable[ConditionLike], type_: str) -> bool:
    condition = find_condition(conditions, type_)
    return condition is not None and condition.status == "True"


def set_condition(conditions: tuple[C, ...], condition: C, now: Time) -> tuple[C, ...]:
    """The conditions with this one added, or in place of the one of its type; the same tuple when nothing changes.

    Its last_transition_time is kept from the old one while the status stays, else it is its own or `now`.
    """
    old = find_condition(conditions, condition.type)
    if old is not None and old.status == condition.status:
        since = old.last_transition_time
    else:
        since = condition.last_transition_time or now
    changed: Any = condition
    new: C = msgspec.structs.replace(changed, last_transition_time=since)
    if old is None:
        return (*conditions, new)
    if old == new:
        return conditions
    return tuple(new if each is old else each for each in conditions)


def remove_condition(conditions: tuple[C, ...], type_: str) -> tuple[C, ...]:
    return tuple(condition for condition in conditions if condition.type != type_)
