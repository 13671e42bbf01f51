"""The typed client over the API server in memory."""

import asyncio

import pytest
from memory_api import MemoryApi
from msgspec.structs import replace

from kube.api.types.apps_v1 import Deployment
from kube.api.types.autoscaling_v1 import Scale, ScaleSpec
from kube.api.types.core_v1 import Binding, Container, Node, ObjectReference, Pod, PodSpec, PodStatus
from kube.apimachinery import errors
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import DeleteOptions, ObjectMeta, Preconditions
from kube.client.client import Client
from kube.client.errors import WatchFellBehindError
from kube.client.interface import NO_OPTIONS, Options, Patch


def pod(name: str, **labelled: str) -> Pod:
    return Pod(metadata=ObjectMeta(name=name, labels=labelled), spec=PodSpec())


@pytest.fixture
def api():
    return MemoryApi()


@pytest.fixture
def client(api):
    return Client(api.transport(), resources=api.resources)


class Recording:
    """A transport that keeps the request and answers with its body."""

    def __init__(self):
        self.request = None

    async def call(self, request):
        self.request = request
        return request.body


async def test_a_pod_lives_and_dies(client):
    made = await client.create(pod("a"))
    assert (made.metadata.namespace, made.metadata.uid) == ("default", "uid-1")
    assert await client.get(Pod, "a") == made
    ready = await client.update_status(replace(made, status=PodStatus(phase="Running")))
    assert ready.status.phase == "Running"
    labelled = await client.patch(Pod, "a", {"metadata": {"labels": {"x": "y"}}})
    assert labelled.metadata.labels == {"x": "y"}
    with pytest.raises(ApiError) as stale:
        await client.update(made)
    assert errors.is_conflict(stale.value)
    await client.delete(Pod, "a")
    with pytest.raises(ApiError) as gone:
        await client.get(Pod, "a")
    assert errors.is_not_found(gone.value)


async def test_namespaces_default_to_the_objects_then_the_clients_and_list_covers_all(client, api):
    await client.create(Pod(metadata=ObjectMeta(name="a", namespace="own")))
    await client.create(pod("b"), namespace="given")
    await client.create(pod("c"))
    assert {obj.metadata.namespace for obj in (await client.list(Pod)).items} == {"own", "given", "default"}
    assert [obj.metadata.name for obj in (await client.list(Pod, namespace="given")).items] == ["b"]
    await client.create(Node(metadata=ObjectMeta(name="n")))
    assert api.requests[-1].namespace == ""


async def test_list_selects(client):
    for name, app in (("a", "web"), ("b", "db")):
        await client.create(pod(name, app=app))
    listed = await client.list(Pod, label_selector="app=db")
    assert [obj.metadata.name for obj in listed.items] == ["b"]
    listed = await client.list(Pod, field_selector="metadata.name!=b")
    assert [obj.metadata.name for obj in listed.items] == ["a"]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            lambda c: c.get(Pod, "a", resource_version="0"),
            ("get", "pods", "default", "a", "", None, Options(resource_version="0")),
        ),
        (
            lambda c: c.get(("apps", "v1", "deployments"), "a", namespace="x"),
            ("get", "deployments", "x", "a", "", None, NO_OPTIONS),
        ),
        (
            lambda c: c.list(Pod, limit=5, continue_="t", resource_version_match="Exact"),
            (
                "list", "pods", "", "", "", None,
                Options(limit=5, continue_="t", resource_version_match="Exact"),
            ),
        ),
        (
            lambda c: c.create(pod("a"), dry_run=True, field_manager="me", field_validation="Strict"),
            (
                "create", "pods", "default", "", "", pod("a"),
                Options(dry_run=True, field_manager="me", field_validation="Strict"),
            ),
        ),
        (
            lambda c: c.update_status(pod("a"), namespace="x"),
            ("update", "pods", "x", "a", "status", pod("a"), NO_OPTIONS),
        ),
        (
            lambda c: c.patch(Pod, "a", {"spec": None}),
            (
                "patch", "pods", "default", "a", "",
                Patch("application/strategic-merge-patch+json", b'{"spec":null}'), NO_OPTIONS,
            ),
        ),
        (
            lambda c: c.patch(Pod, "a", {"x": 1}, type="merge", subresource="status"),
            (
                "patch", "pods", "default", "a", "status",
                Patch("application/merge-patch+json", b'{"x":1}'), NO_OPTIONS,
            ),
        ),
        (
            lambda c: c.patch(Pod, "a", [{"op": "remove", "path": "/spec"}]),
            (
                "patch", "pods", "default", "a", "",
                Patch("application/json-patch+json", b'[{"op":"remove","path":"/spec"}]'), NO_OPTIONS,
            ),
        ),
        (
            lambda c: c.patch(Pod, "a", b"{}"),
            (
                "patch", "pods", "default", "a", "",
                Patch("application/strategic-merge-patch+json", b"{}"), NO_OPTIONS,
            ),
        ),
        (
            lambda c: c.delete(
                Pod, "a", grace_period_seconds=0, propagation_policy="Orphan",
                preconditions=Preconditions(uid="u"), dry_run=True,
            ),
            (
                "delete", "pods", "default", "a", "", None,
                Options(
                    dry_run=True,
                    delete=DeleteOptions(
                        grace_period_seconds=0, propagation_policy="Orphan", preconditions=Preconditions(uid="u")
                    ),
                ),
            ),
        ),
        (
            lambda c: c.delete_collection(Pod, label_selector="a=b"),
            ("deletecollection", "pods", "default", "", "", None, Options(label_selector="a=b")),
        ),
        (
            lambda c: c.bind(
                Binding(metadata=ObjectMeta(name="a", namespace="x"), target=ObjectReference(kind="Node", name="n"))
            ),
            (
                "create", "pods", "x", "a", "binding",
                Binding(metadata=ObjectMeta(name="a", namespace="x"), target=ObjectReference(kind="Node", name="n")),
                NO_OPTIONS,
            ),
        ),
        (
            lambda c: c.update_scale(Deployment, "a", Scale(spec=ScaleSpec(replicas=3)), namespace="x"),
            (
                "update", "deployments", "x", "a", "scale", Scale(spec=ScaleSpec(replicas=3)), NO_OPTIONS,
            ),
        ),
        (
            lambda c: c.get_scale(Deployment, "a"),
            ("get", "deployments", "default", "a", "scale", None, NO_OPTIONS),
        ),
    ],
    ids=[
        "get", "get by resource", "list", "create", "update status", "strategic", "merge", "json", "bytes",
        "delete", "deletecollection", "bind", "update scale", "get scale",
    ],
)  # fmt: skip
async def test_each_verb_makes_its_request(call, expected):
    transport = Recording()
    await call(Client(transport))
    request = transport.request
    assert (
        request.verb,
        request.resource.plural,
        request.namespace,
        request.name,
        request.subresource,
        request.body,
        request.options,
    ) == expected


