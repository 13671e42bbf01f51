"""What majorities have agreed on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.store.raft.messages import ConfState
from kube.store.raft.quorum import JointConfig, MajorityConfig, VoteResult, quorum_of


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


WON, LOST, PENDING = VoteResult.WON, VoteResult.LOST, VoteResult.PENDING
IDS = st.lists(st.integers(1, 6), min_size=1, max_size=5, unique=True).map(tuple)


@given(IDS, IDS, st.dictionaries(st.integers(1, 6), st.integers(1, 9)))
def test_a_joint_configuration_has_committed_what_both_halves_have(
    incoming: tuple[int, ...], outgoing: tuple[int, ...], acked: dict[int, int]
) -> None:
    index = JointConfig(incoming, outgoing).committed_index(acked)

    def half(voters: tuple[int, ...]) -> int:
        return max(
            (
                wanted
                for wanted in range(10)
                if 2 * sum(acked.get(voter, 0) >= wanted for voter in voters) > len(voters)
            ),
            default=0,
        )

    assert index == min(half(incoming), half(outgoing))


@given(IDS, IDS, st.dictionaries(st.integers(1, 6), st.booleans()))
def test_joint_votes_are_those_of_both_halves(
    incoming: tuple[int, ...], outgoing: tuple[int, ...], votes: dict[int, bool]
) -> None:
    halves = {MajorityConfig(incoming).vote_result(votes), MajorityConfig(outgoing).vote_result(votes)}
    expected = LOST if LOST in halves else PENDING if PENDING in halves else WON
    assert JointConfig(incoming, outgoing).vote_result(votes) is expected


@given(IDS, IDS)
def test_two_quorums_of_a_joint_configuration_overlap_with_each_half(
    incoming: tuple[int, ...], outgoing: tuple[int, ...]
) -> None:
    joint = JointConfig(incoming, outgoing)
    for mask in range(1 << 6):
        inside = {voter: bool(mask >> voter - 1 & 1) for voter in range(1, 7)}
        outside = {voter: not there for voter, there in inside.items()}
        if joint.vote_result(inside) is WON:
            for half in (MajorityConfig(incoming), MajorityConfig(outgoing)):
                assert half.vote_result(outside) is not WON


@pytest.mark.parametrize(
    ("conf", "voters", "kind"),
    [
        pytest.param(ConfState((1, 2), (3,)), (1, 2), MajorityConfig, id="learners have no vote"),
        pytest.param(ConfState((1, 4), (), (1, 2), (2,)), (1, 2, 4), JointConfig, id="joint"),
        pytest.param(ConfState(), (), MajorityConfig, id="none yet"),
    ],
)
def test_who_votes(conf: ConfState, voters: tuple[int, ...], kind: type) -> None:
    quorum = quorum_of(conf)
    assert (quorum.voters, type(quorum)) == (voters, kind)
