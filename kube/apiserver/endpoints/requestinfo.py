"""What a request is about, from its method, path and query: the first filter of the chain.

Source of the semantics: RequestInfo of k8s.io/apiserver/pkg/endpoints/request, and the page "Kubernetes API Concepts".
Pure: paths come decoded, nothing is looked up but the resource table.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl, unquote

from msgspec import Struct

from kube.api.resources import Resource, ResourceTable, Subresource
from kube.apimachinery import fields
from kube.apimachinery.errors import ApiError, generic

Query = Mapping[str, Sequence[str]]
"""Every parameter with its values, in order; blank ones are kept."""

NO_QUERY: Final[Query] = {}

_MAX_KNOWN: Final = 256
"""Characters of a path that is kept."""

_VERBS: Final = {
    "POST": "create",
    "GET": "get",
    "HEAD": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_NAMED: Final = frozenset({"get", "update", "patch", "delete"})
_NAMESPACE_SUBRESOURCES: Final = frozenset({"status", "finalize"})


class RequestInfo(Struct, frozen=True, kw_only=True):
    """`verb` is a resource's verb, or the method in lower case where `resource` is empty: no request for a resource.

    `rest` is what the path goes on with behind the subresource.
    """

    path: str
    verb: str
    method: str
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    selected_name: str = ""
    """The one name that the field selector of a collection asks for: rules for named objects hold for it."""
    rest: tuple[str, ...] = ()
    legacy_watch: bool = False
    """Whether the path is of the deprecated form `/api/v1/watch/...`."""

    @property
    def is_resource_request(self) -> bool:
        return self.resource != ""


class Target(Struct, frozen=True):
    """A request for a resource that is served: the row of the table, and of its subresource."""

    resource: Resource
    subresource: Subresource | None = None


def split_target(raw: str) -> tuple[str, Query]:
    """The decoded path and the parameters of a request line's target."""
    path, mark, query = raw.partition("?")
    if "%" in path:
        path = unquote(path)
    return path, parse_query(query) if mark and query else NO_QUERY


def parse_query(query: str) -> Query:
    found: dict[str, list[str]] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        found.setdefault(key, []).append(value)
    return found


def first(query: Query, key: str) -> str:
    """The first value, or empty."""
    values = query.get(key)
    return values[0] if values else ""


def is_true(text: str) -> bool:
    """Upstream's booleans in queries: all but `0` and `false` is true, a parameter without a value too."""
    return text.lower() not in ("false", "0")


def request_info(method: str, path: str, query: Query = NO_QUERY) -> RequestInfo:
    if query or len(path) > _MAX_KNOWN:
        return _request_info(method, path, query)
    return _known_info(method, path)


@lru_cache(1024)
def _known_info(method: str, path: str) -> RequestInfo:
    """Collections are written to again and again."""
    return _request_info(method, path, NO_QUERY)


def _request_info(method: str, path: str, query: Query) -> RequestInfo:
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) >= 3:
        return _resource_info(method, path, query, "", parts[1:])
    if parts[0] == "apis" and len(parts) >= 4:
        return _resource_info(method, path, query, parts[1], parts[2:])
    return RequestInfo(path=path, verb=method.lower(), method=method)


def _resource_info(method: str, path: str, query: Query, group: str, parts: list[str]) -> RequestInfo:
    """`parts` begin with the version."""
    version, *parts = parts
    verb = _VERBS.get(method, "")
    legacy = parts[0] == "watch" and len(parts) > 1
    if legacy:
        verb, parts = "watch", parts[1:]
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 1:
        namespace = parts[1]
        if len(parts) > 2 and parts[2] not in _NAMESPACE_SUBRESOURCES:
            parts = parts[2:]
    name = parts[1] if len(parts) > 1 else ""
    if not name:
        if verb == "get":
            watch = query.get("watch")
            verb = "watch" if watch and is_true(watch[0]) else "list"
        elif verb == "delete":
            verb = "deletecollection"
    return RequestInfo(
        path=path,
        verb=verb,
        method=method,
        group=group,
        version=version,
        namespace=namespace,
        resource=parts[0],
        subresource=parts[2] if len(parts) > 2 else "",
        name=name,
        selected_name="" if name else _selected_name(first(query, "fieldSelector")),
        rest=tuple(parts[3:]),
        legacy_watch=legacy,
    )


def _selected_name(field_selector: str) -> str:
    if "metadata.name" not in field_selector:
        return ""
    try:
        name = fields.parse(field_selector).requires_exact_match("metadata.name")
    except fields.FieldSelectorError:
        return ""
    return "" if name is None or name in (".", "..") or "/" in name or "%" in name else name


def find_target(info: RequestInfo, table: ResourceTable) -> Target:
    """The served resource that `info` is about.

    Raises ApiError: 404 in the words that kubectl expects for what is not served under the path, 405 for a verb that it
    does not have.
    """
    resource = table.get(info.group, info.version, info.resource)
    if resource is None or not _scope_fits(info, resource):
        raise not_found()
    if not info.subresource:
        if info.verb not in resource.verbs or not _names_fit(info, resource):
            raise method_not_allowed()
        return Target(resource)
    subresource = resource.subresource(info.subresource)
    if subresource is None or (info.rest and not subresource.takes_path):
        raise not_found()
    allowed = (
        info.method in subresource.methods if subresource.is_connection else info.verb in subresource.verbs
    )
    if not allowed:
        raise method_not_allowed()
    return Target(resource, subresource)


def _scope_fits(info: RequestInfo, resource: Resource) -> bool:
    """Whether such a path exists: one object is named within its scope, a namespace holds namespaced resources."""
    if resource.namespaced:
        return bool(info.namespace) or not info.name
    if resource.plural == "namespaces" and resource.group == "":
        return info.namespace in ("", info.name)
    return not info.namespace


def _names_fit(info: RequestInfo, resource: Resource) -> bool:
    """Whether the verb goes with one object or with a collection, as the path does."""
    if info.method == "HEAD":
        return False
    if info.verb == "create":
        return not info.name and (bool(info.namespace) or not resource.namespaced)
    return info.verb not in _NAMED or bool(info.name)


def not_found() -> ApiError:
    return generic(404, "")


def method_not_allowed() -> ApiError:
    return generic(405, "")
