"""Rights are handed out only by those who have them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kube.api.types.authentication_v1 import UserInfo
from kube.api.types.rbac_v1 import (
    AggregationRule,
    ClusterRole,
    ClusterRoleBinding,
    PolicyRule,
    Role,
    RoleBinding,
    RoleRef,
    Subject,
)
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.authorization.interface import UnionAuthorizer
from kube.apiserver.authorization.rbac import Policy
from kube.apiserver.registry.escalation import EscalationGuard, compact, compacted, uncovered
from kube.apiserver.registry.table import set_guard
from kube.client.interface import Options, Request

GROUP = "rbac.authorization.k8s.io"
READ = PolicyRule(verbs=("get", "list"), api_groups=("",), resources=("pods",))
WRITE = PolicyRule(verbs=("get", "delete"), api_groups=("",), resources=("pods",))
EVE = UserInfo(username="eve", groups=("staff",))


def grant(name, *rules):
    """A ClusterRole and who has it."""
    subject = Subject(kind="User", name="eve", api_group=GROUP)
    ref = RoleRef(api_group=GROUP, kind="ClusterRole", name=name)
    return (
        ClusterRole(metadata=ObjectMeta(name=name), rules=rules),
        ClusterRoleBinding(metadata=ObjectMeta(name=name), role_ref=ref, subjects=(subject,)),
    )


@pytest.fixture
def policy(api):
    policy = Policy(grant("reader", READ))
    set_guard(api.served.stores, EscalationGuard(UnionAuthorizer(policy), policy))
    return policy


@pytest.fixture
def as_eve(api):
    async def call(verb, obj, **options):
        row = api.table.by_api_version(obj.api_version, obj.kind)
        request = Request(
            verb=verb,
            resource=row,
            namespace=obj.metadata.namespace,
            name=obj.metadata.name,
            body=obj,
            options=Options(**options),
        )
        return (await api.verbs.call(request, EVE, [])).object

    return call


def role(*rules, name="r"):
    return Role(metadata=ObjectMeta(name=name, namespace="default"), rules=rules)


def binding(kind, name):
    ref = RoleRef(api_group=GROUP, kind=kind, name=name)
    return RoleBinding(metadata=ObjectMeta(name="b", namespace="default"), role_ref=ref)


async def refused(call, code=403):
    with pytest.raises(ApiError) as error:
        await call
    assert error.value.code == code
    return error.value.message


async def test_a_role_of_rights_that_one_has(policy, as_eve):
    assert (await as_eve("create", role(READ))).rules == (READ,)


async def test_a_role_of_more(policy, as_eve):
    message = await refused(as_eve("create", role(READ, WRITE)))
    assert message == (
        'roles.rbac.authorization.k8s.io "r" is forbidden: user "eve" (groups=["staff"]) is attempting to grant '
        'RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}'
    )


async def test_an_update_to_more(api, policy, as_eve):
    made = await as_eve("create", role(READ))
    await refused(as_eve("update", replace(made, rules=(WRITE,))))
    wide = await api.create(role(WRITE, name="wide"))
    owned = replace(wide, metadata=replace(wide.metadata, finalizers=("example.com/f",)))
    assert (await as_eve("update", owned)).metadata.finalizers == ("example.com/f",)
    await refused(as_eve("update", replace(wide, metadata=replace(wide.metadata, labels={"a": "b"}))))


async def test_who_may_escalate_may(policy, as_eve):
    escalate = PolicyRule(verbs=("escalate",), api_groups=(GROUP,), resources=("roles",))
    for obj in grant("trusted", escalate):
        policy.set(obj)
    assert (await as_eve("create", role(WRITE))).rules == (WRITE,)


async def test_a_binding_to_more(api, policy, as_eve):
    await api.create(ClusterRole(metadata=ObjectMeta(name="deleter"), rules=(WRITE,)))
    message = await refused(as_eve("create", binding("ClusterRole", "deleter")))
    assert message.startswith('rolebindings.rbac.authorization.k8s.io "b" is forbidden: user "eve"')
    bind = PolicyRule(
        verbs=("bind",), api_groups=(GROUP,), resources=("clusterroles",), resource_names=("deleter",)
    )
    for obj in grant("binder", bind):
        policy.set(obj)
    await as_eve("create", binding("ClusterRole", "deleter"))


async def test_a_binding_to_what_one_has(api, policy, as_eve):
    await api.create(role(READ))
    await as_eve("create", binding("Role", "r"))


async def test_a_binding_to_a_role_that_is_not_there(policy, as_eve):
    message = await refused(as_eve("create", binding("Role", "none")), 404)
    assert message == 'roles.rbac.authorization.k8s.io "none" not found'


async def test_aggregation_needs_everything(policy, as_eve):
    gathering = ClusterRole(metadata=ObjectMeta(name="g"), aggregation_rule=AggregationRule())
    message = await refused(as_eve("create", gathering))
    assert message.endswith("must have cluster-admin privileges to use the aggregationRule")


async def test_masters_may_do_anything(api, policy):
    await api.create(role(WRITE))


# rules


@pytest.mark.parametrize(
    ("owned", "wanted", "missing"),
    [
        pytest.param(
            PolicyRule(verbs=("*",), api_groups=("*",), resources=("*",)), WRITE, [], id="everything"
        ),
        pytest.param(
            PolicyRule(verbs=("get",), api_groups=("apps",), resources=("*/scale",)),
            PolicyRule(verbs=("get",), api_groups=("apps",), resources=("deployments/scale", "deployments")),
            ['{APIGroups:["apps"], Resources:["deployments"], Verbs:["get"]}'],
            id="a subresource of all",
        ),
        pytest.param(
            PolicyRule(verbs=("get",), api_groups=("",), resources=("pods",), resource_names=("a",)),
            PolicyRule(verbs=("get",), api_groups=("",), resources=("pods",), resource_names=("a", "b")),
            ['{APIGroups:[""], Resources:["pods"], ResourceNames:["b"], Verbs:["get"]}'],
            id="names",
        ),
        pytest.param(
            PolicyRule(verbs=("get",), api_groups=("",), resources=("pods",), resource_names=("a",)),
            PolicyRule(verbs=("get",), api_groups=("",), resources=("pods",)),
            ['{APIGroups:[""], Resources:["pods"], Verbs:["get"]}'],
            id="all names",
        ),
        pytest.param(
            PolicyRule(verbs=("get",), non_resource_urls=("/health*",)),
            PolicyRule(verbs=("get", "post"), non_resource_urls=("/healthz",)),
            ['{NonResourceURLs:["/healthz"], Verbs:["post"]}'],
            id="paths",
        ),
    ],
)
def test_what_is_missing(owned, wanted, missing):
    assert [compact(rule) for rule in compacted(uncovered([owned], [wanted]))] == missing


words = st.lists(st.sampled_from(["a", "b", "*", "a/s"]), min_size=1, max_size=3, unique=True).map(tuple)
rules = st.builds(PolicyRule, verbs=words, api_groups=words, resources=words)


@given(rules, rules)
def test_every_rule_covers_itself_and_no_less_when_joined(rule, other):
    assert uncovered([rule], [rule]) == []
    assert len(uncovered([rule, other], [other])) == 0
    assert uncovered([], [rule]) != []
