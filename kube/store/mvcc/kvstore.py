"""The key space of one replica: what every key holds now, held before, and in which revision it changed.

etcd's mvcc semantics: one revision for each write transaction, versions that start again when a key is created anew,
tombstones, reads at any revision that is not compacted. Nothing here waits, nothing here reads a clock.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import islice
from operator import attrgetter
from typing import TypeVar

import msgspec

from kube.store.errors import CompactedError, FutureRevisionError
from kube.store.kv import ALL_KEYS_END, KeyValue
from kube.store.mvcc.change_log import ChangeLog
from kube.store.mvcc.key_index import KeyIndex

NEVER_COMPACTED = -1
"""The compacted revision of a store that never was, as etcd's: revision 0 can be compacted, once."""
_PORTION = 64
"""Keys that pruning looks at in one step."""
_KEYS_OF_A_CHANGE = 4
"""To look at so many keys takes about as long as to prune one change."""

_key: Callable[[KeyValue], bytes] = attrgetter("key")
_mod_revision: Callable[[KeyValue], int] = attrgetter("mod_revision")

Change = tuple[KeyValue, KeyValue | None]
"""What a write made of a key (version 0: a tombstone), and what the key held before."""


T = TypeVar("T")


def finished(steps: Generator[None, None, T]) -> T:
    """What is there at the end of the steps."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            made: T = end.value
            return made


def portions(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Of an iterable that does not change meanwhile."""
    rest = iter(items)
    while portion := list(islice(rest, size)):
        yield portion


class KVSnapshot(msgspec.Struct, frozen=True):
    """A key space as of ``revision``, sharing its parts with the store that it was taken from.

    ``bases``: what keys held at ``base_revision`` and had held before it. ``changes``: every change from ``base_revision`` on, in
    order; what there is now follows from both. ``base_revision`` is the compacted one, or one before it while pruning is not done.
    """

    revision: int
    compact_revision: int
    base_revision: int = NEVER_COMPACTED
    bases: Sequence[KeyValue] = ()
    changes: Sequence[KeyValue] = ()


