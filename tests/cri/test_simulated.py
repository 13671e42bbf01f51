"""The simulated runtime keeps CRI's contract."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from kube.base.chance import Chance
from kube.base.clock import FakeClock
from kube.base.tasks import TaskOwner
from kube.base.timers import Timers
from kube.cri.behaviour import PREFIX
from kube.cri.interface import (
    CONTAINER_TYPE,
    RESTART_POLICY,
    ContainerConfig,
    ContainerState,
    EventType,
    ImageSpec,
    NotFoundError,
    PodSandboxConfig,
    RuntimeServiceError,
    SandboxState,
)
from kube.cri.simulated import SimulatedRuntime, full_name, image_of

FOREVER = {CONTAINER_TYPE: "regular", RESTART_POLICY: "Always"}


class Rig:
    def __init__(self, clock: FakeClock, tasks: TaskOwner) -> None:
        self.clock = clock
        self.runtime = SimulatedRuntime(clock, Timers(clock, tasks).after, Chance(1))
        self.runtime.set_pod_cidr("10.0.0.0/29")
        self.events: list = []
        self.runtime.listen(self.events.append)

    async def sandbox(self, uid="u", **annotations):
        config = PodSandboxConfig(
            name="web",
            uid=uid,
            namespace="default",
            annotations={PREFIX + key.replace("_", "-"): text for key, text in annotations.items()},
        )
        return await self.runtime.run_pod_sandbox(config)

    async def container(self, sandbox, words=FOREVER, name="web"):
        config = ContainerConfig(name=name, image="web:1", image_ref="ref", annotations=words)
        container = await self.runtime.create_container(sandbox, config)
        await self.runtime.start_container(container)
        return container

    async def status(self, uid="u"):
        return await self.runtime.pod_status(uid)

    async def advance(self, seconds):
        for _ in range(10):
            await asyncio.sleep(0)
        self.clock.advance(seconds)
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with TaskOwner("test") as tasks:
        yield Rig(FakeClock(), tasks)


async def test_a_container_runs_for_ever_without_a_timer(rig: Rig):
    await rig.container(await rig.sandbox())
    await rig.advance(1e6)
    status = await rig.status()
    assert status.containers[0].state is ContainerState.RUNNING
    assert rig.clock.sleepers() == 0
    assert rig.events == []


async def test_one_that_ends_says_so(rig: Rig):
    container = await rig.container(await rig.sandbox(run_time="5s", exit_code="2"))
    await rig.advance(4.9)
    assert rig.events == []
    await rig.advance(0.1)
    assert [(event.type, event.container_id, event.pod_uid) for event in rig.events] == [
        (EventType.STOPPED, container, "u")
    ]
    status = (await rig.status()).containers[0]
    assert (status.state, status.exit_code, status.reason) == (ContainerState.EXITED, 2, "Error")
    assert status.finished_at - status.started_at == 5


async def test_a_late_start_says_so(rig: Rig):
    await rig.container(await rig.sandbox(start_delay="3s"))
    assert (await rig.status()).containers[0].state is ContainerState.CREATED
    await rig.advance(3)
    assert [event.type for event in rig.events] == [EventType.STARTED]


async def test_a_stopped_sandbox_kills_what_runs_and_gives_its_address_back(rig: Rig):
    sandbox = await rig.sandbox()
    await rig.container(sandbox)
    assert (await rig.status()).sandbox.ips == ("10.0.0.2",)
    for _ in range(2):
        await rig.runtime.stop_pod_sandbox(sandbox)
    status = await rig.status()
    assert status.sandbox.state is SandboxState.NOT_READY
    assert status.containers[0].exit_code == 137
    await rig.runtime.remove_pod_sandbox(sandbox)
    assert (await rig.status()).sandbox is None
    assert len(rig.runtime) == 0


async def test_addresses_go_round_and_run_out(rig: Rig):
    taken = [await rig.sandbox(uid=str(number)) for number in range(5)]
    with pytest.raises(RuntimeServiceError, match="no IP addresses available"):
        await rig.sandbox(uid="more")
    await rig.runtime.remove_pod_sandbox(taken[3])
    await rig.runtime.remove_pod_sandbox(taken[1])
    await rig.sandbox(uid="again")
    assert (await rig.status("again")).sandbox.ips == ("10.0.0.5",)


async def test_in_the_hosts_network_a_pod_has_no_address_of_its_own(rig: Rig):
    await rig.runtime.run_pod_sandbox(PodSandboxConfig("web", "u", "default", host_network=True))
    assert (await rig.status()).sandbox.ips == ()


async def test_the_newest_container_comes_first(rig: Rig):
    sandbox = await rig.sandbox(run_time="0s")
    first = await rig.container(sandbox)
    second = await rig.container(sandbox)
    assert [each.id for each in (await rig.status()).containers] == [second, first]
    await rig.runtime.remove_container(first)
    await rig.runtime.remove_container(first)
    assert [each.id for each in (await rig.status()).containers] == [second]


async def test_what_is_not_there_cannot_be_started(rig: Rig):
    with pytest.raises(NotFoundError):
        await rig.runtime.start_container("nobody")
    with pytest.raises(NotFoundError):
        await rig.runtime.create_container("nobody", ContainerConfig("web", "web:1", ""))
    await rig.runtime.stop_container("nobody", 1)
    container = await rig.container(await rig.sandbox())
    with pytest.raises(RuntimeServiceError, match="started already"):
        await rig.runtime.start_container(container)


async def test_a_machine_that_loses_power_says_nothing(rig: Rig):
    await rig.container(await rig.sandbox(run_time="5s"))
    rig.runtime.vanish()
    await rig.advance(10)
    assert rig.events == []
    assert len(rig.runtime) == 0


async def test_an_image_is_missing_until_its_pulls_succeed(rig: Rig):
    annotations = {f"{PREFIX}image-pull-failures": "2"}
    spec = ImageSpec("nginx", annotations)
    for _ in range(2):
        assert await rig.runtime.image_status(spec) is None
        with pytest.raises(RuntimeServiceError, match="nginx:latest"):
            await rig.runtime.pull_image(spec)
    image = await rig.runtime.pull_image(spec)
    assert await rig.runtime.image_status(spec) == image
    assert await rig.runtime.list_images() == (image,)


async def test_logs_are_the_annotations(rig: Rig):
    container = await rig.container(await rig.sandbox(logs="hello"))
    assert rig.runtime.container_log(container) == "hello"


def test_names_and_digests_follow_from_the_image_alone():
    assert full_name("nginx:1.27") == "docker.io/library/nginx:1.27"
    assert image_of("nginx").id == image_of("nginx").id != image_of("nginx:1").id
