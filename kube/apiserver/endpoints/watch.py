"""A watch between storage and whoever asked for it: the served version, and the end after its time."""

from collections.abc import Callable, Sequence
from typing import Final

from kube.apimachinery.errors import ApiError
from kube.apiserver.storage.interface import EventSink, StorageWatch, StoredEvent
from kube.base.chance import Chance
from kube.base.clock import Clock
from kube.base.tasks import TaskOwner
from kube.base.timers import Timer, Timers

MIN_SECONDS: Final = 1800.0
"""A watch without timeoutSeconds lives this long, or up to twice as long (upstream's --min-request-timeout)."""


class Watch:
    """The sink that storage delivers into, and the handle that the caller cancels."""

    __slots__ = ("_convert", "_handle", "_over", "_sink", "_timer", "_timers", "deliver")

    def __init__(
        self,
        timers: "WatchTimers",
        sink: EventSink,
        convert: Callable[[StoredEvent], StoredEvent] | None,
    ) -> None:
        self._timers = timers
        self._sink = sink
        self._convert = convert
        self._handle: StorageWatch | None = None
        self._timer: Timer | None = None
        self._over = False
        self.deliver: Callable[[Sequence[StoredEvent]], bool] = (
            sink.deliver if convert is None else self._deliver_converted
        )

    def begin(self, handle: StorageWatch, seconds: int | None) -> None:
        """Storage has accepted; ``seconds`` is the caller's timeoutSeconds."""
        self._handle = handle
        if self._over:
            return
        if self._timers.closed:
            handle.finish()  # the server stops
        else:
            self._timer = self._timers.after(seconds, handle.finish)

    def _deliver_converted(self, events: Sequence[StoredEvent]) -> bool:
        convert = self._convert
        assert convert is not None
        return self._sink.deliver([convert(event) for event in events])

    def closed(self, error: ApiError | None) -> None:
        self._end()
        self._sink.closed(error)

    def cancel(self) -> None:
        """End the stream; ``closed`` is not called. Idempotent."""
        self._end()
        if self._handle is not None:
            self._handle.cancel()

    def _end(self) -> None:
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class WatchTimers:
    """Ends watches after their time."""

    def __init__(self, clock: Clock, chance: Chance) -> None:
        self._chance = chance
        self._tasks = TaskOwner("watch timers")
        self._timers = Timers(clock, self._tasks)

    @property
    def closed(self) -> bool:
        return self._tasks.closed

    def watch(self, sink: EventSink, convert: Callable[[StoredEvent], StoredEvent] | None) -> Watch:
        return Watch(self, sink, convert)

    def after(self, seconds: int | None, end: Callable[[], None]) -> Timer:
        wait = float(seconds) if seconds else MIN_SECONDS * (1 + self._chance.random())
        return self._timers.after(wait, end)

    async def aclose(self) -> None:
        await self._tasks.aclose()
