"""What Raft members say to each other and what they keep, named after etcd-io/raft and the Raft paper.

``data`` of an entry is opaque here: any immutable object. Members of one process share entries by reference;
whoever crosses a wire encodes them there.
"""

from typing import TypeAlias

import msgspec

NO_NODE = 0
"""No member has this id: nobody leads, or no vote was given."""


# ---- kept -------------------------------------------------------------------------------------------------


class Entry(msgspec.Struct, frozen=True):
    """``size`` in bytes, for flow control. ``data`` is None in the entry with which a leader opens its term."""

    term: int
    index: int
    data: object | None = None
    size: int = 0


class HardState(msgspec.Struct, frozen=True):
    """What must be on stable storage before any message that depends on it is sent (Raft §5.1, figure 2).

    ``commit`` need not be: it is a lower bound, as of the last change of the others.
    """

    term: int = 0
    vote: int = NO_NODE
    commit: int = 0


class ConfState(msgspec.Struct, frozen=True):
    """The members as of some index of the log. ``voters`` sorted."""

    voters: tuple[int, ...] = ()


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
    """Raft §5.2. ``pre``: a pre-vote (Raft dissertation §9.6), whose ``term`` is the one that would be campaigned for."""

    last_index: int
    last_term: int
    pre: bool = False


class VoteResponse(_Message, frozen=True, tag=True):
    rejected: bool
    pre: bool = False


class AppendEntries(_Message, frozen=True, tag=True):
    """Raft §5.3: ``entries`` follow the entry at ``prev_index``, which must be of ``prev_term``."""

    prev_index: int
    prev_term: int
    entries: tuple[Entry, ...]
    commit: int


class AppendResponse(_Message, frozen=True, tag=True):
    """``index``: the follower's log matches the leader's up to it; when ``rejected``, the ``prev_index`` refused.

    ``hint_index`` and ``hint_term``: the last entry at which a rejecting follower's log may still match
    (Raft dissertation §5.3's conflict optimisation as etcd-io/raft does it).
    """

    index: int
    rejected: bool = False
    hint_index: int = 0
    hint_term: int = 0


class Heartbeat(_Message, frozen=True, tag=True):
    """``context`` numbers a round of ReadIndex confirmations; 0 is none."""

    commit: int
    context: int = 0


class HeartbeatResponse(_Message, frozen=True, tag=True):
    context: int = 0


class InstallSnapshot(_Message, frozen=True, tag=True):
    """Raft §7, in one piece. Answered by an AppendResponse."""

    snapshot: Snapshot


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
    | ReadIndexRequest
    | ReadIndexResponse
)


class ReadState(msgspec.Struct, frozen=True):
    """A read asked for under ``context`` is linearizable once the entry at ``index`` is applied."""

    context: int
    index: int
