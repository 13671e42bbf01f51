"""Watches that outlive the member they read from: each knows how far it is, and goes on at another member from there."""

import asyncio
from collections import deque
from collections.abc import Callable

from kube.base.logging import get_logger
from kube.store.errors import SlowWatcherError, StoppedError, StoreError, WatchCanceledError
from kube.store.kv import Event, WatchBatch, WatchFilter, WatchSink
from kube.store.mvcc.watchable import Watch, WatchableStore

CATCH_UP = 2_000
"""Changes of history that are read in one turn of the loop."""
MAX_BUFFERED = 100_000
"""Events that wait for one stream's ``next``; past that the stream ends with SlowWatcherError."""
_log = get_logger(__name__)


class Subscription:
    """One watch as its owner sees it. ``next_revision``: everything below was delivered; 0 before it began."""

    def __init__(
        self,
        key: bytes,
        range_end: bytes,
        start_revision: int,
        *,
        filters: tuple[WatchFilter, ...],
        progress_notify: bool,
        sink: WatchSink,
        patient: bool = False,
    ) -> None:
        """``patient``: what is delivered may be a few turns old when many watch the same range."""
        self.key = key
        self.range_end = range_end
        self.next_revision = start_revision
        self.filters = filters
        self.progress_notify = progress_notify
        self.quiet_sweeps = 0
        """Sweeps of the store since anything was delivered."""
        self.over = False
        self._sink = sink
        self._patient = patient
        self._store: WatchableStore | None = None
        self._watch: Watch | None = None
        self._progress_wanted = False

    def attach(self, store: WatchableStore) -> Watch:
        """Go on at ``store``; ``catch_up`` is to follow."""
        self.detach()
        if self.next_revision == 0 or store.kv.compact_revision <= self.next_revision < 0:
            self.next_revision = store.kv.revision + 1  # -1 is compacted by the first compaction, as in etcd
        self._store = store
        self._watch = store.watch(
            self.key,
            self.range_end,
            self.next_revision,
            self.filters,
            self.deliver,
            patient=self._patient,
        )
        return self._watch

    def detach(self) -> None:
        if self._store is not None and self._watch is not None:
            # A watch of what seldom changes is not behind, and must not be when a compaction comes while it moves.
            self.next_revision = max(self.next_revision, self._store.resume_revision(self._watch))
            self._store.cancel(self._watch)
        self._store = self._watch = None

    def catch_up(self, limit: int = CATCH_UP) -> bool:
        """True when there is more history to read."""
        if self._store is None or self._watch is None:
            return False
        if self._store.catch_up(self._watch, limit):
            return True
        if self._progress_wanted:
            self.request_progress()
        return False

    def request_progress(self) -> None:
        if self._store is None or self._watch is None or self._watch.group is None:
            self._progress_wanted = True
            return
        self._progress_wanted = False
        self._store.progress(self._watch)

    def deliver(self, batch: WatchBatch) -> None:
        if self.over:
            return
        self.next_revision = batch.revision + 1
        self.quiet_sweeps = 0
        if batch.error is not None:
            self.over = True
        try:
            self._sink(batch)
        except Exception:
            self.over = True
            raise

    def end(self, error: StoreError | None) -> None:
        """No more is delivered, but ``error`` if there is one. Idempotent."""
        self.detach()
        if self.over:
            return
        self.over = True
        if error is not None:
            self._sink(WatchBatch((), self.next_revision - 1, error))


class SinkStream:
    """The handle of a watch whose batches go into a sink."""

    def __init__(self, subscription: Subscription, cancelled: Callable[[Subscription], None]) -> None:
        self._subscription = subscription
        self._cancelled = cancelled

    async def next(self) -> WatchBatch:
        raise RuntimeError("the batches of this watch go into its sink")

    def request_progress(self) -> None:
        self._subscription.request_progress()

    def cancel(self) -> None:
        self._cancelled(self._subscription)


