"""How a leader paces what it sends to a follower."""

import pytest

from kube.store.raft.progress import Progress, ProgressState


def replicating(match: int = 0, window: int = 3) -> Progress:
    progress = Progress(match + 1, window, 1 << 20)
    progress.match = match
    progress.become_replicate()
    return progress


def test_a_probe_sends_one_append_and_waits_for_its_answer() -> None:
    progress = Progress(5, 3, 1 << 20)
    progress.sent(7, 3, 10, 0)
    assert progress.paused
    assert progress.next == 5
    assert progress.acknowledged(7)
    assert not progress.paused
    assert (progress.match, progress.next) == (7, 8)


def test_replication_is_pipelined_up_to_the_window() -> None:
    progress = replicating()
    for last in (2, 4, 6):
        assert not progress.paused
        progress.sent(last, 2, 10, 0)
    assert progress.paused
    assert progress.next == 7
    progress.acknowledged(2)

    assert not progress.paused
    progress.acknowledged(6)

    assert list(progress.inflight) == []


@pytest.mark.parametrize(
    ("index", "hint", "news", "next_"),
    [
        pytest.param(9, 8, False, 8, id="an old refusal"),
        pytest.param(7, 3, True, 4, id="back to the hint"),
        pytest.param(7, 20, True, 7, id="a hint that is too high"),
        pytest.param(7, 1, True, 3, id="never below what matches"),
    ],
)
def test_a_refused_probe_goes_back(index: int, hint: int, news: bool, next_: int) -> None:
    progress = Progress(8, 3, 1 << 20)
    progress.match = 2
    assert progress.rejected(index, hint) is news
    assert progress.next == next_


@pytest.mark.parametrize(("index", "news"), [(4, True), (3, False), (2, False)])
def test_a_refusal_while_replicating_falls_back_to_what_matches(index: int, news: bool) -> None:
    progress = replicating(match=3)
    progress.sent(6, 3, 10, 0)
    assert progress.rejected(index, 1) is news
    assert progress.next == (4 if news else 7)


def test_nothing_is_sent_while_a_snapshot_is_under_way() -> None:
    progress = Progress(1, 3, 1 << 20)
    progress.become_snapshot(10)
    assert progress.paused
    progress.become_probe()
    assert (progress.state, progress.next, progress.paused) == (ProgressState.PROBE, 11, False)


def test_a_snapshot_that_failed_is_tried_anew_from_what_matches() -> None:
    progress = Progress(1, 3, 1 << 20)
    progress.become_snapshot(10)
    progress.pending_snapshot = 0
    progress.become_probe()
    assert progress.next == 1


def test_an_acknowledgement_that_says_nothing_new() -> None:
    progress = replicating(match=5)
    assert not progress.acknowledged(5)
    assert not progress.acknowledged(3)
    assert (progress.match, progress.next) == (5, 6)
