"""Storage that does everything but the write (``dryRun=All``)."""

from collections.abc import Awaitable, Callable
from typing import Any

from kube.apimachinery.meta.v1 import Preconditions
from kube.apiserver.storage.errors import KeyExistsError, KeyNotFoundError
from kube.apiserver.storage.interface import TTL, CheckDelete, Entry, Storage, TryUpdate
from kube.apiserver.storage.preconditions import check_preconditions


class DryRunStorage:
    """What would come of a write, judged against what is stored now.

    Results are entries that are not stored; they have the resourceVersion of what they would have replaced.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.get: Callable[[bytes], Awaitable[Entry]] = storage.get

    async def _read(self, key: bytes) -> Entry | None:
        try:
            return await self._storage.get(key)
        except KeyNotFoundError:
            return None

    async def create(self, key: bytes, obj: Any, *, ttl: TTL | None = None) -> Entry:  # noqa: ARG002  # the storage's signature
        if await self._read(key) is not None:
            raise KeyExistsError(key)
        return Entry(key, 0, obj)

    async def guaranteed_update(
        self,
        key: bytes,
        try_update: TryUpdate,
        *,
        ignore_not_found: bool = False,
        preconditions: Preconditions | None = None,
        ttl: TTL | None = None,  # noqa: ARG002  # the storage's signature
    ) -> Entry:
        current = await self._read(key)
        if current is None and not ignore_not_found:
            raise KeyNotFoundError(key)
        check_preconditions(key, preconditions, current)
        obj = await try_update(current)
        return Entry(key, 0 if current is None else current.revision, obj)

    async def delete(
        self, key: bytes, *, preconditions: Preconditions | None = None, check: CheckDelete | None = None
    ) -> Entry:
        current = await self._storage.get(key)
        check_preconditions(key, preconditions, current)
        if check is not None:
            await check(current)
        return current
