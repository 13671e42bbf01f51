"""What crosses the wall is copied."""

import pytest
from memory_api import MemoryApi

from kube.api.types.core_v1 import Container, Pod, PodSpec, ResourceRequirements
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.client.client import Client
from kube.client.isolation import IsolatedTransport


@pytest.fixture
def api():
    return MemoryApi()


@pytest.fixture
def client(api):
    return Client(IsolatedTransport(api.transport()), resources=api.resources)


def pod(**labels: str) -> Pod:
    return Pod(metadata=ObjectMeta(name="a", namespace="default", labels=labels))


async def test_what_a_program_keeps_and_changes_does_not_change_what_is_stored(client, api):
    labels = {"app": "web"}
    await client.create(Pod(metadata=ObjectMeta(name="a", labels=labels)))
    labels["app"] = "db"
    [stored] = api.objects.values()
    assert stored.metadata.labels == {"app": "web"}


@pytest.mark.parametrize("how", ["get", "list", "watch"])
async def test_what_a_program_is_given_is_its_own(client, api, how):
    stored = api.put(pod(app="web"))
    if how == "get":
        given = await client.get(Pod, "a")
    elif how == "list":
        [given] = (await client.list(Pod)).items
    else:
        async with client.watch(Pod) as events:
            given = (await anext(events)).object
    assert given == stored
    given.metadata.labels["app"] = "db"
    assert stored.metadata.labels == {"app": "web"}


async def test_what_is_given_becomes_canonical(client, api):
    containers = [Container(name="c", resources=ResourceRequirements(requests={"cpu": "0.5"}))]
    await client.create(Pod(metadata=ObjectMeta(name="a"), spec=PodSpec(containers=containers)))
    [stored] = api.objects.values()
    assert isinstance(stored.spec.containers, tuple)
    assert stored.spec.containers[0].resources.requests == {"cpu": "500m"}


async def test_what_is_not_of_its_type_is_a_bad_request(client):
    with pytest.raises(ApiError, match='Pod in version "v1" cannot be handled as a Pod: json') as refused:
        await client.create(Pod(metadata=ObjectMeta(name="a"), spec=PodSpec(node_name=7)))
    assert refused.value.code == 400


async def test_patches_and_selectors_pass(client, api):
    api.put(pod(app="web"))
    patched = await client.patch(Pod, "a", {"metadata": {"labels": {"x": "y"}}})
    assert patched.metadata.labels == {"app": "web", "x": "y"}
