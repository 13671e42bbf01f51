"""What absent fields of the core kinds become."""

import json

import msgspec
import pytest

from kube.api.defaults import default, defaulter
from kube.api.types import core_v1
from kube.apimachinery.serializer import decode

CONTAINER = {
    "name": "c",
    "image": "nginx:1.25",
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "imagePullPolicy": "IfNotPresent",
}
SPEC = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}


def pod(container=None, **spec):
    return {"spec": {"containers": [{"name": "c", "image": "nginx:1.25", **(container or {})}], **spec}}


def pod_of(container=None, **spec):
    whole = {"containers": [{**CONTAINER, **(container or {})}], **SPEC, "enableServiceLinks": True, **spec}
    return {"spec": whole}


PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
PODS = {
    "least": (pod(), pod_of()),
    "latest image": (pod({"image": "nginx"}), pod_of({"image": "nginx", "imagePullPolicy": "Always"})),
    "image by digest": (
        pod({"image": f"r.io/a@sha256:{'0' * 64}"}),
        pod_of({"image": f"r.io/a@sha256:{'0' * 64}"}),
    ),
    "malformed image": (pod({"image": "NGINX"}), pod_of({"image": "NGINX"})),
    "port": (
        pod({"ports": [{"containerPort": 80}]}),
        pod_of({"ports": [{"containerPort": 80, "protocol": "TCP"}]}),
    ),
    "host network": (
        pod({"ports": [{"containerPort": 80}]}, hostNetwork=True),
        pod_of({"ports": [{"hostPort": 80, "containerPort": 80, "protocol": "TCP"}]}, hostNetwork=True),
    ),
    "probes": (
        pod(
            {
                "livenessProbe": {"httpGet": {"port": 80}},
                "readinessProbe": {"grpc": {"port": 1}, "periodSeconds": 5},
                "startupProbe": {"exec": {"command": ["a"]}},
                "lifecycle": {"preStop": {"httpGet": {"port": "x", "path": "/bye"}}},
            }
        ),
        pod_of(
            {
                "livenessProbe": {"httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}, **PROBE},
                "readinessProbe": {"grpc": {"port": 1, "service": ""}, **PROBE, "periodSeconds": 5},
                "startupProbe": {"exec": {"command": ["a"]}, **PROBE},
                "lifecycle": {"preStop": {"httpGet": {"path": "/bye", "port": "x", "scheme": "HTTP"}}},
            }
        ),
    ),
    "environment": (
        pod(
            {
                "env": [
                    {"name": "A", "value": "1"},
                    {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                    {"name": "C", "valueFrom": {"fileKeyRef": {"volumeName": "v", "path": "p", "key": "k"}}},
                ]
            }
        ),
        pod_of(
            {
                "env": [
                    {"name": "A", "value": "1"},
                    {
                        "name": "B",
                        "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}},
                    },
                    {
                        "name": "C",
                        "valueFrom": {
                            "fileKeyRef": {
                                "volumeName": "v",
                                "path": "p",
                                "key": "k",
                                "optional": False,
                            }
                        },
                    },
                ]
            }
        ),
    ),
    "requests from limits": (
        pod({"resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}}),
        pod_of(
            {
                "resources": {
                    "limits": {"cpu": "1", "memory": "1Gi"},
                    "requests": {"cpu": "500m", "memory": "1Gi"},
                }
            }
        ),
    ),
    "quantities in thousandths": (
        pod({"resources": {"requests": {"cpu": "100u", "memory": "1"}}}),
        pod_of({"resources": {"requests": {"cpu": "1m", "memory": "1"}}}),
    ),
    "every list of containers": (
        pod(
            initContainers=[{"name": "c", "image": "nginx:1.25", "resources": {"limits": {"cpu": "1"}}}],
            ephemeralContainers=[{"name": "c", "image": "nginx:1.25"}],
            overhead={"cpu": "1n"},
        ),
        pod_of(
            initContainers=[{**CONTAINER, "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}}],
            ephemeralContainers=[CONTAINER],
            overhead={"cpu": "1m"},
        ),
    ),
    "pod level huge pages from containers": (
        pod(
            {"resources": {"limits": {"hugepages-2Mi": "2Mi", "cpu": "1"}}},
            resources={"limits": {"cpu": "1"}},
        ),
        pod_of(
            {
                "resources": {
                    "limits": {"hugepages-2Mi": "2Mi", "cpu": "1"},
                    "requests": {"hugepages-2Mi": "2Mi", "cpu": "1"},
                }
            },
            resources={
                "limits": {"cpu": "1", "hugepages-2Mi": "2Mi"},
                "requests": {"cpu": "1", "hugepages-2Mi": "2Mi"},
            },
        ),
    ),
    "volumes": (
        pod(
            volumes=[
                {"name": "none"},
                {"name": "s", "secret": {"secretName": "s"}},
                {"name": "m", "configMap": {"name": "m", "defaultMode": 0}},
                {"name": "h", "hostPath": {"path": "/"}},
                {"name": "d", "downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "x"}}]}},
                {"name": "p", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
                {"name": "i", "image": {"reference": "quay.io/a"}},
                {"name": "e", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}},
                {"name": "r", "rbd": {"monitors": ["m"], "image": "i", "user": "me"}},
                {"name": "z", "azureDisk": {"diskName": "d", "diskURI": "u"}},
            ]
        ),
        pod_of(
            volumes=[
                {"name": "none", "emptyDir": {}},
                {"name": "s", "secret": {"secretName": "s", "defaultMode": 420}},
                {"name": "m", "configMap": {"name": "m", "defaultMode": 0}},
                {"name": "h", "hostPath": {"path": "/", "type": ""}},
                {
                    "name": "d",
                    "downwardAPI": {
                        "items": [{"path": "l", "fieldRef": {"apiVersion": "v1", "fieldPath": "x"}}],
                        "defaultMode": 420,
                    },
                },
                {
                    "name": "p",
                    "projected": {
                        "sources": [{"serviceAccountToken": {"expirationSeconds": 3600, "path": "t"}}],
                        "defaultMode": 420,
                    },
                },
                {"name": "i", "image": {"reference": "quay.io/a", "pullPolicy": "Always"}},
                {
                    "name": "e",
                    "ephemeral": {
                        "volumeClaimTemplate": {
                            "metadata": {},
                            "spec": {"resources": {}, "volumeMode": "Filesystem"},
                        }
                    },
                },
                {
                    "name": "r",
                    "rbd": {
                        "monitors": ["m"],
                        "image": "i",
                        "pool": "rbd",
                        "user": "me",
                        "keyring": "/etc/ceph/keyring",
                    },
                },
                {
                    "name": "z",
                    "azureDisk": {
                        "diskName": "d",
                        "diskURI": "u",
                        "cachingMode": "ReadWrite",
                        "fsType": "ext4",
                        "readOnly": False,
                        "kind": "Shared",
                    },
                },
            ]
        ),
    ),
    "the old name of the account": (
        pod(serviceAccount="a"),
        pod_of(serviceAccountName="a", serviceAccount="a"),
    ),
    "both names of the account": (
        pod(serviceAccountName="a", serviceAccount="b"),
        pod_of(serviceAccountName="a", serviceAccount="a"),
    ),
    "pod level requests from limits": (
        pod(resources={"limits": {"cpu": "1", "memory": "1Gi"}}),
        pod_of(
            resources={
                "limits": {"cpu": "1", "memory": "1Gi"},
                "requests": {"cpu": "1", "memory": "1Gi"},
            }
        ),
    ),
    "pod level requests from containers": (
        pod({"resources": {"requests": {"cpu": "250m"}}}, resources={"limits": {"cpu": "1"}}),
        pod_of(
            {"resources": {"requests": {"cpu": "250m"}}},
            resources={"limits": {"cpu": "1"}, "requests": {"cpu": "250m"}},
        ),
    ),
    "pod level limits from containers": (
        pod(
            {"resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}}},
            resources={"requests": {"cpu": "1"}},
        ),
        pod_of(
            {"resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}}},
            resources={"limits": {"cpu": "2"}, "requests": {"cpu": "1"}},
        ),
    ),
    "address": (
        {**pod(), "status": {"podIP": "10.0.0.1"}},
        {**pod_of(), "status": {"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}]}},
    ),
    "address that differs": (
        {**pod(), "status": {"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.2"}]}},
        {**pod_of(), "status": {"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}]}},
    ),
}
SERVICE = {"sessionAffinity": "None", "type": "ClusterIP", "internalTrafficPolicy": "Cluster"}
OTHERS = {
    "namespace": (
        "Namespace",
        {"metadata": {"name": "a", "labels": {"x": "y"}}},
        {
            "metadata": {"name": "a", "labels": {"x": "y", "kubernetes.io/metadata.name": "a"}},
            "status": {"phase": "Active"},
        },
    ),
    "nameless namespace": (
        "Namespace",
        {"metadata": {"generateName": "a-"}},
        {"metadata": {"generateName": "a-"}, "status": {"phase": "Active"}},
    ),
    "node": (
        "Node",
        {"spec": {"podCIDR": "10.0.0.0/24"}, "status": {"capacity": {"cpu": "1"}}},
        {
            "spec": {"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24"]},
            "status": {"capacity": {"cpu": "1"}, "allocatable": {"cpu": "1"}},
        },
    ),
    "node with two families": (
        "Node",
        {"spec": {"podCIDRs": ["10.0.0.0/24", "fd00::/64"]}},
        {"spec": {"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24", "fd00::/64"]}},
    ),
    "secret": (
        "Secret",
        {"data": {"a": "MQ==", "b": "Mg=="}, "stringData": {"a": "3"}},
        {"data": {"a": "Mw==", "b": "Mg=="}, "type": "Opaque"},
    ),
    "service": (
        "Service",
        {"spec": {"ports": [{"port": 80}, {"port": 81, "targetPort": "http", "protocol": "UDP"}]}},
        {
            "spec": {
                "ports": [
                    {"protocol": "TCP", "port": 80, "targetPort": 80},
                    {"protocol": "UDP", "port": 81, "targetPort": "http"},
                ],
                **SERVICE,
            }
        },
    ),
    "client IP affinity": (
        "Service",
        {"spec": {"sessionAffinity": "ClientIP"}},
        {
            "spec": {
                **SERVICE,
                "sessionAffinity": "ClientIP",
                "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}},
            }
        },
    ),
    "no affinity has no settings": (
        "Service",
        {"spec": {"sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 1}}}},
        {"spec": SERVICE},
    ),
    "node port": (
        "Service",
        {"spec": {"type": "NodePort"}},
        {"spec": {**SERVICE, "type": "NodePort", "externalTrafficPolicy": "Cluster"}},
    ),
    "external IPs": (
        "Service",
        {"spec": {"externalIPs": ["192.0.2.1"]}},
        {"spec": {**SERVICE, "externalIPs": ["192.0.2.1"], "externalTrafficPolicy": "Cluster"}},
    ),
    "load balancer": (
        "Service",
        {"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}},
        {
            "spec": {
                **SERVICE,
                "type": "LoadBalancer",
                "externalTrafficPolicy": "Cluster",
                "allocateLoadBalancerNodePorts": True,
            },
            "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1", "ipMode": "VIP"}]}},
        },
    ),
    "external name": (
        "Service",
        {"spec": {"type": "ExternalName", "externalName": "a"}},
        {"spec": {"type": "ExternalName", "externalName": "a", "sessionAffinity": "None"}},
    ),
    "volume": (
        "PersistentVolume",
        {"spec": {"hostPath": {"path": "/"}}},
        {
            "spec": {
                "hostPath": {"path": "/", "type": ""},
                "persistentVolumeReclaimPolicy": "Retain",
                "volumeMode": "Filesystem",
            },
            "status": {"phase": "Pending"},
        },
    ),
    "claim": (
        "PersistentVolumeClaim",
        {"spec": {"resources": {"requests": {"storage": "1500u"}}}},
        {
            "spec": {"resources": {"requests": {"storage": "2m"}}, "volumeMode": "Filesystem"},
            "status": {"phase": "Pending"},
        },
    ),
    "endpoints": (
        "Endpoints",
        {"subsets": [{"ports": [{"port": 1}]}]},
        {"subsets": [{"ports": [{"port": 1, "protocol": "TCP"}]}]},
    ),
    "replication controller": (
        "ReplicationController",
        {"spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": pod()["spec"]}}},
        {
            "metadata": {"labels": {"a": "b"}},
            "spec": {
                "replicas": 1,
                "selector": {"a": "b"},
                "template": {
                    "metadata": {"labels": {"a": "b"}},
                    "spec": {"containers": [CONTAINER], **SPEC},
                },
            },
        },
    ),
    "pod template": (
        "PodTemplate",
        {
            "template": {
                "spec": pod({"resources": {"limits": {"cpu": "1"}}})["spec"],
            }
        },
        {
            "template": {
                "metadata": {},
                "spec": {"containers": [{**CONTAINER, "resources": {"limits": {"cpu": "1"}}}], **SPEC},
            }
        },
    ),
    "limits of containers": (
        "LimitRange",
        {
            "spec": {
                "limits": [
                    {
                        "type": "Container",
                        "max": {"cpu": "4"},
                        "min": {"cpu": "1", "memory": "1Gi"},
                        "default": {"memory": "2Gi"},
                    },
                    {"type": "Pod", "max": {"cpu": "4"}},
                ]
            }
        },
        {
            "spec": {
                "limits": [
                    {
                        "type": "Container",
                        "max": {"cpu": "4"},
                        "min": {"cpu": "1", "memory": "1Gi"},
                        "default": {"memory": "2Gi", "cpu": "4"},
                        "defaultRequest": {"memory": "2Gi", "cpu": "4"},
                    },
                    {"type": "Pod", "max": {"cpu": "4"}},
                ]
            }
        },
    ),
    "request from the least": (
        "LimitRange",
        {"spec": {"limits": [{"type": "Container", "min": {"cpu": "1"}}]}},
        {"spec": {"limits": [{"type": "Container", "min": {"cpu": "1"}, "defaultRequest": {"cpu": "1"}}]}},
    ),
    "quota": (
        "ResourceQuota",
        {"spec": {"hard": {"cpu": "1n"}}},
        {"spec": {"hard": {"cpu": "1m"}}},
    ),
    "log options": ("PodLogOptions", {}, {"stream": "All"}),
    "config map": ("ConfigMap", {"data": {"a": "b"}}, {"data": {"a": "b"}}),
}
CASES = {**{f"pod: {name}": ("Pod", *case) for name, case in PODS.items()}, **OTHERS}


@pytest.mark.parametrize(("kind", "given", "expected"), CASES.values(), ids=CASES)
def test_defaults(kind, given, expected):
    def build(tree):
        return decode(getattr(core_v1, kind), json.dumps(tree).encode())

    obj = build(given)
    before = msgspec.json.encode(obj)
    filled = default(obj)
    assert filled == build(expected)
    assert default(filled) is filled
    assert msgspec.json.encode(obj) == before


def test_a_kind_without_defaults_comes_back_itself():
    account = core_v1.ServiceAccount()
    assert defaulter(core_v1.ServiceAccount) is None
    assert default(account) is account


def test_a_type_of_a_group_without_defaults_comes_back_itself():
    class Foreign:
        pass

    foreign = Foreign()
    assert default(foreign) is foreign
