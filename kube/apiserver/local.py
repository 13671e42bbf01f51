"""The API server for callers in its own process: objects pass by reference, everything else is as over HTTP.

Objects are immutable all the way; what an embedding program hands in crosses a copying wall first
(``kube.client.isolation``).
"""

from collections.abc import Sequence
from typing import Any

from kube.api.types.authentication_v1 import UserInfo
from kube.apimachinery.errors import ApiError
from kube.apiserver.endpoints.interface import Backend, ListResult, StatusResult, StoredEvent
from kube.client.interface import ObjectList, Request, WatchHandle, WatchSink


class LocalTransport:
    """Implements ``kube.client.interface.Transport`` for one user."""

    def __init__(self, backend: Backend, user: UserInfo) -> None:
        self._backend = backend
        self.user = user
        self._watches: dict[_LocalWatch, None] = {}
        self._closed = False

    async def call(self, request: Request) -> Any:
        result = await self._backend.call(request, self.user, [])
        if isinstance(result, ListResult):
            return ObjectList(
                tuple([entry.object for entry in result.entries]),
                result.resource_version,
                result.continue_,
                result.remaining,
            )
        return result.status if isinstance(result, StatusResult) else result.object

    async def watch(self, request: Request, sink: WatchSink) -> WatchHandle:
        watch = _LocalWatch(self._watches, sink)
        watch.begin(await self._backend.watch(request, self.user, watch))
        if self._closed:
            watch.end()
        return watch

    async def aclose(self) -> None:
        """End every watch that was started here; their sinks are told so."""
        self._closed = True
        for watch in tuple(self._watches):
            watch.end()


class _LocalWatch:
    """Takes stored events and hands their decoded form on; one form for all watchers."""

    __slots__ = ("_handle", "_over", "_sink", "_watches")

    def __init__(self, watches: "dict[_LocalWatch, None]", sink: WatchSink) -> None:
        self._watches = watches
        self._sink = sink
        self._handle: WatchHandle | None = None
        self._over = False

    def begin(self, handle: WatchHandle) -> None:
        self._handle = handle
        if not self._over:
            self._watches[self] = None

    def deliver(self, events: Sequence[StoredEvent]) -> bool:
        taken = self._sink.deliver([event.watch_event for event in events])
        if not taken:
            self._over = True
            self._watches.pop(self, None)
        return taken

    def closed(self, error: ApiError | None) -> None:
        self._over = True
        self._watches.pop(self, None)
        self._sink.closed(error)

    def end(self) -> None:
        """End the stream and tell its sink, if that was not told before."""
        if not self._over:
            self.cancel()
            self.closed(None)

    def cancel(self) -> None:
        """End the stream; ``closed`` is not called. Idempotent."""
        self._over = True
        self._watches.pop(self, None)
        if self._handle is not None:
            self._handle.cancel()
