"""Intervals of keys, and which of them hold a key: a balanced search tree (AVL) by where they begin, in which every node knows where the last
interval below it ends (an augmented tree as in Cormen et al., Introduction to Algorithms, on interval trees; etcd's ``adt.IntervalTree`` is one too).
"""

from typing import Generic, TypeVar

T = TypeVar("T")


class _Node(Generic[T]):
    """``latest``: the greatest end in this subtree. ``height``: 1 for a leaf."""

    __slots__ = ("end", "height", "latest", "left", "right", "start", "value")

    def __init__(self, start: bytes, end: bytes, value: T) -> None:
        self.start = start
        self.end = end
        self.value = value
        self.latest = end
        self.height = 1
        self.left: _Node[T] | None = None
        self.right: _Node[T] | None = None


class IntervalTree(Generic[T]):
    """One value for each [start, end). Adding and removing cost O(log n), finding k that hold a key O(min(n, (k + 1) log n))."""

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root: _Node[T] | None = None

    def __bool__(self) -> bool:
        return self._root is not None

    def add(self, start: bytes, end: bytes, value: T) -> None:
        """The interval must not be there yet."""
        self._root = _added(self._root, _Node(start, end, value))

    def remove(self, start: bytes, end: bytes) -> None:
        """Raises KeyError."""
        self._root = _removed(self._root, (start, end))

    def holding(self, key: bytes) -> list[T]:
        """Of the intervals with start <= key < end, by start and end."""
        found: list[T] = []
        above: list[_Node[T]] = []
        node = self._root
        while True:
            while node is not None and node.latest > key:
                above.append(node)
                node = node.left
            if not above:
                return found
            node = above.pop()
            if node.start > key:
                node = None  # what is to the right begins later still
            else:
                if key < node.end:
                    found.append(node.value)
                node = node.right


def _added(node: _Node[T] | None, new: _Node[T]) -> _Node[T]:
    if node is None:
        return new
    if (new.start, new.end) < (node.start, node.end):
        node.left = _added(node.left, new)
    else:
        node.right = _added(node.right, new)
    return _balanced(node)


def _removed(node: _Node[T] | None, interval: tuple[bytes, bytes]) -> _Node[T] | None:
    if node is None:
        raise KeyError(interval)
    own = (node.start, node.end)
    if interval < own:
        node.left = _removed(node.left, interval)
    elif interval > own:
        node.right = _removed(node.right, interval)
    elif node.left is None or node.right is None:
        return node.left or node.right
    else:
        right, first = _without_first(node.right)
        first.left, first.right = node.left, right
        node = first
    return _balanced(node)


def _without_first(node: _Node[T]) -> tuple[_Node[T] | None, _Node[T]]:
    """The subtree without its first interval, and that one."""
    if node.left is None:
        return node.right, node
    node.left, first = _without_first(node.left)
    return _balanced(node), first


def _balanced(node: _Node[T]) -> _Node[T]:
    """The root of the subtree, one side of which may have become higher by two, or lower."""
    tilt = _height(node.left) - _height(node.right)
    if tilt > 1:
        assert node.left is not None
        if _height(node.left.left) < _height(node.left.right):
            node.left = _rotated_left(node.left)
        return _rotated_right(node)
    if tilt < -1:
        assert node.right is not None
        if _height(node.right.right) < _height(node.right.left):
            node.right = _rotated_right(node.right)
        return _rotated_left(node)
    _measure(node)
    return node


def _rotated_left(node: _Node[T]) -> _Node[T]:
    top = node.right
    assert top is not None
    node.right, top.left = top.left, node
    _measure(node)
    _measure(top)
    return top


def _rotated_right(node: _Node[T]) -> _Node[T]:
    top = node.left
    assert top is not None
    node.left, top.right = top.right, node
    _measure(node)
    _measure(top)
    return top


def _height(node: _Node[T] | None) -> int:
    return 0 if node is None else node.height


def _measure(node: _Node[T]) -> None:
    """From what is below it."""
    left, right = node.left, node.right
    node.height = 1 + max(_height(left), _height(right))
    latest = node.end
    if left is not None and left.latest > latest:
        latest = left.latest
    if right is not None and right.latest > latest:
        latest = right.latest
    node.latest = latest
