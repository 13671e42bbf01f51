"""etcd's gRPC API, side by side: real etcds and this store in the same run, under the same load.

`kube bench store/grpc [--targets etcd-3.5 kube] [--clients 1 64 1000] [--sizes 256 2048] [--ops put cas range range100 watch]
[--members 1 3] [--media memory tmpfs disk] [--sync fsync nosync] [--seconds 1.5] [--runs 3]`. The servers take turns, so that a
machine that is busy for a while is so for all of them. `kube` is `kube store serve`, all replicas in one process; `kube-member` is
`kube store member`, a process each as etcd has.

The load comes from one process of this project's own (`benchmarks/store/http2.py`, uvloop); `--targets load --media memory --ops
put` has nothing behind it and says what the load alone can do. What the server's processes and the
load's own spend on an operation is a row each, for on a small machine they compete.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import product
from typing import Any, Protocol

import uvloop

from benchmarks.harness import Report, Row
from benchmarks.store import echo, workloads
from benchmarks.store.http2 import Caller, Duplex, Workload, connect, during
from benchmarks.store.servers import Server, etcd, etcd_binaries, kube_members, kube_store
from kube.store.etcdpb import messages

DESCRIPTION = "closed loop; the server is empty and has a leader before the clock starts, and is asked afterwards what it holds"
PLACES = {"memory": None, "tmpfs": "/dev/shm", "disk": "/var/tmp"}


class Measured(Workload, Protocol):
    """A workload that can be prepared and checked. ``over``: say no more; ``done``: what was answered."""

    method: str
    over: bool
    done: int

    async def prepare(self, port: int) -> None: ...

    async def verify(self, port: int) -> None: ...


OPS: dict[str, Callable[[int, int], Measured]] = {
    "put": workloads.Puts,
    "cas": workloads.CompareAndSwaps,
    "range": workloads.Ranges,
    "range100": lambda clients, size: workloads.Ranges(clients, size, 100),
}


_Case = tuple[Any, ...]
"""Target, members, medium, sync, op, size, clients."""


class Rows:
    """Rate, latencies, and what an operation costs either side."""

    def __init__(self, report: Report, name: str) -> None:
        self._report = report
        self._acknowledged: Row | None = None
        self._rows = (
            report.row(name, "1/s", better="more"),
            report.row(f"{name}: p50", "ms"),
            report.row(f"{name}: p99", "ms"),
            report.row(f"{name}: server's CPU", "us"),
            report.row(f"{name}: the load's CPU", "us"),
        )

    def acknowledged(self, latencies: list[float]) -> None:
        """Of writes, where the latencies are those of the last watch."""
        if self._acknowledged is None:
            self._acknowledged = self._report.row(f"{self._rows[0].name}: acknowledged, p50", "ms")
        self._acknowledged.samples.append(statistics.median(latencies) * 1e3)

    @property
    def rates(self) -> list[float]:
        return self._rows[0].samples

    def add(self, count: int, seconds: float, latencies: list[float], server: float, load: float) -> None:
        ordered = sorted(latencies)
        half, most = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
        values = (count / seconds, half * 1e3, most * 1e3, server / count * 1e6, load / count * 1e6)
        for row, value in zip(self._rows, values, strict=True):
            row.samples.append(value)


async def closed_loop(server: Server, op: Measured, clients: int, seconds: float, rows: Rows) -> None:
    """``clients`` on at most 64 connections, as many on each."""
    if server.holds:
        await op.prepare(server.port)
    latencies: list[float] = []
    connections = min(clients, 8 if clients <= 64 else 64)
    shares = [
        range(clients * at // connections, clients * (at + 1) // connections) for at in range(connections)
    ]
    authority = f"127.0.0.1:{server.port}"
    callers = [
        await connect(server.port, partial(Caller, authority, op.method, op, share, latencies))
        for share in shares
    ]
    busy, own = server.cpu(), time.process_time()
    begin = time.perf_counter()
    for caller in callers:
        caller.start()
    asyncio.get_running_loop().call_later(seconds, setattr, op, "over", True)
    await during(asyncio.gather(*(caller.done for caller in callers)), callers)
    elapsed = time.perf_counter() - begin
    rows.add(op.done, elapsed, latencies, server.cpu() - busy, time.process_time() - own)
    for caller in callers:
        caller.close()
    if server.holds:
        await op.verify(server.port)


class Watchers:
    """Watches on one prefix, spread over streams; who has had how many events."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.created = 0
        self.events = 0
        self.reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waits_for = 0

    def receive(self, message: bytes) -> None:
        answer = messages.WatchResponse.FromString(message)
        if answer.canceled:
            raise ValueError(f"a watch was cancelled: {answer.cancel_reason}")
        self.created += answer.created
        self.events += len(answer.events)
        if self.created == self.count and self.events >= self.waits_for and not self.reached.done():
            self.reached.set_result(None)

    async def wait(self, events: int) -> None:
        """Until all have been created and so many events have come."""
        self.waits_for = events
        if self.created < self.count or self.events < events:
            self.reached = asyncio.get_running_loop().create_future()
            await self.reached


