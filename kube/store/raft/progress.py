"""What a leader knows of each follower's log, and how fast it may send (etcd-io/raft's ``tracker``)."""

from collections import deque
from enum import Enum


class ProgressState(Enum):
    """How entries are sent to a follower.

    PROBE: one append at a time, until one is acknowledged. REPLICATE: pipelined, up to the window.
    SNAPSHOT: none, until the follower has the pending snapshot.
    """

    PROBE = "probe"
    REPLICATE = "replicate"
    SNAPSHOT = "snapshot"


_PROBE, _REPLICATE, _SNAPSHOT = ProgressState.PROBE, ProgressState.REPLICATE, ProgressState.SNAPSHOT


class Progress:
    """``match``: the follower's log equals the leader's up to it. ``next``: the first index to send; above ``match``.

    ``inflight`` holds the last index and the size in bytes of each append that is not yet acknowledged, ascending;
    ``inflight_bytes`` is their sum. The window is full when one of the two has reached its limit. ``sent_commit``: the highest
    commit that an append or a heartbeat told the follower.
    """

    __slots__ = (
        "inflight",
        "inflight_bytes",
        "match",
        "max_inflight",
        "max_inflight_bytes",
        "next",
        "paused",
        "pending_snapshot",
        "recent_active",
        "sent_commit",
        "state",
    )

    def __init__(self, next_index: int, max_inflight: int, max_inflight_bytes: int) -> None:
        self.match = 0
        self.next = next_index
        self.state = _PROBE
        self.max_inflight = max_inflight
        self.max_inflight_bytes = max_inflight_bytes
        self.inflight: deque[tuple[int, int]] = deque()
        self.inflight_bytes = 0
        self.sent_commit = 0
        self.pending_snapshot = 0
        self.paused = False
        """Nothing is sent now. In PROBE: an append is on its way. In REPLICATE: the window was full. A heartbeat's answer lifts
        both. In SNAPSHOT: always."""
        self.recent_active = False

    def become_probe(self) -> None:
        if self.state is _SNAPSHOT:
            # The snapshot may have arrived though its acknowledgement did not; what it holds need not be sent again.
            self.next = max(self.match + 1, self.pending_snapshot + 1)
        else:
            self.next = self.match + 1
        self._reset(_PROBE)
        self.sent_commit = min(self.sent_commit, self.next - 1)

    def become_replicate(self) -> None:
        self._reset(_REPLICATE)
        self.next = self.match + 1

    def become_snapshot(self, index: int) -> None:
        self._reset(_SNAPSHOT)
        self.paused = True
        self.pending_snapshot = index
        self.next = index + 1
        self.sent_commit = index

    def _reset(self, state: ProgressState) -> None:
        self.state = state
        self.paused = False
        self.pending_snapshot = 0
        self.inflight.clear()
        self.inflight_bytes = 0

    def is_full(self) -> bool:
        """No entry may be sent until one of those under way is acknowledged."""
        return len(self.inflight) >= self.max_inflight or self.inflight_bytes >= self.max_inflight_bytes

    def sent(self, last_index: int, count: int, size: int, commit: int) -> None:
        """An append of ``count`` entries of ``size`` bytes, that ends at ``last_index`` and tells ``commit``, was sent."""
        self.sent_commit = commit
        if self.state is _REPLICATE:
            inflight = self.inflight
            if count:
                self.next = last_index + 1
                inflight.append((last_index, size))
                self.inflight_bytes += size
            self.paused = len(inflight) >= self.max_inflight or self.inflight_bytes >= self.max_inflight_bytes
        else:
            self.paused = count > 0

    def acknowledged(self, index: int) -> bool:
        """The follower has everything up to ``index``, which makes room in the window; False when that is no news."""
        if index >= self.next:
            self.next = index + 1
        if index <= self.match:
            return False
        self.match = index
        self.paused = self.state is _SNAPSHOT
        inflight = self.inflight
        while inflight and inflight[0][0] <= index:
            self.inflight_bytes -= inflight.popleft()[1]
        return True

    def heartbeat_answered(self) -> None:
        self.recent_active = True
        self.paused = self.state is _SNAPSHOT

    def rejected(self, index: int, hint: int) -> bool:
        """The append after ``index`` was refused; go back to ``hint``. False when the refusal is an old one."""
        if self.state is _REPLICATE:
            if index <= self.match:
                return False
            self.next = self.match + 1
            return True
        if self.next - 1 != index:
            return False
        self.next = max(min(index, hint + 1), self.match + 1)
        self.paused = False
        return True

    def lacks_commit(self, committed: int) -> bool:
        """Whether an append, though empty, would tell the follower of a commit that it can make use of."""
        return committed > self.sent_commit and self.sent_commit < self.next - 1
