"""The log of changes against a plain list, and the sequences that it shares with snapshots."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.store.kv import KeyValue
from kube.store.mvcc.change_log import ChangeLog, Segments


def change(revision: int) -> KeyValue:
    return KeyValue(b"k", b"", revision, revision, 1, 0)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 4)),
        st.tuples(st.just("append"), st.integers(1, 4)),
        st.tuples(st.just("freeze"), st.just(0)),
        st.tuples(st.just("drop"), st.integers(0, 30)),
    ),
    max_size=30,
)


@given(STEPS)
@settings(max_examples=200, deadline=None)
def test_it_is_a_list_whose_positions_outlive_what_is_dropped(steps: list) -> None:
    log = ChangeLog()
    every: list[KeyValue] = []
    dropped = revision = 0
    frozen: list[tuple[Segments, list[KeyValue]]] = []
    for kind, argument in steps:
        if kind == "append":
            revision += 1 + argument % 2
            for _ in range(argument):  # all of one revision
                every.append(change(revision))
                log.tail.append(every[-1])
        elif kind == "freeze":
            frozen.append((log.freeze(), every[dropped:]))
        else:
            dropped = min(len(every), dropped + argument)
            log.drop_before(dropped)
    left = every[dropped:]
    assert list(log) == left
    assert (len(log), log.end) == (len(left), len(every))
    assert list(log.between(dropped, log.end)) == left
    middle = (dropped + log.end) // 2
    assert list(log.between(dropped, middle)) == every[dropped:middle]
    for wanted in range(revision + 2):
        first = next((at for at, kv in enumerate(every) if kv.mod_revision >= wanted), len(every))
        assert log.position(wanted) == max(first, dropped)
    for segments, held in frozen:
        assert segments == held


def test_what_is_frozen_stays_shared_until_it_is_dropped() -> None:
    log = ChangeLog([change(2), change(3)])
    first = log.freeze()
    log.tail.append(change(4))
    second = log.freeze()
    assert [kv.mod_revision for kv in first] == [2, 3]
    assert [kv.mod_revision for kv in second] == [2, 3, 4]
    assert all(one is other for one, other in zip(first, second, strict=False))


SEGMENTS = Segments([(change(2), change(3)), (), (change(4),), (change(5), change(6))])


@pytest.mark.parametrize(
    "at",
    [slice(None), slice(1, 4), slice(2, 3), slice(4, 2), slice(-2, None), slice(0, 99), slice(None, None, 2)],
    ids=str,
)
def test_slices_of_segments_are_those_of_a_tuple(at: slice) -> None:
    assert SEGMENTS[at] == tuple(SEGMENTS)[at]


@pytest.mark.parametrize("at", [0, 2, 4, -1, -5], ids=str)
def test_items_of_segments_are_those_of_a_tuple(at: int) -> None:
    assert SEGMENTS[at] == tuple(SEGMENTS)[at]


@pytest.mark.parametrize("at", [5, -6], ids=str)
def test_segments_end_where_a_tuple_does(at: int) -> None:
    with pytest.raises(IndexError):
        SEGMENTS[at]


def test_segments_are_equal_to_what_holds_the_same_in_the_same_order() -> None:
    plain = list(SEGMENTS)
    assert plain == SEGMENTS
    assert Segments([tuple(plain)]) == SEGMENTS
    assert plain[:-1] != SEGMENTS
    assert Segments([tuple(reversed(plain))]) != SEGMENTS
    assert Segments([]) == ()
