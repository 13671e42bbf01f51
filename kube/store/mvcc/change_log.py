"""The changes of a key space in order, in parts that snapshots share: taking a snapshot of them costs no copy of what is old."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from operator import attrgetter
from typing import overload

from kube.store.kv import KeyValue

_BLOCK = 1024
"""Changes that are taken from a part at once while it is read."""

_mod_revision: Callable[[KeyValue], int] = attrgetter("mod_revision")


def _last_revision(part: Sequence[KeyValue]) -> int:
    return part[-1].mod_revision


class Segments(Sequence[KeyValue]):
    """An immutable sequence that is made of parts and compares as if it were of one piece."""

    __slots__ = ("_ends", "_parts")

    def __init__(self, parts: Iterable[tuple[KeyValue, ...]]) -> None:
        self._parts = tuple(part for part in parts if part)
        self._ends: list[int] = []
        end = 0
        for part in self._parts:
            end += len(part)
            self._ends.append(end)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[KeyValue]:
        return chain.from_iterable(self._parts)

    @overload
    def __getitem__(self, at: int) -> KeyValue: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[KeyValue, ...]: ...
    def __getitem__(self, at: int | slice) -> KeyValue | tuple[KeyValue, ...]:
        if isinstance(at, slice):
            first, last, step = at.indices(len(self))
            if step != 1:
                return tuple([self[each] for each in range(first, last, step)])
            return self._between(first, last)
        index = at + len(self) if at < 0 else at
        if not 0 <= index < len(self):
            raise IndexError(at)
        which = bisect_right(self._ends, index)
        return self._parts[which][index - self._ends[which]]

    def _between(self, first: int, last: int) -> tuple[KeyValue, ...]:
        found: list[KeyValue] = []
        which = bisect_right(self._ends, first)
        while first < last:
            part = self._parts[which]
            begin = self._ends[which] - len(part)
            found += part[first - begin : last - begin]
            first = self._ends[which]
            which += 1
        return tuple(found)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Segments, tuple, list)):
            return NotImplemented
        return len(self) == len(other) and all(map(KeyValue.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]  # as a list: equal to sequences of other types

    def __repr__(self) -> str:
        return f"Segments({list(self)!r})"


class ChangeLog:
    """Positions count every change there ever was, so that they outlive ``drop_before``."""

    __slots__ = ("_offsets", "_parts", "_tail_offset", "tail")

    def __init__(self, changes: Iterable[KeyValue] = ()) -> None:
        self.tail: list[KeyValue] = list(changes)
        """The newest changes, for appending to; the same list always."""
        self._parts: list[tuple[KeyValue, ...]] = []
        self._offsets: list[int] = []
        """The position of each part's first change."""
        self._tail_offset = 0

    def __len__(self) -> int:
        return self.end - (self._offsets[0] if self._offsets else self._tail_offset)

    def __iter__(self) -> Iterator[KeyValue]:
        return chain(chain.from_iterable(self._parts), self.tail)

    @property
    def end(self) -> int:
        """The position that the next change will have."""
        return self._tail_offset + len(self.tail)

    def position(self, revision: int) -> int:
        """Of the first change of ``revision`` or later."""
        which = bisect_left(self._parts, revision, key=_last_revision)
        if which < len(self._parts):
            return self._offsets[which] + bisect_left(self._parts[which], revision, key=_mod_revision)
        return self._tail_offset + bisect_left(self.tail, revision, key=_mod_revision)

    def between(self, first: int, last: int) -> Iterator[KeyValue]:
        """The changes at positions from ``first`` to before ``last``, none of which may be dropped meanwhile."""
        while first < last:
            if first >= self._tail_offset:
                part: Sequence[KeyValue] = self.tail
                begin = first - self._tail_offset
            else:
                which = bisect_right(self._offsets, first) - 1
                part, begin = self._parts[which], first - self._offsets[which]
            block = part[begin : begin + min(_BLOCK, last - first)]
            yield from block
            first += len(block)

    def drop_before(self, position: int) -> None:
        whole = 0
        while whole < len(self._parts) and self._offsets[whole] + len(self._parts[whole]) <= position:
            whole += 1
        del self._parts[:whole], self._offsets[:whole]
        if self._parts:
            if self._offsets[0] < position:
                self._parts[0] = self._parts[0][position - self._offsets[0] :]
                self._offsets[0] = position
        elif position > self._tail_offset:
            del self.tail[: position - self._tail_offset]
            self._tail_offset = position

    def freeze(self) -> Segments:
        """All that there is, as it is now."""
        if self.tail:
            self._parts.append(tuple(self.tail))
            self._offsets.append(self._tail_offset)
            self._tail_offset += len(self.tail)
            self.tail.clear()
        return Segments(self._parts)
