"""Finds who changes an object that is shared: for tests.

Semantics: client-go's ``cache.MutationDetector``. Objects are immutable by type, yet a map in one is a dictionary
that a careless caller can write to.
"""

from hashlib import blake2b
from typing import Any, Final

from kube.apimachinery import serializer

DEFAULT_CAPACITY: Final = 100_000


class CacheMutatedError(AssertionError):
    """A shared object was changed in place. ``before`` and ``after`` are its JSON."""

    def __init__(self, obj: Any, after: bytes) -> None:
        metadata = obj.metadata
        super().__init__(
            f"{obj.kind} {metadata.namespace}/{metadata.name} at version {metadata.resource_version} was mutated"
            f" in the cache; it is now {after.decode()}"
        )
        self.obj = obj
        self.after = after


class MutationDetector:
    """Remembers objects by the digest of their bytes as they enter a cache.

    Holds on to every object that it observed, up to ``capacity``: the oldest is verified when it makes room.
    """

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        if capacity < 1:
            raise ValueError(f"a detector remembers at least one object, not {capacity}")
        self._capacity = capacity
        self._seen: dict[int, tuple[Any, bytes]] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def observe(self, obj: Any) -> None:
        """An object enters a cache. The same object may enter many. Raises CacheMutatedError."""
        known = self._seen.get(id(obj))
        if known is not None:
            self._check(*known)
            return
        if len(self._seen) >= self._capacity:
            oldest = next(iter(self._seen))
            self._check(*self._seen.pop(oldest))
        self._seen[id(obj)] = (obj, _digest(serializer.encode(obj)))

    def verify(self) -> None:
        """Raises CacheMutatedError for the first object that is not what it was."""
        for obj, digest in self._seen.values():
            self._check(obj, digest)

    @staticmethod
    def _check(obj: Any, digest: bytes) -> None:
        encoded = serializer.encode(obj)
        if _digest(encoded) != digest:
            raise CacheMutatedError(obj, encoded)


def _digest(encoded: bytes) -> bytes:
    return blake2b(encoded, digest_size=16).digest()
