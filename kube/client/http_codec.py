"""Requests as HTTP, and answers and watch streams from it. Pure: bytes in, objects out.

Source: the API concepts page, and the query parameters of ``meta/v1``'s options.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from kube.apimachinery import errors, serializer
from kube.apimachinery.errors import INTERNAL_ERROR, ApiError
from kube.apimachinery.meta.v1 import ListMeta, Status
from kube.apimachinery.names import path_segment_name
from kube.apimachinery.watch import ERROR, AnyWatchEvent, WatchEvent
from kube.client.interface import ObjectList, Options, Patch, Request

JSON: Final = "application/json"

METHODS: Final = {
    "get": "GET",
    "list": "GET",
    "watch": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "deletecollection": "DELETE",
}

MAX_EVENT_BYTES: Final = 64 * 1024 * 1024
"""No object is that large: what sends more without a line break is no watch."""

_LIST: Final = ("list", "watch", "deletecollection")
_WRITE: Final = ("create", "update", "patch")


class _ListBody(msgspec.Struct, frozen=True):
    metadata: msgspec.Raw = msgspec.Raw(b"{}")
    items: tuple[msgspec.Raw, ...] | None = ()


class _EventBody(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


_LISTS: Final = msgspec.json.Decoder(_ListBody)
_EVENTS: Final = msgspec.json.Decoder(_EventBody)


class HTTPRequest(msgspec.Struct, frozen=True):
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    body: bytes
    content_type: str


def encode_request(request: Request) -> HTTPRequest:
    """Raises ValueError for a name or namespace that is no path segment."""
    for what, segment in (("resource name", request.name), ("namespace", request.namespace)):
        complaints = path_segment_name(segment)
        if complaints:
            raise ValueError(f'invalid {what} "{segment}": {list(complaints)}')
    # A new object's name is in its body; only a subresource is posted to a name.
    name = "" if request.verb == "create" and not request.subresource else request.name
    body, content_type = _body(request)
    return HTTPRequest(
        method=METHODS[request.verb],
        path=request.resource.path(request.namespace, name, request.subresource),
        query=tuple(_query(request)),
        body=body,
        content_type=content_type,
    )


def _body(request: Request) -> tuple[bytes, str]:
    body = request.body
    if isinstance(body, Patch):
        return body.data, body.type
    if body is None and request.verb in ("delete", "deletecollection"):
        body = request.options.delete
        if body is not None:
            body = msgspec.structs.replace(body, kind="DeleteOptions", api_version="v1")
    return (b"", "") if body is None else (serializer.encode(body), JSON)


def _query(request: Request) -> Iterator[tuple[str, str]]:
    options, verb = request.options, request.verb
    if verb == "watch":
        yield "watch", "true"
    if options.resource_version is not None and verb not in _WRITE:
        yield "resourceVersion", options.resource_version
    if verb in _LIST:
        yield from _list_query(options)
    if options.dry_run:
        yield "dryRun", "All"
    if verb in _WRITE:
        if options.field_manager:
            yield "fieldManager", options.field_manager
        if options.field_validation:
            yield "fieldValidation", options.field_validation
        if options.force is not None:
            yield "force", _bool(options.force)


def _list_query(options: Options) -> Iterator[tuple[str, str]]:
    for name, value in (
        ("labelSelector", options.label_selector),
        ("fieldSelector", options.field_selector),
        ("resourceVersionMatch", options.resource_version_match),
        ("continue", options.continue_),
    ):
        if value:
            yield name, value
    if options.limit:
        yield "limit", str(options.limit)
    if options.timeout_seconds is not None:
        yield "timeoutSeconds", str(options.timeout_seconds)
    if options.allow_watch_bookmarks:
        yield "allowWatchBookmarks", "true"
    if options.send_initial_events is not None:
        yield "sendInitialEvents", _bool(options.send_initial_events)


def _bool(value: bool) -> str:
    return "true" if value else "false"


def decode_answer(request: Request, data: bytes) -> Any:
    """The object, list or Status of a successful answer. Raises ApiError for what is none of them."""
    resource = request.resource
    try:
        if request.verb == "list":
            return _list(resource.type, data)
        if request.verb in ("get", "update", "patch") and not request.subresource:
            return serializer.decode(resource.type, data)
        kind = serializer.peek(data).kind
        if request.verb == "deletecollection":
            return ObjectList((), "") if kind == "Status" else _list(resource.type, data)
        if kind == "Status" and resource.kind != "Status":
            return serializer.decode(Status, data)
        subresource = resource.subresource(request.subresource) if request.subresource else None
        return serializer.decode(resource.type if subresource is None else subresource.type, data)
    except (serializer.DecodeError, msgspec.MsgspecError) as error:
        message = f"the server's answer for {resource.group_resource} cannot be read: {error}"
        raise ApiError(500, INTERNAL_ERROR, message) from None


def _list(kind: type[Any], data: bytes) -> ObjectList[Any]:
    body = _LISTS.decode(data)
    metadata = serializer.decode(ListMeta, bytes(body.metadata))
    items = tuple(serializer.decode(kind, bytes(item)) for item in body.items or ())
    return ObjectList(items, metadata.resource_version, metadata.continue_, metadata.remaining_item_count)


def decode_error(request: Request, code: int, data: bytes, *, is_json: bool, retry_after: int) -> ApiError:
    """The Status of a failed answer, or what its code alone says."""
    if is_json:
        try:
            if serializer.peek(data).kind == "Status":
                return errors.from_status(serializer.decode(Status, data))
        except serializer.DecodeError:
            pass  # what calls itself JSON and is not is reported as the text that it is, below
    text = data[:2048].decode("utf-8", "replace").strip()
    return errors.generic(
        code,
        METHODS[request.verb],
        request.resource.group_resource,
        request.name,
        server_message=text or "unknown",
        retry_after_seconds=retry_after,
        unexpected=bool(text),
    )


class EventReader:
    """Cuts a watch stream into events: feed it what arrives, take the batch that is complete."""

    __slots__ = ("_buffer", "_kind", "_scanned", "error")

    def __init__(self, kind: type[Any]) -> None:
        self._kind = kind
        self._buffer = bytearray()
        self._scanned = 0
        self.error: ApiError | None = None
        """The ERROR event with which the server ended the stream, or what made it unreadable: nothing follows."""

    def feed(self, chunk: bytes) -> list[AnyWatchEvent]:
        """The events before the stream's end or ``error``, in order."""
        buffer = self._buffer
        buffer += chunk
        end = buffer.rfind(b"\n", self._scanned)
        if end < 0:
            self._scanned = len(buffer)
            if self._scanned > MAX_EVENT_BYTES:
                self.error = ApiError(500, INTERNAL_ERROR, "the watch sent an event that is too large")
            return []
        lines = bytes(buffer[:end]).split(b"\n")
        del buffer[: end + 1]
        self._scanned = 0
        return list(self._decode(lines))

    def _decode(self, lines: list[bytes]) -> Iterator[AnyWatchEvent]:
        try:
            for line in lines:
                if not line:
                    continue
                event = _EVENTS.decode(line)
                if event.type == ERROR:
                    self.error = errors.from_status(serializer.decode(Status, bytes(event.object)))
                    return
                yield WatchEvent(event.type, serializer.decode(self._kind, bytes(event.object)))
        except (serializer.DecodeError, msgspec.MsgspecError) as error:
            self.error = ApiError(500, INTERNAL_ERROR, f"the watch sent what cannot be read: {error}")
