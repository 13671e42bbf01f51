"""What the roles of every cluster allow from the start, and who has them: tables, made into objects by `default_roles`.

The rules are those of upstream's bootstrap policy in 1.37 with its default feature gates; the page "Using RBAC
Authorization" lists the roles for users. The controllers' roles are in `controller_policy`.
A table row reads verbs, API groups, resources, each separated by blanks; the core group is written `core`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from kube.api.types.rbac_v1 import PolicyRule
from kube.apiserver.authentication.interface import (
    ALL_AUTHENTICATED,
    ALL_SERVICE_ACCOUNTS,
    ALL_UNAUTHENTICATED,
    CONTROLLER_MANAGER,
    MASTERS,
    MONITORING,
    PROXY,
    SCHEDULER,
)
from kube.apiserver.authorization.rbac import GROUP

READ: Final = "get list watch"
WRITE: Final = "create update patch delete deletecollection"
READ_WRITE: Final = f"{READ} {WRITE}"
READ_UPDATE: Final = f"{READ} update patch"


def rule(verbs: str, groups: str, resources: str, names: str = "") -> PolicyRule:
    return PolicyRule(
        verbs=_words(verbs),
        api_groups=tuple(sorted("" if group == "core" else group for group in groups.split())),
        resources=_words(resources),
        resource_names=_words(names),
    )


def paths(*urls: str) -> PolicyRule:
    return PolicyRule(verbs=("get",), non_resource_urls=tuple(sorted(urls)))


def _words(text: str) -> tuple[str, ...]:
    return tuple(sorted(text.split()))


EVENTS: Final = rule("create update patch", "core events.k8s.io", "events")

_VIEW: Final = (
    rule(
        READ,
        "core",
        "pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status"
        " endpoints persistentvolumeclaims persistentvolumeclaims/status configmaps",
    ),
    rule(
        READ,
        "core",
        "limitranges resourcequotas bindings pods/status resourcequotas/status namespaces/status"
        " replicationcontrollers/status pods/log",
    ),
    rule(READ, "core", "namespaces"),
    rule(READ, "core events.k8s.io", "events"),
    rule(READ, "discovery.k8s.io", "endpointslices"),
    rule(
        READ,
        "apps",
        "controllerrevisions statefulsets statefulsets/status statefulsets/scale daemonsets daemonsets/status"
        " deployments deployments/status deployments/scale replicasets replicasets/status replicasets/scale",
    ),
    rule(READ, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
    rule(READ, "batch", "jobs cronjobs cronjobs/status jobs/status"),
    rule(
        READ,
        "extensions",
        "daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status"
        " replicasets replicasets/scale replicasets/status replicationcontrollers/scale networkpolicies",
    ),
    rule(READ, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
    rule(READ, "networking.k8s.io", "networkpolicies ingresses ingresses/status"),
    rule(READ, "resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates"),
)

_CONNECT: Final = "pods/attach pods/proxy pods/exec pods/portforward"

_EDIT: Final = (
    rule(READ, "core", f"{_CONNECT} secrets services/proxy"),
    rule("impersonate", "core", "serviceaccounts"),
    rule(WRITE, "core", f"pods {_CONNECT}"),
    rule("create", "core", "pods/eviction"),
    rule(
        WRITE,
        "core",
        "replicationcontrollers replicationcontrollers/scale serviceaccounts services services/proxy"
        " persistentvolumeclaims configmaps secrets",
    ),
    rule("create", "core", "serviceaccounts/token"),
    rule(WRITE, "core events.k8s.io", "events"),
    rule(
        WRITE,
        "apps",
        "statefulsets statefulsets/scale daemonsets deployments deployments/scale deployments/rollback"
        " replicasets replicasets/scale",
    ),
    rule(WRITE, "autoscaling", "horizontalpodautoscalers"),
    rule(WRITE, "batch", "jobs cronjobs"),
    rule(
        WRITE,
        "extensions",
        "daemonsets deployments deployments/scale deployments/rollback ingresses replicasets replicasets/scale"
        " replicationcontrollers/scale networkpolicies",
    ),
    rule(WRITE, "policy", "poddisruptionbudgets"),
    rule(WRITE, "networking.k8s.io", "networkpolicies ingresses"),
    rule(READ_WRITE, "coordination.k8s.io", "leases"),
    rule(WRITE, "resource.k8s.io", "resourceclaims resourceclaimtemplates"),
)

NODE_RULES: Final = (
    rule("create", "authentication.k8s.io", "tokenreviews"),
    rule("create", "authorization.k8s.io", "subjectaccessreviews localsubjectaccessreviews"),
    rule(READ, "core", "services"),
    rule(f"create {READ}", "core", "nodes"),
    rule("update patch", "core", "nodes/status"),
    rule("update patch", "core", "nodes"),
    EVENTS,
    rule(READ, "core", "pods"),
    rule("create delete", "core", "pods"),
    rule("update patch", "core", "pods/status"),
    rule("create", "core", "pods/eviction"),
    rule(READ, "core", "secrets configmaps"),
    rule("get", "core", "persistentvolumeclaims persistentvolumes"),
    rule("get", "core", "endpoints"),
    rule(f"create {READ}", "certificates.k8s.io", "certificatesigningrequests"),
    rule("get create update patch delete", "coordination.k8s.io", "leases"),
    rule("get", "storage.k8s.io", "volumeattachments"),
    rule("create", "core", "serviceaccounts/token"),
    rule("get update patch", "core", "persistentvolumeclaims/status"),
    rule(READ, "storage.k8s.io", "csidrivers"),
    rule("get create update patch delete", "storage.k8s.io", "csinodes"),
    rule(READ, "node.k8s.io", "runtimeclasses"),
    rule("get", "resource.k8s.io", "resourceclaims"),
    rule("deletecollection", "resource.k8s.io", "resourceslices"),
    rule(READ, "certificates.k8s.io", "clustertrustbundles"),
    rule("get", "core", "serviceaccounts"),
    rule(f"{READ} create", "certificates.k8s.io", "podcertificaterequests"),
)
"""What a kubelet needs."""

_CONTROLLER_MANAGER_RULES: Final = (
    EVENTS,
    rule("create", "coordination.k8s.io", "leases"),
    rule("get update", "coordination.k8s.io", "leases", "kube-controller-manager"),
    rule("create", "core", "secrets serviceaccounts"),
    rule("delete", "core", "secrets"),
    rule("get", "core", "namespaces secrets serviceaccounts configmaps"),
    rule("update", "core", "secrets serviceaccounts"),
    rule("create", "authentication.k8s.io", "tokenreviews"),
    rule("create", "authorization.k8s.io", "subjectaccessreviews"),
    rule("list watch", "*", "*"),
    rule("create", "core", "serviceaccounts/token"),
)

_SCHEDULER_RULES: Final = (
    EVENTS,
    rule("create", "coordination.k8s.io", "leases"),
    rule(f"{READ} update", "coordination.k8s.io", "leases", "kube-scheduler"),
    rule(READ_WRITE, "coordination.k8s.io", "leasecandidates"),
    rule(READ, "core", "nodes"),
    rule(f"{READ} delete", "core", "pods"),
    rule("create", "core", "pods/binding bindings"),
    rule("patch update", "core", "pods/status"),
    rule(READ, "core", "services replicationcontrollers"),
    rule(READ, "apps extensions", "replicasets"),
    rule(READ, "apps", "statefulsets"),
    rule(READ, "policy", "poddisruptionbudgets"),
    rule(READ, "core", "persistentvolumeclaims persistentvolumes"),
    rule("create", "authentication.k8s.io", "tokenreviews"),
    rule("create", "authorization.k8s.io", "subjectaccessreviews"),
    rule(READ, "storage.k8s.io", "csinodes"),
    rule(READ, "storage.k8s.io", "volumeattachments"),
    rule(READ, "core", "namespaces"),
    rule(READ, "storage.k8s.io", "csidrivers"),
    rule(READ, "storage.k8s.io", "csistoragecapacities"),
    rule(READ, "resource.k8s.io", "deviceclasses"),
    rule(READ_UPDATE, "resource.k8s.io", "resourceclaims"),
    rule(READ_UPDATE, "resource.k8s.io", "resourceclaims/status"),
    rule("update", "core", "pods/finalizers"),
    rule(READ, "resource.k8s.io", "resourceslices"),
    rule("create delete", "resource.k8s.io", "resourceclaims"),
    rule(READ, "resource.k8s.io", "devicetaintrules"),
    rule("update patch", "resource.k8s.io", "resourceclaims/binding"),
)

_HEALTH: Final = ("/livez", "/readyz", "/healthz")
_VERSION: Final = ("/version", "/version/")


def _approver(signer: str) -> tuple[PolicyRule, ...]:
    return (rule("approve", "certificates.k8s.io", "signers", f"kubernetes.io/{signer}"),)


_CSR: Final = "system:certificates.k8s.io:certificatesigningrequests"
_CERTIFICATES: Final = "system:certificates.k8s.io"

RULES: Final[Mapping[str, tuple[PolicyRule, ...]]] = MappingProxyType({
    "cluster-admin": (rule("*", "*", "*"), PolicyRule(verbs=("*",), non_resource_urls=("*",))),
    "system:discovery": (
        paths(*_HEALTH, *_VERSION, "/openapi", "/openapi/*", "/api", "/api/*", "/apis", "/apis/*"),
    ),
    "system:monitoring": (
        paths("/metrics", "/metrics/slis", *_HEALTH, *(f"{path}/*" for path in _HEALTH)),
        rule("get", "core", "nodes/metrics"),
    ),
    "system:basic-user": (
        rule("create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
        rule("create", "authentication.k8s.io", "selfsubjectreviews"),
    ),
    "system:public-info-viewer": (paths(*_HEALTH, *_VERSION),),
    "system:aggregate-to-admin": (
        rule("create", "authorization.k8s.io", "localsubjectaccessreviews"),
        rule(READ_WRITE, GROUP, "roles rolebindings"),
    ),
    "system:aggregate-to-edit": _EDIT,
    "system:aggregate-to-view": _VIEW,
    "system:heapster": (
        rule(READ, "core", "events pods nodes namespaces"),
        rule(READ, "extensions", "deployments"),
    ),
    "system:node": NODE_RULES,
    "system:node-problem-detector": (
        rule("get", "core", "nodes"),
        rule("patch", "core", "nodes/status"),
        EVENTS,
    ),
    "system:node-bootstrapper": (
        rule(f"create {READ}", "certificates.k8s.io", "certificatesigningrequests"),
    ),
    "system:auth-delegator": (
        rule("create", "authentication.k8s.io", "tokenreviews"),
        rule("create", "authorization.k8s.io", "subjectaccessreviews"),
    ),
    "system:kube-aggregator": (rule(READ, "core", "services endpoints"),),
    "system:kube-controller-manager": _CONTROLLER_MANAGER_RULES,
    "system:kube-dns": (rule("list watch", "core", "endpoints services"),),
    "system:persistent-volume-provisioner": (
        rule(f"{READ} create delete", "core", "persistentvolumes"),
        rule(f"{READ} update", "core", "persistentvolumeclaims"),
        rule(READ, "storage.k8s.io", "storageclasses"),
        rule("watch", "core", "events"),
        EVENTS,
    ),
    f"{_CSR}:nodeclient": (
        rule("create", "certificates.k8s.io", "certificatesigningrequests/nodeclient"),
    ),
    f"{_CSR}:selfnodeclient": (
        rule("create", "certificates.k8s.io", "certificatesigningrequests/selfnodeclient"),
    ),
    "system:volume-scheduler": (
        rule(READ_UPDATE, "core", "persistentvolumes"),
        rule(READ, "storage.k8s.io", "storageclasses"),
        rule(READ_UPDATE, "core", "persistentvolumeclaims"),
    ),
    f"{_CERTIFICATES}:legacy-unknown-approver": _approver("legacy-unknown"),
    f"{_CERTIFICATES}:kubelet-serving-approver": _approver("kubelet-serving"),
    f"{_CERTIFICATES}:kube-apiserver-client-approver": _approver("kube-apiserver-client"),
    f"{_CERTIFICATES}:kube-apiserver-client-kubelet-approver": _approver("kube-apiserver-client-kubelet"),
    "system:service-account-issuer-discovery": (
        paths(
            "/.well-known/openid-configuration",
            "/.well-known/openid-configuration/",
            "/openid/v1/jwks",
            "/openid/v1/jwks/",
        ),
    ),
    "system:kubelet-api-admin": (
        rule(READ, "core", "nodes"),
        rule("proxy", "core", "nodes"),
        rule("*", "core", "nodes/proxy nodes/metrics nodes/stats nodes/log"),
        rule("*", "core", "nodes/pods nodes/healthz nodes/configz"),
    ),
    "system:node-proxier": (
        rule("list watch", "core", "services endpoints"),
        rule(READ, "core", "nodes"),
        EVENTS,
        rule("list watch", "networking.k8s.io", "servicecidrs"),
        rule("list watch", "discovery.k8s.io", "endpointslices"),
    ),
    "system:kube-scheduler": _SCHEDULER_RULES,
    "system:cluster-trust-bundle-discovery": (rule(READ, "certificates.k8s.io", "clustertrustbundles"),),
})  # fmt: skip
"""The rules of the cluster roles, by name."""

AGGREGATE_LABEL: Final = f"{GROUP}/aggregate-to-"

AGGREGATED: Final = ("admin", "edit", "view")
"""Cluster roles whose rules are gathered from the cluster roles that carry the label `aggregate-to-NAME`."""

AGGREGATES_TO: Final[Mapping[str, str]] = MappingProxyType(
    {
        "edit": "admin",
        "view": "edit",
        "system:aggregate-to-admin": "admin",
        "system:aggregate-to-edit": "edit",
        "system:aggregate-to-view": "view",
    }
)

_USER: Final = "User"
_GROUP_KIND: Final = "Group"

CLUSTER_BINDINGS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = MappingProxyType(
    {
        "cluster-admin": ((_GROUP_KIND, MASTERS),),
        "system:monitoring": ((_GROUP_KIND, MONITORING),),
        "system:discovery": ((_GROUP_KIND, ALL_AUTHENTICATED),),
        "system:basic-user": ((_GROUP_KIND, ALL_AUTHENTICATED),),
        "system:public-info-viewer": (
            (_GROUP_KIND, ALL_AUTHENTICATED),
            (_GROUP_KIND, ALL_UNAUTHENTICATED),
        ),
        "system:node-proxier": ((_USER, PROXY),),
        "system:kube-controller-manager": ((_USER, CONTROLLER_MANAGER),),
        "system:kube-dns": (("kube-system", "kube-dns"),),
        "system:kube-scheduler": ((_USER, SCHEDULER),),
        "system:volume-scheduler": ((_USER, SCHEDULER),),
        "system:node": (),
        "system:service-account-issuer-discovery": ((_GROUP_KIND, ALL_SERVICE_ACCOUNTS),),
        "system:cluster-trust-bundle-discovery": ((_GROUP_KIND, ALL_SERVICE_ACCOUNTS),),
    }
)
"""Who has which cluster role, by the name of both binding and role: users, groups, or (namespace, service account).

