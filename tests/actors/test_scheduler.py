"""The scheduler actor over the real API server, in process, on a store of one member."""

import asyncio
from collections import Counter

import pytest
from msgspec.structs import replace

from kube.actors.runtime.mailbox import MailboxSpec
from kube.actors.runtime.supervision import Supervision
from kube.actors.runtime.system import ActorSystem
from kube.actors.scheduler import Explain, SchedulerActor
from kube.actors.store_member import start_members
from kube.api.resources import builtin_table
from kube.api.types.authentication_v1 import UserInfo
from kube.api.types.core_v1 import (
    Binding,
    Container,
    Event,
    Node,
    NodeSpec,
    NodeStatus,
    ObjectReference,
    Pod,
    PodSchedulingGate,
    PodSpec,
    ResourceRequirements,
)
from kube.apimachinery.errors import internal_error
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.quantity import Quantity
from kube.apiserver.admission.chain import Chain
from kube.apiserver.endpoints.interface import ALLOW_ALL
from kube.apiserver.endpoints.verbs import Verbs
from kube.apiserver.local import LocalTransport
from kube.apiserver.registry.nodes import NodeStrategy
from kube.apiserver.registry.pod_binding import BindingRest
from kube.apiserver.registry.pods import PodStatusStrategy, PodStrategy
from kube.apiserver.registry.rest import Registry, Resources
from kube.apiserver.registry.selection import field_getter
from kube.apiserver.registry.store import Store
from kube.apiserver.registry.strategy import Strategy
from kube.apiserver.registry.subresources import StatusRest
from kube.apiserver.storage.factory import StorageFactory
from kube.base.backoff import Backoff
from kube.base.chance import Chance
from kube.base.clock import SystemClock
from kube.client.client import Client
from kube.scheduler.framework.profile import DEFAULT_PLUGINS, Profile
from kube.scheduler.framework.status import Code, Status
from kube.scheduler.plugins.registry import IN_TREE
from kube.store.local import LocalStore, StoreConfig

PATIENCE = 10.0


class Refusing:
    """A transport that refuses the first bindings of a pod."""

    def __init__(self, inner, refusals):
        self._inner = inner
        self.refusals = refusals
        self.refused = []

    async def call(self, request):
        if request.subresource == "binding" and self.refusals.get(request.name):
            self.refused.append(request.name)
            raise self.refusals[request.name].pop()
        return await self._inner.call(request)

    async def watch(self, request, sink):
        return await self._inner.watch(request, sink)

    async def aclose(self):
        await self._inner.aclose()


class World:
    def __init__(self, system, verbs, table):
        self.system = system
        self.verbs = verbs
        self.table = table
        self.client = Client(self.transport(), resources=table)

    def transport(self):
        return LocalTransport(self.verbs, UserInfo(username="admin", groups=("system:masters",)))

    def start(self, **options):
        transport = options.pop("transport", None) or self.transport()
        self.actors = []

        def factory():
            actor = SchedulerActor(transport, **options)
            self.actors.append(actor)
            return actor

        return self.system.spawn(factory, name="scheduler")

    async def create_node(self, name, *, cpu="4", memory="8Gi", pods="110", labels=None, **spec):
        allocatable = {"cpu": Quantity(cpu), "memory": Quantity(memory), "pods": Quantity(pods)}
        await self.client.create(
            Node(
                metadata=ObjectMeta(name=name, labels=labels or {}),
                spec=NodeSpec(**spec),
                status=NodeStatus(allocatable=allocatable, capacity=allocatable),
            )
        )

    async def until(self, condition):
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await condition()
                if found:
                    return found
                await asyncio.sleep(0.005)

    async def bound(self, count):
        async def all_bound():
            pods = (await self.client.list(Pod)).items
            return pods if sum(bool(pod.spec.node_name) for pod in pods) >= count else None

        return await self.until(all_bound)

    async def event(self, reason):
        async def seen():
            events = (await self.client.list(Event)).items
            return [event for event in events if event.reason == reason]

        return await self.until(seen)

    async def condition(self, name, status):
        async def has():
            pod = await self.client.get(Pod, name)
            found = [c for c in pod.status.conditions if c.type == "PodScheduled" and c.status == status]
            return found[0] if found else None

        return await self.until(has)


