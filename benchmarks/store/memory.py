"""Memory of a key beside its value, with one replica and for each further one.

`kube bench store/memory [--keys 150000] [--size 2048] [--replicas 1 3] [--runs 3]`. Each run is a process of its own. Every key is
read back, and the replicas' hashes are equal, before a number counts.
"""

import argparse
import asyncio
import gc
import json
import random
import subprocess
import sys
from pathlib import Path

from benchmarks.harness import Report
from benchmarks.store.puts import settled
from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import start_members
from kube.base.clock import SystemClock
from kube.base.stall import StallGuard
from kube.store.config import StoreConfig
from kube.store.local import LocalStore

DESCRIPTION = "each key is put once, by 64 clients; what the log keeps for followers counts too"
CLIENTS = 64


def resident() -> int:
    """Bytes."""
    [line] = [
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:")
    ]
    return int(line.split()[1]) * 1024


def value(number: int, size: int) -> bytes:
    """Of its own for each key, so that nothing is shared that a user's values would not share."""
    return (b"%015d|" % number) * (size // 16)


async def fill(replicas: int, keys: int, size: int) -> float:
    """Bytes for each key beside its value."""
    guard = StallGuard(SystemClock())
    guard.start()
    async with ActorSystem(clock=guard) as system:
        store = LocalStore(StoreConfig(replicas=replicas), guard, random.Random(1))
        await start_members(system, store)
        numbers = iter(range(keys))
        gc.collect()
        before = resident()

        async def client() -> None:
            for number in numbers:
                await store.put(b"/registry/pods/default/%08d" % number, value(number, size))

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        members = await settled(store)
        gc.collect()
        used = resident() - before
        hashes = {member.machine.hash_kv().hash for member in members}
        if len(hashes) != 1 or len(members) != replicas:
            raise ValueError(f"the replicas differ: {hashes}")
        for number in range(keys):
            if members[0].machine.kv.live[b"/registry/pods/default/%08d" % number].value != value(
                number, size
            ):
                raise ValueError(f"key {number} has another value")
        await store.aclose()
    guard.stop()
    return used / keys - len(value(0, size))


def run(report: Report, arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="kube bench store/memory", description=__doc__)
    parser.add_argument("--keys", type=int, default=150_000)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args(arguments)
    report.settings |= vars(options)
    bars = {1: 400.0}
    rows = {
        replicas: report.row(f"a key, {replicas} replicas", "B", bar=bars.get(replicas))
        for replicas in options.replicas
    }
    further = report.row("each further replica", "B", bar=150.0)
    for _ in range(options.runs):
        used = {}
        for replicas, row in rows.items():
            command = [sys.executable, "-m", "benchmarks.store.memory", str(replicas)]
            done = subprocess.run(
                [*command, str(options.keys), str(options.size)], capture_output=True, check=False
            )
            if done.returncode:
                raise RuntimeError(done.stderr.decode())
            used[replicas] = json.loads(done.stdout)
            row.samples.append(used[replicas])
        least, most = min(used), max(used)
        if most > least:
            further.samples.append((used[most] - used[least]) / (most - least))
    if not further.samples:
        report.rows.remove(further)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(fill(*map(int, sys.argv[1:])))))
