"""The rules of validating and mutating webhook configurations.

What is stored although it breaks a newer rule may be kept by updates. Source of the semantics:
pkg/apis/admissionregistration/validation, KEP-492, KEP-3716 (match conditions).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kube.api.types.admissionregistration_v1 import (
    MutatingWebhook,
    MutatingWebhookConfiguration,
    ValidatingWebhook,
    ValidatingWebhookConfiguration,
    WebhookClientConfig,
)
from kube.api.validation.admission_rules import (
    FAILURE_POLICIES,
    MATCH_POLICIES,
    validate_match_conditions,
    validate_rule,
    validate_webhook_service,
    validate_webhook_url,
)
from kube.api.validation.checks import Errors, dns1123_subdomain, name_is_dns_subdomain, report
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.api.validation.selectors import validate_label_selector
from kube.apimachinery.field import Path, duplicate, invalid, not_supported, required
from kube.apimachinery.names import dns1035_label

REVIEW_VERSIONS: Final = ("v1", "v1beta1")
"""Those that the server can write."""
_WEBHOOKS: Final = Path("webhooks")
_SIDE_EFFECTS: Final = ("None", "NoneOnDryRun", "Some", "Unknown")
_NO_SIDE_EFFECTS: Final = ("None", "NoneOnDryRun")
_REINVOCATION_POLICIES: Final = ("IfNeeded", "Never")
_LONGEST_TIMEOUT: Final = 30

Configuration = ValidatingWebhookConfiguration | MutatingWebhookConfiguration
Webhook = ValidatingWebhook | MutatingWebhook


def validate_configuration(configuration: Configuration) -> Errors:
    return _validate(configuration, None)


def validate_configuration_update(new: Configuration, old: Configuration) -> Errors:
    return validate_object_meta_update(new.metadata, old.metadata) + _validate(new, old.webhooks)


def _validate(configuration: Configuration, stored: Sequence[Webhook] | None) -> Errors:
    errors = validate_object_meta(configuration.metadata, False, name_is_dns_subdomain)
    before = stored or ()
    pure = all(webhook.side_effects in _NO_SIDE_EFFECTS for webhook in before)
    recognized = all(
        not webhook.admission_review_versions or _is_recognized(webhook.admission_review_versions)
        for webhook in before
    )
    unique = len({webhook.name for webhook in before}) == len(before)
    webhooks: Sequence[Webhook] = configuration.webhooks
    conditions = [webhook.match_conditions for webhook in webhooks]
    same = stored is not None and conditions == [webhook.match_conditions for webhook in stored]
    names: set[str] = set()
    for i, webhook in enumerate(webhooks):
        at = _WEBHOOKS.index(i)
        _validate_webhook(webhook, pure, at, errors)
        if not same:
            validate_match_conditions(webhook.match_conditions, at.child("matchConditions"), errors)
        versions = at.child("admissionReviewVersions")
        _validate_versions(webhook.admission_review_versions, recognized, versions, errors)
        if unique and webhook.name and webhook.name in names:
            errors.append(duplicate(at.child("name"), webhook.name))
        names.add(webhook.name)
    return errors


def _validate_webhook(webhook: Webhook, pure: bool, path: Path, errors: Errors) -> None:
    validate_fully_qualified_name(webhook.name, path.child("name"), errors)
    for i, rule in enumerate(webhook.rules):
        validate_rule(rule, path.child("rules").index(i), errors)
    _validate_choice(webhook.failure_policy, FAILURE_POLICIES, path.child("failurePolicy"), errors)
    _validate_choice(webhook.match_policy, MATCH_POLICIES, path.child("matchPolicy"), errors)
    allowed = _NO_SIDE_EFFECTS if pure else _SIDE_EFFECTS
    at = path.child("sideEffects")
    if webhook.side_effects is None:
        errors.append(required(at, f"must specify one of {', '.join(allowed)}"))
    _validate_choice(webhook.side_effects, allowed, at, errors)
    seconds = webhook.timeout_seconds
    if seconds is not None and not 1 <= seconds <= _LONGEST_TIMEOUT:
        detail = "the timeout value must be between 1 and 30 seconds"
        errors.append(invalid(path.child("timeoutSeconds"), seconds, detail))
    validate_label_selector(webhook.namespace_selector, path.child("namespaceSelector"), errors)
    validate_label_selector(webhook.object_selector, path.child("objectSelector"), errors)
    if isinstance(webhook, MutatingWebhook):
        at = path.child("reinvocationPolicy")
        _validate_choice(webhook.reinvocation_policy, _REINVOCATION_POLICIES, at, errors)
    _validate_client(webhook.client_config, path.child("clientConfig"), errors)


def _validate_choice(value: str | None, choices: tuple[str, ...], path: Path, errors: Errors) -> None:
    if value is not None and value not in choices:
        errors.append(not_supported(path, value, choices))


def _validate_client(config: WebhookClientConfig, path: Path, errors: Errors) -> None:
    service = config.service
    if (config.url is None) == (service is None):
        errors.append(required(path, "exactly one of url or service is required"))
    elif config.url is not None:
        validate_webhook_url(config.url, path.child("url"), errors)
    elif service is not None:
        validate_webhook_service(service, path.child("service"), errors)


def _is_recognized(versions: Sequence[str]) -> bool:
    return any(version in REVIEW_VERSIONS for version in versions)


def _validate_versions(versions: Sequence[str], recognized: bool, path: Path, errors: Errors) -> None:
    known = ", ".join(REVIEW_VERSIONS)
    if not versions:
        errors.append(required(path, f"must specify one of {known}"))
        return
    for i, version in enumerate(versions):
        if version in versions[:i]:
            errors.append(invalid(path.index(i), version, "duplicate version"))
        else:
            report(path.index(i), version, dns1035_label(version), errors)
    if recognized and not _is_recognized(versions):
        errors.append(invalid(path, versions, f"must include at least one of {known}"))


def validate_fully_qualified_name(name: str, path: Path, errors: Errors) -> None:
    """A domain of three segments at least."""
    if not name:
        errors.append(required(path))
        return
    if complaints := dns1123_subdomain(name):
        errors.append(invalid(path, name, ",".join(complaints)))
    elif name.count(".") < 2:
        detail = "should be a domain with at least three segments separated by dots"
        errors.append(invalid(path, name, detail))
