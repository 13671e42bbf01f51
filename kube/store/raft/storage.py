"""Where a member's log and hard state are kept: the protocol that raft reads, and the one in memory."""

from typing import Protocol

from kube.store.raft.messages import ConfState, Entry, HardState, Snapshot


class LogCompactedError(Exception):
    """The entry asked for is in the snapshot already."""


class SnapshotUnavailableError(Exception):
    """There is no snapshot to send now; raft asks again later."""


class Storage(Protocol):
    """What raft reads of its stable storage. Writing is the shell's, before it sends (persist before send)."""

    def initial_state(self) -> tuple[HardState, ConfState]: ...

    def first_index(self) -> int:
        """The oldest entry that is kept; everything before is in the snapshot."""
        ...

    def last_index(self) -> int: ...

    def term(self, index: int) -> int:
        """From first_index() - 1, which is the snapshot's, to last_index(). Raises LogCompactedError below."""
        ...

    def entries(self, low: int, high: int) -> list[Entry]:
        """Those in [low, high). Raises LogCompactedError when ``low`` is below first_index()."""
        ...

    def snapshot(self) -> Snapshot:
        """Raises SnapshotUnavailableError."""
        ...


class StableStorage(Storage, Protocol):
    """What the shell writes, besides. ``log_size``: bytes of the entries kept."""

    log_size: int

    @property
    def hard_state(self) -> HardState: ...

    def save(self, hard_state: HardState | None, entries: list[Entry], *, must_sync: bool) -> None:
        """Keep both; when ``must_sync``, nothing may be sent before they would survive a crash.

        What the log held at the entries' indexes and after is gone. A hard state of None is the one kept already. The hard
        state's commit may be that of the entries: a crash that loses some of them must lose it too.
        """
        ...

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot of this member's own state machine; the log stays until ``compact``."""
        ...

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """Take over the leader's snapshot: the log starts anew after it. It survives a crash from here on."""
        ...

    def compact(self, index: int) -> None:
        """Drop the entries up to and including ``index``, which the snapshot must hold."""
        ...


class MemoryStorage:
    """Stable storage of one member for as long as the process lives; it outlives the member's actor.

    ``log_size``: bytes of the entries kept.
    """

    __slots__ = ("_entries", "_hard_state", "_snapshot", "_start", "_start_term", "log_size")

    def __init__(self, voters: tuple[int, ...]) -> None:
        self._hard_state = HardState()
        self._snapshot = Snapshot(conf=ConfState(tuple(sorted(voters))))
        self._entries: list[Entry] = []
        self._start = 0
        self._start_term = 0
        self.log_size = 0

    # ---- read

    @property
    def hard_state(self) -> HardState:
        return self._hard_state

    def initial_state(self) -> tuple[HardState, ConfState]:
        return self._hard_state, self._snapshot.conf

    def first_index(self) -> int:
        return self._start + 1

    def last_index(self) -> int:
        return self._start + len(self._entries)

    def term(self, index: int) -> int:
        if index == self._start:
            return self._start_term
        if index < self._start:
            raise LogCompactedError(index)
        return self._entries[index - self._start - 1].term

    def entries(self, low: int, high: int) -> list[Entry]:
        start = self._start + 1
        if low < start:
            raise LogCompactedError(low)
        return self._entries[low - start : high - start]

    def snapshot(self) -> Snapshot:
        return self._snapshot

    # ---- write

    def set_hard_state(self, hard_state: HardState) -> None:
        self._hard_state = hard_state

    def save(self, hard_state: HardState | None, entries: list[Entry], *, must_sync: bool) -> None:  # noqa: ARG002  # memory has nothing to sync
        if hard_state is not None:
            self._hard_state = hard_state
        if not entries:
            return
        kept, first = self._entries, entries[0]
        if first.index != self._start + len(kept) + 1:
            self.append(entries)
        elif len(entries) == 1:
            kept.append(first)
            self.log_size += first.size
        else:
            kept.extend(entries)
            self.log_size += sum([entry.size for entry in entries])

    def append(self, entries: list[Entry]) -> None:
        """Keep ``entries``; what the log held at their indexes and after is gone."""
        if not entries:
            return
        at = entries[0].index - self._start - 1
        kept = self._entries
        if at < len(kept):
            if at < 0:
                raise LogCompactedError(entries[0].index)
            self.log_size -= sum(entry.size for entry in kept[at:])
            del kept[at:]
        elif at > len(kept):
            raise AssertionError(f"gap in the log: {entries[0].index} after {self.last_index()}")
        kept.extend(entries)
        self.log_size += sum([entry.size for entry in entries])

    def save_snapshot(self, snapshot: Snapshot) -> None:
        if snapshot.index < self._snapshot.index:
            raise AssertionError(f"snapshot {snapshot.index} is older than {self._snapshot.index}")
        self._snapshot = snapshot

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        self.save_snapshot(snapshot)
        self._entries = []
        self._start, self._start_term = snapshot.index, snapshot.term
        self.log_size = 0

    def compact(self, index: int) -> None:
        if index <= self._start:
            return
        if index > self._snapshot.index:
            raise AssertionError(f"entry {index} is not in the snapshot of {self._snapshot.index}")
        count = index - self._start
        self._start_term = self._entries[count - 1].term
        self.log_size -= sum([entry.size for entry in self._entries[:count]])
        del self._entries[:count]
        self._start = index
