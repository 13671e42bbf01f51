"""The cells of every kind but pods."""

from typing import Any

import msgspec
import pytest

from kube.api.printers.registry import printer_for, printers
from kube.api.resources import BUILTIN, Resource, builtin_table
from kube.apimachinery.time import from_seconds

NOW = 1_800_000_000.0
TABLE = builtin_table({"api/all": True})
CREATED = from_seconds(NOW - 3 * 3600)
TEMPLATE = {"spec": {"containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y:2"}]}}
SELECTOR = {"matchLabels": {"app": "web"}}


def cells(api_version: str, kind: str, **fields: Any) -> tuple[object, ...]:
    metadata = {"name": "x", "creationTimestamp": CREATED, **fields.pop("metadata", {})}
    row = TABLE.by_api_version(api_version, kind)
    assert row is not None
    return printer_for(row.group, kind).cells(
        msgspec.convert({"metadata": metadata, **fields}, row.type), NOW
    )


@pytest.mark.parametrize(
    "resource",
    [row for row in BUILTIN if row.stored],
    ids=lambda row: f"{row.group}/{row.version}/{row.kind}",
)
def test_an_empty_object_fills_every_column(resource: Resource) -> None:
    home = TABLE.storage_of(resource)
    assert home is not None
    printer = printer_for(resource.group, resource.kind)
    found = printer.cells(home.type(), NOW)
    assert len(found) == len(printer.columns)
    assert all(isinstance(cell, str | int | bool) for cell in found)
    assert sum(column.format == "name" and column.name == "Name" for column in printer.columns) <= 1


def test_every_printer_is_of_a_kind_that_exists() -> None:
    known = {(row.group, row.kind) for row in BUILTIN} | {("autoscaling", "Scale")}
    assert set(printers()) <= known


def test_kinds_without_a_printer_show_name_and_creation() -> None:
    assert [column.name for column in printer_for("", "LimitRange").columns] == ["Name", "Created At"]
    assert cells("v1", "LimitRange") == ("x", CREATED)
    assert cells("rbac.authorization.k8s.io/v1", "Role") == ("x", CREATED)


def test_wide_columns_have_priority_one() -> None:
    columns = {column.name: column.priority for column in printer_for("apps", "Deployment").columns}
    assert columns == {
        "Name": 0, "Ready": 0, "Up-to-date": 0, "Available": 0, "Age": 0, "Containers": 1, "Images": 1, "Selector": 1,
    }  # fmt: skip


READY = {"type": "Ready", "status": "True"}

