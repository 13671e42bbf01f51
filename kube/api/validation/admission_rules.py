"""The rules that webhooks and admission policies share: which requests they match, and where webhooks are called.

Source of the semantics: pkg/apis/admissionregistration/validation, k8s.io/apiserver/pkg/util/webhook (validation.go).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from kube.api.types import apiextensions_v1
from kube.api.types.admissionregistration_v1 import (
    MatchCondition,
    NamedRuleWithOperations,
    RuleWithOperations,
    ServiceReference,
)
from kube.api.validation.checks import Errors, dns1123_subdomain, report, validate_qualified_name
from kube.apimachinery.field import Path, duplicate, invalid, not_supported, required, too_many
from kube.apimachinery.names import path_segment_name, port_number

FAILURE_POLICIES: Final = ("Fail", "Ignore")
MATCH_POLICIES: Final = ("Equivalent", "Exact")
MAX_MATCH_CONDITIONS: Final = 64
_OPERATIONS: Final = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_SCOPES: Final = ("*", "Cluster", "Namespaced")
_URL_FORM: Final = "; desired format: https://host[/path]"


def validate_rule(rule: RuleWithOperations | NamedRuleWithOperations, path: Path, errors: Errors) -> None:
    at = path.child("operations")
    _validate_wildcard(rule.operations, "operations", at, errors)
    for i, operation in enumerate(rule.operations):
        if operation not in _OPERATIONS:
            errors.append(not_supported(at.index(i), operation, _OPERATIONS))
    _validate_wildcard(rule.api_groups, "API groups", path.child("apiGroups"), errors)
    at = path.child("apiVersions")
    _validate_wildcard(rule.api_versions, "API versions", at, errors)
    for i, version in enumerate(rule.api_versions):
        if not version:
            errors.append(required(at.index(i)))
    _validate_resources(rule.resources, path.child("resources"), errors)
    if rule.scope is not None and rule.scope not in _SCOPES:
        errors.append(not_supported(path.child("scope"), rule.scope, _SCOPES))


def _validate_wildcard(values: Sequence[str], others: str, path: Path, errors: Errors) -> None:
    if not values:
        errors.append(required(path))
    if len(values) > 1 and "*" in values:
        errors.append(invalid(path, values, f"if '*' is present, must not specify other {others}"))


def _validate_resources(resources: Sequence[str], path: Path, errors: Errors) -> None:
    """Resources and subresources (``pods``, ``pods/log``, ``pods/*``, ``*/scale``), none covered by another before it."""
    if not resources:
        errors.append(required(path))
    whole: set[str] = set()
    everywhere: set[str] = set()
    plain = False
    for i, text in enumerate(resources):
        if not text:
            errors.append(required(path.index(i)))
            continue
        resource, slash, subresource = text.partition("/")
        if not slash:
            plain = text != "*"
            continue
        if resource in whole:
            detail = f"if '{resource}/*' is present, must not specify {text}"
            errors.append(invalid(path.index(i), text, detail))
        if subresource in everywhere:
            detail = f"if '*/{subresource}' is present, must not specify {text}"
            errors.append(invalid(path.index(i), text, detail))
        if subresource == "*":
            whole.add(resource)
        if resource == "*":
            everywhere.add(subresource)
    if len(resources) > 1 and "*/*" in resources:
        detail = "if '*/*' is present, must not specify other resources"
        errors.append(invalid(path, resources, detail))
    if plain and "*" in resources:
        detail = "if '*' is present, must not specify other resources without subresources"
        errors.append(invalid(path, resources, detail))


def validate_named_rule(rule: NamedRuleWithOperations, path: Path, errors: Errors) -> None:
    for i, name in enumerate(rule.resource_names):
        at = path.child("resourceNames").index(i)
        report(at, name, path_segment_name(name), errors)
        if name in rule.resource_names[:i]:
            errors.append(duplicate(at, name))
    validate_rule(rule, path, errors)


def validate_match_conditions(conditions: Sequence[MatchCondition], path: Path, errors: Errors) -> None:
    """Names and presence; expressions are not compiled here."""
    if len(conditions) > MAX_MATCH_CONDITIONS:
        errors.append(too_many(path, len(conditions), MAX_MATCH_CONDITIONS))
    seen: set[str] = set()
    for i, condition in enumerate(conditions):
        at = path.index(i).child("name")
        if not condition.expression.strip():
            errors.append(required(path.index(i).child("expression")))
        if not condition.name:
            errors.append(required(at))
            continue
        validate_qualified_name(condition.name, at, errors)
        if condition.name in seen:
            errors.append(duplicate(at, condition.name))
        seen.add(condition.name)


def validate_webhook_url(url: str, path: Path, errors: Errors) -> None:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        errors.append(required(path, f"url must be a valid URL: {error}{_URL_FORM}"))
        return
    user, _, host = parts.netloc.rpartition("@")
    if parts.scheme != "https":
        errors.append(invalid(path, parts.scheme, f"'https' is the only allowed URL scheme{_URL_FORM}"))
    if not host:
        errors.append(invalid(path, host, f"host must be specified{_URL_FORM}"))
    if user:
        errors.append(invalid(path, user, f"user information is not permitted in the URL{_URL_FORM}"))
    if parts.fragment:
        errors.append(invalid(path, parts.fragment, f"fragments are not permitted in the URL{_URL_FORM}"))
    if parts.query:
        detail = f"query parameters are not permitted in the URL{_URL_FORM}"
        errors.append(invalid(path, parts.query, detail))


def validate_webhook_service(
    service: ServiceReference | apiextensions_v1.ServiceReference, path: Path, errors: Errors
) -> None:
    if not service.name:
        errors.append(required(path.child("name"), "service name is required"))
    if not service.namespace:
        errors.append(required(path.child("namespace"), "service namespace is required"))
    port = 443 if service.port is None else service.port
    if complaints := port_number(port):
        detail = f"port is not valid: {','.join(complaints)}"
        errors.append(invalid(path.child("port"), port, detail))
    if service.path and service.path != "/":
        _validate_url_path(service.path, path.child("path"), errors)


def _validate_url_path(text: str, path: Path, errors: Errors) -> None:
    if text == "//":
        errors.append(invalid(path, text, "segment[0] may not be empty"))
        return
    if not text.startswith("/"):
        errors.append(invalid(path, text, "must start with a '/'"))
    for i, segment in enumerate(text[1:].removesuffix("/").split("/")):
        if not segment:
            errors.append(invalid(path, text, f"segment[{i}] may not be empty"))
            continue
        for complaint in dns1123_subdomain(segment):
            errors.append(invalid(path, text, f"segment[{i}]: {complaint}"))
