"""What happened in a run, as a digest: two runs of one seed are equal if and only if theirs are."""

import hashlib
from collections import Counter
from collections.abc import Callable


class Trace:
    """Every event goes in with its time. ``faults`` counts, by kind, what was done to the cluster.

    With ``log`` each event is also handed to it as a line: for a person who replays a seed.
    """

    def __init__(self, now: Callable[[], float], log: Callable[[str], None] | None = None) -> None:
        self._now = now
        self._log = log
        self._hash = hashlib.blake2b(digest_size=16)
        self.events = 0
        self.faults: Counter[str] = Counter()

    def event(self, *what: object) -> None:
        """``what``: numbers, strings, bytes and tuples of them; nothing whose repr has an address in it."""
        self.events += 1
        line = f"{self._now():.6f} {what!r}"
        self._hash.update(line.encode())
        if self._log is not None:
            self._log(line)

    def fault(self, kind: str, *detail: object) -> None:
        self.faults[kind] += 1
        self.event("fault", kind, *detail)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()
