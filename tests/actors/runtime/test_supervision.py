import asyncio
import gc
import logging

import pytest

from kube.actors.runtime.actor import Actor
from kube.actors.runtime.cell import Cell
from kube.actors.runtime.errors import (
    ActorFailedError,
    ActorStoppedError,
    HopelessError,
    NameTakenError,
    RestartIntensityError,
)
from kube.actors.runtime.supervision import Restart, Strategy, Supervision
from kube.actors.runtime.system import ActorSystem
from kube.base.backoff import Backoff
from kube.base.clock import FakeClock

AT_ONCE = Backoff(initial=0, cap=0)


async def settle(turns=50):
    for _ in range(turns):
        await asyncio.sleep(0)


async def until(condition):
    """Wait out real back-offs."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.001)


class Child(Actor):
    """Writes its life into a log; does what a message says."""

    def __init__(self, name, log):
        self.name = name
        self.log = log

    def on_start(self):
        self.log.append(f"start {self.name}")

    def receive(self, message):
        match message:
            case "fail":
                raise ValueError(f"{self.name} broke")
            case "stop":
                self.context.stop()
            case _:
                self.log.append(f"{self.name} {message}")
        return message

    def on_stop(self):
        self.log.append(f"stop {self.name}")

    def on_failure(self, error):
        self.log.append(f"failure {self.name}")


class AsyncChild(Child):
    async def on_start(self):
        await asyncio.sleep(0)
        super().on_start()

    async def receive(self, message):
        await asyncio.sleep(0)
        return super().receive(message)

    async def on_stop(self):
        await asyncio.sleep(0)
        super().on_stop()

    async def on_failure(self, error):
        await asyncio.sleep(0)
        super().on_failure(error)


class Parent(Actor):
    """Three children."""

    child = Child

    def __init__(self, plan, log, names="abc"):
        self.supervision = plan
        self.log = log
        self.names = names

    async def on_start(self):
        self.refs = {}
        for name in self.names:
            self.refs[name] = await self.context.start(
                lambda name=name: self.child(name, self.log), name=name
            )

    def receive(self, message):
        return self.refs[message]

    def on_stop(self):
        self.log.append("stop parent")


class AsyncParent(Parent):
    child = AsyncChild


@pytest.fixture(params=[Parent, AsyncParent], ids=["plain", "async"])
def parent(request):
    return request.param


async def family(system, parent, strategy, **options):
    log = []
    plan = Supervision(strategy, **{"backoff": AT_ONCE, **options})
    await system.start(lambda: parent(plan, log), name="p")
    assert log == ["start a", "start b", "start c"]
    log.clear()
    return {name: system.lookup(f"/p/{name}") for name in "abc"}, log


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (Strategy.ONE_FOR_ONE, ["failure b", "start b"]),
        (Strategy.REST_FOR_ONE, ["stop c", "failure b", "start b", "start c"]),
    ],
)
async def test_a_failure_restarts_what_the_strategy_says(system, parent, strategy, expected):
    refs, log = await family(system, parent, strategy)
    refs["b"].tell("fail")
    refs["b"].tell("after")
    await settle()
    assert log == [*expected, "b after"]
    assert [info.restarts for info in system.describe()] == (
        [0, 0, 1, 0] if strategy is Strategy.ONE_FOR_ONE else [0, 0, 1, 1]
    )


class DeafHandler(logging.Handler):
    def emit(self, record):
        raise OSError(24, "Too many open files")


async def test_a_failure_that_cannot_be_logged_is_met_all_the_same(system):
    """A log that can't be written is no reason not to start again."""
    problems = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context["exception"]))
    refs, log = await family(system, AsyncParent, Strategy.ONE_FOR_ONE)
    logger, deaf = logging.getLogger("kube"), DeafHandler()
    logger.addHandler(deaf)
    try:
        refs["b"].tell("fail")
        refs["b"].tell("after")
        await settle()
    finally:
        logger.removeHandler(deaf)
    assert log == ["failure b", "start b", "b after"]
    assert all(isinstance(problem, OSError) for problem in problems)


async def test_children_stop_in_the_reverse_order_of_their_start(system, parent):
    _, log = await family(system, parent, Strategy.ONE_FOR_ONE)
    await system.stop()
    assert log == ["stop c", "stop b", "stop a", "stop parent"]


