"""The log against a list, and the storage beneath it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.store.raft.log import RaftLog
from kube.store.raft.messages import ConfState, Entry, HardState, Snapshot
from kube.store.raft.storage import LogCompactedError, MemoryStorage


def entries(*terms: int, start: int = 1) -> list[Entry]:
    return [Entry(term, index, size=10) for index, term in enumerate(terms, start)]


def storage_with(*terms: int, compacted: int = 0) -> MemoryStorage:
    storage = MemoryStorage((1, 2, 3))
    storage.append(entries(*terms))
    if compacted:
        storage.save_snapshot(Snapshot(compacted, storage.term(compacted), ConfState((1, 2, 3))))
        storage.compact(compacted)
    return storage


def log_with(*terms: int, compacted: int = 0) -> RaftLog:
    return RaftLog(storage_with(*terms, compacted=compacted), committed=0, applied=0)


@pytest.mark.parametrize(
    ("index", "term", "up_to_date"),
    [
        pytest.param(9, 2, False, id="longer, older term"),
        pytest.param(1, 4, True, id="shorter, newer term"),
        pytest.param(3, 3, True, id="equal"),
        pytest.param(4, 3, True, id="longer"),
        pytest.param(2, 3, False, id="shorter"),
    ],
)
def test_up_to_date(index: int, term: int, up_to_date: bool) -> None:
    """Raft §5.4.1."""
    assert log_with(1, 2, 3).is_up_to_date(index, term) is up_to_date


@pytest.mark.parametrize(
    ("prev_index", "prev_term", "new", "accepted", "terms"),
    [
        pytest.param(3, 3, [4], True, [1, 2, 3, 4], id="after the last"),
        pytest.param(3, 3, [], True, [1, 2, 3], id="nothing"),
        pytest.param(3, 2, [4], False, [1, 2, 3], id="another term at prev"),
        pytest.param(4, 4, [4], False, [1, 2, 3], id="a gap"),
        pytest.param(0, 0, [1, 2, 3], True, [1, 2, 3], id="all of it again"),
        pytest.param(1, 1, [2], True, [1, 2, 3], id="a stale one keeps the tail"),
        pytest.param(1, 1, [4, 4], True, [1, 4, 4], id="a conflict cuts the tail"),
        pytest.param(1, 1, [2, 4, 4, 4], True, [1, 2, 4, 4, 4], id="a conflict further on"),
    ],
)
def test_append(prev_index: int, prev_term: int, new: list[int], accepted: bool, terms: list[int]) -> None:
    """Raft figure 2, AppendEntries, receiver 2 to 4."""
    log = log_with(1, 2, 3)
    assert log.maybe_append(prev_index, prev_term, entries(*new, start=prev_index + 1)) is accepted
    assert [log.term(index) for index in range(1, log.last_index + 1)] == terms
    assert log.last_term == terms[-1]


def test_a_committed_entry_is_never_replaced() -> None:
    log = log_with(1, 2, 3)
    log.commit_to(2)
    with pytest.raises(AssertionError, match="conflicts with the committed 2"):
        log.maybe_append(1, 1, entries(9, start=2))


def test_what_the_log_does_not_have_cannot_be_committed() -> None:
    with pytest.raises(AssertionError, match="does not have"):
        log_with(1).commit_to(2)


@pytest.mark.parametrize(
    ("index", "term", "found"),
    [
        pytest.param(6, 5, (6, 5), id="matches at the end"),
        pytest.param(9, 9, (6, 5), id="beyond the end"),
        pytest.param(6, 4, (5, 4), id="skips newer terms"),
        pytest.param(6, 3, (3, 2), id="skips several"),
        pytest.param(6, 0, (0, 0), id="nothing matches"),
    ],
)
def test_where_a_refused_append_may_match(index: int, term: int, found: tuple[int, int]) -> None:
    assert log_with(1, 2, 2, 4, 4, 5).find_conflict_by_term(index, term) == found


def test_what_is_compacted_can_be_told_apart() -> None:
    log = log_with(1, 2, 3, compacted=2)
    assert (log.first_index(), log.term(2), log.term(4)) == (3, 2, 0)
    with pytest.raises(LogCompactedError):
        log.term(1)
    with pytest.raises(LogCompactedError):
        log.entries(2, 4)
    assert not log.match_term(1, 1)
    assert log.find_conflict_by_term(3, 1) == (1, 0)


@pytest.mark.parametrize(
    ("low", "max_entries", "max_size", "count"),
    [
        pytest.param(1, 100, 100, 5, id="all"),
        pytest.param(4, 100, 100, 2, id="the tail"),
        pytest.param(1, 3, 100, 3, id="so many entries"),
        pytest.param(1, 100, 25, 2, id="so many bytes"),
        pytest.param(1, 100, 1, 1, id="at least one"),
        pytest.param(6, 100, 100, 0, id="none there"),
    ],
)
def test_portions(low: int, max_entries: int, max_size: int, count: int) -> None:
    assert len(log_with(1, 1, 1, 1, 1).entries_from(low, max_entries, max_size)) == count


def test_a_snapshot_takes_the_place_of_the_log() -> None:
    log = log_with(1, 2)
    log.append(entries(2, start=3))
    log.restore(Snapshot(10, 4, ConfState((1,))))
    assert (log.last_index, log.last_term, log.committed, log.first_index()) == (10, 4, 10, 11)
    assert log.take_unstable() == []
    assert log.take_committed(10) == []
    log.append(entries(5, start=11))
    log.storage.apply_snapshot(log.unstable_snapshot)  # type: ignore[attr-defined]
    log.stable_snapshot_to(10)
    assert log.applied == 10
    log.commit_to(11)
    assert [entry.index for entry in log.take_committed(10)] == [11]


class Reference:
    """Terms by index, how far they are stable, committed, applied."""

    def __init__(self) -> None:
        self.terms: list[int] = []
        self.committed = 0
        self.applied = 0


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("append"), st.integers(0, 8), st.lists(st.integers(0, 1), max_size=4)),
            st.tuples(st.just("commit"), st.floats(0, 1), st.none()),
            st.tuples(st.just("ready"), st.integers(1, 3), st.none()),
        ),
        max_size=30,
    )
)
@settings(max_examples=200, deadline=None)
def test_agrees_with_a_list(steps: list) -> None:
    storage = MemoryStorage((1,))
    log, reference = RaftLog(storage, 0, 0), Reference()
    applied: list[int] = []
    for kind, first, second in steps:
        if kind == "append":
            prev = min(reference.committed + first, len(reference.terms))
            term = reference.terms[prev - 1] if prev else 0
            new: list[int] = []
            for step in second:
                term = max(term + step, 1)
                new.append(term)
            assert log.maybe_append(
                prev, reference.terms[prev - 1] if prev else 0, entries(*new, start=prev + 1)
            )
            kept = reference.terms[prev:]
            if any(a != b for a, b in zip(kept, new, strict=False)) or len(new) > len(kept):
                reference.terms[prev:] = new
        elif kind == "commit":
            reference.committed += int(first * (len(reference.terms) - reference.committed))
            log.commit_to(reference.committed)
        else:
            unstable = log.take_unstable()
            committed = log.take_committed(first)
            storage.append(unstable)
            if unstable:
                log.stable_to(unstable[-1].index, unstable[-1].term)
            applied += [entry.index for entry in committed]
            assert len(committed) <= first
        assert [log.term(index) for index in range(1, log.last_index + 1)] == reference.terms
        assert [entry.term for entry in log.entries(1, log.last_index + 1)] == reference.terms
        assert (log.last_index, log.last_term) == (len(reference.terms), (reference.terms or [0])[-1])
    assert applied == list(range(1, len(applied) + 1))
    assert len(applied) <= reference.committed
    tail = log.take_unstable()
    storage.append(tail)
    assert [entry.term for entry in storage.entries(1, storage.last_index() + 1)] == reference.terms


def test_stable_storage_counts_its_bytes() -> None:
    storage = storage_with(1, 1, 1, 1, 1)
    assert storage.log_size == 50
    storage.append(entries(2, start=4))
    assert storage.log_size == 40
    storage.save_snapshot(Snapshot(2, 1))
    storage.compact(1)
    assert storage.log_size == 30
    storage.compact(1)
    storage.apply_snapshot(Snapshot(9, 3))
    assert (storage.log_size, storage.first_index(), storage.last_index()) == (0, 10, 9)


def test_stable_storage_refuses_what_would_lose_entries() -> None:
    storage = storage_with(1, 1, 1, compacted=2)
    with pytest.raises(AssertionError, match="gap"):
        storage.append(entries(1, start=5))
    with pytest.raises(LogCompactedError):
        storage.append(entries(1, start=2))
    with pytest.raises(AssertionError, match="not in the snapshot"):
        storage.compact(3)
    with pytest.raises(AssertionError, match="older"):
        storage.save_snapshot(Snapshot(1, 1))


def test_a_restart_finds_what_was_saved() -> None:
    storage = storage_with(1, 2, compacted=1)
    storage.save(HardState(3, 2, 2), entries(3, start=3), must_sync=True)
    assert storage.initial_state() == (HardState(3, 2, 2), ConfState((1, 2, 3)))
    log = RaftLog(storage, 2, 1)
    assert (log.first_index(), log.last_index, log.committed, log.applied) == (2, 3, 2, 1)


def test_a_log_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(AssertionError, match="out of order"):
        RaftLog(storage_with(1), committed=2, applied=0)
