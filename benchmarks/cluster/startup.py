"""How long it takes until a cluster is there."""

import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from benchmarks.harness import Report

DESCRIPTION = (
    "fresh processes, bytecode cached. 'kube up' is timed from the start of the process until /readyz answers 200 and "
    "includes 3 simulated nodes that are Ready and three replicas of the store; 'entered' starts after the imports, and ends "
    "when the bootstrap objects are written and the first pod can be created and bound; 'left' is the exit of the same cluster. "
    "'cpu' is the time that the process had a processor until it was ready: it does not depend on what else the machine does."
)

RUNS = 7

ENTER = """
import asyncio, time, sys
from kube.actors.cluster import Cluster
loop = sys.argv[1]
async def main():
    start = time.perf_counter()
    async with Cluster(nodes=3):
        entered = time.perf_counter()
    print(entered - start, time.perf_counter() - entered)
if loop == "uvloop":
    import uvloop
    uvloop.run(main())
else:
    asyncio.run(main())
"""

IMPORT = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"


def run(report: Report, arguments: list[str]) -> None:
    runs = int(arguments[0]) if arguments else RUNS
    rows = (
        report.row("kube up to /readyz", "s", bar=1.0),
        report.row("kube up to /readyz, cpu", "s"),
        report.row("Cluster(nodes=3) entered, asyncio", "ms", bar=100),
        report.row("Cluster(nodes=3) left, asyncio", "ms", bar=100),
        report.row("Cluster(nodes=3) entered, uvloop", "ms", bar=100),
        report.row("Cluster(nodes=3) left, uvloop", "ms", bar=100),
        report.row("import kube", "ms", bar=150),
        report.row("from kube import Cluster", "ms"),
    )
    for warm in (True, *[False] * runs):
        samples = (
            *until_ready(),
            *_milliseconds(ENTER, "asyncio"),
            *_milliseconds(ENTER, "uvloop"),
            *_milliseconds(IMPORT.format("import kube")),
            *_milliseconds(IMPORT.format("from kube import Cluster")),
        )
        if not warm:
            for row, sample in zip(rows, samples, strict=True):
                row.samples.append(sample)


def _milliseconds(program: str, *arguments: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    return [float(word) * 1000 for word in done.stdout.split()]


def _processor_seconds(pid: int) -> float:
    """What a process has used so far. NaN where the system does not say."""
    path = Path(f"/proc/{pid}/schedstat")
    return int(path.read_text().split()[0]) / 1e9 if path.exists() else float("nan")


def until_ready() -> tuple[float, float]:
    """Seconds from the start of ``kube up`` until /readyz says ok, by the clock and of the processor."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with tempfile.TemporaryDirectory() as home:
        start = time.perf_counter()
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "kube.cli.main",
                "up",
                "--port",
                "0",
                "--kubeconfig",
                str(Path(home) / "k"),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            match = re.search(r"ready at (https://\S+)", process.stdout.readline())
            assert match, "kube up did not start"
            while True:
                try:
                    with urllib.request.urlopen(f"{match.group(1)}/readyz", context=context) as answer:
                        assert answer.status == 200
                        return time.perf_counter() - start, _processor_seconds(process.pid)
                except urllib.error.HTTPError:
                    continue
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(10)
            process.stdout.close()