def pod(name, *, cpu="100m", memory="64Mi", **spec):
    requests = {"cpu": Quantity(cpu), "memory": Quantity(memory)}
    container = Container(name="c", image="app:1", resources=ResourceRequirements(requests=requests))
    spec.setdefault("scheduler_name", "default-scheduler")
    return Pod(
        metadata=ObjectMeta(name=name, namespace="default"), spec=PodSpec(containers=(container,), **spec)
    )


def storeless(table, factory, plural, strategy=Strategy):
    row = table.get("", "v1", plural)
    made = strategy(row)
    fields = {label: field_getter(row, row.type, label) for label in made.indexed_fields}
    return Store(made, factory.storage(row, fields))


@pytest.fixture
async def world():
    clock = SystemClock()
    plan = Supervision(backoff=Backoff(initial=0, cap=0))
    async with ActorSystem(clock=clock, chance=Chance(7), supervision=plan) as system:
        store = LocalStore(StoreConfig(), clock, Chance(8))
        await start_members(system, store)
        factory = StorageFactory(store, clock)
        table = builtin_table()
        registry = Registry(table)
        for plural, strategy in (("pods", PodStrategy), ("nodes", NodeStrategy), ("events", Strategy)):
            rest = storeless(table, factory, plural, strategy)
            subresources = {}
            if plural == "pods":
                subresources = {
                    "status": StatusRest(rest, PodStatusStrategy(rest.strategy)),
                    "binding": BindingRest(rest),
                }
            registry.install(
                Resources(
                    resource=rest.resource, rest=rest, subresources=subresources, strategy=rest.strategy
                )
            )
        verbs = Verbs(registry, ALLOW_ALL, Chain(), clock=clock, chance=Chance(3), convert=lambda obj, _: obj)
        world = World(system, verbs, table)
        yield world
        await world.client.aclose()
        await verbs.aclose()
        await factory.aclose()
        await store.aclose()


async def test_a_thousand_pods_find_their_places_on_a_hundred_nodes(world):
    for i in range(100):
        await world.create_node(f"node-{i:03}")
    world.start()
    await asyncio.gather(*(world.client.create(pod(f"pod-{i}")) for i in range(1000)))
    pods = await world.bound(1000)
    per_node = Counter(p.spec.node_name for p in pods)
    assert len(pods) == 1000
    assert set(per_node.values()) == {10}, "equal nodes get equal shares"
    assert all(c.status == "True" for p in pods for c in p.status.conditions if c.type == "PodScheduled")


async def test_a_bound_pod_has_its_event(world):
    await world.create_node("only")
    world.start()
    await world.client.create(pod("web"))
    (event,) = await world.event("Scheduled")
    assert event.message == "Successfully assigned default/web to only"
    assert (event.type, event.source.component) == ("Normal", "default-scheduler")
    assert event.involved_object.name == "web"


async def test_a_pod_that_fits_nowhere_says_why_and_is_scheduled_when_a_node_comes(world):
    await world.create_node("small", cpu="1")
    await world.create_node("closed", unschedulable=True)
    world.start()
    await world.client.create(pod("big", cpu="2"))
    condition = await world.condition("big", "False")
    message = "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable."
    assert (condition.reason, condition.message) == ("Unschedulable", message)
    (event,) = await world.event("FailedScheduling")
    assert (event.type, event.message) == ("Warning", message)
    await world.create_node("large", cpu="8")
    (bound,) = await world.bound(1)
    assert bound.spec.node_name == "large"
    await world.condition("big", "True")


async def test_without_nodes_pods_wait_for_the_first(world):
    world.start()
    await world.client.create(pod("early"))
    condition = await world.condition("early", "False")
    assert condition.message == "no nodes available to schedule pods"
    await world.create_node("first")
    await world.bound(1)


async def test_a_gated_pod_is_left_alone_until_its_gates_are_gone(world):
    await world.create_node("only")
    world.start()
    gated = await world.client.create(pod("gated", scheduling_gates=(PodSchedulingGate(name="later"),)))
    await world.client.create(pod("open"))
    pods = {p.metadata.name: p for p in await world.bound(1)}
    assert not pods["gated"].spec.node_name
    await world.client.update(replace(gated, spec=replace(gated.spec, scheduling_gates=())))
    await world.bound(2)


