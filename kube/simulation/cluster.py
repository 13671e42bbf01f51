"""Whole stores under simulation: members of one process in memory or on disks, or each in a process of its own.

What runs is the real thing: ``LocalStore`` or ``StandaloneStore``, members as actors, ``WalStorage``. Network, disks, power and clocks are not.
"""

import asyncio
from typing import Any

from kube.base.chance import Chance
from kube.base.tasks import TaskOwner
from kube.simulation.network import SimulatedNetwork
from kube.simulation.peers import Fabric
from kube.simulation.process import CrashPoint, Host, Process, Shape
from kube.simulation.trace import Trace
from kube.simulation.witness import SimulatedCrashError, Witness
from kube.store.administration import MemberInfo
from kube.store.config import StoreConfig
from kube.store.errors import NoLeaderError, StoreError
from kube.store.local import LocalStore
from kube.store.member import Input, Member
from kube.store.membership import MemberTable
from kube.store.raft.messages import Message, Snapshot
from kube.store.reconfiguration import StandaloneStore
from kube.store.standalone import initial_snapshot
from kube.store.wal.storage import first_snapshot


class SimulatedCluster:
    """``hosts`` says how each member is. Members that crash come back by themselves, as their supervisor has it, and machines
    that have lost their power after a while.
    """

    def __init__(
        self, shape: Shape, config: StoreConfig, chance: Chance, trace: Trace, witness: Witness
    ) -> None:
        self.shape = shape
        self.config = config
        self.trace = trace
        self.chance = chance
        self.witness = witness
        self.members: dict[int, Member | None] = dict.fromkeys(range(1, config.replicas + 1))
        self.hosts: dict[int, Host] = dict.fromkeys(self.members, Host.OFF)
        self.held: dict[int, list[Input]] = {member: [] for member in self.members}
        self.append_entries = 1024
        """How many entries a message of raft's carries at most."""
        self.failure: BaseException | None = None
        """What must never happen, and did."""
        self.network: SimulatedNetwork | Fabric
        if shape is Shape.STANDALONE:
            self.network = Fabric(chance.fork("network"), trace, self.tap)
            infos = [
                MemberInfo(member, f"member-{member}", (f"http://{member}:2380",)) for member in self.members
            ]
            self.first: Snapshot = initial_snapshot(MemberTable.of(infos))
            self.processes = {member: Process(self, member, (member,)) for member in self.members}
        else:
            self.network = SimulatedNetwork(chance.fork("network"), trace, self.tap)
            self.first = first_snapshot(tuple(self.members))
            self.processes = {1: Process(self, 1, tuple(self.members))}
        self.tasks = TaskOwner("machines", on_error=lambda _, error: self.failed(error))
        self._added = 0
        self._pending: dict[int, CrashPoint] = {}
        """Where each member is to crash the next time it comes by."""

    # ---- the run

    async def start(self) -> None:
        for process in self.processes.values():
            await process.start()
        for process in self.processes.values():
            assert process.store is not None
            await self._ready(process.store)

    async def _ready(self, store: LocalStore) -> None:
        """The members of several processes may need more than one election to find each other."""
        for _ in range(10):
            self.check()
            try:
                await store.ready()
            except NoLeaderError:
                continue
            return
        self.check()
        await store.ready()

    async def stop(self) -> None:
        await self.tasks.aclose()
        for process in self.processes.values():
            await process.stop()

    def check(self) -> None:
        """Raises what a witness has raised, or a member, or a machine."""
        if self.failure is not None:
            raise self.failure

    def failed(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error

    def store(self, client: int) -> LocalStore | None:
        """Where a client turns to; None while its machine is down."""
        processes = tuple(self.processes.values())
        return processes[client % len(processes)].store

    @property
    def leader(self) -> int:
        """The member that leads in the newest term, 0 when none does."""
        leaders = [member for member in self.members.values() if member is not None and member.leads]
        return max(leaders, key=lambda each: each.raft.term).id if leaders else 0

    def process_of(self, member: int) -> Process:
        return self.processes.get(member) or next(iter(self.processes.values()))

    # ---- members come and go

    async def add_member(self, at: Process) -> None:
        """A learner more, added by a client of ``at``, with a machine of its own. Raises StoreError."""
        assert isinstance(at.store, StandaloneStore)
        self._added += 1
        info = await at.store.add_member((f"http://added-{self._added}:2380",), learner=True)
        self.trace.fault("members added", info.id)
        await self._join(info.id)

    async def _join(self, member: int) -> None:
        if member in self.processes:
            return
        process = Process(self, member, (member,), joins=True)
        self.processes[member] = process
        self.members[member] = None
        self.hosts[member] = Host.OFF
        self.held[member] = []
        await process.start()

    async def remove_member(self, at: Process, member: int) -> None:
        """Removed by a client of ``at``; then its machine is taken away. Raises StoreError."""
        assert isinstance(at.store, StandaloneStore)
        await at.store.remove_member(member)
        self.trace.fault("members removed", member)
        while not self._known_to_be_removed(member):  # noqa: ASYNC110  # as an operator would look
            await asyncio.sleep(0.1)
        await self._retire(member)

    def _known_to_be_removed(self, member: int) -> bool:
        """By a majority of those that are left. Of two members the one that is left may need the other's vote until then."""
        running = [each for each in self.members.values() if each is not None and not each.unsettled]
        tables = {each.id: each.machine.members for each in running}
        newest = max(
            tables.values(), key=lambda table: (len(table.removed), len(table.members)), default=MemberTable()
        )
        knowing = [each for each in newest.voters if each.id in tables and member in tables[each.id].removed]
        return len(knowing) > len(newest.voters) // 2

    async def _retire(self, member: int) -> None:
        process = self.processes.pop(member, None)
        if process is None:
            return
        assert isinstance(self.network, Fabric)
        self.network.gone(member)
        for table in (self.members, self.hosts, self.held):
            table.pop(member, None)
        process.retired = True
        await process.stop()

    async def reconcile(self, deadline: float) -> None:
        """Once all is well: machines for exactly the members that there are, whatever became of changes that nobody answered.

        ``deadline``: the time of the loop until which the members may take to say who they are; then what they say is raised.
        """
        if self.shape is not Shape.STANDALONE:
            return
        wanted = await self._told(deadline)
        for member in [member for member in self.processes if member not in wanted]:
            while not self._known_to_be_removed(member) and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110  # as an operator would look
                await asyncio.sleep(0.1)
            if self._known_to_be_removed(member):
                await self._retire(member)
        for member in wanted:
            await self._join(member)

    async def _told(self, deadline: float) -> tuple[int, ...]:
        """The ids of all members, as of now. Raises StoreError."""
        running = asyncio.get_running_loop()
        while True:
            for process in tuple(self.processes.values()):
                assert isinstance(process.store, StandaloneStore)
                self.check()
                try:
                    return tuple([info.id for info in await process.store.members()])
                except StoreError:
                    if running.time() > deadline:
                        raise

    # ---- crashes of a member alone

    def crash(self, member: int, point: CrashPoint) -> None:
        """The next time the member comes to ``point``."""
        self._pending[member] = point

    def crash_now(self, member: int, point: CrashPoint) -> None:
        """Raises SimulatedCrashError when a crash at ``point`` is due."""
        if self._pending.get(member) is point:
            del self._pending[member]
            self.trace.fault(point.value, member)
            self.members[member] = None
            self.held[member].clear()
            raise SimulatedCrashError(f"member {member}: {point.value}")

    def calm(self) -> None:
        """No crash is due any more."""
        self._pending.clear()

    # ---- what is seen

    def tap(self, message: Message) -> None:
        self.crash_now(message.from_, CrashPoint.BEFORE_SEND)
        self.watched(self.witness.sent, message)

    def watched(self, tell: Any, what: Any) -> None:
        """Tell the witness. What it raises ends the run, and the member's work at once."""
        try:
            tell(what)
        except Exception as error:
            self.failed(error)
            raise
