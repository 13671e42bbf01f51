"""Paths and methods are read as upstream's RequestInfo reads them; what is not served is 404, or 405 by verb."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.api.resources import builtin_table
from kube.apimachinery.errors import ApiError
from kube.apiserver.endpoints.requestinfo import find_target, is_true, request_info, split_target

TABLE = builtin_table()

# method, target, verb, group, version, namespace, resource, subresource, name
RESOURCE_REQUESTS = [
    ("GET", "/api/v1/namespaces", "list", "", "v1", "", "namespaces", "", ""),
    ("GET", "/api/v1/namespaces/other", "get", "", "v1", "other", "namespaces", "", "other"),
    ("GET", "/api/v1/namespaces/other/pods", "list", "", "v1", "other", "pods", "", ""),
    ("GET", "/api/v1/namespaces/other/pods/foo", "get", "", "v1", "other", "pods", "", "foo"),
    ("HEAD", "/api/v1/namespaces/other/pods/foo", "get", "", "v1", "other", "pods", "", "foo"),
    ("GET", "/api/v1/pods", "list", "", "v1", "", "pods", "", ""),
    ("POST", "/api/v1/namespaces/other/pods/", "create", "", "v1", "other", "pods", "", ""),
    ("PUT", "/api/v1/namespaces/other/pods/foo", "update", "", "v1", "other", "pods", "", "foo"),
    ("PATCH", "/api/v1/namespaces/other/pods/foo", "patch", "", "v1", "other", "pods", "", "foo"),
    ("DELETE", "/api/v1/namespaces/other/pods/foo", "delete", "", "v1", "other", "pods", "", "foo"),
    ("DELETE", "/api/v1/namespaces/other/pods", "deletecollection", "", "v1", "other", "pods", "", ""),
    ("GET", "/api/v1/namespaces/other/pods?watch=true", "watch", "", "v1", "other", "pods", "", ""),
    ("GET", "/api/v1/namespaces/other/pods?watch=1", "watch", "", "v1", "other", "pods", "", ""),
    ("GET", "/api/v1/namespaces/other/pods?watch", "watch", "", "v1", "other", "pods", "", ""),
    ("GET", "/api/v1/namespaces/other/pods?watch=0", "list", "", "v1", "other", "pods", "", ""),
    ("GET", "/api/v1/namespaces/other/pods?watch=False", "list", "", "v1", "other", "pods", "", ""),
    ("GET", "/api/v1/namespaces/other/pods/foo?watch=true", "get", "", "v1", "other", "pods", "", "foo"),
    ("GET", "/api/v1/watch/pods", "watch", "", "v1", "", "pods", "", ""),
    ("GET", "/api/v1/watch/namespaces/other/pods", "watch", "", "v1", "other", "pods", "", ""),
    ("GET", "/api/v1/watch/namespaces/other/pods/foo", "watch", "", "v1", "other", "pods", "", "foo"),
    ("GET", "/api/v1/watch/namespaces", "watch", "", "v1", "", "namespaces", "", ""),
    ("GET", "/apis/apps/v1/namespaces/x/deployments/d/scale", "get", "apps", "v1", "x", "deployments", "scale", "d"),
    ("PUT", "/api/v1/namespaces/x/status", "update", "", "v1", "x", "namespaces", "status", "x"),
    ("PUT", "/api/v1/namespaces/x/finalize", "update", "", "v1", "x", "namespaces", "finalize", "x"),
    ("POST", "/api/v1/namespaces/x/pods/p/eviction", "create", "", "v1", "x", "pods", "eviction", "p"),
    ("POST", "/api/v1/namespaces/x/pods/p/exec?command=ls", "create", "", "v1", "x", "pods", "exec", "p"),
    ("GET", "/api/v1/nodes/n1", "get", "", "v1", "", "nodes", "", "n1"),
    ("PATCH", "/api/v1/nodes/n1/status", "patch", "", "v1", "", "nodes", "status", "n1"),
    ("GET", "/apis/apps/v1/namespaces/a%20b/deployments", "list", "apps", "v1", "a b", "deployments", "", ""),
]  # fmt: skip


@pytest.mark.parametrize("row", RESOURCE_REQUESTS, ids=lambda row: f"{row[0]} {row[1]}")
def test_resource_requests(row):
    method, target, verb, group, version, namespace, resource, subresource, name = row
    info = request_info(method, *split_target(target))
    assert info.is_resource_request
    assert (info.verb, info.group, info.version, info.namespace) == (verb, group, version, namespace)
    assert (info.resource, info.subresource, info.name) == (resource, subresource, name)


@pytest.mark.parametrize(
    "path",
    ["/", "/api", "/api/", "/api/v1", "/api/v1/", "/apis", "/apis/apps", "/apis/apps/v1", "/healthz", "/healthz/etcd",
     "/version", "/openapi/v3/api/v1", "//", "/other/v1/pods/x"],
)  # fmt: skip
def test_requests_for_no_resource_have_the_method_as_verb(path):
    info = request_info("GET", path)
    assert not info.is_resource_request
    assert (info.verb, info.path) == ("get", path)
    assert request_info("POST", path).verb == "post"


def test_what_follows_a_subresource_is_kept_for_its_backend():
    info = request_info("GET", "/api/v1/namespaces/x/services/s:80/proxy/a/b")
    assert (info.name, info.subresource, info.rest) == ("s:80", "proxy", ("a", "b"))


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/api/v1/frobs", 404),
        ("GET", "/api/v1/namespaces/x/frobs", 404),
        ("GET", "/apis/nope/v1/pods", 404),
        ("GET", "/apis/apps/v2/deployments", 404),
        ("GET", "/api/v1/pods/foo", 404),
        ("GET", "/api/v1/namespaces/x/nodes", 404),
        ("GET", "/api/v1/namespaces/x/pods/p/frob", 404),
        ("GET", "/api/v1/namespaces/x/pods/p/status/more", 404),
        ("POST", "/api/v1/pods", 405),
        ("POST", "/api/v1/namespaces/x/pods/p", 405),
        ("PUT", "/api/v1/namespaces/x/pods", 405),
        ("OPTIONS", "/api/v1/namespaces/x/pods", 405),
        ("HEAD", "/api/v1/namespaces/x/pods", 405),
        ("GET", "/apis/authorization.k8s.io/v1/subjectaccessreviews", 405),
        ("DELETE", "/api/v1/namespaces/x/pods/p/status", 405),
        ("GET", "/api/v1/namespaces/x/pods/p/binding", 405),
        ("GET", "/api/v1/namespaces/x/pods/p", 0),
        ("GET", "/api/v1/namespaces/x", 0),
        ("PUT", "/api/v1/namespaces/x/finalize", 0),
        ("POST", "/api/v1/namespaces/x/pods/p/exec", 0),
        ("GET", "/api/v1/namespaces/x/pods/p/exec", 0),
        ("DELETE", "/api/v1/namespaces/x/services/s/proxy/a", 0),
    ],
)  # fmt: skip
def test_what_is_served(method, path, code):
    info = request_info(method, path)
    if not code:
        target = find_target(info, TABLE)
        assert target.resource.plural == info.resource
        assert (target.subresource.name if target.subresource else "") == info.subresource
        return
    with pytest.raises(ApiError) as caught:
        find_target(info, TABLE)
    status = caught.value.to_status()
    assert (status.code, status.status) == (code, "Failure")
    assert (status.message, status.reason) == {
        404: ("the server could not find the requested resource", "NotFound"),
        405: ("the server does not allow this method on the requested resource", "MethodNotAllowed"),
    }[code]
    assert status.details is not None


def test_every_row_of_the_table_is_found_under_its_own_paths():
    for resource in TABLE:
        namespace = "x" if resource.namespaced else ""
        for verb, method, name in [
            ("list", "GET", ""),
            ("create", "POST", ""),
            ("get", "GET", "n"),
            ("delete", "DELETE", "n"),
            ("deletecollection", "DELETE", ""),
        ]:
            if verb in resource.verbs:
                info = request_info(method, resource.path(namespace, name))
                assert (find_target(info, TABLE).resource, info.verb, info.name) == (resource, verb, name)
        for subresource in resource.subresources:
            path = resource.path(namespace, "n", subresource.name)
            method = (
                subresource.methods[0]
                if subresource.methods
                else {"create": "POST", "get": "GET", "update": "PUT"}[subresource.verbs[0]]
            )
            found = find_target(request_info(method, path), TABLE)
            assert (found.resource, found.subresource) == (resource, subresource)


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("1", True), ("", True), ("no", True), ("0", False), ("FALSE", False)]
)
def test_booleans_of_queries(text, value):
    assert is_true(text) is value


@given(
    st.sampled_from(["GET", "POST", "PATCH", "BREW"]),
    st.lists(
        st.sampled_from(
            ["", "api", "apis", "v1", "watch", "namespaces", "pods", "proxy", "x", "é", "status"]
        ),
        max_size=8,
    ),
)
def test_any_path_is_understood_or_refused(method, segments):
    info = request_info(method, *split_target("/" + "/".join(segments)))
    if info.is_resource_request:
        assert _outcome(info) in (200, 404, 405)


def _outcome(info):
    try:
        find_target(info, TABLE)
    except ApiError as error:
        return error.code
    return 200