CASES: dict[str, tuple[tuple[object, ...], tuple[object, ...]]] = {
    "Node ready": (
        cells(
            "v1",
            "Node",
            metadata={"labels": {"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "edge"}},
            status={
                "conditions": [READY],
                "addresses": [{"type": "InternalIP", "address": "10.1.0.1"}],
                "nodeInfo": {
                    "machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": "6.1", "osImage": "Linux",
                    "containerRuntimeVersion": "sim://1", "kubeletVersion": "v1.37.0", "kubeProxyVersion": "",
                    "operatingSystem": "linux", "architecture": "amd64",
                },
            },
        ),
        ("x", "Ready", "edge,worker", "3h", "v1.37.0", "10.1.0.1", "<none>", "Linux", "6.1", "sim://1"),
    ),
    "Node not ready, cordoned": (
        cells(
            "v1", "Node", spec={"unschedulable": True}, status={"conditions": [{"type": "Ready", "status": "Unknown"}]}
        )[:3],
        ("x", "NotReady,SchedulingDisabled", "<none>"),
    ),
    "Node unknown": (cells("v1", "Node")[1:2], ("Unknown",)),
    "Deployment": (
        cells(
            "apps/v1",
            "Deployment",
            spec={"replicas": 3, "selector": SELECTOR, "template": TEMPLATE},
            status={"readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 1},
        ),
        ("x", "2/3", 3, 1, "3h", "a,b", "x:1,y:2", "app=web"),
    ),
    "ReplicaSet": (
        cells(
            "apps/v1",
            "ReplicaSet",
            spec={
                "replicas": 3,
                "selector": {"matchExpressions": [{"key": "k", "operator": "In", "values": ["b", "a"]}]},
                "template": TEMPLATE,
            },
            status={"replicas": 2, "readyReplicas": 1},
        ),
        ("x", 3, 2, 1, "3h", "a,b", "x:1,y:2", "k in (a,b)"),
    ),
    "ReplicationController": (
        cells("v1", "ReplicationController", spec={"replicas": 1, "selector": {"b": "2", "a": "1"}}),
        ("x", 1, 0, 0, "3h", "", "", "a=1,b=2"),
    ),
    "DaemonSet": (
        cells(
            "apps/v1",
            "DaemonSet",
            spec={
                "selector": SELECTOR,
                "template": {"spec": {**TEMPLATE["spec"], "nodeSelector": {"disk": "ssd"}}},
            },
            status={
                "desiredNumberScheduled": 5, "currentNumberScheduled": 4, "numberReady": 3,
                "updatedNumberScheduled": 2, "numberAvailable": 1, "numberMisscheduled": 0,
            },
        ),
        ("x", 5, 4, 3, 2, 1, "disk=ssd", "3h", "a,b", "x:1,y:2", "app=web"),
    ),
    "StatefulSet": (
        cells(
            "apps/v1",
            "StatefulSet",
            spec={"replicas": 3, "selector": SELECTOR, "template": TEMPLATE},
            status={"replicas": 3, "readyReplicas": 2},
        ),
        ("x", "2/3", "3h", "a,b", "x:1,y:2"),
    ),
    "ControllerRevision": (
        cells(
            "apps/v1",
            "ControllerRevision",
            revision=7,
            metadata={
                "ownerReferences": [
                    {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "uid": "u", "controller": True}
                ]
            },
        ),
        ("x", "daemonset.apps/d", 7, "3h"),
    ),
    "Job complete": (
        cells(
            "batch/v1",
            "Job",
            spec={"completions": 3, "template": TEMPLATE, "selector": SELECTOR},
            status={
                "succeeded": 3,
                "startTime": from_seconds(NOW - 600),
                "completionTime": from_seconds(NOW - 510),
                "conditions": [{"type": "Complete", "status": "True"}],
            },
        ),
        ("x", "Complete", "3/3", "90s", "3h", "a,b", "x:1,y:2", "app=web"),
    ),
    "Job running, work queue": (
        cells(
            "batch/v1",
            "Job",
            spec={"parallelism": 4, "template": TEMPLATE},
            status={"startTime": from_seconds(NOW - 5), "conditions": [{"type": "Complete", "status": "False"}]},
        ),
        ("x", "Running", "0/1 of 4", "5s", "3h", "a,b", "x:1,y:2", "<none>"),
    ),
    "Job suspended": (
        cells(
            "batch/v1",
            "Job",
            spec={"suspend": True, "template": TEMPLATE},
            status={"conditions": [{"type": "Suspended", "status": "True"}]},
        )[1:4],
        ("Suspended", "0/1", ""),
    ),
    "Job deleted": (
        cells("batch/v1", "Job", metadata={"deletionTimestamp": CREATED}, spec={"template": TEMPLATE})[1:2],
        ("Terminating",),
    ),
    "CronJob": (
        cells(
            "batch/v1",
            "CronJob",
            spec={
                "schedule": "* * * * *",
                "suspend": False,
                "jobTemplate": {"spec": {"template": TEMPLATE}},
            },
            status={"active": [{}], "lastScheduleTime": from_seconds(NOW - 42)},
        ),
        ("x", "* * * * *", "<none>", "False", 1, "42s", "3h", "a,b", "x:1,y:2", "<none>"),
    ),
    "Service": (
        cells(
            "v1",
            "Service",
            spec={
                "type": "NodePort",
                "clusterIP": "10.96.0.9",
                "clusterIPs": ["10.96.0.9"],
                "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}],
                "selector": {"app": "web"},
            },
        ),
        ("x", "NodePort", "10.96.0.9", "<none>", "80:30080/TCP,53/UDP", "3h", "app=web"),
    ),
    "Service with a pending load balancer": (
        cells("v1", "Service", spec={"type": "LoadBalancer"})[1:5],
        ("LoadBalancer", "<none>", "<pending>", "<none>"),
    ),
    "Service with a load balancer": (
        cells(
            "v1",
            "Service",
            spec={"type": "LoadBalancer", "externalIPs": ["9.9.9.9"]},
            status={"loadBalancer": {"ingress": [{"ip": "2.2.2.2"}, {"hostname": "lb.example"}, {"ip": "1.1.1.1"}]}},
        )[3:4],
        ("1.1.1.1,2.2.2.2,lb.example,9.9.9.9",),
    ),
    "Service by external name": (
        cells("v1", "Service", spec={"type": "ExternalName", "externalName": "db.example"})[1:4],
        ("ExternalName", "<none>", "db.example"),
    ),
    "Endpoints": (
        cells(
            "v1",
            "Endpoints",
            subsets=[
                {"addresses": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}], "ports": [{"port": 80}, {"port": 81}]}
            ],
        ),
        ("x", "10.0.0.1:80,[fd00::1]:80,10.0.0.1:81 + 1 more...", "3h"),
    ),
    "Endpoints without ports": (
        cells("v1", "Endpoints", subsets=[{"addresses": [{"ip": "10.0.0.1"}]}])[1:2],
        ("10.0.0.1",),
    ),
    "Endpoints, none": (cells("v1", "Endpoints")[1:2], ("<none>",)),
    "EndpointSlice": (
        cells(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            addressType="IPv4",
            endpoints=[{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"]}],
            ports=[{"port": 80}, {"name": "web"}, {}],
        ),
        ("x", "IPv4", "80,web,*", "10.0.0.1,10.0.0.2", "3h"),
    ),
    "EndpointSlice, empty": (
        cells("discovery.k8s.io/v1", "EndpointSlice", addressType="IPv4", endpoints=[])[2:4],
        ("<unset>", "<unset>"),
    ),
    "Namespace": (cells("v1", "Namespace", status={"phase": "Active"}), ("x", "Active", "3h")),
    "ConfigMap": (cells("v1", "ConfigMap", data={"a": "1"}, binaryData={"b": b"2"}), ("x", 2, "3h")),
    "Secret": (cells("v1", "Secret", type="Opaque", data={"a": b"1"}), ("x", "Opaque", 1, "3h")),
    "ServiceAccount": (cells("v1", "ServiceAccount", secrets=[{"name": "s"}]), ("x", 1, "3h")),
    "Event": (
        cells(
            "v1",
            "Event",
            involvedObject={"kind": "Pod", "name": "p", "fieldPath": "spec.containers{a}"},
            reason="Pulled",
            message=" done \n",
            type="Normal",
            source={"component": "kubelet", "host": "n1"},
            firstTimestamp=from_seconds(NOW - 300),
            lastTimestamp=from_seconds(NOW - 60),
            count=4,
        ),
        ("60s", "Normal", "Pulled", "pod/p", "spec.containers{a}", "kubelet, n1", "done", "5m", 4, "x"),
    ),
    "Event of the new API": (
        cells(
            "v1",
            "Event",
            involvedObject={"kind": "Node"},
            eventTime="2027-01-15T07:58:00.000000Z",
            series={"count": 9, "lastObservedTime": "2027-01-15T07:59:30.000000Z"},
            reportingComponent="kubelet",
        ),
        ("30s", "", "", "node", "", "kubelet", "", "2m", 9, "x"),
    ),
    "Event without times": (
        cells("v1", "Event", involvedObject={})[:8:7],
        ("<unknown>", "<unknown>"),
    ),
    "PersistentVolume": (
        cells(
            "v1",
            "PersistentVolume",
            spec={
                "capacity": {"storage": "5Gi"},
                "accessModes": ["ReadWriteMany", "ReadWriteOnce", "ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"namespace": "default", "name": "c"},
                "storageClassName": "fast",
                "volumeMode": "Filesystem",
            },
            status={"phase": "Bound"},
        ),
        ("x", "5Gi", "RWO,RWX", "Retain", "Bound", "default/c", "fast", "<unset>", "", "3h", "Filesystem"),
    ),
    "PersistentVolumeClaim unbound": (
        cells(
            "v1",
            "PersistentVolumeClaim",
            spec={"accessModes": ["ReadWriteOnce"], "storageClassName": "fast"},
            status={"phase": "Pending"},
        ),
        ("x", "Pending", "", "", "", "fast", "<unset>", "3h", "<unset>"),
    ),
    "PersistentVolumeClaim bound, being deleted": (
        cells(
            "v1",
            "PersistentVolumeClaim",
            metadata={"deletionTimestamp": CREATED},
            spec={"volumeName": "v"},
            status={"phase": "Bound", "accessModes": ["ReadWriteOncePod"], "capacity": {"storage": "1Gi"}},
        )[1:5],
        ("Terminating", "v", "1Gi", "RWOP"),
    ),
    "StorageClass": (
        cells(
            "storage.k8s.io/v1",
            "StorageClass",
            provisioner="p",
            metadata={"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        ),
        ("x (default)", "p", "Delete", "Immediate", False, "3h"),
    ),
    "CSIDriver": (
        cells("storage.k8s.io/v1", "CSIDriver", spec={"volumeLifecycleModes": ["Persistent", "Ephemeral"]}),
        ("x", True, False, False, "<unset>", False, "Persistent,Ephemeral", "3h"),
    ),
    "Ingress": (
        cells(
            "networking.k8s.io/v1",
            "Ingress",
            spec={
                "ingressClassName": "nginx",
                "tls": [{}],
                "rules": [{"host": f"{name}.example"} for name in "abcde"],
            },
            status={"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}},
        ),
        ("x", "nginx", "a.example,b.example,c.example + 2 more...", "1.2.3.4", "80, 443", "3h"),
    ),
    "Ingress for every host": (
        cells("networking.k8s.io/v1", "Ingress", spec={"rules": [{}]})[1:5],
        ("<none>", "*", "", "80"),
    ),
    "IngressClass": (
        cells(
            "networking.k8s.io/v1",
            "IngressClass",
            spec={"controller": "c", "parameters": {"apiGroup": "k8s.example.com", "kind": "Params", "name": "p"}},
        ),
        ("x", "c", "Params.k8s.example.com/p", "3h"),
    ),
    "IPAddress": (
        cells(
            "networking.k8s.io/v1",
            "IPAddress",
            spec={"parentRef": {"resource": "services", "namespace": "default", "name": "kubernetes"}},
        ),
        ("x", "services/default/kubernetes"),
    ),
    "NetworkPolicy": (
        cells("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {}}),
        ("x", "<none>", "3h"),
    ),
    "RoleBinding": (
        cells(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            roleRef={"apiGroup": "", "kind": "Role", "name": "r"},
            subjects=[
                {"kind": "User", "name": "u"},
                {"kind": "Group", "name": "g"},
                {"kind": "ServiceAccount", "name": "s", "namespace": "n"},
            ],
        ),
        ("x", "Role/r", "3h", "u", "g", "n/s"),
    ),
    "PodDisruptionBudget": (
        cells("policy/v1", "PodDisruptionBudget", spec={"minAvailable": "50%"}, status={"disruptionsAllowed": 2,
              "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0}),
        ("x", "50%", "N/A", 2, "3h"),
    ),
    "HorizontalPodAutoscaler": (
        cells(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            spec={
                "scaleTargetRef": {"kind": "Deployment", "name": "d"},
                "maxReplicas": 5,
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {
                            "name": "cpu",
                            "target": {"type": "Utilization", "averageUtilization": 80},
                        },
                    },
                    {
                        "type": "Pods",
                        "pods": {
                            "metric": {"name": "q"},
                            "target": {"type": "AverageValue", "averageValue": "10"},
                        },
                    },
                    {
                        "type": "External",
                        "external": {"metric": {"name": "e"}, "target": {"type": "Value", "value": "30"}},
                    },
                ],
            },
            status={
                "currentReplicas": 2,
                "desiredReplicas": 2,
                "currentMetrics": [
                    {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 40}}}
                ],
            },
        ),
        ("x", "Deployment/d", "cpu: 40%/80%, <unknown>/10 + 1 more...", "<unset>", 5, 2, "3h"),
    ),
    "ResourceQuota": (
        cells(
            "v1",
            "ResourceQuota",
            status={
                "hard": {"pods": "10", "limits.cpu": "4", "requests.cpu": "2"},
                "used": {"pods": "3", "requests.cpu": "500m"},
            },
        ),
        ("x", "pods: 3/10, requests.cpu: 500m/2", "limits.cpu: 0/4", "3h"),
    ),
    "Lease": (cells("coordination.k8s.io/v1", "Lease", spec={"holderIdentity": "me"}), ("x", "me", "3h")),
    "PriorityClass": (
        cells("scheduling.k8s.io/v1", "PriorityClass", value=1000, preemptionPolicy="Never"),
        ("x", 1000, False, "3h", "Never"),
    ),
    "CertificateSigningRequest": (
        cells(
            "certificates.k8s.io/v1",
            "CertificateSigningRequest",
            spec={"signerName": "s", "username": "u", "request": b"r", "expirationSeconds": 3600},
            status={"conditions": [{"type": "Approved", "status": "True"}], "certificate": b"c"},
        ),
        ("x", "3h", "s", "u", "60m", "Approved,Issued"),
    ),
    "APIService": (
        cells(
            "apiregistration.k8s.io/v1",
            "APIService",
            spec={"service": {"namespace": "n", "name": "s"}, "groupPriorityMinimum": 1, "versionPriority": 1},
            status={"conditions": [{"type": "Available", "status": "False", "reason": "MissingEndpoints"}]},
        ),
        ("x", "n/s", "False (MissingEndpoints)", "3h"),
    ),
    "webhooks": (
        cells("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
        ("x", 0, "3h"),
    ),
    "ValidatingAdmissionPolicyBinding": (
        cells(
            "admissionregistration.k8s.io/v1",
            "ValidatingAdmissionPolicyBinding",
            spec={"policyName": "p", "paramRef": {"name": "q"}},
        ),
        ("x", "p", "*/q", "3h"),
    ),
    "PriorityLevelConfiguration": (
        cells(
            "flowcontrol.apiserver.k8s.io/v1",
            "PriorityLevelConfiguration",
            spec={
                "type": "Limited",
                "limited": {
                    "nominalConcurrencyShares": 30,
                    "limitResponse": {
                        "type": "Queue",
                        "queuing": {"queues": 64, "handSize": 6, "queueLengthLimit": 50},
                    },
                },
            },
        ),
        ("x", "Limited", 30, 64, 6, 50, "3h"),
    ),
    "FlowSchema": (
        cells(
            "flowcontrol.apiserver.k8s.io/v1",
            "FlowSchema",
            spec={"priorityLevelConfiguration": {"name": "exempt"}, "matchingPrecedence": 1},
            status={"conditions": [{"type": "Dangling", "status": "False"}]},
        ),
        ("x", "exempt", 1, "<none>", "3h", "False"),
    ),
    "ResourceClaim": (
        cells("resource.k8s.io/v1", "ResourceClaim", spec={"devices": {}}),
        ("x", "pending", "3h"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("found", "expected"), CASES.values(), ids=CASES.keys())
def test_cells(found: tuple[object, ...], expected: tuple[object, ...]) -> None:
    assert found == expected
