"""The key space of one replica: what every key holds now, held before, and in which revision it changed.

etcd's mvcc semantics: one revision for each write transaction, versions that start again when a key is created anew,
tombstones, reads at any revision that is not compacted. Nothing here waits, nothing here reads a clock.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter

import msgspec

from kube.store.errors import CompactedError, FutureRevisionError
from kube.store.kv import ALL_KEYS_END, KeyValue
from kube.store.mvcc.key_index import KeyIndex

_mod_revision: Callable[[KeyValue], int] = attrgetter("mod_revision")

Change = tuple[KeyValue, KeyValue | None]
"""What a write made of a key (version 0: a tombstone), and what the key held before."""


class KVSnapshot(msgspec.Struct, frozen=True):
    """A key space as of ``revision``, sharing the key values with the store that it was taken from.

    ``bases``: what keys held at the compacted revision that have changed since then.
    """

    revision: int
    compact_revision: int
    live: tuple[KeyValue, ...]
    bases: tuple[KeyValue, ...]
    changes: tuple[KeyValue, ...]


class KVStore:
    """``revision`` starts at 1, as etcd's.

    A transaction raises it by one before its first write, and all its writes belong to that revision.
    """

    __slots__ = (
        "_cursor",
        "_dead_index",
        "_index",
        "changes",
        "compact_revision",
        "dead",
        "journal",
        "live",
        "older",
        "revision",
        "size",
        "size_in_use",
    )

    def __init__(self) -> None:
        self.revision = 1
        self.compact_revision = 0
        self.live: dict[bytes, KeyValue] = {}
        """What each key that exists holds."""
        self.dead: dict[bytes, KeyValue] = {}
        """The tombstone of each key that does not exist now but did after the compacted revision."""
        self.older: dict[bytes, list[KeyValue]] = {}
        """Versions and tombstones before the one in ``live`` or ``dead``, ascending, of keys that have any."""
        self.changes: list[KeyValue] = []
        """Every change from the compacted revision on, in order."""
        self.journal: list[Change] | None = None
        """Changes for whoever reports them to watches; None while nobody does."""
        self.size = 0
        """Bytes of keys and values with their history."""
        self.size_in_use = 0
        """Bytes of the keys that exist and their values."""
        self._index = KeyIndex(self.live)
        self._dead_index = KeyIndex(self.dead)
        self._cursor = 0
        """Changes at the head of ``changes`` whose keys are pruned already."""

    # ---- writes

    def put(self, key: bytes, value: bytes, lease: int) -> KeyValue | None:
        """What the key held before."""
        revision = self.revision
        live = self.live
        prev = live.get(key)
        if prev is None:
            kv = KeyValue(key, value, revision, revision, 1, lease)
            self._index.touch(key)
            tombstone = self.dead.pop(key, None)
            if tombstone is not None:
                self._dead_index.touch(key)
                self.older.setdefault(key, []).append(tombstone)
            grown = len(key) + len(value)
            self.size_in_use += grown
            self.size += grown
        else:
            kv = KeyValue(key, value, prev.create_revision, revision, prev.version + 1, lease)
            older = self.older.get(key)
            if older is None:
                self.older[key] = [prev]
            else:
                older.append(prev)
            grown = len(value)
            self.size_in_use += grown - len(prev.value)
            self.size += len(key) + grown
        live[key] = kv
        self.changes.append(kv)
        if self.journal is not None:
            self.journal.append((kv, prev))
        return prev

    def delete(self, key: bytes) -> KeyValue | None:
        """What the key held before; None when there was nothing to delete."""
        prev = self.live.pop(key, None)
        if prev is None:
            return None
        tombstone = KeyValue(key, b"", 0, self.revision, 0, 0)
        self._index.touch(key)
        self.dead[key] = tombstone
        self._dead_index.touch(key)
        self.older.setdefault(key, []).append(prev)
        self.changes.append(tombstone)
        self.size_in_use -= len(key) + len(prev.value)
        self.size += len(key)
        if self.journal is not None:
            self.journal.append((tombstone, prev))
        return prev

    # ---- reads

    def check_revision(self, revision: int) -> None:
        """Raises CompactedError or FutureRevisionError for a revision that can't be read; 0, now, always can."""
        if revision > self.revision:
            raise FutureRevisionError(revision, self.revision)
        if 0 < revision < self.compact_revision:
            raise CompactedError(revision, self.compact_revision)

    def count(self, key: bytes, range_end: bytes, revision: int = 0) -> int:
        """How many keys are in range at ``revision``."""
        if 0 < revision < self.revision:
            return self._count_at(key, range_end, revision)
        if not range_end:
            return int(key in self.live)
        return self._index.count_between(key, range_end)

    def _count_at(self, key: bytes, range_end: bytes, revision: int) -> int:
        """From how many there are now, and what came and went since, where that is less than to look at all."""
        changes = self.changes
        first = bisect_right(changes, revision, key=_mod_revision)
        count = self.count(key, range_end)
        if len(changes) - first > count or not range_end:
            return len(self._range_at(key, range_end, revision, 0))
        since = {kv.key: None for kv in changes[first:]}
        for each in since:
            if key <= each and (range_end == ALL_KEYS_END or each < range_end):
                count += (self.get_at(each, revision) is not None) - (each in self.live)
        return count

    def keys(self, key: bytes, range_end: bytes) -> list[bytes]:
        """The keys in range now, sorted."""
        if not range_end:
            return [key] if key in self.live else []
        return self._index.between(key, range_end)

    def range(self, key: bytes, range_end: bytes, revision: int = 0, limit: int = 0) -> list[KeyValue]:
        """What the keys in range held at ``revision``, sorted by key; with a ``limit``, the first so many."""
        if 0 < revision < self.revision:
            return self._range_at(key, range_end, revision, limit)
        if not range_end:
            kv = self.live.get(key)
            return [] if kv is None else [kv]
        if limit:
            keys = self._index.first_between(key, range_end, limit)
        else:
            keys = self._index.between(key, range_end)
        return list(map(self.live.__getitem__, keys))

    def _range_at(self, key: bytes, range_end: bytes, revision: int, limit: int) -> list[KeyValue]:
        keys: Iterable[bytes] = [key]
        if range_end:
            keys = self._known_between(key, range_end, limit or max(1, len(self.live) + len(self.dead)))
        found: list[KeyValue] = []
        for each in keys:
            kv = self.get_at(each, revision)
            if kv is not None:
                found.append(kv)
                if len(found) == limit:
                    break
        return found

    def _known_between(self, key: bytes, range_end: bytes, portion: int) -> Iterator[bytes]:
        """The keys in range that exist now or did after the compacted revision, sorted, found by portions."""
        while True:
            live = self._index.first_between(key, range_end, portion)
            gone = self._dead_index.first_between(key, range_end, portion)
            full = [keys[-1] for keys in (live, gone) if len(keys) == portion]
            merged = live
            if gone:
                merged = live + gone
                merged.sort()
            if not full:
                yield from merged
                return
            last = min(full)  # behind it the other index may have more
            yield from merged[: bisect_right(merged, last)]
            key = last + b"\0"

    def get_at(self, key: bytes, revision: int) -> KeyValue | None:
        """What ``key`` held at ``revision``."""
        kv = self.live.get(key) or self.dead.get(key)
        if kv is not None and kv.mod_revision > revision:
            older = self.older.get(key, ())
            at = bisect_right(older, revision, key=_mod_revision)
            kv = older[at - 1] if at else None
        return kv if kv is not None and kv.version else None

    def changes_from(self, start_revision: int) -> Iterator[KeyValue]:
        """Every change from ``start_revision`` on, in order. Raises CompactedError."""
        if start_revision < self.compact_revision:
            raise CompactedError(start_revision, self.compact_revision)
        start = bisect_left(self.changes, start_revision, key=_mod_revision)
        return map(self.changes.__getitem__, range(start, len(self.changes)))

    def get_before(self, change: KeyValue) -> KeyValue | None:
        """What the key held before ``change``; None if it was absent, or if that is compacted."""
        if change.mod_revision == self.compact_revision:
            return None
        older = self.older.get(change.key)
        if older is None:
            return None
        at = bisect_left(older, change.mod_revision, key=_mod_revision)
        prev = older[at - 1] if at else None
        return prev if prev is not None and prev.version else None

    # ---- compaction

    def compact(self, revision: int) -> None:
        """From now on what is older than ``revision`` is refused; ``prune`` frees it.

        Raises CompactedError when that is done already, FutureRevisionError.
        """
        if revision <= self.compact_revision:
            raise CompactedError(revision, self.compact_revision)
        if revision > self.revision:
            raise FutureRevisionError(revision, self.revision)
        self.compact_revision = revision

    @property
    def unpruned(self) -> int:
        """Changes that ``prune`` has still to look at."""
        return bisect_right(self.changes, self.compact_revision, key=_mod_revision) - self._cursor

    def prune(self, limit: int) -> bool:
        """Free what compaction made unreachable, looking at no more than ``limit`` changes. False when all is done."""
        changes, floor = self.changes, self.compact_revision
        end = bisect_right(changes, floor, key=_mod_revision)
        stop = min(end, self._cursor + limit)
        for position in range(self._cursor, stop):
            self._prune_key(changes[position].key, floor)
        self._cursor = stop
        if stop < end:
            return True
        passed = bisect_left(changes, floor, key=_mod_revision)
        if passed:
            del changes[:passed]
        self._cursor = end - passed
        return False

    def _prune_key(self, key: bytes, floor: int) -> None:
        """Keep what can be read at ``floor`` or later: the newest version not above it, and all that are above."""
        older = self.older.get(key)
        current = self.live.get(key)
        if current is None:
            current = self.dead.get(key)
            if current is not None and current.mod_revision <= floor:
                del self.dead[key]
                self._dead_index.touch(key)
                self.size -= len(key)
        if older is None:
            return
        if current is None or current.mod_revision <= floor:
            passed = len(older)
        else:
            passed = bisect_right(older, floor, key=_mod_revision) - 1
            if passed >= 0 and older[passed].version == 0:
                passed += 1  # a tombstone that nothing precedes says no more than its absence
        if passed <= 0:
            return
        self.size -= sum([len(kv.key) + len(kv.value) for kv in older[:passed]])
        if passed == len(older):
            del self.older[key]
        else:
            del older[:passed]

    # ---- snapshots

    def snapshot(self) -> KVSnapshot:
        """What can be read, and nothing of what only waits to be pruned."""
        floor = self.compact_revision
        first = bisect_left(self.changes, floor, key=_mod_revision)
        bases: list[KeyValue] = []
        for key, older in self.older.items():
            if older[0].mod_revision >= floor:
                continue
            current = self.live.get(key) or self.dead[key]
            if current.mod_revision > floor:
                base = older[bisect_right(older, floor, key=_mod_revision) - 1]
                if base.mod_revision < floor and base.version:
                    bases.append(base)
        return KVSnapshot(
            self.revision, floor, tuple(self.live.values()), tuple(bases), tuple(self.changes[first:])
        )

    @classmethod
    def restore(cls, snapshot: KVSnapshot) -> "KVStore":
        store = cls()
        store.revision = snapshot.revision
        store.compact_revision = floor = snapshot.compact_revision
        store.live.update((kv.key, kv) for kv in snapshot.live)
        store.changes = list(snapshot.changes)
        store._cursor = bisect_right(store.changes, floor, key=_mod_revision)
        versions: dict[bytes, list[KeyValue]] = {kv.key: [kv] for kv in snapshot.bases}
        for change in snapshot.changes:
            if change.version or change.mod_revision > floor:
                versions.setdefault(change.key, []).append(change)
        for key, older in versions.items():
            current = older.pop()
            if not current.version:
                store.dead[key] = current
            if older:
                store.older[key] = older
        store.size_in_use = sum([len(kv.key) + len(kv.value) for kv in snapshot.live])
        store.size = store.size_in_use + sum(map(len, store.dead))
        store.size += sum([len(kv.key) + len(kv.value) for older in store.older.values() for kv in older])
        store._index = KeyIndex(store.live)
        store._dead_index = KeyIndex(store.dead)
        return store
