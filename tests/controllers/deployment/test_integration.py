import pytest
from msgspec.structs import replace
from objects import meta, selector, template

from kube.api.types.apps_v1 import (
    Deployment,
    DeploymentSpec,
    DeploymentStrategy,
    ReplicaSet,
    RollingUpdateDeployment,
)
from kube.api.types.core_v1 import Pod
from kube.apimachinery.meta.accessor import find_condition
from kube.controllers.deployment.revisions import REVISION


def deployment(replicas=3, surge=1, unavailable=0, **spec):
    rolling = RollingUpdateDeployment(max_surge=surge, max_unavailable=unavailable)
    settings = {
        "strategy": DeploymentStrategy(type="RollingUpdate", rolling_update=rolling),
        "progress_deadline_seconds": 600,
        "revision_history_limit": 10,
        **spec,
    }
    return Deployment(
        metadata=meta(annotations={"team": "a"}),
        spec=DeploymentSpec(replicas=replicas, selector=selector(), template=template("web:1"), **settings),
    )


@pytest.fixture
async def running(cluster):
    cluster.run("replicaset", "deployment")
    return cluster


async def current(cluster):
    return await cluster.client.get(Deployment, "web", namespace="default")


async def change(cluster, **spec):
    patch = {"spec": spec}
    return await cluster.client.patch(Deployment, "web", patch, namespace="default", type="strategic")


async def set_image(cluster, image):
    return await change(cluster, template={"spec": {"containers": [{"name": "main", "image": image}]}})


async def sets(cluster):
    """By image, the sets' sizes."""
    found = await cluster.client.list(ReplicaSet, namespace="default")
    return {each.spec.template.spec.containers[0].image: each for each in found.items}


async def condition_becomes(cluster, type_, status, reason):
    async def reached():
        found = find_condition((await current(cluster)).status.conditions, type_)
        return found if found is not None and (found.status, found.reason) == (status, reason) else None

    return await cluster.until(reached, f"{type_} {status} {reason}")


async def completes(cluster, image, replicas):
    """Pods become ready as they come, until all are of this image."""

    async def done():
        await cluster.all_ready()
        status = (await current(cluster)).status
        pods = await cluster.pods()
        images = {pod.spec.containers[0].image for pod in pods}
        counts = (status.updated_replicas, status.replicas, status.available_replicas)
        return images == {image} and counts == (replicas,) * 3

    await cluster.until(done, f"{replicas} of {image}")
    return await condition_becomes(cluster, "Progressing", "True", "NewReplicaSetAvailable")


async def test_first_rollout(running):
    await running.client.create(deployment())
    await running.pods_become(3)
    created = (await sets(running))["web:1"]
    await running.said("ScalingReplicaSet", f"Scaled up replica set {created.metadata.name} from 0 to 3")
    available = await condition_becomes(running, "Available", "False", "MinimumReplicasUnavailable")
    assert available.message == "Deployment does not have minimum availability."
    progress = await completes(running, "web:1", 3)
    assert progress.message == f'ReplicaSet "{created.metadata.name}" has successfully progressed.'
    available = await condition_becomes(running, "Available", "True", "MinimumReplicasAvailable")
    assert available.message == "Deployment has minimum availability."
    found = await current(running)
    assert found.metadata.annotations[REVISION] == "1"
    assert found.status.observed_generation == found.metadata.generation
    label = created.metadata.labels["pod-template-hash"]
    assert created.metadata.name == f"web-{label}"
    assert created.spec.selector.match_labels == {"app": "web", "pod-template-hash": label}
    assert created.metadata.annotations == {
        "team": "a",
        REVISION: "1",
        "deployment.kubernetes.io/desired-replicas": "3",
        "deployment.kubernetes.io/max-replicas": "4",
    }


