"""Storage of one resource over the real store."""

from collections.abc import AsyncIterator

import pytest

from kube.api.types.core_v1 import ConfigMap, Pod
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.storage.cacher import Cacher
from kube.apiserver.storage.codec import StructCodec
from kube.apiserver.storage.etcd3 import Etcd3Storage
from kube.apiserver.storage.lease_manager import LeaseManager
from kube.base.clock import FakeClock
from kube.base.tasks import TaskOwner
from kube.store.local import LocalStore

PREFIX = b"/registry/configmaps/"


@pytest.fixture
def key():
    def make(name: str, namespace: str = "default") -> bytes:
        return PREFIX + f"{namespace}/{name}".encode()

    return make


@pytest.fixture
def config_map():
    def make(name: str, namespace: str = "default", labels: dict | None = None, **data: str) -> ConfigMap:
        meta = ObjectMeta(name=name, namespace=namespace, labels=labels or {}, uid=f"uid-{name}")
        return ConfigMap(metadata=meta, data=data)

    return make


@pytest.fixture
def etcd3(store: LocalStore, clock: FakeClock) -> Etcd3Storage:
    return Etcd3Storage(store, PREFIX, StructCodec(ConfigMap), LeaseManager(store, clock))


@pytest.fixture
async def tasks() -> AsyncIterator[TaskOwner]:
    async with TaskOwner("test") as owner:
        yield owner


@pytest.fixture
async def cacher(etcd3: Etcd3Storage, clock: FakeClock, tasks: TaskOwner) -> AsyncIterator[Cacher]:
    cacher = Cacher(etcd3, ConfigMap, {}, clock, tasks, wait_seconds=0.05)
    yield cacher
    cacher.close()


@pytest.fixture
async def pods(store: LocalStore, clock: FakeClock, tasks: TaskOwner) -> AsyncIterator[Cacher]:
    storage = Etcd3Storage(store, b"/registry/pods/", StructCodec(Pod), LeaseManager(store, clock))
    cacher = Cacher(storage, Pod, {"spec.nodeName": lambda obj: obj.spec.node_name}, clock, tasks)
    yield cacher
    cacher.close()


@pytest.fixture
def fill(etcd3, key, config_map):
    """Create objects by ``namespace/name``; returns their entries."""

    async def create(*names: str):
        made = []
        for name in names:
            namespace, _, rest = name.rpartition("/")
            obj = config_map(rest, namespace or "default", labels={"name": rest})
            made.append(await etcd3.create(key(rest, namespace or "default"), obj))
        return made

    return create
