"""Lists are put together from their objects' bytes; tables, metadata, YAML and indentation are made of the same."""

import json

import msgspec
import pytest
import yaml

from kube.api.resources import builtin_table
from kube.api.types import autoscaling_v1, events_v1
from kube.api.types.autoscaling_v1 import Scale
from kube.api.types.core_v1 import Container, Pod, PodList, PodSpec
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import ObjectMeta, Status
from kube.apimachinery.serializer import decode, encode
from kube.apiserver.endpoints.encoding import PIECE, encode_result, encode_status
from kube.apiserver.endpoints.interface import Entry, ListResult, ObjectResult, StatusResult
from kube.apiserver.endpoints.negotiation import PLAIN, Representation
from kube.apiserver.endpoints.requestinfo import parse_query
from kube.apiserver.endpoints.tables import TableMaker, include_object

TABLE_OF_RESOURCES = builtin_table()
PODS = TABLE_OF_RESOURCES.get("", "v1", "pods")
NOW = 1_800_000_000.0


def pod(name, **annotations):
    return Pod(
        metadata=ObjectMeta(
            name=name,
            namespace="ns",
            labels={"b": "2", "a": "1"},
            annotations=annotations,
            creation_timestamp="2027-01-15T07:59:00Z",
        ),
        spec=PodSpec(containers=(Container(name="c", image="i: [é]"),), node_name="n1"),
    )


def entry(name, revision=7, **annotations):
    """As it is after the store has written it: the stored bytes lack the resourceVersion."""
    obj = pod(name, **annotations)
    stored = Entry(name.encode(), 0, obj, encode(obj))
    stored.seal(revision)
    return stored


def whole(body):
    return body if isinstance(body, bytes) else b"".join(body)


def encoded(result, form=PLAIN, include="Metadata"):
    return whole(encode_result(result, PODS, form, include, NOW))


def listed(*names, **more):
    return ListResult(entries=[entry(name) for name in names], resource_version="9", **more)


def test_an_object_is_its_shared_bytes():
    one = entry("a")
    body = encoded(ObjectResult(one.object, one))
    assert body == one.encoded + b"\n"
    assert json.loads(body)["metadata"]["resourceVersion"] == "7"


def test_a_list_holds_its_objects_without_their_kind():
    body = encoded(listed("a", "b", continue_="tok", remaining=3))
    assert body.startswith(
        b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"9","continue":"tok","remainingItemCount":3},"items":[{"metadata":'
    )
    found = json.loads(body)
    assert [item["metadata"]["name"] for item in found["items"]] == ["a", "b"]
    assert not any("kind" in item or "apiVersion" in item for item in found["items"])
    typed = decode(PodList, body)
    assert typed.items == tuple(entry(name).object for name in ("a", "b"))


def test_an_empty_list():
    assert (
        encoded(listed())
        == b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"9"},"items":[]}\n'
    )


def test_a_long_list_comes_in_pieces_and_is_the_same():
    entries = [entry(f"p{i}", big="x" * 3000) for i in range(300)]
    body = encode_result(ListResult(entries=entries, resource_version="9"), PODS, PLAIN, "Metadata", NOW)
    pieces = list(body)
    assert len(pieces) > 2
    assert all(len(piece) < PIECE + 10_000 for piece in pieces)
    assert [item["metadata"]["name"] for item in json.loads(b"".join(pieces))["items"]] == [
        f"p{i}" for i in range(300)
    ]


TABLE = Representation(transform="Table")


def test_a_table_of_a_list():
    found = json.loads(encoded(listed("a", "b"), TABLE))
    assert (found["kind"], found["apiVersion"], found["metadata"]) == (
        "Table",
        "meta.k8s.io/v1",
        {"resourceVersion": "9"},
    )
    assert [column["name"] for column in found["columnDefinitions"]][:5] == [
        "Name",
        "Ready",
        "Status",
        "Restarts",
        "Age",
    ]
    first = found["rows"][0]
    assert first["cells"][0] == "a"
    assert first["object"]["kind"] == "PartialObjectMetadata"
    assert set(first["object"]) == {"kind", "apiVersion", "metadata"}


def test_a_table_of_one_object_has_its_version():
    one = entry("a")
    found = json.loads(
        encoded(ObjectResult(one.object, one), Representation(transform="Table", version="v1beta1"))
    )
    assert (found["apiVersion"], found["metadata"], len(found["rows"])) == (
        "meta.k8s.io/v1beta1",
        {"resourceVersion": "7"},
        1,
    )
    assert found["rows"][0]["object"]["apiVersion"] == "meta.k8s.io/v1beta1"


