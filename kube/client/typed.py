"""The verbs of the API for every kind, typed. Pure: it awaits a transport and nothing else, so that reconcilers may.

``kube.client.client`` adds what needs an event loop of its own: watches and waits.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeVar, cast, overload

from kube.api.resources import Resource, ResourceTable, builtin_table
from kube.api.types.autoscaling_v1 import Scale
from kube.api.types.core_v1 import Binding, Pod
from kube.api.types.policy_v1 import Eviction
from kube.apimachinery import serializer
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
from kube.client.kinds import Untyped, resource_of

T = TypeVar("T", bound=HasMetadata)

_BUILT_IN: Final = "kube.api.types."
"""Where the types live that know their patch strategies."""

PatchName = Literal["json", "merge", "strategic"]

PATCH_TYPES: Final[Mapping[PatchName, PatchType]] = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}

PatchBody = Patch | bytes | Mapping[str, Any] | Sequence[Any]
"""A patch with its type, or its JSON, as bytes or as a document."""

PropagationPolicy = Literal["Background", "Foreground", "Orphan"]


def options_of(**given: Any) -> Options:
    """Options of what was given; the shared empty ones when that is nothing."""
    given = {name: value for name, value in given.items() if value not in (None, "", 0)}
    return Options(**given) if given else NO_OPTIONS


class TypedClient:
    """Speaks to an API server for one identity. All methods raise ApiError with the server's Status.

    A kind is a Struct type (``Pod``), which types the results, or a row of the resource table or its
    (group, version, plural). Where a namespaced object is named, ``namespace`` defaults to that of the object, then to
    the client's own; ``list`` without one covers all namespaces.
    """

    def __init__(
        self, transport: Transport, *, resources: ResourceTable | None = None, namespace: str = "default"
    ) -> None:
        self.transport = transport
        self.resources = resources if resources is not None else builtin_table()
        self.namespace = namespace
        self._rows: dict[type, Resource] = {}

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
        return await self._named("get", kind, name, namespace, options_of(resource_version=resource_version))

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
        options = options_of(
            label_selector=label_selector,
            field_selector=field_selector,
            limit=limit,
            continue_=continue_,
            resource_version=resource_version,
            resource_version_match=resource_version_match,
        )
        return cast("ObjectList[Any]", await self._collection("list", kind, namespace, options))

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
        options = options_of(dry_run=dry_run, field_manager=field_manager, field_validation=field_validation)
        resource = self._resource_of(obj)
        request = Request(
            verb="create",
            resource=resource,
            namespace=self._namespace(resource, namespace, obj),
            body=obj,
            options=options,
        )
        return cast("T", await self.transport.call(request))

    async def create_from_manifest(
        self, text: str | bytes, *, namespace: str | None = None, dry_run: bool = False
    ) -> tuple[Any, ...]:
        """Create the objects of a YAML or JSON text, one after the other; those that name no namespace in this one.

        Raises ApiError (400) before anything is created if the text is unsound, and the server's error at the first
        object that it refuses.
        """
        from kube.client import manifest  # noqa: PLC0415  # the YAML parser takes 20 ms to import

        objects = manifest.parse(text, self.resources)
        return tuple(
            [
                await self.create(obj, namespace=obj.metadata.namespace or namespace, dry_run=dry_run)
                for obj in objects
            ]
        )

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
        options = options_of(dry_run=dry_run)
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
        options = options_of(dry_run=dry_run, field_manager=field_manager, field_validation=field_validation)
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
        patch: PatchBody,
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
        patch: PatchBody,
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
        kind: type[Any] | Untyped,
        name: str,
        patch: PatchBody,
        *,
        type: PatchName | None = None,  # noqa: A002  # kubectl patch --type
        namespace: str | None = None,
        subresource: str = "",
        dry_run: bool = False,
        field_manager: str = "",
        field_validation: str = "",
    ) -> Any:
        """Without a type, a list is a JSON patch; anything else a strategic merge patch, as kubectl has it, or for a
        custom resource a merge patch.
        """
        options = options_of(dry_run=dry_run, field_manager=field_manager, field_validation=field_validation)
        resource = self.resource(kind)
        body = patch if isinstance(patch, Patch) else _patch(patch, type, resource)
        return await self._named(
            "patch", resource, name, namespace, options, subresource=subresource, body=body
        )

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
        options = options_of(dry_run=dry_run)
        return cast(
            "Scale",
            await self._named("update", kind, name, namespace, options, subresource="scale", body=scale),
        )

    # Resources

    def resource(self, kind: type[Any] | Untyped) -> Resource:
        """The row of a kind. Raises LookupError for what the client's table does not have."""
        if isinstance(kind, type):
            row = self._rows.get(kind)
            if row is None:
                row = self._rows[kind] = resource_of(self.resources, kind)
            return row
        return resource_of(self.resources, kind)

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


def _patch(patch: bytes | Mapping[str, Any] | Sequence[Any], name: PatchName | None, of: Resource) -> Patch:
    if name is None:
        if isinstance(patch, Sequence) and not isinstance(patch, bytes):
            name = "json"
        else:
            name = "strategic" if of.type_reference.startswith(_BUILT_IN) else "merge"
    data = patch if isinstance(patch, bytes) else serializer.encode(patch)
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
    return options_of(
        dry_run=dry_run, delete=options, label_selector=label_selector, field_selector=field_selector
    )
