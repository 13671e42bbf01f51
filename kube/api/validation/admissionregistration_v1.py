"""The rules of webhook configurations and validating admission policies, by type.

MutatingAdmissionPolicies and their bindings have no rules yet but those of metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kube.api.types import admissionregistration_v1
from kube.api.validation import admission_policy, webhooks
from kube.api.validation.rules import Rules

RULES: Final[Mapping[type, Rules]] = {
    admissionregistration_v1.MutatingWebhookConfiguration: Rules(
        webhooks.validate_configuration, webhooks.validate_configuration_update
    ),
    admissionregistration_v1.ValidatingAdmissionPolicy: Rules(
        admission_policy.validate_policy, admission_policy.validate_policy_update
    ),
    admissionregistration_v1.ValidatingAdmissionPolicyBinding: Rules(
        admission_policy.validate_binding, admission_policy.validate_binding_update
    ),
    admissionregistration_v1.ValidatingWebhookConfiguration: Rules(
        webhooks.validate_configuration, webhooks.validate_configuration_update
    ),
}
