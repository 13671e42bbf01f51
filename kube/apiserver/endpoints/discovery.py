"""Discovery over HTTP: `/api`, `/apis` and what is below them, in the legacy form or aggregated, by Accept.

The documents are made by `kube.api.discovery`. Source of the semantics: KEP-3352, and k8s.io/apiserver/pkg/endpoints/
discovery for ETags and content types.
"""

from collections.abc import Callable
from typing import Any, Final

from kube.api.discovery import AGGREGATED_GROUP, AGGREGATED_VERSIONS, Discovery
from kube.apimachinery.errors import not_acceptable
from kube.apimachinery.serializer import encode
from kube.apiserver.endpoints.encoding import encode_document
from kube.apiserver.endpoints.negotiation import (
    MEDIA_TYPES,
    negotiate,
    parse_accept,
    with_pretty,
)
from kube.apiserver.http.messages import HttpRequest, HttpResponse

_LIST: Final = "APIGroupDiscoveryList"


def aggregated_version(accept: str) -> str:
    """The version of the aggregated document that the client prefers; empty for the legacy form.

    Raises ApiError 406 where it accepts neither.
    """
    for clause in parse_accept(accept):
        asked = dict(clause.parameters)
        if "as" in asked:
            version = asked.get("v", "")
            wanted = (asked["as"], asked.get("g")) == (_LIST, AGGREGATED_GROUP)
            if wanted and version in AGGREGATED_VERSIONS and clause.takes(MEDIA_TYPES[0]):
                return version
        elif any(clause.takes(media_type) for media_type in MEDIA_TYPES):
            return ""
    if accept:
        raise not_acceptable(MEDIA_TYPES)
    return ""


class DiscoveryHandler:
    def __init__(self, discovery: Discovery, address: Callable[[], str]) -> None:
        """`address` gives the server's `host:port`, as clients reach it: a free port is known only when it is listened on."""
        self._discovery = discovery
        self._address = address

    def serve(self, request: HttpRequest) -> HttpResponse | None:
        """None for a path under which nothing is discovered. Raises ApiError 406."""
        match request.path.strip("/").split("/"):
            case ["api" | "apis" as root]:
                version = aggregated_version(request.header("Accept"))
                if version:
                    return self._aggregated(request, root == "api", version)
                document: Any = (
                    self._discovery.api_versions(self._address())
                    if root == "api"
                    else self._discovery.group_list()
                )
            case ["api", version]:
                document = self._discovery.resource_list("", version)
            case ["apis", group]:
                document = self._discovery.group(group)
            case ["apis", group, version]:
                document = self._discovery.resource_list(group, version)
            case _:
                return None
        if document is None:
            return None
        form = with_pretty(
            negotiate(request.header("Accept"), transforms=False), request.query, request.header("User-Agent")
        )
        return HttpResponse(200, encode_document(encode(document), form), form.content_type)

    def _aggregated(self, request: HttpRequest, core: bool, version: str) -> HttpResponse:
        found = self._discovery.aggregated(core=core, version=version)
        headers = (("ETag", found.etag), ("Vary", "Accept"), ("Cache-Control", "public"))
        if request.header("If-None-Match") == found.etag:
            return HttpResponse(304, content_type="", headers=headers)
        content_type = f"application/json;g={AGGREGATED_GROUP};v={version};as={_LIST}"
        return HttpResponse(200, found.body, content_type, headers)

    def paths(self) -> list[str]:
        """What `/` lists of discovery."""
        core = self._discovery.api_versions(self._address()).versions
        found = ["/api", "/apis", *(f"/api/{version}" for version in core)]
        for group in self._discovery.group_list().groups:
            found.append(f"/apis/{group.name}")
            found += [f"/apis/{version.group_version}" for version in group.versions]
        return found
