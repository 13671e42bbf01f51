"""Exponential back-off per key. Pure; times are seconds on one clock.

Semantics: client-go's ``flowcontrol.Backoff`` as the kubelet uses it: the delay doubles up to the maximum and starts over
when nothing has happened for twice the maximum.
"""

from typing import Final

INITIAL: Final = 10.0
MAX: Final = 300.0


class Backoff:
    """Keys that were never delayed cost nothing."""

    __slots__ = ("_entries", "_initial", "_max")

    def __init__(self, initial: float = INITIAL, maximum: float = MAX) -> None:
        self._initial = initial
        self._max = maximum
        self._entries: dict[str, tuple[float, float]] = {}

    def get(self, key: str) -> float:
        """The delay in force, in seconds; 0 for none."""
        entry = self._entries.get(key)
        return entry[0] if entry is not None else 0.0

    def next(self, key: str, event_time: float, now: float) -> None:
        """Something failed at ``event_time`` and is tried again now: the delay grows."""
        entry = self._entries.get(key)
        if entry is None or self._expired(event_time, entry[1]):
            self._entries[key] = (self._initial, now)
        else:
            self._entries[key] = (min(entry[0] * 2, self._max), now)

    def due(self, key: str, event_time: float) -> float:
        """When what failed at ``event_time`` may be tried again; in the past if it is not held back."""
        entry = self._entries.get(key)
        if entry is None or self._expired(event_time, entry[1]):
            return event_time
        return event_time + entry[0]

    def due_since_update(self, key: str, now: float) -> float:
        """As ``due``, counted from the last try."""
        entry = self._entries.get(key)
        if entry is None or self._expired(now, entry[1]):
            return now
        return entry[1] + entry[0]

    def reset(self, key: str) -> None:
        self._entries.pop(key, None)

    def _expired(self, event_time: float, last_update: float) -> bool:
        return event_time - last_update > self._max * 2
