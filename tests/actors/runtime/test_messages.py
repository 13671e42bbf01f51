"""Telling, asking, and what a message carries."""

import asyncio
import logging
from dataclasses import dataclass

import pytest

from kube.actors.runtime.actor import Actor
from kube.actors.runtime.ask import Request
from kube.actors.runtime.errors import (
    ActorFailedError,
    ActorStoppedError,
    AskCycleError,
    AskSupersededError,
    AskTimeoutError,
)
from kube.actors.runtime.mailbox import MailboxSpec, Overflow
from kube.actors.runtime.system import ActorSystem
from kube.actors.runtime.turns import BATCH
from kube.base.cause import CURRENT, because
from kube.base.chance import Chance
from kube.base.clock import FakeClock


async def settle(turns=20):
    for _ in range(turns):
        await asyncio.sleep(0)


class Recorder(Actor):
    def __init__(self, seen):
        self.seen = seen

    def receive(self, message):
        self.seen.append(message)
        return message


class AsyncRecorder(Recorder):
    async def receive(self, message):
        await asyncio.sleep(0)
        return super().receive(message)


class MixedRecorder(Recorder):
    """Waits for every second message."""

    def receive(self, message):
        if message % 2:
            return super().receive(message)
        return self.later(message)

    async def later(self, message):
        await asyncio.sleep(0)
        return super().receive(message)


class BatchRecorder(Recorder):
    def receive_batch(self, messages):
        self.seen.extend(messages)


class AsyncBatchRecorder(Recorder):
    async def receive_batch(self, messages):
        await asyncio.sleep(0)
        self.seen.extend(messages)


KINDS = [Recorder, AsyncRecorder, MixedRecorder, BatchRecorder, AsyncBatchRecorder]


@pytest.mark.parametrize("kind", KINDS)
async def test_messages_are_handled_in_the_order_in_which_they_were_sent(system, kind):
    seen = []
    ref = system.spawn(lambda: kind(seen), name="actor")
    for number in range(1000):
        await ref.tell_wait(number)
        if number % 100 == 50:
            assert await ref.ask(number, timeout=1) == number
    await ref.ask(-1, timeout=1)
    expected = []
    for number in range(1000):
        expected += [number, number] if number % 100 == 50 else [number]
    assert seen == [*expected, -1]
    (info,) = system.describe()
    assert (info.handled, info.depth, info.kind, info.state) == (1011, 0, kind.__name__, "running")


class EagerRecorder(Recorder):
    """A coroutine that never waits."""

    async def receive(self, message):
        return super().receive(message)


@pytest.mark.parametrize("kind", [Recorder, EagerRecorder, BatchRecorder])
async def test_a_flood_leaves_the_loop_its_turns(system, kind):
    seen = []
    ref = system.spawn(lambda: kind(seen), name="actor", mailbox=MailboxSpec(capacity=10 * BATCH))
    for number in range(4 * BATCH):
        ref.tell(number)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(seen) <= 2 * BATCH
    await settle()
    assert len(seen) == 4 * BATCH


async def test_a_turn_ends_when_its_time_is_up():
    seconds = iter(range(0, 10_000, 1))
    seen = []
    async with ActorSystem(stopwatch=lambda: next(seconds) * 0.002) as system:
        ref = system.spawn(lambda: Recorder(seen), name="actor")
        for number in range(10):
            ref.tell(number)
        await asyncio.sleep(0)
        assert seen == [0, 1, 2], "5 ms at 2 ms a message"


async def test_a_batch_is_what_has_arrived_up_to_its_limit_and_to_the_next_ask(system):
    batches = []

    class Batches(Actor):
        mailbox = MailboxSpec(capacity=10 * BATCH)

        def receive_batch(self, messages):
            batches.append(messages)

        def receive(self, message):
            batches.append(message)

    ref = system.spawn(Batches, name="actor")
    for number in range(BATCH + 4):
        ref.tell(number)
    answer = asyncio.create_task(ref.ask("ask", timeout=1))
    await asyncio.sleep(0)
    ref.tell("after")
    await answer
    await settle()
    assert batches == [list(range(BATCH)), list(range(BATCH, BATCH + 4)), "ask", ["after"]]


async def test_an_idle_actor_has_no_task(system):
    before = len(asyncio.all_tasks())
    seen = []
    ref = system.spawn(lambda: AsyncRecorder(seen), name="actor")
    await settle()
    assert len(asyncio.all_tasks()) == before
    await ref.ask(1, timeout=1)
    await settle()
    assert len(asyncio.all_tasks()) == before


