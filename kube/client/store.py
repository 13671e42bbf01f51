"""The cache of an informer: objects by namespace and name, and by any number of index functions.

Semantics: client-go's ``cache.Indexer``, with one difference: every change is told as a pair of old and new, and
an object that was deleted and made again under its name is a deletion and an addition, never an update.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from kube.client.keys import HasMetadata, Key, key_of, meta_namespace_key
from kube.client.lister import NO_ENTRIES, Lister

T = TypeVar("T", bound=HasMetadata)

IndexFunction = Callable[[T], Iterable[str]]
"""The values under which an object is found; none leave it out of the index."""

Change = tuple[T | None, T | None]
"""Old and new: ``(None, new)`` is an addition, ``(old, new)`` an update of the same uid, ``(old, None)`` a deletion."""


class Indexer(Lister[T]):
    """The one writer's face of the cache. Pure; nothing is copied."""

    __slots__ = ("_functions",)

    def __init__(self, index_functions: Mapping[str, IndexFunction[T]] | None = None) -> None:
        super().__init__()
        self._functions: Mapping[str, IndexFunction[T]] = NO_ENTRIES
        for name, function in (index_functions or {}).items():
            self.add_index(name, function)

    def add_index(self, name: str, function: IndexFunction[T]) -> None:
        """Index what is there and what comes. The same function again changes nothing.

        Raises ValueError when the name is taken by another function.
        """
        known = self._functions.get(name)
        if known is not None:
            if known != function:
                raise ValueError(f"index {name} has another function already")
            return
        buckets: dict[str, dict[Key, T]] = {}
        for obj in self:
            for value in function(obj):
                buckets.setdefault(value, {})[meta_namespace_key(obj)] = obj
        self._functions = {**self._functions, name: function}
        self._indexes = {**self._indexes, name: buckets}

    def put(self, obj: T) -> Sequence[Change[T]]:
        """Add or update; returns what changed: nothing when this very version is there already."""
        metadata = obj.metadata
        objects = self._namespaces.get(metadata.namespace)
        if objects is None:
            objects = self._namespaces[metadata.namespace] = {}
        old = objects.get(metadata.name)
        objects[metadata.name] = obj
        if self._functions:
            self._reindex(old, obj)
        if old is None:
            return ((None, obj),)
        known = old.metadata
        if known.uid != metadata.uid:
            return ((old, None), (None, obj))
        if known.resource_version == metadata.resource_version and (known.resource_version or old is obj):
            return ()
        return ((old, obj),)

    def remove(self, obj: T) -> Sequence[Change[T]]:
        """Delete the object of this namespace and name; ``obj`` is its last state. Nothing if it is unknown."""
        metadata = obj.metadata
        known = self._drop(metadata.namespace, metadata.name)
        if known is None:
            return ()
        return ((obj if known.metadata.uid == metadata.uid else known, None),)

    def replace(self, objects: Iterable[T]) -> Iterator[Change[T]]:
        """Make these the whole content, the deletions of what is not among them first.

        Lazy: each change is made when it is asked for, and whoever stops early, or fails, has made those before. The next
        ``replace`` tells the others.
        """
        incoming = {(obj.metadata.namespace, obj.metadata.name): obj for obj in objects}
        for obj in tuple(self):
            place = (obj.metadata.namespace, obj.metadata.name)
            if place not in incoming and self._drop(*place) is not None:
                yield obj, None
        for place, obj in incoming.items():
            known = self.get(*place)
            if known is not None and known.metadata.uid != obj.metadata.uid:
                self._drop(*place)
                yield known, None
            yield from self.put(obj)

    def _drop(self, namespace: str, name: str) -> T | None:
        objects = self._namespaces.get(namespace)
        if objects is None:
            return None
        old = objects.pop(name, None)
        if old is None:
            return None
        if not objects:
            del self._namespaces[namespace]
        if self._functions:
            key = key_of(namespace, name)
            for index, function in self._functions.items():
                self._leave(self._indexes[index], function(old), key)
        return old

    def _reindex(self, old: T | None, new: T) -> None:
        key = meta_namespace_key(new)
        for index, function in self._functions.items():
            buckets = self._indexes[index]
            values = tuple(function(new))
            if old is not None:
                self._leave(buckets, (value for value in function(old) if value not in values), key)
            for value in values:
                bucket = buckets.get(value)
                if bucket is None:
                    buckets[value] = {key: new}
                else:
                    bucket[key] = new

    @staticmethod
    def _leave(buckets: dict[str, dict[Key, T]], values: Iterable[str], key: Key) -> None:
        for value in values:
            bucket = buckets.get(value)
            if bucket is not None and bucket.pop(key, None) is not None and not bucket:
                del buckets[value]
