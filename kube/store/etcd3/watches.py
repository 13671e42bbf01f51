"""Watches over etcd: the feed is read here, watches of the past catch up with it, and all ends when the store is closed.

The feed runs while somebody watches. There are two at most: one with previous values, for those who want them.
"""

import asyncio
from contextlib import aclosing
from typing import Any

from kube.base.clock import Clock
from kube.base.logging import get_logger
from kube.base.tasks import TaskOwner
from kube.store.errors import CompactedError, RequestTimeoutError, StoppedError, StoreError
from kube.store.etcd3.client import KV, Client
from kube.store.etcd3.convert import Converter, Message
from kube.store.etcd3.errors import UnexpectedError
from kube.store.etcd3.feed import Feed, FeedSubscription
from kube.store.etcd3.notes import Notes
from kube.store.etcd3.upstream import Following, follow
from kube.store.etcdpb import messages
from kube.store.kv import Event, WatchFilter, WatchSink, WatchStream
from kube.store.subscriptions import BufferedStream, SinkStream, Subscription

SWEEP = 0.5
"""Seconds between two looks at the quiet watches."""
PROGRESS_SWEEPS = 19
"""Quiet sweeps after which a watch with progress_notify gets a bookmark."""
PATIENCE = 0.02
"""Seconds without a change in scope after which a watch that is asked for progress, and behind, makes one happen."""
LONG_PATIENCE = 1.0
"""The same where every revision has a change in scope, so that one that does not come is most likely just late."""

log = get_logger(__name__)


