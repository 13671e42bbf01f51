"""The operations that a resource, a group and a server offer, before they are written in either dialect."""

from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct

from kube.api import schema
from kube.api.openapi.names import custom_definition_name, operation_group, package_of, tag, upper_first
from kube.api.openapi.schemas import PATCH, VERSION_INFO, TypeKey
from kube.api.resources import GroupInfo, Resource, Subresource

SchemaKey = TypeKey | str
Location = Literal["path", "query"]

JSON_TYPES: Final = ("application/json", "application/yaml")
WATCH_TYPES: Final = (*JSON_TYPES, "application/json;stream=watch")
PATCH_TYPES: Final = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)
STRATEGIC: Final = "application/strategic-merge-patch+json"
"""Has no meaning for custom resources: their schemas carry no patch strategies."""
ANY_TYPES: Final = ("*/*",)
LOG_TYPES: Final = ("text/plain", *JSON_TYPES)
TEXT: Final = "string"
"""Stands for a plain text where a schema is expected."""

_STATUS: Final = ("meta/v1", "Status")
_DELETE_OPTIONS: Final = ("meta/v1", "DeleteOptions")


class Parameter(Struct, frozen=True):
    name: str
    location: Location
    type: str
    description: str = ""


class Operation(Struct, frozen=True, kw_only=True):
    """One method of one path."""

    method: str
    id: str
    tag: str
    description: str
    action: str = ""
    """``x-kubernetes-action``: get, list, post, put, patch, delete, deletecollection, connect."""
    kind: tuple[str, str, str] | None = None
    """Group, version and kind of the object that is read or written, or of a connection's options."""
    parameters: tuple[Parameter, ...] = ()
    body: SchemaKey | None = None
    body_required: bool = True
    consumes: tuple[str, ...] = ()
    produces: tuple[str, ...] = JSON_TYPES
    responses: tuple[tuple[int, SchemaKey], ...]
    """Status codes and schemas; 401 comes with every operation."""


class PathItem(Struct, frozen=True):
    path: str
    parameters: tuple[Parameter, ...]
    operations: tuple[Operation, ...]


def _query(*rows: tuple[str, str, str]) -> tuple[Parameter, ...]:
    return tuple(Parameter(name, "query", type_, text) for name, type_, text in rows)


PRETTY: Final = Parameter("pretty", "query", "string", "If true, the output is indented.")
NAMESPACE: Final = Parameter("namespace", "path", "string", "Namespace of the object.")
_DRY_RUN: Final = ("dryRun", "string", "All: the request is processed, but nothing is stored.")
_MANAGER: Final = (
    "fieldManager",
    "string",
    "Name of who makes the change; at most 128 printable characters.",
)
_VALIDATION: Final = (
    "fieldValidation",
    "string",
    "What unknown and duplicate fields lead to: Ignore, Warn (the default) or Strict.",
)
WRITE: Final = _query(_DRY_RUN, _MANAGER, _VALIDATION)
FORCE: Final = _query(("force", "boolean", "Takes over fields that others manage; for apply patches only."))
DELETE: Final = _query(
    _DRY_RUN,
    ("gracePeriodSeconds", "integer", "Seconds before the object is gone; 0 deletes at once."),
    (
        "ignoreStoreReadErrorWithClusterBreakingPotential",
        "boolean",
        "Deletes an object that cannot be read from the store, finalizers notwithstanding.",
    ),
    ("orphanDependents", "boolean", "Deprecated in favour of propagationPolicy."),
    ("propagationPolicy", "string", "What happens to dependents: Orphan, Background or Foreground."),
)
SELECT: Final = _query(
    ("continue", "string", "Token of the previous page."),
    ("fieldSelector", "string", "Restricts the objects by their fields."),
    ("labelSelector", "string", "Restricts the objects by their labels."),
    ("limit", "integer", "Most objects on a page."),
    ("resourceVersion", "string", "The version that the answer is at, or not older than."),
    ("resourceVersionMatch", "string", "How resourceVersion is meant: Exact or NotOlderThan."),
    ("sendInitialEvents", "boolean", "A watch begins with the objects that exist, then sends a bookmark."),
    ("timeoutSeconds", "integer", "Longest duration of the call."),
)
WATCH: Final = _query(
    ("allowWatchBookmarks", "boolean", "Asks for events that only tell the current version."),
    ("watch", "boolean", "Stream of changes instead of a list."),
)
LIST: Final = tuple(sorted((*SELECT, *WATCH), key=lambda parameter: parameter.name))
DELETE_COLLECTION: Final = tuple(sorted((*SELECT, *DELETE), key=lambda parameter: parameter.name))