@pytest.mark.parametrize("strategy", list(Strategy))
async def test_past_the_intensity_limit_the_failure_goes_up(system, parent, strategy):
    refs, log = await family(system, parent, strategy, max_restarts=2)
    for _ in range(2):
        refs["c"].tell("fail")
        await settle()
    assert log == ["failure c", "start c"] * 2
    log.clear()
    refs["c"].tell("fail")
    await refs["a"].wait_stopped()
    await until(lambda: "start c" in log)
    assert log == ["failure c", "stop b", "stop a", "stop parent", "start a", "start b", "start c"]
    assert {info.path: info.restarts for info in system.describe()} == {
        "/p": 1,
        "/p/a": 0,
        "/p/b": 0,
        "/p/c": 0,
    }
    assert await system.lookup("/p/a").ask("again", timeout=1) == "again"


async def test_restarts_long_ago_do_not_count():
    clock, log = FakeClock(), []
    plan = Supervision(max_restarts=1, period=60, backoff=AT_ONCE)
    async with ActorSystem(clock=clock, supervision=plan) as system:
        ref = system.spawn(lambda: Child("x", log), name="x")
        for _ in range(5):
            ref.tell("fail")
            await settle()
            clock.advance(61)
        assert log == ["start x", *["failure x", "start x"] * 5]


async def test_the_back_off_grows_with_failures_that_follow_each_other():
    clock, log = FakeClock(), []
    plan = Supervision(backoff=Backoff(initial=1, cap=8))
    async with ActorSystem(clock=clock, supervision=plan) as system:
        ref = system.spawn(lambda: Child("x", log), name="x")
        waits = []
        for _ in range(5):
            ref.tell("fail")
            await settle()
            waits.append(clock.next_deadline())
            clock.advance(waits[-1])
            await settle()
        assert waits == [1, 2, 4, 8, 8]
        assert log.count("start x") == 6


async def test_what_fails_to_start_again_is_tried_again(system):
    log, broken = [], [False]

    class Fragile(Child):
        def on_start(self):
            if broken[0]:
                log.append("no start")
                broken[0] = False
                raise OSError("no")
            super().on_start()

    for number, restart in enumerate([Restart.ON_FAILURE, Restart.ALWAYS]):
        log.clear()
        ref = system.spawn(lambda: Fragile("x", log), name=f"x{number}", restart=restart)
        broken[0] = True
        ref.tell("fail")
        assert await ref.ask("hello", timeout=5) == "hello"
        assert log == ["start x", "failure x", "no start", "failure x", "start x", "x hello"]


async def test_a_factory_that_raises_on_a_restart_is_a_failure_too(system):
    log, fail = [], [False]

    def factory():
        if fail[0]:
            fail[0] = False
            raise OSError("no")
        return Child("x", log)

    ref = system.spawn(factory, name="x")
    fail[0] = True
    ref.tell("fail")
    assert await ref.ask("hello", timeout=5) == "hello"


@pytest.mark.parametrize(
    ("restart", "message", "lives"),
    [
        (Restart.ALWAYS, "stop", True),
        (Restart.ALWAYS, "fail", True),
        (Restart.ON_FAILURE, "stop", False),
        (Restart.ON_FAILURE, "fail", True),
        (Restart.NEVER, "stop", False),
        (Restart.NEVER, "fail", False),
    ],
)
@pytest.mark.parametrize("strategy", list(Strategy))
async def test_whether_a_child_is_restarted(restart, message, lives, strategy):
    log = []
    async with ActorSystem(supervision=Supervision(strategy, backoff=AT_ONCE)) as system:
        ref = system.spawn(lambda: Child("x", log), name="x", restart=restart)
        other = system.spawn(lambda: Child("y", log), name="y")
        ref.tell(message)
        ref.tell("after")
        await settle()
        assert ("x after" in log) is lives
        assert [info.path for info in system.describe()] == (["/x", "/y"] if lives else ["/y"])
        assert await other.ask("hello", timeout=1) == "hello"
        if not lives:
            await ref.wait_stopped()
            system.spawn(lambda: Child("x", log), name="x")


async def test_a_failed_start_is_raised_to_whoever_waits_for_it_and_leaves_nothing(system):
    log = []

    class Broken(Child):
        async def on_start(self):
            self.context.spawn(lambda: Child("inner", log), name="inner")
            raise OSError("port is taken")

    with pytest.raises(OSError, match="port is taken"):
        await system.start(lambda: Broken("x", log), name="x")
    assert system.describe() == ()
    assert log == ["start inner", "stop inner", "failure x"]
    await system.start(lambda: Child("x", log), name="x")


async def test_a_start_that_is_given_up_leaves_nothing(system):
    class Endless(Actor):
        async def on_start(self):
            await asyncio.Event().wait()

    starting = asyncio.create_task(system.start(Endless, name="x"))
    await settle()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert system.describe() == ()