Nobody has `system:node`: kubelets are for the Node authorizer to judge.
"""

NAMESPACE_ROLES: Final[Mapping[tuple[str, str], tuple[PolicyRule, ...]]] = MappingProxyType(
    {
        ("kube-system", "extension-apiserver-authentication-reader"): (
            rule(READ, "core", "configmaps", "extension-apiserver-authentication"),
        ),
        ("kube-system", "system:controller:bootstrap-signer"): (rule(READ, "core", "secrets"),),
        ("kube-system", "system:controller:cloud-provider"): (rule(f"create {READ}", "core", "configmaps"),),
        ("kube-system", "system:controller:token-cleaner"): (
            rule(f"{READ} delete", "core", "secrets"),
            EVENTS,
        ),
        ("kube-system", "system::leader-locking-kube-controller-manager"): (
            rule("watch", "core", "configmaps"),
            rule("get update", "core", "configmaps", "kube-controller-manager"),
        ),
        ("kube-system", "system::leader-locking-kube-scheduler"): (
            rule("watch", "core", "configmaps"),
            rule("get update", "core", "configmaps", "kube-scheduler"),
        ),
        ("kube-public", "system:controller:bootstrap-signer"): (
            rule(READ, "core", "configmaps"),
            rule("update", "core", "configmaps", "cluster-info"),
            EVENTS,
        ),
    }
)
"""The rules of the namespaced roles, by namespace and name."""

NAMESPACE_BINDINGS: Final[Mapping[tuple[str, str], tuple[str, tuple[tuple[str, str], ...]]]] = (
    MappingProxyType(
        {
            ("kube-system", "system::extension-apiserver-authentication-reader"): (
                "extension-apiserver-authentication-reader",
                ((_USER, CONTROLLER_MANAGER), (_USER, SCHEDULER)),
            ),
            ("kube-system", "system::leader-locking-kube-controller-manager"): (
                "system::leader-locking-kube-controller-manager",
                ((_USER, CONTROLLER_MANAGER), ("kube-system", "kube-controller-manager")),
            ),
            ("kube-system", "system::leader-locking-kube-scheduler"): (
                "system::leader-locking-kube-scheduler",
                ((_USER, SCHEDULER), ("kube-system", "kube-scheduler")),
            ),
            ("kube-system", "system:controller:bootstrap-signer"): (
                "system:controller:bootstrap-signer",
                (("kube-system", "bootstrap-signer"),),
            ),
            ("kube-system", "system:controller:cloud-provider"): (
                "system:controller:cloud-provider",
                (("kube-system", "cloud-provider"),),
            ),
            ("kube-system", "system:controller:token-cleaner"): (
                "system:controller:token-cleaner",
                (("kube-system", "token-cleaner"),),
            ),
            ("kube-public", "system:controller:bootstrap-signer"): (
                "system:controller:bootstrap-signer",
                (("kube-system", "bootstrap-signer"),),
            ),
        }
    )
)
"""By namespace and name: the role of that namespace, and who has it."""