async def test_rolling_update_keeps_what_is_promised(running):
    await running.client.create(deployment(replicas=4, surge=1, unavailable=1))
    await running.pods_become(4)
    await completes(running, "web:1", 4)
    await set_image(running, "web:2")
    lowest, highest = 9, 0

    async def step():
        nonlocal lowest, highest
        pods = await running.pods()
        lowest = min(lowest, sum(1 for pod in pods if pod.status.conditions))
        highest = max(highest, len(pods))
        fresh = [pod for pod in pods if not pod.status.conditions]
        if fresh:
            await running.ready(fresh[0])
        return {pod.spec.containers[0].image for pod in pods} == {"web:2"} and not fresh

    await running.until(step)
    assert lowest >= 3
    assert highest == 5
    await completes(running, "web:2", 4)
    found = await sets(running)
    assert (found["web:1"].spec.replicas, found["web:2"].spec.replicas) == (0, 4)
    assert (await current(running)).metadata.annotations[REVISION] == "2"


async def test_going_back_reuses_the_set_and_counts_on(running):
    await running.client.create(deployment(replicas=1))
    await running.pods_become(1)
    await completes(running, "web:1", 1)
    await set_image(running, "web:2")
    await completes(running, "web:2", 1)
    await set_image(running, "web:1")
    await completes(running, "web:1", 1)
    found = await sets(running)
    assert len(found) == 2
    annotations = found["web:1"].metadata.annotations
    assert annotations[REVISION] == "3"
    assert annotations["deployment.kubernetes.io/revision-history"] == "1"

    async def counted():
        return (await current(running)).metadata.annotations[REVISION] == "3"

    await running.until(counted)


async def test_history_beyond_the_limit_is_deleted(running):
    await running.client.create(deployment(replicas=1, revision_history_limit=1))
    await running.pods_become(1)
    for image in ("web:1", "web:2", "web:3"):
        await set_image(running, image)
        await completes(running, image, 1)

    async def cleaned():
        return set(await sets(running)) == {"web:2", "web:3"}

    await running.until(cleaned)


async def test_scales_in_proportion_while_it_rolls(running):
    await running.client.create(deployment(replicas=10, surge=3, unavailable=2))
    await running.pods_become(10)
    await completes(running, "web:1", 10)
    await set_image(running, "web:2")

    async def sizes():
        return {image: each.spec.replicas for image, each in (await sets(running)).items()}

    async def stuck():
        return await sizes() == {"web:1": 8, "web:2": 5}

    await running.until(stuck)
    await change(running, replicas=15)

    async def scaled():
        return await sizes() == {"web:1": 11, "web:2": 7}

    await running.until(scaled)


async def test_paused_does_not_roll_but_scales(running):
    await running.client.create(deployment(replicas=2))
    await running.pods_become(2)
    await completes(running, "web:1", 2)
    await change(running, paused=True)
    assert (await condition_becomes(running, "Progressing", "Unknown", "DeploymentPaused")).message == (
        "Deployment is paused"
    )
    await set_image(running, "web:2")
    await change(running, replicas=3)
    await running.pods_become(3)
    assert set(await sets(running)) == {"web:1"}
    await change(running, paused=False)
    await completes(running, "web:2", 3)


async def test_recreate_waits_for_the_last_old_pod(running):
    await running.client.create(deployment(replicas=2, strategy=DeploymentStrategy(type="Recreate")))
    pods = await running.pods_become(2)
    await completes(running, "web:1", 2)
    lingering = replace(
        await running.client.get(Pod, pods[0].metadata.name, namespace="default"),
    )
    lingering = replace(lingering, metadata=replace(lingering.metadata, finalizers=("example.com/hold",)))
    await running.client.update(lingering)
    await set_image(running, "web:2")
    await running.pods_become(0)
    for _ in range(50):
        assert set(await sets(running)) == {"web:1"}
    await running.client.patch(
        Pod, lingering.metadata.name, {"metadata": {"finalizers": None}}, namespace="default", type="merge"
    )
    await completes(running, "web:2", 2)


async def test_what_does_not_progress_is_told_after_the_deadline(running, clock):
    await running.client.create(deployment(replicas=1, progress_deadline_seconds=1))
    await running.pods_become(1)
    clock.ahead = 5
    condition = await condition_becomes(running, "Progressing", "False", "ProgressDeadlineExceeded")
    assert condition.message.endswith("has timed out progressing.")
    await running.all_ready()
    await completes(running, "web:1", 1)


async def test_a_thousand_replicas(running):
    await running.client.create(deployment(replicas=1000))
    await running.pods_become(1000)
    await completes(running, "web:1", 1000)
