"""An API server core over one store member, and nodes whose time moves when a test says so."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from kube.actors.kubelet import SimulatedNode, SimulatedNodes
from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import start_members
from kube.api.resources import builtin_table
from kube.api.types.authentication_v1 import UserInfo
from kube.api.types.core_v1 import (
    Binding,
    Container,
    Event,
    Node,
    ObjectReference,
    Pod,
    PodSpec,
)
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.admission.chain import Chain
from kube.apiserver.endpoints.interface import ALLOW_ALL
from kube.apiserver.endpoints.verbs import Verbs
from kube.apiserver.local import LocalTransport
from kube.apiserver.registry.pod_binding import BindingRest
from kube.apiserver.registry.rest import Registry, Resources
from kube.apiserver.registry.selection import field_getter
from kube.apiserver.registry.store import Store
from kube.apiserver.registry.strategy import StatusStrategy, Strategy
from kube.apiserver.registry.subresources import StatusRest
from kube.apiserver.registry.table import STATUS_STRATEGIES, STRATEGIES
from kube.apiserver.storage.factory import StorageFactory
from kube.base.chance import Chance
from kube.base.clock import Clock, FakeClock, SystemClock
from kube.client.client import Client
from kube.client.event_broadcaster import EventBroadcaster
from kube.kubelet.config import KubeletConfig
from kube.store.local import LocalStore, StoreConfig

RESOURCES = (("", "pods"), ("", "nodes"), ("", "events"), ("coordination.k8s.io", "leases"))
ADMIN = UserInfo(username="admin", groups=("system:masters",))


class World:
    """``clock`` is the nodes' own; the API server is on the host's."""

    def __init__(
        self, client: Client, system: ActorSystem, clock: Clock, broadcaster: EventBroadcaster
    ) -> None:
        self.client = client
        self.system = system
        self.clock = clock
        self.broadcaster = broadcaster
        self.nodes = SimulatedNodes(client, broadcaster, Chance(6))

    def node(self, name: str = "node-0", **changes: Any) -> SimulatedNode:
        config = KubeletConfig(node_name=name, node_ip="10.0.0.1", pod_cidr="10.244.0.0/20", **changes)
        return self.nodes.node(config)

    async def create(
        self, name: str, *containers: Container, node: str = "node-0", annotations: Any = None, **spec: Any
    ) -> Pod:
        """A pod that is bound as a scheduler binds it."""
        pod = Pod(
            metadata=ObjectMeta(
                name=name,
                namespace="default",
                annotations={f"sim.kube-actors.dev/{k}": v for k, v in (annotations or {}).items()},
            ),
            spec=PodSpec(containers=containers or (Container(name="web", image="web:1"),), **spec),
        )
        created = await self.client.create(pod)
        target = ObjectReference(kind="Node", name=node)
        await self.client.bind(Binding(metadata=ObjectMeta(name=name, namespace="default"), target=target))
        return created

    async def until(self, name: str, predicate: Callable[[Pod], bool]) -> Pod:
        return await self.client.wait_for(Pod, name, predicate, timeout=10.0)

    async def running(self, name: str) -> Pod:
        return await self.until(name, lambda pod: pod.status.phase == "Running")

    async def pod(self, name: str) -> Pod:
        return await self.client.get(Pod, name)

    async def advance(self, seconds: float) -> None:
        """Let what is due happen, and what follows from it."""
        await self.settle()
        assert isinstance(self.clock, FakeClock)
        self.clock.advance(seconds)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(100):
            await asyncio.sleep(0)

    async def events(self, name: str) -> list[tuple[str, str]]:
        """Reasons and messages, in the order in which they were recorded."""
        await self.broadcaster.flush()
        found = await self.client.list(Event, field_selector=f"involvedObject.name={name}")
        ordered = sorted(found.items, key=lambda event: event.metadata.name)
        return [(event.reason, event.message) for event in ordered]

    async def get_node(self, name: str = "node-0") -> Node:
        return await self.client.get(Node, name)

    async def label_node(self, **labels: str) -> None:
        node = await self.get_node()
        metadata = replace(node.metadata, labels={**node.metadata.labels, **labels})
        await self.client.update(replace(node, metadata=metadata))


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    clock, table = SystemClock(), builtin_table()
    async with ActorSystem(clock=clock, chance=Chance(7)) as system:
        store = LocalStore(StoreConfig(), clock, Chance(8))
        await start_members(system, store)
        factory = StorageFactory(store, clock)
        registry = Registry(table)
        for group, plural in RESOURCES:
            row = table.get(group, "v1", plural)
            assert row is not None
            strategy = STRATEGIES.get((group, plural), Strategy)(row)
            fields = {label: field_getter(row, row.type, label) for label in strategy.indexed_fields}
            rest = Store(strategy, factory.storage(row, fields))
            parts: dict[str, Any] = {}
            if row.subresource("status") is not None:
                make = STATUS_STRATEGIES.get((group, plural), StatusStrategy)
                parts["status"] = StatusRest(rest, make(strategy))
            if plural == "pods":
                parts["binding"] = BindingRest(rest)
            registry.install(Resources(resource=row, rest=rest, subresources=parts, strategy=strategy))
        verbs = Verbs(registry, ALLOW_ALL, Chain(), clock=clock, chance=Chance(3), convert=lambda obj, _: obj)
        client = Client(LocalTransport(verbs, ADMIN), resources=table)
        yield client
        await client.aclose()
        await verbs.aclose()
        await factory.aclose()
        await store.aclose()


@pytest.fixture
def clock() -> Clock:
    return FakeClock()


@pytest.fixture
async def world(client: Client, clock: Clock) -> AsyncIterator[World]:
    broadcaster = EventBroadcaster(client, clock, Chance(4))
    async with ActorSystem(clock=clock, chance=Chance(5)) as system:
        yield World(client, system, clock, broadcaster)
    await broadcaster.aclose()
