"""A machine loses its power while users work: what ran there comes back elsewhere, and the users notice nothing."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

from kube import Client, Cluster
from kube.api.helpers.pods import is_pod_ready
from kube.api.types.core_v1 import ConfigMap, Endpoints, Node, Pod
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.client import kubeconfig
from tests.e2e.harness import kubectls, missing
from tests.e2e.objects import deployment, gives_up_at_once, service

REPLICAS = 12
NODES = {f"node-{number}" for number in range(4)}


@contextlib.asynccontextmanager
async def under_load(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Work goes on side by side until the block is left; what fails in it fails the test."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
        for task in tasks:
            assert not task.done(), task.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def write_and_read(client: Client, done: list[str]) -> None:
    """Each turn creates, reads, patches and deletes; every answer must be what was written before."""
    for number in itertools.count():
        name = f"load-{number}"
        await client.create(ConfigMap(metadata=ObjectMeta(name=name), data={"turn": str(number)}))
        assert (await client.get(ConfigMap, name)).data["turn"] == str(number)
        await client.delete(ConfigMap, name)
        done.append(name)


async def run_kubectl(program: str, config: Path, done: list[str]) -> None:
    """A user who scales another Deployment up and down, and looks."""
    for replicas in itertools.cycle((4, 2)):
        for command in (
            ("scale", "deployment/other", f"--replicas={replicas}"),
            ("get", "pods", "-o", "wide"),
        ):
            process = await asyncio.create_subprocess_exec(
                program,
                "--kubeconfig",
                str(config),
                *command,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            try:
                printed, _ = await process.communicate()
            except asyncio.CancelledError:
                process.kill()
                await process.wait()
                raise
            assert process.returncode == 0, printed.decode()
            done.append(" ".join(command))


async def went_on(done: list[str], before: int) -> None:
    """Until work that was under way, or began, when the node was killed is done."""
    async with asyncio.timeout(60):
        while len(done) <= before:  # noqa: ASYNC110  # it looks from outside at what has no event
            await asyncio.sleep(0.01)


async def ready_pods(client: Client) -> list[Pod]:
    pods = (await client.list(Pod, namespace="default", label_selector="app=web")).items
    return [pod for pod in pods if pod.metadata.deletion_timestamp is None and is_pod_ready(pod)]


async def settled(client: Client, nodes: set[str]) -> None:
    """Until as many pods as are wanted are Ready, all on these nodes, and the Service has just their addresses."""
    async with asyncio.timeout(60), client.watch(Endpoints, namespace="default") as changes:
        async for _ in changes:
            pods = await ready_pods(client)
            endpoints = await client.get(Endpoints, "web")
            served = {address.ip for subset in endpoints.subsets for address in subset.addresses}
            if (
                len(pods) == REPLICAS
                and {pod.spec.node_name for pod in pods} <= nodes
                and served == {pod.status.pod_ip for pod in pods}
            ):
                return


async def test_pods_of_a_killed_node_come_back_elsewhere_under_load(tmp_path: Path) -> None:
    programs = [param.values[0] for param in kubectls() if param.values[0]]
    if not programs:
        missing("kubectl", "not installed, and KUBE_TEST_KUBECTL names none")
    path = tmp_path / "kubeconfig"
    settings = {"node_monitor_period": 0.2, "node_monitor_grace_period": 2.0, "listen": ("127.0.0.1", 0)}
    async with Cluster(nodes=len(NODES), replicas=3, **settings) as cluster:
        kubeconfig.write(path, cluster.kubeconfig())
        client = cluster.client
        await client.create(service("web"))
        await client.create(deployment("web", REPLICAS, *gives_up_at_once()))
        await client.create(deployment("other", 2))
        await settled(client, NODES)
        written: list[str] = []
        ran: list[str] = []
        async with (
            Client.from_kubeconfig(path) as remote,
            under_load(write_and_read(remote, written), run_kubectl(programs[0], path, ran)),
        ):
            victim = (await ready_pods(client))[0].spec.node_name
            await cluster.kill_node(victim)
            before = len(written), len(ran)
            await settled(client, NODES - {victim})
            await asyncio.gather(went_on(written, before[0]), went_on(ran, before[1]))
            node = await client.get(Node, victim)
        assert {taint.key for taint in node.spec.taints} >= {"node.kubernetes.io/unreachable"}
