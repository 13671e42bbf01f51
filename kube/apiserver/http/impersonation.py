"""Impersonation: a request that a user makes in another's name, if it may.

Source of the semantics: the page "User Impersonation". Each thing that is impersonated (the user or service account, each
group, the uid, each extra value) needs the verb `impersonate` on it.
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from kube.api.types.authentication_v1 import UserInfo
from kube.apimachinery.errors import internal_error
from kube.apiserver.authentication.interface import (
    ALL_AUTHENTICATED,
    ALL_SERVICE_ACCOUNTS,
    ALL_UNAUTHENTICATED,
    ANONYMOUS,
    SERVICE_ACCOUNT_PREFIX,
)
from kube.apiserver.authorization.interface import refusal
from kube.apiserver.endpoints.interface import Attributes, Authorizer, Decision
from kube.apiserver.http.messages import Headers

_USER: Final = "Impersonate-User"
_GROUP: Final = "Impersonate-Group"
_UID: Final = "Impersonate-Uid"
_EXTRA: Final = "impersonate-extra-"
_GROUP_OF_EXTRAS: Final = "authentication.k8s.io"


def has_impersonation(headers: Headers) -> bool:
    return any(key[0] in "iI" and key[:12].lower() == "impersonate-" for key in headers.keys())  # noqa: SIM118  # a Protocol, no dict


async def impersonated(user: UserInfo, headers: Headers, authorizer: Authorizer) -> UserInfo:
    """In whose name the request is made. Raises ApiError 403; 500 for headers that name no user, as upstream."""
    name = headers.get(_USER, "")
    groups = tuple(headers.getall(_GROUP, ()))
    uid = headers.get(_UID, "")
    extra = _extra(headers)
    if not name:
        raise internal_error("requested impersonation of groups or extra without impersonating a user")
    for wanted in _wanted(user, name, groups, uid, extra):
        verdict = await authorizer.authorize(wanted)
        if verdict.decision is not Decision.ALLOW:
            raise refusal(wanted, verdict)
    return UserInfo(username=name, uid=uid, groups=_with_implied(name, groups), extra=extra)


def _extra(headers: Headers) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for header in dict.fromkeys(key.lower() for key in headers.keys()):  # noqa: SIM118  # a Protocol, no dict
        if header.startswith(_EXTRA):
            found[unquote(header[len(_EXTRA) :])] = tuple(headers.getall(header, ()))
    return found


def _wanted(
    user: UserInfo, name: str, groups: tuple[str, ...], uid: str, extra: dict[str, tuple[str, ...]]
) -> Iterator[Attributes]:
    account = _service_account(name)
    if account is not None:
        namespace, account_name = account
        yield _impersonate(user, "serviceaccounts", account_name, namespace=namespace)
    else:
        yield _impersonate(user, "users", name)
    for group in groups:
        yield _impersonate(user, "groups", group)
    for key, values in extra.items():
        for value in values:
            yield _impersonate(user, "userextras", value, group=_GROUP_OF_EXTRAS, subresource=key)
    if uid:
        yield _impersonate(user, "uids", uid, group=_GROUP_OF_EXTRAS)


def _impersonate(
    user: UserInfo, resource: str, name: str, *, namespace: str = "", group: str = "", subresource: str = ""
) -> Attributes:
    return Attributes(
        user=user,
        verb="impersonate",
        api_group=group,
        api_version="v1",
        resource=resource,
        subresource=subresource,
        namespace=namespace,
        name=name,
    )


def _service_account(name: str) -> tuple[str, str] | None:
    if not name.startswith(SERVICE_ACCOUNT_PREFIX):
        return None
    namespace, colon, account = name[len(SERVICE_ACCOUNT_PREFIX) :].partition(":")
    return (namespace, account) if colon and namespace and account and ":" not in account else None


def _with_implied(name: str, groups: tuple[str, ...]) -> tuple[str, ...]:
    """Service accounts bring their groups if none are named; everybody is authenticated, or not."""
    account = _service_account(name)
    if account is not None and not groups:
        groups = (ALL_SERVICE_ACCOUNTS, f"{ALL_SERVICE_ACCOUNTS}:{account[0]}")
    implied = ALL_UNAUTHENTICATED if name == ANONYMOUS else ALL_AUTHENTICATED
    if implied in groups or ALL_UNAUTHENTICATED in groups:
        return groups
    return (*groups, implied)
