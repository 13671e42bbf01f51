"""What clients asked and were told, in the order in which it happened: the raw material of every checker."""

import itertools
from typing import TypeAlias

from msgspec import Struct, field

from kube.store.errors import StoreError
from kube.store.kv import DeleteRange, Put, Range, Txn, WatchBatch, WatchFilter
from kube.store.requests import (
    Compact,
    LeaseGrantRequest,
    LeaseRevokeRequest,
    OptimisticDelete,
    OptimisticPut,
)

NEVER = 1 << 62
"""The return of an operation of which nobody knows whether it took effect."""


class KeepAlive(Struct, frozen=True):
    id: int


class TimeToLive(Struct, frozen=True):
    id: int


Asked: TypeAlias = (
    Range
    | Put
    | DeleteRange
    | Txn
    | OptimisticPut
    | OptimisticDelete
    | Compact
    | LeaseGrantRequest
    | LeaseRevokeRequest
    | KeepAlive
    | TimeToLive
)


class Operation(Struct):
    """``call`` and ``returned`` number the events of the history; ``begin`` and ``end`` are the same in seconds.

    ``result`` when it was answered, ``error`` when it was refused; neither while, or because, nobody knows (``unknown``).
    ``serializable``: a read that may be stale.
    """

    client: int
    request: Asked
    call: int
    begin: float
    serializable: bool = False
    returned: int = NEVER
    end: float = 0.0
    result: object | None = None
    error: StoreError | None = None
    answered: bool = False

    @property
    def unknown(self) -> bool:
        """It may have taken effect, now or later, or not."""
        return not self.answered and (self.error is None or self.error.maybe_applied)


class Delivered(Struct, frozen=True):
    """A batch and when it came, as an event's number."""

    at: int
    batch: WatchBatch


class WatchRecord(Struct):
    """One watch as its client saw it.

    ``acknowledged``: the newest revision that any client had been told of before the watch was asked for; ``latest``: the newest
    of any member when it was answered. A watch from revision 0 starts between the two. ``follows``: the watch that it resumes.
    """

    client: int
    key: bytes
    range_end: bytes
    start_revision: int
    filters: tuple[WatchFilter, ...]
    prev_kv: bool
    progress_notify: bool
    acknowledged: int
    latest: int = 0
    follows: "WatchRecord | None" = None
    opened: bool = False
    responses: list[Delivered] = field(default_factory=list)
    error: StoreError | None = None
    cancelled: bool = False

    @property
    def through(self) -> int:
        """Everything up to this revision was delivered, by its own word; 0 when it has said nothing."""
        return self.responses[-1].batch.revision if self.responses else 0


class History:
    """``acknowledged``: the newest revision that any client has been told of."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.watches: list[WatchRecord] = []
        self.acknowledged = 1
        self._events = itertools.count(1)

    def next(self) -> int:
        """The number of an event that happens now."""
        return next(self._events)

    def begin(self, client: int, request: Asked, now: float, *, serializable: bool = False) -> Operation:
        operation = Operation(client, request, self.next(), now, serializable)
        self.operations.append(operation)
        return operation

    def answered(self, operation: Operation, result: object, now: float) -> None:
        operation.result, operation.answered = result, True
        operation.returned, operation.end = self.next(), now
        revision = getattr(result, "revision", 0)
        if not operation.serializable:
            self.acknowledged = max(self.acknowledged, revision)

    def refused(self, operation: Operation, error: StoreError, now: float) -> None:
        operation.error, operation.end = error, now
        at = self.next()
        if not error.maybe_applied:
            operation.returned = at
