"""The rarer fields of pods: hooks, references, claims."""

import pytest

from kube.api.types.core_v1 import Pod

POD = {
    "metadata": {"name": "web", "namespace": "default", "resourceVersion": "1"},
    "spec": {
        "containers": [{"name": "web", "image": "nginx:1.25"}],
        "serviceAccountName": "default",
    },
}
C = "spec.containers[0]"
C0 = "spec.containers.0"
V0 = "spec.volumes"


def volume(**source):
    return {V0: [{"name": "v", **source}]}


def projected(*sources):
    return volume(projected={"sources": list(sources)})


HOOKS = {
    "two actions": (
        {
            f"{C0}.livenessProbe": {
                "exec": {"command": ["a"]},
                "httpGet": {"port": 1},
                "tcpSocket": {"port": 1},
            },
            f"{C0}.lifecycle": {
                "postStart": {"tcpSocket": {"port": 1}, "sleep": {"seconds": 1}},
                "preStop": {"httpGet": {"port": 1, "scheme": "ftp", "httpHeaders": [{"name": "a b"}]}},
            },
        },
        [
            f"{C}.lifecycle.postStart.sleep: Forbidden: may not specify more than 1 handler type",
            f'{C}.lifecycle.preStop.httpGet.scheme: Unsupported value: "ftp": supported values: "HTTP", "HTTPS"',
            f'{C}.lifecycle.preStop.httpGet.httpHeaders: Invalid value: "a b": a valid HTTP header must consist of',
            f"{C}.livenessProbe.httpGet: Forbidden: may not specify more than 1 handler type",
            f"{C}.livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
        ],
    ),
    "grace of a probe": (
        {f"{C0}.startupProbe": {"grpc": {"port": 0}, "terminationGracePeriodSeconds": 0}},
        [
            f"{C}.startupProbe.grpc.port: Invalid value: 0: must be between 1 and 65535, inclusive",
            f"{C}.startupProbe.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0",
        ],
    ),
    "signals of linux": (
        {"spec.os": {"name": "linux"}, f"{C0}.lifecycle": {"stopSignal": "SIGRTMIN+15"}},
        [],
    ),
    "no signal": (
        {"spec.os": {"name": "linux"}, f"{C0}.lifecycle": {"stopSignal": "SIGNOT"}},
        [f'{C}.lifecycle.stopSignal: Unsupported value: "SIGNOT": supported values: "SIGABRT", "SIGALRM"'],
    ),
    "signals of windows": (
        {"spec.os": {"name": "windows"}, f"{C0}.lifecycle": {"stopSignal": "SIGHUP"}},
        [f'{C}.lifecycle.stopSignal: Unsupported value: "SIGHUP": supported values: "SIGKILL", "SIGTERM"'],
    ),
}


def env(**source):
    return {f"{C0}.env": [{"name": "A", "valueFrom": source}]}


