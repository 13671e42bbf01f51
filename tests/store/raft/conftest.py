"""A network of raft members without loss, driven message by message."""

import random
from collections.abc import Callable, Iterator

import pytest

from kube.store.raft.config import Config
from kube.store.raft.messages import ConfState, Entry, HardState, Message, ReadState, Snapshot
from kube.store.raft.raft import Role
from kube.store.raft.rawnode import RawNode
from kube.store.raft.storage import MemoryStorage


class Network:
    """Messages wait in ``wire`` until they are delivered; ``cut`` holds (from, to) that lose theirs."""

    def __init__(self, size: int = 3, **config: object) -> None:
        self.voters = tuple(range(1, size + 1))
        self.config = config
        self.storages = {voter: MemoryStorage(self.voters) for voter in self.voters}
        self.nodes: dict[int, RawNode] = {}
        self.applied: dict[int, list[Entry]] = {voter: [] for voter in self.voters}
        self.reads: dict[int, list[ReadState]] = {voter: [] for voter in self.voters}
        self.wire: list[Message] = []
        self.delivered: list[Message] = []
        self.cut: set[tuple[int, int]] = set()
        for voter in self.voters:
            self.start(voter)

    def start(self, voter: int) -> RawNode:
        storage = self.storages[voter]
        index = storage.snapshot().index
        self.applied[voter] = [entry for entry in self.applied[voter] if entry.index <= index]
        config = Config(id=voter, **self.config)  # type: ignore[arg-type]
        self.nodes[voter] = RawNode(config, storage, random.Random(voter), applied=index)
        return self.nodes[voter]

    def stop(self, voter: int) -> None:
        del self.nodes[voter]

    def seed(self, voter: int, terms: list[int], term: int, vote: int = 0) -> None:
        """Begin with a log of these terms and a hard state."""
        self.storages[voter].append([Entry(each, index, size=1) for index, each in enumerate(terms, 1)])
        self.storages[voter].set_hard_state(HardState(term, vote, 0))
        self.start(voter)

    def ready(self, voter: int) -> None:
        node, storage = self.nodes[voter], self.storages[voter]
        while (ready := node.ready()) is not None:
            if ready.snapshot is not None:
                storage.apply_snapshot(ready.snapshot)
                self.applied[voter] = []
            storage.save(ready.hard_state, ready.entries, must_sync=ready.must_sync)
            self.wire += ready.messages
            self.applied[voter] += ready.committed
            self.reads[voter] += ready.read_states
            node.advance()

    def deliver_one(self) -> None:
        message = self.wire.pop(0)
        if message.to in self.nodes and (message.from_, message.to) not in self.cut:
            self.delivered.append(message)
            self.nodes[message.to].step(message)
            self.ready(message.to)

    def settle(self) -> None:
        """Deliver until nothing is under way."""
        for voter in tuple(self.nodes):
            self.ready(voter)
        for _ in range(10_000):
            if not self.wire:
                return
            self.deliver_one()
        raise AssertionError("messages without end")

    def tick(self, count: int = 1, *voters: int) -> None:
        for _ in range(count):
            for voter in voters or tuple(self.nodes):
                self.nodes[voter].tick()
            self.settle()

    def elect(self, voter: int) -> None:
        self.nodes[voter].campaign()
        self.settle()
        assert self.role(voter) is Role.LEADER

    def propose(self, voter: int, *data: object) -> None:
        self.nodes[voter].propose([(each, 1) for each in data])
        self.settle()

    def isolate(self, voter: int) -> None:
        for other in self.voters:
            self.cut |= {(voter, other), (other, voter)}

    def heal(self) -> None:
        self.cut.clear()

    def compact(self, voter: int) -> None:
        """Snapshot and compact all that is applied."""
        last = self.applied[voter][-1]
        data = tuple(entry.data for entry in self.applied[voter])
        self.storages[voter].save_snapshot(Snapshot(last.index, last.term, ConfState(self.voters), data))
        self.storages[voter].compact(last.index)

    def role(self, voter: int) -> Role:
        return self.nodes[voter].raft.role

    def leaders(self) -> list[int]:
        return [voter for voter, node in self.nodes.items() if node.raft.role is Role.LEADER]

    def data(self, voter: int) -> list[object]:
        return [entry.data for entry in self.applied[voter] if entry.data is not None]

    def terms(self, voter: int) -> list[int]:
        storage = self.storages[voter]
        return [entry.term for entry in storage.entries(storage.first_index(), storage.last_index() + 1)]


@pytest.fixture
def network() -> Iterator[Callable[..., Network]]:
    made: list[Network] = []

    def make(size: int = 3, **config: object) -> Network:
        made.append(Network(size, **config))
        return made[-1]

    yield make
    for each in made:
        terms = [each.nodes[leader].raft.term for leader in each.leaders()]
        assert len(terms) == len(set(terms)), "two leaders of one term"
