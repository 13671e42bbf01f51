"""The OpenAPI documents over HTTP: `/openapi/v2` in JSON or protobuf by Accept, `/openapi/v3` and what its index names.

The documents are made by `kube.api.openapi`. Source of the semantics: KEP-2896 and k8s.io/kube-openapi's handlers.
"""

from typing import Final

from kube.api.openapi.documents import V2_PROTOBUF, V2_PROTOBUF_ACCEPTED, Document, OpenAPI
from kube.apimachinery.errors import not_acceptable
from kube.apiserver.endpoints.negotiation import JSON, parse_accept
from kube.apiserver.endpoints.requestinfo import first
from kube.apiserver.http.messages import HttpRequest, HttpResponse

V3_PREFIX: Final = "/openapi/v3"
_V2_TYPES: Final = (JSON, V2_PROTOBUF_ACCEPTED, V2_PROTOBUF)


class OpenAPIHandler:
    def __init__(self, documents: OpenAPI) -> None:
        self._documents = documents

    def serve(self, request: HttpRequest) -> HttpResponse | None:
        """None for another path. Raises ApiError 406."""
        path = request.path.rstrip("/")
        if path == "/openapi/v2":
            return self._v2(request)
        if path == V3_PREFIX:
            return HttpResponse(200, self._documents.v3_index())
        if path.startswith(f"{V3_PREFIX}/"):
            return self._v3(request, path.removeprefix(f"{V3_PREFIX}/"))
        return None

    def paths(self) -> list[str]:
        return ["/openapi/v2", V3_PREFIX, V3_PREFIX + "/"]

    def _v2(self, request: HttpRequest) -> HttpResponse:
        if _preferred(request.header("Accept"), _V2_TYPES) == JSON:
            return _answer(request, self._documents.v2_json(), JSON)
        return _answer(request, self._documents.v2_protobuf(), V2_PROTOBUF)

    def _v3(self, request: HttpRequest, path: str) -> HttpResponse | None:
        _preferred(request.header("Accept"), (JSON,))
        document = self._documents.v3(path)
        if document is None:
            return None
        asked = first(request.query, "hash")
        if asked and asked != document.etag:
            where = f"{request.path}?hash={document.etag}"
            return HttpResponse(301, content_type="", headers=(("Location", where),))
        answer = _answer(request, document, JSON)
        if asked:
            answer.headers.append(("Cache-Control", "public, immutable"))
        return answer


def _preferred(accept: str, offered: tuple[str, ...]) -> str:
    """The media type that the client likes best; the first where it says nothing. Raises ApiError 406."""
    if not accept:
        return offered[0]
    for clause in parse_accept(accept):
        for media_type in offered:
            if clause.takes(media_type):
                return media_type
    raise not_acceptable(offered)


def _answer(request: HttpRequest, document: Document, content_type: str) -> HttpResponse:
    etag = f'"{document.etag}"'
    headers = (("ETag", etag), ("Vary", "Accept"))
    if request.header("If-None-Match") == etag:
        return HttpResponse(304, content_type="", headers=headers)
    return HttpResponse(200, document.body, content_type, headers)
