"""What the shell is told: Ready, its order, and the view of a member from outside."""

from collections.abc import Callable
from typing import Any

import pytest

from kube.store.raft.confchange import ConfChangeError
from kube.store.raft.messages import (
    NO_NODE,
    AppendEntries,
    AppendResponse,
    ConfChange,
    ConfChangeSingle,
    ConfChangeType,
    ConfState,
    Entry,
    HardState,
    InstallSnapshot,
    Snapshot,
)
from kube.store.raft.progress import ProgressState
from kube.store.raft.raft import ProposalDroppedError, Role

Make = Callable[..., Any]


def add(node: int) -> ConfChange:
    return ConfChange((ConfChangeSingle(ConfChangeType.ADD_NODE, node),))


def test_a_second_ready_waits_for_the_first(network: Make) -> None:
    net = network(3)
    net.nodes[1].campaign()
    assert net.nodes[1].ready() is not None
    with pytest.raises(AssertionError, match="not advanced"):
        net.nodes[1].ready()
    net.nodes[1].advance()
    with pytest.raises(AssertionError, match="without a Ready"):
        net.nodes[1].advance()


def test_inputs_between_a_ready_and_its_advance_are_of_the_next(network: Make) -> None:
    net = network(3)
    net.elect(1)
    node = net.nodes[2]
    term = node.raft.term
    node.tick()
    node.step(AppendEntries(2, 1, term, 1, term, (), 1))
    ready = node.ready()
    node.step(AppendEntries(2, 1, term, 1, term, (), 1))
    assert len(ready.messages) == 1
    net.storages[2].save(ready.hard_state, ready.entries, must_sync=ready.must_sync)
    node.advance()
    assert len(node.ready().messages) == 1


def test_a_ready_without_messages_does_not_get_those_that_come_later(network: Make) -> None:
    net = network(1)
    net.elect(1)
    net.nodes[1].propose([("a", 1)])
    ready = net.nodes[1].ready()
    assert (ready.messages, ready.read_states) == ([], [])
    net.nodes[1].raft.messages.append(AppendResponse(2, 1, 1, 0))
    net.nodes[1].read_index(7)
    assert (ready.messages, ready.read_states) == ([], [])


def test_the_commit_is_kept_with_the_next_entries(network: Make) -> None:
    """Whoever forgets that a change of members was committed would campaign among the old ones."""
    net = network(3, eager_commit=False)
    net.elect(1)
    net.propose(1, "a")
    assert net.storages[2].hard_state == HardState(1, 1, 1)
    net.propose(1, "b")
    assert net.storages[2].hard_state == HardState(1, 1, 2)
    net.start(2)
    assert net.nodes[2].raft.log.committed == 2


def test_a_commit_alone_is_not_worth_a_write(network: Make) -> None:
    net = network(3)
    net.elect(1)
    node = net.nodes[1]
    index = node.propose([("a", 1)])
    net.ready(1)
    node.step(AppendResponse(1, 2, node.raft.term, index))
    ready = node.ready()
    assert [entry.data for entry in ready.committed] == ["a"]
    assert (ready.hard_state, ready.entries, ready.must_sync) == (None, [], False)


@pytest.mark.parametrize("size", [1, 3])
def test_nothing_of_a_new_term_goes_out_before_it_is_kept(network: Make, size: int) -> None:
    net = network(size, pre_vote=False)
    net.nodes[1].campaign()
    ready = net.nodes[1].ready()
    assert (ready.early, ready.must_sync) == (False, True)


def test_a_leaders_appends_need_not_wait_and_a_followers_answers_must(network: Make) -> None:
    """Dissertation §10.2.1."""
    net = network(3)
    net.elect(1)
    net.nodes[1].propose([("a", 1)])
    assert net.nodes[1].has_ready()
    ready = net.nodes[1].ready()
    assert ready.early
    net.nodes[2].step(next(message for message in ready.messages if message.to == 2))
    assert not net.nodes[2].ready().early


def test_a_leader_does_not_count_itself_before_it_has_kept(network: Make) -> None:
    net = network(3)
    net.elect(1)
    node = net.nodes[1]
    index = node.propose([("a", 1)])
    ready = node.ready()
    assert node.status().progress[0].match == index - 1
    node.step(AppendResponse(1, 2, node.raft.term, index))
    assert node.raft.log.committed == index - 1
    net.storages[1].save(ready.hard_state, ready.entries, must_sync=True)
    node.advance()
    assert node.raft.log.committed == index


def test_there_is_a_ready_exactly_when_has_ready_says_so(network: Make) -> None:
    net = network(3)
    for step in (net.nodes[1].campaign, net.deliver_one, net.deliver_one):
        step()
        for voter in net.voters:
            node = net.nodes[voter]
            has = node.has_ready()
            ready = node.ready()
            assert has is (ready is not None)
            if ready is not None:
                net.storages[voter].save(ready.hard_state, ready.entries, must_sync=ready.must_sync)
                net.wire += ready.messages
                node.advance()