_ITEM_VERBS: Final = {
    "get": ("get", "read", "get"),
    "update": ("put", "replace", "put"),
    "create": ("post", "create", "post"),
    "patch": ("patch", "patch", "patch"),
    "delete": ("delete", "delete", "delete"),
}
"""Verb: HTTP method, first word of the operation id, action."""

_PARAMETER_TYPES: Final = {"string": "string", "bool": "boolean", "int32": "integer", "int64": "integer"}


def resource_keys(row: Resource) -> tuple[SchemaKey, SchemaKey]:
    """The schemas of an object and of a list."""
    package = package_of(row.type_reference)
    if package and schema.GROUPS[package.partition("/")[0]] == row.group:
        return (package, row.kind), (package, row.list_kind)
    name = custom_definition_name(row.group, row.version, row.kind)
    return name, f"{name}List"


def is_custom(row: Resource) -> bool:
    return isinstance(resource_keys(row)[0], str)


def option_parameters(package: str, kind: str) -> tuple[Parameter, ...]:
    """The query parameters that an options type stands for (PodExecOptions), by name; upstream leaves out times."""
    return tuple(
        Parameter(field.json, "query", _PARAMETER_TYPES[field.type.name])
        for field in sorted(schema.fields_of(package, kind), key=lambda field: field.json)
        if field.type.name in _PARAMETER_TYPES
    )


class _Writer:
    """Writes the paths of one resource."""

    def __init__(self, row: Resource) -> None:
        self._row = row
        self._item, self._list = resource_keys(row)
        self._group = operation_group(row.group, row.version)
        self._tag = tag(row.group, row.version)
        self._scope = "Namespaced" if row.namespaced else ""
        patches = [kind for kind in PATCH_TYPES if not (is_custom(row) and kind == STRATEGIC)]
        self._patches = tuple(patches)
        self._name = Parameter("name", "path", "string", f"Name of the {row.kind}.")

    def paths(self) -> Iterator[PathItem]:
        row = self._row
        if "list" in row.verbs and row.namespaced:
            operation = self._list_operation(f"list{self._group}{row.kind}ForAllNamespaces")
            yield PathItem(row.path(), (PRETTY,), (operation,))
        if collection := tuple(self._collection()):
            yield PathItem(row.path("{namespace}"), self._shared(), collection)
        verbs = [verb for verb in row.verbs if verb in ("get", "update", "patch", "delete")]
        if verbs:
            operations = tuple(self._object_operation(verb) for verb in verbs)
            yield PathItem(row.path("{namespace}", "{name}"), self._shared(self._name), operations)
        for subresource in row.subresources:
            yield from self._subresource(subresource)

    def _shared(self, *more: Parameter, pretty: bool = True) -> tuple[Parameter, ...]:
        namespace = (NAMESPACE,) if self._row.namespaced else ()
        return (*more, *namespace, *((PRETTY,) if pretty else ()))

    def _collection(self) -> Iterator[Operation]:
        row = self._row
        name = f"{self._scope}{row.kind}"
        if "list" in row.verbs:
            yield self._list_operation(f"list{self._group}{name}")
        if "create" in row.verbs:
            yield self._object_operation("create")
        if "deletecollection" in row.verbs:
            yield Operation(
                method="delete",
                id=f"delete{self._group}Collection{name}",
                tag=self._tag,
                description=f"Delete all {row.kind} objects that are selected.",
                action="deletecollection",
                kind=row.gvk,
                parameters=DELETE_COLLECTION,
                body=_DELETE_OPTIONS,
                body_required=False,
                consumes=ANY_TYPES,
                responses=((200, _STATUS),),
            )

    def _list_operation(self, operation_id: str) -> Operation:
        return Operation(
            method="get",
            id=operation_id,
            tag=self._tag,
            description=f"List or watch objects of kind {self._row.kind}.",
            action="list",
            kind=self._row.gvk,
            parameters=LIST,
            consumes=ANY_TYPES,
            produces=WATCH_TYPES,
            responses=((200, self._list),),
        )

    def _object_operation(self, verb: str) -> Operation:
        row = self._row
        returned = self._item if verb != "delete" or row.returns_deleted else _STATUS
        return self._verb(
            verb,
            f"{self._scope}{row.kind}",
            f"{verb.capitalize()} a {row.kind}.",
            kind=row.gvk,
            written=self._item,
            returned=returned,
        )

    def _verb(
        self,
        verb: str,
        suffix: str,
        description: str,
        *,
        kind: tuple[str, str, str],
        written: SchemaKey,
        returned: SchemaKey,
    ) -> Operation:
        method, word, action = _ITEM_VERBS[verb]
        codes = {"get": (200,), "create": (200, 201, 202), "delete": (200, 202)}.get(verb, (200, 201))
        body: dict[str, SchemaKey] = {
            "create": written,
            "update": written,
            "patch": PATCH,
            "delete": _DELETE_OPTIONS,
        }
        parameters = {"get": (), "delete": DELETE, "patch": (*WRITE, *FORCE)}.get(verb, WRITE)
        return Operation(
            method=method,
            id=f"{word}{self._group}{suffix}",
            tag=self._tag,
            description=description,
            action=action,
            kind=kind,
            parameters=parameters,
            body=body.get(verb),
            body_required=verb != "delete",
            consumes=self._patches if verb == "patch" else ANY_TYPES,
            responses=tuple((code, returned) for code in codes),
        )

    def _subresource(self, subresource: Subresource) -> Iterator[PathItem]:
        row = self._row
        path = row.path("{namespace}", "{name}", subresource.name)
        if subresource.is_connection:
            yield from self._connection(subresource, path)
            return
        if subresource.options:
            yield PathItem(path, self._shared(self._name), (self._with_options(subresource),))
            return
        package = package_of(subresource.module)
        key: SchemaKey = self._item
        if (subresource.group, subresource.version, subresource.kind) != row.gvk:
            key = (package, subresource.kind)
        kind = (subresource.group, subresource.version, subresource.kind)
        suffix = self._suffix(subresource)
        operations = tuple(
            self._verb(
                verb,
                suffix,
                f"{verb.capitalize()} {subresource.name} of a {row.kind}.",
                kind=kind,
                written=key,
                returned=key,
            )
            for verb in subresource.verbs
        )
        yield PathItem(path, self._shared(self._name), operations)

    def _suffix(self, subresource: Subresource) -> str:
        return f"{self._scope}{self._row.kind}{upper_first(subresource.name)}"

    def _with_options(self, subresource: Subresource) -> Operation:
        package = package_of(subresource.module)
        return Operation(
            method="get",
            id=f"read{self._group}{self._suffix(subresource)}",
            tag=self._tag,
            description=f"Read {subresource.name} of a {self._row.kind}.",
            action="get",
            kind=(subresource.group, subresource.version, subresource.kind),
            parameters=option_parameters(package, subresource.options),
            consumes=ANY_TYPES,
            produces=LOG_TYPES,
            responses=((200, TEXT),),
        )

    def _connection(self, subresource: Subresource, path: str) -> Iterator[PathItem]:
        package = package_of(subresource.module)
        parameters = option_parameters(package, subresource.kind)

        def operations(suffix: str) -> tuple[Operation, ...]:
            return tuple(
                Operation(
                    method=method.lower(),
                    id=f"connect{self._group}{method.capitalize()}{self._suffix(subresource)}{suffix}",
                    tag=self._tag,
                    description=f"Connect {method} requests to {subresource.name} of a {self._row.kind}.",
                    action="connect",
                    kind=(subresource.group, subresource.version, subresource.kind),
                    consumes=ANY_TYPES,
                    produces=ANY_TYPES,
                    responses=((200, TEXT),),
                )
                for method in subresource.methods
            )

        shared = (*self._shared(self._name, pretty=False), *parameters)
        yield PathItem(path, shared, operations(""))
        if subresource.takes_path:
            rest = Parameter("path", "path", "string", "Path at the backend.")
            yield PathItem(f"{path}/{{path}}", (*shared, rest), operations("WithPath"))


