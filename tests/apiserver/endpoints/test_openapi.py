"""OpenAPI over HTTP: the form by Accept, ETags, and hashes that let clients keep what they have."""

import json

import pytest
from multidict import CIMultiDict

from kube.api.openapi.documents import OpenAPI
from kube.api.resources import builtin_table
from kube.apimachinery.errors import ApiError
from kube.apiserver.endpoints.openapi import OpenAPIHandler
from kube.apiserver.http.messages import HttpRequest


@pytest.fixture(scope="module")
def handler():
    return OpenAPIHandler(OpenAPI(builtin_table(), "v1.37.0"))


def ask(handler, target, **headers):
    async def no_body():
        return b""

    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return handler.serve(HttpRequest("GET", target, named, no_body))


def test_v2_in_json_and_in_protobuf(handler):
    plain = ask(handler, "/openapi/v2")
    assert (plain.content_type, json.loads(plain.body)["swagger"]) == ("application/json", "2.0")
    accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    packed = ask(handler, "/openapi/v2", Accept=accept)
    assert packed.content_type == "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
    assert packed.body[:1] == b"\x0a"
    assert ask(handler, "/openapi/v2", Accept="*/*").content_type == "application/json"
    with pytest.raises(ApiError) as caught:
        ask(handler, "/openapi/v2", Accept="text/html")
    assert caught.value.code == 406


def test_the_index_of_v3_leads_to_documents(handler):
    paths = json.loads(ask(handler, "/openapi/v3").body)["paths"]
    url = paths["apis/apps/v1"]["serverRelativeURL"]
    assert url.startswith("/openapi/v3/apis/apps/v1?hash=")
    document = ask(handler, url)
    assert json.loads(document.body)["openapi"].startswith("3.0")
    assert ("Cache-Control", "public, immutable") in document.headers
    etag = dict(document.headers)["ETag"]
    assert etag.strip('"') in url
    unchanged = ask(handler, url, If_None_Match=etag)
    assert (unchanged.status, unchanged.content_type, unchanged.body) == (304, "", b"")


def test_an_old_hash_leads_to_the_present_one(handler):
    moved = ask(handler, "/openapi/v3/apis/apps/v1?hash=0")
    assert moved.status == 301
    assert ask(handler, dict(moved.headers)["Location"]).status == 200
    assert ask(handler, "/openapi/v3/apis/apps/v1").status == 200


@pytest.mark.parametrize("target", ["/openapi/v3/apis/nope/v1", "/openapi/v1", "/openapi", "/version"])
def test_other_paths_are_somebody_elses(handler, target):
    assert ask(handler, target) is None


def test_what_the_root_lists(handler):
    assert handler.paths() == ["/openapi/v2", "/openapi/v3", "/openapi/v3/"]
