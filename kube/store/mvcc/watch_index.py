"""Which watches want a key: found by hash for single keys, by one binary search for prefixes, in an interval tree for other ranges."""

from bisect import bisect_left, bisect_right, insort
from typing import Generic, TypeVar

from kube.store.kv import ALL_KEYS_END, prefix_end
from kube.store.mvcc.interval_tree import IntervalTree

T = TypeVar("T")


class _Prefix(Generic[T]):
    """``parent``: the longest other prefix in use that this one starts with."""

    __slots__ = ("items", "parent", "prefix")

    def __init__(self, prefix: bytes, parent: "_Prefix[T] | None") -> None:
        self.prefix = prefix
        self.parent = parent
        self.items: dict[T, None] = {}


class WatchIndex(Generic[T]):
    """Items filed under [key, range_end). A lookup costs a hash and a binary search, whatever the number of prefixes in use, and
    O(log n) for each of n other ranges that holds the key.
    """

    __slots__ = ("_intervals", "_keys", "_nodes", "_prefixes", "_ranges", "_starts")

    def __init__(self) -> None:
        self._keys: dict[bytes, dict[T, None]] = {}
        self._prefixes: list[bytes] = []
        """Sorted, so that the greatest one that is not above a key is a prefix of it or descends from all that are."""
        self._nodes: list[_Prefix[T]] = []
        """In the order of ``_prefixes``."""
        self._ranges: dict[tuple[bytes, bytes], dict[T, None]] = {}
        """What is neither, each also in one of the next two."""
        self._intervals: IntervalTree[dict[T, None]] = IntervalTree()
        """With an end."""
        self._starts: list[bytes] = []
        """Of those without, sorted."""

    def __bool__(self) -> bool:
        return bool(self._keys or self._prefixes or self._ranges)

    def add(self, key: bytes, range_end: bytes, item: T) -> None:
        prefix = _as_prefix(key, range_end)
        if not range_end:
            self._keys.setdefault(key, {})[item] = None
        elif prefix is None:
            self._range(key, range_end)[item] = None
        else:
            self._node(prefix).items[item] = None

    def remove(self, key: bytes, range_end: bytes, item: T) -> None:
        prefix = _as_prefix(key, range_end)
        if not range_end:
            _discard(self._keys, key, item)
        elif prefix is None:
            _discard(self._ranges, (key, range_end), item)
            if (key, range_end) not in self._ranges:
                self._drop_range(key, range_end)
        else:
            node = self._node(prefix)
            del node.items[item]
            if not node.items:
                self._drop(node)

    def matching(self, key: bytes) -> list[T]:
        """Single keys first, then prefixes, the shortest first, then other ranges: those without an end, then the others, each
        by where they begin.
        """
        found: list[T] = []
        of_key = self._keys.get(key)
        if of_key is not None:
            found.extend(of_key)
        node = self._longest(key)
        if node is not None:
            if node.parent is None:
                found.extend(node.items)
            else:
                _extend(found, node)
        if self._ranges:
            self._extend_by_ranges(found, key)
        return found

    # ---- other ranges

    def _range(self, key: bytes, range_end: bytes) -> dict[T, None]:
        items = self._ranges.get((key, range_end))
        if items is None:
            items = self._ranges[key, range_end] = {}
            if range_end == ALL_KEYS_END:
                insort(self._starts, key)
            else:
                self._intervals.add(key, range_end, items)
        return items

    def _drop_range(self, key: bytes, range_end: bytes) -> None:
        if range_end == ALL_KEYS_END:
            del self._starts[bisect_left(self._starts, key)]
        else:
            self._intervals.remove(key, range_end)

    def _extend_by_ranges(self, found: list[T], key: bytes) -> None:
        for start in self._starts[: bisect_right(self._starts, key)]:
            found.extend(self._ranges[start, ALL_KEYS_END])
        for items in self._intervals.holding(key):
            found.extend(items)

    # ---- prefixes

    def _longest(self, key: bytes) -> _Prefix[T] | None:
        """The longest prefix of ``key``."""
        at = bisect_right(self._prefixes, key)
        node = self._nodes[at - 1] if at else None
        while node is not None and not key.startswith(node.prefix):
            node = node.parent
        return node

    def _node(self, prefix: bytes) -> _Prefix[T]:
        at = bisect_left(self._prefixes, prefix)
        if at < len(self._prefixes) and self._prefixes[at] == prefix:
            return self._nodes[at]
        node: _Prefix[T] = _Prefix(prefix, self._longest(prefix))
        self._adopt(at, prefix, node.parent, node)
        self._prefixes.insert(at, prefix)
        self._nodes.insert(at, node)
        return node

    def _drop(self, node: _Prefix[T]) -> None:
        at = bisect_left(self._prefixes, node.prefix)
        del self._prefixes[at], self._nodes[at]
        self._adopt(at, node.prefix, node, node.parent)

    def _adopt(self, at: int, prefix: bytes, old: _Prefix[T] | None, new: _Prefix[T] | None) -> None:
        """What starts with ``prefix`` stands from ``at`` on; those that had ``old`` for a parent have ``new``."""
        while at < len(self._prefixes) and self._prefixes[at].startswith(prefix):
            if self._nodes[at].parent is old:
                self._nodes[at].parent = new
            at += 1


def _extend(found: list[T], node: _Prefix[T] | None) -> None:
    chain: list[_Prefix[T]] = []
    while node is not None:
        chain.append(node)
        node = node.parent
    for each in reversed(chain):
        found.extend(each.items)


K = TypeVar("K")


def _discard(items: dict[K, dict[T, None]], key: K, item: T) -> None:
    of_key = items[key]
    del of_key[item]
    if not of_key:
        del items[key]


def _as_prefix(key: bytes, range_end: bytes) -> bytes | None:
    """The prefix that the range stands for; every key starts with the empty one."""
    if key == ALL_KEYS_END and range_end == ALL_KEYS_END:
        return b""
    if range_end and range_end != ALL_KEYS_END and prefix_end(key) == range_end:
        return key
    return None
