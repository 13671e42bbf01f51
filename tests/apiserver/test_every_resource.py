"""Every resource that can be written, through every verb, over HTTPS, in the same words for all.

The table has a row for each resource of ``kube.api.resources``, or a test fails. What differs from kind to kind is data in
the row; what the verbs do, status codes, versions, generations and representations, holds for all of them.
"""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kube.api.resources import Resource, builtin_table
from kube.apiserver.pki import CertificateAuthority
from kube.base.chance import Chance
from kube.testing.thread import ClusterThread
from tests.conformance.rest import METADATA, METADATA_LIST, TABLE, Rest

RESOURCES = {row.gvr: row for row in builtin_table()}
GENERIC_VERBS = {"create", "get", "list", "watch", "update", "patch", "delete"}
LABELLED = "labelSelector"

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


def generic(resource: Resource) -> bool:
    return resource.stored and set(resource.verbs) >= GENERIC_VERBS


CASES = [
    pytest.param(resource, TABLE_OF_ROWS[gvr], id=f"{resource.group_resource}-{resource.version}")
    for gvr, resource in RESOURCES.items()
    if gvr in TABLE_OF_ROWS
]


def test_every_resource_has_a_row():
    assert sorted(gvr for gvr, resource in RESOURCES.items() if generic(resource)) == sorted(TABLE_OF_ROWS)


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    """An API server alone: nobody else writes."""
    path: Path = tmp_path_factory.mktemp("kube") / "kubeconfig"
    with ClusterThread(path, nodes=0, controllers=(), scheduler=False):
        rest = Rest(path)
        yield rest
        rest.close()


class Kind:
    """One row's URLs and objects, in a namespace of its own."""

    def __init__(self, rest: Rest, resource: Resource, row: Row, suffix: str) -> None:
        self.rest, self.resource, self.row = rest, resource, row
        self.namespace = (
            f"{resource.group.partition('.')[0] or 'core'}-{resource.version}-{resource.plural}"[:40]
            + f"-{suffix}"
        )
        root = f"/apis/{resource.group}/{resource.version}" if resource.group else "/api/v1"
        self.all = f"{root}/{resource.plural}"
        self.url = self.all
        if resource.namespaced:
            self.url = f"{root}/namespaces/{self.namespace}/{resource.plural}"
            rest.create("/api/v1/namespaces", {"metadata": {"name": self.namespace}})
            rest.create(
                f"/api/v1/namespaces/{self.namespace}/serviceaccounts", {"metadata": {"name": "default"}}
            )
        self.item = f"{self.url}/{row.name}"

    def tree(self, name: str = "", **labels: str) -> dict[str, Any]:
        name = name or self.row.name
        body = self.row.tree if name == self.row.name else self.row.other_tree or self.row.tree
        for key in ("involvedObject", "regarding"):
            if key in body:
                body = {**body, key: {**body[key], "namespace": self.namespace}}
        return {
            "apiVersion": self.resource.api_version,
            "kind": self.resource.kind,
            "metadata": {"name": name, "labels": labels},
            **body,
        }

    def create(self, name: str = "", /, **labels: str) -> Any:
        return self.rest.create(self.url, self.tree(name, **labels))

    def finish(self, name: str = "") -> None:
        """Take the finalizers of what waits for a controller."""
        item = f"{self.url}/{name or self.row.name}"
        if self.rest.exists(item) and self.resource.kind == "Namespace":
            left = self.rest.get(item)
            self.rest.put(f"{item}/finalize", {**left, "spec": {"finalizers": []}})
        elif self.rest.exists(item):
            assert self.rest.get(item)["metadata"]["deletionTimestamp"]
            self.rest.merge(item, {"metadata": {"finalizers": None}})
        self.rest.refused(404, "NotFound", "GET", item)


