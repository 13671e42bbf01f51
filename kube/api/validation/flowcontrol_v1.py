"""The rules of FlowSchemas and PriorityLevelConfigurations.

Source of the semantics: pkg/apis/flowcontrol/validation, KEP-1040 (priority and fairness; shuffle sharding).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from kube.api.types.flowcontrol_v1 import (
    FlowSchema,
    FlowSchemaSpec,
    LimitedPriorityLevelConfiguration,
    LimitResponse,
    NonResourcePolicyRule,
    PolicyRulesWithSubjects,
    PriorityLevelConfiguration,
    QueuingConfiguration,
    ResourcePolicyRule,
    ServiceAccountSubject,
    Subject,
)
from kube.api.validation.checks import Errors, name_is_dns_label, name_is_dns_subdomain, report
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.api.validation.rules import Rules
from kube.api.validation.workload import SPEC, STATUS
from kube.apimachinery.field import Path, duplicate, forbidden, invalid, not_supported, required

EXEMPT: Final = "exempt"
MAX_PRECEDENCE: Final = 10_000
MAX_QUEUES: Final = 10_000_000
MAX_HASH_BITS: Final = 60
_METHODS: Final = ("ByNamespace", "ByUser")
_VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch")
_NAMESPACE: Final = "each member of this list must be '*' or a DNS-1123 label; "


def validate_flow_schema(schema: FlowSchema) -> Errors:
    errors = validate_object_meta(schema.metadata, False, name_is_dns_subdomain)
    _validate_schema_spec(schema.spec, schema.metadata.name, errors)
    _validate_conditions(schema.status.conditions, errors)
    return errors


def validate_flow_schema_update(new: FlowSchema, old: FlowSchema) -> Errors:
    return validate_object_meta_update(new.metadata, old.metadata) + validate_flow_schema(new)


def validate_status_update(
    new: FlowSchema | PriorityLevelConfiguration, old: FlowSchema | PriorityLevelConfiguration
) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    _validate_conditions(new.status.conditions, errors)
    return errors


def _validate_conditions(conditions: Iterable[Any], errors: Errors) -> None:
    seen: set[str] = set()
    for i, condition in enumerate(conditions):
        at = STATUS.child("conditions").index(i).child("type")
        if condition.type in seen:
            errors.append(duplicate(at, condition.type))
        seen.add(condition.type)
        if not condition.type:
            errors.append(required(at, "must not be empty"))


def _validate_schema_spec(spec: FlowSchemaSpec, name: str, errors: Errors) -> None:
    precedence, at = spec.matching_precedence, SPEC.child("matchingPrecedence")
    if precedence <= 0:
        errors.append(invalid(at, precedence, "must be a positive value"))
    if precedence > MAX_PRECEDENCE:
        errors.append(invalid(at, precedence, f"must not be greater than {MAX_PRECEDENCE}"))
    if precedence == 1 and name != EXEMPT:
        detail = "only the schema named 'exempt' may have matchingPrecedence 1"
        errors.append(invalid(at, precedence, detail))
    method = spec.distinguisher_method
    if method is not None and method.type not in _METHODS:
        errors.append(not_supported(SPEC.child("distinguisherMethod", "type"), method, _METHODS))
    level, at = spec.priority_level_configuration.name, SPEC.child("priorityLevelConfiguration", "name")
    if level:
        report(at, level, name_is_dns_subdomain(level, False), errors)
    else:
        errors.append(required(at, "must reference a priority level"))
    for i, rules in enumerate(spec.rules):
        _validate_policy_rules(rules, SPEC.child("rules").index(i), errors)


def _validate_policy_rules(rules: PolicyRulesWithSubjects, path: Path, errors: Errors) -> None:
    at = path.child("subjects")
    if not rules.subjects:
        errors.append(required(at, "subjects must contain at least one value"))
    for i, subject in enumerate(rules.subjects):
        _validate_subject(subject, at.index(i), errors)
    if not rules.resource_rules and not rules.non_resource_rules:
        detail = "at least one of resourceRules and nonResourceRules has to be non-empty"
        errors.append(required(path, detail))
    for i, rule in enumerate(rules.resource_rules):
        _validate_resource_rule(rule, path.child("resourceRules").index(i), errors)
    for i, other in enumerate(rules.non_resource_rules):
        _validate_non_resource_rule(other, path.child("nonResourceRules").index(i), errors)


def _validate_subject(subject: Subject, path: Path, errors: Errors) -> None:
    """The one field of the subject's kind."""
    fields: dict[str, tuple[str, Any]] = {
        "ServiceAccount": ("serviceAccount", subject.service_account),
        "User": ("user", subject.user),
        "Group": ("group", subject.group),
    }
    if subject.kind not in fields:
        kinds = ("Group", "ServiceAccount", "User")
        errors.append(not_supported(path.child("kind"), subject.kind, kinds))
        return
    name, given = fields[subject.kind]
    at = path.child(name)
    if given is None:
        errors.append(required(at, f"{name} is required when subject kind is '{subject.kind}'"))
    elif isinstance(given, ServiceAccountSubject):
        _validate_service_account(given, at, errors)
    elif not given.name:
        errors.append(required(at.child("name")))
    for kind, (other, value) in fields.items():
        if kind != subject.kind and value is not None:
            detail = f"{other} is forbidden when subject kind is not '{kind}'"
            errors.append(forbidden(path.child(other), detail))