# Asking


@dataclass(frozen=True, slots=True)
class Get(Request[str]):
    key: str


class RefusedError(Exception):
    pass


class Server(Actor[Get]):
    refusals = (RefusedError,)
    stop_timeout = 0.01

    async def on_start(self):
        self.values = {"a": "1"}

    def receive(self, message):
        match message.key:
            case "refuse":
                raise RefusedError("no")
            case "fail":
                raise ValueError("broken")
            case "hang":
                return self.context.defer()
            case "wait":
                return asyncio.Event().wait()
            case "later":
                return self.context.answer_later(self.look_up("a"), name="later")
            case "refuse later":
                return self.context.answer_later(self.refuse(), name="later")
            case "fail later":
                return self.context.answer_later(self.fail(), name="later")
            case key:
                return self.values[key]

    async def look_up(self, key):
        await asyncio.sleep(0)
        return self.values[key]

    async def refuse(self):
        raise RefusedError("later")

    async def fail(self):
        raise ValueError("broken later")


async def test_an_ask_is_answered_with_what_the_handler_returns(system):
    ref = await system.start(Server, name="server")
    assert await ref.ask(Get("a"), timeout=1) == "1"
    assert await ref.ask(Get("later"), timeout=1) == "1"


async def test_a_refusal_is_an_answer_and_no_failure(system):
    ref = await system.start(Server, name="server")
    with pytest.raises(RefusedError, match="no"):
        await ref.ask(Get("refuse"), timeout=1)
    with pytest.raises(RefusedError, match="later"):
        await ref.ask(Get("refuse later"), timeout=1)
    assert await ref.ask(Get("a"), timeout=1) == "1"
    assert system.describe()[0].restarts == 0


@pytest.mark.parametrize(
    ("key", "says"), [("fail", "broken"), ("fail later", "broken later"), ("none", "none")]
)
async def test_a_failure_fails_the_ask_at_once_and_restarts_the_actor(system, key, says):
    ref = await system.start(Server, name="server")
    with pytest.raises(ActorFailedError, match=says) as raised:
        await ref.ask(Get(key), timeout=60)
    assert type(raised.value.error) in (ValueError, KeyError)
    assert raised.value.__cause__ is raised.value.error
    assert await ref.ask(Get("a"), timeout=5) == "1"
    assert system.describe()[0].restarts == 1


@pytest.mark.parametrize("key", ["hang", "wait"])
async def test_an_ask_has_a_deadline(system, key):
    ref = await system.start(Server, name="server")
    with pytest.raises(AskTimeoutError, match=r"/server did not answer Get within 0\.01 s") as raised:
        await ref.ask(Get(key), timeout=0.01)
    assert isinstance(raised.value, TimeoutError)


class BlockedLoop(asyncio.SelectorEventLoop):
    """A loop on which a test can let time pass as if the process had stood still."""

    stall = 0.0

    def time(self):
        return super().time() + self.stall


def test_a_stalled_host_is_no_missing_answer():
    """Time that nobody could have answered in does not count; the deadline holds again afterwards."""

    async def scenario():
        async with ActorSystem() as system:
            ref = await system.start(Server, name="server")
            asking = asyncio.create_task(ref.ask(Get("later"), timeout=5))
            hanging = asyncio.create_task(ref.ask(Get("hang"), timeout=0.05))
            await asyncio.sleep(0)
            asyncio.get_running_loop().stall += 60
            assert await asking == "1"
            with pytest.raises(AskTimeoutError):
                await hanging

    with asyncio.Runner(loop_factory=BlockedLoop) as runner:
        runner.run(scenario())


async def test_an_ask_given_up_before_its_turn_is_not_handled(system):
    gate, seen = asyncio.Event(), []

    class Gated(Actor):
        async def receive(self, message):
            seen.append(message)
            await gate.wait()

    ref = system.spawn(Gated, name="gated")
    ref.tell("first")
    with pytest.raises(AskTimeoutError):
        await ref.ask("too late", timeout=0.01)
    cancelled = asyncio.create_task(ref.ask("cancelled", timeout=1))
    await settle()
    cancelled.cancel()
    await settle()
    gate.set()
    ref.tell("last")
    await settle()
    assert seen == ["first", "last"]


