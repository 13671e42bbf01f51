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
    "includes 3 simulated nodes that are Ready; 'entered' starts after the imports."
)

RUNS = 7

ENTER = """
import asyncio, time, sys
from kube.actors.cluster import Cluster
loop = sys.argv[1]
async def main():
    start = time.perf_counter()
    async with Cluster(nodes=3):
        print(time.perf_counter() - start)
if loop == "uvloop":
    import uvloop
    uvloop.run(main())
else:
    asyncio.run(main())
"""

IMPORT = "import time; start = time.perf_counter(); import kube; print(time.perf_counter() - start)"


def run(report: Report, arguments: list[str]) -> None:
    runs = int(arguments[0]) if arguments else RUNS
    up = report.row("kube up to /readyz", "s", bar=1.0)
    enter = report.row("Cluster(nodes=3) entered, asyncio", "ms", bar=100)
    enter_uvloop = report.row("Cluster(nodes=3) entered, uvloop", "ms", bar=100)
    importing = report.row("import kube", "ms", bar=150)
    for warm in (True, *[False] * runs):
        samples = (
            until_ready(),
            _printed(ENTER, "asyncio") * 1000,
            _printed(ENTER, "uvloop") * 1000,
            _printed(IMPORT) * 1000,
        )
        if not warm:
            for row, sample in zip((up, enter, enter_uvloop, importing), samples, strict=True):
                row.samples.append(sample)


def _printed(program: str, *arguments: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def until_ready() -> float:
    """Seconds from the start of ``kube up`` until /readyz says ok."""
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
                        return time.perf_counter() - start
                except urllib.error.HTTPError:
                    continue
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(10)
            process.stdout.close()
