"""Transactions, compare-and-swap, what a put may keep (etcd's API reference, ``KV.Txn``)."""

from typing import Any

import pytest

from kube.store.errors import (
    CompactedError,
    DuplicateKeyError,
    EmptyKeyError,
    FutureRevisionError,
    KeyNotFoundError,
    LeaseNotFoundError,
    LeaseProvidedError,
    RequestTooLargeError,
    StoreError,
    TooManyOpsError,
    ValueProvidedError,
)
from kube.store.kv import (
    MAX_REQUEST_BYTES,
    MAX_TXN_OPS,
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    DeleteRangeResult,
    KeyValue,
    Put,
    PutResult,
    Range,
    RangeResult,
    Txn,
    TxnResult,
    optimistic_put_txn,
)
from tests.store.contract.conftest import World

EQUAL, GREATER, LESS, NOT_EQUAL = CompareResult
VERSION, CREATE, MOD, VALUE, LEASE = CompareTarget

COMPARES: list[Any] = [
    pytest.param(VALUE, EQUAL, b"m", True, id="value equal"),
    pytest.param(VALUE, NOT_EQUAL, b"m", False, id="value not equal"),
    pytest.param(VALUE, GREATER, b"a", True, id="value greater"),
    pytest.param(VALUE, LESS, b"a", False, id="value less"),
    pytest.param(VERSION, EQUAL, 2, True, id="version equal"),
    pytest.param(VERSION, GREATER, 2, False, id="version greater"),
    pytest.param(VERSION, LESS, 3, True, id="version less"),
    pytest.param(VERSION, NOT_EQUAL, 3, True, id="version not equal"),
    pytest.param(LEASE, EQUAL, 0, True, id="no lease"),
    pytest.param(LEASE, GREATER, 0, False, id="some lease"),
]


async def succeeds(world: World, *compares: Compare) -> bool:
    return (await world.store.txn(Txn(compares))).succeeded


@pytest.mark.parametrize(("target", "result", "operand", "holds"), COMPARES)
async def test_compare(
    world: World, target: CompareTarget, result: CompareResult, operand: int | bytes, holds: bool
) -> None:
    for value in (b"x", b"m"):
        await world.store.put(world(b"k"), value)
    assert await succeeds(world, Compare(world(b"k"), target, result, operand)) is holds


async def test_comparisons_of_revisions(world: World) -> None:
    start = await world.store.current_revision()
    for _ in range(2):
        await world.store.put(world(b"k"), b"")
    key = world(b"k")
    assert await succeeds(
        world,
        Compare(key, CREATE, EQUAL, start + 1),
        Compare(key, MOD, EQUAL, start + 2),
        Compare(key, MOD, GREATER, start + 1),
        Compare(key, MOD, LESS, start + 3),
    )
    assert not await succeeds(
        world, Compare(key, CREATE, EQUAL, start + 1), Compare(key, MOD, LESS, start + 2)
    )


ABSENT: list[Any] = [
    pytest.param(VERSION, EQUAL, 0, True, id="version 0"),
    pytest.param(CREATE, EQUAL, 0, True, id="create 0"),
    pytest.param(MOD, LESS, 1, True, id="mod below 1"),
    pytest.param(LEASE, EQUAL, 0, True, id="lease 0"),
    pytest.param(VALUE, EQUAL, b"", False, id="value empty"),
    pytest.param(VALUE, NOT_EQUAL, b"x", False, id="value other"),
]


@pytest.mark.parametrize(("target", "result", "operand", "holds"), ABSENT)
async def test_compare_of_a_key_that_is_absent(
    world: World, target: CompareTarget, result: CompareResult, operand: int | bytes, holds: bool
) -> None:
    assert await succeeds(world, Compare(world(b"none"), target, result, operand)) is holds


