"""The objects of every resource: the least that is valid of each, and what may be changed of it."""

from base64 import b64encode
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kube.apiserver.pki import CertificateAuthority
from kube.base.chance import Chance

POD = {"containers": [{"name": "c", "image": "nginx:1.25"}]}
ONCE = {**POD, "restartPolicy": "Never"}
APP = {"app": "a"}
TEMPLATE = {"metadata": {"labels": APP}, "spec": POD}
WORKLOAD = {"selector": {"matchLabels": APP}, "template": TEMPLATE}
WHEN = "2026-01-02T03:04:05Z"
PRECISELY = "2026-01-02T03:04:05.000006Z"
GOOD = {"type": "Good", "status": "True", "reason": "Because", "message": "m", "lastTransitionTime": WHEN}
CONDITIONS = {"conditions": [GOOD]}
HOOK = {
    "name": "a.example.com",
    "clientConfig": {"url": "https://example.com/hook"},
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
}
RULES = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]
ROLE = {"apiGroup": "rbac.authorization.k8s.io", "name": "r"}
RULE = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
SCHEMA = {"openAPIV3Schema": {"type": "object"}}
REQUEST = {"name": "r", "exactly": {"deviceClassName": "gpu"}}


@dataclass(frozen=True)
class Row:
    """``tree`` is the least that is valid, without type and metadata. ``change`` is a merge patch outside of metadata
    that a stored object takes; ``counted`` says that it makes a generation, where the kind has one. ``status`` is what
    its controller writes.
    """

    tree: dict[str, Any] = field(default_factory=dict)
    change: dict[str, Any] | None = None
    status: dict[str, Any] | None = None
    name: str = "thing"
    other: str = "other"
    counted: bool = True
    other_tree: dict[str, Any] | None = None
    versioned: bool = False
    """An update must name a resourceVersion."""


def spec(**fields: Any) -> dict[str, Any]:
    return {"spec": fields}


