"""One seed, one run of a whole store under faults, with every promise checked. ``kube.testing.seeds`` runs many."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from functools import partial

from msgspec import Struct

from kube.base.chance import Chance
from kube.base.tasks import TaskOwner
from kube.simulation import loop
from kube.simulation.cluster import SimulatedCluster
from kube.simulation.history import History
from kube.simulation.process import Shape
from kube.simulation.trace import Trace
from kube.simulation.watchers import WatchClient
from kube.simulation.witness import Onlooker
from kube.simulation.workload import Client, Pace
from kube.store.config import StoreConfig
from kube.store.errors import CompactedError
from kube.store.kv import Put
from kube.store.raft.messages import Snapshot
from kube.testing.checkers.consistency import check_history
from kube.testing.checkers.leases import check_gone, check_leases, overtime
from kube.testing.checkers.raft import RaftChecker, check_hashes
from kube.testing.checkers.replay import Replay
from kube.testing.checkers.violation import ViolationError
from kube.testing.checkers.watch import check_complete, check_watch
from kube.testing.faults import FASTEST, Faults

SHAPES = (Shape.MEMORY, Shape.DIRECTORY, Shape.STANDALONE, Shape.STANDALONE)
INITIAL = Snapshot(1, 1)
"""Where the logs of members begin that run alone."""
PATIENCE = 30.0
"""Seconds of simulated time within which a store must serve once all faults have stopped."""
OUTLIVED = 0.12
"""The share of runs that go on until every lease has ended: it takes as long as half of a run."""


class Outcome(Struct, frozen=True):
    """What a seed's run came to. ``digest`` is of everything that happened in it."""

    seed: int
    digest: str
    seconds: float
    events: int
    counts: dict[str, int]


def run_seed(seed: int, log: Callable[[str], None] | None = None, *, judged: bool = True) -> Outcome:
    """``judged`` False: only for the digest, which is the same; no promise is checked and nothing is counted.

    Raises ViolationError, with a note of how to replay it, or whatever the store itself raises.
    """
    try:
        return loop.run(_Run(seed, log, judged=judged).main())
    except Exception as error:
        error.add_note(replay_command(seed))
        raise


def replay_command(seed: int, hash_seed: int | None = None) -> str:
    """What a person enters to see a seed's run as it was. ``hash_seed``: this process's, where it is None."""
    wanted = os.environ.get("PYTHONHASHSEED") if hash_seed is None else hash_seed
    setting = f"PYTHONHASHSEED={wanted} " if wanted is not None else ""
    return f"replay: {setting}.venv/bin/python -m kube.testing.seeds --first {seed} --seeds 1 --log"


