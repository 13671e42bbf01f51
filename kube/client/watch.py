"""A watch as an asynchronous iterator, with a bounded buffer between the stream and its reader."""

import asyncio
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from kube.apimachinery.errors import ApiError
from kube.apimachinery.watch import WatchEvent
from kube.client.errors import WatchFellBehindError
from kube.client.interface import Request, Transport, WatchHandle
from kube.client.keys import HasMetadata

T = TypeVar("T", bound=HasMetadata)

DEFAULT_BUFFER: Final = 1024


class Watch(Generic[T]):
    """The events of one watch request, in order, each once.

    ``async with client.watch(Pod) as events: async for event in events`` ends the stream when the block is left. Without
    the block the stream starts at the first event that is awaited, and ends with ``aclose``, with the server's time-out or
    with the client.

    The iteration stops when the server ends the stream by time-out; it raises ApiError when the stream breaks (410: the
    version is compacted away) and WatchFellBehindError when more than ``buffer`` events (and one batch) waited for the reader;
    what had arrived before is delivered first. ``resource_version`` is that of the last event taken.
    """

    def __init__(self, transport: Transport, request: Request, buffer: int = DEFAULT_BUFFER) -> None:
        if buffer < 1:
            raise ValueError(f"a watch buffers at least one event, not {buffer}")
        self.resource_version = request.options.resource_version or ""
        self._transport = transport
        self._request = request
        self._limit = buffer
        self._events: deque[WatchEvent[T]] = deque()
        self._handle: WatchHandle | None = None
        self._reader: asyncio.Future[None] | None = None
        self._ended = False
        self._fell_behind = False
        self._error: ApiError | None = None

    async def start(self) -> None:
        """Returns when the server has accepted the watch. Raises ApiError when it has not."""
        if self._handle is None and not self._ended:
            handle = await self._transport.watch(self._request, self)
            self._handle = handle
            if self.ended:
                handle.cancel()

    async def aclose(self) -> None:
        """End the stream and forget what was not read. Idempotent."""
        self._ended = True
        self._events.clear()
        self._wake()
        if self._handle is not None:
            self._handle.cancel()

    @property
    def ended(self) -> bool:
        """Whether the stream has ended, be there events left to read or not."""
        return self._ended

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WatchEvent[T]:
        await self.start()
        while not self._events:
            if self._ended:
                self._finish()
            await self._wait()
        event = self._events.popleft()
        self.resource_version = event.object.metadata.resource_version
        return event

    def _finish(self) -> None:
        """Say once why the stream ended; after that it is merely over."""
        error, self._error = self._error, None
        fell_behind, self._fell_behind = self._fell_behind, False
        if error is not None:
            raise error
        if fell_behind:
            raise WatchFellBehindError(self.resource_version)
        raise StopAsyncIteration

    async def _wait(self) -> None:
        if self._reader is not None:
            raise RuntimeError("a watch has one reader")
        self._reader = asyncio.get_running_loop().create_future()
        try:
            await self._reader
        finally:
            self._reader = None

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def deliver(self, events: Sequence[WatchEvent[Any]]) -> bool:
        """The transport's side (``WatchSink``)."""
        if self._ended:
            return False
        if len(self._events) >= self._limit:
            self._ended = self._fell_behind = True
            return False
        self._events.extend(events)
        self._wake()
        return True

    def closed(self, error: ApiError | None) -> None:
        """The transport's side (``WatchSink``)."""
        if not self._ended:
            self._ended = True
            self._error = error
            self._wake()
