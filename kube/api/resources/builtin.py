"""The rows of Kubernetes 1.37: group versions with their priorities, and every resource that they serve.

Names, short names, categories, verbs and the order of the groups are those of upstream's
``api/discovery`` documents; key prefixes those of its default storage factory; field labels those of
its field label conversions.
"""

from typing import Final

from msgspec import Struct

from kube.api.resources.record import Method, Resource, Subresource
from kube.api.resources.selectable import SelectableField

ALL_VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CREATE: Final = ("create",)
READ_WRITE: Final = ("get", "patch", "update")

ALL_METHODS: Final[tuple[Method, ...]] = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
STREAM: Final[tuple[Method, ...]] = ("GET", "POST")


class Group(Struct, frozen=True):
    """An API group: ``folder`` names its modules of types, ``priority`` orders groups, highest first.

    ``versions`` maps each version to its priority within the group. Versions in ``off_by_default`` are
    served only when asked for (``--runtime-config``).
    """

    name: str
    folder: str
    priority: int
    versions: dict[str, int]
    off_by_default: tuple[str, ...] = ()


GROUPS: Final = (
    Group("", "core", 18000, {"v1": 1}),
    Group("apiregistration.k8s.io", "apiregistration", 18000, {"v1": 18}),
    Group("apps", "apps", 17800, {"v1": 15}),
    Group("events.k8s.io", "events", 17750, {"v1": 15}),
    Group("authentication.k8s.io", "authentication", 17700, {"v1": 15}),
    Group("authorization.k8s.io", "authorization", 17600, {"v1": 15}),
    Group("autoscaling", "autoscaling", 17500, {"v2": 30, "v1": 15}),
    Group("batch", "batch", 17400, {"v1": 15}),
    Group("certificates.k8s.io", "certificates", 17300, {"v1": 15}),
    Group("networking.k8s.io", "networking", 17200, {"v1": 15}),
    Group("policy", "policy", 17100, {"v1": 15}),
    Group("rbac.authorization.k8s.io", "rbac", 17000, {"v1": 15}),
    Group("storage.k8s.io", "storage", 16800, {"v1": 15}),
    Group("admissionregistration.k8s.io", "admissionregistration", 16700, {"v1": 15}),
    Group("apiextensions.k8s.io", "apiextensions", 16700, {"v1": 15}),
    Group("scheduling.k8s.io", "scheduling", 16600, {"v1": 15, "v1beta1": 9}, ("v1beta1",)),
    Group("coordination.k8s.io", "coordination", 16500, {"v1": 15}),
    Group("node.k8s.io", "node", 16300, {"v1": 15}),
    Group("discovery.k8s.io", "discovery", 16200, {"v1": 15}),
    Group("resource.k8s.io", "resource", 16200, {"v1": 15}),
    Group("flowcontrol.apiserver.k8s.io", "flowcontrol", 16100, {"v1": 21}),
    Group("storagemigration.k8s.io", "storagemigration", 15800, {"v1": 15}),
)
"""In the order of discovery."""

_FOLDERS: Final = {group.name: group.folder for group in GROUPS}


def _module(group: str, version: str) -> str:
    return f"kube.api.types.{_FOLDERS[group]}_{version}"


class _Sub(Struct, frozen=True, kw_only=True):
    """A subresource before its parent's kind and group are known; an empty kind is the parent's."""

    name: str
    verbs: tuple[str, ...] = READ_WRITE
    kind: str = ""
    home: tuple[str, str] | None = None
    methods: tuple[Method, ...] = ()
    takes_path: bool = False
    options: str = ""
    also_accepts: tuple[tuple[str, str], ...] = ()


class _Labels(Struct, frozen=True):
    """What a kind's field label conversion accepts, and how it refuses the rest."""

    fields: tuple[SelectableField, ...]
    error: str


