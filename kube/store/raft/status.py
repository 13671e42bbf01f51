"""What a member says of itself, for those who operate it (etcd-io/raft's ``Status``)."""

import msgspec

from kube.store.raft.messages import ConfState, HardState
from kube.store.raft.progress import Progress, ProgressState
from kube.store.raft.state import RaftState, Role


class ProgressStatus(msgspec.Struct, frozen=True):
    """A follower as its leader sees it. ``match``: its log equals the leader's up to it; ``next``: what is sent next.

    ``inflight`` appends of ``inflight_bytes`` together are not acknowledged. ``paused``: nothing is sent now. ``pending_snapshot``: the index
    of the snapshot under way, 0 when none is. ``recent_active``: heard since the leader last counted its quorum.
    """

    id: int
    match: int
    next: int
    state: ProgressState
    learner: bool
    paused: bool
    inflight: int
    inflight_bytes: int
    pending_snapshot: int
    recent_active: bool


class Status(msgspec.Struct, frozen=True):
    """A copy. ``progress`` is empty at all but the leader, and by member id there; the leader's own ``match`` is what is stable.

    ``transferee``: to whom leadership is being handed over, 0 when to nobody.
    """

    id: int
    role: Role
    leader: int
    hard_state: HardState
    applied: int
    last_index: int
    conf: ConfState
    transferee: int
    progress: tuple[ProgressStatus, ...]


def status_of(raft: RaftState) -> Status:
    return Status(
        raft.id,
        raft.role,
        raft.leader,
        raft.hard_state,
        raft.applied,
        raft.log.last_index,
        raft.conf,
        raft.transferee,
        tuple([_progress(raft, member, progress) for member, progress in raft.progress.items()]),
    )


def _progress(raft: RaftState, member: int, progress: Progress) -> ProgressStatus:
    own = member == raft.id
    return ProgressStatus(
        member,
        raft.matched.get(member, 0) if own else progress.match,
        raft.log.last_index + 1 if own else progress.next,
        ProgressState.REPLICATE if own else progress.state,
        member in raft.conf.learners,
        progress.paused,
        len(progress.inflight),
        progress.inflight_bytes,
        progress.pending_snapshot,
        progress.recent_active,
    )
