"""The default roles give each of their holders what it needs, and nobody more; existing ones are only added to."""

from collections import Counter

import pytest
from msgspec.structs import replace

from kube.api.types.authentication_v1 import UserInfo
from kube.api.types.rbac_v1 import ClusterRole, PolicyRule, RoleRef, Subject
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.authentication.interface import anonymous, service_account
from kube.apiserver.authorization.default_roles import aggregate, default_objects, reconcile
from kube.apiserver.authorization.rbac import Policy
from kube.apiserver.endpoints.interface import Attributes, Decision

OBJECTS = default_objects()
BY_NAME = {(obj.kind, obj.metadata.namespace, obj.metadata.name): obj for obj in OBJECTS}
POLICY = Policy(OBJECTS)

SCHEDULER = UserInfo(username="system:kube-scheduler", groups=("system:authenticated",))
MANAGER = UserInfo(username="system:kube-controller-manager", groups=("system:authenticated",))
JANE = UserInfo(username="jane", groups=("system:authenticated",))


def test_names_are_unique_and_bindings_refer_to_what_is_there():
    assert len(BY_NAME) == len(OBJECTS)
    assert Counter(obj.kind for obj in OBJECTS) == {
        "ClusterRole": 73,
        "ClusterRoleBinding": 54,
        "Role": 7,
        "RoleBinding": 7,
    }
    for obj in OBJECTS:
        assert obj.metadata.labels["kubernetes.io/bootstrapping"] == "rbac-defaults"
        assert obj.metadata.annotations == {"rbac.authorization.kubernetes.io/autoupdate": "true"}
        if obj.kind.endswith("Binding"):
            namespace = obj.metadata.namespace if obj.role_ref.kind == "Role" else ""
            assert (obj.role_ref.kind, namespace, obj.role_ref.name) in BY_NAME


def may(user, verb, resource, group="", *, subresource="", namespace="", name=""):
    asked = Attributes(
        user=user,
        verb=verb,
        api_group=group,
        resource=resource,
        subresource=subresource,
        namespace=namespace,
        name=name,
    )
    return POLICY.judge(asked).decision is Decision.ALLOW


@pytest.mark.parametrize(
    ("expected", "user", "verb", "resource", "more"),
    [
        (True, SCHEDULER, "create", "pods", {"subresource": "binding", "namespace": "x"}),
        (True, SCHEDULER, "update", "leases", {"group": "coordination.k8s.io", "namespace": "kube-system", "name": "kube-scheduler"}),
        (False, SCHEDULER, "update", "leases", {"group": "coordination.k8s.io", "namespace": "kube-system", "name": "other"}),
        (False, SCHEDULER, "get", "secrets", {"namespace": "x"}),
        (True, MANAGER, "watch", "anything", {"group": "any.io"}),
        (True, MANAGER, "create", "serviceaccounts", {"subresource": "token", "namespace": "x"}),
        (False, MANAGER, "delete", "pods", {"namespace": "x"}),
        (True, service_account("kube-system", "replicaset-controller"), "create", "pods", {"namespace": "x"}),
        (False, service_account("x", "replicaset-controller"), "create", "pods", {"namespace": "x"}),
        (True, service_account("kube-system", "generic-garbage-collector"), "delete", "x", {"group": "any.io"}),
        (True, UserInfo(username="root", groups=("system:masters",)), "delete", "x", {"group": "any.io"}),
        (True, JANE, "create", "selfsubjectaccessreviews", {"group": "authorization.k8s.io"}),
        (False, JANE, "get", "pods", {"namespace": "default"}),
        (False, anonymous(), "create", "selfsubjectaccessreviews", {"group": "authorization.k8s.io"}),
        (False, UserInfo(username="system:node:n", groups=("system:nodes",)), "get", "pods", {"namespace": "x"}),
    ],
)  # fmt: skip
def test_who_may_do_what(expected, user, verb, resource, more):
    assert may(user, verb, resource, **more) is expected