def _validate_service_account(account: ServiceAccountSubject, path: Path, errors: Errors) -> None:
    at = path.child("name")
    if not account.name:
        errors.append(required(at))
    elif account.name != "*":
        report(at, account.name, name_is_dns_subdomain(account.name, False), errors)
    at = path.child("namespace")
    if account.namespace:
        report(at, account.namespace, name_is_dns_label(account.namespace, False), errors)
    else:
        errors.append(required(at, "must specify namespace for service account"))


def _validate_list(values: Sequence[str], missing: str, others: str, path: Path, errors: Errors) -> bool:
    """Whether the values are there to be looked at one by one: no wildcard is among them."""
    if not values:
        errors.append(required(path, missing))
        return False
    if "*" not in values:
        return True
    if len(values) > 1:
        errors.append(invalid(path, values, f"if '*' is present, must not specify other {others}"))
    return False


def _validate_verbs(verbs: Sequence[str], path: Path, errors: Errors) -> None:
    missing = "verbs must contain at least one value"
    if _validate_list(verbs, missing, "verbs", path, errors) and not set(verbs).issubset(_VERBS):
        errors.append(not_supported(path, verbs, _VERBS))


def _validate_resource_rule(rule: ResourcePolicyRule, path: Path, errors: Errors) -> None:
    _validate_verbs(rule.verbs, path.child("verbs"), errors)
    missing = "resource rules must supply at least one api group"
    _validate_list(rule.api_groups, missing, "api groups", path.child("apiGroups"), errors)
    missing = "resource rules must supply at least one resource"
    _validate_list(rule.resources, missing, "resources", path.child("resources"), errors)
    if rule.cluster_scope and not rule.namespaces:
        return
    at = path.child("namespaces")
    missing = "resource rules that are not cluster scoped must supply at least one namespace"
    if _validate_list(rule.namespaces, missing, "namespaces", at, errors):
        for i, namespace in enumerate(rule.namespaces):
            for complaint in name_is_dns_label(namespace, False):
                errors.append(invalid(at.index(i), namespace, f"{_NAMESPACE}{complaint}"))


def _validate_non_resource_rule(rule: NonResourcePolicyRule, path: Path, errors: Errors) -> None:
    _validate_verbs(rule.verbs, path.child("verbs"), errors)
    at = path.child("nonResourceURLs")
    missing = "nonResourceURLs must contain at least one value"
    if _validate_list(rule.non_resource_urls, missing, "non-resource URLs", at, errors):
        for i, url in enumerate(rule.non_resource_urls):
            if fault := _url_fault(url):
                errors.append(invalid(at.index(i), url, fault))


def _url_fault(url: str) -> str:
    if not url:
        return "must not be empty"
    if not url.startswith("/"):
        return "must start with slash"
    if " " in url:
        return "must not contain white-space"
    if "//" in url:
        return "must not contain double slash"
    if url.count("*") > 1 or ("*" in url and not url.endswith("/*")):
        return "wildcard can only do suffix matching"
    return ""


