"""A cluster with a data directory: what it keeps, whom it refuses, what it leaves."""

import asyncio
import threading
from pathlib import Path

import pytest

from kube.actors.cluster import Cluster
from kube.api.types.core_v1 import ConfigMap
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.store.wal.disk import DataDirectoryError


async def test_objects_and_the_certificate_authority_outlive_the_cluster(tmp_path: Path) -> None:
    threads = threading.active_count()
    made = ConfigMap(metadata=ObjectMeta(namespace="default", name="kept"), data={"k": "v"})
    async with Cluster(nodes=1, data_dir=tmp_path) as cluster:
        before = await cluster.client.create(made)
        assert cluster._authority is not None
        authority = cluster._authority.certificate
    assert threading.active_count() == threads
    async with Cluster(nodes=1, data_dir=tmp_path) as cluster:
        assert await cluster.client.get(ConfigMap, "kept", namespace="default") == before
        assert cluster._authority is not None
        assert cluster._authority.certificate == authority
        with pytest.raises(DataDirectoryError, match="in use by the process"):
            await Cluster(nodes=1, data_dir=tmp_path).start()


async def test_another_number_of_replicas_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    async with Cluster(nodes=0, replicas=3, data_dir=tmp_path, controllers=(), scheduler=False):
        pass
    threads = threading.active_count()
    with pytest.raises(DataDirectoryError, match="start it with --replicas 3"):
        await Cluster(nodes=0, data_dir=tmp_path).start()
    assert threading.active_count() == threads


async def test_a_start_that_is_cancelled_at_any_moment_leaves_the_directory_free(tmp_path: Path) -> None:
    """Also while a thread reads it."""
    threads = threading.active_count()
    for moment in range(25):
        cluster = Cluster(nodes=0, replicas=3, data_dir=tmp_path, controllers=(), scheduler=False)
        starting = asyncio.create_task(cluster.start())
        await asyncio.wait({starting}, timeout=0.001 * moment)
        starting.cancel()
        [outcome] = await asyncio.gather(starting, return_exceptions=True)
        assert outcome is None or isinstance(outcome, asyncio.CancelledError)
        await cluster.stop()
        assert threading.active_count() == threads


def test_it_is_for_the_store_of_this_process() -> None:
    with pytest.raises(ValueError, match="not for another one"):
        Cluster(data_dir="d", store="etcd://localhost")
