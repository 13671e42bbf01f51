"""The manager over the real API server core."""

import asyncio

import pytest

from kube.actors.controller_manager import ControllerManager, WaitSynced, enabled, gather
from kube.actors.runtime.supervision import Supervision
from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import start_members
from kube.api.resources import BUILTIN, builtin_table
from kube.api.types.authentication_v1 import UserInfo
from kube.api.types.core_v1 import ConfigMap, Event
from kube.apimachinery.errors import not_found
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.admission.chain import Chain
from kube.apiserver.endpoints.interface import ALLOW_ALL
from kube.apiserver.endpoints.verbs import Verbs
from kube.apiserver.local import LocalTransport
from kube.apiserver.registry.rest import Registry
from kube.apiserver.registry.table import install
from kube.apiserver.storage.factory import StorageFactory
from kube.base.backoff import Backoff
from kube.base.chance import Chance
from kube.base.clock import SystemClock
from kube.client.typed import TypedClient
from kube.controllers.framework import Result, Watch, own_key
from kube.store.local import LocalStore, StoreConfig

REVIEWS = {
    (row.group, row.plural): object()
    for row in BUILTIN
    if not row.stored and row.group in ("authentication.k8s.io", "authorization.k8s.io")
}


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        pytest.param(["*"], ("a", "b", "c"), id="all"),
        pytest.param(["*", "-b"], ("a", "c"), id="all-but-one"),
        pytest.param(["b"], ("b",), id="one"),
        pytest.param(["b", "-b"], (), id="off-wins"),
        pytest.param([], (), id="none"),
    ],
)
def test_enabled(selection, names):
    assert enabled(["a", "b", "c"], selection) == names


@pytest.mark.parametrize("item", ["x", "-x"])
def test_an_unknown_controller_is_an_error(item):
    with pytest.raises(ValueError, match='"x" is not in the list of known controllers'):
        enabled(["a"], [item])


def answering(value):
    async def call():
        await asyncio.sleep(0)
        if isinstance(value, BaseException):
            raise value
        return value

    return call


@pytest.mark.parametrize("count", [1, 3])
async def test_gather_gives_refusals_in_their_places(count):
    gone = not_found("pods", "p")
    assert await gather([answering(gone)] * count) == [gone] * count
    assert await gather([answering(1), answering(gone), answering(3)]) == [1, gone, 3]
    assert await gather([]) == []


async def test_gather_raises_a_fault_when_all_calls_are_over():
    done = []

    async def slow():
        for _ in range(5):
            await asyncio.sleep(0)
        done.append(True)

    with pytest.raises(ZeroDivisionError):
        await gather([answering(ZeroDivisionError()), slow])
    assert done == [True]


@pytest.fixture
async def system():
    plan = Supervision(backoff=Backoff(initial=0, cap=0))
    async with ActorSystem(clock=SystemClock(), chance=Chance(1), supervision=plan) as system:
        yield system


@pytest.fixture
async def transport(system):
    store = LocalStore(StoreConfig(), system.clock, Chance(2))
    await start_members(system, store)
    factory = StorageFactory(store, system.clock)
    registry = Registry(builtin_table())
    install(registry, factory.storage, reviews=REVIEWS)
    verbs = Verbs(
        registry, ALLOW_ALL, Chain(), clock=system.clock, chance=Chance(3), convert=lambda obj, _: obj
    )
    transport = LocalTransport(verbs, UserInfo(username="admin", groups=("system:masters",)))
    yield transport
    await transport.aclose()
    await verbs.aclose()
    await factory.aclose()
    await store.aclose()


class Labeller:
    """Says an event about each config map, once; raises on the first key that it is given."""

    name = "labeller"
    workers = 2

    def __init__(self, environment, seen):
        self.environment = environment
        self.seen = seen
        self.lister = environment.listers.lister(ConfigMap)

    def watches(self):
        return (Watch(ConfigMap, own_key),)

    async def reconcile(self, key):
        self.seen.append(key)
        if len(self.seen) == 1:
            raise RuntimeError("the first time")
        found = self.lister.get_by_key(key)
        if found is not None:
            self.environment.recorder.event(found, "Normal", "Seen", f"seen {key}")
        return Result()


async def until(condition):
    for _ in range(5000):
        answer = condition()
        answer = await answer if asyncio.iscoroutine(answer) else answer
        if answer:
            return answer
        await asyncio.sleep(0.001)
    raise AssertionError("never came")


async def test_controllers_see_what_is_there_and_what_comes_try_again_and_speak(system, transport):
    client = TypedClient(transport)
    await client.create(ConfigMap(metadata=ObjectMeta(name="before")))
    seen = []
    manager = await system.start(
        lambda: ControllerManager(transport, {"labeller": lambda environment: Labeller(environment, seen)}),
        name="manager",
    )
    await manager.ask(WaitSynced(), timeout=5)
    await client.create(ConfigMap(metadata=ObjectMeta(name="after")))
    await until(lambda: sorted(set(seen)) == ["default/after", "default/before"] and len(seen) >= 3)

    async def events():
        found = (await client.list(Event, namespace="default")).items
        return {(event.source.component, event.message) for event in found}

    async def both():
        return len(await events()) == 2

    await until(both)
    assert await events() == {
        ("labeller-controller", "seen default/before"),
        ("labeller-controller", "seen default/after"),
    }
    await system.stop_actor(manager)


async def test_a_controller_that_is_off_is_not_even_made(system, transport):
    def never(_environment):
        raise AssertionError

    seen = []
    table = {"off": never, "labeller": lambda environment: Labeller(environment, seen)}
    manager = await system.start(
        lambda: ControllerManager(transport, table, controllers=["*", "-off"]), name="manager"
    )
    await manager.ask(WaitSynced(), timeout=5)
    await TypedClient(transport).create(ConfigMap(metadata=ObjectMeta(name="a")))
    await until(lambda: seen)
    await system.stop_actor(manager)
