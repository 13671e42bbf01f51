"""The chain that every HTTP request runs through, from the outside in.

Errors become Status answers, faults of the server too; then audit id and log, the user, whoever it impersonates, whether
it may; then the request goes to its resource or path. Upstream: k8s.io/apiserver/pkg/server's DefaultBuildHandlerChain.
Requests of this process's own components enter behind the users: the backend authorizes, admits and stores for all.
"""

import asyncio
import logging
from typing import Final

from kube.api.resources import ResourceTable
from kube.api.types.authentication_v1 import UserInfo
from kube.apimachinery.errors import ApiError, bad_request, internal_error, timeout
from kube.apimachinery.time import duration_nanoseconds
from kube.apiserver.authentication.interface import Credentials
from kube.apiserver.authentication.union import RequestAuthenticator
from kube.apiserver.authorization.interface import refusal
from kube.apiserver.endpoints.encoding import encode_status
from kube.apiserver.endpoints.interface import Attributes, Authorizer, Decision
from kube.apiserver.endpoints.negotiation import negotiate_error, with_pretty
from kube.apiserver.endpoints.requestinfo import RequestInfo, find_target, first, request_info
from kube.apiserver.http.deadlines import Deadlines
from kube.apiserver.http.impersonation import has_impersonation, impersonated
from kube.apiserver.http.measure import RequestMetrics
from kube.apiserver.http.messages import Answer, HttpRequest, HttpResponse
from kube.apiserver.http.paths import PathHandler, not_found
from kube.apiserver.http.resources import ResourceHandler
from kube.apiserver.http.warnings import warning_headers
from kube.base.cause import Causes, because
from kube.base.chance import Chance
from kube.base.clock import Clock
from kube.base.logging import get_logger

REQUEST_TIMEOUT: Final = 60.0
"""Seconds that a request may take, watches excepted (upstream's --request-timeout)."""

_AUDIT_ID: Final = "Audit-ID"
_MAX_AUDIT_ID: Final = 64
_CARRIES_BODY: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_BOUNDED: Final = frozenset({"get", "list", "watch"})
"""What waits for nobody but the store, which has a deadline of its own; a watch ends by its own time."""
_PANIC: Final = "This request caused apiserver to panic. Look in the logs for details."


class FilterChain:
    """Answers HTTP requests. One per server."""

    def __init__(
        self,
        *,
        authenticator: RequestAuthenticator,
        authorizer: Authorizer,
        table: ResourceTable,
        resources: ResourceHandler,
        paths: PathHandler,
        metrics: RequestMetrics,
        clock: Clock,
        chance: Chance,
        causes: Causes,
    ) -> None:
        self._authenticator = authenticator
        self._authorizer = authorizer
        self._table = table
        self._resources = resources
        self._paths = paths
        self._metrics = metrics
        self._clock = clock
        self._chance = chance
        self._causes = causes
        self._deadlines = Deadlines(REQUEST_TIMEOUT)
        self._log = get_logger(__name__)

    async def handle(self, request: HttpRequest) -> Answer:
        """Never raises but CancelledError."""
        with because(self._causes.root(f"{request.method} {request.path}")):
            return await self._observed(request)

    async def _observed(self, request: HttpRequest) -> Answer:
        """Number, measure and log the request."""
        started = self._clock.monotonic()
        audit_id = request.header(_AUDIT_ID)[:_MAX_AUDIT_ID] or self._chance.uid()
        info = request_info(request.method, request.path, request.query)
        warnings: list[str] = []
        self._metrics.began()
        try:
            answer = await self._answered(request, info, warnings)
        finally:
            self._metrics.ended()
        answer.headers.append(("Audit-Id", audit_id))
        if warnings:
            answer.headers += warning_headers(warnings)
        status = answer.status if isinstance(answer, HttpResponse) else 200
        seconds = self._clock.monotonic() - started
        self._metrics.answered(info, status, seconds)
        if self._log.is_enabled_for(logging.DEBUG):
            self._log.debug(
                "HTTP",
                verb=info.verb,
                URI=request.target,
                resp=status,
                latency=round(seconds, 6),
                userAgent=request.header("User-Agent"),
                srcIP=request.remote,
                auditID=audit_id,
            )
        return answer

    async def _answered(self, request: HttpRequest, info: RequestInfo, warnings: list[str]) -> Answer:
        """The answer, or the error as one."""
        try:
            if "timeout" in request.query:
                async with asyncio.timeout(_time_allowed(request)):
                    return await self._dispatch(request, info, warnings)
            if info.verb in _BOUNDED:
                return await self._dispatch(request, info, warnings)
            with self._deadlines.begin():
                return await self._dispatch(request, info, warnings)
        except ApiError as error:
            return _failure(request, error)
        except TimeoutError:
            message = "request did not complete within requested timeout - context deadline exceeded"
            return _failure(request, timeout(message))
        except Exception as error:  # noqa: BLE001  # the last resort of a server: one request fails, not all
            self._log.error("request panicked", URI=request.target, verb=info.verb, exc_info=error)
            return _failure(request, internal_error(_PANIC))

    async def _dispatch(self, request: HttpRequest, info: RequestInfo, warnings: list[str]) -> Answer:
        user = self._authenticator.authenticate(
            Credentials(request.certificate, request.header("Authorization"))
        )
        if has_impersonation(request.headers):
            user = await impersonated(user, request.headers, self._authorizer)
        if not info.is_resource_request:
            await self._authorize(
                Attributes(user=user, verb=info.verb, path=info.path, resource_request=False)
            )
            return self._paths.serve(request)
        try:
            target = find_target(info, self._table)
        except ApiError:
            await self._authorize(_attributes(user, info))
            if not self._table.in_group_version(info.group, info.version):
                return not_found()
            raise
        if info.verb in _CARRIES_BODY:
            # The backend judges every call; but before that nothing of a stranger's body is read.
            await self._authorize(_attributes(user, info))
        return await self._resources.handle(request, info, target, user, warnings)

    async def _authorize(self, attributes: Attributes) -> None:
        verdict = await self._authorizer.authorize(attributes)
        if verdict.decision is not Decision.ALLOW:
            raise refusal(attributes, verdict)


def _attributes(user: UserInfo, info: RequestInfo) -> Attributes:
    return Attributes(
        user=user,
        verb=info.verb,
        namespace=info.namespace,
        api_group=info.group,
        api_version=info.version,
        resource=info.resource,
        subresource=info.subresource,
        name=info.name,
    )


def _time_allowed(request: HttpRequest) -> float:
    """Seconds, at most what the query asks for. Raises ApiError 400."""
    asked = first(request.query, "timeout")
    if not asked:
        return REQUEST_TIMEOUT
    try:
        seconds = duration_nanoseconds(asked) / 1e9
    except ValueError as error:
        raise bad_request(f"invalid timeout specified in the request URL - {error}") from None
    return min(seconds, REQUEST_TIMEOUT) if seconds > 0 else REQUEST_TIMEOUT


def _failure(request: HttpRequest, error: ApiError) -> HttpResponse:
    form = with_pretty(negotiate_error(request.header("Accept")), request.query, request.header("User-Agent"))
    answer = HttpResponse(error.code, encode_status(error.to_status(), form), form.content_type)
    if error.retry_after_seconds:
        answer.headers.append(("Retry-After", str(error.retry_after_seconds)))
    return answer
