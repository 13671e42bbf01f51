"""Members that are removed one by one: who is left serves, and goes on to after its machine has lost its power."""

import asyncio

import pytest

from kube.base.chance import Chance
from kube.simulation import loop
from kube.simulation.cluster import SimulatedCluster
from kube.simulation.process import Shape
from kube.simulation.trace import Trace
from kube.store.config import StoreConfig
from kube.store.raft.messages import Snapshot
from kube.testing.checkers.raft import RaftChecker
from kube.testing.checkers.replay import Replay


async def _down_to_one(seed: int, *, leader: bool) -> None:
    """``leader``: whether it is the leader that is removed of the last two."""
    running = asyncio.get_running_loop()
    checker = RaftChecker(running.time, Replay(), Snapshot(1, 1))
    config = StoreConfig(replicas=3, tick=0.1, request_timeout=2.0)
    cluster = SimulatedCluster(Shape.STANDALONE, config, Chance(seed), Trace(running.time), checker)
    await cluster.start()
    for left in (2, 1):
        if left == 2 or not leader:
            removed = next(each for each in cluster.members if each != cluster.leader)
        else:
            removed = cluster.leader
        at = next(process for number, process in cluster.processes.items() if number != removed)
        await cluster.remove_member(at, removed)
        assert len(cluster.processes) == left
    (last,) = cluster.processes.values()
    last.power.cut()
    async with asyncio.timeout(10):
        while last.store is None or cluster.members[last.number] is None:  # noqa: ASYNC110  # from outside
            await asyncio.sleep(0.1)
        await last.store.put(b"k", b"v")
    cluster.check()
    await cluster.stop()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("leader", [True, False], ids=["the leader", "the other"])
def test_who_is_left_of_two_serves_alone_after_a_restart(seed: int, leader: bool) -> None:
    loop.run(_down_to_one(seed, leader=leader))
