"""Reads a bbolt file. Nothing in it is trusted: whatever does not fit is a ``DamagedError`` with the place, never another exception or a walk
without end.
"""

from array import array
from collections.abc import Iterator
from typing import Final

from kube.store.backup.bolt.pages import (
    BRANCH,
    BRANCH_ELEMENT,
    BUCKET,
    BUCKET_ELEMENT,
    LEAF,
    LEAF_ELEMENT,
    META_BYTES,
    PAGE,
    Meta,
    decode_meta,
)

_META_PLACES: Final = tuple(1 << power for power in range(9, 25))
"""Where the second meta may be, by page size, if the first one does not say it."""
_ROOT_PARENT: Final = 1
"""Stands for what is above the root bucket: page 1 is a meta, and in no tree."""
_MISPLACED: Final = "an element is outside of its page, or on another one"


class DamagedError(Exception):
    """``offset`` in bytes from the file's beginning."""

    def __init__(self, offset: int, detail: str) -> None:
        super().__init__(f"at byte {offset}: {detail}")
        self.offset = offset
        self.detail = detail


def _meta_at(data: memoryview, offset: int) -> Meta | str:
    return decode_meta(bytes(data[offset : offset + META_BYTES]))


def newest_meta(data: memoryview) -> Meta:
    """Of the two metas the sound one of the higher transaction. Raises DamagedError."""
    first = _meta_at(data, 0)
    second: Meta | str = "it is not found"
    places = _META_PLACES if isinstance(first, str) else (first.page_bytes,)
    for place in places:
        found = _meta_at(data, place)
        if isinstance(found, Meta) and found.page_bytes == place:
            second = found
            break
    if isinstance(first, str):
        if isinstance(second, str):
            raise DamagedError(0, f"there is no sound meta page: of the first one, {first}")
        return second
    return first if isinstance(second, str) or first.transaction >= second.transaction else second


class Database:
    """``size``: bytes of the pages in use, which the file has at least."""

    __slots__ = ("_data", "_parents", "meta", "size")

    def __init__(self, data: memoryview) -> None:
        """Raises DamagedError, when ``data`` is shorter than it says, too."""
        self._data = data
        self.meta = newest_meta(data)
        self.size = self.meta.pages * self.meta.page_bytes
        if self.size > len(data):
            raise DamagedError(
                len(data), f"it ends here, and has {self.meta.pages} pages of {self.meta.page_bytes} bytes"
            )
        self._parents = array("Q", bytes(8 * self.meta.pages))
        """What each page hangs on, once that is known: it is in one place only, or a walk might never end."""

    def buckets(self) -> Iterator[tuple[bytes, "Bucket"]]:
        """Those of the root, by name. Raises DamagedError."""
        root = Bucket(self, self.meta.root, _ROOT_PARENT, None, 0)
        for name, value, flags, offset in root.elements():
            if not flags & BUCKET_ELEMENT:
                raise DamagedError(offset, "the root bucket holds what is no bucket")
            yield name, self.bucket(value, offset)

    def bucket(self, value: memoryview, offset: int) -> "Bucket":
        """The one whose element has ``value``, at ``offset``. Raises DamagedError."""
        if len(value) < BUCKET.size:
            raise DamagedError(offset, f"a bucket of {len(value)} bytes is none")
        root, _ = BUCKET.unpack_from(value)
        inline = None if root else value[BUCKET.size :]
        return Bucket(self, root, offset, inline, offset)

    def node(self, page: int, parent: int) -> tuple[memoryview, int, int, int]:
        """The bytes of a node with all of its pages, its kind, number of elements, and offset.

        ``parent``: the offset of what leads to it, the same each time. Raises DamagedError.
        """
        page_bytes, pages = self.meta.page_bytes, self.meta.pages
        if not 2 <= page < pages:
            raise DamagedError(parent, f"page {page} is led to, of {pages}")
        offset = page * page_bytes
        found, kind, count, further = PAGE.unpack_from(self._data, offset)
        if found != page:
            raise DamagedError(offset, f"page {page} says that it is page {found}")
        if kind not in {BRANCH, LEAF}:
            raise DamagedError(offset, f"page {page} is of kind {kind:#x}, neither a branch nor a leaf")
        if page + further >= pages:
            raise DamagedError(offset, f"page {page} goes on over {further} more, of {pages}")
        parents = self._parents
        if parents[page] != parent:
            for each in range(page, page + further + 1):
                if parents[each]:
                    raise DamagedError(offset, f"page {each} is in more than one place")
                parents[each] = parent
        return self._data[offset : offset + (further + 1) * page_bytes], kind, count, offset


