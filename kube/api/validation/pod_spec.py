"""The rules of a pod's spec, in pods and in the templates of everything that makes pods.

Source of the semantics: pkg/apis/core/validation; the API page "Pod".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from kube.api.types.core_v1 import (
    HostAlias,
    PodDNSConfig,
    PodReadinessGate,
    PodResourceClaim,
    PodSpec,
    PodTemplateSpec,
    ResourceRequirements,
)
from kube.api.validation.checks import (
    MAX_INT32,
    Errors,
    dns1123_label,
    dns1123_subdomain,
    name_is_dns_subdomain,
    report,
    validate_dns1123_label,
    validate_ip,
    validate_one_of,
    validate_qualified_name,
)
from kube.api.validation.containers import (
    PodContext,
    validate_containers,
    validate_ephemeral_containers,
    validate_init_containers,
)
from kube.api.validation.metadata import validate_annotations, validate_labels
from kube.api.validation.pod_annotations import validate_pod_annotations
from kube.api.validation.resources import validate_container_resources, validate_pod_level_resources
from kube.api.validation.scheduling import (
    validate_affinity,
    validate_scheduling_gates,
    validate_tolerations,
    validate_topology_spread_constraints,
)
from kube.api.validation.security_context import (
    validate_annotations_match_fields,
    validate_pod_security_context,
)
from kube.api.validation.volumes import validate_volumes
from kube.api.validation.windows import validate_host_process, validate_os
from kube.apimachinery import names
from kube.apimachinery.field import Path, duplicate, forbidden, invalid, required, too_long
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.names import range_complaint

_RESTART_POLICIES: Final = ("Always", "OnFailure", "Never")
_DNS_POLICIES: Final = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_PREEMPTION_POLICIES: Final = ("PreemptLowerPriority", "Never")
_NAMESERVERS_MAX: Final = 3
_SEARCHES_MAX: Final = 32
_SEARCH_CHARACTERS_MAX: Final = 2048
_HOSTNAME_MAX: Final = 64


def validate_pod_template_spec(template: PodTemplateSpec, path: Path, errors: Errors) -> None:
    """A template inside a workload, at ``path`` (``spec.template``)."""
    metadata, spec = template.metadata, template.spec
    validate_labels(metadata.labels, path.child("labels"), errors)
    if metadata.annotations:
        at = path.child("annotations")
        validate_annotations(metadata.annotations, at, errors)
        validate_pod_annotations(metadata.annotations, spec, at, errors)
    at = path.child("spec")
    validate_pod_spec(spec, None, at, errors)
    validate_annotations_match_fields(metadata.annotations, spec, at, errors)
    if spec.ephemeral_containers:
        detail = "ephemeral containers not allowed in pod template"
        errors.append(forbidden(at.child("ephemeralContainers"), detail))


def validate_pod_spec(spec: PodSpec, meta: ObjectMeta | None, path: Path, errors: Errors) -> None:
    """``meta`` is the pod's metadata, None for a template: some rules hold for pods only."""
    if spec.termination_grace_period_seconds is None:
        errors.append(required(path.child("terminationGracePeriodSeconds")))
    volumes = validate_volumes(spec.volumes, meta, path.child("volumes"), errors)
    pod = PodContext.of(spec, volumes)
    if spec.resource_claims:
        _validate_resource_claims(spec.resource_claims, path.child("resourceClaims"), errors)
    validate_containers(spec.containers, pod, path.child("containers"), errors)
    if spec.init_containers:
        at = path.child("initContainers")
        validate_init_containers(spec.init_containers, spec.containers, pod, at, errors)
    if spec.ephemeral_containers:
        at = path.child("ephemeralContainers")
        validate_ephemeral_containers(spec.ephemeral_containers, spec, pod, at, errors)
    if spec.resources is not None:
        validate_pod_level_resources(spec, pod.claim_names, path.child("resources"), errors)
    if spec.host_network:
        _validate_host_network_ports(spec, meta is not None, path.child("containers"), errors)
    if spec.restart_policy not in _RESTART_POLICIES:
        at = path.child("restartPolicy")
        validate_one_of(spec.restart_policy, _RESTART_POLICIES, at, errors)
    if spec.dns_policy not in _DNS_POLICIES:
        validate_one_of(spec.dns_policy, _DNS_POLICIES, path.child("dnsPolicy"), errors)
    if spec.node_selector:
        validate_labels(spec.node_selector, path.child("nodeSelector"), errors)
    if spec.security_context is not None:
        at = path.child("securityContext")
        validate_pod_security_context(spec.security_context, spec, at, errors)
    _validate_placement(spec, path, errors)
    _validate_names(spec, path, errors)
    _validate_rest(spec, path, errors)


