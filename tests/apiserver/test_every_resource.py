"""Every resource that can be written, through every verb, over HTTPS, in the same words for all.

The table has a row for each resource of ``kube.api.resources``, or a test fails. What differs from kind to kind is data in
the row; what the verbs do, status codes, versions, generations and representations, holds for all of them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kube.api.resources import Resource, builtin_table
from kube.testing.thread import ClusterThread
from tests.apiserver.every_resource import TABLE_OF_ROWS, Row
from tests.conformance.rest import METADATA, METADATA_LIST, TABLE, Rest

RESOURCES = {row.gvr: row for row in builtin_table()}
GENERIC_VERBS = {"create", "get", "list", "watch", "update", "patch", "delete"}
LABELLED = "labelSelector"


def generic(resource: Resource) -> bool:
    return resource.stored and set(resource.verbs) >= GENERIC_VERBS


CASES = [
    pytest.param(resource, TABLE_OF_ROWS[gvr], id=f"{resource.group_resource}-{resource.version}")
    for gvr, resource in RESOURCES.items()
    if gvr in TABLE_OF_ROWS
]


def test_every_resource_has_a_row():
    assert sorted(gvr for gvr, resource in RESOURCES.items() if generic(resource)) == sorted(TABLE_OF_ROWS)


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    """An API server alone: nobody else writes."""
    path: Path = tmp_path_factory.mktemp("kube") / "kubeconfig"
    with ClusterThread(path, nodes=0, controllers=(), scheduler=False):
        rest = Rest(path)
        yield rest
        rest.close()


class Kind:
    """One row's URLs and objects, in a namespace of its own."""

    def __init__(self, rest: Rest, resource: Resource, row: Row, suffix: str) -> None:
        self.rest, self.resource, self.row = rest, resource, row
        self.namespace = (
            f"{resource.group.partition('.')[0] or 'core'}-{resource.version}-{resource.plural}"[:40]
            + f"-{suffix}"
        )
        root = f"/apis/{resource.group}/{resource.version}" if resource.group else "/api/v1"
        self.all = f"{root}/{resource.plural}"
        self.url = self.all
        if resource.namespaced:
            self.url = f"{root}/namespaces/{self.namespace}/{resource.plural}"
            rest.create("/api/v1/namespaces", {"metadata": {"name": self.namespace}})
            rest.create(
                f"/api/v1/namespaces/{self.namespace}/serviceaccounts", {"metadata": {"name": "default"}}
            )
        self.item = f"{self.url}/{row.name}"

    def tree(self, name: str = "", **labels: str) -> dict[str, Any]:
        name = name or self.row.name
        body = self.row.tree if name == self.row.name else self.row.other_tree or self.row.tree
        for key in ("involvedObject", "regarding"):
            if key in body:
                body = {**body, key: {**body[key], "namespace": self.namespace}}
        return {
            "apiVersion": self.resource.api_version,
            "kind": self.resource.kind,
            "metadata": {"name": name, "labels": labels},
            **body,
        }

    def create(self, name: str = "", /, **labels: str) -> Any:
        return self.rest.create(self.url, self.tree(name, **labels))

    def finish(self, name: str = "") -> None:
        """Take the finalizers of what waits for a controller."""
        item = f"{self.url}/{name or self.row.name}"
        if self.rest.exists(item) and self.resource.kind == "Namespace":
            left = self.rest.get(item)
            self.rest.put(f"{item}/finalize", {**left, "spec": {"finalizers": []}})
        elif self.rest.exists(item):
            assert self.rest.get(item)["metadata"]["deletionTimestamp"]
            self.rest.merge(item, {"metadata": {"finalizers": None}})
        self.rest.refused(404, "NotFound", "GET", item)


@pytest.fixture
def kind(rest: Rest, request: pytest.FixtureRequest) -> Iterator[Kind]:
    resource, row = request.param
    kind = Kind(
        rest, resource, row, request.node.originalname.removeprefix("test_")[:18].strip("_").replace("_", "-")
    )
    yield kind
    for name in (row.name, row.other):
        if rest.exists(f"{kind.url}/{name}"):
            rest("DELETE", f"{kind.url}/{name}", gracePeriodSeconds=0)
            kind.finish(name)


every = pytest.mark.parametrize(
    "kind", [pytest.param(case.values, id=case.id) for case in CASES], indirect=True
)


