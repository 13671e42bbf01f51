"""Clients that watch: by stream and by sink, prompt, slow and stalled, from now, the past, the future and the edge of compaction."""

import asyncio
from collections.abc import Callable

from kube.base.chance import Chance
from kube.simulation.history import Delivered, History, WatchRecord
from kube.simulation.trace import Trace
from kube.simulation.workload import KEYS, PREFIX
from kube.store.errors import StoreError
from kube.store.kv import ALL_KEYS_END, Store, WatchBatch, WatchFilter, WatchStream, prefix_end

_RANGES = (
    (PREFIX, prefix_end(PREFIX)),
    (PREFIX, prefix_end(PREFIX)),
    (KEYS[0], b""),
    (KEYS[1], KEYS[4]),
    (b"\0", ALL_KEYS_END),
)
_FILTERS = ((), (), (), (WatchFilter.NOPUT,), (WatchFilter.NODELETE,))


class WatchClient:
    """One watch after the other, each often resumed where the last one ended."""

    def __init__(
        self,
        number: int,
        store: Callable[[], Store | None],
        history: History,
        chance: Chance,
        *,
        trace: Trace,
        newest: Callable[[], int],
        compacted: Callable[[], int],
    ) -> None:
        """``newest``, ``compacted``: the newest revision that any member has, and that below which all is compacted."""
        self.number = number
        self.record: WatchRecord | None = None
        self.stopping = False
        self._store = store
        self._history = history
        self._chance = chance
        self._trace = trace
        self._newest = newest
        self._compacted = compacted
        self._stream: WatchStream | None = None

    async def run(self) -> None:
        """Until it is told to stop; the last watch stays open."""
        last: WatchRecord | None = None
        while not self.stopping:
            record = self._draw(last)
            try:
                await self._open(record)
            except StoreError as error:
                record.error = error
                self._trace.event("no watch", self.number, type(error).__name__)
                await asyncio.sleep(0.2)
                continue
            await self._follow(record)
            last = record
            if not self.stopping:
                await asyncio.sleep(0.3 * self._chance.random())

    # ---- one watch

    def _draw(self, last: WatchRecord | None) -> WatchRecord:
        chance = self._chance
        acknowledged = self._history.acknowledged
        if last is not None and last.responses and last.error is None and chance.random() < 0.6:
            record = WatchRecord(
                self.number,
                last.key,
                last.range_end,
                last.through + 1,
                last.filters,
                last.prev_kv,
                last.progress_notify,
                acknowledged,
                follows=last,
            )
        else:
            key, end = chance.choice(_RANGES)
            starts = (
                0,
                0,
                max(1, acknowledged - int(chance.random() * 20)),
                acknowledged + 1 + int(chance.random() * 8),
                max(1, self._compacted() - 1 + int(chance.random() * 3)),
            )
            record = WatchRecord(
                self.number,
                key,
                end,
                chance.choice(starts),
                chance.choice(_FILTERS),
                chance.random() < 0.7,
                chance.random() < 0.5,
                acknowledged,
            )
        return record

    async def _open(self, record: WatchRecord) -> None:
        while (store := self._store()) is None:  # noqa: ASYNC110  # a client knows no better than to try again
            await asyncio.sleep(0.1)
        pushed = self._chance.random() < 0.4
        self.record = record
        self._history.watches.append(record)

        def sink(batch: WatchBatch) -> None:
            self._took(record, batch)

        self._stream = None
        self._stream = await store.watch(
            record.key,
            record.range_end,
            record.start_revision,
            prev_kv=record.prev_kv,
            progress_notify=record.progress_notify,
            filters=record.filters,
            sink=sink if pushed else None,
        )
        record.opened = True
        record.latest = self._newest()
        self._trace.event("watching", self.number, record.key, record.start_revision, pushed)
        self._pushed = pushed

    def _took(self, record: WatchRecord, batch: WatchBatch) -> None:
        if batch.error is not None:
            record.error = batch.error
        else:
            record.responses.append(Delivered(self._history.next(), batch))
        self._trace.event("watched", self.number, batch.revision, len(batch.events))

    async def _follow(self, record: WatchRecord) -> None:
        """For a while; then the watch is cancelled, unless all is to stop."""
        chance = self._chance
        slow = chance.random() < 0.3
        rounds = 1 + int(chance.random() * 12)
        for _ in range(rounds):
            if record.error is not None or self.stopping:
                break
            if slow and chance.random() < 0.3:
                self._trace.fault("slow watcher", self.number)
                await asyncio.sleep(2 * chance.random())
            if chance.random() < 0.15 and self._stream is not None:
                self._stream.request_progress()
            await self._take(record, 1.5 * chance.random())
        if not self.stopping:
            self.cancel()

    async def _take(self, record: WatchRecord, seconds: float) -> None:
        """What comes within so many seconds."""
        assert self._stream is not None
        if self._pushed:
            await asyncio.sleep(seconds)
            return
        try:
            async with asyncio.timeout(seconds):
                batch = await self._stream.next()
        except TimeoutError:
            return
        except StoreError as error:
            record.error = error
            return
        self._took(record, batch)

    def cancel(self) -> None:
        if self.record is not None and self._stream is not None:
            self.record.cancelled = True
            self._stream.cancel()
            self._stream = None

    async def drain(self, revision: int) -> bool:
        """Once all is well: whether the open watch comes to ``revision`` within a few seconds."""
        record, stream = self.record, self._stream
        if record is None or stream is None or record.cancelled or record.start_revision > revision:
            return True
        for _ in range(20):
            if record.error is not None or record.through >= revision:
                return True
            stream.request_progress()
            await self._take(record, 0.5)
        return record.through >= revision
