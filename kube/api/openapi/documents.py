"""The OpenAPI documents of a cluster: built on first request, kept until the resource table changes."""

from collections.abc import Callable
from hashlib import sha512
from typing import Any, Final

import msgspec
from msgspec import Struct

from kube.api.descriptions import Descriptions, descriptions
from kube.api.openapi import gnostic, operations, v2, v3
from kube.api.openapi.operations import PathItem, is_custom, resource_keys, resource_paths
from kube.api.openapi.schemas import Schema, SchemaBuilder
from kube.api.resources import Resource, ResourceTable

V2_PROTOBUF_ACCEPTED: Final = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
"""Media type by which clients ask for the v2 document in protobuf."""
V2_PROTOBUF: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
"""Content type of the answer: clients cannot parse the one they ask for, which has an ``@``."""

_FORMAT: Final = b"1"
"""Grows when the same table and texts give other documents, so that clients' caches are passed by."""

CustomSchema = Callable[[Resource], Schema | None]
"""Gives the object schema of a custom resource, as OpenAPI publishes it; None if there is none to publish."""


class Document(Struct, frozen=True):
    """An encoded document; ``etag`` is without quotes."""

    body: bytes
    etag: str


def _no_schema(_: Resource) -> Schema | None:
    return None


class OpenAPI:
    """The documents of one resource table."""

    def __init__(
        self,
        table: ResourceTable,
        version: str,
        *,
        texts: Callable[[], Descriptions] = descriptions,
        custom_schema: CustomSchema = _no_schema,
    ) -> None:
        """``version`` is the server's, ``v1.37.0``."""
        self._table = table
        self._version = version
        self._texts = texts
        self._custom_schema = custom_schema
        self._revision = table.revision
        self._v2: dict[str, Document] = {}
        self._v3: dict[str, Document] = {}

    def _refresh(self) -> None:
        """Forget v2 when the table has changed, and those v3 documents that are no longer what they were."""
        if self._revision != self._table.revision:
            self._revision = self._table.revision
            self._v2 = {}
            self._v3 = {path: kept for path, kept in self._v3.items() if kept.etag == self._hash(path)}

    def v2_json(self) -> Document:
        """``/openapi/v2`` as JSON."""
        self._refresh()
        if "json" not in self._v2:
            self._v2["json"] = _document(msgspec.json.encode(self._v2_document()))
        return self._v2["json"]

    def v2_protobuf(self) -> Document:
        """``/openapi/v2`` in protobuf, for ``V2_PROTOBUF_ACCEPTED``."""
        self._refresh()
        if "protobuf" not in self._v2:
            self._v2["protobuf"] = _document(gnostic.encode(self._v2_document()))
        return self._v2["protobuf"]

    def v3_index(self) -> bytes:
        """``/openapi/v3``: where each document is, with a hash that changes with its content."""
        paths = {
            path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={self._hash(path)}"}
            for path in self.v3_paths()
        }
        return msgspec.json.encode({"paths": paths})

    def v3_paths(self) -> tuple[str, ...]:
        """``api``, ``api/v1``, ``apis``, ``apis/apps``, ``apis/apps/v1``, ..., ``version``; sorted."""
        found = {"apis", "version"}
        for group in self._table.groups():
            root = f"apis/{group.name}" if group.name else "api"
            found.add(root)
            found.update(f"{root}/{version}" for version in group.versions)
        return tuple(sorted(found))

    def v3(self, path: str) -> Document | None:
        """``/openapi/v3/PATH``; its etag is the hash of the index. None if there is no such document."""
        self._refresh()
        if path not in self._v3:
            items = self._items(path)
            if items is None:
                return None
            builder = self._builder(v3_dialect=True, rows=self._rows(path))
            tree = v3.document(self._version, items, builder)
            self._v3[path] = Document(msgspec.json.encode(tree), self._hash(path))
        return self._v3[path]

    def _v2_document(self) -> dict[str, Any]:
        rows = tuple(self._table)
        items = [item for path in self.v3_paths() for item in self._items(path) or ()]
        builder = self._builder(v3_dialect=False, rows=rows)
        return v2.document(self._version, items, builder)

    def _builder(self, *, v3_dialect: bool, rows: tuple[Resource, ...]) -> SchemaBuilder:
        builder = SchemaBuilder(
            v3=v3_dialect,
            texts=self._texts(),
            group_versions=dict.fromkeys(row.group_version for row in rows),
        )
        for row in rows:
            if is_custom(row):
                self._define(row, builder)
        return builder

    def _define(self, row: Resource, builder: SchemaBuilder) -> None:
        """The definitions of a custom resource and of its list."""
        name, list_name = map(str, resource_keys(row))
        kind = {"group": row.group, "kind": row.kind, "version": row.version}
        body = dict(self._custom_schema(row) or {"x-kubernetes-preserve-unknown-fields": True})
        properties = {**body.get("properties", {}), **builder.type_meta(), "metadata": builder.object_meta()}
        kinds = "x-kubernetes-group-version-kind"
        reference = builder.define(name, {**body, "type": "object", "properties": properties, kinds: [kind]})
        items = {"type": "array", "items": reference}
        list_meta = builder.reference(("meta/v1", "ListMeta"))
        builder.define(
            list_name,
            {
                "type": "object",
                "required": ["items"],
                "properties": {**builder.type_meta(), "metadata": list_meta, "items": items},
                kinds: [{**kind, "kind": row.list_kind}],
            },
        )

    def _rows(self, path: str) -> tuple[Resource, ...]:
        """The rows of a group version's path."""
        first, *rest = path.split("/")
        if first == "apis" and len(rest) == 2:
            return self._table.in_group_version(rest[0], rest[1])
        if first == "api" and len(rest) == 1:
            return self._table.in_group_version("", rest[0])
        return ()

    def _items(self, path: str) -> list[PathItem] | None:
        if path == "version":
            return [operations.version_path()]
        if path == "apis":
            return [operations.groups_path()]
        for group in self._table.groups():
            if path == (f"apis/{group.name}" if group.name else "api"):
                return [operations.group_path(group)]
        rows = self._rows(path)
        if not rows:
            return None
        discovery = operations.group_version_path(rows[0].group, rows[0].version)
        return [discovery, *(item for row in rows for item in resource_paths(row))]

    def _hash(self, path: str) -> str:
        """Hashes what a document is made of, so that the index is there before any document is built."""
        rows = self._rows(path)
        schemas = [self._custom_schema(row) for row in rows if is_custom(row)]
        digest = sha512(_FORMAT)
        for part in (path, self._version, self._texts().source, rows, schemas):
            digest.update(msgspec.json.encode(part))
        return digest.hexdigest().upper()


def _document(body: bytes) -> Document:
    return Document(body, sha512(body).hexdigest().upper())
