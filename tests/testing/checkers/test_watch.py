"""Each validator finds the fault that it is for, in a watch that is right but for that."""

import pytest
from msgspec.structs import replace

from kube.simulation.history import Delivered, WatchRecord
from kube.store.errors import CompactedError
from kube.store.kv import DeleteRange, Event, EventType, KeyValue, Put, Txn, WatchBatch, WatchFilter
from kube.store.requests import Compact
from kube.testing.checkers.replay import Replay
from kube.testing.checkers.violation import ViolationError
from kube.testing.checkers.watch import VALIDATORS, check_complete, check_watch


@pytest.fixture
def log() -> Replay:
    """Revisions 2 to 6: a put, another, both keys in one txn, a deletion, a key made anew."""
    replay = Replay()
    for request in (
        Put(b"a", b"1"),
        Put(b"b", b"2"),
        Txn((), (Put(b"a", b"3"), Put(b"b", b"4"))),
        DeleteRange(b"a"),
        Put(b"a", b"5"),
    ):
        replay.commit(request)
    return replay


def watching(
    log: Replay, *batches: list[Event], start: int = 2, filters: tuple[WatchFilter, ...] = ()
) -> WatchRecord:
    record = WatchRecord(1, b"a", b"z", start, filters, True, False, 1, latest=1, opened=True)
    for at, events in enumerate(batches):
        record.responses.append(Delivered(at, WatchBatch(tuple(events), events[-1].kv.mod_revision)))
    return record


def test_what_was_in_the_log_is_right(log: Replay) -> None:
    events = log.events_from(2)
    assert [event.kv.mod_revision for event in events] == [2, 3, 4, 4, 5, 6]
    check_watch(watching(log, events), log)
    check_watch(watching(log, events[:2], events[2:4], events[4:]), log)
    check_watch(watching(log, events[4:], start=5), log)


def broken(log: Replay, name: str) -> WatchRecord:
    events = log.events_from(2)
    create, *_ = events
    match name:
        case "filter":
            return watching(log, events, filters=(WatchFilter.NODELETE,))
        case "ordered":
            return watching(log, [events[1], events[0]])
        case "unique":
            return watching(log, events[:2], [events[1]])
        case "atomic":
            return watching(log, events[:3], events[3:])
        case "bookmarkable":
            record = watching(log, events[:1])
            record.responses.append(Delivered(2, WatchBatch((), 3)))
            record.responses.append(Delivered(3, WatchBatch((events[1],), 3)))
            return record
        case "reliable":
            return watching(log, [events[0]], events[2:])
        case "resumable":
            return watching(log, events[1:])
        case "prevKV":
            return watching(log, [*events[:2], replace(events[2], prev_kv=None), *events[3:]])
        case "isCreate":
            kv = KeyValue(b"a", b"1", 1, 2, 1, 0)
            return watching(log, [Event(EventType.PUT, kv), *events[1:]])
        case _:
            raise AssertionError(create)


@pytest.mark.parametrize("name", VALIDATORS)
def test_each_promise_is_checked(log: Replay, name: str) -> None:
    with pytest.raises(ViolationError, match=f"watch: {name}"):
        VALIDATORS[name](broken(log, name), log)


def test_a_previous_value_that_is_wrong_is_found(log: Replay) -> None:
    events = log.events_from(2)
    wrong = replace(events[2], prev_kv=KeyValue(b"a", b"0", 2, 2, 1, 0))
    with pytest.raises(ViolationError, match="prevKV"):
        check_watch(watching(log, [*events[:2], wrong, *events[3:]]), log)


def test_a_watch_from_now_may_begin_anywhere_between_what_was_known_and_what_there_was(log: Replay) -> None:
    events = log.events_from(2)
    record = replace(watching(log, events[2:]), start_revision=0, acknowledged=3, latest=3)
    check_watch(record, log)
    with pytest.raises(ViolationError, match="resumable"):
        check_watch(replace(record, acknowledged=4), log)
    late = replace(watching(log, events[4:]), start_revision=0, acknowledged=2, latest=3)
    with pytest.raises(ViolationError, match="reliable"):
        check_watch(late, log)


COMPACTED = {
    "at its start": (2, 0, CompactedError(2, 5), True),
    "further on": (2, 2, CompactedError(4, 5), True),
    "at the revision itself": (5, 0, CompactedError(5, 5), False),
    "to a revision to which nothing was": (2, 0, CompactedError(2, 4), False),
    "below what was delivered": (2, 5, CompactedError(3, 5), False),
    "below where it began": (4, 0, CompactedError(3, 5), False),
    "from now on": (0, 0, CompactedError(4, 5), True),
    "from now on, below what was acknowledged": (0, 0, CompactedError(3, 5), False),
}
"""Where it begins, how many events it had, what ends it, and whether that is right."""


@pytest.mark.parametrize(("start", "had", "error", "right"), COMPACTED.values(), ids=COMPACTED)
def test_only_a_compaction_that_cuts_it_off_ends_a_watch(
    log: Replay, start: int, had: int, error: CompactedError, *, right: bool
) -> None:
    log.commit(Compact(5))
    record = replace(watching(log, start=start), acknowledged=3, latest=6)
    if had:
        record.responses.append(Delivered(1, WatchBatch(tuple(log.events_from(2)[:had]), had + 1)))
    record.error = error
    if right:
        VALIDATORS["resumable"](record, log)
        return
    with pytest.raises(ViolationError, match="resumable"):
        VALIDATORS["resumable"](record, log)


def test_a_watch_that_runs_must_come_to_the_end(log: Replay) -> None:
    record = watching(log, log.events_from(2)[:2])
    with pytest.raises(ViolationError, match="reliable"):
        check_complete(record, 6)
    check_complete(replace(record, cancelled=True), 6)