class Watches:
    def __init__(self, client: Client, convert: Converter, notes: Notes, clock: Clock) -> None:
        self._client = client
        self._convert = convert
        self._notes = notes
        self._clock = clock
        self._tasks = TaskOwner("etcd3", on_error=self._failed)
        self._feeds: dict[bool, Feed] = {}
        self._opening: dict[bool, asyncio.Future[StoreError | None]] = {}
        """Feeds that etcd has not begun to serve; what is awaited is an error or None, and never raises."""
        self._readers: dict[bool, asyncio.Task[None]] = {}
        """Of the feeds that are open, and of those that are opening."""
        self._closed = False
        self._nudging = False
        self._sweeping = False
        client.on_replaced = self._replaced

    def __len__(self) -> int:
        return sum(len(feed) for feed in self._feeds.values())

    # ---- watches come and go

    async def watch(
        self,
        key: bytes,
        range_end: bytes,
        start_revision: int,
        *,
        prev_kv: bool,
        progress_notify: bool,
        filters: tuple[WatchFilter, ...],
        sink: WatchSink | None,
    ) -> WatchStream:
        """Returns when etcd serves the feed: what is written from then on is told, also when it is compacted at once.

        A watch of the past reads its history after that, and may still be overtaken by a compaction, as in etcd.
        Raises StoreError when etcd cannot be asked.
        """
        buffered = BufferedStream()
        subscription = FeedSubscription(
            key,
            range_end,
            start_revision,
            filters=filters,
            progress_notify=progress_notify,
            sink=buffered.push if sink is None else sink,
            ask_progress=self._ask_progress,
        )
        stream: BufferedStream | SinkStream = buffered
        if sink is None:
            buffered.open(subscription, self._remove)
        else:
            stream = SinkStream(subscription, self._remove)
        await self._begin(subscription, prev_kv=prev_kv)
        return stream

    async def _begin(self, subscription: FeedSubscription, *, prev_kv: bool) -> None:
        now = 0
        if prev_kv not in self._feeds or not subscription.next_revision:
            now = await self._client.current_revision()
        feed = await self._feed(now, prev_kv=prev_kv)
        subscription.next_revision = subscription.next_revision or max(now, feed.began) + 1
        if not feed.add(subscription):
            reading = self._catch_up(feed, subscription, prev_kv=prev_kv)
            subscription.catching_up = self._tasks.start(reading, name="history")

    async def _feed(self, now: int, *, prev_kv: bool) -> Feed:
        """The one that is open, or a new one that begins at ``now`` or later. Who gives up waiting leaves nothing but the feed, which
        the next sweep ends.
        """
        while True:
            if self._closed:
                raise StoppedError
            if (feed := self._feeds.get(prev_kv)) is not None:
                return feed
            if self._client.replaced is not None:
                raise self._client.replaced
            if not self._sweeping:
                self._sweeping = True
                self._tasks.start(self._sweep(), name="sweep")
            if (opening := self._opening.get(prev_kv)) is None:
                opening = self._opening[prev_kv] = asyncio.get_running_loop().create_future()
                self._readers[prev_kv] = self._tasks.start(self._run(now, prev_kv=prev_kv), name="feed")
            if (error := await asyncio.shield(opening)) is not None:
                raise error

    def _opened(self, error: StoreError | None, *, prev_kv: bool) -> None:
        """Whoever waits for the feed goes on: it is there, or could not be opened."""
        if error is not None:
            self._readers.pop(prev_kv, None)
        self._opening.pop(prev_kv).set_result(error)

    def _remove(self, subscription: Subscription) -> None:
        """Its owner has ended the watch."""
        subscription.end(None)
        if isinstance(subscription, FeedSubscription):
            if subscription.feed is not None:
                subscription.feed.remove(subscription)
            if subscription.catching_up is not None:
                subscription.catching_up.cancel()

    # ---- reading

    async def _run(self, now: int, *, prev_kv: bool) -> None:
        """Open a feed within the request timeout, and read it until it has a gap."""
        key, range_end = self._convert.scope
        following = Following(now + 1, is_live=True)
        async with aclosing(follow(self._client, key, range_end, following, prev_kv=prev_kv)) as batches:
            try:
                async with asyncio.timeout(self._client.config.request_timeout):
                    await anext(batches)
            except TimeoutError:
                error = self._client.judged(following.error or RequestTimeoutError())
                self._opened(error, prev_kv=prev_kv)
                return
            except StoreError as error:
                self._opened(error, prev_kv=prev_kv)
                return
            feed = self._feeds[prev_kv] = Feed(following.next_revision - 1)
            self._opened(None, prev_kv=prev_kv)
            try:
                async for batch in batches:
                    feed.receive(self._events(batch), batch[-1].kv.mod_revision)
            except StoreError as error:
                log.warning("the feed of etcd has ended", error=str(error))
                self._end(feed, error)

    async def _catch_up(self, feed: Feed, subscription: FeedSubscription, *, prev_kv: bool) -> None:
        """Read the history of the scope until the watch is where the feed is."""
        key, range_end = self._convert.scope
        following = Following(subscription.next_revision)
        upstream = follow(self._client, key, range_end, following, prev_kv=prev_kv)
        try:
            async with aclosing(upstream) as batches:
                async for batch in batches:
                    if feed.history(subscription, self._events(batch), batch[-1].kv.mod_revision):
                        return
        except CompactedError as error:
            feed.remove(subscription)
            subscription.finish(CompactedError(subscription.next_revision, error.compact_revision))
        except StoreError as error:
            feed.remove(subscription)
            subscription.finish(error)

    def _events(self, batch: list[Message]) -> list[Event]:
        find, convert, pulse = self._notes.find, self._convert, self._convert.pulse
        events: list[Event] = []
        for event in batch:
            kv, note = event.kv, None
            if convert.prefix and kv.key == pulse:
                continue
            if not event.type and self._notes:
                note = find(kv.key, kv.value, kv.mod_revision, created=kv.version == 1)
            events.append(convert.event(event, note))
        return events

    def _end(self, feed: Feed, error: StoreError) -> None:
        """Every watch of the feed is over with ``error``; the next one begins a new feed."""
        for flag, each in tuple(self._feeds.items()):
            if each is feed:
                del self._feeds[flag], self._readers[flag]
        feed.close(error)

    def _end_all(self, error: StoreError) -> None:
        for feed in tuple(self._feeds.values()):
            self._end(feed, error)
        for prev_kv in tuple(self._opening):
            self._opened(error, prev_kv=prev_kv)

    def _replaced(self, error: StoreError) -> None:
        """The revisions that the feeds wait for are those of a store that is no more."""
        for reader in self._readers.values():
            reader.cancel()
        for feed in self._feeds.values():
            for subscription in feed.subscriptions():
                if subscription.catching_up is not None:
                    subscription.catching_up.cancel()
        self._end_all(error)

    def _failed(self, task: "asyncio.Task[Any]", exception: BaseException) -> None:
        """What no part of this expects must not leave watches that wait for ever."""
        log.error("watches of etcd failed", task=task.get_name(), exc_info=exception)
        for reader in self._readers.values():
            reader.cancel()
        self._end_all(UnexpectedError("INTERNAL", str(exception)))

    # ---- progress

    def _ask_progress(self, subscription: FeedSubscription) -> None:
        if subscription.feed is None or self._closed:
            return
        subscription.feed.progress(subscription, self._client.revision)
        if subscription.wanted and not self._nudging:
            self._nudging = True
            self._tasks.start(self._nudge(), name="progress")

    async def _nudge(self) -> None:
        """While somebody waits for progress and nothing comes: write, so that something does.

        Needed where the newest revision is outside the scope, or was compacted before a watch of the past could read it.
        """
        everywhere = not self._convert.prefix
        try:
            while waiting := [sub for feed in self._feeds.values() for sub in feed.waiting()]:
                before = [(sub, sub.next_revision, self._position(sub)) for sub in waiting]
                await self._clock.sleep(LONG_PATIENCE if everywhere else PATIENCE)
                if any(
                    sub.wanted and (then, at) == (sub.next_revision, self._position(sub))
                    for sub, then, at in before
                    if not (everywhere and sub.joined)
                ):
                    await self._pulse()
        finally:
            self._nudging = False

    def _position(self, subscription: FeedSubscription) -> int:
        return 0 if subscription.feed is None else subscription.feed.position

    async def _pulse(self) -> None:
        try:
            put = messages.PutRequest(key=self._convert.pulse)
            await self._client.call(KV + "Put", put, is_write=True)
            if not self._convert.prefix:
                delete = messages.DeleteRangeRequest(key=self._convert.pulse)
                await self._client.call(KV + "DeleteRange", delete, is_write=True)
        except StoreError as error:
            log.info("progress of watches waits for etcd", error=str(error))

    async def _sweep(self) -> None:
        """Bookmarks for those that wanted them and had nothing for long; a feed that nobody reads ends."""
        while True:
            await self._clock.sleep(SWEEP)
            for flag, feed in tuple(self._feeds.items()):
                feed.sweep()
                if not feed:
                    del self._feeds[flag]
                    self._readers.pop(flag).cancel()
                for subscription in feed.subscriptions():
                    subscription.quiet_sweeps += 1
                    if subscription.progress_notify and subscription.quiet_sweeps >= PROGRESS_SWEEPS:
                        feed.progress(subscription, feed.position)
            if not self._feeds:
                self._notes.forget()

    async def aclose(self) -> None:
        self._closed = True
        await self._tasks.aclose()
        self._end_all(StoppedError())
