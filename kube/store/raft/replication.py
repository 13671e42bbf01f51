"""The leader's side of the log (Raft §5.3, §5.4.2): what it sends to each member, and what it commits."""

from kube.store.raft.messages import (
    NO_NODE,
    AppendEntries,
    AppendResponse,
    Entry,
    HeartbeatResponse,
    InstallSnapshot,
    TimeoutNow,
)
from kube.store.raft.progress import Progress, ProgressState
from kube.store.raft.reads import acknowledge_reads, lead_early_reads
from kube.store.raft.state import RaftState
from kube.store.raft.storage import LogCompactedError, SnapshotUnavailableError

_PROBE, _REPLICATE = ProgressState.PROBE, ProgressState.REPLICATE


def append_own(raft: RaftState, data: object | None, size: int = 0) -> int:
    """One entry of the current term, sent to everybody. Its index."""
    log = raft.log
    index = log.last_index + 1
    log.append([Entry(raft.term, index, data, size)])
    broadcast_append(raft)
    return index


def broadcast_append(raft: RaftState) -> None:
    for member, progress in raft.peers:
        send_append(raft, member, progress)


def send_append(raft: RaftState, to: int, progress: Progress, *, if_empty: bool = True) -> bool:
    """One append, or the snapshot where the log no longer reaches back. False when nothing may be sent now.

    Without ``if_empty`` only when there are entries to send.
    """
    if progress.paused:
        return False
    log, config = raft.log, raft.config
    prev = progress.next - 1
    entries: tuple[Entry, ...] = ()
    try:
        prev_term = log.term(prev)
        # With a full window whose appends were all lost, the answer to an empty one brings the follower back.
        if progress.state is not _REPLICATE or not progress.is_full():
            entries = log.entries_from(prev + 1, config.max_entries_per_message, config.max_size_per_message)
    except LogCompactedError:
        return _send_snapshot(raft, to, progress)
    if not entries and not if_empty:
        return False
    committed = log.committed
    raft.messages.append(AppendEntries(to, raft.id, raft.term, prev, prev_term, entries, committed))
    count = len(entries)
    progress.sent(prev + count, count, sum([entry.size for entry in entries]), committed)
    return True


def send_all(raft: RaftState, to: int, progress: Progress) -> None:
    """As many appends as the window has room for."""
    log = raft.log
    while progress.next <= log.last_index and send_append(raft, to, progress, if_empty=False):
        pass


def send_what_lacks(raft: RaftState, but: int = NO_NODE) -> None:
    """What a thrifty leader has kept back, to all but one."""
    last = raft.log.last_index
    for member, progress in raft.peers:
        if progress.next <= last and member != but:
            send_all(raft, member, progress)


def _send_snapshot(raft: RaftState, to: int, progress: Progress) -> bool:
    if not progress.recent_active:
        return False
    try:
        snapshot = raft.log.unstable_snapshot or raft.log.storage.snapshot()
    except SnapshotUnavailableError:
        return False
    progress.become_snapshot(snapshot.index)
    raft.messages.append(InstallSnapshot(to, raft.id, raft.term, snapshot))
    return True


def on_append_response(raft: RaftState, message: AppendResponse) -> None:
    member = message.from_
    progress = raft.progress.get(member)
    if progress is None:
        return
    progress.recent_active = True
    if message.rejected:
        _on_append_rejected(raft, message, progress)
        return
    index, log, matched = message.index, raft.log, raft.matched
    if not progress.acknowledged(index) and (progress.state is _REPLICATE or progress.match != index):
        return
    if member in matched:
        matched[member] = progress.match
    if index > raft.acknowledged:  # noqa: PLR1730  # max costs a call on the hot path
        raft.acknowledged = index
    if progress.state is not _REPLICATE:
        if progress.state is _PROBE:
            progress.become_replicate()
        elif progress.match + 1 >= log.first_index():
            progress.become_probe()
            progress.become_replicate()
    committed = index > log.committed and maybe_commit(raft)
    if not committed and raft.eager_commit and progress.lacks_commit(log.committed):
        send_append(raft, member, progress)
    if progress.next <= log.last_index:
        send_all(raft, member, progress)
    if raft.transferee and member == raft.transferee and progress.match == log.last_index:
        urge(raft, member)


def _on_append_rejected(raft: RaftState, message: AppendResponse, progress: Progress) -> None:
    if message.unconfigured:
        if progress.state is not ProgressState.SNAPSHOT:
            _send_snapshot(raft, message.from_, progress)
        return
    hint = message.hint_index
    if message.hint_term > 0:
        # Skip at once what this log has above the follower's term there: none of it can match.
        hint, _ = raft.log.find_conflict_by_term(hint, message.hint_term)
    if progress.rejected(message.index, hint):
        if progress.state is _REPLICATE:
            progress.become_probe()
        send_append(raft, message.from_, progress)


def on_heartbeat_response(raft: RaftState, message: HeartbeatResponse) -> None:
    progress = raft.progress.get(message.from_)
    if progress is None:
        return
    progress.heartbeat_answered()
    if progress.match < raft.log.last_index or progress.state is _PROBE:
        send_append(raft, message.from_, progress)
    if message.context:
        acknowledge_reads(raft, message.from_, message.context)


def urge(raft: RaftState, to: int) -> None:
    """Tell a voter that has the whole log to campaign now."""
    raft.lease_waived = True
    raft.messages.append(TimeoutNow(to, raft.id, raft.term))


def persisted(raft: RaftState, index: int, term: int) -> None:
    """The shell has made the leader's log stable up to ``index``, so it counts itself (dissertation §10.2.1)."""
    matched, own = raft.matched, raft.id
    if term == raft.term and index > matched.get(own, index):
        matched[own] = index
        # Of several voters another one is needed too, and mostly none has answered yet.
        committed = raft.log.committed
        if index > committed and (len(matched) == 1 or raft.acknowledged > committed):
            maybe_commit(raft)


def maybe_commit(raft: RaftState) -> bool:
    """Raft §5.3 and §5.4.2: what a majority stores is committed, if it is of the current term.

    Called when a voter has acknowledged more than is committed, or the voters have changed; nothing else can move the quorum.
    """
    log = raft.log
    index = raft.voters.committed_index(raft.matched)
    if index <= log.committed or log.term(index) != raft.term:
        return False
    log.commit_to(index)
    if raft.early_reads:
        lead_early_reads(raft)
    if raft.eager_commit:
        broadcast_append(raft)
    return True


def uncommitted_size(raft: RaftState) -> int:
    """Bytes of what this leader has appended and is not committed.

    Counted anew only when something was committed since the last time, so that a proposal costs nothing in general.
    """
    log = raft.log
    if raft.counted_commit != log.committed:
        raft.counted_commit = log.committed
        tail = log.entries(log.committed + 1, log.last_index + 1)
        raft.uncommitted_size = sum([entry.size for entry in tail])
    return raft.uncommitted_size
