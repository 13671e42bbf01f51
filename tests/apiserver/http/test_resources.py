"""Resources over HTTP: what clients send and get, errors included."""

import asyncio
import gzip
import io
import json
import logging

import aiohttp
import pytest
import yaml

from kube.apiserver.http import resources as handler_module

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"


def config_map(name, **data):
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name}, "data": data}


async def test_create_get_list_update_patch_delete(api):
    made = await api.call("POST", CONFIG_MAPS, config_map("a", k="1"))
    assert (made.status, made.headers["Content-Type"]) == (201, "application/json")
    assert made.json["metadata"]["namespace"] == "default"
    got = await api.get(f"{CONFIG_MAPS}/a")
    assert (got.status, got.json) == (200, made.json)
    changed = made.json | {"data": {"k": "2"}}
    put = await api.call("PUT", f"{CONFIG_MAPS}/a", changed)
    assert (put.status, put.json["data"]) == (200, {"k": "2"})
    assert put.json["metadata"]["resourceVersion"] != made.json["metadata"]["resourceVersion"]
    patched = await api.call(
        "PATCH",
        f"{CONFIG_MAPS}/a",
        b'{"data":{"j":"3"}}',
        headers={"Content-Type": "application/merge-patch+json"},
    )
    assert (patched.status, patched.json["data"]) == (200, {"j": "3", "k": "2"})
    listed = await api.get(CONFIG_MAPS)
    assert (listed.json["kind"], [item["metadata"]["name"] for item in listed.json["items"]]) == (
        "ConfigMapList",
        ["a"],
    )
    gone = await api.call("DELETE", f"{CONFIG_MAPS}/a")
    assert (gone.status, gone.json["status"]) == (200, "Success")
    missing = await api.get(f"{CONFIG_MAPS}/a")
    assert missing.json == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": 'configmaps "a" not found',
        "reason": "NotFound", "details": {"name": "a", "kind": "configmaps"}, "code": 404,
    }  # fmt: skip


async def test_yaml_both_ways(api):
    made = await api.call(
        "POST", CONFIG_MAPS, b"metadata:\n  name: my\ndata:\n  a: 'b'\n",
        headers={"Content-Type": "application/yaml", "Accept": "application/yaml"},
    )  # fmt: skip
    assert (made.status, made.headers["Content-Type"]) == (201, "application/yaml")
    assert yaml.safe_load(made.body)["data"] == {"a": "b"}


async def test_selectors_limit_and_continue(api):
    for name in ("a", "b", "c"):
        await api.create(name)
    page = (await api.get(f"{CONFIG_MAPS}?limit=2")).json
    assert [item["metadata"]["name"] for item in page["items"]] == ["a", "b"]
    assert page["metadata"]["remainingItemCount"] == 1
    rest = (await api.get(CONFIG_MAPS, params={"limit": "2", "continue": page["metadata"]["continue"]})).json
    assert [item["metadata"]["name"] for item in rest["items"]] == ["c"]
    one = (await api.get("/api/v1/configmaps", params={"fieldSelector": "metadata.name=b"})).json
    assert [item["metadata"]["name"] for item in one["items"]] == ["b"]


