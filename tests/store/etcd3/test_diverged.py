"""Members of one store that do not hold the same: one had lost its data and was started anew under its old id.

A write of that may succeed at one and fail at the other: a create of what exists, say.
"""

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import start_members
from kube.api.types.core_v1 import Node
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.storage.codec import StructCodec
from kube.apiserver.storage.errors import KeyExistsError
from kube.apiserver.storage.etcd3 import Etcd3Storage
from kube.apiserver.storage.lease_manager import LeaseManager
from kube.base.chance import Chance
from kube.base.clock import SystemClock
from kube.store.etcd3.config import Etcd3Config
from kube.store.etcd3.errors import AnotherStoreError
from kube.store.etcd3.store import Etcd3Store
from kube.store.etcd_server.server import EtcdServer
from kube.store.kv import Store, WatchBatch
from kube.store.local import LocalStore, StoreConfig

PREFIX = b"/registry/minions/"
KEY = PREFIX + b"node-1"


def node(uid: str) -> Node:
    return Node(metadata=ObjectMeta(name="node-1", uid=uid))


def storage_of(store: Store) -> Etcd3Storage:
    return Etcd3Storage(store, PREFIX, StructCodec(Node), LeaseManager(store, SystemClock()))


@asynccontextmanager
async def member() -> AsyncIterator[tuple[LocalStore, str]]:
    """Each of these says that it is of the same cluster."""
    clock = SystemClock()
    async with AsyncExitStack() as parts:
        store = LocalStore(StoreConfig(), clock, random.Random(1))
        parts.push_async_callback(store.aclose)
        system = ActorSystem(clock=clock, chance=Chance(1))
        parts.push_async_callback(system.stop)
        await start_members(system, store)
        server = await parts.enter_async_context(EtcdServer(store, clock))
        host, port = await server.listen("127.0.0.1", 0)
        yield store, f"{host}:{port}"


@pytest.mark.parametrize("first", ["whole", "empty"])
async def test_once_all_have_been_asked_it_is_over(first: str) -> None:
    """Else who asks in turn is told of two nodes in turn, and what patches one by its uid meets the other."""
    async with AsyncExitStack() as parts:
        whole, whole_address = await parts.enter_async_context(member())
        empty, empty_address = await parts.enter_async_context(member())
        assert whole.cluster_id == empty.cluster_id
        for number in range(10):
            await whole.put(b"/registry/other/%d" % number, b"")
        await whole.put(KEY, StructCodec(Node).encode(node("held")))
        addresses = (whole_address, empty_address)
        client = Etcd3Store(
            Etcd3Config(endpoints=addresses if first == "whole" else addresses[::-1]), SystemClock()
        )
        parts.push_async_callback(client.aclose)
        storage = storage_of(client)
        events: list[WatchBatch] = []
        await client.watch(PREFIX, PREFIX[:-1] + b"0", sink=events.append)

        ended: AnotherStoreError | None = None
        for _ in range(2 * len(addresses)):
            try:
                await storage.create(KEY, node("refused"))
            except KeyExistsError:
                continue
            except AnotherStoreError as error:
                ended = error
        assert ended is not None
        assert "its revision is" in str(ended)
        assert events[-1].error is ended
        for _ in addresses:
            with pytest.raises(AnotherStoreError):
                await storage.get(KEY)
        assert (await storage_of(whole).get(KEY)).object.metadata.uid == "held"
