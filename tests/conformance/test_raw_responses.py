"""What clients see that look at the bytes: paths, methods, media types and forms of failure, as kube-apiserver has them."""

import time
from itertools import islice
from typing import Any

import pytest

from tests.conformance.rest import MERGE_PATCH, TABLE, Rest

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
ROOT_CA = f"{CONFIG_MAPS}/kube-root-ca.crt"
PROTOBUF = "application/vnd.kubernetes.protobuf"

FOUND = {
    "trailing slash of a root": "/apis/",
    "trailing slash of a group": "/apis/apps/",
    "trailing slash of a version": "/api/v1/",
    "trailing slash of a list": f"{CONFIG_MAPS}/",
    "trailing slash of an object": f"{ROOT_CA}/",
    "percent-encoded name": f"{CONFIG_MAPS}/kube%2Droot%2Dca.crt",
    "unknown parameter": f"{CONFIG_MAPS}?bogus=1",
    "namespace that does not exist": "/api/v1/namespaces/nobody/pods",
    "index": "/",
    "version": "/version/",
}


@pytest.mark.parametrize("path", FOUND.values(), ids=FOUND)
def test_paths_that_are_found(rest: Rest, path: str) -> None:
    reply = rest("GET", path)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")


MISSING = {
    "resource": ("/api/v1/nothing", True),
    "subresource": (f"{ROOT_CA}/status", True),
    "name with a slash in it": (f"{CONFIG_MAPS}/a%2Fb", True),
    "object": (f"{CONFIG_MAPS}/nothing", True),
    "group": ("/apis/nothing/v1/things", False),
    "version": ("/apis/apps/v9/deployments", False),
    "path": ("/nothing", False),
}


@pytest.mark.parametrize(("path", "is_status"), MISSING.values(), ids=MISSING)
def test_what_is_missing_is_a_status_below_a_served_version_and_text_elsewhere(
    rest: Rest, path: str, is_status: bool
) -> None:
    reply = rest("GET", path)
    assert reply.status == 404
    if is_status:
        assert (reply.json["kind"], reply.json["reason"], reply.json["code"]) == ("Status", "NotFound", 404)
    else:
        assert (reply.headers["Content-Type"], reply.body) == (
            "text/plain; charset=utf-8",
            b"404 page not found\n",
        )


REFUSED_METHODS = [
    ("HEAD", ROOT_CA),
    ("OPTIONS", ROOT_CA),
    ("POST", ROOT_CA),
    ("PUT", "/api/v1/namespaces"),
    ("DELETE", "/api/v1/namespaces"),
    ("POST", "/version"),
    ("DELETE", "/api"),
]


@pytest.mark.parametrize(("method", "path"), REFUSED_METHODS)
def test_a_method_that_is_not_served_is_405(rest: Rest, method: str, path: str) -> None:
    reply = rest(method, path)
    assert reply.status == 405
    if method != "HEAD":
        assert (reply.json["kind"], reply.json["reason"]) == ("Status", "MethodNotAllowed")


FORMS = {
    "none": ("*/*", 200, "application/json"),
    "yaml": ("application/yaml", 200, "application/yaml"),
    "protobuf or json": (f"{PROTOBUF},application/json", 200, "application/json"),
    "protobuf": (PROTOBUF, 406, "application/json"),
    "html": ("text/html", 406, "application/json"),
    "html or anything": ("text/html,*/*;q=0.8", 200, "application/json"),
    "no such transformation": ("application/json;as=Nonsense;g=meta.k8s.io;v=v1", 406, "application/json"),
    "old table": ("application/json;as=Table;g=meta.k8s.io;v=v1beta1", 200, "application/json"),
}


@pytest.mark.parametrize(("accept", "status", "content_type"), FORMS.values(), ids=FORMS)
def test_the_form_that_is_accepted(rest: Rest, accept: str, status: int, content_type: str) -> None:
    reply = rest("GET", ROOT_CA, accept=accept)
    assert (reply.status, reply.headers["Content-Type"]) == (status, content_type)


@pytest.mark.parametrize(
    ("query", "agent", "indented"),
    [
        ({}, "me", False),
        ({"pretty": "true"}, "me", True),
        ({}, "curl/8", True),
        ({"pretty": "false"}, "curl/8", False),
    ],
)
def test_pretty(rest: Rest, query: dict[str, str], agent: str, indented: bool) -> None:
    body = rest("GET", ROOT_CA, headers={"User-Agent": agent}, **query).body
    assert body.startswith(b'{\n  "kind": "ConfigMap",\n' if indented else b'{"kind":"ConfigMap",')


def test_a_watch_of_tables_tells_the_columns_once(rest: Rest) -> None:
    tables = [obj for _, obj in islice(rest.watch("/api/v1/nodes", accept=TABLE), 2)]
    assert [table["rows"][0]["cells"][0] for table in tables] == ["node-0", "node-1"]
    assert [bool(table["columnDefinitions"]) for table in tables] == [True, False]


