"""Status, hashes, alarms, members and backups (etcd's API reference, ``Maintenance`` and ``Cluster``)."""

import asyncio
import hashlib

import pytest

from kube.store.administration import Alarm, AlarmType, HashKV
from kube.store.errors import (
    FutureRevisionError,
    MemberNotFoundError,
    NoSpaceError,
    StoreError,
)
from kube.store.etcd3.store import Etcd3Store
from kube.store.kv import DeleteRange, Put, Range, Txn
from tests.store.contract.conftest import World


async def test_status(world: World) -> None:
    store = world.store
    revision = (await store.put(world(b"k"), b"x")).revision
    status = await store.status()
    members = await store.members()
    assert status.member in status.members
    assert status.leader in status.members
    assert status.members == tuple(member.id for member in members)
    assert status.revision >= revision - 1  # a member that is asked may be a little behind
    assert status.raft_index >= status.raft_applied_index > 0
    assert status.raft_term > 0
    assert status.keys >= 1
    assert status.db_size >= status.db_size_in_use > 0
    assert (status.is_learner, status.errors) == (False, ())
    assert store.member_id in status.members
    assert store.cluster_id > 0
    assert store.raft_term > 0


async def test_members(world: World) -> None:
    members = await world.store.members()
    assert len(members) in {1, 3}
    assert [member.id for member in members] == sorted({member.id for member in members})
    assert not any(member.is_learner for member in members)
    assert await world.store.members(linearizable=False) == members
    with pytest.raises((MemberNotFoundError, StoreError)) as refused:
        await world.store.remove_member(404)
    assert not refused.value.maybe_applied


async def hash_at(world: World, revision: int) -> HashKV:
    """Of whichever member is asked, as soon as it has the revision."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await world.store.hash_kv(revision)
            except FutureRevisionError:
                await asyncio.sleep(0.001)


async def test_the_hash_is_of_what_can_be_read(world: World) -> None:
    store = world.store
    first = (await store.put(world(b"a"), b"1")).revision
    before = await hash_at(world, first)
    assert (await hash_at(world, first)).hash == before.hash
    await store.put(world(b"a"), b"2")
    await store.put(world(b"a"), b"3")
    changed = await hash_at(world, first + 1)
    assert changed.hash != before.hash
    assert (await hash_at(world, first)).hash == before.hash  # what came later is no part of it
    with pytest.raises(FutureRevisionError):
        await store.hash_kv(first + 3)
    await store.compact(first + 1)
    known = await hash_at(world, first + 2)
    assert known.revision == first + 2
    async with asyncio.timeout(10):
        while known.compact_revision != first + 1:  # a member may be a little behind
            known = await hash_at(world, first + 2)


async def test_without_space_only_deletions_are_taken(world: World) -> None:
    store = world.store
    await store.put(world(b"a"), b"1")
    await store.put(world(b"b"), b"1")
    alarm = Alarm((await store.members())[0].id, AlarmType.NOSPACE)
    assert await store.alarms() == ()
    await store.raise_alarm(alarm)
    try:
        assert await store.alarms() == (alarm,)
        start = await store.current_revision()
        for refused in (
            store.put(world(b"c"), b"1"),
            store.optimistic_put(world(b"c"), b"1", 0),
            store.txn(Txn((), (Put(world(b"c"), b"1"),))),
            store.grant(60, world.lease()),
        ):
            with pytest.raises(NoSpaceError) as error:
                await refused
            # Over the network nobody can tell a refusal from a write that was applied as the last one.
            assert error.value.maybe_applied is isinstance(store, Etcd3Store)
        assert await store.current_revision() == start
        assert (await store.range(*world.all)).count == 2
        assert (await store.delete_range(world(b"a"))).deleted == 1
        assert (
            await store.txn(Txn((), (DeleteRange(world(b"b")), Range(world(b"b")))))
        ).revision == start + 2
        await store.compact(start + 1)
    finally:
        assert await store.disarm(Alarm(0, AlarmType.NONE)) == (alarm,)
    assert await store.alarms() == ()
    assert (await store.put(world(b"c"), b"1")).revision == start + 3


async def test_a_backup_is_whole_and_says_so(world: World) -> None:
    """A multiple of 512 bytes, then their SHA-256."""
    value = bytes(range(256)) * 40
    for number in range(10):
        await world.store.put(world(b"%d" % number), value)
    pieces = [piece async for piece in world.store.snapshot()]
    assert all(0 < len(piece) <= 64 * 1024 for piece in pieces)
    data = b"".join(pieces)
    content, digest = data[:-32], data[-32:]
    assert len(content) % 512 == 0
    assert hashlib.sha256(content).digest() == digest
    assert len(content) > 10 * len(value)


async def test_defragment_changes_nothing(world: World) -> None:
    revision = (await world.store.put(world(b"k"), b"v")).revision
    before = await hash_at(world, revision)
    await world.store.defragment()
    assert (await hash_at(world, revision)).hash == before.hash
    assert (await world.store.range(world(b"k"))).count == 1
