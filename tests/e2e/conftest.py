"""A running cluster and the kubectls that are tried on it."""

import re
from collections.abc import Iterator

import pytest

from tests.e2e.harness import Kubectl, Running, kubectls, missing, start, stop
from tests.e2e.stores import MEMORY, store_flags


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """In memory, unless a module names stores for it."""
    with store_flags(getattr(request, "param", MEMORY), tmp_path_factory.mktemp("store")) as flags:
        running = start(tmp_path_factory.mktemp("home"), "--nodes", "3", *flags)
        yield running
        assert stop(running) == 0


@pytest.fixture(scope="module", params=kubectls())
def kubectl(
    request: pytest.FixtureRequest, cluster: Running, tmp_path_factory: pytest.TempPathFactory
) -> Kubectl:
    if not request.param:
        missing("kubectl", "not installed, and KUBE_TEST_KUBECTL names none")
    return Kubectl(request.param, cluster.kubeconfig, tmp_path_factory.mktemp("kubectl"))


@pytest.fixture
def namespace(kubectl: Kubectl, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, deleted with what is in it."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:50].strip("-")
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=true", "--timeout=30s")
