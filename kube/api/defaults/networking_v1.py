"""Defaults of NetworkPolicies and IngressClasses.

Source of the semantics: pkg/apis/networking/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from kube.api.defaults.volumes import default_each
from kube.api.types.networking_v1 import (
    IngressClass,
    NetworkPolicy,
    NetworkPolicyEgressRule,
    NetworkPolicyIngressRule,
    NetworkPolicyPort,
)

AnyRule = TypeVar("AnyRule", NetworkPolicyIngressRule, NetworkPolicyEgressRule)


def default_network_policy(policy: NetworkPolicy) -> NetworkPolicy:
    spec = policy.spec
    changes: dict[str, Any] = {}
    if not spec.policy_types:
        changes["policy_types"] = ("Ingress", "Egress") if spec.egress else ("Ingress",)
    if (ingress := default_each(spec.ingress, _default_rule)) is not spec.ingress:
        changes["ingress"] = ingress
    if (egress := default_each(spec.egress, _default_rule)) is not spec.egress:
        changes["egress"] = egress
    return replace(policy, spec=replace(spec, **changes)) if changes else policy


def _default_rule(rule: AnyRule) -> AnyRule:
    ports = default_each(rule.ports, _default_port)
    return rule if ports is rule.ports else replace(rule, ports=ports)


def _default_port(port: NetworkPolicyPort) -> NetworkPolicyPort:
    return port if port.protocol is not None else replace(port, protocol="TCP")


def default_ingress_class(ingress_class: IngressClass) -> IngressClass:
    parameters = ingress_class.spec.parameters
    if parameters is None or parameters.scope is not None:
        return ingress_class
    spec = replace(ingress_class.spec, parameters=replace(parameters, scope="Cluster"))
    return replace(ingress_class, spec=spec)


DEFAULTS: Final[Mapping[type, Callable[[Any], Any]]] = {
    IngressClass: default_ingress_class,
    NetworkPolicy: default_network_policy,
}
