"""Seeded runs of a whole Raft cluster on a hostile network, with Raft's properties checked after every step.

SIM_SEEDS says how many seeds run (default 200), SIM_FIRST where they start. A failing seed is replayed by
``SIM_FIRST=<seed> SIM_SEEDS=1 pytest tests/store/raft/test_simulation.py``.
"""

import os
import random
from collections import Counter
from dataclasses import dataclass, field

from kube.store.raft.config import Config, ReadOnlyOption
from kube.store.raft.messages import ConfState, InstallSnapshot, Message, Snapshot
from kube.store.raft.raft import ProposalDroppedError, Role
from kube.store.raft.rawnode import RawNode, Ready
from kube.store.raft.storage import LogCompactedError, MemoryStorage

SEEDS = int(os.environ.get("SIM_SEEDS", "200"))
FIRST = int(os.environ.get("SIM_FIRST", "1"))
STEPS = 500


@dataclass
class Host:
    """What outlives a crash is ``storage``; ``applied`` is the state machine, rebuilt from the snapshot on restart."""

    id: int
    storage: MemoryStorage
    node: RawNode | None = None
    applied: list[tuple[int, object]] = field(default_factory=list)
    term_seen: int = 0
    term_kept: int = 0
    commit_seen: int = 0
    led: tuple[int, int, int] | None = None  # term, last index, term of the last entry while it leads