async def test_a_task_that_fails_while_its_actor_starts_fails_the_start(system):
    class Starting(Actor):
        async def on_start(self):
            self.context.tasks.start(self.work(), name="work")
            await asyncio.Event().wait()

        async def work(self):
            raise OSError("no")

    with pytest.raises(OSError, match="no"):
        await system.start(Starting, name="x")
    assert system.describe() == ()


async def test_messages_wait_for_the_start(system):
    gate, log = asyncio.Event(), []

    class Slow(Child):
        async def on_start(self):
            await gate.wait()
            log.append("started")

    ref = system.spawn(lambda: Slow("x", log), name="x")
    ref.tell("hello")
    await settle()
    assert log == []
    gate.set()
    await settle()
    assert log == ["started", "x hello"]


async def test_an_owned_task_that_fails_fails_its_actor_and_dies_with_it(system):
    log = []

    class Owner(Child):
        def on_start(self):
            super().on_start()
            self.context.tasks.start(self.forever(), name="forever")

        def receive(self, message):
            self.context.tasks.start(self.fail(), name="fail")

        async def forever(self):
            try:
                await asyncio.Event().wait()
            finally:
                log.append("task ends")

        async def fail(self):
            raise ValueError("in a task")

    ref = system.spawn(lambda: Owner("x", log), name="x")
    await settle()
    ref.tell("go")
    await until(lambda: log.count("start x") == 2)
    assert log == ["start x", "task ends", "failure x", "start x"]


async def test_a_failure_cancels_the_handler_that_waits(system):
    log = []

    class Busy(Child):
        async def receive(self, message):
            self.context.tasks.start(self.fail(), name="fail")
            try:
                await asyncio.Event().wait()
            finally:
                log.append("handler ends")

        async def fail(self):
            raise ValueError("in a task")

    ref = system.spawn(lambda: Busy("x", log), name="x")
    with pytest.raises(ActorFailedError, match="in a task"):
        await ref.ask("go", timeout=60)
    await until(lambda: log.count("start x") == 2)
    assert log == ["start x", "handler ends", "failure x", "start x"]


async def test_rest_for_one_begins_again_at_an_earlier_child_that_fails_meanwhile():
    clock, log = FakeClock(), []
    plan = Supervision(Strategy.REST_FOR_ONE, backoff=Backoff(initial=1, cap=1))
    async with ActorSystem(clock=clock, supervision=plan) as system:
        refs = {name: system.spawn(lambda name=name: Child(name, log), name=name) for name in "abcd"}
        log.clear()
        refs["c"].tell("fail")
        await settle()
        refs["a"].tell("fail")
        await settle()
        assert log == ["stop d", "failure c"] + ["failure a"] * 0
        clock.advance(1)
        await settle()
        clock.advance(1)
        await settle()
        assert log == [
            "stop d",
            "failure c",
            "stop b",
            "failure a",
            "start a",
            "start b",
            "start c",
            "start d",
        ]


async def test_stopping_a_child_during_its_back_off_ends_it():
    clock, log = FakeClock(), []
    for strategy in Strategy:
        log.clear()
        plan = Supervision(strategy, backoff=Backoff(initial=5, cap=5))
        async with ActorSystem(clock=clock, supervision=plan) as system:
            ref = system.spawn(lambda: Child("x", log), name="x")
            later = system.spawn(lambda: Child("y", log), name="y")
            ref.tell("fail")
            await settle()
            waiting = asyncio.create_task(ref.ask("hello", timeout=60))
            await settle()
            await system.stop_actor(ref)
            with pytest.raises(ActorStoppedError):
                await waiting
            await settle()
            assert [info.path for info in system.describe()] == ["/y"]
            assert await later.ask("hello", timeout=1) == "hello"
        assert log.count("start x") == 1


async def test_a_failure_that_reaches_the_root_stops_everything_and_is_raised():
    log = []
    system = ActorSystem(supervision=Supervision(max_restarts=0))
    system.spawn(lambda: Child("x", log), name="x")
    system.spawn(lambda: Child("y", log), name="y").tell("fail")
    with pytest.raises(
        RestartIntensityError, match="/y failed more than 0 times within 60 s, lastly: ValueError"
    ):
        await system.wait()
    assert log == ["start x", "start y", "failure y", "stop x"]
    with pytest.raises(ActorStoppedError):
        system.spawn(lambda: Child("z", log), name="z")
    await system.stop()


