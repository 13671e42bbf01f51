"""What somebody wrote past the API server and is no object: what fails, what does not, and how it is got rid of."""

import asyncio
import json
import logging

import pytest

from kube.api.types.rbac_v1 import PolicyRule, Role, RoleBinding, RoleRef, Subject
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.storage.errors import MAX_CORRUPT

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
BAD = f"{CONFIG_MAPS}/x"
KEY = b"/registry/configmaps/default/x"
ROOT = {"Authorization": "Bearer root"}
OPTION = "ignoreStoreReadErrorWithClusterBreakingPotential"
GARBAGE = {
    "text": (b"garbage", "invalid character 'g' looking for beginning of value"),
    "nothing": (b"", "unexpected end of JSON input"),
    "no-utf-8": (b"\xff\x00", ""),
    "cut-short": (b'{"kind":"ConfigMap","metadata":{"na', "unexpected end of JSON input"),
    "a-list": (b"[]", "cannot unmarshal array"),
    "another-type": (b'{"metadata":{"name":7}}', "cannot unmarshal number"),
    "deep": (b"[" * 100_000, "exceeded max depth"),
    "another-kind": (
        b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"x"}}',
        'kind "Pod" of "v1" where ConfigMap of v1 belongs',
    ),
    "nameless": (b"{}", "metadata.name is missing"),
}


@pytest.fixture
async def broken(api, store):
    """Two sound objects in two namespaces, and between them one that is none."""
    await api.create("a")
    await api.create("z")
    other = {"metadata": {"name": "o"}}
    assert (await api.call("POST", "/api/v1/namespaces/other/configmaps", other)).status == 201
    assert (await api.get(f"{CONFIG_MAPS}?resourceVersion=0")).status == 200  # the watch cache follows
    await store.put(KEY, b"garbage")
    return api


def names(reply):
    assert reply.status == 200, reply.text
    return [item["metadata"]["name"] for item in reply.json["items"]]


def assert_internal(reply):
    assert (reply.status, reply.json["reason"]) == (500, "InternalError"), reply.text
    assert reply.json["message"].startswith(
        "Internal error occurred: StorageError: corrupt object, Code: 7, "
        f"Key: {KEY.decode()}, ResourceVersion: 0, AdditionalErrorMsg: object not decodable revision="
    )


class TestReads:
    @pytest.mark.parametrize(("value", "why"), GARBAGE.values(), ids=GARBAGE)
    @pytest.mark.parametrize("cached", [True, False], ids=["while-it-runs", "before-the-cache"])
    async def test_a_get_says_which_key_and_why(self, api, store, value, why, cached):
        if cached:
            assert names(await api.get(CONFIG_MAPS)) == []
        await store.put(KEY, value)
        for query in ("", "?resourceVersion=0"):
            reply = await api.get(BAD + query)
            assert_internal(reply)
            assert why in reply.json["message"]

    @pytest.mark.parametrize("query", ["", "?limit=500", "?resourceVersion=0", "?labelSelector=a"])
    async def test_a_list_names_what_cannot_be_read(self, broken, query):
        reply = await broken.get(CONFIG_MAPS + query)
        details = reply.json["details"]
        (cause,) = details.pop("causes")
        assert (reply.status, reply.json["reason"], reply.json["message"], details) == (
            500,
            "StorageReadError",
            "failed to read one or more configmaps from the storage",
            {"name": "list", "kind": "configmaps"},
        )
        assert (cause["reason"], cause["field"]) == ("UnexpectedServerResponse", KEY.decode())
        assert "object not decodable revision=" in cause["message"]

    async def test_of_very_many_some_are_named(self, api, store):
        for number in range(MAX_CORRUPT + 1):
            await store.put(KEY + b"%d" % number, b"garbage")
        causes = (await api.get(CONFIG_MAPS)).json["details"]["causes"]
        assert len(causes) == MAX_CORRUPT + 1
        assert causes[-1] == {
            "reason": "FieldValueTooMany",
            "message": "too many errors, the list is truncated",
        }

    async def test_a_key_that_is_no_text(self, api, store):
        await store.put(KEY + b"\xff", b"garbage")
        (cause,) = (await api.get(CONFIG_MAPS)).json["details"]["causes"]
        assert cause["field"] == KEY.decode() + "\\xff"

    async def test_what_it_is_not_part_of_is_served(self, broken):
        assert names(await broken.get("/api/v1/namespaces/other/configmaps")) == ["o"]
        assert names(await broken.get("/api/v1/namespaces/other/configmaps?resourceVersion=0")) == ["o"]
        assert names(await broken.get(f"{CONFIG_MAPS}?limit=1")) == ["a"]
        assert names(await broken.get(f"{CONFIG_MAPS}?fieldSelector=metadata.name%3Dz")) == ["z"]
        for query in ("", "?resourceVersion=0"):
            assert (await broken.get(f"{CONFIG_MAPS}/a{query}")).status == 200
        future = await broken.get(f"{CONFIG_MAPS}/a?resourceVersion=1000000")
        assert (future.status, future.json["reason"]) == (504, "Timeout")
        assert names(await broken.get("/api/v1/pods")) == []


