"""What raft itself takes of a write: the leader's and a follower's steps, one at a time, without transport or state machine.

`kube bench store/raft [--runs 200]`. Each sample is the least of a run's 30 writes, so that a busy machine shows in the spread only.
"""

import argparse
import gc
import random
import time
from collections.abc import Callable

from benchmarks.harness import Report
from kube.store.raft.config import Config
from kube.store.raft.messages import AppendEntries, AppendResponse, Entry, VoteResponse
from kube.store.raft.rawnode import RawNode
from kube.store.raft.storage import MemoryStorage

DESCRIPTION = "three members of one configuration, lazy commits, storage in memory; batches of 1 and of 64 entries of 256 B"
WRITES = 30


def run(report: Report, arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="kube bench store/raft", description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    options = parser.parse_args(arguments)
    report.settings |= vars(options)
    gc.collect()
    gc.disable()
    try:
        for batch in (1, 64):
            for name, sample in (("leader", lead), ("follower", follow)):
                rows: dict[str, list[float]] = {}
                for _ in range(options.runs):
                    for step, seconds in sample(batch).items():
                        rows.setdefault(step, []).append(seconds * 1e6)
                for step, samples in rows.items():
                    report.row(f"{name}, {batch} to a batch: {step}", "us").samples += samples
    finally:
        gc.enable()


class Stopwatch:
    """The least that each step took."""

    def __init__(self) -> None:
        self.least: dict[str, float] = {}

    def time(self, step: str, body: Callable[[], object]) -> None:
        begin = time.perf_counter()
        body()
        seconds = time.perf_counter() - begin
        self.least[step] = min(seconds, self.least.get(step, seconds))


def handle(node: RawNode, storage: MemoryStorage) -> None:
    while (ready := node.ready()) is not None:
        if ready.must_sync:
            storage.save(ready.hard_state, ready.entries, must_sync=True)
        node.advance()


def lead(batch: int) -> dict[str, float]:
    storage = MemoryStorage((1, 2, 3))
    node = RawNode(Config(id=1, pre_vote=False, eager_commit=False), storage, random.Random(1))
    node.campaign()
    node.step(VoteResponse(1, 2, 1, rejected=False))
    handle(node, storage)
    items = [("x", 256)] * batch
    watch = Stopwatch()
    for _ in range(WRITES):
        last = node.raft.log.last_index + batch
        second, third = (AppendResponse(1, member, 1, last) for member in (2, 3))
        watch.time("propose", lambda: node.propose(items))
        watch.time("persist", lambda: handle(node, storage))
        watch.time("acknowledged, commits", lambda message=second: node.step(message))
        watch.time("acknowledged by the other", lambda message=third: node.step(message))
        watch.time("apply", lambda: handle(node, storage))
        if node.raft.log.committed != last:
            raise ValueError(f"committed {node.raft.log.committed} instead of {last}")
    return watch.least


def follow(batch: int) -> dict[str, float]:
    storage = MemoryStorage((1, 2, 3))
    node = RawNode(Config(id=2), storage, random.Random(1))
    watch = Stopwatch()
    last = 0
    for _ in range(WRITES):
        entries = tuple(Entry(1, last + place, "x", 256) for place in range(1, batch + 1))
        message = AppendEntries(2, 1, 1, last, 1 if last else 0, entries, last)
        watch.time("append", lambda message=message: node.step(message))
        watch.time("persist and apply", lambda: handle(node, storage))
        last += batch
        if storage.last_index() != last:
            raise ValueError(f"kept {storage.last_index()} instead of {last}")
    return watch.least
