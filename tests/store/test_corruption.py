"""Replicas that differ are found, told, and nothing more is written until somebody has looked."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from kube.store.administration import Alarm, AlarmType, HashKV
from kube.store.corruption import SEVERAL, differing, find_corrupt
from kube.store.errors import CorruptError
from kube.store.mvcc.kvstore import KVStore

Make = Callable[..., Awaitable[Any]]


@pytest.mark.parametrize(
    ("hashes", "corrupt"),
    [
        pytest.param({}, (), id="nobody"),
        pytest.param({1: (7, 0)}, (), id="one alone"),
        pytest.param({1: (7, 0), 2: (7, 0), 3: (7, 0)}, (), id="all alike"),
        pytest.param({1: (7, 0), 2: (8, 0), 3: (7, 0)}, (2,), id="one of three"),
        pytest.param({1: (8, 0), 2: (7, 0), 3: (9, 0), 4: (7, 0), 5: (7, 0)}, (1, 3), id="two of five"),
        pytest.param({1: (7, 0), 2: (8, 0)}, (SEVERAL,), id="two that differ"),
        pytest.param({1: (7, 0), 2: (8, 0), 3: (9, 0)}, (SEVERAL,), id="three that all differ"),
        pytest.param({1: (7, 5), 2: (8, 0), 3: (7, 5)}, (), id="another compaction is no difference"),
        pytest.param({1: (7, 5), 2: (8, 0), 3: (9, 0)}, (SEVERAL,), id="what most have compacted counts"),
    ],
)
def test_who_differs(hashes: dict[int, tuple[int, int]], corrupt: tuple[int, ...]) -> None:
    made = {member: HashKV(value, 9, compacted) for member, (value, compacted) in hashes.items()}
    assert differing(made) == corrupt


def space(*values: bytes) -> KVStore:
    store = KVStore()
    for value in values:
        store.revision += 1
        store.put(b"k", value, 0)
    return store


async def nothing() -> None:
    return None


async def test_replicas_are_compared_where_the_slowest_is() -> None:
    spaces = {1: space(b"1", b"2", b"3"), 2: space(b"1", b"2"), 3: space(b"1", b"2", b"other")}
    assert await find_corrupt(spaces, nothing) == ()


async def test_a_replica_that_has_compacted_what_is_compared_is_left_out() -> None:
    spaces = {1: space(b"1", b"2", b"3"), 2: space(b"1", b"2"), 3: space(b"1", b"2")}
    spaces[1].compact(4)
    assert await find_corrupt(spaces, nothing) == ()


def damage(cluster: Any, member: int) -> None:
    kv = cluster.members[member].machine.kv
    damaged = msgspec.structs.replace(kv.live[b"k"], value=b"damaged")
    kv.live[b"k"] = damaged
    kv.changes.tail[:] = [damaged if each.key == b"k" else each for each in kv.changes.tail]


async def test_a_replica_that_differs_raises_an_alarm_that_stops_all_writes(cluster: Make) -> None:
    three = await cluster(3)
    store = three.store
    await store.put(b"k", b"v")
    await three.tick(3)
    assert await store.replicas.check_corruption() == ()
    damage(three, 2)
    assert await store.replicas.check_corruption() == (2,)
    assert await store.alarms() == (Alarm(2, AlarmType.CORRUPT),)
    for write in (
        store.put(b"k", b"w"),
        store.delete_range(b"k"),
        store.optimistic_put(b"n", b"v", 0),
        store.compact(2),
        store.grant(60),
    ):
        with pytest.raises(CorruptError, match="member 2 differs"):
            await write
    assert (await store.range(b"k")).count == 1
    assert "memberID:2 alarm:CORRUPT " in (await store.status()).errors
    assert await store.disarm(Alarm(2, AlarmType.CORRUPT)) == (Alarm(2, AlarmType.CORRUPT),)
    await store.put(b"k", b"w")
    assert (await store.status()).errors == ()


async def test_they_are_compared_again_and_again(cluster: Make) -> None:
    three = await cluster(3, corrupt_check=60.0)
    await three.store.put(b"k", b"v")
    await three.tick(3)
    damage(three, 3)
    for _ in range(130):
        three.clock.advance(0.5)
        await three.settle()
    assert await three.store.alarms() == (Alarm(3, AlarmType.CORRUPT),)


async def test_the_hash_of_a_large_key_space_leaves_turns_to_others(cluster: Make) -> None:
    one = await cluster(1)
    await asyncio.gather(*(one.store.put(b"k%d" % number, bytes(200_000)) for number in range(30)))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(others())
    made = await one.store.hash_kv()
    task.cancel()
    assert turns >= 3
    assert made == one.members[1].machine.hash_kv()
