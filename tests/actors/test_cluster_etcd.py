"""A cluster whose store is served over etcd's API."""

import pytest

from kube.actors.cluster import Cluster, ClusterConfig
from kube.apiserver.server import ListenError
from kube.base.clock import SystemClock
from kube.store.etcd3.config import Etcd3Config
from kube.store.etcd3.store import Etcd3Store


async def test_what_the_cluster_holds_can_be_read_by_a_client_of_etcds() -> None:
    async with Cluster(nodes=1, etcd_listen=("127.0.0.1", 0)) as cluster:
        assert cluster.etcd_address is not None
        host, port = cluster.etcd_address
        store = Etcd3Store(Etcd3Config(endpoints=(f"{host}:{port}",)), SystemClock())
        found = await store.range(b"/registry/", b"/registry0", keys_only=True)
        assert b"/registry/namespaces/kube-system" in {kv.key for kv in found.kvs}
        await store.aclose()
        with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{port}: "):
            async with Cluster(nodes=0, etcd_listen=(host, port)):
                pass
    assert cluster.etcd_address is None


def test_the_store_of_another_process_is_not_served() -> None:
    with pytest.raises(ValueError, match="not from another one"):
        ClusterConfig(store="etcd://127.0.0.1:2379", etcd_listen=("127.0.0.1", 0))
