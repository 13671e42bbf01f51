import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.api.helpers.qos import compute_pod_qos, pod_qos
from kube.api.types.core_v1 import Pod, PodStatus
from kube.apimachinery.serializer import decode

BOTH = {"cpu": "1", "memory": "1Gi"}


def pod(*resources, **spec):
    containers = [{"name": f"c{i}", "resources": each} for i, each in enumerate(resources)]
    return decode(Pod, json.dumps({"spec": {"containers": containers, **spec}}).encode())


CASES = {
    "nothing": (pod({}), "BestEffort"),
    "zero requests": (pod({"requests": {"cpu": "0"}}), "BestEffort"),
    "other resources": (pod({"requests": {"ephemeral-storage": "1Gi"}}), "BestEffort"),
    "requests": (pod({"requests": {"cpu": "1"}}), "Burstable"),
    "limits equal to requests": (pod({"limits": BOTH, "requests": BOTH}), "Guaranteed"),
    "equal in other spelling": (
        pod({"limits": BOTH, "requests": {"cpu": "1000m", "memory": "1024Mi"}}),
        "Guaranteed",
    ),
    "one resource only": (
        pod({"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}),
        "Burstable",
    ),
    "one container without limits": (pod({"limits": BOTH, "requests": BOTH}, {}), "Burstable"),
    "lower requests": (
        pod({"limits": BOTH, "requests": {"cpu": "500m", "memory": "1Gi"}}),
        "Burstable",
    ),
    "init containers count": (
        pod({"limits": BOTH, "requests": BOTH}, initContainers=[{"name": "i"}]),
        "Burstable",
    ),
    "pod level": (pod({}, resources={"limits": BOTH, "requests": BOTH}), "Guaranteed"),
    "pod level over containers": (
        pod({"limits": BOTH, "requests": BOTH}, resources={"requests": {"cpu": "2"}}),
        "Burstable",
    ),
}


@pytest.mark.parametrize(("subject", "expected"), CASES.values(), ids=CASES)
def test_class(subject, expected):
    assert compute_pod_qos(subject.spec) == expected


def test_the_recorded_class_stands():
    assert pod_qos(Pod(status=PodStatus(qos_class="Guaranteed"))) == "Guaranteed"


quantity = st.sampled_from(["0", "1", "2", "500m"])
resource_list = st.dictionaries(st.sampled_from(["cpu", "memory", "example.com/gpu"]), quantity)
requirements = st.fixed_dictionaries({"limits": resource_list, "requests": resource_list})


@given(st.lists(requirements, min_size=1, max_size=3))
def test_best_effort_asks_for_nothing_and_guaranteed_for_all_it_may_use(resources):
    found = compute_pod_qos(pod(*resources).spec)
    amounts = [
        each[part].get(name, "0")
        for each in resources
        for part in ("limits", "requests")
        for name in ("cpu", "memory")
    ]
    assert (found == "BestEffort") == all(amount == "0" for amount in amounts)
    if found == "Guaranteed":
        assert all(each["limits"].get(name, "0") != "0" for each in resources for name in ("cpu", "memory"))
