"""Defaults of webhook configurations and admission policies.

Source of the semantics: pkg/apis/admissionregistration/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from kube.api.defaults.volumes import default_each
from kube.api.types.admissionregistration_v1 import (
    MatchResources,
    MutatingAdmissionPolicy,
    MutatingAdmissionPolicyBinding,
    MutatingWebhook,
    MutatingWebhookConfiguration,
    NamedRuleWithOperations,
    RuleWithOperations,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    ValidatingWebhook,
    ValidatingWebhookConfiguration,
    WebhookClientConfig,
)
from kube.apimachinery.meta.v1 import LabelSelector

WEBHOOK_TIMEOUT: Final = 10
"""Seconds."""
_EVERYTHING: Final = LabelSelector()
_WEBHOOK: Final[Mapping[str, Any]] = {
    "failure_policy": "Fail",
    "match_policy": "Equivalent",
    "namespace_selector": _EVERYTHING,
    "object_selector": _EVERYTHING,
    "timeout_seconds": WEBHOOK_TIMEOUT,
}
_MUTATING_WEBHOOK: Final[Mapping[str, Any]] = {**_WEBHOOK, "reinvocation_policy": "Never"}
_MATCH: Final[Mapping[str, Any]] = {
    "match_policy": "Equivalent",
    "namespace_selector": _EVERYTHING,
    "object_selector": _EVERYTHING,
}

AnyConfiguration = TypeVar("AnyConfiguration", ValidatingWebhookConfiguration, MutatingWebhookConfiguration)
AnyRule = TypeVar("AnyRule", RuleWithOperations, NamedRuleWithOperations)
AnyPolicy = TypeVar("AnyPolicy", ValidatingAdmissionPolicy, MutatingAdmissionPolicy)
AnyBinding = TypeVar("AnyBinding", ValidatingAdmissionPolicyBinding, MutatingAdmissionPolicyBinding)


def _missing(obj: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if getattr(obj, name) is None}


def default_configuration(configuration: AnyConfiguration) -> AnyConfiguration:
    webhooks = default_each(configuration.webhooks, _default_webhook)
    return configuration if webhooks is configuration.webhooks else replace(configuration, webhooks=webhooks)


def _default_webhook(webhook: ValidatingWebhook | MutatingWebhook) -> ValidatingWebhook | MutatingWebhook:
    values = _MUTATING_WEBHOOK if isinstance(webhook, MutatingWebhook) else _WEBHOOK
    changes = _missing(webhook, values)
    if (rules := default_each(webhook.rules, _default_rule)) is not webhook.rules:
        changes["rules"] = rules
    if (config := _default_client(webhook.client_config)) is not webhook.client_config:
        changes["client_config"] = config
    return replace(webhook, **changes) if changes else webhook


def _default_client(config: WebhookClientConfig) -> WebhookClientConfig:
    if config.service is None or config.service.port is not None:
        return config
    return replace(config, service=replace(config.service, port=443))


def _default_rule(rule: AnyRule) -> AnyRule:
    return rule if rule.scope is not None else replace(rule, scope="*")


def _default_match(match: MatchResources) -> MatchResources:
    changes = _missing(match, _MATCH)
    for name in ("resource_rules", "exclude_resource_rules"):
        rules = getattr(match, name)
        if (filled := default_each(rules, _default_rule)) is not rules:
            changes[name] = filled
    return replace(match, **changes) if changes else match


def default_policy(policy: AnyPolicy) -> AnyPolicy:
    spec = policy.spec
    changes: dict[str, Any] = {}
    if spec.failure_policy is None:
        changes["failure_policy"] = "Fail"
    match = spec.match_constraints
    if match is not None and (filled := _default_match(match)) is not match:
        changes["match_constraints"] = filled
    return replace(policy, spec=replace(spec, **changes)) if changes else policy


def default_binding(binding: AnyBinding) -> AnyBinding:
    match = binding.spec.match_resources
    if match is None or (filled := _default_match(match)) is match:
        return binding
    return replace(binding, spec=replace(binding.spec, match_resources=filled))


DEFAULTS: Final[Mapping[type, Callable[[Any], Any]]] = {
    MutatingAdmissionPolicy: default_policy,
    MutatingAdmissionPolicyBinding: default_binding,
    MutatingWebhookConfiguration: default_configuration,
    ValidatingAdmissionPolicy: default_policy,
    ValidatingAdmissionPolicyBinding: default_binding,
    ValidatingWebhookConfiguration: default_configuration,
}
