"""The rules of a pod's containers: regular, init and ephemeral.

Source of the semantics: pkg/apis/core/validation; KEP-753 (sidecars), KEP-277 (ephemeral containers), KEP-1287
(resize policies), KEP-5307 (restart rules).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from kube.api.types.core_v1 import (
    Container,
    ContainerPort,
    ContainerResizePolicy,
    ContainerRestartRule,
    EphemeralContainer,
    PodSpec,
    Volume,
)
from kube.api.validation.checks import Errors, dns1123_label, port_name, report, validate_one_of
from kube.api.validation.env import validate_env, validate_env_from
from kube.api.validation.probes import (
    validate_lifecycle,
    validate_liveness_probe,
    validate_readiness_probe,
    validate_startup_probe,
)
from kube.api.validation.resources import validate_container_resources
from kube.api.validation.security_context import validate_security_context
from kube.api.validation.volume_mounts import validate_volume_devices, validate_volume_mounts
from kube.api.validation.volumes import PULL_POLICIES
from kube.apimachinery import names
from kube.apimachinery.field import (
    Path,
    duplicate,
    forbidden,
    invalid,
    not_found,
    not_supported,
    required,
    too_many,
)

AnyContainer = Container | EphemeralContainer

PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
_MESSAGE_POLICIES: Final = ("File", "FallbackToLogsOnError")
_RESTART_POLICIES: Final = ("Always", "Never", "OnFailure")
_RESTART_ACTIONS: Final = ("Restart", "RestartAllContainers")
_EXIT_CODE_OPERATORS: Final = ("In", "NotIn")
_RESTART_RULES_MAX: Final = 20
_EXIT_CODES_MAX: Final = 255
_RESIZABLE: Final = ("cpu", "memory")
_RESIZE_POLICIES: Final = ("NotRequired", "RestartContainer")
_NOT_FOR_INIT: Final = "may not be set for init containers without restartPolicy=Always"
_NOT_FOR_EPHEMERAL: Final = "cannot be set for an Ephemeral Container"


class PodContext(NamedTuple):
    """What the rules of a container need to know of its pod."""

    volumes: Mapping[str, Volume]
    claim_names: Collection[str]
    restart_policy: str
    grace_period: int | None
    host_users: bool
    os_name: str

    @classmethod
    def of(cls, spec: PodSpec, volumes: Mapping[str, Volume]) -> PodContext:
        return cls(
            volumes,
            frozenset(claim.name for claim in spec.resource_claims if claim.name)
            if spec.resource_claims
            else (),
            spec.restart_policy,
            spec.termination_grace_period_seconds,
            spec.host_users is not False,
            spec.os.name if spec.os is not None else "",
        )


def validate_containers(containers: Sequence[Container], pod: PodContext, path: Path, errors: Errors) -> None:
    if not containers:
        errors.append(required(path))
        return
    seen: set[str] = set()
    for i, container in enumerate(containers):
        at = path.index(i)
        _validate_common(container, pod, at, errors)
        if container.name in seen:
            errors.append(duplicate(at.child("name"), container.name))
        seen.add(container.name)
        _validate_hooks_and_probes(container, pod, at, errors)
        if container.restart_policy is not None or container.restart_policy_rules:
            _validate_restart_policy(container, at, errors)
    _validate_host_ports(containers, path, errors)


def validate_init_containers(
    containers: Sequence[Container],
    regular: Sequence[Container],
    pod: PodContext,
    path: Path,
    errors: Errors,
) -> None:
    seen = {container.name for container in regular}
    for i, container in enumerate(containers):
        at = path.index(i)
        _validate_common(container, pod, at, errors)
        if container.restart_policy is not None or container.restart_policy_rules:
            _validate_restart_policy(container, at, errors)
        if container.name in seen:
            errors.append(duplicate(at.child("name"), container.name))
        elif container.name:
            seen.add(container.name)
        _validate_host_ports((container,), path, errors)
        if container.restart_policy == "Always":
            _validate_hooks_and_probes(container, pod, at, errors)
            continue
        for name, value in (
            ("lifecycle", container.lifecycle),
            ("livenessProbe", container.liveness_probe),
            ("readinessProbe", container.readiness_probe),
            ("startupProbe", container.startup_probe),
        ):
            if value is not None:
                errors.append(forbidden(at.child(name), _NOT_FOR_INIT))


_EPHEMERAL_FORBIDDEN: Final = (
    ("ports", "ports"),
    ("resources", "resources"),
    ("resize_policy", "resizePolicy"),
    ("restart_policy", "restartPolicy"),
    ("restart_policy_rules", "restartPolicyRules"),
    ("liveness_probe", "livenessProbe"),
    ("readiness_probe", "readinessProbe"),
    ("startup_probe", "startupProbe"),
    ("lifecycle", "lifecycle"),
)
_NOTHING: Final = EphemeralContainer()


def validate_ephemeral_containers(
    containers: Sequence[EphemeralContainer], spec: PodSpec, pod: PodContext, path: Path, errors: Errors
) -> None:
    others = {container.name for container in (*spec.containers, *spec.init_containers)}
    seen = set(others)
    for i, container in enumerate(containers):
        at = path.index(i)
        _validate_common(container, pod, at, errors)
        validate_image_whitespace(container, at, errors)
        if container.name in seen:
            errors.append(duplicate(at.child("name"), container.name))
        seen.add(container.name)
        target = container.target_container_name
        if target and target not in others:
            errors.append(not_found(at.child("targetContainerName"), target))
        for attribute, name in _EPHEMERAL_FORBIDDEN:
            if getattr(container, attribute) != getattr(_NOTHING, attribute):
                errors.append(forbidden(at.child(name), _NOT_FOR_EPHEMERAL))
        for j, mount in enumerate(container.volume_mounts):
            mount_at = at.child("volumeMounts").index(j)
            if mount.sub_path:
                errors.append(forbidden(mount_at.child("subPath"), _NOT_FOR_EPHEMERAL))
            if mount.sub_path_expr:
                errors.append(forbidden(mount_at.child("subPathExpr"), _NOT_FOR_EPHEMERAL))


def _validate_common(container: AnyContainer, pod: PodContext, path: Path, errors: Errors) -> None:
    name = container.name
    if not name:
        errors.append(required(path.child("name")))
    elif complaints := dns1123_label(name):
        report(path.child("name"), name, complaints, errors)
    if not container.image:
        errors.append(required(path.child("image")))
    policy = container.termination_message_policy
    if policy not in _MESSAGE_POLICIES:
        at = path.child("terminationMessagePolicy")
        validate_one_of(policy, _MESSAGE_POLICIES, at, errors)
    if container.ports:
        _validate_ports(container.ports, path.child("ports"), errors)
    if container.env:
        validate_env(container.env, path.child("env"), errors)
    if container.env_from:
        validate_env_from(container.env_from, path.child("envFrom"), errors)
    if container.volume_mounts:
        validate_volume_mounts(container, pod.volumes, path.child("volumeMounts"), errors)
    if container.volume_devices:
        validate_volume_devices(container, pod.volumes, path.child("volumeDevices"), errors)
    if container.image_pull_policy not in PULL_POLICIES:
        at = path.child("imagePullPolicy")
        validate_one_of(container.image_pull_policy, PULL_POLICIES, at, errors)
    at = path.child("resources")
    validate_container_resources(container.resources, pod.claim_names, at, errors)
    if container.resize_policy:
        at = path.child("resizePolicy")
        _validate_resize_policy(container.resize_policy, pod.restart_policy, at, errors)
    if container.security_context is not None:
        at = path.child("securityContext")
        validate_security_context(container.security_context, pod.host_users, at, errors)


def _validate_hooks_and_probes(container: Container, pod: PodContext, path: Path, errors: Errors) -> None:
    if container.lifecycle is not None:
        at = path.child("lifecycle")
        validate_lifecycle(container.lifecycle, pod.grace_period, pod.os_name, at, errors)
    if container.liveness_probe is not None:
        validate_liveness_probe(
            container.liveness_probe, pod.grace_period, path.child("livenessProbe"), errors
        )
    if container.readiness_probe is not None:
        validate_readiness_probe(
            container.readiness_probe, pod.grace_period, path.child("readinessProbe"), errors
        )
    if container.startup_probe is not None:
        validate_startup_probe(container.startup_probe, pod.grace_period, path.child("startupProbe"), errors)


def _validate_ports(ports: Sequence[ContainerPort], path: Path, errors: Errors) -> None:
    seen: set[str] = set()
    for i, port in enumerate(ports):
        if name := port.name:
            if complaints := port_name(name):
                report(path.index(i).child("name"), name, complaints, errors)
            elif name in seen:
                errors.append(duplicate(path.index(i).child("name"), name))
            seen.add(name)
        number = port.container_port
        if number == 0:
            errors.append(required(path.index(i).child("containerPort")))
        elif not 1 <= number <= 65535:
            report(path.index(i).child("containerPort"), number, names.port_number(number), errors)
        if port.host_port and not 1 <= port.host_port <= 65535:
            complaints = names.port_number(port.host_port)
            report(path.index(i).child("hostPort"), port.host_port, complaints, errors)
        if port.protocol not in PROTOCOLS:
            validate_one_of(port.protocol, PROTOCOLS, path.index(i).child("protocol"), errors)


def _validate_host_ports(containers: Sequence[Container], path: Path, errors: Errors) -> None:
    """No port of the node may be asked for twice."""
    seen: set[str] = set()
    for i, container in enumerate(containers):
        for j, port in enumerate(container.ports):
            if port.host_port == 0:
                continue
            key = f"{port.protocol}/{port.host_ip}/{port.host_port}"
            if key in seen:
                at = path.index(i).child("ports").index(j).child("hostPort")
                errors.append(duplicate(at, key))
            seen.add(key)


def _validate_restart_policy(container: Container, path: Path, errors: Errors) -> None:
    policy, rules = container.restart_policy, container.restart_policy_rules
    at = path.child("restartPolicy")
    if policy is None:
        errors.append(required(at, "must specify restartPolicy when restart rules are used"))
    elif policy not in _RESTART_POLICIES:
        errors.append(not_supported(at, policy, _RESTART_POLICIES))
    at = path.child("restartPolicyRules")
    if len(rules) > _RESTART_RULES_MAX:
        errors.append(too_many(at, len(rules), _RESTART_RULES_MAX))
    for i, rule in enumerate(rules):
        _validate_restart_rule(rule, at.index(i), errors)


def _validate_restart_rule(rule: ContainerRestartRule, path: Path, errors: Errors) -> None:
    if rule.action not in _RESTART_ACTIONS:
        errors.append(not_supported(path.child("action"), rule.action, _RESTART_ACTIONS))
    codes, at = rule.exit_codes, path.child("exitCodes")
    if codes is None:
        errors.append(required(at, "must be specified"))
        return
    if codes.operator not in _EXIT_CODE_OPERATORS:
        errors.append(not_supported(at.child("operator"), codes.operator, _EXIT_CODE_OPERATORS))
    if len(codes.values) > _EXIT_CODES_MAX:
        errors.append(too_many(at.child("values"), len(codes.values), _EXIT_CODES_MAX))


def _validate_resize_policy(
    policies: Sequence[ContainerResizePolicy], restart_policy: str, path: Path, errors: Errors
) -> None:
    seen: set[str] = set()
    for i, policy in enumerate(policies):
        if policy.resource_name in seen:
            errors.append(duplicate(path.index(i), policy.resource_name))
        seen.add(policy.resource_name)
        validate_one_of(policy.resource_name, _RESIZABLE, path, errors)
        validate_one_of(policy.restart_policy, _RESIZE_POLICIES, path, errors)
        if restart_policy == "Never" and policy.restart_policy != "NotRequired":
            detail = "must be 'NotRequired' when `restartPolicy` is 'Never'"
            errors.append(invalid(path, policy.restart_policy, detail))


def validate_image_whitespace(container: AnyContainer, path: Path, errors: Errors) -> None:
    if container.image != container.image.strip():
        detail = "must not have leading or trailing whitespace"
        errors.append(invalid(path.child("image"), container.image, detail))
