import asyncio
import logging

import pytest

from kube.actors.controller import BATCH, AddAfter, Controller, Synced
from kube.actors.runtime.actor import Actor
from kube.actors.runtime.mailbox import MailboxSpec
from kube.actors.runtime.supervision import Supervision
from kube.actors.runtime.system import ActorSystem
from kube.base.backoff import Backoff
from kube.base.cause import CURRENT, because
from kube.base.chance import Chance
from kube.base.clock import FakeClock
from kube.client.workqueue import ItemFastSlowRateLimiter, Result


async def settle(turns=30):
    for _ in range(turns):
        await asyncio.sleep(0)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
async def system(clock):
    plan = Supervision(backoff=Backoff(initial=0, cap=0))
    async with ActorSystem(clock=clock, chance=Chance(1), supervision=plan) as system:
        yield system


class Recorder:
    """Notes what it is called with; `answers` maps a key to what each call gives, the last one forever."""

    def __init__(self, **answers):
        self.answers = answers
        self.calls = []
        self.causes = []

    async def reconcile(self, key):
        self.calls.append(key)
        self.causes.append(str(CURRENT.get()))
        answers = self.answers.get(key)
        if not answers:
            return Result()
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Gated:
    """Holds every reconcile until its key's gate opens, and checks that no key is in two hands."""

    def __init__(self):
        self.gates = {}
        self.running = []
        self.calls = []
        self.most = 0

    async def reconcile(self, key):
        assert key not in self.running
        self.running.append(key)
        self.calls.append(key)
        self.most = max(self.most, len(self.running))
        gate = self.gates[key] = asyncio.Event()
        await gate.wait()
        self.running.remove(key)
        return Result()


def controller(system, reconciler, **options):
    return system.spawn(lambda: Controller("test", reconciler, **options), name="controller")


async def test_every_key_is_reconciled_in_the_order_in_which_it_came(system):
    reconciler = Recorder()
    ref = controller(system, reconciler)
    for key in ("default/a", "default/b", "default/a", "default/c"):
        ref.tell(key)
    await settle()
    assert reconciler.calls == ["default/a", "default/b", "default/c"]


async def test_an_idle_controller_has_no_task(system):
    before = len(asyncio.all_tasks())
    reconciler = Recorder()
    ref = controller(system, reconciler, workers=5)
    ref.tell("a")
    await settle()
    assert reconciler.calls == ["a"]
    assert len(asyncio.all_tasks()) == before


async def test_different_keys_are_worked_on_at_a_time_up_to_the_number_of_workers(system):
    reconciler = Gated()
    ref = controller(system, reconciler, workers=3)
    for key in "abcde":
        ref.tell(key)
    await settle()
    assert reconciler.running == ["a", "b", "c"]
    reconciler.gates["b"].set()
    await settle()
    assert reconciler.running == ["a", "c", "d"]
    for key in "acd":
        reconciler.gates[key].set()
    await settle()
    reconciler.gates["e"].set()
    await settle()
    assert reconciler.calls == list("abcde")
    assert reconciler.most == 3


async def test_workers_join_in_when_keys_come_one_after_the_other(system):
    reconciler = Gated()
    ref = controller(system, reconciler, workers=2)
    ref.tell("a")
    await settle()
    ref.tell("b")
    await settle()
    assert reconciler.running == ["a", "b"]


async def test_a_key_that_comes_while_it_is_worked_on_is_worked_on_again_afterwards(system):
    reconciler = Gated()
    ref = controller(system, reconciler, workers=4)
    ref.tell("a")
    await settle()
    for _ in range(3):
        ref.tell("a")
        await settle()
    assert reconciler.calls == ["a"]
    reconciler.gates["a"].set()
    await settle()
    assert reconciler.calls == ["a", "a"]
    reconciler.gates["a"].set()
    await settle()
    assert reconciler.calls == ["a", "a"]


