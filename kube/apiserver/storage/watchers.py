"""The watchers of one watch cache, found by what they can possibly want.

A watcher waits in exactly one place: under its object's key, an indexed field's value, its namespace, or with those who
want everything. An event is shown to the few places that it concerns, so that thousands of watchers of other nodes'
pods cost it nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any

from kube.apimachinery.errors import ApiError
from kube.apiserver.storage.interface import EventSink, Selection, StoredEvent
from kube.apiserver.storage.watch_cache import CacheEvent, WatchCache
from kube.base.logging import get_logger

log = get_logger(__name__)

Filter = Callable[[Any], bool]

Place = tuple[str, Any]
"""``("key", bytes)``, ``("field", (name, value))``, ``("namespace", bytes)`` or ``("all", None)``."""


class Watcher:
    """One watch; the handle that its owner cancels it by.

    It collects a backlog until its initial events are delivered, is ``live`` from then on, and in the end neither.
    """

    __slots__ = (
        "_closed",
        "_watchers",
        "active",
        "backlog",
        "bookmarks",
        "filter",
        "live",
        "pending",
        "place",
        "take",
    )

    def __init__(
        self,
        watchers: "Watchers",
        sink: EventSink,
        place: Place,
        filter_: Filter | None,
        *,
        bookmarks: bool,
    ) -> None:
        self._watchers = watchers
        self._closed = sink.closed
        self.take = sink.deliver
        self.place = place
        self.filter = filter_
        self.bookmarks = bookmarks
        self.active = True
        self.live = False
        self.backlog: list[StoredEvent] = []
        self.pending: list[StoredEvent] = []
        """Events of the batch that is being dispatched."""

    def cancel(self) -> None:
        """End the watch; ``closed`` is not called. Idempotent."""
        if self.active:
            self.active = self.live = False
            self.backlog.clear()
            self._watchers.remove(self)

    def close(self, error: ApiError | None = None) -> None:
        """End the watch and tell its sink."""
        if self.active:
            self.cancel()
            self._closed(error)

    def finish(self) -> None:
        """End the watch by time-out: a last bookmark for whoever wants bookmarks, then ``closed(None)``."""
        if self.bookmarks and self.live:
            self.deliver((self._watchers.make_bookmark(),))
        self.close()

    def begin(self, initial: Sequence[StoredEvent]) -> None:
        """Deliver the initial events and what came meanwhile; from here on events are delivered as they come."""
        if not self.active:
            return
        self.live = True
        backlog, self.backlog = self.backlog, []
        if initial:
            self.deliver(initial)
        if backlog:
            self.deliver(backlog)

    def deliver(self, events: Sequence[StoredEvent]) -> None:
        """Hand over a batch. A sink that refuses or fails loses its watch; the others go on."""
        if not self.live:
            if self.active:
                self.backlog.extend(events)
            return
        try:
            taken = self.take(events)
        except Exception:
            log.exception("a watch ended because its receiver failed")
            taken = False
        if not taken:
            self.close()


class Watchers:
    """All watchers of one cache."""

    def __init__(self, cache: WatchCache, make_bookmark: Callable[[], StoredEvent]) -> None:
        self._cache = cache
        self.make_bookmark = make_bookmark
        self._places: dict[Place, dict[Watcher, None]] = {}
        self._all: dict[Watcher, None] = {}
        self._fields = tuple(cache.indexed)

    def __len__(self) -> int:
        return len(self._all)

    def add(self, sink: EventSink, selection: Selection, *, bookmarks: bool) -> Watcher:
        """A watcher that collects events until it is told to ``begin``."""
        place, filter_ = self._place(selection)
        watcher = Watcher(self, sink, place, filter_, bookmarks=bookmarks)
        self._places.setdefault(place, {})[watcher] = None
        self._all[watcher] = None
        return watcher

    def remove(self, watcher: Watcher) -> None:
        del self._all[watcher]
        place = self._places[watcher.place]
        del place[watcher]
        if not place:
            del self._places[watcher.place]

    def _place(self, selection: Selection) -> tuple[Place, Filter | None]:
        namespace = selection.namespace.encode()
        if selection.name:
            key = self._cache.prefix + (namespace + b"/" if namespace else b"") + selection.name.encode()
            return ("key", key), selection.matches
        if selection.index is not None and selection.index[0] in self._fields:
            return ("field", selection.index), _within(selection.namespace, selection.residual)
        if namespace:
            return ("namespace", namespace), selection.matches
        return ("all", None), selection.matches

    def dispatch(self, events: Sequence[CacheEvent]) -> None:
        """Show a batch of changes to whom they concern; each watcher gets its part of the batch in one call."""
        if len(events) == 1:
            self._dispatch_one(events[0])
        else:
            self._dispatch_many(events)

    def _dispatch_one(self, event: CacheEvent) -> None:
        for members, was, now in self._concerned(event):
            seen = event.seen(was, now)
            batch = None if seen is None else (seen,)
            for watcher in tuple(members):
                if watcher.filter is not None:
                    filtered = event.filtered(watcher.filter, was, now)
                    if filtered is not None:
                        watcher.deliver((filtered,))
                elif batch is None:
                    break
                elif not watcher.live:
                    watcher.deliver(batch)
                else:  # what deliver does, without a call of its own: this is the hot path
                    try:
                        if watcher.take(batch):
                            continue
                    except Exception:
                        log.exception("a watch ended because its receiver failed")
                    watcher.close()

    def _dispatch_many(self, events: Sequence[CacheEvent]) -> None:
        touched: dict[Watcher, None] = {}
        for event in events:
            for members, was, now in self._concerned(event):
                plain = event.seen(was, now)
                for watcher in members:
                    filter_ = watcher.filter
                    seen = plain if filter_ is None else event.filtered(filter_, was, now)
                    if seen is not None:
                        watcher.pending.append(seen)
                        touched[watcher] = None
        for watcher in touched:
            batch, watcher.pending = watcher.pending, []
            watcher.deliver(batch)

    def _concerned(self, event: CacheEvent) -> list[tuple[dict[Watcher, None], bool, bool]]:
        """The places that an event is shown to, and whether the object was there before and is there now."""
        was, now = event.prev is not None, event.entry is not None
        places = self._places
        found = [
            (members, was, now)
            for place in (("all", None), ("namespace", event.namespace), ("key", event.key))
            if (members := places.get(place))
        ]
        for field, before, after in self._cache.indexed_values(event):
            if before is not None and (members := places.get(("field", (field, before)))):
                found.append((members, True, after == before))
            if after is not None and after != before and (members := places.get(("field", (field, after)))):
                found.append((members, False, True))
        return found

    def seen_by(self, watcher: Watcher, event: CacheEvent) -> StoredEvent | None:
        """What a watcher sees of a change of the past; None if nothing."""
        for members, was, now in self._concerned(event):
            if watcher in members:
                return event.filtered(watcher.filter, was, now) if watcher.filter else event.seen(was, now)
        return None

    def bookmark(self) -> None:
        """Deliver a bookmark to all who asked for bookmarks."""
        event = (self.make_bookmark(),)
        for watcher in tuple(self._all):
            if watcher.bookmarks and watcher.live:
                watcher.deliver(event)

    def close(self, error: ApiError | None = None) -> None:
        """End all watches."""
        for watcher in tuple(self._all):
            watcher.close(error)


def _within(namespace: str, filter_: Filter | None) -> Filter | None:
    """The filter, and for a namespace also its objects only."""
    if not namespace:
        return filter_
    if filter_ is None:
        return lambda obj: bool(obj.metadata.namespace == namespace)
    return lambda obj: obj.metadata.namespace == namespace and filter_(obj)
