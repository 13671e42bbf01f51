"""Defaults of containers: pull policy, ports, probes, hooks, environment.

Source of the semantics: pkg/apis/core/v1/defaults.go and the ``+default`` markers of core/v1.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

from msgspec.structs import replace

from kube.api.defaults.quantities import default_resource_list
from kube.api.defaults.volumes import default_each, default_field_ref
from kube.api.helpers.images import default_pull_policy
from kube.api.types.core_v1 import (
    Container,
    ContainerPort,
    EnvVar,
    EphemeralContainer,
    HTTPGetAction,
    Lifecycle,
    LifecycleHandler,
    Probe,
    ResourceRequirements,
)

AnyContainer = TypeVar("AnyContainer", Container, EphemeralContainer)

TERMINATION_MESSAGE_PATH: Final = "/dev/termination-log"
TERMINATION_MESSAGE_POLICY: Final = "File"


def default_container(container: AnyContainer) -> AnyContainer:
    changes: dict[str, Any] = {}
    if not container.image_pull_policy:
        changes["image_pull_policy"] = default_pull_policy(container.image)
    if not container.termination_message_path:
        changes["termination_message_path"] = TERMINATION_MESSAGE_PATH
    if not container.termination_message_policy:
        changes["termination_message_policy"] = TERMINATION_MESSAGE_POLICY
    if container.ports and (ports := default_each(container.ports, _default_port)) is not container.ports:
        changes["ports"] = ports
    for variable in container.env:
        if variable.value_from is not None:
            if (env := default_each(container.env, _default_env)) is not container.env:
                changes["env"] = env
            break
    resources = default_resources(container.resources)
    if resources is not container.resources:
        changes["resources"] = resources
    _default_probes(container, changes)
    return replace(container, **changes) if changes else container


def _default_probes(container: AnyContainer, changes: dict[str, Any]) -> None:
    probe = container.liveness_probe
    if probe is not None and (filled := default_probe(probe)) is not probe:
        changes["liveness_probe"] = filled
    probe = container.readiness_probe
    if probe is not None and (filled := default_probe(probe)) is not probe:
        changes["readiness_probe"] = filled
    probe = container.startup_probe
    if probe is not None and (filled := default_probe(probe)) is not probe:
        changes["startup_probe"] = filled
    lifecycle = container.lifecycle
    if lifecycle is not None and (hooks := _default_lifecycle(lifecycle)) is not lifecycle:
        changes["lifecycle"] = hooks


def _default_port(port: ContainerPort) -> ContainerPort:
    return port if port.protocol else replace(port, protocol="TCP")


def _default_env(variable: EnvVar) -> EnvVar:
    source = variable.value_from
    if source is None:
        return variable
    if source.field_ref is not None and not source.field_ref.api_version:
        source = replace(source, field_ref=default_field_ref(source.field_ref))
    if source.file_key_ref is not None and source.file_key_ref.optional is None:
        source = replace(source, file_key_ref=replace(source.file_key_ref, optional=False))
    return variable if source is variable.value_from else replace(variable, value_from=source)


def default_resources(resources: ResourceRequirements) -> ResourceRequirements:
    limits, requests = default_resource_list(resources.limits), default_resource_list(resources.requests)
    if limits is resources.limits and requests is resources.requests:
        return resources
    return replace(resources, limits=limits, requests=requests)


def default_probe(probe: Probe) -> Probe:
    changes: dict[str, Any] = {}
    if not probe.timeout_seconds:
        changes["timeout_seconds"] = 1
    if not probe.period_seconds:
        changes["period_seconds"] = 10
    if not probe.success_threshold:
        changes["success_threshold"] = 1
    if not probe.failure_threshold:
        changes["failure_threshold"] = 3
    http, grpc = probe.http_get, probe.grpc
    if http is not None and (filled := _default_http_get(http)) is not http:
        changes["http_get"] = filled
    if grpc is not None and grpc.service is None:
        changes["grpc"] = replace(grpc, service="")
    return replace(probe, **changes) if changes else probe


def _default_http_get(action: HTTPGetAction) -> HTTPGetAction:
    if action.path and action.scheme:
        return action
    return replace(action, path=action.path or "/", scheme=action.scheme or "HTTP")


def _default_handler(handler: LifecycleHandler | None) -> LifecycleHandler | None:
    if handler is None or handler.http_get is None:
        return handler
    action = _default_http_get(handler.http_get)
    return handler if action is handler.http_get else replace(handler, http_get=action)


def _default_lifecycle(lifecycle: Lifecycle) -> Lifecycle:
    start, stop = _default_handler(lifecycle.post_start), _default_handler(lifecycle.pre_stop)
    if start is lifecycle.post_start and stop is lifecycle.pre_stop:
        return lifecycle
    return replace(lifecycle, post_start=start, pre_stop=stop)
