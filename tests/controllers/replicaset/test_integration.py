import pytest
from msgspec.structs import replace
from objects import meta, selector, template

from kube.api.types.apps_v1 import ReplicaSet, ReplicaSetSpec
from kube.api.types.core_v1 import Pod, ReplicationController, ReplicationControllerSpec


def replica_set(name="web", replicas=3, **spec):
    return ReplicaSet(
        metadata=meta(name),
        spec=ReplicaSetSpec(replicas=replicas, selector=selector(), template=template(), **spec),
    )


@pytest.fixture
async def running(cluster):
    cluster.run("replicaset", "replicationcontroller")
    return cluster


async def scale(cluster, name, replicas, kind=ReplicaSet):
    owner = await cluster.client.get(kind, name, namespace="default")
    return await cluster.client.update(replace(owner, spec=replace(owner.spec, replicas=replicas)))


async def status_becomes(cluster, name, kind=ReplicaSet, **wanted):
    async def reached():
        status = (await cluster.client.get(kind, name, namespace="default")).status
        return all(getattr(status, field) == value for field, value in wanted.items())

    await cluster.until(reached, f"{wanted}")


async def test_makes_pods_and_tells_of_them(running):
    owner = await running.client.create(replica_set())
    pods = await running.pods_become(3)
    for pod in pods:
        reference = pod.metadata.owner_references[0]
        assert (reference.uid, reference.controller, reference.api_version) == (
            owner.metadata.uid,
            True,
            "apps/v1",
        )
        assert pod.metadata.name.startswith("web-")
        assert pod.metadata.labels == {"app": "web"}
    await running.said("SuccessfulCreate", f"Created pod: {pods[0].metadata.name}")
    await status_becomes(
        running, "web", replicas=3, fully_labeled_replicas=3, ready_replicas=0, observed_generation=1
    )


async def test_a_pod_that_is_gone_is_replaced(running):
    await running.client.create(replica_set())
    first = await running.pods_become(3)
    await running.client.delete(Pod, first[0].metadata.name, namespace="default")

    async def replaced():
        pods = await running.pods()
        return len(pods) == 3 and first[0].metadata.uid not in {pod.metadata.uid for pod in pods}

    await running.until(replaced)


async def test_scales_down_those_that_are_not_ready_first(running):
    await running.client.create(replica_set(replicas=4))
    pods = await running.pods_become(4)
    await running.ready(pods[1])
    await status_becomes(running, "web", ready_replicas=1, available_replicas=1)
    await scale(running, "web", 1)
    (left,) = await running.pods_become(1)
    assert left.metadata.uid == pods[1].metadata.uid
    await running.said("SuccessfulDelete", f"Deleted pod: {pods[0].metadata.name}")
    await status_becomes(running, "web", replicas=1, ready_replicas=1)


async def test_adopts_orphans_and_releases_what_no_longer_matches(running):
    stray = await running.client.create(
        Pod(metadata=meta("stray", labels={"app": "web"}), spec=template().spec)
    )
    owner = await running.client.create(replica_set(replicas=2))
    await running.pods_become(2)

    async def adopted():
        pod = await running.client.get(Pod, "stray", namespace="default")
        return [each.uid for each in pod.metadata.owner_references] == [owner.metadata.uid]

    await running.until(adopted)
    await running.client.patch(
        Pod, "stray", {"metadata": {"labels": {"app": "other"}}}, namespace="default", type="merge"
    )
    await running.pods_become(3)

    async def released():
        return not (await running.client.get(Pod, "stray", namespace="default")).metadata.owner_references

    await running.until(released)
    assert (await running.client.get(Pod, "stray", namespace="default")).metadata.uid == stray.metadata.uid


async def test_a_failure_to_create_is_a_condition_until_it_is_over(running):
    async def refused():
        status = (await running.client.get(ReplicaSet, "web", namespace="default")).status
        return [(each.type, each.status, each.reason) for each in status.conditions]

    spoiled = template()
    spoiled = replace(spoiled, spec=replace(spoiled.spec, priority_class_name="system-node-critical"))
    spoiled = replace(spoiled, metadata=replace(spoiled.metadata, finalizers=("not qualified",)))
    owner = replica_set(replicas=1)
    await running.client.create(replace(owner, spec=replace(owner.spec, template=spoiled)))
    assert await running.until(refused) == [("ReplicaFailure", "True", "FailedCreate")]
    await scale(running, "web", 0)

    async def over():
        return not await refused()

    await running.until(over)


async def test_available_after_min_ready_seconds_without_another_event(running, clock):
    await running.client.create(replica_set(replicas=1, min_ready_seconds=1))
    (pod,) = await running.pods_become(1)
    await running.ready(pod)
    await status_becomes(running, "web", ready_replicas=1, available_replicas=0)
    await status_becomes(running, "web", available_replicas=1)


async def test_a_replication_controller_is_the_same_engine(running):
    owner = ReplicationController(
        metadata=meta("old"),
        spec=ReplicationControllerSpec(replicas=2, selector={"app": "web"}, template=template()),
    )
    await running.client.create(owner)
    pods = await running.pods_become(2)
    assert pods[0].metadata.owner_references[0].kind == "ReplicationController"
    await status_becomes(running, "old", ReplicationController, replicas=2)
    await scale(running, "old", 0, ReplicationController)
    await running.pods_become(0)


async def test_more_than_a_burst(running):
    await running.client.create(replica_set(replicas=1200))
    await running.pods_become(1200)
    await status_becomes(running, "web", replicas=1200)