@pytest.mark.parametrize(
    ("path", "anybody", "authenticated"),
    [("/healthz", True, True), ("/livez", True, True), ("/readyz", True, True), ("/version", True, True), ("/version/", True, True),
     ("/readyz/etcd", False, False), ("/api", False, True), ("/apis/apps/v1", False, True), ("/openapi/v3", False, True),
     ("/metrics", False, False), ("/", False, False)],
)  # fmt: skip
def test_paths(path, anybody, authenticated):
    for user, expected in ((anonymous(), anybody), (JANE, authenticated)):
        asked = Attributes(user=user, verb="get", path=path, resource_request=False)
        assert (POLICY.judge(asked).decision is Decision.ALLOW) is expected


def test_aggregated_roles_hold_the_rules_of_those_below():
    view, edit, admin = (BY_NAME["ClusterRole", "", name] for name in ("view", "edit", "admin"))
    assert view.rules == BY_NAME["ClusterRole", "", "system:aggregate-to-view"].rules
    assert set(view.rules) < set(edit.rules) < set(admin.rules)
    assert admin.aggregation_rule.cluster_role_selectors[0].match_labels == {
        "rbac.authorization.k8s.io/aggregate-to-admin": "true"
    }
    assert edit.metadata.labels["rbac.authorization.k8s.io/aggregate-to-admin"] == "true"
    custom = ClusterRole(
        metadata=ObjectMeta(
            name="crontab-viewer", labels={"rbac.authorization.k8s.io/aggregate-to-view": "true"}
        ),
        rules=(PolicyRule(verbs=("get",), api_groups=("stable.example.com",), resources=("crontabs",)),),
    )
    roles = [obj for obj in OBJECTS if isinstance(obj, ClusterRole)]
    assert aggregate(view, [*roles, custom]) == (*custom.rules, *view.rules)
    assert aggregate(custom, roles) == custom.rules


ROLE = BY_NAME["ClusterRole", "", "system:kube-dns"]
BINDING = BY_NAME["ClusterRoleBinding", "", "system:kube-dns"]


def with_annotations(obj, **annotations):
    return replace(obj, metadata=replace(obj.metadata, annotations=annotations))


def test_what_is_there_already_stays():
    for obj in OBJECTS:
        assert reconcile(obj, obj) is None
    more = replace(ROLE, rules=(*ROLE.rules, PolicyRule(verbs=("get",), resources=("x",))))
    assert reconcile(more, ROLE) is None


def test_what_is_missing_is_added():
    extra = PolicyRule(verbs=("get",), resources=("x",))
    assert reconcile(replace(ROLE, rules=(extra,)), ROLE).rules == (extra, *ROLE.rules)
    other = Subject(kind="User", name="jane")
    assert reconcile(replace(BINDING, subjects=(other,)), BINDING).subjects == (other, *BINDING.subjects)
    bare = replace(
        ROLE, metadata=ObjectMeta(name="system:kube-dns", resource_version="7", labels={"mine": "1"})
    )
    fixed = reconcile(bare, ROLE)
    assert (fixed.metadata.resource_version, fixed.metadata.labels["mine"]) == ("7", "1")
    assert fixed.metadata.annotations == ROLE.metadata.annotations


def test_an_administrator_may_opt_out():
    off = with_annotations(
        replace(ROLE, rules=()), **{"rbac.authorization.kubernetes.io/autoupdate": "false"}
    )
    assert reconcile(off, ROLE) is None


def test_gathered_rules_are_left_to_the_aggregation():
    view = BY_NAME["ClusterRole", "", "view"]
    assert reconcile(replace(view, rules=()), view) is None


def test_a_binding_to_another_role_is_made_anew():
    moved = replace(
        BINDING, role_ref=RoleRef(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name="other")
    )
    assert reconcile(moved, BINDING).role_ref == BINDING.role_ref
    with pytest.raises(TypeError):
        reconcile(ROLE, BINDING)
