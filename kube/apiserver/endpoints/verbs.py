"""Every verb on every resource: authorization, admission and registry in upstream's order.

Source of the semantics: k8s.io/apiserver/pkg/endpoints/handlers. This is the one way into the registry, for HTTP and
for the components of the process alike, and runs in the caller's task.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec.structs import replace

from kube.api.resources import Resource
from kube.api.types.authentication_v1 import UserInfo
from kube.apimachinery import field
from kube.apimachinery.errors import bad_request, forbidden, invalid, not_found
from kube.apimachinery.meta.v1 import DeleteOptions
from kube.apiserver.admission.chain import Chain
from kube.apiserver.admission.interface import Attributes as Admission
from kube.apiserver.admission.interface import Operation
from kube.apiserver.authorization.interface import refusal
from kube.apiserver.endpoints.interface import (
    Attributes,
    Authorizer,
    Decision,
    EventSink,
    ListResult,
    ObjectResult,
    Result,
    StatusResult,
)
from kube.apiserver.endpoints.patch import Patcher
from kube.apiserver.endpoints.store_errors import UNUSABLE, interpret
from kube.apiserver.endpoints.target import Convert, Target, method_not_allowed
from kube.apiserver.endpoints.watch import WatchTimers
from kube.apiserver.registry.corrupt_object_deleter import OPTION, UNSAFE_DELETE
from kube.apiserver.registry.metadata import check_name, with_namespace, without_duplicate_owners
from kube.apiserver.registry.rest import Registry, Validate, ValidateUpdate, allow, allow_update
from kube.apiserver.registry.strategy import Context
from kube.apiserver.storage.interface import ListOptions, WatchOptions
from kube.base.chance import Chance
from kube.base.clock import Clock
from kube.client.interface import Options, Patch, Request, WatchHandle

_NO_DELETE_OPTIONS: Final = DeleteOptions()
_NAMESPACES: Final = ("", "namespaces")


class Verbs:
    """Implements ``endpoints.interface.Backend``.

    ``convert`` turns an object of one served version into another's. ``chance`` is for uids and generated names.
    """

    def __init__(
        self,
        registry: Registry,
        authorizer: Authorizer,
        admission: Chain,
        *,
        clock: Clock,
        chance: Chance,
        convert: Convert,
    ) -> None:
        self._registry = registry
        self._authorizer = authorizer
        self._admission = admission
        self._clock = clock
        self._chance = chance
        self._convert = convert
        self._watches = WatchTimers(clock, chance)
        self._targets: dict[tuple[str, str, str, str], Target] = {}
        self._targets_of = -1
        self._handlers: dict[str, Callable[[Target, Request, Context], Awaitable[Result]]] = {
            "get": self._get,
            "list": self._list,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
        }

    async def aclose(self) -> None:
        """Stop what ends watches after their time. The watches themselves are storage's."""
        await self._watches.aclose()

    # -- what fronts and in-process callers use

    async def call(self, request: Request, user: UserInfo, warnings: list[str]) -> Result:
        """Any verb but watch. Raises ApiError."""
        handler = self._handlers.get(request.verb)
        if handler is None:
            raise method_not_allowed()
        await self.authorize(request, user)
        target = self.target(request.resource, request.subresource)
        if request.resource.deprecation:
            warnings.append(request.resource.deprecation)
        try:
            return await handler(target, request, self._context(request, user, warnings))
        except UNUSABLE as error:
            raise interpret(error, request) from error

    async def watch(self, request: Request, user: UserInfo, sink: EventSink) -> WatchHandle:
        """Start a watch. The initial events are delivered before this returns. Raises ApiError."""
        await self.authorize(request, user)
        target = self.target(request.resource, request.subresource)
        start = target.method("watch")
        asked = request.options
        ctx = self._context(request, user, [])
        options = WatchOptions(
            selection=target.selectors.compile(
                ctx.namespace, request.name, asked.label_selector, asked.field_selector
            ),
            resource_version=asked.resource_version or "",
            send_initial_events=asked.send_initial_events,
            bookmarks=asked.allow_watch_bookmarks,
        )
        watch = self._watches.watch(sink, None if target.is_storage_version else target.event)
        try:
            handle = await start(ctx, options, watch)
        except UNUSABLE as error:
            raise interpret(error, request) from error
        watch.begin(handle, asked.timeout_seconds)
        return watch

    async def connect(self, request: Request, user: UserInfo, options: Any, path: str = "") -> Any:
        """Open a stream: exec, attach, port-forward, proxy, log. What comes back is for the front to run.

        ``request.verb`` is the verb to authorize. ``options`` are the query's, of the subresource's kind.
        """
        await self.authorize(request, user)
        target = self.target(request.resource, request.subresource)
        connect = target.method(request.verb, "connect")
        ctx = self._context(request, user, [])
        row = request.resource.subresource(request.subresource)
        if row is not None and row.is_connection:
            options = await self._admitted("CONNECT", request, ctx, options, None)
            await self._validate("CONNECT", request, ctx, options, None)
        try:
            return await connect(ctx, request.name, options, path)
        except UNUSABLE as error:
            raise interpret(error, request) from error

    async def authorize(self, request: Request, user: UserInfo) -> None:
        """Raises ApiError (403)."""
        attributes = _authorization(request, user, request.verb)
        verdict = await self._authorizer.authorize(attributes)
        if verdict.decision is not Decision.ALLOW:
            raise refusal(attributes, verdict)

    def target(self, resource: Resource, subresource: str = "") -> Target:
        """How a row is served. Raises ApiError (404)."""
        if self._targets_of != self._registry.revision:
            self._targets.clear()
            self._targets_of = self._registry.revision
        key = (resource.group, resource.version, resource.plural, subresource)
        target = self._targets.get(key)
        if target is None:
            target = self._targets[key] = Target(self._registry, resource, subresource, self._convert)
        return target

    def _context(self, request: Request, user: UserInfo, warnings: list[str]) -> Context:
        resource, options = request.resource, request.options
        return Context(
            user=user,
            resource=resource,
            namespace=request.namespace if resource.namespaced else "",
            now=self._clock.now(),
            chance=self._chance,
            subresource=request.subresource,
            name=request.name,
            dry_run=options.dry_run or (options.delete is not None and bool(options.delete.dry_run)),
            field_manager=options.field_manager,
            field_validation=options.field_validation,
            warnings=warnings,
        )

    # -- reading

    async def _get(self, target: Target, request: Request, ctx: Context) -> Result:
        get = target.method("get")
        name = _name(request)
        result: ObjectResult = await get(ctx, name, request.options.resource_version or "")
        return result if target.is_storage_version else _served(target, result)

    async def _list(self, target: Target, request: Request, ctx: Context) -> Result:
        list_ = target.method("list")
        result: ListResult = await list_(ctx, self._list_options(target, request, ctx))
        return _served_list(target, result)

    @staticmethod
    def _list_options(target: Target, request: Request, ctx: Context) -> ListOptions:
        asked = request.options
        return ListOptions(
            selection=target.selectors.compile(
                ctx.namespace, request.name, asked.label_selector, asked.field_selector
            ),
            resource_version=asked.resource_version or "",
            match=asked.resource_version_match,
            limit=max(asked.limit, 0),
            continue_=asked.continue_,
        )

    # -- writing

    async def _create(self, target: Target, request: Request, ctx: Context) -> Result:
        create = target.method("create")
        if target.namespaced and not ctx.namespace:
            raise method_not_allowed()
        obj = self._received(target, request, ctx)
        obj = await self._admitted("CREATE", request, ctx, obj, None)
        validate = self._validator("CREATE", request, ctx)
        result: ObjectResult | StatusResult = await create(ctx, request.name, obj, validate)
        return result if target.is_storage_version else _served(target, result)

    async def _update(self, target: Target, request: Request, ctx: Context) -> Result:
        update = target.method("update")
        name = _name(request)
        obj = self._received(target, request, ctx)
        check_name(obj, name)

        async def transform(old: Any) -> Any:
            return await self._admitted("CREATE" if old is None else "UPDATE", request, ctx, obj, old)

        result: ObjectResult = await update(
            ctx,
            name,
            transform,
            validate_create=self._create_validator(request, ctx),
            validate_update=self._update_validator(request, ctx),
            uid=obj.metadata.uid,
        )
        return result if target.is_storage_version else _served(target, result)

    async def _patch(self, target: Target, request: Request, ctx: Context) -> Result:
        update = target.method("patch", "update")
        name = _name(request)
        if not isinstance(request.body, Patch):
            raise bad_request("a patch is expected")
        patcher = Patcher(request.body, target.kind, ctx)

        async def transform(old: Any) -> Any:
            if old is None:
                raise not_found(ctx.resource.group_resource, name)
            obj = target.default(patcher.apply(target.from_storage(old)))
            obj = with_namespace(target.to_storage(obj), ctx.namespace)
            check_name(obj, name)
            return await self._admitted("UPDATE", request, ctx, obj, old)

        result: ObjectResult = await update(
            ctx,
            name,
            transform,
            validate_create=self._create_validator(request, ctx),
            validate_update=self._update_validator(request, ctx),
        )
        return result if target.is_storage_version else _served(target, result)

    async def _delete(self, target: Target, request: Request, ctx: Context) -> Result:
        delete = target.method("delete")
        name = _name(request)
        options = _delete_options(request.options)
        result: ObjectResult | StatusResult
        result, gone = await delete(ctx, name, options, self._deletion_validator(request, ctx, options))
        if not gone and options.orphan_dependents is False:
            result = replace(result, accepted=True)
        return result if target.is_storage_version else _served(target, result)

    async def _delete_collection(self, target: Target, request: Request, ctx: Context) -> Result:
        delete = target.method("deletecollection", "delete_collection")
        if target.namespaced and not ctx.namespace:
            raise method_not_allowed()
        options = _delete_options(request.options)
        if options.ignore_store_read_error_with_cluster_breaking_potential:
            why = "is not allowed with DELETECOLLECTION, try again after removing the option"
            raise invalid("DeleteOptions.meta.k8s.io", "", [field.invalid(OPTION, True, why)])
        validate = self._deletion_validator(request, ctx, options)
        list_options = self._list_options(target, request, ctx)
        result: ListResult = await delete(ctx, options, list_options, validate)
        return _served_list(target, result)

    @staticmethod
    def _received(target: Target, request: Request, ctx: Context) -> Any:
        """The body as the registry takes it: with defaults, in its storage version, in the request's namespace."""
        obj = request.body
        if not isinstance(obj, target.accepts):
            raise bad_request(
                f"the object provided is unrecognized (must be of type {target.kind.__name__}): "
                f"{type(obj).__name__}"
            )
        obj = target.to_storage(target.default(obj))
        obj = with_namespace(obj, ctx.namespace)
        return without_duplicate_owners(obj, ctx.warnings, after_admission=False)

    # -- admission; nothing is made for operations that no plug-in wants to see

    async def _admitted(
        self, operation: Operation, request: Request, ctx: Context, obj: Any, old: Any
    ) -> Any:
        """The object after mutating admission."""
        resource = request.resource
        if self._admission.mutators(operation, resource.group, resource.plural):
            obj = await self._admission.admit(_admission(operation, request, ctx, obj, old))
        if operation == "CONNECT":
            return obj
        return without_duplicate_owners(obj, ctx.warnings, after_admission=True)

    async def _validate(
        self, operation: Operation, request: Request, ctx: Context, obj: Any, old: Any
    ) -> None:
        await self._admission.validate(_admission(operation, request, ctx, obj, old))

    def _validator(self, operation: Operation, request: Request, ctx: Context) -> Validate:
        """Validating admission of an object that is created."""
        resource = request.resource
        if not self._admission.validators(operation, resource.group, resource.plural):
            return allow

        async def validate(obj: Any) -> None:
            await self._validate(operation, request, ctx, obj, None)

        return validate

    def _create_validator(self, request: Request, ctx: Context) -> Validate:
        """The same for an update that creates, which needs the permission to create as well."""
        admit = self._validator("CREATE", request, ctx)

        async def validate(obj: Any) -> None:
            attributes = _authorization(request, ctx.user, "create")
            verdict = await self._authorizer.authorize(attributes)
            if verdict.decision is not Decision.ALLOW:
                raise refusal(attributes, verdict)
            await admit(obj)

        return validate

    def _update_validator(self, request: Request, ctx: Context) -> ValidateUpdate:
        resource = request.resource
        if not self._admission.validators("UPDATE", resource.group, resource.plural):
            return allow_update

        async def validate(new: Any, old: Any) -> None:
            await self._validate("UPDATE", request, ctx, new, old)

        return validate

    def _deletion_validator(self, request: Request, ctx: Context, options: DeleteOptions) -> Validate:
        """All admission of an object that is deleted, which nothing can change."""
        resource = request.resource
        chain = self._admission
        unsafe = options.ignore_store_read_error_with_cluster_breaking_potential
        if not (
            unsafe
            or chain.mutators("DELETE", resource.group, resource.plural)
            or chain.validators("DELETE", resource.group, resource.plural)
        ):
            return allow

        async def validate(old: Any) -> None:
            if unsafe:
                await self._permit_unsafe_deletion(request, ctx)
            attributes = _admission("DELETE", request, ctx, None, old)
            attributes = replace(attributes, options=options)
            await chain.admit(attributes)
            await chain.validate(attributes)

        return validate

    async def _permit_unsafe_deletion(self, request: Request, ctx: Context) -> None:
        """Raises ApiError (403)."""
        verdict = await self._authorizer.authorize(_authorization(request, ctx.user, UNSAFE_DELETE))
        if verdict.decision is not Decision.ALLOW:
            why = f'not permitted to do "{UNSAFE_DELETE}", reason: {verdict.reason}'
            raise forbidden(request.resource.group_resource, request.name, why)


