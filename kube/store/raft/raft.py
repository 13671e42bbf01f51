"""The Raft state machine of one member: everything that changes its state is in this file.

Inputs are ``step`` (a message of a peer), ``tick``, ``propose``, ``read_index``, ``campaign`` and the reports of the
shell. Outputs gather in ``messages`` and ``read_states`` until a Ready takes them. The algorithm is the Raft paper's (Ongaro
and Ousterhout) with pre-vote, check-quorum and ReadIndex of the dissertation, in the manner of etcd-io/raft.
"""

import random
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, ClassVar

from kube.store.raft.config import Config, ReadOnlyOption
from kube.store.raft.log import RaftLog
from kube.store.raft.messages import (
    NO_NODE,
    AppendEntries,
    AppendResponse,
    ConfState,
    Entry,
    HardState,
    Heartbeat,
    HeartbeatResponse,
    InstallSnapshot,
    Message,
    ReadIndexRequest,
    ReadIndexResponse,
    ReadState,
    RequestVote,
    VoteResponse,
)
from kube.store.raft.progress import Progress, ProgressState
from kube.store.raft.quorum import MajorityConfig, VoteResult
from kube.store.raft.read_only import PendingRead, ReadOnly
from kube.store.raft.storage import LogCompactedError, SnapshotUnavailableError, Storage


class Role(Enum):
    FOLLOWER = "follower"
    PRE_CANDIDATE = "pre-candidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


TRANSITIONS: dict[Role, tuple[Role, ...]] = {
    Role.FOLLOWER: (Role.FOLLOWER, Role.PRE_CANDIDATE, Role.CANDIDATE),
    Role.PRE_CANDIDATE: (Role.FOLLOWER, Role.PRE_CANDIDATE, Role.CANDIDATE),
    Role.CANDIDATE: (Role.FOLLOWER, Role.PRE_CANDIDATE, Role.CANDIDATE, Role.LEADER),
    Role.LEADER: (Role.FOLLOWER,),
}
"""Raft figure 4 with pre-vote between follower and candidate."""


class ProposalDroppedError(Exception):
    """Nothing was appended, because the member does not lead. ``leader`` is who does, 0 when unknown."""

    def __init__(self, leader: int) -> None:
        super().__init__(f"not the leader; leader is {leader or 'unknown'}")
        self.leader = leader


