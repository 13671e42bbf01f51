"""The typed client: every verb of the API for every kind, over any transport."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar, cast, overload

import msgspec

from kube.api.resources import Resource, ResourceTable, builtin_table
from kube.api.types.autoscaling_v1 import Scale
from kube.api.types.core_v1 import Binding, Pod
from kube.api.types.policy_v1 import Eviction
from kube.apimachinery.errors import ApiError, is_resource_version_too_old
from kube.apimachinery.meta.v1 import DeleteOptions, ObjectMeta, Preconditions, Status
from kube.client.interface import (
    NO_OPTIONS,
    ObjectList,
    Options,
    Patch,
    PatchType,
    Request,
    Transport,
    Verb,
)
from kube.client.keys import HasMetadata
from kube.client.watch import DEFAULT_BUFFER, Watch

T = TypeVar("T", bound=HasMetadata)

Untyped = Resource | tuple[str, str, str]
"""A resource by its row, or by its (group, version, plural)."""

PatchName = Literal["json", "merge", "strategic"]

PATCH_TYPES: Final[Mapping[PatchName, PatchType]] = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}

PropagationPolicy = Literal["Background", "Foreground", "Orphan"]


def declared(kind: type[Any]) -> tuple[str, str]:
    """The apiVersion and kind of a top-level type. Raises TypeError for any other."""
    defaults = {
        field.name: field.default_factory() if callable(field.default_factory) else field.default
        for field in msgspec.structs.fields(kind)
        if field.name in ("api_version", "kind")
    }
    api_version, name = defaults.get("api_version"), defaults.get("kind")
    if not (isinstance(api_version, str) and isinstance(name, str) and api_version and name):
        raise TypeError(f"{kind.__name__} is no top-level kind of the API")
    return api_version, name


def _options(**given: Any) -> Options:
    """Options of what was given; the shared empty ones when that is nothing."""
    given = {name: value for name, value in given.items() if value not in (None, "", 0)}
    return Options(**given) if given else NO_OPTIONS


class Client:
    """Speaks to an API server for one identity. All methods raise ApiError with the server's Status.

    A kind is a Struct type (``Pod``), which types the results, or a row of the resource table or its
    (group, version, plural). Where a namespaced object is named, ``namespace`` defaults to that of the object, then to
    the client's own; ``list`` and ``watch`` without one cover all namespaces.
    """

    def __init__(
        self, transport: Transport, *, resources: ResourceTable | None = None, namespace: str = "default"
    ) -> None:
        self.transport = transport
        self.resources = resources if resources is not None else builtin_table()
        self.namespace = namespace
        self._rows: dict[type, Resource] = {}

    async def aclose(self) -> None:
        """Close the transport: every watch ends."""
        await self.transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # Reading

    @overload
    async def get(
        self, kind: type[T], name: str, *, namespace: str | None = ..., resource_version: str | None = ...
    ) -> T: ...
    @overload
    async def get(
        self, kind: Untyped, name: str, *, namespace: str | None = ..., resource_version: str | None = ...
    ) -> Any: ...
    async def get(
        self,
        kind: type[Any] | Untyped,
        name: str,
        *,
        namespace: str | None = None,
        resource_version: str | None = None,
    ) -> Any:
        """``resource_version="0"`` lets the server answer from its cache; by default the answer is the latest."""
        return await self._named("get", kind, name, namespace, _options(resource_version=resource_version))

    @overload
    async def list(
        self,
        kind: type[T],
        *,
        namespace: str | None = ...,
        label_selector: str = ...,
        field_selector: str = ...,
        limit: int = ...,
        continue_: str = ...,
        resource_version: str | None = ...,
        resource_version_match: str = ...,
    ) -> ObjectList[T]: ...
    @overload
    async def list(
        self,
        kind: Untyped,
        *,
        namespace: str | None = ...,
        label_selector: str = ...,
        field_selector: str = ...,
        limit: int = ...,
        continue_: str = ...,
        resource_version: str | None = ...,
        resource_version_match: str = ...,
    ) -> ObjectList[Any]: ...
    async def list(
        self,
        kind: type[Any] | Untyped,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_: str = "",
        resource_version: str | None = None,
        resource_version_match: str = "",
    ) -> ObjectList[Any]:
        """With ``limit``, a page: go on by passing its ``continue_`` until that is empty."""
        options = _options(
            label_selector=label_selector,
            field_selector=field_selector,
            limit=limit,
            continue_=continue_,
            resource_version=resource_version,
            resource_version_match=resource_version_match,
        )
        return cast("ObjectList[Any]", await self._collection("list", kind, namespace, options))

    @overload
    def watch(
        self,
        kind: type[T],
        *,
        namespace: str | None = ...,
        label_selector: str = ...,
        field_selector: str = ...,
        resource_version: str | None = ...,
        timeout_seconds: int | None = ...,
        bookmarks: bool = ...,
        send_initial_events: bool | None = ...,
        buffer: int = ...,
    ) -> Watch[T]: ...
    @overload
    def watch(
        self,
        kind: Untyped,
        *,
        namespace: str | None = ...,
        label_selector: str = ...,
        field_selector: str = ...,
        resource_version: str | None = ...,
        timeout_seconds: int | None = ...,
        bookmarks: bool = ...,
        send_initial_events: bool | None = ...,
        buffer: int = ...,
    ) -> Watch[Any]: ...
    def watch(
        self,
        kind: type[Any] | Untyped,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str | None = None,
        timeout_seconds: int | None = None,
        bookmarks: bool = False,
        send_initial_events: bool | None = None,
        buffer: int = DEFAULT_BUFFER,
    ) -> Watch[Any]:
        """Events after ``resource_version``; without one, what exists comes first as ADDED. See :class:`Watch`."""
        resource = self.resource(kind)
        options = _options(
            label_selector=label_selector,
            field_selector=field_selector,
            resource_version=resource_version,
            timeout_seconds=timeout_seconds,
            allow_watch_bookmarks=bookmarks,
            send_initial_events=send_initial_events,
            resource_version_match="NotOlderThan" if send_initial_events is not None else "",
        )
        request = Request(verb="watch", resource=resource, namespace=namespace or "", options=options)
        return Watch(self.transport, request, buffer)

    async def wait_for(
        self,
        kind: type[T],
        name: str,
        predicate: Callable[[T], bool],
        *,
        namespace: str | None = None,
        timeout: float | None = 30.0,  # noqa: ASYNC109  # kubectl wait's own option
    ) -> T:
        """The object once it exists and ``predicate`` holds. Raises TimeoutError after ``timeout`` seconds."""
        found = await self._wait(
            kind, name, namespace, timeout, lambda obj: obj is not None and predicate(obj)
        )
        assert found is not None
        return found

    async def wait_for_deletion(
        self,
        kind: type[T],
        name: str,
        *,
        namespace: str | None = None,
        timeout: float | None = 30.0,  # noqa: ASYNC109  # as above
    ) -> None:
        """Returns once no object has the name. Raises TimeoutError after ``timeout`` seconds."""
        await self._wait(kind, name, namespace, timeout, lambda obj: obj is None)

    # Writing

    async def create(
        self,
        obj: T,
        *,
        namespace: str | None = None,
        dry_run: bool = False,
        field_manager: str = "",
        field_validation: str = "",
    ) -> T:
        """The object as it was stored; under ``metadata.generate_name`` the server completes the name."""
        options = _options(dry_run=dry_run, field_manager=field_manager, field_validation=field_validation)
        resource = self._resource_of(obj)
        request = Request(
            verb="create",
            resource=resource,
            namespace=self._namespace(resource, namespace, obj),
            body=obj,
            options=options,
        )
        return cast("T", await self.transport.call(request))

    async def create_subresource(
        self,
        kind: type[HasMetadata] | Untyped,
        name: str,
        subresource: str,
        body: Any,
        *,
        namespace: str | None = None,
        dry_run: bool = False,
    ) -> Any:
        """POST to a subresource: ``pods/binding``, ``pods/eviction``, ``serviceaccounts/token``."""
        options = _options(dry_run=dry_run)
        return await self._named("create", kind, name, namespace, options, subresource=subresource, body=body)

    async def update(
        self,
        obj: T,
        *,
        namespace: str | None = None,
        subresource: str = "",
        dry_run: bool = False,
        field_manager: str = "",
        field_validation: str = "",
    ) -> T:
        """Replace the object; refused with Conflict when its resourceVersion is set and not the current one."""
        options = _options(dry_run=dry_run, field_manager=field_manager, field_validation=field_validation)
        resource = self._resource_of(obj)
        request = Request(
            verb="update",
            resource=resource,
            namespace=self._namespace(resource, namespace, obj),
            name=obj.metadata.name,
            subresource=subresource,
            body=obj,
            options=options,
        )
        return cast("T", await self.transport.call(request))

    async def update_status(
        self, obj: T, *, namespace: str | None = None, dry_run: bool = False, field_manager: str = ""
    ) -> T:
        """Write the status alone; the rest of ``obj`` but its metadata is ignored."""
        return await self.update(
            obj, namespace=namespace, subresource="status", dry_run=dry_run, field_manager=field_manager
        )

    @overload
    async def patch(
        self,
        kind: type[T],
        name: str,
        patch: "Patch | bytes | Mapping[str, Any] | Sequence[Any]",
        *,
        type: PatchName | None = ...,
        namespace: str | None = ...,
        subresource: str = ...,
        dry_run: bool = ...,
        field_manager: str = ...,
        field_validation: str = ...,
    ) -> T: ...
    @overload
    async def patch(
        self,
        kind: Untyped,
        name: str,
        patch: "Patch | bytes | Mapping[str, Any] | Sequence[Any]",
        *,
        type: PatchName | None = ...,
        namespace: str | None = ...,
        subresource: str = ...,
        dry_run: bool = ...,
        field_manager: str = ...,
        field_validation: str = ...,
    ) -> Any: ...
    async def patch(
        self,
        kind: "type[Any] | Untyped",
        name: str,
        patch: "Patch | bytes | Mapping[str, Any] | Sequence[Any]",
        *,
        type: PatchName | None = None,  # noqa: A002  # kubectl patch --type
        namespace: str | None = None,
        subresource: str = "",
        dry_run: bool = False,
        field_manager: str = "",
        field_validation: str = "",
    ) -> Any:
        """Without a type, a list is a JSON patch and anything else a strategic merge patch, as kubectl has it."""
        options = _options(dry_run=dry_run, field_manager=field_manager, field_validation=field_validation)
        body = patch if isinstance(patch, Patch) else _patch(patch, type)
        return await self._named("patch", kind, name, namespace, options, subresource=subresource, body=body)

    @overload
    async def delete(
        self,
        kind: type[T],
        name: str,
        *,
        namespace: str | None = ...,
        grace_period_seconds: int | None = ...,
        propagation_policy: PropagationPolicy | None = ...,
        preconditions: Preconditions | None = ...,
        dry_run: bool = ...,
    ) -> T | Status: ...
    @overload
    async def delete(
        self,
        kind: Untyped,
        name: str,
        *,
        namespace: str | None = ...,
        grace_period_seconds: int | None = ...,
        propagation_policy: PropagationPolicy | None = ...,
        preconditions: Preconditions | None = ...,
        dry_run: bool = ...,
    ) -> Any: ...
    async def delete(
        self,
        kind: type[Any] | Untyped,
        name: str,
        *,
        namespace: str | None = None,
        grace_period_seconds: int | None = None,
        propagation_policy: PropagationPolicy | None = None,
        preconditions: Preconditions | None = None,
        dry_run: bool = False,
    ) -> Any:
        """The object while it lives on (graceful deletion, finalizers), else the object or a Status of success."""
        options = _deletion(grace_period_seconds, propagation_policy, preconditions, dry_run=dry_run)
        return await self._named("delete", kind, name, namespace, options)

    async def delete_collection(
        self,
        kind: type[HasMetadata] | Untyped,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        grace_period_seconds: int | None = None,
        propagation_policy: PropagationPolicy | None = None,
        dry_run: bool = False,
    ) -> ObjectList[Any]:
        """Delete what the selectors match in one namespace (by default the client's own); without any, everything."""
        options = _deletion(
            grace_period_seconds,
            propagation_policy,
            None,
            dry_run=dry_run,
            label_selector=label_selector,
            field_selector=field_selector,
        )
        namespace = self._namespace(self.resource(kind), namespace, None)
        return cast("ObjectList[Any]", await self._collection("deletecollection", kind, namespace, options))

    # Subresources with a shape of their own

    async def bind(self, binding: Binding, *, dry_run: bool = False) -> Any:
        """Assign the pod that the binding's metadata names to its target node."""
        metadata = binding.metadata
        return await self.create_subresource(
            Pod, metadata.name, "binding", binding, namespace=metadata.namespace or None, dry_run=dry_run
        )

    async def evict(
        self,
        name: str,
        *,
        namespace: str | None = None,
        grace_period_seconds: int | None = None,
        preconditions: Preconditions | None = None,
        dry_run: bool = False,
    ) -> Any:
        """Delete a pod unless a PodDisruptionBudget forbids it: TooManyRequests then."""
        options = None
        if grace_period_seconds is not None or preconditions is not None:
            options = DeleteOptions(grace_period_seconds=grace_period_seconds, preconditions=preconditions)
        namespace = self._namespace(self.resource(Pod), namespace, None)
        eviction = Eviction(metadata=ObjectMeta(name=name, namespace=namespace), delete_options=options)
        return await self.create_subresource(
            Pod, name, "eviction", eviction, namespace=namespace, dry_run=dry_run
        )

    async def get_scale(
        self, kind: type[HasMetadata] | Untyped, name: str, *, namespace: str | None = None
    ) -> Scale:
        return cast("Scale", await self._named("get", kind, name, namespace, NO_OPTIONS, subresource="scale"))

    async def update_scale(
        self,
        kind: type[HasMetadata] | Untyped,
        name: str,
        scale: Scale,
        *,
        namespace: str | None = None,
        dry_run: bool = False,
    ) -> Scale:
        namespace = namespace or scale.metadata.namespace or None
        options = _options(dry_run=dry_run)
        return cast(
            "Scale",
            await self._named("update", kind, name, namespace, options, subresource="scale", body=scale),
        )

    # Resources

    def resource(self, kind: type[Any] | Untyped) -> Resource:
        """The row of a kind. Raises LookupError for what the client's table does not have."""
        if isinstance(kind, Resource):
            return kind
        if isinstance(kind, tuple):
            row = self.resources.get(*kind)
        elif (row := self._rows.get(kind)) is None:
            row = self.resources.by_api_version(*declared(kind))
            if row is not None:
                self._rows[kind] = row
        if row is None:
            raise LookupError(f"the resource table has no {kind}")
        return row

    def _resource_of(self, obj: Any) -> Resource:
        row = self._rows.get(type(obj)) or self.resources.by_api_version(obj.api_version, obj.kind)
        if row is None:
            raise LookupError(f"the resource table has no kind {obj.kind} of {obj.api_version}")
        return row

    def _namespace(self, resource: Resource, namespace: str | None, obj: HasMetadata | None) -> str:
        if not resource.namespaced:
            return ""
        return namespace or (obj.metadata.namespace if obj is not None else "") or self.namespace

    async def _named(
        self,
        verb: Verb,
        kind: type[Any] | Untyped,
        name: str,
        namespace: str | None,
        options: Options,
        *,
        subresource: str = "",
        body: Any = None,
    ) -> Any:
        if not name:
            raise ValueError("resource name may not be empty")
        resource = self.resource(kind)
        request = Request(
            verb=verb,
            resource=resource,
            namespace=self._namespace(resource, namespace, None),
            name=name,
            subresource=subresource,
            body=body,
            options=options,
        )
        return await self.transport.call(request)

    async def _collection(
        self, verb: Verb, kind: type[Any] | Untyped, namespace: str | None, options: Options
    ) -> Any:
        resource = self.resource(kind)
        request = Request(verb=verb, resource=resource, namespace=namespace or "", options=options)
        return await self.transport.call(request)

    async def _wait(
        self,
        kind: type[T],
        name: str,
        namespace: str | None,
        seconds: float | None,
        done: Callable[[T | None], bool],
    ) -> T | None:
        """Follow one object until ``done``, over as many watches as that takes."""
        resource = self.resource(kind)
        namespace = self._namespace(resource, namespace, None)
        selector = f"metadata.name={name}"
        try:
            async with asyncio.timeout(seconds):
                while True:
                    listed = await self.list(kind, namespace=namespace, field_selector=selector)
                    current = listed.items[0] if listed.items else None
                    if done(current):
                        return current
                    events = self.watch(
                        kind,
                        namespace=namespace,
                        field_selector=selector,
                        resource_version=listed.resource_version,
                    )
                    try:
                        async with events:
                            async for event in events:
                                current = None if event.type == "DELETED" else event.object
                                if done(current):
                                    return current
                    except ApiError as error:
                        if not is_resource_version_too_old(error):
                            raise
        except TimeoutError:
            raise TimeoutError(
                f"timed out waiting for the condition on {resource.group_resource}/{name}"
            ) from None


def _patch(patch: bytes | Mapping[str, Any] | Sequence[Any], name: PatchName | None) -> Patch:
    if name is None:
        name = "json" if isinstance(patch, Sequence) and not isinstance(patch, bytes) else "strategic"
    data = patch if isinstance(patch, bytes) else msgspec.json.encode(patch)
    return Patch(PATCH_TYPES[name], data)


def _deletion(
    grace_period_seconds: int | None,
    propagation_policy: str | None,
    preconditions: Preconditions | None,
    *,
    dry_run: bool,
    label_selector: str = "",
    field_selector: str = "",
) -> Options:
    options = None
    if grace_period_seconds is not None or propagation_policy is not None or preconditions is not None:
        options = DeleteOptions(
            grace_period_seconds=grace_period_seconds,
            propagation_policy=propagation_policy,
            preconditions=preconditions,
        )
    return _options(
        dry_run=dry_run, delete=options, label_selector=label_selector, field_selector=field_selector
    )
