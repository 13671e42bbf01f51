"""Ranges, puts and deletions (etcd's API reference, ``KV``)."""

from typing import Any

import pytest

from kube.store.errors import CompactedError, EmptyKeyError, FutureRevisionError
from kube.store.kv import ALL_KEYS_END, KeyValue, SortOrder, SortTarget
from tests.store.contract.conftest import World

ASCEND, DESCEND = SortOrder.ASCEND, SortOrder.DESCEND


async def fill(world: World) -> int:
    """Six writes: a, b, c, a again, d and its deletion. The revision before them."""
    store = world.store
    start = await store.current_revision()
    for key, value in ((b"a", b"3"), (b"b", b"2"), (b"c", b"1"), (b"a", b"4"), (b"d", b"0")):
        await store.put(world(key), value)
    await store.delete_range(world(b"d"))
    return start


def short(world: World, kvs: tuple[KeyValue, ...]) -> str:
    """The last letter of each key."""
    return "".join(kv.key.removeprefix(world.base).decode() for kv in kvs)


EVERYTHING: tuple[bytes, bytes | None] = (b"", None)
"""``None``: to the end of what is the test's."""

RANGES: list[Any] = [
    pytest.param((b"a", b""), {}, "a", 1, False, id="one key"),
    pytest.param((b"d", b""), {}, "", 0, False, id="a key that was deleted"),
    pytest.param((b"x", b""), {}, "", 0, False, id="a key that never was"),
    pytest.param(EVERYTHING, {}, "abc", 3, False, id="a prefix"),
    pytest.param((b"a", b"c"), {}, "ab", 2, False, id="up to a key, without it"),
    pytest.param((b"b", None), {}, "bc", 2, False, id="from a key on"),
    pytest.param((b"c", b"a"), {}, "", 0, False, id="an end before the start"),
    pytest.param((b"a", b"a"), {}, "", 0, False, id="an end that is the start"),
    pytest.param(EVERYTHING, {"limit": 2}, "ab", 3, True, id="a limit"),
    pytest.param(EVERYTHING, {"limit": 3}, "abc", 3, False, id="a limit that is just enough"),
    pytest.param(EVERYTHING, {"keys_only": True}, "abc", 3, False, id="keys only"),
    pytest.param(EVERYTHING, {"count_only": True}, "", 3, False, id="count only"),
    pytest.param(EVERYTHING, {"count_only": True, "limit": 1}, "", 3, False, id="count only, with a limit"),
    pytest.param(EVERYTHING, {"serializable": True}, "abc", 3, False, id="serializable"),
    pytest.param(EVERYTHING, {"sort_order": DESCEND}, "cba", 3, False, id="keys, downwards"),
    pytest.param(
        EVERYTHING, {"sort_target": SortTarget.VALUE, "sort_order": ASCEND}, "cba", 3, False, id="by value"
    ),
    pytest.param(
        EVERYTHING, {"sort_target": SortTarget.VALUE}, "cba", 3, False, id="by value, in no order: upwards"
    ),
    pytest.param(
        EVERYTHING, {"sort_target": SortTarget.MOD, "sort_order": DESCEND}, "acb", 3, False, id="by change"
    ),
    pytest.param(
        EVERYTHING,
        {"sort_target": SortTarget.CREATE, "sort_order": DESCEND},
        "cba",
        3,
        False,
        id="by creation",
    ),
    pytest.param(
        EVERYTHING,
        {"sort_target": SortTarget.VERSION, "sort_order": DESCEND, "limit": 1},
        "a",
        3,
        True,
        id="the most often written",
    ),
]


@pytest.mark.parametrize(("range_", "flags", "keys", "found", "more"), RANGES)
async def test_range(
    world: World, range_: tuple[bytes, bytes | None], flags: dict[str, Any], keys: str, found: int, more: bool
) -> None:
    start = await fill(world)
    first, last = range_
    end = world.all[1] if last is None else world(last) if last else b""
    result = await world.store.range(world(first), end, **flags)
    assert (short(world, result.kvs), result.count, result.more) == (keys, found, more)
    assert result.revision == start + 6
    assert all((kv.value == b"") == flags.get("keys_only", False) for kv in result.kvs)


async def test_filters_by_revision_leave_the_count_alone(world: World) -> None:
    start = await fill(world)
    cases = [
        ({"min_mod_revision": start + 3}, "ac"),
        ({"max_mod_revision": start + 3}, "bc"),
        ({"min_create_revision": start + 2}, "bc"),
        ({"max_create_revision": start + 2}, "ab"),
        ({"min_mod_revision": start + 2, "max_mod_revision": start + 3}, "bc"),
        ({"min_mod_revision": start + 2, "limit": 1}, "a"),
    ]
    for flags, keys in cases:
        result = await world.store.range(*world.all, **flags)
        assert (short(world, result.kvs), result.count) == (keys, 3), flags


