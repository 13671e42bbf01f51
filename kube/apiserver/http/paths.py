"""What is served under paths that are no resource's: discovery, OpenAPI, health, metrics, the version, the index."""

from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from kube.apiserver.endpoints.discovery import DiscoveryHandler
from kube.apiserver.endpoints.health import HealthChecks, version_document
from kube.apiserver.endpoints.negotiation import negotiate_error, with_pretty
from kube.apiserver.endpoints.requestinfo import method_not_allowed
from kube.apiserver.http.messages import HttpRequest, HttpResponse, text

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class DocumentHandler(Protocol):
    """Serves the documents of some paths."""

    def serve(self, request: HttpRequest) -> HttpResponse | None:
        """None for a path of somebody else. Raises ApiError."""
        ...

    def paths(self) -> list[str]:
        """What the index lists of it."""
        ...


class PathHandler:
    """Answers GET; what is nobody's path is 404 in plain text, as upstream's multiplexer has it."""

    def __init__(
        self,
        discovery: DiscoveryHandler,
        health: HealthChecks,
        metrics: Callable[[], bytes],
        *documents: DocumentHandler,
    ) -> None:
        self._documents: tuple[DocumentHandler, ...] = (discovery, *documents)
        self._health = health
        self._metrics = metrics
        self._version = version_document()

    def serve(self, request: HttpRequest) -> HttpResponse:
        """Raises ApiError 405, 406."""
        answer = self._find(request)
        if answer is None:
            return not_found()
        if request.method not in ("GET", "HEAD"):
            raise method_not_allowed()
        return answer

    def _find(self, request: HttpRequest) -> HttpResponse | None:
        path = request.path
        if path in ("/version", "/version/"):
            return self._json(request, self._version)
        if path == "/metrics":
            return HttpResponse(200, self._metrics(), METRICS_TYPE)
        if path in ("", "/"):
            return self._json(request, msgspec.json.encode({"paths": self._index()}))
        for documents in self._documents:
            answer = documents.serve(request)
            if answer is not None:
                return answer
        return self._health.serve(path, request.query)

    def _json(self, request: HttpRequest, document: bytes) -> HttpResponse:
        form = with_pretty(negotiate_error(""), request.query, request.header("User-Agent"))
        return HttpResponse(200, msgspec.json.format(document, indent=2) if form.pretty else document)

    def _index(self) -> list[str]:
        found = ["/metrics", "/version", *self._health.paths()]
        for documents in self._documents:
            found += documents.paths()
        return sorted(found)


def not_found() -> HttpResponse:
    return text(404, "404 page not found\n")