class TestWrites:
    async def test_other_objects_are_written(self, broken):
        await broken.create("new")
        made = (await broken.get(f"{CONFIG_MAPS}/a")).json
        assert (await broken.call("PUT", f"{CONFIG_MAPS}/a", made | {"data": {"k": "v"}})).status == 200
        patched = await broken.call(
            "PATCH",
            f"{CONFIG_MAPS}/a",
            b'{"data":{"k":"w"}}',
            headers={"Content-Type": "application/merge-patch+json"},
        )
        assert (patched.status, patched.json["data"]) == (200, {"k": "w"})
        assert (await broken.call("DELETE", f"{CONFIG_MAPS}/a")).status == 200

    async def test_it_is_neither_updated_nor_deleted_nor_created_over(self, broken, store):
        body = {"metadata": {"name": "x"}}
        assert_internal(await broken.call("PUT", BAD, body))
        patch = {"Content-Type": "application/merge-patch+json"}
        assert_internal(await broken.call("PATCH", BAD, b"{}", headers=patch))
        assert_internal(await broken.call("DELETE", BAD))
        made = await broken.call("POST", CONFIG_MAPS, body)
        assert (made.status, made.json["reason"]) == (409, "AlreadyExists")
        all_of_them = await broken.call("DELETE", CONFIG_MAPS)
        assert (all_of_them.status, all_of_them.json["reason"]) == (500, "StorageReadError")
        assert (await store.range(KEY)).kvs[0].value == b"garbage"


class TestWatches:
    async def test_they_end_and_wait_until_it_is_gone(self, api, store, clock, caplog):
        caplog.set_level(logging.INFO, "kube")
        await api.create("a")
        path = f"{api.url}{CONFIG_MAPS}?watch=true"
        async with api.session.get(path, headers=ROOT) as response:
            await response.content.readline()
            await store.put(KEY, b"garbage")
            assert await asyncio.wait_for(response.content.read(), 5) == b""
        for _ in range(2):
            refused = await api.get(f"{CONFIG_MAPS}?watch=true")
            assert (refused.status, refused.json["message"]) == (429, "storage is (re)initializing")
        (line,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert line.exc_info is None
        assert f"key={KEY.decode()}" in line.getMessage()
        assert "Traceback" not in caplog.text

        await store.delete_range(KEY)
        assert names(await api.get(CONFIG_MAPS)) == ["a"]
        cacher = api.core.factory.storage(api.core.row("configmaps"), {})
        while not cacher.ready:
            clock.advance(1)
            await asyncio.sleep(0)
        async with api.session.get(path, headers=ROOT) as response:
            event = json.loads(await asyncio.wait_for(response.content.readline(), 5))
            assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "a")
            await api.create("b")
            event = json.loads(await asyncio.wait_for(response.content.readline(), 5))
            assert event["object"]["metadata"]["name"] == "b"

    async def test_one_that_would_pass_by_what_it_was_lists_anew(self, api, store):
        """It was replaced by a sound object: the present can be watched, that part of the past cannot."""
        made = await api.create("a")
        sound = (await store.range(b"/registry/configmaps/default/a")).kvs[0].value
        await store.put(KEY, b"garbage")
        await store.put(KEY, sound.replace(b'"name":"a"', b'"name":"x"'))
        since = made["metadata"]["resourceVersion"]
        gone = await api.get(f"{CONFIG_MAPS}?watch=true&resourceVersion={since}")
        assert gone.status == 410 or json.loads(gone.body)["object"]["code"] == 410, gone.text
        assert names(await api.get(CONFIG_MAPS)) == ["a", "x"]


