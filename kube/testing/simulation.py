"""One seed, one run of a whole store under faults, with every promise checked. ``python -m kube.testing.simulation`` runs many."""

import asyncio
from collections import Counter
from collections.abc import Callable

from msgspec import Struct

from kube.base.chance import Chance
from kube.base.tasks import TaskOwner
from kube.simulation import loop
from kube.simulation.clocks import SkewedClock
from kube.simulation.history import History
from kube.simulation.local_cluster import LocalCluster
from kube.simulation.trace import Trace
from kube.simulation.watchers import WatchClient
from kube.simulation.workload import Client, Pace
from kube.store.kv import Put
from kube.store.replicas import StoreConfig
from kube.testing.checkers.consistency import check_history
from kube.testing.checkers.raft import RaftChecker
from kube.testing.checkers.replay import Replay
from kube.testing.checkers.violation import ViolationError
from kube.testing.checkers.watch import check_complete, check_watch
from kube.testing.faults import Faults

EPOCH = 1_700_000_000.0
PATIENCE = 30.0
"""Seconds of simulated time within which a store must serve once all faults have stopped."""


class Outcome(Struct, frozen=True):
    """What a seed's run came to. ``digest`` is of everything that happened in it."""

    seed: int
    digest: str
    seconds: float
    events: int
    counts: dict[str, int]


def run_seed(seed: int, log: Callable[[str], None] | None = None) -> Outcome:
    """Raises ViolationError, with a note of how to replay it, or whatever the store itself raises."""
    try:
        return loop.run(_Run(seed, log).main())
    except Exception as error:
        error.add_note(f"replay: .venv/bin/python -m kube.testing.simulation --first {seed} --seeds 1 --log")
        raise


class _Run:
    def __init__(self, seed: int, log: Callable[[str], None] | None) -> None:
        self.seed = seed
        self.log = log
        self.chance = Chance(seed)

    async def main(self) -> Outcome:
        chance = self.chance
        plan = chance.fork("plan")
        running = asyncio.get_running_loop()
        trace = Trace(running.time, self.log)
        config = _config(plan)
        replay = Replay()
        checker = RaftChecker(range(1, config.replicas + 1), replay)
        cluster = LocalCluster(config, chance, trace, checker, clock=SkewedClock(EPOCH))
        history = History()
        await cluster.start()
        faults = Faults(cluster, chance.fork("faults"), trace, calm=plan.choice((0.4, 1.0, 2.0)))
        pace = Pace(think=(0.0, plan.choice((0.05, 0.15, 0.3))), patience=plan.choice((0.0, 0.0, 0.4)))
        clients = [
            Client(
                number,
                lambda: cluster.store,
                history,
                chance.fork(f"client {number}"),
                trace=trace,
                pace=pace,
            )
            for number in range(1, 1 + plan.choice((2, 4, 5)))
        ]
        watchers = [
            WatchClient(
                100 + number,
                lambda: cluster.store,
                history,
                chance.fork(f"watcher {number}"),
                trace=trace,
                newest=lambda: replay.state.revision,
                compacted=lambda: replay.state.compact_revision,
            )
            for number in range(3)
        ]
        async with TaskOwner("clients") as owner, TaskOwner("faults") as nemesis:
            everybody: list[Client | WatchClient] = [*clients, *watchers]
            tasks = [owner.start(each.run(), name=f"client {each.number}") for each in everybody]
            nemesis.start(faults.run(), name="faults")
            end = running.time() + plan.choice((4.0, 6.0, 10.0))
            while running.time() < end:
                await asyncio.sleep(0.5)
                cluster.check()
            await nemesis.aclose()
            await faults.stop()
            for each in everybody:
                each.stopping = True
            await self._settle(cluster, history, clients[0], checker, watchers)
            for task in tasks:
                task.cancel()
        await cluster.stop()
        cluster.check()
        check_history(history, replay)
        for watch in history.watches:
            check_watch(watch, replay)
        counts = Counter(trace.faults)
        counts["operations"] = len(history.operations)
        counts["unknown"] = sum(each.unknown for each in history.operations)
        counts["answered"] = sum(each.answered for each in history.operations)
        counts["watches"] = len(history.watches)
        counts["watch events"] = sum(
            len(each.batch.events) for watch in history.watches for each in watch.responses
        )
        counts["entries"] = replay.index
        counts["terms"] = len(checker.leaders)
        counts["steps"] = checker.steps
        return Outcome(self.seed, trace.digest, running.time(), trace.events, dict(counts))

    async def _settle(
        self,
        cluster: LocalCluster,
        history: History,
        client: Client,
        checker: RaftChecker,
        watchers: list[WatchClient],
    ) -> None:
        """Liveness: once faults stop a write is acknowledged, every member has it, and every watch hears of it."""
        running = asyncio.get_running_loop()
        deadline = running.time() + PATIENCE
        while True:
            cluster.check()
            result = await client.ask(Put(b"last", b"last-%d" % history.next()))
            revision = getattr(result, "revision", 0)
            if revision:
                break
            if running.time() > deadline:
                raise ViolationError("progress once faults stop", f"no write was acknowledged: {result!r}")
            await asyncio.sleep(0.1)
        while not all(
            member is not None and member.machine.kv.revision >= revision
            for member in cluster.members.values()
        ):
            cluster.check()
            if running.time() > deadline:
                behind = {id_: member and member.applied_index for id_, member in cluster.members.items()}
                raise ViolationError("progress once faults stop", f"members do not catch up: {behind}")
            await asyncio.sleep(0.1)
        for member in cluster.members.values():
            assert member is not None
            checker.compare_whole(member)
        for watcher in watchers:
            if not await watcher.drain(revision) and watcher.record is not None:
                check_complete(watcher.record, revision)


def _config(plan: Chance) -> StoreConfig:
    return StoreConfig(
        replicas=plan.choice((1, 3, 3, 3, 5)),
        tick=0.1,
        request_timeout=2.0,
        snapshot_entries=plan.choice((15, 40, 10_000)),
        catch_up_entries=plan.choice((0, 5, 15)),
    )
