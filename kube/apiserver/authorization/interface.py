"""Judges of requests, how they are joined, and what a user is told who is refused.

Source of the semantics: k8s.io/apiserver/pkg/authorization/authorizer, and the page "Authorization". The question and the
answer are those of `kube.apiserver.endpoints.interface`; an authorizer that may have to wait (a webhook) is an
`Authorizer` there, one that only reads what this process holds is a `Judge`.
"""

from typing import Final, Protocol

from msgspec import Struct

from kube.api.types.authentication_v1 import UserInfo
from kube.apimachinery.errors import ApiError, forbidden
from kube.apimachinery.gofmt import quote
from kube.apimachinery.version import GroupResource
from kube.apiserver.endpoints.interface import Attributes, Authorizer, Decision, Verdict

NO_OPINION: Final = Verdict(Decision.NO_OPINION)
ALLOWED: Final = Verdict(Decision.ALLOW)


class Judge(Protocol):
    def judge(self, attributes: Attributes) -> Verdict: ...


class ResourceRules(Struct, frozen=True):
    """What a user may do in a namespace: `(verbs, apiGroups, resources, resourceNames)` and `(verbs, paths)` each.

    `error` says why the rules may be incomplete.
    """

    resources: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...]
    paths: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    error: str = ""


class RuleResolver(Protocol):
    def rules_for(self, user: UserInfo, namespace: str) -> ResourceRules: ...


class PrivilegedGroups:
    """Allows the members of some groups everything."""

    def __init__(self, *groups: str) -> None:
        self._groups = frozenset(groups)

    def judge(self, attributes: Attributes) -> Verdict:
        return NO_OPINION if self._groups.isdisjoint(attributes.user.groups) else ALLOWED


class UnionAuthorizer:
    """Asks the judges in turn, then those who may wait, until one allows or denies."""

    def __init__(self, *judges: Judge, remote: tuple[Authorizer, ...] = ()) -> None:
        self._judges = judges
        self._remote = remote

    async def authorize(self, attributes: Attributes) -> Verdict:
        reasons: list[str] = []
        for judge in self._judges:
            verdict = judge.judge(attributes)
            if verdict.decision is not Decision.NO_OPINION:
                return verdict
            if verdict.reason:
                reasons.append(verdict.reason)
        for authorizer in self._remote:
            verdict = await authorizer.authorize(attributes)
            if verdict.decision is not Decision.NO_OPINION:
                return verdict
            if verdict.reason:
                reasons.append(verdict.reason)
        return Verdict(Decision.NO_OPINION, "\n".join(reasons)) if reasons else NO_OPINION


def forbidden_message(attributes: Attributes) -> str:
    """What the user cannot do, in upstream's words."""
    user, verb = quote(attributes.user.username), attributes.verb
    if not attributes.resource_request:
        return f"User {user} cannot {verb} path {quote(attributes.path)}"
    resource = attributes.resource
    if attributes.subresource:
        resource = f"{resource}/{attributes.subresource}"
    group = quote(attributes.api_group)
    what = f"User {user} cannot {verb} resource {quote(resource)} in API group {group}"
    if attributes.namespace:
        return f"{what} in the namespace {quote(attributes.namespace)}"
    return f"{what} at the cluster scope"


def refusal(attributes: Attributes, verdict: Verdict) -> ApiError:
    """The error for a request that is not allowed."""
    why = forbidden_message(attributes)
    if verdict.reason:
        why = f"{why}: {verdict.reason}"
    return forbidden(GroupResource(attributes.api_group, attributes.resource), attributes.name, why)
