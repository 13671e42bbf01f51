"""What a majority has agreed on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.store.raft.quorum import MajorityConfig, VoteResult


@given(st.integers(1, 7), st.data())
def test_committed_is_the_highest_index_that_more_than_half_have(size: int, data: st.DataObject) -> None:
    config = MajorityConfig(tuple(range(1, size + 1)))
    acked = data.draw(st.dictionaries(st.sampled_from(config.voters), st.integers(1, 9)))
    index = config.committed_index(acked)

    def have(wanted: int) -> int:
        return sum(acked.get(voter, 0) >= wanted for voter in config.voters)

    assert 2 * have(index) > size
    assert 2 * have(index + 1) <= size


@pytest.mark.parametrize(
    ("size", "votes", "result"),
    [
        pytest.param(1, {1: True}, VoteResult.WON, id="alone"),
        pytest.param(3, {1: True}, VoteResult.PENDING, id="one of three"),
        pytest.param(3, {1: True, 2: True}, VoteResult.WON, id="two of three"),
        pytest.param(3, {1: True, 2: False}, VoteResult.PENDING, id="one each of three"),
        pytest.param(3, {1: True, 2: False, 3: False}, VoteResult.LOST, id="two against of three"),
        pytest.param(4, {1: True, 2: True}, VoteResult.PENDING, id="half of four"),
        pytest.param(4, {3: False, 4: False}, VoteResult.LOST, id="half of four against"),
        pytest.param(5, {1: True, 9: True, 8: True}, VoteResult.PENDING, id="strangers do not count"),
    ],
)
def test_votes(size: int, votes: dict[int, bool], result: VoteResult) -> None:
    assert MajorityConfig(tuple(range(1, size + 1))).vote_result(votes) is result
