"""Lookup by key finds exactly the ranges that hold the key."""

from hypothesis import given, settings
from hypothesis import strategies as st

from kube.store.kv import ALL_KEYS_END, prefix_end
from kube.store.mvcc.watch_index import WatchIndex

KEYS = st.binary(min_size=1, max_size=3)
RANGES = st.one_of(
    st.tuples(KEYS, st.just(b"")),
    KEYS.map(lambda key: (key, prefix_end(key))),
    st.tuples(KEYS, KEYS),
    st.tuples(KEYS, st.just(ALL_KEYS_END)),
    st.just((b"\0", ALL_KEYS_END)),
)


def holds(key: bytes, start: bytes, end: bytes) -> bool:
    if not end:
        return key == start
    return start <= key and (end == ALL_KEYS_END or key < end)


@given(st.lists(RANGES, max_size=12), st.lists(KEYS, max_size=8), st.data())
@settings(max_examples=200, deadline=None)
def test_finds_the_ranges_that_hold_a_key(ranges: list, keys: list[bytes], data: st.DataObject) -> None:
    index: WatchIndex[int] = WatchIndex()
    filed = dict(enumerate(ranges))
    for number, (start, end) in filed.items():
        index.add(start, end, number)
    for number in data.draw(st.lists(st.sampled_from(sorted(filed)), unique=True)) if filed else ():
        index.remove(*filed.pop(number), number)
    for key in [*keys, b"\0", b"\xff\xff"]:
        assert sorted(index.matching(key)) == [
            n for n, (start, end) in filed.items() if holds(key, start, end)
        ]
    for number, (start, end) in filed.items():
        index.remove(start, end, number)
    assert not index


def test_single_keys_come_first_then_prefixes_from_the_shortest_then_other_ranges() -> None:
    index: WatchIndex[str] = WatchIndex()
    for name, start, end in [
        ("range", b"a", b"c"),
        ("long", b"a/b/", b"a/b0"),
        ("all", b"\0", ALL_KEYS_END),
        ("key", b"a/b/c", b""),
        ("short", b"a", b"b"),
        ("other", b"a/a", b"a/b"),
    ]:
        index.add(start, end, name)
    assert index.matching(b"a/b/c") == ["key", "all", "short", "long", "range"]
    index.remove(b"a", b"b", "short")
    assert index.matching(b"a/b/c") == ["key", "all", "long", "range"]