CORE = {
    "configmaps": Row({"data": {"a": "1"}}, {"data": {"a": "2"}}),
    "endpoints": Row(
        {"subsets": [{"addresses": [{"ip": "10.1.1.1"}], "ports": [{"port": 80}]}]},
        {"subsets": [{"addresses": [{"ip": "10.1.1.2"}], "ports": [{"port": 80}]}]},
    ),
    "events": Row(
        {
            "involvedObject": {"kind": "Pod", "name": "p", "namespace": "of the test"},
            "reason": "R",
            "message": "m",
        },
        {"message": "another"},
    ),
    "limitranges": Row(
        spec(limits=[{"type": "Container", "default": {"cpu": "1"}}]),
        spec(limits=[{"type": "Container", "default": {"cpu": "2"}}]),
    ),
    "namespaces": Row(status=CONDITIONS),
    "nodes": Row(spec(podCIDR="10.9.0.0/24"), spec(unschedulable=True), CONDITIONS),
    "persistentvolumeclaims": Row(
        spec(accessModes=["ReadWriteOnce"], resources={"requests": {"storage": "1Gi"}}),
        None,
        {"phase": "Pending", "conditions": [{"type": "Resizing", "status": "True"}]},
    ),
    "persistentvolumes": Row(
        spec(accessModes=["ReadWriteOnce"], capacity={"storage": "1Gi"}, hostPath={"path": "/x"}),
        spec(capacity={"storage": "2Gi"}),
        {"phase": "Available", "message": "m"},
    ),
    "pods": Row({"spec": POD}, spec(activeDeadlineSeconds=60), {"phase": "Running", "message": "m"}),
    "podtemplates": Row({"template": TEMPLATE}, {"template": {"metadata": {"labels": {"app": "b"}}}}),
    "replicationcontrollers": Row(
        spec(selector=APP, template=TEMPLATE), spec(replicas=2), {"replicas": 1, "observedGeneration": 1}
    ),
    "resourcequotas": Row(
        spec(hard={"pods": "1"}), spec(hard={"pods": "2"}), {"hard": {"pods": "1"}, "used": {"pods": "0"}}
    ),
    "secrets": Row({"stringData": {"a": "1"}}, {"stringData": {"a": "2"}}),
    "serviceaccounts": Row({}, {"automountServiceAccountToken": False}),
    "services": Row(spec(ports=[{"port": 80}]), spec(ports=[{"port": 81}]), CONDITIONS),
}
APPS = {
    "controllerrevisions": Row({"data": {"a": 1}, "revision": 1}, {"revision": 2}),
    "daemonsets": Row({"spec": WORKLOAD}, spec(minReadySeconds=1), {
        "currentNumberScheduled": 1, "numberMisscheduled": 0, "desiredNumberScheduled": 1, "numberReady": 1,
    }),
    "deployments": Row({"spec": WORKLOAD}, spec(replicas=2), {"replicas": 1}),
    "replicasets": Row({"spec": WORKLOAD}, spec(replicas=2), {"replicas": 1}),
    "statefulsets": Row(spec(serviceName="s", **WORKLOAD), spec(replicas=2), {"replicas": 1}),
}  # fmt: skip
BATCH = {
    "cronjobs": Row(
        spec(schedule="* * * * *", jobTemplate={"spec": {"template": {"spec": ONCE}}}),
        spec(suspend=True),
        {"lastScheduleTime": WHEN},
    ),
    "jobs": Row(spec(template={"spec": ONCE}), spec(parallelism=2), {"active": 1}),
}
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
AUTOSCALER = Row(
    spec(scaleTargetRef=TARGET, maxReplicas=3),
    spec(maxReplicas=4),
    {"currentReplicas": 1, "desiredReplicas": 2},
)
BUDGET = {"disruptionsAllowed": 1, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1}
ADMISSION = {
    "mutatingadmissionpolicies": Row(
        spec(
            matchConstraints={"resourceRules": RULES},
            mutations=[
                {
                    "patchType": "ApplyConfiguration",
                    "applyConfiguration": {
                        "expression": "Object{metadata: Object.metadata{labels: {'a': 'b'}}}"
                    },
                }
            ],
            reinvocationPolicy="Never",
            failurePolicy="Fail",
        ),
        spec(failurePolicy="Ignore"),
        versioned=True,
    ),
    "mutatingadmissionpolicybindings": Row(spec(policyName="p"), spec(policyName="q"), versioned=True),
    "mutatingwebhookconfigurations": Row(
        {"webhooks": [HOOK]}, {"webhooks": [{**HOOK, "timeoutSeconds": 3}]}, versioned=True
    ),
    "validatingadmissionpolicies": Row(
        spec(matchConstraints={"resourceRules": RULES}, validations=[{"expression": "true"}]),
        spec(failurePolicy="Ignore"),
        {"observedGeneration": 1},
        versioned=True,
    ),
    "validatingadmissionpolicybindings": Row(
        spec(policyName="p", validationActions=["Deny"]), spec(validationActions=["Warn"]), versioned=True
    ),
    "validatingwebhookconfigurations": Row(
        {"webhooks": [HOOK]}, {"webhooks": [{**HOOK, "timeoutSeconds": 3}]}, versioned=True
    ),
}


def definition(plural: str, kind: str) -> dict[str, Any]:
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    version = {"name": "v1", "served": True, "storage": True, "schema": SCHEMA}
    return spec(group="example.com", scope="Namespaced", names=names, versions=[version])


def api_service(group: str) -> dict[str, Any]:
    return spec(
        group=group, version="v1", groupPriorityMinimum=100, versionPriority=10,
        service={"namespace": "default", "name": "s"}, insecureSkipTLSVerify=True,
    )  # fmt: skip


