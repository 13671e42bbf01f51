"""What may become of a pod once it exists: the pod itself, its status, ephemeral containers, resources."""

import pytest

from kube.api.types.core_v1 import Pod
from kube.api.validation import validate_status_update, validate_update

POD = {
    "metadata": {"name": "web", "namespace": "default", "resourceVersion": "1", "uid": "u"},
    "spec": {
        "containers": [{"name": "web", "image": "nginx:1.25"}],
        "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoExecute"}],
    },
}
ONLY = (
    "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing"
    " tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n"
)
GATED = {"spec.schedulingGates": [{"name": "g"}, {"name": "h"}], "spec.nodeSelector": {"a": "b"}}


def texts(errors):
    return [str(error) for error in errors]


UPDATES = {
    "nothing": ({}, {}, []),
    "image": ({}, {"spec.containers.0.image": "nginx:1.26"}, []),
    "no image": (
        {},
        {"spec.containers.0.image": ""},
        [
            "spec.containers[0].image: Required value",
            "spec.containers[0].image: Required value",
        ],
    ),
    "deadline set": ({}, {"spec.activeDeadlineSeconds": 5}, []),
    "deadline later": (
        {"spec.activeDeadlineSeconds": 5},
        {"spec.activeDeadlineSeconds": 6},
        ["spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous value"],
    ),
    "deadline out of range": (
        {},
        {"spec.activeDeadlineSeconds": 2**31},
        [
            "spec.activeDeadlineSeconds: Invalid value: 2147483648: must be between 1 and 2147483647, inclusive",
            "spec.activeDeadlineSeconds: Invalid value: 2147483648: must be between 0 and 2147483647, inclusive",
        ],
    ),
    "deadline unset": (
        {"spec.activeDeadlineSeconds": 5},
        {},
        [
            'spec.activeDeadlineSeconds: Invalid value: "null": must not update from a positive integer to nil value'
        ],
    ),
    "toleration added": (
        {},
        {"spec.tolerations.1": {"key": "b", "operator": "Exists"}},
        [],
    ),
    "toleration seconds": ({}, {"spec.tolerations.0.tolerationSeconds": 3}, []),
    "toleration changed": (
        {},
        {"spec.tolerations.0.key": "z"},
        ["spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"],
    ),
    "container added": (
        {},
        {"spec.containers.1": {"name": "b", "image": "b"}},
        ["spec.containers: Forbidden: pod updates may not add or remove containers"],
    ),
    "gate removed": (GATED, {**GATED, "spec.schedulingGates": [{"name": "h"}]}, []),
    "gate added": (
        {},
        {"spec.schedulingGates": [{"name": "g"}]},
        [
            "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'g'"
        ],
    ),
    "node selector of a gated pod grows": (
        GATED,
        {**GATED, "spec.nodeSelector": {"a": "b", "c": "d"}},
        [],
    ),
    "node selector of a gated pod changes": (
        GATED,
        {**GATED, "spec.nodeSelector": {"a": "c"}},
        [
            (
                'spec.nodeSelector: Invalid value: {"a":"c"}: only additions to spec.nodeSelector are allowed (no mutations'
                " or deletions)"
            )
        ],
    ),
    "node affinity of a gated pod is set": (
        GATED,
        {
            **GATED,
            "spec.affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]
                    }
                }
            },
        },
        [],
    ),
    "grace period from negative to one": (
        {"spec.terminationGracePeriodSeconds": -1},
        {"spec.terminationGracePeriodSeconds": 1},
        [],
    ),
    "name": (
        {},
        {"metadata.name": "other"},
        ['metadata.name: Invalid value: "other": field is immutable'],
    ),
    "no resource version": (
        {},
        {"metadata.resourceVersion": ""},
        ['metadata.resourceVersion: Invalid value: "": must be specified for an update'],
    ),
    "mirror annotation": (
        {},
        {
            "metadata.annotations": {"kubernetes.io/config.mirror": "x"},
        },
        [
            (
                'metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "x": must set spec.nodeName if mirror pod'
                " annotation is set"
            ),
            "metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not add mirror pod annotation",
            (
                'metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "x": must set spec.nodeName if mirror pod'
                " annotation is set"
            ),
        ],
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), UPDATES.values(), ids=UPDATES)
def test_update(build, before, after, expected):
    assert texts(validate_update(build(Pod, POD, after), build(Pod, POD, before))) == expected


