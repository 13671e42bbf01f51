"""The rules of ValidatingAdmissionPolicies and their bindings; expressions are not compiled here.

Source of the semantics: pkg/apis/admissionregistration/validation, KEP-3488.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from kube.api.types.admissionregistration_v1 import (
    AuditAnnotation,
    MatchResources,
    ParamKind,
    ParamRef,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    ValidatingAdmissionPolicyBindingSpec,
    ValidatingAdmissionPolicySpec,
    Validation,
    Variable,
)
from kube.api.validation.admission_rules import (
    FAILURE_POLICIES,
    MATCH_POLICIES,
    validate_match_conditions,
    validate_named_rule,
)
from kube.api.validation.checks import (
    Errors,
    dns1123_subdomain,
    name_is_dns_subdomain,
    report,
    validate_one_of,
    validate_qualified_name,
)
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.api.validation.selectors import validate_label_selector
from kube.api.validation.workload import SPEC
from kube.apimachinery.field import Path, duplicate, forbidden, invalid, not_supported, required
from kube.apimachinery.names import dns1035_label, longer_than, path_segment_name

MAX_AUDIT_ANNOTATIONS: Final = 20
MAX_VALUE_EXPRESSION: Final = 5 * 1024
_REASONS: Final = ("Forbidden", "Invalid", "RequestEntityTooLarge")
_ACTIONS: Final = ("Audit", "Deny", "Warn")
_NOT_FOUND_ACTIONS: Final = ("Deny", "Allow")
_IDENTIFIER: Final = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_AT_LEAST_ONE: Final = "validations or auditAnnotations must contain at least one item"
_EXCLUSIVE: Final = "name and selector are mutually exclusive"


def validate_policy(policy: ValidatingAdmissionPolicy) -> Errors:
    errors = validate_object_meta(policy.metadata, False, name_is_dns_subdomain)
    _validate_spec(policy, None, errors)
    return errors


def validate_policy_update(new: ValidatingAdmissionPolicy, old: ValidatingAdmissionPolicy) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    errors += validate_object_meta(new.metadata, False, name_is_dns_subdomain)
    _validate_spec(new, old.spec, errors)
    return errors


def _validate_spec(
    policy: ValidatingAdmissionPolicy, old: ValidatingAdmissionPolicySpec | None, errors: Errors
) -> None:
    spec = policy.spec
    validate_one_of(spec.failure_policy or "", FAILURE_POLICIES, SPEC.child("failurePolicy"), errors)
    if spec.param_kind is not None:
        _validate_param_kind(spec.param_kind, SPEC.child("paramKind"), errors)
    at = SPEC.child("matchConstraints")
    if spec.match_constraints is None:
        errors.append(required(at))
    else:
        _validate_match(spec.match_constraints, at, errors)
        if not spec.match_constraints.resource_rules:
            errors.append(required(at.child("resourceRules")))
    if old is None or (spec.param_kind, spec.match_conditions) != (old.param_kind, old.match_conditions):
        validate_match_conditions(spec.match_conditions, SPEC.child("matchConditions"), errors)
    for i, variable in enumerate(spec.variables):
        _validate_variable(variable, SPEC.child("variables").index(i), errors)
    if not spec.validations and not spec.audit_annotations:
        errors.append(required(SPEC.child("validations"), _AT_LEAST_ONE))
        errors.append(required(SPEC.child("auditAnnotations"), _AT_LEAST_ONE))
    for i, validation in enumerate(spec.validations):
        _validate_validation(validation, SPEC.child("validations").index(i), errors)
    _validate_annotations(
        spec.audit_annotations, policy.metadata.name, SPEC.child("auditAnnotations"), errors
    )


def _validate_param_kind(kind: ParamKind, path: Path, errors: Errors) -> None:
    at, text = path.child("apiVersion"), kind.api_version
    group, _, version = text.rpartition("/")
    if not text:
        errors.append(required(at))
    elif text.count("/") > 1:
        errors.append(invalid(at, text, f"unexpected GroupVersion string: {text}"))
    else:
        if group and (complaints := dns1123_subdomain(group)):
            errors.append(invalid(at, group, ",".join(complaints)))
        if not version:
            errors.append(invalid(at, text, "version must be specified"))
        elif complaints := dns1035_label(version):
            errors.append(invalid(at, version, ",".join(complaints)))
    at = path.child("kind")
    if not kind.kind:
        errors.append(required(at))
    elif complaints := dns1035_label(kind.kind.lower()):
        detail = f"may have mixed case, but should otherwise match: {','.join(complaints)}"
        errors.append(invalid(at, kind.kind, detail))


def _validate_match(match: MatchResources, path: Path, errors: Errors) -> None:
    validate_one_of(match.match_policy or "", MATCH_POLICIES, path.child("matchPolicy"), errors)
    for name, selector in (
        ("namespaceSelector", match.namespace_selector),
        ("objectSelector", match.object_selector),
    ):
        if selector is None:
            errors.append(required(path.child(name)))
        else:
            validate_label_selector(selector, path.child(name), errors)
    for name, rules in (
        ("resourceRules", match.resource_rules),
        ("excludeResourceRules", match.exclude_resource_rules),
    ):
        for i, rule in enumerate(rules):
            validate_named_rule(rule, path.child(name).index(i), errors)


def _validate_variable(variable: Variable, path: Path, errors: Errors) -> None:
    if not variable.name.strip():
        errors.append(required(path.child("name"), "name is not specified"))
    elif not _IDENTIFIER.fullmatch(variable.name):
        errors.append(invalid(path.child("name"), variable.name, "name is not a valid CEL identifier"))
    if not variable.expression.strip():
        errors.append(required(path.child("expression"), "expression is not specified"))


def _validate_validation(validation: Validation, path: Path, errors: Errors) -> None:
    if not validation.expression.strip():
        errors.append(required(path.child("expression"), "expression is not specified"))
    if validation.message_expression and not validation.message_expression.strip():
        at = path.child("messageExpression")
        errors.append(invalid(at, validation.message_expression, "must be non-empty if specified"))
    message, at = validation.message, path.child("message")
    if message and not message.strip():
        errors.append(invalid(at, message, "message must be non-empty if specified"))
    elif set("\n\r").intersection(message.strip()):
        errors.append(invalid(at, message, "message must not contain line breaks"))
    if validation.reason is not None and validation.reason not in _REASONS:
        errors.append(not_supported(path.child("reason"), validation.reason, _REASONS))


def _validate_annotations(
    annotations: Sequence[AuditAnnotation], policy: str, path: Path, errors: Errors
) -> None:
    if len(annotations) > MAX_AUDIT_ANNOTATIONS:
        detail = f"must not have more than {MAX_AUDIT_ANNOTATIONS} auditAnnotations"
        errors.append(invalid(path, annotations, detail))
    seen: set[str] = set()
    for i, annotation in enumerate(annotations):
        at = path.index(i).child("key")
        if policy:
            validate_qualified_name(f"{policy}/{annotation.key}", at, errors)
        else:
            errors.append(invalid(at, annotation.key, "requires metadata.name be non-empty"))
        expression = annotation.value_expression.strip()
        if not expression:
            errors.append(
                required(path.index(i).child("valueExpression"), "valueExpression is not specified")
            )
        elif longer_than(expression, MAX_VALUE_EXPRESSION):
            detail = f"must not exceed {MAX_VALUE_EXPRESSION} bytes in length"
            errors.append(required(path.index(i).child("valueExpression"), detail))
        if annotation.key in seen:
            errors.append(duplicate(at, annotation.key))
        seen.add(annotation.key)


def validate_binding(binding: ValidatingAdmissionPolicyBinding) -> Errors:
    errors = validate_object_meta(binding.metadata, False, name_is_dns_subdomain)
    _validate_binding_spec(binding.spec, errors)
    return errors


def validate_binding_update(
    new: ValidatingAdmissionPolicyBinding, old: ValidatingAdmissionPolicyBinding
) -> Errors:
    return validate_object_meta_update(new.metadata, old.metadata) + validate_binding(new)


def _validate_binding_spec(spec: ValidatingAdmissionPolicyBindingSpec, errors: Errors) -> None:
    at = SPEC.child("policyName")
    if spec.policy_name:
        report(at, spec.policy_name, name_is_dns_subdomain(spec.policy_name, False), errors)
    else:
        errors.append(required(at))
    if spec.param_ref is not None:
        _validate_param_ref(spec.param_ref, SPEC.child("paramRef"), errors)
    if spec.match_resources is not None:
        _validate_match(spec.match_resources, SPEC.child("matchResources"), errors)
    _validate_actions(spec.validation_actions, SPEC.child("validationActions"), errors)


def _validate_param_ref(ref: ParamRef, path: Path, errors: Errors) -> None:
    name, selector = ref.name, ref.selector
    if name:
        report(path.child("name"), name, path_segment_name(name), errors)
    if name and selector is not None:
        errors.append(forbidden(path.child("name"), _EXCLUSIVE))
    validate_label_selector(selector, path.child("selector"), errors)
    if name and selector is not None:
        errors.append(forbidden(path.child("selector"), _EXCLUSIVE))
    if not name and selector is None:
        errors.append(required(path, "one of name or selector must be specified"))
    at = path.child("parameterNotFoundAction")
    validate_one_of(ref.parameter_not_found_action or "", _NOT_FOUND_ACTIONS, at, errors)


def _validate_actions(actions: Sequence[str], path: Path, errors: Errors) -> None:
    for i, action in enumerate(actions):
        if action not in _ACTIONS:
            errors.append(not_supported(path.index(i), action, _ACTIONS))
        if action in actions[:i]:
            errors.append(duplicate(path.index(i), action))
    if "Deny" in actions and "Warn" in actions:
        detail = (
            "must not contain both Deny and Warn (repeating the same validation failure information in the API "
            "response and headers serves no purpose)"
        )
        errors.append(invalid(path, actions, detail))
    if not actions:
        errors.append(required(path, "at least one validation action is required"))
