"""Watches are ordered, unique, reliable, atomic, resumable and bookmarkable, whatever happens around them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.store.errors import CompactedError
from kube.store.kv import ALL_KEYS_END, Event, EventType, KeyValue, WatchBatch, WatchFilter
from kube.store.mvcc import watchable
from kube.store.mvcc.kvstore import KVStore
from kube.store.mvcc.watchable import WatchableStore

KEYS = [b"a", b"a/1", b"a/2", b"b"]
RANGES = [(b"a", b""), (b"a/", b"a0"), (b"\0", ALL_KEYS_END), (b"a/1", b"b")]
FILTERS: list[tuple[WatchFilter, ...]] = [(), (), (), (WatchFilter.NOPUT,), (WatchFilter.NODELETE,)]


@dataclass
class Recorder:
    batches: list[WatchBatch] = field(default_factory=list)

    def __call__(self, batch: WatchBatch) -> None:
        self.batches.append(batch)

    @property
    def events(self) -> list[Event]:
        return [event for batch in self.batches for event in batch.events]


class World:
    """A store, its watches, and the events that ever happened, as (revision, event)."""

    def __init__(self) -> None:
        self.kv = KVStore()
        self.store = WatchableStore(self.kv)
        self.events: list[Event] = []

    def write(self, writes: list[tuple[bytes, bytes | None]], *, flush: bool = True) -> None:
        revision = self.kv.revision + 1
        for key, value in writes:
            old = self.kv.live.get(key)
            if value is None and old is None:
                continue
            self.kv.revision = revision
            if value is None:
                self.kv.delete(key)
                kind, kv = EventType.DELETE, self.kv.dead[key]
            else:
                self.kv.put(key, value, 0)
                kind, kv = EventType.PUT, self.kv.live[key]
            self.events.append(Event(kind, kv, old))
        self.store.collect({key: (key, value) for key, value in writes})
        if flush:
            self.store.flush()

    def expected(
        self, key: bytes, end: bytes, start: int, filters: tuple[WatchFilter, ...], through: int
    ) -> list[tuple[EventType, bytes, int, bytes]]:
        unwanted = {WatchFilter.NOPUT: EventType.PUT, WatchFilter.NODELETE: EventType.DELETE}
        return [
            (event.type, event.kv.key, event.kv.mod_revision, event.kv.value)
            for event in self.events
            if start <= event.kv.mod_revision <= through
            and event.type not in [unwanted[each] for each in filters]
            and (
                event.kv.key == key
                if not end
                else key <= event.kv.key and (end == b"\0" or event.kv.key < end)
            )
        ]


def seen(recorder: Recorder) -> list[tuple[EventType, bytes, int, bytes]]:
    return [(event.type, event.kv.key, event.kv.mod_revision, event.kv.value) for event in recorder.events]


def check_batches(recorder: Recorder, start: int) -> None:
    """Revisions never go back, no revision is split over batches, and each batch is complete up to its revision."""
    through = start - 1
    for batch in recorder.batches:
        assert batch.revision >= through
        for event in batch.events:
            assert through < event.kv.mod_revision <= batch.revision
        through = batch.revision


WRITES = st.lists(
    st.tuples(st.sampled_from(KEYS), st.one_of(st.none(), st.binary(max_size=1))),
    min_size=1,
    max_size=3,
    unique_by=lambda write: write[0],
)
STEPS = st.one_of(
    st.tuples(st.just("write"), WRITES, st.booleans()),
    st.tuples(st.just("write"), WRITES, st.booleans()),
    st.tuples(
        st.just("watch"),
        st.sampled_from(RANGES),
        st.tuples(st.integers(-4, 3), st.sampled_from(FILTERS), st.booleans()),
    ),
    st.tuples(st.just("pump"), st.integers(1, 3), st.none()),
    st.tuples(st.just("catch up"), st.integers(0, 10), st.integers(1, 3)),
    st.tuples(st.just("catch up all"), st.sampled_from([0, watchable.FEW]), st.none()),
    st.tuples(st.just("cancel"), st.integers(0, 10), st.none()),
    st.tuples(st.just("progress"), st.integers(0, 10), st.none()),
    st.tuples(st.just("compact"), st.none(), st.none()),
)


@given(st.lists(STEPS, max_size=40))
@settings(max_examples=400, deadline=None)
def test_every_watch_sees_its_events_once_and_in_order(steps: list) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watchable, "CROWD", 1)
        check_history(steps, patch)


def check_history(steps: list, patch: pytest.MonkeyPatch) -> None:
    world = World()
    watches = []
    for kind, first, second in steps:
        if kind == "write":
            world.write(first, flush=second)
        elif kind == "watch":
            offset, filters, patient = second
            start = max(world.kv.revision + offset, world.kv.compact_revision, 1)
            recorder = Recorder()
            watch = world.store.watch(*first, start, filters, recorder, patient=patient)
            watches.append([watch, recorder, first, start, filters, None])
        elif kind == "pump":
            world.store.pump(first)
        elif kind == "catch up all":
            patch.setattr(watchable, "FEW", first)
            world.store.catch_up_all([watch for watch, *_ in watches])
        elif kind == "compact":
            # no further than every watch has come: what happens else is a case of its own, below
            behind = [watch.next_revision for watch, *_, cancelled in watches if cancelled is None]
            revision = min([world.kv.revision, *behind])
            if revision > world.kv.compact_revision:
                world.kv.compact(revision)
                world.kv.prune(3)
        elif first < len(watches):
            watch = watches[first][0]
            if kind == "catch up":
                world.store.catch_up(watch, second)
            elif kind == "progress":
                world.store.progress(watch)
            else:
                world.store.cancel(watch)
                watches[first][5] = len(watches[first][1].batches)
    world.store.flush()
    while world.store.pump(3):
        pass
    for watch, recorder, (key, end), start, filters, cancelled in watches:
        check_batches(recorder, start)
        if cancelled is None:
            while world.store.catch_up(watch, 2):
                pass
            through = world.kv.revision
        else:
            assert len(recorder.batches) == cancelled
            through = recorder.batches[-1].revision if recorder.batches else 0
        assert seen(recorder) == world.expected(key, end, start, filters, through)
    assert not world.store.failures


def test_previous_values_are_right_live_and_from_history() -> None:
    world = World()
    live, late = Recorder(), Recorder()
    world.store.catch_up(world.store.watch(b"a", b"", 1, (), live), 10)
    for value in (b"1", b"2", None, b"3"):
        world.write([(b"a", value)])
    world.store.catch_up(world.store.watch(b"a", b"", 1, (), late), 100)
    wanted = [(None, True), (b"1", False), (b"2", False), (None, True)]
    for recorder in (live, late):
        assert [
            (event.prev_kv and event.prev_kv.value, event.is_create) for event in recorder.events
        ] == wanted


def test_notes_come_with_live_events_only() -> None:
    world = World()
    live, late = Recorder(), Recorder()
    world.store.catch_up(world.store.watch(b"a", b"", 0, (), live), 10)
    world.write([(b"a", b"1")])
    world.store.catch_up(world.store.watch(b"a", b"", 1, (), late), 10)
    assert [event.note for event in live.events] == [(b"a", b"1")]
    assert [event.note for event in late.events] == [None]


def test_nothing_of_a_note_stays_behind() -> None:
    world = World()
    world.write([(b"a", b"1")])
    recorder = Recorder()
    world.store.catch_up(world.store.watch(b"a", b"", 0, (), recorder), 10)
    world.write([(b"a", b"2")])
    recorder.batches.clear()
    world.store.catch_up(world.store.watch(b"a", b"", 1, (), recorder), 10)
    assert [event.note for event in recorder.events] == [None, None]


def test_requests_applied_together_come_as_one_batch() -> None:
    world = World()
    recorder = Recorder()
    world.store.catch_up(world.store.watch(b"a", b"b", 0, (), recorder), 10)
    for number in range(5):
        world.write([(b"a", b"%d" % number), (b"a/1", b"x")], flush=False)
    world.store.flush()
    assert [len(batch.events) for batch in recorder.batches] == [10]


def test_watches_of_one_range_share_their_events() -> None:
    world = World()
    recorders = [Recorder() for _ in range(3)]
    for recorder in recorders:
        world.store.catch_up(world.store.watch(b"a", b"", 0, (), recorder), 10)
    world.write([(b"a", b"1")])
    first, *others = [recorder.batches[0] for recorder in recorders]
    assert all(other is first for other in others)


def test_a_start_that_is_compacted_ends_the_watch_with_where_to_go_on() -> None:
    world = World()
    for value in (b"1", b"2", b"3"):
        world.write([(b"a", value)])
    recorder = Recorder()
    watch = world.store.watch(b"a", b"", 2, (), recorder)
    world.kv.compact(4)
    assert not world.store.catch_up(watch, 10)
    (batch,) = recorder.batches
    assert isinstance(batch.error, CompactedError)
    assert batch.error.compact_revision == 4
    assert not watch.active
    world.write([(b"a", b"4")])
    assert len(recorder.batches) == 1


def test_the_compacted_revision_itself_can_be_watched_from() -> None:
    world = World()
    for value in (b"1", b"2", None):
        world.write([(b"a", value)])
    world.kv.compact(4)
    while world.kv.prune(1):
        pass
    recorder = Recorder()
    world.store.catch_up(world.store.watch(b"a", b"", 4, (), recorder), 10)
    assert [(event.type, event.kv.mod_revision) for event in recorder.events] == [(EventType.DELETE, 4)]


def test_a_start_in_the_future_waits_for_it() -> None:
    world = World()
    recorder = Recorder()
    world.store.catch_up(world.store.watch(b"a", b"", 4, (), recorder), 10)
    for value in (b"1", b"2", b"3", b"4"):
        world.write([(b"a", value)])
    assert [event.kv.mod_revision for event in recorder.events] == [4, 5]


def test_a_sink_that_raises_loses_its_watch_and_disturbs_nobody() -> None:
    world = World()

    def broken(_: WatchBatch) -> None:
        raise RuntimeError("a bug of the watcher")

    before, after = Recorder(), Recorder()
    for sink in (before, broken, after):
        world.store.catch_up(world.store.watch(b"a", b"", 0, (), sink), 10)
    world.write([(b"a", b"1")])
    world.write([(b"a", b"2")])
    assert [len(before.events), len(after.events)] == [2, 2]
    ((_, error),) = world.store.failures
    assert str(error) == "a bug of the watcher"


@pytest.mark.parametrize("together", [True, False])
def test_a_sink_that_raises_at_the_history_loses_its_watch_for_good(together: bool) -> None:
    world = World()
    world.write([(b"a", b"1")])

    def fails(_: WatchBatch) -> None:
        raise RuntimeError("a bug")

    watch = world.store.watch(b"a", b"", 2, (), fails)
    if together:
        world.store.catch_up_all([watch])
    else:
        assert not world.store.catch_up(watch, 10)
    assert len(world.store.failures) == 1
    world.write([(b"a", b"2")])
    assert len(world.store.failures) == 1
    assert world.kv.journal is None, "nobody watches"


def test_who_caught_up_together_may_be_ended_by_what_another_was_told() -> None:
    world = World()
    world.write([(b"a", b"1")])
    told: list[int] = []
    watches: list[watchable.Watch] = []

    def ends_the_others(number: int) -> None:
        told.append(number)
        for watch in watches:
            world.store.cancel(watch)

    for number in range(3):
        sink = lambda _, number=number: ends_the_others(number)  # noqa: E731  # one for each
        watches.append(world.store.watch(b"a", b"", 2, (), sink))
    world.store.catch_up_all(watches)
    assert told == [0]
    assert world.kv.journal is None, "nobody watches"


def test_watches_that_fall_far_behind_read_the_history_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    recorders = {key: Recorder() for key in (b"a", b"b", b"c")}
    watches = [world.store.watch(key, b"", 2, (), each) for key, each in recorders.items() for _ in range(50)]
    for number in range(2 * watchable.FEW):
        world.write([(b"a" if number % 2 else b"b", b"%d" % number)])
    looked = 0
    changes_from = world.kv.changes_from

    def counted(start: int) -> Iterator[KeyValue]:
        nonlocal looked
        for change in changes_from(start):
            looked += 1
            yield change

    monkeypatch.setattr(KVStore, "changes_from", lambda _, start: counted(start))
    world.store.catch_up_all(watches)
    assert looked == 2 * watchable.FEW
    assert [len(each.batches) for each in recorders.values()] == [50, 50, 0]
    first, *others = recorders[b"a"].batches
    assert len(first.events) == watchable.FEW
    assert all(each.events is first.events for each in others)


def test_a_sink_may_cancel_any_watch_from_within() -> None:
    world = World()
    second = Recorder()
    watches = []

    def cancels(_: WatchBatch) -> None:
        for watch in watches:
            world.store.cancel(watch)

    for sink in (cancels, second):
        watches.append(world.store.watch(b"a", b"", 0, (), sink))
        world.store.catch_up(watches[-1], 10)
    world.write([(b"a", b"1")])
    assert second.batches == []
    assert world.kv.journal is None


@pytest.mark.parametrize("synced", [True, False], ids=["live", "reading history"])
def test_progress_says_no_more_than_what_was_delivered(synced: bool) -> None:
    world = World()
    for number in range(6):
        world.write([(b"a", b"%d" % number)])
    recorder = Recorder()
    watch = world.store.watch(b"a", b"", 2, (), recorder)
    world.store.catch_up(watch, 100 if synced else 2)
    world.store.progress(watch)
    last = recorder.batches[-1]
    assert last.events == ()
    assert last.revision == (7 if synced else recorder.events[-1].kv.mod_revision)


def test_a_key_that_nobody_watches_makes_no_event() -> None:
    world = World()
    recorder = Recorder()
    world.store.catch_up(world.store.watch(b"a", b"", 0, (), recorder), 10)
    world.write([(b"b", b"1")])
    assert recorder.batches == []
    world.store.progress(next(iter(next(iter(world.store._groups.values())).watches)))
    assert recorder.batches == [WatchBatch((), 2)]


def test_who_joins_a_group_gets_nothing_twice_that_the_group_still_waits_for() -> None:
    world = World()
    first, second = Recorder(), Recorder()
    world.store.catch_up(world.store.watch(b"a", b"", 0, (), first), 10)
    world.write([(b"a", b"1")], flush=False)
    world.store.catch_up(world.store.watch(b"a", b"", 1, (), second), 10)
    world.store.flush()
    assert [len(first.events), len(second.events)] == [1, 1]


def crowd(world: World, size: int) -> list[Recorder]:
    recorders = [Recorder() for _ in range(size)]
    for recorder in recorders:
        world.store.catch_up(world.store.watch(b"a", b"", 0, (), recorder, patient=True), 10)
    return recorders


def test_a_crowd_is_served_in_portions_and_the_impatient_at_once() -> None:
    world = World()
    recorders = crowd(world, 200)
    at_once = Recorder()
    world.store.catch_up(world.store.watch(b"a", b"", 0, (), at_once), 10)
    world.write([(b"a", b"1")])
    assert len(at_once.events) == 1
    assert not any(recorder.batches for recorder in recorders)
    served = []
    more = True
    while more:
        more = world.store.pump(80)
        served.append(sum(len(recorder.batches) for recorder in recorders))
    assert served == [80, 160, 200]


def test_what_comes_while_a_crowd_is_served_comes_to_all_in_one_batch() -> None:
    world = World()
    recorders = crowd(world, 100)
    world.write([(b"a", b"1")])
    world.store.pump(30)
    for value in (b"2", b"3"):
        world.write([(b"a", value)])
    while world.store.pump(30):
        pass
    for recorder in recorders:
        assert [[event.kv.value for event in batch.events] for batch in recorder.batches] == [
            [b"1"],
            [b"2", b"3"],
        ]


def test_one_of_a_crowd_that_asks_for_progress_is_served_first_and_once() -> None:
    world = World()
    recorders = crowd(world, 100)
    world.write([(b"a", b"1")])
    world.store.pump(10)
    world.write([(b"a", b"2")])
    last = list(next(iter(world.store._groups.values())).watches)[-1]
    world.store.progress(last)
    assert [batch.revision for batch in recorders[-1].batches] == [2, 3, 3]
    while world.store.pump(30):
        pass
    assert [batch.revision for batch in recorders[-1].batches] == [2, 3, 3]
    assert [event.kv.value for event in recorders[-1].events] == [b"1", b"2"]


def test_a_crowd_that_leaves_is_forgotten() -> None:
    world = World()
    recorders = crowd(world, 100)
    world.write([(b"a", b"1")])
    world.store.pump(10)
    for watch in list(next(iter(world.store._groups.values())).watches):
        world.store.cancel(watch)
    assert not world.store.pump(10)
    assert sum(len(recorder.batches) for recorder in recorders) == 10
