"""What a request shows, who may vouch for it, and the users that Kubernetes names itself.

Source of the semantics: k8s.io/apiserver/pkg/authentication, and the page "Authenticating".
"""

from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from kube.api.types.authentication_v1 import UserInfo

ALL_AUTHENTICATED: Final = "system:authenticated"
ALL_UNAUTHENTICATED: Final = "system:unauthenticated"
ALL_SERVICE_ACCOUNTS: Final = "system:serviceaccounts"
MASTERS: Final = "system:masters"
"""Upstream's privileged group: always allowed."""
NODES: Final = "system:nodes"
MONITORING: Final = "system:monitoring"

ANONYMOUS: Final = "system:anonymous"
APISERVER: Final = "system:apiserver"
SCHEDULER: Final = "system:kube-scheduler"
CONTROLLER_MANAGER: Final = "system:kube-controller-manager"
PROXY: Final = "system:kube-proxy"
SERVICE_ACCOUNT_PREFIX: Final = "system:serviceaccount:"

CREDENTIAL_ID: Final = "authentication.kubernetes.io/credential-id"
"""The key of `extra` under which an authenticator says which credential it took."""


class Credentials(Struct, frozen=True):
    """What one request shows. `certificate` is the peer's, DER, already verified against the cluster's authority."""

    certificate: bytes | None = None
    authorization: str = ""
    """The Authorization header, or empty."""

    @property
    def bearer_token(self) -> str:
        """The token of a `Bearer` header, or empty."""
        scheme, _, token = self.authorization.strip().partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""


class InvalidCredentialsError(Exception):
    """Credentials of a kind that the authenticator knows, and does not accept. The text is for the log alone."""


class Authenticator(Protocol):
    def authenticate(self, credentials: Credentials) -> UserInfo | None:
        """The user, or None where the request shows nothing of this authenticator's kind.

        Raises InvalidCredentialsError. The group `system:authenticated` need not be among the user's.
        """
        ...


class TokenAuthenticator(Protocol):
    def authenticate_token(self, token: str) -> UserInfo | None:
        """The token's user, None for an unknown token. Raises InvalidCredentialsError for one known to be bad."""
        ...


def anonymous() -> UserInfo:
    return UserInfo(username=ANONYMOUS, groups=(ALL_UNAUTHENTICATED,))


def loopback() -> UserInfo:
    """The API server itself, when it calls its own API."""
    return UserInfo(username=APISERVER, groups=(MASTERS, ALL_AUTHENTICATED))


def with_authenticated_group(user: UserInfo) -> UserInfo:
    """What every authenticated user gets besides its own groups."""
    if ALL_AUTHENTICATED in user.groups or ALL_UNAUTHENTICATED in user.groups:
        return user
    return replace(user, groups=(*user.groups, ALL_AUTHENTICATED))


def service_account_username(namespace: str, name: str) -> str:
    return f"{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}"


def service_account(namespace: str, name: str, uid: str = "") -> UserInfo:
    """The user that a service account's credentials stand for."""
    return UserInfo(
        username=service_account_username(namespace, name),
        uid=uid,
        groups=(ALL_SERVICE_ACCOUNTS, f"{ALL_SERVICE_ACCOUNTS}:{namespace}", ALL_AUTHENTICATED),
    )
