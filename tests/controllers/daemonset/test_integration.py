import pytest
from msgspec.structs import replace
from objects import meta, selector, template

from kube.api.types.apps_v1 import (
    ControllerRevision,
    DaemonSet,
    DaemonSetSpec,
    DaemonSetUpdateStrategy,
    RollingUpdateDaemonSet,
)
from kube.api.types.core_v1 import Node, Pod, Taint
from kube.controllers.daemonset.placement import target_node


def daemon_set(unavailable=1, surge=0, kind="RollingUpdate", **spec):
    rolling = RollingUpdateDaemonSet(max_unavailable=unavailable, max_surge=surge)
    strategy = DaemonSetUpdateStrategy(type=kind, rolling_update=rolling if kind == "RollingUpdate" else None)
    return DaemonSet(
        metadata=meta(),
        spec=DaemonSetSpec(
            selector=selector(),
            template=template("agent:1"),
            update_strategy=strategy,
            revision_history_limit=10,
            **spec,
        ),
    )


@pytest.fixture
async def running(cluster):
    for number in range(3):
        await cluster.node(f"node-{number}")
    cluster.run("daemonset")
    return cluster


async def current(cluster):
    return await cluster.client.get(DaemonSet, "web", namespace="default")


async def status_becomes(cluster, **wanted):
    async def reached():
        status = (await current(cluster)).status
        return all(getattr(status, field) == value for field, value in wanted.items())

    try:
        await cluster.until(reached)
    except AssertionError:
        raise AssertionError(f"{wanted} never came: {(await current(cluster)).status}") from None


async def set_image(cluster, image):
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}}
    await cluster.client.patch(DaemonSet, "web", patch, namespace="default", type="strategic")


async def test_one_pod_on_each_node(running):
    await running.client.create(daemon_set())
    pods = await running.pods_become(3)
    assert sorted(map(target_node, pods)) == ["node-0", "node-1", "node-2"]
    tolerated = {(each.key, each.effect) for each in pods[0].spec.tolerations}
    assert ("node.kubernetes.io/unschedulable", "NoSchedule") in tolerated
    assert ("node.kubernetes.io/not-ready", "NoExecute") in tolerated
    assert pods[0].metadata.labels["pod-template-generation"] == "1"
    await status_becomes(
        running, desired_number_scheduled=3, current_number_scheduled=3, number_unavailable=3
    )
    await running.all_ready()
    await status_becomes(
        running, number_ready=3, number_available=3, number_unavailable=0, updated_number_scheduled=3
    )
    await running.said("SuccessfulCreate", f"Created pod: {pods[0].metadata.name}")


async def test_nodes_come_and_go(running):
    await running.client.create(daemon_set())
    await running.pods_become(3)
    await running.node("node-3")
    await running.pods_become(4)
    node = await running.client.get(Node, "node-0")
    taint = Taint(key="gpu", effect="NoExecute")
    await running.client.update(replace(node, spec=replace(node.spec, taints=(taint,))))
    pods = await running.pods_become(3)
    assert "node-0" not in map(target_node, pods)
    await status_becomes(running, desired_number_scheduled=3, number_misscheduled=0)


async def test_a_failed_pod_is_replaced(running):
    await running.client.create(daemon_set())
    pods = await running.pods_become(3)
    await running.set_pod(pods[0], phase="Failed")

    async def replaced():
        found = await running.pods()
        return len(found) == 3 and pods[0].metadata.uid not in {pod.metadata.uid for pod in found}

    await running.until(replaced)
    name = pods[0].metadata.name
    await running.said(
        "FailedDaemonPod", f"Found failed daemon pod default/{name} on node , will try to kill it"
    )


async def test_rolling_update_takes_one_at_a_time(running):
    await running.client.create(daemon_set())
    await running.pods_become(3)
    await running.all_ready()
    await status_becomes(running, number_available=3)
    await set_image(running, "agent:2")
    lowest = 3

    async def step():
        nonlocal lowest
        pods = await running.pods()
        lowest = min(lowest, sum(1 for pod in pods if pod.status.conditions))
        fresh = [pod for pod in pods if not pod.status.conditions]
        if fresh:
            await running.ready(fresh[0])
        return len(pods) == 3 and {pod.spec.containers[0].image for pod in pods} == {"agent:2"}

    await running.until(step)
    assert lowest >= 2
    await running.all_ready()
    await status_becomes(running, updated_number_scheduled=3, number_available=3)
    revisions = await running.client.list(ControllerRevision, namespace="default")
    assert sorted(each.revision for each in revisions.items) == [1, 2]


async def test_going_back_renumbers_the_revision(running):
    await running.client.create(daemon_set())
    await running.pods_become(3)
    for image in ("agent:2", "agent:1"):
        await set_image(running, image)

        async def all_of_it(image=image):
            await running.all_ready()
            pods = await running.pods()
            return len(pods) == 3 and {pod.spec.containers[0].image for pod in pods} == {image}

        await running.until(all_of_it)
    revisions = await running.client.list(ControllerRevision, namespace="default")
    assert sorted(each.revision for each in revisions.items) == [2, 3]


async def test_surge_keeps_the_old_until_the_new_is_available(running):
    await running.client.create(daemon_set(unavailable=0, surge=1))
    await running.pods_become(3)
    await running.all_ready()
    await status_becomes(running, number_available=3)
    await set_image(running, "agent:2")
    lowest, highest = 3, 3

    async def step():
        nonlocal lowest, highest
        pods = await running.pods()
        lowest = min(lowest, sum(1 for pod in pods if pod.status.conditions))
        highest = max(highest, len(pods))
        fresh = [pod for pod in pods if not pod.status.conditions]
        if fresh:
            await running.ready(fresh[0])
        return len(pods) == 3 and {pod.spec.containers[0].image for pod in pods} == {"agent:2"}

    await running.until(step)
    assert lowest == 3
    assert highest <= 4


async def test_on_delete_waits_for_the_deletion(running):
    await running.client.create(daemon_set(kind="OnDelete"))
    pods = await running.pods_become(3)
    await running.all_ready()
    await status_becomes(running, number_available=3)
    await set_image(running, "agent:2")
    await status_becomes(running, updated_number_scheduled=0, observed_generation=2)
    await running.client.delete(Pod, pods[0].metadata.name, namespace="default")
    await status_becomes(running, updated_number_scheduled=1)