def _validate_placement(spec: PodSpec, path: Path, errors: Errors) -> None:
    if spec.affinity is not None:
        validate_affinity(spec.affinity, path.child("affinity"), errors)
    if spec.dns_config is not None or spec.dns_policy == "None":
        _validate_dns_config(spec.dns_config, spec.dns_policy, path.child("dnsConfig"), errors)
    if spec.readiness_gates:
        _validate_readiness_gates(spec.readiness_gates, path.child("readinessGates"), errors)
    if spec.scheduling_gates:
        validate_scheduling_gates(spec.scheduling_gates, path.child("schedulingGates"), errors)
    if spec.topology_spread_constraints:
        at = path.child("topologySpreadConstraints")
        validate_topology_spread_constraints(spec.topology_spread_constraints, at, errors)
    if spec.os is None or spec.os.name == "windows":
        validate_host_process(spec, path, errors)
    if spec.host_users is False:
        for name, given in (
            ("hostNetwork", spec.host_network),
            ("HostPID", spec.host_pid),
            ("HostIPC", spec.host_ipc),
        ):
            if given:
                errors.append(forbidden(path.child(name), "when `pod.Spec.HostUsers` is false"))


def _validate_names(spec: PodSpec, path: Path, errors: Errors) -> None:
    for name, value in (
        ("serviceAccountName", spec.service_account_name),
        ("nodeName", spec.node_name),
    ):
        if value and (complaints := name_is_dns_subdomain(value, False)):
            report(path.child(name), value, complaints, errors)
    seconds = spec.active_deadline_seconds
    if seconds is not None and not 1 <= seconds <= MAX_INT32:
        at = path.child("activeDeadlineSeconds")
        errors.append(invalid(at, seconds, range_complaint(1, MAX_INT32)))
    if spec.hostname and (complaints := dns1123_label(spec.hostname)):
        report(path.child("hostname"), spec.hostname, complaints, errors)
    if spec.subdomain and (complaints := dns1123_label(spec.subdomain)):
        report(path.child("subdomain"), spec.subdomain, complaints, errors)
    if spec.hostname_override is not None:
        _validate_hostname_override(spec, spec.hostname_override, path, errors)


def _validate_rest(spec: PodSpec, path: Path, errors: Errors) -> None:
    if spec.tolerations:
        validate_tolerations(spec.tolerations, path.child("tolerations"), errors)
    if spec.host_aliases:
        _validate_host_aliases(spec.host_aliases, path.child("hostAliases"), errors)
    if spec.priority_class_name:
        complaints = name_is_dns_subdomain(spec.priority_class_name, False)
        report(path.child("priorityClassName"), spec.priority_class_name, complaints, errors)
    if spec.runtime_class_name is not None:
        complaints = name_is_dns_subdomain(spec.runtime_class_name, False)
        report(path.child("runtimeClassName"), spec.runtime_class_name, complaints, errors)
    if spec.preemption_policy is not None:
        at = path.child("preemptionPolicy")
        validate_one_of(spec.preemption_policy, _PREEMPTION_POLICIES, at, errors)
    if spec.overhead:
        limits = ResourceRequirements(limits=spec.overhead)
        validate_container_resources(limits, (), path.child("overhead"), errors)
    if spec.os is not None:
        validate_os(spec, path, errors)


def _validate_hostname_override(spec: PodSpec, hostname: str, path: Path, errors: Errors) -> None:
    at = path.child("hostnameOverride")
    if not hostname:
        errors.append(required(at, "must not be empty when set"))
        return
    report(at, hostname, dns1123_subdomain(hostname), errors)
    if len(hostname) > _HOSTNAME_MAX:
        errors.append(too_long(at, _HOSTNAME_MAX))
    if spec.set_hostname_as_fqdn:
        errors.append(forbidden(at, "may not be specified when `setHostnameAsFQDN` is true"))
    if spec.host_network:
        errors.append(forbidden(at, "may not be specified when `hostNetwork` is true"))


