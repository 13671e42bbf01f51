"""The graph of owners and dependents, kept from watch events. Pure.

Semantics: GraphBuilder of pkg/controller/garbagecollector. A node is *virtual* while it is only known from references to
it: its coordinates are what a dependent claims, until a watch shows the object or the server denies it.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from kube.apimachinery.meta.v1 import ObjectMeta, OwnerReference

FINALIZER_ORPHAN: Final = "orphan"
FINALIZER_FOREGROUND: Final = "foregroundDeletion"
ABSENT_OWNERS: Final = 500

IsNamespaced = Callable[[str, str], bool]
"""Whether the kind of an apiVersion and kind is namespaced; true for what is not served."""


class Identity(NamedTuple):
    """Where an object is, or is said to be."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"[{self.api_version}/{self.kind}, namespace: {self.namespace}, name: {self.name}, uid: {self.uid}]"

    def is_meant_by(self, reference: OwnerReference) -> bool:
        return (reference.api_version, reference.kind, reference.name, reference.uid) == (
            self.api_version,
            self.kind,
            self.name,
            self.uid,
        )


class Node:
    """An object. ``deleting_dependents``: it waits for its dependents; ``orphaning``: for being left by them."""

    __slots__ = (
        "being_deleted",
        "deleting_dependents",
        "dependents",
        "identity",
        "orphaning",
        "owners",
        "virtual",
    )

    def __init__(self, identity: Identity, *, virtual: bool) -> None:
        self.identity = identity
        self.virtual = virtual
        self.owners: tuple[OwnerReference, ...] = ()
        self.dependents: dict[str, Node] = {}
        self.being_deleted = False
        self.deleting_dependents = False
        self.orphaning = False

    @property
    def blocking_dependents(self) -> list["Node"]:
        """Dependents that this owner must not go before."""
        uid = self.identity.uid
        return [
            dependent
            for dependent in self.dependents.values()
            if any(owner.uid == uid and owner.block_owner_deletion for owner in dependent.owners)
        ]

    def depends_on(self, identity: Identity) -> bool:
        """Whether the node means the object of this very identity by its reference to the uid."""
        if identity.namespace and identity.namespace != self.identity.namespace:
            return False
        return any(identity.is_meant_by(owner) for owner in self.owners if owner.uid == identity.uid)


class AbsentOwners:
    """The latest identities that the server has denied, so that it is not asked for each dependent."""

    def __init__(self, capacity: int = ABSENT_OWNERS) -> None:
        self._entries: OrderedDict[Identity, None] = OrderedDict()
        self._capacity = capacity

    def add(self, identity: Identity) -> None:
        self._entries[identity] = None
        self._entries.move_to_end(identity)
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

    def __contains__(self, identity: Identity) -> bool:
        return identity in self._entries


