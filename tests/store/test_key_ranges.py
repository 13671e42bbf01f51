"""Sets of keys made of single keys and ranges, against the list of what they are made of."""

from hypothesis import given
from hypothesis import strategies as st

from kube.store.key_ranges import KeyRanges
from kube.store.kv import ALL_KEYS_END

KEYS = st.binary(min_size=1, max_size=2).map(lambda key: bytes(byte % 5 for byte in key))
PARTS = st.lists(st.tuples(KEYS, st.one_of(st.just(b""), KEYS, st.just(ALL_KEYS_END))), max_size=12)


def covers(part: tuple[bytes, bytes], key: bytes) -> bool:
    start, end = part
    if not end:
        return key == start
    return key >= start and (end == ALL_KEYS_END or key < end)


def ranges(parts: list[tuple[bytes, bytes]]) -> KeyRanges:
    made = KeyRanges()
    for start, end in parts:
        made.add(start, end)
    return made


@given(PARTS, st.lists(KEYS))
def test_a_key_is_in_when_a_part_covers_it(parts: list[tuple[bytes, bytes]], keys: list[bytes]) -> None:
    made = ranges(parts)
    assert [key in made for key in keys] == [any(covers(part, key) for part in parts) for key in keys]


@given(PARTS, PARTS, st.lists(KEYS))
def test_a_union_has_what_either_has(
    one: list[tuple[bytes, bytes]], other: list[tuple[bytes, bytes]], keys: list[bytes]
) -> None:
    made = ranges(one).union(ranges(other))
    parts = [*one, *other]
    assert [key in made for key in keys] == [any(covers(part, key) for part in parts) for key in keys]


def test_ranges_that_touch_are_one() -> None:
    made = ranges([(b"a", b"c"), (b"e", b"g"), (b"c", b"e")])
    assert len(made) == 1
    assert b"d" in made
    assert b"g" not in made