@cache
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def request(encoding: serialization.Encoding) -> str:
    """A certificate signing request, as the JSON of bytes."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return b64encode(builder.sign(key(), hashes.SHA256()).public_bytes(encoding)).decode()


def bundle() -> str:
    """A root certificate."""
    return CertificateAuthority.create(1_700_000_000.0, Chance(1)).certificate.decode()


HEALTH = {"storageHealth": [{"name": "d.example.com"}]}
STORAGE = {
    "csidrivers": Row(spec(attachRequired=False), spec(requiresRepublish=True), versioned=True),
    "csinodes": Row(
        spec(drivers=[]),
        spec(drivers=[{"name": "d.example.com", "nodeID": "n", "topologyKeys": None}]),
        HEALTH,
        versioned=True,
    ),
    "csistoragecapacities": Row(
        {"storageClassName": "s", "capacity": "1Gi"}, {"capacity": "2Gi"}, versioned=True
    ),
    "storageclasses": Row({"provisioner": "p.example.com"}, {"allowVolumeExpansion": True}),
    "volumeattachments": Row(
        spec(attacher="a.example.com", nodeName="n", source={"persistentVolumeName": "v"}),
        None,
        {"attached": True},
        versioned=True,
    ),
    "volumeattributesclasses": Row({"driverName": "d.example.com", "parameters": {"a": "1"}}, None),
}
DEVICES = {
    "deviceclasses": Row(spec(), spec(selectors=[{"cel": {"expression": "true"}}])),
    "devicetaintrules": Row(
        spec(taint={"key": "k", "effect": "NoSchedule"}), spec(deviceSelector={"driver": "d.example.com"}), CONDITIONS
    ),
    "resourceclaims": Row(spec(devices={"requests": [REQUEST]}), None, {
        "allocation": {"devices": {"results": [{"request": "r", "driver": "d.example.com", "pool": "p", "device": "x"}]}}
    }),
    "resourceclaimtemplates": Row(spec(spec={"devices": {"requests": [REQUEST]}}), None),
    "resourceslices": Row(
        spec(driver="d.example.com", nodeName="n", pool={"name": "p", "generation": 1, "resourceSliceCount": 1}),
        spec(devices=[{"name": "a"}]),
    ),
}  # fmt: skip
TABLE_OF_ROWS: dict[tuple[str, str, str], Row] = {
    **{("", "v1", plural): row for plural, row in CORE.items()},
    **{("apps", "v1", plural): row for plural, row in APPS.items()},
    **{("batch", "v1", plural): row for plural, row in BATCH.items()},
    **{("admissionregistration.k8s.io", "v1", plural): row for plural, row in ADMISSION.items()},
    **{("storage.k8s.io", "v1", plural): row for plural, row in STORAGE.items()},
    **{("resource.k8s.io", "v1", plural): row for plural, row in DEVICES.items()},
    ("events.k8s.io", "v1", "events"): Row(
        {
            "eventTime": PRECISELY, "type": "Normal", "reason": "R", "action": "A", "reportingController": "example.com/c",
            "reportingInstance": "i", "regarding": {"kind": "Pod", "name": "p", "namespace": "of the test"},
        },
        {"series": {"count": 2, "lastObservedTime": PRECISELY}},
    ),
    ("autoscaling", "v1", "horizontalpodautoscalers"): AUTOSCALER,
    ("autoscaling", "v2", "horizontalpodautoscalers"): AUTOSCALER,
    ("apiextensions.k8s.io", "v1", "customresourcedefinitions"): Row(
        definition("things", "Thing"), spec(names={"shortNames": ["th"]}), CONDITIONS, "things.example.com",
        "others.example.com", other_tree=definition("others", "Other"), versioned=True,
    ),
    ("apiregistration.k8s.io", "v1", "apiservices"): Row(
        api_service("a.example.com"), spec(versionPriority=11), CONDITIONS, "v1.a.example.com", "v1.b.example.com",
        other_tree=api_service("b.example.com"), versioned=True,
    ),
    ("certificates.k8s.io", "v1", "certificatesigningrequests"): Row(
        spec(
            request=request(serialization.Encoding.PEM), signerName="example.com/s", usages=["client auth"],
        ),
        None,
        {"conditions": [{"type": "Failed", "status": "True", "reason": "R"}]},
    ),
    ("certificates.k8s.io", "v1", "clustertrustbundles"): Row(
        spec(trustBundle=bundle()), spec(trustBundle=f"{bundle()}# a comment\n"), versioned=True
    ),
    ("certificates.k8s.io", "v1", "podcertificaterequests"): Row(
        spec(
            signerName="example.com/s", podName="p", podUID="1", serviceAccountName="s", serviceAccountUID="2",
            nodeName="n", nodeUID="3", stubPKCS10Request=request(serialization.Encoding.DER),
        ),
        None,
        {"conditions": [{**GOOD, "type": "Failed"}]},
    ),
    ("discovery.k8s.io", "v1", "endpointslices"): Row(
        {"addressType": "IPv4", "endpoints": [{"addresses": ["10.1.1.1"]}], "ports": [{"port": 80}]},
        {"endpoints": [{"addresses": ["10.1.1.2"]}]},
    ),
    ("networking.k8s.io", "v1", "ingressclasses"): Row(
        spec(controller="example.com/c"), spec(parameters={"kind": "K", "name": "n", "scope": "Cluster"})
    ),
    ("networking.k8s.io", "v1", "ingresses"): Row(
        spec(defaultBackend={"service": {"name": "s", "port": {"number": 80}}}),
        spec(ingressClassName="c"),
        {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}},
    ),
    ("networking.k8s.io", "v1", "ipaddresses"): Row(
        spec(parentRef={"resource": "services", "namespace": "n", "name": "s"}), None, name="10.96.7.1", other="10.96.7.2"
    ),
    ("networking.k8s.io", "v1", "networkpolicies"): Row(spec(podSelector={}), spec(policyTypes=["Egress"])),
    ("networking.k8s.io", "v1", "servicecidrs"): Row(
        spec(cidrs=["10.200.0.0/24"]), None, CONDITIONS, other_tree=spec(cidrs=["10.201.0.0/24"])
    ),
    ("flowcontrol.apiserver.k8s.io", "v1", "flowschemas"): Row(
        spec(priorityLevelConfiguration={"name": "exempt"}), spec(matchingPrecedence=5), CONDITIONS
    ),
    ("flowcontrol.apiserver.k8s.io", "v1", "prioritylevelconfigurations"): Row(
        spec(type="Limited", limited={"limitResponse": {"type": "Reject"}}),
        spec(limited={"nominalConcurrencyShares": 5}),
        CONDITIONS,
    ),
    ("policy", "v1", "poddisruptionbudgets"): Row(
        spec(minAvailable=1, selector={"matchLabels": APP}), spec(minAvailable=2), BUDGET, versioned=True
    ),
    ("rbac.authorization.k8s.io", "v1", "clusterroles"): Row({"rules": [RULE]}, {"rules": [{**RULE, "verbs": ["list"]}]}),
    ("rbac.authorization.k8s.io", "v1", "roles"): Row({"rules": [RULE]}, {"rules": [{**RULE, "verbs": ["list"]}]}),
    **{
        ("rbac.authorization.k8s.io", "v1", plural): Row(
            {"roleRef": {**ROLE, "kind": kind}},
            {"subjects": [{"kind": "User", "name": "u", "apiGroup": "rbac.authorization.k8s.io"}]},
        )
        for plural, kind in (("clusterrolebindings", "ClusterRole"), ("rolebindings", "Role"))
    },
    ("coordination.k8s.io", "v1", "leases"): Row(
        spec(holderIdentity="a", leaseDurationSeconds=10), spec(holderIdentity="b"), versioned=True
    ),
    ("node.k8s.io", "v1", "runtimeclasses"): Row({"handler": "h"}, {"overhead": {"podFixed": {"cpu": "1"}}}, versioned=True),
    ("scheduling.k8s.io", "v1", "priorityclasses"): Row({"value": 5}, {"description": "d"}),
    ("storagemigration.k8s.io", "v1", "storageversionmigrations"): Row(
        spec(resource={"group": "apps", "resource": "deployments"}), None, CONDITIONS, versioned=True
    ),
}  # fmt: skip
