"""What a component may ask of the API server, whichever way it reaches it.

A transport carries requests: in process (``kube.apiserver.local``), where objects pass by reference, or over
HTTP (``kube.client.http``). Both run the same filters, admission and authorization, and both raise
``kube.apimachinery.errors.ApiError`` with the server's Status.
"""

from collections.abc import Sequence
from typing import Any, Generic, Literal, Protocol, TypeVar

from msgspec import Struct

from kube.api.resources import Resource
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import DeleteOptions
from kube.apimachinery.watch import AnyWatchEvent

T = TypeVar("T")

Verb = Literal["get", "list", "create", "update", "patch", "delete", "deletecollection"]

PatchType = Literal[
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
]


class Patch(Struct, frozen=True):
    """A patch document as it travels."""

    type: PatchType
    data: bytes


class Options(Struct, frozen=True, kw_only=True):
    """The query parameters of every verb; each verb reads its own (upstream: Get-, List-, CreateOptions, ...).

    ``resource_version`` is ``None`` when absent: absent asks for the latest state, ``"0"`` for any state.
    """

    resource_version: str | None = None
    resource_version_match: str = ""
    label_selector: str = ""
    field_selector: str = ""
    limit: int = 0
    continue_: str = ""
    timeout_seconds: int | None = None
    allow_watch_bookmarks: bool = False
    send_initial_events: bool | None = None
    dry_run: bool = False
    field_manager: str = ""
    field_validation: str = ""
    force: bool | None = None
    delete: DeleteOptions | None = None
    """The body, or the equivalent query parameters, of delete and deletecollection."""


NO_OPTIONS = Options()


class Request(Struct, frozen=True, kw_only=True):
    """One call. ``body`` is an API object of the resource (or of the subresource), or a :class:`Patch`."""

    verb: Verb | Literal["watch"]
    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    body: Any = None
    options: Options = NO_OPTIONS


class ObjectList(Struct, Generic[T], frozen=True):
    """A list, with the revision that it was read at: a watch goes on from there."""

    items: tuple[T, ...]
    resource_version: str
    continue_: str = ""
    remaining_item_count: int | None = None


class WatchSink(Protocol):
    """Where a watch delivers. Both methods are called on the event loop and must not block."""

    def deliver(self, events: Sequence[AnyWatchEvent]) -> bool:
        """Take a batch in order. ``False`` closes the stream, without a ``closed``: the receiver fell behind and resumes."""

    def closed(self, error: ApiError | None) -> None:
        """The last call: the stream has ended, by time-out (``None``) or by an error such as 410 Gone."""


class WatchHandle(Protocol):
    def cancel(self) -> None:
        """End the stream; ``closed`` is not called. Idempotent."""


class Transport(Protocol):
    """Carries requests to an API server under one identity."""

    async def call(self, request: Request) -> Any:
        """The object, an :class:`ObjectList` for list and deletecollection, or a ``Status``.

        Raises ApiError with the server's Status.
        """

    async def watch(self, request: Request, sink: WatchSink) -> WatchHandle:
        """Start a watch; returns when the server has accepted it. Raises ApiError if it has not."""

    async def aclose(self) -> None:
        """End every watch, whose sink hears ``closed(None)``, and release connections."""
