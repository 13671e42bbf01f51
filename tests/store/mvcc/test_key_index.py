"""The lazily sorted key index agrees with a sorted list after any changes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from kube.store.kv import ALL_KEYS_END
from kube.store.mvcc import key_index
from kube.store.mvcc.key_index import KeyIndex

KEYS = st.binary(min_size=1, max_size=3)
ENDS = st.one_of(KEYS, st.just(ALL_KEYS_END))


def expected(present: dict[bytes, object], key: bytes, end: bytes) -> list[bytes]:
    return sorted(each for each in present if key <= each and (end == ALL_KEYS_END or each < end))


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("toggle"), st.lists(KEYS, max_size=40), st.none()),
            st.tuples(st.just("range"), KEYS, ENDS),
        ),
        max_size=30,
    ),
    st.sampled_from([1, 2, 512]),
)
@settings(max_examples=300, deadline=None)
def test_agrees_with_a_sorted_list(steps: list, chunk: int) -> None:
    saved, key_index._CHUNK = key_index._CHUNK, chunk
    try:
        present: dict[bytes, object] = {}
        index = KeyIndex(present)
        for kind, argument, end in steps:
            if kind == "toggle":
                for key in argument:
                    if present.pop(key, None) is None:
                        present[key] = 1
                    index.touch(key)
            else:
                wanted = expected(present, argument, end)
                assert index.between(argument, end) == wanted
                assert index.count_between(argument, end) == len(wanted)
                for limit in (1, 2, 1000):
                    assert index.first_between(argument, end, limit) == wanted[:limit]
    finally:
        key_index._CHUNK = saved


def test_starts_from_keys_that_are_there_already() -> None:
    index = KeyIndex({b"b": 1, b"a": 2})
    assert index.between(b"a", b"c") == [b"a", b"b"]


def test_many_changes_between_two_ranges_are_not_hoarded() -> None:
    present: dict[bytes, object] = {}
    index = KeyIndex(present)
    for number in range(10_000):
        key = b"%d" % number
        present[key] = 1
        index.touch(key)
        if number % 2:
            del present[key]
            index.touch(key)
    assert len(index._dirty) <= 1024
    assert index.count_between(b"\0", ALL_KEYS_END) == 5_000


def test_a_range_over_unchanged_keys_sorts_nothing(monkeypatch) -> None:
    present = {b"%05d" % number: 1 for number in range(5_000)}
    index = KeyIndex(present)
    index.between(b"0", b"1")
    monkeypatch.setattr(KeyIndex, "_settle", lambda _: (_ for _ in ()).throw(AssertionError("settled again")))
    assert index.between(b"00010", b"00012") == [b"00010", b"00011"]