def holds(whole: Any, part: Any) -> bool:
    """Whether a tree has all that another has."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and holds(whole[key], part[key]) for key in part)
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(holds, whole, part))
    return bool(whole == part)


def version(obj: Any) -> int:
    return int(obj["metadata"]["resourceVersion"])


@every
def test_create_get_and_list(kind: Kind) -> None:
    rest, resource, row = kind.rest, kind.resource, kind.row
    tried = rest.create(kind.url, kind.tree(a="1"), dryRun="All")
    assert tried["metadata"]["uid"]
    assert "resourceVersion" not in tried["metadata"]
    rest.refused(404, "NotFound", "GET", kind.item)
    reply = rest("POST", kind.url, kind.tree(a="1"))
    assert (reply.status, reply.headers["Content-Type"]) == (201, "application/json"), reply.body
    made = reply.json
    meta = made["metadata"]
    assert (made["kind"], made["apiVersion"]) == (resource.kind, resource.api_version)
    assert meta["uid"] != tried["metadata"]["uid"]
    assert meta["creationTimestamp"].endswith("Z")
    assert meta.get("namespace", "") == (kind.namespace if resource.namespaced else "")
    assert meta.get("generation", 0) == (1 if resource.generation else 0)
    assert rest.get(kind.item) == made
    again = rest.refused(409, "AlreadyExists", "POST", kind.url, kind.tree())
    assert again["message"] == f'{resource.group_resource} "{row.name}" already exists'
    listed = rest.get(kind.url, labelSelector="a=1")
    assert (listed["kind"], listed["apiVersion"]) == (resource.list_kind, resource.api_version)
    assert [item["metadata"]["name"] for item in listed["items"]] == [row.name]
    assert listed["items"][0]["metadata"] == meta
    assert version(listed) >= version(made)
    assert row.name in {item["metadata"]["name"] for item in rest.get(kind.all)["items"]}
    selected = rest.get(kind.url, fieldSelector=f"metadata.name={row.name}", limit=1)
    assert [item["metadata"]["name"] for item in selected["items"]] == [row.name]


@every
def test_tables_and_metadata(kind: Kind) -> None:
    rest, row = kind.rest, kind.row
    made = kind.create(a="1")
    for url, more in ((kind.item, {}), (kind.url, {LABELLED: "a=1"})):
        table = rest.get(url, accept=TABLE, **more)
        assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
        assert table["columnDefinitions"][0]["name"] == ("Last Seen" if made["kind"] == "Event" else "Name")
        [line] = table["rows"]
        assert len(line["cells"]) == len(table["columnDefinitions"])
        assert line["object"]["kind"] == "PartialObjectMetadata"
        assert line["object"]["metadata"] == made["metadata"]
    [whole] = rest.get(kind.url, accept=TABLE, labelSelector="a=1", includeObject="Object")["rows"]
    assert whole["object"] == made
    [bare] = rest.get(kind.url, accept=TABLE, labelSelector="a=1", includeObject="None")["rows"]
    assert bare.get("object") is None
    partial = rest.get(kind.item, accept=METADATA)
    assert partial == {
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": made["metadata"],
    }  # fmt: skip
    partials = rest.get(kind.url, accept=METADATA_LIST, labelSelector="a=1")
    assert partials["kind"] == "PartialObjectMetadataList"
    assert [item["metadata"]["name"] for item in partials["items"]] == [row.name]
    by_yaml = yaml.load(rest("GET", kind.item, accept="application/yaml").body, yaml.BaseLoader)
    assert by_yaml["metadata"]["uid"] == made["metadata"]["uid"]
    fallen = rest("GET", kind.item, accept="application/vnd.kubernetes.protobuf,application/json")
    assert fallen.json == made


@every
def test_updates_and_patches(kind: Kind) -> None:
    rest, row, item = kind.rest, kind.row, kind.item
    made = kind.create()
    generation = made["metadata"].get("generation", 0)
    assert rest.put(item, made) == made, "an update that changes nothing writes nothing"
    labelled = {**made, "metadata": {**made["metadata"], "labels": {"a": "1"}}}
    put = rest.put(item, labelled)
    assert put["metadata"]["labels"]["a"] == "1"
    assert version(put) > version(made)
    stale = rest.refused(
        409, "Conflict", "PUT", item, labelled | {"metadata": {**labelled["metadata"], "labels": {}}}
    )
    assert "the object has been modified; please apply your changes to the latest version" in stale["message"]
    free = {**put["metadata"], "labels": {"a": "2"}}
    del free["resourceVersion"]
    if row.versioned:
        refused = rest.refused(422, "Invalid", "PUT", item, {**put, "metadata": free})
        assert "metadata.resourceVersion: Invalid value" in refused["message"]
    else:
        put = rest.put(item, {**put, "metadata": free})
        assert put["metadata"]["labels"]["a"] == "2"
    before = version(put)
    tried = rest.merge(item, {"metadata": {"labels": {"b": "dry"}}}, dryRun="All")
    assert tried["metadata"]["labels"]["b"] == "dry"
    assert "b" not in rest.get(item)["metadata"]["labels"]
    merged = rest.merge(item, {"metadata": {"labels": {"b": "1"}}})
    by_operations = rest.json_patch(item, {"op": "replace", "path": "/metadata/labels/b", "value": "2"})
    strategic = rest.strategic(item, {"metadata": {"labels": {"b": None, "c": "3"}}})
    versions = [before, version(merged), version(by_operations), version(strategic)]
    assert versions == sorted(set(versions))
    assert strategic["metadata"]["labels"] == {**put["metadata"]["labels"], "c": "3"}
    assert strategic["metadata"].get("generation", 0) == generation, "labels make no generation"
    assert strategic["metadata"]["uid"] == made["metadata"]["uid"]
    if row.change is None:
        return
    changed = rest.merge(item, row.change)
    assert version(changed) > version(strategic)
    assert changed["metadata"].get("generation", 0) == generation + bool(generation and row.counted)
    assert version(rest.merge(item, row.change)) == version(changed) or "stringData" in row.change


@every
def test_status(kind: Kind) -> None:
    rest, resource, row, item = kind.rest, kind.resource, kind.row, kind.item
    made = kind.create()
    if resource.subresource("status") is None:
        rest.refused(404, "NotFound", "GET", f"{item}/status")
        return
    assert rest.get(f"{item}/status") == made
    assert row.status is not None, "a row of a kind with status says what a status is"
    ignored = rest.merge(item, {"status": row.status})
    assert ignored.get("status") == made.get("status")
    written = rest.merge(f"{item}/status", {"status": row.status, **(row.change or {})})
    assert holds(written["status"], row.status), written["status"]
    assert version(written) > version(made)
    assert written["metadata"].get("generation", 0) == made["metadata"].get("generation", 0)
    assert written.get("spec") == made.get("spec"), "the status alone is written"
    assert rest.get(item) == written
    put = rest.put(
        f"{item}/status", {**written, "spec": {}, "metadata": {**written["metadata"], "labels": {"a": "1"}}}
    )
    assert put.get("spec") == made.get("spec")
    assert rest.get(f"{item}/status") == put


@every
def test_watch(kind: Kind) -> None:
    rest, row, item = kind.rest, kind.row, kind.item
    start = rest.get(kind.url)["metadata"]["resourceVersion"]
    kind.create(a="1")
    rest.merge(item, {"metadata": {"labels": {"b": "1"}}})
    rest.merge(item, {"metadata": {"labels": {"a": "2"}}})
    rest.merge(item, {"metadata": {"labels": {"a": "1"}}})
    rest.delete(item, gracePeriodSeconds=0)
    kind.finish()
    seen = []
    for kind_of_event, obj in rest.watch(kind.url, resourceVersion=start, labelSelector="a=1"):
        seen.append((kind_of_event, obj))
        if [told for told, _ in seen].count("DELETED") == 2:
            break
    told = [told for told, _ in seen if told != "MODIFIED"]
    assert told == ["ADDED", "DELETED", "ADDED", "DELETED"]
    assert {obj["metadata"]["name"] for _, obj in seen} == {row.name}
    versions = [version(obj) for _, obj in seen]
    assert versions == sorted(set(versions))
    assert versions[0] > int(start)
    for how, wanted in ((TABLE, "Table"), (METADATA, "PartialObjectMetadata")):
        told, obj = next(rest.watch(kind.url, accept=how, resourceVersion=start, labelSelector="a=1"))
        assert (told, obj["kind"]) == ("ADDED", wanted)


@every
def test_delete(kind: Kind) -> None:
    rest, resource, row, item = kind.rest, kind.resource, kind.row, kind.item
    made = kind.create()
    rest.delete(item, dryRun="All")
    assert rest.get(item) == made
    wrong = rest.refused(409, "Conflict", "DELETE", item, {"preconditions": {"uid": "another"}})
    assert "recondition" in wrong["message"]
    assert made["metadata"]["uid"] in wrong["message"]
    answer = rest.delete(item, gracePeriodSeconds=0)
    waits = rest.exists(item)
    if waits or resource.returns_deleted:
        assert (answer["kind"], answer["metadata"]["uid"]) == (resource.kind, made["metadata"]["uid"])
    else:
        assert (answer["kind"], answer["status"], answer["details"]["uid"]) == (
            "Status",
            "Success",
            made["metadata"]["uid"],
        )
    kind.finish()
    missing = rest.refused(404, "NotFound", "DELETE", item)
    assert missing["message"] == f'{resource.group_resource} "{row.name}" not found'


@every
def test_deletecollection(kind: Kind) -> None:
    rest, resource, row = kind.rest, kind.resource, kind.row
    kind.create("", a="1")
    kept = kind.create(row.other, a="2")
    if "deletecollection" not in resource.verbs:
        rest.refused(405, "MethodNotAllowed", "DELETE", kind.url, labelSelector="a=1")
        return
    answer = rest.delete(kind.url, labelSelector="a=1", gracePeriodSeconds=0)
    assert answer["kind"] == resource.list_kind
    kind.finish()
    assert rest.get(f"{kind.url}/{row.other}") == kept


@every
def test_what_is_unknown_is_refused_or_warned_of(kind: Kind) -> None:
    rest = kind.rest
    odd = {**kind.tree(), "unheardOf": 1}
    told = rest.refused(400, "BadRequest", "POST", kind.url, odd, fieldValidation="Strict")
    assert 'strict decoding error: unknown field "unheardOf"' in told["message"]
    reply = rest("POST", kind.url, odd, fieldValidation="Warn")
    assert (reply.status, reply.headers["Warning"]) == (201, '299 - "unknown field \\"unheardOf\\""')
    assert "unheardOf" not in reply.json
    rest.refused(404, "NotFound", "GET", f"{kind.url}/nobody")
    bad = rest("POST", kind.url, {**kind.tree(), "kind": "Nonsense"})
    assert (bad.status, bad.json["reason"]) == (400, "BadRequest")
