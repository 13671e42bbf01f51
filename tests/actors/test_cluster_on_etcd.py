"""A cluster of this process whose store is an etcd, or a store that the host runs."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kube import Cluster
from kube.actors.cluster import ClusterConfig
from kube.api.types.core_v1 import ConfigMap, Node, Pod
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.stored_authority import KEY
from kube.base.clock import SystemClock
from kube.store.errors import CorruptError
from kube.store.etcd3.config import Etcd3Config, EtcdURLError
from kube.store.etcd3.errors import UnreachableError
from kube.store.etcd3.store import Etcd3Store
from kube.store.kv import Event, EventType, WatchBatch
from tests.actors.test_cluster import deployment
from tests.store.servers import DEBIAN, DISTRO, Server, etcd, free_port

one_loop = pytest.mark.asyncio(loop_scope="session")  # see tests.store.servers.share_a_loop


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = etcd(DISTRO, tmp_path_factory.mktemp("etcd"))
    made.start()
    yield made
    made.kill()


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[Server]:
    """One that keeps what it acknowledged when it is killed: 3.5.1 may tell of a write before its log has it (etcd issue 14370)."""
    made = etcd(DEBIAN, tmp_path)
    made.start()
    yield made
    made.kill()


def config_map(name: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data={"a": "b"})


async def running_pods(cluster: Cluster, count: int) -> list[Pod]:
    async with asyncio.timeout(30):
        while True:
            pods = (await cluster.client.list(Pod, namespace="default")).items
            if sum(pod.status.phase == "Running" for pod in pods) == count:
                return list(pods)
            await asyncio.sleep(0.02)


@one_loop
async def test_one_after_the_other_is_one_cluster(server: Server) -> None:
    """What the first has written the second finds, and the nodes go on with their pods."""
    url = f"etcd://{server.endpoint}/sequence"
    before = asyncio.all_tasks()
    async with Cluster(store=url, nodes=2) as cluster:
        await cluster.client.create(deployment("web", 3), namespace="default")
        pods = await running_pods(cluster, 3)
        authority = cluster._authority
    async with Cluster(store=url, nodes=2) as cluster:
        assert {pod.metadata.uid for pod in await running_pods(cluster, 3)} == {
            pod.metadata.uid for pod in pods
        }
        assert len((await cluster.client.list(Node)).items) == 2
        assert authority is not None
        assert cluster._authority is not None
        assert cluster._authority.certificate == authority.certificate
    assert asyncio.all_tasks() == before


@one_loop
async def test_side_by_side_over_one_etcd_they_are_one_cluster_with_two_api_servers(server: Server) -> None:
    """As kube-apiserver in high availability: each sees at once what was written through the other."""
    url = f"etcd://{server.endpoint}/both"
    async with (
        Cluster(store=url, nodes=1) as one,
        Cluster(store=url, nodes=0, scheduler=False, controllers=()) as other,
    ):
        for number in range(20):
            await one.client.create(config_map(f"one-{number}"))
            await other.client.create(config_map(f"other-{number}"))
            for cluster in (one, other):
                names = {
                    each.metadata.name
                    for each in (await cluster.client.list(ConfigMap, namespace="default")).items
                }
                assert {f"one-{number}", f"other-{number}"} <= names


@one_loop
async def test_a_store_that_the_host_runs_stays_the_hosts(server: Server) -> None:
    store = Etcd3Store(Etcd3Config(endpoints=(server.endpoint,), prefix=b"/hosts"), SystemClock())
    events: list[Event] = []
    await store.watch(
        b"/registry/configmaps/", b"/registry/configmaps0", sink=lambda batch: events.extend(batch.events)
    )
    async with Cluster(store=store, nodes=0) as cluster:
        assert cluster.store is store
        await cluster.client.create(config_map("mine"))
    stored = await store.range(b"/registry/configmaps/default/mine")
    assert stored.count == 1
    [event] = [each for each in events if each.kv.key.endswith(b"/mine")]
    assert (event.type, event.kv) == (EventType.PUT, stored.kvs[0])
    assert event.note is not None
    await store.aclose()


@one_loop
async def test_a_watch_cache_gets_what_its_own_process_wrote_without_decoding_it(server: Server) -> None:
    """Nearly every event of this process comes with what the writer left."""
    store = Etcd3Store(Etcd3Config(endpoints=(server.endpoint,), prefix=b"/notes"), SystemClock())
    noted: list[bool] = []

    def sink(batch: WatchBatch) -> None:
        noted.extend(event.note is not None for event in batch.events if event.type is EventType.PUT)

    async with Cluster(store=store, nodes=0) as cluster:
        await store.watch(b"/registry/configmaps/default/", b"/registry/configmaps/default0", sink=sink)
        await asyncio.gather(*(cluster.client.create(config_map(f"n-{number}")) for number in range(200)))
        async with asyncio.timeout(10):
            while len(noted) < 200:  # noqa: ASYNC110  # it looks from outside at what has no event
                await asyncio.sleep(0.01)
    assert all(noted)
    await store.aclose()


@one_loop
async def test_an_etcd_that_is_not_there_leaves_nothing() -> None:
    before = asyncio.all_tasks()
    endpoint = f"127.0.0.1:{free_port()}"
    cluster = Cluster(store=Etcd3Config(endpoints=(endpoint,), request_timeout=1.0))
    with pytest.raises(UnreachableError, match=endpoint):
        await cluster.start()
    assert asyncio.all_tasks() == before


@one_loop
async def test_a_url_that_is_none() -> None:
    with pytest.raises(EtcdURLError, match="is no store"):
        await Cluster(store="localhost:2379").start()


@one_loop
async def test_an_authority_that_cannot_be_read_is_refused(server: Server) -> None:
    store = Etcd3Store(Etcd3Config(endpoints=(server.endpoint,), prefix=b"/broken"), SystemClock())
    await store.put(KEY, b"{}")
    with pytest.raises(CorruptError, match="/kube-actors/pki/ca holds no certificate authority"):
        await Cluster(store=store).start()
    await store.aclose()


@one_loop
async def test_an_etcd_that_goes_away_is_told_of_and_missed_no_longer_than_it_is_gone(
    durable: Server,
) -> None:
    config = Etcd3Config(endpoints=(durable.endpoint,), prefix=b"/away", request_timeout=1.0)
    async with Cluster(store=config, nodes=1) as cluster:
        await cluster.client.create(deployment("web", 2), namespace="default")
        await running_pods(cluster, 2)
        durable.kill()
        with pytest.raises(ApiError) as refused:
            await cluster.client.create(config_map("lost"))
        assert durable.endpoint in refused.value.message
        durable.start()
        await cluster.client.create(config_map("found"))
        await cluster.client.create(deployment("more", 2), namespace="default")
        await running_pods(cluster, 4)


def test_a_directory_and_an_etcd_are_not_both_the_store() -> None:
    with pytest.raises(ValueError, match="store"):
        ClusterConfig(store="etcd://host", data_dir="cluster")


PROGRAM = """
import asyncio, sys
from kube import Cluster

async def main():
    async with Cluster(nodes=1):
        pass

asyncio.run(main())
print([name for name in sys.modules if name.partition(".")[0] in {"grpc", "google"} and not name.startswith("google.re")])
"""


def test_a_cluster_without_etcd_needs_nothing_of_its_packages() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
