import asyncio
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kube.actors.runtime.actor import Actor
from kube.actors.runtime.mailbox import MailboxSpec
from kube.actors.runtime.system import ActorSystem
from kube.base.clock import FakeClock, SystemClock
from kube.base.stall import StallGuard


class Worker(Actor):
    mailbox = MailboxSpec(capacity=16)

    def receive(self, message):
        if message == "fail":
            raise ValueError("broken")
        if isinstance(message, int):
            self.context.clock.advance(message)
        if message == "spawn":
            self.context.spawn(Worker, name="child")


async def settle():
    for _ in range(30):
        await asyncio.sleep(0)


@pytest.fixture
async def system():
    system = ActorSystem(clock=FakeClock())
    yield system
    await system.stop()


async def test_a_system_tells_of_its_actors(system):
    ref = system.spawn(Worker, name="first")
    system.spawn(Worker, name="second")
    for message in ("spawn", "a", 3, 1, "fail"):
        ref.tell(message)
    await settle()
    system.clock.advance(1)
    await settle()
    ref.tell("waits")
    ref.tell("waits")
    first, second = system.describe()
    assert (first.path, first.kind, first.state) == ("/first", "Worker", "running")
    assert (first.handled, first.depth, first.high_water, first.capacity) == (5, 2, 5, 16)
    assert (first.restarts, first.slowest, first.slowest_message) == (1, 3, "int")
    assert (second.path, second.handled) == ("/second", 0)


async def test_parents_come_before_children_and_siblings_in_the_order_of_their_start(system):
    system.spawn(Worker, name="b").tell("spawn")
    system.spawn(Worker, name="a").tell("spawn")
    await settle()
    assert [info.path for info in system.describe()] == ["/b", "/b/child", "/a", "/a/child"]
    assert system.draw() == (
        "b (Worker) running, 1 handled\n"
        "  child (Worker) running, 0 handled\n"
        "a (Worker) running, 1 handled\n"
        "  child (Worker) running, 0 handled"
    )
    assert system.lookup("/b/child").path == "/b/child"
    assert system.lookup("/b/none") is None


@pytest.mark.parametrize(
    ("clock", "real"),
    [
        (SystemClock(), True),
        (StallGuard(SystemClock()), True),
        (FakeClock(), False),
        (StallGuard(FakeClock()), False),
    ],
    ids=["system", "guarded system", "fake", "guarded fake"],
)
async def test_handlers_are_timed_by_the_processor_only_where_time_is_the_hosts(clock, real):
    async with ActorSystem(clock=clock) as system:
        assert (system.stopwatch is time.perf_counter) is real


async def test_the_same_as_metrics_by_kind_with_those_that_are_gone(system):
    ref = system.spawn(Worker, name="first")
    gone = system.spawn(Worker, name="gone")
    for message in (2, "a", "b"):
        ref.tell(message)
        gone.tell(message)
    await settle()
    await system.stop_actor(gone)
    gone.tell("dead letter")
    ref.tell("waits")
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(system.metrics.render().decode())
        for sample in family.samples
        if sample.labels == {"actor": "Worker"}
    }
    assert samples == {
        "kube_actors": 1,
        "kube_actor_mailbox_depth": 1,
        "kube_actor_mailbox_high_water": 3,
        "kube_actor_messages_handled_total": 6,
        "kube_actor_restarts_total": 0,
        "kube_actor_dead_letters_total": 0,
        "kube_actor_slowest_handler_seconds": 2,
    }
