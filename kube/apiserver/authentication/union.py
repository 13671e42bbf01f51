"""The authenticators of a server as one: the first that knows the request decides, nobody knows an anonymous one."""

from kube.api.types.authentication_v1 import UserInfo
from kube.apimachinery.errors import ApiError, unauthorized
from kube.apiserver.authentication.interface import (
    Authenticator,
    Credentials,
    InvalidCredentialsError,
    anonymous,
    with_authenticated_group,
)
from kube.base.logging import get_logger


class RequestAuthenticator:
    """Upstream's order: what one authenticator refuses, the next may still accept.

    A request that shows credentials which nobody accepts is refused; one that shows none is anonymous.
    """

    def __init__(self, *authenticators: Authenticator, allow_anonymous: bool = True) -> None:
        self._authenticators = authenticators
        self._anonymous = anonymous() if allow_anonymous else None
        self._log = get_logger(__name__)

    def authenticate(self, credentials: Credentials) -> UserInfo:
        """Raises ApiError 401, which says nothing of the reason; the log does."""
        complaints: list[str] = []
        for authenticator in self._authenticators:
            try:
                user = authenticator.authenticate(credentials)
            except InvalidCredentialsError as error:
                complaints.append(str(error))
                continue
            if user is not None:
                return with_authenticated_group(user)
        if complaints or self._anonymous is None:
            self._log.info("unable to authenticate the request", complaints=complaints)
            raise refusal()
        return self._anonymous


def refusal() -> ApiError:
    return unauthorized("Unauthorized")
