"""What becomes of what components say."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_api import MemoryApi

from kube.api.types.core_v1 import Event, EventSource, Node, ObjectReference, Pod
from kube.apimachinery import errors
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.base.chance import Chance
from kube.base.clock import FakeClock
from kube.base.metrics import Metrics
from kube.client.client import Client
from kube.client.errors import ConnectionFailedError
from kube.client.event_broadcaster import EventBroadcaster
from kube.client.events import EventCorrelator, EventNames, make_event, reference_to

SOURCE = EventSource(component="kubelet", host="n1")


def pod(name: str = "a", uid: str = "1") -> Pod:
    return Pod(metadata=ObjectMeta(name=name, namespace="default", uid=uid, resource_version="5"))


def event(
    message: str = "m", *, reason: str = "R", name: str = "a.1", of: str = "a", now: float = 0.0
) -> Event:
    return make_event(reference_to(pod(of)), SOURCE, "Normal", reason, message, name=name, now=now)


def test_an_event_says_who_says_what_of_whom():
    made = make_event(
        reference_to(pod(), "spec.containers{web}"), SOURCE, "Warning", "Failed", "why", name="a.1f", now=1.5
    )
    assert made.metadata == ObjectMeta(name="a.1f", namespace="default")
    assert made.involved_object == ObjectReference(
        kind="Pod",
        namespace="default",
        name="a",
        uid="1",
        api_version="v1",
        resource_version="5",
        field_path="spec.containers{web}",
    )
    assert (made.type, made.reason, made.message, made.count) == ("Warning", "Failed", "why", 1)
    assert made.first_timestamp == made.last_timestamp == "1970-01-01T00:00:01Z"
    assert (made.source, made.reporting_component, made.reporting_instance) == (SOURCE, "kubelet", "n1")


def test_events_of_the_cluster_scoped_go_to_the_default_namespace():
    node = reference_to(Node(metadata=ObjectMeta(name="n")))
    assert make_event(node, SOURCE, "Normal", "R", "m", name="n.1", now=0).metadata.namespace == "default"


def test_equal_events_are_counted_in_one():
    correlator = EventCorrelator()
    first = correlator.correlate(event(name="a.1", now=10.0), 10)
    again = correlator.correlate(event(name="a.2", now=20.0), 20)
    assert not first.is_update
    assert again.is_update
    assert again.key == first.key
    assert again.event.metadata.name == "a.1"
    assert again.event.first_timestamp == first.event.first_timestamp
    assert again.patch == {"count": 2, "lastTimestamp": "1970-01-01T00:00:20Z", "message": "m"}


@pytest.mark.parametrize(
    "other",
    [event("other"), event(reason="Other"), event(of="b")],
    ids=["message", "reason", "object"],
)
def test_different_events_are_not_counted_together(other):
    correlator = EventCorrelator()
    correlator.correlate(event(), 0)
    assert not correlator.correlate(other, 0).is_update


def test_the_tenth_event_that_differs_by_message_alone_is_combined_with_those_that_follow():
    correlator = EventCorrelator()
    written = [correlator.correlate(event(f"m{number}", name=f"a.{number}"), 0).event for number in range(12)]
    assert [found.message for found in written[:9]] == [f"m{number}" for number in range(9)]
    assert [(found.message, found.count, found.metadata.name) for found in written[9:]] == [
        (f"(combined from similar events): m{number}", number - 8, "a.9") for number in range(9, 12)
    ]


def test_after_ten_quiet_minutes_nothing_is_combined():
    correlator = EventCorrelator()
    for number in range(9):
        correlator.correlate(event(f"m{number}"), 0)
    assert correlator.correlate(event("m9"), 601).event.message == "m9"


def test_a_source_may_say_25_things_of_an_object_and_then_one_every_five_minutes():
    correlator = EventCorrelator()
    accepted = [correlator.correlate(event(), 0) is not None for _ in range(30)]
    assert accepted == [True] * 25 + [False] * 5
    assert correlator.correlate(event(of="b"), 0) is not None
    assert correlator.correlate(event(), 299) is None
    assert correlator.correlate(event(), 301).event.count == 32
    assert correlator.correlate(event(), 301) is None


def test_memory_is_bounded_and_what_was_used_last_is_kept():
    correlator = EventCorrelator(capacity=2)
    correlator.correlate(event(of="a"), 0)
    correlator.correlate(event(of="b"), 0)
    correlator.correlate(event(of="a"), 0)
    correlator.correlate(event(of="c"), 0)
    assert correlator.correlate(event(of="a"), 0).event.count == 3
    assert correlator.correlate(event(of="b"), 0).event.count == 1


@given(st.lists(st.floats(0, 4e9), max_size=20))
def test_names_of_one_source_never_repeat(moments):
    names = EventNames(SOURCE, Chance(1))
    made = [names.next("a", moment) for moment in moments]
    assert len(dict.fromkeys(made)) == len(made)


def test_sources_at_one_moment_name_differently_and_bad_names_give_way_to_a_uid():
    other = EventSource(component="scheduler")
    assert EventNames(SOURCE, Chance(1)).next("a", 5.0) != EventNames(other, Chance(1)).next("a", 5.0)
    assert EventNames(SOURCE, Chance(1)).next("system:node", 5.0).count("-") == 4


class World:
    def __init__(self, **options):
        self.api = MemoryApi()
        self.clock = FakeClock()
        self.metrics = Metrics()
        client = Client(self.api.transport(), resources=self.api.resources)
        self.broadcaster = EventBroadcaster(client, self.clock, Chance(3), metrics=self.metrics, **options)
        self.recorder = self.broadcaster.recorder("kubelet", "n1")

    def events(self) -> list[tuple[str, int]]:
        return sorted((obj.message, obj.count) for obj in self.api.objects.values())

    def verbs(self) -> list[str]:
        return [request.verb for request in self.api.requests]


@pytest.fixture
async def world():
    made = World()
    yield made
    await made.broadcaster.aclose()


async def test_what_is_recorded_is_written(world):
    world.recorder.event(pod(), "Normal", "Pulled", "one")
    world.recorder.event(reference_to(pod()), "Warning", "Failed", "two")
    await world.broadcaster.flush()
    assert world.events() == [("one", 1), ("two", 1)]
    assert world.broadcaster.written == 2


async def test_what_waits_for_one_event_is_written_once(world):
    for _ in range(5):
        world.recorder.event(pod(), "Normal", "R", "m")
    await world.broadcaster.flush()
    assert world.verbs() == ["create"]
    assert world.events() == [("m", 5)]
    world.recorder.event(pod(), "Normal", "R", "m")
    await world.broadcaster.flush()
    assert world.verbs() == ["create", "patch"]
    assert world.events() == [("m", 6)]


async def test_an_event_that_expired_meanwhile_is_made_anew(world):
    world.recorder.event(pod(), "Normal", "R", "m")
    await world.broadcaster.flush()
    world.api.objects.clear()
    world.recorder.event(pod(), "Normal", "R", "m")
    await world.broadcaster.flush()
    assert world.verbs() == ["create", "patch", "create"]
    assert world.events() == [("m", 2)]


async def test_what_the_server_refuses_is_dropped(world):
    world.api.fail("create", errors.forbidden("events", "", "no"))
    world.recorder.event(pod(), "Normal", "R", "m")
    await world.broadcaster.flush()
    assert (world.broadcaster.written, world.broadcaster.dropped) == (0, 1)
    assert 'event_broadcaster_events_total{result="dropped"} 1.0' in world.metrics.render().decode()


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_could_not_be_said_is_said_again_later(world):
    world.api.fail("create", ConnectionFailedError("refused", refused=True), times=3)
    world.recorder.event(pod(), "Normal", "R", "m")
    for seconds in (10, 10, 10):
        await settle()
        assert world.events() == []
        world.clock.advance(seconds)
    await world.broadcaster.flush()
    assert world.events() == [("m", 1)]
    assert world.verbs() == ["create"] * 4


async def test_after_twelve_tries_it_is_given_up(world):
    world.api.fail("create", ConnectionFailedError("refused", refused=True), times=20)
    world.recorder.event(pod(), "Normal", "R", "m")
    for _ in range(12):
        await settle()
        world.clock.advance(10)
    await world.broadcaster.flush()
    assert len(world.verbs()) == 12
    assert world.broadcaster.dropped == 1


async def test_a_full_queue_drops_and_counts():
    world = World(max_queued=10)
    for number in range(15):
        world.recorder.event(pod(str(number)), "Normal", "R", "m")
    assert world.broadcaster.dropped == 5
    await world.broadcaster.flush()
    assert world.broadcaster.written == 10
    await world.broadcaster.aclose()


async def test_closing_drops_what_waits_and_leaves_no_task(world):
    world.api.hold()
    world.recorder.event(pod(), "Normal", "R", "m")
    await settle()
    await world.broadcaster.aclose()
    world.recorder.event(pod(), "Normal", "R", "late")
    assert world.broadcaster.dropped == 2


async def test_an_unknown_type_is_the_callers_mistake(world):
    with pytest.raises(ValueError, match="unsupported event type: 'Info'"):
        world.recorder.event(pod(), "Info", "R", "m")
