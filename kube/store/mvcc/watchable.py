"""Watches on a key space: history first, then every change as it is applied, in batches (etcd's ``watchableStore``).

Watches of one range share one group, so that a change is matched and its event made once for all of them. A crowd of patient
watches is served a portion at a time after the writers have their answers, so that it does not delay them.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from operator import attrgetter

from kube.store.errors import CompactedError
from kube.store.kv import ALL_KEYS_END, Event, EventType, KeyValue, WatchBatch, WatchFilter, WatchSink
from kube.store.mvcc.kvstore import KVStore
from kube.store.mvcc.watch_index import WatchIndex

CROWD = 64
"""Patient watches of one group that are still served at once."""
FEW = 64
"""Changes that a watch looks through sooner than an index of watches is made."""

_mod_revision: Callable[[KeyValue], int] = attrgetter("mod_revision")


class _Group:
    """Watches that want the same events from now on, or from ``floor`` on when that is still to come.

    ``batch`` is what a crowd is being served, and ``unserved`` who has not had it; ``pending`` comes after it.
    """

    __slots__ = (
        "batch",
        "floor",
        "key",
        "patient",
        "pending",
        "range_end",
        "unserved",
        "unwanted",
        "watches",
    )

    def __init__(
        self, key: bytes, range_end: bytes, unwanted: tuple[EventType, ...], floor: int, patient: bool
    ) -> None:
        self.key = key
        self.range_end = range_end
        self.unwanted = unwanted
        self.floor = floor
        self.patient = patient
        self.watches: dict[Watch, None] = {}
        self.pending: list[Event] = []
        self.batch: WatchBatch | None = None
        self.unserved: list[Watch] = []

    @property
    def name(self) -> "_GroupName":
        return self.key, self.range_end, self.unwanted, self.floor, self.patient


_GroupName = tuple[bytes, bytes, tuple[EventType, ...], int, bool]


class Watch:
    """One watch. ``next_revision``: everything below it was delivered. ``active`` until it is cancelled or failed."""

    __slots__ = ("active", "group", "key", "next_revision", "patient", "range_end", "sink", "unwanted")

    def __init__(
        self,
        key: bytes,
        range_end: bytes,
        next_revision: int,
        unwanted: tuple[EventType, ...],
        sink: WatchSink,
        *,
        patient: bool,
    ) -> None:
        self.key = key
        self.range_end = range_end
        self.next_revision = next_revision
        self.unwanted = unwanted
        self.sink = sink
        self.patient = patient
        self.active = True
        self.group: _Group | None = None
        """None while it still reads history."""


_Lack = tuple[bytes, bytes, int]
"""Key, range end, and the revision from which on the changes in that range are lacking."""


class WatchableStore:
    """The watches of one replica. ``failures`` gathers what sinks raised, for the shell to log."""

    def __init__(self, kv: KVStore) -> None:
        self.kv = kv
        self.failures: list[tuple[Watch, Exception]] = []
        self.touched: dict[_Group, None] = {}
        """Groups for which something was collected since the last flush."""
        self.crowds: dict[_Group, None] = {}
        """Groups that ``pump`` is to serve."""
        self._through = kv.revision
        """Every change up to this revision was collected, since there was a watch that could want it."""
        self._groups: dict[_GroupName, _Group] = {}
        self._index: WatchIndex[_Group] = WatchIndex()

    # ---- watches come and go

    def watch(
        self,
        key: bytes,
        range_end: bytes,
        start_revision: int,
        filters: tuple[WatchFilter, ...],
        sink: WatchSink,
        *,
        patient: bool = False,
    ) -> Watch:
        """Nothing is delivered before ``catch_up`` is called, again and again until it says that it is done.

        ``patient``: a batch may come a little after it was applied, when many want it.
        """
        unwanted = tuple(each.unwanted for each in sorted(set(filters)))
        return Watch(key, range_end, start_revision or self.kv.revision + 1, unwanted, sink, patient=patient)

    def catch_up(self, watch: Watch, limit: int) -> bool:
        """Deliver history, at most ``limit`` changes (more only to end a revision). True when more is left.

        A start that is compacted ends the watch with CompactedError.
        """
        if not self._is_behind(watch):
            return False
        events, through = self._read_history(watch, self.kv.changes_from(watch.next_revision), limit)
        return self._give_history(watch, tuple(events), through)

    def catch_up_all(self, watches: Iterable[Watch]) -> None:
        """All of ``catch_up`` for each, with the history read once for all of them."""
        lacking: dict[_Lack, list[Watch]] = {}
        for watch in watches:
            if self._is_behind(watch):
                lacking.setdefault((watch.key, watch.range_end, watch.next_revision), []).append(watch)
        if lacking:
            changes = self._changes_of(lacking)
            for lack, alike in lacking.items():
                self._give_all(alike, changes[lack])

    def _changes_of(self, lacking: Iterable[_Lack]) -> dict[_Lack, list[KeyValue]]:
        """The changes that each needs, with a few others where there are few."""
        every = list(self.kv.changes_from(min([first for _, _, first in lacking])))
        if len(every) <= FEW:
            return {lack: every[bisect_left(every, lack[2], key=_mod_revision) :] for lack in lacking}
        found: dict[_Lack, list[KeyValue]] = {lack: [] for lack in lacking}
        index: WatchIndex[_Lack] = WatchIndex()
        for lack in found:
            index.add(lack[0], lack[1], lack)
        for change in every:
            for lack in index.matching(change.key):
                if change.mod_revision >= lack[2]:
                    found[lack].append(change)
        return found

    def _give_all(self, alike: list[Watch], changes: list[KeyValue]) -> None:
        known: dict[tuple[EventType, ...], tuple[Event, ...]] = {}
        for watch in alike:
            if watch.unwanted not in known:
                events, _ = self._read_history(watch, changes, len(changes))
                known[watch.unwanted] = tuple(events)
            if watch.active:  # what another one was told may have ended it
                self._give_history(watch, known[watch.unwanted], self.kv.revision)

    def _is_behind(self, watch: Watch) -> bool:
        """False for one that is over, or has joined the others, if need be by this call."""
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
        return True

    def _give_history(self, watch: Watch, events: tuple[Event, ...], through: int) -> bool:
        """True when more is left."""
        watch.next_revision = through + 1
        if events:
            self._deliver(watch, WatchBatch(events, through))
        if not watch.active:
            return False
        if through < self.kv.revision:
            return True
        self._join(watch)
        return False

    def _read_history(self, watch: Watch, changes: Iterable[KeyValue], limit: int) -> tuple[list[Event], int]:
        """Events of the watch among ``changes`` from its next revision on, and the revision through which they are complete."""
        kv = self.kv
        key, end, unwanted = watch.key, watch.range_end, watch.unwanted
        events: list[Event] = []
        revision = watch.next_revision
        for seen, change in enumerate(changes):
            if change.mod_revision != revision:
                if seen >= limit:
                    return events, revision
                revision = change.mod_revision
            if end:
                in_range = key <= change.key and (end == ALL_KEYS_END or change.key < end)
            else:
                in_range = change.key == key
            if not in_range:
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
            self.crowds.pop(group, None)
            del self._groups[group.name]
            if not self._index:
                self.kv.journal = None

    def progress(self, watch: Watch) -> None:
        """Deliver the revision up to which the watch is complete, with what is pending before it."""
        if not watch.active:
            return
        group = watch.group
        if group is None:
            self._deliver(watch, WatchBatch((), watch.next_revision - 1))
            return
        if group.batch is not None:
            self._serve(watch, group.batch)
        if group.pending:
            self._serve(watch, WatchBatch(tuple(group.pending), self.kv.revision))
        if watch.active:
            self._deliver(watch, WatchBatch((), max(self.kv.revision, watch.next_revision - 1)))

    def _join(self, watch: Watch) -> None:
        kv = self.kv
        floor = watch.next_revision if watch.next_revision > kv.revision + 1 else 0
        name = (watch.key, watch.range_end, watch.unwanted, floor, watch.patient)
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = _Group(*name)
            self._index.add(watch.key, watch.range_end, group)
        group.watches[watch] = None
        watch.group = group
        if kv.journal is None:
            kv.journal = []
            self._through = kv.revision

    def resume_revision(self, watch: Watch) -> int:
        """From where on the watch lacks anything. However long nothing has happened in its range, that goes on with the store."""
        group, first = watch.group, watch.next_revision
        if group is None:
            return first
        waiting = chain(() if group.batch is None else group.batch.events, group.pending)
        lacking = next((event.kv.mod_revision for event in waiting if event.kv.mod_revision >= first), None)
        complete = self._through + 1
        return max(first, complete if lacking is None else min(lacking, complete))

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
        self._through = self.kv.revision

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
        """After each batch of applied requests: deliver what was collected, one batch per watch.

        Crowds are left to ``pump``.
        """
        while self.touched:
            touched, self.touched = self.touched, {}
            for group in touched:
                if group.patient and (len(group.watches) > CROWD or group.batch is not None):
                    self.crowds[group] = None
                elif not group.pending:
                    continue
                elif len(group.watches) == 1 and group.batch is None:
                    events, group.pending = group.pending, []
                    (watch,) = group.watches
                    self._serve(watch, WatchBatch(tuple(events), self.kv.revision))
                else:
                    self._open_round(group)
                    self._serve_round(group, len(group.unserved))

    def pump(self, limit: int) -> bool:
        """Serve at most ``limit`` watches of the crowds. True when there are more."""
        while self.crowds and limit > 0:
            group = next(iter(self.crowds))
            if group.batch is None:
                if not group.pending:
                    del self.crowds[group]
                    continue
                self._open_round(group)
            limit -= self._serve_round(group, limit)
            if group.batch is None and group in self.crowds:
                del self.crowds[group]
                if group.pending:
                    self.crowds[group] = None
        return bool(self.crowds)

    def _open_round(self, group: _Group) -> None:
        events, group.pending = group.pending, []
        group.batch = WatchBatch(tuple(events), self.kv.revision)
        group.unserved = list(reversed(group.watches))

    def _serve_round(self, group: _Group, limit: int) -> int:
        """How many were served."""
        batch, unserved = group.batch, group.unserved
        assert batch is not None
        served = min(limit, len(unserved))
        for _ in range(served):
            watch = unserved.pop()
            if watch.active and watch.group is group:
                self._serve(watch, batch)
        if not unserved:
            group.batch = None
        return served

    def _serve(self, watch: Watch, batch: WatchBatch) -> None:
        """Deliver what of a batch the watch has not had: it may have joined since, or asked for progress."""
        first = watch.next_revision
        if batch.events[0].kv.mod_revision < first:
            events = tuple([event for event in batch.events if event.kv.mod_revision >= first])
            if not events:
                return
            batch = WatchBatch(events, batch.revision)
        watch.next_revision = batch.revision + 1
        self._deliver(watch, batch)

    def _deliver(self, watch: Watch, batch: WatchBatch) -> None:
        try:
            watch.sink(batch)
        except Exception as error:  # noqa: BLE001  # one watch's fault ends that watch, not the store's work
            self.failures.append((watch, error))
            self.cancel(watch)