@pytest.mark.parametrize(
    ("include", "kind"), [("Object", "Pod"), ("None", None), ("Metadata", "PartialObjectMetadata")]
)
def test_what_rows_carry(include, kind):
    row = json.loads(encoded(listed("a"), TABLE, include))["rows"][0]
    assert (row["object"] and row["object"]["kind"]) == kind


def test_include_object_is_a_parameter():
    assert include_object({}) == "Metadata"
    assert include_object(parse_query("includeObject=Object")) == "Object"
    with pytest.raises(ApiError) as caught:
        include_object(parse_query("includeObject=Some"))
    assert caught.value.code == 422


def test_the_table_of_another_kind_follows_the_object():
    scale = Scale(metadata=ObjectMeta(name="web", namespace="ns"))
    assert json.loads(encoded(ObjectResult(scale), TABLE))["rows"][0]["cells"][0] == "web"


@pytest.mark.parametrize(
    ("obj", "cells"),
    [
        (
            autoscaling_v1.HorizontalPodAutoscaler(
                metadata=ObjectMeta(name="h"),
                spec=autoscaling_v1.HorizontalPodAutoscalerSpec(
                    scale_target_ref=autoscaling_v1.CrossVersionObjectReference(
                        kind="Deployment", name="web"
                    ),
                    max_replicas=3,
                    target_cpu_utilization_percentage=50,
                ),
            ),
            ["h", "Deployment/web", "cpu: <unknown>/50%"],
        ),
        (
            events_v1.Event(metadata=ObjectMeta(name="e"), type="Normal", note="hello"),
            ["<unknown>", "Normal", ""],
        ),
    ],
    ids=["autoscaling/v1", "events.k8s.io/v1"],
)
def test_tables_of_versions_that_are_not_stored(obj, cells):
    row = json.loads(encoded(ObjectResult(obj), TABLE))["rows"][0]
    assert row["cells"][:3] == cells


def test_every_kind_prints_even_when_it_is_empty():
    """A bookmark of a Table watch is such an object."""
    for resource in TABLE_OF_RESOURCES:
        if "watch" in resource.verbs:
            found = TableMaker(resource.group, resource.kind, "Metadata", "v1").of_object(
                resource.type(), None, NOW
            )
            assert len(found.rows[0].cells) == len(found.column_definitions), resource.kind


def test_metadata_alone():
    one = entry("a")
    found = json.loads(
        encoded(ObjectResult(one.object, one), Representation(transform="PartialObjectMetadata"))
    )
    assert set(found) == {"kind", "apiVersion", "metadata"}
    assert (found["kind"], found["metadata"]["labels"]) == ("PartialObjectMetadata", {"a": "1", "b": "2"})
    found = json.loads(encoded(listed("a", "b"), Representation(transform="PartialObjectMetadataList")))
    assert found["kind"] == "PartialObjectMetadataList"
    assert [item["metadata"]["name"] for item in found["items"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("result", "transform"),
    [(listed("a"), "PartialObjectMetadata"), (ObjectResult(pod("a")), "PartialObjectMetadataList")],
    ids=["list", "object"],
)  # fmt: skip
def test_metadata_of_the_wrong_number_is_406(result, transform):
    with pytest.raises(ApiError) as caught:
        encoded(result, Representation(transform=transform))
    assert caught.value.code == 406


@pytest.mark.parametrize("transform", ["", "Table", "PartialObjectMetadataList"])
@pytest.mark.parametrize("names", [(), ("a",), ("a", "b", "c")], ids=len)
def test_yaml_and_indented_lists_say_the_same(transform, names):
    plain = json.loads(encoded(listed(*names), Representation(transform=transform)))
    assert yaml.safe_load(encoded(listed(*names), Representation("yaml", transform))) == plain
    indented = encoded(listed(*names), Representation("json", transform, pretty=True))
    assert json.loads(indented) == plain
    assert indented.startswith(b'{\n  "kind": ')


def test_yaml_of_an_object_has_sorted_keys():
    text = encoded(ObjectResult(pod("a")), Representation("yaml")).decode()
    assert text.startswith("apiVersion: v1\nkind: Pod\nmetadata:\n  creationTimestamp:")
    assert decode(Pod, msgspec.json.encode(yaml.load(text, yaml.BaseLoader))) == pod("a")


def test_a_status_is_never_a_table():
    status = Status(status="Success", code=201)
    assert json.loads(encoded(StatusResult(status), TABLE))["kind"] == "Status"
    assert encode_status(status, Representation("yaml")).startswith(b"apiVersion: v1\n")