class Graph:
    """What changes gives the uids that must be looked at; ``take_invalid`` the references across namespaces."""

    def __init__(self, is_namespaced: IsNamespaced) -> None:
        self._is_namespaced = is_namespaced
        self.nodes: dict[str, Node] = {}
        self.absent = AbsentOwners()
        self._invalid: list[tuple[Identity, Identity]] = []

    def take_invalid(self) -> Sequence[tuple[Identity, Identity]]:
        """Dependents and the owners that they look for in their own namespace, in vain."""
        found, self._invalid = self._invalid, []
        return found

    def identity_of(self, reference: OwnerReference, namespace: str) -> Identity:
        """Where an object in ``namespace`` means its owner to be."""
        if not self._is_namespaced(reference.api_version, reference.kind):
            namespace = ""
        return Identity(reference.api_version, reference.kind, namespace, reference.name, reference.uid)

    # What is observed

    def observe(self, api_version: str, kind: str, metadata: ObjectMeta) -> list[str]:
        """An object was added or updated."""
        attempts: dict[str, None] = {}
        identity = Identity(api_version, kind, metadata.namespace, metadata.name, metadata.uid)
        node = self.nodes.get(metadata.uid)
        if node is None:
            node = self.nodes[metadata.uid] = Node(identity, virtual=False)
        elif node.virtual:
            self._materialize(node, identity, attempts)
        if node.owners != metadata.owner_references:
            self._set_owners(node, metadata.owner_references, attempts)
        self._transition(node, metadata, attempts)
        return list(attempts)

    def observe_deletion(self, uid: str) -> list[str]:
        node = self.nodes.get(uid)
        return [] if node is None else self._remove(node)

    def _materialize(self, node: Node, identity: Identity, attempts: dict[str, None]) -> None:
        """Dependents that mean an object elsewhere are wrong about it."""
        node.virtual = False
        if identity == node.identity:
            return
        node.identity = identity
        for uid, dependent in node.dependents.items():
            if not dependent.depends_on(identity):
                if identity.namespace and identity.namespace != dependent.identity.namespace:
                    self._report(dependent, identity.uid)
                attempts[uid] = None

    def _set_owners(self, node: Node, owners: tuple[OwnerReference, ...], attempts: dict[str, None]) -> None:
        old = {owner.uid: owner for owner in node.owners}
        new = {owner.uid: owner for owner in owners}
        node.owners = owners
        for uid, before in old.items():
            after = new.get(uid)
            if before.block_owner_deletion and not (after is not None and after.block_owner_deletion):
                attempts[uid] = None
        for uid, reference in new.items():
            if uid not in old:
                self._add_dependent(node, reference, attempts)
        for uid in old.keys() - new.keys():
            owner = self.nodes.get(uid)
            if owner is not None:
                owner.dependents.pop(node.identity.uid, None)

    def _add_dependent(self, node: Node, reference: OwnerReference, attempts: dict[str, None]) -> None:
        owner = self.nodes.get(reference.uid)
        claimed = self.identity_of(reference, node.identity.namespace)
        if owner is None:
            owner = self.nodes[reference.uid] = Node(claimed, virtual=True)
            attempts[reference.uid] = None
        owner.dependents[node.identity.uid] = node
        if owner.identity == claimed:
            return
        held = owner.identity
        if held.namespace and held.namespace != node.identity.namespace and not owner.virtual:
            self._report(node, reference.uid)
        attempts[node.identity.uid] = None

    @staticmethod
    def _transition(node: Node, metadata: ObjectMeta, attempts: dict[str, None]) -> None:
        node.being_deleted = metadata.deletion_timestamp is not None
        if not node.being_deleted:
            return
        orphaning = FINALIZER_ORPHAN in metadata.finalizers
        if orphaning and not node.orphaning:
            attempts[node.identity.uid] = None
        foreground = FINALIZER_FOREGROUND in metadata.finalizers
        if foreground and not node.deleting_dependents and not orphaning:
            attempts.update(dict.fromkeys(node.dependents))
            attempts[node.identity.uid] = None
        node.orphaning, node.deleting_dependents = orphaning, foreground

    def _remove(self, node: Node) -> list[str]:
        uid = node.identity.uid
        attempts = dict.fromkeys(node.dependents)
        del self.nodes[uid]
        if node.dependents:
            self.absent.add(node.identity)
        for reference in node.owners:
            owner = self.nodes.get(reference.uid)
            if owner is None:
                continue
            owner.dependents.pop(uid, None)
            if owner.deleting_dependents:
                attempts[reference.uid] = None
            elif owner.virtual and not owner.dependents:
                del self.nodes[reference.uid]
        return list(attempts)

    def _report(self, dependent: Node, owner_uid: str) -> None:
        for reference in dependent.owners:
            if reference.uid == owner_uid:
                namespace = dependent.identity.namespace
                wanted = Identity(
                    reference.api_version, reference.kind, namespace, reference.name, reference.uid
                )
                self._invalid.append((dependent.identity, wanted))
                return

    # What the server says

    def deny(self, identity: Identity) -> list[str]:
        """There is no such object: neither here nor with this uid."""
        node = self.nodes.get(identity.uid)
        if node is None:
            return []
        if not node.virtual:
            if node.identity == identity:
                return self._remove(node)
            return self._deny_to(node.dependents.values(), identity)
        others = [each for each in node.dependents.values() if not each.depends_on(identity)]
        if not others:
            return self._remove(node)
        attempts = self._deny_to(node.dependents.values(), identity)
        if node.identity == identity:
            alternative = self._alternative(others, identity)
            if alternative is not None:
                node.identity = alternative
                attempts.append(identity.uid)
        return attempts

    def _deny_to(self, dependents: Iterable[Node], identity: Identity) -> list[str]:
        """Only those that mean this very identity are concerned."""
        matching = [each.identity.uid for each in dependents if each.depends_on(identity)]
        if matching:
            self.absent.add(identity)
        return matching

    def _alternative(self, dependents: Iterable[Node], denied: Identity) -> Identity | None:
        """The next identity, in order, that some dependent claims for the uid."""
        claims = {
            self.identity_of(owner, dependent.identity.namespace)
            for dependent in dependents
            for owner in dependent.owners
            if owner.uid == denied.uid
        } - {denied}
        if not claims:
            return None
        after = sorted(claim for claim in claims if claim > denied)
        return after[0] if after else min(claims)
