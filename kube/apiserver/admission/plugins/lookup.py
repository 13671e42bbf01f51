"""How plug-ins look at the cluster: through the watch caches of the server, without a read of the store."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, cast

from kube.apimachinery.errors import ApiError, forbidden
from kube.apimachinery.version import GroupResource
from kube.apiserver.admission.interface import Attributes, Operation
from kube.apiserver.registry.store import Store
from kube.apiserver.storage.errors import KeyNotFoundError
from kube.apiserver.storage.interface import Entry

Name = tuple[str, str]
"""Group and plural."""

Stores = Mapping[Name, Store]

CREATE: Final[frozenset[Operation]] = frozenset(("CREATE",))
WRITE: Final[frozenset[Operation]] = frozenset(("CREATE", "UPDATE"))
PODS: Final[frozenset[Name]] = frozenset((("", "pods"),))

_MAX_KEPT: Final = 1024
"""Objects, and namespaces' lists, that are kept."""


class Cache(Protocol):
    """A storage's watch cache (``storage.cacher.Cacher``)."""

    @property
    def holds_state(self) -> bool: ...

    @property
    def changes(self) -> int: ...

    async def start(self) -> None: ...

    def peek(self, key: bytes) -> Entry | None: ...

    def peek_all(self, namespace: str = "") -> Sequence[Entry]: ...


class Lookup:
    """The objects of one resource, as they are in its watch cache."""

    def __init__(self, store: Store) -> None:
        self._storage = store.storage
        self._cache = cast("Cache", store.storage)
        self._root = store.resource.prefix()
        self._namespaced = store.resource.namespaced
        self._found: dict[tuple[str, str], Any] = {}
        self._listed: dict[str, list[Any]] = {}
        self._at = -1
        """The state of the cache that these are of."""

    def _key(self, namespace: str, name: str) -> bytes:
        path = f"{self._root}{namespace}/{name}" if self._namespaced else f"{self._root}{name}"
        return path.encode()

    async def get(self, namespace: str, name: str) -> Any:
        """None if there is none."""
        cache = self._cache
        if not cache.holds_state:
            await cache.start()
        if cache.changes != self._at:
            self._forget(cache.changes)
        found = self._found.get((namespace, name))
        if found is None:
            entry = cache.peek(self._key(namespace, name))
            if entry is None:
                return None
            if len(self._found) >= _MAX_KEPT:
                self._found.clear()
            found = self._found[namespace, name] = entry.object
        return found

    def _forget(self, changes: int) -> None:
        self._found.clear()
        self._listed.clear()
        self._at = changes

    async def get_live(self, namespace: str, name: str) -> Any:
        """As ``get``, from the store."""
        try:
            return (await self._storage.get(self._key(namespace, name))).object
        except KeyNotFoundError:
            return None

    async def list(self, namespace: str = "") -> list[Any]:
        """All of a namespace, or of all namespaces. Not to be changed: it is kept until the cache has moved on."""
        cache = self._cache
        if not cache.holds_state:
            await cache.start()
        if cache.changes != self._at:
            self._forget(cache.changes)
        found = self._listed.get(namespace)
        if found is None:
            if len(self._listed) >= _MAX_KEPT:
                self._listed.clear()
            found = self._listed[namespace] = [entry.object for entry in cache.peek_all(namespace)]
        return found


def refusal(attributes: Attributes, why: object) -> ApiError:
    """403 in upstream's words (admission.NewForbidden); an object without a name is called by its generateName."""
    name = attributes.name
    if not name:
        meta = attributes.object.metadata
        name = meta.name or meta.generate_name or "Unknown"
    resource = attributes.resource
    return forbidden(GroupResource(resource.group, resource.plural), name, why)
