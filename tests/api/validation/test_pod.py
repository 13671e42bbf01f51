"""What is wrong with a pod, in upstream's paths and words."""

import pytest

from kube.api.types.core_v1 import Binding, Pod, PodLogOptions, PodTemplate
from kube.api.validation import validate

POD = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"containers": [{"name": "web", "image": "nginx:1.25"}]},
}
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an"
    " alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and"
    " end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    r" '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
NOT_AN_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
C = "spec.containers[0]"
PROBE = {"exec": {"command": ["true"]}}


def sidecar(**fields):
    return {"name": "init", "image": "i", **fields}


METADATA_CASES = {
    "no name": (
        {"metadata.name": ""},
        ["metadata.name: Required value: name or generateName is required"],
    ),
    "bad name": ({"metadata.name": "Web"}, [f'metadata.name: Invalid value: "Web": {SUBDOMAIN}']),
    "no namespace": ({"metadata.namespace": ""}, ["metadata.namespace: Required value"]),
    "bad label": (
        {"metadata.labels": {"a": "b c"}},
        [
            (
                'metadata.labels: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric'
                " characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or"
                " 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
            )
        ],
    ),
    "mirror without node": (
        {"metadata.annotations": {"kubernetes.io/config.mirror": "x"}},
        [
            (
                'metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "x": must set spec.nodeName if mirror pod'
                " annotation is set"
            )
        ],
    ),
    "deletion cost": (
        {"metadata.annotations": {"controller.kubernetes.io/pod-deletion-cost": "+1"}},
        [
            (
                "metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "
                '"+1": must be a 32bit integer'
            )
        ],
    ),
    "apparmor of no container": (
        {"metadata.annotations": {"container.apparmor.security.beta.kubernetes.io/x": "nope"}},
        [
            (
                "metadata.annotations[container.apparmor.security.beta.kubernetes.io/x]: Invalid value: "
                '"x": container not found'
            ),
            (
                "metadata.annotations[container.apparmor.security.beta.kubernetes.io/x]: Invalid value: "
                '"nope": invalid AppArmor profile name: "nope"'
            ),
        ],
    ),
    "apparmor annotation and field": (
        {
            "metadata.annotations": {"container.apparmor.security.beta.kubernetes.io/web": "unconfined"},
            "spec.containers.0.securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}},
        },
        [
            f"{C}.securityContext.appArmorProfile.type: Forbidden: apparmor type in annotation and field must match"
        ],
    ),
}

