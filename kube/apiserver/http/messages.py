"""Requests and responses as the handlers know them, whatever library speaks HTTP."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol

from kube.apimachinery.meta.v1 import Status
from kube.apimachinery.serializer import encode
from kube.apiserver.endpoints.requestinfo import Query, split_target

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"


class Headers(Protocol):
    """The header fields of a request. Names are looked up whatever their case."""

    def get(self, name: str, default: str = "") -> str: ...

    def getall(self, name: str, default: Sequence[str]) -> Sequence[str]: ...

    def keys(self) -> Iterable[str]: ...


class HttpRequest:
    """One request, its body still unread."""

    __slots__ = ("_body", "certificate", "headers", "method", "path", "query", "remote", "target", "upgrade")

    def __init__(
        self,
        method: str,
        target: str,
        headers: Headers,
        body: bytes | Callable[[], Awaitable[bytes]],
        *,
        certificate: bytes | None = None,
        remote: str = "",
        upgrade: str = "",
    ) -> None:
        """`certificate`: the peer's, DER, verified. `upgrade`: the protocol to change to, in lower case, or empty."""
        self.method = method
        self.target = target
        self.headers = headers
        self.certificate = certificate
        self.remote = remote
        self.upgrade = upgrade
        self.path: str
        self.query: Query
        self.path, self.query = split_target(target)
        self._body = body

    def header(self, name: str) -> str:
        return self.headers.get(name, "")

    async def body(self) -> bytes:
        """The whole body. Raises ApiError 413 if it is too long, 400 if it ends early or takes too long."""
        return self._body if isinstance(self._body, bytes) else await self._body()


class HttpResponse:
    """An answer. A body that is an iterator is sent piece by piece as it is made.

    Without a body the content type is empty: a client that asks again whether a document is the same (304) would take
    the type of this answer for that of the document.
    """

    __slots__ = ("body", "content_type", "headers", "status")

    def __init__(
        self,
        status: int,
        body: bytes | Iterator[bytes] = b"",
        content_type: str = JSON,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers: list[tuple[str, str]] = list(headers)


class StreamWriter(Protocol):
    """The sending side of an open stream. All methods are called on the event loop and none blocks."""

    def write(self, frame: bytes) -> None:
        """Send one frame, or several that are pieces of a chunked body. Ignored when the peer is gone."""
        ...

    @property
    def congested(self) -> bool:
        """Whether the peer does not take what was written already; `Stream.resumed` is called when it does again."""
        ...

    def abort(self) -> None:
        """Cut the connection, with what is written and not yet sent. `Stream.lost` is not called."""
        ...


class Stream(Protocol):
    """What fills an open stream, from `opened` until `lost` or until it calls `finish` itself."""

    def opened(self, writer: StreamWriter, finish: Callable[[], None]) -> None:
        """The header is sent. `finish` ends the stream in an orderly way."""
        ...

    def resumed(self) -> None:
        """The congestion is over."""
        ...

    def lost(self) -> None:
        """The peer is gone, or the server stops: the last call."""
        ...


class HttpStream:
    """An answer without an end of its own: a watch. Over a WebSocket each frame is one text message."""

    __slots__ = ("content_type", "headers", "stream", "websocket")

    def __init__(
        self,
        stream: Stream,
        content_type: str = JSON,
        *,
        websocket: bool = False,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        self.stream = stream
        self.content_type = content_type
        self.websocket = websocket
        self.headers: list[tuple[str, str]] = list(headers)


Answer = HttpResponse | HttpStream
Handler = Callable[[HttpRequest], Awaitable[Answer]]


def text(status: int, body: str) -> HttpResponse:
    return HttpResponse(status, body.encode(), TEXT, (("X-Content-Type-Options", "nosniff"),))


def status_response(status: Status) -> HttpResponse:
    """A Status as plain JSON."""
    return HttpResponse(status.code, encode(status) + b"\n")
