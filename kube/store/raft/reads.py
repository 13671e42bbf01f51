"""The leader's heartbeats, and the reads that they confirm (Raft §8, dissertation §6.4)."""

from kube.store.raft.config import ReadOnlyOption
from kube.store.raft.messages import Heartbeat, ReadIndexRequest, ReadIndexResponse, ReadState
from kube.store.raft.progress import Progress
from kube.store.raft.read_only import PendingRead
from kube.store.raft.state import RaftState


def broadcast_heartbeat(raft: RaftState, round_: int) -> None:
    for member, progress in raft.peers:
        raft.messages.append(heartbeat(raft, member, progress, round_))


def heartbeat(raft: RaftState, to: int, progress: Progress, round_: int) -> Heartbeat:
    """Never with a commit past what the follower is known to have: its log may still differ above (Raft §5.3)."""
    commit = min(progress.match, raft.log.committed)
    progress.sent_commit = max(progress.sent_commit, commit)
    return Heartbeat(to, raft.id, raft.term, commit, round_)


def on_read_index_request(raft: RaftState, message: ReadIndexRequest) -> None:
    lead_read(raft, message.from_, message.context)


def lead_read(raft: RaftState, asker: int, context: int) -> bool:
    """False when too many reads wait."""
    if len(raft.reads) + len(raft.early_reads) >= raft.config.max_pending_reads:
        return False
    index = raft.log.committed
    if raft.log.term(index) != raft.term:
        # What earlier terms committed is known only once this one has committed (Raft §8).
        raft.early_reads.append((asker, context))
    elif raft.voters.voters == (raft.id,) or (
        raft.config.read_only is ReadOnlyOption.LEASE and not raft.lease_waived
    ):
        answer_read(raft, PendingRead(asker, context, index, 0))
    else:
        broadcast_heartbeat(raft, raft.reads.add(asker, context, index, raft.id))
    return True


def lead_early_reads(raft: RaftState) -> None:
    """The first commit of the term is there."""
    early, raft.early_reads = raft.early_reads, []
    for asker, context in early:
        lead_read(raft, asker, context)


def recount_reads(raft: RaftState) -> None:
    """The voters have changed, and some whom a read waited for may be none any more."""
    if len(raft.reads):
        acknowledge_reads(raft, raft.id, raft.reads.last_round)


def acknowledge_reads(raft: RaftState, member: int, round_: int) -> None:
    """``member`` follows this leader as of ``round_``."""
    for read in raft.reads.acknowledge(member, round_, raft.voters):
        answer_read(raft, read)


def answer_read(raft: RaftState, read: PendingRead) -> None:
    if read.asker == raft.id:
        raft.read_states.append(ReadState(read.context, read.index))
    else:
        raft.messages.append(ReadIndexResponse(read.asker, raft.id, raft.term, read.index, read.context))