class TestUnsafeDeletion:
    @pytest.mark.parametrize("in_body", [True, False], ids=["body", "query"])
    async def test_it_is_deleted_by_whoever_insists(self, broken, store, in_body):
        reply = await (
            broken.call("DELETE", BAD, {"kind": "DeleteOptions", "apiVersion": "v1", OPTION: True})
            if in_body
            else broken.call("DELETE", f"{BAD}?{OPTION}=true")
        )
        assert (reply.status, reply.json["status"], reply.json["details"]) == (
            200,
            "Success",
            {"name": "x", "kind": "ConfigMap"},
        )
        assert not (await store.range(KEY)).kvs
        assert (await broken.get(BAD)).status == 404
        assert names(await broken.get(CONFIG_MAPS)) == ["a", "z"]

    @pytest.mark.parametrize("name", ["a", "missing"])
    async def test_what_can_be_read_is_not_deleted_so(self, broken, name):
        reply = await broken.call("DELETE", f"{CONFIG_MAPS}/{name}", {OPTION: True})
        why = "is exclusively used to delete corrupt object(s), try again by removing this option"
        assert (reply.status, reply.json["message"]) == (
            422,
            f'configmaps "{name}" is invalid: {OPTION}: Invalid value: true: {why}',
        )

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("dryRun", ["All"]),
            ("propagationPolicy", "Background"),
            ("orphanDependents", False),
            ("gracePeriodSeconds", 0),
            ("preconditions", {"uid": "u"}),
        ],
    )
    async def test_it_goes_with_no_other_option(self, broken, store, option, value):
        reply = await broken.call("DELETE", BAD, {OPTION: True, option: value})
        why = f"{OPTION}: Invalid value: true: cannot be set together with .{option}"
        assert (reply.status, reply.json["message"]) == (
            422,
            f'DeleteOptions.meta.k8s.io "" is invalid: {why}',
        )
        assert (await store.range(KEY)).kvs

    async def test_not_for_many_at_once(self, broken):
        reply = await broken.call("DELETE", CONFIG_MAPS, {OPTION: True})
        assert reply.status == 422
        assert "is not allowed with DELETECOLLECTION, try again after removing the option" in reply.text

    async def test_it_needs_a_permission_of_its_own(self, broken, store):
        def grant(*verbs):
            rule = PolicyRule(verbs=verbs, api_groups=("",), resources=("configmaps",))
            broken.policy.set(Role(metadata=ObjectMeta(name="r", namespace="default"), rules=(rule,)))

        subject = Subject(kind="User", name="jane", api_group="rbac.authorization.k8s.io")
        role = RoleRef(kind="Role", name="r", api_group="rbac.authorization.k8s.io")
        binding = RoleBinding(
            metadata=ObjectMeta(name="b", namespace="default"), subjects=(subject,), role_ref=role
        )
        broken.policy.set(binding)
        grant("delete")
        refused = await broken.call("DELETE", BAD, {OPTION: True}, user="jane")
        assert (refused.status, refused.json["reason"]) == (403, "Forbidden")
        assert refused.json["message"].startswith(
            'configmaps "x" is forbidden: not permitted to do "unsafe-delete-ignore-read-errors", reason:'
        )
        assert (await store.range(KEY)).kvs
        grant("delete", "unsafe-delete-ignore-read-errors")
        assert (await broken.call("DELETE", BAD, {OPTION: True}, user="jane")).status == 200
