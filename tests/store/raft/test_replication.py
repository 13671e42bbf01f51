"""Log replication and commitment: Raft §5.3, §5.4.2, §7; reads: §8 and dissertation §6.4."""

from collections.abc import Callable
from typing import Any

import pytest

from kube.store.raft.config import ReadOnlyOption
from kube.store.raft.election import become_candidate, become_leader
from kube.store.raft.messages import AppendEntries, AppendResponse, Entry, Heartbeat, InstallSnapshot
from kube.store.raft.progress import ProgressState
from kube.store.raft.raft import ProposalDroppedError, Role

Make = Callable[..., Any]


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("eager_commit", [True, False])
def test_what_is_proposed_is_applied_by_all_in_order(network: Make, size: int, eager_commit: bool) -> None:
    net = network(size, eager_commit=eager_commit)
    net.elect(1)
    net.propose(1, "a")
    net.propose(1, "b", "c")
    assert net.data(1) == ["a", "b", "c"]
    net.tick(3)
    for voter in net.voters:
        assert net.data(voter) == ["a", "b", "c"]


def test_lazy_commits_cost_no_message_of_their_own(network: Make) -> None:
    net = network(3, eager_commit=False)
    net.elect(1)
    net.delivered.clear()
    net.propose(1, "a")
    assert [type(message) for message in net.delivered].count(AppendEntries) == 2
    assert net.data(1) == ["a"]
    assert net.data(2) == []
    net.propose(1, "b")
    assert net.data(2) == ["a"]


def test_replicas_of_one_process_share_an_entry(network: Make) -> None:
    net = network(3)
    net.elect(1)
    value = b"x" * 1000
    net.propose(1, value)
    first, second, third = (net.applied[voter][-1] for voter in net.voters)
    assert first is second is third
    assert first.data is value


def test_a_majority_is_enough(network: Make) -> None:
    net = network(5)
    net.elect(1)
    net.stop(4)
    net.stop(5)
    net.propose(1, "a")
    assert net.data(1) == ["a"]
    net.stop(3)
    net.propose(1, "b")
    assert net.data(1) == ["a"]


def test_only_a_leader_takes_proposals_and_others_say_who_it_is(network: Make) -> None:
    net = network(3)
    with pytest.raises(ProposalDroppedError) as dropped:
        net.nodes[2].propose([("a", 1)])
    assert dropped.value.leader == 0
    net.elect(1)
    with pytest.raises(ProposalDroppedError) as dropped:
        net.nodes[2].propose([("a", 1)])
    assert dropped.value.leader == 1


def test_a_leader_counts_itself_only_for_what_it_has_persisted(network: Make) -> None:
    net = network(3)
    net.elect(1)
    net.nodes[1].propose([("a", 1)])
    ready = net.nodes[1].ready()
    net.nodes[1].raft.step(AppendResponse(1, 2, 1, 2))
    assert net.nodes[1].raft.log.committed == 1
    net.storages[1].save(ready.hard_state, ready.entries, must_sync=True)
    net.nodes[1].advance()
    assert net.nodes[1].raft.log.committed == 2


def test_a_leader_counts_itself_also_for_a_part_of_what_it_has_persisted(network: Make) -> None:
    """The follower has the first of two entries, and may never take the other: its disk may be full."""
    net = network(3)
    net.elect(1)
    for data in ("a", "b"):
        net.nodes[1].propose([(data, 1)])
    ready = net.nodes[1].ready()
    net.nodes[1].raft.step(AppendResponse(1, 2, 1, 2))
    assert net.nodes[1].raft.log.committed == 1
    net.storages[1].save(ready.hard_state, ready.entries, must_sync=True)
    net.nodes[1].advance()
    assert net.nodes[1].raft.log.committed == 2


def test_an_entry_of_an_older_term_is_not_committed_by_counting(network: Make) -> None:
    """§5.4.2, figure 8: it commits with the first entry of the new term, not before."""
    net = network(3)
    for voter, terms in ((1, [1, 2]), (2, [1, 2]), (3, [1])):
        net.seed(voter, terms, term=2)
    net.nodes[1].campaign()
    net.cut = {(1, 3), (3, 1)}
    while net.role(1) is not Role.LEADER:
        net.ready(1)
        net.deliver_one()
    raft = net.nodes[1].raft
    raft.step(AppendResponse(1, 2, 3, 2))
    assert raft.log.committed == 0
    net.settle()
    assert raft.log.committed == 3