class Simulation:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.faults: Counter[str] = Counter()
        size = self.rng.choice((1, 3, 3, 3, 5, 5))
        self.voters = tuple(range(1, size + 1))
        self.pre_vote = self.rng.random() < 0.8
        self.check_quorum = self.rng.random() < 0.8
        self.eager_commit = self.rng.random() < 0.5
        self.max_entries = self.rng.choice((1, 3, 1000))
        self.loss = self.rng.choice((0.0, 0.0, 0.02, 0.2))
        self.delays = self.rng.choice(((1,), (1, 1, 2, 3), (1, 1, 1, 2, 3, 5, 40)))
        self.crashes = self.rng.choice((0.0, 0.002, 0.01, 0.02))
        self.network: list[tuple[int, Message]] = []
        self.cut: dict[tuple[int, int], None] = {}
        self.healed = False
        self.now = 0
        self.proposals = 0
        # the observed history
        self.leaders: dict[int, int] = {}
        self.chain: dict[tuple[int, int], tuple[int, object]] = {}
        self.votes: dict[tuple[int, int], int] = {}
        self.committed: list[tuple[int, object]] = []  # [(term, data)] at index - 1
        self.read_floor: dict[tuple[int, int], int] = {}
        self.reads = 0
        self.reads_answered = 0
        self.hosts = {voter: Host(voter, MemoryStorage(self.voters)) for voter in self.voters}
        for host in self.hosts.values():
            self.start(host)

    # ---- the world

    def start(self, host: Host) -> None:
        snapshot = host.storage.snapshot()
        host.applied = list(snapshot.data or ())
        config = Config(
            id=host.id,
            pre_vote=self.pre_vote,
            check_quorum=self.check_quorum,
            eager_commit=self.eager_commit,
            read_only=ReadOnlyOption.SAFE,
            max_entries_per_message=self.max_entries,
            max_inflight=self.rng.choice((1, 2, 256)),
            max_entries_per_ready=self.rng.choice((1, 1024)),
        )
        host.node = RawNode(config, host.storage, random.Random(self.rng.random()), applied=snapshot.index)
        assert host.node.raft.term == host.term_kept, "term forgotten by a restart"
        host.term_seen = host.term_kept
        host.commit_seen = host.node.raft.log.committed
        host.led = None

    def crash(self, host: Host) -> None:
        host.node = None
        host.led = None
        for key in [key for key in self.read_floor if key[0] == host.id]:
            del self.read_floor[key]

    def send(self, messages: list[Message]) -> None:
        for message in messages:
            if (message.from_, message.to) in self.cut:
                self.faults["cut"] += 1
                self.report(message, delivered=False)
                continue
            if self.rng.random() < self.loss:
                self.faults["lost"] += 1
                self.report(message, delivered=False)
                continue
            delay = 1 if self.healed else self.rng.choice(self.delays)
            self.network.append((self.now + delay, message))
            if not self.healed and self.rng.random() < 0.03:
                self.faults["duplicated"] += 1
                self.network.append((self.now + self.rng.randrange(1, 60), message))

    def deliver(self) -> None:
        due = [item for item in self.network if item[0] <= self.now]
        if not due:
            return
        self.network = [item for item in self.network if item[0] > self.now]
        if self.rng.random() < 0.3:
            self.faults["reordered"] += 1
            self.rng.shuffle(due)
        for _, message in due:
            host = self.hosts[message.to]
            self.report(message, delivered=host.node is not None)
            if host.node is not None:
                host.node.step(message)
                self.run(host)

    def report(self, message: Message, *, delivered: bool) -> None:
        """What a transport knows: a snapshot's fate, as of a stream; of other losses only some."""
        sender = self.hosts[message.from_].node
        if sender is None:
            return
        if isinstance(message, InstallSnapshot):
            sender.report_snapshot(message.to, delivered=delivered)
        elif not delivered and self.rng.random() < 0.3:
            sender.report_unreachable(message.to)

    def run(self, host: Host) -> None:
        """Do what the Readies of a host say, with a crash at any point in between."""
        while host.node is not None:
            self.check(host)
            ready = host.node.ready()
            if ready is None:
                return
            if not self.healed and self.rng.random() < self.crashes / 10:
                self.faults["crash before persist"] += 1
                self.crash(host)
                return
            self.persist(host, ready)
            if not self.healed and self.rng.random() < self.crashes / 10:
                self.faults["crash before send"] += 1
                self.crash(host)
                return
            self.send(ready.messages)
            self.apply(host, ready)
            host.node.advance()
            self.check(host)

    def persist(self, host: Host, ready: Ready) -> None:
        storage = host.storage
        if ready.hard_state is not None:
            state = ready.hard_state
            host.term_kept = state.term
            storage.set_hard_state(state)
            if state.vote:
                voted = self.votes.setdefault((host.id, state.term), state.vote)
                assert voted == state.vote, "two votes in one term"
        if ready.snapshot is not None:
            storage.apply_snapshot(ready.snapshot)
        storage.append(ready.entries)
        for entry in ready.entries:
            link = (storage.term(entry.index - 1), entry.data)
            known = self.chain.setdefault((entry.index, entry.term), link)
            assert known == link, f"log matching: entry {entry.index} of term {entry.term} differs"

    def apply(self, host: Host, ready: Ready) -> None:
        assert host.node is not None
        if ready.snapshot is not None:
            assert ready.snapshot.data is not None
            host.applied = list(ready.snapshot.data)  # type: ignore[call-overload]
            assert host.applied == self.committed[: len(host.applied)], "snapshot differs from the history"
            self.faults["snapshot"] += 1
        for entry in ready.committed:
            assert entry.index == len(host.applied) + 1, "applied out of order"
            item = (entry.term, entry.data)
            if entry.index > len(self.committed):
                assert entry.index == len(self.committed) + 1
                self.committed.append(item)
            assert self.committed[entry.index - 1] == item, f"state machine safety at {entry.index}"
            host.applied.append(item)
        for state in ready.read_states:
            floor = self.read_floor.pop((host.id, state.context), None)
            if floor is not None:
                self.reads_answered += 1
                assert state.index >= floor, f"stale read: index {state.index} below {floor}"

    # ---- the properties (Raft figure 3)

    def check(self, host: Host) -> None:
        node = host.node
        assert node is not None
        raft, log = node.raft, node.raft.log
        assert raft.term >= host.term_seen, "term went back"
        assert log.committed >= host.commit_seen, "commit went back"
        assert log.applied <= log.committed <= log.last_index
        if raft.role is Role.LEADER:
            assert self.leaders.setdefault(raft.term, host.id) == host.id, f"two leaders of term {raft.term}"
            if log.committed > host.commit_seen and host.led is not None and host.led[0] == raft.term:
                assert log.term(log.committed) == raft.term, "commit of an older term by counting"
            if host.led is None or host.led[0] != raft.term:
                self.check_complete(host)
            else:
                assert log.match_term(host.led[1], host.led[2]), "a leader overwrote its log"
            host.led = (raft.term, log.last_index, log.last_term)
        else:
            host.led = None
        host.term_seen, host.commit_seen = raft.term, log.committed

    def check_complete(self, host: Host) -> None:
        assert host.node is not None
        log = host.node.raft.log
        for index, (term, _) in enumerate(self.committed, 1):
            try:
                assert log.term(index) == term, f"leader completeness at {index}"
            except LogCompactedError:
                continue

    # ---- what happens

    def step(self) -> None:
        self.now += 1
        self.deliver()
        leaders = [host for host in self.hosts.values() if host.node and host.node.raft.role is Role.LEADER]
        self.faults["two leaders"] += len(leaders) > 1
        for host in self.hosts.values():
            if host.node is None:
                if self.rng.random() < 0.05:
                    self.start(host)
            elif self.rng.random() < 0.9:
                host.node.tick()
                self.run(host)
        host = self.hosts[self.rng.choice(self.voters)]
        roll = self.rng.random()
        if roll < 0.25:
            self.propose()
        elif roll < 0.50:
            self.read(host)
        elif roll < 0.51:
            self.partition(leaders)
        elif roll < 0.53:
            self.cut.clear()
        elif roll < 0.56:
            self.compact(host)
        elif roll > 1 - self.crashes:
            self.faults["crash"] += host.node is not None
            self.crash(host)

    def propose(self) -> None:
        for host in self.hosts.values():
            if host.node is not None and host.node.raft.role is Role.LEADER:
                try:
                    count = self.rng.choice((1, 1, 4))
                    host.node.propose([(self.proposals + n, 10) for n in range(count)])
                    self.proposals += count
                except ProposalDroppedError:
                    continue
                self.run(host)

    def read(self, host: Host) -> None:
        if host.node is None:
            return
        self.reads += 1
        # Whatever any member has applied may have been seen by a client.
        self.read_floor[host.id, self.reads] = len(self.committed)
        host.node.read_index(self.reads)
        self.run(host)

    def partition(self, leaders: list[Host]) -> None:
        self.faults["partition"] += 1
        if leaders and self.rng.random() < 0.5:
            side = [leaders[0].id]
        else:
            side = [voter for voter in self.voters if self.rng.random() < 0.5]
        both_ways = self.rng.random() < 0.7
        for a in self.voters:
            for b in self.voters:
                if (a in side) and (b not in side):
                    self.cut[a, b] = None
                    if both_ways:
                        self.cut[b, a] = None

    def compact(self, host: Host) -> None:
        if host.node is None or len(host.applied) <= host.storage.snapshot().index:
            return
        index = len(host.applied)
        term = host.node.raft.log.term(index)
        host.storage.save_snapshot(Snapshot(index, term, ConfState(self.voters), tuple(host.applied)))
        host.storage.compact(self.rng.randrange(host.storage.first_index() - 1, index + 1))
        self.faults["compaction"] += 1

    def heal(self) -> None:
        """Liveness: once faults stop, a leader is elected, commits, and everybody has the same state."""
        self.healed = True
        self.loss = 0.0
        self.cut.clear()
        for host in self.hosts.values():
            if host.node is None:
                self.start(host)
        target = None
        for _ in range(600):
            self.now += 1
            self.deliver()
            for host in self.hosts.values():
                assert host.node is not None
                host.node.tick()
                self.run(host)
            if target is None and any(
                host.node and host.node.raft.role is Role.LEADER for host in self.hosts.values()
            ):
                self.propose()
                target = self.proposals - 1
            states = [host.applied for host in self.hosts.values()]
            if target is not None and all(state and state[-1][1] == target for state in states):
                assert all(state == self.committed for state in states)
                return
            if target is not None and self.now % 60 == 0:
                target = None  # the leader that took it may have been deposed by a message still under way
        raise AssertionError("no progress after all faults have stopped")