def _name(request: Request) -> str:
    if not request.name:
        raise bad_request("name must be provided")
    return request.name


def _delete_options(options: Options) -> DeleteOptions:
    found = options.delete if options.delete is not None else _NO_DELETE_OPTIONS
    return replace(found, dry_run=("All",)) if options.dry_run and not found.dry_run else found


def _authorization(request: Request, user: UserInfo, verb: str) -> Attributes:
    resource, options = request.resource, request.options
    namespace = request.namespace
    if request.name and (resource.group, resource.plural) == _NAMESPACES:
        namespace = request.name  # a namespace is in itself, as upstream's request info has it
    return Attributes(
        user=user,
        verb=verb,
        namespace=namespace,
        api_group=resource.group,
        api_version=resource.version,
        resource=resource.plural,
        subresource=request.subresource,
        name=request.name,
        label_selector=options.label_selector,
        field_selector=options.field_selector,
    )


def _admission(operation: Operation, request: Request, ctx: Context, obj: Any, old: Any) -> Admission:
    name = request.name
    if not name:
        of = old if obj is None else obj
        name = of.metadata.name
    return Admission(
        operation=operation,
        resource=request.resource,
        subresource=request.subresource,
        namespace=ctx.namespace,
        name=name,
        object=obj,
        old_object=old,
        user=ctx.user,
        dry_run=ctx.dry_run,
        options=request.options,
        warnings=ctx.warnings,
    )


def _served(target: Target, result: ObjectResult | StatusResult) -> ObjectResult | StatusResult:
    """A result of the registry in the served version."""
    if isinstance(result, StatusResult):
        return result
    if result.entry is None:
        return replace(result, object=target.from_storage(result.object))
    entry = target.entry(result.entry)
    return replace(result, object=entry.object, entry=entry)


def _served_list(target: Target, result: ListResult) -> ListResult:
    if target.is_storage_version:
        return result
    return replace(result, entries=[target.entry(entry) for entry in result.entries])
