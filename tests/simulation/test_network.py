"""The two networks: one that loses and reorders, one of connections that keep the order until they break."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from kube.simulation import loop
from kube.simulation.clocks import SkewedClock
from kube.simulation.network import CALM, Conditions, SimulatedNetwork
from kube.simulation.peers import Fabric, PeerEndpoint
from kube.simulation.trace import Trace
from kube.store.administration import MemberInfo
from kube.store.membership import MemberTable
from kube.store.peer.network import PeerDisconnected
from kube.store.raft.messages import Heartbeat, InstallSnapshot, Snapshot
from kube.store.transport import PeerUnreachable, SnapshotReported


def heartbeat(number: int) -> Heartbeat:
    return Heartbeat(2, 1, 1, number)


def simulated(main: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def test() -> None:
        loop.run(main())

    test.__name__ = main.__name__
    return test


class Hostile:
    """Two members on a SimulatedNetwork, and what each was given."""

    def __init__(self, conditions: Conditions = CALM) -> None:
        self.trace = Trace(asyncio.get_running_loop().time)
        self.network = SimulatedNetwork(random.Random(7), self.trace, lambda _: None)
        self.network.conditions = conditions
        self.got: dict[int, list[Any]] = {1: [], 2: []}
        for member, inbox in self.got.items():
            self.network.attach(member, lambda message, inbox=inbox: inbox.append(message) or True)

    async def send(self, count: int) -> list[int]:
        for number in range(count):
            self.network.send([heartbeat(number)])
            await asyncio.sleep(0.001)
        await asyncio.sleep(5)
        return [message.commit for message in self.got[2]]


@simulated
async def test_a_calm_network_delivers_everything() -> None:
    assert sorted(await Hostile().send(100)) == list(range(100))


@pytest.mark.parametrize(
    ("conditions", "fault"),
    [
        (Conditions(loss=0.3), "lost"),
        (Conditions(duplicate=0.3), "duplicated"),
        (Conditions(slow=0.3), "delayed"),
        (Conditions(slow=0.3), "reordered"),
    ],
    ids=["loss", "duplicates", "delay", "order"],
)
def test_conditions(conditions: Conditions, fault: str) -> None:
    async def main() -> None:
        world = Hostile(conditions)
        arrived = await world.send(200)
        assert world.trace.faults[fault] > 10
        assert (len(set(arrived)) < 200) is bool(conditions.loss)
        assert (len(arrived) > 200) is bool(conditions.duplicate)
        assert arrived != sorted(arrived)

    loop.run(main())


@simulated
async def test_a_cut_is_one_way_and_heals() -> None:
    world = Hostile()
    world.network.cut(1, 2)
    world.network.send([heartbeat(1), Heartbeat(1, 2, 1, 2)])
    await asyncio.sleep(1)
    assert world.got[2] == []
    assert Heartbeat(1, 2, 1, 2) in world.got[1]
    world.network.heal()
    assert await world.send(1) == [0]


@simulated
async def test_a_snapshots_fate_is_always_told() -> None:
    world = Hostile()
    for cut in (False, True):
        if cut:
            world.network.cut(1, 2)
        world.network.send([InstallSnapshot(2, 1, 1, Snapshot())])
        await asyncio.sleep(1)
        assert world.got[1].pop() == SnapshotReported(2, not cut)


class Connected:
    """Two members on a Fabric."""

    def __init__(self, conditions: Conditions = CALM) -> None:
        self.trace = Trace(asyncio.get_running_loop().time)
        self.fabric = Fabric(random.Random(7), self.trace, lambda _: None)
        self.fabric.conditions = conditions
        self.got: dict[int, list[Any]] = {1: [], 2: []}
        self.ends: dict[int, PeerEndpoint] = {}
        for member in (1, 2):
            self.begin(member)

    def begin(self, member: int) -> None:
        end = self.ends[member] = self.fabric.endpoint(member)
        inbox = self.got[member]
        end.attach(member, lambda message: inbox.append(message) or True)
        end.use(MemberTable.of([MemberInfo(each, peer_urls=(f"http://{each}",)) for each in (1, 2)]))
        self.fabric.reconnect(member)


@simulated
async def test_a_connection_keeps_the_order() -> None:
    world = Connected(Conditions(slow=0.5, slow_delay=0.5))
    for number in range(100):
        world.ends[1].send([heartbeat(number)])
        await asyncio.sleep(0.002)
    await asyncio.sleep(30)
    assert [message.commit for message in world.got[2]] == list(range(100))


@simulated
async def test_a_cut_holds_up_and_then_breaks_and_both_ends_are_told() -> None:
    world = Connected()
    world.fabric.cut(1, 2)
    world.ends[1].send([heartbeat(1)])
    world.fabric.heal()
    await asyncio.sleep(0.1)
    assert world.got[2] == [heartbeat(1)]
    world.fabric.cut(1, 2)
    world.ends[1].send([heartbeat(2)])
    await asyncio.sleep(2)
    assert world.got[2] == [heartbeat(1), PeerDisconnected(1)]
    assert world.got[1] == [PeerDisconnected(2)]
    assert world.ends[1].active_since(2) is None
    world.ends[1].send([heartbeat(3)])
    assert world.got[1][-1] == PeerUnreachable(2)
    world.fabric.heal()
    await asyncio.sleep(1)
    assert world.ends[1].active_since(2) is not None


@simulated
async def test_the_end_of_a_process_breaks_its_connections() -> None:
    world = Connected()
    world.ends[2].send([Heartbeat(1, 2, 1, 0)])
    world.fabric.gone(2)
    await asyncio.sleep(1)
    assert PeerDisconnected(2) in world.got[1]
    assert Heartbeat(1, 2, 1, 0) not in world.got[1]
    world.begin(2)
    world.ends[1].send([heartbeat(1)])
    await asyncio.sleep(1)
    assert world.got[2][-1] == heartbeat(1)


@simulated
async def test_a_clock_runs_at_its_rate_and_may_be_set() -> None:
    clock = SkewedClock(1000.0, rate=2.0)
    running = asyncio.get_running_loop()
    await clock.sleep(10)
    assert running.time() == 5.0
    assert (clock.monotonic(), clock.now()) == (10.0, 1010.0)
    clock.rate = 0.5
    clock.step(-3600)
    await asyncio.sleep(2)
    assert (clock.monotonic(), clock.now()) == (11.0, 1011.0 - 3600)