class KVStore:
    """``revision`` starts at 1, as etcd's.

    A transaction raises it by one before its first write, and all its writes belong to that revision.
    """

    __slots__ = (
        "_dead_index",
        "_index",
        "_pruning",
        "_to_prune",
        "base_revision",
        "bases",
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
        self.compact_revision = NEVER_COMPACTED
        self.live: dict[bytes, KeyValue] = {}
        """What each key that exists holds."""
        self.dead: dict[bytes, KeyValue] = {}
        """The tombstone of each key that does not exist now but did after the compacted revision."""
        self.older: dict[bytes, list[KeyValue]] = {}
        """Versions and tombstones before the one in ``live`` or ``dead``, ascending, of keys that have any."""
        self.changes = ChangeLog()
        """Every change from the base revision on, in order."""
        self.base_revision = NEVER_COMPACTED
        """The compacted revision to which everything is pruned."""
        self.bases: Sequence[KeyValue] = ()
        """What keys held at the base revision and had held before it. Replaced, never changed."""
        self.journal: list[Change] | None = None
        """Changes for whoever reports them to watches; None while nobody does."""
        self.size = 0
        """Bytes of keys and values with their history."""
        self.size_in_use = 0
        """Bytes of the keys that exist and their values."""
        self._index = KeyIndex(self.live)
        self._dead_index = KeyIndex(self.dead)
        self._pruning: Iterator[int] | None = None
        self._to_prune = 0

    # ---- writes

    def put(self, key: bytes, value: bytes, lease: int) -> KeyValue | None:
        """What the key held before."""
        revision = self.revision
        live = self.live
        prev = before = live.get(key)
        grown = len(value)
        if prev is None:
            kv = KeyValue(key, value, revision, revision, 1, lease)
            grown += len(key)
            self.size += grown
            self.size_in_use += grown
            if not self._index.stale:
                self._index.touch(key)
            if key in self.dead:
                self._bury(key)
                before = self._before(key, revision)
        else:
            kv = KeyValue(key, value, prev.create_revision, revision, prev.version + 1, lease)
            self.size += len(key) + grown
            self.size_in_use += grown - len(prev.value)
            older = self.older.get(key)
            if older is None:
                self.older[key] = [prev]
            else:
                older.append(prev)
            if prev.mod_revision == revision:
                before = self._before(key, revision)
        live[key] = kv
        self.changes.tail.append(kv)
        if self.journal is not None:
            self.journal.append((kv, before))
        return prev

    def _bury(self, key: bytes) -> None:
        """The tombstone of a key that is created anew becomes one of its older versions."""
        self.older.setdefault(key, []).append(self.dead.pop(key))
        self._dead_index.touch(key)

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
        self.changes.tail.append(tombstone)
        self.size_in_use -= len(key) + len(prev.value)
        self.size += len(key)
        if self.journal is not None:
            self.journal.append((tombstone, self._before(key, self.revision)))
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
        first = changes.position(revision + 1)
        count = self.count(key, range_end)
        if changes.end - first > count or not range_end:
            return len(self._range_at(key, range_end, revision, 0))
        since = {kv.key: None for kv in changes.between(first, changes.end)}
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
        changes = self.changes
        return changes.between(changes.position(start_revision), changes.end)

    def get_before(self, change: KeyValue) -> KeyValue | None:
        """What the key held before ``change``; None if it was absent, or if that is compacted."""
        return (
            None
            if change.mod_revision == self.compact_revision
            else self._before(change.key, change.mod_revision)
        )

    def _before(self, key: bytes, revision: int) -> KeyValue | None:
        """What the key held before a change of ``revision``, in which a txn may have written it twice."""
        older = self.older.get(key)
        if older is None:
            return None
        at = bisect_left(older, revision, key=_mod_revision)
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
        """How many changes ``prune`` has still to look at, with four keys for a change."""
        if self._pruning is not None:
            return self._to_prune
        if self.base_revision == self.compact_revision:
            return 0
        return self._prunable(self.compact_revision)

    def _prunable(self, floor: int) -> int:
        changes = self.changes
        passed = changes.position(floor + 1) - changes.position(self.base_revision + 1)
        return passed + (len(self.live) + len(self.dead)) // _KEYS_OF_A_CHANGE

    def prune(self, limit: int) -> bool:
        """Free what compaction made unreachable, looking at about ``limit`` changes, or four times as many keys.

        False when all is done.
        """
        if self._pruning is None:
            if self.base_revision == self.compact_revision:
                return False
            self._to_prune = self._prunable(self.compact_revision)
            self._pruning = self._prune_to(self.compact_revision)
        looked = 0
        for step in self._pruning:
            looked += step
            if looked >= limit:
                self._to_prune = max(0, self._to_prune - looked)
                return True
        self._pruning = None
        return self.base_revision != self.compact_revision

    def _prune_to(self, floor: int) -> Iterator[int]:
        """Forget versions that can't be read any more; then gather the bases of the next snapshots; then forget the changes.

        A compaction that comes meanwhile has its turn after this one.
        """
        changes = self.changes
        for change in changes.between(changes.position(self.base_revision + 1), changes.position(floor + 1)):
            self._prune_key(change.key, floor)
            yield 1
        bases: list[KeyValue] = []
        live, get_at = self.live, self.get_at
        keys = [*live, *self.dead]
        for at in range(0, len(keys), _PORTION):
            portion = keys[at : at + _PORTION]
            for key in portion:
                base = live.get(key)
                if base is None or base.mod_revision > floor:
                    base = get_at(key, floor)
                if base is not None and base.mod_revision < floor:
                    bases.append(base)
            yield _PORTION // _KEYS_OF_A_CHANGE
        self.bases = tuple(bases)
        self.base_revision = floor
        changes.drop_before(changes.position(floor))

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
        """All that can be read, shared and not copied."""
        return KVSnapshot(
            self.revision, self.compact_revision, self.base_revision, self.bases, self.changes.freeze()
        )

    @classmethod
    def restore(cls, snapshot: KVSnapshot) -> "KVStore":
        return finished(cls.restoring(snapshot, len(snapshot.bases) + len(snapshot.changes) + 1))

    @classmethod
    def restoring(cls, snapshot: KVSnapshot, portion: int) -> Generator[None, None, "KVStore"]:
        """``restore`` in steps of so many key values; who takes them has the store at their end."""
        store = cls()
        store.revision = snapshot.revision
        store.compact_revision = snapshot.compact_revision
        store.base_revision = snapshot.base_revision
        store.bases = snapshot.bases
        live, dead, older = store.live, store.dead, store.older
        for bases in portions(snapshot.bases, portion):
            live.update(zip(map(_key, bases), bases, strict=True))
            yield
        for changes in portions(snapshot.changes, portion):
            store.changes.tail += changes
            store._replay(changes)
            yield
        for kvs in portions(live.values(), portion):
            store.size_in_use += sum([len(kv.key) + len(kv.value) for kv in kvs])
            yield
        store.size = store.size_in_use + sum(map(len, dead))
        for histories in portions(older.values(), portion):
            store.size += sum([len(kv.key) + len(kv.value) for versions in histories for kv in versions])
            yield
        store._index = KeyIndex(live)
        store._dead_index = KeyIndex(dead)
        return store

    def _replay(self, changes: Iterable[KeyValue]) -> None:
        """Do to what is there what the changes have done."""
        live, dead, older = self.live, self.dead, self.older
        for change in changes:
            key = change.key
            before = live.get(key)
            if change.version:
                live[key] = change
                if before is None:
                    before = dead.pop(key, None)
            elif before is not None:
                del live[key]
                dead[key] = change
            if before is not None:
                versions = older.get(key)
                if versions is None:
                    older[key] = [before]
                else:
                    versions.append(before)