@pytest.fixture
def kind(rest: Rest, request: pytest.FixtureRequest) -> Iterator[Kind]:
    resource, row = request.param
    kind = Kind(
        rest, resource, row, request.node.originalname.removeprefix("test_")[:18].strip("_").replace("_", "-")
    )
    yield kind
    for name in (row.name, row.other):
        if rest.exists(f"{kind.url}/{name}"):
            rest("DELETE", f"{kind.url}/{name}", gracePeriodSeconds=0)
            kind.finish(name)


every = pytest.mark.parametrize(
    "kind", [pytest.param(case.values, id=case.id) for case in CASES], indirect=True
)


def holds(whole: Any, part: Any) -> bool:
    """Whether a tree has all that another has."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and holds(whole[key], part[key]) for key in part)
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(holds, whole, part))
    return bool(whole == part)


def version(obj: Any) -> int:
    return int(obj["metadata"]["resourceVersion"])


@every
def test_create_get_and_list(kind: Kind) -> None:
    rest, resource, row = kind.rest, kind.resource, kind.row
    tried = rest.create(kind.url, kind.tree(a="1"), dryRun="All")
    assert tried["metadata"]["uid"]
    assert "resourceVersion" not in tried["metadata"]
    rest.refused(404, "NotFound", "GET", kind.item)
    reply = rest("POST", kind.url, kind.tree(a="1"))
    assert (reply.status, reply.headers["Content-Type"]) == (201, "application/json"), reply.body
    made = reply.json
    meta = made["metadata"]
    assert (made["kind"], made["apiVersion"]) == (resource.kind, resource.api_version)
    assert meta["uid"] != tried["metadata"]["uid"]
    assert meta["creationTimestamp"].endswith("Z")
    assert meta.get("namespace", "") == (kind.namespace if resource.namespaced else "")
    assert meta.get("generation", 0) == (1 if resource.generation else 0)
    assert rest.get(kind.item) == made
    again = rest.refused(409, "AlreadyExists", "POST", kind.url, kind.tree())
    assert again["message"] == f'{resource.group_resource} "{row.name}" already exists'
    listed = rest.get(kind.url, labelSelector="a=1")
    assert (listed["kind"], listed["apiVersion"]) == (resource.list_kind, resource.api_version)
    assert [item["metadata"]["name"] for item in listed["items"]] == [row.name]
    assert listed["items"][0]["metadata"] == meta
    assert version(listed) >= version(made)
    assert row.name in {item["metadata"]["name"] for item in rest.get(kind.all)["items"]}
    selected = rest.get(kind.url, fieldSelector=f"metadata.name={row.name}", limit=1)
    assert [item["metadata"]["name"] for item in selected["items"]] == [row.name]


@every
def test_tables_and_metadata(kind: Kind) -> None:
    rest, row = kind.rest, kind.row
    made = kind.create(a="1")
    for url, more in ((kind.item, {}), (kind.url, {LABELLED: "a=1"})):
        table = rest.get(url, accept=TABLE, **more)
        assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
        assert table["columnDefinitions"][0]["name"] == ("Last Seen" if made["kind"] == "Event" else "Name")
        [line] = table["rows"]
        assert len(line["cells"]) == len(table["columnDefinitions"])
        assert line["object"]["kind"] == "PartialObjectMetadata"
        assert line["object"]["metadata"] == made["metadata"]
    [whole] = rest.get(kind.url, accept=TABLE, labelSelector="a=1", includeObject="Object")["rows"]
    assert whole["object"] == made
    [bare] = rest.get(kind.url, accept=TABLE, labelSelector="a=1", includeObject="None")["rows"]
    assert bare.get("object") is None
    partial = rest.get(kind.item, accept=METADATA)
    assert partial == {
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": made["metadata"],
    }  # fmt: skip
    partials = rest.get(kind.url, accept=METADATA_LIST, labelSelector="a=1")
    assert partials["kind"] == "PartialObjectMetadataList"
    assert [item["metadata"]["name"] for item in partials["items"]] == [row.name]
    by_yaml = yaml.load(rest("GET", kind.item, accept="application/yaml").body, yaml.BaseLoader)
    assert by_yaml["metadata"]["uid"] == made["metadata"]["uid"]
    fallen = rest("GET", kind.item, accept="application/vnd.kubernetes.protobuf,application/json")
    assert fallen.json == made


@every
def test_updates_and_patches(kind: Kind) -> None:
    rest, row, item = kind.rest, kind.row, kind.item
    made = kind.create()
    generation = made["metadata"].get("generation", 0)
    assert rest.put(item, made) == made, "an update that changes nothing writes nothing"
    labelled = {**made, "metadata": {**made["metadata"], "labels": {"a": "1"}}}
    put = rest.put(item, labelled)
    assert put["metadata"]["labels"]["a"] == "1"
    assert version(put) > version(made)
    stale = rest.refused(
        409, "Conflict", "PUT", item, labelled | {"metadata": {**labelled["metadata"], "labels": {}}}
    )
    assert "the object has been modified; please apply your changes to the latest version" in stale["message"]
    free = {**put["metadata"], "labels": {"a": "2"}}
    del free["resourceVersion"]
    if row.versioned:
        refused = rest.refused(422, "Invalid", "PUT", item, {**put, "metadata": free})
        assert "metadata.resourceVersion: Invalid value" in refused["message"]
    else:
        put = rest.put(item, {**put, "metadata": free})
        assert put["metadata"]["labels"]["a"] == "2"
    before = version(put)
    tried = rest.merge(item, {"metadata": {"labels": {"b": "dry"}}}, dryRun="All")
    assert tried["metadata"]["labels"]["b"] == "dry"
    assert "b" not in rest.get(item)["metadata"]["labels"]
    merged = rest.merge(item, {"metadata": {"labels": {"b": "1"}}})
    by_operations = rest.json_patch(item, {"op": "replace", "path": "/metadata/labels/b", "value": "2"})
    strategic = rest.strategic(item, {"metadata": {"labels": {"b": None, "c": "3"}}})
    versions = [before, version(merged), version(by_operations), version(strategic)]
    assert versions == sorted(set(versions))
    assert strategic["metadata"]["labels"] == {**put["metadata"]["labels"], "c": "3"}
    assert strategic["metadata"].get("generation", 0) == generation, "labels make no generation"
    assert strategic["metadata"]["uid"] == made["metadata"]["uid"]
    if row.change is None:
        return
    changed = rest.merge(item, row.change)
    assert version(changed) > version(strategic)
    assert changed["metadata"].get("generation", 0) == generation + bool(generation and row.counted)
    assert version(rest.merge(item, row.change)) == version(changed) or "stringData" in row.change


@every
def test_status(kind: Kind) -> None:
    rest, resource, row, item = kind.rest, kind.resource, kind.row, kind.item
    made = kind.create()
    if resource.subresource("status") is None:
        rest.refused(404, "NotFound", "GET", f"{item}/status")
        return
    assert rest.get(f"{item}/status") == made
    assert row.status is not None, "a row of a kind with status says what a status is"
    ignored = rest.merge(item, {"status": row.status})
    assert ignored.get("status") == made.get("status")
    written = rest.merge(f"{item}/status", {"status": row.status, **(row.change or {})})
    assert holds(written["status"], row.status), written["status"]
    assert version(written) > version(made)
    assert written["metadata"].get("generation", 0) == made["metadata"].get("generation", 0)
    assert written.get("spec") == made.get("spec"), "the status alone is written"
    assert rest.get(item) == written
    put = rest.put(
        f"{item}/status", {**written, "spec": {}, "metadata": {**written["metadata"], "labels": {"a": "1"}}}
    )
    assert put.get("spec") == made.get("spec")
    assert rest.get(f"{item}/status") == put


@every
def test_watch(kind: Kind) -> None:
    rest, row, item = kind.rest, kind.row, kind.item
    start = rest.get(kind.url)["metadata"]["resourceVersion"]
    kind.create(a="1")
    rest.merge(item, {"metadata": {"labels": {"b": "1"}}})
    rest.merge(item, {"metadata": {"labels": {"a": "2"}}})
    rest.merge(item, {"metadata": {"labels": {"a": "1"}}})
    rest.delete(item, gracePeriodSeconds=0)
    kind.finish()
    seen = []
    for kind_of_event, obj in rest.watch(kind.url, resourceVersion=start, labelSelector="a=1"):
        seen.append((kind_of_event, obj))
        if [told for told, _ in seen].count("DELETED") == 2:
            break
    told = [told for told, _ in seen if told != "MODIFIED"]
    assert told == ["ADDED", "DELETED", "ADDED", "DELETED"]
    assert {obj["metadata"]["name"] for _, obj in seen} == {row.name}
    versions = [version(obj) for _, obj in seen]
    assert versions == sorted(set(versions))
    assert versions[0] > int(start)
    for how, wanted in ((TABLE, "Table"), (METADATA, "PartialObjectMetadata")):
        told, obj = next(rest.watch(kind.url, accept=how, resourceVersion=start, labelSelector="a=1"))
        assert (told, obj["kind"]) == ("ADDED", wanted)


@every
def test_delete(kind: Kind) -> None:
    rest, resource, row, item = kind.rest, kind.resource, kind.row, kind.item
    made = kind.create()
    rest.delete(item, dryRun="All")
    assert rest.get(item) == made
    wrong = rest.refused(409, "Conflict", "DELETE", item, {"preconditions": {"uid": "another"}})
    assert "recondition" in wrong["message"]
    assert made["metadata"]["uid"] in wrong["message"]
    answer = rest.delete(item, gracePeriodSeconds=0)
    waits = rest.exists(item)
    if waits or resource.returns_deleted:
        assert (answer["kind"], answer["metadata"]["uid"]) == (resource.kind, made["metadata"]["uid"])
    else:
        assert (answer["kind"], answer["status"], answer["details"]["uid"]) == (
            "Status",
            "Success",
            made["metadata"]["uid"],
        )
    kind.finish()
    missing = rest.refused(404, "NotFound", "DELETE", item)
    assert missing["message"] == f'{resource.group_resource} "{row.name}" not found'


@every
def test_deletecollection(kind: Kind) -> None:
    rest, resource, row = kind.rest, kind.resource, kind.row
    kind.create("", a="1")
    kept = kind.create(row.other, a="2")
    if "deletecollection" not in resource.verbs:
        rest.refused(405, "MethodNotAllowed", "DELETE", kind.url, labelSelector="a=1")
        return
    answer = rest.delete(kind.url, labelSelector="a=1", gracePeriodSeconds=0)
    assert answer["kind"] == resource.list_kind
    kind.finish()
    assert rest.get(f"{kind.url}/{row.other}") == kept


@every
def test_what_is_unknown_is_refused_or_warned_of(kind: Kind) -> None:
    rest = kind.rest
    odd = {**kind.tree(), "unheardOf": 1}
    told = rest.refused(400, "BadRequest", "POST", kind.url, odd, fieldValidation="Strict")
    assert 'strict decoding error: unknown field "unheardOf"' in told["message"]
    reply = rest("POST", kind.url, odd, fieldValidation="Warn")
    assert (reply.status, reply.headers["Warning"]) == (201, '299 - "unknown field \\"unheardOf\\""')
    assert "unheardOf" not in reply.json
    rest.refused(404, "NotFound", "GET", f"{kind.url}/nobody")
    bad = rest("POST", kind.url, {**kind.tree(), "kind": "Nonsense"})
    assert (bad.status, bad.json["reason"]) == (400, "BadRequest")
