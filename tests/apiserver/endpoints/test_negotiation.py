"""The form of an answer follows the Accept header as upstream's negotiation does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.apimachinery.errors import ApiError
from kube.apiserver.endpoints.negotiation import (
    PLAIN,
    Representation,
    body_media,
    negotiate,
    negotiate_error,
    patch_type,
    wants_pretty,
)
from kube.apiserver.endpoints.requestinfo import parse_query

KUBECTL = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", PLAIN),
        ("*/*", PLAIN),
        ("*", PLAIN),
        ("application/*", PLAIN),
        ("application/json", PLAIN),
        ("application/json, */*", PLAIN),
        ("application/vnd.kubernetes.protobuf,application/json", PLAIN),
        ("application/vnd.kubernetes.protobuf;q=1, */*;q=0.1", PLAIN),
        ("text/html,application/xhtml+xml,*/*;q=0.8", PLAIN),
        ("application/yaml", Representation("yaml")),
        ("application/json;q=0.5,application/yaml", Representation("yaml")),
        ("*/*,application/yaml", Representation("yaml")),
        ("application/json;pretty=1", Representation(pretty=True)),
        (KUBECTL, Representation(transform="Table")),
        ("application/json;as=Table;v=v1beta1;g=meta.k8s.io", Representation(transform="Table", version="v1beta1")),
        (METADATA, Representation(transform="PartialObjectMetadataList")),
        ("application/json;as=Table;v=v2;g=meta.k8s.io,application/json", PLAIN),
        ("application/json;as=Chair;v=v1;g=meta.k8s.io,application/yaml", Representation("yaml")),
        ("application/json;as=Table;v=v1;g=other.io,*/*;q=0.1", PLAIN),
        ("application/json;q=high", PLAIN),
    ],
)  # fmt: skip
def test_accept(accept, expected):
    assert negotiate(accept) == expected


@pytest.mark.parametrize(
    "accept",
    ["text/plain", "application/vnd.kubernetes.protobuf", "application/json;as=Chair;v=v1;g=meta.k8s.io", "application/json;q=0",
     "application/json;as=Table;g=meta.k8s.io", ",", "application/json;stream=x"],
)  # fmt: skip
def test_what_cannot_be_had_is_406(accept):
    with pytest.raises(ApiError) as caught:
        negotiate(accept)
    status = caught.value.to_status()
    assert (status.code, status.reason) == (406, "NotAcceptable")
    assert status.message == "only the following media types are accepted: application/json, application/yaml"
    assert negotiate_error(accept) == PLAIN


def test_a_watch_is_never_yaml():
    assert negotiate("application/json;stream=watch", streaming=True) == PLAIN
    assert negotiate("application/yaml,*/*;q=0.1", streaming=True) == PLAIN
    with pytest.raises(ApiError, match=r"^only the following media types are accepted: application/json$"):
        negotiate("application/yaml", streaming=True)


def test_a_status_is_no_table():
    assert negotiate_error(KUBECTL) == PLAIN
    assert negotiate(KUBECTL, transforms=False) == PLAIN


@pytest.mark.parametrize(
    ("query", "agent", "expected"),
    [
        ("", "kubectl/v1.37", False),
        ("pretty=true", "kubectl", True),
        ("pretty=1", "", True),
        ("pretty=0", "curl/8", False),
        ("pretty=yes", "curl/8", False),
        ("pretty=", "curl/8", True),
        ("", "curl/8", True),
        ("", "Wget/1", True),
        ("", "Mozilla/5.0 (X11)", True),
    ],
)
def test_people_get_indented_json(query, agent, expected):
    assert wants_pretty(parse_query(query), agent) is expected


@pytest.mark.parametrize(
    ("content_type", "media"),
    [("", "json"), ("application/json", "json"), ("Application/JSON; charset=utf-8", "json"), ("application/yaml", "yaml"), ("application/vnd.kubernetes.protobuf", "protobuf")],
)  # fmt: skip
def test_bodies(content_type, media):
    assert body_media(content_type) == media


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/cbor"]
)
def test_other_bodies_are_415(content_type):
    with pytest.raises(ApiError) as caught:
        body_media(content_type)
    assert caught.value.code == 415
    assert caught.value.message == (
        "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf"
    )


def test_patches():
    assert patch_type("application/merge-patch+json; charset=utf-8") == "application/merge-patch+json"
    with pytest.raises(ApiError) as caught:
        patch_type("application/json")
    assert caught.value.message == (
        "the body of the request was in an unknown format - accepted media types include: application/json-patch+json,"
        " application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml"
    )


@given(st.text(alphabet='application/jsonyaml;,=*q.01 "asTableg', max_size=60))
def test_any_header_is_understood_or_refused(accept):
    assert negotiate_error(accept).content_type in ("application/json", "application/yaml")
