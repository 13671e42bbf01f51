"""Bearer tokens: the header, and the static tokens that a server is started with."""

import hmac
from collections.abc import Mapping
from hashlib import sha256

from kube.api.types.authentication_v1 import UserInfo
from kube.apiserver.authentication.interface import (
    Credentials,
    InvalidCredentialsError,
    TokenAuthenticator,
    with_authenticated_group,
)


class BearerAuthenticator:
    """Reads the Authorization header and asks the authenticators of tokens in turn."""

    def __init__(self, *tokens: TokenAuthenticator) -> None:
        self._tokens = tokens

    def authenticate(self, credentials: Credentials) -> UserInfo | None:
        token = credentials.bearer_token
        return self.authenticate_token(token) if token else None

    def authenticate_token(self, token: str) -> UserInfo:
        """Raises InvalidCredentialsError for a token that nobody accepts, never with the token in it."""
        complaints: list[str] = []
        for authenticator in self._tokens:
            try:
                user = authenticator.authenticate_token(token)
            except InvalidCredentialsError as error:
                complaints.append(str(error))
                continue
            if user is not None:
                return user
        raise InvalidCredentialsError("; ".join(complaints) or "invalid bearer token")


class StaticTokens:
    """Tokens that are known from the start.

    Looked up by their digests and compared in constant time, so that the time of an answer tells nothing
    about a token; the tokens themselves are not kept.
    """

    def __init__(self, users: Mapping[str, UserInfo]) -> None:
        """`users` by token. Raises ValueError for an empty token."""
        if "" in users:
            raise ValueError("a bearer token cannot be empty")
        self._users = {_digest(token): with_authenticated_group(user) for token, user in users.items()}

    def authenticate_token(self, token: str) -> UserInfo | None:
        shown = _digest(token)
        found: UserInfo | None = None
        for digest, user in self._users.items():
            if hmac.compare_digest(digest, shown):
                found = user
        return found


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()
