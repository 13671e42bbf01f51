"""The wall between a program and the cluster in its process: what crosses it is copied, as if over a wire.

The cluster's own components share objects by reference. A program that embeds the cluster could write into the maps
of what it is given, and hand in what no decoder would pass; its client speaks through this.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from kube.apimachinery import serializer
from kube.apimachinery.errors import ApiError
from kube.apimachinery.version import GroupVersion
from kube.apimachinery.watch import AnyWatchEvent, WatchEvent
from kube.client.interface import ObjectList, Patch, Request, Transport, WatchHandle, WatchSink

T = TypeVar("T")


def copy_of(obj: T) -> T:
    """The object as it is on the other side of a wire: canonical, and nobody else's. Raises DecodeError."""
    return serializer.decode(type(obj), serializer.encode(obj))


class IsolatedTransport:
    """A transport whose requests, answers and events are copies."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    async def call(self, request: Request) -> Any:
        """As ``Transport.call``. Raises ApiError (400) for a body that is not of its own type."""
        answer = await self._inner.call(_isolated(request))
        if isinstance(answer, ObjectList):
            return ObjectList(
                tuple(copy_of(item) for item in answer.items),
                answer.resource_version,
                answer.continue_,
                answer.remaining_item_count,
            )
        return copy_of(answer)

    async def watch(self, request: Request, sink: WatchSink) -> WatchHandle:
        return await self._inner.watch(request, _IsolatedSink(sink))

    async def aclose(self) -> None:
        await self._inner.aclose()


class _IsolatedSink:
    __slots__ = ("_inner",)

    def __init__(self, inner: WatchSink) -> None:
        self._inner = inner

    def deliver(self, events: Sequence[AnyWatchEvent]) -> bool:
        return self._inner.deliver([WatchEvent(event.type, copy_of(event.object)) for event in events])

    def closed(self, error: ApiError | None) -> None:
        self._inner.closed(error)


def _isolated(request: Request) -> Request:
    body = request.body
    if body is None or isinstance(body, Patch):
        return request
    try:
        body = copy_of(body)
    except serializer.DecodeError as error:
        kind = request.body.kind
        version = GroupVersion.parse(request.body.api_version).version
        raise serializer.cannot_be_handled(kind, version, kind, error) from None
    return Request(
        verb=request.verb,
        resource=request.resource,
        namespace=request.namespace,
        name=request.name,
        subresource=request.subresource,
        body=body,
        options=request.options,
    )
