"""What is wrong with a pod, its metadata and containers, and with what goes with it, in upstream's paths and words."""

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
C = "spec.containers[0]"


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

CASES = {
    f"{part}: {name}": case
    for part, cases in (
        ("metadata", METADATA_CASES),
        ("containers", CONTAINER_CASES),
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
