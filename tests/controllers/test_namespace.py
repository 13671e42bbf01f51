"""A namespace that is deleted is emptied, pods first, says what holds it, and goes."""

import pytest
from msgspec.structs import replace
from running import gone, held, namespace, start

from kube.api.resources import builtin_table
from kube.api.types.core_v1 import (
    ConfigMap,
    Container,
    Namespace,
    NamespaceCondition,
    Pod,
    PodSpec,
    PodStatus,
)
from kube.apimachinery.meta.accessor import find_condition
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.controllers.namespace import (
    NOTHING,
    OK,
    NamespaceController,
    Remains,
    conditions,
    grace_of,
    remaining,
    retry_after,
)

TABLE = builtin_table()
PODS = TABLE.get("", "v1", "pods")
DEPLOYMENTS = TABLE.get("apps", "v1", "deployments")
SPEC = PodSpec(containers=(Container(name="main", image="nginx"),))


def pod(name="web", grace=30, phase="Running", **meta):
    spec = replace(SPEC, termination_grace_period_seconds=grace)
    return Pod(
        metadata=ObjectMeta(name=name, namespace="doomed", **meta), spec=spec, status=PodStatus(phase=phase)
    )


@pytest.mark.parametrize(
    ("pods", "passed", "estimate"),
    [
        pytest.param([], 0, 0, id="none"),
        pytest.param([pod(grace=30), pod(grace=60)], 10, 60, id="the longest"),
        pytest.param([pod(grace=30)], 30, 0, id="it has passed"),
        pytest.param([pod(grace=60, phase="Succeeded"), pod(grace=5)], 1, 5, id="ended pods need none"),
        pytest.param([pod(grace=None)], 0, 0, id="no grace"),
    ],
)
def test_the_estimate_is_the_longest_grace(pods, passed, estimate):
    assert grace_of(pods, 1000.0, 1000.0 + passed) == estimate


def test_what_remains_of_a_resource():
    assert remaining(PODS, "doomed", [], 30) == NOTHING
    with_finalizer = pod(finalizers=("example.com/held",))
    assert remaining(PODS, "doomed", [with_finalizer, pod()], 30) == Remains(
        {"pods.": 2}, {"example.com/held": 1}, 30
    )
    assert remaining(DEPLOYMENTS, "doomed", [with_finalizer], 0).estimate == 15
    assert remaining(DEPLOYMENTS, "doomed", [pod()], 0).errors == (
        "unexpected items still remain in namespace: doomed for gvr: apps/v1, Resource=deployments",
    )
    assert "for gvr: /v1, Resource=pods" in remaining(PODS, "doomed", [pod()], 0).errors[0]


def test_retries_slow_down_to_half_of_the_estimate():
    assert [retry_after(30, attempt) for attempt in (0, 1, 6, 100)] == [0.25, 0.5, 16.0, 16.0]


def test_conditions_say_what_holds_the_namespace():
    clean = conditions((), NOTHING, 1000.0)
    assert [(c.type, c.status, c.reason, c.message) for c in clean] == [
        (kind, "False", reason, message) for kind, (reason, message) in OK.items()
    ]
    held_up = conditions(clean, Remains({"pods.": 2, "b.x": 1}, {"f": 3}, 5, ("z", "a")), 2000.0)
    assert {c.type: (c.status, c.reason, c.message) for c in held_up[2:]} == {
        "NamespaceDeletionContentFailure": (
            "True",
            "ContentDeletionFailed",
            "Failed to delete all resource types, 2 remaining: a, z",
        ),
        "NamespaceContentRemaining": (
            "True",
            "SomeResourcesRemain",
            "Some resources are remaining: b.x has 1 resource instances, pods. has 2 resource instances",
        ),
        "NamespaceFinalizersRemaining": (
            "True",
            "SomeFinalizersRemain",
            "Some content in the namespace has finalizers remaining: f in 3 resource instances",
        ),
    }
    assert held_up[0].last_transition_time == clean[0].last_transition_time
    assert held_up[3].last_transition_time != clean[3].last_transition_time
    assert conditions(clean, NOTHING, 3000.0) is clean


def test_foreign_conditions_stay():
    other = NamespaceCondition(type="Other", status="True")
    assert conditions((other,), NOTHING, 1.0)[0] is other


async def test_a_deleted_namespace_is_emptied_and_goes(cluster):
    await start(cluster, namespace=NamespaceController)
    await namespace(cluster, "doomed")
    client = cluster.client
    await client.create(ConfigMap(metadata=ObjectMeta(name="one", namespace="doomed")))
    await client.create(ConfigMap(metadata=ObjectMeta(name="kept", namespace="default")))
    await client.create(Pod(metadata=ObjectMeta(name="web", namespace="doomed"), spec=SPEC))
    await client.delete(Namespace, "doomed")
    await cluster.until(gone(cluster, Namespace, "doomed", None), "the end of the namespace")
    assert await held(cluster, ConfigMap, "kept")() is not None
    assert await held(cluster, ConfigMap, "one", "doomed")() is None


async def test_pods_go_first(cluster):
    await start(cluster, namespace=NamespaceController)
    await namespace(cluster, "doomed")
    client = cluster.client
    await client.create(ConfigMap(metadata=ObjectMeta(name="one", namespace="doomed")))
    held_pod = ObjectMeta(name="web", namespace="doomed", finalizers=("example.com/held",))
    await client.create(Pod(metadata=held_pod, spec=SPEC))
    await client.delete(Namespace, "doomed")

    async def says_so():
        found = await client.get(Namespace, "doomed")
        condition = find_condition(found.status.conditions, "NamespaceFinalizersRemaining")
        return condition is not None and condition.status == "True" and condition.message

    message = await cluster.until(says_so)
    assert message.endswith("example.com/held in 1 resource instances")
    assert (await held(cluster, ConfigMap, "one", "doomed")()).metadata.deletion_timestamp is None

    stuck = await client.get(Pod, "web", namespace="doomed")
    assert stuck.metadata.deletion_timestamp is not None
    await client.update(replace(stuck, metadata=replace(stuck.metadata, finalizers=())))
    await cluster.until(gone(cluster, Namespace, "doomed", None), "the end of the namespace")