def _labels(*labels: str, error: str = "field label not supported: {label}", **paths: str) -> _Labels:
    fields = [SelectableField(label) for label in labels]
    fields += [SelectableField(label, tuple(where.split())) for label, where in paths.items()]
    return _Labels(tuple(fields), error)


STATUS: Final = _Sub(name="status")
SCALE: Final = _Sub(name="scale", kind="Scale", home=("autoscaling", "v1"))
PROXY_VERBS: Final = ("create", "delete", "get", "patch", "update")


def _proxy(kind: str) -> _Sub:
    return _Sub(name="proxy", kind=kind, verbs=PROXY_VERBS, methods=ALL_METHODS, takes_path=True)


def _stream(name: str, kind: str) -> _Sub:
    return _Sub(name=name, kind=kind, verbs=("create", "get"), methods=STREAM)


def _subresource(group: str, version: str, kind: str, sub: _Sub) -> Subresource:
    home_group, home_version = sub.home or (group, version)
    return Subresource(
        name=sub.name,
        kind=sub.kind or kind,
        group=home_group,
        version=home_version,
        verbs=sub.verbs,
        methods=sub.methods,
        takes_path=sub.takes_path,
        options=sub.options,
        also_accepts=sub.also_accepts,
        module=_module(home_group, home_version),
    )


class _GroupVersion:
    """Writes rows of one group version."""

    def __init__(self, group: str, version: str) -> None:
        self.group = group
        self.version = version

    def __call__(
        self,
        kind: str,
        plural: str,
        short: str = "",
        *subresources: _Sub,
        namespaced: bool = True,
        verbs: tuple[str, ...] = ALL_VERBS,
        categories: tuple[str, ...] = (),
        labels: _Labels | None = None,
        generation: bool = False,
        returns_deleted: bool = False,
        stored: bool = True,
        storage: tuple[str, str] | None = None,
        prefix: str = "",
        deprecation: str = "",
    ) -> Resource:
        module = _module(self.group, self.version)
        storage_group, storage_version = storage or (self.group, self.version)
        return Resource(
            group=self.group,
            version=self.version,
            kind=kind,
            plural=plural,
            singular=kind.lower(),
            list_kind=f"{kind}List",
            namespaced=namespaced,
            verbs=verbs,
            short_names=tuple(short.split()),
            categories=categories,
            subresources=tuple(_subresource(self.group, self.version, kind, sub) for sub in subresources),
            selectable_fields=labels.fields if labels else (),
            field_error=labels.error if labels else "",
            generation=generation,
            returns_deleted=returns_deleted,
            stored=stored,
            deprecation=deprecation,
            storage_group=storage_group,
            storage_version=storage_version,
            storage_prefix=prefix or plural,
            type_reference=f"{module}:{kind}",
            list_type_reference=f"{module}:{kind}List" if "list" in verbs else "",
        )


_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_POD_LABELS = _labels(
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
)
_EVENT_LABELS = _labels(
    *(f"involvedObject.{name}" for name in _INVOLVED),
    "reason",
    "reportingComponent",
    "type",
    source="source.component reportingComponent",
)
_NEW_EVENT_LABELS = _labels(
    "reason",
    "type",
    reportingController="reportingComponent reportingController",
    **{f"regarding.{name}": f"involvedObject.{name} regarding.{name}" for name in _INVOLVED},
)
_JOB_LABELS = _labels(
    error='field label "{label}" not supported for "Job"',
    **{"status.successful": "status.succeeded"},
)
_CRON_JOB_LABELS = _labels(
    "status.successful",
    error='field label "{label}" not supported for "CronJob"',
)
_SIGNER_LABELS = _labels("spec.signerName")
_POD_CERTIFICATE_LABELS = _labels("spec.signerName", "spec.podName", "spec.nodeName")
_REPLICA_SET_LABELS = _labels("status.replicas", error="")
_SLICE_LABELS = _labels(
    "spec.nodeName",
    "spec.driver",
    error="field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: {label}",
)
_ALL = ("all",)
_API_EXTENSIONS = ("api-extensions",)
_EVICTION = _Sub(
    name="eviction",
    kind="Eviction",
    home=("policy", "v1"),
    verbs=CREATE,
    also_accepts=(("policy", "v1beta1"),),
)
_TOKEN = _Sub(name="token", kind="TokenRequest", home=("authentication.k8s.io", "v1"), verbs=CREATE)
_POD_SUBRESOURCES = (
    _stream("attach", "PodAttachOptions"),
    _Sub(name="binding", kind="Binding", verbs=CREATE),
    _Sub(name="ephemeralcontainers"),
    _EVICTION,
    _stream("exec", "PodExecOptions"),
    _Sub(name="log", verbs=("get",), options="PodLogOptions"),
    _stream("portforward", "PodPortForwardOptions"),
    _proxy("PodProxyOptions"),
    _Sub(name="resize"),
    STATUS,
)
_FINALIZE = _Sub(name="finalize", verbs=("update",))
_NAMESPACE_VERBS = tuple(verb for verb in ALL_VERBS if verb != "deletecollection")


