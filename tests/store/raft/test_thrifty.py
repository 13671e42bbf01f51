"""A thrifty leader: a majority has every entry at once, whoever is not needed for it gets batches."""

from collections.abc import Callable
from typing import Any

import pytest

from kube.store.raft.messages import (
    AppendEntries,
    ConfChange,
    ConfChangeSingle,
    ConfChangeTransition,
    ConfChangeType,
)

Make = Callable[..., Any]


def lead(network: Make, size: int, thrifty: int = 4) -> Any:
    """Member 1 leads, and all have what there is."""
    net = network(size, eager_commit=False, thrifty=thrifty)
    net.elect(1)
    net.tick(1, 1)
    return net


def sent_by(net: Any, act: Callable[[], object]) -> list[int]:
    """To whom entries went."""
    net.delivered.clear()
    act()
    return [each.to for each in net.delivered if isinstance(each, AppendEntries) and each.entries]


@pytest.mark.parametrize(("size", "to"), [(3, [2]), (5, [2, 3])])
def test_as_many_as_a_majority_needs_are_sent_a_proposal(network: Make, size: int, to: list[int]) -> None:
    net = lead(network, size)
    assert sent_by(net, lambda: net.propose(1, "a")) == to
    assert net.data(1) == ["a"]


def test_a_tick_brings_the_others_what_they_lack_in_one_append(network: Make) -> None:
    net = lead(network, 3)
    for each in "abc":
        net.propose(1, each)
    net.delivered.clear()
    net.tick(1, 1)
    [append] = [each for each in net.delivered if isinstance(each, AppendEntries) and each.entries]
    assert append.to == 3
    assert [entry.data for entry in append.entries] == ["a", "b", "c"]
    assert sent_by(net, lambda: net.tick(1, 1)) == []


def test_whoever_is_too_far_behind_is_sent_it_at_once(network: Make) -> None:
    net = lead(network, 3, thrifty=3)
    sent = [sent_by(net, lambda: net.propose(1, "x")) for _ in range(6)]
    assert sent == [[2], [2], [2], [2, 3], [2], [2]]
    assert sent_by(net, lambda: net.propose(1, *"many")) == [2, 3]


def test_one_that_does_not_answer_is_replaced_by_one_that_does(network: Make) -> None:
    net = lead(network, 3, thrifty=100)
    net.cut = {(1, 2)}
    net.propose(1, "a")
    assert net.data(1) == []
    net.tick(1, 1)
    assert net.data(1) == ["a"]
    net.propose(1, "b")
    assert net.data(1) == ["a", "b"], "the second does not wait for a tick"
    net.heal()
    net.tick(4, 1)
    net.propose(1, "c")
    net.tick(4, 1)
    assert [net.data(voter) for voter in net.voters] == [["a", "b", "c"]] * 3


def test_what_a_peer_that_is_known_to_be_gone_should_have_confirmed_goes_to_the_others(network: Make) -> None:
    net = lead(network, 3, thrifty=100)
    net.cut = {(1, 2)}
    net.propose(1, "a")
    net.nodes[1].report_unreachable(2)
    net.settle()
    assert net.data(1) == ["a"]


def test_all_are_sent_everything_while_the_configuration_is_joint(network: Make) -> None:
    net = lead(network, 3, thrifty=100)
    change = ConfChange((ConfChangeSingle(ConfChangeType.ADD_NODE, 3),), ConfChangeTransition.JOINT_EXPLICIT)
    net.nodes[1].propose_conf_change(change)
    net.settle()
    net.nodes[1].apply_conf_change(change)
    assert net.nodes[1].conf_state.joint
    assert sent_by(net, lambda: net.propose(1, "a"))[:2] == [2, 3]


def test_a_learner_does_not_count(network: Make) -> None:
    net = lead(network, 3, thrifty=100)
    change = ConfChange((ConfChangeSingle(ConfChangeType.ADD_LEARNER_NODE, 2),))
    net.nodes[1].propose_conf_change(change)
    net.settle()
    net.nodes[1].apply_conf_change(change)
    net.tick(1, 1)
    assert sent_by(net, lambda: net.propose(1, "a")) == [2, 3]
    assert net.data(1)[-1] == "a"


def test_leadership_goes_over_to_one_that_is_behind(network: Make) -> None:
    net = lead(network, 3, thrifty=100)
    net.propose(1, "a")
    assert net.nodes[1].transfer_leadership(3)
    net.settle()
    assert net.leaders() == [3]
    assert net.data(3) == ["a"]


def test_followers_hear_of_commits_by_so_many_at_a_time(network: Make) -> None:
    net = lead(network, 3, thrifty=4)
    began = net.nodes[1].raft.log.committed
    lags = []
    for _ in range(12):
        net.propose(1, "x")
        lags.append(net.nodes[1].raft.log.committed - net.nodes[2].raft.log.committed)
    assert net.nodes[1].raft.log.committed == began + 12, "the leader waits for nobody with that"
    assert max(lags) == 4
    assert lags.count(1) == 3, "every fourth append tells of all before it"


def test_a_heartbeat_tells_of_every_commit(network: Make) -> None:
    net = lead(network, 3, thrifty=100)
    for each in "abc":
        net.propose(1, each)
    assert net.data(2) == []
    net.tick(2, 1)
    assert [net.data(voter) for voter in net.voters] == [["a", "b", "c"]] * 3


def test_a_leader_tells_of_commits_anew_in_its_own_term(network: Make) -> None:
    net = lead(network, 3, thrifty=4)
    for _ in range(9):
        net.propose(1, "x")
    assert net.nodes[1].transfer_leadership(2)
    net.settle()
    assert net.leaders() == [2]
    for _ in range(5):
        net.propose(2, "y")
    assert net.nodes[2].raft.log.committed - net.nodes[1].raft.log.committed <= 4
    net.tick(2, 2)
    assert [net.data(voter) for voter in net.voters] == [["x"] * 9 + ["y"] * 5] * 3