@pytest.mark.parametrize("accept", ["application/json", TABLE], ids=["json", "table"])
def test_a_streaming_list_ends_in_a_bookmark(rest: Rest, accept: str) -> None:
    """KEP-3157"""
    events = rest.watch(
        "/api/v1/nodes",
        accept=accept,
        sendInitialEvents="true",
        resourceVersionMatch="NotOlderThan",
        allowWatchBookmarks="true",
    )
    *added, (kind, end) = list(islice(events, 3))
    assert [told for told, _ in added] == ["ADDED", "ADDED"]
    assert kind == "BOOKMARK"
    meta = end["rows"][0]["object"]["metadata"] if accept == TABLE else end["metadata"]
    assert meta["annotations"] == {"k8s.io/initial-events-end": "true"}


BAD_BODIES = [
    (b"{bad", "application/json", 400, "BadRequest"),
    (b"", "application/json", 400, "BadRequest"),
    (b"[]", "application/json", 400, "BadRequest"),
    (b"{}", "text/plain", 415, "UnsupportedMediaType"),
    (b'{"kind":"Pod","apiVersion":"v1"}', "application/json", 400, "BadRequest"),
    (b'{"metadata":{"name":"a","namespace":"other"}}', "application/json", 400, "BadRequest"),
    (b'{"metadata":{}}', "application/json", 422, "Invalid"),
    (b"x" * 3_200_000, "application/json", 413, "RequestEntityTooLarge"),
]


@pytest.mark.parametrize(("body", "content_type", "status", "reason"), BAD_BODIES, ids=range(len(BAD_BODIES)))
def test_bodies_that_are_refused(
    rest: Rest, body: bytes, content_type: str, status: int, reason: str
) -> None:
    rest.refused(status, reason, "POST", CONFIG_MAPS, body, content_type=content_type)


BAD_PATCHES: list[tuple[bytes, str, int, str]] = [
    (b"{bad", MERGE_PATCH, 400, "BadRequest"),
    (b"{}", "application/json-patch+json", 400, "BadRequest"),
    (b"{}", "application/json", 415, "UnsupportedMediaType"),
    (b'{"kind":"Pod"}', MERGE_PATCH, 422, "Invalid"),
    (b'{"metadata":{"name":"other"}}', MERGE_PATCH, 400, "BadRequest"),
    (b'{"metadata":{"uid":"other"}}', MERGE_PATCH, 422, "Invalid"),
    (b'{"metadata":{"resourceVersion":"1"}}', MERGE_PATCH, 409, "Conflict"),
    (b'{"data":{"a":1}}', MERGE_PATCH, 422, "Invalid"),
]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "reason"), BAD_PATCHES, ids=range(len(BAD_PATCHES))
)
def test_patches_that_are_refused(
    rest: Rest, body: bytes, content_type: str, status: int, reason: str
) -> None:
    rest.refused(status, reason, "PATCH", ROOT_CA, body, content_type=content_type)


def test_large_answers_are_compressed_for_who_asks(rest: Rest) -> None:
    plain, packed = (
        rest("GET", "/openapi/v2", headers={"Accept-Encoding": coding}) for coding in ("identity", "gzip")
    )
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.body) < len(plain.body) / 4


def test_openapi_v2_as_older_kubectl_asks_for_it(rest: Rest) -> None:
    for name in ("v2@v1.0", "v2.v1.0"):
        reply = rest(
            "GET", "/openapi/v2", accept=f"application/com.github.proto-openapi.spec.{name}+protobuf"
        )
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
        assert reply.body.startswith(b"\n\x032.0")


class TestSubjectReviews:
    """[sig-auth] SubjectReview should support SubjectReview API operations"""

    def review(self, rest: Rest, path: str, user: str, verb: str) -> Any:
        attributes = {"namespace": "default", "verb": verb, "resource": "pods"}
        body = {
            "metadata": {"namespace": "default"} if "local" in path else {},
            "spec": {"resourceAttributes": attributes},
        }
        body["spec"]["user"] = user
        return rest.create(f"/apis/authorization.k8s.io/v1/{path}", body)["status"]["allowed"]

    def test_who_may_what(self, rest: Rest) -> None:
        role = {
            "metadata": {"name": "reader"},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}],
        }
        rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
        rest.create(f"{rbac}/roles", role)
        binding = {
            "metadata": {"name": "reader"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
            "subjects": [{"kind": "User", "name": "e2e", "apiGroup": "rbac.authorization.k8s.io"}],
        }
        rest.create(f"{rbac}/rolebindings", binding)
        deadline = time.monotonic() + 10
        while not self.review(rest, "subjectaccessreviews", "e2e", "list"):
            assert time.monotonic() < deadline, "the authorizer has not heard of the binding"
        local = "namespaces/default/localsubjectaccessreviews"
        assert self.review(rest, local, "e2e", "list")
        assert not self.review(rest, local, "e2e", "delete")
        assert not self.review(rest, "subjectaccessreviews", "somebody", "list")


def test_an_error_is_a_status_where_a_table_was_asked_for(rest: Rest) -> None:
    rest.refused(404, "NotFound", "GET", f"{CONFIG_MAPS}/nothing", accept=TABLE)
