"""Whole Raft clusters on a hostile network, with crashes, slow disks, compaction, changes of members and of leaders."""

import random
from collections import Counter

from kube.store.raft.confchange import ConfChangeError
from kube.store.raft.config import Config
from kube.store.raft.messages import (
    ConfChange,
    ConfChangeSingle,
    ConfChangeTransition,
    ConfChangeType,
    ConfState,
    HardState,
    InstallSnapshot,
    Message,
    Snapshot,
)
from kube.store.raft.raft import ProposalDroppedError, Role
from kube.store.raft.rawnode import RawNode, Ready
from kube.store.raft.storage import MemoryStorage
from tests.store.raft.properties import Host, Properties


class Simulation:
    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        self.faults: Counter[str] = Counter()
        voters = tuple(range(1, rng.choice((1, 3, 3, 3, 5, 5)) + 1))
        self.changes = rng.random() < 0.6
        self.ids = tuple(range(1, len(voters) + 3)) if self.changes else voters
        self.pre_vote = rng.random() < 0.8
        self.check_quorum = rng.random() < 0.8
        self.eager_commit = rng.random() < 0.5
        self.max_entries = rng.choice((1, 3, 1000))
        self.thrifty = rng.choice((0, 0, 2, 100))
        self.loss = rng.choice((0.0, 0.0, 0.02, 0.2))
        self.delays = rng.choice(((1,), (1, 1, 2, 3), (1, 1, 1, 2, 3, 5, 40)))
        self.crashes = rng.choice((0.0, 0.002, 0.01, 0.02))
        self.churn = rng.choice((0.05, 0.05, 0.25))
        self.slow_disk = rng.choice((0.0, 0.0, 0.3))
        self.network: list[tuple[int, Message]] = []
        self.cut: dict[tuple[int, int], None] = {}
        self.healed = False
        self.now = 0
        self.proposals = 0
        self.seen = Properties(ConfState(voters))
        self.read_floor: dict[tuple[int, int], int] = {}
        self.reads = 0
        self.reads_answered = 0
        # Who is not among the first voters starts without a configuration, and is added later.
        self.hosts = {each: Host(each, MemoryStorage(voters if each in voters else ())) for each in self.ids}
        for host in self.hosts.values():
            self.start(host)

    # ---- the world

    def start(self, host: Host) -> None:
        snapshot = host.storage.snapshot()
        host.applied = list(snapshot.data or ())  # type: ignore[call-overload]  # a tuple of what was applied
        config = Config(
            id=host.id,
            pre_vote=self.pre_vote,
            check_quorum=self.check_quorum,
            eager_commit=self.eager_commit,
            thrifty=self.thrifty,
            max_entries_per_message=self.max_entries,
            max_inflight=self.rng.choice((1, 2, 256)),
            max_inflight_bytes=self.rng.choice((15, 1 << 20)),
            max_uncommitted_size=self.rng.choice((50, 1 << 20)),
            max_entries_per_ready=self.rng.choice((1, 1024)),
        )
        host.node = RawNode(config, host.storage, random.Random(self.rng.random()), applied=snapshot.index)
        self.faults["restart in a joint configuration"] += snapshot.conf.joint
        self.seen.started(host)

    def crash(self, host: Host) -> None:
        if host.node is not None and host.node.conf_state.joint:
            self.faults["crash in a joint configuration"] += 1
        host.node = None
        host.led = None
        host.ready = None
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
                self.faults["input while a Ready is outstanding"] += host.ready is not None
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
        """Do what the Readies of a host say, with a crash or a slow disk at any point in between."""
        while host.node is not None:
            self.seen.check(host)
            if host.ready is None:
                host.ready = host.node.ready()
                if host.ready is None:
                    return
                if host.ready.early:
                    self.faults["sent early"] += len(host.ready.messages)
                    self.send(host.ready.messages)
                host.due = self.now
                if not self.healed and self.rng.random() < self.slow_disk:
                    self.faults["slow disk"] += 1
                    host.due += self.rng.randrange(1, 6)
            if host.due > self.now:
                return
            self.finish(host, host.ready)

    def finish(self, host: Host, ready: Ready) -> None:
        if self.crashed("crash before persist", host):
            return
        self.persist(host, ready)
        if self.crashed("crash before send", host):
            return
        if not ready.early:
            self.send(ready.messages)
        self.apply(host, ready)
        host.running.advance()
        host.ready = None
        self.seen.check(host)

    def crashed(self, fault: str, host: Host) -> bool:
        if self.healed or self.rng.random() >= self.crashes / 10:
            return False
        self.faults[fault] += 1
        self.crash(host)
        return True

    def persist(self, host: Host, ready: Ready) -> None:
        storage = host.storage
        if ready.snapshot is not None:
            storage.apply_snapshot(ready.snapshot)
        storage.append(ready.entries)
        if ready.hard_state is not None:
            storage.set_hard_state(ready.hard_state)
        self.seen.persisted(host, ready)

    def apply(self, host: Host, ready: Ready) -> None:
        node = host.running
        if ready.snapshot is not None:
            host.applied = list(ready.snapshot.data or ())  # type: ignore[call-overload]  # a tuple of what was applied
            self.seen.restored(host, ready)
            self.faults["snapshot"] += 1
            self.faults["snapshot of another configuration"] += ready.snapshot.conf != self.seen.confs[0]
        for entry in ready.committed:
            if type(entry.data) is ConfChange:
                node.apply_conf_change(entry.data)
                self.faults["joint configuration"] += node.conf_state.joint
                self.faults["learners"] += bool(node.conf_state.learners)
            host.applied.append((entry.term, entry.data))
            self.seen.applied(host, entry)
        for state in ready.read_states:
            floor = self.read_floor.pop((host.id, state.context), None)
            if floor is not None:
                self.reads_answered += 1
                assert state.index >= floor, f"stale read: index {state.index} below {floor}"

    # ---- what happens

    def leaders(self) -> list[Host]:
        return [host for host in self.hosts.values() if host.node and host.node.raft.role is Role.LEADER]

    def step(self) -> None:
        self.now += 1
        self.deliver()
        leaders = self.leaders()
        self.faults["two leaders"] += len(leaders) > 1
        for host in self.hosts.values():
            if host.node is None:
                if self.rng.random() < 0.05:
                    self.start(host)
            elif self.rng.random() < 0.9:
                host.node.tick()
                self.run(host)
        host = self.hosts[self.rng.choice(self.ids)]
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
        elif roll < 0.58:
            self.transfer()
        elif roll < 0.58 + self.churn:
            self.change_members()
        elif roll > 1 - self.crashes:
            self.faults["crash"] += host.node is not None
            self.crash(host)

    def propose(self) -> None:
        for host in self.leaders():
            try:
                count = self.rng.choice((1, 1, 4))
                host.running.propose([(self.proposals + n, 10) for n in range(count)])
                self.proposals += count
            except ProposalDroppedError:
                self.faults["proposal dropped"] += 1
            else:
                self.run(host)

    def transfer(self) -> None:
        for host in self.leaders():
            target = self.rng.choice(self.ids)
            if host.running.transfer_leadership(target):
                self.faults["transfer"] += 1
                self.run(host)

    def change_members(self) -> None:
        """Any change at all, now and then to no use, and the end of a joint configuration that must be asked for."""
        if not self.changes:
            return
        for host in self.leaders():
            changes = tuple(
                ConfChangeSingle(self.rng.choice(tuple(ConfChangeType)), node)
                for node in self.rng.sample(self.ids, self.rng.choice((1, 1, 2, 3)))
            )
            change = ConfChange(changes, self.rng.choice(tuple(ConfChangeTransition)))
            if host.running.conf_state.joint and self.rng.random() < 0.5:
                change = ConfChange()
            self.propose_change(host, change)

    def propose_change(self, host: Host, change: ConfChange) -> None:
        try:
            host.running.propose_conf_change(change)
        except ConfChangeError:
            self.faults["change refused"] += 1
        except ProposalDroppedError:
            self.faults["proposal dropped"] += 1
        else:
            self.faults["change"] += 1
            self.run(host)

    def read(self, host: Host) -> None:
        if host.node is None:
            return
        self.reads += 1
        # Whatever any member has applied may have been seen by a client.
        self.read_floor[host.id, self.reads] = len(self.seen.committed)
        host.node.read_index(self.reads)
        self.run(host)

    def partition(self, leaders: list[Host]) -> None:
        self.faults["partition"] += 1
        if leaders and self.rng.random() < 0.5:
            side = [leaders[0].id]
        else:
            side = [each for each in self.ids if self.rng.random() < 0.5]
        both_ways = self.rng.random() < 0.7
        for a in self.ids:
            for b in self.ids:
                if (a in side) and (b not in side):
                    self.cut[a, b] = None
                    if both_ways:
                        self.cut[b, a] = None

    def compact(self, host: Host) -> None:
        index = len(host.applied)
        if host.node is None or host.ready is not None or index <= host.storage.snapshot().index:
            return
        term = host.node.raft.log.term(index)
        conf = host.node.conf_state
        host.storage.save_snapshot(Snapshot(index, term, conf, tuple(host.applied)))
        host.storage.compact(self.rng.randrange(host.storage.first_index() - 1, index + 1))
        self.faults["compaction"] += 1
        self.faults["snapshot in a joint configuration"] += conf.joint

    # ---- the end

    def heal(self) -> None:
        """Liveness: once faults stop, a leader is elected, leaves a joint configuration, commits, and all its members agree."""
        self.healed = True
        self.loss = 0.0
        self.cut.clear()
        for host in self.hosts.values():
            if host.node is None:
                self.start(host)
        target = None
        for _ in range(3000):  # a window of one entry and no pre-vote make it slow, not stuck
            self.now += 1
            self.deliver()
            for host in self.hosts.values():
                host.running.tick()
                self.run(host)
            leaders = self.leaders()
            if target is None and leaders:
                if leaders[0].running.conf_state.joint:
                    self.propose_change(leaders[0], ConfChange())
                before = self.proposals
                self.propose()
                target = self.proposals - 1 if self.proposals > before else None
            if target is not None and self.agreed(target):
                return
            if self.now % 60 == 0:
                target = None  # the leader that took it may have been deposed by a message still under way
        raise AssertionError("no progress after all faults have stopped")

    def agreed(self, target: int) -> bool:
        """Whether every member of the last configuration has applied everything, and ``target`` is among it."""
        conf = self.seen.confs[-1]
        if conf.joint:
            return False
        states = [self.hosts[member].applied for member in conf.members]
        if any(len(state) < len(self.seen.committed) for state in states):
            return False
        assert all(state == self.seen.committed for state in states)
        return any(data == target for _, data in self.seen.committed[-50:])


def hard_states(simulation: Simulation) -> list[HardState]:
    return [host.storage.hard_state for host in simulation.hosts.values()]
