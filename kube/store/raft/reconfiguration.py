"""Changes of the members (Raft dissertation §4): proposed at the leader, in force at each member once applied there.

As in etcd-io/raft a change takes effect when it is applied, not when it is appended; in return none is proposed before the
last one is applied at the leader, and nobody campaigns who has committed one and not applied it.
"""

from kube.store.raft.confchange import ConfChangeError, changed
from kube.store.raft.messages import NO_NODE, ConfChange, ConfState
from kube.store.raft.reads import heartbeat, recount_reads
from kube.store.raft.replication import append_own, broadcast_append, maybe_commit, send_append
from kube.store.raft.state import ProposalDroppedError, RaftState, Role
from kube.store.raft.transfer import hand_over


def propose_conf_change(raft: RaftState, change: ConfChange, size: int) -> int:
    """The index of its entry. Raises ProposalDroppedError, and ConfChangeError when it can't be made now, or at all."""
    if raft.role is not Role.LEADER:
        raise ProposalDroppedError(raft.leader)
    if raft.transferee:
        raise ProposalDroppedError(raft.id, "leadership is being transferred")
    if not raft.config.disable_conf_change_validation:
        if raft.pending_conf_index > raft.applied:
            raise ConfChangeError(
                f"a change may be unapplied up to index {raft.pending_conf_index}, {raft.applied} is applied"
            )
        changed(raft.conf, change)
    raft.pending_conf_index = raft.log.last_index + 1
    return append_own(raft, change, size)


def apply_conf_change(raft: RaftState, change: ConfChange) -> ConfState:
    """A committed change is applied, in the order of the log. The configuration after it. Raises ConfChangeError."""
    raft.use_conf(changed(raft.conf, change))
    if raft.role is Role.LEADER:
        _lead_on(raft)
    return raft.conf


def _lead_on(raft: RaftState) -> None:
    """Who is new is probed from the end of the log; what the new quorum has already is committed."""
    known = raft.progress
    raft.track(max(raft.log.last_index, 1))
    for member, progress in known.items():
        if member not in raft.progress and member != raft.id:
            # The last that it hears: that its removal is committed, so that it does not stand for election.
            raft.messages.append(heartbeat(raft, member, progress, 0))
    for member, progress in raft.progress.items():
        if member not in known:
            # It had no chance yet to be heard, and must not cost the leader its quorum.
            progress.recent_active = True
    if raft.id not in raft.voters.voters:
        hand_over(raft)
        return
    recount_reads(raft)
    if maybe_commit(raft):
        if not raft.eager_commit:
            broadcast_append(raft)
    else:
        for member, progress in raft.peers:
            send_append(raft, member, progress, if_empty=False)
    if raft.transferee and raft.transferee not in raft.conf.voters:
        raft.transferee = NO_NODE


def leave_joint(raft: RaftState) -> None:
    """Propose to leave a joint configuration that is to be left by itself, once it is applied.

    Called whenever something was applied, so that it is proposed again where it was lost.
    """
    if (
        raft.role is Role.LEADER
        and raft.conf.auto_leave
        and raft.applied >= raft.pending_conf_index
        and not raft.transferee
    ):
        raft.pending_conf_index = raft.log.last_index + 1
        append_own(raft, ConfChange())
