"""The documents: their shape, their caches and hashes, custom resources, and v2 in protobuf."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from kube.api.descriptions import Descriptions
from kube.api.openapi import gnostic
from kube.api.openapi.documents import OpenAPI
from kube.api.openapi.protobuf import bool_field, bytes_field, varint
from kube.api.openapi.schemas import Schema
from kube.api.resources import Resource, ResourceTable, builtin_table

NO_TEXTS = Descriptions("", {})


def widget(version: str = "v1") -> Resource:
    return Resource(
        group="example.com",
        version=version,
        kind="Widget",
        plural="widgets",
        singular="widget",
        list_kind="WidgetList",
        namespaced=True,
        verbs=("create", "get", "list", "patch"),
        storage_group="example.com",
        storage_version="v1",
        storage_prefix="example.com/widgets",
        type_reference="kube.apimachinery.unstructured:Unstructured",
    )


@pytest.fixture
def table() -> ResourceTable:
    return builtin_table()


@pytest.fixture
def openapi(table: ResourceTable) -> OpenAPI:
    return OpenAPI(table, "v1.37.0", texts=lambda: NO_TEXTS)


def v3(openapi: OpenAPI, path: str) -> Any:
    document = openapi.v3(path)
    assert document is not None
    return json.loads(document.body)


class TestV3:
    def test_the_index_names_every_document_and_its_hash(self, openapi: OpenAPI) -> None:
        paths = json.loads(openapi.v3_index())["paths"]
        assert {"api", "api/v1", "apis", "apis/apps", "apis/apps/v1", "version"} <= set(paths)
        for path, entry in paths.items():
            document = openapi.v3(path)
            assert document is not None
            assert entry == {"serverRelativeURL": f"/openapi/v3/{path}?hash={document.etag}"}

    def test_a_document(self, openapi: OpenAPI) -> None:
        document = v3(openapi, "apis/apps/v1")
        assert document["openapi"] == "3.0.0"
        assert document["info"] == {"title": "Kubernetes", "version": "v1.37.0"}
        path = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]
        assert [one["name"] for one in path["parameters"]] == ["name", "namespace", "pretty"]
        patch = path["patch"]
        assert patch["operationId"] == "patchAppsV1NamespacedDeployment"
        assert patch["x-kubernetes-action"] == "patch"
        assert patch["x-kubernetes-group-version-kind"] == {
            "group": "apps",
            "kind": "Deployment",
            "version": "v1",
        }
        assert {"name": "dryRun", "in": "query"}.items() <= patch["parameters"][0].items()
        assert "application/strategic-merge-patch+json" in patch["requestBody"]["content"]
        assert set(patch["responses"]) == {"200", "201", "401"}
        assert "io.k8s.api.core.v1.PodSpec" in document["components"]["schemas"]
        assert "io.k8s.api.core.v1.Node" not in document["components"]["schemas"]

    def test_what_is_not_served_has_no_document(self, openapi: OpenAPI) -> None:
        for path in ("apis/apps/v1beta1", "apis/nope", "api/v2", "nope", ""):
            assert openapi.v3(path) is None

    def test_every_reference_is_defined(self, openapi: OpenAPI) -> None:
        for path in openapi.v3_paths():
            document = v3(openapi, path)
            schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
            used = set(references(document))
            assert used == schemas, path

    def test_documents_are_kept(self, openapi: OpenAPI) -> None:
        assert openapi.v3("api/v1") is openapi.v3("api/v1")


def references(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        if isinstance(tree.get("$ref"), str):
            yield tree["$ref"]
        for value in tree.values():
            yield from references(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from references(item)


class TestCustomResources:
    def test_appear_and_disappear(self, table: ResourceTable, openapi: OpenAPI) -> None:
        before = openapi.v2_json()
        kept = openapi.v3("api/v1")
        table.add(widget())
        assert "/apis/example.com/v1/widgets" in json.loads(openapi.v2_json().body)["paths"]
        body = v3(openapi, "apis/example.com/v1")["components"]["schemas"]["com.example.v1.Widget"]
        assert body["x-kubernetes-preserve-unknown-fields"] is True
        assert body["x-kubernetes-group-version-kind"] == [
            {"group": "example.com", "kind": "Widget", "version": "v1"}
        ]
        assert openapi.v3("api/v1") is kept
        table.remove("example.com", "v1", "widgets")
        assert openapi.v3("apis/example.com/v1") is None
        assert openapi.v2_json().etag == before.etag

    def test_publish_their_schema(self, table: ResourceTable) -> None:
        size: Schema = {
            "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}
        }
        openapi = OpenAPI(table, "v1.37.0", texts=lambda: NO_TEXTS, custom_schema=lambda _: size)
        table.add(widget())
        definitions = json.loads(openapi.v2_json().body)["definitions"]
        properties = definitions["com.example.v1.Widget"]["properties"]
        assert properties["spec"]["properties"]["size"] == {"type": "integer"}
        assert properties["metadata"] == {
            "$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
        }
        assert set(properties) == {"apiVersion", "kind", "metadata", "spec"}
        items = definitions["com.example.v1.WidgetList"]["properties"]["items"]
        assert items == {"type": "array", "items": {"$ref": "#/definitions/com.example.v1.Widget"}}

    def test_a_changed_schema_changes_the_hash(self, table: ResourceTable) -> None:
        schema: dict[str, Schema | None] = {"now": None}
        openapi = OpenAPI(table, "v1.37.0", texts=lambda: NO_TEXTS, custom_schema=lambda _: schema["now"])
        table.add(widget())
        before = openapi.v3("apis/example.com/v1")
        assert before is not None
        schema["now"] = {"properties": {"spec": {"type": "object"}}}
        table.add(widget())
        after = openapi.v3("apis/example.com/v1")
        assert after is not None
        assert after.etag != before.etag
        assert after.etag in openapi.v3_index().decode()


def test_descriptions_are_there_when_installed(table: ResourceTable) -> None:
    openapi = OpenAPI(table, "v1.37.0")
    if not openapi._texts().source:
        pytest.skip("needs the extra 'explain'")
    pod = v3(openapi, "api/v1")["components"]["schemas"]["io.k8s.api.core.v1.Pod"]
    assert pod["description"]
    assert pod["properties"]["spec"]["description"]


class TestV2:
    def test_the_document(self, openapi: OpenAPI) -> None:
        document = json.loads(openapi.v2_json().body)
        assert document["swagger"] == "2.0"
        patch = document["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"]
        assert "dryRun" in [one["name"] for one in patch["parameters"]]
        assert patch["parameters"][0]["schema"]["$ref"].endswith(".Patch")
        assert set(references(document)) == {f"#/definitions/{name}" for name in document["definitions"]}

    def test_protobuf_says_what_json_says(self, openapi: OpenAPI) -> None:
        document = json.loads(openapi.v2_json().body)
        decoded = Decoder(openapi.v2_protobuf().body)
        assert decoded.text(1) == "2.0"
        assert decoded.one(2).text(2) == "v1.37.0"
        paths = {entry.text(1): entry.one(2) for entry in decoded.one(8).every(2)}
        assert set(paths) == set(document["paths"])
        definitions = {entry.text(1): entry.one(2) for entry in decoded.one(9).every(1)}
        assert set(definitions) == set(document["definitions"])
        for name, schema in definitions.items():
            assert schema.tree() == document["definitions"][name], name

    def test_protobuf_operations(self, openapi: OpenAPI) -> None:
        decoded = Decoder(openapi.v2_protobuf().body)
        paths = {entry.text(1): entry.one(2) for entry in decoded.one(8).every(2)}
        patch = paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"].one(8)
        assert patch.text(5) == "patchAppsV1NamespacedDeployment"
        parameters = [item.one(1) for item in patch.every(8)]
        body = parameters[0].one(1)
        assert body.text(2) == "body"
        assert body.one(5).text(1).endswith("meta.v1.Patch")
        names = [parameter.one(2).one(3).text(4) for parameter in parameters[1:]]
        assert names == ["dryRun", "fieldManager", "fieldValidation", "force"]
        extensions = {entry.text(1): json.loads(entry.one(2).text(2)) for entry in patch.every(13)}
        assert extensions["x-kubernetes-group-version-kind"]["kind"] == "Deployment"
        responses = {entry.text(1): entry.one(2).one(1) for entry in patch.one(9).every(1)}
        assert responses["200"].one(2).one(1).text(1) == "#/definitions/io.k8s.api.apps.v1.Deployment"

    def test_an_unknown_key_is_refused(self) -> None:
        with pytest.raises(KeyError, match="oneOf"):
            gnostic.encode({"definitions": {"a": {"oneOf": []}}})


class Decoder:
    """Reads protobuf back, without a schema."""

    def __init__(self, data: bytes) -> None:
        self.fields: dict[int, list[Any]] = {}
        at = 0
        while at < len(data):
            key, at = self.varint(data, at)
            if key & 7 == 0:
                value, at = self.varint(data, at)
                self.fields.setdefault(key >> 3, []).append(value)
                continue
            assert key & 7 == 2
            length, at = self.varint(data, at)
            self.fields.setdefault(key >> 3, []).append(data[at : at + length])
            at += length
        assert at == len(data)

    @staticmethod
    def varint(data: bytes, at: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            byte = data[at]
            value |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                return value, at

    def every(self, field: int) -> list["Decoder"]:
        return [Decoder(value) for value in self.fields.get(field, [])]

    def one(self, field: int) -> "Decoder":
        (value,) = self.fields[field]
        return Decoder(value)

    def texts(self, field: int) -> list[str]:
        return [value.decode() for value in self.fields.get(field, [])]

    def text(self, field: int) -> str:
        (value,) = self.texts(field)
        return value

    def tree(self) -> Any:
        """A Schema message as its JSON."""
        found: dict[str, Any] = {
            key: self.text(number)
            for number, key in {1: "$ref", 2: "format", 4: "description", 13: "pattern"}.items()
            if number in self.fields
        }
        if 19 in self.fields:
            found["required"] = self.texts(19)
        if 21 in self.fields:
            found["additionalProperties"] = self.one(21).one(1).tree()
        if 22 in self.fields:
            found["type"] = self.one(22).text(1)
        if 23 in self.fields:
            found["items"] = self.one(23).one(1).tree()
        if 25 in self.fields:
            found["properties"] = {entry.text(1): entry.one(2).tree() for entry in self.one(25).every(1)}
        for entry in self.every(31):
            found[entry.text(1)] = json.loads(entry.one(2).text(2))
        assert set(self.fields) <= {1, 2, 4, 13, 19, 21, 22, 23, 25, 31}
        return found


def test_varints() -> None:
    for number in (0, 1, 127, 128, 300, 16383, 16384, 2**31, 2**63):
        assert Decoder.varint(varint(number), 0) == (number, len(varint(number)))
    assert bytes_field(1, b"ab") == b"\x0a\x02ab"
    assert bool_field(4, True) == b"\x20\x01"
