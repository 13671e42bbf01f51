"""Writes a bbolt file from the beginning to its end, of buckets whose contents are sorted: nothing is ever gone back to.

The first pages name pages far behind them, so there are two passes: the first asks for sizes only and decides what goes where, the second
asks for the contents, and writes. Leaves are filled to ``LEAF_BYTES``, over several pages, and to the brim, unlike bbolt's own:
nothing is inserted between. All that bbolt checks of a file (``bbolt check``, ``Tx.Check``) holds: every page but the metas and the
freelist is in exactly one tree, keys are sorted throughout, none is free.
"""

from array import array
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from kube.store.backup.bolt.pages import (
    BRANCH_ELEMENT,
    BUCKET,
    BUCKET_ELEMENT,
    FREELIST,
    LEAF_ELEMENT,
    PAGE,
    PAGE_BYTES,
    Meta,
    encode_branch,
    encode_leaf,
    encode_meta,
    inline_leaf,
)

LEAF_BYTES: Final = 4 * PAGE_BYTES
"""A leaf is no larger, unless a single element is. One page would be half empty with values of 2 KB."""
STEP: Final = 500
"""Elements of the first pass that are looked at in one step."""
_INLINE_BYTES: Final = PAGE_BYTES // 4
"""bbolt's limit for a bucket within its parent's page."""
_MAX_ELEMENTS: Final = 0xFFFF
_FREELIST_PAGE: Final = 2


class Bucket(Protocol):
    """What a bucket is to hold, the keys ascending, none twice and none empty. Both passes give the same."""

    @property
    def name(self) -> bytes: ...

    def sizes(self) -> Iterator[tuple[int, int]]:
        """Of each key and its value, in bytes."""
        ...

    def items(self) -> Iterator[tuple[bytes, bytes]]: ...


class _Tree:
    """Where the elements of one bucket go."""

    __slots__ = (
        "_count",
        "_longest_key",
        "_used",
        "counts",
        "first",
        "inline_bytes",
        "levels",
        "pages",
        "root",
    )

    def __init__(self) -> None:
        self.counts = array("H")
        """Elements of each leaf."""
        self.pages = array("I")
        """Pages of each leaf."""
        self.levels: list[int] = []
        """Branches of each level, from the lowest up."""
        self.first = self.root = 0
        self.inline_bytes = PAGE.size
        """What it takes in one page that has no end."""
        self._used = PAGE.size
        self._count = 0
        self._longest_key = 0

    def add(self, key_bytes: int, value_bytes: int) -> None:
        size = LEAF_ELEMENT.size + key_bytes + value_bytes
        self.inline_bytes += size
        if self._count and (self._used + size > LEAF_BYTES or self._count == _MAX_ELEMENTS):
            self._end_leaf()
        self._used += size
        self._count += 1
        self._longest_key = max(self._longest_key, key_bytes)

    def _end_leaf(self) -> None:
        self.counts.append(self._count)
        self.pages.append(pages_for(self._used))
        self._used, self._count = PAGE.size, 0

    def place(self, first: int) -> int:
        """From the page ``first`` on: leaves, then the branches above them, the root last. The first page behind it."""
        if self._count or not self.counts:
            self._end_leaf()
        self.first = first
        behind = first + sum(self.pages)
        width = len(self.counts)
        fan_out = max(2, (PAGE_BYTES - PAGE.size) // (BRANCH_ELEMENT.size + self._longest_key))
        while width > 1:
            width = -(-width // fan_out)
            self.levels.append(width)
            behind += width * self.branch_pages
        self.root = behind - self.branch_pages if self.levels else first
        return behind

    @property
    def branch_pages(self) -> int:
        """Of each branch: more than one only where two keys do not fit into one."""
        return pages_for(PAGE.size + 2 * (BRANCH_ELEMENT.size + self._longest_key))


def pages_for(size: int) -> int:
    return -(-size // PAGE_BYTES)


class BulkWriter:
    """``lay_out`` to its end, then ``nodes`` to its end."""

    __slots__ = ("_buckets", "_root", "_trees", "size")

    def __init__(self, buckets: Sequence[Bucket]) -> None:
        """``buckets``: those of the root, sorted by name."""
        self._buckets = buckets
        self._trees: list[_Tree] = []
        self._root = _Tree()
        self.size = 0
        """Of the file, in bytes, once it is laid out."""

    def lay_out(self) -> Iterator[None]:
        """The first pass, in steps."""
        behind = _FREELIST_PAGE + 1
        for bucket in self._buckets:
            tree = _Tree()
            for count, (key_bytes, value_bytes) in enumerate(bucket.sizes(), 1):
                tree.add(key_bytes, value_bytes)
                if not count % STEP:
                    yield
            inline = tree.inline_bytes <= _INLINE_BYTES
            if not inline:
                behind = tree.place(behind)
            self._trees.append(tree)
            self._root.add(len(bucket.name), BUCKET.size + (tree.inline_bytes if inline else 0))
        self.size = self._root.place(behind) * PAGE_BYTES

    def nodes(self) -> Iterator[tuple[int, bytes]]:
        """The second pass: the file, each node of it with all of its pages at once, and the number of elements in it."""
        last = self.size // PAGE_BYTES
        meta = Meta(PAGE_BYTES, self._root.root, _FREELIST_PAGE, last, 0)
        yield 0, encode_meta(0, meta)
        yield 0, encode_meta(1, Meta(PAGE_BYTES, self._root.root, _FREELIST_PAGE, last, 1))
        yield 0, PAGE.pack(_FREELIST_PAGE, FREELIST, 0, 0).ljust(PAGE_BYTES, b"\0")
        headers: list[tuple[bytes, bytes]] = []
        for bucket, tree in zip(self._buckets, self._trees, strict=True):
            if tree.root:
                yield from _written(tree, bucket.items(), 0)
                headers.append((bucket.name, BUCKET.pack(tree.root, 0)))
            else:
                headers.append((bucket.name, BUCKET.pack(0, 0) + inline_leaf(list(bucket.items()))))
        yield from _written(self._root, iter(headers), BUCKET_ELEMENT)


def _written(tree: _Tree, items: Iterator[tuple[bytes, bytes]], flags: int) -> Iterator[tuple[int, bytes]]:
    page = tree.first
    nodes: list[tuple[bytes, int]] = []
    for count, pages in zip(tree.counts, tree.pages, strict=True):
        elements = [next(items) for _ in range(count)]
        nodes.append((elements[0][0] if elements else b"", page))
        yield count, encode_leaf(page, pages - 1, elements, flags).ljust(pages * PAGE_BYTES, b"\0")
        page += pages
    pages = tree.branch_pages
    for width in tree.levels:
        parents: list[tuple[bytes, int]] = []
        for at in range(width):
            children = nodes[len(nodes) * at // width : len(nodes) * (at + 1) // width]
            parents.append((children[0][0], page))
            yield len(children), encode_branch(page, pages - 1, children).ljust(pages * PAGE_BYTES, b"\0")
            page += pages
        nodes = parents
