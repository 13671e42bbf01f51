"""What a controller has asked for and not yet seen in its cache.

A controller that counts pods must not count before its own writes are in the cache, or it makes them twice. Semantics:
ControllerExpectations and UIDTrackingControllerExpectations of pkg/controller/controller_utils.go.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct, field

from kube.controllers.framework import Now

TIMEOUT: Final = 300.0
"""Seconds after which what was expected is given up: a watch that was broken may have lost it."""


class _Expected(Struct):
    at: float
    creations: int = 0
    deletions: dict[str, None] = field(default_factory=dict)


class Expectations:
    """By the controller's key: so many creations, and the deletion of these objects (by their keys)."""

    __slots__ = ("_expected", "_monotonic")

    def __init__(self, monotonic: Now) -> None:
        self._monotonic = monotonic
        self._expected: dict[str, _Expected] = {}

    def satisfied(self, key: str) -> bool:
        """Whether all was seen, or is older than the time-out."""
        expected = self._expected.get(key)
        if expected is None:
            return True
        if expected.creations <= 0 and not expected.deletions:
            return True
        return self._monotonic() - expected.at > TIMEOUT

    def expect(self, key: str, *, creations: int = 0, deletions: Iterable[str] = ()) -> None:
        """In the place of what was expected before."""
        self._expected[key] = _Expected(self._monotonic(), creations, dict.fromkeys(deletions))

    def creation_observed(self, key: str, count: int = 1) -> None:
        """Seen, or failed, or never tried."""
        expected = self._expected.get(key)
        if expected is not None:
            expected.creations -= count

    def deletion_observed(self, key: str, object_key: str) -> None:
        """Seen, or failed. Again for the same object changes nothing."""
        expected = self._expected.get(key)
        if expected is not None:
            expected.deletions.pop(object_key, None)

    def forget(self, key: str) -> None:
        self._expected.pop(key, None)