CONTAINER_CASES = {
    "no containers": ({"spec.containers": []}, ["spec.containers: Required value"]),
    "no name": ({"spec.containers.0.name": ""}, [f"{C}.name: Required value"]),
    "bad name": ({"spec.containers.0.name": "a_b"}, [f'{C}.name: Invalid value: "a_b": {LABEL}']),
    "no image": ({"spec.containers.0.image": ""}, [f"{C}.image: Required value"]),
    "padded image": (
        {"spec.containers.0.image": " nginx"},
        [f'{C}.image: Invalid value: " nginx": must not have leading or trailing whitespace'],
    ),
    "same name": (
        {"spec.containers.1": {"name": "web", "image": "b"}},
        ['spec.containers[1].name: Duplicate value: "web"'],
    ),
    "pull policy": (
        {"spec.containers.0.imagePullPolicy": "Maybe"},
        [
            f'{C}.imagePullPolicy: Unsupported value: "Maybe": supported values: "Always", "IfNotPresent", "Never"'
        ],
    ),
    "termination message policy": (
        {"spec.containers.0.terminationMessagePolicy": "X"},
        [
            f'{C}.terminationMessagePolicy: Unsupported value: "X": supported values: "File", "FallbackToLogsOnError"'
        ],
    ),
    "ports": (
        {
            "spec.containers.0.ports": [
                {"name": "way-too-long-name", "containerPort": 80},
                {"name": "p", "containerPort": 0},
                {"name": "p", "containerPort": 65536, "hostPort": -1, "protocol": "ICMP"},
            ]
        },
        [
            f'{C}.ports[0].name: Invalid value: "way-too-long-name": must be no more than 15 characters',
            f"{C}.ports[1].containerPort: Required value",
            f'{C}.ports[2].name: Duplicate value: "p"',
            f"{C}.ports[2].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive",
            f"{C}.ports[2].hostPort: Invalid value: -1: must be between 1 and 65535, inclusive",
            f'{C}.ports[2].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
        ],
    ),
    "host port twice": (
        {
            "spec.containers.0.ports": [
                {"containerPort": 80, "hostPort": 80},
                {"containerPort": 81, "hostPort": 80},
            ]
        },
        [f'{C}.ports[1].hostPort: Duplicate value: "TCP//80"'],
    ),
    "env": (
        {
            "spec.containers.0.env": [
                {"name": "", "value": "x"},
                {"name": "a=b"},
                {"name": "none", "valueFrom": {}},
                {"name": "f", "valueFrom": {"fieldRef": {"fieldPath": "spec.hostname"}}},
                {"name": "g", "valueFrom": {"fieldRef": {"fieldPath": "status.phase"}}},
                {"name": "sub", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
                {"name": "r", "valueFrom": {"resourceFieldRef": {"resource": "limits.gpu"}}},
                {
                    "name": "d",
                    "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1k"}},
                },
                {"name": "k", "valueFrom": {"secretKeyRef": {"name": "s", "key": ""}}},
                {
                    "name": "both",
                    "value": "v",
                    "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}},
                },
            ]
        },
        [
            f"{C}.env[0].name: Required value",
            (
                f'{C}.env[1].name: Invalid value: "a=b": a valid environment variable name must consist only of printable'
                " ASCII characters other than '='"
            ),
            (
                f'{C}.env[2].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`,'
                " `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
            ),
            (
                f'{C}.env[3].valueFrom.fieldRef.fieldPath: Invalid value: "spec.hostname": error converting fieldPath: field'
                " label not supported: spec.hostname"
            ),
            (
                f'{C}.env[4].valueFrom.fieldRef.fieldPath: Unsupported value: "status.phase": supported values:'
                ' "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",'
                ' "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"'
            ),
            (
                f'{C}.env[6].valueFrom.resourceFieldRef.resource: Unsupported value: "limits.gpu": supported values:'
                ' "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage",'
                ' "requests.memory"'
            ),
            (
                f'{C}.env[7].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor\'s values 1m and 1'
                " are supported with the cpu resource"
            ),
            f"{C}.env[8].valueFrom.secretKeyRef.key: Required value",
            f'{C}.env[9].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
        ],
    ),
    "envFrom": (
        {"spec.containers.0.envFrom": [{}, {"prefix": "=", "secretRef": {"name": ""}}]},
        [
            f'{C}.envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`',
            (
                f'{C}.envFrom[1].prefix: Invalid value: "=": a valid environment variable name must consist only of printable'
                " ASCII characters other than '='"
            ),
            f"{C}.envFrom[1].secretRef.name: Required value",
        ],
    ),
    "resources": (
        {
            "spec.containers.0.resources": {
                "limits": {"cpu": "1", "example.com/gpu": "1500m", "gpu": "1"},
                "requests": {
                    "cpu": "2",
                    "memory": "-1",
                    "example.com/gpu": "2",
                    "gpu": "1",
                    "example.com/fpga": "1",
                },
            }
        },
        [
            f'{C}.resources.limits[example.com/gpu]: Invalid value: "1500m": must be an integer',
            f'{C}.resources.limits[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
            f'{C}.resources.limits[gpu]: Invalid value: "gpu": must be a standard resource for containers',
            f'{C}.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
            f'{C}.resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0',
            f'{C}.resources.requests: Invalid value: "2": must be equal to example.com/gpu limit of 1500m',
            f'{C}.resources.requests[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
            f'{C}.resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers',
            f"{C}.resources.limits: Required value: Limit must be set for non overcommitable resources",
        ],
    ),
    "huge pages": (
        {"spec.containers.0.resources": {"limits": {"hugepages-2Mi": "3Mi"}}},
        [
            (
                f'{C}.resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of'
                " hugepages-2Mi"
            ),
            (
                f'{C}.resources.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of'
                " hugepages-2Mi"
            ),
            f"{C}.resources: Forbidden: HugePages require cpu or memory",
        ],
    ),
    "claims": (
        {"spec.containers.0.resources": {"claims": [{"name": "a"}, {"name": ""}]}},
        [
            f'{C}.resources.claims[0]: Not found: "a": must be one of the names in pod.spec.resourceClaims which is empty',
            f"{C}.resources.claims[1]: Required value",
        ],
    ),
    "resize policy": (
        {
            "spec.restartPolicy": "Never",
            "spec.containers.0.resizePolicy": [
                {"resourceName": "cpu", "restartPolicy": "RestartContainer"},
                {"resourceName": "storage", "restartPolicy": ""},
            ],
        },
        [
            (
                f"{C}.resizePolicy: Invalid value: \"RestartContainer\": must be 'NotRequired' when `restartPolicy` is"
                " 'Never'"
            ),
            f'{C}.resizePolicy: Unsupported value: "storage": supported values: "cpu", "memory"',
            f"{C}.resizePolicy: Required value",
            f"{C}.resizePolicy: Invalid value: \"\": must be 'NotRequired' when `restartPolicy` is 'Never'",
        ],
    ),
    "restart rules": (
        {
            "spec.containers.0.restartPolicyRules": [
                {"action": "X", "exitCodes": {"operator": "Is", "values": [1]}},
                {"action": "Restart"},
            ]
        },
        [
            f"{C}.restartPolicy: Required value: must specify restartPolicy when restart rules are used",
            (
                f'{C}.restartPolicyRules[0].action: Unsupported value: "X": supported values: "Restart",'
                ' "RestartAllContainers"'
            ),
            f'{C}.restartPolicyRules[0].exitCodes.operator: Unsupported value: "Is": supported values: "In", "NotIn"',
            f"{C}.restartPolicyRules[1].exitCodes: Required value: must be specified",
        ],
    ),
    "probes": (
        {
            "spec.containers.0.livenessProbe": {"httpGet": {"port": 0}, "successThreshold": 2},
            "spec.containers.0.readinessProbe": {
                "tcpSocket": {"port": "no_port"},
                "grpc": {"port": 1},
                "periodSeconds": -1,
                "terminationGracePeriodSeconds": 3,
            },
            "spec.containers.0.startupProbe": {},
        },
        [
            f"{C}.livenessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive",
            f"{C}.livenessProbe.successThreshold: Invalid value: 2: must be 1",
            (
                f'{C}.readinessProbe.tcpSocket.port: Invalid value: "no_port": must contain only alpha-numeric characters'
                " (a-z, 0-9), and hyphens (-)"
            ),
            f"{C}.readinessProbe.grpc: Forbidden: may not specify more than 1 handler type",
            f"{C}.readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
            f"{C}.readinessProbe.terminationGracePeriodSeconds: Invalid value: 3: must not be set for readinessProbes",
            f"{C}.startupProbe: Required value: must specify a handler type",
        ],
    ),
    "lifecycle": (
        {
            "spec.containers.0.lifecycle": {
                "postStart": {"exec": {}},
                "preStop": {"sleep": {"seconds": 31}},
                "stopSignal": "SIGTERM",
            }
        },
        [
            f"{C}.lifecycle.postStart.exec.command: Required value",
            (
                f"{C}.lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than"
                " terminationGracePeriodSeconds (30)"
            ),
            f"{C}.lifecycle.stopSignal: Forbidden: may not be set for containers with empty `spec.os.name`",
        ],
    ),
    "security context": (
        {
            "spec.containers.0.securityContext": {
                "runAsUser": -1,
                "procMount": "Unmasked",
                "seccompProfile": {"type": "Localhost"},
                "appArmorProfile": {"type": "Localhost", "localhostProfile": " p"},
            }
        },
        [
            f"{C}.securityContext.runAsUser: Invalid value: -1: must be between 0 and 4294967295, inclusive",
            f'{C}.securityContext.procMount: Invalid value: "Unmasked": `hostUsers` must be false to use `Unmasked`',
            (
                f"{C}.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is"
                " Localhost"
            ),
            (
                f'{C}.securityContext.appArmorProfile.localhostProfile: Invalid value: " p": must not be padded with'
                " whitespace"
            ),
        ],
    ),
    "escalation": (
        {
            "spec.containers.0.securityContext": {
                "privileged": True,
                "allowPrivilegeEscalation": False,
            }
        },
        [
            (
                f'{C}.securityContext: Invalid value: {{"privileged":true,"allowPrivilegeEscalation":false}}: cannot set'
                " `allowPrivilegeEscalation` to false and `privileged` to true"
            )
        ],
    ),
}

