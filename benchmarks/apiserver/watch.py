"""Watches of pods over HTTPS, one connection each, while pods are created over 16 others.

`kube bench apiserver/watch [--streams 10 100 1000] [--runs 3] [--requests 1000]`. Checks that every stream has every pod once.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any, cast

from benchmarks.apiserver.load import (
    PODS,
    Connection,
    Rows,
    Sample,
    Server,
    creates,
    fill,
    latency_percentiles,
    parser,
    request,
    runner,
    tls_of,
)
from benchmarks.harness import Report, Row

DESCRIPTION = (
    "an API server with RBAC and the default admission chain, three replicas; who watches and who creates in two other processes; all streams are "
    "open and have had the initial state before the clock starts; every stream has every pod once"
)
BAR_DELIVERIES = {1000: 100_000.0}
BAR_CREATES = {1000: 500.0}
INITIAL = 10
"""Pods that are there when the watches begin."""
MARK = b'{"type":"ADDED"'


class Stream(asyncio.Protocol):
    """Counts the events of one watch; keeps no more of them than the last few bytes."""

    def __init__(self) -> None:
        self.events = 0
        self.last = 0.0
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(request("GET", f"{PODS}?watch=1"))

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        found = data.count(MARK)
        if found:
            self.events += found
            self.last = time.perf_counter()
            data = data[data.rfind(MARK) + len(MARK) :]
        self._rest = data[-len(MARK) + 1 :]


async def _read(server: tuple[int, str], streams: int, expected: int, pipe: Pipe) -> None:
    port, files = server
    loop, tls = asyncio.get_running_loop(), tls_of(Path(files))
    watches = [(await loop.create_connection(Stream, "127.0.0.1", port, ssl=tls))[1] for _ in range(streams)]
    while any(watch.events < INITIAL for watch in watches):  # noqa: ASYNC110  # cheaper than an event in each
        await asyncio.sleep(0.01)
    pipe.send(None)
    while any(watch.events < INITIAL + expected for watch in watches):  # noqa: ASYNC110  # as above
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.1)
    pipe.send(max(watch.last for watch in watches))
    pipe.send([watch.events - INITIAL for watch in watches if watch.events != INITIAL + expected])
    for watch in watches:
        watch.transport.abort()


def read(*arguments: Any) -> None:
    """The watchers' process: says when all streams are open, then when the last event came and which streams had too many."""
    runner().run(_read(*arguments))


async def _create(server: Server, pods: Iterator[bytes], latencies: list[float]) -> None:
    loop, tls = asyncio.get_running_loop(), server.tls()
    connected = [
        await loop.create_connection(lambda: Connection(pods, latencies), "127.0.0.1", server.port, ssl=tls)
        for _ in range(16)
    ]
    for _, connection in connected:
        await connection.done


def measured(
    server: Server, streams: int, pods: Iterator[bytes], expected: int
) -> tuple[Sample, float, float]:
    """Of the creates; then deliveries/s, and milliseconds from the last answer to the last event."""
    ours, theirs = multiprocessing.Pipe()
    spawn = multiprocessing.get_context("spawn")
    arguments = ((server.port, str(server.files)), streams, expected, theirs)
    reader = spawn.Process(target=read, args=arguments)
    reader.start()
    ours.recv()
    latencies: list[float] = []
    before, begin = server.usage()["cpu"], time.perf_counter()
    runner().run(_create(server, pods, latencies))
    answered = time.perf_counter()
    last: float = ours.recv()
    cpu = (server.usage()["cpu"] - before) / expected * 1e6
    if wrong := ours.recv():
        raise SystemExit(f"{len(wrong)} streams have other than {expected} events: {wrong[:5]}")
    reader.join()
    sample = Sample(expected / (answered - begin), *latency_percentiles(latencies), cpu)
    return sample, streams * expected / (max(last, answered) - begin), max(last - answered, 0.0) * 1e3


def run(report: Report, arguments: list[str]) -> None:
    settings = parser(1000, [16])
    settings.add_argument("--streams", type=int, nargs="+", default=[10, 100, 1000])
    options = settings.parse_args(arguments)
    report.settings.update(vars(options))
    for streams in options.streams:
        rows = Rows(report, f"{streams} streams: creates", BAR_CREATES.get(streams))
        deliveries: Row = report.row(
            f"{streams} streams: deliveries", "1/s", bar=BAR_DELIVERIES.get(streams), better="more"
        )
        behind = report.row(f"{streams} streams: last answer to last event", "ms")
        for _ in range(options.runs):
            with Server(options) as server:
                fill(server, "before", INITIAL, options.size)
                pods = creates("pod", options.requests, options.size)
                sample, rate, late = measured(server, streams, pods, options.requests)
                rows.add(sample)
                deliveries.samples.append(rate)
                behind.samples.append(late)