def test_what_may_not_change_is_shown(build):
    (error,) = validate_update(
        build(Pod, POD, {"spec.hostname": "h", "spec.containers.0.command": ["sh"]}), build(Pod, POD)
    )
    assert str(error) == ONLY + "\n".join(
        [
            "  core.PodSpec{",
            "  \t... // 2 identical fields",
            "  \tContainers: {",
            "  \t\tcore.Container{",
            "  \t\t\t... // 2 identical fields",
            "  \t\t\tCommand: {",
            '+ \t\t\t\t"sh",',
            "  \t\t\t},",
            "  \t\t\t... // 22 identical fields",
            "  \t\t},",
            "  \t},",
            "  \t... // 16 identical fields",
            '- \tHostname: "",',
            '+ \tHostname: "h",',
            f"  \t... // {len(Pod().spec.__struct_fields__) - 20} identical fields",
            "  }",
            "",
        ]
    )


def test_quantities_may_be_spelled_otherwise(build):
    limits = "spec.containers.0.resources"
    old = build(Pod, POD, {limits: {"limits": {"memory": "1Ki"}}})
    assert validate_update(build(Pod, POD, {limits: {"limits": {"memory": "1024"}}}), old) == []


TERMINATED = {"name": "web", "state": {"terminated": {"exitCode": 1}}}
RUNNING = {"name": "web", "state": {"running": {}}}
STATUSES = {
    "nothing": ({}, {}, []),
    "node name": (
        {},
        {"spec.nodeName": "n"},
        ["status.nodeName: Forbidden: may not be changed directly"],
    ),
    "qos": (
        {"status.qosClass": "Burstable"},
        {"status.qosClass": "Guaranteed"},
        ['status.qosClass: Invalid value: "Guaranteed": field is immutable'],
    ),
    "addresses": (
        {},
        {
            "status.podIP": "10.0.0.1",
            "status.podIPs": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.1"}],
            "status.hostIP": "10.1.0.1",
            "status.hostIPs": [{"ip": "010.1.0.1"}],
        },
        [
            (
                'status.podIPs: Invalid value: [{"IP":"10.0.0.1"},{"IP":"10.0.0.1"}]: may specify no more than one IP for'
                " each IP family"
            ),
            'status.podIPs[1]: Duplicate value: {"IP":"10.0.0.1"}',
            'status.hostIPs[0].ip: Invalid value: "010.1.0.1": must be equal to `hostIP`',
            'status.hostIPs[0]: Invalid value: "010.1.0.1": must not have leading 0s',
        ],
    ),
    "dual stack": ({}, {"status.podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]}, []),
    "restart under Always": (
        {"status.containerStatuses": [TERMINATED]},
        {"status.containerStatuses": [RUNNING]},
        [],
    ),
    "restart under Never": (
        {"spec.restartPolicy": "Never", "status.containerStatuses": [TERMINATED]},
        {"spec.restartPolicy": "Never", "status.containerStatuses": [RUNNING]},
        ["status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"],
    ),
    "restart after failure under OnFailure": (
        {"spec.restartPolicy": "OnFailure", "status.containerStatuses": [TERMINATED]},
        {"spec.restartPolicy": "OnFailure", "status.containerStatuses": [RUNNING]},
        [],
    ),
    "restart by the container's own policy": (
        {
            "spec.restartPolicy": "Never",
            "spec.containers.0.restartPolicy": "Always",
            "status.containerStatuses": [TERMINATED],
        },
        {"spec.restartPolicy": "Never", "status.containerStatuses": [RUNNING]},
        [],
    ),
    "condition type": (
        {},
        {"status.conditions": [{"type": "Ready"}, {"type": "a b"}]},
        ["metadata.conditions[1].Type: Invalid value"],
    ),
    "claim statuses": (
        {},
        {"status.resourceClaimStatuses": [{"name": "c"}]},
        [
            (
                'status.resourceClaimStatuses[0].name: Invalid value: "c": must match the name of an entry in'
                " `spec.resourceClaims`"
            )
        ],
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), STATUSES.values(), ids=STATUSES)
def test_status_update(build, before, after, expected):
    errors = texts(validate_status_update(build(Pod, POD, after), build(Pod, POD, before)))
    assert len(errors) == len(expected)
    assert all(error.startswith(start) for error, start in zip(errors, expected, strict=True))


def debug(**fields):
    return {"name": "debug", "image": "busybox", **fields}


EPHEMERAL = {
    "sub paths": (
        [],
        [debug(volumeMounts=[{"name": "v", "mountPath": "/a", "subPath": "b", "subPathExpr": "c"}])],
        [
            'spec.ephemeralContainers[0].volumeMounts[0].name: Not found: "v"\n',
            (
                'spec.ephemeralContainers[0].volumeMounts[0].subPathExpr: Invalid value: "c": subPathExpr and subPath are'
                " mutually exclusive\n"
            ),
            "spec.ephemeralContainers[0].volumeMounts[0].subPath: Forbidden: cannot be set for an Ephemeral Container\n",
            (
                "spec.ephemeralContainers[0].volumeMounts[0].subPathExpr: Forbidden: cannot be set for an Ephemeral"
                " Container\n"
            ),
        ],
    ),
    "name of another": (
        [],
        [debug(name="web")],
        ['spec.ephemeralContainers[0].name: Duplicate value: "web"\n'],
    ),
    "added": ([], [debug()], []),
    "changed": (
        [debug()],
        [debug(image="other")],
        ['spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be changed\n'],
    ),
    "removed": (
        [debug()],
        [],
        ['spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed\n'],
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), EPHEMERAL.values(), ids=EPHEMERAL)
def test_ephemeral_containers(build, before, after, expected):
    field = "spec.ephemeralContainers"
    errors = validate_update(
        build(Pod, POD, {field: after}), build(Pod, POD, {field: before}), "ephemeralcontainers"
    )
    assert [str(error).partition("\n")[0] + "\n" for error in errors] == expected


def test_mirror_pods_take_no_ephemeral_containers(build):
    mirror = {"metadata.annotations": {"kubernetes.io/config.mirror": "x"}, "spec.nodeName": "n"}
    pod = build(Pod, POD, mirror)
    assert texts(validate_update(pod, pod, "ephemeralcontainers")) == [
        "[]: Forbidden: static pods do not support ephemeral containers"
    ]


R = "spec.containers.0.resources"
RESIZES = {
    "cpu": (
        {R: {"requests": {"cpu": "1"}}},
        {R: {"requests": {"cpu": "2"}}},
        [],
    ),
    "memory limit down": (
        {R: {"limits": {"memory": "2Gi"}, "requests": {"memory": "1Gi"}}},
        {R: {"limits": {"memory": "1Gi"}, "requests": {"memory": "1Gi"}}},
        [],
    ),
    "removed": (
        {R: {"requests": {"cpu": "1", "memory": "1Gi"}}},
        {R: {"requests": {"cpu": "1"}}},
        ["spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed"],
    ),
    "quality of service": (
        {R: {"requests": {"cpu": "1"}}},
        {R: {"limits": {"cpu": "1", "memory": "1Gi"}}},
        ['spec: Invalid value: "": Pod QOS Class may not change as a result of resizing'],
    ),
    "storage": (
        {R: {"requests": {"cpu": "1", "ephemeral-storage": "1Gi"}}},
        {R: {"requests": {"cpu": "1", "ephemeral-storage": "2Gi"}}},
        ["spec: Forbidden: only cpu and memory resources are mutable"],
    ),
    "something else": (
        {R: {"requests": {"cpu": "1"}}},
        {R: {"requests": {"cpu": "1"}}, "spec.hostname": "h"},
        ["spec: Forbidden: only cpu and memory resources are mutable"],
    ),
    "old node": (
        {
            R: {"requests": {"cpu": "1"}},
            "status.containerStatuses": [RUNNING],
        },
        {R: {"requests": {"cpu": "2"}}},
        ["spec: Forbidden: Pod running on node without support for resize"],
    ),
    "windows": (
        {"spec.os": {"name": "windows"}},
        {"spec.os": {"name": "windows"}},
        ["[]: Forbidden: windows pods cannot be resized"],
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), RESIZES.values(), ids=RESIZES)
def test_resize(build, before, after, expected):
    errors = validate_update(build(Pod, POD, after), build(Pod, POD, before), "resize")
    assert texts(errors) == expected