VOLUME_CASES = {
    "no name": (
        {"spec.volumes": [{"name": "", "emptyDir": {}}]},
        ["spec.volumes[0].name: Required value"],
    ),
    "same name": (
        {"spec.volumes": [{"name": "a", "emptyDir": {}}, {"name": "a", "emptyDir": {}}]},
        ['spec.volumes[1].name: Duplicate value: "a"'],
    ),
    "two sources": (
        {"spec.volumes": [{"name": "a", "emptyDir": {}, "hostPath": {"path": "/"}}]},
        ["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"],
    ),
    "sources": (
        {
            "spec.volumes": [
                {"name": "a", "hostPath": {"path": "/a/..", "type": "Dir"}},
                {"name": "b", "secret": {"secretName": "", "defaultMode": 512}},
                {"name": "c", "configMap": {"name": "c", "items": [{"key": "", "path": "../x"}]}},
                {"name": "d", "persistentVolumeClaim": {"claimName": ""}},
                {"name": "e", "nfs": {"server": "", "path": "x"}},
                {"name": "f", "csi": {"driver": ""}},
                {"name": "g", "emptyDir": {"sizeLimit": "-1"}},
                {"name": "h", "image": {"reference": "", "pullPolicy": "X"}},
                {"name": "i", "gcePersistentDisk": {"pdName": "", "partition": 256}},
            ]
        },
        [
            "spec.volumes[0].hostPath.path: Invalid value: \"/a/..\": must not contain '..'",
            (
                'spec.volumes[0].hostPath.type: Unsupported value: "Dir": supported values: "", "BlockDevice", "CharDevice",'
                ' "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"'
            ),
            "spec.volumes[1].secret.secretName: Required value",
            (
                "spec.volumes[1].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both"
                " inclusive"
            ),
            "spec.volumes[2].configMap.items[0].key: Required value",
            "spec.volumes[2].configMap.items[0].path: Invalid value: \"../x\": must not contain '..'",
            "spec.volumes[3].persistentVolumeClaim.claimName: Required value",
            "spec.volumes[4].nfs.server: Required value",
            'spec.volumes[4].nfs.path: Invalid value: "x": must be an absolute path',
            "spec.volumes[5].csi.driver: Required value",
            f'spec.volumes[5].csi.driver: Invalid value: "": {SUBDOMAIN}',
            "spec.volumes[6].emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity",
            "spec.volumes[7].image.reference: Required value",
            (
                'spec.volumes[7].image.pullPolicy: Unsupported value: "X": supported values: "Always", "IfNotPresent",'
                ' "Never"'
            ),
            "spec.volumes[8].persistentDisk.pdName: Required value",
            "spec.volumes[8].persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive",
        ],
    ),
    "projected": (
        {
            "spec.serviceAccountName": "sa",
            "spec.volumes": [
                {
                    "name": "p",
                    "projected": {
                        "sources": [
                            {"serviceAccountToken": {"path": "", "expirationSeconds": 1}},
                            {"secret": {"name": "s", "items": [{"key": "k", "path": "same"}]}},
                            {
                                "configMap": {"name": "", "items": [{"key": "k", "path": "same"}]},
                                "downwardAPI": {
                                    "items": [
                                        {"path": "l", "fieldRef": {"fieldPath": "status.podIP"}},
                                        {"path": "n"},
                                    ]
                                },
                            },
                            {"clusterTrustBundle": {"path": "b"}},
                        ]
                    },
                }
            ],
        },
        [
            (
                "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 1: may not specify"
                " a duration less than 10 minutes"
            ),
            "spec.volumes[0].projected.path: Required value",
            "spec.volumes[0].projected.sources[2].configMap.name: Required value",
            'spec.volumes[0].projected: Invalid value: "": conflicting duplicate paths',
            (
                "spec.volumes[0].projected.sources[2].downwardAPI.fieldRef.fieldPath: Unsupported value: "
                '"status.podIP": supported values: "metadata.annotations", "metadata.labels", "metadata.name",'
                ' "metadata.namespace", "metadata.uid"'
            ),
            (
                "spec.volumes[0].projected.sources[2].downwardAPI: Required value: one of fieldRef and resourceFieldRef is"
                " required"
            ),
            "spec.volumes[0].projected.sources[2]: Forbidden: may not specify more than 1 volume type per source",
            (
                "spec.volumes[0].projected.sources[3].clusterTrustBundle: Required value: either name or signerName must be"
                " specified"
            ),
        ],
    ),
    "token without account": (
        {"spec.volumes": [{"name": "p", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]},
        [
            (
                "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when"
                " serviceAccountName is not set"
            )
        ],
    ),
    "ephemeral": (
        {
            "spec.volumes": [
                {"name": "e", "ephemeral": {"volumeClaimTemplate": {"metadata": {"name": "x"}, "spec": {}}}},
                {"name": "c", "persistentVolumeClaim": {"claimName": "web-e"}},
            ]
        },
        [
            "spec.volumes[0].ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set",
            (
                "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.accessModes: Required value: at least 1 access mode is"
                " required"
            ),
            "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value",
            (
                'spec.volumes[1].persistentVolumeClaim.claimName: Invalid value: "web-e": must not reference a PVC that gets'
                " created for an ephemeral volume"
            ),
        ],
    ),
    "mounts": (
        {
            "spec.volumes": [{"name": "v", "emptyDir": {}}],
            "spec.containers.0.volumeMounts": [
                {"name": "", "mountPath": ""},
                {"name": "v", "mountPath": "/a", "subPath": "/x", "subPathExpr": "../y"},
                {"name": "v", "mountPath": "/a", "mountPropagation": "Bidirectional"},
                {"name": "v", "mountPath": "/b", "recursiveReadOnly": "Enabled"},
            ],
        },
        [
            f"{C}.volumeMounts[0].name: Required value",
            f'{C}.volumeMounts[0].name: Not found: ""',
            f"{C}.volumeMounts[0].mountPath: Required value",
            f'{C}.volumeMounts.subPath: Invalid value: "/x": must be a relative path',
            f'{C}.volumeMounts[1].subPathExpr: Invalid value: "../y": subPathExpr and subPath are mutually exclusive',
            f"{C}.volumeMounts.subPathExpr: Invalid value: \"../y\": must not contain '..'",
            f'{C}.volumeMounts[2].mountPath: Invalid value: "/a": must be unique',
            (
                f"{C}.volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged"
                " containers"
            ),
            f"{C}.volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true",
        ],
    ),
    "devices": (
        {
            "spec.volumes": [
                {"name": "v", "emptyDir": {}},
                {"name": "c", "persistentVolumeClaim": {"claimName": "c"}},
            ],
            "spec.containers.0.volumeMounts": [{"name": "c", "mountPath": "/dev/c"}],
            "spec.containers.0.volumeDevices": [
                {"name": "v", "devicePath": "/dev/v"},
                {"name": "c", "devicePath": "/dev/c"},
                {"name": "x", "devicePath": "/dev/../x"},
            ],
        },
        [
            f'{C}.volumeMounts[0].name: Invalid value: "c": must not already exist in volumeDevices',
            f'{C}.volumeMounts[0].mountPath: Invalid value: "/dev/c": must not already exist as a path in volumeDevices',
            (
                f'{C}.volumeDevices[0].name: Invalid value: "v": can only use volume source type of PersistentVolumeClaim or'
                " Ephemeral for block mode"
            ),
            f'{C}.volumeDevices[1].name: Invalid value: "c": must not already exist in volumeMounts',
            f'{C}.volumeDevices[1].devicePath: Invalid value: "/dev/c": must not already exist as a path in volumeMounts',
            f'{C}.volumeDevices[2].name: Not found: "x"',
            f"{C}.volumeDevices[2].devicePath: Invalid value: \"/dev/../x\": can not contain backsteps ('..')",
        ],
    ),
}

SPEC_CASES = {
    "init containers": (
        {
            "spec.initContainers": [
                sidecar(name="web", livenessProbe=PROBE),
                sidecar(restartPolicy="Sometimes"),
            ]
        },
        [
            'spec.initContainers[0].name: Duplicate value: "web"',
            (
                "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without"
                " restartPolicy=Always"
            ),
            (
                'spec.initContainers[1].restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never",'
                ' "OnFailure"'
            ),
        ],
    ),
    "sidecars may have probes": (
        {"spec.initContainers": [sidecar(restartPolicy="Always", readinessProbe=PROBE)]},
        [],
    ),
    "ephemeral containers": (
        {
            "spec.ephemeralContainers": [
                {
                    "name": "debug",
                    "image": "busybox",
                    "targetContainerName": "nobody",
                    "ports": [{"containerPort": 1}],
                }
            ]
        },
        [
            'spec.ephemeralContainers[0].targetContainerName: Not found: "nobody"',
            "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container",
            "spec.ephemeralContainers: Forbidden: cannot be set on create",
        ],
    ),
    "restart policy": (
        {"spec.restartPolicy": "Sometimes"},
        [
            'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"'
        ],
    ),
    "dns": (
        {
            "spec.dnsPolicy": "None",
            "spec.dnsConfig": {
                "nameservers": ["1.1.1.1", "x"],
                "searches": ["_ok.example.", "no no"],
                "options": [{"name": ""}],
            },
        },
        [
            f'spec.dnsConfig.nameservers[1]: Invalid value: "x": {NOT_AN_IP}',
            (
                'spec.dnsConfig.searches[1]: Invalid value: "no no": a lowercase RFC 1123 subdomain must consist of lower case'
                " alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g."
                " 'example.com', regex used for validation is"
                r" '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')"
            ),
            "spec.dnsConfig.options[0]: Required value: must not be empty",
        ],
    ),
    "dns without config": (
        {"spec.dnsPolicy": "None"},
        ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
    ),
    "pod security context": (
        {
            "spec.hostNetwork": True,
            "spec.hostPID": True,
            "spec.shareProcessNamespace": True,
            "spec.securityContext": {
                "fsGroup": -1,
                "sysctls": [
                    {"name": "net.core.somaxconn", "value": "1"},
                    {"name": "A", "value": "1"},
                ],
                "fsGroupChangePolicy": "X",
                "supplementalGroupsPolicy": "Y",
            },
        },
        [
            "spec.securityContext.fsGroup: Invalid value: -1: must be between 0 and 4294967295, inclusive",
            (
                "spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both"
                " be enabled"
            ),
            (
                'spec.securityContext.sysctls[0].name: Invalid value: "net.core.somaxconn": may not be specified when'
                " 'hostNetwork' is true"
            ),
            (
                'spec.securityContext.sysctls[1].name: Invalid value: "A": must have at most 253 characters and match regex'
                r" ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
            ),
            (
                'spec.securityContext.fsGroupChangePolicy: Unsupported value: "X": supported values: "Always",'
                ' "OnRootMismatch"'
            ),
            'spec.securityContext.supplementalGroupsPolicy: Unsupported value: "Y": supported values: "Merge", "Strict"',
        ],
    ),
    "host network port": (
        {
            "spec.hostNetwork": True,
            "spec.containers.0.ports": [{"containerPort": 80, "hostPort": 81}],
        },
        [f"{C}.ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true"],
    ),
    "user namespace with host namespaces": (
        {"spec.hostUsers": False, "spec.hostIPC": True},
        ["spec.HostIPC: Forbidden: when `pod.Spec.HostUsers` is false"],
    ),
    "node affinity": (
        {
            "spec.affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {
                                "matchExpressions": [
                                    {"key": "a", "operator": "In"},
                                    {"key": "b", "operator": "Gt", "values": ["1", "2"]},
                                    {"key": "c", "operator": "Exists", "values": ["x"]},
                                    {"key": "d", "operator": "Is"},
                                ],
                                "matchFields": [{"key": "spec.x", "operator": "In", "values": ["a"]}],
                            }
                        ]
                    },
                    "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 0, "preference": {}}],
                }
            }
        },
        [
            f"{base}.{rest}"
            for base in ["spec.affinity.nodeAffinity"]
            for rest in [
                (
                    "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values:"
                    " Required value: must be specified when `operator` is 'In' or 'NotIn'"
                ),
                (
                    "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[1].values:"
                    " Required value: must be specified single value when `operator` is 'Lt' or 'Gt'"
                ),
                (
                    "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[2].values:"
                    " Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                ),
                (
                    "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[3].operator:"
                    ' Invalid value: "Is": not a valid selector operator'
                ),
                (
                    "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].key:"
                    ' Invalid value: "spec.x": not a valid field selector key'
                ),
                "preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100",
            ]
        ],
    ),
    "pod affinity": (
        {
            "spec.affinity": {
                "podAntiAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": [
                        {
                            "topologyKey": "",
                            "matchLabelKeys": ["a"],
                            "namespaces": ["NS"],
                        }
                    ]
                }
            }
        },
        [
            (
                "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].namespace: Invalid value:"
                f' "NS": {LABEL}'
            ),
            (
                "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys: Forbidden:"
                " must not be specified when labelSelector is not set"
            ),
            (
                "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value:"
                " can not be empty"
            ),
            (
                "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value:"
                ' "": name part must be non-empty'
            ),
            (
                "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value:"
                " \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an"
                " alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is"
                " '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
            ),
        ],
    ),
    "tolerations": (
        {
            "spec.tolerations": [
                {"operator": "Equal"},
                {"key": "a", "operator": "Exists", "value": "v"},
                {"key": "b", "tolerationSeconds": 1, "effect": "NoSchedule"},
                {"key": "c", "operator": "Is", "effect": "Now"},
                {"key": "d", "operator": "Gt", "value": "5"},
            ]
        },
        [
            (
                'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means'
                ' "match all values and all keys"'
            ),
            "spec.tolerations[1].operator: Invalid value: \"v\": value must be empty when `operator` is 'Exists'",
            (
                "spec.tolerations[2].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when"
                " `tolerationSeconds` is set"
            ),
            'spec.tolerations[3].operator: Unsupported value: "Is": supported values: "Equal", "Exists", "Lt", "Gt"',
            (
                'spec.tolerations[3].effect: Unsupported value: "Now": supported values: "NoSchedule", "PreferNoSchedule",'
                ' "NoExecute"'
            ),
        ],
    ),
    "topology spread": (
        {
            "spec.topologySpreadConstraints": [
                {
                    "maxSkew": 0,
                    "topologyKey": "zone",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "minDomains": 1,
                    "matchLabelKeys": ["a"],
                    "labelSelector": {"matchLabels": {"a": "b"}},
                    "nodeTaintsPolicy": "X",
                },
                {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"},
                {"maxSkew": 1, "topologyKey": "", "whenUnsatisfiable": "Never"},
            ]
        },
        [
            "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
            (
                "spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value:"
                ' "{zone, ScheduleAnyway}"'
            ),
            (
                "spec.topologySpreadConstraints[0].minDomains: Invalid value: 1: can only use minDomains if"
                " whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway"
            ),
            (
                'spec.topologySpreadConstraints[0].nodeTaintsPolicy: Unsupported value: "X": supported values: "Honor",'
                ' "Ignore"'
            ),
            (
                'spec.topologySpreadConstraints[0].matchLabelKeys[0]: Invalid value: "a": exists in both matchLabelKeys and'
                " labelSelector"
            ),
            "spec.topologySpreadConstraints[2].topologyKey: Required value: can not be empty",
            (
                'spec.topologySpreadConstraints[2].whenUnsatisfiable: Unsupported value: "Never": supported values:'
                ' "DoNotSchedule", "ScheduleAnyway"'
            ),
        ],
    ),
    "scheduling gates": (
        {
            "spec.nodeName": "n1",
            "spec.schedulingGates": [{"name": "a"}, {"name": "a"}],
        },
        [
            'spec.schedulingGates[1]: Duplicate value: "a"',
            "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
        ],
    ),
    "names and numbers": (
        {
            "spec.serviceAccountName": "SA",
            "spec.activeDeadlineSeconds": 0,
            "spec.hostname": "h.x",
            "spec.subdomain": "S",
            "spec.priorityClassName": "P",
            "spec.runtimeClassName": "R",
            "spec.preemptionPolicy": "Always",
            "spec.overhead": {"cpu": "-1"},
            "spec.hostAliases": [{"ip": "1.2", "hostnames": ["A"]}],
            "spec.readinessGates": [{"conditionType": "a b"}],
        },
        [
            (
                'spec.readinessGates[0].conditionType: Invalid value: "a b": name part must consist of alphanumeric characters,'
                " '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or"
                " '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
            ),
            f'spec.serviceAccountName: Invalid value: "SA": {SUBDOMAIN}',
            "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive",
            'spec.hostname: Invalid value: "h.x": must not contain dots',
            f'spec.subdomain: Invalid value: "S": {LABEL}',
            f'spec.hostAliases[0].ip: Invalid value: "1.2": {NOT_AN_IP}',
            f'spec.hostAliases[0].hostnames[0]: Invalid value: "A": {SUBDOMAIN}',
            f'spec.priorityClassName: Invalid value: "P": {SUBDOMAIN}',
            f'spec.runtimeClassName: Invalid value: "R": {SUBDOMAIN}',
            'spec.preemptionPolicy: Unsupported value: "Always": supported values: "PreemptLowerPriority", "Never"',
            'spec.overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
        ],
    ),
    "os": (
        {"spec.os": {"name": "plan9"}},
        ['spec.os: Unsupported value: "plan9": supported values: "linux", "windows"'],
    ),
    "windows pod with linux fields": (
        {
            "spec.os": {"name": "windows"},
            "spec.hostPID": True,
            "spec.securityContext": {"seLinuxOptions": {"level": "x"}, "runAsUser": 1},
            "spec.containers.0.securityContext": {"privileged": True},
        },
        [
            "spec.securityContext.seLinuxOptions: Forbidden: cannot be set for a windows pod",
            "spec.hostPID: Forbidden: cannot be set for a windows pod",
            "spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod",
            f"{C}.securityContext.privileged: Forbidden: cannot be set for a windows pod",
        ],
    ),
    "windows options": (
        {
            "spec.securityContext": {
                "windowsOptions": {"runAsUserName": "a\\b\\c", "hostProcess": True},
            },
        },
        [
            (
                'spec.securityContext.windowsOptions.runAsUserName: Invalid value: "a\\\\b\\\\c": runAsUserName cannot contain'
                " more than one backslash"
            ),
            "spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers",
        ],
    ),
    "resource claims": (
        {
            "spec.resourceClaims": [
                {"name": "a"},
                {"name": "a", "resourceClaimName": "X"},
            ]
        },
        [
            (
                'spec.resourceClaims[0]: Invalid value: {"Name":"a","ResourceClaimName":null,'
                '"ResourceClaimTemplateName":null}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'
            ),
            'spec.resourceClaims[1].name: Duplicate value: "a"',
            f'spec.resourceClaims[1].resourceClaimName: Invalid value: "X": {SUBDOMAIN}',
        ],
    ),
    "pod level resources": (
        {
            "spec.resources": {
                "limits": {"cpu": "1", "ephemeral-storage": "1Gi"},
                "requests": {"cpu": "500m"},
            },
            "spec.containers.0.resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}},
        },
        [
            (
                'spec.resources.limits[ephemeral-storage]: Unsupported value: "ephemeral-storage": supported values: "cpu",'
                ' "hugepages-", "memory"'
            ),
            (
                'spec.resources.requests[cpu]: Invalid value: "500m": must be greater than or equal to aggregate container'
                " requests of 1"
            ),
            'spec.resources.containers[0][cpu].limits: Invalid value: "2": must be less than or equal to pod limits of 1',
        ],
    ),
}
CASES = {
    f"{part}: {name}": case
    for part, cases in (
        ("metadata", METADATA_CASES),
        ("containers", CONTAINER_CASES),
        ("volumes", VOLUME_CASES),
        ("spec", SPEC_CASES),
    )
    for name, case in cases.items()
}


