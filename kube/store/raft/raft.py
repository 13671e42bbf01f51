"""The Raft state machine of one member: its inputs, and who takes which message in which role.

Inputs are ``step`` (a message of a peer), ``tick``, ``propose``, ``read_index``, ``campaign`` and the reports of the
shell. Outputs gather in ``messages`` and ``read_states`` until a Ready takes them. The algorithm is the Raft paper's (Ongaro
and Ousterhout) with pre-vote, check-quorum, ReadIndex, membership change and leadership transfer of the dissertation, in the manner
of etcd-io/raft.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from kube.store.raft import election, follower, reads, replication
from kube.store.raft.config import ReadOnlyOption
from kube.store.raft.messages import (
    NO_NODE,
    AppendEntries,
    AppendResponse,
    Entry,
    Heartbeat,
    HeartbeatResponse,
    InstallSnapshot,
    Message,
    ReadIndexRequest,
    ReadIndexResponse,
    RequestVote,
    TimeoutNow,
    VoteResponse,
)
from kube.store.raft.progress import ProgressState
from kube.store.raft.reconfiguration import leave_joint
from kube.store.raft.state import TRANSITIONS, ProposalDroppedError, RaftState, Role

__all__ = ["TRANSITIONS", "ProposalDroppedError", "Raft", "Role"]

_LEADER = Role.LEADER
_Handlers = dict[type, Callable[[Any, Any], None]]

_FROM_LEADER: _Handlers = {
    AppendEntries: follower.on_append,
    Heartbeat: follower.on_heartbeat,
    InstallSnapshot: follower.on_snapshot,
}
_CANDIDATE: _Handlers = {
    RequestVote: election.on_request_vote,
    VoteResponse: election.on_vote_response,
    **_FROM_LEADER,
}


class Raft(RaftState):
    __slots__ = ()

    HANDLERS: ClassVar[dict[Role, _Handlers]] = {
        Role.FOLLOWER: {
            RequestVote: election.on_request_vote,
            ReadIndexResponse: follower.on_read_index_response,
            TimeoutNow: election.on_timeout_now,
            **_FROM_LEADER,
        },
        Role.PRE_CANDIDATE: _CANDIDATE,
        Role.CANDIDATE: _CANDIDATE,
        Role.LEADER: {
            RequestVote: election.on_request_vote,
            AppendResponse: replication.on_append_response,
            HeartbeatResponse: replication.on_heartbeat_response,
            ReadIndexRequest: reads.on_read_index_request,
        },
    }

    # ---- inputs

    def tick(self) -> None:
        self.election_elapsed += 1
        if self.role is Role.LEADER:
            self.heartbeat_elapsed += 1
            if self.config.thrifty:
                replication.send_what_lacks(self)
            if self.election_elapsed >= self.config.election_ticks:
                self.election_elapsed = 0
                if self.config.check_quorum and not election.quorum_active(self):
                    self.become_follower(self.term, NO_NODE)
                    return
                if self.transferee:
                    # It did not take over in time; this member leads on (dissertation §3.10).
                    self.transferee = NO_NODE
                    leave_joint(self)
            if self.heartbeat_elapsed >= self.config.heartbeat_ticks:
                self.heartbeat_elapsed = 0
                reads.broadcast_heartbeat(self, self.reads.last_round)
        elif self.urged:
            self.urged = False
            election.campaign(self, transfer=True)
        elif self.election_elapsed >= self.election_timeout:
            # Who can't stand for election does not begin to wait anew, so that it is free to vote.
            election.campaign(self)

    def campaign(self) -> None:
        """Stand for election, where that is possible (see ``election.campaign``)."""
        election.campaign(self)

    def propose(self, items: Sequence[tuple[object, int]]) -> int:
        """Append (data, size in bytes) of each item, as one batch. The index of the first one, in the current term.

        Configuration changes have a way of their own. Raises ProposalDroppedError.
        """
        if self.role is not _LEADER:
            raise ProposalDroppedError(self.leader)
        if self.transferee:
            raise ProposalDroppedError(self.id, "leadership is being transferred")
        log, term, config = self.log, self.term, self.config
        prev, prev_term = log.last_index, log.last_term
        first = prev + 1
        count = len(items)
        entries: tuple[Entry, ...]
        if count == 1:
            ((data, size),) = items
            entries = (Entry(term, first, data, size),)
            whole = True
        else:
            entries = tuple(
                [Entry(term, index, data, size) for index, (data, size) in enumerate(items, first)]
            )
            size = sum([entry.size for entry in entries])
            whole = count <= config.max_entries_per_message and size <= config.max_size_per_message
        if self.uncommitted_size + size > config.max_uncommitted_size:
            tail = replication.uncommitted_size(self)
            if tail and tail + size > config.max_uncommitted_size:
                raise ProposalDroppedError(self.id, f"{tail} bytes are uncommitted")
        self.uncommitted_size += size
        last = prev + count
        log.extend(entries, last, term)
        committed, thrifty, needed = log.committed, config.thrifty, self.needed
        if thrifty:
            if committed - self.told_commit >= thrifty:
                self.told_commit = committed
            committed = self.told_commit
        for member, progress in self.peers:
            if thrifty:
                if needed <= 0 and last < progress.next + thrifty:
                    continue
                needed -= progress.match == prev and member in self.matched
            if whole and progress.next == first and not progress.paused:
                # Whoever has all that came before gets the batch as it is, one tuple for all.
                self.messages.append(
                    AppendEntries(member, self.id, term, prev, prev_term, entries, committed)
                )
                progress.sent(last, count, size, committed)
            else:
                replication.send_append(self, member, progress)
        return first

    def read_index(self, context: int) -> bool:
        """Ask for a read index; a ReadState with ``context`` follows, or nothing if leadership is lost meanwhile.

        False when no leader is known or too many reads wait.
        """
        if self.role is Role.LEADER:
            return reads.lead_read(self, self.id, context)
        if self.leader == NO_NODE:
            return False
        self.messages.append(ReadIndexRequest(self.leader, self.id, self.term, context))
        return True

    def forget_leader(self) -> None:
        """A follower whose shell knows that the leader is gone helps to elect another before its patience ends.

        Nothing happens where reads trust the leader's lease.
        """
        if self.role is Role.FOLLOWER and self.config.read_only is not ReadOnlyOption.LEASE:
            self.leader = NO_NODE

    def step(self, message: Message) -> None:
        """Take a message of a peer."""
        term = message.term
        if term != self.term:
            if term < self.term:
                self._step_older_term(message)
                return
            if not self._step_newer_term(message):
                return
        handler = self.handlers.get(type(message))
        if handler is not None:
            handler(self, message)

    def report_unreachable(self, peer: int) -> None:
        """The last message to ``peer`` was not delivered."""
        progress = self.progress.get(peer)
        if progress is not None and progress.state is ProgressState.REPLICATE:
            progress.become_probe()
            if self.config.thrifty:
                replication.send_what_lacks(self, but=peer)

    def report_snapshot(self, peer: int, *, delivered: bool) -> None:
        progress = self.progress.get(peer)
        if progress is None or progress.state is not ProgressState.SNAPSHOT:
            return
        if not delivered:
            progress.pending_snapshot = 0
        progress.become_probe()
        progress.paused = True  # until the follower answers the snapshot, or a heartbeat

    # ---- terms (Raft §5.1)

    def _step_newer_term(self, message: Message) -> bool:
        """False when the message is dealt with."""
        if isinstance(message, RequestVote):
            if self.in_lease() and not message.transfer:
                return False  # a member that hears its leader does not help to depose it
            if message.pre:
                return True  # a pre-vote changes no term
        elif isinstance(message, VoteResponse) and message.pre and not message.rejected:
            return True  # it carries the term that would be campaigned for
        leads = isinstance(message, (AppendEntries, Heartbeat, InstallSnapshot))
        self.become_follower(message.term, message.from_ if leads else NO_NODE)
        return True

    def _step_older_term(self, message: Message) -> None:
        if isinstance(message, (AppendEntries, Heartbeat, InstallSnapshot)):
            # A leader of an older term, which pre-vote or the lease kept from learning this one, steps down by this.
            self.messages.append(AppendResponse(message.from_, self.id, self.term, 0))
        elif isinstance(message, RequestVote) and message.pre:
            election.refuse_vote(self, message)
