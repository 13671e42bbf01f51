"""The state of one Raft member, and the roles that it goes through. What it does with messages is in the modules beside.

``election``, ``follower``, ``replication``, ``reads``, ``reconfiguration`` and ``transfer`` are functions over this state, as
etcd-io/raft's step functions are; ``raft`` joins them.
"""

import random
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, ClassVar

from kube.store.raft.config import Config
from kube.store.raft.log import RaftLog
from kube.store.raft.messages import NO_NODE, ConfState, HardState, Message, ReadState
from kube.store.raft.progress import Progress
from kube.store.raft.quorum import MajorityConfig, Quorum, quorum_of
from kube.store.raft.read_only import ReadOnly
from kube.store.raft.storage import Storage


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
    """Nothing was appended. ``leader`` is who leads, 0 when unknown.

    When that is the member itself, it leads and takes no proposals for now: it hands over, or too much is uncommitted.
    """

    def __init__(self, leader: int, reason: str = "not the leader") -> None:
        super().__init__(f"{reason}; leader is {leader or 'unknown'}")
        self.leader = leader


class RaftState:
    """``term``, ``vote`` and the log's commit are the HardState; the rest is lost in a crash, as it may be."""

    __slots__ = (
        "acknowledged",
        "applied",
        "conf",
        "config",
        "counted_commit",
        "eager_commit",
        "early_reads",
        "election_elapsed",
        "election_timeout",
        "handlers",
        "heartbeat_elapsed",
        "id",
        "leader",
        "lease_waived",
        "log",
        "matched",
        "messages",
        "needed",
        "peers",
        "pending_conf_index",
        "progress",
        "read_states",
        "reads",
        "rng",
        "role",
        "term",
        "told_commit",
        "transferee",
        "uncommitted_size",
        "urged",
        "vote",
        "voters",
        "votes",
    )

    HANDLERS: ClassVar[Mapping[Role, Mapping[type, Callable[[Any, Any], None]]]] = {}
    """Who takes a message of the current term, by role and type."""

    def __init__(self, config: Config, storage: Storage, rng: random.Random, applied: int = 0) -> None:
        hard_state, conf = storage.initial_state()
        self.config = config
        self.id = config.id
        self.eager_commit = config.eager_commit
        self.rng = rng
        self.term = hard_state.term
        self.vote = hard_state.vote
        self.log = RaftLog(storage, hard_state.commit, applied)
        self.applied = self.log.applied
        """The highest index that the shell has applied, configuration changes included; ``log.applied`` is what it was handed."""
        self.role = Role.FOLLOWER
        self.handlers = self.HANDLERS[Role.FOLLOWER]
        self.leader = NO_NODE
        self.conf: ConfState = conf
        """The configuration as of ``applied``."""
        self.voters: Quorum = quorum_of(conf)
        self.votes: dict[int, bool] = {}
        self.messages: list[Message] = []
        self.read_states: list[ReadState] = []
        self.election_elapsed = 0
        self.heartbeat_elapsed = 0
        self.election_timeout = 0
        self.urged = False
        """A leader has handed over to this member, which could not campaign at once."""
        self._reset_leadership()
        self._reset_election_timeout()

    def _reset_leadership(self) -> None:
        """What only a leader has."""
        self.progress: dict[int, Progress] = {}
        """The leader's view of every member, itself and learners included; empty in every other role."""
        self.peers: tuple[tuple[int, Progress], ...] = ()
        """Those of ``progress`` that are sent to: all but itself."""
        self.matched: dict[int, int] = {}
        """``match`` of each voter as the quorum reads it, kept beside ``progress``; the leader's own is what is stable."""
        self.needed = 0
        """How many others must have an entry for it to be committed; all of them while the configuration is joint."""
        self.acknowledged = 0
        """The highest index that anybody else has acknowledged to this leader."""
        self.told_commit = 0
        """The commit that a thrifty leader's appends carry: not more than ``config.thrifty`` entries behind its own."""
        self.reads = ReadOnly()
        self.early_reads: list[tuple[int, int]] = []
        """(asker, context) of reads that wait for the first commit of this leader's term."""
        self.transferee = NO_NODE
        """Whom the leader hands over to; meanwhile it takes no proposals (dissertation §3.10)."""
        self.lease_waived = False
        """In this term somebody was told to campaign in spite of the leader's lease, on which no read may rely any more."""
        self.pending_conf_index = 0
        """No configuration change is proposed before this index is applied: one at a time."""
        self.uncommitted_size = 0
        """Bytes that this leader has proposed above ``counted_commit``: no less than what is uncommitted."""
        self.counted_commit = 0

    @property
    def hard_state(self) -> HardState:
        return HardState(self.term, self.vote, self.log.committed)

    def in_lease(self) -> bool:
        """Whether a leader was heard so lately that nobody else is to be elected (dissertation §4.2.3)."""
        return (
            self.config.check_quorum
            and self.leader != NO_NODE
            and self.election_elapsed < self.config.election_ticks
        )

    # ---- roles (Raft figure 4)

    def become(self, role: Role, term: int, leader: int) -> None:
        if role not in TRANSITIONS[self.role]:
            raise AssertionError(f"member {self.id}: {self.role.value} can't become {role.value}")
        if term < self.term:
            raise AssertionError(f"member {self.id}: term {self.term} can't go back to {term}")
        if term != self.term:
            self.term = term
            self.vote = NO_NODE
        self.role = role
        self.handlers = self.HANDLERS[role]
        self.leader = leader
        self.election_elapsed = 0
        self.heartbeat_elapsed = 0
        self._reset_election_timeout()
        self.votes = {}
        self.urged = False
        self._reset_leadership()

    def become_follower(self, term: int, leader: int) -> None:
        self.become(Role.FOLLOWER, term, leader)

    def _reset_election_timeout(self) -> None:
        ticks = self.config.election_ticks
        self.election_timeout = ticks + self.rng.randrange(ticks)

    # ---- the configuration

    def use_conf(self, conf: ConfState) -> None:
        self.conf = conf
        self.voters = quorum_of(conf)

    def track(self, new_next: int) -> None:
        """As leader, have a Progress of each member; who is new is first sent what is at ``new_next``."""
        config = self.config
        known, matched = self.progress, self.matched
        self.progress = progress = {
            member: known.get(member) or Progress(new_next, config.max_inflight, config.max_inflight_bytes)
            for member in self.conf.members
        }
        self.peers = tuple([item for item in progress.items() if item[0] != self.id])
        self.matched = {
            voter: matched.get(voter, 0) if voter == self.id else progress[voter].match
            for voter in self.voters.voters
        }
        voters = self.voters
        self.needed = (
            voters.quorum - (self.id in self.matched)
            if isinstance(voters, MajorityConfig)
            else len(self.peers)
        )
