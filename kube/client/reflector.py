"""Keeps a cache equal to the server's state: list, then watch from the list's version. A pure state machine.

Semantics: client-go's ``cache.Reflector`` (list at version 0 first, then at the last one seen, at the latest when
that is refused; watch time-outs of 5 to 10 minutes; back-off from 0.8 to 30 s, forgotten after 2 quiet minutes).
A shell carries out the instruction that each call returns and reports its outcome by the next call:

    start -> ListObjects -> listed | list_failed
    listed, watch -> WatchObjects -> watch_failed | event ... watch_closed
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Generic, TypeVar

from msgspec import Struct

from kube.apimachinery.errors import (
    CAUSE_RESOURCE_VERSION_TOO_LARGE,
    ApiError,
    is_internal_error,
    is_not_found,
    is_resource_version_too_old,
    is_too_many_requests,
)
from kube.apimachinery.watch import BOOKMARK, DELETED, WatchEvent
from kube.base.backoff import Backoff
from kube.client.errors import ConnectionFailedError
from kube.client.keys import HasMetadata
from kube.client.store import Change, Indexer

T = TypeVar("T", bound=HasMetadata)

MIN_WATCH_SECONDS: Final = 300
BACKOFF: Final = Backoff(0.8, 30.0, factor=2.0, jitter=1.0)
BACKOFF_FORGOTTEN_AFTER: Final = 120.0
SHORT_WATCH_SECONDS: Final = 1.0
"""A watch that closes sooner and without events is a fault, not a time-out."""


class ListObjects(Struct, frozen=True):
    """List after ``after`` seconds, at least as fresh as the version ("0": any; "": the latest)."""

    resource_version: str
    after: float = 0.0


class WatchObjects(Struct, frozen=True):
    """Watch with bookmarks from the version, after ``after`` seconds."""

    resource_version: str
    timeout_seconds: int
    after: float = 0.0


Instruction = ListObjects | WatchObjects


class Reflector(Generic[T]):
    """``now`` is a monotonic reading in seconds. ``synced`` once the first list has arrived."""

    __slots__ = (
        "_attempts",
        "_backed_off",
        "_chance",
        "_expired",
        "_seen",
        "_watching_since",
        "_whole",
        "indexer",
        "resource_version",
        "synced",
    )

    def __init__(self, indexer: Indexer[T], chance: random.Random) -> None:
        self.indexer = indexer
        self.resource_version = ""
        """The last version seen: a watch goes on from here."""
        self.synced = False
        self._chance = chance
        self._expired = False
        self._attempts = 0
        self._backed_off = 0.0
        self._watching_since = 0.0
        self._seen = False
        self._whole = False

    @property
    def complete(self) -> bool:
        """Whether the cache is as of ``resource_version``, so that a watch can go on from there."""
        return self._whole and self.resource_version != ""

    def start(self) -> ListObjects:
        return ListObjects(self._list_version())

    def listed(self, objects: Iterable[T], resource_version: str) -> Iterator[Change[T]]:
        """A list arrived whole: the cache becomes it, lazily (``Indexer.replace``). Then comes ``watch``.

        Where the receiver stops before the end, ``start`` lists again, at least as fresh.
        """
        self.resource_version = resource_version
        self._whole = False
        yield from self.indexer.replace(objects)
        self._whole = True
        self._expired = False
        self.synced = True

    def watch(self, now: float) -> WatchObjects:
        """Go on from the last version seen: after a list, and after the receiver itself closed the stream."""
        return self._watch(now)

    def list_refused(self, error: ApiError) -> Iterator[Change[T]]:
        """What a failed list changes: where the resource is not served, the cache is empty, and nobody waits for it."""
        if is_not_found(error):
            yield from self.listed((), "")

    def list_failed(self, error: ApiError, now: float) -> ListObjects:
        if _version_unavailable(error) and not self._expired:
            self._expired = True
            return ListObjects("")
        return ListObjects(self._list_version(), self._delay(error, now))

    def event(self, event: WatchEvent[T]) -> Sequence[Change[T]]:
        """One event of the watch, in its order."""
        obj = event.object
        self._seen = True
        self.resource_version = obj.metadata.resource_version
        if event.type == DELETED:
            return self.indexer.remove(obj)
        if event.type == BOOKMARK:
            return ()
        return self.indexer.put(obj)

    def watch_failed(self, error: ApiError, now: float) -> Instruction:
        """The server did not accept the watch."""
        if is_too_many_requests(error) or (isinstance(error, ConnectionFailedError) and error.refused):
            return self._watch(now, self._delay(error, now))
        return self._relist(error, now)

    def watch_closed(self, error: ApiError | None, now: float) -> Instruction:
        """The stream ended, by time-out (``None``) or by an error."""
        if error is None:
            if self._seen or now - self._watching_since >= SHORT_WATCH_SECONDS:
                return self._watch(now)
            return ListObjects(self._list_version(), self._delay(None, now))
        if is_too_many_requests(error):
            return self._watch(now, self._delay(error, now))
        if is_internal_error(error) and self._seen:
            return self._watch(now)
        return self._relist(error, now)

    def _relist(self, error: ApiError, now: float) -> ListObjects:
        """The first relist of a series of compactions is at once: nothing is wrong with the server."""
        delay = self._delay(error, now)
        first = is_resource_version_too_old(error) and self._attempts == 1
        return ListObjects(self._list_version(), 0.0 if first else delay)

    def _list_version(self) -> str:
        return "" if self._expired else self.resource_version or "0"

    def _watch(self, now: float, after: float = 0.0) -> WatchObjects:
        self._watching_since = now + after
        self._seen = False
        seconds = int(MIN_WATCH_SECONDS * (1 + self._chance.random()))
        return WatchObjects(self.resource_version, seconds, after)

    def _delay(self, error: ApiError | None, now: float) -> float:
        if now - self._backed_off > BACKOFF_FORGOTTEN_AFTER:
            self._attempts = 0
        self._backed_off = now
        delay = BACKOFF.delay(self._attempts, self._chance)
        self._attempts += 1
        return max(delay, error.retry_after_seconds if error is not None else 0)


def _version_unavailable(error: ApiError) -> bool:
    """The version asked for is compacted away, or the server has not reached it."""
    return is_resource_version_too_old(error) or error.has_cause(CAUSE_RESOURCE_VERSION_TOO_LARGE)