@pytest.mark.parametrize("strategy", list(Strategy))
async def test_what_no_start_would_mend_goes_up_at_once_and_without_a_traceback(strategy, caplog):
    class Hopeless(Child):
        def receive(self, message):
            raise HopelessError("the house is gone")

    log = []
    plan = Supervision(strategy=strategy, max_restarts=5, backoff=AT_ONCE)
    system = ActorSystem(clock=FakeClock(), supervision=plan)
    system.spawn(lambda: Hopeless("x", log), name="x").tell("anything")
    with pytest.raises(HopelessError, match="the house is gone"):
        await system.wait()
    await system.stop()
    assert log.count("start x") == 1
    assert "Traceback" not in caplog.text


async def test_names_are_unique_among_siblings_and_have_no_slash(system):
    system.spawn(lambda: Child("x", []), name="x")
    with pytest.raises(NameTakenError, match="/x exists already"):
        system.spawn(lambda: Child("x", []), name="x")
    for name in ("", "a/b"):
        with pytest.raises(ValueError, match="not a name"):
            system.spawn(lambda: Child("x", []), name=name)


# Stopping


async def test_a_stop_lets_the_handler_that_runs_end_and_drops_what_waits(system):
    log, gate = [], asyncio.Event()

    class Busy(Child):
        async def receive(self, message):
            await gate.wait()
            log.append(message)
            return message

    ref = system.spawn(lambda: Busy("x", log), name="x")
    answer = asyncio.create_task(ref.ask("one", timeout=5))
    await settle()
    ref.tell("two")
    stopping = asyncio.create_task(system.stop_actor(ref))
    await settle()
    gate.set()
    await stopping
    assert await answer == "one"
    assert log == ["start x", "one", "stop x"]


async def test_what_does_not_stop_in_time_is_cancelled(caplog):
    log = []

    class Endless(Child):
        stop_timeout = 0.01

        async def receive(self, message):
            try:
                await asyncio.Event().wait()
            finally:
                log.append("handler cancelled")

        async def on_stop(self):
            try:
                await asyncio.Event().wait()
            finally:
                log.append("on_stop cancelled")

    system = ActorSystem()
    system.spawn(lambda: Endless("x", log), name="x").tell("go")
    await settle()
    await system.stop()
    assert log == ["start x", "handler cancelled", "on_stop cancelled"]


async def test_two_who_stop_the_same_wait_for_the_same_end(system):
    log = []
    ref = await system.start(lambda: AsyncChild("x", log), name="x")
    await asyncio.gather(system.stop_actor(ref), system.stop_actor(ref), ref.wait_stopped())
    assert log == ["start x", "stop x"]
    await ref.wait_stopped()


async def test_a_last_hook_that_raises_is_logged_and_stops_nothing(system, caplog):
    class Bad(Actor):
        def on_stop(self):
            raise ValueError("in on_stop")

    class AsyncBad(Actor):
        async def on_stop(self):
            raise ValueError("in on_stop")

    system.spawn(Bad, name="a")
    system.spawn(AsyncBad, name="b")
    with caplog.at_level(logging.ERROR, logger="kube"):
        await system.stop()
    assert [record.fields["actor"] for record in caplog.records] == ["/b", "/a"]
    assert all(record.exc_info for record in caplog.records)


async def test_many_systems_live_side_by_side_and_leave_nothing():
    before = asyncio.all_tasks()
    log = []
    systems = [ActorSystem() for _ in range(10)]
    for system in systems:
        for name in "abc":
            ref = await system.start(lambda name=name: AsyncChild(name, log), name=name)
            await ref.ask("hello", timeout=1)
            ref.tell("late")
    for system in systems:
        await system.stop()
        await system.stop()
    assert asyncio.all_tasks() == before
    assert log.count("stop a") == 10


async def test_fifty_systems_in_sequence_leave_nothing_in_memory(caplog):
    caplog.set_level(logging.CRITICAL, logger="kube")  # records keep tracebacks, and those their frames

    def alive():
        gc.collect()
        return [thing for thing in gc.get_objects() if isinstance(thing, Cell | ActorSystem)]

    others = {
        id(thing): thing for thing in alive()
    }  # a session's cluster, or what a failed test's traceback holds
    for _ in range(50):
        async with ActorSystem(supervision=Supervision(backoff=AT_ONCE)) as system:
            refs = [system.spawn(lambda: AsyncChild("x", []), name=str(number)) for number in range(5)]
            for ref in refs:
                ref.tell("fail")
                await ref.ask("hello", timeout=5)
    del system, refs, ref
    assert [thing for thing in alive() if id(thing) not in others] == []
