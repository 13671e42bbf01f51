"""What is done to a cluster under simulation, and when: drawn from a seed."""

import asyncio
from collections.abc import Awaitable, Callable

from kube.base.chance import Chance
from kube.simulation.local_cluster import CrashPoint, Host, LocalCluster
from kube.simulation.network import CALM, Conditions
from kube.simulation.trace import Trace

_WEATHER = (
    Conditions(loss=0.02),
    Conditions(loss=0.2),
    Conditions(slow=0.3, slow_delay=0.3),
    Conditions(slow=0.1, slow_delay=1.5),
    Conditions(duplicate=0.2),
    Conditions(duplicate=0.1, slow=0.2, loss=0.05),
)


class Faults:
    """One fault after the other, each followed by a pause. A fault is chosen among those that make sense."""

    def __init__(self, cluster: LocalCluster, chance: Chance, trace: Trace, *, calm: float) -> None:
        """``calm``: the longest pause between two faults, in seconds."""
        self._cluster = cluster
        self._chance = chance
        self._trace = trace
        self._calm = calm
        self._kinds: tuple[tuple[int, Callable[[], Awaitable[None]]], ...] = (
            (4, self._partition),
            (4, self._weather),
            (3, self._pause),
            (5, self._crash),
            (1, self._shut_down),
            (1, self._skew),
        )

    async def run(self) -> None:
        kinds = [each for weight, each in self._kinds for _ in range(weight)]
        while True:
            await asyncio.sleep(self._calm * self._chance.random())
            await self._chance.choice(kinds)()

    async def stop(self) -> None:
        """Make all well again."""
        cluster = self._cluster
        cluster.calm()
        cluster.network.heal()
        cluster.network.conditions = CALM
        cluster.clock.rate = 1.0
        for member, host in cluster.hosts.items():
            if host is Host.PAUSED:
                cluster.resume(member)
            elif host is Host.DOWN:
                await cluster.boot(member)

    # ---- kinds

    def _some(self) -> int:
        """A member, the leader more often than the others."""
        leader = self._cluster.store.leader
        if leader and self._chance.random() < 0.5:
            return leader
        return self._chance.choice(tuple(self._cluster.members))

    async def _partition(self) -> None:
        cluster, chance = self._cluster, self._chance
        members = tuple(cluster.members)
        if len(members) == 1:
            return
        if cluster.network.is_cut and chance.random() < 0.7:
            cluster.network.heal()
            self._trace.event("healed")
            return
        one = self._some()
        side = [one] if chance.random() < 0.6 else [each for each in members if chance.random() < 0.5]
        both = chance.random() < 0.6
        inwards = chance.random() < 0.5
        for a in side:
            for b in members:
                if b in side:
                    continue
                if both or not inwards:
                    cluster.network.cut(a, b)
                if both or inwards:
                    cluster.network.cut(b, a)
        self._trace.fault("partition" if both else "partition one way", *side)

    async def _weather(self) -> None:
        network = self._cluster.network
        network.conditions = CALM if network.conditions is not CALM else self._chance.choice(_WEATHER)
        self._trace.event("weather", repr(network.conditions))

    async def _pause(self) -> None:
        cluster = self._cluster
        paused = [member for member, host in cluster.hosts.items() if host is Host.PAUSED]
        if paused:
            cluster.resume(self._chance.choice(paused))
            return
        member = self._some()
        if cluster.hosts[member] is Host.RUNNING:
            cluster.pause(member)
            self._trace.fault("pause", member)

    async def _crash(self) -> None:
        self._cluster.crash(self._some(), self._chance.choice(tuple(CrashPoint)))

    async def _shut_down(self) -> None:
        cluster = self._cluster
        down = [member for member, host in cluster.hosts.items() if host is Host.DOWN]
        if down:
            await cluster.boot(self._chance.choice(down))
            return
        member = self._some()
        if cluster.hosts[member] is Host.RUNNING and cluster.members[member] is not None:
            self._trace.fault("shut down", member)
            await cluster.shut_down(member)

    async def _skew(self) -> None:
        clock = self._cluster.clock
        clock.rate = 1.0 if clock.rate != 1.0 else self._chance.choice((0.5, 0.9, 1.2, 2.0))
        clock.step(self._chance.choice((-3600.0, -1.0, 1.0, 3600.0)))
        self._trace.fault("clock skew")
