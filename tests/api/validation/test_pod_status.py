"""What a pod's status may say, and what may change of a pod that waits or runs."""

import pytest

from kube.api.types.core_v1 import Pod
from kube.api.validation import validate_status_update, validate_update

POD = {
    "metadata": {"name": "web", "namespace": "default", "resourceVersion": "1"},
    "spec": {
        "containers": [{"name": "web", "image": "nginx:1.25"}],
        "serviceAccountName": "default",
    },
}


def status(**fields):
    return {"status": {"containerStatuses": [{"name": "web", **fields}]}}


A = "status.containerStatuses[0]"
STATUSES = {
    "user": (
        status(user={"linux": {"uid": -1, "gid": 0, "supplementalGroups": [-1]}}),
        [
            f"{A}.linux.uid: Invalid value: -1: must be between 0 and 4294967295, inclusive",
            f"{A}.linux.supplementalGroups[0]: Invalid value: -1: must be between 0 and 4294967295, inclusive",
        ],
    ),
    "user on windows": (
        {"spec.os": {"name": "windows"}, **status(user={"linux": {"uid": 1, "gid": 0}})},
        [f"{A}.linux: Forbidden: cannot be set for a windows pod"],
    ),
    "resource health": (
        status(
            allocatedResourcesStatus=[
                {
                    "name": "example.com/gpu",
                    "resources": [
                        {"resourceID": "a", "health": "Healthy"},
                        {"resourceID": "a", "health": "Ill"},
                    ],
                },
                {"name": "claim:x/y"},
            ]
        ),
        [
            (
                f'{A}.allocatedResourcesStatus[0].name: Invalid value: "example.com/gpu": must match one of the container\'s'
                " resource requests"
            ),
            (
                f'{A}.allocatedResourcesStatus[0].resources[1].health: Unsupported value: "Ill": supported values: "Healthy",'
                ' "Unhealthy", "Unknown"'
            ),
            f'{A}.allocatedResourcesStatus[0].resources[1].resourceID: Duplicate value: "a"',
            (
                f'{A}.allocatedResourcesStatus[1].name: Invalid value: "claim:x/y": must match one of the container\'s'
                " resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty"
            ),
        ],
    ),
    "resource health of an ephemeral container": (
        {
            "status": {
                "ephemeralContainerStatuses": [{"name": "d", "allocatedResourcesStatus": [{"name": "x"}]}]
            }
        },
        [
            (
                "status.ephemeralContainerStatuses[0].allocatedResourcesStatus: Forbidden: must not be specified in container"
                " status"
            )
        ],
    ),
    "nominated node": (
        {"status.nominatedNodeName": "N"},
        [
            (
                'status.nominatedNodeName: Invalid value: "N": a lowercase RFC 1123 subdomain must consist of lower case'
                " alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g."
                r" 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            )
        ],
    ),
    "generations": (
        {"status": {"observedGeneration": -1, "conditions": [{"type": "Ready", "observedGeneration": -1}]}},
        [
            "status.observedGeneration: Invalid value: -1: must be greater than or equal to 0",
            "metadata.conditions[0].observedGeneration: Invalid value: -1: must be greater than or equal to 0",
        ],
    ),
    "two host addresses of one family": (
        {"status": {"hostIP": "10.0.0.1", "hostIPs": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]}},
        [
            (
                'status.hostIPs: Invalid value: [{"IP":"10.0.0.1"},{"IP":"10.0.0.2"}]: may specify no more than one IP for each'
                " IP family"
            )
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), STATUSES.values(), ids=STATUSES)
def test_status(build, changes, expected):
    same = {key: value for key, value in changes.items() if key.startswith("spec")}
    errors = validate_status_update(build(Pod, POD, changes), build(Pod, POD, same))
    assert [str(error) for error in errors] == expected


def affinity(*terms):
    return {
        "spec.affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}
            }
        }
    }


def term(*keys):
    return {"matchExpressions": [{"key": key, "operator": "Exists"} for key in keys]}


TERMS = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
GATE = {"spec.schedulingGates": [{"name": "g"}]}
AFFINITIES = {
    "stricter": (affinity(term("a")), affinity(term("a", "b")), []),
    "another term": (
        affinity(term("a")),
        affinity(term("a"), term("b")),
        [f"{TERMS}: Invalid value: [{{"],
    ),
    "removed": (affinity(term("a")), {}, [f"{TERMS}: Invalid value: null: no additions/deletions"]),
    "looser": (
        affinity(term("a", "b")),
        affinity(term("a")),
        [f"{TERMS}[0]: Invalid value: {{"],
    ),
    "to a term that matches nothing": (
        affinity({}),
        affinity(term("a")),
        [f"{TERMS}[0]: Invalid value: {{"],
    ),
    "pod affinity": (
        {},
        {"spec.affinity": {"podAffinity": {}}},
        ["spec: Forbidden: pod updates may not change fields other than"],
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), AFFINITIES.values(), ids=AFFINITIES)
def test_node_affinity_of_a_gated_pod(update_faults, before, after, expected):
    errors = update_faults(Pod, POD, {**GATE, **before}, {**GATE, **after})
    assert len(errors) == len(expected), errors
    assert all(error.startswith(start) for error, start in zip(errors, expected, strict=True))


def init(resources, restart="Always"):
    return {
        "spec.initContainers": [
            {
                "name": "i",
                "image": "i",
                "resources": resources,
                **({"restartPolicy": restart} if restart else {}),
            }
        ]
    }


SIDECARS = {
    "sidecar": (init({"requests": {"cpu": "1"}}), init({"requests": {"cpu": "2"}}), []),
    "less": (
        init({"requests": {"cpu": "1", "memory": "1"}}),
        init({"requests": {"cpu": "1"}}),
        ["spec.initContainers[0].resources.requests: Forbidden: resource requests cannot be removed"],
    ),
    "storage of a sidecar": (
        init({"requests": {"cpu": "1", "ephemeral-storage": "1"}}),
        init({"requests": {"cpu": "1", "ephemeral-storage": "2"}}),
        ["spec: Forbidden: only cpu and memory resources for sidecar containers are mutable"],
    ),
    "init container": (
        init({"requests": {"cpu": "1"}}, None),
        init({"requests": {"cpu": "2"}}, None),
        ["spec: Forbidden: resources for non-sidecar init containers are immutable"],
    ),
    "another container": (
        {},
        init({}),
        ["spec: Forbidden: only cpu and memory resources are mutable"],
    ),
    "mirror": (
        {"metadata.annotations": {"kubernetes.io/config.mirror": "x"}, "spec.nodeName": "n"},
        {"metadata.annotations": {"kubernetes.io/config.mirror": "x"}, "spec.nodeName": "n"},
        ["[]: Forbidden: static pods cannot be resized"],
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), SIDECARS.values(), ids=SIDECARS)
def test_resize(update_faults, before, after, expected):
    assert update_faults(Pod, POD, before, after, "resize") == expected


def test_an_unknown_subresource_has_no_rules(build):
    pod = build(Pod, POD)
    assert validate_update(pod, pod, "log") == []
