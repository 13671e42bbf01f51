"""What a component reads: the objects of an informer's cache, by name, by namespace, by index.

Objects are shared with everyone in the process and immutable. What is returned is a snapshot: a tuple that does not
change while its reader awaits. Only iteration over the lister itself is live.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Generic, Protocol, TypeVar

from kube.client.keys import HasMetadata, Key

T = TypeVar("T", bound=HasMetadata)

NO_ENTRIES: Final[Mapping[str, Any]] = MappingProxyType({})
"""One for the thousands of caches that have no index."""


class LabelMatcher(Protocol):
    """A parsed label selector (``kube.apimachinery.labels``)."""

    def matches(self, labels: Mapping[str, str], /) -> bool: ...


class Lister(Generic[T]):
    """The read-only face of an ``Indexer``.

    Cluster-scoped objects have the namespace ``""``. Look-ups are dictionary look-ups: no object is copied, and the
    order is that of arrival.
    """

    __slots__ = ("_indexes", "_namespaces")

    def __init__(self) -> None:
        self._namespaces: dict[str, dict[str, T]] = {}
        self._indexes: Mapping[str, dict[str, dict[Key, T]]] = NO_ENTRIES

    def get(self, namespace: str, name: str) -> T | None:
        objects = self._namespaces.get(namespace)
        return None if objects is None else objects.get(name)

    def get_by_key(self, key: Key) -> T | None:
        """By ``NAMESPACE/NAME``, or by ``NAME`` for what is cluster-scoped."""
        namespace, slash, name = key.partition("/")
        return self.get(namespace, name) if slash else self.get("", key)

    def list(self, selector: LabelMatcher | None = None, *, namespace: str | None = None) -> tuple[T, ...]:
        """All objects, or those of one namespace, whose labels match."""
        if namespace is None:
            found = tuple(self)
        else:
            found = tuple(self._namespaces.get(namespace, {}).values())
        if selector is None:
            return found
        matches = selector.matches
        return tuple(obj for obj in found if matches(obj.metadata.labels))

    def by_index(self, index: str, value: str) -> tuple[T, ...]:
        """The objects for which the index's function gave ``value``. Raises KeyError for an unknown index."""
        bucket = self._indexes[index].get(value)
        return () if bucket is None else tuple(bucket.values())

    def count_by_index(self, index: str, value: str) -> int:
        bucket = self._indexes[index].get(value)
        return 0 if bucket is None else len(bucket)

    def index_values(self, index: str) -> tuple[str, ...]:
        """The values that some object has under the index."""
        return tuple(self._indexes[index])

    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that hold objects."""
        return tuple(self._namespaces)

    def __iter__(self) -> Iterator[T]:
        """Live: the loop must not await while it runs."""
        for objects in self._namespaces.values():
            yield from objects.values()

    def __len__(self) -> int:
        return sum(map(len, self._namespaces.values()))
