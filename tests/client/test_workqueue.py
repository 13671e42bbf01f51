import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from prometheus_client.parser import text_string_to_metric_families

from kube.base.clock import FakeClock
from kube.base.metrics import Metrics
from kube.client.workqueue import (
    BucketRateLimiter,
    ItemExponentialFailureRateLimiter,
    ItemFastSlowRateLimiter,
    MaxOfRateLimiter,
    WorkQueue,
    default_controller_rate_limiter,
)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def queue(clock):
    return WorkQueue(clock.monotonic)


def drain(queue):
    items = []
    while (item := queue.get()) is not None:
        items.append(item)
        queue.done(item)
    return items


def test_items_come_out_in_the_order_in_which_they_were_added_and_once(queue):
    for item in "abacb":
        queue.add(item)
    assert len(queue) == 3
    assert drain(queue) == ["a", "b", "c"]
    assert queue.get() is None


def test_an_item_added_while_it_is_processed_waits_until_it_is_done(queue):
    queue.add("a")
    assert queue.get() == "a"
    queue.add("a")
    queue.add("a")
    assert queue.get() is None
    assert (len(queue), queue.depth) == (0, 1)
    queue.done("a")
    assert queue.get() == "a"
    queue.done("a")
    assert queue.get() is None


def test_different_items_are_processed_at_a_time(queue):
    queue.add("a")
    queue.add("b")
    assert (queue.get(), queue.get()) == ("a", "b")
    queue.done("b")
    queue.done("a")


def test_done_without_get_is_an_error(queue):
    queue.add("a")
    with pytest.raises(KeyError):
        queue.done("a")


def test_a_delayed_item_comes_when_its_time_has_come(queue, clock):
    queue.add_after("late", 10)
    queue.add_after("early", 5)
    queue.add_after("now", 0)
    assert drain(queue) == ["now"]
    assert queue.next_ready() == 5
    clock.advance(5)
    assert queue.next_ready() == 0
    assert drain(queue) == ["early"]
    clock.advance(5)
    queue.release()
    assert len(queue) == 1
    assert drain(queue) == ["late"]
    assert queue.next_ready() is None


@pytest.mark.parametrize(
    ("delays", "ready"),
    [((10, 5), 5), ((5, 10), 5), ((10, 5, 7, 3, 9), 3)],
    ids=["sooner", "later", "many"],
)
def test_of_several_delays_the_earliest_counts(queue, clock, delays, ready):
    for delay in delays:
        queue.add_after("a", delay)
    assert queue.next_ready() == ready
    clock.advance(ready)
    assert drain(queue) == ["a"]
    clock.advance(100)
    assert drain(queue) == []
    assert queue.next_ready() is None


def test_adding_at_once_leaves_the_delayed_add_standing(queue, clock):
    queue.add_after("a", 5)
    queue.add("a")
    assert drain(queue) == ["a"]
    clock.advance(5)
    assert drain(queue) == ["a"]


def test_a_delayed_item_that_is_being_processed_is_processed_again(queue, clock):
    queue.add("a")
    queue.get()
    queue.add_after("a", 5)
    clock.advance(5)
    assert queue.get() is None
    queue.done("a")
    assert drain(queue) == ["a"]


def test_a_timer_that_rings_a_hair_too_soon_does_not_ring_in_vain(queue, clock):
    clock.advance(0.1)
    queue.add_after("a", 0.2)
    clock.advance(0.2 - 1e-9)
    assert drain(queue) == ["a"]


def test_shutting_down_hands_out_what_is_queued_and_takes_no_more(queue, clock):
    queue.add("a")
    queue.add("b")
    queue.add_after("later", 1)
    assert queue.get() == "a"
    queue.add("a")
    queue.shut_down()
    assert queue.shutting_down
    queue.add("c")
    queue.add_after("d", 0)
    clock.advance(5)
    assert queue.get() == "b"
    assert queue.get() is None
    queue.done("b")
    assert not queue.drained
    queue.done("a")
    assert not queue.drained, "it was added again before the end"
    assert drain(queue) == ["a"]
    assert queue.drained


# Rate limits


def test_an_items_delay_doubles_with_its_failures_until_it_is_forgotten(queue, clock):
    delays = []
    for _ in range(4):
        queue.add_rate_limited("a")
        delays.append(round(queue.next_ready(), 6))
        clock.advance(queue.next_ready())
        drain(queue)
    assert delays == [0.005, 0.01, 0.02, 0.04]
    assert queue.num_requeues("a") == 4
    assert queue.num_requeues("b") == 0
    queue.forget("a")
    queue.add_rate_limited("a")
    assert queue.num_requeues("a") == 1
    assert queue.next_ready() == pytest.approx(0.005)


def test_an_items_delay_has_a_limit():
    limiter = ItemExponentialFailureRateLimiter(0.005, 1000)
    delays = [limiter.when("a", 0) for _ in range(3000)]
    assert delays[17] == pytest.approx(0.005 * 2**17)
    assert delays[18:] == [1000] * 2982


def test_fast_then_slow():
    limiter = ItemFastSlowRateLimiter(0.01, 5, 2)
    assert [limiter.when("a", 0) for _ in range(4)] == [0.01, 0.01, 5, 5]
    assert limiter.when("b", 0) == 0.01
    limiter.forget("a")
    assert limiter.num_requeues("a") == 0
    assert limiter.when("a", 0) == 0.01


