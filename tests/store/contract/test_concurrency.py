"""Many clients at once: strictly serializable, one revision per write."""

import asyncio

from kube.store.kv import Compare, CompareResult, CompareTarget, Put, Txn
from tests.store.contract.conftest import World

CLIENTS, WRITES = 16, 25


async def test_every_write_has_a_revision_of_its_own(world: World) -> None:
    store, start = world.store, await world.store.current_revision()
    stream = await store.watch(*world.all)

    async def client(number: int) -> list[int]:
        return [(await store.put(world(b"%d" % number), b"%d" % each)).revision for each in range(WRITES)]

    revisions = await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    for of_client in revisions:
        assert of_client == sorted(of_client)
    total = CLIENTS * WRITES
    assert sorted(each for of_client in revisions for each in of_client) == list(
        range(start + 1, start + total + 1)
    )
    seen: list[int] = []
    async with asyncio.timeout(30):
        while len(seen) < total:
            seen += [event.kv.mod_revision for event in (await stream.next()).events]
    assert seen == list(range(start + 1, start + total + 1))
    stream.cancel()


async def test_no_increment_is_lost(world: World) -> None:
    """A counter that many raise by compare-and-swap."""
    store, key = world.store, world(b"counter")
    await store.put(key, b"0")

    async def client() -> None:
        done = 0
        while done < 10:
            [now] = (await store.range(key)).kvs
            swapped = await store.optimistic_put(key, b"%d" % (int(now.value) + 1), now.mod_revision)
            done += swapped.succeeded

    await asyncio.gather(*(client() for _ in range(8)))
    [counted] = (await store.range(key)).kvs
    assert (counted.value, counted.version) == (b"80", 81)


async def test_one_of_many_creates(world: World) -> None:
    results = await asyncio.gather(
        *(world.store.optimistic_put(world(b"k"), b"%d" % number, 0) for number in range(20))
    )
    [winner] = [number for number, result in enumerate(results) if result.succeeded]
    [found] = (await world.store.range(world(b"k"))).kvs
    assert found.value == b"%d" % winner
    assert {result.kv for result in results if not result.succeeded} == {found}


async def test_a_read_is_as_new_as_any_write_that_was_acknowledged(world: World) -> None:
    store, key = world.store, world(b"k")
    acknowledged = 0

    async def writer() -> None:
        nonlocal acknowledged
        for number in range(1, 101):
            await store.put(key, b"%d" % number)
            acknowledged = number

    async def reader() -> None:
        while acknowledged < 100:
            least = acknowledged
            kvs = (await store.range(key)).kvs
            assert (int(kvs[0].value) if kvs else 0) >= least
            await asyncio.sleep(0)

    async with asyncio.timeout(60):
        await asyncio.gather(writer(), *(reader() for _ in range(4)))


async def test_txns_are_atomic(world: World) -> None:
    """Money moves between two accounts; the sum never changes, whoever looks."""
    store, a, b = world.store, world(b"a"), world(b"b")
    await store.txn(Txn((), (Put(a, b"50"), Put(b, b"50"))))
    moving = True

    async def move(amount: int) -> None:
        done = 0
        while done < 10:
            found = {kv.key: kv for kv in (await store.range(*world.all)).kvs}
            compares = tuple(
                Compare(kv.key, CompareTarget.MOD, CompareResult.EQUAL, kv.mod_revision)
                for kv in found.values()
            )
            puts = (
                Put(a, b"%d" % (int(found[a].value) - amount)),
                Put(b, b"%d" % (int(found[b].value) + amount)),
            )
            done += (await store.txn(Txn(compares, puts))).succeeded

    async def look() -> None:
        while moving:
            kvs = (await store.range(*world.all)).kvs
            assert sum(int(kv.value) for kv in kvs) == 100
            await asyncio.sleep(0)

    looking = asyncio.ensure_future(look())
    await asyncio.gather(*(move(amount) for amount in (1, -2, 3, -4)))
    moving = False
    await looking
    assert [int(kv.value) for kv in (await store.range(*world.all)).kvs] == [70, 30]


async def test_serializable_reads_are_of_some_revision_there_was(world: World) -> None:
    store = world.store
    written = {
        (await store.put(world(b"k"), b"%d" % number)).revision: b"%d" % number for number in range(10)
    }
    result = await store.range(world(b"k"), serializable=True)
    assert all(written[kv.mod_revision] == kv.value for kv in result.kvs)
    assert result.revision >= max((kv.mod_revision for kv in result.kvs), default=0)


async def test_cancelled_requests_leave_the_others_alone(world: World) -> None:
    store = world.store
    tasks = [asyncio.ensure_future(store.put(world(b"%03d" % number), b"")) for number in range(100)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert not any(isinstance(result, BaseException) for result in results[1::2])
    there = {kv.key for kv in (await store.range(*world.all)).kvs}
    assert {world(b"%03d" % number) for number in range(1, 100, 2)} <= there


async def test_the_revision_is_as_new_as_any_write_that_was_acknowledged_however_many_ask(
    world: World,
) -> None:
    store = world.store
    acknowledged, writing = await store.current_revision(), True

    async def writer() -> None:
        nonlocal acknowledged, writing
        for _ in range(50):
            acknowledged = (await store.put(world(b"k"), b"")).revision
        writing = False

    async def reader() -> None:
        while writing:
            least = acknowledged
            assert await store.current_revision() >= least
            await asyncio.sleep(0)

    async with asyncio.timeout(60):
        await asyncio.gather(writer(), *(reader() for _ in range(40)))