async def test_a_comparison_of_a_range_is_true_of_all(world: World) -> None:
    start, end = world.all
    for key in (b"a", b"b"):
        await world.store.put(world(key), key)
    assert await succeeds(world, Compare(start, VERSION, EQUAL, 1, end))
    assert await succeeds(world, Compare(start, VALUE, LESS, b"c", end))
    assert not await succeeds(world, Compare(start, VALUE, EQUAL, b"a", end))
    assert await succeeds(world, Compare(world(b"x"), VERSION, EQUAL, 0, end))


async def test_a_txn_is_one_revision_and_sees_its_own_writes(world: World) -> None:
    store, start = world.store, await world.store.current_revision()
    key, other = world(b"k"), world(b"l")
    result = await store.txn(
        Txn(
            (Compare(key, VERSION, EQUAL, 0),),
            (
                Range(key),
                Put(key, b"1"),
                Range(key),
                Put(other, b"2", prev_kv=True),
                DeleteRange(world(b"none")),
            ),
            (Range(key),),
        )
    )
    made = KeyValue(key, b"1", start + 1, start + 1, 1, 0)
    assert (result.succeeded, result.revision) == (True, start + 1)
    before, put, after, second, deleted = result.responses
    assert isinstance(before, RangeResult)
    assert isinstance(after, RangeResult)
    assert (before.kvs, after.kvs) == ((), (made,))
    assert isinstance(put, PutResult)
    assert isinstance(second, PutResult)
    assert second.prev_kv is None
    assert isinstance(deleted, DeleteRangeResult)
    assert deleted.deleted == 0
    again = await store.txn(Txn((Compare(key, VERSION, EQUAL, 0),), (Put(key, b"2"),), (Range(key),)))
    assert (again.succeeded, again.revision) == (False, start + 1)
    [found] = again.responses
    assert isinstance(found, RangeResult)
    assert found.kvs == (made,)


async def test_a_txn_that_changes_nothing_makes_no_revision(world: World) -> None:
    start = await world.store.current_revision()
    result = await world.store.txn(Txn((), (DeleteRange(*world.all), Range(world(b"k")))))
    assert result.revision == start == await world.store.current_revision()


async def test_nested_txns_take_their_own_branch(world: World) -> None:
    store, start = world.store, await world.store.current_revision()
    await store.put(world(b"a"), b"1")
    inner = Txn(
        (Compare(world(b"a"), VALUE, EQUAL, b"1"),),
        (
            Put(world(b"b"), b"yes"),
            Txn((Compare(world(b"b"), VERSION, GREATER, 0),), (), (Put(world(b"c"), b"c"),)),
        ),
        (Put(world(b"b"), b"no"),),
    )
    result = await store.txn(Txn((), (inner, Range(*world.all, limit=1))))
    assert result.revision == start + 2
    nested, listed = result.responses
    assert isinstance(nested, TxnResult)
    assert nested.succeeded
    deepest = nested.responses[1]
    assert isinstance(deepest, TxnResult)
    assert not deepest.succeeded  # all comparisons are made before anything is done
    assert isinstance(listed, RangeResult)
    assert (listed.count, listed.more) == (3, True)
    values = [kv.value for kv in (await store.range(*world.all)).kvs]
    assert values == [b"1", b"yes", b"c"]


def k(name: bytes) -> bytes:
    return b"BASE" + name


