"""A Deployment of 1,000 replicas on 100 simulated nodes, embedded: from its creation until all its pods are Running."""

import asyncio
import gc
import time

import uvloop

from benchmarks.harness import Report
from kube import Cluster
from kube.api.types.apps_v1 import Deployment, DeploymentSpec
from kube.api.types.core_v1 import Container, Event, Pod, PodSpec, PodTemplateSpec, ResourceRequirements
from kube.apimachinery.meta.v1 import LabelSelector, ObjectMeta

DESCRIPTION = (
    "the cluster, its nodes and their caches are there before the clock starts; pods, their statuses and their Events are "
    "created in it, and the Events that are still being written when the last pod runs are waited for outside of it. "
    "Checked: as many pods Running as asked for, spread over all nodes, with as many Scheduled events."
)

RUNS = 5


def deployment(replicas: int) -> Deployment:
    labels = {"app": "web"}
    container = Container(
        name="web",
        image="nginx:1",
        resources=ResourceRequirements(requests={"cpu": "100m", "memory": "64Mi"}),
    )
    return Deployment(
        metadata=ObjectMeta(name="web"),
        spec=DeploymentSpec(
            replicas=replicas,
            selector=LabelSelector(match_labels=labels),
            template=PodTemplateSpec(
                metadata=ObjectMeta(labels=labels), spec=PodSpec(containers=(container,))
            ),
        ),
    )


async def rollout(nodes: int, replicas: int, store_replicas: int) -> float:
    async with Cluster(nodes=nodes, replicas=store_replicas) as cluster:
        client = cluster.client
        running: set[str] = set()
        version = (await client.list(Pod)).resource_version
        async with client.watch(Pod, resource_version=version, buffer=100_000) as events:
            start = time.perf_counter()
            await client.create(deployment(replicas))
            async for event in events:
                if event.object.status.phase == "Running":
                    running.add(event.object.metadata.name)
                    if len(running) == replicas:
                        break
            taken = time.perf_counter() - start
        ready = await client.wait_for(
            Deployment, "web", lambda found: found.status.ready_replicas == replicas
        )
        assert ready.status.replicas == replicas
        pods = (await client.list(Pod)).items
        assert len(pods) == replicas
        assert len({pod.spec.node_name for pod in pods}) == min(nodes, replicas)
        async with asyncio.timeout(60):
            while True:
                listed = await client.list(Event)
                if sum(1 for event in listed.items if event.reason == "Scheduled") == replicas:
                    break
                await asyncio.sleep(0.05)
    return taken


def run(report: Report, arguments: list[str]) -> None:
    runs = int(arguments[0]) if arguments else RUNS
    for nodes, replicas in ((10, 100), (100, 1000), (100, 5000)):
        bar = 2.0 if (nodes, replicas) == (100, 1000) else None
        for loop, runner in (("asyncio", asyncio.run), ("uvloop", uvloop.run)):
            row = report.row(f"{replicas} replicas, {nodes} nodes, {loop}", "s", bar=bar)
            for _ in range(runs if replicas <= 1000 else 2):
                gc.collect()
                row.samples.append(runner(rollout(nodes, replicas, 3)))
