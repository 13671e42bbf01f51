"""Puts, optimistic puts, txns that compare and swap, and ranges through a store in this process.

`kube bench store/puts [--replicas 3] [--clients 1 64 1000] [--sizes 256 2048] [--ops put create cas range] [--loops asyncio uvloop]
[--directory DIR] [--runs 7] [--ops-each 2000]`. Each run begins with an empty store; every key is read back and the replicas are
compared before a number counts. With `--directory` the store keeps its data below it, and puts wait for the disk.
"""

import argparse
import asyncio
import gc
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import ExitStack, closing
from itertools import product
from typing import Any

import uvloop

from benchmarks.harness import Report, Row
from benchmarks.store.servers import directory
from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import start_members
from kube.base.clock import SystemClock
from kube.base.stall import StallGuard
from kube.store.config import StoreConfig
from kube.store.kv import Compare, CompareResult, CompareTarget, Put, Range, Txn
from kube.store.local import LocalStore
from kube.store.member import Member
from kube.store.wal.directory import open_store

DESCRIPTION = "a leader is elected before the clock starts; keys of 20 B; closed loop; bars are for 256 B and three replicas"

Loop = Callable[[Coroutine[Any, Any, None]], None]


class Client:
    """One client of the closed loop, whose keys are its own."""

    def __init__(self, store: LocalStore, number: int, value: bytes) -> None:
        self.store = store
        self.prefix = b"/bench/%05d/" % number
        self.value = value
        self.revision = 0

    def key(self, turn: int) -> bytes:
        return b"%s%07d" % (self.prefix, turn)

    async def put(self, turn: int) -> None:
        await self.store.put(self.key(turn), self.value)

    async def create(self, turn: int) -> None:
        result = await self.store.optimistic_put(self.key(turn), self.value, 0)
        if not result.succeeded:
            raise ValueError(f"{self.key(turn)!r} was there already")

    async def cas(self, turn: int) -> None:  # noqa: ARG002  # its key stays the same
        key = self.key(0)
        unchanged = Compare(key, CompareTarget.MOD, CompareResult.EQUAL, self.revision)
        result = await self.store.txn(Txn((unchanged,), (Put(key, self.value),), (Range(key),)))
        if not result.succeeded:
            raise ValueError(f"{key!r} was written by somebody else")
        self.revision = result.revision

    async def range(self, turn: int) -> None:
        if not turn:
            await self.put(0)
        found = await self.store.range(self.key(0))
        if found.kvs[0].value != self.value:
            raise ValueError("another value")


OPS: dict[str, Callable[[Client, int], Coroutine[Any, Any, None]]] = {
    "put": Client.put,
    "create": Client.create,
    "cas": Client.cas,
    "range": Client.range,
}
WRITES_KEYS = ("put", "create")


async def measure(options: argparse.Namespace, op: str, size: int, clients: int) -> float:
    """Seconds for ``clients`` times as many operations each as it takes to come to ``ops_each`` by one or eight times that by all."""
    each: int = options.ops_each if clients == 1 else max(1, options.ops_each * 8 // clients)
    guard = StallGuard(SystemClock())
    guard.start()
    with ExitStack() as stack:
        opened = None
        if options.directory is not None:
            path = stack.enter_context(directory(options.directory)) / "data"
            opened = stack.enter_context(closing(open_store(path, options.replicas, random.Random(1))))
        async with ActorSystem(clock=guard) as system:
            config = StoreConfig(replicas=options.replicas)
            store = LocalStore(config, guard, random.Random(1), directory=opened)
            await start_members(system, store)
            value = b"x" * size
            await work([Client(store, 99_999, value)], OPS[op], 200)
            await store.delete_range(b"/", b"0")
            gc.collect()
            begin = time.perf_counter()
            await work([Client(store, number, value) for number in range(clients)], OPS[op], each)
            seconds = time.perf_counter() - begin
            await verify(store, clients * each if op in WRITES_KEYS else clients, value)
            await store.aclose()
    guard.stop()
    return seconds / (clients * each)


async def work(clients: list[Client], act: Callable[[Client, int], Awaitable[None]], each: int) -> None:
    async def loop(client: Client) -> None:
        for turn in range(each):
            await act(client, turn)

    if len(clients) == 1:
        await loop(clients[0])
    else:
        await asyncio.gather(*map(loop, clients))


async def verify(store: LocalStore, count: int, value: bytes) -> None:
    """Every key is there, and every replica holds the same."""
    found = await store.range(b"/", b"0")
    if found.count != count or any(kv.value != value for kv in found.kvs):
        raise ValueError(f"{found.count} keys instead of {count}")
    members = await settled(store)
    states = [member.machine.kv.live for member in members]
    if any(state != states[0] for state in states):
        raise ValueError("replicas differ")


async def settled(store: LocalStore) -> list[Member]:
    """All members, once each has applied what there is: followers hear of the last commit with a tick."""
    members = [replica.member for replica in store.replicas.all() if replica.member is not None]
    async with asyncio.timeout(30):
        while len({member.applied_index for member in members}) > 1:  # noqa: ASYNC110  # followers tell nobody
            await asyncio.sleep(0.01)
    return members


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


LOOPS: dict[str, Loop] = {"asyncio": asyncio.run, "uvloop": tuned}
ONE_CLIENT_BAR = {"asyncio": 50.0, "uvloop": 25.0}


def _bar(options: argparse.Namespace, op: str, size: int, clients: int, loop: str) -> float | None:
    barred = op in WRITES_KEYS and size == 256 and options.replicas == 3 and options.directory is None
    return {1: ONE_CLIENT_BAR[loop], 64: 60_000.0}.get(clients) if barred else None


def run(report: Report, arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="kube bench store/puts", description=__doc__)
    parser.add_argument("--replicas", type=int, default=3, choices=(1, 3, 5))
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 64, 1000])
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 2048])
    parser.add_argument("--ops", nargs="+", choices=OPS, default=list(OPS))
    parser.add_argument("--loops", nargs="+", choices=LOOPS, default=list(LOOPS))
    parser.add_argument("--directory")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument(
        "--ops-each", type=int, default=2_000, help="of one client; several come to eight times as many"
    )
    options = parser.parse_args(arguments)
    report.settings |= vars(options)
    for op, size, clients, loop in product(options.ops, options.sizes, options.clients, options.loops):
        unit, better = ("us", "less") if clients == 1 else ("1/s", "more")
        bar = _bar(options, op, size, clients, loop)
        row = report.row(f"{op} {size} B, {clients} clients, {loop}", unit, bar=bar, better=better)

        async def sample(row: Row = row, op: str = op, size: int = size, clients: int = clients) -> None:
            seconds = await measure(options, op, size, clients)
            row.samples.append(seconds * 1e6 if row.unit == "us" else 1 / seconds)

        for _ in range(options.runs):
            LOOPS[loop](sample())
