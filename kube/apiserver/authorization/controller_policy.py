"""What each controller may do: the rules of the roles `system:controller:NAME`, each bound to its service account.

The rules are those of upstream's controller policy in 1.37 with its default feature gates. Rows are as in `policy`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from kube.api.types.rbac_v1 import PolicyRule
from kube.apiserver.authorization.policy import EVENTS, READ, rule
from kube.apiserver.authorization.rbac import GROUP

_WORKLOAD_PODS: Final = rule("list watch create delete patch", "core", "pods")


def _owner(groups: str, resource: str, verbs: str = f"{READ} update") -> tuple[PolicyRule, ...]:
    """What a controller does to its own resource: read and update it, its status and its finalizers."""
    return (
        rule(verbs, groups, resource),
        rule("update", groups, f"{resource}/status"),
        rule("update", groups, f"{resource}/finalizers"),
    )


_SIGNERS: Final = (
    "kubernetes.io/legacy-unknown kubernetes.io/kube-apiserver-client"
    " kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving"
)

CONTROLLERS: Final[Mapping[str, tuple[PolicyRule, ...]]] = MappingProxyType({
    "attachdetach-controller": (
        rule("list watch", "core", "persistentvolumes persistentvolumeclaims"),
        rule(READ, "core", "nodes"),
        rule("patch update", "core", "nodes/status"),
        rule("list watch", "core", "pods"),
        EVENTS,
        rule(f"{READ} create delete", "storage.k8s.io", "volumeattachments"),
        rule(READ, "storage.k8s.io", "csidrivers"),
        rule(READ, "storage.k8s.io", "csinodes"),
    ),
    "clusterrole-aggregation-controller": (
        rule(f"escalate {READ} update patch", GROUP, "clusterroles"),
    ),
    "cronjob-controller": (
        rule(f"{READ} update", "batch", "cronjobs"),
        rule(f"{READ} create update delete patch", "batch", "jobs"),
        rule("update", "batch", "cronjobs/status"),
        rule("update", "batch", "cronjobs/finalizers"),
        rule("list watch delete", "core", "pods"),
        EVENTS,
    ),
    "daemon-set-controller": (
        *_owner("extensions apps", "daemonsets", READ),
        rule("list watch", "core", "nodes"),
        _WORKLOAD_PODS,
        rule("create", "core", "pods/binding"),
        rule(f"{READ} create delete update patch", "apps", "controllerrevisions"),
        EVENTS,
    ),
    "deployment-controller": (
        *_owner("extensions apps", "deployments"),
        rule(f"{READ} create update patch delete", "apps extensions", "replicasets"),
        rule(f"{READ} update", "core", "pods"),
        EVENTS,
    ),
    "disruption-controller": (
        rule(READ, "extensions apps", "deployments"),
        rule(READ, "apps extensions", "replicasets"),
        rule(READ, "core", "replicationcontrollers"),
        rule(READ, "policy", "poddisruptionbudgets"),
        rule(READ, "apps", "statefulsets"),
        rule("update", "policy", "poddisruptionbudgets/status"),
        rule("patch update", "core", "pods/status"),
        rule("get", "*", "*/scale"),
        EVENTS,
    ),
    "endpoint-controller": (
        rule(READ, "core", "services pods"),
        rule(f"{READ} create update delete", "core", "endpoints"),
        rule("create", "core", "endpoints/restricted"),
        EVENTS,
    ),
    "endpointslice-controller": (
        rule(READ, "core", "services pods nodes"),
        rule("update", "core", "services/finalizers"),
        rule(f"{READ} create update delete", "discovery.k8s.io", "endpointslices"),
        EVENTS,
    ),
    "endpointslicemirroring-controller": (
        rule(READ, "core", "services endpoints"),
        rule("update", "core", "services/finalizers"),
        rule("update", "core", "endpoints/finalizers"),
        rule(f"{READ} create update delete", "discovery.k8s.io", "endpointslices"),
        EVENTS,
    ),
    "expand-controller": (
        rule(f"{READ} update patch", "core", "persistentvolumes"),
        rule("update patch", "core", "persistentvolumeclaims/status"),
        rule(READ, "core", "persistentvolumeclaims"),
        EVENTS,
    ),
    "ephemeral-volume-controller": (
        rule(READ, "core", "pods"),
        rule("update", "core", "pods/finalizers"),
        rule(f"{READ} create", "core", "persistentvolumeclaims"),
        EVENTS,
    ),
    "resource-claim-controller": (
        rule(READ, "core", "pods"),
        rule("update", "core", "pods/finalizers"),
        rule(f"{READ} create delete", "resource.k8s.io", "resourceclaims"),
        rule("update patch", "resource.k8s.io", "resourceclaims resourceclaims/status"),
        rule("update patch", "core", "pods/status"),
        EVENTS,
        rule("update patch", "resource.k8s.io", "resourceclaims/binding"),
    ),
    "device-taint-eviction-controller": (
        rule(f"{READ} delete", "core", "pods"),
        rule("update patch", "core", "pods/status"),
        rule(READ, "resource.k8s.io", "resourceclaims"),
        rule(READ, "resource.k8s.io", "resourceslices"),
        rule(READ, "resource.k8s.io", "deviceclasses"),
        EVENTS,
        rule("update patch", "resource.k8s.io", "devicetaintrules/status"),
        rule(READ, "resource.k8s.io", "devicetaintrules"),
    ),
    "generic-garbage-collector": (
        rule(f"{READ} patch update delete", "*", "*"),
        EVENTS,
    ),
    "horizontal-pod-autoscaler": (
        rule(READ, "autoscaling", "horizontalpodautoscalers"),
        rule("update", "autoscaling", "horizontalpodautoscalers/status"),
        rule("get update", "*", "*/scale"),
        rule("list watch", "core", "pods"),
        rule("list watch", "metrics.k8s.io", "pods"),
        rule(READ, "custom.metrics.k8s.io", "*"),
        rule(READ, "external.metrics.k8s.io", "*"),
        EVENTS,
    ),
    "job-controller": (
        *_owner("batch", "jobs", f"{READ} update patch"),
        _WORKLOAD_PODS,
        EVENTS,
    ),
    "namespace-controller": (
        rule(f"{READ} delete", "core", "namespaces"),
        rule("update", "core", "namespaces/finalize namespaces/status"),
        rule(f"{READ} delete deletecollection", "*", "*"),
    ),
    "node-controller": (
        rule(f"{READ} update delete patch", "core", "nodes"),
        rule("patch update", "core", "nodes/status"),
        rule("patch update", "core", "pods/status"),
        rule(f"{READ} delete", "core", "pods"),
        rule(READ, "coordination.k8s.io", "leases"),
        EVENTS,
    ),
    "persistent-volume-binder": (
        rule(f"{READ} update create delete", "core", "persistentvolumes"),
        rule("update", "core", "persistentvolumes/status"),
        rule(f"{READ} update", "core", "persistentvolumeclaims"),
        rule("update", "core", "persistentvolumeclaims/status"),
        rule(f"{READ} create delete", "core", "pods"),
        rule(READ, "storage.k8s.io", "storageclasses"),
        rule("list watch", "core", "nodes"),
        EVENTS,
        rule("watch", "core", "events"),
    ),
    "pod-garbage-collector": (
        rule("list watch delete", "core", "pods"),
        rule(READ, "core", "nodes"),
        rule("patch", "core", "pods/status"),
    ),
    "replicaset-controller": (*_owner("apps extensions", "replicasets"), _WORKLOAD_PODS, EVENTS),
    "replication-controller": (*_owner("core", "replicationcontrollers"), _WORKLOAD_PODS, EVENTS),
    "resourcequota-controller": (
        rule("list watch", "*", "*"),
        rule("update", "core", "resourcequotas/status"),
        EVENTS,
    ),
    "route-controller": (
        rule("list watch", "core", "nodes"),
        rule("patch", "core", "nodes/status"),
        EVENTS,
    ),
    "service-account-controller": (rule("create", "core", "serviceaccounts"), EVENTS),
    "service-controller": (
        rule(READ, "core", "services"),
        rule("patch update", "core", "services/status"),
        rule("list watch", "core", "nodes"),
        EVENTS,
    ),
    "service-cidrs-controller": (
        rule(f"{READ} patch update", "networking.k8s.io", "servicecidrs"),
        rule("patch update", "networking.k8s.io", "servicecidrs/finalizers"),
        rule("patch update", "networking.k8s.io", "servicecidrs/status"),
        rule(READ, "networking.k8s.io", "ipaddresses"),
        EVENTS,
    ),
    "statefulset-controller": (
        rule("list watch", "core", "pods"),
        *_owner("apps", "statefulsets", READ),
        rule("get create delete update patch", "core", "pods"),
        rule(f"{READ} create delete update patch", "apps", "controllerrevisions"),
        rule(f"{READ} create", "core", "persistentvolumeclaims"),
        rule("update delete", "core", "persistentvolumeclaims"),
        rule("update", "core", "pods/finalizers"),
        EVENTS,
    ),
    "ttl-controller": (rule("update patch list watch", "core", "nodes"), EVENTS),
    "certificate-controller": (
        rule(f"{READ} delete", "certificates.k8s.io", "certificatesigningrequests"),
        rule(
            "update",
            "certificates.k8s.io",
            "certificatesigningrequests/status certificatesigningrequests/approval",
        ),
        rule("approve", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-client-kubelet"),
        rule("sign", "certificates.k8s.io", "signers", _SIGNERS),
        rule("create", "authorization.k8s.io", "subjectaccessreviews"),
        EVENTS,
    ),
    "podcertificaterequestcleaner": (
        rule(f"{READ} delete", "certificates.k8s.io", "podcertificaterequests"),
    ),
    "pvc-protection-controller": (
        rule(f"{READ} update", "core", "persistentvolumeclaims"),
        rule("update", "core", "persistentvolumeclaims/status"),
        rule(READ, "core", "pods"),
        EVENTS,
    ),
    "pv-protection-controller": (rule(f"{READ} update", "core", "persistentvolumes"), EVENTS),
    "volumeattributesclass-protection-controller": (
        rule(READ, "core", "persistentvolumeclaims"),
        rule(READ, "core", "persistentvolumes"),
        rule(f"{READ} update", "storage.k8s.io", "volumeattributesclasses"),
        EVENTS,
    ),
    "ttl-after-finished-controller": (rule(f"{READ} delete", "batch", "jobs"), EVENTS),
    "root-ca-cert-publisher": (rule("create update", "core", "configmaps"), EVENTS),
    "kube-apiserver-serving-clustertrustbundle-publisher": (
        rule("attest", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-serving"),
        rule("create update delete list watch", "certificates.k8s.io", "clustertrustbundles"),
        EVENTS,
    ),
    "validatingadmissionpolicy-status-controller": (
        rule(READ, "admissionregistration.k8s.io", "validatingadmissionpolicies"),
        rule("get patch update", "admissionregistration.k8s.io", "validatingadmissionpolicies/status"),
        EVENTS,
    ),
    "legacy-service-account-token-cleaner": (
        rule("get", "core", "configmaps", "kube-apiserver-legacy-service-account-token-tracking"),
        rule("patch delete", "core", "secrets"),
    ),
    "storage-version-migrator-controller": (
        rule("list patch", "*", "*"),
        rule("get", "apiextensions.k8s.io", "customresourcedefinitions"),
        rule("patch", "apiextensions.k8s.io", "customresourcedefinitions/status"),
        rule("update", "storagemigration.k8s.io", "storageversionmigrations/status"),
    ),
    "selinux-warning-controller": (
        EVENTS,
        rule(READ, "core", "persistentvolumes"),
        rule(READ, "core", "persistentvolumeclaims"),
        rule(READ, "core", "pods"),
        rule(READ, "storage.k8s.io", "csidrivers"),
    ),
})  # fmt: skip
"""The rules by the controller's name, which is also its service account's in kube-system."""