def resource_paths(row: Resource) -> tuple[PathItem, ...]:
    """The paths of a resource and its subresources."""
    return tuple(_Writer(row).paths())


def _get(path: str, operation_id: str, tag_: str, description: str, key: SchemaKey) -> PathItem:
    operation = Operation(
        method="get",
        id=operation_id,
        tag=tag_,
        description=description,
        consumes=JSON_TYPES,
        responses=((200, key),),
    )
    return PathItem(path, (), (operation,))


def group_version_path(group: str, version: str) -> PathItem:
    """Discovery of one group version."""
    path = f"/apis/{group}/{version}/" if group else f"/api/{version}/"
    return _get(
        path,
        f"get{operation_group(group, version)}APIResources",
        tag(group, version),
        "Get the resources of the version.",
        ("meta/v1", "APIResourceList"),
    )


def group_path(group: GroupInfo) -> PathItem:
    """Discovery of one group; of the core group's versions for the group without a name."""
    if not group.name:
        return _get(
            "/api/", "getCoreAPIVersions", "core", "Get the core versions.", ("meta/v1", "APIVersions")
        )
    return _get(
        f"/apis/{group.name}/",
        f"get{operation_group(group.name, '')}APIGroup",
        tag(group.name, ""),
        "Get the versions of the group.",
        ("meta/v1", "APIGroup"),
    )


def groups_path() -> PathItem:
    return _get("/apis/", "getAPIVersions", "apis", "Get the groups.", ("meta/v1", "APIGroupList"))


def version_path() -> PathItem:
    return _get("/version/", "getCodeVersion", "version", "Get the version of the server.", VERSION_INFO)
