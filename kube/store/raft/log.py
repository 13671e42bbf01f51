"""A member's log as raft sees it: what is stable in storage, and what the next Ready is to make stable."""

from collections.abc import Sequence

from kube.store.raft.messages import Entry, Snapshot
from kube.store.raft.storage import LogCompactedError, Storage


class RaftLog:
    """Invariant: ``applied <= committed <= last_index``, and neither of the first two ever goes back.

    Entries from ``unstable_start`` on are unstable: they are only here. ``unstable_snapshot``, when there is
    one, precedes them all.
    """

    __slots__ = (
        "applied",
        "committed",
        "last_index",
        "last_term",
        "ready_end",
        "storage",
        "unstable",
        "unstable_snapshot",
        "unstable_start",
    )

    def __init__(self, storage: Storage, committed: int, applied: int) -> None:
        self.storage = storage
        self.last_index = storage.last_index()
        self.last_term = storage.term(self.last_index)
        floor = storage.first_index() - 1
        self.committed = max(committed, applied, floor)
        """The highest index that is known to be stable on a majority (Raft figure 2, commitIndex)."""
        self.applied = max(applied, floor)
        """The highest index that was handed out in a Ready to be applied."""
        self.unstable: list[Entry] = []
        self.unstable_start = self.last_index + 1
        self.unstable_snapshot: Snapshot | None = None
        self.ready_end = self.unstable_start
        """The first unstable entry that no Ready has had yet."""
        if self.committed > self.last_index or self.applied > self.committed:
            raise AssertionError(
                f"applied {self.applied}, committed {self.committed}, last {self.last_index} out of order"
            )

    # ---- read

    def first_index(self) -> int:
        if self.unstable_snapshot is not None:
            return self.unstable_snapshot.index + 1
        return self.storage.first_index()

    def term(self, index: int) -> int:
        """0 above the last index. Raises LogCompactedError below the snapshot."""
        if index == self.last_index:
            return self.last_term
        if index > self.last_index:
            return 0
        if index >= self.unstable_start:
            return self.unstable[index - self.unstable_start].term
        snapshot = self.unstable_snapshot
        if snapshot is not None:
            if index < snapshot.index:
                raise LogCompactedError(index)
            return snapshot.term
        return self.storage.term(index)

    def match_term(self, index: int, term: int) -> bool:
        try:
            return self.term(index) == term
        except LogCompactedError:
            return False

    def is_up_to_date(self, index: int, term: int) -> bool:
        """Raft §5.4.1: whether a log that ends so is at least as up to date as this one."""
        return term > self.last_term or (term == self.last_term and index >= self.last_index)

    def entries(self, low: int, high: int) -> list[Entry]:
        """Those in [low, high). Raises LogCompactedError."""
        if high <= low:
            return []
        start = self.unstable_start
        if low >= start:
            return self.unstable[low - start : high - start]
        if self.unstable_snapshot is not None:
            raise LogCompactedError(low)
        if high <= start:
            return self.storage.entries(low, high)
        return self.storage.entries(low, start) + self.unstable[: high - start]

    def entries_from(self, low: int, max_entries: int, max_size: int) -> tuple[Entry, ...]:
        """From ``low`` on, no more than ``max_entries`` and ``max_size`` bytes, but at least one if there is one."""
        entries = self.entries(low, min(low + max_entries, self.last_index + 1))
        if len(entries) <= 1:
            return tuple(entries)
        size = 0
        for count, entry in enumerate(entries):
            size += entry.size
            if size > max_size and count > 0:
                return tuple(entries[:count])
        return tuple(entries)

    def find_conflict_by_term(self, index: int, term: int) -> tuple[int, int]:
        """The highest index not above ``index`` whose term is not above ``term``, and its term.

        An append that was refused at ``index`` can match at this one at best, so everything between need not be
        probed. The term is 0 where the log is compacted.
        """
        index = min(index, self.last_index)
        while index > 0:
            try:
                own = self.term(index)
            except LogCompactedError:
                return index, 0
            if own <= term:
                return index, own
            index -= 1
        return 0, 0

    # ---- write

    def extend(self, entries: Sequence[Entry], last: int, term: int) -> None:
        """Entries that follow the last one; the last of them is at ``last``, of ``term``."""
        self.unstable.extend(entries)
        self.last_index, self.last_term = last, term

    def append(self, entries: Sequence[Entry]) -> None:
        """Entries that follow the last one or replace the log's tail; a committed entry is never replaced."""
        if not entries:
            return
        first = entries[0].index
        if first == self.last_index + 1:
            self.unstable.extend(entries)
        else:
            if first <= self.committed:
                raise AssertionError(f"entry {first} conflicts with the committed {self.committed}")
            if first > self.unstable_start:
                del self.unstable[first - self.unstable_start :]
                self.unstable.extend(entries)
            else:
                self.unstable = list(entries)
                self.unstable_start = first
            self.ready_end = min(self.ready_end, first)
        last = entries[-1]
        self.last_index, self.last_term = last.index, last.term

    def maybe_append(self, prev_index: int, prev_term: int, entries: Sequence[Entry]) -> bool:
        """Raft figure 2, AppendEntries 2 to 4. False when the log has no entry of ``prev_term`` at ``prev_index``."""
        if prev_index == self.last_index and prev_term == self.last_term:
            if entries:
                last = entries[-1]
                self.extend(entries, last.index, last.term)
            return True
        if not self.match_term(prev_index, prev_term):
            return False
        for position, entry in enumerate(entries):
            if not self.match_term(entry.index, entry.term):
                self.append(entries[position:])
                break
        return True

    def commit_to(self, index: int) -> bool:
        """True when that is progress."""
        if index <= self.committed:
            return False
        if index > self.last_index:
            raise AssertionError(
                f"commit of {index}, which the log (to {self.last_index}) does not have: was it lost or cut?"
            )
        self.committed = index
        return True

    def restore(self, snapshot: Snapshot) -> None:
        """The snapshot takes the place of the whole log."""
        self.unstable_snapshot = snapshot
        self.unstable = []
        self.unstable_start = self.ready_end = snapshot.index + 1
        self.last_index, self.last_term = snapshot.index, snapshot.term
        self.committed = snapshot.index

    # ---- what a Ready takes

    def take_unstable(self) -> list[Entry]:
        """Unstable entries that no Ready has had yet; ``stable_to`` follows once they are persisted."""
        entries = self.unstable[self.ready_end - self.unstable_start :]
        self.ready_end = self.last_index + 1
        return entries

    def stable_to(self, index: int, term: int) -> None:
        """The entries up to ``index`` are in storage. A tail that was replaced meanwhile stays unstable."""
        if index == self.last_index and term == self.last_term:
            self.unstable = []
        elif index >= self.unstable_start and self.match_term(index, term):
            del self.unstable[: index - self.unstable_start + 1]
        else:
            return
        self.unstable_start = index + 1
        if self.ready_end <= index:
            self.ready_end = index + 1  # replaced since, and replaced again by what it was

    def stable_snapshot_to(self, index: int) -> None:
        if self.unstable_snapshot is not None and self.unstable_snapshot.index == index:
            self.unstable_snapshot = None
            self.applied = max(self.applied, index)

    def take_committed(self, max_entries: int) -> list[Entry]:
        """Committed entries that were not handed out yet, in order."""
        if self.unstable_snapshot is not None:
            return []
        low = self.applied + 1
        high = self.committed + 1
        if high - low > max_entries:
            high = low + max_entries
        self.applied = high - 1
        if high <= self.unstable_start:
            return self.storage.entries(low, high)
        return self.entries(low, high)
