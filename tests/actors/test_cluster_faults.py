"""A cluster whose host gives up on it, and one whose parts fail: nothing is left behind, nothing is lost."""

import asyncio
import contextlib
import operator
import os
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kube import Cluster
from kube.actors.runtime.actor import Actor
from kube.actors.runtime.errors import StopTimeoutError
from kube.api.types.apps_v1 import Deployment, DeploymentSpec
from kube.api.types.core_v1 import Container, Pod, PodSpec, PodTemplateSpec
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import LabelSelector, ObjectMeta
from kube.client.informer import Informer


def left() -> tuple[int, int, int]:
    """Tasks, threads and open files of the process."""
    folder = Path("/proc/self/fd")
    files = len(os.listdir(folder)) if folder.exists() else 0  # noqa: PTH208  # its own handle is closed by then
    return len(asyncio.all_tasks()), threading.active_count(), files


def no_more_than(before: tuple[int, int, int], when: str) -> tuple[int, int, int]:
    """What is left now. It may be less: grpc may still be closing what an earlier test of this process has used."""
    now = left()
    assert all(map(operator.le, now, before)), f"{when}: {now}, before {before}"
    return now


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def cancelled_after(count: int, **settings: object) -> bool:
    """Cancel the start of a cluster in the loop's turn ``count``; whether it was under way then."""
    cluster = Cluster(**settings)
    starting = asyncio.create_task(cluster.start())
    for _ in range(count):
        await asyncio.sleep(0)
        if starting.done():
            await cluster.stop()
            return False
    starting.cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(starting, return_exceptions=True)
    assert starting.cancelled()
    return True


@pytest.mark.parametrize(
    "settings",
    [{"nodes": 1, "listen": ("127.0.0.1", 0)}, {"nodes": 1, "replicas": 3}],
    ids=["listening", "replicated"],
)
async def test_a_start_that_is_cancelled_at_any_turn_leaves_nothing(settings) -> None:
    await cancelled_after(1_000_000, **settings)
    await turns(3)
    before = left()
    count = 0
    while await cancelled_after(count, **settings):
        await turns(3)
        before = no_more_than(before, f"cancelled in turn {count}")
        count += 1
    assert count > 20


async def test_a_stop_that_is_cancelled_goes_on_to_its_end() -> None:
    """A host that is in a hurry: cancelled while it starts, and again and again while it stops."""
    await cancelled_after(1_000_000, nodes=1)
    await turns(3)
    before = left()
    for count in range(0, 60, 7):
        starting = asyncio.create_task(Cluster(nodes=1).start())
        await turns(count)
        for _ in range(10):
            starting.cancel()
            await asyncio.sleep(0)
        await asyncio.gather(starting, return_exceptions=True)
        assert starting.cancelled()
        await turns(3)
        before = no_more_than(before, f"cancelled in turn {count}")


class Stubborn(Actor[None]):
    """Does not end for a while, whatever it is told."""

    def __init__(self, released: asyncio.Event) -> None:
        self._released = released

    async def on_stop(self) -> None:
        while not self._released.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self._released.wait()


async def test_what_does_not_end_in_time_is_told_and_keeps_nothing_else_from_ending() -> None:
    await cancelled_after(1_000_000, nodes=1)
    await turns(3)
    before, released = left(), asyncio.Event()
    cluster = Cluster(nodes=1)
    await cluster.start()
    await cluster.system.start(lambda: Stubborn(released), name="stubborn")
    with pytest.raises(StopTimeoutError, match="stubborn"):
        await cluster.stop()
    released.set()
    await turns(5)
    no_more_than(before, "in the end")
    await cluster.stop()


def deployment(name: str, replicas: int) -> Deployment:
    labels = {"app": name}
    pod = PodSpec(containers=(Container(name="web", image="nginx"),))
    template = PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=pod)
    spec = DeploymentSpec(replicas=replicas, selector=LabelSelector(match_labels=labels), template=template)
    return Deployment(metadata=ObjectMeta(name=name), spec=spec)


async def persistently(call: Callable[[], Awaitable[Any]]) -> Any:
    """As a client does that is told to come again: by 503 while the API server restarts."""
    while True:
        try:
            return await call()
        except ApiError as error:
            if error.code != 503:
                raise
            await asyncio.sleep(0.01)


async def ready(cluster: Cluster, name: str, replicas: int) -> None:
    def is_ready(found: Deployment) -> bool:
        return found.status.ready_replicas == found.status.replicas == replicas

    await persistently(lambda: cluster.client.wait_for(Deployment, name, is_ready, timeout=15))


def fail(cluster: Cluster, path: str) -> None:
    cell = next(cell for cell in cluster.system._cells() if cell.path == path)
    cell.fail(RuntimeError("a bug"))


@pytest.mark.parametrize(
    "path",
    [
        "/store-1",
        "/store-2",
        "/api-server",
        "/scheduler",
        "/scheduler/pods.v1",
        "/controller-manager",
        "/controller-manager/pods.v1",
        "/controller-manager/replicaset",
        "/kubelet-node-0",
    ],
)
async def test_a_part_that_fails_is_replaced_and_everything_goes_on(path) -> None:
    """In the middle of work. A watch that was open before adds up to what is there after."""
    async with Cluster(nodes=2, replicas=3, detect_mutations=True) as cluster:
        client, known = cluster.client, {}

        def added(pod: Pod) -> None:
            assert pod.metadata.uid not in known
            known[pod.metadata.uid] = pod

        def updated(old: Pod, new: Pod) -> None:
            assert known[old.metadata.uid] == old
            known[new.metadata.uid] = new

        async with Informer(client, Pod) as pods:
            pods.add_handler(added, updated, lambda old: known.pop(old.metadata.uid))
            await client.create(deployment("before", 3))
            await ready(cluster, "before", 3)
            creating = [
                asyncio.create_task(persistently(partial(client.create, deployment(f"amid-{number}", 2))))
                for number in range(3)
            ]
            await turns(20)
            fail(cluster, path)
            await asyncio.gather(*creating)
            await persistently(lambda: client.delete(Deployment, "before"))
            for number in range(3):
                await ready(cluster, f"amid-{number}", 2)
            await client.create(deployment("after", 2))
            await ready(cluster, "after", 2)
            async with asyncio.timeout(15):
                while True:
                    found = {pod.metadata.uid: pod for pod in (await client.list(Pod)).items}
                    if len(found) == 8 and found == known:
                        break
                    await asyncio.sleep(0.02)
        info = next(info for info in cluster.system.describe() if info.path == path)
        assert info.restarts == 1
