"""The pytest plugin: a cluster for a test, or a kubeconfig of one. It imports nothing heavy until a fixture is used.

``kube_cluster`` runs on the test's own event loop and so needs pytest-asyncio; ``kube_kubeconfig`` runs a cluster in a
thread and a loop of its own, for synchronous tests, anyio and the clients of others, once for the session.
"""

from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from kube.actors.cluster import Cluster

if find_spec("pytest_asyncio") is not None:
    import pytest_asyncio

    @pytest_asyncio.fixture
    async def kube_cluster(request: pytest.FixtureRequest) -> AsyncIterator["Cluster"]:
        """A cluster of the test's own. ``@pytest.mark.kube_cluster(nodes=3, ...)`` sets ``Cluster``'s arguments."""
        from kube.actors.cluster import Cluster  # noqa: PLC0415  # see the module

        marker = request.node.get_closest_marker("kube_cluster")
        settings = {} if marker is None else marker.kwargs
        async with Cluster(**settings) as cluster:
            yield cluster


@pytest.fixture(scope="session")
def kube_kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Path"]:
    """The path of a kubeconfig of a cluster that serves HTTPS while the tests run."""
    from kube.testing.thread import ClusterThread  # noqa: PLC0415  # see the module

    path = tmp_path_factory.mktemp("kube") / "kubeconfig"
    with ClusterThread(path):
        yield path


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "kube_cluster(**settings): the arguments of the Cluster that the fixture kube_cluster makes",
    )