def validate_priority_level(level: PriorityLevelConfiguration) -> Errors:
    errors = validate_object_meta(level.metadata, False, name_is_dns_subdomain)
    spec, at = level.spec, SPEC.child("type")
    if (level.metadata.name == EXEMPT) != (spec.type == "Exempt"):
        detail = "type must be 'Exempt' if and only if name is 'exempt'"
        errors.append(invalid(at, spec.type, detail))
    match spec.type:
        case "Exempt":
            if spec.limited is not None:
                detail = "must be nil if the type is not Limited"
                errors.append(forbidden(SPEC.child("limited"), detail))
        case "Limited":
            if spec.limited is None:
                detail = "must not be empty when type is Limited"
                errors.append(required(SPEC.child("limited"), detail))
            else:
                _validate_limited(spec.limited, SPEC.child("limited"), errors)
        case _:
            errors.append(not_supported(at, spec.type, ("Exempt", "Limited")))
    _validate_conditions(level.status.conditions, errors)
    return errors


def validate_priority_level_update(
    new: PriorityLevelConfiguration, old: PriorityLevelConfiguration
) -> Errors:
    return validate_object_meta_update(new.metadata, old.metadata) + validate_priority_level(new)


def _validate_limited(limited: LimitedPriorityLevelConfiguration, path: Path, errors: Errors) -> None:
    shares = limited.nominal_concurrency_shares
    if shares is not None and shares < 0:
        at = path.child("nominalConcurrencyShares")
        errors.append(invalid(at, shares, "must be a non-negative integer"))
    _validate_response(limited.limit_response, path.child("limitResponse"), errors)
    lendable, borrowed = limited.lendable_percent, limited.borrowing_limit_percent
    if lendable is not None and not 0 <= lendable <= 100:
        errors.append(
            invalid(path.child("lendablePercent"), lendable, "must be between 0 and 100, inclusive")
        )
    if borrowed is not None and borrowed < 0:
        detail = "if specified, must be a non-negative integer"
        errors.append(invalid(path.child("borrowingLimitPercent"), borrowed, detail))


def _validate_response(response: LimitResponse, path: Path, errors: Errors) -> None:
    at = path.child("queuing")
    match response.type:
        case "Reject":
            if response.queuing is not None:
                detail = "must be nil if limited.limitResponse.type is not Limited"
                errors.append(forbidden(at, detail))
        case "Queue":
            if response.queuing is None:
                detail = "must not be empty if limited.limitResponse.type is Limited"
                errors.append(required(at, detail))
            else:
                _validate_queuing(response.queuing, at, errors)
        case _:
            errors.append(not_supported(path.child("type"), response.type, ("Queue", "Reject")))


def _validate_queuing(queuing: QueuingConfiguration, path: Path, errors: Errors) -> None:
    """A hand of queues is dealt by a hash of 60 bits: it must suffice to tell the hands apart."""
    queues, hand = queuing.queues, queuing.hand_size
    if queuing.queue_length_limit <= 0:
        errors.append(invalid(path.child("queueLengthLimit"), queuing.queue_length_limit, "must be positive"))
    if queues <= 0:
        errors.append(invalid(path.child("queues"), queues, "must be positive"))
    elif queues > MAX_QUEUES:
        errors.append(invalid(path.child("queues"), queues, f"must not be greater than {MAX_QUEUES}"))
    at = path.child("handSize")
    if hand <= 0:
        errors.append(invalid(at, hand, "must be positive"))
    elif hand > queues:
        errors.append(invalid(at, hand, f"should not be greater than queues ({queues})"))
    elif math.ceil(math.log2(queues) * hand) > MAX_HASH_BITS:
        detail = (
            f"required entropy bits of deckSize {queues} and handSize {hand} should not be greater than "
            f"{MAX_HASH_BITS}"
        )
        errors.append(invalid(at, hand, detail))


RULES: Final[Mapping[type, Rules]] = {
    FlowSchema: Rules(validate_flow_schema, validate_flow_schema_update, {"status": validate_status_update}),
    PriorityLevelConfiguration: Rules(
        validate_priority_level, validate_priority_level_update, {"status": validate_status_update}
    ),
}