async def test_tables_and_metadata(api):
    await api.create("a")
    table = (
        await api.get(CONFIG_MAPS, headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"})
    ).json
    assert (table["kind"], table["rows"][0]["cells"][:2]) == ("Table", ["a", 0])
    one = await api.get(
        f"{CONFIG_MAPS}/a", headers={"Accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}
    )
    assert (one.json["kind"], "data" in one.json) == ("PartialObjectMetadata", False)


async def test_people_get_indented_json(api):
    await api.create("a")
    assert (await api.get(f"{CONFIG_MAPS}/a", headers={"User-Agent": "curl/8"})).body.startswith(
        b'{\n  "kind"'
    )
    assert (await api.get(f"{CONFIG_MAPS}/none?pretty=true")).body.startswith(b'{\n  "kind": "Status"')


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "code", "reason", "message"),
    [
        ("GET", "/api/v1/namespaces/default/frobs", None, {}, 404, "NotFound", "the server could not find the requested resource"),
        ("POST", f"{PODS}/a/exec?command=ls", None, {}, 404, "NotFound", "the server could not find the requested resource"),
        ("PUT", PODS, b"{}", {}, 405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
        ("HEAD", PODS, None, {}, 405, None, None),
        ("POST", CONFIG_MAPS, b"{", {}, 400, "BadRequest", "the object provided is unrecognized (must be of type ConfigMap)"),
        ("POST", CONFIG_MAPS, b"a: [", {"Content-Type": "application/yaml"}, 400, "BadRequest", "the object provided is unrecognized"),
        ("POST", CONFIG_MAPS, b"{}", {"Content-Type": "text/csv"}, 415, "UnsupportedMediaType", "the body of the request was in an unknown format"),
        ("PATCH", f"{CONFIG_MAPS}/a", b"{}", {}, 415, "UnsupportedMediaType", "the body of the request was in an unknown format"),
        ("POST", CONFIG_MAPS, b'{"kind":"Pod","apiVersion":"v1"}', {}, 400, "BadRequest", 'Pod in version "v1" cannot be handled as a ConfigMap'),
        ("GET", CONFIG_MAPS, None, {"Accept": "text/html"}, 406, "NotAcceptable", "only the following media types are accepted"),
        ("GET", f"{CONFIG_MAPS}?limit=x", None, {}, 400, "BadRequest", "strconv.ParseInt"),
        ("POST", f"{CONFIG_MAPS}?dryRun=Some", b"{}", {}, 422, "Invalid", 'CreateOptions.meta.k8s.io "" is invalid'),
        ("GET", f"{CONFIG_MAPS}?timeout=x", None, {}, 400, "BadRequest", 'invalid timeout specified in the request URL - time: invalid duration "x"'),
        ("GET", f"{CONFIG_MAPS}/a%2Fb", None, {}, 404, "NotFound", "the server could not find the requested resource"),
    ],
)  # fmt: skip
async def test_bad_requests(api, method, path, body, headers, code, reason, message):
    headers = {"Content-Type": "application/json", **headers} if body else headers
    reply = await api.call(method, path, body, headers=headers)
    assert reply.status == code
    if reason is not None:
        status = reply.json
        assert (status["kind"], status["status"], status["code"], status["reason"]) == (
            "Status",
            "Failure",
            code,
            reason,
        )
        assert status["message"].startswith(message)


async def test_paths_of_unknown_groups_are_plain_404s(api):
    reply = await api.get("/apis/example.com/v1/frobs")
    assert (reply.status, reply.text) == (404, "404 page not found\n")
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"


async def test_a_body_over_the_limit_is_413(api):
    body = b'{"data":{"k":"' + b"x" * (3 * 1024 * 1024) + b'"}}'
    status = (
        await api.call("POST", CONFIG_MAPS, io.BytesIO(body), headers={"Content-Type": "application/json"})
    ).json
    assert (status["code"], status["reason"]) == (413, "RequestEntityTooLarge")
    assert status["message"] == "Request entity too large: limit is 3145728"


async def test_an_endless_body_is_413(api):
    async def endless():
        while True:
            yield b"x" * 65536

    reply = None
    try:
        reply = await api.call("POST", CONFIG_MAPS, endless(), headers={"Content-Type": "application/json"})
    except aiohttp.ClientOSError:
        return  # the server hung up while the client was still sending
    assert reply.status == 413


async def test_a_compressed_body_is_not_unpacked(api):
    body = gzip.compress(json.dumps(config_map("z")).encode())
    reply = await api.call(
        "POST", CONFIG_MAPS, body, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"}
    )
    assert (reply.status, reply.json["reason"]) == (400, "BadRequest")


async def test_warnings_are_headers(api):
    body = config_map("w") | {"extra": 1, "other": {}}
    reply = await api.call("POST", CONFIG_MAPS, body)
    assert reply.status == 201
    assert reply.headers.getall("Warning") == [
        '299 - "unknown field \\"extra\\""',
        '299 - "unknown field \\"other\\""',
    ]
    strict = await api.call("POST", f"{CONFIG_MAPS}?fieldValidation=Strict", body)
    assert (strict.status, "strict decoding error" in strict.json["message"]) == (400, True)


async def test_long_answers_are_compressed_when_that_is_accepted(api):
    for i in range(120):
        await api.create(f"c{i:03}", k="x" * 4000)
    plain = await api.get(CONFIG_MAPS, headers={"Accept-Encoding": "identity"})
    packed = await api.get(CONFIG_MAPS, headers={"Accept-Encoding": "gzip"})
    assert ("Content-Encoding" in plain.headers, packed.headers["Content-Encoding"]) == (False, "gzip")
    assert packed.json == plain.json
    assert len(plain.json["items"]) == 120
    small = await api.get(f"{CONFIG_MAPS}/c000", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in small.headers


async def test_every_answer_has_an_audit_id(api):
    given = await api.get("/version", headers={"Audit-ID": "abc"})
    assert given.headers["Audit-Id"] == "abc"
    made = await api.get("/version")
    assert len(made.headers["Audit-Id"]) == 36
    assert made.headers["Cache-Control"] == "no-cache, private"


async def test_a_writer_without_a_name_is_known_by_its_user_agent(api, monkeypatch):
    seen = []
    backend = api.front._resources._backend
    call = backend.call

    async def spy(request, user, warnings):
        seen.append((request.verb, request.options.field_manager))
        return await call(request, user, warnings)

    monkeypatch.setattr(backend, "call", spy)
    await api.call("POST", CONFIG_MAPS, config_map("m"), headers={"User-Agent": "kubectl/v1.37 (linux)"})
    await api.call(
        "POST", f"{CONFIG_MAPS}?fieldManager=me", config_map("n"), headers={"User-Agent": "kubectl/v1.37"}
    )
    assert seen == [("create", "kubectl"), ("create", "me")]


async def test_a_fault_of_the_server_is_500_and_only_the_log_says_why(api, monkeypatch, caplog):
    def broken(*_):
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(handler_module, "parse_options", broken)
    reply = await api.get(CONFIG_MAPS)
    assert (reply.status, reply.json["reason"]) == (500, "InternalError")
    assert "secret detail" not in reply.text
    assert "Traceback" not in reply.text
    assert "ZeroDivisionError: secret detail" in caplog.text
    assert (await api.get("/healthz")).status == 200


async def test_a_request_that_takes_too_long_is_504(api, monkeypatch):
    async def stuck(*_):
        await asyncio.Event().wait()

    monkeypatch.setattr(api.front._resources._backend, "call", stuck)
    reply = await api.get(f"{CONFIG_MAPS}?timeout=20ms")
    assert (reply.status, reply.json["reason"]) == (504, "Timeout")


async def test_deletion_takes_options_from_query_or_body(api):
    await api.create("a")
    dry = await api.call(
        "DELETE", f"{CONFIG_MAPS}/a", {"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]}
    )
    assert dry.status == 200
    assert (await api.get(f"{CONFIG_MAPS}/a")).status == 200
    stale = await api.call("DELETE", f"{CONFIG_MAPS}/a", {"preconditions": {"uid": "x"}})
    assert (stale.status, stale.json["reason"]) == (409, "Conflict")
    assert (await api.call("DELETE", f"{CONFIG_MAPS}?dryRun=All")).json["kind"] == "ConfigMapList"
    assert (await api.call("DELETE", CONFIG_MAPS)).status == 200
    assert (await api.get(CONFIG_MAPS)).json["items"] == []


async def test_a_request_is_logged_with_its_cause_and_without_secrets(api, caplog):
    caplog.set_level(logging.DEBUG, "kube")
    await api.call("POST", CONFIG_MAPS, config_map("a", password="hunter2"), headers={"Audit-ID": "audit-7"})
    (line,) = [record.getMessage() for record in caplog.records if "auditID=audit-7" in record.getMessage()]
    assert line.startswith(f"HTTP verb=create URI={CONFIG_MAPS} resp=201 latency=")
    assert f'cause="POST {CONFIG_MAPS}[h' in line
    assert "hunter2" not in caplog.text
    assert "Bearer" not in caplog.text


STALE_UID = "11111111-2222-3333-4444-555555555555"
PRECONDITION = (
    'Operation cannot be fulfilled on configmaps "a": StorageError: invalid object, Code: 4, '
    "Key: /registry/configmaps/default/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: "
    f"UID in precondition: {STALE_UID}, UID in object meta: "
)
IMMUTABLE = f'ConfigMap "a" is invalid: metadata.uid: Invalid value: "{STALE_UID}": field is immutable'


class TestObjectsThatWereMadeAnew:
    """Who writes to an object that was deleted and created again since it was read: the uid of a PUT is a precondition,
    that of a patch a field like any other (rest.DefaultUpdatedObjectInfo, which knows of a patch only its result).
    """

    @pytest.mark.parametrize("version", ["current", "stale", ""], ids=["current", "stale", "no"])
    async def test_a_put_conflicts_whatever_its_resource_version(self, api, version):
        made = await api.create("a")
        versions = {"current": made["metadata"]["resourceVersion"], "stale": "1", "": ""}
        stale = made | {
            "metadata": made["metadata"] | {"uid": STALE_UID, "resourceVersion": versions[version]}
        }
        reply = await api.call("PUT", f"{CONFIG_MAPS}/a", stale)
        assert (reply.status, reply.json["reason"]) == (409, "Conflict")
        assert reply.json["message"] == PRECONDITION + made["metadata"]["uid"]

    @pytest.mark.parametrize(
        ("kind", "body"),
        [
            ("merge-patch", {"metadata": {"uid": STALE_UID}, "data": {"k": "v"}}),
            ("strategic-merge-patch", {"metadata": {"uid": STALE_UID}, "data": {"k": "v"}}),
            ("json-patch", [{"op": "replace", "path": "/metadata/uid", "value": STALE_UID}]),
        ],
    )
    async def test_a_patch_is_invalid(self, api, kind, body):
        await api.create("a")
        headers = {"Content-Type": f"application/{kind}+json"}
        reply = await api.call("PATCH", f"{CONFIG_MAPS}/a", json.dumps(body).encode(), headers=headers)
        assert (reply.status, reply.json["reason"], reply.json["message"]) == (422, "Invalid", IMMUTABLE)

    async def test_a_patch_with_a_stale_resource_version_conflicts_first(self, api):
        await api.create("a")
        body = json.dumps({"metadata": {"uid": STALE_UID, "resourceVersion": "1"}}).encode()
        headers = {"Content-Type": "application/merge-patch+json"}
        reply = await api.call("PATCH", f"{CONFIG_MAPS}/a", body, headers=headers)
        assert (reply.status, reply.json["reason"]) == (409, "Conflict")
        assert "the object has been modified" in reply.json["message"]
