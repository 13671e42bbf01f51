"""The rules of roles and bindings.

Source of the semantics: pkg/apis/rbac/validation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Raw

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
from kube.api.validation.checks import Errors, name_is_dns_subdomain, report
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.api.validation.rules import Rules
from kube.api.validation.selectors import validate_label_selector
from kube.api.validation.workload import parsed
from kube.apimachinery.field import Path, invalid, not_supported, required
from kube.apimachinery.names import path_segment_name

GROUP: Final = "rbac.authorization.k8s.io"
_ROLE_REF: Final = Path("roleRef")
_SUBJECTS: Final = Path("subjects")
_SELECTORS: Final = Path("aggregationRule").child("clusterRoleSelectors")


def validate_role(role: Role) -> Errors:
    errors = validate_object_meta(role.metadata, True, path_segment_name)
    _validate_rules(role.rules, True, errors)
    return errors


def validate_role_update(new: Role, old: Role) -> Errors:
    return validate_role(new) + validate_object_meta_update(new.metadata, old.metadata)


def validate_cluster_role(role: ClusterRole) -> Errors:
    errors = validate_object_meta(role.metadata, False, path_segment_name)
    _validate_rules(role.rules, False, errors)
    if role.aggregation_rule is not None:
        _validate_aggregation(role.aggregation_rule, errors)
    return errors


def validate_cluster_role_update(new: ClusterRole, old: ClusterRole) -> Errors:
    return validate_cluster_role(new) + validate_object_meta_update(new.metadata, old.metadata)


def _validate_aggregation(rule: AggregationRule, errors: Errors) -> None:
    if not rule.cluster_role_selectors:
        detail = "at least one clusterRoleSelector required if aggregationRule is non-nil"
        errors.append(required(_SELECTORS, detail))
    for i, selector in enumerate(rule.cluster_role_selectors):
        validate_label_selector(selector, _SELECTORS.index(i), errors)
        if parsed(selector) is None:
            errors.append(invalid(_SELECTORS.index(i), Raw(b"null"), "invalid label selector."))


def _validate_rules(rules: Sequence[PolicyRule], namespaced: bool, errors: Errors) -> None:
    for i, rule in enumerate(rules):
        validate_policy_rule(rule, namespaced, Path("rules").index(i), errors)


def validate_policy_rule(rule: PolicyRule, namespaced: bool, path: Path, errors: Errors) -> None:
    if not rule.verbs:
        errors.append(required(path.child("verbs"), "verbs must contain at least one value"))
    urls = rule.non_resource_urls
    if urls:
        at = path.child("nonResourceURLs")
        if namespaced:
            errors.append(invalid(at, urls, "namespaced rules cannot apply to non-resource URLs"))
        if rule.api_groups or rule.resources or rule.resource_names:
            detail = "rules cannot apply to both regular resources and non-resource URLs"
            errors.append(invalid(at, urls, detail))
        return
    if not rule.api_groups:
        detail = "resource rules must supply at least one api group"
        errors.append(required(path.child("apiGroups"), detail))
    if not rule.resources:
        errors.append(required(path.child("resources"), "resource rules must supply at least one resource"))


def validate_role_binding(binding: RoleBinding) -> Errors:
    errors = validate_object_meta(binding.metadata, True, path_segment_name)
    _validate_role_ref(binding.role_ref, ("Role", "ClusterRole"), errors)
    _validate_subjects(binding.subjects, True, errors)
    return errors


def validate_role_binding_update(new: RoleBinding, old: RoleBinding) -> Errors:
    errors = validate_role_binding(new) + validate_object_meta_update(new.metadata, old.metadata)
    _validate_same_role(new.role_ref, old.role_ref, errors)
    return errors


def validate_cluster_role_binding(binding: ClusterRoleBinding) -> Errors:
    errors = validate_object_meta(binding.metadata, False, path_segment_name)
    _validate_role_ref(binding.role_ref, ("ClusterRole",), errors)
    _validate_subjects(binding.subjects, False, errors)
    return errors


def validate_cluster_role_binding_update(new: ClusterRoleBinding, old: ClusterRoleBinding) -> Errors:
    errors = validate_cluster_role_binding(new) + validate_object_meta_update(new.metadata, old.metadata)
    _validate_same_role(new.role_ref, old.role_ref, errors)
    return errors


def _validate_role_ref(ref: RoleRef, kinds: tuple[str, ...], errors: Errors) -> None:
    if ref.api_group != GROUP:
        errors.append(not_supported(_ROLE_REF.child("apiGroup"), ref.api_group, (GROUP,)))
    if ref.kind not in kinds:
        errors.append(not_supported(_ROLE_REF.child("kind"), ref.kind, kinds))
    if ref.name:
        report(_ROLE_REF.child("name"), ref.name, path_segment_name(ref.name), errors)
    else:
        errors.append(required(_ROLE_REF.child("name")))


def _validate_same_role(new: RoleRef, old: RoleRef, errors: Errors) -> None:
    if new != old:
        shown = {"APIGroup": new.api_group, "Kind": new.kind, "Name": new.name}
        errors.append(invalid(_ROLE_REF, Raw(msgspec.json.encode(shown)), "cannot change roleRef"))


def _validate_subjects(subjects: Sequence[Subject], namespaced: bool, errors: Errors) -> None:
    for i, subject in enumerate(subjects):
        _validate_subject(subject, namespaced, _SUBJECTS.index(i), errors)


def _validate_subject(subject: Subject, namespaced: bool, path: Path, errors: Errors) -> None:
    if not subject.name:
        errors.append(required(path.child("name")))
    match subject.kind:
        case "ServiceAccount":
            if subject.name:
                report(path.child("name"), subject.name, name_is_dns_subdomain(subject.name, False), errors)
            if subject.api_group:
                errors.append(not_supported(path.child("apiGroup"), subject.api_group, ("",)))
            if not namespaced and not subject.namespace:
                errors.append(required(path.child("namespace")))
        case "User" | "Group":
            if subject.api_group != GROUP:
                errors.append(not_supported(path.child("apiGroup"), subject.api_group, (GROUP,)))
        case _:
            kinds = ("ServiceAccount", "User", "Group")
            errors.append(not_supported(path.child("kind"), subject.kind, kinds))


RULES: Final[Mapping[type, Rules]] = {
    ClusterRole: Rules(validate_cluster_role, validate_cluster_role_update),
    ClusterRoleBinding: Rules(validate_cluster_role_binding, validate_cluster_role_binding_update),
    Role: Rules(validate_role, validate_role_update),
    RoleBinding: Rules(validate_role_binding, validate_role_binding_update),
}