FIGURE_7 = {
    "a: one entry short": [1, 1, 1, 4, 4, 5, 5, 6, 6],
    "b: far behind": [1, 1, 1, 4],
    "c: one uncommitted of the last term": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
    "d: of a newer term": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
    "e: both": [1, 1, 1, 4, 4, 4, 4],
    "f: from long ago": [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    "empty": [],
}


@pytest.mark.parametrize("terms", FIGURE_7.values(), ids=FIGURE_7)
@pytest.mark.parametrize("max_entries", [1, 1024])
def test_a_leader_brings_followers_logs_into_line(network: Make, terms: list[int], max_entries: int) -> None:
    """§5.3, figure 7."""
    net = network(3, max_entries_per_message=max_entries)
    leader = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
    net.seed(1, leader, term=7)
    net.seed(2, terms, term=7)
    net.seed(3, leader, term=7)
    net.elect(1)
    assert net.terms(2) == net.terms(1) == [*leader, 8]


def test_a_follower_answers_with_where_to_go_on(network: Make) -> None:
    net = network(3)
    net.seed(1, [1, 1, 2, 2, 2], term=4)
    net.nodes[1].step(AppendEntries(1, 2, 4, 5, 3, (), 0))
    net.nodes[1].step(AppendEntries(1, 2, 4, 9, 4, (), 0))
    net.nodes[1].step(AppendEntries(1, 2, 4, 5, 1, (), 0))
    net.nodes[1].step(AppendEntries(1, 2, 4, 5, 2, (Entry(4, 6),), 6))
    net.nodes[1].step(AppendEntries(1, 2, 4, 1, 1, (), 6))
    net.ready(1)
    assert net.wire == [
        AppendResponse(2, 1, 4, 5, True, 5, 2),
        AppendResponse(2, 1, 4, 9, True, 5, 2),
        AppendResponse(2, 1, 4, 5, True, 2, 1),
        AppendResponse(2, 1, 4, 6),
        AppendResponse(2, 1, 4, 6),
    ]


def test_a_follower_commits_no_more_than_an_append_has_verified(network: Make) -> None:
    net = network(3)
    net.seed(1, [1, 1, 1], term=1)
    net.nodes[1].step(AppendEntries(1, 2, 1, 1, 1, (), 3))
    assert net.nodes[1].raft.log.committed == 1
    net.nodes[1].step(AppendEntries(1, 2, 1, 1, 1, (Entry(1, 2),), 3))
    assert net.nodes[1].raft.log.committed == 2


def test_a_heartbeat_commits_no_more_than_the_follower_is_known_to_have(network: Make) -> None:
    net = network(3)
    net.elect(1)
    net.cut = {(1, 3), (3, 1)}
    net.propose(1, "a")
    net.wire.clear()
    for _ in range(2):
        net.nodes[1].tick()
    net.ready(1)
    commits = {message.to: message.commit for message in net.wire if isinstance(message, Heartbeat)}
    assert commits == {2: 2, 3: 1}


def test_appends_are_pipelined_until_the_window_is_full(network: Make) -> None:
    net = network(3, max_inflight=4)
    net.elect(1)
    for number in range(10):
        net.nodes[1].propose([(number, 1)])
    net.ready(1)
    assert sum(isinstance(message, AppendEntries) and message.to == 2 for message in net.wire) == 4
    net.settle()
    assert net.data(1) == list(range(10))
    net.tick(3)
    assert net.data(2) == net.data(3) == list(range(10))


def test_what_was_lost_is_sent_again(network: Make) -> None:
    net = network(3)
    net.elect(1)
    net.cut = {(1, 2)}
    net.propose(1, "a")
    net.heal()
    net.propose(1, "b")
    net.tick(4)
    assert net.data(2) == ["a", "b"]


def test_what_is_reported_unreachable_is_probed(network: Make) -> None:
    net = network(3)
    net.elect(1)
    progress = net.nodes[1].raft.progress[2]
    assert progress.state is ProgressState.REPLICATE
    net.nodes[1].report_unreachable(2)
    assert progress.state is ProgressState.PROBE
    net.propose(1, "a")
    assert progress.state is ProgressState.REPLICATE


@pytest.mark.parametrize("everybody", [False, True], ids=["one", "all"])
def test_a_restart_finds_everything_again(network: Make, everybody: bool) -> None:
    net = network(3)
    net.elect(1)
    net.propose(1, "a", "b")
    net.tick(3)
    for voter in net.voters if everybody else (2,):
        net.start(voter)
    net.tick(40)
    (leader,) = net.leaders()
    net.propose(leader, "c")
    net.tick(4)
    for voter in net.voters:
        assert net.data(voter) == ["a", "b", "c"]


# ---- snapshots (§7)


def lagging(network: Make) -> Any:
    net = network(3)
    net.elect(1)
    net.isolate(3)
    for number in range(5):
        net.propose(1, number)
    net.compact(1)
    net.heal()
    return net


def test_a_follower_too_far_behind_gets_a_snapshot_and_goes_on(network: Make) -> None:
    net = lagging(network)
    net.propose(1, "after")
    net.tick(4)
    assert [type(message) for message in net.delivered].count(InstallSnapshot) == 1
    assert net.storages[3].snapshot().data == (None, 0, 1, 2, 3, 4)
    net.nodes[1].report_snapshot(3, delivered=True)
    net.tick(4)
    assert net.data(3) == ["after"]
    assert net.nodes[1].raft.progress[3].state is ProgressState.REPLICATE


def test_a_snapshot_that_is_lost_is_sent_again_once_that_is_reported(network: Make) -> None:
    net = lagging(network)
    while not any(isinstance(message, InstallSnapshot) for message in net.wire):
        net.nodes[1].tick()
        net.ready(1)
        if net.wire and not isinstance(net.wire[0], InstallSnapshot):
            net.deliver_one()
    net.wire.clear()
    net.tick(6)
    assert net.nodes[1].raft.progress[3].state is ProgressState.SNAPSHOT
    net.nodes[1].report_snapshot(3, delivered=False)
    net.tick(6)
    assert net.nodes[3].raft.log.committed == net.nodes[1].raft.log.committed


def test_a_snapshot_of_what_is_known_already_only_commits(network: Make) -> None:
    net = network(3)
    net.elect(1)
    net.propose(1, "a", "b")
    net.tick(3)
    net.compact(1)
    snapshot = net.storages[1].snapshot()
    net.seed(3, [], term=1)
    raft = net.nodes[3].raft
    applied = list(net.applied[3])
    net.nodes[3].step(InstallSnapshot(3, 1, 1, snapshot))
    net.ready(3)
    assert net.wire == [AppendResponse(1, 3, 1, 3)]
    assert raft.log.unstable_snapshot is None
    assert net.terms(3) == [1, 1, 1]
    assert len(net.applied[3]) >= len(applied)


def test_nothing_is_applied_before_a_snapshot_is(network: Make) -> None:
    net = lagging(network)
    raft = net.nodes[3].raft
    raft.step(InstallSnapshot(3, 1, 1, net.storages[1].snapshot()))
    raft.step(AppendEntries(3, 1, 1, 6, 1, (Entry(1, 7, "x"),), 7))
    ready = net.nodes[3].ready()
    assert ready is not None
    assert ready.snapshot is not None
    assert ready.committed == []
    net.storages[3].apply_snapshot(ready.snapshot)
    net.storages[3].save(ready.hard_state, ready.entries, must_sync=True)
    net.nodes[3].advance()
    following = net.nodes[3].ready()
    assert following is not None
    assert [entry.data for entry in following.committed] == ["x"]


# ---- reads


@pytest.mark.parametrize("asker", [1, 2], ids=["the leader", "a follower"])
@pytest.mark.parametrize("option", ReadOnlyOption)
def test_a_read_index_covers_all_that_was_committed(
    network: Make, asker: int, option: ReadOnlyOption
) -> None:
    net = network(3, read_only=option)
    net.elect(1)
    net.propose(1, "a", "b")
    assert net.nodes[asker].read_index(7)
    net.settle()
    (state,) = net.reads[asker]
    assert (state.context, state.index) == (7, 3)


def test_a_leader_alone_needs_nobody(network: Make) -> None:
    net = network(1)
    net.elect(1)
    net.nodes[1].read_index(7)
    net.settle()
    assert [state.context for state in net.reads[1]] == [7]


def test_a_leader_that_lost_its_majority_answers_no_read(network: Make) -> None:
    net = network(3)
    net.elect(1)
    net.isolate(1)
    net.nodes[1].read_index(7)
    net.tick(5)
    assert net.reads[1] == []
    net.heal()
    net.tick(5)
    assert [state.context for state in net.reads[1]] == [7]


def test_a_new_leader_answers_only_when_it_has_committed_in_its_term(network: Make) -> None:
    """§8: until then it does not know what earlier terms have committed."""
    net = network(3)
    net.elect(1)
    net.propose(1, "a")
    net.stop(1)
    net.cut = {(2, 3)}
    raft = net.nodes[2].raft
    become_candidate(raft)
    become_leader(raft)
    net.nodes[2].read_index(7)
    net.settle()
    assert net.reads[2] == []
    net.heal()
    net.tick(2, 2)
    assert net.leaders() == [2]
    assert [state.index for state in net.reads[2]] == [3]


def test_one_round_confirms_every_read_before_it(network: Make) -> None:
    net = network(3)
    net.elect(1)
    net.cut = {(2, 1), (3, 1)}
    for context in (1, 2, 3):
        net.nodes[1].read_index(context)
    net.settle()
    net.heal()
    net.tick(2)
    assert [state.context for state in net.reads[1]] == [1, 2, 3]


def test_without_a_leader_a_read_is_refused(network: Make) -> None:
    assert network(3).nodes[1].read_index(7) is False


def test_reads_that_wait_are_bounded(network: Make) -> None:
    net = network(3, max_pending_reads=2)
    net.elect(1)
    net.isolate(1)
    assert [net.nodes[1].read_index(context) for context in range(3)] == [True, True, False]


# ---- the interface


def test_committed_entries_come_in_portions(network: Make) -> None:
    net = network(1, max_entries_per_ready=2)
    net.elect(1)
    net.nodes[1].propose([(number, 1) for number in range(5)])
    sizes = []
    while (ready := net.nodes[1].ready()) is not None:
        net.storages[1].save(ready.hard_state, ready.entries, must_sync=ready.must_sync)
        sizes.append(len(ready.committed))
        net.nodes[1].advance()
    assert sizes == [0, 2, 2, 1]


def test_an_idle_member_has_nothing_ready(network: Make) -> None:
    net = network(3)
    net.elect(1)
    net.tick(3)
    assert [net.nodes[voter].ready() for voter in net.voters] == [None, None, None]