def _core() -> tuple[Resource, ...]:
    row = _GroupVersion("", "v1")
    return (
        row("Binding", "bindings", verbs=CREATE, stored=False),
        row(
            "ComponentStatus", "componentstatuses", "cs", namespaced=False, verbs=("get", "list"), stored=False,
            deprecation="v1 ComponentStatus is deprecated in v1.19+",
        ),
        row("ConfigMap", "configmaps", "cm"),
        row(
            "Endpoints", "endpoints", "ep", prefix="services/endpoints",
            deprecation="v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
        ),
        row("Event", "events", "ev", labels=_EVENT_LABELS),
        row("LimitRange", "limitranges", "limits"),
        row(
            "Namespace", "namespaces", "ns", _FINALIZE, STATUS,
            namespaced=False, verbs=_NAMESPACE_VERBS, labels=_labels("status.phase"),
        ),
        row(
            "Node", "nodes", "no", _proxy("NodeProxyOptions"), STATUS,
            namespaced=False, labels=_labels("spec.unschedulable"), prefix="minions",
        ),
        row("PersistentVolumeClaim", "persistentvolumeclaims", "pvc", STATUS, returns_deleted=True),
        row("PersistentVolume", "persistentvolumes", "pv", STATUS, namespaced=False, returns_deleted=True),
        row(
            "Pod", "pods", "po", *_POD_SUBRESOURCES,
            categories=_ALL, labels=_POD_LABELS, generation=True, returns_deleted=True,
        ),
        row("PodTemplate", "podtemplates", generation=True, returns_deleted=True),
        row(
            "ReplicationController", "replicationcontrollers", "rc", SCALE, STATUS,
            categories=_ALL, labels=_labels("status.replicas"), generation=True, prefix="controllers",
        ),
        row("ResourceQuota", "resourcequotas", "quota", STATUS, returns_deleted=True),
        row("Secret", "secrets", labels=_labels("type")),
        row("ServiceAccount", "serviceaccounts", "sa", _TOKEN, returns_deleted=True),
        row(
            "Service", "services", "svc", _proxy("ServiceProxyOptions"), STATUS,
            categories=_ALL, labels=_labels("spec.clusterIP", "spec.type"), returns_deleted=True,
            prefix="services/specs",
        ),
    )  # fmt: skip


def _apps() -> tuple[Resource, ...]:
    row = _GroupVersion("apps", "v1")
    return (
        row("ControllerRevision", "controllerrevisions"),
        row("DaemonSet", "daemonsets", "ds", STATUS, categories=_ALL, generation=True),
        row("Deployment", "deployments", "deploy", SCALE, STATUS, categories=_ALL, generation=True),
        row(
            "ReplicaSet", "replicasets", "rs", SCALE, STATUS,
            categories=_ALL, labels=_REPLICA_SET_LABELS, generation=True,
        ),
        row("StatefulSet", "statefulsets", "sts", SCALE, STATUS, categories=_ALL, generation=True),
    )  # fmt: skip


