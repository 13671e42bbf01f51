"""The rules of the core kinds, by type. ComponentStatuses are never written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kube.api.types import core_v1
from kube.api.validation import (
    config,
    endpoints,
    event,
    limit_range,
    namespace,
    node,
    persistent_volume,
    persistent_volume_claim,
    pod,
    pod_resize,
    pod_status,
    replication_controller,
    resource_quota,
    service,
)
from kube.api.validation.checks import Errors, name_is_dns_subdomain
from kube.api.validation.metadata import validate_object_meta, validate_object_meta_update
from kube.api.validation.rules import Rules


def validate_service_account(account: core_v1.ServiceAccount) -> Errors:
    return validate_object_meta(account.metadata, True, name_is_dns_subdomain)


def validate_service_account_update(new: core_v1.ServiceAccount, old: core_v1.ServiceAccount) -> Errors:
    errors = validate_object_meta_update(new.metadata, old.metadata)
    return errors + validate_service_account(new)


RULES: Final[Mapping[type, Rules]] = {
    core_v1.Binding: Rules(pod.validate_binding),
    core_v1.ConfigMap: Rules(config.validate_config_map, config.validate_config_map_update),
    core_v1.Endpoints: Rules(endpoints.validate_endpoints, endpoints.validate_endpoints_update),
    core_v1.Event: Rules(event.validate_event, event.validate_event_update),
    core_v1.LimitRange: Rules(limit_range.validate_limit_range, limit_range.validate_limit_range_update),
    core_v1.Namespace: Rules(
        namespace.validate_namespace,
        namespace.validate_namespace_update,
        {
            "status": namespace.validate_namespace_status_update,
            "finalize": namespace.validate_namespace_finalize_update,
        },
    ),
    core_v1.Node: Rules(node.validate_node, node.validate_node_update, {"status": node.validate_node_update}),
    core_v1.PersistentVolume: Rules(
        persistent_volume.validate_persistent_volume,
        persistent_volume.validate_persistent_volume_update,
        {"status": persistent_volume.validate_persistent_volume_status_update},
    ),
    core_v1.PersistentVolumeClaim: Rules(
        persistent_volume_claim.validate_claim,
        persistent_volume_claim.validate_claim_update,
        {"status": persistent_volume_claim.validate_claim_status_update},
    ),
    core_v1.Pod: Rules(
        pod.validate_pod,
        pod.validate_pod_update,
        {
            "status": pod_status.validate_pod_status_update,
            "ephemeralcontainers": pod.validate_ephemeral_containers_update,
            "resize": pod_resize.validate_pod_resize,
        },
    ),
    core_v1.PodLogOptions: Rules(pod.validate_pod_log_options),
    core_v1.PodTemplate: Rules(pod.validate_pod_template, pod.validate_pod_template_update),
    core_v1.ReplicationController: Rules(
        replication_controller.validate_replication_controller,
        replication_controller.validate_replication_controller_update,
        {"status": replication_controller.validate_replication_controller_status_update},
    ),
    core_v1.ResourceQuota: Rules(
        resource_quota.validate_resource_quota,
        resource_quota.validate_resource_quota_update,
        {"status": resource_quota.validate_resource_quota_status_update},
    ),
    core_v1.Secret: Rules(config.validate_secret, config.validate_secret_update),
    core_v1.Service: Rules(
        service.validate_service,
        service.validate_service_update,
        {"status": service.validate_service_status_update},
    ),
    core_v1.ServiceAccount: Rules(validate_service_account, validate_service_account_update),
}
