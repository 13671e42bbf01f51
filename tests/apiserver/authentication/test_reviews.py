"""Reviews of identity: whose token it is, and who is asking."""

import pytest

from kube.api.resources import builtin_table
from kube.api.types.authentication_v1 import SelfSubjectReview, TokenReview, TokenReviewSpec, UserInfo
from kube.apimachinery.errors import ApiError
from kube.apiserver.authentication.reviews import identity_reviews
from kube.apiserver.authentication.tokens import BearerAuthenticator, StaticTokens
from kube.apiserver.registry.strategy import Context
from kube.base.chance import Chance

TABLE = builtin_table()
JANE = UserInfo(username="jane", groups=("dev",), uid="u-1", extra={"k": ("v",)})
REVIEWS = identity_reviews(BearerAuthenticator(StaticTokens({"s3cret": JANE})))


async def ask(review, namespace=""):
    row = next(row for row in TABLE if row.kind == review.kind)
    ctx = Context(user=JANE, resource=row, namespace=namespace, now=0.0, chance=Chance(1))

    async def validate(_):
        return

    return (await REVIEWS[row.plural].create(ctx, "", review, validate)).object.status


async def test_a_known_token():
    status = await ask(TokenReview(spec=TokenReviewSpec(token="s3cret")))
    assert status.authenticated
    assert (status.user.username, status.user.groups, status.user.extra) == (
        "jane",
        ("dev", "system:authenticated"),
        {"k": ("v",)},
    )


async def test_an_unknown_token_is_an_answer():
    status = await ask(TokenReview(spec=TokenReviewSpec(token="nope")))
    assert (status.authenticated, status.error) == (False, "invalid bearer token")


@pytest.mark.parametrize(
    ("token", "namespace", "message"),
    [("", "", "token is required for TokenReview in authentication"), ("s3cret", "ns", "namespace is not allowed on this type: ns")],
)  # fmt: skip
async def test_impossible_questions(token, namespace, message):
    with pytest.raises(ApiError) as caught:
        await ask(TokenReview(spec=TokenReviewSpec(token=token)), namespace)
    assert (caught.value.code, caught.value.message) == (400, message)


async def test_who_i_am():
    assert (await ask(SelfSubjectReview())).user_info == JANE
