"""Defaults of claims of devices. When a taint was added is the registry's to know.

Source of the semantics: pkg/apis/resource/v1/defaults.go and the ``+default`` markers of resource/v1; KEP-4381.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from kube.api.defaults.volumes import default_each
from kube.api.types.resource_v1 import (
    DeviceClaim,
    DeviceRequest,
    DeviceSubRequest,
    DeviceToleration,
    ExactDeviceRequest,
    ResourceClaim,
    ResourceClaimSpec,
    ResourceClaimTemplate,
)

EXACT_COUNT: Final = "ExactCount"
AnyRequest = TypeVar("AnyRequest", ExactDeviceRequest, DeviceSubRequest)


def default_resource_claim(claim: ResourceClaim) -> ResourceClaim:
    spec = _default_spec(claim.spec)
    return claim if spec is claim.spec else replace(claim, spec=spec)


def default_resource_claim_template(template: ResourceClaimTemplate) -> ResourceClaimTemplate:
    spec = _default_spec(template.spec.spec)
    if spec is template.spec.spec:
        return template
    return replace(template, spec=replace(template.spec, spec=spec))


def _default_spec(spec: ResourceClaimSpec) -> ResourceClaimSpec:
    devices: DeviceClaim = spec.devices
    requests = default_each(devices.requests, _default_request)
    return (
        spec if requests is devices.requests else replace(spec, devices=replace(devices, requests=requests))
    )


def _default_request(request: DeviceRequest) -> DeviceRequest:
    changes: dict[str, Any] = {}
    if request.exactly is not None and (exactly := _default_choice(request.exactly)) is not request.exactly:
        changes["exactly"] = exactly
    if (first := default_each(request.first_available, _default_choice)) is not request.first_available:
        changes["first_available"] = first
    return replace(request, **changes) if changes else request


def _default_choice(request: AnyRequest) -> AnyRequest:
    changes: dict[str, Any] = {}
    mode = request.allocation_mode or EXACT_COUNT
    if not request.allocation_mode:
        changes["allocation_mode"] = mode
    if mode == EXACT_COUNT and not request.count:
        changes["count"] = 1
    if (tolerations := default_each(request.tolerations, _default_toleration)) is not request.tolerations:
        changes["tolerations"] = tolerations
    return replace(request, **changes) if changes else request


def _default_toleration(toleration: DeviceToleration) -> DeviceToleration:
    return toleration if toleration.operator else replace(toleration, operator="Equal")


DEFAULTS: Final[Mapping[type, Callable[[Any], Any]]] = {
    ResourceClaim: default_resource_claim,
    ResourceClaimTemplate: default_resource_claim_template,
}
