"""Scheduler, controllers and node in processes of their own, over HTTPS to an API server that has none of them."""

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kube import Client
from kube.api.helpers.nodes import is_node_ready
from kube.api.helpers.pods import is_pod_ready
from kube.api.types.apps_v1 import Deployment
from kube.api.types.core_v1 import Node, Pod
from kube.testing.thread import ClusterThread
from tests.e2e.harness import interrupt, kube, said
from tests.e2e.objects import deployment
from tests.store.waiting import waited

STOP_SECONDS = 2.0


def waits(process: subprocess.Popen[str]) -> float:
    """Seconds that it, or the API server in a thread of this process, waited for a core."""
    threads = sorted(Path("/proc/self/task").glob("*"))
    return waited(process.pid) + sum(waited(f"self/task/{thread.name}") for thread in threads)


def interrupted(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Ctrl-C; its exit code and what it printed. It must end at once, but for what a busy machine kept it waiting."""
    before = last = waits(process)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    while True:
        try:
            printed, _ = process.communicate(timeout=0.1)
            return process.returncode, printed
        except subprocess.TimeoutExpired:
            last = max(last, waits(process))
            if time.monotonic() - began - (last - before) > STOP_SECONDS:
                raise


@pytest.fixture
def api_server(tmp_path: Path) -> Iterator[Path]:
    """The kubeconfig of an API server and its store, alone."""
    path = tmp_path / "kubeconfig"
    with ClusterThread(path, nodes=0, controllers=(), scheduler=False):
        yield path


async def test_each_component_runs_in_a_process_of_its_own(api_server: Path, tmp_path: Path) -> None:
    """A Deployment becomes Ready through them; Ctrl-C ends each at once."""
    to = ("--kubeconfig", str(api_server))
    processes: list[subprocess.Popen[str]] = []
    try:
        processes += [
            kube(tmp_path, *command)
            for command in (
                ("controller-manager", *to),
                ("scheduler", *to),
                ("kubelet", *to, "--node-name", "n1", "--node-ip", "10.1.0.1"),
                ("kubelet", *to, "--node-name", "n2", "--node-ip", "10.1.0.2"),
            )
        ]
        for process in processes:
            said(process, "runs against https://127")
        async with Client.from_kubeconfig(api_server) as client:
            for name in ("n1", "n2"):
                await client.wait_for(Node, name, is_node_ready)
            await client.create(deployment("web", 4))
            await client.wait_for(
                Deployment, "web", lambda found: found.status.ready_replicas == 4, timeout=30
            )
            pods = (await client.list(Pod, namespace="default")).items
        assert {pod.spec.node_name for pod in pods} == {"n1", "n2"}
        assert all(is_pod_ready(pod) for pod in pods)
        assert len({pod.status.pod_ip for pod in pods}) == 4
        while processes:
            assert interrupted(processes[-1]) == (0, "")
            processes.pop()
    finally:
        for process in processes:
            process.kill()
            process.communicate()


async def test_a_deployment_waits_for_the_component_that_is_missing(api_server: Path, tmp_path: Path) -> None:
    """Without a scheduler pods are made and stay Pending; they run when it comes."""
    to = ("--kubeconfig", str(api_server))
    manager, node = (
        kube(tmp_path, "controller-manager", *to),
        kube(tmp_path, "kubelet", *to, "--node-name", "n1"),
    )
    scheduler = None
    try:
        async with Client.from_kubeconfig(api_server) as client:
            await client.create(deployment("web", 2))
            await client.wait_for(Deployment, "web", lambda found: found.status.replicas == 2, timeout=30)
            pods = (await client.list(Pod, namespace="default")).items
            assert [(pod.spec.node_name, pod.status.phase) for pod in pods] == [("", "Pending")] * 2
            scheduler = kube(tmp_path, "scheduler", *to)
            await client.wait_for(
                Deployment, "web", lambda found: found.status.ready_replicas == 2, timeout=30
            )
    finally:
        codes = [interrupt(process) for process in (manager, node, scheduler) if process is not None]
    assert codes == [0, 0, 0]
