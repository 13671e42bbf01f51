"""What is left after a deletion, with the real API server."""

import asyncio
from functools import partial
from random import Random

import pytest
from msgspec.structs import replace
from running import gone, held, namespace, start

from kube.api.types.core_v1 import ConfigMap, Node
from kube.apimachinery.meta.v1 import ObjectMeta, OwnerReference
from kube.controllers.garbagecollector.controller import GarbageCollector, propagation_of

POLICIES = ("Background", "Foreground", "Orphan")


def reference(owner, *, block=False):
    return OwnerReference(
        api_version="v1",
        kind="ConfigMap",
        name=owner.metadata.name,
        uid=owner.metadata.uid,
        block_owner_deletion=block or None,
    )


async def make(cluster, name, *owners, in_namespace="default", block=False):
    references = tuple(reference(owner, block=block) for owner in owners)
    metadata = ObjectMeta(name=name, namespace=in_namespace, owner_references=references)
    return await cluster.client.create(ConfigMap(metadata=metadata))


async def left(cluster, in_namespace="default"):
    """Names, and whom they still name as owners."""
    found = (await cluster.client.list(ConfigMap, namespace=in_namespace)).items
    return {each.metadata.name: {o.name for o in each.metadata.owner_references} for each in found}


async def becomes(cluster, expected, in_namespace="default"):
    async def check():
        return await left(cluster, in_namespace) == expected

    await cluster.until(check, f"{expected}, not {await left(cluster, in_namespace)}")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("Background", {}), ("Foreground", {}), ("Orphan", {"child": set(), "grandchild": {"child"}})],
)
async def test_the_policies(cluster, policy, expected):
    await start(cluster, gc=GarbageCollector)
    owner = await make(cluster, "owner")
    child = await make(cluster, "child", owner, block=True)
    await make(cluster, "grandchild", child, block=True)
    await cluster.client.delete(ConfigMap, "owner", namespace="default", propagation_policy=policy)
    await becomes(cluster, expected)


async def test_an_owner_waits_for_what_blocks_it(cluster):
    await start(cluster, gc=GarbageCollector)
    owner = await make(cluster, "owner")
    child = await make(cluster, "child", owner, block=True)
    held = replace(child, metadata=replace(child.metadata, finalizers=("example.com/held",)))
    await cluster.client.update(held)
    await cluster.client.delete(ConfigMap, "owner", namespace="default", propagation_policy="Foreground")

    async def child_is_deleted():
        found = await cluster.client.get(ConfigMap, "child", namespace="default")
        return found if found.metadata.deletion_timestamp is not None else None

    stuck = await cluster.until(child_is_deleted)
    assert set(await left(cluster)) == {"owner", "child"}
    await cluster.client.update(replace(stuck, metadata=replace(stuck.metadata, finalizers=())))
    await becomes(cluster, {})


async def test_one_owner_is_enough(cluster):
    await start(cluster, gc=GarbageCollector)
    a, b = await make(cluster, "a"), await make(cluster, "b")
    await make(cluster, "child", a, b)
    await cluster.client.delete(ConfigMap, "a", namespace="default")
    await becomes(cluster, {"b": set(), "child": {"b"}})
    await cluster.client.delete(ConfigMap, "b", namespace="default")
    await becomes(cluster, {})


async def test_a_child_that_was_made_after_its_owners_end_goes(cluster):
    owner = await make(cluster, "owner")
    await cluster.client.delete(ConfigMap, "owner", namespace="default")
    await start(cluster, gc=GarbageCollector)
    await make(cluster, "child", owner)
    await becomes(cluster, {})


async def test_an_owner_in_another_namespace_is_none(cluster):
    await start(cluster, gc=GarbageCollector)
    await namespace(cluster, "other")
    owner = await make(cluster, "owner", in_namespace="other")
    await make(cluster, "child", owner)
    await cluster.until(gone(cluster, ConfigMap, "child"))
    wanted = (
        f"ownerRef [v1/ConfigMap, namespace: default, name: owner, uid: {owner.metadata.uid}] does not exist"
    )
    await cluster.said("OwnerRefInvalidNamespace", f'{wanted} in namespace "default"')


async def test_a_cluster_scoped_object_of_a_namespaced_owner_is_left_alone(cluster):
    writes = await start(cluster, gc=GarbageCollector)
    owner = await make(cluster, "owner")
    await cluster.client.delete(ConfigMap, "owner", namespace="default")
    metadata = ObjectMeta(name="odd", owner_references=(reference(owner),))
    await cluster.client.create(Node(metadata=metadata))
    await make(cluster, "child", owner)
    await cluster.until(gone(cluster, ConfigMap, "child"))
    assert await held(cluster, Node, "odd", None)() is not None
    assert [request.name for request in writes.seen if request.verb == "delete"] == ["child"]


async def test_an_owner_of_an_unknown_kind_keeps_its_dependents(cluster):
    await start(cluster, gc=GarbageCollector)
    unknown = OwnerReference(api_version="example.com/v1", kind="Widget", name="w", uid="1234")
    metadata = ObjectMeta(name="child", namespace="default", owner_references=(unknown,))
    await cluster.client.create(ConfigMap(metadata=metadata))
    owner = await make(cluster, "owner")
    await make(cluster, "other", owner)
    await cluster.client.delete(ConfigMap, "owner", namespace="default")
    await becomes(cluster, {"child": {"w"}})


@pytest.mark.parametrize(
    ("finalizers", "policy"),
    [((), "Background"), (("orphan",), "Orphan"), (("foregroundDeletion",), "Foreground")],
)
def test_a_policy_that_was_asked_for_is_honoured(finalizers, policy):
    assert propagation_of(finalizers) == policy


def survivors(owners, doomed, policy):
    """The naive model: what is left of a graph of owners when one object is deleted."""
    alive = {name: set(of) for name, of in owners.items() if name != doomed}
    if policy == "Orphan":
        return {name: of - {doomed} for name, of in alive.items()}
    while True:
        lost = {name for name, of in alive.items() if owners[name] and not of & alive.keys()}
        if not lost:
            return {name: of & alive.keys() for name, of in alive.items()}
        alive = {name: of for name, of in alive.items() if name not in lost}


async def run(cluster, seed):
    """One random graph, cycles and all, in a namespace of its own."""
    random = Random(seed)
    in_namespace = f"graph-{seed}"
    await namespace(cluster, in_namespace)
    names = [f"n{number}" for number in range(random.randint(2, 7))]
    objects = {name: await make(cluster, name, in_namespace=in_namespace) for name in names}
    owners = {}
    for name in names:
        count = random.choice((0, 1, 1, 2))
        chosen = random.sample([each for each in names if each != name], min(count, len(names) - 1))
        owners[name] = set(chosen)
        references = tuple(reference(objects[each], block=random.random() < 0.5) for each in chosen)
        metadata = replace(objects[name].metadata, owner_references=references)
        objects[name] = await cluster.client.update(replace(objects[name], metadata=metadata))
    doomed, policy = random.choice(names), random.choice(POLICIES)
    await cluster.client.delete(ConfigMap, doomed, namespace=in_namespace, propagation_policy=policy)
    expected = survivors(owners, doomed, policy)
    await becomes(cluster, expected, in_namespace)
    return in_namespace, expected


async def test_random_graphs_against_a_naive_model(cluster):
    await start(cluster, gc=GarbageCollector)
    results = await asyncio.gather(*map(partial(run, cluster), range(40)))
    for in_namespace, expected in results:
        assert await left(cluster, in_namespace) == expected, in_namespace
