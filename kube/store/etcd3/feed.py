"""All watches of a store are served from one: the feed of every change in scope, in order.

One stream in one order is what makes a watch's progress exact: when the feed has come to a revision, so has each of its
watches, whatever its range. No I/O; who reads the stream is in ``watches``.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from kube.base.logging import get_logger
from kube.store.errors import CompactedError, StoreError
from kube.store.kv import ALL_KEYS_END, Event, WatchBatch, WatchFilter, WatchSink
from kube.store.mvcc.watch_index import WatchIndex
from kube.store.subscriptions import Subscription

RECENT: Final = 4096
"""Events that are kept for watches that begin a little in the past."""
RECENT_BYTES: Final = 16 * 1024 * 1024
"""And bytes of values among them."""

log = get_logger(__name__)


class FeedSubscription(Subscription):
    """A watch. It ``joined`` when it has all that is older than the feed's position."""

    def __init__(
        self,
        key: bytes,
        range_end: bytes,
        start_revision: int,
        *,
        filters: tuple[WatchFilter, ...],
        progress_notify: bool,
        sink: WatchSink,
        ask_progress: "Callable[[FeedSubscription], None]",
    ) -> None:
        super().__init__(
            key, range_end, start_revision, filters=filters, progress_notify=progress_notify, sink=sink
        )
        self.unwanted = tuple(each.unwanted for each in filters)
        self.joined = False
        self.wanted = 0
        """The revision at which progress is to be told; 0 for none."""
        self.feed: Feed | None = None
        self.catching_up: asyncio.Task[None] | None = None
        self._ask_progress = ask_progress

    def request_progress(self) -> None:
        if not self.over:
            self._ask_progress(self)

    def give(self, events: Sequence[Event], revision: int) -> None:
        """Deliver those that are new and wanted. A receiver that raises ends its watch, with a log line."""
        first, unwanted = self.next_revision, self.unwanted
        new = tuple([each for each in events if each.kv.mod_revision >= first and each.type not in unwanted])
        if new:
            self.tell(WatchBatch(new, revision))
        elif revision >= first:
            self.next_revision = revision + 1

    def tell(self, batch: WatchBatch) -> None:
        try:
            self.deliver(batch)
        except Exception:
            log.exception("the receiver of a watch failed; the watch is over", key=self.key)

    def finish(self, error: StoreError) -> None:
        """The last batch of a sink, or what ``next`` raises."""
        try:
            self.end(error)
        except Exception:
            log.exception("the receiver of a watch failed at its end", key=self.key)


class Feed:
    """``position``: every change up to it has been received. ``began``: where it was first."""

    def __init__(self, position: int) -> None:
        self.position = self.began = position
        self._recent: deque[Event] = deque()
        self._recent_bytes = 0
        self._recent_after = position
        """Every event of every revision above it is in ``_recent``."""
        self._index: WatchIndex[FeedSubscription] = WatchIndex()
        self._all: dict[FeedSubscription, None] = {}
        self._waiting: dict[FeedSubscription, None] = {}

    def __len__(self) -> int:
        return len(self._all)

    def subscriptions(self) -> tuple[FeedSubscription, ...]:
        return tuple(self._all)

    # ---- watches come and go

    def add(self, subscription: FeedSubscription) -> bool:
        """True when it joined; else it is to be given ``history`` from its next revision on."""
        self._all[subscription] = None
        subscription.feed = self
        if subscription.next_revision <= self._recent_after and subscription.next_revision <= self.position:
            return False
        if subscription.next_revision <= self.position:
            subscription.give(_of(subscription, self._recent), self.position)
        self._join(subscription)
        return True

    def history(self, subscription: FeedSubscription, events: Sequence[Event], revision: int) -> bool:
        """What came before the feed, or with it, up to ``revision``; True when the watch has joined or is over."""
        if subscription.over:
            return True
        subscription.give(_of(subscription, events), revision)
        if revision >= self.position:
            self._join(subscription)
        return subscription.joined or subscription.over

    def _join(self, subscription: FeedSubscription) -> None:
        if subscription.over or subscription not in self._all:
            return
        subscription.joined = True
        self._index.add(subscription.key, subscription.range_end, subscription)
        if subscription.wanted:
            self.progress(subscription, subscription.wanted)

    def remove(self, subscription: FeedSubscription) -> None:
        """Idempotent."""
        if subscription in self._all:
            del self._all[subscription]
            self._waiting.pop(subscription, None)
            if subscription.joined:
                self._index.remove(subscription.key, subscription.range_end, subscription)

    # ---- what happens

    def receive(self, events: Sequence[Event], revision: int) -> None:
        """The next changes, in order, up to ``revision`` and including all of it."""
        self._remember(events)
        self.position = revision
        touched: dict[FeedSubscription, list[Event]] = {}
        matching = self._index.matching
        for event in events:
            for subscription in matching(event.kv.key):
                if (mine := touched.get(subscription)) is None:
                    touched[subscription] = [event]
                else:
                    mine.append(event)
        for subscription, mine in touched.items():
            subscription.give(mine, revision)
            if subscription.over:
                self.remove(subscription)
        for subscription in self.waiting():
            if subscription.joined:
                self.progress(subscription, subscription.wanted)

    def _remember(self, events: Sequence[Event]) -> None:
        recent = self._recent
        for event in events:
            recent.append(event)
            self._recent_bytes += len(event.kv.value)
        while len(recent) > RECENT or (self._recent_bytes > RECENT_BYTES and recent):
            oldest = recent.popleft()
            self._recent_bytes -= len(oldest.kv.value)
            self._recent_after = oldest.kv.mod_revision

    def progress(self, subscription: FeedSubscription, target: int) -> None:
        """Tell how far the watch is, now or when it has come to ``target``."""
        if subscription.joined and self.position >= target:
            through = max(self.position, subscription.next_revision - 1)
            subscription.wanted = 0
            self._waiting.pop(subscription, None)
            subscription.tell(WatchBatch((), through))
        elif subscription in self._all:
            subscription.wanted = max(target, 1)
            self._waiting[subscription] = None

    def waiting(self) -> list[FeedSubscription]:
        """Those who are to be told of progress when they have made it."""
        return list(self._waiting)

    def sweep(self) -> None:
        """The finished go."""
        for subscription in [each for each in self._all if each.over]:
            self.remove(subscription)

    def close(self, error: StoreError) -> None:
        """Every watch is over."""
        for subscription in self.subscriptions():
            self.remove(subscription)
            if isinstance(error, CompactedError):
                behind = max(subscription.next_revision, self.position + 1 if subscription.joined else 0)
                subscription.finish(CompactedError(behind, error.compact_revision))
            else:
                subscription.finish(error)


def _of(subscription: FeedSubscription, events: Iterable[Event]) -> list[Event]:
    """Those in the range of the watch."""
    key, end = subscription.key, subscription.range_end
    if not end:
        return [event for event in events if event.kv.key == key]
    if end == ALL_KEYS_END:
        return [event for event in events if key <= event.kv.key]
    return [event for event in events if key <= event.kv.key < end]
