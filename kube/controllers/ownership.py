"""Which objects a controller manages: its own by reference, orphans that it adopts, and those that it lets go.

Semantics: pkg/controller/controller_ref_manager.go. Objects are found by two indexes that all workload controllers share,
so that nobody walks a namespace.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from msgspec import Struct

from kube.apimachinery.errors import is_invalid, is_not_found
from kube.apimachinery.labels import Selector
from kube.apimachinery.meta.accessor import controller_of, owner_reference
from kube.client.keys import HasMetadata
from kube.client.lister import Lister
from kube.client.typed import TypedClient
from kube.controllers.framework import Gather

BY_CONTROLLER: Final = "controller"
ORPHANS: Final = "orphans"


class Owner(HasMetadata, Protocol):
    @property
    def kind(self) -> str: ...

    @property
    def api_version(self) -> str: ...


T = TypeVar("T", bound=HasMetadata)


def _controller_uid(obj: HasMetadata) -> tuple[str, ...]:
    controller = controller_of(obj.metadata)
    return () if controller is None else (controller.uid,)


def _orphan_in(obj: HasMetadata) -> tuple[str, ...]:
    return (obj.metadata.namespace,) if controller_of(obj.metadata) is None else ()


INDEXES: Final[Mapping[str, Callable[[Any], Iterable[str]]]] = {
    BY_CONTROLLER: _controller_uid,
    ORPHANS: _orphan_in,
}
"""``controller``: by the uid of the managing owner; ``orphans``: what has none, by namespace."""


class Claim(Struct, Generic[T], frozen=True):
    """``owned`` stay; ``adopt`` and ``release`` need a write each."""

    owned: tuple[T, ...]
    adopt: tuple[T, ...]
    release: tuple[T, ...]


def claim(
    owner: HasMetadata,
    selector: Selector,
    controlled: Sequence[T],
    orphans: Sequence[T],
    *,
    may_adopt: Callable[[T], bool] = lambda _: True,
) -> Claim[T]:
    """Decide. An owner that is being deleted neither adopts nor releases, and nobody adopts what is being deleted."""
    matches = selector.matches
    deleting = owner.metadata.deletion_timestamp is not None
    owned: list[T] = []
    release: list[T] = []
    for obj in controlled:
        if matches(obj.metadata.labels):
            owned.append(obj)
        elif not deleting:
            release.append(obj)
    if deleting or not orphans:
        return Claim(tuple(owned), (), tuple(release))
    adopt = tuple(
        obj
        for obj in orphans
        if obj.metadata.deletion_timestamp is None and matches(obj.metadata.labels) and may_adopt(obj)
    )
    return Claim(tuple(owned), adopt, tuple(release))


def adoption_patch(owner: Owner, obj: HasMetadata, finalizers: Sequence[str] = ()) -> dict[str, Any]:
    """A strategic merge patch. The uid makes it fail for a later object of the name."""
    reference = owner_reference(owner)
    metadata: dict[str, Any] = {
        "uid": obj.metadata.uid,
        "ownerReferences": [
            {
                "apiVersion": reference.api_version,
                "kind": reference.kind,
                "name": reference.name,
                "uid": reference.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    if finalizers:
        metadata["finalizers"] = list(finalizers)
    return {"metadata": metadata}


def release_patch(owner: HasMetadata, obj: HasMetadata, finalizers: Sequence[str] = ()) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "uid": obj.metadata.uid,
        "ownerReferences": [{"$patch": "delete", "uid": owner.metadata.uid}],
    }
    if finalizers:
        metadata["$deleteFromPrimitiveList/finalizers"] = list(finalizers)
    return {"metadata": metadata}


class OwnershipChangedError(Exception):
    """The owner is another one, or is being deleted, since its cache was read."""


class RefManager(Struct, frozen=True):
    """Carries claims out. ``finalizers`` are added to what is adopted and taken from what is released."""

    client: TypedClient
    gather: Gather
    finalizers: tuple[str, ...] = ()

    async def claim(
        self,
        owner: Any,
        selector: Selector,
        lister: Lister[T],
        kind: type[T],
        *,
        may_adopt: Callable[[T], bool] = lambda _: True,
    ) -> tuple[T, ...]:
        """What the owner manages now. Raises the first error but those of objects that are gone."""
        metadata = owner.metadata
        controlled = lister.by_index(BY_CONTROLLER, metadata.uid)
        orphans = lister.by_index(ORPHANS, metadata.namespace)
        decided = claim(owner, selector, controlled, orphans, may_adopt=may_adopt)
        if not decided.adopt and not decided.release:
            return decided.owned
        if decided.adopt:
            await self._check_owner(owner)
        adopted = await self._patch_all(
            kind, [(obj, adoption_patch(owner, obj, self.finalizers)) for obj in decided.adopt]
        )
        await self._patch_all(
            kind, [(obj, release_patch(owner, obj, self.finalizers)) for obj in decided.release]
        )
        return (*decided.owned, *adopted)

    async def _check_owner(self, owner: Any) -> None:
        """Reads the owner live, as a cache may not yet know of its deletion."""
        metadata = owner.metadata
        fresh = await self.client.get(type(owner), metadata.name, namespace=metadata.namespace)
        if fresh.metadata.uid != metadata.uid:
            raise OwnershipChangedError(
                f"original {owner.kind} {metadata.namespace}/{metadata.name} is gone: "
                f"got uid {fresh.metadata.uid}, wanted {metadata.uid}"
            )
        if fresh.metadata.deletion_timestamp is not None:
            raise OwnershipChangedError(
                f"{metadata.namespace}/{metadata.name} has just been deleted at {fresh.metadata.deletion_timestamp}"
            )

    async def _patch_all(self, kind: type[T], patches: Sequence[tuple[T, dict[str, Any]]]) -> list[T]:
        def call(obj: T, patch: dict[str, Any]) -> Callable[[], Any]:
            metadata = obj.metadata
            return lambda: self.client.patch(
                kind, metadata.name, patch, type="strategic", namespace=metadata.namespace
            )

        results = await self.gather([call(obj, patch) for obj, patch in patches]) if patches else []
        for result in results:
            if isinstance(result, Exception) and not (is_not_found(result) or is_invalid(result)):
                raise result
        return [result for result in results if not isinstance(result, Exception)]


def owner_of(obj: HasMetadata, kind: str, group: str, lister: Lister[T]) -> T | None:
    """The object of the lister that manages ``obj``, this very one by uid."""
    reference = controller_of(obj.metadata)
    if reference is None or reference.kind != kind:
        return None
    if reference.api_version.rpartition("/")[0] != group:
        return None
    owner = lister.get(obj.metadata.namespace, reference.name)
    return owner if owner is not None and owner.metadata.uid == reference.uid else None
