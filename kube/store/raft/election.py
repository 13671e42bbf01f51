"""Elections (Raft §5.2, §5.4.1), with pre-vote (dissertation §9.6) and at the leader's own wish (§3.10)."""

from kube.store.raft.messages import NO_NODE, ConfChange, RequestVote, TimeoutNow, VoteResponse
from kube.store.raft.quorum import VoteResult
from kube.store.raft.replication import append_own
from kube.store.raft.state import RaftState, Role


def campaign(raft: RaftState, *, transfer: bool = False) -> None:
    """Stand for election. Nothing happens at a leader, at a member that has no vote, at one whose state machine awaits a
    snapshot, or at one that has committed a configuration change and not applied it: it does not know who is to be asked.
    """
    if raft.role is Role.LEADER or raft.id not in raft.voters.voters:
        return
    if raft.log.unstable_snapshot is not None or has_unapplied_conf_changes(raft):
        return
    if raft.config.pre_vote and not transfer:
        raft.become(Role.PRE_CANDIDATE, raft.term, NO_NODE)
        _request_votes(raft, raft.term + 1, pre=True, transfer=False)
    else:
        become_candidate(raft, transfer=transfer)


def has_unapplied_conf_changes(raft: RaftState) -> bool:
    log = raft.log
    return any(type(entry.data) is ConfChange for entry in log.entries(raft.applied + 1, log.committed + 1))


def become_candidate(raft: RaftState, *, transfer: bool = False) -> None:
    raft.become(Role.CANDIDATE, raft.term + 1, NO_NODE)
    raft.vote = raft.id
    _request_votes(raft, raft.term, pre=False, transfer=transfer)


def become_leader(raft: RaftState) -> None:
    raft.become(Role.LEADER, raft.term, raft.id)
    last = raft.log.last_index
    # Whether a configuration change is among what is not applied yet is not looked up; none is proposed until it is.
    raft.pending_conf_index = last
    raft.track(last + 1)
    raft.progress[raft.id].recent_active = True
    # What of its own log is stable it learns by persisted(), which this entry brings about.
    append_own(raft, None)


def _request_votes(raft: RaftState, term: int, *, pre: bool, transfer: bool) -> None:
    log = raft.log
    for voter in raft.voters.voters:
        if voter != raft.id:
            raft.messages.append(
                RequestVote(
                    *(voter, raft.id, term, log.last_index, log.last_term, pre, transfer),
                    commit=log.committed,
                    commit_term=log.term(log.committed),
                )
            )
    _count_vote(raft, raft.id, granted=True)


def _count_vote(raft: RaftState, voter: int, *, granted: bool) -> None:
    raft.votes.setdefault(voter, granted)
    result = raft.voters.vote_result(raft.votes)
    if result is VoteResult.WON:
        if raft.role is Role.PRE_CANDIDATE:
            become_candidate(raft)
        else:
            become_leader(raft)
    elif result is VoteResult.LOST:
        raft.become_follower(raft.term, NO_NODE)


def on_request_vote(raft: RaftState, message: RequestVote) -> None:
    """A learner votes too: it may have been made a voter and not know it yet."""
    can_vote = (
        raft.vote == message.from_
        or (raft.vote == NO_NODE and raft.leader == NO_NODE)
        or (message.pre and message.term > raft.term)
    )
    if can_vote and raft.log.is_up_to_date(message.last_index, message.last_term):
        if not message.pre:
            raft.election_elapsed = 0
            raft.vote = message.from_
        raft.messages.append(
            VoteResponse(message.from_, raft.id, message.term, rejected=False, pre=message.pre)
        )
    else:
        refuse_vote(raft, message)
    _learn_commit(raft, message)


def refuse_vote(raft: RaftState, message: RequestVote) -> None:
    commit = raft.log.committed
    raft.messages.append(
        VoteResponse(
            *(message.from_, raft.id, raft.term),
            rejected=True,
            pre=message.pre,
            commit=commit,
            commit_term=raft.log.term(commit),
        )
    )


def _learn_commit(raft: RaftState, message: RequestVote | VoteResponse) -> None:
    """Who has the entry that another knows to be committed has everything before it, too, and knows it now.

    A candidate that has a configuration change among it gives up: once that is applied it knows whom to ask.
    """
    log = raft.log
    if raft.role is Role.LEADER or not log.match_term(message.commit, message.commit_term):
        return
    if log.commit_to(message.commit) and raft.role is not Role.FOLLOWER and has_unapplied_conf_changes(raft):
        raft.become_follower(raft.term, NO_NODE)


def on_vote_response(raft: RaftState, message: VoteResponse) -> None:
    if message.pre is not (raft.role is Role.PRE_CANDIDATE):
        return
    if message.pre and not message.rejected and message.term != raft.term + 1:
        return  # granted to an earlier pre-campaign
    if message.rejected:
        role = raft.role
        _learn_commit(raft, message)
        if raft.role is not role:
            return
    _count_vote(raft, message.from_, granted=not message.rejected)


def on_timeout_now(raft: RaftState, message: TimeoutNow) -> None:  # noqa: ARG001  # the signature of a handler
    """No pre-vote: the leader itself says that its time is over. What keeps this member from it may be over by the next tick."""
    campaign(raft, transfer=True)
    raft.urged = raft.role is Role.FOLLOWER


def quorum_active(raft: RaftState) -> bool:
    """Whether the leader has heard a quorum since it last asked (dissertation §6.2)."""
    active = {voter: raft.progress[voter].recent_active for voter in raft.voters.voters}
    for member, progress in raft.progress.items():
        progress.recent_active = member == raft.id
    return raft.voters.vote_result(active) is VoteResult.WON
