"""Which owner a change of a dependent concerns, and what it says to the owner's expectations. Pure."""

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from kube.apimachinery.labels import Selector
from kube.apimachinery.meta.accessor import controller_of
from kube.client.keys import HasMetadata, meta_namespace_key
from kube.client.lister import Lister
from kube.controllers.expectations import Expectations
from kube.controllers.framework import own_key
from kube.controllers.ownership import owner_of

T = TypeVar("T", bound=HasMetadata)


class OwnerObserver:
    """The ``Keys`` of the owners themselves: one that is gone leaves no expectations to the next of its name.

    Both may come in one turn, so that no reconcile sees the name without an object. Semantics: deleteRS of
    pkg/controller/replicaset/replica_set.go.
    """

    __slots__ = ("_expectations",)

    def __init__(self, expectations: Expectations) -> None:
        self._expectations = expectations

    def __call__(self, old: HasMetadata | None, new: HasMetadata | None) -> tuple[str, ...]:
        keys = own_key(old, new)
        if new is None:
            for key in keys:
                self._expectations.forget(key)
        return keys


class DependentObserver(Generic[T]):
    """The ``Keys`` of what a controller owns, pods above all: the key of the owner, and for an orphan those of all that could adopt it.

    An addition with a deletion timestamp, and an update that brings one, count as a deletion: an object is not seen
    alive again. Semantics: addPod, updatePod and deletePod of pkg/controller/replicaset/replica_set.go.
    """

    __slots__ = ("_expectations", "_group", "_kind", "_lister", "_selector")

    def __init__(
        self,
        kind: str,
        group: str,
        lister: Lister[T],
        selector: Callable[[T], Selector],
        expectations: Expectations | None = None,
    ) -> None:
        self._kind = kind
        self._group = group
        self._lister = lister
        self._selector = selector
        self._expectations = expectations

    def __call__(self, old: HasMetadata | None, new: HasMetadata | None) -> Iterable[str]:
        if new is None:
            assert old is not None
            return self._deleted(old)
        if old is None:
            return self._added(new)
        return self._updated(old, new)

    def _owner_key(self, obj: HasMetadata) -> tuple[str, ...]:
        owner = owner_of(obj, self._kind, self._group, self._lister)
        return () if owner is None else (meta_namespace_key(owner),)

    def _deleted(self, obj: HasMetadata) -> tuple[str, ...]:
        keys = self._owner_key(obj)
        if self._expectations is not None:
            for key in keys:
                self._expectations.deletion_observed(key, meta_namespace_key(obj))
        return keys

    def _added(self, obj: HasMetadata) -> tuple[str, ...]:
        if obj.metadata.deletion_timestamp is not None:
            return self._deleted(obj)
        if controller_of(obj.metadata) is None:
            return self._adopters(obj)
        keys = self._owner_key(obj)
        if self._expectations is not None:
            for key in keys:
                self._expectations.creation_observed(key)
        return keys

    def _updated(self, old: HasMetadata, new: HasMetadata) -> tuple[str, ...]:
        relabelled = old.metadata.labels != new.metadata.labels
        if new.metadata.deletion_timestamp is not None:
            gone = self._deleted(new)
            return (*gone, *self._deleted(old)) if relabelled else gone
        before, after = controller_of(old.metadata), controller_of(new.metadata)
        keys = self._owner_key(old) if before is not None and before != after else ()
        if after is not None:
            return (*keys, *self._owner_key(new))
        if relabelled or before != after:
            return (*keys, *self._adopters(new))
        return keys

    def _adopters(self, obj: HasMetadata) -> tuple[str, ...]:
        labels = obj.metadata.labels
        return tuple(
            meta_namespace_key(owner)
            for owner in self._lister.list(namespace=obj.metadata.namespace)
            if self._matches(owner, labels)
        )

    def _matches(self, owner: T, labels: Any) -> bool:
        selector = self._selector(owner)
        return not selector.empty and selector.matches(labels)
