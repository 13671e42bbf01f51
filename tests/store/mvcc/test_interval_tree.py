"""The intervals that hold a key are found, without looking at the others."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.store.mvcc.interval_tree import IntervalTree

KEYS = st.binary(max_size=2)
INTERVALS = st.tuples(KEYS, KEYS)
"""Empty ones too: a client may ask for them."""


@given(st.lists(INTERVALS, unique=True, max_size=40), st.lists(KEYS, max_size=8), st.randoms())
@settings(max_examples=200, deadline=None)
def test_finds_the_intervals_that_hold_a_key(
    intervals: list[tuple[bytes, bytes]], keys: list[bytes], order: random.Random
) -> None:
    tree: IntervalTree[tuple[bytes, bytes]] = IntervalTree()
    for start, end in intervals:
        tree.add(start, end, (start, end))
    left = list(intervals)
    order.shuffle(left)
    while True:
        for key in keys:
            assert tree.holding(key) == sorted((start, end) for start, end in left if start <= key < end)
        assert bool(tree) == bool(left)
        if not left:
            break
        tree.remove(*left.pop())


def test_what_is_not_there_can_not_be_removed() -> None:
    tree: IntervalTree[None] = IntervalTree()
    tree.add(b"a", b"c", None)
    with pytest.raises(KeyError):
        tree.remove(b"a", b"b")


class Counted(bytes):
    """A key that counts with what it is compared."""

    compared = 0

    def __lt__(self, other: bytes) -> bool:
        Counted.compared += 1
        return bytes.__lt__(self, other)

    def __gt__(self, other: bytes) -> bool:
        Counted.compared += 1
        return bytes.__gt__(self, other)


def beside(number: int) -> tuple[bytes, bytes]:
    return b"%04d" % number, b"%04d!" % number


def nested(number: int) -> tuple[bytes, bytes]:
    """All but the last few end before the key that is looked for."""
    return b"1%04d" % number, b"3%04d" % (1999 - number)


def far_behind(number: int) -> tuple[bytes, bytes]:
    return b"9%04d" % number, b"99"


@pytest.mark.parametrize("shape", [beside, nested, far_behind])
@pytest.mark.parametrize("order", ["rising", "falling", "mixed"])
def test_many_intervals_cost_a_few_comparisons_and_those_that_match(shape: object, order: str) -> None:
    numbers = list(range(2_000))
    if order == "falling":
        numbers.reverse()
    elif order == "mixed":
        random.Random(1).shuffle(numbers)
    assert callable(shape)
    intervals = [shape(number) for number in numbers]
    tree: IntervalTree[tuple[bytes, bytes]] = IntervalTree()
    for interval in intervals:
        tree.add(*interval, interval)
    for interval in intervals[: len(intervals) // 2]:
        tree.remove(*interval)
    key = Counted(b"31990")
    Counted.compared = 0
    found = tree.holding(key)
    compared = Counted.compared
    assert found == sorted(each for each in intervals[len(intervals) // 2 :] if each[0] <= key < each[1])
    assert len(found) < 20
    assert compared < 40 * (len(found) + 1)
