"""What a member does with the messages of its leader (Raft §5.3, §7)."""

from kube.store.raft.messages import (
    AppendEntries,
    AppendResponse,
    Heartbeat,
    HeartbeatResponse,
    InstallSnapshot,
    ReadIndexResponse,
    ReadState,
)
from kube.store.raft.state import RaftState, Role

_FOLLOWER = Role.FOLLOWER


def _follow(raft: RaftState, leader: int) -> None:
    """A message of this term's leader arrived: a candidate gives up, a follower's patience starts anew."""
    if raft.role is not _FOLLOWER:
        raft.become_follower(raft.term, leader)
    raft.election_elapsed = 0
    raft.leader = leader


def on_append(raft: RaftState, message: AppendEntries) -> None:
    if raft.role is _FOLLOWER:
        raft.election_elapsed = 0
        raft.leader = message.from_
    else:
        _follow(raft, message.from_)
    log = raft.log
    prev = message.prev_index
    if prev < log.committed:
        raft.messages.append(AppendResponse(message.from_, raft.id, raft.term, log.committed))
        return
    entries = message.entries
    if not prev and not raft.conf.voters:
        # Who the first members were is in no entry. To replay the log without it would make a cluster of its own.
        raft.messages.append(
            AppendResponse(message.from_, raft.id, raft.term, prev, rejected=True, unconfigured=True)
        )
        return
    if log.maybe_append(prev, message.prev_term, entries):
        last = prev + len(entries)
        commit = message.commit if message.commit < last else last  # noqa: FURB136  # min costs a call on the hot path
        if commit > log.committed:
            log.commit_to(commit)
        raft.messages.append(AppendResponse(message.from_, raft.id, raft.term, last))
        return
    hint, hint_term = log.find_conflict_by_term(prev, message.prev_term)
    raft.messages.append(AppendResponse(message.from_, raft.id, raft.term, prev, True, hint, hint_term))


def on_heartbeat(raft: RaftState, message: Heartbeat) -> None:
    _follow(raft, message.from_)
    raft.log.commit_to(message.commit)
    raft.messages.append(HeartbeatResponse(message.from_, raft.id, raft.term, message.context))


def on_snapshot(raft: RaftState, message: InstallSnapshot) -> None:
    """A member that is new may get a snapshot from before it was added: the log behind it holds the change that adds it.

    The snapshot's configuration is in force once it is applied, like any other: what was handed out before it may still be on the way.
    """
    _follow(raft, message.from_)
    snapshot = message.snapshot
    log = raft.log
    configured = raft.conf.voters or log.unstable_snapshot is not None
    if snapshot.index <= log.committed and configured:
        index = log.committed
    elif log.match_term(snapshot.index, snapshot.term) and configured:
        index = snapshot.index
        log.commit_to(index)
    else:
        index = snapshot.index
        log.restore(snapshot)
    raft.messages.append(AppendResponse(message.from_, raft.id, raft.term, index))


def on_read_index_response(raft: RaftState, message: ReadIndexResponse) -> None:
    raft.read_states.append(ReadState(message.context, message.index))