def _batch() -> tuple[Resource, ...]:
    row = _GroupVersion("batch", "v1")
    return (
        row("CronJob", "cronjobs", "cj", STATUS, categories=_ALL, labels=_CRON_JOB_LABELS, generation=True),
        row("Job", "jobs", "", STATUS, categories=_ALL, labels=_JOB_LABELS, generation=True),
    )


def _reviews() -> tuple[Resource, ...]:
    authentication = _GroupVersion("authentication.k8s.io", "v1")
    authorization = _GroupVersion("authorization.k8s.io", "v1")
    return (
        *(
            authentication(kind, plural, namespaced=False, verbs=CREATE, stored=False)
            for kind, plural in (("SelfSubjectReview", "selfsubjectreviews"), ("TokenReview", "tokenreviews"))
        ),
        authorization("LocalSubjectAccessReview", "localsubjectaccessreviews", verbs=CREATE, stored=False),
        *(
            authorization(kind, f"{kind.lower()}s", namespaced=False, verbs=CREATE, stored=False)
            for kind in ("SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview")
        ),
    )


def _autoscaling() -> tuple[Resource, ...]:
    return tuple(
        _GroupVersion("autoscaling", version)(
            "HorizontalPodAutoscaler",
            "horizontalpodautoscalers",
            "hpa",
            STATUS,
            categories=_ALL,
            storage=("autoscaling", "v2"),
        )
        for version in ("v2", "v1")
    )


def _extensions() -> tuple[Resource, ...]:
    admission = _GroupVersion("admissionregistration.k8s.io", "v1")
    definition = _GroupVersion("apiextensions.k8s.io", "v1")
    service = _GroupVersion("apiregistration.k8s.io", "v1")
    kinds: tuple[tuple[str, str, tuple[_Sub, ...]], ...] = (
        ("MutatingAdmissionPolicy", "mutatingadmissionpolicies", ()),
        ("MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings", ()),
        ("MutatingWebhookConfiguration", "mutatingwebhookconfigurations", ()),
        ("ValidatingAdmissionPolicy", "validatingadmissionpolicies", (STATUS,)),
        ("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", ()),
        ("ValidatingWebhookConfiguration", "validatingwebhookconfigurations", ()),
    )
    return (
        *(
            admission(kind, plural, "", *subs, namespaced=False, categories=_API_EXTENSIONS, generation=True)
            for kind, plural, subs in kinds
        ),
        definition(
            "CustomResourceDefinition", "customresourcedefinitions", "crd crds", STATUS,
            namespaced=False, categories=_API_EXTENSIONS, generation=True,
            prefix="apiextensions.k8s.io/customresourcedefinitions",
        ),
        service(
            "APIService", "apiservices", "", STATUS,
            namespaced=False, categories=_API_EXTENSIONS, prefix="apiregistration.k8s.io/apiservices",
        ),
    )  # fmt: skip


def _certificates() -> tuple[Resource, ...]:
    row = _GroupVersion("certificates.k8s.io", "v1")
    return (
        row(
            "CertificateSigningRequest", "certificatesigningrequests", "csr", _Sub(name="approval"), STATUS,
            namespaced=False, labels=_SIGNER_LABELS,
        ),
        row("ClusterTrustBundle", "clustertrustbundles", namespaced=False, labels=_SIGNER_LABELS),
        row("PodCertificateRequest", "podcertificaterequests", "", STATUS, labels=_POD_CERTIFICATE_LABELS),
    )  # fmt: skip


def _networking() -> tuple[Resource, ...]:
    row = _GroupVersion("networking.k8s.io", "v1")
    slices = _GroupVersion("discovery.k8s.io", "v1")
    return (
        slices("EndpointSlice", "endpointslices", generation=True),
        row("IngressClass", "ingressclasses", namespaced=False, generation=True),
        row("Ingress", "ingresses", "ing", STATUS, generation=True, prefix="ingress"),
        row("IPAddress", "ipaddresses", "ip", namespaced=False),
        row("NetworkPolicy", "networkpolicies", "netpol", generation=True),
        row("ServiceCIDR", "servicecidrs", "", STATUS, namespaced=False),
    )