@pytest.mark.parametrize(("changes", "expected"), CASES.values(), ids=CASES)
def test_create(build, changes, expected):
    assert [str(error) for error in validate(build(Pod, POD, changes))] == expected


def test_a_sound_pod_has_no_errors(build):
    assert validate(build(Pod, POD)) == []


def test_undefaulted_fields_are_required(build):
    assert [str(error) for error in validate(build(Pod, POD, defaulted=False))] == [
        "spec.terminationGracePeriodSeconds: Required value",
        f"{C}.terminationMessagePolicy: Required value",
        f"{C}.imagePullPolicy: Required value",
        "spec.restartPolicy: Required value",
        "spec.dnsPolicy: Required value",
    ]


TEMPLATE = {
    "metadata": {"name": "t", "namespace": "default"},
    "template": {"metadata": {}, "spec": POD["spec"]},
}
TEMPLATE_CASES = {
    "labels": (
        {"template.metadata.labels": {"a": "-"}},
        ["template.labels: Invalid value"],
    ),
    "ephemeral containers": (
        {"template.spec.ephemeralContainers": [{"name": "d", "image": "i"}]},
        ["template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template"],
    ),
    "padded images are the pod's fault": ({"template.spec.containers.0.image": " x"}, []),
    "image volumes may lack a reference": (
        {"template.spec.volumes": [{"name": "i", "image": {}}]},
        [],
    ),
    "host ports are left to the pod": (
        {
            "template.spec.hostNetwork": True,
            "template.spec.containers.0.ports": [{"containerPort": 80}],
        },
        [],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), TEMPLATE_CASES.values(), ids=TEMPLATE_CASES)
