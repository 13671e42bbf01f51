"""What the checker of raft's promises says of storages and messages that break them; the rest is shown by planted bugs."""

from types import SimpleNamespace
from typing import cast

import pytest

from kube.store.member import Member
from kube.store.raft.log import RaftLog
from kube.store.raft.messages import (
    AppendEntries,
    AppendResponse,
    ConfState,
    Entry,
    HardState,
    Snapshot,
    VoteResponse,
)
from kube.store.raft.raft import Role
from kube.store.raft.storage import MemoryStorage
from kube.testing.checkers.raft import RaftChecker, overlap
from kube.testing.checkers.replay import Replay
from kube.testing.checkers.violation import ViolationError


@pytest.fixture
def checker() -> RaftChecker:
    made = RaftChecker(lambda: 0.0, Replay())
    for member in (1, 2, 3):
        made.begins(member)
    return made


def test_an_index_and_a_term_name_one_entry(checker: RaftChecker) -> None:
    checker.saved(1, None, [Entry(1, 1, "a"), Entry(1, 2, "b")])
    checker.saved(2, None, [Entry(1, 1, "a"), Entry(1, 2, "b")])
    with pytest.raises(ViolationError, match="log matching"):
        checker.saved(3, None, [Entry(1, 1, "a"), Entry(1, 2, "c")])


def test_a_log_has_no_gaps(checker: RaftChecker) -> None:
    with pytest.raises(ViolationError, match="log matching"):
        checker.saved(1, None, [Entry(1, 2)])


def test_terms_grow_and_have_one_vote(checker: RaftChecker) -> None:
    checker.saved(1, HardState(3, 2), [])
    checker.settled(1)
    with pytest.raises(ViolationError, match="terms grow"):
        checker.saved(1, HardState(2, 2), [])
    checker.saved(1, HardState(3, 3), [])
    with pytest.raises(ViolationError, match="one vote"):
        checker.settled(1)


def test_a_vote_that_was_never_kept_does_not_count(checker: RaftChecker) -> None:
    checker.saved(1, HardState(3, 2), [])
    checker.saved(1, HardState(3, 3), [])
    checker.settled(1)


@pytest.mark.parametrize("settled", [False, True], ids=["in-memory-alone", "kept"])
@pytest.mark.parametrize(
    "message",
    [AppendResponse(2, 1, 1, 1), VoteResponse(2, 1, 1, rejected=False)],
    ids=["acknowledgement", "vote"],
)
def test_what_a_message_promises_is_kept_before(
    checker: RaftChecker, message: AppendResponse | VoteResponse, settled: bool
) -> None:
    checker.saved(1, HardState(1, 2), [Entry(1, 1)])
    if settled:
        checker.settled(1)
        checker.sent(message)
    else:
        with pytest.raises(ViolationError, match="persist before send"):
            checker.sent(message)


def test_what_a_newer_leader_has_replaced_was_promised_before(checker: RaftChecker) -> None:
    """A member that was held up takes two leaders' messages in one step, and keeps what the second one left."""
    checker.saved(1, HardState(1), [Entry(1, 1)])
    checker.saved(1, HardState(2), [Entry(2, 2)])
    checker.settled(1)
    checker.sent(AppendResponse(2, 1, 1, 3))
    with pytest.raises(ViolationError, match="persist before send"):
        checker.sent(AppendResponse(3, 1, 2, 3))


def test_a_term_has_one_leader(checker: RaftChecker) -> None:
    for member in (1, 2):
        checker.saved(member, HardState(5), [])
        checker.settled(member)
    checker.sent(AppendEntries(3, 1, 5, 0, 0, (), 0))
    with pytest.raises(ViolationError, match="election safety"):
        checker.sent(AppendEntries(3, 2, 5, 0, 0, (), 0))


def _member(member: int, term: int, entries: list[Entry], commit: int, *, leads: bool) -> Member:
    """What of a member the checker looks at."""
    storage = MemoryStorage((1, 2, 3))
    storage.save(None, entries, must_sync=True)
    raft = SimpleNamespace(
        term=term, role=Role.LEADER if leads else Role.FOLLOWER, log=RaftLog(storage, commit, 0)
    )
    node = SimpleNamespace(conf_state=ConfState())
    return cast("Member", SimpleNamespace(id=member, raft=raft, node=node, applied_index=0))


@pytest.mark.parametrize(
    ("term", "entries", "complete"),
    [
        (5, [Entry(1, 1)], True),
        (7, [Entry(1, 1)], False),
        (7, [Entry(1, 1), Entry(4, 2)], False),
        (7, [Entry(1, 1), Entry(6, 2), Entry(6, 3)], True),
    ],
    ids=["of-an-older-term-and-seen-late", "without-it", "with-another", "with-it"],
)
def test_a_leader_has_what_older_terms_have_committed(
    checker: RaftChecker, term: int, entries: list[Entry], complete: bool
) -> None:
    checker.handled(_member(1, 6, [Entry(1, 1), Entry(6, 2)], 2, leads=True))
    late = _member(2, term, entries, 1, leads=True)
    if complete:
        checker.handled(late)
    else:
        with pytest.raises(ViolationError, match="leader completeness: member 2 leads without entry 2"):
            checker.handled(late)


def test_a_snapshot_takes_the_place_of_the_log(checker: RaftChecker) -> None:
    checker.saved(1, None, [Entry(1, 1), Entry(1, 2)])
    checker.restored(1, Snapshot(5, 2))
    checker.saved(1, None, [Entry(2, 6)])
    assert checker.shadow(1).kept.last == 6
    assert checker.shadow(1).durable.last == 0
    checker.settled(1)
    assert checker.shadow(1).durable.term_at(5) == 2


@pytest.mark.parametrize(
    ("before", "after", "do"),
    [
        (ConfState((1, 2, 3)), ConfState((1, 2, 3, 4)), True),
        (ConfState((1, 2, 3)), ConfState((1, 2)), True),
        (ConfState((1, 2, 3)), ConfState((1, 2, 3, 4, 5)), False),
        (ConfState((1, 2, 3)), ConfState((3, 4, 5), (), (1, 2, 3)), True),
        (ConfState((3, 4, 5), (), (1, 2, 3)), ConfState((3, 4, 5)), True),
        (ConfState((1, 2, 3)), ConfState((3, 4, 5)), False),
        (ConfState((1,)), ConfState((1,), (2,)), True),
    ],
    ids=["one-more", "one-less", "two-more", "into-joint", "out-of-joint", "at-once", "a-learner"],
)
def test_configurations_overlap(before: ConfState, after: ConfState, do: bool) -> None:
    assert overlap(before, after) is do
    assert overlap(after, before) is do