async def test_a_reconcile_may_ask_to_be_called_again(system, clock):
    reconciler = Recorder(a=[Result(requeue_after=30), Result(requeue_after=10), Result()])
    controller(system, reconciler).tell("a")
    await settle()
    clock.advance(29)
    await settle()
    assert reconciler.calls == ["a"]
    clock.advance(1)
    await settle()
    assert reconciler.calls == ["a", "a"]
    clock.advance(10)
    await settle()
    clock.advance(1000)
    await settle()
    assert reconciler.calls == ["a", "a", "a"]


async def test_keys_may_be_told_for_later_and_the_earliest_rings_first(system, clock):
    reconciler = Recorder()
    ref = controller(system, reconciler)
    ref.tell(AddAfter("late", 60))
    await settle()
    ref.tell(AddAfter("early", 5))
    ref.tell("now")
    await settle()
    assert reconciler.calls == ["now"]
    clock.advance(5)
    await settle()
    assert reconciler.calls == ["now", "early"]
    clock.advance(55)
    await settle()
    assert reconciler.calls == ["now", "early", "late"]


async def test_a_failure_is_tried_again_under_the_rate_limit_and_logged_with_its_cause(system, clock, caplog):
    reconciler = Recorder(a=[ValueError("first"), ValueError("second"), Result()])
    ref = controller(system, reconciler)
    with caplog.at_level(logging.WARNING, logger="kube"), because(system.causes.root("PUT deployment")):
        ref.tell("a")
        await settle()
        assert reconciler.calls == ["a"]
        clock.advance(0.005)
        await settle()
        assert reconciler.calls == ["a"] * 2
        clock.advance(0.005)
        await settle()
        assert reconciler.calls == ["a"] * 2
        clock.advance(0.005)
        await settle()
    assert reconciler.calls == ["a"] * 3
    assert [(r.levelname, r.event, r.fields["key"], r.fields["retries"]) for r in caplog.records] == [
        ("WARNING", "reconcile failed", "a", 0),
        ("WARNING", "reconcile failed", "a", 1),
    ]
    assert [str(record.exc_info[1]) for record in caplog.records] == ["first", "second"]
    assert caplog.records[1].fields["cause"] == (
        "reconcile test a[c3] < reconcile test a[c2] < PUT deployment[c1]"
    )


async def test_success_makes_the_next_failure_the_first(system, clock):
    reconciler = Recorder(a=[ValueError(), ValueError(), Result(), ValueError(), Result()])
    ref = controller(system, reconciler)
    ref.tell("a")
    await settle()
    for delay in (0.005, 0.01):
        clock.advance(delay)
        await settle()
    assert len(reconciler.calls) == 3
    ref.tell("a")
    await settle()
    clock.advance(0.005)
    await settle()
    assert len(reconciler.calls) == 5


async def test_a_key_that_fails_too_often_is_dropped_until_it_changes(system, clock, caplog):
    reconciler = Recorder(a=[ValueError("always")])
    ref = controller(
        system, reconciler, max_retries=2, rate_limiter=lambda: ItemFastSlowRateLimiter(1.0, 1.0, 1)
    )
    with caplog.at_level(logging.WARNING, logger="kube"):
        ref.tell("a")
        for _ in range(10):
            await settle()
            clock.advance(1)
    assert len(reconciler.calls) == 3
    assert caplog.records[-1].event == "reconcile failed too often, dropped"
    ref.tell("a")
    for _ in range(10):
        await settle()
        clock.advance(1)
    assert len(reconciler.calls) == 6


async def test_one_keys_failure_holds_up_no_other(system):
    reconciler = Recorder(bad=[ValueError("always")])
    ref = controller(system, reconciler)
    for key in ("bad", "good", "bad", "better"):
        ref.tell(key)
    await settle()
    assert reconciler.calls == ["bad", "good", "better"]


async def test_a_reconcile_that_awaits_something_cancelled_has_failed(system, clock):
    reconciler = Recorder(a=[asyncio.CancelledError("inner"), Result()])
    controller(system, reconciler).tell("a")
    await settle()
    clock.advance(0.005)
    await settle()
    assert reconciler.calls == ["a", "a"]


