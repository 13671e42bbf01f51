"""Requests for resources: from an HTTP request to a call of the backend, and from its result to an answer.

Source of the semantics: k8s.io/apiserver/pkg/endpoints/handlers.
"""

from functools import lru_cache
from typing import Any, Final

from msgspec.structs import replace

from kube.api.types.authentication_v1 import UserInfo
from kube.apiserver.endpoints.body import BodyReader, expected_body
from kube.apiserver.endpoints.encoding import encode_result
from kube.apiserver.endpoints.interface import Backend, ListResult, Result
from kube.apiserver.endpoints.negotiation import Representation, negotiate, with_pretty
from kube.apiserver.endpoints.options import parse_options, user_agent_manager
from kube.apiserver.endpoints.requestinfo import NO_QUERY, RequestInfo, Target, not_found
from kube.apiserver.endpoints.tables import include_object
from kube.apiserver.http.messages import Answer, HttpRequest, HttpResponse, HttpStream
from kube.apiserver.http.watch import Flusher, Frames, WatchStream
from kube.base.clock import Clock
from kube.client.interface import NO_OPTIONS, Options, Request

_APPLY: Final = "application/apply-patch+yaml"
_BODIES: Final = frozenset({"create", "update"})


class ResourceHandler:
    def __init__(self, backend: Backend, bodies: BodyReader, clock: Clock) -> None:
        self._backend = backend
        self._bodies = bodies
        self._clock = clock
        self._flusher = Flusher()

    async def handle(
        self, request: HttpRequest, info: RequestInfo, target: Target, user: UserInfo, warnings: list[str]
    ) -> Answer:
        """Raises ApiError. `warnings` is filled for the client."""
        if info.verb == "watch":
            return await self._watch(request, info, target, user)
        if target.subresource is not None and target.subresource.is_connection:
            raise not_found()
        form = self._form(request, target)
        include = include_object(request.query) if form.transform == "Table" else ""
        options = parse_options(info.verb, request.query)
        body: Any = None
        if info.verb in _BODIES:
            options = _with_manager(options, request)
            body = await self._bodies.read_object(
                await request.body(),
                request.header("Content-Type"),
                expected_body(target.resource, target.subresource),
                options.field_validation,
                warnings,
            )
        elif info.verb == "patch":
            body = self._bodies.read_patch(await request.body(), request.header("Content-Type"))
            if body.type != _APPLY:
                options = _with_manager(options, request)
        elif info.verb in ("delete", "deletecollection"):
            options = await self._with_delete_options(request, options)
        result = await self._backend.call(_call(info, target, options, body), user, warnings)
        answer = encode_result(result, target.resource, form, include, self._clock.now())
        return HttpResponse(_status(result), answer, form.content_type)

    async def _watch(
        self, request: HttpRequest, info: RequestInfo, target: Target, user: UserInfo
    ) -> HttpStream:
        form = negotiate(request.header("Accept"), streaming=True)
        include = include_object(request.query) if form.transform == "Table" else ""
        options = parse_options("watch", request.query)
        websocket = request.upgrade == "websocket"
        kind = (target.resource.group, target.resource.kind)
        frames = Frames(form, kind, include, self._clock.now, chunked=not websocket)
        stream = WatchStream(frames, self._flusher)
        stream.started(await self._backend.watch(_call(info, target, options, None), user, stream))
        return HttpStream(stream, form.content_type, websocket=websocket)

    async def _with_delete_options(self, request: HttpRequest, options: Options) -> Options:
        """A body takes the place of the query's options."""
        data = await request.body()
        if not data:
            return options
        delete = await self._bodies.read_delete_options(data, request.header("Content-Type"))
        return replace(options, delete=delete, dry_run=bool(delete.dry_run))

    def _form(self, request: HttpRequest, target: Target) -> Representation:
        """What can only be created, a review or a binding, is no row of a table."""
        verbs = (target.subresource or target.resource).verbs
        form = negotiate(request.header("Accept"), transforms=verbs != ("create",))
        return with_pretty(form, request.query, request.header("User-Agent"))


@lru_cache(maxsize=256)
def _form(accept: str, user_agent: str) -> Representation:
    """The form that is wanted where the query says nothing of it."""
    return with_pretty(negotiate(accept), NO_QUERY, user_agent)


def _call(info: RequestInfo, target: Target, options: Options, body: Any) -> Request:
    namespace = info.namespace if target.resource.namespaced else ""
    return Request(
        verb=info.verb,  # type: ignore[arg-type]  # find_target has seen that the resource has it
        resource=target.resource,
        namespace=namespace,
        name=info.name or info.selected_name,
        subresource=info.subresource,
        body=body,
        options=options,
    )


def _with_manager(options: Options, request: HttpRequest) -> Options:
    """A writer that names no field manager is known by its user agent."""
    if options.field_manager:
        return options
    agent = request.header("User-Agent")
    if options is NO_OPTIONS:
        return _managed(agent)
    return replace(options, field_manager=user_agent_manager(agent))


@lru_cache(maxsize=256)
def _managed(user_agent: str) -> Options:
    return Options(field_manager=user_agent_manager(user_agent))


def _status(result: Result) -> int:
    if isinstance(result, ListResult):
        return 200
    return 201 if result.created else 202 if result.accepted else 200
