"""The tables of `policy` and `controller_policy` as objects, and how existing objects are brought up to them.

Source of the semantics: "Using RBAC Authorization", sections "Auto-reconciliation" and "Aggregated ClusterRoles".
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from kube.api.types.rbac_v1 import (
    AggregationRule,
    ClusterRole,
    ClusterRoleBinding,
    PolicyRule,
    Role,
    RoleBinding,
    RoleRef,
    Subject,
)
from kube.apimachinery.meta.v1 import LabelSelector, ObjectMeta
from kube.apiserver.authorization.controller_policy import CONTROLLERS
from kube.apiserver.authorization.policy import (
    AGGREGATE_LABEL,
    AGGREGATED,
    AGGREGATES_TO,
    CLUSTER_BINDINGS,
    NAMESPACE_BINDINGS,
    NAMESPACE_ROLES,
    RULES,
)
from kube.apiserver.authorization.rbac import GROUP, AnyBinding, AnyRole

CONTROLLER_PREFIX: Final = "system:controller:"
CONTROLLER_NAMESPACE: Final = "kube-system"

LABELS: Final[Mapping[str, str]] = MappingProxyType({"kubernetes.io/bootstrapping": "rbac-defaults"})
AUTO_UPDATE: Final = "rbac.authorization.kubernetes.io/autoupdate"
"""An annotation; with the value `false` the server leaves a default role or binding as it is."""
_ANNOTATIONS: Final[Mapping[str, str]] = MappingProxyType({AUTO_UPDATE: "true"})


def default_objects() -> tuple[AnyRole | AnyBinding, ...]:
    """All default roles and bindings, in upstream's order: cluster roles first, namespaced bindings last.

    The rules of the aggregated roles are already gathered.
    """
    return (*_cluster_roles(), *_cluster_role_bindings(), *_roles(), *_role_bindings())


def aggregate(role: ClusterRole, roles: Iterable[ClusterRole]) -> tuple[PolicyRule, ...]:
    """The rules of an aggregated role: those of the roles that it selects, by name, each rule once."""
    if role.aggregation_rule is None:
        return role.rules
    selectors = role.aggregation_rule.cluster_role_selectors
    rules: list[PolicyRule] = []
    for other in sorted(roles, key=lambda other: other.metadata.name):
        if other.metadata.name != role.metadata.name and any(
            _selects(selector, other.metadata.labels) for selector in selectors
        ):
            rules += [rule for rule in other.rules if rule not in rules]
    return tuple(rules)


def _selects(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """The default roles select by equality alone."""
    return not selector.match_expressions and selector.match_labels.items() <= labels.items()


def reconcile(existing: AnyRole | AnyBinding, expected: AnyRole | AnyBinding) -> AnyRole | AnyBinding | None:
    """What `existing` must become to grant at least what `expected` does, or None if nothing is missing.

    What an administrator added stays. An object whose annotation `autoupdate` is `false` stays as it is. A binding's
    role cannot change: one that refers to another role must be made anew, which the caller sees by its roleRef.
    """
    meta = existing.metadata
    if meta.annotations.get(AUTO_UPDATE) == "false":
        return None
    labels = {**expected.metadata.labels, **meta.labels}
    annotations = {**expected.metadata.annotations, **meta.annotations}
    same_meta = labels == meta.labels and annotations == meta.annotations
    metadata = meta if same_meta else replace(meta, labels=labels, annotations=annotations)
    if isinstance(existing, Role | ClusterRole) and isinstance(expected, Role | ClusterRole):
        missing_rules = tuple(rule for rule in expected.rules if rule not in existing.rules)
        if isinstance(existing, ClusterRole) and existing.aggregation_rule is not None:
            missing_rules = ()
        if same_meta and not missing_rules:
            return None
        return replace(existing, metadata=metadata, rules=(*existing.rules, *missing_rules))
    if isinstance(existing, Role | ClusterRole) or isinstance(expected, Role | ClusterRole):
        raise TypeError(f"{existing.kind} {meta.name} cannot become a {expected.kind}")
    if existing.role_ref != expected.role_ref:
        return replace(expected, metadata=replace(expected.metadata, labels=labels, annotations=annotations))
    missing = tuple(subject for subject in expected.subjects if subject not in existing.subjects)
    if same_meta and not missing:
        return None
    return replace(existing, metadata=metadata, subjects=(*existing.subjects, *missing))


def _cluster_roles() -> tuple[ClusterRole, ...]:
    roles = [_cluster_role(name, rules) for name, rules in RULES.items()]
    roles += [_cluster_role(CONTROLLER_PREFIX + name, rules) for name, rules in CONTROLLERS.items()]
    for name in reversed(AGGREGATED):
        # `view` before `edit` before `admin`: each is gathered into the next.
        selector = LabelSelector(match_labels={AGGREGATE_LABEL + name: "true"})
        role = replace(
            _cluster_role(name, ()), aggregation_rule=AggregationRule(cluster_role_selectors=(selector,))
        )
        roles.insert(0, replace(role, rules=aggregate(role, roles)))
    return tuple(roles)


def _cluster_role(name: str, rules: tuple[PolicyRule, ...]) -> ClusterRole:
    labels = dict(LABELS)
    if (target := AGGREGATES_TO.get(name)) is not None:
        labels[AGGREGATE_LABEL + target] = "true"
    return ClusterRole(
        metadata=ObjectMeta(name=name, labels=labels, annotations=dict(_ANNOTATIONS)), rules=rules
    )


def _cluster_role_bindings() -> Iterator[ClusterRoleBinding]:
    subjects = dict(CLUSTER_BINDINGS)
    for name in CONTROLLERS:
        subjects[CONTROLLER_PREFIX + name] = ((CONTROLLER_NAMESPACE, name),)
    for name, who in subjects.items():
        yield ClusterRoleBinding(
            metadata=_meta(name),
            role_ref=RoleRef(api_group=GROUP, kind="ClusterRole", name=name),
            subjects=tuple(_subject(*pair) for pair in who),
        )


def _roles() -> Iterator[Role]:
    for (namespace, name), rules in NAMESPACE_ROLES.items():
        yield Role(metadata=_meta(name, namespace), rules=rules)


def _role_bindings() -> Iterator[RoleBinding]:
    for (namespace, name), (role, who) in NAMESPACE_BINDINGS.items():
        yield RoleBinding(
            metadata=_meta(name, namespace),
            role_ref=RoleRef(api_group=GROUP, kind="Role", name=role),
            subjects=tuple(_subject(*pair) for pair in who),
        )


def _meta(name: str, namespace: str = "") -> ObjectMeta:
    return ObjectMeta(name=name, namespace=namespace, labels=dict(LABELS), annotations=dict(_ANNOTATIONS))


def _subject(kind: str, name: str) -> Subject:
    """`kind` is User, Group, or the namespace of the service account `name`."""
    if kind in ("User", "Group"):
        return Subject(api_group=GROUP, kind=kind, name=name)
    return Subject(kind="ServiceAccount", name=name, namespace=kind)