def test_status(network: Make) -> None:
    net = network(3)
    net.elect(1)
    net.nodes[1].propose([("abc", 3)])
    status = net.nodes[1].status()
    assert (status.id, status.role, status.leader, status.hard_state.term) == (1, Role.LEADER, 1, 1)
    assert (status.applied, status.last_index, status.conf) == (1, 2, ConfState((1, 2, 3)))
    own, second, _ = status.progress
    assert (own.match, own.next, own.state) == (1, 3, ProgressState.REPLICATE)
    assert (second.id, second.match, second.next, second.inflight, second.inflight_bytes) == (2, 1, 3, 1, 3)
    assert net.nodes[2].status().progress == ()
    assert net.nodes[2].status().leader == 1


# ---- members


def test_a_refused_change_appends_nothing(network: Make) -> None:
    net = network(3)
    net.elect(1)
    last = net.nodes[1].raft.log.last_index
    with pytest.raises(ConfChangeError, match="not joint"):
        net.nodes[1].propose_conf_change(ConfChange())
    with pytest.raises(ProposalDroppedError):
        net.nodes[2].propose_conf_change(add(4))
    assert net.nodes[1].raft.log.last_index == last


def test_a_change_that_the_shell_refuses_is_applied_as_nothing(network: Make) -> None:
    net = network(3)
    net.elect(1)
    net.propose(1, "a")
    index = net.nodes[1].propose_conf_change(add(4))
    net.settle()
    assert net.applied[1][-1].index == index
    nobody = ConfChange((ConfChangeSingle(ConfChangeType.ADD_NODE, NO_NODE),))
    assert net.nodes[1].apply_conf_change(nobody) == net.nodes[1].conf_state == ConfState((1, 2, 3))


def test_a_new_members_silence_does_not_cost_the_leader_its_quorum(network: Make) -> None:
    """It is taken for active at first (etcd-io/raft), and counts against the leader a whole round later."""
    net = network(1)
    net.elect(1)
    net.nodes[1].propose_conf_change(add(2))
    net.settle()
    net.nodes[1].apply_conf_change(add(2))
    ticks = net.nodes[1].raft.config.election_ticks
    for _ in range(ticks):
        net.nodes[1].tick()
    assert net.role(1) is Role.LEADER
    for _ in range(ticks):
        net.nodes[1].tick()
    assert net.role(1) is Role.FOLLOWER


def test_a_member_without_a_configuration_takes_nothing_but_a_snapshot(network: Make) -> None:
    net = network(1)
    net.storages[2] = type(net.storages[1])(())
    net.applied[2], net.reads[2] = [], []
    node = net.start(2)
    assert node.conf_state == ConfState()
    node.campaign()
    assert net.role(2) is Role.FOLLOWER
    node.step(AppendEntries(2, 1, 1, 0, 0, (), 0))
    assert net.nodes[2].raft.messages == [AppendResponse(1, 2, 1, 0, rejected=True, unconfigured=True)]
    node.step(InstallSnapshot(2, 1, 1, Snapshot(0, 0, ConfState((1,)))))
    net.ready(2)
    assert node.conf_state == ConfState((1,))
    node.step(AppendEntries(2, 1, 1, 0, 0, (), 0))
    assert net.nodes[2].raft.messages == [AppendResponse(1, 2, 1, 0)]


@pytest.mark.parametrize("index", [5, 4], ids=["the same", "an older one"])
def test_a_snapshot_that_comes_twice_takes_nothing_back_that_was_acknowledged(
    network: Make, index: int
) -> None:
    """A new member has no configuration until the first one is applied; what came behind that is its log all the same."""
    net = network(1)
    net.storages[3] = type(net.storages[1])(())
    net.applied[3], net.reads[3] = [], []
    node = net.start(3)
    conf = ConfState((1, 2, 3))
    node.step(InstallSnapshot(3, 1, 2, Snapshot(5, 2, conf)))
    node.step(AppendEntries(3, 1, 2, 5, 2, (Entry(2, 6), Entry(2, 7)), 5))
    node.step(InstallSnapshot(3, 1, 2, Snapshot(index, 2, conf)))
    net.ready(3)
    acknowledged = [message.index for message in net.wire if isinstance(message, AppendResponse)]
    assert max(acknowledged) == 7 == net.storages[3].last_index()


@pytest.mark.parametrize(
    ("voters", "learners"),
    [pytest.param((1, 2), (), id="removed"), pytest.param((1, 2), (3,), id="a learner")],
)
def test_who_is_no_voter_stays_free_to_vote(
    network: Make, voters: tuple[int, ...], learners: tuple[int, ...]
) -> None:
    """Its patience is over for good once no leader was heard, so that its lease does not keep others from office."""
    net = network(3)
    net.nodes[3].raft.use_conf(ConfState(voters, learners))
    for _ in range(100):
        net.nodes[3].tick()
    assert net.role(3) is Role.FOLLOWER
    assert not net.nodes[3].raft.in_lease()


def test_the_uncommitted_tail_is_counted_anew_only_after_a_commit(network: Make) -> None:
    net = network(3, max_uncommitted_size=10)
    net.elect(1)
    node = net.nodes[1]
    for size in (4, 4):
        node.propose([("x", size)])
    with pytest.raises(ProposalDroppedError, match="8 bytes are uncommitted") as dropped:
        node.propose([("x", 4)])
    assert dropped.value.leader == 1
    net.settle()
    node.propose([("x", 20)])
    with pytest.raises(ProposalDroppedError, match="20 bytes"):
        node.propose([("x", 1)])
