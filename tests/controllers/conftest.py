"""A store, an API server core with every resource, and the controllers that a test asks for. There is no kubelet and no
scheduler: the test sets what they would."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from kube.actors.controller_manager import ControllerManager
from kube.actors.runtime.ref import Ref
from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import start_members
from kube.api.resources import BUILTIN, builtin_table
from kube.api.types.authentication_v1 import UserInfo
from kube.api.types.core_v1 import (
    Event,
    Namespace,
    Node,
    NodeCondition,
    NodeSpec,
    NodeStatus,
    Pod,
    PodCondition,
)
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.time import from_seconds
from kube.apiserver.admission.chain import Chain
from kube.apiserver.endpoints.interface import ALLOW_ALL
from kube.apiserver.endpoints.verbs import Verbs
from kube.apiserver.local import LocalTransport
from kube.apiserver.registry.rest import Registry
from kube.apiserver.registry.table import install
from kube.apiserver.storage.factory import StorageFactory
from kube.base.chance import Chance
from kube.base.clock import SystemClock
from kube.client.typed import TypedClient
from kube.controllers.initializers import INITIALIZERS
from kube.store.local import LocalStore, StoreConfig

sys.path.append(str(Path(__file__).parent))

TURNS = 5_000
"""Of the loop, after which a condition that does not come is given up."""

REVIEWS = {
    (row.group, row.plural): object()
    for row in BUILTIN
    if not row.stored and row.group in ("authentication.k8s.io", "authorization.k8s.io")
}


class SteppedClock(SystemClock):
    """The host's clock, with a wall time that a test moves forward."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


class Cluster:
    def __init__(self, system: ActorSystem, client: TypedClient, clock: SteppedClock) -> None:
        self.system = system
        self.client = client
        self.clock = clock
        self.manager: Ref[Any] | None = None

    def run(self, *names: str) -> None:
        """Start these controllers, in one manager."""
        transport = self.client.transport
        self.manager = self.system.spawn(
            lambda: ControllerManager(transport, INITIALIZERS, controllers=names), name="controller-manager"
        )

    async def aclose(self) -> None:
        """Before the server goes: nobody calls it any more."""
        if self.manager is not None:
            await self.system.stop_actor(self.manager)

    async def until(self, condition: Callable[[], Any], what: str = "") -> Any:
        """What the (awaitable) condition gives once it is true."""
        for turn in range(TURNS):
            answer = await condition()
            if answer:
                return answer
            await asyncio.sleep(0 if turn < 200 else 0.001)
        raise AssertionError(f"never came: {what or condition}")

    async def pods(self, selector: str = "") -> tuple[Pod, ...]:
        """Those that are not being deleted."""
        found = await self.client.list(Pod, namespace="default", label_selector=selector)
        return tuple(pod for pod in found.items if pod.metadata.deletion_timestamp is None)

    async def pods_become(self, count: int, selector: str = "") -> tuple[Pod, ...]:
        async def enough() -> tuple[Pod, ...] | bool:
            pods = await self.pods(selector)
            return len(pods) == count and (pods or True)

        found = await self.until(enough, f"{count} pods")
        return () if found is True else found

    async def set_pod(self, pod: Pod, **status: Any) -> Pod:
        pod = await self.client.get(Pod, pod.metadata.name, namespace=pod.metadata.namespace)
        return await self.client.update_status(replace(pod, status=replace(pod.status, **status)))

    async def ready(self, pod: Pod) -> Pod:
        now = from_seconds(self.clock.now())
        condition = PodCondition(type="Ready", status="True", last_transition_time=now)
        return await self.set_pod(pod, phase="Running", conditions=(condition,))

    async def all_ready(self, selector: str = "") -> None:
        for pod in await self.pods(selector):
            if not pod.status.conditions:
                await self.ready(pod)

    async def events(self) -> list[tuple[str, str, str]]:
        """Type, reason and message, of all that was said."""
        found = await self.client.list(Event, namespace="default")
        return [(event.type, event.reason, event.message) for event in found.items]

    async def said(self, reason: str, message: str) -> None:
        async def it() -> bool:
            return any(event[1:] == (reason, message) for event in await self.events())

        await self.until(it, f"{reason}: {message}, only {await self.events()}")

    async def node(self, name: str, **spec: Any) -> Node:
        status = NodeStatus(conditions=(NodeCondition(type="Ready", status="True"),))
        node = Node(metadata=ObjectMeta(name=name), spec=NodeSpec(**spec))
        return await self.client.update_status(replace(await self.client.create(node), status=status))


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
async def cluster(clock: SteppedClock) -> AsyncIterator[Cluster]:
    chance = Chance(7)
    async with ActorSystem(clock=clock, chance=chance) as system:
        store = LocalStore(StoreConfig(), clock, chance.fork("store"))
        await start_members(system, store)
        factory = StorageFactory(store, clock)
        table = builtin_table()
        registry = Registry(table)
        install(registry, factory.storage, reviews=REVIEWS)
        verbs = Verbs(
            registry, ALLOW_ALL, Chain(), clock=clock, chance=chance.fork("api"), convert=lambda obj, _: obj
        )
        transport = LocalTransport(verbs, UserInfo(username="admin", groups=("system:masters",)))
        client = TypedClient(transport)
        await client.create(Namespace(metadata=ObjectMeta(name="default")))
        cluster = Cluster(system, client, clock)
        yield cluster
        await cluster.aclose()
        await transport.aclose()
        await verbs.aclose()
        await factory.aclose()
        await store.aclose()
