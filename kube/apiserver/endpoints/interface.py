"""What fronts and in-process callers code against: calls, watches, and who may make them."""

from enum import Enum
from typing import Any, Final, Protocol

import msgspec

from kube.api.types.authentication_v1 import UserInfo
from kube.apiserver.registry.rest import ObjectResult, Result, StatusResult
from kube.apiserver.storage.interface import Entry, EventSink, ListResult, StoredEvent
from kube.client.interface import Request, WatchHandle

__all__ = [
    "ALLOW_ALL",
    "AllowAll",
    "Attributes",
    "Authorizer",
    "Backend",
    "Decision",
    "Entry",
    "EventSink",
    "ListResult",
    "ObjectResult",
    "Result",
    "StatusResult",
    "StoredEvent",
    "Verdict",
]


class Attributes(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be authorized (k8s.io/apiserver/pkg/authorization/authorizer).

    ``verb``: a resource's verb, or the HTTP method in lower case for a path that is no resource's, of which only ``path`` is
    set. The selectors are as the request has them.
    """

    user: UserInfo
    verb: str
    namespace: str = ""
    api_group: str = ""
    api_version: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    resource_request: bool = True
    path: str = ""
    label_selector: str = ""
    field_selector: str = ""


class Decision(Enum):
    DENY = 0
    ALLOW = 1
    NO_OPINION = 2


class Verdict(msgspec.Struct, frozen=True):
    """``reason`` may be "", and is told to the user who is refused."""

    decision: Decision
    reason: str = ""


class Authorizer(Protocol):
    async def authorize(self, attributes: Attributes, /) -> Verdict: ...


class AllowAll:
    """Allows everyone everything (``--authorization-mode=AlwaysAllow``)."""

    async def authorize(self, _: Attributes) -> Verdict:
        return _ALLOWED


_ALLOWED: Final = Verdict(Decision.ALLOW)
ALLOW_ALL: Final = AllowAll()


class Backend(Protocol):
    """The API server behind its fronts. Every call runs the whole chain, in the caller's task.

    Authorization, mutating admission, the strategy's validation, validating admission, storage.
    Bodies are objects of the served version that the request names, or a Patch; answers are of that version too.
    """

    async def call(self, request: Request, user: UserInfo, warnings: list[str]) -> Result:
        """Any verb but watch. ``warnings`` is filled for the client. Raises ApiError."""
        ...

    async def watch(self, request: Request, user: UserInfo, sink: EventSink) -> WatchHandle:
        """Start a watch. The initial events are delivered before this returns. Raises ApiError."""
        ...

    async def connect(self, request: Request, user: UserInfo, options: Any, path: str = "") -> Any:
        """Open a stream: exec, attach, port-forward, proxy, log. What comes back is for the front to run.

        ``request.verb`` is the verb to authorize (``create`` for exec, attach and port-forward, whatever the HTTP method).
        ``options`` are the query's, of the subresource's kind; ``path`` is what the URL has behind the subresource.
        Raises ApiError.
        """
        ...
