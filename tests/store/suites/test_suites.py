"""The test suites of other clients of etcd's, from their source distributions: what passes on an etcd passes on this store.

They mostly wait for leases to expire, a minute and more, so they run by hand: pytest -m slow tests/store/suites.
"""

import os
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.store.servers import DISTRO, Server, etcd, etcd_binary, kube_store

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Suite:
    """``unsupported``: tests of what this store does not offer. ``conftest``: what the distribution does not carry; $PORT is the store's."""

    name: str
    version: str
    tests: str
    requirements: tuple[str, ...]
    unsupported: frozenset[str] = frozenset()
    conftest: str = ""


SUITES = [
    Suite(
        "aetcd",
        "1.0.0",
        "tests/integration",
        ("pytest-mock",),
        unsupported=frozenset({"tests.integration.test_auth.test_auth"}),
    ),
    Suite(
        "etcetra",
        "0.1.19",
        "tests",
        (),
        conftest="""
import os

import pytest
from etcetra import EtcdClient, HostPortPair


@pytest.fixture
async def etcd():
    client = EtcdClient(HostPortPair(host="127.0.0.1", port=int(os.environ["PORT"])))
    async with client.connect() as communicator:
        await communicator.delete_prefix("/test")
    return client
""",
    ),
]


@dataclass(frozen=True)
class Installed:
    suite: Suite
    python: Path
    source: Path

    def passed(self, server: Server, report: Path) -> set[str]:
        """The tests that pass on it, by their full names. A failure of them all shows as none."""
        port = server.endpoint.rpartition(":")[2]
        with report.with_suffix(".log").open("wb") as log:
            subprocess.run(
                [
                    *(str(self.python), "-m", "pytest", "-o", "addopts=", "-p", "no:cacheprovider"),
                    *("-o", "asyncio_mode=auto", f"--junit-xml={report}", self.suite.tests),
                ],
                cwd=self.source,
                env={
                    **os.environ,
                    "PORT": port,
                    "TEST_ETCD_HTTP_URL": f"http://{server.endpoint}",
                    "PATH": f"{etcd_binary(DISTRO).parent}{os.pathsep}{os.environ['PATH']}",
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,  # tests that fail on both are the suite's own affair
            )
        return {
            f"{case.get('classname')}.{case.get('name')}"
            for case in ET.parse(report).iter("testcase")
            if not [*case.iter("failure"), *case.iter("error"), *case.iter("skipped")]
        }


@pytest.fixture(params=SUITES, ids=lambda suite: suite.name)
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> Installed:
    """In an environment of its own, from the package index."""
    suite: Suite = request.param
    wanted = f"{suite.name}=={suite.version}"
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin/python"
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", wanted, "pytest", "pytest-asyncio", *suite.requirements], check=True)
    subprocess.run(
        [*pip, "download", "--no-deps", "--no-binary", suite.name, "--dest", str(tmp_path), wanted],
        check=True,
    )
    [archive] = tmp_path.glob(f"{suite.name}-*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    source = archive.with_name(archive.name.removesuffix(".tar.gz"))
    if suite.conftest:
        (source / suite.tests / "conftest.py").write_text(suite.conftest)
    return Installed(suite, python, source)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Server]]:
    """An etcd, and this project's store."""
    for name in ("etcd", "kube"):
        (tmp_path / name).mkdir()
    both = [etcd(DISTRO, tmp_path / "etcd"), kube_store(tmp_path / "kube")]
    try:
        for server in both:
            server.start()
        yield both
    finally:
        for server in both:
            server.kill()


def test_what_passes_on_an_etcd_passes_here(
    installed: Installed, servers: list[Server], tmp_path: Path
) -> None:
    reports = [tmp_path / "etcd.xml", tmp_path / "kube.xml"]
    with ThreadPoolExecutor() as pool:
        on_etcd, on_kube = pool.map(installed.passed, servers, reports)
    assert on_etcd, reports[0].with_suffix(".log").read_text()
    missing = on_etcd - on_kube - installed.suite.unsupported
    assert not missing, reports[1].with_suffix(".log").read_text()
