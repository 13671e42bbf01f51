"""Defaults of pods and pod templates.

Some defaults materialize in pods only, not in the templates that they come from: requests taken from limits,
service links, host ports. Source of the semantics: pkg/apis/core/v1/defaults.go and conversion.go, KEP-2837.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec.structs import replace

from kube.api.defaults.containers import default_container, default_resources
from kube.api.defaults.quantities import default_resource_list
from kube.api.defaults.volumes import default_each, default_volume
from kube.api.helpers.resource_names import is_huge_page, is_overcommit_allowed, is_pod_level
from kube.api.helpers.resources import (
    container_limits,
    container_requests,
    is_pod_level_limits_set,
    is_pod_level_requests_set,
    missing_pod_limits,
    quantities,
)
from kube.api.types.core_v1 import (
    Container,
    ContainerPort,
    Pod,
    PodIP,
    PodSecurityContext,
    PodSpec,
    PodStatus,
    PodTemplateSpec,
    ResourceRequirements,
)
from kube.apimachinery.quantity import Quantity

TERMINATION_GRACE_PERIOD: Final = 30
DEFAULT_SCHEDULER: Final = "default-scheduler"
_NO_CONTEXT: Final = PodSecurityContext()


def default_pod(pod: Pod) -> Pod:
    spec = _default_spec_of_pod(default_pod_spec(pod.spec))
    status = _sync_pod_ips(pod.status)
    if spec is pod.spec and status is pod.status:
        return pod
    return replace(pod, spec=spec, status=status)


def default_pod_template_spec(template: PodTemplateSpec) -> PodTemplateSpec:
    spec = default_pod_spec(template.spec)
    return template if spec is template.spec else replace(template, spec=spec)


def default_pod_spec(spec: PodSpec) -> PodSpec:
    """The defaults of a pod's spec and of every template's."""
    changes: dict[str, Any] = {}
    if not spec.dns_policy:
        changes["dns_policy"] = "ClusterFirst"
    if not spec.restart_policy:
        changes["restart_policy"] = "Always"
    if spec.security_context is None:
        changes["security_context"] = _NO_CONTEXT
    if spec.termination_grace_period_seconds is None:
        changes["termination_grace_period_seconds"] = TERMINATION_GRACE_PERIOD
    if not spec.scheduler_name:
        changes["scheduler_name"] = DEFAULT_SCHEDULER
    if spec.service_account != spec.service_account_name:
        account = spec.service_account_name or spec.service_account
        changes["service_account"] = changes["service_account_name"] = account
    _default_lists(spec, changes)
    return replace(spec, **changes) if changes else spec


def _default_lists(spec: PodSpec, changes: dict[str, Any]) -> None:
    if (containers := default_each(spec.containers, default_container)) is not spec.containers:
        changes["containers"] = containers
    if spec.init_containers:
        containers = default_each(spec.init_containers, default_container)
        if containers is not spec.init_containers:
            changes["init_containers"] = containers
    if spec.ephemeral_containers:
        containers = default_each(spec.ephemeral_containers, default_container)
        if containers is not spec.ephemeral_containers:
            changes["ephemeral_containers"] = containers
    if spec.volumes and (volumes := default_each(spec.volumes, default_volume)) is not spec.volumes:
        changes["volumes"] = volumes
    if spec.overhead and (overhead := default_resource_list(spec.overhead)) is not spec.overhead:
        changes["overhead"] = overhead
    if spec.resources is not None and (stated := default_resources(spec.resources)) is not spec.resources:
        changes["resources"] = stated


def _default_spec_of_pod(spec: PodSpec) -> PodSpec:
    changes: dict[str, Any] = {}
    containers, init_containers = spec.containers, spec.init_containers
    containers = _request_what_is_limited(containers)
    init_containers = _request_what_is_limited(init_containers)
    if spec.host_network:
        containers = default_each(containers, _default_host_ports)
        init_containers = default_each(init_containers, _default_host_ports)
    if containers is not spec.containers:
        changes["containers"] = containers
    if init_containers is not spec.init_containers:
        changes["init_containers"] = init_containers
    if spec.enable_service_links is None:
        changes["enable_service_links"] = True
    if changes:
        spec = replace(spec, **changes)
    return spec if spec.resources is None else _default_pod_level(spec, spec.resources)


def _request_what_is_limited(containers: tuple[Container, ...]) -> tuple[Container, ...]:
    for container in containers:
        if container.resources.limits:
            return default_each(containers, _default_requests)
    return containers


def _default_requests(container: Container) -> Container:
    resources = container.resources
    missing = {
        name: quantity for name, quantity in resources.limits.items() if name not in resources.requests
    }
    if not missing:
        return container
    return replace(container, resources=replace(resources, requests={**resources.requests, **missing}))


def _default_host_ports(container: Container) -> Container:
    ports = default_each(container.ports, _default_host_port)
    return container if ports is container.ports else replace(container, ports=ports)


def _default_host_port(port: ContainerPort) -> ContainerPort:
    return port if port.host_port else replace(port, host_port=port.container_port)


def _default_pod_level(spec: PodSpec, stated: ResourceRequirements) -> PodSpec:
    """Complete pod-level requests and limits from each other and from the containers' (KEP-2837)."""
    limits, requests = dict(stated.limits), dict(stated.requests)
    if limits or requests:
        for name, quantity in quantities(container_limits(spec)).items():
            if is_huge_page(name) and name not in requests:
                limits.setdefault(name, quantity)
    if limits:
        _complete_requests(spec, requests, limits.items())
    if not is_pod_level_limits_set(spec) and is_pod_level_requests_set(spec):
        for name, quantity in quantities(missing_pod_limits(spec)).items():
            limits.setdefault(name, quantity)
    if len(limits) == len(stated.limits) and len(requests) == len(stated.requests):
        return spec
    return replace(spec, resources=replace(stated, limits=limits, requests=requests))


def _complete_requests(
    spec: PodSpec, requests: dict[str, Quantity], limits: Iterable[tuple[str, Quantity]]
) -> None:
    for name, quantity in quantities(container_requests(spec)).items():
        if is_pod_level(name) and is_overcommit_allowed(name):
            requests.setdefault(name, quantity)
    for name, quantity in limits:
        if is_pod_level(name):
            requests.setdefault(name, quantity)


def _sync_pod_ips(status: PodStatus) -> PodStatus:
    """``podIP`` is the first of ``podIPs``, and wins where the two differ."""
    ip, ips = status.pod_ip, status.pod_ips
    if ip and (not ips or ips[0].ip != ip):
        return replace(status, pod_ips=(PodIP(ip=ip),))
    if ips and not ip:
        return replace(status, pod_ip=ips[0].ip)
    return status
