"""The rules of the networking kinds, by type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kube.api.types.networking_v1 import Ingress, IngressClass, NetworkPolicy
from kube.api.validation import ingress, network_policy
from kube.api.validation.rules import Rules

RULES: Final[Mapping[type, Rules]] = {
    Ingress: Rules(
        ingress.validate_ingress,
        ingress.validate_ingress_update,
        {"status": ingress.validate_ingress_status_update},
    ),
    IngressClass: Rules(ingress.validate_ingress_class, ingress.validate_ingress_class_update),
    NetworkPolicy: Rules(
        network_policy.validate_network_policy, network_policy.validate_network_policy_update
    ),
}
