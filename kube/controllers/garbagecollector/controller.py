"""Deletes what has lost its owners.

Semantics: pkg/controller/garbagecollector; the API page "Garbage Collection". What a watch has shown is not asked for
again: a decision upon a cache that is behind is corrected by the event that it has yet to get, and every write carries
the uid.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from msgspec import Struct, field

from kube.api.resources import Resource
from kube.api.types.core_v1 import ObjectReference
from kube.apimachinery.errors import ApiError, is_conflict, is_not_found
from kube.apimachinery.meta.v1 import ObjectMeta, OwnerReference, Preconditions
from kube.client.events import WARNING
from kube.client.keys import HasMetadata
from kube.client.typed import PropagationPolicy
from kube.controllers.framework import Environment, Result, Watch
from kube.controllers.garbagecollector.graph import (
    FINALIZER_FOREGROUND,
    FINALIZER_ORPHAN,
    Graph,
    Identity,
    Node,
)

IGNORED: Final = (("", "events"), ("events.k8s.io", "events"))
"""They own nothing and nobody owns them."""
VIRTUAL_RETRY: Final = 1.0
"""Seconds after which an owner that exists, but that no watch has shown, is looked for again."""
FINALIZER_ATTEMPTS: Final = 5


class UnknownOwnerError(Exception):
    """A reference names a kind that is not served: nothing is known of the owner."""


class Owners(Struct):
    """The references of an object, by what became of the owners."""

    solid: list[OwnerReference] = field(default_factory=list)
    dangling: list[OwnerReference] = field(default_factory=list)
    waiting: list[OwnerReference] = field(default_factory=list)
    """They wait for their dependents, this one among them."""


def collectable(resources: Iterable[Resource]) -> list[Resource]:
    needed = {"delete", "list", "watch"}
    return [row for row in resources if needed <= set(row.verbs) and (row.group, row.plural) not in IGNORED]


def is_awaited(metadata: ObjectMeta) -> bool:
    return metadata.deletion_timestamp is not None and FINALIZER_FOREGROUND in metadata.finalizers


def propagation_of(finalizers: Sequence[str]) -> PropagationPolicy:
    """A policy that somebody has asked for already is honoured."""
    if FINALIZER_ORPHAN in finalizers:
        return "Orphan"
    return "Foreground" if FINALIZER_FOREGROUND in finalizers else "Background"


def without_owners(uid: str, owners: Iterable[str]) -> dict[str, Any]:
    """A strategic merge patch that takes references to these owners away."""
    references = [{"$patch": "delete", "uid": owner} for owner in owners]
    return {"metadata": {"uid": uid, "ownerReferences": references}}


def unblocked(node: Node) -> dict[str, Any]:
    """A strategic merge patch by which the node blocks none of its owners any more."""
    references = [
        {"uid": owner.uid, "blockOwnerDeletion": False} for owner in node.owners if owner.block_owner_deletion
    ]
    return {"metadata": {"uid": node.identity.uid, "ownerReferences": references}}


class GarbageCollector:
    """One key is a uid."""

    name = "garbagecollector"
    workers = 20

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._client = environment.client
        self._resources = environment.client.resources
        self.graph = Graph(self._is_namespaced)

    def _is_namespaced(self, api_version: str, kind: str) -> bool:
        row = self._resources.by_api_version(api_version, kind)
        return row is None or row.namespaced

    def watches(self) -> Sequence[Watch[Any]]:
        return [Watch(row.gvr, self._observer(row)) for row in collectable(self._resources.storages())]

    def _observer(self, row: Resource) -> Callable[[Any, Any], Iterable[str]]:
        graph, api_version, kind = self.graph, row.api_version, row.kind

        def observe(old: HasMetadata | None, new: HasMetadata | None) -> Iterable[str]:
            if new is not None:
                keys = graph.observe(api_version, kind, new.metadata)
            else:
                assert old is not None
                keys = graph.observe_deletion(old.metadata.uid)
            self._report_invalid()
            return keys

        return observe

    def _report_invalid(self) -> None:
        for dependent, owner in self.graph.take_invalid():
            about = ObjectReference(
                kind=dependent.kind,
                api_version=dependent.api_version,
                namespace=dependent.namespace,
                name=dependent.name,
                uid=dependent.uid,
            )
            message = f'ownerRef {owner} does not exist in namespace "{dependent.namespace}"'
            self._environment.recorder.event(about, WARNING, "OwnerRefInvalidNamespace", message)

    def _enqueue(self, uids: Iterable[str]) -> None:
        for uid in uids:
            self._environment.enqueue_after(uid, 0)

    async def reconcile(self, key: str) -> Result:
        node = self.graph.nodes.get(key)
        if node is None:
            return Result()
        if node.orphaning:
            await self._orphan_dependents(node)
        elif node.virtual:
            return await self._verify(node)
        elif node.deleting_dependents:
            await self._delete_dependents(node)
        elif not node.being_deleted:
            await self._collect(node)
        return Result()

    async def _verify(self, node: Node) -> Result:
        """Ask for an owner that only references tell of."""
        identity = node.identity
        if await self._get(identity) is not None:
            return Result(VIRTUAL_RETRY)
        self._enqueue(self.graph.deny(identity))
        return Result()

    # Background

    async def _collect(self, node: Node) -> None:
        """Delete the object unless an owner is there."""
        if not node.owners:
            return
        identity = node.identity
        owners = await self._classify(node)
        if owners is None:
            return
        if owners.solid:
            gone = [owner.uid for owner in (*owners.dangling, *owners.waiting)]
            if gone:
                await self._patch(identity, without_owners(identity.uid, gone))
            return
        if owners.waiting and node.dependents:
            if any(dependent.deleting_dependents for dependent in node.dependents.values()):
                await self._patch(identity, unblocked(node))  # else a cycle would wait for itself
            await self._delete(node, "Foreground")
            return
        held = self._cached(identity)
        await self._delete(node, propagation_of(() if held is None else held.metadata.finalizers))

    async def _classify(self, node: Node) -> Owners | None:
        """None for what can't be judged, ever: a cluster-scoped object of a namespaced owner."""
        owners = Owners()
        for reference in node.owners:
            row = self._resources.by_api_version(reference.api_version, reference.kind)
            if row is not None and row.namespaced and not node.identity.namespace:
                return None
            metadata = await self._owner(node, reference)
            if metadata is None:
                owners.dangling.append(reference)
            elif is_awaited(metadata):
                owners.waiting.append(reference)
            else:
                owners.solid.append(reference)
        return owners

    async def _owner(self, node: Node, reference: OwnerReference) -> ObjectMeta | None:
        """The owner's metadata; None when it does not exist. Raises UnknownOwnerError."""
        claimed = self.graph.identity_of(reference, node.identity.namespace)
        if claimed in self.graph.absent:
            return None
        held = self.graph.nodes.get(reference.uid)
        if held is not None and not held.virtual and held.identity == claimed:
            cached = self._cached(claimed)
            if cached is not None:
                return cached.metadata
        if self._resources.by_api_version(reference.api_version, reference.kind) is None:
            raise UnknownOwnerError(
                f"unable to get REST mapping for {reference.api_version}/{reference.kind}: no matches for kind "
                f'"{reference.kind}" in version "{reference.api_version}"'
            )
        found = await self._get(claimed)
        if found is None:
            self.graph.absent.add(claimed)
            return None
        return found.metadata

    # Foreground and orphan

    async def _delete_dependents(self, node: Node) -> None:
        blocking = node.blocking_dependents
        if not blocking:
            await self._remove_finalizer(node.identity, FINALIZER_FOREGROUND)
            return
        self._enqueue(each.identity.uid for each in blocking if not each.deleting_dependents)

    async def _orphan_dependents(self, node: Node) -> None:
        owner = node.identity.uid
        calls = [self._leave(dependent.identity, owner) for dependent in node.dependents.values()]
        for result in await self._environment.gather(calls) if calls else ():
            if isinstance(result, Exception):
                raise result
        await self._remove_finalizer(node.identity, FINALIZER_ORPHAN)

    def _leave(self, dependent: Identity, owner: str) -> Callable[[], Any]:
        return lambda: self._patch(dependent, without_owners(dependent.uid, [owner]))

    # The server

    def _row(self, identity: Identity) -> Resource:
        row = self._resources.by_api_version(identity.api_version, identity.kind)
        if row is None:
            raise UnknownOwnerError(f"{identity.api_version}/{identity.kind} is not served")
        return row

    def _cached(self, identity: Identity) -> HasMetadata | None:
        """The object in the shared cache, this very one by uid."""
        row = self._resources.by_api_version(identity.api_version, identity.kind)
        home = None if row is None else self._resources.storage_of(row)
        if home is None:
            return None
        found: HasMetadata | None = self._environment.listers.lister(home.gvr).get(
            identity.namespace, identity.name
        )
        return found if found is not None and found.metadata.uid == identity.uid else None

    async def _get(self, identity: Identity) -> HasMetadata | None:
        """The object as the server has it; None when there is none of this uid."""
        try:
            found: HasMetadata = await self._client.get(
                self._row(identity), identity.name, namespace=identity.namespace or None
            )
        except ApiError as error:
            if is_not_found(error):
                return None
            raise
        return found if found.metadata.uid == identity.uid else None

    async def _patch(self, identity: Identity, patch: dict[str, Any]) -> None:
        """A patch of what is gone is none; the uid in it makes it fail for a later object of the name."""
        try:
            await self._client.patch(
                self._row(identity),
                identity.name,
                patch,
                type="strategic",
                namespace=identity.namespace or None,
            )
        except ApiError as error:
            if not is_not_found(error):
                raise

    async def _delete(self, node: Node, policy: PropagationPolicy) -> None:
        """Only as long as it has the owners upon which this was decided."""
        identity, owners = node.identity, node.owners
        held = self._cached(identity)
        version = held.metadata.resource_version if held is not None else None
        try:
            await self._delete_at(identity, version, policy)
        except ApiError as error:
            if is_not_found(error):
                self._enqueue(self.graph.deny(identity))
                return
            if not is_conflict(error) or version is None:
                raise
            latest = await self._get(identity)
            if latest is None:
                self._enqueue(self.graph.deny(identity))
                return
            if latest.metadata.owner_references != owners:
                raise
            await self._delete_at(identity, latest.metadata.resource_version, policy)

    async def _delete_at(self, identity: Identity, version: str | None, policy: PropagationPolicy) -> None:
        await self._client.delete(
            self._row(identity),
            identity.name,
            namespace=identity.namespace or None,
            propagation_policy=policy,
            preconditions=Preconditions(uid=identity.uid, resource_version=version),
        )

    async def _remove_finalizer(self, identity: Identity, finalizer: str) -> None:
        for attempt in range(FINALIZER_ATTEMPTS):
            held = await self._get(identity) if attempt else self._cached(identity)
            if held is None or finalizer not in held.metadata.finalizers:
                return
            left = [each for each in held.metadata.finalizers if each != finalizer]
            version = held.metadata.resource_version
            patch = {"metadata": {"resourceVersion": version, "uid": identity.uid, "finalizers": left}}
            try:
                await self._client.patch(
                    self._row(identity),
                    identity.name,
                    patch,
                    type="merge",
                    namespace=identity.namespace or None,
                )
            except ApiError as error:
                if is_not_found(error):
                    return
                if not is_conflict(error) or attempt == FINALIZER_ATTEMPTS - 1:
                    raise
            else:
                return