async def watch_loop(server: Server, clients: int, size: int, seconds: float, rows: Rows) -> None:
    """One writer whose next put waits until each of ``clients`` watches has had the event of the last one."""
    await workloads.clear(server.port)
    authority = f"127.0.0.1:{server.port}"
    watchers = Watchers(clients)
    duplexes = [
        await connect(server.port, partial(Duplex, authority, "/etcdserverpb.Watch/Watch"))
        for _ in range(min(clients, 8))
    ]
    answered: list[asyncio.Future[None]] = []
    writes = workloads.OnePut(size, answered)
    writer = await connect(server.port, partial(Caller, authority, workloads.PUT, writes, range(1), []))
    latencies: list[float] = []
    acknowledgements: list[float] = []

    async def open_watches() -> None:
        create = messages.WatchCreateRequest(key=workloads.PREFIX, range_end=workloads.PREFIX_END)
        request = messages.WatchRequest(create_request=create).SerializeToString()
        for at, duplex in enumerate(duplexes):
            stream = duplex.begin(request, watchers.receive)
            for _ in range(at + len(duplexes), clients, len(duplexes)):
                duplex.send(stream, request)
            duplex.flush()
        await watchers.wait(0)

    async def write() -> None:
        end = time.perf_counter() + seconds
        while (asked := time.perf_counter()) < end:
            acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            answered.append(acknowledged)
            writer.ask(0)
            writer.flush()
            await acknowledged
            acknowledgements.append(time.perf_counter() - asked)
            await watchers.wait((len(latencies) + 1) * clients)
            latencies.append(time.perf_counter() - asked)

    connections = [*duplexes, writer]
    await during(open_watches(), connections)
    busy, own = server.cpu(), time.process_time()
    begin = time.perf_counter()
    await during(write(), connections)
    elapsed = time.perf_counter() - begin
    expected = len(latencies) * clients
    if watchers.events != expected:
        raise ValueError(f"{watchers.events} events instead of {expected}")
    rows.add(expected, elapsed, latencies, server.cpu() - busy, time.process_time() - own)
    rows.acknowledged(acknowledgements)
    for connection in connections:
        connection.close()


@contextmanager
def started(target: str, members: int, medium: str, sync: str) -> Iterator[Server | None]:
    """None where a target has no such form."""
    name = f"{target}, {members} on {medium}" + (
        ", no fsync" if sync == "nosync" and medium != "memory" else ""
    )
    with ExitStack() as stack:
        server: Server | None = None
        if target == "load":
            if medium == "memory" and members == 1 and sync == "fsync":
                server = stack.enter_context(echo.server())
        elif target == "kube" and (medium != "memory" or sync == "fsync"):
            server = stack.enter_context(
                kube_store(name, replicas=members, below=PLACES[medium], fsync=sync == "fsync")
            )
        elif target == "kube-member" and (medium != "memory" or sync == "fsync"):
            server = stack.enter_context(
                kube_members(name, members=members, below=PLACES[medium], fsync=sync == "fsync")
            )
        elif target.startswith("etcd") and medium != "memory":
            [binary] = [path for version, path in etcd_binaries().items() if target == f"etcd-{version[:3]}"]
            if sync == "fsync" or target != "etcd-3.4":  # it has no such flag
                server = stack.enter_context(
                    etcd(binary, name, members=members, below=PLACES[medium], fsync=sync == "fsync")
                )
        yield server


def run(report: Report, arguments: list[str]) -> None:
    options = _options(arguments)
    report.settings |= vars(options)
    rows: dict[_Case, Rows] = {}
    forms = list(product(options.targets, options.members, options.media, options.sync))
    for _, form in product(range(options.runs), forms):
        with started(*form) as server:
            if server is None:
                continue
            for op, size, clients in product(options.ops, options.sizes, options.clients):
                if not server.holds and op != "put":
                    continue
                case = (*form, op, size, clients)
                if case not in rows:
                    rows[case] = Rows(report, f"{op} {size} B, {clients} clients, {server.name}")
                if op == "watch":
                    loop = watch_loop(server, clients, size, options.seconds, rows[case])
                else:
                    loop = closed_loop(server, OPS[op](clients, size), clients, options.seconds, rows[case])
                uvloop.run(loop)
    _compare(report, rows)


def _compare(report: Report, rows: dict[_Case, Rows]) -> None:
    """The rate of this store as a share of each etcd's, run by run, where both did the same."""
    for (target, *form), ours in rows.items():
        members, medium, sync, op, size, clients = form
        for other, theirs in rows.items():
            if not target.startswith("kube") or not other[0].startswith("etcd") or [*other[1:]] != form:
                continue
            name = f"{op} {size} B, {clients} clients, {members} on {medium}, {sync}: {target} of {other[0]}"
            share = report.row(name, "", bar=0.25, better="more")
            share.samples += [own / their for own, their in zip(ours.rates, theirs.rates, strict=True)]


def _options(arguments: list[str]) -> argparse.Namespace:
    known = [f"etcd-{version[:3]}" for version in etcd_binaries()]
    parser = argparse.ArgumentParser(prog="kube bench store/grpc", description=__doc__)
    parser.add_argument(
        "--targets", nargs="+", choices=[*known, "kube", "kube-member", "load"], default=["etcd-3.5", "kube"]
    )
    parser.add_argument("--ops", nargs="+", choices=[*OPS, "watch"], default=["put", "cas", "range", "watch"])
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 64, 1000])
    parser.add_argument("--sizes", nargs="+", type=int, default=[256, 2048])
    parser.add_argument("--members", nargs="+", type=int, choices=(1, 3), default=[1])
    parser.add_argument("--media", nargs="+", choices=PLACES, default=["tmpfs"])
    parser.add_argument("--sync", nargs="+", choices=("fsync", "nosync"), default=["fsync"])
    parser.add_argument("--seconds", type=float, default=1.5, help="of each sample")
    parser.add_argument("--runs", type=int, default=3)
    return parser.parse_args(arguments)