class Raft:
    """``term``, ``vote`` and the log's commit are the HardState; the rest is lost in a crash, as it may be."""

    def __init__(self, config: Config, storage: Storage, rng: random.Random, applied: int = 0) -> None:
        hard_state, conf = storage.initial_state()
        self.config = config
        self.id = config.id
        self.rng = rng
        self.term = hard_state.term
        self.vote = hard_state.vote
        self.log = RaftLog(storage, hard_state.commit, applied)
        self.role = Role.FOLLOWER
        self._handlers = self._HANDLERS[Role.FOLLOWER]
        self.leader = NO_NODE
        self.voters = MajorityConfig(conf.voters)
        self.progress: dict[int, Progress] = {}
        """The leader's view of every voter, itself included; empty in every other role."""
        self.matched: dict[int, int] = {}
        """``match`` of each voter as the quorum reads it, kept beside ``progress``; the leader's own is what is stable."""
        self.votes: dict[int, bool] = {}
        self.reads = ReadOnly()
        self.early_reads: list[tuple[int, int]] = []
        """(asker, context) of reads that wait for the first commit of this leader's term."""
        self.messages: list[Message] = []
        self.read_states: list[ReadState] = []
        self.election_elapsed = 0
        self.heartbeat_elapsed = 0
        self.election_timeout = 0
        self._reset_election_timeout()

    # ---- inputs

    def tick(self) -> None:
        self.election_elapsed += 1
        if self.role is Role.LEADER:
            self.heartbeat_elapsed += 1
            if self.election_elapsed >= self.config.election_ticks:
                self.election_elapsed = 0
                if self.config.check_quorum and not self._quorum_active():
                    self._become_follower(self.term, NO_NODE)
                    return
            if self.heartbeat_elapsed >= self.config.heartbeat_ticks:
                self.heartbeat_elapsed = 0
                self._broadcast_heartbeat(self.reads.last_round)
        elif self.election_elapsed >= self.election_timeout:
            self.election_elapsed = 0
            self.campaign()

    def campaign(self) -> None:
        """Stand for election; nothing happens at a leader or at a member that has no vote."""
        if self.role is Role.LEADER or self.id not in self.voters.voters:
            return
        if self.config.pre_vote:
            self._become_pre_candidate()
        else:
            self._become_candidate()

    def propose(self, items: Sequence[tuple[object, int]]) -> int:
        """Append (data, size in bytes) of each item, as one batch. The index of the first one, in the current term.

        Raises ProposalDroppedError.
        """
        if self.role is not Role.LEADER:
            raise ProposalDroppedError(self.leader)
        log, term = self.log, self.term
        prev, prev_term = log.last_index, log.last_term
        first = prev + 1
        entries = tuple([Entry(term, index, data, size) for index, (data, size) in enumerate(items, first)])
        log.append(entries)
        config = self.config
        whole = len(entries) <= config.max_entries_per_message and (
            len(entries) == 1 or sum([entry.size for entry in entries]) <= config.max_size_per_message
        )
        for voter in self.voters.voters:
            if voter == self.id:
                continue
            progress = self.progress[voter]
            if whole and progress.next == first and not progress.is_paused():
                # Whoever has all that came before gets the batch as it is, one tuple for all.
                self.messages.append(
                    AppendEntries(voter, self.id, term, prev, prev_term, entries, log.committed)
                )
                progress.sent(log.last_index, len(entries))
            else:
                self._send_append(voter)
        return first

    def read_index(self, context: int) -> bool:
        """Ask for a read index; a ReadState with ``context`` follows, or nothing if leadership is lost meanwhile.

        False when no leader is known or too many reads wait.
        """
        if self.role is Role.LEADER:
            return self._lead_read(self.id, context)
        if self.leader == NO_NODE:
            return False
        self.messages.append(ReadIndexRequest(self.leader, self.id, self.term, context))
        return True

    def step(self, message: Message) -> None:
        """Take a message of a peer."""
        if message.term > self.term:
            if not self._step_newer_term(message):
                return
        elif message.term < self.term:
            self._step_older_term(message)
            return
        handler = self._handlers.get(type(message))
        if handler is not None:
            handler(self, message)

    def report_unreachable(self, peer: int) -> None:
        """The last message to ``peer`` was not delivered."""
        progress = self.progress.get(peer)
        if progress is not None and progress.state is ProgressState.REPLICATE:
            progress.become_probe()

    def report_snapshot(self, peer: int, *, delivered: bool) -> None:
        progress = self.progress.get(peer)
        if progress is None or progress.state is not ProgressState.SNAPSHOT:
            return
        if not delivered:
            progress.pending_snapshot = 0
        progress.become_probe()
        progress.paused = True  # until the follower answers the snapshot, or a heartbeat

    def persisted(self, index: int, term: int) -> None:
        """The shell has made the log stable up to ``index``: a leader counts itself (Raft §10.2.1 of the dissertation)."""
        if self.role is Role.LEADER and term == self.term and index > self.matched[self.id]:
            self.matched[self.id] = index
            if index > self.log.committed:
                self._maybe_commit()

    @property
    def hard_state(self) -> HardState:
        return HardState(self.term, self.vote, self.log.committed)

    # ---- terms (Raft §5.1)

    def _step_newer_term(self, message: Message) -> bool:
        """False when the message is dealt with."""
        kind = type(message)
        if kind is RequestVote:
            if self._in_lease():
                return (
                    False  # a member that hears its leader does not help to depose it (dissertation §4.2.3)
                )
            if message.pre:  # type: ignore[union-attr]  # kind is RequestVote
                return True  # a pre-vote changes no term
        elif kind is VoteResponse and message.pre and not message.rejected:  # type: ignore[union-attr]  # kind is VoteResponse
            return True  # it carries the term that would be campaigned for
        leads = kind is AppendEntries or kind is Heartbeat or kind is InstallSnapshot
        self._become_follower(message.term, message.from_ if leads else NO_NODE)
        return True

    def _step_older_term(self, message: Message) -> None:
        kind = type(message)
        if kind is AppendEntries or kind is Heartbeat or kind is InstallSnapshot:
            # A leader of an older term, which pre-vote or the lease kept from learning this one, steps down by this.
            self._send(AppendResponse(message.from_, self.id, self.term, 0))
        elif kind is RequestVote and message.pre:  # type: ignore[union-attr]  # kind is RequestVote
            self._send(VoteResponse(message.from_, self.id, self.term, rejected=True, pre=True))

    def _in_lease(self) -> bool:
        return (
            self.config.check_quorum
            and self.leader != NO_NODE
            and self.election_elapsed < self.config.election_ticks
        )

    # ---- roles (Raft figure 4)

    def _become(self, role: Role, term: int, leader: int) -> None:
        if role not in TRANSITIONS[self.role]:
            raise AssertionError(f"member {self.id}: {self.role.value} can't become {role.value}")
        if term < self.term:
            raise AssertionError(f"member {self.id}: term {self.term} can't go back to {term}")
        if term != self.term:
            self.term = term
            self.vote = NO_NODE
        self.role = role
        self._handlers = self._HANDLERS[role]
        self.leader = leader
        self.election_elapsed = 0
        self.heartbeat_elapsed = 0
        self._reset_election_timeout()
        self.votes = {}
        self.progress = {}
        self.matched = {}
        self.reads = ReadOnly()
        self.early_reads = []

    def _become_follower(self, term: int, leader: int) -> None:
        self._become(Role.FOLLOWER, term, leader)

    def _become_pre_candidate(self) -> None:
        self._become(Role.PRE_CANDIDATE, self.term, NO_NODE)
        self._request_votes(self.term + 1, pre=True)

    def _become_candidate(self) -> None:
        self._become(Role.CANDIDATE, self.term + 1, NO_NODE)
        self.vote = self.id
        self._request_votes(self.term, pre=False)

    def _become_leader(self) -> None:
        self._become(Role.LEADER, self.term, self.id)
        last = self.log.last_index
        for voter in self.voters.voters:
            self.progress[voter] = Progress(last + 1, self.config.max_inflight)
            self.matched[voter] = 0
        # What of its own log is stable it learns by persisted(), which its first entry brings about.
        self.progress[self.id].recent_active = True
        self.log.append([Entry(self.term, last + 1)])
        self._broadcast_append()

    def _reset_election_timeout(self) -> None:
        ticks = self.config.election_ticks
        self.election_timeout = ticks + self.rng.randrange(ticks)

    # ---- election (Raft §5.2, §5.4.1)

    def _request_votes(self, term: int, *, pre: bool) -> None:
        log = self.log
        for voter in self.voters.voters:
            if voter != self.id:
                self._send(RequestVote(voter, self.id, term, log.last_index, log.last_term, pre))
        self._count_vote(self.id, granted=True)

    def _count_vote(self, voter: int, *, granted: bool) -> None:
        self.votes.setdefault(voter, granted)
        result = self.voters.vote_result(self.votes)
        if result is VoteResult.WON:
            if self.role is Role.PRE_CANDIDATE:
                self._become_candidate()
            else:
                self._become_leader()
        elif result is VoteResult.LOST:
            self._become_follower(self.term, NO_NODE)

    def _on_request_vote(self, message: RequestVote) -> None:
        can_vote = (
            self.vote == message.from_
            or (self.vote == NO_NODE and self.leader == NO_NODE)
            or (message.pre and message.term > self.term)
        )
        if can_vote and self.log.is_up_to_date(message.last_index, message.last_term):
            if not message.pre:
                self.election_elapsed = 0
                self.vote = message.from_
            self._send(VoteResponse(message.from_, self.id, message.term, rejected=False, pre=message.pre))
        else:
            self._send(VoteResponse(message.from_, self.id, self.term, rejected=True, pre=message.pre))

    def _on_vote_response(self, message: VoteResponse) -> None:
        if message.pre is not (self.role is Role.PRE_CANDIDATE):
            return
        if message.pre and not message.rejected and message.term != self.term + 1:
            return  # granted to an earlier pre-campaign
        self._count_vote(message.from_, granted=not message.rejected)

    # ---- follower (Raft §5.3)

    def _follow(self, leader: int) -> None:
        """A message of this term's leader arrived: a candidate gives up, a follower's patience starts anew."""
        if self.role is not Role.FOLLOWER:
            self._become_follower(self.term, leader)
        self.election_elapsed = 0
        self.leader = leader

    def _on_append(self, message: AppendEntries) -> None:
        if self.role is Role.FOLLOWER:
            self.election_elapsed = 0
            self.leader = message.from_
        else:
            self._follow(message.from_)
        log = self.log
        prev = message.prev_index
        if prev < log.committed:
            self._send(AppendResponse(message.from_, self.id, self.term, log.committed))
            return
        entries = message.entries
        if log.maybe_append(prev, message.prev_term, entries):
            last = prev + len(entries)
            commit = message.commit if message.commit < last else last  # noqa: FURB136  # min costs a call on the hot path
            if commit > log.committed:
                log.commit_to(commit)
            self.messages.append(AppendResponse(message.from_, self.id, self.term, last))
            return
        hint, hint_term = log.find_conflict_by_term(prev, message.prev_term)
        self._send(AppendResponse(message.from_, self.id, self.term, prev, True, hint, hint_term))

    def _on_heartbeat(self, message: Heartbeat) -> None:
        self._follow(message.from_)
        self.log.commit_to(message.commit)
        self._send(HeartbeatResponse(message.from_, self.id, self.term, message.context))

    def _on_snapshot(self, message: InstallSnapshot) -> None:
        self._follow(message.from_)
        snapshot = message.snapshot
        log = self.log
        if snapshot.index <= log.committed:
            index = log.committed
        elif log.match_term(snapshot.index, snapshot.term):
            index = snapshot.index
            log.commit_to(index)
        else:
            index = snapshot.index
            log.restore(snapshot)
            self._use_conf(snapshot.conf)
        self._send(AppendResponse(message.from_, self.id, self.term, index))

    def _use_conf(self, conf: ConfState) -> None:
        self.voters = MajorityConfig(conf.voters)

    def _on_read_index_response(self, message: ReadIndexResponse) -> None:
        self.read_states.append(ReadState(message.context, message.index))

    # ---- leader: replication

    def _broadcast_append(self) -> None:
        for voter in self.voters.voters:
            if voter != self.id:
                self._send_append(voter)

    def _send_append(self, to: int) -> bool:
        """One append, or the snapshot where the log no longer reaches back. False when nothing may be sent now."""
        progress = self.progress[to]
        if progress.is_paused():
            return False
        log, config = self.log, self.config
        prev = progress.next - 1
        try:
            prev_term = log.term(prev)
            entries = log.entries_from(prev + 1, config.max_entries_per_message, config.max_size_per_message)
        except LogCompactedError:
            return self._send_snapshot(to, progress)
        self.messages.append(AppendEntries(to, self.id, self.term, prev, prev_term, entries, log.committed))
        progress.sent(prev + len(entries), len(entries))
        return True

    def _send_snapshot(self, to: int, progress: Progress) -> bool:
        if not progress.recent_active:
            return False
        try:
            snapshot = self.log.unstable_snapshot or self.log.storage.snapshot()
        except SnapshotUnavailableError:
            return False
        progress.become_snapshot(snapshot.index)
        self._send(InstallSnapshot(to, self.id, self.term, snapshot))
        return True

    def _on_append_response(self, message: AppendResponse) -> None:
        progress = self.progress.get(message.from_)
        if progress is None:
            return
        progress.recent_active = True
        if message.rejected:
            self._on_append_rejected(message, progress)
            return
        index = message.index
        news = progress.acknowledged(index)
        if not news and not (progress.state is ProgressState.PROBE and progress.match == index):
            return
        self.matched[message.from_] = progress.match
        if progress.state is ProgressState.REPLICATE:
            progress.free_inflight(index)
        elif progress.state is ProgressState.PROBE:
            progress.become_replicate()
        elif progress.match + 1 >= self.log.first_index():
            progress.become_probe()
            progress.become_replicate()
        log = self.log
        committed = news and index > log.committed and self._maybe_commit()
        if not (committed and self.config.eager_commit):
            while progress.next <= log.last_index and self._send_append(message.from_):
                pass

    def _on_append_rejected(self, message: AppendResponse, progress: Progress) -> None:
        hint = message.hint_index
        if message.hint_term > 0:
            # Skip at once what this log has above the follower's term there: none of it can match.
            hint, _ = self.log.find_conflict_by_term(hint, message.hint_term)
        if progress.rejected(message.index, hint):
            if progress.state is ProgressState.REPLICATE:
                progress.become_probe()
            self._send_append(message.from_)

    def _maybe_commit(self) -> bool:
        """Raft §5.3 and §5.4.2: what a majority stores is committed, if it is of the current term.

        Called when a voter has acknowledged more than is committed; nothing else can move the quorum.
        """
        log = self.log
        index = self.voters.committed_index(self.matched)
        if index <= log.committed or log.term(index) != self.term:
            return False
        log.commit_to(index)
        if self.early_reads:
            early, self.early_reads = self.early_reads, []
            for asker, context in early:
                self._lead_read(asker, context)
        if self.config.eager_commit:
            self._broadcast_append()
        return True

    # ---- leader: heartbeats and reads (Raft §8, dissertation §6.4)

    def _broadcast_heartbeat(self, round_: int) -> None:
        committed = self.log.committed
        for voter in self.voters.voters:
            if voter != self.id:
                # Never past what the follower is known to have: its log may still differ above (Raft §5.3).
                commit = min(self.matched[voter], committed)
                self._send(Heartbeat(voter, self.id, self.term, commit, round_))

    def _on_heartbeat_response(self, message: HeartbeatResponse) -> None:
        progress = self.progress.get(message.from_)
        if progress is None:
            return
        progress.recent_active = True
        progress.paused = False
        if progress.match < self.log.last_index or progress.state is ProgressState.PROBE:
            self._send_append(message.from_)
        if message.context:
            for read in self.reads.acknowledge(message.from_, message.context, self.voters.quorum - 1):
                self._answer_read(read)

    def _quorum_active(self) -> bool:
        active = {voter: True for voter, progress in self.progress.items() if progress.recent_active}
        for voter, progress in self.progress.items():
            progress.recent_active = voter == self.id
        return self.voters.vote_result(active) is VoteResult.WON

    def _on_read_index_request(self, message: ReadIndexRequest) -> None:
        self._lead_read(message.from_, message.context)

    def _lead_read(self, asker: int, context: int) -> bool:
        if len(self.reads) + len(self.early_reads) >= self.config.max_pending_reads:
            return False
        index = self.log.committed
        if self.log.term(index) != self.term:
            # What earlier terms committed is known only once this one has committed (Raft §8).
            self.early_reads.append((asker, context))
        elif self.voters.quorum == 1 or self.config.read_only is ReadOnlyOption.LEASE:
            self._answer_read(PendingRead(asker, context, index, 0))
        else:
            self._broadcast_heartbeat(self.reads.add(asker, context, index))
        return True

    def _answer_read(self, read: PendingRead) -> None:
        if read.asker == self.id:
            self.read_states.append(ReadState(read.context, read.index))
        else:
            self._send(ReadIndexResponse(read.asker, self.id, self.term, read.index, read.context))

    # ---- dispatch

    def _send(self, message: Message) -> None:
        self.messages.append(message)

    _HANDLERS: ClassVar[dict[Role, dict[type, Callable[[Any, Any], None]]]] = {
        Role.FOLLOWER: {
            RequestVote: _on_request_vote,
            AppendEntries: _on_append,
            Heartbeat: _on_heartbeat,
            InstallSnapshot: _on_snapshot,
            ReadIndexResponse: _on_read_index_response,
        },
        Role.PRE_CANDIDATE: {
            RequestVote: _on_request_vote,
            VoteResponse: _on_vote_response,
            AppendEntries: _on_append,
            Heartbeat: _on_heartbeat,
            InstallSnapshot: _on_snapshot,
        },
        Role.CANDIDATE: {
            RequestVote: _on_request_vote,
            VoteResponse: _on_vote_response,
            AppendEntries: _on_append,
            Heartbeat: _on_heartbeat,
            InstallSnapshot: _on_snapshot,
        },
        Role.LEADER: {
            RequestVote: _on_request_vote,
            AppendResponse: _on_append_response,
            HeartbeatResponse: _on_heartbeat_response,
            ReadIndexRequest: _on_read_index_request,
        },
    }
