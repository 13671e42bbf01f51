"""Writes events without making anybody wait: a bounded queue and an owned task that runs while there is something to do.

Semantics: client-go's ``record.EventBroadcaster``: what the server refuses is dropped, what it could not be told is tried
again after 10 s, 12 times in all. Unlike there, events that wait for the same object are written once, with the count
that they have by then, and several are under way at once.
"""

import asyncio
from collections import deque
from typing import Any, Final

from kube.api.types.core_v1 import Event, EventSource, ObjectReference
from kube.apimachinery import errors
from kube.apimachinery.errors import ApiError
from kube.base.chance import Chance
from kube.base.clock import Clock
from kube.base.logging import get_logger
from kube.base.metrics import Metrics
from kube.base.tasks import TaskOwner
from kube.client.errors import ConnectionFailedError
from kube.client.events import (
    CACHE_ENTRIES,
    EVENT_TYPES,
    Correlated,
    EventCorrelator,
    EventNames,
    make_event,
    reference_to,
)
from kube.client.keys import HasMetadata
from kube.client.typed import TypedClient

MAX_QUEUED: Final = 10_000
CONCURRENT_WRITES: Final = 32
TURN_EVENTS: Final = 256
"""As many events are correlated before the loop does other things."""
MAX_TRIES: Final = 12
RETRY_SECONDS: Final = 10.0


class _Write:
    """An event that is to be written; later ones of its key take its place until it is under way."""

    __slots__ = ("correlated", "create", "tries")

    def __init__(self, correlated: Correlated) -> None:
        self.correlated = correlated
        self.create = not correlated.is_update
        self.tries = 0


class EventBroadcaster:
    """One per process and identity; ``recorder`` gives each component its voice.

    Recording costs the building of one object; there is no task while nothing is to be written. ``dropped`` counts
    what found no room, was refused or could not be written at last.
    """

    def __init__(
        self,
        client: TypedClient,
        clock: Clock,
        chance: Chance,
        *,
        metrics: Metrics | None = None,
        max_queued: int = MAX_QUEUED,
        cache_entries: int = CACHE_ENTRIES,
    ) -> None:
        self._client = client
        self.clock = clock
        self.chance = chance
        self._max_queued = max_queued
        self._correlator = EventCorrelator(capacity=cache_entries)
        self._queue: deque[Event] = deque()
        self._writes: dict[Any, _Write] = {}
        self._tasks = TaskOwner("events")
        self._running = False
        self._under_way = 0
        self._idle: asyncio.Future[None] | None = None
        self._log = get_logger(__name__)
        self.written = 0
        self.dropped = 0
        if metrics is not None:
            metrics.reading(
                "event_broadcaster_events_total",
                "Events written, and events dropped.",
                lambda: ((("written",), self.written), (("dropped",), self.dropped)),
                labels=("result",),
                kind="counter",
            )

    def recorder(self, component: str, host: str = "") -> "Recorder":
        """The recorder of a component (on a host, for what runs on each node)."""
        return Recorder(self, EventSource(component=component, host=host))

    def record(self, event: Event) -> None:
        """Queue an event. Never waits, never raises."""
        if len(self._queue) + len(self._writes) >= self._max_queued or self._tasks.closed:
            self.dropped += 1
            return
        self._queue.append(event)
        if not self._running:
            self._running = True
            self._tasks.start(self._run(), name="write")

    async def flush(self) -> None:
        """Until all that was recorded is written or dropped."""
        if self._running:
            if self._idle is None:
                self._idle = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._idle)

    async def aclose(self) -> None:
        """Stop writing; what waits is dropped."""
        await self._tasks.aclose()
        self.dropped += len(self._queue) + len(self._writes) + self._under_way
        self._under_way = 0
        self._queue.clear()
        self._writes.clear()
        self._rest()

    async def _run(self) -> None:
        try:
            while self._queue or self._writes:
                self._correlate()
                batch = [(key, self._writes.pop(key)) for key in tuple(self._writes)[:CONCURRENT_WRITES]]
                self._under_way = len(batch)
                done = await asyncio.gather(*(self._write(write) for _, write in batch))
                self._under_way = 0
                failed = [entry for entry, written in zip(batch, done, strict=True) if not written]
                if failed:
                    await self._again(failed)
        finally:
            self._rest()

    def _rest(self) -> None:
        self._running = False
        idle, self._idle = self._idle, None
        if idle is not None and not idle.done():
            idle.set_result(None)

    def _correlate(self) -> None:
        """Take what was recorded, a turn's worth; it joins what waits to be written to the same event."""
        now = self.clock.monotonic()
        for _ in range(min(len(self._queue), TURN_EVENTS)):
            correlated = self._correlator.correlate(self._queue.popleft(), now)
            if correlated is None:
                self.dropped += 1
                continue
            waiting = self._writes.get(correlated.key)
            if waiting is None:
                self._writes[correlated.key] = _Write(correlated)
            else:
                waiting.correlated = correlated

    async def _write(self, write: _Write) -> bool:
        """Whether there is nothing left to do about it."""
        event = write.correlated.event
        try:
            if not write.create:
                try:
                    await self._client.patch(
                        Event,
                        event.metadata.name,
                        write.correlated.patch,
                        type="strategic",
                        namespace=event.metadata.namespace,
                    )
                except ApiError as error:
                    if not errors.is_not_found(error):
                        raise
                    write.create = True
            if write.create:
                await self._client.create(event, namespace=event.metadata.namespace)
        except ConnectionFailedError as error:
            write.tries += 1
            if write.tries < MAX_TRIES:
                return False
            self._give_up(event, error)
        except ApiError as error:
            self._give_up(event, error)
        else:
            self.written += 1
        return True

    def _give_up(self, event: Event, error: ApiError) -> None:
        self.dropped += 1
        expected = errors.is_already_exists(error) or error.has_cause(errors.CAUSE_NAMESPACE_TERMINATING)
        log = self._log.debug if expected else self._log.error
        log("event not written", name=event.metadata.name, reason=event.reason, error=str(error))

    async def _again(self, failed: list[tuple[Any, _Write]]) -> None:
        """Put back what the server could not be told, ahead of the rest, and wait before it is tried again."""
        first = all(write.tries == 1 for _, write in failed)
        later, self._writes = self._writes, dict(failed)
        self._writes.update(later)
        # The first wait is random, so that those whom one server has left do not come back together.
        await self.clock.sleep(RETRY_SECONDS * (self.chance.random() if first else 1))


class Recorder:
    """An ``EventRecorder`` of one source."""

    __slots__ = ("_broadcaster", "_names", "source")

    def __init__(self, broadcaster: EventBroadcaster, source: EventSource) -> None:
        self._broadcaster = broadcaster
        self._names = EventNames(source, broadcaster.chance)
        self.source = source

    def event(self, obj: HasMetadata | ObjectReference, type_: str, reason: str, message: str) -> None:
        """See ``EventRecorder``. Raises ValueError for an unknown type: that is the caller's mistake, not the world's."""
        if type_ not in EVENT_TYPES:
            raise ValueError(f"unsupported event type: {type_!r}")
        now = self._broadcaster.clock.now()
        reference = obj if isinstance(obj, ObjectReference) else reference_to(obj)
        name = self._names.next(reference.name, now)
        self._broadcaster.record(
            make_event(reference, self.source, type_, reason, message, name=name, now=now)
        )
