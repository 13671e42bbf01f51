"""A cluster with two nodes for a module, a client of it, and a namespace for each test."""

import re
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest

from kube.testing.thread import ClusterThread
from tests.conformance.rest import Rest


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("kube") / "kubeconfig"
    with ClusterThread(path, nodes=2):
        yield path


@pytest.fixture(scope="module")
def rest(kubeconfig: Path) -> Iterator[Rest]:
    rest = Rest(kubeconfig)
    yield rest
    rest.close()


@pytest.fixture
def namespace(rest: Rest, request: pytest.FixtureRequest) -> Iterator[str]:
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:40].strip("-")
    name += f"-{crc32(request.node.nodeid.encode()):08x}"
    rest.create("/api/v1/namespaces", {"metadata": {"name": name}})
    rest.until(f"/api/v1/namespaces/{name}/serviceaccounts/default", bool)
    yield name
    rest("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def core(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}"


@pytest.fixture
def apps(namespace: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}"
