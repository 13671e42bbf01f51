import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace
from scheduler_objects import pod

from kube.api.types.core_v1 import PodSchedulingGate
from kube.scheduler.framework.events import (
    ASSIGNED_POD_DELETE,
    NODE_ADD,
    Action,
    ClusterEvent,
    ClusterEventWithHint,
    Resource,
    queue_if,
)
from kube.scheduler.plugins.queue_sort import PrioritySort
from kube.scheduler.plugins.scheduling_gates import SchedulingGates
from kube.scheduler.queue.scheduling_queue import Place, SchedulingQueue

ROOM = frozenset({"Room"})
HINTS = {
    "Room": (ClusterEventWithHint(NODE_ADD, lambda waiting, _, new: queue_if(new == waiting.metadata.name)),),
    "Any": (ClusterEventWithHint(ASSIGNED_POD_DELETE),),
}


@pytest.fixture
def queue():
    return SchedulingQueue(PrioritySort().sort_key, SchedulingGates().pre_enqueue, HINTS)


def drain(queue, now=0.0):
    names = []
    while (queued := queue.pop(now)) is not None:
        names.append(queued.pod.metadata.name)
    return names


def test_higher_priority_first_and_then_the_longer_wait(queue):
    for now, name, priority in ((0, "old", 0), (1, "new", None), (2, "urgent", 10), (3, "lowest", -5)):
        queue.add(pod(name, priority=priority), now)
    assert drain(queue) == ["urgent", "old", "new", "lowest"]


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 10.0), (60, 10.0)]
)
def test_after_an_error_back_off_doubles_to_ten_seconds(queue, attempts, seconds):
    queue.add(pod(), 0.0)
    now = 0.0
    for _ in range(attempts):
        queued = queue.pop(now)
        queue.add_unschedulable(queued, frozenset(), now)
        ended = now + seconds
        now += 100.0
    assert queue.next_deadline() == ended
    assert queue.pop(ended - 0.001) is None
    assert queue.pop(ended) is queued


def test_only_what_a_hint_says_queues_an_unschedulable_pod(queue):
    queue.add(pod("a"), 0.0)
    queue.add(pod("b"), 0.0)
    for _ in range(2):
        queue.add_unschedulable(queue.pop(0.0), ROOM, 0.0)
    assert queue.move_all(ASSIGNED_POD_DELETE, None, None, 20.0) == 0
    assert queue.move_all(NODE_ADD, None, "b", 20.0) == 1
    assert drain(queue, 20.0) == ["b"]


def test_a_plugin_without_hints_is_helped_by_every_event(queue):
    queue.add(pod("a"), 0.0)
    queue.add_unschedulable(queue.pop(0.0), frozenset({"Unknown"}), 0.0)
    assert queue.move_all(NODE_ADD, None, "other", 20.0) == 1


def test_an_idle_scheduler_takes_pods_that_back_off_but_not_those_that_failed_by_an_error(queue):
    queue.add(pod("rejected"), 0.0)
    queue.add_unschedulable(queue.pop(0.0), ROOM, 0.0)
    queue.add(pod("error"), 0.0)
    queue.add_unschedulable(queue.pop(0.0), frozenset(), 0.0)
    queue.move_all(NODE_ADD, None, "rejected", 0.1)
    assert queue.counts[Place.BACKOFF] == 2
    assert drain(queue, 0.2) == ["rejected"]
    assert drain(queue, 1.0) == ["error"]


def test_after_five_minutes_an_unschedulable_pod_is_tried_anyway(queue):
    queue.add(pod("a"), 0.0)
    queue.add_unschedulable(queue.pop(0.0), ROOM, 0.0)
    assert queue.next_deadline() == 300.0
    assert queue.flush_unschedulable(300.0) == 0
    assert queue.flush_unschedulable(300.1) == 1


def test_a_gated_pod_moves_only_when_its_gates_are_gone(queue):
    gated = pod("gated", scheduling_gates=(PodSchedulingGate(name="wait"),))
    queue.add(gated, 0.0)
    assert queue.counts[Place.GATED] == 1
    queue.move_all(NODE_ADD, None, "gated", 20.0)
    assert drain(queue, 400.0) == []
    event = ClusterEvent(Resource.UNSCHEDULED_POD, Action.UPDATE_POD_GATES)
    queue.update(replace(gated, spec=replace(gated.spec, scheduling_gates=())), (event,), 1.0)
    assert drain(queue, 1.0) == ["gated"]


def test_a_new_priority_counts_at_once(queue):
    queue.add(pod("first", priority=5), 0.0)
    late = pod("late", priority=0)
    queue.add(late, 0.0)
    queue.update(replace(late, spec=replace(late.spec, priority=9)), (), 1.0)
    assert drain(queue) == ["late", "first"]


def test_a_pod_that_was_deleted_while_it_was_tried_does_not_come_back(queue):
    queue.add(pod("a"), 0.0)
    queued = queue.pop(0.0)
    queue.delete(queued.pod.metadata.uid)
    queue.add_unschedulable(queued, ROOM, 0.0)
    assert len(queue) == 0
    assert sum(queue.counts.values()) == 0


class Model(RuleBasedStateMachine):
    """No pod is lost, none is in two places, and what may be popped is what the parts say."""

    def __init__(self):
        super().__init__()
        self.queue = SchedulingQueue(PrioritySort().sort_key, SchedulingGates().pre_enqueue, HINTS)
        self.now = 0.0
        self.waiting = {}
        self.flying = []

    @rule(priority=st.integers(0, 3), gated=st.booleans())
    def add(self, priority, gated):
        gates = (PodSchedulingGate(name="g"),) if gated else ()
        new = pod(f"p{len(self.waiting)}", priority=priority, scheduling_gates=gates)
        self.waiting[new.metadata.uid] = new
        self.queue.add(new, self.now)

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 301.0]))
    def advance(self, seconds):
        self.now += seconds
        self.queue.flush_unschedulable(self.now)

    @rule()
    def pop(self):
        self.queue.flush_backoff(self.now)
        active = [
            q for uid in self.waiting if (q := self.queue.get(uid)) is not None and q.place is Place.ACTIVE
        ]
        queued = self.queue.pop(self.now)
        if active:
            assert queued is not None
            best = min((-(q.pod.spec.priority or 0), q.timestamp) for q in active)
            assert (-(queued.pod.spec.priority or 0), queued.timestamp) == best
        if queued is not None:
            assert not queued.pod.spec.scheduling_gates
            self.flying.append(queued)

    @precondition(lambda self: self.flying)
    @rule(rejectors=st.sampled_from([frozenset(), ROOM, frozenset({"Any"}), frozenset({"Room", "Any"})]))
    def fail(self, rejectors):
        self.queue.add_unschedulable(self.flying.pop(), rejectors, self.now)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def delete(self, data):
        uid = data.draw(st.sampled_from(sorted(self.waiting)))
        del self.waiting[uid]
        self.queue.delete(uid)

    @rule(event=st.sampled_from([NODE_ADD, ASSIGNED_POD_DELETE]), name=st.sampled_from(["p0", "p1"]))
    def move(self, event, name):
        self.queue.move_all(event, None, name, self.now)

    @invariant()
    def nothing_is_lost(self):
        assert len(self.queue) == len(self.waiting)
        places = [self.queue.get(uid).place for uid in self.waiting]
        assert {p: n for p, n in self.queue.counts.items() if n} == {p: places.count(p) for p in set(places)}
        for queued in self.flying:
            uid = queued.pod.metadata.uid
            if self.queue.get(uid) is queued:
                assert queued.place is Place.IN_FLIGHT


Model.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestModel = Model.TestCase
