"""The fixtures as a project that has installed the plugin meets them, and the cluster in a thread below them."""

import asyncio
import socket
import threading
from pathlib import Path

import lightkube
import pytest
from lightkube.resources.core_v1 import Namespace as NamespaceResource

from kube import Client, Cluster
from kube.api.types.core_v1 import Namespace, Node
from kube.apiserver.server import ListenError
from kube.client import kubeconfig
from kube.testing.thread import ClusterThread


@pytest.mark.kube_cluster(nodes=2)
async def test_the_marker_sets_the_clusters_arguments(kube_cluster: Cluster) -> None:
    assert len((await kube_cluster.client.list(Node)).items) == 2


async def test_without_a_marker_the_cluster_has_its_defaults(kube_cluster: Cluster) -> None:
    assert len((await kube_cluster.client.list(Node)).items) == 1
    assert (await kube_cluster.client.get(Namespace, "default")).status.phase == "Active"


def test_a_synchronous_client_reaches_the_cluster_of_the_session(kube_kubeconfig: Path) -> None:
    client = lightkube.Client(config=lightkube.KubeConfig.from_file(kube_kubeconfig))
    try:
        assert client.get(NamespaceResource, "kube-system").metadata.name == "kube-system"
    finally:
        client._client._client.close()


def test_any_loop_reaches_the_cluster_of_the_session(kube_kubeconfig: Path) -> None:
    async def names() -> set[str]:
        async with Client.from_kubeconfig(kube_kubeconfig) as client:
            return {namespace.metadata.name for namespace in (await client.list(Namespace)).items}

    assert {"default", "kube-system"} <= asyncio.run(names())


def test_leaving_stops_the_cluster_and_joins_its_thread(tmp_path: Path) -> None:
    before = threading.enumerate()
    with ClusterThread(tmp_path / "config", nodes=0):
        host, _, port = (
            kubeconfig.load(tmp_path / "config").connection().server.removeprefix("https://").partition(":")
        )
        socket.create_connection((host, int(port))).close()
    assert threading.enumerate() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


def test_what_keeps_the_cluster_from_starting_is_raised_where_it_was_entered(tmp_path: Path) -> None:
    before = threading.enumerate()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        thread = ClusterThread(tmp_path / "config", nodes=0, listen=taken.getsockname())
        with pytest.raises(ListenError, match="in use"), thread:
            raise AssertionError("entered")
    assert threading.enumerate() == before
    assert not (tmp_path / "config").exists()
