"""What a client sends wrong over HTTPS, and what it is told: the code, the reason, and a cause for each field."""

import http.client
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from kube.client import kubeconfig
from tests.e2e.harness import Running

DEFAULT = "/api/v1/namespaces/default"
CONFIG_MAPS = f"{DEFAULT}/configmaps"
PODS = f"{DEFAULT}/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
ROOT_CA = f"{CONFIG_MAPS}/kube-root-ca.crt"
JSON = "application/json"
MERGE = "application/merge-patch+json"
NOT_FOUND = "the server could not find the requested resource"
UNKNOWN_FORMAT = "the body of the request was in an unknown format - accepted media types include: "


@dataclass(frozen=True)
class Answer:
    code: int
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def causes(self) -> list[tuple[str, str, str]]:
        """The field, reason and message of each."""
        causes = self.json["details"]["causes"]
        return [(cause["field"], cause["reason"], cause["message"]) for cause in causes]


class Api:
    """A client that checks nothing of what it sends."""

    def __init__(self, path: Path, folder: Path) -> None:
        connection = kubeconfig.load(path).connection()
        self._host = connection.server.removeprefix("https://")
        assert connection.ca is not None
        self._context = ssl.create_default_context(cadata=connection.ca.decode())
        for name, pem in (("cert", connection.client_certificate), ("key", connection.client_key)):
            assert pem is not None
            (folder / name).write_bytes(pem)
        self._context.load_cert_chain(folder / "cert", folder / "key")

    def __call__(self, method: str, path: str, body: Any = None, content_type: str = JSON) -> Answer:
        connection = http.client.HTTPSConnection(self._host, context=self._context, timeout=30)
        try:
            if isinstance(body, dict):
                body = json.dumps(body)
            connection.request(
                method, path, body=body, headers={"Content-Type": content_type} if body else {}
            )
            response = connection.getresponse()
            return Answer(response.status, response.read().decode())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def api(cluster: Running, tmp_path_factory: pytest.TempPathFactory) -> Api:
    return Api(cluster.kubeconfig, tmp_path_factory.mktemp("client"))


def named(name: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, **more}


