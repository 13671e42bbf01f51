"""What Raft members say to each other and what they keep, named after etcd-io/raft and the Raft paper.

``data`` of an entry is opaque here: any immutable object. Members of one process share entries by reference;
whoever crosses a wire encodes them there.
"""

from enum import Enum
from typing import TypeAlias

import msgspec

NO_NODE = 0
"""No member has this id: nobody leads, or no vote was given."""


# ---- kept -------------------------------------------------------------------------------------------------


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """``size`` in bytes, for flow control. ``data`` is None in the entry with which a leader opens its term, and a ConfChange
    in one that changes the members.
    """

    term: int
    index: int
    data: object | None = None
    size: int = 0


class HardState(msgspec.Struct, frozen=True):
    """What must be on stable storage before any message that depends on it is sent (Raft §5.1, figure 2).

    ``commit`` is a lower bound, but one that must not be lost once entries are kept that came with it: whoever forgets that
    a configuration change was committed would campaign in the old configuration, which may no longer overlap the newest.
    """

    term: int = 0
    vote: int = NO_NODE
    commit: int = 0


class ConfState(msgspec.Struct, frozen=True):
    """The members as of some index of the log; every tuple sorted (etcd-io/raft's ``ConfState``).

    ``voters_outgoing`` is not empty in a joint configuration, where a majority of it and one of ``voters`` decide together
    (dissertation §4.3). ``learners`` receive the log and have no vote; ``learners_next`` become learners when the joint
    configuration is left, as they vote in the outgoing one until then. ``auto_leave``: the leader leaves it by itself.
    """

    voters: tuple[int, ...] = ()
    learners: tuple[int, ...] = ()
    voters_outgoing: tuple[int, ...] = ()
    learners_next: tuple[int, ...] = ()
    auto_leave: bool = False

    @property
    def joint(self) -> bool:
        return bool(self.voters_outgoing)

    @property
    def members(self) -> tuple[int, ...]:
        """Everybody who receives the log, sorted."""
        return tuple(sorted({*self.voters, *self.voters_outgoing, *self.learners}))


class ConfChangeType(Enum):
    """ADD_NODE makes a voter of a learner, too, and ADD_LEARNER_NODE a learner of a voter."""

    ADD_NODE = "add-node"
    REMOVE_NODE = "remove-node"
    UPDATE_NODE = "update-node"
    ADD_LEARNER_NODE = "add-learner-node"


class ConfChangeTransition(Enum):
    """AUTO: one change is made at once, several go through a joint configuration that is left by itself.

    JOINT_IMPLICIT: through a joint configuration in any case, left by itself. JOINT_EXPLICIT: left when somebody proposes it.
    """

    AUTO = "auto"
    JOINT_IMPLICIT = "joint-implicit"
    JOINT_EXPLICIT = "joint-explicit"


class ConfChangeSingle(msgspec.Struct, frozen=True, array_like=True):
    """A change of the member ``node``; nothing when that is NO_NODE (so a shell refuses what was committed already)."""

    type: ConfChangeType
    node: int


class ConfChange(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The ``data`` of an entry that changes the configuration (etcd-io/raft's ``ConfChangeV2``). Without changes it leaves a
    joint configuration. ``context`` is the proposer's, opaque here and immutable.
    """

    changes: tuple[ConfChangeSingle, ...] = ()
    transition: ConfChangeTransition = ConfChangeTransition.AUTO
    context: object | None = None


class Snapshot(msgspec.Struct, frozen=True):
    """The state machine (``data``, opaque, immutable) after the entry at ``index`` of ``term`` was applied."""

    index: int = 0
    term: int = 0
    conf: ConfState = ConfState()
    data: object | None = None


# ---- sent -------------------------------------------------------------------------------------------------


class _Message(msgspec.Struct, frozen=True, tag=True):
    to: int
    from_: int
    term: int


class RequestVote(_Message, frozen=True, tag=True):
    """Raft §5.2. ``pre``: a pre-vote (Raft dissertation §9.6), whose ``term`` is the one that would be campaigned for.

    ``transfer``: the leader itself has asked for this election (§3.10), so its lease does not stand in the way. ``commit`` and
    ``commit_term`` are the candidate's last committed entry.
    """

    last_index: int
    last_term: int
    pre: bool = False
    transfer: bool = False
    commit: int = 0
    commit_term: int = 0


class VoteResponse(_Message, frozen=True, tag=True):
    """A refusal tells of the voter's last committed entry (as raft-rs does): the candidate may have it without knowing that it
    is committed, and if it is the change that took the voter's vote away, it need not ask that one again.
    """

    rejected: bool
    pre: bool = False
    commit: int = 0
    commit_term: int = 0


class AppendEntries(_Message, frozen=True, tag=True):
    """Raft §5.3: ``entries`` follow the entry at ``prev_index``, which must be of ``prev_term``."""

    prev_index: int
    prev_term: int
    entries: tuple[Entry, ...]
    commit: int


class AppendResponse(_Message, frozen=True, tag=True):
    """``index``: the follower's log matches the leader's up to it; when ``rejected``, the ``prev_index`` refused.

    ``hint_index`` and ``hint_term``: the last entry at which a rejecting follower's log may still match
    (Raft dissertation §5.3's conflict optimisation as etcd-io/raft does it). ``unconfigured``: the follower knows of no
    configuration, so the log alone does not help it: it must have a snapshot first, be it of an empty state machine.
    """

    index: int
    rejected: bool = False
    hint_index: int = 0
    hint_term: int = 0
    unconfigured: bool = False


class Heartbeat(_Message, frozen=True, tag=True):
    """``context`` numbers a round of ReadIndex confirmations; 0 is none."""

    commit: int
    context: int = 0


class HeartbeatResponse(_Message, frozen=True, tag=True):
    context: int = 0


class InstallSnapshot(_Message, frozen=True, tag=True):
    """Raft §7, in one piece. Answered by an AppendResponse."""

    snapshot: Snapshot


class TimeoutNow(_Message, frozen=True, tag=True):
    """The leader hands over: campaign at once (Raft dissertation §3.10)."""


class ReadIndexRequest(_Message, frozen=True, tag=True):
    """A follower asks the leader for a read index (Raft dissertation §6.4). ``context`` is the asker's own number."""

    context: int


class ReadIndexResponse(_Message, frozen=True, tag=True):
    index: int
    context: int


Message: TypeAlias = (
    RequestVote
    | VoteResponse
    | AppendEntries
    | AppendResponse
    | Heartbeat
    | HeartbeatResponse
    | InstallSnapshot
    | TimeoutNow
    | ReadIndexRequest
    | ReadIndexResponse
)


class ReadState(msgspec.Struct, frozen=True):
    """A read asked for under ``context`` is linearizable once the entry at ``index`` is applied."""

    context: int
    index: int