REFUSED: list[Any] = [
    pytest.param(Txn((), (Put(k(b"a"), b""), Put(k(b"a"), b""))), DuplicateKeyError, id="one key put twice"),
    pytest.param(
        Txn((), (), (Put(k(b"a"), b""), Put(k(b"a"), b""))),
        DuplicateKeyError,
        id="one key put twice in the other branch",
    ),
    pytest.param(
        Txn((), (Put(k(b"a"), b""), DeleteRange(k(b""), k(b"z")))), DuplicateKeyError, id="put and deleted"
    ),
    pytest.param(
        Txn((), (Put(k(b"a"), b""), Txn((), (Put(k(b"a"), b""),)))),
        DuplicateKeyError,
        id="put twice, once nested",
    ),
    pytest.param(
        Txn((), (Put(k(b"a"), b""), Txn((), (), (DeleteRange(k(b"a")),)))),
        DuplicateKeyError,
        id="put, and deleted in a nested branch",
    ),
    pytest.param(
        Txn((), (Txn((), (Put(k(b"a"), b""),)), Txn((), (Put(k(b"a"), b""),)))),
        DuplicateKeyError,
        id="put by two nested txns",
    ),
    pytest.param(Txn((), (Put(b"", b""),)), EmptyKeyError, id="an empty key"),
    pytest.param(Txn((Compare(b"", VERSION, EQUAL, 0),)), EmptyKeyError, id="a comparison of the empty key"),
    pytest.param(
        Txn((), tuple(Put(k(b"%d" % n), b"") for n in range(MAX_TXN_OPS + 1))),
        TooManyOpsError,
        id="too many ops",
    ),
    pytest.param(
        Txn(tuple(Compare(k(b"%d" % n), VERSION, EQUAL, 0) for n in range(MAX_TXN_OPS + 1))),
        TooManyOpsError,
        id="too many comparisons",
    ),
    pytest.param(
        Txn((), (Put(k(b"a"), b"", lease=404),)), LeaseNotFoundError, id="a lease that is not there"
    ),
    pytest.param(Txn((), (Put(k(b"a"), b"", ignore_value=True),)), KeyNotFoundError, id="no value to keep"),
    pytest.param(
        Txn((), (Put(k(b"a"), b"v", ignore_value=True),)),
        ValueProvidedError,
        id="a value beside the one to keep",
    ),
    pytest.param(
        Txn((), (Put(k(b"a"), b"", lease=1, ignore_lease=True),)),
        LeaseProvidedError,
        id="a lease beside the one to keep",
    ),
    pytest.param(
        Txn((), (Put(k(b"b"), b""), Range(k(b"b"), revision=1 << 40))),
        FutureRevisionError,
        id="a read of the future",
    ),
]


def based(world: World, op: Any) -> Any:
    """The op with the test's own keys in the place of BASE."""
    from msgspec.structs import replace

    if isinstance(op, Txn):
        return Txn(
            tuple(based(world, each) for each in op.compares),
            tuple(based(world, each) for each in op.success),
            tuple(based(world, each) for each in op.failure),
        )
    changed = {"key": op.key.replace(b"BASE", world.base)}
    if getattr(op, "range_end", b""):
        changed["range_end"] = op.range_end.replace(b"BASE", world.base)
    return replace(op, **changed)


@pytest.mark.parametrize(("txn", "error"), REFUSED)
async def test_what_is_refused_does_nothing(world: World, txn: Txn, error: type[StoreError]) -> None:
    start = await world.store.current_revision()
    with pytest.raises(error) as refused:
        await world.store.txn(based(world, txn))
    assert not refused.value.maybe_applied
    assert await world.store.current_revision() == start
    assert (await world.store.range(*world.all)).count == 0


async def test_the_branches_of_one_txn_may_write_the_same_key(world: World) -> None:
    key = world(b"k")
    result = await world.store.txn(
        Txn((), (Txn((), (Put(key, b"1"),), (Put(key, b"2"),)),), (Put(key, b"3"),))
    )
    assert result.succeeded
    assert [kv.value for kv in (await world.store.range(key)).kvs] == [b"1"]


async def test_a_read_of_what_is_compacted_fails_the_txn(world: World) -> None:
    store = world.store
    revisions = [(await store.put(world(b"k"), b"")).revision for _ in range(3)]
    await store.compact(revisions[2])
    with pytest.raises(CompactedError):
        await store.txn(Txn((), (Put(world(b"l"), b""), Range(world(b"k"), revision=revisions[0]))))
    assert (await store.range(world(b"l"))).count == 0


async def test_as_many_ops_as_are_allowed(world: World) -> None:
    start = await world.store.current_revision()
    puts = tuple(Put(world(b"%d" % number), b"") for number in range(MAX_TXN_OPS))
    assert (await world.store.txn(Txn((), puts))).revision == start + 1
    assert (await world.store.range(*world.all)).count == MAX_TXN_OPS


