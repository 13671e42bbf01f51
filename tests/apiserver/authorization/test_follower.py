"""The policy follows the store: changes, restarts of a watch, and what was deleted in between."""

import asyncio

import pytest

from kube.api.types.authentication_v1 import UserInfo
from kube.api.types.rbac_v1 import ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject
from kube.apimachinery.errors import expired, service_unavailable
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.authentication.interface import loopback
from kube.apiserver.authorization.follower import RESOURCES, PolicyFollower
from kube.apiserver.authorization.rbac import Policy
from kube.apiserver.endpoints.interface import Attributes, Decision
from kube.base.clock import SystemClock
from kube.client.interface import Request

RBAC = "rbac.authorization.k8s.io"
ROLE = ClusterRole(
    metadata=ObjectMeta(name="r"), rules=(PolicyRule(verbs=("get",), api_groups=("",), resources=("pods",)),)
)
STALE = ClusterRole(metadata=ObjectMeta(name="stale"), rules=ROLE.rules)


def binding(name, user, role="r"):
    return ClusterRoleBinding(
        metadata=ObjectMeta(name=name),
        role_ref=RoleRef(api_group=RBAC, kind="ClusterRole", name=role),
        subjects=(Subject(api_group=RBAC, kind="User", name=user),),
    )


def may(policy, user):
    asked = Attributes(user=UserInfo(username=user), verb="get", resource="pods")
    return policy.judge(asked).decision is Decision.ALLOW


@pytest.fixture
async def follow(server):
    for plural in RESOURCES:
        server.install(plural, RBAC)
    followers = []

    async def start(*seed):
        policy = Policy(seed)
        follower = PolicyFollower(policy, server.verbs, server.table, loopback(), SystemClock())
        followers.append(follower)
        await follower.start()
        return policy

    yield start
    for follower in followers:
        await follower.aclose()


async def write(server, verb, obj):
    row = server.table.by_api_version(obj.api_version, obj.kind)
    name = obj.metadata.name if verb == "delete" else ""
    await server.client.call(
        Request(verb=verb, resource=row, name=name, body=None if verb == "delete" else obj)
    )
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_the_policy_is_what_the_store_holds(server, follow):
    await write(server, "create", ROLE)
    await write(server, "create", binding("b", "jane"))
    policy = await follow(STALE, binding("s", "joe", "stale"))
    assert may(policy, "jane")
    assert not may(policy, "joe")
    await write(server, "create", binding("c", "joe"))
    assert may(policy, "joe")
    await write(server, "delete", binding("c", "joe"))
    assert not may(policy, "joe")


async def test_a_watch_that_ends_is_started_anew(server, follow, monkeypatch):
    sinks, watch = [], server.verbs.watch

    async def remember(request, user, sink):
        if len(sinks) == 4:
            sinks.append(None)
            raise service_unavailable("just now")
        sinks.append(sink)
        return await watch(request, user, sink)

    monkeypatch.setattr(server.verbs, "watch", remember)
    await write(server, "create", ROLE)
    await write(server, "create", binding("b", "jane"))
    policy = await follow()
    assert may(policy, "jane")
    policy.set(binding("gone", "ghost"))
    sinks[1].closed(expired("too old"))
    async with asyncio.timeout(5):
        while may(policy, "ghost"):  # noqa: ASYNC110  # the follower waits a moment before it asks again
            await asyncio.sleep(0.01)
    assert may(policy, "jane")
    assert len(sinks) == 6


async def until(holds):
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  # it looks from outside at what has no event
            await asyncio.sleep(0.001)


async def test_one_role_that_cannot_be_read_takes_nobody_elses(server, follow, store, clock, caplog):
    await write(server, "create", ROLE)
    await write(server, "create", binding("b", "jane"))
    policy = await follow()
    for plural in RESOURCES:
        await store.put(f"/registry/{plural}/bad".encode(), b"garbage")
    await until(lambda: "cannot watch" in caplog.text)
    assert may(policy, "jane")
    for plural in RESOURCES:
        await store.delete_range(f"/registry/{plural}/bad".encode())
    cachers = [server.factory.storage(server.row(plural, RBAC), {}) for plural in RESOURCES]
    while not all(cacher.ready for cacher in cachers):
        clock.advance(1)
        await asyncio.sleep(0)
    await write(server, "create", binding("c", "joe"))
    await until(lambda: may(policy, "joe"))
    assert may(policy, "jane")
