"""What the benchmarks of the API server share: the server's process, and a client that costs little.

The client keeps connections busy one request at a time (closed loop), reads no more of an answer than its status and
length, and counts whatever is not 2xx as a failure of the run.
"""

import argparse
import asyncio
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, cast

from benchmarks.harness import Report

ROOT = Path(__file__).parents[2]
NAMESPACE = "/api/v1/namespaces/default"
PODS = f"{NAMESPACE}/pods"


class Server:
    """The server's process, for as long as the context lasts."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._flags = ["--loop", options.loop, "--replicas", str(options.replicas)]
        self._flags += ["--store", options.store] if options.store else []
        if options.profile:
            self._flags += ["--profile", options.profile]

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory()
        self.files = Path(self._directory.name)
        command = [sys.executable, "-m", "benchmarks.apiserver.serve", str(self.files)]
        command += self._flags
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.port: int = self._line()["port"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=10)
        self._directory.cleanup()

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line: dict[str, Any] = json.loads(self._process.stdout.readline())
        return line

    def usage(self) -> dict[str, float]:
        """Processor seconds so far, and the highest resident set in KiB."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return self._line()

    def tls(self) -> ssl.SSLContext:
        return tls_of(self.files)

    def connect(self) -> HTTPSConnection:
        """A blocking connection."""
        return HTTPSConnection("127.0.0.1", self.port, context=self.tls())


def tls_of(files: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(files / "ca.crt"))
    context.load_cert_chain(files / "client.crt", files / "client.key")
    return context


class Connection(asyncio.Protocol):
    """Sends the next request when the last one is answered; `done` when there are no more."""

    def __init__(self, requests: Iterator[bytes], latencies: list[float]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._latencies = latencies
        self._buffer = b""
        self._expected = 0
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            self.done.set_result(None)
            return
        self._sent = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._expected and (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            if b" 20" not in head[:12]:
                self.done.set_exception(RuntimeError(self._buffer.decode(errors="replace")))
                self._transport.abort()
                return
            length = head.partition(b"content-length:")[2].partition(b"\r")[0]
            self._expected = end + 4 + int(length)
        if self._expected and len(self._buffer) >= self._expected:
            self._latencies.append(time.perf_counter() - self._sent)
            self._buffer = self._buffer[self._expected :]
            self._expected = 0
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server hung up"))


class Sample(NamedTuple):
    """`rate` per second, latencies in milliseconds, `cpu` of the server in microseconds for each request."""

    rate: float
    p50: float
    p99: float
    cpu: float


def measure(server: Server, requests: Iterator[bytes], connections: int) -> Sample:
    latencies: list[float] = []
    before = server.usage()["cpu"]
    seconds = runner().run(_drive(server, requests, connections, latencies))
    cpu = server.usage()["cpu"] - before
    count = len(latencies)
    return Sample(count / seconds, *latency_percentiles(latencies), cpu / count * 1e6)


def latency_percentiles(latencies: list[float]) -> tuple[float, float]:
    """The median and the 99th of a hundred, in milliseconds."""
    ordered = sorted(latencies)
    return ordered[len(ordered) // 2] * 1e3, ordered[len(ordered) * 99 // 100] * 1e3


def runner() -> asyncio.Runner:
    try:
        import uvloop  # noqa: PLC0415  # optional
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


async def _drive(server: Server, requests: Iterator[bytes], count: int, latencies: list[float]) -> float:
    loop, tls = asyncio.get_running_loop(), server.tls()
    begin = time.perf_counter()
    connected = await asyncio.gather(
        *(
            loop.create_connection(lambda: Connection(requests, latencies), "127.0.0.1", server.port, ssl=tls)
            for _ in range(count)
        )
    )
    for _, connection in connected:
        await connection.done
    return time.perf_counter() - begin


def request(method: str, path: str, body: bytes = b"") -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: kubernetes\r\nAccept: application/json\r\nUser-Agent: bench/1\r\n"
    )
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def pod(name: str, size: int) -> bytes:
    """A pod of three containers, padded to about `size` bytes of JSON."""
    containers = [
        {
            "name": f"c{index}",
            "image": "registry.example/pause:3.9",
            "env": [{"name": "MODE", "value": "bench"}],
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
            "ports": [{"containerPort": 8080 + index}],
        }
        for index in range(3)
    ]
    tree = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "bench", "tier": "load"}, "annotations": {"pad": ""}},
        "spec": {"containers": containers},
    }
    missing = size - len(json.dumps(tree))
    tree["metadata"]["annotations"]["pad"] = "x" * max(missing, 0)  # type: ignore[index]  # a tree of JSON
    return json.dumps(tree).encode()


def parser(requests: int, connections: list[int]) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    made.add_argument("--loop", choices=("asyncio", "uvloop"), default="uvloop", help="the server's")
    made.add_argument("--replicas", type=int, default=3)
    made.add_argument("--store", default="", help="an etcd's URL, in the place of replicas in memory")
    made.add_argument("--runs", type=int, default=5)
    made.add_argument("--requests", type=int, default=requests, help="of each run")
    made.add_argument("--connections", type=int, nargs="+", default=connections)
    made.add_argument("--profile", help="write cProfile's statistics of the server to this file")
    made.add_argument("--size", type=int, default=2000, help="bytes of a pod's JSON")
    return made


class Rows:
    """The rows of one measured case: rate, latencies, and what the server's processor spent on a request."""

    def __init__(self, report: Report, name: str, bar: float | None = None) -> None:
        self._rows = (
            report.row(name, "1/s", bar=bar, better="more"),
            report.row(f"{name}: p50", "ms"),
            report.row(f"{name}: p99", "ms"),
            report.row(f"{name}: CPU", "us"),
        )

    def add(self, sample: Sample) -> None:
        for row, value in zip(self._rows, sample, strict=True):
            row.samples.append(value)


def fill(server: Server, prefix: str, count: int, size: int) -> None:
    """Create pods, as fast as it goes."""
    measure(server, creates(prefix, count, size), 16)


def creates(prefix: str, count: int, size: int) -> Iterator[bytes]:
    for number in range(count):
        yield request("POST", PODS, pod(f"{prefix}-{number}", size))


def count_pods(server: Server) -> int:
    url = f"https://127.0.0.1:{server.port}{PODS}?limit=1"
    with urllib.request.urlopen(url, context=server.tls()) as reply:
        found = json.load(reply)
    return len(found["items"]) + int(found["metadata"].get("remainingItemCount", 0))