def test_raft_keeps_its_promises_on_a_hostile_network() -> None:
    total: Counter[str] = Counter()
    for seed in range(FIRST, FIRST + SEEDS):
        simulation = Simulation(seed)
        try:
            for _ in range(STEPS):
                simulation.step()
            simulation.heal()
        except AssertionError as error:
            error.add_note(f"replay: SIM_FIRST={seed} SIM_SEEDS=1 pytest tests/store/raft/test_simulation.py")
            raise
        total += simulation.faults
        total["proposals"] += simulation.proposals
        total["committed"] += len(simulation.committed)
        total["reads"] += simulation.reads_answered
        total["terms"] += len(simulation.leaders)
    if SEEDS >= 100:
        for kind in (
            *("cut", "lost", "duplicated", "reordered", "partition", "crash", "crash before persist"),
            *("crash before send", "snapshot", "compaction", "proposals", "committed", "reads", "terms"),
            *("two leaders",),
        ):
            assert total[kind] > SEEDS / 5, f"{kind} happened {total[kind]} times in {SEEDS} seeds"


def test_a_seed_gives_the_same_run_each_time() -> None:
    def trace(seed: int) -> tuple[object, ...]:
        simulation = Simulation(seed)
        for _ in range(STEPS):
            simulation.step()
        return simulation.committed, simulation.leaders, simulation.faults, simulation.votes

    assert trace(7) == trace(7)
