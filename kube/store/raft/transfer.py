"""Leadership transfer (Raft dissertation §3.10): the leader brings a voter up to date and tells it to campaign at once."""

from kube.store.raft.messages import NO_NODE
from kube.store.raft.reads import broadcast_heartbeat
from kube.store.raft.replication import send_append, urge
from kube.store.raft.state import RaftState, Role


def transfer_leadership(raft: RaftState, target: int) -> bool:
    """Hand over to ``target``, within an election timeout or not at all. A newer transfer ends an earlier one.

    False when this member does not lead, or ``target`` is itself or no voter.
    """
    if raft.role is not Role.LEADER or target == raft.id or target not in raft.conf.voters:
        return False
    if raft.transferee == target:
        return True
    raft.transferee = target
    raft.election_elapsed = 0
    progress = raft.progress[target]
    if progress.match == raft.log.last_index:
        urge(raft, target)
    else:
        send_append(raft, target, progress)
    return True


def hand_over(raft: RaftState) -> None:
    """A leader that is no longer a voter steps down.

    It tells everybody that the change is committed, as whoever does not know that would ask it for its vote; and a voter that
    has the whole log need not wait for its election timeout.
    """
    log = raft.log
    broadcast_heartbeat(raft, 0)
    ready = [voter for voter in raft.conf.voters if raft.progress[voter].match == log.last_index]
    if ready:
        urge(raft, ready[0])
    raft.become_follower(raft.term, NO_NODE)
