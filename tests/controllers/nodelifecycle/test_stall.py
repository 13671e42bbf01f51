"""A host that stands still for a minute has no dead nodes."""

from functools import partial

import pytest
from nodes import QUICK, UNREACHABLE, heartbeat, taints
from running import namespace, start

from kube.base.clock import SystemClock
from kube.base.stall import StallGuard
from kube.controllers.nodelifecycle.controller import NodeLifecycleController


class StoppedHost(SystemClock):
    """A clock that a test lets jump, as a process sees it that was stopped."""

    def __init__(self):
        super().__init__()
        self.lost = 0.0

    def now(self):
        return super().now() + self.lost

    def monotonic(self):
        return super().monotonic() + self.lost


@pytest.fixture
async def clock():
    guard = StallGuard(StoppedHost(), limit=0.2)
    guard.start()
    yield guard
    guard.stop()


async def test_a_minutes_block_taints_nobody(cluster, clock):
    await namespace(cluster, "kube-node-lease")
    for name in ("a", "b"):
        await cluster.node(name)
        await heartbeat(cluster, name)
    await start(cluster, nodelifecycle=partial(NodeLifecycleController, config=QUICK))
    clock.clock.lost = 60.0
    until = clock.monotonic() + 1.5

    async def time_has_passed():
        for name in ("a", "b"):
            await heartbeat(cluster, name)
        return clock.monotonic() > until

    await cluster.until(time_has_passed)
    assert [await taints(cluster, name) for name in ("a", "b")] == [[], []]

    async def noticed():
        await heartbeat(cluster, "a")
        return (UNREACHABLE, "NoExecute") in await taints(cluster, "b")

    await cluster.until(noticed, "the end of b, which is not heard of any more")
