"""The client and the informers over the real API server, in process, on a store of one member."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from kube.actors.informer import InformerFactory
from kube.actors.runtime.actor import Actor
from kube.actors.runtime.ref import Ref
from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import start_members
from kube.api.resources import builtin_table
from kube.api.types.authentication_v1 import UserInfo
from kube.api.types.coordination_v1 import Lease
from kube.api.types.core_v1 import ConfigMap, Container, Event, Pod, PodSpec, PodStatus
from kube.apimachinery import errors
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.admission.chain import Chain
from kube.apiserver.endpoints.interface import ALLOW_ALL
from kube.apiserver.endpoints.verbs import Verbs
from kube.apiserver.local import LocalTransport
from kube.apiserver.registry.rest import Registry, Resources
from kube.apiserver.registry.selection import field_getter
from kube.apiserver.registry.store import Store
from kube.apiserver.registry.strategy import Strategy
from kube.apiserver.registry.subresources import StatusRest
from kube.apiserver.storage.factory import StorageFactory
from kube.base.chance import Chance
from kube.base.clock import SystemClock
from kube.client.client import Client
from kube.client.event_broadcaster import EventBroadcaster
from kube.client.informer import Informer
from kube.client.isolation import IsolatedTransport
from kube.client.keys import meta_namespace_key
from kube.client.leaderelection import LeaderElector
from kube.client.mutation_detector import MutationDetector
from kube.store.local import LocalStore, StoreConfig

SERVED = (("", "pods"), ("", "configmaps"), ("", "events"), ("coordination.k8s.io", "leases"))


class World:
    def __init__(self, system: ActorSystem, verbs: Verbs, resources: Any) -> None:
        self.system = system
        self.verbs = verbs
        self.resources = resources
        self.transport = LocalTransport(verbs, UserInfo(username="admin", groups=("system:masters",)))
        self.client = Client(self.transport, resources=resources)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock = SystemClock()
    async with ActorSystem(clock=clock, chance=Chance(7)) as system, ActorSystem(clock=HastyClock()) as hasty:
        store = LocalStore(StoreConfig(), clock, Chance(8))
        await start_members(system, store)
        factory = StorageFactory(store, clock)
        table = builtin_table()
        registry = Registry(table)
        for group, plural in SERVED:
            row = table.get(group, "v1", plural)
            assert row is not None
            strategy = Strategy(row)
            fields = {label: field_getter(row, row.type, label) for label in strategy.indexed_fields}
            rest = Store(strategy, factory.storage(row, fields))
            subresources: dict[str, Any] = {"status": StatusRest(rest)} if row.subresource("status") else {}
            registry.install(Resources(resource=row, rest=rest, subresources=subresources, strategy=strategy))
        verbs = Verbs(registry, ALLOW_ALL, Chain(), clock=clock, chance=Chance(3), convert=lambda obj, _: obj)
        made = World(hasty, verbs, table)
        yield made
        await made.client.aclose()
        await verbs.aclose()
        await factory.aclose()
        await store.aclose()


class HastyClock(SystemClock):
    """Time that passes fifty times as fast, so that no test waits for a back-off."""

    def monotonic(self) -> float:
        return super().monotonic() * 50

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 50)


def pod(name: str, node: str = "") -> Pod:
    return Pod(
        metadata=ObjectMeta(name=name, namespace="default"),
        spec=PodSpec(node_name=node, containers=(Container(name="c", image="i"),)),
    )


def config(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data=data)


@contextmanager
def tolerated() -> Iterator[None]:
    """Writes to what is there, or is not, may be refused."""
    try:
        yield
    except ApiError as error:
        if not (errors.is_not_found(error) or errors.is_already_exists(error)):
            raise


async def eventually(condition) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came to be")


async def test_an_object_lives_and_dies(world):
    client = world.client
    made = await client.create(config("a", x="1"))
    assert await client.get(ConfigMap, "a") == made
    changed = await client.update(replace(made, data={"x": "2"}))
    with pytest.raises(ApiError) as stale:
        await client.update(replace(made, data={"x": "3"}))
    assert errors.is_conflict(stale.value)
    patched = await client.patch(ConfigMap, "a", {"data": {"y": "4"}})
    assert patched.data == {"x": "2", "y": "4"}
    listed = await client.list(ConfigMap, namespace="default")
    assert listed.items == (patched,)
    assert (
        int(listed.resource_version)
        >= int(patched.metadata.resource_version)
        > int(changed.metadata.resource_version)
    )
    await client.delete(ConfigMap, "a")
    await client.wait_for_deletion(ConfigMap, "a", timeout=5)


async def test_wait_for(world):
    waiting = asyncio.get_running_loop().create_task(
        world.client.wait_for(ConfigMap, "a", lambda obj: obj.data.get("x") == "2", timeout=5)
    )
    made = await world.client.create(config("a", x="1"))
    await world.client.update(replace(made, data={"x": "2"}))
    assert (await waiting).data == {"x": "2"}


async def test_what_crosses_the_wall_is_a_copy(world):
    public = Client(IsolatedTransport(world.transport), resources=world.resources)
    await public.create(config("a", x="1"))
    given = await public.get(ConfigMap, "a")
    given.data["x"] = "changed"
    assert (await world.client.get(ConfigMap, "a")).data == {"x": "1"}


class Owner(Actor[Any]):
    pass


class Recorder(Actor[Any]):
    def __init__(self, heard: list[Any]) -> None:
        self.heard = heard

    def receive(self, message: Any) -> None:
        self.heard.append(message)


def informers(world: World) -> tuple[InformerFactory, MutationDetector]:
    owner = Owner()
    world.system.spawn(lambda: owner, name="informers")
    detector = MutationDetector()
    return InformerFactory(owner.context, world.transport, world.resources, detector=detector), detector


def recorder(world: World, heard: list[Any]) -> Ref[Any]:
    return world.system.spawn(lambda: Recorder(heard), name="recorder")


async def test_the_informers_share_the_objects_of_the_server(world):
    made = await world.client.create(config("a", x="1"))
    factory, detector = informers(world)
    informer = factory.informer(ConfigMap)
    await informer.wait_synced()
    assert informer.lister.get("default", "a") == made
    changed = await world.client.update(replace(made, data={"x": "2"}))
    await eventually(lambda: informer.lister.get("default", "a") is changed)
    detector.verify()


async def test_a_kubelets_informer_sees_its_pods_alone(world):
    factory, _ = informers(world)
    mine = factory.informer(Pod, field_selector="spec.nodeName=n1")
    await mine.wait_synced()
    pods = [
        await world.client.create(pod(f"p{number}", node)) for number, node in enumerate(("n1", "n2", "n1"))
    ]
    await world.client.update_status(replace(pods[0], status=PodStatus(phase="Running")))
    await eventually(lambda: [obj.status.phase for obj in mine.lister.list()] == ["Running", ""])
    await world.client.delete(Pod, "p0", grace_period_seconds=0)
    await eventually(lambda: [obj.metadata.name for obj in mine.lister.list()] == ["p2"])


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_the_caches_become_the_servers_state_and_handlers_miss_nothing(world, seed):
    """Writes, broken streams and compactions in any order; handlers rebuild the content from what they are told."""
    chance = random.Random(seed)
    factory, detector = informers(world)
    informer = factory.informer(ConfigMap)
    followed: dict[str, str] = {}
    heard: list[Any] = []
    ref = recorder(world, heard)

    def follow(old: ConfigMap | None, new: ConfigMap | None) -> list[tuple[Ref[Any], Any]]:
        key = meta_namespace_key(old or new)
        assert (old is None) == (key not in followed)
        if new is None:
            del followed[key]
        else:
            followed[key] = new.metadata.resource_version
        return [(ref, key)]

    informer.add_handler("follow", follow)
    async with Informer(world.client, ConfigMap, clock=HastyClock(), chance=Chance(seed)) as program:
        for step in range(150):
            name = chance.choice("abcdefgh")
            with tolerated():
                match chance.randrange(10):
                    case 0 | 1 | 2 | 3:
                        await world.client.create(config(name, step=str(step)))
                    case 4 | 5 | 6:
                        await world.client.patch(ConfigMap, name, {"data": {"step": str(step)}})
                    case 7:
                        await world.client.delete(ConfigMap, name)
                    case 8:
                        for watch in tuple(world.transport._watches):
                            watch.cancel()
                            watch.closed(chance.choice([None, errors.expired("compacted")]))
                    case 9:
                        await asyncio.sleep(0.001)
        listed = await world.client.list(ConfigMap)
        truth = {meta_namespace_key(obj): obj.metadata.resource_version for obj in listed.items}

        def content(lister: Any) -> dict[str, str]:
            return {meta_namespace_key(obj): obj.metadata.resource_version for obj in lister}

        await eventually(lambda: content(informer.lister) == truth and content(program.lister) == truth)
    assert followed == truth
    assert heard
    detector.verify()


async def test_events_are_written_and_counted(world):
    broadcaster = EventBroadcaster(world.client, SystemClock(), Chance(1))
    say = broadcaster.recorder("kubelet", "n1")
    of = await world.client.create(pod("a"))
    say.event(of, "Normal", "Pulled", "one")
    await broadcaster.flush()
    say.event(of, "Normal", "Pulled", "one")
    say.event(of, "Warning", "Failed", "two")
    await broadcaster.flush()
    listed = await world.client.list(Event, namespace="default", field_selector="involvedObject.name=a")
    assert sorted((event.message, event.count) for event in listed.items) == [("one", 2), ("two", 1)]
    await broadcaster.aclose()


async def test_one_of_two_leads(world):
    leading: list[str] = []
    tasks = []
    for name in "ab":
        elector = LeaderElector(world.client, SystemClock(), Chance(1), name="x", identity=name)

        async def lead(name: str = name) -> None:
            leading.append(name)
            await asyncio.Event().wait()

        tasks.append(asyncio.get_running_loop().create_task(elector.run(lead)))
    await eventually(lambda: leading != [])
    assert len(leading) == 1
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (await world.client.get(Lease, "x", namespace="kube-system")).spec.holder_identity == ""
