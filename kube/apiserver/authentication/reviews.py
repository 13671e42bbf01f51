# ruff: noqa: ARG002  # create has one signature, whether or not all of it is read
"""Reviews of identity: whose token is this, and who am I.

Source of the semantics: k8s.io/api/authentication/v1, and the REST objects of upstream's authentication registry.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from kube.api.types.authentication_v1 import (
    SelfSubjectReview,
    SelfSubjectReviewStatus,
    TokenReview,
    TokenReviewStatus,
)
from kube.apimachinery.errors import bad_request
from kube.apiserver.authentication.interface import (
    InvalidCredentialsError,
    TokenAuthenticator,
    with_authenticated_group,
)
from kube.apiserver.registry.rest import ObjectResult, Validate
from kube.apiserver.registry.strategy import Context

GROUP: Final = "authentication.k8s.io"


class TokenReviews:
    """Whose token is this? A token that nobody knows is an answer, not an error."""

    def __init__(self, tokens: TokenAuthenticator) -> None:
        self._tokens = tokens

    async def create(self, ctx: Context, name: str, obj: TokenReview, validate: Validate) -> ObjectResult:
        if ctx.namespace:
            raise bad_request(f"namespace is not allowed on this type: {ctx.namespace}")
        if not obj.spec.token:
            raise bad_request("token is required for TokenReview in authentication")
        await validate(obj)
        return ObjectResult(replace(obj, status=self._status(obj.spec.token)), created=True)

    def _status(self, token: str) -> TokenReviewStatus:
        try:
            user = self._tokens.authenticate_token(token)
        except InvalidCredentialsError as error:
            return TokenReviewStatus(error=str(error))
        if user is None:
            return TokenReviewStatus()
        return TokenReviewStatus(authenticated=True, user=with_authenticated_group(user))


class SelfSubjectReviews:
    """Who am I, as the server sees me?"""

    async def create(
        self, ctx: Context, name: str, obj: SelfSubjectReview, validate: Validate
    ) -> ObjectResult:
        await validate(obj)
        status = SelfSubjectReviewStatus(user_info=ctx.user)
        return ObjectResult(replace(obj, status=status), created=True)


def identity_reviews(tokens: TokenAuthenticator) -> Mapping[str, Any]:
    """The REST objects of the group `authentication.k8s.io`, by plural."""
    return {"tokenreviews": TokenReviews(tokens), "selfsubjectreviews": SelfSubjectReviews()}
