"""What a resource or subresource can be asked, and what it answers (k8s.io/apiserver/pkg/registry/rest).

A resource is a :class:`Resources` record: the REST object of the resource and those of its subresources. A REST object has
the methods of the verbs that it serves; the verbs look for them once, when it is installed. Most resources are a
``store.Store``; reviews, bindings, evictions and scales bring objects of their own.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Protocol

import msgspec

from kube.api.resources import Resource, ResourceTable
from kube.apimachinery.meta.v1 import DeleteOptions, Status
from kube.apimachinery.serializer import encode
from kube.apiserver.registry.strategy import Context, Strategy
from kube.apiserver.storage.interface import (
    Entry,
    EventSink,
    ListOptions,
    ListResult,
    StorageWatch,
    WatchOptions,
)


class ObjectResult(msgspec.Struct, frozen=True):
    """One object. ``entry`` is None for what is not stored.

    ``created``: the answer is 201 Created. ``accepted``: it is 202, a deletion that was asked to cascade is under way.
    """

    object: Any
    entry: Entry | None = None
    created: bool = False
    accepted: bool = False

    @property
    def encoded(self) -> bytes:
        return self.entry.encoded if self.entry is not None else encode(self.object)


class StatusResult(msgspec.Struct, frozen=True):
    """A Status as answer; ``created`` for the Status that a binding or an eviction is answered with."""

    status: Status
    created: bool = False
    accepted: bool = False

    @property
    def encoded(self) -> bytes:
        return encode(self.status)


Result = ObjectResult | ListResult | StatusResult

Validate = Callable[[Any], Awaitable[None]]
"""Validating admission of an object that is about to be created (or deleted): raises ApiError."""

ValidateUpdate = Callable[[Any, Any], Awaitable[None]]
"""Validating admission of a new object and the old one."""

Transform = Callable[[Any], Awaitable[Any]]
"""From the object that is stored (None: nothing) to the one that the request wants, with mutating admission applied.

Called once for each attempt. Raises ApiError.
"""


async def allow(_: Any) -> None:
    """Validates nothing."""


async def allow_update(_new: Any, _old: Any) -> None:
    """Validates nothing."""


class Getter(Protocol):
    async def get(self, ctx: Context, name: str, resource_version: str) -> ObjectResult: ...


class Lister(Protocol):
    async def list(self, ctx: Context, options: ListOptions) -> ListResult: ...


class Watcher(Protocol):
    async def watch(self, ctx: Context, options: WatchOptions, sink: EventSink) -> StorageWatch: ...


class Creater(Protocol):
    """``name`` is the URL's name, for a subresource such as binding, else ""."""

    async def create(
        self, ctx: Context, name: str, obj: Any, validate: Validate
    ) -> ObjectResult | StatusResult: ...


class Updater(Protocol):
    """``uid``: the uid that the caller's object names, as a precondition; "" if it names none.

    ``force_allow_create``: create what does not exist (server-side apply).
    """

    async def update(
        self,
        ctx: Context,
        name: str,
        transform: Transform,
        *,
        validate_create: Validate,
        validate_update: ValidateUpdate,
        uid: str = "",
        force_allow_create: bool = False,
    ) -> ObjectResult: ...


class Deleter(Protocol):
    async def delete(
        self, ctx: Context, name: str, options: DeleteOptions, validate: Validate
    ) -> tuple[ObjectResult | StatusResult, bool]:
        """The answer, and whether the object is gone; else it awaits its grace period or its finalizers."""
        ...


class CollectionDeleter(Protocol):
    async def delete_collection(
        self, ctx: Context, options: DeleteOptions, list_options: ListOptions, validate: Validate
    ) -> ListResult: ...


class Connecter(Protocol):
    """Streams: exec, attach, port-forward, proxy, log. What comes back is for the front to run."""

    async def connect(self, ctx: Context, name: str, options: Any, path: str) -> Any: ...


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """All that is served of one storage: its row in the storage version, REST objects and strategy.

    ``subresources`` maps names (``status``, ``scale``, ``binding``) to REST objects. ``strategy`` is None for what is not
    stored.
    """

    resource: Resource
    rest: Any
    subresources: Mapping[str, Any] = msgspec.field(default_factory=dict)
    strategy: Strategy | None = None


class Registry:
    """All that an API server serves, found by the served row. One per cluster; custom resources come and go."""

    def __init__(self, table: ResourceTable) -> None:
        self.table = table
        self._changes = 0
        self._homes: dict[tuple[str, str, str], Resources] = {}

    @property
    def revision(self) -> int:
        """Grows with every change of what is served."""
        return self._changes + self.table.revision

    def install(self, resources: Resources) -> None:
        """Serve a resource, in all versions that share its storage."""
        self._homes[resources.resource.gvr] = resources
        self._changes += 1

    def remove(self, resource: Resource) -> None:
        """Stop serving a custom resource."""
        self._homes.pop(resource.gvr, None)
        self._changes += 1

    def __iter__(self) -> Iterator[Resources]:
        return iter(tuple(self._homes.values()))

    def find(self, resource: Resource) -> Resources:
        """What serves a row of the table. Raises LookupError."""
        home = self.table.storage_of(resource) or resource
        found = self._homes.get(home.gvr)
        if found is None:
            raise LookupError(f"nothing serves {resource.group_resource} {resource.version}")
        return found
