"""Keys in order, sorted only when somebody lists them.

Writers say which keys came or went; sorting waits for the next range. A member that is never asked for a range never
sorts, and a range over keys that did not change since the last one costs two binary searches and its own length.
"""

from bisect import bisect_left, insort
from collections.abc import Mapping
from itertools import chain

from kube.store.kv import ALL_KEYS_END

_CHUNK = 512
"""Keys of one chunk after a rebuild; a chunk is split at twice as many."""


class KeyIndex:
    """The sorted keys of ``present``, which its owner changes and reports by ``touch``."""

    __slots__ = ("_chunks", "_dirty", "_firsts", "_present", "_size", "stale")

    def __init__(self, present: Mapping[bytes, object]) -> None:
        self._present = present
        self._chunks: list[list[bytes]] = []
        self._firsts: list[bytes] = []
        """The lowest key of each chunk when it was made: below or equal to all its keys, above those of the one before."""
        self._dirty: dict[bytes, None] = {}
        self.stale = bool(present)
        """Too much has changed for it to be told key by key: ``touch`` does nothing until somebody lists keys."""
        self._size = 0

    def touch(self, key: bytes) -> None:
        """``key`` came into ``present`` or went from it."""
        if self.stale:
            return
        dirty = self._dirty
        dirty[key] = None
        if len(dirty) > 1024 and len(dirty) > self._size:
            self.stale = True
            dirty.clear()

    def between(self, key: bytes, range_end: bytes) -> list[bytes]:
        """The keys in [key, range_end), sorted, for a range_end that is not empty."""
        first, last = self._span(key, range_end)
        if first == last:
            return []
        chunks = self._chunks
        if first[0] == last[0]:
            return chunks[first[0]][first[1] : last[1]]
        keys = chunks[first[0]][first[1] :]
        keys.extend(chain.from_iterable(chunks[first[0] + 1 : last[0]]))
        if last[0] < len(chunks):
            keys.extend(chunks[last[0]][: last[1]])
        return keys

    def first_between(self, key: bytes, range_end: bytes, limit: int) -> list[bytes]:
        """The first ``limit`` of ``between``, without touching the others."""
        (chunk, at), last = self._span(key, range_end)
        keys: list[bytes] = []
        while len(keys) < limit and (chunk, at) < last:
            stop = last[1] if chunk == last[0] else len(self._chunks[chunk])
            keys.extend(self._chunks[chunk][at : min(stop, at + limit - len(keys))])
            chunk, at = chunk + 1, 0
        return keys

    def count_between(self, key: bytes, range_end: bytes) -> int:
        (chunk, at), (last_chunk, last_at) = self._span(key, range_end)
        if chunk == last_chunk:
            return max(0, last_at - at)
        return sum(map(len, self._chunks[chunk:last_chunk])) - at + last_at

    # ---- positions

    def _span(self, key: bytes, range_end: bytes) -> tuple[tuple[int, int], tuple[int, int]]:
        if self._dirty or self.stale:
            self._settle()
        first = self._locate(key)
        last = (len(self._chunks), 0) if range_end == ALL_KEYS_END else self._locate(range_end)
        return first, max(first, last)

    def _locate(self, key: bytes) -> tuple[int, int]:
        """Where the first key that is not below ``key`` is or would be."""
        chunk = self._chunk_of(key)
        if not self._chunks:
            return (0, 0)
        at = bisect_left(self._chunks[chunk], key)
        return (chunk, at) if at < len(self._chunks[chunk]) else (chunk + 1, 0)

    def _chunk_of(self, key: bytes) -> int:
        at = bisect_left(self._firsts, key)
        if at < len(self._firsts) and self._firsts[at] == key:
            return at
        return max(0, at - 1)

    # ---- settling

    def _settle(self) -> None:
        dirty = self._dirty
        if self.stale or len(dirty) > self._size // 8 + 64:
            self._rebuild_all()
        else:
            present = self._present
            for key in dirty:
                if key in present:
                    self._insert(key)
                else:
                    self._remove(key)
        dirty.clear()
        self._size = len(self._present)

    def _rebuild_all(self) -> None:
        """From the order there is, which the sort finds as one run, and the keys that came since."""
        present = self._present
        if self.stale:
            keys = list(present)
        else:
            keys = [key for key in chain.from_iterable(self._chunks) if key not in self._dirty]
            keys += sorted([key for key in self._dirty if key in present])
        keys.sort()
        self._chunks = [keys[at : at + _CHUNK] for at in range(0, len(keys), _CHUNK)]
        self._firsts = [chunk[0] for chunk in self._chunks]
        self.stale = False

    def _insert(self, key: bytes) -> None:
        if not self._chunks:
            self._chunks, self._firsts = [[key]], [key]
            return
        at = self._chunk_of(key)
        chunk = self._chunks[at]
        position = bisect_left(chunk, key)
        if position < len(chunk) and chunk[position] == key:
            return
        insort(chunk, key, position)
        self._firsts[at] = min(self._firsts[at], key)
        if len(chunk) > 2 * _CHUNK:
            tail = chunk[_CHUNK:]
            del chunk[_CHUNK:]
            self._chunks.insert(at + 1, tail)
            self._firsts.insert(at + 1, tail[0])

    def _remove(self, key: bytes) -> None:
        if not self._chunks:
            return
        at = self._chunk_of(key)
        chunk = self._chunks[at]
        position = bisect_left(chunk, key)
        if position < len(chunk) and chunk[position] == key:
            del chunk[position]
            if not chunk:
                del self._chunks[at]
                del self._firsts[at]