def _validate_resource_claims(claims: Sequence[PodResourceClaim], path: Path, errors: Errors) -> None:
    seen: set[str] = set()
    for i, claim in enumerate(claims):
        at = path.index(i)
        if not claim.name:
            errors.append(required(at.child("name")))
        elif claim.name in seen:
            errors.append(duplicate(at.child("name"), claim.name))
        else:
            validate_dns1123_label(claim.name, at.child("name"), errors)
            seen.add(claim.name)
        _validate_claim_reference(claim, at, errors)


def _validate_claim_reference(claim: PodResourceClaim, path: Path, errors: Errors) -> None:
    name, template = claim.resource_claim_name, claim.resource_claim_template_name
    if (name is None) == (template is None):
        detail = (
            "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            if name is None
            else "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
        )
        shown: dict[str, Any] = {
            "Name": claim.name,
            "ResourceClaimName": name,
            "ResourceClaimTemplateName": template,
        }
        errors.append(invalid(path, shown, detail))
    if name is not None:
        report(path.child("resourceClaimName"), name, name_is_dns_subdomain(name, False), errors)
    if template is not None:
        complaints = name_is_dns_subdomain(template, False)
        report(path.child("resourceClaimTemplateName"), template, complaints, errors)


def _validate_host_network_ports(spec: PodSpec, is_pod: bool, path: Path, errors: Errors) -> None:
    """On the host's network, a port is the host's; a template may leave it to be defaulted."""
    for i, container in enumerate(spec.containers):
        for j, port in enumerate(container.ports):
            if (is_pod or port.host_port) and port.host_port != port.container_port:
                at = path.index(i).child("ports").index(j).child("hostPort")
                detail = "must match `containerPort` when `hostNetwork` is true"
                errors.append(invalid(at, port.host_port, detail))


def _validate_dns_config(config: PodDNSConfig | None, policy: str, path: Path, errors: Errors) -> None:
    if config is None:
        detail = "must provide `dnsConfig` when `dnsPolicy` is None"
        errors.append(required(path, detail))
        return
    at = path.child("nameservers")
    if policy == "None" and not config.nameservers:
        detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        errors.append(required(at, detail))
        return
    if len(config.nameservers) > _NAMESERVERS_MAX:
        detail = f"must not have more than {_NAMESERVERS_MAX} nameservers"
        errors.append(invalid(at, config.nameservers, detail))
    for i, nameserver in enumerate(config.nameservers):
        validate_ip(nameserver, at.index(i), errors)
    _validate_searches(config.searches, path.child("searches"), errors)
    for i, option in enumerate(config.options):
        if not option.name:
            errors.append(required(path.child("options").index(i), "must not be empty"))


def _validate_searches(searches: Sequence[str], path: Path, errors: Errors) -> None:
    if len(searches) > _SEARCHES_MAX:
        detail = f"must not have more than {_SEARCHES_MAX} search paths"
        errors.append(invalid(path, searches, detail))
    if len(" ".join(searches)) > _SEARCH_CHARACTERS_MAX:
        detail = f"must not have more than {_SEARCH_CHARACTERS_MAX} characters (including spaces) in the search list"
        errors.append(invalid(path, searches, detail))
    for i, search in enumerate(searches):
        if search != ".":
            domain = search.removesuffix(".")
            report(path.index(i), domain, names.dns1123_subdomain_with_underscore(domain), errors)


def _validate_readiness_gates(gates: Sequence[PodReadinessGate], path: Path, errors: Errors) -> None:
    for i, gate in enumerate(gates):
        validate_qualified_name(gate.condition_type, path.index(i).child("conditionType"), errors)


def _validate_host_aliases(aliases: Sequence[HostAlias], path: Path, errors: Errors) -> None:
    for i, alias in enumerate(aliases):
        validate_ip(alias.ip, path.index(i).child("ip"), errors)
        for j, hostname in enumerate(alias.hostnames):
            at = path.index(i).child("hostnames").index(j)
            report(at, hostname, dns1123_subdomain(hostname), errors)
