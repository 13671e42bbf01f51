"""What a pod requests: KEP-753's formula over sidecars and init containers, overhead, resizes, pod level."""

import json

import pytest

from kube.api.helpers import resource_names as names
from kube.api.helpers.resources import (
    is_resize_deferred,
    is_resize_infeasible,
    pod_limits,
    pod_requests,
    quantities,
)
from kube.api.types.core_v1 import Pod
from kube.apimachinery.serializer import decode


def container(cpu=None, restart=None, limit=None, name="c"):
    resources = {}
    if cpu is not None:
        resources["requests"] = {"cpu": cpu}
    if limit is not None:
        resources["limits"] = {"cpu": limit}
    tree = {"name": name, "resources": resources}
    return {**tree, "restartPolicy": restart} if restart else tree


def pod(tree):
    return decode(Pod, json.dumps(tree).encode())


REQUESTS = {
    "nothing": ({"containers": [container()]}, {}),
    "the sum of containers": ({"containers": [container("1"), container("500m")]}, {"cpu": "1500m"}),
    "the largest init container": (
        {"containers": [container("1")], "initContainers": [container("2"), container("3")]},
        {"cpu": "3"},
    ),
    "sidecars run beside the containers": (
        {"containers": [container("1")], "initContainers": [container("2", "Always")]},
        {"cpu": "3"},
    ),
    "an init container beside the sidecars before it": (
        {
            "containers": [container("1")],
            "initContainers": [
                container("2", "Always"),
                container("5"),
                container("3", "Always"),
            ],
        },
        {"cpu": "7"},
    ),
    "overhead": ({"containers": [container("1")], "overhead": {"cpu": "250m"}}, {"cpu": "1250m"}),
    "pod level": (
        {"containers": [container("1")], "resources": {"requests": {"cpu": "4", "memory": "1Gi"}}},
        {"cpu": "4", "memory": "1Gi"},
    ),
    "pod level with overhead": (
        {
            "containers": [container("1")],
            "resources": {"requests": {"cpu": "4"}},
            "overhead": {"cpu": "1"},
        },
        {"cpu": "5"},
    ),
}


@pytest.mark.parametrize(("spec", "expected"), REQUESTS.values(), ids=REQUESTS)
def test_requests(spec, expected):
    assert quantities(pod_requests(pod({"spec": spec}))) == expected


def test_overhead_can_be_left_out():
    spec = {"containers": [container("1")], "overhead": {"cpu": "1"}}
    assert quantities(pod_requests(pod({"spec": spec}), exclude_overhead=True)) == {"cpu": "1"}


def test_what_is_not_requested_can_have_a_stand_in():
    spec = {"containers": [container("1"), container()]}
    assert quantities(pod_requests(pod({"spec": spec}), non_missing={"cpu": 10**8})) == {"cpu": "1100m"}


def status(allocated=None, actual=None, conditions=()):
    entry = {"name": "c"}
    if allocated:
        entry["allocatedResources"] = {"cpu": allocated}
    if actual:
        entry["resources"] = {"requests": {"cpu": actual}}
    return {"containerStatuses": [entry], "conditions": list(conditions)}


INFEASIBLE = {"type": "PodResizePending", "status": "True", "reason": "Infeasible"}
RESIZES = {
    "growing": ("2", status("1", "1"), "2"),
    "shrinking": ("1", status("1", "2"), "2"),
    "allocated but not applied": ("1", status("3", "2"), "3"),
    "no status": ("2", {}, "2"),
    "infeasible": ("8", status("1", "1", [INFEASIBLE]), "1"),
}


@pytest.mark.parametrize(("asked", "reported", "counted"), RESIZES.values(), ids=RESIZES)
def test_a_resize_under_way_counts_at_its_larger_side(asked, reported, counted):
    tree = {"spec": {"containers": [container(asked)]}, "status": reported}
    assert quantities(pod_requests(pod(tree), use_status=True)) == {"cpu": counted}
    assert quantities(pod_requests(pod(tree))) == {"cpu": asked}


LIMITS = {
    "unlimited": ({"containers": [container("1")]}, {}),
    "sum": ({"containers": [container(limit="1"), container(limit="2")]}, {"cpu": "3"}),
    "overhead only on what is limited": (
        {"containers": [container(limit="1")], "overhead": {"cpu": "1", "memory": "1Gi"}},
        {"cpu": "2"},
    ),
    "pod level": (
        {"containers": [container(limit="1")], "resources": {"limits": {"cpu": "4"}}},
        {"cpu": "4"},
    ),
}


@pytest.mark.parametrize(("spec", "expected"), LIMITS.values(), ids=LIMITS)
def test_limits(spec, expected):
    assert quantities(pod_limits(pod({"spec": spec}))) == expected


def test_limits_of_a_resize_under_way():
    spec = {"containers": [container(limit="1")]}
    actual = {"containerStatuses": [{"name": "c", "resources": {"limits": {"cpu": "2"}}}]}
    tree = {"spec": spec, "status": actual}
    assert quantities(pod_limits(pod(tree), use_status=True)) == {"cpu": "2"}
    infeasible = {"spec": spec, "status": {"conditions": [INFEASIBLE]}}
    assert pod_limits(pod(infeasible), use_status=True) == {}


def test_claims_of_node_resources_are_added():
    claims = [
        {
            "resourceClaimName": "a",
            "containers": ["c", "d"],
            "mapping": [{"name": "cpu", "quantity": "1"}],
            "overhead": [{"name": "memory", "perPod": "1Mi", "perContainer": "1Mi"}],
        }
    ]
    tree = {
        "spec": {"containers": [container("1")]},
        "status": {"nodeAllocatableResourceClaimStatuses": claims},
    }
    assert quantities(pod_requests(pod(tree))) == {"cpu": "2", "memory": "3Mi"}


def test_why_a_resize_is_pending():
    deferred = {"type": "PodResizePending", "status": "True", "reason": "Deferred"}
    waiting = pod({"status": {"conditions": [deferred]}})
    assert is_resize_deferred(waiting)
    assert not is_resize_infeasible(waiting)
    assert not is_resize_deferred(pod({}))


@pytest.mark.parametrize(
    ("name", "native", "extended", "integer", "overcommit"),
    [
        ("cpu", True, False, False, True),
        ("pods", True, False, True, True),
        ("hugepages-2Mi", True, False, False, False),
        ("kubernetes.io/batch", True, False, False, True),
        ("example.com/gpu", False, True, True, False),
        ("requests.example.com/gpu", False, False, False, False),
        ("example.com/a b", False, False, False, False),
    ],
)
def test_names(name, native, extended, integer, overcommit):
    assert names.is_native(name) is native
    assert names.is_extended(name) is extended
    assert names.is_integer(name) is integer
    assert names.is_overcommit_allowed(name) is overcommit


@pytest.mark.parametrize(
    ("name", "quantity", "whole"),
    [
        ("hugepages-2Mi", "4Mi", True),
        ("hugepages-2Mi", "3Mi", False),
        ("hugepages-x", "1", False),
        ("hugepages-0", "1", False),
        ("hugepages-500m", "1", False),
    ],
)
def test_pages(name, quantity, whole):
    assert names.is_divisible_by_page(name, quantity) is whole