def _policy() -> tuple[Resource, ...]:
    flow = _GroupVersion("flowcontrol.apiserver.k8s.io", "v1")
    policy = _GroupVersion("policy", "v1")
    rbac = _GroupVersion("rbac.authorization.k8s.io", "v1")
    return (
        flow("FlowSchema", "flowschemas", "", STATUS, namespaced=False, generation=True),
        flow(
            "PriorityLevelConfiguration", "prioritylevelconfigurations", "", STATUS,
            namespaced=False, generation=True,
        ),
        policy("PodDisruptionBudget", "poddisruptionbudgets", "pdb", STATUS, generation=True),
        rbac("ClusterRoleBinding", "clusterrolebindings", namespaced=False),
        rbac("ClusterRole", "clusterroles", namespaced=False),
        rbac("RoleBinding", "rolebindings"),
        rbac("Role", "roles"),
    )  # fmt: skip


def _nodes() -> tuple[Resource, ...]:
    """What nodes and the scheduler are told by: leases, runtime classes, devices, priorities."""
    device = _GroupVersion("resource.k8s.io", "v1")
    scheduling = _GroupVersion("scheduling.k8s.io", "v1")
    gang = _GroupVersion("scheduling.k8s.io", "v1beta1")
    return (
        _GroupVersion("coordination.k8s.io", "v1")("Lease", "leases"),
        _GroupVersion("node.k8s.io", "v1")("RuntimeClass", "runtimeclasses", namespaced=False),
        device("DeviceClass", "deviceclasses", namespaced=False, generation=True, returns_deleted=True),
        device("DeviceTaintRule", "devicetaintrules", "", STATUS, namespaced=False, generation=True),
        device("ResourceClaim", "resourceclaims", "", STATUS, returns_deleted=True),
        device("ResourceClaimTemplate", "resourceclaimtemplates", returns_deleted=True),
        device(
            "ResourceSlice", "resourceslices",
            namespaced=False, labels=_SLICE_LABELS, generation=True, returns_deleted=True,
        ),
        scheduling("PriorityClass", "priorityclasses", "pc", namespaced=False, generation=True),
        gang("PodGroup", "podgroups", "", STATUS),
        gang("Workload", "workloads"),
    )  # fmt: skip


def _storage() -> tuple[Resource, ...]:
    row = _GroupVersion("storage.k8s.io", "v1")
    migration = _GroupVersion("storagemigration.k8s.io", "v1")
    return (
        row("CSIDriver", "csidrivers", namespaced=False, returns_deleted=True),
        row("CSINode", "csinodes", "", STATUS, namespaced=False, returns_deleted=True),
        row("CSIStorageCapacity", "csistoragecapacities"),
        row("StorageClass", "storageclasses", "sc", namespaced=False, returns_deleted=True),
        row("VolumeAttachment", "volumeattachments", "", STATUS, namespaced=False, returns_deleted=True),
        row(
            "VolumeAttributesClass", "volumeattributesclasses", "vac", namespaced=False, returns_deleted=True
        ),
        migration("StorageVersionMigration", "storageversionmigrations", "", STATUS, namespaced=False),
    )


BUILTIN: Final[tuple[Resource, ...]] = (
    *_core(),
    *_apps(),
    _GroupVersion("events.k8s.io", "v1")(
        "Event", "events", "ev", labels=_NEW_EVENT_LABELS, storage=("", "v1"), prefix="events"
    ),
    *_batch(),
    *_reviews(),
    *_autoscaling(),
    *_extensions(),
    *_certificates(),
    *_networking(),
    *_policy(),
    *_nodes(),
    *_storage(),
)
"""Every built-in resource, those of off-by-default versions included."""
