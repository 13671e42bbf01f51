"""Three real processes under load, twenty rounds of killed, stopped, cut off, silenced and deafened members.

No acknowledged write is lost, none is applied twice, histories are linearizable, and a new leader is there within a second.
``FAULTS_SEED`` chooses another order of faults.
"""

import asyncio
import itertools
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from kube.store.errors import StoreError
from kube.testing.checkers.linearizability import Interval, check
from tests.store.processes.harness import MemberProcess, ProcessCluster
from tests.store.waiting import waited

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
ROUNDS = 20
WRITERS = 4
REGISTERS = 3
HELD = 0.2
"""Seconds that a fault lasts beyond the election of a new leader."""


class Register(list[Interval[tuple[str, bytes]]]):
    """The history of one key that is written and read through every member."""


class Load:
    """Writers of keys of their own, and clients of a few registers; each speaks to one member and stays with it."""

    def __init__(self, cluster: ProcessCluster, rng: random.Random) -> None:
        self.acknowledged: dict[bytes, bytes] = {}
        self.unknown: dict[bytes, bytes] = {}
        self.refused: Counter[str] = Counter()
        self.registers = [Register() for _ in range(REGISTERS)]
        self._events = itertools.count()
        self._cluster = cluster
        self._rng = rng
        self._stopping = False
        names = list(cluster.members)
        clients: list[Awaitable[None]] = [
            self._write(number, names[number % len(names)]) for number in range(WRITERS)
        ]
        clients += [self._register(number, name) for number in range(REGISTERS) for name in names]
        self._tasks = [asyncio.ensure_future(client) for client in clients]

    async def _write(self, client: int, name: str) -> None:
        for number in itertools.count():
            if self._stopping:
                return
            key, value = b"load/%d/%06d" % (client, number), b"%d" % self._rng.getrandbits(64)
            store = self._cluster.members[name].store
            try:
                if client % 2:
                    await store.put(key, value)
                else:
                    result = await store.optimistic_put(key, value, 0)
                    assert result.succeeded, f"{key!r} was applied twice"
            except StoreError as error:
                await self._failed(error, lambda: self.unknown.__setitem__(key, value))  # noqa: B023  # called at once
            else:
                self.acknowledged[key] = value

    async def _register(self, number: int, name: str) -> None:
        key = b"register/%d" % number
        history = self.registers[number]
        for turn in itertools.count():
            if self._stopping:
                return
            store = self._cluster.members[name].store
            begin = next(self._events)
            value = b"%s-%d" % (name.encode(), turn)
            write = self._rng.random() < 0.5
            try:
                if write:
                    await store.put(key, value)
                    history.append(Interval(begin, next(self._events), ("put", value)))
                else:
                    found = (await store.range(key)).kvs
                    got = found[0].value if found else b""
                    history.append(Interval(begin, next(self._events), ("get", got)))
            except StoreError as error:
                if write:
                    unknown = Interval(begin, 1 << 60, ("put", value), optional=True)
                    await self._failed(error, lambda: history.append(unknown))  # noqa: B023  # called at once
                else:
                    await self._failed(error, lambda: None)
            await asyncio.sleep(0.02)

    async def _failed(self, error: StoreError, may_have_happened: Callable[[], None]) -> None:
        self.refused[type(error).__name__] += 1
        if error.maybe_applied:
            may_have_happened()
        await asyncio.sleep(0.02)

    async def progress(self, count: int) -> None:
        target = len(self.acknowledged) + count
        async with asyncio.timeout(30):
            while len(self.acknowledged) < target:  # clients of other processes have no event
                for task in self._tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._stopping = True
        await asyncio.gather(*self._tasks)

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()


# ---- faults: each brings its member down one way or another, and gives back how it comes up again

Heal = Callable[[], Awaitable[None]]


async def kill(member: MemberProcess) -> Heal:
    await member.kill()
    return member.start


async def stop(member: MemberProcess) -> Heal:
    member.signal(signal.SIGSTOP)

    async def heal() -> None:
        member.signal(signal.SIGCONT)

    return heal


async def cut(member: MemberProcess) -> Heal:
    member.cluster.network.cut_off(member.name)
    return _healed(member)


async def stall(member: MemberProcess) -> Heal:
    member.cluster.network.stall(member.name)
    return _healed(member)


async def deafen(member: MemberProcess) -> Heal:
    """It still speaks, and hears nothing."""
    member.cluster.network.deafen(member.name)
    return _healed(member)