E = f"{C}.env[0].valueFrom"
REFERENCES = {
    "no field": (env(fieldRef={"fieldPath": ""}), [f"{E}.fieldRef.fieldPath: Required value"]),
    "version": (
        env(fieldRef={"apiVersion": "v2", "fieldPath": "metadata.name"}),
        [
            (
                f'{E}.fieldRef.fieldPath: Invalid value: "metadata.name": error converting fieldPath: unsupported pod version:'
                " v2"
            )
        ],
    ),
    "subscript of a field without": (
        env(fieldRef={"fieldPath": "metadata.name['a']"}),
        [
            (
                f"{E}.fieldRef.fieldPath: Invalid value: \"metadata.name['a']\": error converting fieldPath: field label does"
                " not support subscript: metadata.name['a']"
            )
        ],
    ),
    "annotation in capitals": (env(fieldRef={"fieldPath": "metadata.annotations['A.io/B']"}), []),
    "bad label": (
        env(fieldRef={"fieldPath": "metadata.labels['a b']"}),
        [f'{E}.fieldRef: Invalid value: "a b": name part must consist of'],
    ),
    "the old name of the node": (
        env(fieldRef={"fieldPath": "spec.host"}),
        [],
    ),
    "no resource": (
        env(resourceFieldRef={"resource": ""}),
        [f"{E}.resourceFieldRef.resource: Required value"],
    ),
    "divisors of bytes": (
        {
            f"{C0}.env": [
                {
                    "name": "A",
                    "valueFrom": {"resourceFieldRef": {"resource": resource, "divisor": "2"}},
                }
                for resource in ("limits.memory", "requests.ephemeral-storage", "limits.hugepages-2Mi")
            ]
        },
        [
            f'{C}.env[{i}].valueFrom.resourceFieldRef.divisor: Invalid value: "{resource}": only divisor\'s values 1, 1k,'
            f" 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the {of} resource"
            for i, (resource, of) in enumerate(
                (
                    ("limits.memory", "memory"),
                    ("requests.ephemeral-storage", "local ephemeral storage"),
                    ("limits.hugepages-2Mi", "hugepages"),
                )
            )
        ],
    ),
    "key of a config map": (
        env(configMapKeyRef={"name": "A", "key": "a/b"}),
        [
            f'{E}.configMapKeyRef.name: Invalid value: "A": a lowercase RFC 1123 subdomain',
            f'{E}.configMapKeyRef.key: Invalid value: "a/b": a valid config key',
        ],
    ),
    "file": (
        env(fileKeyRef={"volumeName": "", "path": "", "key": ""}),
        [
            f"{E}.fileKeyRef.key: Required value",
            f"{E}.fileKeyRef.volumeName: Required value",
            f"{E}.fileKeyRef.path: Required value",
        ],
    ),
    "file above": (
        env(fileKeyRef={"volumeName": "v", "path": "../x", "key": "="}),
        [
            f'{E}.fileKeyRef.key: Invalid value: "=": a valid environment variable name',
            f"{E}.fileKeyRef.path: Invalid value: \"../x\": must not contain '..'",
        ],
    ),
    "two sources": (
        env(secretKeyRef={"name": "s", "key": "k"}, configMapKeyRef={"name": "c", "key": "k"}),
        [f'{E}: Invalid value: "": may not have more than one field specified at a time'],
    ),
    "envFrom": (
        {f"{C0}.envFrom": [{"configMapRef": {"name": "C"}, "secretRef": {"name": "s"}}]},
        [
            f'{C}.envFrom[0].configMapRef.name: Invalid value: "C": a lowercase RFC 1123 subdomain',
            f'{C}.envFrom: Invalid value: "": may not have more than one field specified at a time',
        ],
    ),
    "claims": (
        {
            "spec.resourceClaims": [
                {"name": "a", "resourceClaimName": "x"},
                {"name": "b", "resourceClaimName": "x", "resourceClaimTemplateName": "T"},
                {"name": ""},
            ],
            f"{C0}.resources": {
                "claims": [
                    {"name": "a", "request": "r"},
                    {"name": "a", "request": "r"},
                    {"name": "a"},
                    {"name": "a"},
                    {"name": "c"},
                ]
            },
        },
        [
            "spec.resourceClaims[1]: Invalid value: {",
            'spec.resourceClaims[1].resourceClaimTemplateName: Invalid value: "T": a lowercase RFC 1123 subdomain',
            "spec.resourceClaims[2].name: Required value",
            "spec.resourceClaims[2]: Invalid value: {",
            f'{C}.resources.claims[1]: Duplicate value: "a/r"',
            f'{C}.resources.claims[2]: Duplicate value: "a"',
            f'{C}.resources.claims[3]: Duplicate value: "a"',
            f'{C}.resources.claims[4]: Not found: "c": must be one of the names in pod.spec.resourceClaims: a, b',
        ],
    ),
    "dns": (
        {
            "spec.dnsConfig": {
                "nameservers": ["1.1.1.1"] * 4,
                "searches": ["a" * 70] * 33,
            }
        },
        [
            (
                'spec.dnsConfig.nameservers: Invalid value: ["1.1.1.1","1.1.1.1","1.1.1.1","1.1.1.1"]: must not have more than'
                " 3 nameservers"
            ),
            "spec.dnsConfig.searches: Invalid value: [",
            "spec.dnsConfig.searches: Invalid value: [",
        ],
    ),
    "no nameserver": (
        {"spec.dnsPolicy": "None", "spec.dnsConfig": {}},
        ["spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when"],
    ),
    "hostname override": (
        {
            "spec.hostnameOverride": "Host" * 20,
            "spec.setHostnameAsFQDN": True,
            "spec.hostNetwork": True,
        },
        [
            'spec.hostnameOverride: Invalid value: "HostHost',
            "spec.hostnameOverride: Too long: may not be more than 64 bytes",
            "spec.hostnameOverride: Forbidden: may not be specified when `setHostnameAsFQDN` is true",
            "spec.hostnameOverride: Forbidden: may not be specified when `hostNetwork` is true",
        ],
    ),
    "empty hostname override": (
        {"spec.hostnameOverride": ""},
        ["spec.hostnameOverride: Required value: must not be empty when set"],
    ),
    "mount propagation": (
        {
            **volume(emptyDir={}),
            f"{C0}.volumeMounts": [
                {"name": "v", "mountPath": "/a", "mountPropagation": "Up"},
                {
                    "name": "v",
                    "mountPath": "/b",
                    "readOnly": True,
                    "recursiveReadOnly": "IfPossible",
                    "mountPropagation": "HostToContainer",
                },
                {"name": "v", "mountPath": "/c", "recursiveReadOnly": "Maybe"},
            ],
        },
        [
            f'{C}.volumeMounts.mountPropagation: Unsupported value: "Up": supported values: "Bidirectional",',
            (
                f"{C}.volumeMounts.recursiveReadOnly: Forbidden: may only be specified when mountPropagation is None or not"
                " specified"
            ),
            (
                f'{C}.volumeMounts.recursiveReadOnly: Unsupported value: "Maybe": supported values: "Disabled", "Enabled",'
                ' "IfPossible"'
            ),
        ],
    ),
    "devices twice": (
        {
            **volume(persistentVolumeClaim={"claimName": "c"}),
            f"{C0}.volumeDevices": [
                {"name": "v", "devicePath": "/dev/x"},
                {"name": "v", "devicePath": "/dev/x"},
                {"name": "", "devicePath": ""},
            ],
        },
        [
            f'{C}.volumeDevices[1].name: Invalid value: "v": must be unique',
            f'{C}.volumeDevices[1].devicePath: Invalid value: "/dev/x": must be unique',
            f"{C}.volumeDevices[2].name: Required value",
            f'{C}.volumeDevices[2].name: Not found: ""',
            f"{C}.volumeDevices[2].devicePath: Required value",
        ],
    ),
    "restart rules": (
        {
            f"{C0}.restartPolicy": "Never",
            f"{C0}.restartPolicyRules": [
                {"action": "Restart", "exitCodes": {"operator": "In", "values": [1] * 256}}
            ]
            * 21,
        },
        [
            f"{C}.restartPolicyRules: Too many: 21: must have at most 20 items",
            *(
                f"{C}.restartPolicyRules[{i}].exitCodes.values: Too many: 256: must have at most 255 items"
                for i in range(21)
            ),
        ],
    ),
    "resize policy twice": (
        {f"{C0}.resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}] * 2},
        [f'{C}.resizePolicy[1]: Duplicate value: "cpu"'],
    ),
    "selectors of affinity": (
        {
            "spec.affinity": {
                "podAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {
                            "weight": 101,
                            "podAffinityTerm": {
                                "topologyKey": "zone",
                                "labelSelector": {
                                    "matchLabels": {"b": "c"},
                                    "matchExpressions": [
                                        {"key": "a", "operator": "Exists", "values": ["x"]},
                                        {"key": "b", "operator": "Is"},
                                    ],
                                },
                                "matchLabelKeys": ["b", "d"],
                                "mismatchLabelKeys": ["d"],
                            },
                        }
                    ]
                }
            }
        },
        [
            "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]." + rest
            for rest in (
                "weight: Invalid value: 101: must be in the range 1-100",
                "podAffinityTerm.labelSelector.matchExpressions[0].values: Forbidden: may not be specified when",
                'podAffinityTerm.labelSelector.matchExpressions[1].operator: Invalid value: "Is": not a valid',
                'podAffinityTerm[0]: Invalid value: "b": exists in both matchLabelKeys and labelSelector',
                'podAffinityTerm.matchLabelKeys[1]: Invalid value: "d": exists in both matchLabelKeys and mismatch',
            )
        ],
    ),
    "fields of nodes": (
        {
            "spec.affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {
                                "matchFields": [
                                    {"key": "metadata.name", "operator": "Exists"},
                                    {"key": "metadata.name", "operator": "In", "values": ["A", "b"]},
                                ]
                            }
                        ]
                    }
                }
            }
        },
        [
            "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]."
            + rest
            for rest in (
                'matchFields[0].operator: Invalid value: "Exists": not a valid selector operator',
                "matchFields[1].values: Required value: must be only one value when `operator` is 'In' or 'NotIn' for",
                'matchFields[1].values[0]: Invalid value: "A": a lowercase RFC 1123 subdomain',
            )
        ],
    ),
    "spreading": (
        {
            "spec.topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "z",
                    "whenUnsatisfiable": "DoNotSchedule",
                    "minDomains": 0,
                    "matchLabelKeys": ["a b"],
                }
            ]
        },
        [
            "spec.topologySpreadConstraints[0].minDomains: Invalid value: 0: must be greater than zero",
            "spec.topologySpreadConstraints[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is",
            'spec.topologySpreadConstraints[0].matchLabelKeys[0]: Invalid value: "a b": name part must consist of',
        ],
    ),
    "values of tolerations": (
        {
            "spec.tolerations": [
                {"key": "a b", "operator": "Exists"},
                {"key": "a", "value": "v v"},
                {"key": "a", "operator": "Lt", "value": "x"},
            ]
        },
        [
            'spec.tolerations[0].key: Invalid value: "a b": name part must consist of',
            'spec.tolerations[1].operator: Invalid value: "v v": a valid label must be an empty string',
            (
                "spec.tolerations[2].operator: Invalid value: \"x\": value must be a valid integer when `operator` is 'Lt' or"
                " 'Gt'"
            ),
        ],
    ),
    "claims at pod level": (
        {
            "spec.resourceClaims": [{"name": "a", "resourceClaimName": "x"}],
            "spec.resources": {"claims": [{"name": "a"}], "limits": {"gpu": "1"}},
        },
        [
            "spec.resources.claims: Forbidden: claims cannot be set for Resources at pod-level",
            'spec.resources.limits[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
        ],
    ),
}
CASES = {
    f"{part}: {name}": case
    for part, cases in (
        ("hooks", HOOKS),
        ("references", REFERENCES),
    )
    for name, case in cases.items()
}


@pytest.mark.parametrize(("changes", "expected"), CASES.values(), ids=CASES)
def test_create(faults, changes, expected):
    errors = faults(Pod, POD, changes)
    for error, start in zip(errors, expected, strict=False):
        assert error.startswith(start)
    assert len(errors) == len(expected), errors
