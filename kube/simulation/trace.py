"""What happened in a run, as a digest: two runs of one seed are equal if and only if theirs are."""

import hashlib
from collections import Counter
from collections.abc import Callable

from msgspec import msgpack

_PORTION = 1000
"""Events that are hashed at once."""


def _words(value: object) -> str:
    """Of an error, the only thing in an event that is no data."""
    if isinstance(value, Exception):
        return repr(value)
    raise TypeError(f"an event can't have {value!r} in it")


_encode = msgpack.Encoder(enc_hook=_words).encode


class Trace:
    """Every event goes in with its time. ``faults`` counts, by kind, what was done to the cluster.

    With ``log`` each event is also handed to it as a line: for a person who replays a seed.
    """

    def __init__(self, now: Callable[[], float], log: Callable[[str], None] | None = None) -> None:
        self._now = now
        self._log = log
        self._hash = hashlib.blake2b(digest_size=16)
        self._hashed = 0
        self._portion: list[tuple[float, tuple[object, ...]]] = []
        self.faults: Counter[str] = Counter()

    def event(self, *what: object) -> None:
        """``what``: numbers, strings, bytes, errors, and structs, tuples and lists of them; nothing that changes later."""
        now = self._now()
        self._portion.append((now, what))
        if len(self._portion) == _PORTION:
            self._hash_portion()
        if self._log is not None:
            self._log(f"{now:.6f} {what!r}")

    def fault(self, kind: str, *detail: object) -> None:
        self.faults[kind] += 1
        self.event("fault", kind, *detail)

    def _hash_portion(self) -> None:
        self._hash.update(_encode(self._portion))
        self._hashed += len(self._portion)
        self._portion.clear()

    @property
    def events(self) -> int:
        """How many there were."""
        return self._hashed + len(self._portion)

    @property
    def digest(self) -> str:
        """Of all events so far."""
        last = self._hash.copy()
        last.update(_encode(self._portion))
        return last.hexdigest()
