"""Role-based access control: the evaluator over Roles, ClusterRoles and their bindings.

Source of the semantics: the page "Using RBAC Authorization", and upstream's rule matching: a `*` stands for
everything of its field, `*/scale` for that subresource of every resource, and there is no other wildcard;
a trailing `*` of a nonResourceURL matches any rest. Roles only add up: nothing denies.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from msgspec import Struct

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
from kube.apimachinery.gofmt import quote
from kube.apiserver.authentication.interface import service_account_username
from kube.apiserver.authorization.interface import NO_OPINION, ResourceRules
from kube.apiserver.endpoints.interface import Attributes, Decision, Verdict

GROUP: Final = "rbac.authorization.k8s.io"
ALL: Final = "*"

_MAX_KNOWN: Final = 4096

AnyRole = Role | ClusterRole
AnyBinding = RoleBinding | ClusterRoleBinding


def rule_allows(rule: PolicyRule, attributes: Attributes) -> bool:
    verbs = rule.verbs
    if attributes.verb not in verbs and ALL not in verbs:
        return False
    if not attributes.resource_request:
        return any(_path_matches(url, attributes.path) for url in rule.non_resource_urls)
    groups = rule.api_groups
    if attributes.api_group not in groups and ALL not in groups:
        return False
    if rule.resource_names and attributes.name not in rule.resource_names:
        return False
    return _resource_matches(rule.resources, attributes.resource, attributes.subresource)


def _resource_matches(resources: tuple[str, ...], resource: str, subresource: str) -> bool:
    if ALL in resources:
        return True
    if not subresource:
        return resource in resources
    return f"{resource}/{subresource}" in resources or f"*/{subresource}" in resources


def _path_matches(url: str, path: str) -> bool:
    return url in (ALL, path) or (url.endswith(ALL) and path.startswith(url.rstrip(ALL)))


class _Grant(Struct, frozen=True):
    """What one subject has by one binding: `role` is its namespace (empty for a ClusterRole) and its name."""

    role: tuple[str, str]
    reason: str


class Policy:
    """The RBAC objects of a cluster, indexed by whom they grant something to.

    Fed by `set` and `remove` from watches of the four resources; every change counts from the next decision on.
    A judge and a resolver of rules.
    """

    def __init__(self, objects: Iterable[AnyRole | AnyBinding] = ()) -> None:
        self._roles: dict[tuple[str, str], AnyRole] = {}
        self._bindings: dict[tuple[str, str], AnyBinding] = {}
        self._grants: dict[tuple[str, str, str], dict[tuple[str, str], tuple[_Grant, ...]]] = {}
        """By scope, kind (User or Group) and name of the subject; then by binding."""
        self._known: dict[tuple[object, ...], Verdict] = {}
        """What was allowed whatever the name of the object, since the last change."""
        for obj in objects:
            self.set(obj)

    def set(self, obj: AnyRole | AnyBinding) -> None:
        """Add an object, or take its new state."""
        key = (obj.metadata.namespace, obj.metadata.name)
        self._known.clear()
        if isinstance(obj, Role | ClusterRole):
            self._roles[key] = obj
            return
        if (known := self._bindings.get(key)) is not None:
            self._unbind(known)
        self._bindings[key] = obj
        for subject in obj.subjects:
            who = _index_key(subject, key[0])
            if who is not None:
                grants = self._grants.setdefault((key[0], *who), {})
                grants[key] = (*grants.get(key, ()), _grant(obj, subject))

    def remove(self, obj: AnyRole | AnyBinding) -> None:
        """Forget an object; an unknown one is ignored."""
        key = (obj.metadata.namespace, obj.metadata.name)
        self._known.clear()
        if isinstance(obj, Role | ClusterRole):
            self._roles.pop(key, None)
        elif (known := self._bindings.pop(key, None)) is not None:
            self._unbind(known)

    def retain(self, kind: str, names: Collection[tuple[str, str]]) -> None:
        """Forget the objects of a kind whose namespace and name are not among `names`."""
        known: tuple[AnyRole | AnyBinding, ...] = (*self._roles.values(), *self._bindings.values())
        for obj in known:
            if obj.kind == kind and (obj.metadata.namespace, obj.metadata.name) not in names:
                self.remove(obj)

    def _unbind(self, binding: AnyBinding) -> None:
        key = (binding.metadata.namespace, binding.metadata.name)
        for subject in binding.subjects:
            who = _index_key(subject, key[0])
            if who is not None and (grants := self._grants.get((key[0], *who))) is not None:
                grants.pop(key, None)
                if not grants:
                    del self._grants[key[0], *who]

    def judge(self, attributes: Attributes) -> Verdict:
        user = attributes.user
        key = (
            user.username,
            user.groups,
            attributes.verb,
            attributes.namespace,
            attributes.api_group,
            attributes.resource,
            attributes.subresource,
        )
        known = self._known.get(key) if attributes.resource_request else None
        return self._judge(attributes, key) if known is None else known

    def _judge(self, attributes: Attributes, key: tuple[object, ...]) -> Verdict:
        errors: list[str] = []
        by_name = not attributes.resource_request
        for grant in self._grants_of(attributes.user, attributes.namespace):
            role = self._roles.get(grant.role)
            if role is None:
                errors.append(_role_not_found(grant.role))
                continue
            for rule in role.rules:
                by_name = by_name or bool(rule.resource_names)
                if rule_allows(rule, attributes):
                    verdict = Verdict(Decision.ALLOW, f"RBAC: allowed by {grant.reason}")
                    if not by_name:
                        if len(self._known) >= _MAX_KNOWN:
                            self._known.clear()
                        self._known[key] = verdict
                    return verdict
        if not errors:
            return NO_OPINION
        return Verdict(Decision.NO_OPINION, f"RBAC: {_aggregate(errors)}")

    def rules_for(self, user: UserInfo, namespace: str) -> ResourceRules:
        """All rules that apply to the user in the namespace, those of the whole cluster among them."""
        errors: list[str] = []
        resources = []
        paths = []
        for grant in self._grants_of(user, namespace):
            role = self._roles.get(grant.role)
            if role is None:
                errors.append(_role_not_found(grant.role))
                continue
            for rule in role.rules:
                if rule.resources:
                    resources.append((rule.verbs, rule.api_groups, rule.resources, rule.resource_names))
                if rule.non_resource_urls:
                    paths.append((rule.verbs, rule.non_resource_urls))
        return ResourceRules(tuple(resources), tuple(paths), _aggregate(errors))

    def _grants_of(self, user: UserInfo, namespace: str) -> Iterator[_Grant]:
        """What is granted to the user and its groups, in the whole cluster and then in the namespace."""
        for scope in ("", namespace) if namespace else ("",):
            for kind, names in (("User", (user.username,)), ("Group", user.groups)):
                for name in names:
                    for grants in self._grants.get((scope, kind, name), _NONE).values():
                        yield from grants


_NONE: Final[dict[tuple[str, str], tuple[_Grant, ...]]] = {}


def _index_key(subject: Subject, namespace: str) -> tuple[str, str] | None:
    """The kind and name under which a user shows that it is the subject; None if nobody can be."""
    if subject.kind in ("User", "Group"):
        return (subject.kind, subject.name)
    home = subject.namespace or namespace
    if subject.kind == "ServiceAccount" and home:
        return ("User", service_account_username(home, subject.name))
    return None


def _grant(binding: AnyBinding, subject: Subject) -> _Grant:
    ref, meta = binding.role_ref, binding.metadata
    name = f"{meta.name}/{meta.namespace}" if meta.namespace else meta.name
    who = f"{subject.kind} {quote(_subject_name(subject, meta.namespace))}"
    reason = f"{binding.kind} {quote(name)} of {ref.kind} {quote(ref.name)} to {who}"
    return _Grant(role_key(ref, meta.namespace), reason)


def _subject_name(subject: Subject, namespace: str) -> str:
    if subject.kind != "ServiceAccount":
        return subject.name
    return f"{subject.name}/{subject.namespace or namespace}"


def role_key(ref: RoleRef, namespace: str) -> tuple[str, str]:
    """Namespace and name of the role that a binding in `namespace` refers to."""
    return (namespace if ref.kind == "Role" else "", ref.name)


def _role_not_found(role: tuple[str, str]) -> str:
    return f"{'role' if role[0] else 'clusterrole'}.{GROUP} {quote(role[1])} not found"


def _aggregate(errors: list[str]) -> str:
    distinct = list(dict.fromkeys(errors))
    return f"[{', '.join(distinct)}]" if len(distinct) > 1 else "".join(distinct)