async def test_the_deadline_covers_the_wait_for_room(system):
    seen = []

    class Stuck(Actor):
        mailbox = MailboxSpec(capacity=1)
        stop_timeout = 0.01

        async def receive(self, message):
            seen.append(message)
            await asyncio.Event().wait()

    ref = system.spawn(Stuck, name="stuck")
    ref.tell(1)
    await settle()
    ref.tell(2)
    with pytest.raises(AskTimeoutError):
        await ref.ask(3, timeout=0.01)
    assert seen == [1]


async def test_asks_that_wait_for_room_are_answered_in_turn(system):
    gate = asyncio.Event()

    class Gated(Actor):
        mailbox = MailboxSpec(capacity=1)

        async def receive(self, message):
            await gate.wait()
            return message

    ref = system.spawn(Gated, name="gated")
    answers = [asyncio.create_task(ref.ask(number, timeout=5)) for number in range(10)]
    await settle()
    gate.set()
    assert await asyncio.gather(*answers) == list(range(10))


async def test_asks_of_a_stopped_actor_fail_at_once(system):
    ref = await system.start(Server, name="server")
    hanging = asyncio.create_task(ref.ask(Get("hang"), timeout=60))
    waiting = asyncio.create_task(ref.ask(Get("wait"), timeout=60))
    queued = asyncio.create_task(ref.ask(Get("a"), timeout=60))
    await settle()
    await system.stop_actor(ref)
    for ask in (hanging, waiting, queued):
        with pytest.raises(ActorStoppedError, match="/server is stopped"):
            await ask
    with pytest.raises(ActorStoppedError):
        await ref.ask(Get("a"), timeout=60)
    assert ref.tell(Get("a")) is False


async def test_a_restart_fails_the_asks_that_are_handled_and_keeps_those_that_wait(system):
    ref = await system.start(Server, name="server")
    hanging = asyncio.create_task(ref.ask(Get("hang"), timeout=60))
    await settle()
    failing = asyncio.create_task(ref.ask(Get("fail"), timeout=60))
    queued = asyncio.create_task(ref.ask(Get("a"), timeout=60))
    with pytest.raises(ActorFailedError):
        await hanging
    with pytest.raises(ActorFailedError):
        await failing
    assert await queued == "1"


async def test_an_ask_whose_place_is_taken_is_told(system):
    gate = asyncio.Event()

    class Gated(Actor):
        mailbox = MailboxSpec(overflow=Overflow.COALESCE, key=lambda message: message[0])

        async def receive(self, message):
            await gate.wait()
            return message

    ref = system.spawn(Gated, name="gated")
    ref.tell(("busy", 0))
    await settle()
    first = asyncio.create_task(ref.ask(("k", 1), timeout=5))
    await settle()
    second = asyncio.create_task(ref.ask(("k", 2), timeout=5))
    with pytest.raises(AskSupersededError):
        await first
    gate.set()
    assert await second == ("k", 2)


class Relay(Actor):
    """Passes what it is asked on to the next in `names`."""

    def __init__(self, refs):
        self.refs = refs

    async def receive(self, names):
        if not names:
            return "end"
        return await self.refs[names[0]].ask(names[1:], timeout=60)


class RelayByTask(Relay):
    def receive(self, names):
        return self.context.answer_later(super().receive(names), name="relay")


@pytest.mark.parametrize("kind", [Relay, RelayByTask])
@pytest.mark.parametrize(
    ("names", "circle"),
    [
        ("aa", "/a -> /a"),
        ("aba", "/a -> /b -> /a"),
        ("abcb", "/b -> /c -> /b"),
        ("abca", "/a -> /b -> /c -> /a"),
    ],
)
async def test_asks_in_a_circle_raise_at_once(system, kind, names, circle):
    refs = {}
    for name in "abc":
        refs[name] = system.spawn(lambda: kind(refs), name=name)
    kind.refusals = (AskCycleError,)
    with pytest.raises(AskCycleError) as raised:
        await refs[names[0]].ask(names[1:], timeout=60)
    assert str(raised.value) == f"asks in a circle: {circle}"
    assert await refs["a"].ask("bc", timeout=1) == "end"


async def test_a_task_that_outlives_its_ask_is_in_nobodys_way(system):
    """B starts a task while A asks it, answers, and the task asks A later."""
    refs = {}

    class A(Actor):
        async def receive(self, message):
            return await refs["b"].ask("go", timeout=5) if message == "start" else "pong"

    class B(Actor):
        def on_start(self):
            self.gate = asyncio.Event()

        def receive(self, message):
            if message == "go":
                self.context.tasks.start(self.work(), name="work")
            else:
                self.gate.set()

        async def work(self):
            await self.gate.wait()
            answers.append(await refs["a"].ask("ping", timeout=5))

    answers = []
    refs.update(a=system.spawn(A, name="a"), b=system.spawn(B, name="b"))
    await refs["a"].ask("start", timeout=5)
    refs["b"].tell("open")
    await settle()
    assert answers == ["pong"]