def test_the_bucket_lets_a_burst_through_and_then_one_at_a_time():
    limiter = BucketRateLimiter(qps=10, burst=3)
    assert [limiter.when(n, 0) for n in range(5)] == pytest.approx([0, 0, 0, 0.1, 0.2])
    assert limiter.when("x", 0.1) == pytest.approx(0.2)
    assert limiter.when("y", 100) == 0
    assert [limiter.when(n, 100) for n in range(3)] == pytest.approx([0, 0, 0.1])


@given(
    st.lists(st.tuples(st.floats(0, 2), st.integers(0, 3)), max_size=60),
    st.integers(1, 20),
    st.integers(1, 10),
)
def test_the_bucket_never_lets_more_through_than_its_rate(steps, qps, burst):
    limiter = BucketRateLimiter(qps, burst)
    now, admitted = 0.0, []
    for pause, count in steps:
        now += pause
        admitted += [now + limiter.when("x", now) for _ in range(count)]
    admitted.sort()
    for start, begin in enumerate(admitted):
        for stop in range(start, len(admitted)):
            assert stop - start + 1 <= burst + (admitted[stop] - begin) * qps + 1e-6


def test_the_default_is_the_longer_of_item_and_bucket():
    limiter = default_controller_rate_limiter()
    assert [limiter.when(n, 0) for n in range(100)] == [0.005] * 100
    assert limiter.when("x", 0) == pytest.approx(0.1)
    assert limiter.num_requeues("x") == 1
    limiter.forget("x")
    assert limiter.num_requeues("x") == 0


def test_all_of_several_limiters_count():
    limiter = MaxOfRateLimiter(ItemFastSlowRateLimiter(1, 2, 1), ItemExponentialFailureRateLimiter(0.5, 100))
    assert [limiter.when("a", 0) for _ in range(4)] == [1, 2, 2, 4]


# Metrics


def test_it_reports_what_upstreams_queues_report(clock):
    metrics = Metrics()
    queue = WorkQueue(clock.monotonic, name="deployment", metrics=metrics)
    queue.add("a")
    queue.add("a")
    queue.add("b")
    clock.advance(2)
    queue.get()
    queue.add("a")
    clock.advance(3)
    queue.get()
    queue.done("b")
    queue.add_rate_limited("c")
    clock.advance(1)
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
        if sample.labels["name"] == "deployment" and "le" not in sample.labels
    }
    assert samples == {
        "workqueue_adds_total": 3,
        "workqueue_retries_total": 1,
        "workqueue_depth": 1,
        "workqueue_queue_duration_seconds_count": 2,
        "workqueue_queue_duration_seconds_sum": 7,
        "workqueue_work_duration_seconds_count": 1,
        "workqueue_work_duration_seconds_sum": 0,
        "workqueue_unfinished_work_seconds": 4,
        "workqueue_longest_running_processor_seconds": 4,
    }
    buckets = [
        sample.labels["le"]
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
        if sample.name == "workqueue_work_duration_seconds_bucket"
    ]
    assert [float(bound) for bound in buckets] == pytest.approx(
        [10.0**n for n in range(-8, 2)] + [float("inf")]
    )
    queue.close_metrics()
    assert b"workqueue_depth{" not in metrics.render()
    assert b"workqueue_adds_total{" in metrics.render()
    queue.add("z")


def test_a_queue_without_a_name_reports_nothing(clock):
    metrics = Metrics()
    WorkQueue(clock.monotonic, metrics=metrics).add("a")
    assert metrics.render() == b""


class Queue(RuleBasedStateMachine):
    """Against client-go's contract: nothing that was added is lost, and no item is worked on twice at a time."""

    items = st.sampled_from("abcd")

    def __init__(self):
        super().__init__()
        self.clock = FakeClock()
        self.queue = WorkQueue(self.clock.monotonic)
        self.needs = {}  # items that were added since they were last handed out
        self.times = {}  # when delayed items are due
        self.working = {}

    @rule(item=items)
    def add(self, item):
        self.queue.add(item)
        self.needs[item] = True

    @rule(item=items, seconds=st.sampled_from([0, 0.5, 1, 3]))
    def add_after(self, item, seconds):
        self.queue.add_after(item, seconds)
        if seconds:
            due = self.clock.monotonic() + seconds
            self.times[item] = min(due, self.times.get(item, due))
        else:
            self.needs[item] = True

    @rule(seconds=st.sampled_from([0.5, 1, 2]))
    def advance(self, seconds):
        self.clock.advance(seconds)
        for item, due in list(self.times.items()):
            if due <= self.clock.monotonic():
                del self.times[item]
                self.needs[item] = True

    @rule()
    def get(self):
        item = self.queue.get()
        could = [item for item in self.needs if item not in self.working]
        if item is None:
            assert not could
        else:
            assert item in could
            del self.needs[item]
            self.working[item] = True

    @precondition(lambda self: self.working)
    @rule(choice=st.integers(0, 9))
    def done(self, choice):
        item = list(self.working)[choice % len(self.working)]
        self.queue.done(item)
        del self.working[item]

    @invariant()
    def counts_agree(self):
        self.queue.release()
        assert self.queue.depth == len(self.needs)
        assert len(self.queue) == len([item for item in self.needs if item not in self.working])
        ready = self.queue.next_ready()
        assert (ready is None) == (not self.times)
        if ready is not None:
            assert ready == min(self.times.values()) - self.clock.monotonic()


TestQueue = Queue.TestCase
