"""One process of a store under simulation: its members as actors, its clock, its disks, its machine's power."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kube.actors.runtime.supervision import Restart, Supervision
from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import StoreMember
from kube.base.backoff import Backoff
from kube.base.chance import Chance
from kube.base.tasks import TaskOwner
from kube.simulation.clocks import SkewedClock
from kube.simulation.disk import Platter, Power, PowerLossError, SimulatedDisk, SimulatedSyncer
from kube.simulation.network import SimulatedNetwork
from kube.simulation.peers import Fabric
from kube.simulation.witness import SimulatedCrashError, WitnessedStorage, WitnessedWalStorage
from kube.store.local import LocalStore
from kube.store.member import Input, Member, Tick
from kube.store.raft.messages import Snapshot
from kube.store.reconfiguration import StandaloneStore
from kube.store.standalone import Standalone
from kube.store.wal.directory import StoreDirectory
from kube.store.wal.log import WalOptions
from kube.store.wal.segment import Identity
from kube.store.wal.storage import StorageOptions

if TYPE_CHECKING:
    from kube.simulation.cluster import SimulatedCluster

CLUSTER_ID = 1
EPOCH = 1_700_000_000.0
SMALL = StorageOptions(
    wal=WalOptions(segment_bytes=4096, allocation=2048, reserve=1024), snapshot_bytes=3000, piece_bytes=512
)
"""So that a run of seconds begins segments and writes snapshots."""
EXPECTED = (SimulatedCrashError, PowerLossError, OSError, asyncio.CancelledError)
"""What a member may fail of."""


class Shape(Enum):
    MEMORY = "memory"
    """One process, nothing on disk: members may crash, the process may not."""
    DIRECTORY = "directory"
    """One process, each member with a disk of its own in it."""
    STANDALONE = "standalone"
    """A process, a machine and a clock for each member."""


class CrashPoint(Enum):
    """Where in its work a member stops."""

    BEFORE_SAVE = "crash before saving"
    BEFORE_SEND = "crash before sending"
    AFTER_SEND = "crash after sending"
    BETWEEN = "crash between inputs"


class Host(Enum):
    RUNNING = "running"
    PAUSED = "paused"
    """As by SIGSTOP: what arrives waits."""
    DOWN = "down"
    """Its actor was stopped."""
    OFF = "off"
    """With its machine."""


class SimulatedMember(StoreMember):
    """A member that can be paused, and whose every step is watched."""

    def __init__(self, process: "Process", member: int) -> None:
        assert process.store is not None
        super().__init__(process.store, member)
        self._process = process
        self._power = process.power
        self._number = member

    def _begin(self) -> None:
        self._guard(super()._begin)
        assert self._member is not None
        self._process.member_started(self._member, self)

    def receive_batch(self, messages: list[Input]) -> Awaitable[None] | None:
        cluster = self._process.cluster
        if not self._power.on or self._process.retired:
            return None
        if cluster.hosts[self._number] is Host.PAUSED:
            cluster.held[self._number].extend(messages)
            return None
        cluster.crash_now(self._number, CrashPoint.BETWEEN)
        return self._guard(partial(self._handle, messages))

    def _handle(self, messages: list[Input]) -> Awaitable[None] | None:
        waiting = super().receive_batch(messages)
        if waiting is not None:
            return self._settle(waiting)
        self._handled()
        return None

    async def _settle(self, waiting: Awaitable[None]) -> None:
        try:
            await waiting
        except EXPECTED:
            raise
        except Exception as error:
            self._process.cluster.failed(error)
            raise
        self._guard(self._handled)

    def _handled(self) -> None:
        cluster = self._process.cluster
        assert self._member is not None
        if self._power.on:
            cluster.watched(cluster.witness.handled, self._member)
            cluster.crash_now(self._number, CrashPoint.AFTER_SEND)

    def _guard(self, work: Callable[[], Awaitable[None] | None]) -> Awaitable[None] | None:
        """Nothing that was not simulated may fail a member."""
        try:
            return work()
        except EXPECTED:
            raise
        except Exception as error:
            self._process.cluster.failed(error)
            raise


class Process:
    """``store`` is None while it is down. What its disks hold outlives it."""

    def __init__(
        self, cluster: "SimulatedCluster", number: int, members: tuple[int, ...], *, joins: bool = False
    ) -> None:
        """``joins``: its member begins with nothing, and learns from the others."""
        self.cluster = cluster
        self.number = number
        self.members = members
        self.chance = cluster.chance.fork(f"process {number}")
        self.clock = SkewedClock(EPOCH)
        self.store: LocalStore | None = None
        self.power = Power(self.chance, self._lost)
        self.platters = {member: Platter() for member in members}
        self.starts = 0
        self.retired = False
        """Its member was removed; it does not come back."""
        self._joins = joins
        self._restarting = False
        self._publishing: TaskOwner | None = None
        self._system: ActorSystem | None = None
        self._actors: dict[int, SimulatedMember] = {}

    # ---- start and stop

    async def start(self) -> None:
        """Raises PowerLossError, OSError."""
        cluster, chance = self.cluster, self.chance.fork(f"start {self.starts}")
        self.power = Power(chance.fork("power"), self._lost)
        directory = None if cluster.shape is Shape.MEMORY else self._open(chance)
        self.starts += 1
        network = cluster.network
        if isinstance(network, Fabric):
            config = replace(cluster.config, replicas=1)  # of this process
            endpoint = network.endpoint(self.number)
            front = Standalone(
                config,
                self.clock,
                chance.fork("store"),
                member=self.number,
                cluster=CLUSTER_ID,
                network=endpoint,
                directory=directory,
            )
            self.store = StandaloneStore(
                config, self.clock, chance.fork("ids"), front, endpoint, health_interval=0.0
            )
            network.reconnect(self.number)
        else:
            assert isinstance(network, SimulatedNetwork)
            self.store = LocalStore(cluster.config, self.clock, chance.fork("store"), network, directory)
            if directory is None:
                self._watch_memory(self.store)
        quick = Supervision(
            backoff=Backoff(initial=0.02, cap=2.0, factor=2.0, jitter=1.0), max_restarts=1_000_000
        )
        self._system = ActorSystem(
            clock=self.clock,
            chance=chance.fork("actors"),
            supervision=quick,
            stopwatch=asyncio.get_running_loop().time,
        )
        for member in self.members:
            await self.boot(member)
        if isinstance(self.store, StandaloneStore) and self._joins:
            # Until a member has told its name it counts as not started.
            self._publishing = TaskOwner(f"publish {self.number}")
            told = self.store.publish(f"member-{self.number}", ())
            self._publishing.start(told, name="publish")

    def _watch_memory(self, store: LocalStore) -> None:
        for replica in store.replicas.all():
            self.cluster.witness.begins(replica.id, None)
            replica.storage = WitnessedStorage(
                replica.id, replica.storage, self.cluster.witness, self._before_save
            )

    def _open(self, chance: Chance) -> StoreDirectory:
        cluster = self.cluster
        storages: dict[int, WitnessedWalStorage] = {}
        for member in self.members:
            disk = SimulatedDisk(f"/member-{member}", self.platters[member], self.power, cluster.trace)
            identity = Identity(CLUSTER_ID, member)
            rng = chance.fork(f"disk {member}")
            if self.starts == 0:
                first = Snapshot() if self._joins else cluster.first
                storage = WitnessedWalStorage.create(disk, identity, rng, first, SMALL)
                cluster.witness.begins(member, first)
            else:
                storage = WitnessedWalStorage.open(disk, identity, rng, SMALL)
            assert isinstance(storage, WitnessedWalStorage)
            storage.watch(cluster.witness, self._before_save)
            storages[member] = storage
        syncers = {
            member: SimulatedSyncer(self.power, chance.fork(f"syncer {member}"), cluster.trace)
            for member in self.members
        }
        snapshots = SimulatedSyncer(self.power, chance.fork("snapshots"), cluster.trace)
        return StoreDirectory(CLUSTER_ID, storages, syncers, snapshots, path=f"/process-{self.number}")

    def _before_save(self, member: int) -> None:
        self.cluster.crash_now(member, CrashPoint.BEFORE_SAVE)

    async def stop(self) -> None:
        """In an orderly way."""
        store, self.store = self.store, None
        system, self._system = self._system, None
        if self._publishing is not None:
            await self._publishing.aclose()
        if system is not None:
            await system.stop()
        if store is not None:
            await store.aclose()

    # ---- power

    def _lost(self) -> None:
        """The power is gone, this moment: nothing more is sent, taken or written, and nobody is answered."""
        cluster = self.cluster
        cluster.trace.fault("power loss", self.number)
        if self.retired:
            return
        for member in self.members:
            cluster.members[member] = None
            cluster.hosts[member] = Host.OFF
            cluster.held[member].clear()
            if isinstance(cluster.network, Fabric):
                cluster.network.gone(member)
            else:
                cluster.network.detach(member)
        if self.starts and not self._restarting:
            self._restarting = True
            cluster.tasks.start(self._restart(), name=f"restart {self.number}")

    async def _restart(self) -> None:
        """Clear away what runs of the old process, and come back after a while; the power may go again meanwhile."""
        while not self.retired:
            await self.stop()
            await asyncio.sleep(0.05 + 0.8 * self.chance.random())
            try:
                await self.start()
            except PowerLossError:
                continue
            except OSError as error:
                self.cluster.trace.event("start failed", self.number, str(error))
                self.power.on = False
                continue
            if self.power.on:
                break
        self._restarting = False

    # ---- members

    async def boot(self, member: int) -> None:
        """Start a member that is down, or about to be."""
        assert self._system is not None
        if member in self._actors:
            await self._system.stop_actor(self._actors[member].context.self_ref)
        await self._system.start(
            lambda: SimulatedMember(self, member), name=f"store-{member}", restart=Restart.ON_FAILURE
        )

    async def shut_down(self, member: int) -> None:
        """Stop a member in an orderly way; ``boot`` brings it back."""
        assert self._system is not None
        cluster = self.cluster
        actor = self._actors[member]
        cluster.hosts[member] = Host.DOWN
        await self._system.stop_actor(actor.context.self_ref)
        cluster.members[member] = None
        cluster.held[member].clear()

    def pause(self, member: int) -> None:
        if self.cluster.hosts[member] is Host.RUNNING:
            self.cluster.hosts[member] = Host.PAUSED

    def resume(self, member: int) -> None:
        """Go on with what has arrived; ticks that were missed are not made up for."""
        cluster = self.cluster
        if cluster.hosts[member] is not Host.PAUSED:
            return
        cluster.hosts[member] = Host.RUNNING
        held, cluster.held[member] = cluster.held[member], []
        tell = self._actors[member].context.self_ref.tell
        for message in held:
            if not isinstance(message, Tick):
                tell(message)

    def member_started(self, member: Member, actor: SimulatedMember) -> None:
        cluster = self.cluster
        if not self.power.on or self.retired:
            return
        self._actors[member.id] = actor
        cluster.members[member.id] = member
        cluster.hosts[member.id] = Host.RUNNING
        raft = member.raft
        raft.config = replace(raft.config, max_entries_per_message=cluster.append_entries)
        cluster.trace.event("started", member.id, member.raft.term, member.raft.log.last_index)
        cluster.watched(cluster.witness.started, member)