async def test_evict_posts_an_eviction_with_its_delete_options():
    transport = Recording()
    await Client(transport).evict("a", namespace="x", grace_period_seconds=5)
    eviction = transport.request.body
    assert (eviction.kind, eviction.api_version) == ("Eviction", "policy/v1")
    assert eviction.metadata == ObjectMeta(name="a", namespace="x")
    assert eviction.delete_options == DeleteOptions(grace_period_seconds=5)


async def test_what_is_no_resource_is_refused(client):
    with pytest.raises(TypeError, match="Container is no top-level kind"):
        await client.get(Container, "a")
    with pytest.raises(LookupError, match=r"the resource table has no example\.com/v1/things"):
        await client.get(("example.com", "v1", "things"), "a")
    with pytest.raises(ValueError, match="resource name may not be empty"):
        await client.delete(Pod, "")


async def test_watch_gives_events_until_its_block_is_left(client, api):
    api.put(Pod(metadata=ObjectMeta(name="a", namespace="default")))
    seen = []
    async with client.watch(Pod, namespace="default") as events:
        api.put(Pod(metadata=ObjectMeta(name="b", namespace="default")))
        async for event in events:
            seen.append((event.type, event.object.metadata.name))
            if len(seen) == 2:
                break
    assert seen == [("ADDED", "a"), ("ADDED", "b")]
    assert api.watchers == []


async def test_a_watch_ends_when_the_server_ends_it(client, api):
    async with client.watch(Pod) as events:
        api.put(pod("a"))
        api.close_watches()
        assert [event.object.metadata.name async for event in events] == ["a"]
        assert events.resource_version == str(api.revision)


async def test_a_watch_raises_what_broke_it_after_what_came_before(client, api):
    events = client.watch(Pod)
    await events.start()
    api.put(pod("a"))
    api.close_watches(errors.expired("too old resource version: 1 (2)"))
    assert (await anext(events)).object.metadata.name == "a"
    with pytest.raises(ApiError, match="too old resource version"):
        await anext(events)
    with pytest.raises(StopAsyncIteration):
        await anext(events)


async def test_a_watch_that_is_not_read_ends_with_an_error_and_can_be_resumed(client, api):
    async with client.watch(Pod, buffer=10) as events:
        for number in range(100):
            api.put(pod(str(number)))
        assert api.watchers == []
        seen = []
        with pytest.raises(WatchFellBehindError) as behind:
            seen += [event.object.metadata.name async for event in events]
    async with client.watch(Pod, resource_version=behind.value.resource_version) as events:
        seen = [str(number) for number in range(10)]
        async for event in events:
            seen.append(event.object.metadata.name)
            if len(seen) == 100:
                break
    assert seen == [str(number) for number in range(100)]


async def test_a_watch_that_is_closed_wakes_its_reader(client):
    events = client.watch(Pod)
    reader = asyncio.get_running_loop().create_task(anext(events, None))
    for _ in range(5):
        await asyncio.sleep(0)
    await events.aclose()
    assert await reader is None


async def test_a_watch_refused_by_the_server_raises(client, api):
    api.fail("watch", errors.forbidden("pods", "", "no"))
    with pytest.raises(ApiError, match="pods is forbidden"):
        async with client.watch(Pod):
            pass


async def test_wait_for_follows_an_object_across_a_compaction(client, api):
    waiting = asyncio.get_running_loop().create_task(
        client.wait_for(Pod, "a", lambda obj: obj.status.phase == "Running", timeout=5)
    )
    for _ in range(10):
        await asyncio.sleep(0)
    made = await client.create(pod("a"))
    api.close_watches(errors.expired("too old resource version"))
    await client.update_status(replace(made, status=PodStatus(phase="Running")))
    assert (await waiting).status.phase == "Running"


async def test_wait_for_gives_up(client):
    with pytest.raises(TimeoutError, match="timed out waiting for the condition on pods/a"):
        await client.wait_for(Pod, "a", lambda _: True, timeout=0.01)


async def test_wait_for_deletion(client):
    await client.wait_for_deletion(Pod, "a", timeout=5)
    await client.create(pod("a"))
    waiting = asyncio.get_running_loop().create_task(client.wait_for_deletion(Pod, "a", timeout=5))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done()
    await client.delete(Pod, "a")
    await waiting


async def test_closing_the_client_ends_its_watches(api):
    async with Client(api.transport()) as client:
        events = client.watch(Pod)
        await events.start()
    assert [event async for event in events] == []
