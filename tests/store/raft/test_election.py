"""Leader election: Raft §5.2 and §5.4.1, pre-vote (dissertation §9.6) and check-quorum (§6.2)."""

from collections.abc import Callable
from typing import Any

import pytest

from kube.store.raft.config import Config
from kube.store.raft.messages import (
    AppendEntries,
    AppendResponse,
    Heartbeat,
    Message,
    RequestVote,
    VoteResponse,
)
from kube.store.raft.raft import Role

Make = Callable[..., Any]


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("pre_vote", [True, False])
def test_a_fresh_store_elects_whoever_campaigns(network: Make, size: int, pre_vote: bool) -> None:
    net = network(size, pre_vote=pre_vote)
    net.elect(size)
    assert {node.raft.leader for node in net.nodes.values()} == {size}
    assert {node.raft.term for node in net.nodes.values()} == {1}


def test_members_start_as_followers_and_campaign_without_a_leader(network: Make) -> None:
    """§5.2: no one leads at first; after an election timeout somebody stands."""
    net = network(3)
    assert {net.role(voter) for voter in net.voters} == {Role.FOLLOWER}
    net.tick(20)
    assert len(net.leaders()) == 1


def test_election_timeouts_are_random_within_one_to_two_of_them(network: Make) -> None:
    net = network(1, election_ticks=10)
    raft = net.nodes[1].raft
    seen = set()
    for _ in range(300):
        raft._reset_election_timeout()
        seen.add(raft.election_timeout)
    assert seen == set(range(10, 20))


def test_a_heartbeat_keeps_followers_quiet(network: Make) -> None:
    net = network(3)
    net.elect(1)
    net.tick(200)
    assert net.leaders() == [1]
    assert net.nodes[1].raft.term == 1


def test_a_stopped_leader_is_replaced(network: Make) -> None:
    net = network(3)
    net.elect(1)
    net.stop(1)
    net.tick(40)
    (leader,) = net.leaders()
    assert leader != 1
    assert net.nodes[leader].raft.term > 1


@pytest.mark.parametrize("pre_vote", [True, False])
def test_without_a_majority_nobody_leads(network: Make, pre_vote: bool) -> None:
    net = network(3, pre_vote=pre_vote)
    net.stop(2)
    net.stop(3)
    net.tick(100)
    assert net.leaders() == []
    assert (net.nodes[1].raft.term == 0) is pre_vote


@pytest.mark.parametrize(
    ("vote", "candidate", "granted"),
    [
        pytest.param(0, 2, True, id="not voted yet"),
        pytest.param(2, 2, True, id="voted for the same"),
        pytest.param(3, 2, False, id="voted for another"),
    ],
)
def test_one_vote_for_each_term(network: Make, vote: int, candidate: int, granted: bool) -> None:
    """§5.2: first come, first served."""
    net = network(3)
    net.seed(1, [1], term=2, vote=vote)
    net.nodes[1].step(RequestVote(1, candidate, 2, last_index=1, last_term=1))
    net.ready(1)
    assert net.wire == [VoteResponse(candidate, 1, 2, rejected=not granted)]
    assert net.storages[1].hard_state.vote == (candidate if granted else vote)


def test_a_vote_is_persisted_before_it_is_sent(network: Make) -> None:
    net = network(3)
    net.nodes[1].step(RequestVote(1, 2, 3, last_index=0, last_term=0))
    ready = net.nodes[1].ready()
    assert ready is not None
    assert ready.must_sync
    assert ready.hard_state is not None
    assert (ready.hard_state.term, ready.hard_state.vote) == (3, 2)
    assert [message.to for message in ready.messages] == [2]


@pytest.mark.parametrize("term", [0, 3], ids=["with its term", "in a term that was known"])
def test_a_vote_survives_a_restart(network: Make, term: int) -> None:
    net = network(3)
    net.seed(1, [], term=term)
    net.nodes[1].step(RequestVote(1, 2, 3, last_index=0, last_term=0))
    net.ready(1)
    net.wire.clear()
    net.start(1)
    net.nodes[1].step(RequestVote(1, 3, 3, last_index=9, last_term=3))
    net.ready(1)
    assert net.wire == [VoteResponse(3, 1, 3, rejected=True)]


@pytest.mark.parametrize("pre", [True, False], ids=["pre-vote", "vote"])
@pytest.mark.parametrize(
    ("own", "last_term", "last_index", "granted"),
    [
        pytest.param([1], 1, 1, True, id="the same log"),
        pytest.param([1], 1, 2, True, id="a longer log"),
        pytest.param([1, 1], 1, 1, False, id="a shorter log"),
        pytest.param([1], 2, 1, True, id="a newer last term"),
        pytest.param([1, 1], 2, 1, True, id="a newer last term, shorter"),
        pytest.param([2], 1, 5, False, id="an older last term, longer"),
    ],
)
def test_only_an_up_to_date_log_gets_votes(
    network: Make, own: list[int], last_term: int, last_index: int, granted: bool, pre: bool
) -> None:
    """§5.4.1, figure 7."""
    net = network(3)
    net.seed(1, own, term=2)
    net.nodes[1].step(RequestVote(1, 2, 3, last_index, last_term, pre))
    net.ready(1)
    (response,) = net.wire
    assert isinstance(response, VoteResponse)
    assert response.rejected is not granted


def test_a_pre_vote_changes_neither_term_nor_vote(network: Make) -> None:
    net = network(3)
    net.seed(1, [1], term=2)
    net.nodes[1].step(RequestVote(1, 2, 9, last_index=1, last_term=1, pre=True))
    net.ready(1)
    assert net.wire == [VoteResponse(2, 1, 9, rejected=False, pre=True)]
    assert (net.nodes[1].raft.term, net.nodes[1].raft.vote) == (2, 0)


