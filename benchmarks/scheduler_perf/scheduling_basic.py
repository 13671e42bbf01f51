"""SchedulingBasic of scheduler_perf: pods that request 100m and 500Mi, on nodes of 4 cores, 32Gi and 110 pods.

``kube bench scheduler_perf/scheduling_basic [--nodes 100 1000 5000] [--pods 2000] [--runs 3] [--replicas 3] [--profile]``
"""

import argparse
import asyncio
import cProfile
import gc
import pstats
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from msgspec.structs import replace

from benchmarks.harness import Report
from kube.actors.cluster import ADMIN, Cluster, component
from kube.api.types.core_v1 import (
    Container,
    Event,
    Node,
    NodeSpec,
    NodeStatus,
    Pod,
    PodSpec,
    ResourceRequirements,
)
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.quantity import Quantity
from kube.client.interface import Options, Request
from kube.client.typed import TypedClient
from kube.scheduler.scheduler import Bind, Scheduler

DESCRIPTION = (
    "nodes exist before the clock starts. Decisions only: pods are in the queue, alike or each with requests of its own. "
    "Committed binds: pods are created in the measured phase, in process, over a store of --replicas members; the clock "
    "stops when a watch has shown the last of them bound. Checked: every pod bound, no node beyond its pods and cores, one "
    "Scheduled event for each pod."
)

DECIDED = 5_000
WRITERS = 64


def node(number: int) -> Node:
    name = f"node-{number}"
    sizes = {"cpu": Quantity("4"), "memory": Quantity("32Gi"), "pods": Quantity("110")}
    metadata = ObjectMeta(name=name, labels={"kubernetes.io/hostname": name})
    return Node(metadata=metadata, status=NodeStatus(allocatable=sizes, capacity=sizes))


def pod(number: int, *, memory: int = 500, uid: str = "") -> Pod:
    requests = {"cpu": Quantity("100m"), "memory": Quantity(f"{memory}Mi")}
    container = Container(
        name="pause",
        image="registry.k8s.io/pause:3.10",
        resources=ResourceRequirements(requests=requests),
    )
    return Pod(
        metadata=ObjectMeta(name=f"pod-{number}", namespace="default", uid=uid),
        spec=PodSpec(containers=(container,), scheduler_name="default-scheduler"),
    )


def decide(nodes: int, pods: Iterable[Pod]) -> float:
    """Microseconds of one decision; the pod's way into the queue and the cache are part of it."""
    scheduler = Scheduler(random.Random(1))
    for number in range(nodes):
        scheduler.node_changed(None, node(number), 0.0)
    waiting = list(pods)
    gc.collect()
    begin = time.perf_counter()
    for each in waiting:
        scheduler.pod_changed(None, each, 0.0)
    bound = 0
    while (decision := scheduler.schedule_one(0.0)) is not None:
        bound += isinstance(decision, Bind)
    took = time.perf_counter() - begin
    if bound != len(waiting):
        raise AssertionError(f"{bound} of {len(waiting)} pods found a node")
    return took / bound * 1e6


class BoundPods:
    """A watch on pods that counts those that have a node."""

    def __init__(self, pods: int) -> None:
        self.done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._left = pods
        self._seen: set[str] = set()

    def deliver(self, events: Any) -> bool:
        for event in events:
            found = event.object
            if found.spec.node_name and found.metadata.name not in self._seen:
                self._seen.add(found.metadata.name)
                self._left -= 1
                if not self._left:
                    self.done.set_result(time.perf_counter())
        return True

    def closed(self, error: ApiError | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the watch ended"))


async def in_parallel(write: Callable[[Any], Awaitable[Any]], objects: Iterable[Any]) -> None:
    """WRITERS clients, each with one object at a time."""
    waiting = iter(objects)

    async def work() -> None:
        for each in waiting:
            await write(each)

    await asyncio.gather(*(work() for _ in range(WRITERS)))


async def bind(nodes: int, pods: int, replicas: int, *, profile: bool) -> float:
    """Pods per second, from the first creation to the last binding."""
    async with Cluster(nodes=0, controllers=("serviceaccount",), replicas=replicas) as cluster:
        client = TypedClient(cluster.loopback.transport(component(ADMIN)))
        await in_parallel(client.create, (node(number) for number in range(nodes)))
        # Admission taints new nodes as not ready, and no kubelet says that they are.
        tainted = (await client.list(Node)).items
        await in_parallel(client.update, (replace(each, spec=NodeSpec()) for each in tainted))
        listed = await client.list(Pod)
        sink = BoundPods(pods)
        options = Options(resource_version=listed.resource_version)
        request = Request(verb="watch", resource=client.resource(Pod), options=options)
        handle = await client.transport.watch(request, sink)
        gc.collect()
        tracer = cProfile.Profile() if profile else None
        if tracer:
            tracer.enable()
        begin = time.perf_counter()
        await in_parallel(client.create, (pod(number) for number in range(pods)))
        async with asyncio.timeout(60):
            took = await sink.done - begin
        if tracer:
            tracer.disable()
            pstats.Stats(tracer).sort_stats("tottime").print_stats(40)
        handle.cancel()
        await check(client, pods)
    return pods / took


async def check(client: TypedClient, pods: int) -> None:
    """Raises AssertionError."""
    found: dict[str, int] = {}
    for each in (await client.list(Pod)).items:
        found[each.spec.node_name] = found.get(each.spec.node_name, 0) + 1
    if "" in found or sum(found.values()) != pods or max(found.values()) > 40:
        raise AssertionError(f"{sum(found.values())} pods, {found.get('', 0)} of them without a node")
    for _ in range(1000):
        events = [e for e in (await client.list(Event)).items if e.reason == "Scheduled"]
        if len(events) == pods:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{len(events)} events Scheduled for {pods} pods")


def run(report: Report, arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="scheduler_perf/scheduling_basic")
    parser.add_argument("--nodes", type=int, nargs="+", default=[100, 1000, 5000])
    parser.add_argument("--pods", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--decisions-only", action="store_true")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args(arguments)
    report.settings.update(vars(options))
    for nodes in options.nodes:
        count = min(DECIDED, nodes * 30)
        alike = report.row(f"decision, pods alike, {nodes} nodes", "us")
        distinct = report.row(f"decision, pods distinct, {nodes} nodes", "us", bar=60)
        for _ in range(options.runs):
            alike.samples.append(decide(nodes, (pod(i, uid=f"uid-{i}") for i in range(count))))
            distinct.samples.append(
                decide(nodes, (pod(i, memory=1 + i % 1000, uid=f"uid-{i}") for i in range(min(count, 1000))))
            )
    if options.decisions_only:
        return
    for nodes in options.nodes:
        row = report.row(
            f"committed binds, {nodes} nodes", "/s", bar=6000 if nodes == 5000 else None, better="more"
        )
        for _ in range(options.runs):
            row.samples.append(
                asyncio.run(
                    bind(nodes, min(options.pods, nodes * 40), options.replicas, profile=options.profile)
                )
            )
