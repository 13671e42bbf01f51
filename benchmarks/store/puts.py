"""Puts and optimistic puts of 256 B through a store in this process.

`kube bench store/puts [--replicas 3] [--runs 7] [--puts 2000]`. Each run begins with an empty store; every key is read back
and the replicas are compared before a number counts.
"""

import argparse
import asyncio
import gc
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import uvloop

from benchmarks.harness import Report, Row
from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import start_members
from kube.base.clock import SystemClock
from kube.base.stall import StallGuard
from kube.store.local import LocalStore
from kube.store.replicas import StoreConfig

DESCRIPTION = "a leader is elected before the clock starts; values of 256 B, keys of 20; closed loop"
VALUE = b"x" * 256

Write = Callable[[LocalStore, bytes], Awaitable[Any]]
Loop = Callable[[Coroutine[Any, Any, None]], None]


async def put(store: LocalStore, key: bytes) -> None:
    await store.put(key, VALUE)


async def create(store: LocalStore, key: bytes) -> None:
    result = await store.optimistic_put(key, VALUE, 0)
    if not result.succeeded:
        raise ValueError(f"{key!r} was there already")


async def measure(replicas: int, clients: int, each: int, write: Write) -> float:
    """Seconds for ``clients`` times ``each`` writes of new keys."""
    guard = StallGuard(SystemClock())
    guard.start()
    async with ActorSystem(clock=guard) as system:
        store = LocalStore(StoreConfig(replicas=replicas), guard, random.Random(1))
        await start_members(system, store)

        async def client(number: int) -> None:
            for turn in range(each):
                await write(store, b"/bench/%05d/%07d" % (number, turn))

        await asyncio.gather(*(client(number) for number in range(2)))
        gc.collect()
        await store.delete_range(b"/", b"0")
        begin = time.perf_counter()
        if clients == 1:
            await client(0)
        else:
            await asyncio.gather(*(client(number) for number in range(clients)))
        seconds = time.perf_counter() - begin
        await verify(store, clients * each)
        await store.aclose()
    guard.stop()
    return seconds


async def verify(store: LocalStore, count: int) -> None:
    """Every key is there, and every replica holds the same."""
    found = await store.range(b"/", b"0")
    if found.count != count or any(kv.value != VALUE for kv in found.kvs):
        raise ValueError(f"{found.count} keys instead of {count}")
    await asyncio.sleep(0.1)  # followers hear of the last commit with a heartbeat
    members = [replica.member for replica in store.replicas.all()]
    states = [member.machine.kv.live for member in members if member is not None]
    if any(state != states[0] for state in states):
        raise ValueError("replicas differ")


def tuned(body: Coroutine[Any, Any, None]) -> None:
    """As `kube up` runs: uvloop, a frozen heap, a collector that comes less often."""
    threshold = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    try:
        uvloop.run(body)
    finally:
        gc.set_threshold(*threshold)
        gc.unfreeze()


LOOPS: dict[str, Loop] = {"asyncio": asyncio.run, "uvloop, tuned": tuned}
ONE_CLIENT_BAR = {"asyncio": 50.0, "uvloop, tuned": 25.0}


def run(report: Report, arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="kube bench store/puts", description=__doc__)
    parser.add_argument("--replicas", type=int, default=3, choices=(1, 3, 5))
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument(
        "--puts", type=int, default=2_000, help="of the one client; the 64 write eight times as many"
    )
    options = parser.parse_args(arguments)
    report.settings |= vars(options)
    for loop_name, loop in LOOPS.items():
        for name, write in (("put", put), ("create", create)):
            bar = ONE_CLIENT_BAR[loop_name] if options.replicas == 3 else None
            one = report.row(f"{name}, 1 client, {loop_name}", "us", bar=bar)
            bar = 60_000.0 if options.replicas == 3 else None
            many = report.row(f"{name}, 64 clients, {loop_name}", "1/s", bar=bar, better="more")
            for _ in range(options.runs):
                loop(sample(one, options.replicas, 1, options.puts, write))
                loop(sample(many, options.replicas, 64, options.puts // 8, write))


async def sample(row: Row, replicas: int, clients: int, each: int, write: Write) -> None:
    seconds = await measure(replicas, clients, each, write)
    row.samples.append(seconds / each * 1e6 if row.unit == "us" else clients * each / seconds)
