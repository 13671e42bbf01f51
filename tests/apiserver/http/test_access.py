"""Who may do what over HTTP: tokens, anonymous requests, RBAC, impersonation."""

import pytest

from kube.api.types.rbac_v1 import ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject
from kube.apimachinery.meta.v1 import ObjectMeta

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


def config_map(name, **data):
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name}, "data": data}


def bind(policy, name, user, *rules):
    policy.set(ClusterRole(metadata=ObjectMeta(name=name), rules=rules))
    ref = RoleRef(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name=name)
    policy.set(
        ClusterRoleBinding(
            metadata=ObjectMeta(name=name), role_ref=ref, subjects=(Subject(kind="User", name=user),)
        )
    )


def rule(verbs, resources, *, groups=("",), names=()):
    return PolicyRule(
        verbs=tuple(verbs.split()),
        api_groups=groups,
        resources=tuple(resources.split()),
        resource_names=names,
    )


async def test_a_bad_token_is_401_without_a_reason(api):
    reply = await api.get(CONFIG_MAPS, user="nobody")
    assert reply.status == 401
    assert reply.json == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "Unauthorized", "reason": "Unauthorized", "code": 401,
    }  # fmt: skip


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/version", "/version/"])
async def test_anybody_may_see_health_and_version(api, path):
    assert (await api.get(path, user="")).status == 200


@pytest.mark.parametrize("path", ["/api", "/apis", "/metrics", "/", "/readyz/ping", "/openapi/v3"])
async def test_nobody_else_may_go_without_a_name(api, path):
    reply = await api.get(path, user="")
    assert reply.status == 403
    assert reply.json["message"] == f'forbidden: User "system:anonymous" cannot get path "{path}"'


async def test_a_user_without_a_role_is_told_what_it_cannot_do(api):
    reply = await api.get(CONFIG_MAPS, user="jane")
    assert (reply.status, reply.json["reason"], reply.json["details"]) == (
        403,
        "Forbidden",
        {"kind": "configmaps"},
    )
    assert reply.json["message"] == (
        'configmaps is forbidden: User "jane" cannot list resource "configmaps" in API group "" in the namespace "default"'
    )
    assert (await api.get("/api", user="jane")).status == 200


async def test_a_strangers_body_is_not_read(api):
    reply = await api.call("POST", CONFIG_MAPS, b"{ this is no JSON", user="jane")
    assert reply.json["message"].startswith('configmaps is forbidden: User "jane" cannot create resource')


async def test_what_is_not_served_is_forbidden_before_it_is_not_found(api):
    assert (await api.get("/api/v1/frobs", user="jane")).status == 403
    assert (await api.get("/apis/x.io/v1/frobs", user="jane")).status == 403


async def test_a_role_allows_from_the_moment_it_is_bound(api):
    await api.create("a")
    await api.create("b")
    bind(api.policy, "one", "jane", rule("get list", "configmaps", names=("a",)))
    assert (await api.get(f"{CONFIG_MAPS}/a", user="jane")).status == 200
    assert (await api.get(f"{CONFIG_MAPS}/b", user="jane")).status == 403
    assert (await api.get(CONFIG_MAPS, user="jane")).status == 403
    named = await api.get(CONFIG_MAPS, user="jane", params={"fieldSelector": "metadata.name=a"})
    assert [item["metadata"]["name"] for item in named.json["items"]] == ["a"]


async def test_impersonation_needs_leave_and_then_is_the_other_user(api):
    plain = {"Impersonate-User": "system:serviceaccount:default:robot"}
    refused = await api.get(CONFIG_MAPS, user="jane", headers=plain)
    assert refused.json["message"] == (
        'serviceaccounts "robot" is forbidden: User "jane" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "default"'
    )
    as_robot = await api.get(CONFIG_MAPS, headers=plain)
    assert as_robot.json["message"].startswith(
        'configmaps is forbidden: User "system:serviceaccount:default:robot" cannot list'
    )
    bind(api.policy, "robots", "system:serviceaccount:default:robot", rule("list", "configmaps"))
    assert (await api.get(CONFIG_MAPS, headers=plain)).status == 200
    grouped = await api.get(
        CONFIG_MAPS, headers={"Impersonate-User": "x", "Impersonate-Group": "system:masters"}
    )
    assert grouped.status == 200
    bind(api.policy, "imp", "jane", rule("impersonate", "users"))
    assert (await api.get("/api", user="jane", headers={"Impersonate-User": "x"})).status == 200
    groups = await api.get("/api", user="jane", headers={"Impersonate-User": "x", "Impersonate-Group": "g"})
    assert groups.json["message"].startswith('groups "g" is forbidden: User "jane" cannot impersonate')
    extra = await api.get(
        "/api", user="jane", headers={"Impersonate-User": "x", "Impersonate-Extra-scopes%2fa": "v"}
    )
    assert 'resource "userextras/scopes/a" in API group "authentication.k8s.io"' in extra.json["message"]
    nameless = await api.get("/api", headers={"Impersonate-Group": "g"})
    assert nameless.status == 500


async def test_a_made_object_is_refused_to_others(api):
    made = await api.call("POST", CONFIG_MAPS, config_map("a"), user="jane")
    assert made.status == 403
    assert (await api.get(f"{CONFIG_MAPS}/a")).status == 404