class BufferedStream:
    """A watch that is drained by ``next``: what arrived since the last call comes as one batch."""

    def __init__(self) -> None:
        self._batches: deque[WatchBatch] = deque()
        self._buffered = 0
        self._sleeper: asyncio.Future[None] | None = None
        self._error: StoreError | None = None
        self._subscription: Subscription | None = None
        self._cancelled: Callable[[Subscription], None] | None = None

    def open(self, subscription: Subscription, cancelled: Callable[[Subscription], None]) -> None:
        self._subscription = subscription
        self._cancelled = cancelled

    def push(self, batch: WatchBatch) -> None:
        """The sink of the subscription behind the stream."""
        if batch.error is not None:
            self._error = batch.error
        elif self._buffered + len(batch.events) > MAX_BUFFERED and self._batches:
            self._overflow()
        else:
            self._batches.append(batch)
            self._buffered += len(batch.events)
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    def _overflow(self) -> None:
        """What is buffered is still delivered; what comes after it is the reader's to resume."""
        self._error = SlowWatcherError(self._batches[-1].revision + 1)
        if self._subscription is not None and self._cancelled is not None:
            self._cancelled(self._subscription)

    async def next(self) -> WatchBatch:
        while not self._batches:
            if self._error is not None:
                raise self._error
            self._sleeper = asyncio.get_running_loop().create_future()
            try:
                await self._sleeper
            finally:
                self._sleeper = None
        self._buffered = 0
        first = self._batches.popleft()
        if not self._batches:
            return first
        events: list[Event] = list(first.events)
        revision = first.revision
        while self._batches:
            batch = self._batches.popleft()
            events.extend(batch.events)
            revision = batch.revision
        return WatchBatch(tuple(events), revision)

    def request_progress(self) -> None:
        if self._subscription is not None:
            self._subscription.request_progress()

    def cancel(self) -> None:
        self._batches.clear()
        if self._error is None:
            self._error = WatchCanceledError()
        if self._subscription is not None and self._cancelled is not None:
            self._cancelled(self._subscription)
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)


class Subscriptions:
    """All watches of this process, at home at one member's state machine, or homeless while nobody serves."""

    def __init__(self) -> None:
        self._all: dict[Subscription, None] = {}
        self.home: WatchableStore | None = None

    def __len__(self) -> int:
        return len(self._all)

    def add(self, subscription: Subscription) -> None:
        """With a home, ``catch_up`` of the subscription is to follow."""
        self._all[subscription] = None
        if self.home is not None:
            subscription.attach(self.home)

    def remove(self, subscription: Subscription) -> None:
        self._all.pop(subscription, None)
        subscription.end(None)

    def move(self, home: WatchableStore | None) -> None:
        """Go on at ``home``, without a gap and without a repetition, or wait for one."""
        if home is self.home:
            return
        self.home = home
        subscriptions = tuple(self._all)
        if home is None:
            for subscription in subscriptions:
                subscription.detach()
            return
        home.catch_up_all([each.attach(home) for each in subscriptions if not each.over])
        for subscription in subscriptions:
            subscription.catch_up()  # which has nothing left to read

    def sweep(self, quiet_limit: int) -> None:
        """Bookmarks for those that wanted them and had nothing for ``quiet_limit`` sweeps; the finished go."""
        for subscription in tuple(self._all):
            if subscription.over:
                self._all.pop(subscription, None)
                continue
            subscription.quiet_sweeps += 1
            if subscription.progress_notify and subscription.quiet_sweeps >= quiet_limit:
                subscription.request_progress()

    def close(self) -> None:
        self.home = None
        for subscription in tuple(self._all):
            try:
                subscription.end(StoppedError())
            except Exception:  # noqa: BLE001  # one receiver's fault must not keep from the others that it is over
                _log.exception("the receiver of a watch failed at its end")
        self._all.clear()
