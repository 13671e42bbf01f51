"""What absent fields become in the kinds of every group but core's."""

import json

import msgspec
import pytest

from kube.api.defaults import default
from kube.api.types import (
    admissionregistration_v1,
    apiextensions_v1,
    apiregistration_v1,
    apps_v1,
    authentication_v1,
    autoscaling_v1,
    autoscaling_v2,
    batch_v1,
    discovery_v1,
    flowcontrol_v1,
    networking_v1,
    node_v1,
    rbac_v1,
    resource_v1,
    scheduling_v1,
    storage_v1,
)
from kube.apimachinery.serializer import decode, encode

POD = {"spec": {"containers": [{"name": "c", "image": "nginx:1.25"}]}}
POD_OF = {
    "metadata": {},
    "spec": {
        "containers": [
            {
                "name": "c",
                "image": "nginx:1.25",
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
                "imagePullPolicy": "IfNotPresent",
            }
        ],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
    },
}
JOB = {
    "backoffLimit": 6,
    "manualSelector": False,
    "template": POD_OF,
    "completionMode": "NonIndexed",
    "suspend": False,
    "podReplacementPolicy": "TerminatingOrFailed",
}
DEPLOYMENT = {
    "replicas": 1,
    "template": POD_OF,
    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
    "revisionHistoryLimit": 10,
    "progressDeadlineSeconds": 600,
}
STATEFUL_SET = {
    "replicas": 1,
    "template": POD_OF,
    "podManagementPolicy": "OrderedReady",
    "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": 1}},
    "revisionHistoryLimit": 10,
    "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
}
DAEMON_SET = {
    "template": POD_OF,
    "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
    "revisionHistoryLimit": 10,
}
CRON_JOB = {
    "schedule": "* * * * *",
    "concurrencyPolicy": "Allow",
    "suspend": False,
    "jobTemplate": {"metadata": {}, "spec": {"template": POD_OF}},
    "successfulJobsHistoryLimit": 3,
    "failedJobsHistoryLimit": 1,
}
ON_FAILURE = {
    "rules": [
        {
            "action": "Ignore",
            "onPodConditions": [{"type": "DisruptionTarget"}, {"type": "A", "status": "False"}],
        }
    ]
}
ON_FAILURE_OF = {
    "rules": [
        {
            "action": "Ignore",
            "onPodConditions": [
                {"type": "DisruptionTarget", "status": "True"},
                {"type": "A", "status": "False"},
            ],
        }
    ]
}
WORKLOADS = {
    "deployment": (apps_v1.Deployment, {"spec": {"template": POD}}, {"spec": DEPLOYMENT}),
    "deployment, all but surge": (
        apps_v1.Deployment,
        {"spec": {"replicas": 0, "template": POD, "strategy": {"rollingUpdate": {"maxUnavailable": 0}}}},
        {
            "spec": {
                **DEPLOYMENT,
                "replicas": 0,
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"},
                },
            }
        },
    ),
    "deployment, recreate": (
        apps_v1.Deployment,
        {"spec": {"template": POD, "strategy": {"type": "Recreate"}}},
        {"spec": {**DEPLOYMENT, "strategy": {"type": "Recreate"}}},
    ),
    "replica set": (
        apps_v1.ReplicaSet,
        {"spec": {"template": POD}},
        {"spec": {"replicas": 1, "template": POD_OF}},
    ),
    "daemon set": (apps_v1.DaemonSet, {"spec": {"template": POD}}, {"spec": DAEMON_SET}),
    "daemon set, on delete": (
        apps_v1.DaemonSet,
        {"spec": {"template": POD, "updateStrategy": {"type": "OnDelete"}}},
        {"spec": {**DAEMON_SET, "updateStrategy": {"type": "OnDelete"}}},
    ),
    "stateful set": (apps_v1.StatefulSet, {"spec": {"template": POD}}, {"spec": STATEFUL_SET}),
    "stateful set, type without update": (
        apps_v1.StatefulSet,
        {"spec": {"template": POD, "updateStrategy": {"type": "RollingUpdate"}}},
        {"spec": {**STATEFUL_SET, "updateStrategy": {"type": "RollingUpdate"}}},
    ),
    "stateful set, claims": (
        apps_v1.StatefulSet,
        {
            "spec": {
                "template": POD,
                "volumeClaimTemplates": [{"metadata": {"name": "d"}}],
                "persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"},
            }
        },
        {
            "spec": {
                **STATEFUL_SET,
                "volumeClaimTemplates": [
                    {
                        "kind": "PersistentVolumeClaim",
                        "apiVersion": "v1",
                        "metadata": {"name": "d"},
                        "spec": {"resources": {}, "volumeMode": "Filesystem"},
                        "status": {"phase": "Pending"},
                    }
                ],
                "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Delete"},
            }
        },
    ),
    "job": (
        batch_v1.Job,
        {"spec": {"template": POD}},
        {"spec": {"parallelism": 1, "completions": 1, **JOB}},
    ),
    "job, parallel": (
        batch_v1.Job,
        {"spec": {"parallelism": 3, "template": POD}},
        {"spec": {"parallelism": 3, **JOB}},
    ),
    "job, limited per index": (
        batch_v1.Job,
        {"spec": {"completions": 3, "backoffLimitPerIndex": 1, "template": POD}},
        {
            "spec": {
                "parallelism": 1,
                "completions": 3,
                **JOB,
                "backoffLimitPerIndex": 1,
                "backoffLimit": 2147483647,
            }
        },
    ),
    "job, failure policy": (
        batch_v1.Job,
        {"spec": {"podFailurePolicy": ON_FAILURE, "template": POD}},
        {
            "spec": {
                "parallelism": 1,
                "completions": 1,
                **JOB,
                "podFailurePolicy": ON_FAILURE_OF,
                "podReplacementPolicy": "Failed",
            }
        },
    ),
    "job, labels": (
        batch_v1.Job,
        {"spec": {"template": {**POD, "metadata": {"labels": {"a": "b"}}}}},
        {
            "metadata": {"labels": {"a": "b"}},
            "spec": {
                "parallelism": 1,
                "completions": 1,
                **JOB,
                "template": {**POD_OF, "metadata": {"labels": {"a": "b"}}},
            },
        },
    ),
    "cron job": (
        batch_v1.CronJob,
        {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": POD}}}},
        {"spec": CRON_JOB},
    ),
    "cron job, failure policy": (
        batch_v1.CronJob,
        {
            "spec": {
                "schedule": "* * * * *",
                "jobTemplate": {"spec": {"template": POD, "podFailurePolicy": ON_FAILURE}},
            }
        },
        {
            "spec": {
                **CRON_JOB,
                "jobTemplate": {
                    "metadata": {},
                    "spec": {"podFailurePolicy": ON_FAILURE_OF, "template": POD_OF},
                },
            }
        },
    ),
}
CPU = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
}
PERCENT = {"type": "Percent", "value": 100, "periodSeconds": 15}
BEHAVIOR = {
    "scaleUp": {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}, PERCENT],
    },
    "scaleDown": {"selectPolicy": "Max", "policies": [PERCENT]},
}
RULE = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
WEBHOOK = {
    "name": "a.b.c",
    "clientConfig": {"service": {"namespace": "n", "name": "s", "port": 443}},
    "rules": [{**RULE, "scope": "*"}],
    "failurePolicy": "Fail",
    "matchPolicy": "Equivalent",
    "namespaceSelector": {},
    "objectSelector": {},
    "timeoutSeconds": 10,
}
BARE_WEBHOOK = {
    "name": "a.b.c",
    "clientConfig": {"service": {"namespace": "n", "name": "s"}},
    "rules": [RULE],
}
MATCH = {
    "namespaceSelector": {},
    "objectSelector": {},
    "resourceRules": [{**RULE, "scope": "*"}],
    "matchPolicy": "Equivalent",
}
GROUPS = {
    "network policy": (
        networking_v1.NetworkPolicy,
        {"spec": {"ingress": [{"ports": [{"port": 80}]}], "egress": [{"ports": [{"protocol": "UDP"}]}]}},
        {
            "spec": {
                "podSelector": {},
                "ingress": [{"ports": [{"protocol": "TCP", "port": 80}]}],
                "egress": [{"ports": [{"protocol": "UDP"}]}],
                "policyTypes": ["Ingress", "Egress"],
            }
        },
    ),
    "network policy, ingress only": (
        networking_v1.NetworkPolicy,
        {"spec": {}},
        {"spec": {"podSelector": {}, "policyTypes": ["Ingress"]}},
    ),
    "ingress class": (
        networking_v1.IngressClass,
        {"spec": {"parameters": {"kind": "K", "name": "n"}}},
        {"spec": {"parameters": {"kind": "K", "name": "n", "scope": "Cluster"}}},
    ),
    "role binding": (
        rbac_v1.RoleBinding,
        {
            "subjects": [
                {"kind": "User", "name": "u"},
                {"kind": "Group", "name": "g"},
                {"kind": "ServiceAccount", "name": "s", "namespace": "n"},
            ],
            "roleRef": {"kind": "Role", "name": "r"},
        },
        {
            "subjects": [
                {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "u"},
                {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "g"},
                {"kind": "ServiceAccount", "name": "s", "namespace": "n"},
            ],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
        },
    ),
    "endpoint slice": (
        discovery_v1.EndpointSlice,
        {"addressType": "IPv4", "ports": [{"port": 80}, {"name": "x", "protocol": "UDP"}]},
        {
            "addressType": "IPv4",
            "ports": [{"name": "", "protocol": "TCP", "port": 80}, {"name": "x", "protocol": "UDP"}],
        },
    ),
    "priority class": (
        scheduling_v1.PriorityClass,
        {"value": 1},
        {"value": 1, "preemptionPolicy": "PreemptLowerPriority"},
    ),
    "token request": (authentication_v1.TokenRequest, {}, {"spec": {"expirationSeconds": 3600}}),
    "runtime class": (
        node_v1.RuntimeClass,
        {"overhead": {"podFixed": {"cpu": "100u"}}},
        {"overhead": {"podFixed": {"cpu": "1m"}}},
    ),
    "api service": (
        apiregistration_v1.APIService,
        {"spec": {"service": {"namespace": "n", "name": "s"}}},
        {"spec": {"service": {"namespace": "n", "name": "s", "port": 443}}},
    ),
    "custom resource definition": (
        apiextensions_v1.CustomResourceDefinition,
        {
            "spec": {
                "names": {"plural": "crontabs", "kind": "CronTab"},
                "versions": [{"name": "v1", "served": True}, {"name": "v2", "storage": True}],
            }
        },
        {
            "spec": {
                "names": {
                    "plural": "crontabs",
                    "singular": "crontab",
                    "kind": "CronTab",
                    "listKind": "CronTabList",
                },
                "versions": [{"name": "v1", "served": True}, {"name": "v2", "storage": True}],
                "conversion": {"strategy": "None"},
            },
            "status": {"storedVersions": ["v2"]},
        },
    ),
    "autoscaler of v1": (
        autoscaling_v1.HorizontalPodAutoscaler,
        {"spec": {"maxReplicas": 3}},
        {"spec": {"minReplicas": 1, "maxReplicas": 3}},
    ),
    "autoscaler": (
        autoscaling_v2.HorizontalPodAutoscaler,
        {"spec": {"maxReplicas": 3}},
        {"spec": {"minReplicas": 1, "maxReplicas": 3, "metrics": [CPU]}},
    ),
    "autoscaler, behavior": (
        autoscaling_v2.HorizontalPodAutoscaler,
        {"spec": {"minReplicas": 0, "behavior": {"scaleDown": {"selectPolicy": "Disabled"}}}},
        {
            "spec": {
                "minReplicas": 0,
                "metrics": [CPU],
                "behavior": {
                    "scaleUp": BEHAVIOR["scaleUp"],
                    "scaleDown": {"selectPolicy": "Disabled", "policies": [PERCENT]},
                },
            }
        },
    ),
    "storage class": (
        storage_v1.StorageClass,
        {"provisioner": "p"},
        {"provisioner": "p", "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
    ),
    "csi driver": (
        storage_v1.CSIDriver,
        {"spec": {"attachRequired": False}},
        {
            "spec": {
                "attachRequired": False,
                "podInfoOnMount": False,
                "volumeLifecycleModes": ["Persistent"],
                "storageCapacity": False,
                "fsGroupPolicy": "ReadWriteOnceWithFSType",
                "requiresRepublish": False,
                "seLinuxMount": False,
            }
        },
    ),
    "volume attachment": (
        storage_v1.VolumeAttachment,
        {
            "spec": {
                "source": {"inlineVolumeSpec": {"hostPath": {"path": "/a"}, "capacity": {"storage": "1n"}}}
            }
        },
        {
            "spec": {
                "source": {
                    "inlineVolumeSpec": {
                        "hostPath": {"path": "/a", "type": ""},
                        "capacity": {"storage": "1m"},
                    }
                }
            }
        },
    ),
    "flow schema": (flowcontrol_v1.FlowSchema, {}, {"spec": {"matchingPrecedence": 1000}}),
    "priority level": (
        flowcontrol_v1.PriorityLevelConfiguration,
        {"spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {}}}}},
        {
            "spec": {
                "type": "Limited",
                "limited": {
                    "nominalConcurrencyShares": 30,
                    "limitResponse": {
                        "type": "Queue",
                        "queuing": {"queues": 64, "handSize": 8, "queueLengthLimit": 50},
                    },
                    "lendablePercent": 0,
                },
            }
        },
    ),
    "exempt priority level": (
        flowcontrol_v1.PriorityLevelConfiguration,
        {"spec": {"type": "Exempt", "exempt": {}}},
        {"spec": {"type": "Exempt", "exempt": {"nominalConcurrencyShares": 0, "lendablePercent": 0}}},
    ),
    "validating webhook": (
        admissionregistration_v1.ValidatingWebhookConfiguration,
        {"webhooks": [BARE_WEBHOOK]},
        {"webhooks": [WEBHOOK]},
    ),
    "mutating webhook": (
        admissionregistration_v1.MutatingWebhookConfiguration,
        {"webhooks": [BARE_WEBHOOK]},
        {"webhooks": [{**WEBHOOK, "reinvocationPolicy": "Never"}]},
    ),
    "admission policy": (
        admissionregistration_v1.ValidatingAdmissionPolicy,
        {"spec": {"matchConstraints": {"resourceRules": [RULE]}}},
        {"spec": {"matchConstraints": MATCH, "failurePolicy": "Fail"}},
    ),
    "admission policy binding": (
        admissionregistration_v1.ValidatingAdmissionPolicyBinding,
        {"spec": {"matchResources": {"resourceRules": [RULE]}}},
        {"spec": {"matchResources": MATCH}},
    ),
    "resource claim": (
        resource_v1.ResourceClaim,
        {
            "spec": {
                "devices": {
                    "requests": [
                        {"name": "a", "exactly": {"deviceClassName": "c", "tolerations": [{"key": "k"}]}},
                        {"name": "b", "firstAvailable": [{"name": "s", "allocationMode": "All"}]},
                    ]
                }
            }
        },
        {
            "spec": {
                "devices": {
                    "requests": [
                        {
                            "name": "a",
                            "exactly": {
                                "deviceClassName": "c",
                                "allocationMode": "ExactCount",
                                "count": 1,
                                "tolerations": [{"key": "k", "operator": "Equal"}],
                            },
                        },
                        {"name": "b", "firstAvailable": [{"name": "s", "allocationMode": "All"}]},
                    ]
                }
            }
        },
    ),
}
TABLE = {**WORKLOADS, **GROUPS}


@pytest.mark.parametrize(("cls", "given", "expected"), TABLE.values(), ids=TABLE)
def test_defaults(cls, given, expected):
    obj = default(decode(cls, json.dumps(given).encode()))
    wanted = decode(cls, json.dumps(expected).encode())
    assert msgspec.to_builtins(obj) == msgspec.to_builtins(wanted)
    assert encode(obj) == encode(wanted)


@pytest.mark.parametrize(("cls", "given", "expected"), TABLE.values(), ids=TABLE)
def test_a_defaulted_object_is_left_alone(cls, given, expected):
    assert expected
    obj = default(decode(cls, json.dumps(given).encode()))
    assert default(obj) is obj
    again = decode(cls, encode(obj))
    assert default(again) is again
