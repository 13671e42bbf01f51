"""The rules of updates to a pod's status.

Source of the semantics: pkg/apis/core/validation; KEP-753 (sidecars), KEP-4680 (resource health), KEP-3619 (users).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kube.api.types.core_v1 import (
    Container,
    ContainerStatus,
    LinuxContainerUser,
    Pod,
    PodCondition,
    PodIP,
    PodResourceClaimStatus,
    PodSpec,
    ResourceStatus,
)
from kube.api.validation.checks import (
    Errors,
    is_dual_stack,
    name_is_dns_subdomain,
    report,
    validate_immutable,
    validate_ip,
    validate_nonnegative,
    validate_qualified_name,
)
from kube.api.validation.metadata import METADATA, validate_object_meta_update
from kube.api.validation.pod_annotations import validate_pod_annotations_update
from kube.apimachinery import names
from kube.apimachinery.field import Path, duplicate, forbidden, invalid, not_supported

_STATUS: Final = Path("status")
_SYSTEM_CONDITIONS: Final = frozenset({"PodScheduled", "Ready", "Initialized"})
_HEALTHS: Final = ("Healthy", "Unhealthy", "Unknown")


def validate_pod_status_update(new: Pod, old: Pod) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    validate_pod_annotations_update(new, old, METADATA.child("annotations"), errors)
    status, before = new.status, old.status
    if status.observed_generation < 0:
        at = _STATUS.child("observedGeneration")
        validate_nonnegative(status.observed_generation, at, errors)
    _validate_conditions(status.conditions, METADATA.child("conditions"), errors)
    if new.spec.node_name != old.spec.node_name:
        errors.append(forbidden(_STATUS.child("nodeName"), "may not be changed directly"))
    nominated = status.nominated_node_name
    if nominated and nominated != before.nominated_node_name:
        at = _STATUS.child("nominatedNodeName")
        report(at, nominated, name_is_dns_subdomain(nominated, False), errors)
    validate_immutable(status.qos_class, before.qos_class, _STATUS.child("qosClass"), errors)
    _validate_transitions(new, old, errors)
    if status.resource_claim_statuses:
        at = _STATUS.child("resourceClaimStatuses")
        _validate_claim_statuses(status.resource_claim_statuses, new.spec, at, errors)
    _validate_pod_ips(status.pod_ips, _STATUS.child("podIPs"), errors)
    _validate_host_ips(new, _STATUS.child("hostIPs"), errors)
    _validate_container_statuses(new, errors)
    return errors


def _validate_conditions(conditions: Sequence[PodCondition], path: Path, errors: Errors) -> None:
    for i, condition in enumerate(conditions):
        if condition.observed_generation < 0:
            at = path.index(i).child("observedGeneration")
            validate_nonnegative(condition.observed_generation, at, errors)
        if condition.type not in _SYSTEM_CONDITIONS:
            validate_qualified_name(condition.type, path.index(i).child("Type"), errors)


def _validate_transitions(new: Pod, old: Pod, errors: Errors) -> None:
    """What has ended for good may not run again."""
    spec, policy = old.spec, old.spec.restart_policy
    own_policies = {
        container.name: container
        for container in (*spec.containers, *spec.init_containers)
        if container.restart_policy is not None or container.restart_policy_rules
    }
    for name, after, before, default in (
        ("containerStatuses", new.status.container_statuses, old.status.container_statuses, policy),
        (
            "initContainerStatuses",
            new.status.init_container_statuses,
            old.status.init_container_statuses,
            policy,
        ),
        (
            "ephemeralContainerStatuses",
            new.status.ephemeral_container_statuses,
            old.status.ephemeral_container_statuses,
            "Never",
        ),
    ):
        if default == "Always" or after is before:
            continue
        running = {status.name for status in after if status.state.terminated is None}
        for i, status in enumerate(before):
            if status.name not in running or _may_restart(status, default, own_policies.get(status.name)):
                continue
            at = _STATUS.child(name).index(i).child("state")
            errors.append(forbidden(at, "may not be transitioned to non-terminated state"))


def _may_restart(status: ContainerStatus, policy: str, container: Container | None) -> bool:
    """By the pod's policy, or the container's own (a sidecar's, or restart rules: KEP-5307)."""
    terminated = status.state.terminated
    if terminated is None:
        return True
    if container is not None:
        if container.restart_policy_rules:
            return True
        policy = container.restart_policy or policy
    return policy == "Always" or (policy == "OnFailure" and terminated.exit_code != 0)


def _validate_claim_statuses(
    statuses: Sequence[PodResourceClaimStatus], spec: PodSpec, path: Path, errors: Errors
) -> None:
    known = {claim.name for claim in spec.resource_claims}
    seen: set[str] = set()
    for i, status in enumerate(statuses):
        at = path.index(i).child("name")
        if status.name not in known:
            detail = "must match the name of an entry in `spec.resourceClaims`"
            errors.append(invalid(at, status.name, detail))
        if status.name in seen:
            errors.append(duplicate(at, status.name))
        seen.add(status.name)
        if (name := status.resource_claim_name) is not None:
            report(at, name, name_is_dns_subdomain(name, False), errors)


def _validate_pod_ips(ips: Sequence[PodIP], path: Path, errors: Errors) -> None:
    addresses = [ip.ip for ip in ips]
    for i, address in enumerate(addresses):
        validate_ip(address, path.index(i), errors)
    if len(addresses) > 1:
        _validate_families(addresses, path, errors)
        _validate_unique(addresses, path, errors)


def _validate_host_ips(pod: Pod, path: Path, errors: Errors) -> None:
    addresses = [ip.ip for ip in pod.status.host_ips]
    if not addresses:
        return
    if pod.status.host_ip != addresses[0]:
        errors.append(invalid(path.index(0).child("ip"), addresses[0], "must be equal to `hostIP`"))
    for i, address in enumerate(addresses):
        validate_ip(address, path.index(i), errors)
    if len(addresses) > 1:
        _validate_unique(addresses, path, errors)
        _validate_families(addresses, path, errors)


def _validate_families(addresses: Sequence[str], path: Path, errors: Errors) -> None:
    if len(addresses) > 2 or not is_dual_stack(addresses):
        detail = "may specify no more than one IP for each IP family"
        errors.append(invalid(path, [{"IP": address} for address in addresses], detail))


def _validate_unique(addresses: Sequence[str], path: Path, errors: Errors) -> None:
    for i, address in enumerate(addresses):
        if address in addresses[:i]:
            errors.append(duplicate(path.index(i), {"IP": address}))


def _validate_container_statuses(pod: Pod, errors: Errors) -> None:
    status, spec = pod.status, pod.spec
    os_name = spec.os.name if spec.os is not None else "linux"
    lists: tuple[tuple[str, Sequence[ContainerStatus], Sequence[Container]], ...] = (
        ("containerStatuses", status.container_statuses, spec.containers),
        ("initContainerStatuses", status.init_container_statuses, spec.init_containers),
        ("ephemeralContainerStatuses", status.ephemeral_container_statuses, ()),
    )
    for name, statuses, _ in lists:
        for i, each in enumerate(statuses):
            if each.user is not None and each.user.linux is not None:
                at = _STATUS.child(name).index(i).child("linux")
                _validate_user(each.user.linux, os_name, at, errors)
    for name, statuses, containers in lists:
        for i, each in enumerate(statuses):
            if not each.allocated_resources_status:
                continue
            at = _STATUS.child(name).index(i).child("allocatedResourcesStatus")
            if name == "ephemeralContainerStatuses":
                errors.append(forbidden(at, "must not be specified in container status"))
                continue
            container = next((c for c in containers if c.name == each.name), None)
            for j, resource in enumerate(each.allocated_resources_status):
                _validate_resource_status(resource, container, at.index(j), errors)


def _validate_user(user: LinuxContainerUser, os_name: str, path: Path, errors: Errors) -> None:
    if os_name == "windows":
        errors.append(forbidden(path, "cannot be set for a windows pod"))
        return
    report(path.child("uid"), user.uid, names.user_id(user.uid), errors)
    report(path.child("gid"), user.gid, names.group_id(user.gid), errors)
    for i, group in enumerate(user.supplemental_groups):
        report(path.child("supplementalGroups").index(i), group, names.group_id(group), errors)


def _validate_resource_status(
    status: ResourceStatus, container: Container | None, path: Path, errors: Errors
) -> None:
    if container is not None:
        claims = {
            f"claim:{claim.name}/{claim.request}" if claim.request else f"claim:{claim.name}"
            for claim in container.resources.claims
        }
        if status.name.startswith("claim:"):
            known = status.name in claims
            detail = (
                "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or"
                " 'claim:<claimName>' if request is empty"
            )
        else:
            known = status.name in container.resources.requests
            detail = "must match one of the container's resource requests"
        if not known:
            errors.append(invalid(path.child("name"), status.name, detail))
    seen: set[str] = set()
    for i, resource in enumerate(status.resources):
        at = path.child("resources").index(i)
        if resource.health not in _HEALTHS:
            errors.append(not_supported(at.child("health"), resource.health, _HEALTHS))
        if resource.resource_id in seen:
            errors.append(duplicate(at.child("resourceID"), resource.resource_id))
        seen.add(resource.resource_id)