async def test_a_refused_binding_is_tried_again_and_nothing_stays_reserved(world):
    await world.create_node("only", cpu="1", pods="1")
    transport = Refusing(world.transport(), {"unlucky": [internal_error("the wind")]})
    world.start(transport=transport)
    await world.client.create(pod("unlucky", cpu="1"))
    await world.bound(1)
    assert transport.refused == ["unlucky"]
    columns = world.actors[-1].core.cache.columns
    assert columns.pod_count[columns.row_of["only"]] == 1


async def test_a_pod_bound_by_somebody_else_takes_its_room(world):
    await world.create_node("only", cpu="1")
    await world.client.create(pod("stranger", cpu="1", scheduler_name="other"))
    target = ObjectReference(kind="Node", name="only")
    await world.client.bind(Binding(metadata=ObjectMeta(name="stranger", namespace="default"), target=target))
    world.start()
    await world.client.create(pod("late", cpu="1"))
    condition = await world.condition("late", "False")
    assert condition.message == "0/1 nodes are available: 1 Insufficient cpu."
    await world.client.delete(Pod, "stranger", grace_period_seconds=0)
    await world.bound(1)


async def test_a_restarted_actor_goes_on_from_what_is_stored(world):
    await world.create_node("only", cpu="2")
    ref = world.start()
    await world.client.create(pod("before", cpu="1"))
    await world.bound(1)
    ref.tell(object())  # a message that nobody sends: the actor fails on it

    async def restarted():
        return len(world.actors) == 2 and len(world.actors[1]._synced) == 2

    await world.until(restarted)
    await world.client.create(pod("after", cpu="1"))
    await world.client.create(pod("too-much", cpu="1"))
    await world.bound(2)
    await world.condition("too-much", "False")


async def test_it_explains_and_counts(world):
    await world.create_node("open")
    await world.create_node("closed", unschedulable=True)
    ref = world.start()
    await ref.ask("synced", timeout=PATIENCE)
    await world.client.create(pod("web"))
    await world.bound(1)
    await world.event("Scheduled")
    explanation = await ref.ask(Explain(pod("next")), timeout=PATIENCE)
    assert explanation.best == ("open",)
    assert explanation.nodes[1].status.reasons == ("node(s) were unschedulable",)
    await world.client.create(pod("big", cpu="64"))
    await world.condition("big", "False")
    text = world.system.metrics.render().decode()
    assert 'scheduler_schedule_attempts_total{profile="default-scheduler",result="scheduled"} 1.0' in text
    assert 'scheduler_schedule_attempts_total{profile="default-scheduler",result="unschedulable"} 1.0' in text
    assert 'scheduler_pending_pods{queue="unschedulable"} 1.0' in text


class Patient:
    """Permits a pod only when somebody else says so."""

    name = "Patient"

    def permit(self, state, pod, node_name):
        return Status(Code.WAIT), 30.0


async def test_a_pod_waits_for_its_permit(world):
    await world.create_node("only")
    profile = Profile(plugins={**DEFAULT_PLUGINS, "Patient": 0})
    world.start(profiles=(profile,), registry={**IN_TREE, "Patient": lambda _, __: Patient()})
    await world.client.create(pod("web"))

    async def waiting():
        return world.actors and world.actors[0].core.cycles["default-scheduler"].framework.waiting_pods

    (held,) = (await world.until(waiting)).values()
    assert held.pending_plugins == ("Patient",)
    assert not (await world.client.get(Pod, "web")).spec.node_name
    held.reject("Patient", "not yet")
    condition = await world.condition("web", "False")
    assert (condition.reason, condition.message) == ("Unschedulable", "not yet")
    assert world.actors[0].core.cache.columns.pod_count[0] == 0
    await world.create_node("second")
    (held,) = (await world.until(waiting)).values()
    held.allow("Patient")
    await world.bound(1)


async def test_whoever_asks_for_its_caches_does_not_keep_it_from_filling_them(world):
    """More pods than its mailbox has room for: the informer waits for it, so that it must not wait for the informer."""
    for number in range(100):
        await world.client.create(pod(f"p{number}"))
    small = MailboxSpec(capacity=8)
    ref = world.system.spawn(lambda: SchedulerActor(world.transport()), name="small", mailbox=small)
    await ref.ask("synced", timeout=PATIENCE / 5)
    await world.create_node("n")
    await world.bound(40)