async def test_a_put_may_keep_the_value_or_the_lease(world: World) -> None:
    store, key = world.store, world(b"k")
    lease = await store.grant(60, world.lease())
    await store.put(key, b"v", lease.id)
    await store.put(key, b"w", ignore_lease=True)
    [kept] = (await store.range(key)).kvs
    assert (kept.value, kept.lease, kept.version) == (b"w", lease.id, 2)
    await store.put(key, b"", ignore_value=True)
    [kept] = (await store.range(key)).kvs
    assert (kept.value, kept.lease, kept.version) == (b"w", 0, 3)
    for refusal, request in (
        (KeyNotFoundError, store.put(world(b"none"), b"", ignore_value=True)),
        (KeyNotFoundError, store.put(world(b"none"), b"v", ignore_lease=True)),
        (ValueProvidedError, store.put(key, b"v", ignore_value=True)),
        (LeaseProvidedError, store.put(key, b"v", lease.id, ignore_lease=True)),
    ):
        with pytest.raises(refusal):
            await request
    await store.revoke(lease.id)


async def test_optimistic_put_and_delete(world: World) -> None:
    store, key, start = world.store, world(b"k"), await world.store.current_revision()
    made = await store.optimistic_put(key, b"1", 0)
    assert (made.succeeded, made.revision, made.kv) == (True, start + 1, None)
    again = await store.optimistic_put(key, b"2", 0)
    first = KeyValue(key, b"1", start + 1, start + 1, 1, 0)
    assert (again.succeeded, again.revision, again.kv) == (False, start + 1, first)
    swapped = await store.optimistic_put(key, b"2", start + 1)
    assert (swapped.succeeded, swapped.revision) == (True, start + 2)
    stale = await store.optimistic_delete(key, start + 1)
    assert (stale.succeeded, stale.kv) == (False, KeyValue(key, b"2", start + 1, start + 2, 2, 0))
    gone = await store.optimistic_delete(key, start + 2)
    assert (gone.succeeded, gone.revision) == (True, start + 3)
    for missing in (store.optimistic_delete(key, start + 2), store.optimistic_put(key, b"3", start + 2)):
        result = await missing
        assert (result.succeeded, result.revision, result.kv) == (False, start + 3, None)
    with pytest.raises(LeaseNotFoundError):
        await store.optimistic_put(key, b"", 0, 404)


async def test_create_if_absent_as_a_txn(world: World) -> None:
    txn = optimistic_put_txn(world(b"k"), b"v", 0)
    assert (await world.store.txn(txn)).succeeded
    assert not (await world.store.txn(txn)).succeeded


async def test_a_request_has_a_largest_size(world: World) -> None:
    store = world.store
    half = b"x" * (MAX_REQUEST_BYTES // 2)
    await store.put(world(b"fits"), half)
    key = world(b"largest")
    value = b"x" * (
        MAX_REQUEST_BYTES - len(key) - 40
    )  # 24 for what etcd's log adds to it, and some for a prefix
    await store.put(key, value)
    await store.txn(Txn((), (Put(key, value[10:]),)))
    start = await store.current_revision()
    with pytest.raises(RequestTooLargeError):
        await store.put(key, value + b"x" * 18)
    with pytest.raises(RequestTooLargeError):
        await store.txn(Txn((), (Put(key, value + b"x" * 10),)))
    with pytest.raises(RequestTooLargeError):
        await store.put(world(b"k"), b"x" * (MAX_REQUEST_BYTES + 1))
    with pytest.raises(RequestTooLargeError):
        await store.txn(Txn((), (Put(world(b"a"), half), Put(world(b"b"), half + b"x" * 1000))))
    with pytest.raises(RequestTooLargeError):  # more than the transport takes, too
        await store.put(world(b"k"), b"x" * (8 * 1024 * 1024))
    assert await store.current_revision() == start
    assert len((await store.range(world(b"fits"))).kvs[0].value) == len(half)
