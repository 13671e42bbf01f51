"""What a cluster holds in memory: ``kube up`` with 100 nodes, before and with 1,000 pods that run."""

import asyncio
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.cluster.rollout import deployment
from benchmarks.harness import Report
from kube import Client
from kube.api.types.apps_v1 import Deployment

DESCRIPTION = (
    "a fresh process of 'kube up --nodes 100 --replicas 3'; its resident set after the start, and when 1,000 pods of a Deployment "
    "are Ready and have been for 3 s, the history of all their changes and their Events included."
)

RUNS = 3
NODES = 100
PODS = 1_000
QUIET_SECONDS = 3.0


def run(report: Report, arguments: list[str]) -> None:
    runs = int(arguments[0]) if arguments else RUNS
    idle = report.row(f"{NODES} nodes, no pods", "MB")
    busy = report.row(f"{NODES} nodes, {PODS:,} pods Running", "MB", bar=150)
    for _ in range(runs):
        for row, sample in zip((idle, busy), once(), strict=True):
            row.samples.append(sample)


def once() -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "kubeconfig"
        command = (sys.executable, "-m", "kube.cli.main", "up", "--port", "0", "--nodes", str(NODES))
        process = subprocess.Popen([*command, "--kubeconfig", str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            assert re.search("ready at", process.stdout.readline()), "kube up did not start"
            idle = resident(process.pid)
            asyncio.run(_roll_out(path))
            return idle, resident(process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(10)
            process.stdout.close()


async def _roll_out(path: Path) -> None:
    async with Client.from_kubeconfig(path) as client:
        await client.create(deployment(PODS))
        await client.wait_for(
            Deployment, "web", lambda found: found.status.ready_replicas == PODS, timeout=60
        )
    await asyncio.sleep(QUIET_SECONDS)


def resident(pid: int) -> float:
    """Megabytes (2**20 bytes), as Linux counts them."""
    found = re.search(r"VmRSS:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found, "the resident set is only known on Linux"
    return int(found.group(1)) / 1024