async def test_the_past_can_be_read(world: World) -> None:
    start = await fill(world)
    states = []
    for revision in range(start + 1, start + 7):
        result = await world.store.range(*world.all, revision=revision)
        assert result.revision == start + 6
        states.append([(kv.key[-1:].decode(), kv.value.decode()) for kv in result.kvs])
    assert states == [
        [("a", "3")],
        [("a", "3"), ("b", "2")],
        [("a", "3"), ("b", "2"), ("c", "1")],
        [("a", "4"), ("b", "2"), ("c", "1")],
        [("a", "4"), ("b", "2"), ("c", "1"), ("d", "0")],
        [("a", "4"), ("b", "2"), ("c", "1")],
    ]


async def test_what_a_key_says_of_itself(world: World) -> None:
    start = await fill(world)
    [found] = (await world.store.range(world(b"a"))).kvs
    assert found == KeyValue(world(b"a"), b"4", start + 1, start + 4, 2, 0)
    await world.store.delete_range(world(b"a"))
    await world.store.put(world(b"a"), b"5")
    [found] = (await world.store.range(world(b"a"))).kvs
    assert found == KeyValue(world(b"a"), b"5", start + 8, start + 8, 1, 0)


async def test_a_range_from_a_key_to_the_end_of_everything(world: World) -> None:
    await fill(world)
    result = await world.store.range(world(b"b"), ALL_KEYS_END)
    assert short(world, result.kvs[:2]) == "bc"


async def test_put_answers_with_what_was_there(world: World) -> None:
    start, store = await world.store.current_revision(), world.store
    first = await store.put(world(b"k"), b"1", prev_kv=True)
    assert (first.revision, first.prev_kv) == (start + 1, None)
    second = await store.put(world(b"k"), b"2", prev_kv=True)
    assert second.prev_kv == KeyValue(world(b"k"), b"1", start + 1, start + 1, 1, 0)
    assert (await store.put(world(b"k"), b"3")).prev_kv is None


async def test_delete_range_says_what_it_deleted(world: World) -> None:
    start, store = await fill(world), world.store
    none = await store.delete_range(world(b"x"))
    assert (none.deleted, none.revision) == (0, start + 6)
    one = await store.delete_range(world(b"a"), prev_kv=True)
    assert (one.deleted, one.revision) == (1, start + 7)
    assert one.prev_kvs == (KeyValue(world(b"a"), b"4", start + 1, start + 4, 2, 0),)
    rest = await store.delete_range(*world.all)
    assert (rest.deleted, rest.revision, rest.prev_kvs) == (2, start + 8, ())


async def test_values_are_any_bytes(world: World) -> None:
    value, key = bytes(range(256)) * 64, world(bytes(range(1, 256)))
    await world.store.put(key, value)
    await world.store.put(world(b"empty"), b"")
    assert [kv.value for kv in (await world.store.range(*world.all)).kvs] == [value, b""]


async def test_many_keys(world: World) -> None:
    """More than one message or one page of anything."""
    from kube.store.kv import Put, Txn

    for start in range(0, 3000, 100):
        puts = tuple(Put(world(b"%05d" % number), b"x" * 500) for number in range(start, start + 100))
        await world.store.txn(Txn((), puts))
    result = await world.store.range(*world.all)
    assert [kv.key for kv in result.kvs] == [world(b"%05d" % number) for number in range(3000)]
    assert (await world.store.delete_range(*world.all)).deleted == 3000


async def test_compaction_takes_the_past_and_leaves_the_present(world: World) -> None:
    start, store = await fill(world), world.store
    await store.compact(start + 4)
    with pytest.raises(CompactedError) as refused:
        await store.range(world(b"a"), revision=start + 3)
    assert refused.value.revision == start + 3
    assert short(world, (await store.range(*world.all, revision=start + 4)).kvs) == "abc"
    assert short(world, (await store.range(*world.all)).kvs) == "abc"
    with pytest.raises(CompactedError):
        await store.compact(start + 4)
    with pytest.raises(CompactedError):
        await store.compact(start + 3)
    with pytest.raises(FutureRevisionError) as future:
        await store.compact(start + 7)
    assert future.value.revision == start + 7
    await store.compact(start + 6)
    assert short(world, (await store.range(*world.all)).kvs) == "abc"


async def test_the_future_cannot_be_read(world: World) -> None:
    revision = await world.store.current_revision()
    for future in (revision + 1, (1 << 63) - 1, (1 << 64) - 1):
        with pytest.raises(FutureRevisionError) as refused:
            await world.store.range(world(b"a"), revision=future)
        assert refused.value.revision == future


async def test_a_key_is_not_empty(world: World) -> None:
    store = world.store
    for request in (
        store.range(b""),
        store.put(b"", b"v"),
        store.delete_range(b""),
        store.optimistic_put(b"", b"v", 0),
        store.optimistic_delete(b"", 1),
        store.watch(b""),
    ):
        with pytest.raises(EmptyKeyError):
            await request
