"""What is done to a cluster under simulation, and when: drawn from a seed."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from kube.base.chance import Chance
from kube.simulation.cluster import SimulatedCluster
from kube.simulation.disk import PowerLossError
from kube.simulation.network import CALM, Conditions
from kube.simulation.process import CrashPoint, Host, Process, Shape
from kube.simulation.trace import Trace
from kube.store.errors import StoreError
from kube.store.reconfiguration import StandaloneStore

FASTEST = 2.0
"""Seconds of a clock that runs fast, in one of the loop's."""
LEAST_MEMBERS = 2
MOST_MEMBERS = 6
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

    def __init__(self, cluster: SimulatedCluster, chance: Chance, trace: Trace, *, calm: float) -> None:
        """``calm``: the longest pause between two faults, in seconds."""
        self._cluster = cluster
        self._chance = chance
        self._trace = trace
        self._calm = calm
        on_disk = cluster.shape is not Shape.MEMORY
        self._kinds: tuple[tuple[int, Callable[[], Awaitable[None]]], ...] = (
            (4, self._partition),
            (4, self._weather),
            (3, self._pause),
            (5, self._crash),
            (0 if cluster.shape is Shape.STANDALONE else 1, self._shut_down),
            (1, self._skew),
            (4 if on_disk else 0, self._lose_power),
            (2 if on_disk else 0, self._trouble_disk),
            (2, self._move_leader),
            (2, self._overthrow),
            (5 if cluster.shape is Shape.STANDALONE else 0, self._change_members),
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
        for process in cluster.processes.values():
            process.clock.rate = 1.0
            process.power.fuse = None
            process.power.io_errors = 0
            process.power.slow = 0.0
            for platter in process.platters.values():
                platter.capacity = None
        for member, host in cluster.hosts.items():
            process = cluster.process_of(member)
            if host is Host.PAUSED:
                process.resume(member)
            elif host is Host.DOWN:
                await process.boot(member)

    # ---- kinds

    def _some(self) -> int:
        """A member, the leader more often than the others."""
        leader = self._cluster.leader
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
            member = self._chance.choice(paused)
            cluster.process_of(member).resume(member)
            return
        member = self._some()
        if cluster.hosts[member] is Host.RUNNING:
            cluster.process_of(member).pause(member)
            self._trace.fault("pause", member)

    async def _crash(self) -> None:
        self._cluster.crash(self._some(), self._chance.choice(tuple(CrashPoint)))

    async def _shut_down(self) -> None:
        cluster = self._cluster
        down = [member for member, host in cluster.hosts.items() if host is Host.DOWN]
        if down:
            member = self._chance.choice(down)
            with suppress(PowerLossError):  # the machine that fails meanwhile comes back with all its members
                await cluster.process_of(member).boot(member)
            return
        member = self._some()
        if cluster.hosts[member] is Host.RUNNING and cluster.members[member] is not None:
            self._trace.fault("shut down", member)
            await cluster.process_of(member).shut_down(member)

    async def _skew(self) -> None:
        clock = self._chance.choice(tuple(self._cluster.processes.values())).clock
        clock.rate = 1.0 if clock.rate != 1.0 else self._chance.choice((0.5, 0.9, 1.2, FASTEST))
        clock.step(self._chance.choice((-3600.0, -1.0, 1.0, 3600.0)))
        self._trace.fault("clock skew")

    async def _lose_power(self) -> None:
        """Now, between two inputs, or within some operation of a disk to come; of several machines, now and then of all."""
        chance = self._chance
        processes = tuple(self._cluster.processes.values())
        victims = processes if chance.random() < 0.2 else (chance.choice(processes),)
        for process in victims:
            if chance.random() < 0.3:
                process.power.cut()
            else:
                process.power.fuse = 1 + int(chance.random() * 60)

    async def _trouble_disk(self) -> None:
        """Full, broken or slow; or well again."""
        chance = self._chance
        process = chance.choice(tuple(self._cluster.processes.values()))
        platter = process.platters[chance.choice(process.members)]
        if platter.capacity is not None or process.power.slow:
            platter.capacity = None
            process.power.slow = 0.0
            return
        roll = chance.random()
        if roll < 0.4:
            platter.capacity = platter.used + int(chance.random() * 3000)
        elif roll < 0.7:
            process.power.io_errors = 1
        else:
            process.power.slow = 1.5

    async def _move_leader(self) -> None:
        cluster = self._cluster
        leader = cluster.leader
        store = cluster.process_of(leader).store if leader else None
        if store is not None:
            target = self._chance.choice(tuple(cluster.members))
            self._trace.fault("leaders moved", leader, target)
            cluster.tasks.start(self._attempt(store.move_leader(target)), name="move leader")

    async def _change_members(self) -> None:
        """One more, one less, or a learner that gets its vote: asked of any member, and often refused."""
        cluster, chance = self._cluster, self._chance
        up = [process for process in cluster.processes.values() if process.store is not None]
        if not up:
            return
        at = chance.choice(up)
        assert isinstance(at.store, StandaloneStore)
        learners = [info.id for info in at.store.front.table.members if info.is_learner]
        roll = chance.random()
        if learners and roll < 0.6:
            change = self._promote(at.store, chance.choice(learners))
        elif len(cluster.processes) >= MOST_MEMBERS or (
            roll > 0.7 and len(cluster.processes) > LEAST_MEMBERS
        ):
            change = self._remove(at, chance.choice(tuple(cluster.processes)), fail=chance.random() < 0.3)
        else:
            change = cluster.add_member(at)
        cluster.tasks.start(self._attempt(change), name="change members")

    async def _promote(self, store: StandaloneStore, learner: int) -> None:
        await store.promote_member(learner)
        self._trace.fault("members promoted", learner)

    async def _remove(self, at: Process, member: int, *, fail: bool) -> None:
        """``fail``: once its machine is gone, those that are left lose their power, and must not ask for it."""
        await self._cluster.remove_member(at, member)
        for process in tuple(self._cluster.processes.values()) if fail else ():
            process.power.cut()

    async def _attempt(self, change: Awaitable[None]) -> None:
        """What the store refuses is refused; what it does not answer may have happened."""
        try:
            await change
        except StoreError as error:
            self._trace.event("refused", type(error).__name__)
        except PowerLossError:
            self._trace.event("the machine of a new member fails at once")

    async def _overthrow(self) -> None:
        """A leader is cut off with what it goes on to append, and comes back when the next one fails.

        The histories in which Raft's finer rules matter (figures 7 and 8 of the paper).
        """
        cluster, chance = self._cluster, self._chance
        first = cluster.leader
        if not first or len(cluster.members) < 3 or cluster.network.is_cut:
            return
        together = chance.choice(tuple(cluster.members)) if chance.random() < 0.5 else first
        for other in cluster.members:
            if other not in (first, together):
                cluster.network.cut(first, other)
                cluster.network.cut(together, other)
                if chance.random() < 0.7:
                    cluster.network.cut(other, first)
                    cluster.network.cut(other, together)
        self._trace.fault("overthrow", first, together)
        for _ in range(12):
            await asyncio.sleep(0.3)
            if cluster.leader not in (0, first):
                break
        await asyncio.sleep(0.3 * chance.random())
        second = cluster.leader
        if second not in (0, first):
            process = cluster.process_of(second)
            if cluster.shape is Shape.STANDALONE and chance.random() < 0.5:
                process.power.cut()
            elif chance.random() < 0.5:
                process.pause(second)
            else:
                cluster.crash(second, chance.choice(tuple(CrashPoint)))
        cluster.network.heal()
