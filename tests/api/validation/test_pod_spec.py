"""What is wrong with the rest of a pod's spec, in upstream's paths and words."""

import pytest

from kube.api.types.core_v1 import Pod
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


@pytest.mark.parametrize(("changes", "expected"), SPEC_CASES.values(), ids=SPEC_CASES)
def test_create(build, changes, expected):
    assert [str(error) for error in validate(build(Pod, POD, changes))] == expected
