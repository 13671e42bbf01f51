"""Of those who name a Lease, one leads."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_api import MemoryApi
from msgspec.structs import replace

from kube.api.types.coordination_v1 import Lease, LeaseSpec
from kube.apimachinery import errors
from kube.base.chance import Chance
from kube.base.clock import FakeClock
from kube.client.client import Client
from kube.client.leaderelection import Candidate, ElectionConfig, LeaderElector


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"lease_duration": 10.0}, "leaseDuration must be greater than renewDeadline"),
        ({"renew_deadline": 2.4}, r"renewDeadline must be greater than retryPeriod\*JitterFactor"),
        ({"lease_duration": 0.9, "renew_deadline": 0.5, "retry_period": 0.1}, "must be greater than zero"),
    ],
    ids=["lease", "renew", "zero"],
)
def test_durations_that_cannot_work_are_refused(config, message):
    with pytest.raises(ValueError, match=message):
        ElectionConfig(**config)


def lease(holder: str, *, duration: int = 15, transitions: int = 0) -> Lease:
    return Lease(
        spec=LeaseSpec(holder_identity=holder, lease_duration_seconds=duration, lease_transitions=transitions)
    )


def test_a_lease_that_does_not_change_runs_out_by_the_candidates_own_clock():
    candidate = Candidate("me", ElectionConfig())
    candidate.read(lease("other"), 100.0)
    candidate.read(lease("other"), 114.9)
    assert not candidate.may_take(114.9)
    assert candidate.may_take(115.0)
    candidate.read(lease("other", transitions=1), 115.0)
    assert not candidate.may_take(129.0)


def test_a_lease_that_was_given_up_may_be_taken_at_once():
    candidate = Candidate("me", ElectionConfig())
    candidate.read(lease("", duration=1, transitions=3), 100.0)
    assert candidate.may_take(100.0)
    claim = candidate.claim(0.0)
    assert (claim.holder_identity, claim.lease_transitions) == ("me", 4)
    assert claim.acquire_time == claim.renew_time == "1970-01-01T00:00:00.000000Z"
    assert claim.lease_duration_seconds == 15


def test_a_renewal_keeps_when_and_how_often_it_was_acquired():
    candidate = Candidate("me", ElectionConfig())
    candidate.wrote(replace(lease("x"), spec=candidate.claim(5.0)), 100.0)
    again = candidate.claim(7.0)
    assert again.acquire_time == "1970-01-01T00:00:05.000000Z"
    assert again.renew_time == "1970-01-01T00:00:07.000000Z"
    assert again.lease_transitions == 0


async def settle(turns: int = 30) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


class World:
    def __init__(self):
        self.api = MemoryApi()
        self.clock = FakeClock()
        self.leading: list[str] = []
        self.log: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def run(self, name: str, seed: int = 1, config: ElectionConfig | None = None) -> LeaderElector:
        elector = LeaderElector(
            Client(self.api.transport(), resources=self.api.resources),
            self.clock,
            Chance(seed),
            name="scheduler",
            identity=name,
            config=config,
            recorder=self,
        )

        async def lead() -> None:
            self.leading.append(name)
            try:
                await asyncio.Event().wait()
            finally:
                self.leading.remove(name)

        self.tasks[name] = asyncio.get_running_loop().create_task(elector.run(lead))
        return elector

    def event(self, obj, type_, reason, message):
        assert (obj.kind, type_, reason) == ("Lease", "Normal", "LeaderElection")
        self.log.append(message)

    async def pass_(self, seconds: float, step: float = 0.5) -> None:
        for _ in range(int(seconds / step)):
            self.clock.advance(step)
            await settle()

    def lease(self) -> LeaseSpec:
        [found] = self.api.objects.values()
        assert (found.metadata.namespace, found.metadata.name) == ("kube-system", "scheduler")
        return found.spec


@pytest.fixture
async def world():
    made = World()
    yield made
    for task in made.tasks.values():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_first_candidate_leads_and_renews(world):
    elector = world.run("a")
    await settle()
    assert world.leading == ["a"]
    assert elector.is_leader
    first = world.lease()
    await world.pass_(60)
    assert world.leading == ["a"]
    assert world.lease().acquire_time == first.acquire_time
    assert world.lease().renew_time > first.renew_time
    assert world.lease().lease_transitions == 0
    verbs = [request.verb for request in world.api.requests]
    assert verbs[:2] == ["get", "create"]
    assert set(verbs[2:]) == {"update"}


async def test_who_stands_down_is_followed_soon(world):
    world.run("a", 1)
    await settle()
    second = world.run("b", 2)
    await world.pass_(30)
    assert world.leading == ["a"]
    assert second.leader == "a"
    world.tasks["a"].cancel()
    await settle()
    assert world.leading == []
    assert world.lease().holder_identity == ""
    await world.pass_(4.5)
    assert world.leading == ["b"]
    assert world.lease().lease_transitions == 1
    assert world.log == ["a became leader", "a stopped leading", "b became leader"]


async def test_who_dies_is_followed_when_the_lease_has_run_out(world):
    world.run("a", 1, ElectionConfig(release_on_cancel=False))
    await settle()
    world.run("b", 2)
    await world.pass_(10)
    world.tasks["a"].cancel()
    await settle()
    assert world.lease().holder_identity == "a"
    await world.pass_(12)
    assert world.leading == []
    await world.pass_(9)
    assert world.leading == ["b"]
    assert world.lease().lease_transitions == 1


async def test_a_leader_that_cannot_renew_stops_before_another_starts(world):
    world.run("a")
    await settle()
    world.api.fail("update", errors.internal_error("x"), times=100)
    world.api.fail("get", errors.internal_error("x"), times=100)
    await world.pass_(11.5)
    assert world.leading == ["a"]
    await world.pass_(1)
    assert world.leading == []
    await asyncio.gather(world.tasks["a"])


async def test_a_renewal_that_hangs_counts_as_failed(world):
    world.run("a")
    await settle()
    gate = world.api.hold()
    await world.pass_(13)
    assert world.leading == []
    gate.set()
    await settle()


async def test_what_the_leader_raises_is_raised_and_the_lease_released(world):
    elector = LeaderElector(
        Client(world.api.transport(), resources=world.api.resources),
        world.clock,
        Chance(1),
        name="scheduler",
        identity="a",
    )

    async def lead() -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        await elector.run(lead)
    assert world.lease().holder_identity == ""


async def test_new_leaders_are_reported_once(world):
    heard = []
    world.run("a")
    await settle()
    other = LeaderElector(
        Client(world.api.transport(), resources=world.api.resources),
        world.clock,
        Chance(2),
        name="scheduler",
        identity="b",
        on_new_leader=heard.append,
    )
    task = asyncio.get_running_loop().create_task(other.run(asyncio.Event().wait))
    await world.pass_(20)
    assert heard == ["a"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=15, deadline=None)
def test_never_two_lead_at_once_whatever_fails(seed):
    async def scenario() -> None:
        chance = random.Random(seed)
        world = World()
        for name in "abc":
            world.run(name, chance.getrandbits(32), ElectionConfig(release_on_cancel=chance.random() < 0.5))
        elected: dict[str, None] = {}
        for _ in range(120):
            if chance.random() < 0.1:
                verb = chance.choice(["get", "update", "create"])
                world.api.fail(verb, errors.internal_error("x"), times=chance.randrange(1, 6))
            if chance.random() < 0.03:
                name = chance.choice(sorted(world.tasks))
                world.tasks[name].cancel()
                await asyncio.gather(world.tasks[name], return_exceptions=True)
                world.run(name, chance.getrandbits(32))
            await world.pass_(0.5)
            assert len(world.leading) <= 1
            elected.update(dict.fromkeys(world.leading))
        assert elected
        for task in world.tasks.values():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scenario())
