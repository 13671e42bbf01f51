"""Errors of the API, one constructor per reason, in upstream's words.

Source: k8s.io/apimachinery/pkg/api/errors. An ApiError is what a Status of failure is on the wire: each turns into the
other. Callers tell errors apart by reason (`is_not_found(error)`), never by message.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from kube.apimachinery.field import FieldError, aggregate
from kube.apimachinery.gofmt import quote
from kube.apimachinery.meta.v1 import Status, StatusCause, StatusDetails
from kube.apimachinery.version import GroupKind, GroupResource

UNAUTHORIZED: Final = "Unauthorized"
FORBIDDEN: Final = "Forbidden"
NOT_FOUND: Final = "NotFound"
ALREADY_EXISTS: Final = "AlreadyExists"
CONFLICT: Final = "Conflict"
GONE: Final = "Gone"
INVALID: Final = "Invalid"
SERVER_TIMEOUT: Final = "ServerTimeout"
STORE_READ_ERROR: Final = "StorageReadError"
TIMEOUT: Final = "Timeout"
TOO_MANY_REQUESTS: Final = "TooManyRequests"
BAD_REQUEST: Final = "BadRequest"
METHOD_NOT_ALLOWED: Final = "MethodNotAllowed"
NOT_ACCEPTABLE: Final = "NotAcceptable"
REQUEST_ENTITY_TOO_LARGE: Final = "RequestEntityTooLarge"
UNSUPPORTED_MEDIA_TYPE: Final = "UnsupportedMediaType"
INTERNAL_ERROR: Final = "InternalError"
EXPIRED: Final = "Expired"
SERVICE_UNAVAILABLE: Final = "ServiceUnavailable"

CAUSE_UNEXPECTED_RESPONSE: Final = "UnexpectedServerResponse"
CAUSE_RESOURCE_VERSION_TOO_LARGE: Final = "ResourceVersionTooLarge"
CAUSE_NAMESPACE_TERMINATING: Final = "NamespaceTerminating"
CAUSE_FIELD_MANAGER_CONFLICT: Final = "FieldManagerConflict"

_CODES: Final = {
    UNAUTHORIZED: 401,
    FORBIDDEN: 403,
    NOT_FOUND: 404,
    CONFLICT: 409,
    GONE: 410,
    INVALID: 422,
    TIMEOUT: 504,
    TOO_MANY_REQUESTS: 429,
    BAD_REQUEST: 400,
    METHOD_NOT_ALLOWED: 405,
    NOT_ACCEPTABLE: 406,
    REQUEST_ENTITY_TOO_LARGE: 413,
    UNSUPPORTED_MEDIA_TYPE: 415,
    INTERNAL_ERROR: 500,
    SERVICE_UNAVAILABLE: 503,
}
_KNOWN_REASONS: Final = frozenset((*_CODES, ALREADY_EXISTS, EXPIRED, SERVER_TIMEOUT, STORE_READ_ERROR))

OBJECT_MODIFIED: Final = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


class ApiError(Exception):
    """A request that failed. `code` is the HTTP status, `reason` one of this module's constants or ''."""

    def __init__(self, code: int, reason: str, message: str, details: StatusDetails | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    def __reduce__(self) -> tuple[type[ApiError], tuple[int, str, str, StatusDetails | None]]:
        return type(self), (self.code, self.reason, self.message, self.details)

    @property
    def causes(self) -> tuple[StatusCause, ...]:
        return self.details.causes if self.details is not None else ()

    @property
    def retry_after_seconds(self) -> int:
        """How long the server asks the client to wait; 0 when it does not ask."""
        return self.details.retry_after_seconds if self.details is not None else 0

    def has_cause(self, reason: str) -> bool:
        return any(cause.reason == reason for cause in self.causes)

    def to_status(self) -> Status:
        return Status(
            status="Failure", message=self.message, reason=self.reason, details=self.details, code=self.code
        )


def from_status(status: Status) -> ApiError:
    return ApiError(status.code, status.reason, status.message, status.details)


Resource = GroupResource | str
"""A resource by its group and plural; a string is `plural` or `plural.group`."""


def _resource(resource: Resource) -> GroupResource:
    return GroupResource.parse(resource) if isinstance(resource, str) else resource


def _of_object(
    code: int, reason: str, resource: GroupResource, name: str, message: str, *, retry: int = 0
) -> ApiError:
    details = StatusDetails(
        group=resource.group, kind=resource.resource, name=name, retry_after_seconds=retry
    )
    return ApiError(code, reason, message, details)


def not_found(resource: Resource, name: str) -> ApiError:
    resource = _resource(resource)
    return _of_object(404, NOT_FOUND, resource, name, f"{resource} {quote(name)} not found")


def already_exists(resource: Resource, name: str) -> ApiError:
    resource = _resource(resource)
    return _of_object(409, ALREADY_EXISTS, resource, name, f"{resource} {quote(name)} already exists")


def generate_name_conflict(resource: Resource, name: str, retry_after_seconds: int) -> ApiError:
    """No free name was found for metadata.generateName."""
    resource = _resource(resource)
    message = f"{resource} {quote(name)} already exists, the server was not able to generate a unique name for the object"
    return _of_object(409, ALREADY_EXISTS, resource, name, message, retry=retry_after_seconds)


def unauthorized(message: str = "") -> ApiError:
    return ApiError(401, UNAUTHORIZED, message or "not authorized")


def forbidden(resource: Resource, name: str, why: object) -> ApiError:
    resource = _resource(resource)
    if not resource.resource and not resource.group:
        message = f"forbidden: {why}"
    elif name:
        message = f"{resource} {quote(name)} is forbidden: {why}"
    else:
        message = f"{resource} is forbidden: {why}"
    return _of_object(403, FORBIDDEN, resource, name, message)


def conflict(resource: Resource, name: str, why: object = OBJECT_MODIFIED) -> ApiError:
    resource = _resource(resource)
    message = f"Operation cannot be fulfilled on {resource} {quote(name)}: {why}"
    return _of_object(409, CONFLICT, resource, name, message)


def apply_conflict(causes: Iterable[StatusCause], message: str) -> ApiError:
    """Server-side apply met fields that other managers own."""
    return ApiError(409, CONFLICT, message, StatusDetails(causes=tuple(causes)))


def gone(message: str) -> ApiError:
    return ApiError(410, GONE, message)


def expired(message: str) -> ApiError:
    """What is asked for has been compacted away."""
    return ApiError(410, EXPIRED, message)


def too_old_resource_version(asked: int | str, oldest: int | str) -> ApiError:
    return expired(f"too old resource version: {asked} ({oldest})")


def invalid(kind: GroupKind | str, name: str, errors: Sequence[FieldError]) -> ApiError:
    """The object does not pass validation; a string kind is `Kind` or `Kind.group`."""
    kind = GroupKind.parse(kind) if isinstance(kind, str) else kind
    message = f"{kind} {quote(name)} is invalid"
    if errors:
        message = f"{message}: {aggregate(errors)}"
    causes = tuple(
        StatusCause(reason=error.type.value, message=error.body, field=error.field) for error in errors
    )
    return ApiError(
        422, INVALID, message, StatusDetails(group=kind.group, kind=kind.kind, name=name, causes=causes)
    )


def bad_request(message: str) -> ApiError:
    return ApiError(400, BAD_REQUEST, message)


def too_many_requests(message: str, retry_after_seconds: int) -> ApiError:
    return ApiError(429, TOO_MANY_REQUESTS, message, StatusDetails(retry_after_seconds=retry_after_seconds))


def service_unavailable(message: str) -> ApiError:
    return ApiError(503, SERVICE_UNAVAILABLE, message)


def method_not_supported(resource: Resource, action: str) -> ApiError:
    resource = _resource(resource)
    message = f"{action} is not supported on resources of kind {quote(str(resource))}"
    return _of_object(405, METHOD_NOT_ALLOWED, resource, "", message)


def server_timeout(resource: Resource, operation: str, retry_after_seconds: int) -> ApiError:
    """A passing fault of the server: the client should try again."""
    resource = _resource(resource)
    message = (
        f"The {operation} operation against {resource} could not be completed at this time, please try again."
    )
    return _of_object(500, SERVER_TIMEOUT, resource, operation, message, retry=retry_after_seconds)


def internal_error(why: object) -> ApiError:
    details = StatusDetails(causes=(StatusCause(message=str(why)),))
    return ApiError(500, INTERNAL_ERROR, f"Internal error occurred: {why}", details)


def timeout(message: str, retry_after_seconds: int = 0) -> ApiError:
    """The request ran out of time and may yet complete."""
    details = StatusDetails(retry_after_seconds=retry_after_seconds)
    return ApiError(504, TIMEOUT, f"Timeout: {message}", details)


def too_large_resource_version(asked: int, current: int, retry_after_seconds: int) -> ApiError:
    """A revision that the store has not reached yet."""
    cause = StatusCause(reason=CAUSE_RESOURCE_VERSION_TOO_LARGE, message="Too large resource version")
    details = StatusDetails(retry_after_seconds=retry_after_seconds, causes=(cause,))
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    return ApiError(504, TIMEOUT, message, details)


def request_entity_too_large(message: str) -> ApiError:
    return ApiError(413, REQUEST_ENTITY_TOO_LARGE, f"Request entity too large: {message}")


def unsupported_media_type(accepted: Iterable[str]) -> ApiError:
    """The body is in none of the accepted media types."""
    message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(
        accepted
    )
    return ApiError(415, UNSUPPORTED_MEDIA_TYPE, message)


def not_acceptable(accepted: Iterable[str]) -> ApiError:
    """The response can be had in none of the media types that the request accepts."""
    message = f"only the following media types are accepted: {', '.join(accepted)}"
    return ApiError(406, NOT_ACCEPTABLE, message)


_GENERIC: Final = {
    400: (BAD_REQUEST, "the server rejected our request for an unknown reason"),
    401: (UNAUTHORIZED, "the server has asked for the client to provide credentials"),
    404: (NOT_FOUND, "the server could not find the requested resource"),
    405: (METHOD_NOT_ALLOWED, "the server does not allow this method on the requested resource"),
    409: (CONFLICT, "the server reported a conflict"),
    422: (INVALID, "the server rejected our request due to an error in our request"),
    429: (
        TOO_MANY_REQUESTS,
        "the server has received too many requests and has asked us to try again later",
    ),
    503: (SERVICE_UNAVAILABLE, "the server is currently unable to handle the request"),
    504: (
        TIMEOUT,
        "the server was unable to return a response in the time allotted, but may still be processing the request",
    ),
}
_SPOKEN_BY_SERVER: Final = {403: FORBIDDEN, 406: NOT_ACCEPTABLE, 415: UNSUPPORTED_MEDIA_TYPE}


def generic(
    code: int,
    verb: str,
    resource: Resource = "",
    name: str = "",
    *,
    server_message: str = "",
    retry_after_seconds: int = 0,
    unexpected: bool = False,
) -> ApiError:
    """A response that carries no Status; `verb` is the HTTP method, `unexpected` adds the body as a cause."""
    resource = _resource(resource)
    reason, message = _generic_reason(code, verb, server_message)
    if resource.resource or resource.group:
        what = f"{resource} {name}" if name else str(resource)
        message = f"{message} ({verb.lower()} {what})"
    causes = (StatusCause(reason=CAUSE_UNEXPECTED_RESPONSE, message=server_message),) if unexpected else ()
    details = StatusDetails(
        group=resource.group,
        kind=resource.resource,
        name=name,
        causes=causes,
        retry_after_seconds=retry_after_seconds,
    )
    return ApiError(code, reason, message, details)


def _generic_reason(code: int, verb: str, server_message: str) -> tuple[str, str]:
    if code == 409 and verb == "POST":
        return ALREADY_EXISTS, _GENERIC[409][1]
    if code == 406 and server_message in ("", "unknown"):
        return (
            NOT_ACCEPTABLE,
            "the server was unable to respond with a content type that the client supports",
        )
    if code in _SPOKEN_BY_SERVER:
        return _SPOKEN_BY_SERVER[code], server_message
    if code in _GENERIC:
        return _GENERIC[code]
    if code >= 500:
        return (
            INTERNAL_ERROR,
            f"an error on the server ({quote(server_message)}) has prevented the request from succeeding",
        )
    return "", f"the server responded with the status code {code} but did not return more information"


def _is(error: BaseException | None, reason: str) -> bool:
    """By reason; by HTTP status when the reason is none that is known."""
    if not isinstance(error, ApiError):
        return False
    return error.reason == reason or (error.reason not in _KNOWN_REASONS and error.code == _CODES[reason])


def is_not_found(error: BaseException | None) -> bool:
    return _is(error, NOT_FOUND)


def is_already_exists(error: BaseException | None) -> bool:
    return isinstance(error, ApiError) and error.reason == ALREADY_EXISTS


def is_conflict(error: BaseException | None) -> bool:
    return _is(error, CONFLICT)


def is_invalid(error: BaseException | None) -> bool:
    return _is(error, INVALID)


def is_gone(error: BaseException | None) -> bool:
    return _is(error, GONE)


def is_expired(error: BaseException | None) -> bool:
    return isinstance(error, ApiError) and error.reason == EXPIRED


def is_resource_version_too_old(error: BaseException | None) -> bool:
    """Gone or Expired: a reflector must list again."""
    return is_gone(error) or is_expired(error)


def is_bad_request(error: BaseException | None) -> bool:
    return _is(error, BAD_REQUEST)


def is_unauthorized(error: BaseException | None) -> bool:
    return _is(error, UNAUTHORIZED)


def is_forbidden(error: BaseException | None) -> bool:
    return _is(error, FORBIDDEN)


def is_method_not_supported(error: BaseException | None) -> bool:
    return _is(error, METHOD_NOT_ALLOWED)


def is_not_acceptable(error: BaseException | None) -> bool:
    return _is(error, NOT_ACCEPTABLE)


def is_unsupported_media_type(error: BaseException | None) -> bool:
    return _is(error, UNSUPPORTED_MEDIA_TYPE)


def is_timeout(error: BaseException | None) -> bool:
    return _is(error, TIMEOUT)


def is_server_timeout(error: BaseException | None) -> bool:
    return isinstance(error, ApiError) and error.reason == SERVER_TIMEOUT


def is_internal_error(error: BaseException | None) -> bool:
    return _is(error, INTERNAL_ERROR)


def is_service_unavailable(error: BaseException | None) -> bool:
    return _is(error, SERVICE_UNAVAILABLE)


def is_too_many_requests(error: BaseException | None) -> bool:
    return isinstance(error, ApiError) and (error.reason == TOO_MANY_REQUESTS or error.code == 429)


def is_request_entity_too_large(error: BaseException | None) -> bool:
    return isinstance(error, ApiError) and (error.reason == REQUEST_ENTITY_TOO_LARGE or error.code == 413)
