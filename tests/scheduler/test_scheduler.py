"""What the informers say, as the queue and the cache hear it."""

import random

import pytest
from msgspec.structs import replace
from scheduler_objects import node, pod

from kube.api.types.core_v1 import PodStatus, Toleration
from kube.scheduler.framework.status import Code, Status
from kube.scheduler.queue.scheduling_queue import Place
from kube.scheduler.scheduler import NOTE_LIMIT, Bind, Failed, Scheduler, truncated


@pytest.fixture
def scheduler():
    made = Scheduler(random.Random(1))
    made.node_changed(None, node("n", {"cpu": "1"}), 0.0)
    return made


def waiting(scheduler, each, now=0.0):
    scheduler.pod_changed(None, each, now)
    failed = scheduler.schedule_one(now)
    assert isinstance(failed, Failed)
    return failed


def place(scheduler, each):
    return scheduler.queue.get(each.metadata.uid).place


def bound(each, name="n"):
    return replace(each, spec=replace(each.spec, node_name=name))


def test_its_own_condition_does_not_queue_a_pod(scheduler):
    each = pod(requests={"cpu": "2"})
    failed = waiting(scheduler, each)
    written = replace(each, status=PodStatus(conditions=(failed.condition,)))
    scheduler.pod_changed(each, written, 20.0)
    assert place(scheduler, each) is Place.UNSCHEDULABLE


def test_the_same_condition_is_not_written_again(scheduler):
    each = pod(requests={"cpu": "2"})
    failed = waiting(scheduler, each)
    scheduler.pod_changed(each, replace(each, status=PodStatus(conditions=(failed.condition,))), 0.0)
    scheduler.node_changed(None, node("m", {"cpu": "2", "pods": "0"}), 20.0)
    scheduler.queue.flush_unschedulable(400.0)
    again = scheduler.schedule_one(400.0)
    assert again.condition is not None, "there are two nodes now, so the message is another"
    scheduler.pod_changed(each, replace(each, status=PodStatus(conditions=(again.condition,))), 400.0)
    scheduler.queue.flush_unschedulable(800.0)
    assert scheduler.schedule_one(800.0).condition is None


EVENTS = {
    "a heartbeat": (node("n", {"cpu": "1"}), False),
    "room": (node("n", {"cpu": "4"}), True),
    "not enough room": (node("n", {"cpu": "1500m"}), False),
    "a label that nobody asked for": (node("n", {"cpu": "1"}, labels={"x": "y"}), False),
}


@pytest.mark.parametrize(("new", "queued"), EVENTS.values(), ids=EVENTS)
def test_only_what_may_help_queues_a_pod(scheduler, new, queued):
    each = pod(requests={"cpu": "2"})
    waiting(scheduler, each)
    scheduler.node_changed(node("n", {"cpu": "1"}), new, 20.0)
    assert place(scheduler, each) is (Place.ACTIVE if queued else Place.UNSCHEDULABLE)


def test_a_pod_that_goes_makes_room(scheduler):
    first, second = pod(requests={"cpu": "1"}), pod(requests={"cpu": "1"})
    scheduler.pod_changed(None, bound(first), 0.0)
    waiting(scheduler, second)
    scheduler.pod_changed(bound(first), replace(bound(first), status=PodStatus(phase="Succeeded")), 20.0)
    assert isinstance(scheduler.schedule_one(20.0), Bind)


def test_a_toleration_that_was_added_queues_the_pod():
    made = Scheduler(random.Random(1))
    made.node_changed(None, node("n", taints=(("k", "v", "NoSchedule"),)), 0.0)
    each = pod()
    waiting(made, each)
    tolerant = replace(each, spec=replace(each.spec, tolerations=(Toleration(operator="Exists"),)))
    made.pod_changed(each, tolerant, 20.0)
    assert isinstance(made.schedule_one(20.0), Bind)


def test_a_failed_binding_frees_the_room_and_backs_off(scheduler):
    each = pod(requests={"cpu": "1"})
    scheduler.pod_changed(None, each, 0.0)
    bind = scheduler.schedule_one(0.0)
    failed = scheduler.bind_failed(bind, Status(Code.ERROR, ("the wind",)), 0.0)
    assert (failed.is_error, failed.condition.reason, failed.note) == (True, "SchedulerError", "the wind")
    assert place(scheduler, each) is Place.BACKOFF
    assert scheduler.cache.columns.pod_count[0] == 0


def test_a_failed_binding_of_a_pod_that_is_gone_or_bound_is_nobodys_business(scheduler):
    for says in (None, bound):
        each = pod(requests={"cpu": "500m"})
        scheduler.pod_changed(None, each, 0.0)
        bind = scheduler.schedule_one(0.0)
        scheduler.pod_changed(each, says and says(each), 0.0)
        assert scheduler.bind_failed(bind, Status(Code.ERROR, ("conflict",)), 0.0) is None
    assert scheduler.cache.columns.pod_count[0] == 1


def test_a_pod_that_is_being_deleted_is_not_scheduled(scheduler):
    each = pod()
    scheduler.pod_changed(None, each, 0.0)
    going = replace(each, metadata=replace(each.metadata, deletion_timestamp="2026-01-01T00:00:00Z"))
    scheduler.pod_changed(each, going, 0.0)
    assert scheduler.schedule_one(0.0) is None


def test_no_nodes_is_said_and_the_first_node_helps():
    made = Scheduler(random.Random(1))
    assert waiting(made, pod()).note == "no nodes available to schedule pods"
    made.node_changed(None, node("n"), 0.0)
    assert isinstance(made.schedule_one(0.0), Bind)


def test_long_notes_are_cut():
    assert truncated("x" * NOTE_LIMIT) == "x" * NOTE_LIMIT
    assert truncated("x" * 2000) == "x" * (NOTE_LIMIT - 4) + " ..."


def test_equal_seeds_choose_equal_nodes():
    def choose(seed):
        made = Scheduler(random.Random(seed))
        for i in range(50):
            made.node_changed(None, node(f"n{i}"), 0.0)
        for i in range(20):
            made.pod_changed(None, pod(f"p{i}"), 0.0)
        return [made.schedule_one(0.0).node_name for _ in range(20)]

    assert choose(1) == choose(1)
    assert choose(1) != choose(2)
    assert len(set(choose(1))) == 20, "what a pod has taken counts for the next"