REFUSED = {
    "half of a JSON object": ("POST", CONFIG_MAPS, '{"metadata":', JSON, 400, "BadRequest", "unexpected end of JSON input"),
    "a JSON list": ("POST", CONFIG_MAPS, "[]", JSON, 400, "BadRequest", "cannot unmarshal array"),
    "no body": ("POST", CONFIG_MAPS, "", JSON, 400, "BadRequest", "unexpected end of JSON input"),
    "bytes that are no text": ("POST", CONFIG_MAPS, b"\xff\xfe", JSON, 400, "BadRequest", "invalid character"),
    "half of a YAML list": ("POST", CONFIG_MAPS, "a: [", "application/yaml", 400, "BadRequest", "yaml: line 2: did not find expected node content"),
    "a number for a string": ("POST", CONFIG_MAPS, {"metadata": {"name": 1}}, JSON, 400, "BadRequest", "cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string"),
    "half of a patch": ("PATCH", ROOT_CA, "{", MERGE, 400, "BadRequest", "error decoding patch"),
    "content type of a create": ("POST", CONFIG_MAPS, "{}", "text/plain", 415, "UnsupportedMediaType", UNKNOWN_FORMAT + "application/json, application/yaml"),
    "content type of a patch": ("PATCH", ROOT_CA, "{}", JSON, 415, "UnsupportedMediaType", UNKNOWN_FORMAT + "application/json-patch+json"),
    "unknown kind at a known path": ("POST", CONFIG_MAPS, {"kind": "Gadget", "apiVersion": "v1"}, JSON, 400, "BadRequest", 'no kind "Gadget" is registered for version "v1"'),
    "another kind than the path's": ("POST", CONFIG_MAPS, {"kind": "Pod", "apiVersion": "v1"}, JSON, 400, "BadRequest", "cannot be handled as a ConfigMap"),
    "unknown resource": ("GET", f"{DEFAULT}/gadgets", None, JSON, 404, "NotFound", NOT_FOUND),
    "unknown object": ("GET", f"{CONFIG_MAPS}/nothing", None, JSON, 404, "NotFound", 'configmaps "nothing" not found'),
    "unknown namespace": ("POST", "/api/v1/namespaces/nowhere/configmaps", named("a"), JSON, 404, "NotFound", 'namespaces "nowhere" not found'),
    "patch of nothing": ("PATCH", f"{CONFIG_MAPS}/nothing", "{}", MERGE, 404, "NotFound", 'configmaps "nothing" not found'),
    "another namespace than the path's": ("POST", CONFIG_MAPS, {"metadata": {"name": "a", "namespace": "b"}}, JSON, 400, "BadRequest", "the namespace of the provided object does not match the namespace sent on the request"),
    "another name than the path's": ("PUT", f"{CONFIG_MAPS}/a", named("b"), JSON, 400, "BadRequest", "the name of the object (b) does not match the name on the URL (a)"),
    "a method that the path has not": ("DELETE", "/version", None, JSON, 405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
    "a patch that cannot be applied": ("PATCH", ROOT_CA, '[{"op":"remove","path":"/data/nothing"}]', "application/json-patch+json", 422, "Invalid", "the server rejected our request due to an error in our request"),
    "stale patch": ("PATCH", ROOT_CA, {"metadata": {"resourceVersion": "1"}}, MERGE, 409, "Conflict", "the object has been modified; please apply your changes to the latest version and try again"),
    "stale precondition": ("DELETE", ROOT_CA, {"preconditions": {"resourceVersion": "1"}}, JSON, 409, "Conflict", "the ResourceVersion in the precondition (1) does not match"),
    "more than 3 MB": ("POST", CONFIG_MAPS, '{"data":{"a":"' + "x" * (3 << 20) + '"}}', JSON, 413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728"),
    "no quantity": ("POST", PODS, named("a", spec={"containers": [{"name": "a", "resources": {"limits": {"cpu": "two"}}}]}), JSON, 400, "BadRequest", "quantities must match the regular expression"),
    "unknown field, strictly": ("POST", f"{CONFIG_MAPS}?fieldValidation=Strict", named("a", date={}), JSON, 400, "BadRequest", 'strict decoding error: unknown field "date"'),
    "repeated field, strictly": ("POST", f"{CONFIG_MAPS}?fieldValidation=Strict", '{"data":{},"data":{}}', JSON, 400, "BadRequest", 'strict decoding error: duplicate field "data"'),
    "label selector": ("GET", f"{PODS}?labelSelector={quote('a in b')}", None, JSON, 400, "BadRequest", "unable to parse requirement: found 'b' expected: '('"),
    "label selector's value": ("GET", f"{PODS}?labelSelector={quote('a=-b')}", None, JSON, 400, "BadRequest", 'unable to parse requirement: values[0][a]: Invalid value: "-b"'),
    "field selector": ("GET", f"{PODS}?fieldSelector={quote('spec.colour=red')}", None, JSON, 400, "BadRequest", "field label not supported: spec.colour"),
    "resource version": ("GET", f"{PODS}?resourceVersion=new", None, JSON, 400, "BadRequest", "invalid resource version"),
    "continue token": ("GET", f"{PODS}?continue=abc", None, JSON, 400, "BadRequest", "continue key is not valid"),
    "limit": ("GET", f"{PODS}?limit=many", None, JSON, 400, "BadRequest", "strconv.ParseInt"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type", "code", "reason", "message"), REFUSED.values(), ids=REFUSED
)
def test_refusals(
    api: Api,
    method: str,
    path: str,
    body: Any,
    content_type: str,
    code: int,
    reason: str,
    message: str,
) -> None:
    answer = api(method, path, body, content_type)
    status = answer.json
    assert (answer.code, status["code"], status["reason"]) == (code, code, reason)
    assert (status["kind"], status["apiVersion"], status["status"]) == ("Status", "v1", "Failure")
    assert message in status["message"]


@pytest.mark.parametrize("path", ["/nothing", "/apis/example.com/v1/gadgets", "/apis/apps/v9/deployments"])
def test_unknown_paths(api: Api, path: str) -> None:
    """As kubectl expects it: it says that the server doesn't have the resource type."""
    assert api("GET", path) == Answer(404, "404 page not found\n")


SUBDOMAIN = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters"
LABEL_VALUE = "a valid label must be an empty string or consist of alphanumeric characters"
QUALIFIED = "name part must consist of alphanumeric characters"
CONTAINER = {"name": "web", "image": "nginx"}


def deployment(**spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [CONTAINER]}}
    return named("web", spec={"selector": {"matchLabels": {"app": "web"}}, "template": template, **spec})


INVALID = {
    "no name": (CONFIG_MAPS, {}, [("metadata.name", "FieldValueRequired", "name or generateName is required")]),
    "name": (CONFIG_MAPS, named("Bad_Name"), [("metadata.name", "FieldValueInvalid", SUBDOMAIN)]),
    "long name": (CONFIG_MAPS, named("x" * 254), [("metadata.name", "FieldValueInvalid", "must be no more than 253")]),
    "labels": (
        CONFIG_MAPS,
        {"metadata": {"name": "a", "labels": {"a b": "c!"}}},
        [
            ("metadata.labels", "FieldValueInvalid", f'"a b": {QUALIFIED}'),
            ("metadata.labels", "FieldValueInvalid", f'"c!": {LABEL_VALUE}'),
        ],
    ),
    "too much data": (
        CONFIG_MAPS,
        named("a", data={"k": "x" * ((1 << 20) + 1)}),
        [("[]", "FieldValueTooLong", "Too long: may not be more than 1048576 bytes")],
    ),
    "a pod with several faults": (
        PODS,
        named(
            "a",
            spec={
                "restartPolicy": "Maybe",
                "containers": [
                    {
                        "name": "A",
                        "image": "",
                        "ports": [{"containerPort": 70000}],
                        "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}},
                    }
                ],
            },
        ),
        [
            ("spec.containers[0].name", "FieldValueInvalid", "a lowercase RFC 1123 label must consist of"),
            ("spec.containers[0].image", "FieldValueRequired", "Required value"),
            ("spec.containers[0].ports[0].containerPort", "FieldValueInvalid", "must be between 1 and 65535, inclusive"),
            ("spec.containers[0].resources.requests", "FieldValueInvalid", '"2": must be less than or equal to cpu limit of 1'),
            ("spec.restartPolicy", "FieldValueNotSupported", '"Maybe": supported values: "Always", "OnFailure", "Never"'),
        ],
    ),
    "negative quantity": (
        PODS,
        named("a", spec={"containers": [{**CONTAINER, "resources": {"requests": {"cpu": "-1"}}}]}),
        [("spec.containers[0].resources.requests[cpu]", "FieldValueInvalid", '"-1": must be greater than or equal to 0')],
    ),
    "negative replicas": (
        DEPLOYMENTS,
        deployment(replicas=-1),
        [("spec.replicas", "FieldValueInvalid", "-1: must be greater than or equal to 0")],
    ),
    "selector that misses the template": (
        DEPLOYMENTS,
        deployment(selector={"matchLabels": {"app": "other"}}),
        [("spec.template.metadata.labels", "FieldValueInvalid", "`selector` does not match template `labels`")],
    ),
    "selector's operator": (
        DEPLOYMENTS,
        deployment(selector={"matchExpressions": [{"key": "app", "operator": "Like"}]}),
        [
            ("spec.selector.matchExpressions[0].operator", "FieldValueInvalid", "not a valid selector operator"),
            ("spec.selector", "FieldValueInvalid", "invalid label selector"),
        ],
    ),
    "dry run": (
        f"{CONFIG_MAPS}?dryRun=Some",
        named("a"),
        [("dryRun", "FieldValueNotSupported", 'supported values: "All"')],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("path", "body", "causes"), INVALID.values(), ids=INVALID)
def test_invalid_fields(api: Api, path: str, body: Any, causes: list[tuple[str, str, str]]) -> None:
    answer = api("POST", path, body)
    assert (answer.code, answer.json["reason"]) == (422, "Invalid")
    found = answer.causes
    assert [(field, reason) for field, reason, _ in found] == [(field, reason) for field, reason, _ in causes]
    for (_, _, message), (_, _, expected) in zip(found, causes, strict=True):
        assert expected in message


@pytest.fixture
def stale(api: Api) -> Iterator[dict[str, Any]]:
    """An object as it was before another client changed it."""
    before = api("POST", CONFIG_MAPS, named("stale")).json
    assert api("PUT", f"{CONFIG_MAPS}/stale", {**before, "data": {"a": "1"}}).code == 200
    yield before
    assert api("DELETE", f"{CONFIG_MAPS}/stale").code == 200


def test_a_stale_resource_version_is_a_conflict(api: Api, stale: dict[str, Any]) -> None:
    answer = api("PUT", f"{CONFIG_MAPS}/stale", {**stale, "data": {"a": "2"}})
    assert answer.code == 409
    assert answer.json == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'Operation cannot be fulfilled on configmaps "stale": the object has been modified; '
        "please apply your changes to the latest version and try again",
        "reason": "Conflict",
        "details": {"name": "stale", "kind": "configmaps"},
        "code": 409,
    }
    assert api("GET", f"{CONFIG_MAPS}/stale").json["data"] == {"a": "1"}


def test_after_all_that_it_still_serves(api: Api) -> None:
    assert api("GET", "/readyz").text == "ok"
