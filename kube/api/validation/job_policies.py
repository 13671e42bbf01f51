"""The rules of a Job's pod failure policy, success policy and pod replacement policy.

Source of the semantics: pkg/apis/batch/validation; KEP-3329, KEP-3998, KEP-3939.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kube.api.types.batch_v1 import (
    JobSpec,
    PodFailurePolicy,
    PodFailurePolicyOnExitCodesRequirement,
    PodFailurePolicyOnPodConditionsPattern,
    PodFailurePolicyRule,
    SuccessPolicy,
    SuccessPolicyRule,
)
from kube.api.validation.checks import Errors, shown, validate_nonnegative, validate_qualified_name
from kube.api.validation.job_indexes import IndexesError, count_indexes
from kube.apimachinery.field import (
    OMITTED,
    Path,
    duplicate,
    invalid,
    not_supported,
    required,
    too_long,
    too_many,
)
from kube.apimachinery.gofmt import quote
from kube.apimachinery.names import longer_than

INDEXED: Final = "Indexed"
MAX_RULES: Final = 20
MAX_EXIT_CODES: Final = 255
MAX_CONDITION_PATTERNS: Final = 20
MAX_SUCCEEDED_INDEXES: Final = 64 * 1024

_ACTIONS: Final = ("Count", "FailIndex", "FailJob", "Ignore")
_OPERATORS: Final = ("In", "NotIn")
_CONDITION_STATUSES: Final = ("False", "True", "Unknown")
_REPLACEMENTS: Final = ("Failed", "TerminatingOrFailed")
_UNKNOWN_CONTAINER: Final = "must be one of the container or initContainer names in the pod template"


def _validate_choice(value: str, choices: tuple[str, ...], path: Path, errors: Errors) -> None:
    if not value:
        errors.append(required(path, f"valid values: [{' '.join(map(quote, choices))}]"))
    elif value not in choices:
        errors.append(not_supported(path, value, choices))


def validate_pod_failure_policy(policy: PodFailurePolicy, spec: JobSpec, path: Path, errors: Errors) -> None:
    at = path.child("rules")
    if len(policy.rules) > MAX_RULES:
        errors.append(too_many(at, len(policy.rules), MAX_RULES))
    pod = spec.template.spec
    names = {container.name for container in (*pod.containers, *pod.init_containers)}
    for i, rule in enumerate(policy.rules):
        _validate_rule(rule, spec, names, at.index(i), errors)


def _validate_rule(
    rule: PodFailurePolicyRule, spec: JobSpec, containers: set[str], path: Path, errors: Errors
) -> None:
    action = path.child("action")
    _validate_choice(rule.action, _ACTIONS, action, errors)
    if rule.action == "FailIndex" and spec.backoff_limit_per_index is None:
        errors.append(invalid(action, rule.action, "requires the backoffLimitPerIndex to be set"))
    codes, patterns = rule.on_exit_codes, rule.on_pod_conditions
    if codes is not None:
        _validate_exit_codes(codes, containers, path.child("onExitCodes"), errors)
    if patterns:
        _validate_patterns(patterns, path.child("onPodConditions"), errors)
    if codes is not None and patterns:
        detail = "specifying both OnExitCodes and OnPodConditions is not supported"
        errors.append(invalid(path, OMITTED, detail))
    if codes is None and not patterns:
        detail = "specifying one of OnExitCodes and OnPodConditions is required"
        errors.append(invalid(path, OMITTED, detail))


def _validate_patterns(
    patterns: Sequence[PodFailurePolicyOnPodConditionsPattern], path: Path, errors: Errors
) -> None:
    if len(patterns) > MAX_CONDITION_PATTERNS:
        errors.append(too_many(path, len(patterns), MAX_CONDITION_PATTERNS))
    for i, pattern in enumerate(patterns):
        validate_qualified_name(pattern.type, path.index(i).child("type"), errors)
        _validate_choice(pattern.status, _CONDITION_STATUSES, path.index(i).child("status"), errors)


def _validate_exit_codes(
    codes: PodFailurePolicyOnExitCodesRequirement, containers: set[str], path: Path, errors: Errors
) -> None:
    _validate_choice(codes.operator, _OPERATORS, path.child("operator"), errors)
    if codes.container_name is not None and codes.container_name not in containers:
        errors.append(invalid(path.child("containerName"), codes.container_name, _UNKNOWN_CONTAINER))
    values, at = codes.values, path.child("values")
    if not values:
        errors.append(invalid(at, shown(values), "at least one value is required"))
    elif len(values) > MAX_EXIT_CODES:
        errors.append(too_many(at, len(values), MAX_EXIT_CODES))
    for i, code in enumerate(values):
        if codes.operator == "In" and code == 0:
            errors.append(invalid(at.index(i), code, "must not be 0 for the In operator"))
        if code in values[:i]:
            errors.append(duplicate(at.index(i), code))
    if tuple(sorted(values)) != values:
        errors.append(invalid(at, values, "must be ordered"))


def validate_success_policy(policy: SuccessPolicy, completions: int, path: Path, errors: Errors) -> None:
    at = path.child("rules")
    if not policy.rules:
        detail = "at least one rules must be specified when the successPolicy is specified"
        errors.append(required(at, detail))
    if len(policy.rules) > MAX_RULES:
        errors.append(too_many(at, len(policy.rules), MAX_RULES))
    for i, rule in enumerate(policy.rules):
        _validate_success_rule(rule, completions, at.index(i), errors)


def _validate_success_rule(rule: SuccessPolicyRule, completions: int, path: Path, errors: Errors) -> None:
    count, indexes = rule.succeeded_count, rule.succeeded_indexes
    if count is None and indexes is None:
        detail = "at least one of succeededCount or succeededIndexes must be specified"
        errors.append(required(path, detail))
    total = 0
    if indexes is not None:
        at = path.child("succeededIndexes")
        if longer_than(indexes, MAX_SUCCEEDED_INDEXES):
            errors.append(too_long(at, MAX_SUCCEEDED_INDEXES))
        try:
            total = count_indexes(indexes, completions)
        except IndexesError as error:
            errors.append(invalid(at, indexes, f"error parsing succeededIndexes: {error}"))
    if count is None:
        return
    at = path.child("succeededCount")
    validate_nonnegative(count, at, errors)
    if count > completions:
        detail = f"must be less than or equal to {completions} (the number of specified completions)"
        errors.append(invalid(at, count, detail))
    if indexes is not None and count > total:
        detail = (
            f"must be less than or equal to {total} "
            "(the number of indexes in the specified succeededIndexes field)"
        )
        errors.append(invalid(at, count, detail))


def validate_pod_replacement_policy(spec: JobSpec, path: Path, errors: Errors) -> None:
    policy = spec.pod_replacement_policy
    allowed = _REPLACEMENTS if spec.pod_failure_policy is None else ("Failed",)
    if policy is not None and policy not in allowed:
        errors.append(not_supported(path, policy, allowed))
