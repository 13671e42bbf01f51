"""A set of keys that is given by single keys and by ranges, as etcd's txns check theirs with an interval tree (``checkIntervals``)."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import repeat

from kube.store.kv import ALL_KEYS_END


class KeyRanges:
    """What is added costs a binary search, and so does to ask for a key, however much was added before."""

    __slots__ = ("_ends", "_keys", "_starts", "_tail")

    def __init__(self) -> None:
        self._keys: dict[bytes, None] = {}
        self._starts: list[bytes] = []
        """Of ranges that are sorted and do not touch."""
        self._ends: list[bytes] = []
        self._tail: bytes | None = None
        """The lowest key from which on every key is in."""

    def __len__(self) -> int:
        return len(self._keys) + len(self._starts) + (self._tail is not None)

    def __contains__(self, key: bytes) -> bool:
        if key in self._keys or (self._tail is not None and key >= self._tail):
            return True
        at = bisect_right(self._starts, key)
        return at > 0 and key < self._ends[at - 1]

    def add(self, key: bytes, range_end: bytes) -> None:
        """As ``range`` of ``kv.py`` has them: one key without ``range_end``, [key, range_end), or all from ``key`` on."""
        if not range_end:
            self._keys[key] = None
        elif range_end == ALL_KEYS_END:
            self._tail = key if self._tail is None else min(self._tail, key)
        elif key < range_end:
            self._add_range(key, range_end)

    def _add_range(self, start: bytes, end: bytes) -> None:
        first, last = bisect_left(self._ends, start), bisect_right(self._starts, end)
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def union(self, other: "KeyRanges") -> "KeyRanges":
        """One of the two, with what is in the other; neither is to be used any more."""
        if len(self) < len(other):
            return other.union(self)
        for key, range_end in other.parts():
            self.add(key, range_end)
        return self

    def parts(self) -> Iterator[tuple[bytes, bytes]]:
        """Keys and range ends that make up the same set."""
        yield from zip(self._keys, repeat(b""))
        yield from zip(self._starts, self._ends, strict=True)
        if self._tail is not None:
            yield self._tail, ALL_KEYS_END