class Bucket:
    """``inline``: its only page, where it is within its parent's."""

    __slots__ = ("_database", "_inline", "_inline_offset", "_parent", "_root")

    def __init__(
        self, database: Database, root: int, parent: int, inline: memoryview | None, inline_offset: int
    ) -> None:
        self._database = database
        self._root = root
        self._parent = parent
        self._inline = inline
        self._inline_offset = inline_offset

    def items(self) -> Iterator[tuple[bytes, memoryview]]:
        """Keys ascending, with their values; that of a bucket within is empty, as for who walks through a bucket with bbolt's ForEach.

        Raises DamagedError.
        """
        for key, value, flags, _ in self.elements():
            yield key, value[:0] if flags & BUCKET_ELEMENT else value

    def elements(self) -> Iterator[tuple[bytes, memoryview, int, int]]:
        """Key, value, flags, and the offset of the element. Raises DamagedError."""
        last: bytes | None = None
        for node, count, offset in self._leaves():
            free = _behind_fixed(node, count, LEAF_ELEMENT.size, offset)
            fixed = node[PAGE.size : free]
            at = PAGE.size
            for flags, position, key_bytes, value_bytes in LEAF_ELEMENT.iter_unpack(fixed):
                begin = at + position
                middle = begin + key_bytes
                end = middle + value_bytes
                if begin < free or end > len(node):
                    raise DamagedError(offset + at, _MISPLACED)
                free = end
                key = bytes(node[begin:middle])
                if last is not None and key <= last:
                    raise DamagedError(offset + at, "keys are not in order")
                last = key
                yield key, node[middle:end], flags, offset + at
                at += LEAF_ELEMENT.size

    def _leaves(self) -> Iterator[tuple[memoryview, int, int]]:
        """Bytes, number of elements and offset of each, from the left."""
        if self._inline is not None:
            yield self._inline_leaf(self._inline)
            return
        waiting = [(self._root, self._parent)]
        while waiting:
            node, kind, count, offset = self._database.node(*waiting.pop())
            if kind == LEAF:
                yield node, count, offset
                continue
            waiting += reversed(_children(node, count, offset))

    def _inline_leaf(self, page: memoryview) -> tuple[memoryview, int, int]:
        offset = self._inline_offset
        if len(page) < PAGE.size:
            raise DamagedError(offset, "an inline bucket has no page")
        _, kind, count, _ = PAGE.unpack_from(page)
        if kind != LEAF:
            raise DamagedError(offset, f"an inline bucket is of kind {kind:#x}, no leaf")
        return page, count, offset


def _children(node: memoryview, count: int, offset: int) -> list[tuple[int, int]]:
    """Page and parent of each child of a branch. Raises DamagedError."""
    if not count:
        raise DamagedError(offset, "a branch leads nowhere")
    free = _behind_fixed(node, count, BRANCH_ELEMENT.size, offset)
    children: list[tuple[int, int]] = []
    at, last = PAGE.size, b""
    for position, key_bytes, child in BRANCH_ELEMENT.iter_unpack(node[PAGE.size : free]):
        begin = at + position
        if begin < free or begin + key_bytes > len(node):
            raise DamagedError(offset + at, _MISPLACED)
        free = begin + key_bytes
        key = bytes(node[begin : begin + key_bytes])
        if children and key <= last:
            raise DamagedError(offset + at, "keys are not in order")
        last = key
        children.append((child, offset + at))
        at += BRANCH_ELEMENT.size
    return children


def _behind_fixed(node: memoryview, count: int, element_bytes: int, offset: int) -> int:
    """Where the fixed parts end. What is behind them comes in their order and shares no byte, or a small file could be of any size.

    Raises DamagedError.
    """
    end = PAGE.size + count * element_bytes
    if end > len(node):
        raise DamagedError(offset, f"{count} elements do not fit into its pages")
    return end
