"""Watches on a key space: history first, then every change as it is applied, in batches (etcd's ``watchableStore``).

Watches of one range share one group, so that a change is matched and its event made once for all of them.
"""

from collections.abc import Mapping

from kube.store.errors import CompactedError
from kube.store.kv import ALL_KEYS_END, Event, EventType, KeyValue, WatchBatch, WatchFilter, WatchSink
from kube.store.mvcc.kvstore import KVStore
from kube.store.mvcc.watch_index import WatchIndex

_UNWANTED = {WatchFilter.NOPUT: EventType.PUT, WatchFilter.NODELETE: EventType.DELETE}


class _Group:
    """Watches that want the same events from now on, or from ``floor`` on when that is still to come."""

    __slots__ = ("floor", "key", "pending", "range_end", "unwanted", "watches")

    def __init__(self, key: bytes, range_end: bytes, unwanted: tuple[EventType, ...], floor: int) -> None:
        self.key = key
        self.range_end = range_end
        self.unwanted = unwanted
        self.floor = floor
        self.watches: dict[Watch, None] = {}
        self.pending: list[Event] = []


class Watch:
    """One watch. ``next_revision``: everything below it was delivered. ``active`` until it is cancelled or failed."""

    __slots__ = ("active", "group", "key", "next_revision", "range_end", "sink", "unwanted")

    def __init__(
        self,
        key: bytes,
        range_end: bytes,
        next_revision: int,
        unwanted: tuple[EventType, ...],
        sink: WatchSink,
    ) -> None:
        self.key = key
        self.range_end = range_end
        self.next_revision = next_revision
        self.unwanted = unwanted
        self.sink = sink
        self.active = True
        self.group: _Group | None = None
        """None while it still reads history."""


class WatchableStore:
    """The watches of one replica. ``failures`` gathers what sinks raised, for the shell to log."""

    def __init__(self, kv: KVStore) -> None:
        self.kv = kv
        self.failures: list[tuple[Watch, Exception]] = []
        self._groups: dict[tuple[bytes, bytes, tuple[EventType, ...], int], _Group] = {}
        self._index: WatchIndex[_Group] = WatchIndex()
        self.touched: dict[_Group, None] = {}
        """Groups for which something was collected since the last flush."""

    # ---- watches come and go

    def watch(
        self,
        key: bytes,
        range_end: bytes,
        start_revision: int,
        filters: tuple[WatchFilter, ...],
        sink: WatchSink,
    ) -> Watch:
        """Nothing is delivered before ``catch_up`` is called, again and again until it says that it is done."""
        unwanted = tuple(_UNWANTED[each] for each in sorted(set(filters)))
        return Watch(key, range_end, start_revision or self.kv.revision + 1, unwanted, sink)

    def catch_up(self, watch: Watch, limit: int) -> bool:
        """Deliver history, at most ``limit`` changes (more only to end a revision). True when more is left.

        A start that is compacted ends the watch with CompactedError.
        """
        if not watch.active or watch.group is not None:
            return False
        self.flush()  # what its group waits to deliver is history to this watch
        kv = self.kv
        if watch.next_revision < kv.compact_revision:
            error = CompactedError(watch.next_revision, kv.compact_revision)
            watch.active = False
            self._deliver(watch, WatchBatch((), watch.next_revision - 1, error))
            return False
        if watch.next_revision > kv.revision:
            self._join(watch)
            return False
        events, through = self._read_history(watch, limit)
        watch.next_revision = through + 1
        if events:
            self._deliver(watch, WatchBatch(tuple(events), through))
        if through < kv.revision:
            return True
        self._join(watch)
        return False

    def _read_history(self, watch: Watch, limit: int) -> tuple[list[Event], int]:
        """Events of the watch, and the revision through which they are complete."""
        kv = self.kv
        key, end, unwanted = watch.key, watch.range_end, watch.unwanted
        events: list[Event] = []
        revision = watch.next_revision
        for seen, change in enumerate(kv.changes_from(watch.next_revision)):
            if change.mod_revision != revision:
                if seen >= limit:
                    return events, revision
                revision = change.mod_revision
            if not (
                change.key == key or (end and key <= change.key and (end == ALL_KEYS_END or change.key < end))
            ):
                continue
            kind = EventType.PUT if change.version else EventType.DELETE
            if kind not in unwanted:
                events.append(Event(kind, change, kv.get_before(change)))
        return events, kv.revision

    def cancel(self, watch: Watch) -> None:
        """Nothing is delivered after this, and the sink hears nothing of it."""
        watch.active = False
        group, watch.group = watch.group, None
        if group is None:
            return
        del group.watches[watch]
        if not group.watches:
            self._index.remove(group.key, group.range_end, group)
            self.touched.pop(group, None)
            del self._groups[group.key, group.range_end, group.unwanted, group.floor]
            if not self._index:
                self.kv.journal = None

    def progress(self, watch: Watch) -> None:
        """Deliver the revision up to which the watch is complete, with what is pending before it."""
        if not watch.active:
            return
        if watch.group is None:
            self._deliver(watch, WatchBatch((), watch.next_revision - 1))
            return
        if watch.group.pending:
            self._flush_group(watch.group)
        if watch.active:
            self._deliver(watch, WatchBatch((), max(self.kv.revision, watch.next_revision - 1)))

    def _join(self, watch: Watch) -> None:
        kv = self.kv
        floor = watch.next_revision if watch.next_revision > kv.revision + 1 else 0
        name = (watch.key, watch.range_end, watch.unwanted, floor)
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = _Group(*name)
            self._index.add(watch.key, watch.range_end, group)
        group.watches[watch] = None
        watch.group = group
        if kv.journal is None:
            kv.journal = []

    # ---- dispatch

    def collect(self, notes: Mapping[bytes, object] | None = None) -> None:
        """After each applied request: turn its changes into events of the groups that want them.

        ``notes`` by key: what the writer left for watches of this process.
        """
        journal = self.kv.journal
        if not journal:
            return
        for change, prev in journal:
            groups = self._index.matching(change.key)
            if groups:
                self._file(change, prev, groups, notes)
        journal.clear()

    def _file(
        self,
        change: KeyValue,
        prev: KeyValue | None,
        groups: list[_Group],
        notes: Mapping[bytes, object] | None,
    ) -> None:
        kind = EventType.PUT if change.version else EventType.DELETE
        note = notes.get(change.key) if notes is not None else None
        event = Event(kind, change, prev, note)
        for group in groups:
            if kind not in group.unwanted and change.mod_revision >= group.floor:
                group.pending.append(event)
                self.touched[group] = None

    def flush(self) -> None:
        """After each batch of applied requests: deliver what was collected, one batch per watch."""
        while self.touched:
            touched, self.touched = self.touched, {}
            for group in touched:
                if group.pending:
                    self._flush_group(group)

    def _flush_group(self, group: _Group) -> None:
        events, group.pending = group.pending, []
        revision = self.kv.revision
        batch = WatchBatch(tuple(events), revision)
        for watch in tuple(group.watches):
            if watch.active:
                watch.next_revision = revision + 1
                self._deliver(watch, batch)

    def _deliver(self, watch: Watch, batch: WatchBatch) -> None:
        try:
            watch.sink(batch)
        except Exception as error:  # noqa: BLE001  # one watch's fault ends that watch, not the store's work
            self.failures.append((watch, error))
            self.cancel(watch)