class _Run:
    def __init__(self, seed: int, log: Callable[[str], None] | None, *, judged: bool) -> None:
        self.seed = seed
        self.log = log
        self.judged = judged
        self.outlived = 0
        self.chance = Chance(seed)
        self.plan = self.chance.fork("plan")

    async def main(self) -> Outcome:
        running = asyncio.get_running_loop()
        self.trace = Trace(running.time, self.log)
        self.shape = self.plan.choice(SHAPES)
        self.history = History()
        self.replay = Replay()
        self.checker = RaftChecker(
            running.time, self.replay, INITIAL if self.shape is Shape.STANDALONE else None
        )
        self.onlooker = Onlooker()
        self.cluster = SimulatedCluster(
            self.shape,
            _config(self.plan),
            self.chance,
            self.trace,
            self.checker if self.judged else self.onlooker,
        )
        self.cluster.append_entries = self.plan.choice((1, 4, 1024, 1024))
        await self.cluster.start()
        clients, watchers = self._clients(), self._watchers()
        everybody: list[Client | WatchClient] = [*clients, *watchers]
        async with TaskOwner("clients") as owner:
            for each in everybody:
                owner.start(each.run(), name=f"client {each.number}")
            await self._trouble(self.plan.choice((4.0, 6.0, 10.0)))
            for each in everybody:
                each.stopping = True
            await self._settle(clients[0], watchers)
            if self.chance.fork("leases").random() < OUTLIVED:
                await self._outlive_leases()
        await self.cluster.stop()
        self.cluster.check()
        self._trace_history()
        counts: Counter[str] = Counter()
        if self.judged:
            self._judge()
            counts = self._counts()
        return Outcome(self.seed, self.trace.digest, running.time(), self.trace.events, dict(counts))

    def _trace_history(self) -> None:
        """All that clients asked and were told, word by word."""
        for operation in self.history.operations:
            self.trace.event("operation", operation)
        for watch in self.history.watches:
            self.trace.event("watch", watch.client, watch.responses, watch.error)

    def _judge(self) -> None:
        check_history(self.history, self.replay)
        check_leases(self.history, self.replay, self.checker.times, fastest=FASTEST)
        for watch in self.history.watches:
            check_watch(watch, self.replay)

    def _clients(self) -> list[Client]:
        plan = self.plan
        pace = Pace(think=(0.0, plan.choice((0.05, 0.15, 0.3))), patience=plan.choice((0.0, 0.0, 0.4)))
        return [
            Client(
                number,
                partial(self.cluster.store, number),
                self.history,
                self.chance.fork(f"client {number}"),
                trace=self.trace,
                pace=pace,
            )
            for number in range(1, 1 + plan.choice((2, 4, 5)))
        ]

    def _watchers(self) -> list[WatchClient]:
        return [
            WatchClient(
                100 + number,
                partial(self.cluster.store, number),
                self.history,
                self.chance.fork(f"watcher {number}"),
                trace=self.trace,
                newest=self._newest,
                compacted=self._compacted,
            )
            for number in range(3)
        ]

    def _newest(self) -> int:
        """A member that waits for its disk may have applied, and told watches, what the log is only seen to hold once it is done."""
        running = [
            member.machine.kv.revision for member in self.cluster.members.values() if member is not None
        ]
        seen = self.replay.state.revision if self.judged else self.onlooker.revision
        return max(seen, self.history.acknowledged, *running)

    def _compacted(self) -> int:
        return self.replay.state.compact_revision if self.judged else self.onlooker.compact_revision

    async def _trouble(self, seconds: float) -> None:
        """Faults for so long, and then all is well again."""
        running = asyncio.get_running_loop()
        calm = self.plan.choice((0.4, 1.0, 2.0))
        faults = Faults(self.cluster, self.chance.fork("faults"), self.trace, calm=calm)
        async with TaskOwner("faults") as owner:
            owner.start(faults.run(), name="faults")
            end = running.time() + seconds
            while running.time() < end:
                await asyncio.sleep(0.5)
                self.cluster.check()
                if owner.failed.done():
                    owner.failed.result()
        await faults.stop()
        await self._until_up()
        await self.cluster.reconcile(running.time() + PATIENCE)

    async def _until_up(self) -> None:
        """Every machine has its power again, and every change of members is over."""
        running = asyncio.get_running_loop()
        deadline = running.time() + PATIENCE
        while len(self.cluster.tasks) or None in self.cluster.members.values():
            self.cluster.check()
            if running.time() > deadline:
                raise ViolationError("progress once faults stop", f"members are down: {self.cluster.hosts}")
            await asyncio.sleep(0.1)

    def _counts(self) -> Counter[str]:
        counts = Counter(self.trace.faults)
        operations, watches = self.history.operations, self.history.watches
        counts[f"runs in {self.shape.value}"] += 1
        counts["operations"] = len(operations)
        counts["unknown"] = sum(each.unknown for each in operations)
        counts["answered"] = sum(each.answered for each in operations)
        counts["watches"] = len(watches)
        counts["watch events"] = sum(len(each.batch.events) for watch in watches for each in watch.responses)
        counts["watches compacted"] = sum(isinstance(each.error, CompactedError) for each in watches)
        counts["entries"] = self.replay.index
        counts["leases outlived"] = self.outlived
        counts["terms"] = len(self.checker.leaders)
        counts["steps"] = self.checker.steps
        counts["snapshots installed"] = self.checker.installed
        return counts

    async def _settle(self, client: Client, watchers: list[WatchClient]) -> None:
        """Liveness: once faults stop a write is acknowledged, every member has it, and every watch hears of it."""
        running = asyncio.get_running_loop()
        cluster = self.cluster
        deadline = running.time() + PATIENCE
        while True:
            cluster.check()
            result = await client.ask(Put(b"last", b"last-%d" % self.history.next()))
            revision = int(getattr(result, "revision", 0))
            if revision:
                break
            if running.time() > deadline:
                raise ViolationError("progress once faults stop", f"no write was acknowledged: {result!r}")
            await asyncio.sleep(0.1)
        while not self._all_have(revision):
            cluster.check()
            await cluster.reconcile(deadline)  # a change that was forwarded may have come late
            if running.time() > deadline:
                behind = {id_: member and member.applied_index for id_, member in cluster.members.items()}
                raise ViolationError("progress once faults stop", f"members do not catch up: {behind}")
            await asyncio.sleep(0.1)
        if self.judged:
            running_members = [member for member in cluster.members.values() if member is not None]
            for member in running_members:
                self.checker.compare_whole(member)
            check_hashes(running_members)
        for watcher in watchers:
            if not await watcher.drain(revision) and watcher.record is not None:
                check_complete(watcher.record, revision)

    async def _outlive_leases(self) -> None:
        """Nobody renews any more: every lease ends in time, on every member."""
        running = asyncio.get_running_loop()
        deadline = running.time() + PATIENCE
        leader, since = 0, 0.0
        last = max(max(each.begin, each.end) for each in self.history.operations)
        self.outlived = len(self._leases())
        while leases := self._leases():
            self.cluster.check()
            now = running.time()
            if self.cluster.leader != leader:
                leader, since = self.cluster.leader, max(now, last)
            if now > deadline:
                raise ViolationError(
                    "progress once faults stop", f"there are leases, and no lasting leader: {leases}"
                )
            check_gone(leases, since=since, now=now, overtime=overtime(self.cluster.config))
            await asyncio.sleep(0.2)

    def _leases(self) -> dict[int, int]:
        """Seconds granted, by id, of every lease that any member has."""
        lessors = [member.machine.lessor for member in self.cluster.members.values() if member is not None]
        return {lease: lessor.get(lease).ttl for lessor in lessors for lease in lessor.ids()}

    def _all_have(self, revision: int) -> bool:
        return all(
            member is not None and member.machine.kv.revision >= revision and not member.unsettled
            for member in self.cluster.members.values()
        )


def _config(plan: Chance) -> StoreConfig:
    return StoreConfig(
        replicas=plan.choice((1, 3, 3, 3, 5)),
        tick=0.1,
        request_timeout=2.0,
        snapshot_entries=plan.choice((15, 40, 10_000)),
        catch_up_entries=plan.choice((0, 5, 15)),
    )
