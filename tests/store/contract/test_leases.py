"""Leases (etcd's API reference, ``Lease``)."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from kube.store.errors import LeaseExistsError, LeaseNotFoundError, LeaseTTLTooLargeError
from kube.store.kv import EventType, Put, Txn
from tests.store.contract.conftest import World


async def test_grant_keep_alive_and_revoke(world: World) -> None:
    store, start = world.store, await world.store.current_revision()
    chosen = await store.grant(60)
    assert chosen.id > 0
    assert chosen.ttl == 60
    named = await store.grant(60, world.lease())
    assert {chosen.id, named.id} <= set(await store.leases())
    assert list(await store.leases()) == sorted(await store.leases())
    assert (await store.keep_alive(named.id)).ttl == 60
    assert await store.current_revision() == start
    for lease in (chosen.id, named.id):
        await store.revoke(lease)
    assert not {chosen.id, named.id} & set(await store.leases())


async def test_time_to_live(world: World) -> None:
    store = world.store
    lease = await store.grant(60, world.lease())
    for key in (b"b", b"a"):
        await store.put(world(key), b"", lease.id)
    status = await store.time_to_live(lease.id)
    assert (status.id, status.granted_ttl, status.keys) == (lease.id, 60, ())
    assert 50 < status.ttl <= 60
    assert (await store.time_to_live(lease.id, keys=True)).keys == (world(b"a"), world(b"b"))
    await store.revoke(lease.id)


async def test_a_lease_that_is_revoked_takes_its_keys_along_in_one_revision(world: World) -> None:
    store, start = world.store, await world.store.current_revision()
    lease, other = await store.grant(60, world.lease()), await store.grant(60, world.lease())
    await store.txn(Txn((), tuple(Put(world(b"%d" % n), b"", lease.id) for n in range(5))))
    await store.put(world(b"free"), b"")
    await store.put(world(b"1"), b"", other.id)  # another lease's from now on
    await store.put(world(b"2"), b"")  # nobody's
    await store.delete_range(world(b"3"))
    stream = await store.watch(*world.all, start + 6)
    await store.revoke(lease.id)
    kept = [kv.key.removeprefix(world.base) for kv in (await store.range(*world.all)).kvs]
    assert kept == [b"1", b"2", b"free"]
    batch = await stream.next()
    assert [(event.type, event.kv.key) for event in batch.events] == [
        (EventType.DELETE, world(b"0")),
        (EventType.DELETE, world(b"4")),
    ]
    assert {event.kv.mod_revision for event in batch.events} == {start + 6}
    assert await store.current_revision() == start + 6
    stream.cancel()
    await store.revoke(other.id)
    assert await store.current_revision() == start + 7


async def test_a_lease_without_keys_leaves_no_revision(world: World) -> None:
    store, start = world.store, await world.store.current_revision()
    lease = await store.grant(60, world.lease())
    await store.revoke(lease.id)
    assert await store.current_revision() == start


async def test_what_is_refused(world: World) -> None:
    store = world.store
    lease = await store.grant(60, world.lease())
    gone = world.lease()
    refusals: list[tuple[type[Exception], Callable[[], Awaitable[object]]]] = [
        (LeaseExistsError, lambda: store.grant(60, lease.id)),
        (LeaseTTLTooLargeError, lambda: store.grant(9_000_000_001)),
        (LeaseNotFoundError, lambda: store.revoke(gone)),
        (LeaseNotFoundError, lambda: store.keep_alive(gone)),
        (LeaseNotFoundError, lambda: store.time_to_live(gone)),
        (LeaseNotFoundError, lambda: store.put(world(b"k"), b"", gone)),
    ]
    for error, request in refusals:
        with pytest.raises(error) as refused:
            await request()
        assert not getattr(refused.value, "maybe_applied", True)
    await store.revoke(lease.id)


async def test_a_lease_expires_unless_it_is_kept_alive(world: World) -> None:
    store, start = world.store, await world.store.current_revision()
    short, kept = await store.grant(1, world.lease()), await store.grant(1, world.lease())
    await store.put(world(b"short"), b"", short.id)
    await store.put(world(b"kept"), b"", kept.id)
    stream = await store.watch(*world.all, start + 3)

    async def keep() -> None:
        while True:
            await store.keep_alive(kept.id)
            await asyncio.sleep(kept.ttl / 4)

    keeping = asyncio.ensure_future(keep())
    try:
        async with asyncio.timeout(short.ttl + 10):
            batch = await stream.next()
    finally:
        keeping.cancel()
    [event] = batch.events
    assert (event.type, event.kv.key, event.kv.mod_revision) == (EventType.DELETE, world(b"short"), start + 3)
    assert (await store.range(world(b"kept"))).count == 1
    with pytest.raises(LeaseNotFoundError):
        await store.keep_alive(short.id)
    stream.cancel()
    await store.revoke(kept.id)


async def test_many_keep_alives_at_once_get_their_own_answers(world: World) -> None:
    store = world.store
    leases = [await store.grant(60 + number, world.lease()) for number in range(5)]
    gone = world.lease()
    asked = [*(store.keep_alive(lease.id) for lease in leases for _ in range(10)), store.keep_alive(gone)]
    *answers, refused = await asyncio.gather(*asked, return_exceptions=True)
    assert answers == [lease for lease in leases for _ in range(10)]
    assert isinstance(refused, LeaseNotFoundError)
    for lease in leases:
        await store.revoke(lease.id)
