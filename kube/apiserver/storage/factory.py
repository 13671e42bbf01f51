"""One storage with one watch cache for each resource that the store holds."""

from collections.abc import Iterator, Mapping
from typing import Final

from kube.api.resources import Resource
from kube.apiserver.storage.cacher import Cacher
from kube.apiserver.storage.codec import Codec, StructCodec
from kube.apiserver.storage.etcd3 import Etcd3Storage
from kube.apiserver.storage.lease_manager import LeaseManager
from kube.apiserver.storage.watch_cache import FieldGetter
from kube.base.clock import Clock
from kube.base.tasks import TaskOwner
from kube.store.kv import Store

BOOKMARK_SECONDS: Final = 60.0
"""How often watchers get a bookmark (upstream's defaultBookmarkFrequency)."""


class StorageFactory:
    """Makes the storages of one API server, and owns what they run in the background."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._leases = LeaseManager(store, clock)
        self._tasks = TaskOwner("watch caches")
        self._cachers: dict[bytes, Cacher] = {}

    def storage(
        self, resource: Resource, fields: Mapping[str, FieldGetter], codec: Codec | None = None
    ) -> Cacher:
        """The storage of a resource's storage version, made once for each prefix.

        ``fields``: what the cache keeps an index of. ``codec`` is that of the kind's Struct if it is not given.
        """
        prefix = resource.prefix().encode()
        cacher = self._cachers.get(prefix)
        if cacher is None:
            storage = Etcd3Storage(self._store, prefix, codec or StructCodec(resource.type), self._leases)
            cacher = Cacher(storage, resource.type, fields, self._clock, self._tasks)
            self._cachers[prefix] = cacher
        return cacher

    def remove(self, resource: Resource) -> None:
        """End the storage of a custom resource that is no longer served; its objects stay."""
        cacher = self._cachers.pop(resource.prefix().encode(), None)
        if cacher is not None:
            cacher.close()

    def cachers(self) -> Iterator[tuple[str, Cacher]]:
        """All storages with their prefixes, for metrics."""
        for prefix, cacher in self._cachers.items():
            yield prefix.decode(), cacher

    def start(self) -> None:
        """Begin to send bookmarks."""
        self._tasks.start(self._run_bookmarks(), name="bookmarks")

    async def _run_bookmarks(self) -> None:
        while True:
            await self._clock.sleep(BOOKMARK_SECONDS)
            for cacher in tuple(self._cachers.values()):
                cacher.send_bookmarks()

    async def aclose(self) -> None:
        """End all watches and everything in the background."""
        for cacher in self._cachers.values():
            cacher.close()
        await self._tasks.aclose()
