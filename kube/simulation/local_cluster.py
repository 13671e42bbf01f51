"""The real ``LocalStore`` with its members as real actors, on a simulated network: members crash, pause and come back."""

import asyncio
from collections.abc import Callable
from enum import Enum

from kube.actors.runtime.supervision import Restart, Supervision
from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import StoreMember
from kube.base.backoff import Backoff
from kube.base.chance import Chance
from kube.simulation.clocks import SkewedClock
from kube.simulation.network import SimulatedNetwork
from kube.simulation.trace import Trace
from kube.simulation.witness import SimulatedCrashError, Witness, WitnessedStorage
from kube.store.local import LocalStore
from kube.store.member import Input, Member, Tick
from kube.store.raft.messages import Message
from kube.store.raft.storage import StableStorage
from kube.store.replicas import StoreConfig


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


class _SimulatedMember(StoreMember):
    """A member that can be paused, and whose every step is watched."""

    def __init__(self, cluster: "LocalCluster", member: int) -> None:
        super().__init__(cluster.store, member)
        self._cluster = cluster
        self._number = member

    def on_start(self) -> None:
        super().on_start()
        assert self._member is not None
        self._cluster.member_started(self._member, self)

    def receive_batch(self, messages: list[Input]) -> None:
        assert self._member is not None
        cluster = self._cluster
        if cluster.hosts[self._number] is Host.PAUSED:
            cluster.held[self._number].extend(messages)
            return
        cluster.crash_now(self._number, CrashPoint.BETWEEN)
        super().receive_batch(messages)
        cluster.member_handled(self._member)


class LocalCluster:
    """``hosts`` says how each member is. Members that crash come back by themselves, as their supervisor has it."""

    def __init__(
        self, config: StoreConfig, chance: Chance, trace: Trace, witness: Witness, *, clock: SkewedClock
    ) -> None:
        self.config = config
        self.clock = clock
        self.members: dict[int, Member | None] = dict.fromkeys(range(1, config.replicas + 1))
        self.hosts: dict[int, Host] = dict.fromkeys(self.members, Host.DOWN)
        self.held: dict[int, list[Input]] = {member: [] for member in self.members}
        self.network = SimulatedNetwork(chance.fork("network"), trace, self._tap)
        self.failure: BaseException | None = None
        """What a witness raised."""
        self._chance = chance
        self._trace = trace
        self._witness = witness
        self._actors: dict[int, _SimulatedMember] = {}
        self._pending: dict[int, CrashPoint] = {}
        """Where each member is to crash the next time it comes by."""
        self._system: ActorSystem | None = None
        self.store = LocalStore(config, clock, chance.fork("store"), self.network)
        for replica in self.store.replicas.all():
            replica.storage = self._witnessed(replica.id, replica.storage)

    def _witnessed(self, member: int, storage: StableStorage) -> WitnessedStorage:
        return WitnessedStorage(
            member, storage, self._witness, lambda member: self.crash_now(member, CrashPoint.BEFORE_SAVE)
        )

    # ---- the run

    async def start(self) -> None:
        quick = Supervision(
            backoff=Backoff(initial=0.02, cap=2.0, factor=2.0, jitter=1.0), max_restarts=1_000_000
        )
        self._system = ActorSystem(
            clock=self.clock,
            chance=self._chance.fork("actors"),
            supervision=quick,
            stopwatch=asyncio.get_running_loop().time,
        )
        for member in self.members:
            await self.boot(member)
        await self.store.ready()

    async def stop(self) -> None:
        if self._system is not None:
            await self._system.stop()
        await self.store.aclose()

    def check(self) -> None:
        """Raises what a witness has raised."""
        if self.failure is not None:
            raise self.failure

    # ---- faults

    async def boot(self, member: int) -> None:
        """Start a member that is down."""
        assert self._system is not None
        await self._system.start(
            lambda: _SimulatedMember(self, member), name=f"store-{member}", restart=Restart.ON_FAILURE
        )

    async def shut_down(self, member: int) -> None:
        """Stop a member in an orderly way; ``boot`` brings it back."""
        assert self._system is not None
        actor = self._actors[member]
        self.hosts[member] = Host.DOWN
        await self._system.stop_actor(actor.context.self_ref)
        self.members[member] = None
        self.held[member].clear()

    def crash(self, member: int, point: CrashPoint) -> None:
        """The next time the member comes to ``point``."""
        self._pending[member] = point

    def pause(self, member: int) -> None:
        if self.hosts[member] is Host.RUNNING:
            self.hosts[member] = Host.PAUSED

    def resume(self, member: int) -> None:
        """Go on with what has arrived; of the ticks that were missed one is left."""
        if self.hosts[member] is not Host.PAUSED:
            return
        self.hosts[member] = Host.RUNNING
        held, self.held[member] = self.held[member], []
        tell = self._actors[member].context.self_ref.tell
        for message in held:
            if not isinstance(message, Tick):
                tell(message)

    def calm(self) -> None:
        """No crash is due any more."""
        self._pending.clear()

    def crash_now(self, member: int, point: CrashPoint) -> None:
        """Raises SimulatedCrashError when a crash at ``point`` is due."""
        if self._pending.get(member) is point:
            del self._pending[member]
            self._trace.fault(point.value, member)
            self.members[member] = None
            self.held[member].clear()
            raise SimulatedCrashError(f"member {member}: {point.value}")

    # ---- members, as they tell

    def member_started(self, member: Member, actor: _SimulatedMember) -> None:
        self._actors[member.id] = actor
        self.members[member.id] = member
        self.hosts[member.id] = Host.RUNNING
        self._trace.event("started", member.id, member.raft.term, member.raft.log.last_index)
        self._watched(self._witness.started, member)

    def member_handled(self, member: Member) -> None:
        self._watched(self._witness.handled, member)
        self.crash_now(member.id, CrashPoint.AFTER_SEND)

    def _tap(self, message: Message) -> None:
        self.crash_now(message.from_, CrashPoint.BEFORE_SEND)
        kept = self.store.replicas.all()[message.from_ - 1].storage.hard_state
        try:
            self._witness.sent(message, kept)
        except Exception as error:
            self._failed(error)
            raise

    def _watched(self, tell: Callable[[Member], None], member: Member) -> None:
        try:
            tell(member)
        except Exception as error:
            self._failed(error)
            raise

    def _failed(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error
