"""Defaults of the core kinds; pods and services have modules of their own.

Source of the semantics: pkg/apis/core/v1/defaults.go and conversion.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from kube.api.defaults.pod import default_pod, default_pod_template_spec
from kube.api.defaults.quantities import default_resource_list
from kube.api.defaults.service import default_service
from kube.api.defaults.volumes import VALUES, default_claim_spec, default_each, fill
from kube.api.types import core_v1
from kube.apimachinery.meta.struct import EMPTY_MAP

NAMESPACE_NAME_LABEL: Final = "kubernetes.io/metadata.name"


def default_namespace(namespace: core_v1.Namespace) -> core_v1.Namespace:
    name, labels = namespace.metadata.name, namespace.metadata.labels
    if name and labels.get(NAMESPACE_NAME_LABEL) != name:
        labels = {**labels, NAMESPACE_NAME_LABEL: name}
        namespace = replace(namespace, metadata=replace(namespace.metadata, labels=labels))
    if namespace.status.phase:
        return namespace
    return replace(namespace, status=replace(namespace.status, phase="Active"))


def default_node(node: core_v1.Node) -> core_v1.Node:
    spec, status = node.spec, node.status
    capacity, allocatable = default_resource_list(status.capacity), default_resource_list(status.allocatable)
    if not allocatable:
        allocatable = capacity
    if capacity is not status.capacity or allocatable is not status.allocatable:
        node = replace(node, status=replace(status, capacity=capacity, allocatable=allocatable))
    if spec.pod_cidr and spec.pod_cidr not in spec.pod_cidrs[:1]:
        return replace(node, spec=replace(spec, pod_cidrs=(spec.pod_cidr,)))
    if spec.pod_cidrs and not spec.pod_cidr:
        return replace(node, spec=replace(spec, pod_cidr=spec.pod_cidrs[0]))
    return node


def default_secret(secret: core_v1.Secret) -> core_v1.Secret:
    """``stringData`` is another way to write ``data``, and wins."""
    if secret.string_data:
        data = {**secret.data, **{key: text.encode() for key, text in secret.string_data.items()}}
        secret = replace(secret, data=data, string_data=EMPTY_MAP)
    return secret if secret.type else replace(secret, type="Opaque")


def default_persistent_volume(volume: core_v1.PersistentVolume) -> core_v1.PersistentVolume:
    spec = volume.spec
    changes: dict[str, Any] = {}
    if not spec.persistent_volume_reclaim_policy:
        changes["persistent_volume_reclaim_policy"] = "Retain"
    if spec.volume_mode is None:
        changes["volume_mode"] = "Filesystem"
    if (capacity := default_resource_list(spec.capacity)) is not spec.capacity:
        changes["capacity"] = capacity
    for name, values in VALUES.items():
        source = getattr(spec, name)
        if source is not None and (filled := fill(source, values)) is not source:
            changes[name] = filled
    if changes:
        volume = replace(volume, spec=replace(spec, **changes))
    if volume.status.phase:
        return volume
    return replace(volume, status=replace(volume.status, phase="Pending"))


def default_persistent_volume_claim(
    claim: core_v1.PersistentVolumeClaim,
) -> core_v1.PersistentVolumeClaim:
    spec, status = default_claim_spec(claim.spec), claim.status
    if spec is not claim.spec:
        claim = replace(claim, spec=spec)
    capacity = default_resource_list(status.capacity)
    allocated = default_resource_list(status.allocated_resources)
    if capacity is not status.capacity or allocated is not status.allocated_resources:
        status = replace(status, capacity=capacity, allocated_resources=allocated)
    if not status.phase:
        status = replace(status, phase="Pending")
    return claim if status is claim.status else replace(claim, status=status)


def default_endpoints(endpoints: core_v1.Endpoints) -> core_v1.Endpoints:
    subsets = default_each(endpoints.subsets, _default_subset)
    return endpoints if subsets is endpoints.subsets else replace(endpoints, subsets=subsets)


def _default_subset(subset: core_v1.EndpointSubset) -> core_v1.EndpointSubset:
    ports = default_each(subset.ports, _default_endpoint_port)
    return subset if ports is subset.ports else replace(subset, ports=ports)


def _default_endpoint_port(port: core_v1.EndpointPort) -> core_v1.EndpointPort:
    return port if port.protocol else replace(port, protocol="TCP")


def default_replication_controller(
    controller: core_v1.ReplicationController,
) -> core_v1.ReplicationController:
    spec, metadata = controller.spec, controller.metadata
    changes: dict[str, Any] = {}
    if spec.replicas is None:
        changes["replicas"] = 1
    if spec.template is not None:
        labels = spec.template.metadata.labels
        if labels and not spec.selector:
            changes["selector"] = labels
        if labels and not metadata.labels:
            controller = replace(controller, metadata=replace(metadata, labels=labels))
        if (template := default_pod_template_spec(spec.template)) is not spec.template:
            changes["template"] = template
    return replace(controller, spec=replace(spec, **changes)) if changes else controller


def default_pod_template(template: core_v1.PodTemplate) -> core_v1.PodTemplate:
    inner = default_pod_template_spec(template.template)
    return template if inner is template.template else replace(template, template=inner)


def default_limit_range(limit_range: core_v1.LimitRange) -> core_v1.LimitRange:
    limits = default_each(limit_range.spec.limits, _default_limit)
    if limits is limit_range.spec.limits:
        return limit_range
    return replace(limit_range, spec=core_v1.LimitRangeSpec(limits=limits))


_LIMIT_LISTS: Final = ("max", "min", "default", "default_request", "max_limit_request_ratio")


def _default_limit(item: core_v1.LimitRangeItem) -> core_v1.LimitRangeItem:
    lists = {name: getattr(item, name) for name in _LIMIT_LISTS}
    filled = {name: default_resource_list(each) for name, each in lists.items()}
    if item.type == "Container":
        filled["default"] = _filled(filled["default"], filled["max"])
        filled["default_request"] = _filled(filled["default_request"], filled["default"])
        filled["default_request"] = _filled(filled["default_request"], filled["min"])
    changes = {name: each for name, each in filled.items() if each is not lists[name]}
    return replace(item, **changes) if changes else item


def _filled(given: Mapping[str, Any], from_: Mapping[str, Any]) -> Mapping[str, Any]:
    missing = {name: quantity for name, quantity in from_.items() if name not in given}
    return {**given, **missing} if missing else given


def default_resource_quota(quota: core_v1.ResourceQuota) -> core_v1.ResourceQuota:
    spec, status = quota.spec, quota.status
    if (hard := default_resource_list(spec.hard)) is not spec.hard:
        quota = replace(quota, spec=replace(spec, hard=hard))
    hard, used = default_resource_list(status.hard), default_resource_list(status.used)
    if hard is status.hard and used is status.used:
        return quota
    return replace(quota, status=core_v1.ResourceQuotaStatus(hard=hard, used=used))


def default_pod_log_options(options: core_v1.PodLogOptions) -> core_v1.PodLogOptions:
    return options if options.stream is not None else replace(options, stream="All")


DEFAULTS: Final[Mapping[type, Callable[[Any], Any]]] = {
    core_v1.Endpoints: default_endpoints,
    core_v1.LimitRange: default_limit_range,
    core_v1.Namespace: default_namespace,
    core_v1.Node: default_node,
    core_v1.PersistentVolume: default_persistent_volume,
    core_v1.PersistentVolumeClaim: default_persistent_volume_claim,
    core_v1.Pod: default_pod,
    core_v1.PodLogOptions: default_pod_log_options,
    core_v1.PodTemplate: default_pod_template,
    core_v1.ReplicationController: default_replication_controller,
    core_v1.ResourceQuota: default_resource_quota,
    core_v1.Secret: default_secret,
    core_v1.Service: default_service,
}
