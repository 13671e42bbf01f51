"""Access reviews ask the authorizer, about somebody or about oneself; impossible questions are refused."""

import pytest

from kube.api.resources import builtin_table
from kube.api.types.authentication_v1 import UserInfo
from kube.api.types.authorization_v1 import (
    LocalSubjectAccessReview,
    NonResourceAttributes,
    ResourceAttributes,
    SelfSubjectAccessReview,
    SelfSubjectAccessReviewSpec,
    SelfSubjectRulesReview,
    SelfSubjectRulesReviewSpec,
    SubjectAccessReview,
    SubjectAccessReviewSpec,
)
from kube.api.types.rbac_v1 import ClusterRoleBinding, RoleRef, Subject
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.authorization.default_roles import default_objects
from kube.apiserver.authorization.interface import PrivilegedGroups, UnionAuthorizer
from kube.apiserver.authorization.rbac import Policy
from kube.apiserver.authorization.reviews import access_reviews
from kube.apiserver.endpoints.interface import Decision, Verdict
from kube.apiserver.registry.strategy import Context
from kube.base.chance import Chance

TABLE = builtin_table()
JANE = UserInfo(username="jane", groups=("system:authenticated",))
LIST_PODS = ResourceAttributes(verb="list", resource="pods", namespace="ns")
HEALTH = NonResourceAttributes(verb="get", path="/healthz")


@pytest.fixture
def policy():
    policy = Policy(default_objects())
    policy.set(
        ClusterRoleBinding(
            metadata=ObjectMeta(name="viewers"),
            role_ref=RoleRef(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name="view"),
            subjects=(Subject(kind="User", name="jane"), Subject(kind="Group", name="viewers")),
        )
    )
    return policy


@pytest.fixture
def ask(policy):
    reviews = access_reviews(UnionAuthorizer(PrivilegedGroups("system:masters"), policy), policy)

    async def ask(review, *, user=JANE, namespace="", validated=None):
        row = next(row for row in TABLE if row.kind == review.kind)
        ctx = Context(user=user, resource=row, namespace=namespace, now=0.0, chance=Chance(1))

        async def validate(obj):
            if validated is not None:
                validated.append(obj)

        result = await reviews[row.plural].create(ctx, "", review, validate)
        assert result.created
        return result.object

    return ask


def about(user="", groups=(), resource=LIST_PODS, path=None, **metadata):
    spec = SubjectAccessReviewSpec(
        user=user, groups=groups, resource_attributes=resource, non_resource_attributes=path
    )
    return SubjectAccessReview(metadata=ObjectMeta(**metadata), spec=spec)


@pytest.mark.parametrize(
    ("review", "allowed"),
    [
        (about("jane"), True),
        (about("joe"), False),
        (about("joe", ("viewers",)), True),
        (about("", ("viewers",)), True),
        (about("root", ("system:masters",)), True),
        (about("jane", resource=ResourceAttributes(verb="delete", resource="pods", namespace="ns")), False),
        (about("jane", resource=ResourceAttributes(verb="get", group="apps", resource="deployments", subresource="scale")), True),
        (about("jane", resource=None, path=HEALTH), False),
        (about("x", ("system:authenticated",), resource=None, path=HEALTH), True),
    ],
)  # fmt: skip
async def test_what_somebody_may(ask, review, allowed):
    validated = []
    answer = await ask(review, validated=validated)
    assert answer.status.allowed is allowed
    assert answer.status.denied is False
    assert validated == [review]


async def test_the_reason_is_told(ask):
    answer = await ask(about("jane"))
    assert (
        answer.status.reason
        == 'RBAC: allowed by ClusterRoleBinding "viewers" of ClusterRole "view" to User "jane"'
    )


async def test_what_i_may(ask):
    def mine(**spec):
        return SelfSubjectAccessReview(spec=SelfSubjectAccessReviewSpec(**spec))

    assert (await ask(mine(resource_attributes=LIST_PODS))).status.allowed
    assert not (await ask(mine(resource_attributes=LIST_PODS), user=UserInfo(username="joe"))).status.allowed
    assert (await ask(mine(non_resource_attributes=HEALTH))).status.allowed


async def test_what_somebody_may_in_one_namespace(ask):
    review = LocalSubjectAccessReview(
        metadata=ObjectMeta(namespace="ns"),
        spec=SubjectAccessReviewSpec(user="jane", resource_attributes=LIST_PODS),
    )
    assert (await ask(review, namespace="ns")).status.allowed
    with pytest.raises(ApiError) as caught:
        await ask(review, namespace="other")
    assert caught.value.message == "spec.resourceAttributes.namespace must match namespace: other"


async def test_all_my_rules(ask, policy):
    def mine(namespace):
        return SelfSubjectRulesReview(spec=SelfSubjectRulesReviewSpec(namespace=namespace))

    status = (await ask(mine("ns"))).status
    assert any("pods" in rule.resources and "list" in rule.verbs for rule in status.resource_rules)
    assert any("/version" in rule.non_resource_urls for rule in status.non_resource_rules)
    assert (status.incomplete, status.evaluation_error) == (False, "")
    with pytest.raises(ApiError, match="no namespace on request"):
        await ask(mine(""))
    policy.remove(next(obj for obj in default_objects() if obj.metadata.name == "view"))
    status = (await ask(mine("ns"))).status
    assert (status.incomplete, status.evaluation_error) == (
        True,
        'clusterrole.rbac.authorization.k8s.io "view" not found',
    )


@pytest.mark.parametrize(
    ("review", "message"),
    [
        (about("jane", resource=None), 'spec.resourceAttributes: Invalid value: "null": exactly one of nonResourceAttributes or resourceAttributes must be specified'),
        (about("jane", path=HEALTH), "cannot be specified in combination with resourceAttributes"),
        (about(), 'spec.user: Invalid value: "": at least one of user or group must be specified'),
        (about("jane", name="x"), "must be empty"),
        (SelfSubjectAccessReview(), "exactly one of"),
        (SelfSubjectAccessReview(metadata=ObjectMeta(labels={"a": "b"}), spec=SelfSubjectAccessReviewSpec(resource_attributes=LIST_PODS)), "must be empty"),
        (LocalSubjectAccessReview(spec=SubjectAccessReviewSpec(user="jane", resource_attributes=LIST_PODS)), 'spec.resourceAttributes.namespace: Invalid value: "ns": must match metadata.namespace'),
        (LocalSubjectAccessReview(spec=SubjectAccessReviewSpec(user="jane", non_resource_attributes=HEALTH)), "disallowed on this kind of request"),
    ],
)  # fmt: skip
async def test_impossible_questions(ask, review, message):
    with pytest.raises(ApiError) as caught:
        await ask(review)
    assert caught.value.code == 422
    assert message in caught.value.message
    assert caught.value.message.startswith(f'{review.kind}.authorization.k8s.io "" is invalid: ')


async def test_a_denial_is_told_apart():
    class Never:
        async def authorize(self, attributes):
            return Verdict(Decision.DENY, f"no {attributes.verb}")

    reviews = access_reviews(Never(), Policy())
    row = TABLE.get("authorization.k8s.io", "v1", "subjectaccessreviews")
    ctx = Context(user=JANE, resource=row, namespace="", now=0.0, chance=Chance(1))

    async def validate(_):
        return

    status = (await reviews["subjectaccessreviews"].create(ctx, "", about("jane"), validate)).object.status
    assert (status.allowed, status.denied, status.reason) == (False, True, "no list")