def _healed(member: MemberProcess) -> Heal:
    async def heal() -> None:
        member.cluster.network.heal()

    return heal


FAULTS = {"SIGKILL": kill, "SIGSTOP": stop, "cut": cut, "stall": stall, "deafen": deafen}
WITHIN = {"deafen": 2.0}
"""Seconds, where not one: a leader that still speaks keeps its followers for up to two election timeouts, until it steps down."""


async def new_leader(cluster: ProcessCluster, victim: MemberProcess) -> None:
    """Until the others have a leader that takes a write."""
    others = [member for member in cluster.members.values() if member is not victim]
    while True:
        leaders = [await member.leader() for member in others]
        if all(leader and leader != victim.id for leader in leaders):
            try:
                await others[0].store.put(b"elected", b"")
            except StoreError:
                continue
            return
        await asyncio.sleep(0.01)


def pressure(cluster: ProcessCluster, victim: MemberProcess) -> float:
    """Seconds that those who elect, and those who look on, have waited for a core."""
    pids = [member.pid for member in cluster.members.values() if member is not victim]
    return waited() + sum(waited(pid) for pid in pids)


async def test_twenty_rounds_of_faults(tmp_path: Path) -> None:
    rng = random.Random(int(os.environ.get("FAULTS_SEED", "3")))
    schedule = [(name, of) for name in FAULTS for of in ("leader", "leader", "leader", "follower")]
    rng.shuffle(schedule)
    assert len(schedule) == ROUNDS
    async with ProcessCluster(tmp_path) as cluster:
        load = Load(cluster, rng)
        try:
            await rounds(cluster, load, schedule, rng)
            await load.stop()
            await judge(cluster, load)
        except BaseException as error:
            load.cancel()
            error.add_note(cluster.logs())
            raise


async def rounds(
    cluster: ProcessCluster, load: Load, schedule: list[tuple[str, str]], rng: random.Random
) -> None:
    slowest = 0.0
    for name, of in schedule:
        await load.progress(20)
        leader = await cluster.leader()
        followers = [member for member in cluster.members.values() if member is not leader]
        victim = leader if of == "leader" else rng.choice(followers)
        begin, before = time.monotonic(), pressure(cluster, victim)
        heal = await FAULTS[name](victim)
        async with asyncio.timeout(30):
            await new_leader(cluster, victim)
        took = time.monotonic() - begin - (pressure(cluster, victim) - before)
        slowest = max(slowest, took)
        assert took < WITHIN.get(name, 1.0), f"{name} of the {of}: a new leader after {took:.2f} s"
        await asyncio.sleep(HELD)
        await heal()
        await cluster.leader()
    print(f"slowest election {slowest:.2f} s, {len(load.acknowledged)} acknowledged, {dict(load.refused)}")  # noqa: T201  # for who runs it with -s


async def judge(cluster: ProcessCluster, load: Load) -> None:
    revisions = [await member.store.current_revision() for member in cluster.members.values()]
    assert len(set(revisions)) == 1
    hashes = {(await member.store.hash_kv(revisions[0])).hash for member in cluster.members.values()}
    assert len(hashes) == 1
    for member in cluster.members.values():
        held = {kv.key: kv for kv in (await member.store.range(b"load/", b"load0")).kvs}
        lost = [
            key for key, value in load.acknowledged.items() if key not in held or held[key].value != value
        ]
        assert lost == []
        assert [key for key, kv in held.items() if kv.version != 1] == [], "applied twice"
        assert set(held) <= set(load.acknowledged) | set(load.unknown)
    assert len(load.acknowledged) > ROUNDS * 20
    for number, history in enumerate(load.registers):
        verdict = check(history, b"", step, lambda state: state)
        assert verdict.ok, f"register {number} is not linearizable: {verdict.stuck}"


def step(state: bytes, what: tuple[str, bytes]) -> bytes | None:
    kind, value = what
    if kind == "put":
        return value
    return state if state == value else None


@pytest.mark.parametrize(
    ("history", "ok"),
    [
        pytest.param([("put", b"1", 0, 1), ("get", b"1", 2, 3)], True, id="in order"),
        pytest.param([("put", b"1", 0, 1), ("get", b"", 2, 3)], False, id="a stale read"),
    ],
)
def test_the_checker_tells_a_stale_read(history: list[tuple[str, bytes, int, int]], ok: bool) -> None:
    intervals = [Interval(begin, end, (kind, value)) for kind, value, begin, end in history]
    assert check(intervals, b"", step, lambda state: state).ok is ok
