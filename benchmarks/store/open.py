"""Opening a data directory: from the start of `kube store serve` until it answers a linearizable read.

`kube bench store/open [--keys 300000] [--size 2048] [--replicas 1] [--runs 3] [--directory /var/tmp] [--cold]`. With `--cold` the
files are dropped from the page cache before each opening. The number of keys is checked each time.
"""

import argparse
import asyncio
import os
import random
import sys
import time
from pathlib import Path

import uvloop

from benchmarks.harness import Report, timed
from benchmarks.store.memory import value
from benchmarks.store.servers import directory, free_port, process, serving
from benchmarks.store.workloads import count
from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import start_members
from kube.base.clock import SystemClock
from kube.base.stall import StallGuard
from kube.store.config import StoreConfig
from kube.store.local import LocalStore
from kube.store.wal.directory import open_store

DESCRIPTION = "the directory is filled by a process that is gone when the clock starts"
CLIENTS = 512


async def fill(path: Path, replicas: int, keys: int, size: int) -> None:
    guard = StallGuard(SystemClock())
    guard.start()
    opened = open_store(path, replicas, random.Random(1))
    async with ActorSystem(clock=guard) as system:
        store = LocalStore(StoreConfig(replicas=replicas), guard, random.Random(1), directory=opened)
        await start_members(system, store)
        numbers = iter(range(keys))

        async def client() -> None:
            for number in numbers:
                await store.put(b"/bench/%08d" % number, value(number, size))

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        await store.aclose()
    opened.close()
    guard.stop()


def forget(path: Path) -> None:
    """Drop what is below ``path`` from the page cache."""
    for each in path.rglob("*"):
        if each.is_file():
            descriptor = os.open(each, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def run(report: Report, arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="kube bench store/open", description=__doc__)
    parser.add_argument("--keys", type=int, default=300_000)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--replicas", type=int, choices=(1, 3, 5), default=1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--directory", default="/var/tmp", help="below which the data is kept")
    parser.add_argument("--cold", action="store_true")
    options = parser.parse_args(arguments)
    report.settings |= vars(options)
    with directory(options.directory) as root:
        data = root / "data"
        begin = time.perf_counter()
        uvloop.run(fill(data, options.replicas, options.keys, options.size))
        filling = report.row("filled", "s")
        filling.samples.append(time.perf_counter() - begin)
        os.sync()  # else the system would be writing while the clock runs
        held = report.row("the directory", "MB")
        held.samples.append(sum(each.stat().st_size for each in data.rglob("*") if each.is_file()) / 1e6)
        opening = report.row("opened", "s", bar=10.0)
        for number in range(options.runs):
            if options.cold:
                forget(data)
            port = free_port()
            command = [sys.executable, "-m", "kube.cli.main", "store", "serve", "--data-dir", str(data)]
            command += [
                "--replicas",
                str(options.replicas),
                "--listen-client-urls",
                f"http://127.0.0.1:{port}",
            ]
            log = root / f"log-{number}"
            with timed(opening), process(command, log) as started:
                serving("kube store serve", [port], [started], log)
                found = asyncio.run(count(port))
            if found != options.keys:
                raise ValueError(f"{found} keys instead of {options.keys}")