async def test_a_reconcile_has_the_newest_cause_of_its_key(system):
    reconciler = Gated()
    seen = []

    class Noting(Gated):
        async def reconcile(self, key):
            seen.append(str(CURRENT.get()))
            return await super().reconcile(key)

    reconciler = Noting()
    ref = controller(system, reconciler)
    for name in ("apply", "scale"):
        with because(system.causes.root(name)):
            ref.tell("a")
    await settle()
    with because(system.causes.root("delete")):
        ref.tell("a")
    await settle()
    reconciler.gates["a"].set()
    await settle()
    assert seen == ["reconcile test a[c3] < scale[c2]", "reconcile test a[c5] < delete[c4]"]


async def test_workers_wait_until_all_caches_are_synced(system):
    reconciler = Recorder()
    ref = controller(system, reconciler, subscribe=lambda _: ["pods", "nodes"])
    ref.tell("a")
    ref.tell(Synced("pods"))
    await settle()
    assert reconciler.calls == []
    ref.tell("b")
    ref.tell(Synced("nodes"))
    await settle()
    assert reconciler.calls == ["a", "b"]


async def test_after_a_restart_it_subscribes_again_and_begins_with_an_empty_queue(system):
    reconciler = Recorder(a=[SystemError("unreadable")])
    subscribed = []

    class Broken(Controller):
        def _failed(self, key, error):
            raise RuntimeError("the loop itself is broken") from error

    def subscribe(ref):
        subscribed.append(ref)
        ref.tell("b")
        return ()

    ref = system.spawn(lambda: Broken("test", reconciler, subscribe=subscribe), name="controller")
    await settle()
    assert reconciler.calls == ["b"]
    ref.tell("a")
    await settle(100)
    assert subscribed == [ref, ref]
    assert reconciler.calls == ["b", "a", "b"]
    assert system.describe()[0].restarts == 1


async def test_stopping_cancels_what_is_worked_on_and_leaves_nothing(system):
    before = asyncio.all_tasks()
    reconciler = Gated()
    ref = controller(system, reconciler, workers=2)
    for key in "abc":
        ref.tell(key)
    await settle()
    await system.stop_actor(ref)
    assert reconciler.running == ["a", "b"], "cancelled, not finished"
    assert asyncio.all_tasks() == before
    assert b"workqueue_depth{" not in system.metrics.render()


async def test_workers_that_never_wait_leave_the_loop_its_turns(system):
    reconciler = Recorder()
    ref = controller(system, reconciler)
    for number in range(4 * BATCH):
        ref.tell(str(number))
    most, before = 0, 0
    while len(reconciler.calls) < 4 * BATCH:
        await asyncio.sleep(0)
        most, before = max(most, len(reconciler.calls) - before), len(reconciler.calls)
    assert most <= BATCH


async def test_it_reports_as_upstreams_queues_do(system):
    ref = controller(system, Recorder())
    for key in "abc":
        ref.tell(key)
    await settle()
    text = system.metrics.render().decode()
    assert 'workqueue_adds_total{name="test"} 3.0' in text
    assert 'workqueue_work_duration_seconds_count{name="test"} 3.0' in text
    assert 'workqueue_depth{name="test"} 0.0' in text


async def test_a_flood_of_changes_to_few_keys_takes_no_room(system):
    ref = system.spawn(
        lambda: Controller("test", Recorder()),
        name="controller",
        mailbox=MailboxSpec(capacity=3, overflow=Controller.mailbox.overflow, key=Controller.mailbox.key),
    )
    for number in range(1000):
        ref.tell("abc"[number % 3])
    assert ref.depth == 3


def test_a_controller_has_workers():
    with pytest.raises(ValueError, match="at least one worker"):
        Controller("test", Recorder(), workers=0)


async def test_a_controller_works_for_any_sender(system):
    """A handler in another actor tells it keys, as an informer's does."""
    reconciler = Recorder()
    ref = controller(system, reconciler)

    class Source(Actor):
        def receive(self, message):
            ref.tell(message)

    source = system.spawn(Source, name="source")
    source.tell("default/web")
    await settle()
    assert reconciler.calls == ["default/web"]
