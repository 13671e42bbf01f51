"""Histories of a store that are right, and the same with one lie in them."""

import pytest

from kube.simulation.history import History, KeepAlive
from kube.store.errors import LeaseNotFoundError, NoLeaderError, RequestTimeoutError
from kube.store.kv import KeyValue, LeaseGrant, Put, PutResult, Range, RangeResult
from kube.store.requests import LeaseGrantRequest, LeaseRevokeRequest
from kube.testing.checkers.consistency import check_history
from kube.testing.checkers.leases import check_leases
from kube.testing.checkers.replay import Replay
from kube.testing.checkers.violation import ViolationError

A1 = KeyValue(b"a", b"1", 2, 2, 1, 0)
A2 = KeyValue(b"a", b"2", 2, 3, 2, 0)


class Run:
    def __init__(self) -> None:
        self.history = History()
        self.replay = Replay()

    def put(self, value: bytes, revision: int) -> None:
        operation = self.history.begin(1, Put(b"a", value), 0.0)
        self.replay.commit(operation.request)
        self.history.answered(operation, PutResult(revision), 0.0)

    def get(self, result: RangeResult, *, revision: int = 0, serializable: bool = False) -> None:
        operation = self.history.begin(2, Range(b"a", b"", revision), 0.0, serializable=serializable)
        self.history.answered(operation, result, 0.0)

    def check(self) -> int:
        return check_history(self.history, self.replay)


@pytest.fixture
def run() -> Run:
    made = Run()
    made.put(b"1", 2)
    made.put(b"2", 3)
    return made


def test_a_history_that_is_right(run: Run) -> None:
    run.get(RangeResult((A2,), 1, False, 3))
    run.get(RangeResult((A1,), 1, False, 3), revision=2)
    run.get(RangeResult((A1,), 1, False, 2), serializable=True)
    assert run.check() == 4


@pytest.mark.parametrize(
    ("result", "revision", "serializable", "promise"),
    [
        (RangeResult((A1,), 1, False, 2), 0, False, "strict serializability"),
        (RangeResult((A1,), 1, False, 3), 0, False, "strict serializability"),
        (RangeResult((A2,), 1, False, 3), 2, False, "its revision held"),
        (RangeResult((A2,), 1, False, 2), 0, True, "its revision held"),
        (RangeResult((A2,), 1, False, 9), 0, True, "committed data only"),
    ],
    ids=["stale", "wrong-value", "wrong-past", "wrong-stale", "future"],
)
def test_a_wrong_read_is_found(
    run: Run, result: RangeResult, revision: int, serializable: bool, promise: str
) -> None:
    run.get(result, revision=revision, serializable=serializable)
    with pytest.raises(ViolationError, match=promise):
        run.check()


def test_a_write_that_is_lost_is_found(run: Run) -> None:
    operation = run.history.begin(1, Put(b"a", b"3"), 0.0)
    run.history.answered(operation, PutResult(4), 0.0)
    with pytest.raises(ViolationError, match="strict serializability"):
        run.check()


def test_a_write_that_nobody_answered_may_have_happened_or_not(run: Run) -> None:
    for value in (b"3", b"4"):
        operation = run.history.begin(1, Put(b"a", value), 0.0)
        run.history.refused(operation, RequestTimeoutError(), 0.0)
    run.replay.commit(Put(b"a", b"4"))
    run.get(RangeResult((KeyValue(b"a", b"4", 2, 4, 3, 0),), 1, False, 4))
    assert run.check() == 4


def test_a_write_that_happened_twice_is_found(run: Run) -> None:
    run.replay.commit(Put(b"a", b"2"))
    with pytest.raises(ViolationError, match="at most once"):
        run.check()


def test_a_write_that_was_refused_and_happened_is_found(run: Run) -> None:
    operation = run.history.begin(1, Put(b"a", b"3"), 0.0)
    run.history.refused(operation, NoLeaderError(), 0.0)
    run.replay.commit(operation.request)
    with pytest.raises(ViolationError, match="refused"):
        run.check()


def test_a_lease_that_has_ended_may_be_the_stores_doing() -> None:
    made = Run()
    grant = made.history.begin(1, LeaseGrantRequest(7, 2), 0.0)
    made.history.answered(grant, LeaseGrant(7, 2), 0.0)
    made.replay.commit(grant.request)
    made.replay.commit(LeaseRevokeRequest(7))
    put = made.history.begin(1, Put(b"a", b"1", 7), 3.0)
    made.history.refused(put, LeaseNotFoundError(7), 3.0)
    assert made.check() == 3
    check_leases(made.history, made.replay, [0.0, 0.0, 2.5], fastest=1.0)
    with pytest.raises(ViolationError, match="as long as it was granted"):
        check_leases(made.history, made.replay, [0.0, 0.0, 1.9], fastest=1.0)
    kept = made.history.begin(1, KeepAlive(7), 1.0)
    made.history.answered(kept, LeaseGrant(7, 2), 1.1)
    with pytest.raises(ViolationError, match="as long as it was granted"):
        check_leases(made.history, made.replay, [0.0, 0.0, 2.5], fastest=1.0)