async def test_no_future_is_left_behind_by_asks(system):
    ref = await system.start(Server, name="server")
    for _ in range(10):
        with pytest.raises(AskTimeoutError):
            await ref.ask(Get("hang"), timeout=0.001)
    await settle()
    assert len(system._root.children.cells["server"]._open) == 0


# Causes


class CauseRecorder(Actor):
    def __init__(self, seen, kind="plain"):
        self.seen = seen
        self.kind = kind

    def receive(self, message):
        if self.kind == "async":
            return self.later(message)
        self.note(message)
        return None

    async def later(self, message):
        await asyncio.sleep(0)
        self.note(message)

    def note(self, message):
        self.seen.append((message, str(CURRENT.get())))


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_a_message_carries_the_cause_that_led_to_it(system, kind):
    seen = []
    ref = system.spawn(lambda: CauseRecorder(seen, kind), name="actor")
    apply, scale = system.causes.root("apply"), system.causes.root("scale")
    with because(apply):
        ref.tell(1)
        ref.tell(2)
    with because(scale):
        asking = asyncio.create_task(ref.ask(3, timeout=1))
    await asking
    ref.tell(4)
    await settle()
    assert seen == [(1, "apply[c1]"), (2, "apply[c1]"), (3, "scale[c2]"), (4, "None")]


async def test_a_chain_of_actors_and_tasks_can_be_read_from_its_end(system, caplog):
    class Worker(Actor):
        async def on_start(self):
            self.next = None

        def receive(self, message):
            if isinstance(message, str):
                self.context.log.info("bound", pod=message)
            else:
                self.context.tasks.start(self.work(message), name="work")

        async def work(self, ref):
            with because(self.context.new_cause("PodBound")):
                ref.tell("web-0")

    first, second = system.spawn(Worker, name="first"), system.spawn(Worker, name="second")
    with caplog.at_level(logging.INFO, logger="kube"):
        with because(system.causes.root("apply")):
            first.tell(second)
        await settle()
    (record,) = [record for record in caplog.records if getattr(record, "event", "") == "bound"]
    assert record.fields == {"actor": "/second", "pod": "web-0", "cause": "PodBound[c2] < apply[c1]"}


async def test_a_batch_knows_the_cause_of_each_message(system):
    seen = []

    class Batches(Actor):
        def receive_batch(self, messages):
            seen.append(([str(cause) for cause in self.context.causes], str(CURRENT.get())))

    ref = system.spawn(Batches, name="actor")
    for name in ("apply", "scale"):
        with because(system.causes.root(name)):
            ref.tell(name)
    ref.tell("none")
    await settle()
    assert seen == [(["apply[c1]", "scale[c2]", "None"], "apply[c1]")]


# Timers and chance


async def test_a_timer_is_a_message_from_oneself_that_dies_with_the_actor():
    seen = []

    class Timed(Actor):
        def receive(self, message):
            seen.append(message)
            if message == "arm":
                self.context.after(10, "ring")
                self.context.after(20, "never").cancel()
                self.context.after(30, "too late")
            elif message == "fail":
                raise ValueError("gone")

    clock = FakeClock()
    async with ActorSystem(clock=clock) as system:
        ref = system.spawn(Timed, name="timed")
        ref.tell("arm")
        await settle()
        clock.advance(10)
        await settle()
        assert seen == ["arm", "ring"]
        ref.tell("fail")
        await settle()
        clock.advance(100)
        await settle()
        assert seen == ["arm", "ring", "fail"]


async def test_a_run_is_repeated_by_its_seed():
    async def run(seed):
        drawn = []

        class Drawing(Actor):
            def receive(self, message):
                drawn.append(self.context.chance.uid())
                if message == "fail":
                    raise ValueError("again")

        async with ActorSystem(chance=Chance(seed), clock=FakeClock()) as system:
            refs = [system.spawn(Drawing, name=name) for name in "ab"]
            for ref in refs:
                ref.tell("draw")
                ref.tell("fail")
                ref.tell("draw")
            await settle()
            system.clock.advance(10)
            await settle()
        return drawn

    first, again, other = await run(1), await run(1), await run(2)
    assert first == again
    assert len(set(first)) == 6, "not even a restart draws the same again"
    assert not set(first) & set(other)