def test_template(build, changes, expected):
    errors = [str(error) for error in validate(build(PodTemplate, TEMPLATE, changes))]
    assert len(errors) == len(expected)
    assert all(error.startswith(start) for error, start in zip(errors, expected, strict=True))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"kind": "Node", "name": "n"}, []),
        ({"name": "n"}, []),
        (
            {"kind": "Pod", "name": ""},
            [
                'target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"',
                "target.name: Required value",
            ],
        ),
    ],
    ids=["node", "no kind", "neither"],
)
def test_binding(build, target, expected):
    binding = build(Binding, {"metadata": {"name": "p"}, "target": target})
    assert [str(error) for error in validate(binding)] == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, []),
        (
            {"tailLines": -1, "limitBytes": 0, "sinceSeconds": 0},
            [
                "tailLines: Invalid value: -1: must be greater than or equal to 0",
                "limitBytes: Invalid value: 0: must be greater than 0",
                "sinceSeconds: Invalid value: 0: must be greater than 0",
            ],
        ),
        (
            {"stream": "Stderr", "tailLines": 1},
            ["[]: Forbidden: `tailLines` and specific `stream` are mutually exclusive for now"],
        ),
    ],
    ids=["none", "numbers", "stream"],
)
def test_log_options(build, options, expected):
    assert [str(error) for error in validate(build(PodLogOptions, options))] == expected
