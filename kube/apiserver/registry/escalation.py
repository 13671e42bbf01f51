"""Nobody hands out rights that they do not have: what is checked before a role or a binding is written.

Source of the semantics: pkg/registry/rbac (escalation_check.go, the policybased storages), k8s.io/component-helpers
auth/rbac/validation; the page "Using RBAC Authorization" (privilege escalation prevention).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from msgspec.structs import replace

from kube.api.types.rbac_v1 import ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding
from kube.apimachinery.errors import ApiError, forbidden, not_found
from kube.apimachinery.gofmt import quote
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.version import GroupResource
from kube.apiserver.authorization.interface import RuleResolver
from kube.apiserver.endpoints.interface import Attributes, Authorizer, Decision
from kube.apiserver.registry.rest import (
    ObjectResult,
    Transform,
    Validate,
    ValidateUpdate,
    allow,
    allow_update,
)
from kube.apiserver.registry.store import Store
from kube.apiserver.registry.strategy import Context

GROUP: Final = "rbac.authorization.k8s.io"
PRIVILEGED: Final = "system:masters"
ALL: Final = "*"
_EVERYTHING: Final = (
    PolicyRule(verbs=(ALL,), api_groups=(ALL,), resources=(ALL,)),
    PolicyRule(verbs=(ALL,), non_resource_urls=(ALL,)),
)

AnyRole = Role | ClusterRole
AnyBinding = RoleBinding | ClusterRoleBinding


class EscalationGuard:
    """``rules`` knows what a user may do, ``authorizer`` who may ``escalate`` and ``bind`` regardless."""

    def __init__(self, authorizer: Authorizer, rules: RuleResolver) -> None:
        self._authorizer = authorizer
        self._rules = rules

    async def confirm_role(self, ctx: Context, role: AnyRole) -> None:
        """Raises ApiError (403)."""
        if PRIVILEGED in ctx.user.groups or await self._may(ctx, "escalate", ctx.resource.plural, ctx.name):
            return
        self._confirm(ctx, role.metadata.name, role.rules)
        aggregates = isinstance(role, ClusterRole) and role.aggregation_rule is not None
        if aggregates and self._missing(ctx, _EVERYTHING):
            why = "must have cluster-admin privileges to use the aggregationRule"
            raise self._forbidden(ctx, role.metadata.name, why)

    async def confirm_binding(self, ctx: Context, binding: AnyBinding, roles: Store) -> None:
        """``roles`` is the store of the kind that is referred to. Raises ApiError (403, 404)."""
        if PRIVILEGED in ctx.user.groups:
            return
        name = binding.role_ref.name
        if await self._may(ctx, "bind", roles.resource.plural, name):
            return
        try:
            namespace = ctx.namespace if roles.resource.namespaced else ""
            role: AnyRole = (await roles.get(replace(ctx, namespace=namespace), name)).object
        except ApiError as error:
            if error.code != 404:
                raise
            raise not_found(GroupResource(GROUP, roles.resource.plural), name) from None
        self._confirm(ctx, binding.metadata.name, role.rules)

    async def _may(self, ctx: Context, verb: str, plural: str, name: str) -> bool:
        verdict = await self._authorizer.authorize(
            Attributes(
                user=ctx.user,
                verb=verb,
                namespace=ctx.namespace,
                api_group=GROUP,
                api_version=ALL,
                resource=plural,
                name=name,
            )
        )
        return verdict.decision is Decision.ALLOW

    def _confirm(self, ctx: Context, name: str, rules: Sequence[PolicyRule]) -> None:
        missing = self._missing(ctx, rules)
        if missing:
            user = ctx.user
            why = (
                f"user {quote(user.username)} (groups={_shown(user.groups)}) is attempting to grant RBAC "
                "permissions not currently held:\n" + "\n".join(sorted({compact(rule) for rule in missing}))
            )
            raise self._forbidden(ctx, name, why)

    def _missing(self, ctx: Context, rules: Sequence[PolicyRule]) -> list[PolicyRule]:
        held = self._rules.rules_for(ctx.user, ctx.namespace)
        owned = [
            PolicyRule(verbs=verbs, api_groups=groups, resources=resources, resource_names=names)
            for verbs, groups, resources, names in held.resources
        ]
        owned += [PolicyRule(verbs=verbs, non_resource_urls=urls) for verbs, urls in held.paths]
        return compacted(uncovered(owned, rules))

    @staticmethod
    def _forbidden(ctx: Context, name: str, why: str) -> ApiError:
        return forbidden(GroupResource(GROUP, ctx.resource.plural), name, why)


# rules


def uncovered(owned: Sequence[PolicyRule], wanted: Iterable[PolicyRule]) -> list[PolicyRule]:
    """The smallest pieces of the wanted rules that none of the owned ones contains."""
    return [
        piece for rule in wanted for piece in _pieces(rule) if not any(_covers(each, piece) for each in owned)
    ]


def _pieces(rule: PolicyRule) -> Iterator[PolicyRule]:
    for group in rule.api_groups:
        for resource in rule.resources:
            for verb in rule.verbs:
                piece = PolicyRule(verbs=(verb,), api_groups=(group,), resources=(resource,))
                if not rule.resource_names:
                    yield piece
                for name in rule.resource_names:
                    yield replace(piece, resource_names=(name,))
    for url in rule.non_resource_urls:
        for verb in rule.verbs:
            yield PolicyRule(verbs=(verb,), non_resource_urls=(url,))


def _covers(rule: PolicyRule, piece: PolicyRule) -> bool:
    if ALL not in rule.verbs and piece.verbs[0] not in rule.verbs:
        return False
    if piece.non_resource_urls:
        return any(_path_covers(url, piece.non_resource_urls[0]) for url in rule.non_resource_urls)
    if ALL not in rule.api_groups and piece.api_groups[0] not in rule.api_groups:
        return False
    if not _resource_covers(rule.resources, piece.resources[0]):
        return False
    if not rule.resource_names:
        return True
    return bool(piece.resource_names) and piece.resource_names[0] in rule.resource_names


def _resource_covers(resources: Sequence[str], wanted: str) -> bool:
    if ALL in resources or wanted in resources:
        return True
    _, slash, subresource = wanted.partition("/")
    return bool(slash) and f"*/{subresource}" in resources


def _path_covers(url: str, wanted: str) -> bool:
    if url in (ALL, wanted):
        return True
    return url.endswith(ALL) and wanted.startswith(url[:-1])


def compacted(pieces: Iterable[PolicyRule]) -> list[PolicyRule]:
    """Pieces that differ in nothing but their verbs, put together."""
    found: dict[tuple[tuple[str, ...], ...], PolicyRule] = {}
    for piece in pieces:
        key = (piece.api_groups, piece.resources, piece.resource_names, piece.non_resource_urls)
        held = found.get(key)
        found[key] = piece if held is None else replace(held, verbs=held.verbs + piece.verbs)
    return list(found.values())


def compact(rule: PolicyRule) -> str:
    """A rule in one line: ``{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}``."""
    fields = (
        ("APIGroups", rule.api_groups),
        ("Resources", rule.resources),
        ("NonResourceURLs", rule.non_resource_urls),
        ("ResourceNames", rule.resource_names),
        ("Verbs", rule.verbs),
    )
    return "{" + ", ".join(f"{name}:{_shown(values)}" for name, values in fields if values) + "}"


def _shown(values: Iterable[str]) -> str:
    return f"[{' '.join(quote(value) for value in values)}]"


# stores


class GuardedStore(Store, ABC):
    """A store whose writes are confirmed first. Without a guard it is as any other."""

    guard: EscalationGuard | None = None

    @abstractmethod
    async def confirm(self, ctx: Context, guard: EscalationGuard, obj: Any) -> None:
        """Raises ApiError (403) for an object that the caller may not write."""

    async def create(self, ctx: Context, name: str, obj: Any, validate: Validate = allow) -> ObjectResult:
        if self.guard is not None:
            await self.confirm(ctx, self.guard, obj)
        return await super().create(ctx, name, obj, validate)

    async def update(
        self,
        ctx: Context,
        name: str,
        transform: Transform,
        *,
        validate_create: Validate = allow,
        validate_update: ValidateUpdate = allow_update,
        uid: str = "",
        force_allow_create: bool = False,
    ) -> ObjectResult:
        async def confirmed(old: Any) -> Any:
            new = await transform(old)
            if self.guard is not None and not (old is not None and _is_collected(new, old)):
                await self.confirm(ctx, self.guard, new)
            return new

        return await super().update(
            ctx,
            name,
            confirmed,
            validate_create=validate_create,
            validate_update=validate_update,
            uid=uid,
            force_allow_create=force_allow_create,
        )


class RoleStore(GuardedStore):
    async def confirm(self, ctx: Context, guard: EscalationGuard, obj: AnyRole) -> None:
        await guard.confirm_role(ctx, obj)


class BindingStore(GuardedStore):
    roles: Store
    cluster_roles: Store

    async def confirm(self, ctx: Context, guard: EscalationGuard, obj: AnyBinding) -> None:
        roles = self.roles if obj.role_ref.kind == "Role" else self.cluster_roles
        await guard.confirm_binding(ctx, obj, roles)


def _is_collected(new: Any, old: Any) -> bool:
    """Whether an update changes nothing but what garbage collection writes."""

    def bare(obj: Any) -> Any:
        meta: ObjectMeta = obj.metadata
        kept = replace(meta, owner_references=(), finalizers=(), managed_fields=(), resource_version="")
        return replace(obj, metadata=kept)

    return bool(bare(new) == bare(old))
