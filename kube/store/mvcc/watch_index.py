"""Which watches want a key: found by hash for single keys and prefixes, by search only for other ranges."""

from typing import Generic, TypeVar

from kube.store.kv import ALL_KEYS_END, prefix_end

T = TypeVar("T")


class WatchIndex(Generic[T]):
    """Items filed under [key, range_end). A lookup costs one hash per length of prefix in use, whatever their number."""

    __slots__ = ("_keys", "_lengths", "_prefixes", "_ranges")

    def __init__(self) -> None:
        self._keys: dict[bytes, dict[T, None]] = {}
        self._prefixes: dict[int, dict[bytes, dict[T, None]]] = {}
        self._lengths: tuple[int, ...] = ()
        self._ranges: dict[tuple[bytes, bytes], dict[T, None]] = {}

    def __bool__(self) -> bool:
        return bool(self._keys or self._prefixes or self._ranges)

    def add(self, key: bytes, range_end: bytes, item: T) -> None:
        prefix = _as_prefix(key, range_end)
        if not range_end:
            self._keys.setdefault(key, {})[item] = None
        elif prefix is None:
            self._ranges.setdefault((key, range_end), {})[item] = None
        else:
            self._prefixes.setdefault(len(prefix), {}).setdefault(prefix, {})[item] = None
            self._lengths = tuple(sorted(self._prefixes))

    def remove(self, key: bytes, range_end: bytes, item: T) -> None:
        prefix = _as_prefix(key, range_end)
        if not range_end:
            _discard(self._keys, key, item)
        elif prefix is None:
            _discard(self._ranges, (key, range_end), item)
        else:
            of_length = self._prefixes[len(prefix)]
            _discard(of_length, prefix, item)
            if not of_length:
                del self._prefixes[len(prefix)]
                self._lengths = tuple(sorted(self._prefixes))

    def matching(self, key: bytes) -> list[T]:
        """Single keys first, then prefixes, the shortest first, then other ranges."""
        found: list[T] = []
        of_key = self._keys.get(key)
        if of_key is not None:
            found.extend(of_key)
        for length in self._lengths:
            of_prefix = self._prefixes[length].get(key[:length])
            if of_prefix is not None:
                found.extend(of_prefix)
        for (start, end), items in self._ranges.items():
            if start <= key and (end == ALL_KEYS_END or key < end):
                found.extend(items)
        return found


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
