"""RBAC allows what a rule of a bound role names, and nothing else."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.api.types.authentication_v1 import UserInfo
from kube.api.types.rbac_v1 import (
    ClusterRole,
    ClusterRoleBinding,
    PolicyRule,
    Role,
    RoleBinding,
    RoleRef,
    Subject,
)
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.authorization.interface import (
    PrivilegedGroups,
    UnionAuthorizer,
    forbidden_message,
    refusal,
)
from kube.apiserver.authorization.rbac import Policy, rule_allows
from kube.apiserver.endpoints.interface import Attributes, Decision, Verdict

JANE = UserInfo(username="jane", groups=("dev", "system:authenticated"))
ROBOT = UserInfo(username="system:serviceaccount:ns:robot", groups=("system:serviceaccounts",))


def ask(verb="get", resource="pods", *, user=JANE, group="", subresource="", namespace="", name=""):
    return Attributes(
        user=user, verb=verb, api_group=group, api_version="v1", resource=resource, subresource=subresource, namespace=namespace, name=name
    )  # fmt: skip


def ask_path(path, verb="get", user=JANE):
    return Attributes(user=user, verb=verb, path=path, resource_request=False)


def rule(verbs="get", groups="", resources="", names="", urls=""):
    return PolicyRule(
        verbs=tuple(verbs.split()),
        api_groups=tuple(g if g != "core" else "" for g in groups.split()),
        resources=tuple(resources.split()),
        resource_names=tuple(names.split()),
        non_resource_urls=tuple(urls.split()),
    )


@pytest.mark.parametrize(
    ("allowed", "asked", "expected"),
    [
        (rule("get list", "core", "pods"), ask("list"), True),
        (rule("get list", "core", "pods"), ask("watch"), False),
        (rule("*", "core", "pods"), ask("watch"), True),
        (rule("get", "apps", "pods"), ask(), False),
        (rule("get", "*", "pods"), ask(group="metrics.k8s.io"), True),
        (rule("get", "core", "pods"), ask(resource="podtemplates"), False),
        (rule("get", "core", "pods"), ask(subresource="log"), False),
        (rule("get", "core", "pods/log"), ask(subresource="log"), True),
        (rule("get", "core", "pods/log"), ask(), False),
        (rule("get", "core", "*"), ask(subresource="log"), True),
        (rule("get", "core", "*/scale"), ask(resource="replicationcontrollers", subresource="scale"), True),
        (rule("get", "core", "*/scale"), ask(resource="scale"), False),
        (rule("get", "core", "pods/*"), ask(subresource="log"), False),
        (rule("get", "core", "pods", "a b"), ask(name="b"), True),
        (rule("get", "core", "pods", "a b"), ask(name="c"), False),
        (rule("list", "core", "pods", "a"), ask("list"), False),
        (rule("get", urls="/healthz"), ask_path("/healthz"), True),
        (rule("get", urls="/healthz"), ask_path("/healthz/etcd"), False),
        (rule("get", urls="/healthz/*"), ask_path("/healthz/etcd"), True),
        (rule("get", urls="/healthz/*"), ask_path("/healthz"), False),
        (rule("get", urls="*"), ask_path("/anything"), True),
        (rule("get", urls="/healthz"), ask_path("/healthz", "post"), False),
        (rule("get", "*", "*"), ask_path("/healthz"), False),
        (rule("*", urls="*"), ask(), False),
    ],
    ids=lambda value: "",
)
def test_rules(allowed, asked, expected):
    assert rule_allows(allowed, asked) is expected


def meta(name, namespace=""):
    return ObjectMeta(name=name, namespace=namespace)


def ref(kind, name):
    return RoleRef(api_group="rbac.authorization.k8s.io", kind=kind, name=name)


READER = ClusterRole(
    metadata=meta("reader"), rules=(rule("get list", "core", "pods"), rule("get", urls="/metrics"))
)
LOCAL = Role(metadata=meta("local", "ns"), rules=(rule("delete", "core", "pods"),))


def cluster_binding(name, role, *subjects):
    return ClusterRoleBinding(metadata=meta(name), role_ref=ref("ClusterRole", role), subjects=subjects)


def binding(name, namespace, role_ref, *subjects):
    return RoleBinding(metadata=meta(name, namespace), role_ref=role_ref, subjects=subjects)


USER = Subject(kind="User", api_group="rbac.authorization.k8s.io", name="jane")
GROUP = Subject(kind="Group", api_group="rbac.authorization.k8s.io", name="dev")
ACCOUNT = Subject(kind="ServiceAccount", name="robot", namespace="ns")
HERE = Subject(kind="ServiceAccount", name="robot")


@dataclass
class Case:
    id: str
    objects: tuple
    asked: Attributes
    reason: str = ""
    allowed: bool = True


@pytest.mark.parametrize(
    "case",
    [
        Case(
            "user in the whole cluster", (READER, cluster_binding("b", "reader", USER)), ask(namespace="x"),
            'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "reader" to User "jane"',
        ),
        Case(
            "group at the cluster scope", (READER, cluster_binding("b", "reader", GROUP)), ask("list"),
            'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "reader" to Group "dev"',
        ),
        Case(
            "service account", (READER, cluster_binding("b", "reader", ACCOUNT)), ask(user=ROBOT),
            'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "reader" to ServiceAccount "robot/ns"',
        ),
        Case(
            "cluster role in one namespace", (READER, binding("b", "ns", ref("ClusterRole", "reader"), USER)), ask(namespace="ns"),
            'RBAC: allowed by RoleBinding "b/ns" of ClusterRole "reader" to User "jane"',
        ),
        Case("not in another namespace", (READER, binding("b", "ns", ref("ClusterRole", "reader"), USER)), ask(namespace="x"), allowed=False),
        Case("not at the cluster scope", (READER, binding("b", "ns", ref("ClusterRole", "reader"), USER)), ask(), allowed=False),
        Case(
            "role, service account of the same namespace", (LOCAL, binding("b", "ns", ref("Role", "local"), HERE)),
            ask("delete", user=ROBOT, namespace="ns"),
            'RBAC: allowed by RoleBinding "b/ns" of Role "local" to ServiceAccount "robot/ns"',
        ),
        Case("a path", (READER, cluster_binding("b", "reader", USER)), ask_path("/metrics"), 'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "reader" to User "jane"'),
        Case(
            "a role that does not exist", (cluster_binding("b", "gone", USER),), ask(),
            'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found', allowed=False,
        ),
        Case(
            "two roles that do not exist",
            (cluster_binding("b", "gone", USER), cluster_binding("c", "away", GROUP, USER)), ask(),
            'RBAC: [clusterrole.rbac.authorization.k8s.io "gone" not found, clusterrole.rbac.authorization.k8s.io "away" not found]',
            allowed=False,
        ),
        Case("nothing bound", (READER, LOCAL), ask(), allowed=False),
    ],
    ids=lambda case: case.id,
)  # fmt: skip
def test_bindings(case):
    verdict = Policy(case.objects).judge(case.asked)
    assert verdict.decision is (Decision.ALLOW if case.allowed else Decision.NO_OPINION)
    assert verdict.reason == case.reason


def test_changes_count_at_once():
    policy = Policy((READER, cluster_binding("b", "reader", USER)))
    assert policy.judge(ask()).decision is Decision.ALLOW
    policy.set(cluster_binding("b", "reader", GROUP))
    assert policy.judge(ask()).reason.endswith('to Group "dev"')
    policy.set(ClusterRole(metadata=meta("reader"), rules=()))
    assert policy.judge(ask()).decision is Decision.NO_OPINION
    policy.set(READER)
    policy.remove(cluster_binding("b", "reader"))
    assert policy.judge(ask()).decision is Decision.NO_OPINION
    policy.remove(cluster_binding("b", "reader"))
    policy.remove(LOCAL)


def test_the_rules_of_a_user_are_those_of_all_its_bindings():
    policy = Policy(
        (READER, LOCAL, cluster_binding("b", "reader", GROUP), binding("c", "ns", ref("Role", "local"), USER))
    )
    rules = policy.rules_for(JANE, "ns")
    assert rules.resources == ((("get", "list"), ("",), ("pods",), ()), (("delete",), ("",), ("pods",), ()))
    assert rules.paths == ((("get",), ("/metrics",)),)
    assert rules.error == ""
    assert policy.rules_for(JANE, "other").resources == rules.resources[:1]
    policy.remove(LOCAL)
    assert policy.rules_for(JANE, "ns").error == 'role.rbac.authorization.k8s.io "local" not found'


NAMES = st.sampled_from(["a", "b"])
SUBJECTS = st.builds(
    Subject,
    kind=st.sampled_from(["User", "Group", "ServiceAccount", "Thing"]),
    name=st.sampled_from(["jane", "dev", "robot"]),
    namespace=st.sampled_from(["", "ns"]),
)
BINDINGS = st.builds(cluster_binding, NAMES, st.just("reader"), SUBJECTS, SUBJECTS) | st.builds(
    lambda name, ns, s: binding(name, ns, ref("ClusterRole", "reader"), s),
    NAMES,
    st.sampled_from(["ns", "x"]),
    SUBJECTS,
)


@given(st.lists(st.tuples(st.booleans(), BINDINGS), max_size=12))
def test_the_index_is_what_a_fresh_one_would_be(changes):
    policy, live = Policy((READER,)), {}
    for put, obj in changes:
        for user in (JANE, ROBOT):
            policy.judge(ask(user=user, namespace="ns"))  # what it remembers must not outlive the change
        key = (obj.metadata.namespace, obj.metadata.name)
        if put:
            policy.set(obj)
            live[key] = obj
        else:
            policy.remove(obj)
            live.pop(key, None)
    fresh = Policy((READER, *live.values()))
    for user in (JANE, ROBOT):
        for namespace in ("", "ns", "x"):
            asked = ask(user=user, namespace=namespace)
            assert policy.judge(asked).decision is fresh.judge(asked).decision


def test_a_rule_for_names_is_judged_by_the_name_each_time():
    named = ClusterRole(metadata=ObjectMeta(name="named"), rules=(rule("get", "core", "pods", "a"),))
    policy = Policy((named, cluster_binding("b", "named", USER)))
    for _ in range(2):
        assert policy.judge(ask(name="a")).decision is Decision.ALLOW
        assert policy.judge(ask(name="b")).decision is Decision.NO_OPINION
    assert policy.judge(ask_path("/pods")).decision is Decision.NO_OPINION


async def test_union_asks_in_turn_and_keeps_the_reasons():
    policy = Policy((cluster_binding("b", "gone", USER),))
    masters = UserInfo(username="root", groups=("system:masters",))
    union = UnionAuthorizer(PrivilegedGroups("system:masters"), policy)
    assert (await union.authorize(ask(user=masters))).decision is Decision.ALLOW
    verdict = await union.authorize(ask())
    assert verdict == Verdict(
        Decision.NO_OPINION, 'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found'
    )

    class Remote:
        async def authorize(self, attributes):
            return Verdict(Decision.DENY, attributes.verb)

    assert await UnionAuthorizer(policy, remote=(Remote(),)).authorize(ask()) == Verdict(Decision.DENY, "get")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (ask("list", namespace="default"), 'User "jane" cannot list resource "pods" in API group "" in the namespace "default"'),
        (ask("get", "nodes"), 'User "jane" cannot get resource "nodes" in API group "" at the cluster scope'),
        (ask("get", "deployments", group="apps", subresource="scale", namespace="a"), 'User "jane" cannot get resource "deployments/scale" in API group "apps" in the namespace "a"'),
        (ask_path("/metrics"), 'User "jane" cannot get path "/metrics"'),
    ],
    ids=["namespace", "cluster", "subresource", "path"],
)  # fmt: skip
def test_what_a_user_cannot_do_in_upstreams_words(asked, message):
    assert forbidden_message(asked) == message


@pytest.mark.parametrize(
    ("asked", "verdict", "message"),
    [
        (ask("list", namespace="d"), Verdict(Decision.NO_OPINION), 'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "d"'),
        (ask("get", "deployments", group="apps", name="web", namespace="d"), Verdict(Decision.DENY, "no"), 'deployments.apps "web" is forbidden: User "jane" cannot get resource "deployments" in API group "apps" in the namespace "d": no'),
        (ask_path("/x"), Verdict(Decision.NO_OPINION), 'forbidden: User "jane" cannot get path "/x"'),
    ],
    ids=["list", "object with reason", "path"],
)  # fmt: skip
def test_refusals(asked, verdict, message):
    status = refusal(asked, verdict).to_status()
    assert (status.code, status.reason, status.message) == (403, "Forbidden", message)
