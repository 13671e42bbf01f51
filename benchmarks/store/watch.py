"""Watches on one prefix: what they add to a write, and when the last of them has its event.

`kube bench store/watch [--watches 10000] [--runs 7] [--writes 20]`. A run checks that every watch had every event once.
"""

import argparse
import asyncio
import gc
import random
import statistics
import time

from benchmarks.harness import Report
from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import start_members
from kube.base.clock import SystemClock
from kube.base.stall import StallGuard
from kube.store.config import StoreConfig
from kube.store.kv import WatchStream, prefix_end
from kube.store.local import LocalStore

DESCRIPTION = "three replicas; every watch is open and read by a task of its own before the clock starts"
PREFIX = b"/watched/"


class Reader:
    """Reads one stream until it has had ``expected`` events."""

    def __init__(self, stream: WatchStream) -> None:
        self.stream = stream
        self.revisions: list[int] = []
        self.last = 0.0

    async def read(self, expected: int) -> None:
        while len(self.revisions) < expected:
            batch = await self.stream.next()
            self.last = time.perf_counter()
            self.revisions += [event.kv.mod_revision for event in batch.events]


async def write(store: LocalStore, readers: list[Reader], writes: int) -> tuple[list[float], list[float]]:
    """Seconds to the acknowledgement and to the last reader, of each write."""
    acknowledged, delivered = [], []
    for number in range(writes):
        reading = [asyncio.create_task(reader.read(number + 1)) for reader in readers]
        await asyncio.sleep(0.05)
        begin = time.perf_counter()
        await store.put(PREFIX + b"key", b"x" * 256)
        acknowledged.append(time.perf_counter() - begin)
        await asyncio.gather(*reading)
        delivered.append(max((reader.last for reader in readers), default=begin) - begin)
    return acknowledged, delivered


async def measure(watches: int, writes: int) -> tuple[float, float]:
    """Medians of ``write``."""
    guard = StallGuard(SystemClock())
    guard.start()
    async with ActorSystem(clock=guard) as system:
        store = LocalStore(StoreConfig(replicas=3), guard, random.Random(1))
        await start_members(system, store)
        readers = [Reader(await store.watch(PREFIX, prefix_end(PREFIX))) for _ in range(watches)]
        gc.collect()
        acknowledged, delivered = await write(store, readers, writes)
        if any(reader.revisions != list(range(2, writes + 2)) for reader in readers):
            raise ValueError("a watch missed an event or had one twice")
        await store.aclose()
    guard.stop()
    return statistics.median(acknowledged), statistics.median(delivered)


def run(report: Report, arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="kube bench store/watch", description=__doc__)
    parser.add_argument("--watches", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--writes", type=int, default=10)
    options = parser.parse_args(arguments)
    report.settings |= vars(options)
    without = report.row("acknowledged, no watch", "ms")
    acknowledged = report.row(f"acknowledged, {options.watches:,} watches", "ms")
    added = report.row("added to the acknowledgement", "ms", bar=1.0)
    delivered = report.row("last watch has the event", "ms", bar=100.0)
    for _ in range(options.runs):
        alone, _ = asyncio.run(measure(0, options.writes))
        watched, last = asyncio.run(measure(options.watches, options.writes))
        without.samples.append(alone * 1e3)
        acknowledged.samples.append(watched * 1e3)
        added.samples.append(max(0.0, watched - alone) * 1e3)
        delivered.samples.append(last * 1e3)