def test_an_isolated_member_disturbs_nobody_when_it_returns(network: Make) -> None:
    """Dissertation §9.6: without pre-vote its term would have grown, and deposed the leader."""
    net = network(3)
    net.elect(1)
    net.isolate(3)
    net.tick(200)
    assert net.nodes[3].raft.term == 1
    net.heal()
    net.tick(20)
    assert net.leaders() == [1]
    assert net.nodes[1].raft.term == 1


def test_who_hears_a_leader_helps_nobody_to_depose_it(network: Make) -> None:
    """Dissertation §4.2.3."""
    net = network(3)
    net.elect(1)
    net.nodes[2].step(RequestVote(2, 3, 9, last_index=9, last_term=9))
    net.ready(2)
    assert net.wire == []
    assert net.nodes[2].raft.term == 1


def test_a_leader_without_a_majority_steps_down(network: Make) -> None:
    """Dissertation §6.2."""
    net = network(3)
    net.elect(1)
    net.isolate(1)
    net.tick(20, 1)
    assert net.role(1) is Role.FOLLOWER
    assert net.nodes[1].raft.leader == 0


def test_a_leader_that_hears_a_majority_stays(network: Make) -> None:
    net = network(5)
    net.elect(1)
    net.stop(4)
    net.stop(5)
    net.tick(100)
    assert net.leaders() == [1]


def test_a_deposed_leader_learns_of_it_from_the_refusal(network: Make) -> None:
    net = network(3, check_quorum=False)
    net.elect(1)
    net.isolate(1)
    net.tick(40, 2, 3)
    net.heal()
    net.tick(4)
    assert len(net.leaders()) == 1
    assert net.leaders() != [1]


def test_a_candidate_gives_up_when_another_leads(network: Make) -> None:
    """§5.2: an append of its own term ends a candidacy, one of an older term does not."""
    net = network(3, pre_vote=False)
    net.nodes[1].campaign()
    net.ready(1)
    assert net.role(1) is Role.CANDIDATE
    net.nodes[1].step(AppendEntries(1, 2, 0, 0, 0, (), 0))
    assert net.role(1) is Role.CANDIDATE
    net.nodes[1].step(AppendEntries(1, 2, 1, 0, 0, (), 0))
    assert net.role(1) is Role.FOLLOWER
    assert (net.nodes[1].raft.leader, net.nodes[1].raft.vote) == (2, 1)


@pytest.mark.parametrize("pre_vote", [True, False])
def test_a_lost_election_leaves_a_follower(network: Make, pre_vote: bool) -> None:
    net = network(3, pre_vote=pre_vote)
    net.seed(2, [1], term=1)
    net.seed(3, [1], term=1)
    net.nodes[1].campaign()
    net.settle()
    assert net.role(1) is Role.FOLLOWER


def test_grants_of_an_earlier_pre_campaign_do_not_count(network: Make) -> None:
    net = network(5)
    net.seed(1, [], term=5)
    net.nodes[1].campaign()
    for voter in (2, 3):
        net.nodes[1].step(VoteResponse(1, voter, 5, rejected=False, pre=True))
    assert net.role(1) is Role.PRE_CANDIDATE
    for voter in (2, 3):
        net.nodes[1].step(VoteResponse(1, voter, 6, rejected=False, pre=True))
    assert net.role(1) is Role.CANDIDATE


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(AppendEntries(1, 2, 5, 0, 0, (), 0), id="an append"),
        pytest.param(Heartbeat(1, 2, 5, 0), id="a heartbeat"),
        pytest.param(RequestVote(1, 2, 5, 0, 0), id="a vote request"),
        pytest.param(VoteResponse(1, 2, 5, rejected=True), id="a refusal"),
    ],
)
@pytest.mark.parametrize("role", [Role.FOLLOWER, Role.PRE_CANDIDATE, Role.CANDIDATE, Role.LEADER])
def test_a_newer_term_makes_a_follower_of_anybody(network: Make, role: Role, message: Message) -> None:
    """§5.1."""
    net = network(3, check_quorum=False, pre_vote=role is Role.PRE_CANDIDATE)
    if role is Role.LEADER:
        net.elect(1)
    elif role is not Role.FOLLOWER:
        net.nodes[1].campaign()
    assert net.role(1) is role
    net.nodes[1].step(message)
    assert (net.role(1), net.nodes[1].raft.term) == (Role.FOLLOWER, 5)


def test_a_message_of_an_older_term_changes_nothing_but_tells_an_old_leader(network: Make) -> None:
    net = network(3)
    net.seed(1, [3], term=3)
    net.nodes[1].step(AppendEntries(1, 2, 2, 0, 0, (), 0))
    net.nodes[1].step(VoteResponse(1, 2, 2, rejected=False))
    net.ready(1)
    assert net.wire == [AppendResponse(2, 1, 3, 0)]
    assert net.role(1) is Role.FOLLOWER


def test_who_has_no_vote_does_not_campaign(network: Make) -> None:
    net = network(3)
    net.nodes[1].raft.voters.voters = (2, 3)
    net.nodes[1].campaign()
    assert net.role(1) is Role.FOLLOWER


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"id": 0}, id="no id"),
        pytest.param({"id": 1, "heartbeat_ticks": 10}, id="heartbeats no faster than elections"),
        pytest.param({"id": 1, "max_inflight": 0}, id="no window"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Config(**settings)  # type: ignore[arg-type]
