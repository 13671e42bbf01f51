"""The nine promises of a watch, checked on what its client saw (etcd's "API guarantees", and the validators of its robustness tests).

The log, replayed, says what should have come.
"""

from collections.abc import Callable, Iterator

from kube.simulation.history import NEVER, WatchRecord
from kube.store.errors import CompactedError, SlowWatcherError
from kube.store.kv import Event, EventType, WatchFilter
from kube.testing.checkers.model import in_range
from kube.testing.checkers.replay import Replay
from kube.testing.checkers.violation import ViolationError

_UNWANTED = {WatchFilter.NOPUT: EventType.PUT, WatchFilter.NODELETE: EventType.DELETE}


def _matches(watch: WatchRecord, event: Event) -> bool:
    return in_range(event.kv.key, watch.key, watch.range_end) and all(
        _UNWANTED[each] is not event.type for each in watch.filters
    )


def _events(watch: WatchRecord) -> Iterator[Event]:
    for response in watch.responses:
        yield from response.batch.events


def _name(event: Event) -> str:
    return f"{event.type.name} {event.kv.key!r} at {event.kv.mod_revision}"


def _fail(promise: str, watch: WatchRecord, detail: str) -> ViolationError:
    return ViolationError(
        f"watch: {promise}",
        f"{detail}; client {watch.client}, [{watch.key!r}, {watch.range_end!r}) from {watch.start_revision}",
    )


# ---- one watch by itself


def check_filter(watch: WatchRecord, _: Replay) -> None:
    """Nothing but what was asked for."""
    for event in _events(watch):
        if not _matches(watch, event):
            raise _fail("filter", watch, f"{_name(event)} was not asked for")


def check_ordered(watch: WatchRecord, _: Replay) -> None:
    """By revision; a resumed watch goes on after what it follows."""
    last = watch.follows.through if watch.follows is not None else 0
    for event in _events(watch):
        if event.kv.mod_revision < last:
            raise _fail("ordered", watch, f"{_name(event)} after {last}")
        last = event.kv.mod_revision


def check_unique(watch: WatchRecord, _: Replay) -> None:
    """No event twice, in a watch and all that it follows."""
    seen: dict[tuple[int, bytes], None] = {}
    chain: WatchRecord | None = watch
    while chain is not None:
        for event in _events(chain):
            name = (event.kv.mod_revision, event.kv.key)
            if name in seen:
                raise _fail("unique", watch, f"{_name(event)} came twice")
            seen[name] = None
        chain = chain.follows


def check_atomic(watch: WatchRecord, _: Replay) -> None:
    """The events of one revision come in one batch."""
    last = 0
    for response in watch.responses:
        events = response.batch.events
        if not events:
            continue
        if events[0].kv.mod_revision == last:
            raise _fail("atomic", watch, f"revision {last} was split")
        last = events[-1].kv.mod_revision


def check_bookmarkable(watch: WatchRecord, _: Replay) -> None:
    """After a batch that says that everything up to a revision was delivered, nothing of it comes."""
    through = watch.start_revision - 1
    for response in watch.responses:
        batch = response.batch
        if batch.events and batch.events[0].kv.mod_revision <= through:
            raise _fail("bookmarkable", watch, f"{_name(batch.events[0])} after a bookmark of {through}")
        if batch.revision < through and batch.error is None:
            raise _fail("bookmarkable", watch, f"a bookmark of {batch.revision} after one of {through}")
        if batch.events and batch.events[-1].kv.mod_revision > batch.revision:
            raise _fail(
                "bookmarkable", watch, f"{_name(batch.events[-1])} under a bookmark of {batch.revision}"
            )
        through = max(through, batch.revision)


# ---- against the log


def _expected(watch: WatchRecord, replay: Replay) -> list[Event]:
    """What a watch that started when this one did has had up to its last word."""
    first = watch.start_revision
    if not first:
        # Somewhere between what was acknowledged before it and what any member had when it was answered: at its first event,
        # or behind all that no start could have seen.
        latest = watch.latest if watch.opened else NEVER
        begun = next((event.kv.mod_revision for event in _events(watch)), latest + 1)
        if begun <= watch.acknowledged:
            raise _fail(
                "resumable", watch, f"revision {begun} was acknowledged before the watch was asked for"
            )
        first = min(begun, latest + 1)
    if watch.through < first:
        return []
    return [event for event in replay.events_between(first, watch.through) if _matches(watch, event)]


def check_reliable(watch: WatchRecord, replay: Replay) -> None:
    """No event is missing between the first and the last word of a watch, and none is made up."""
    if watch.through > replay.state.revision and any(response.batch.events for response in watch.responses):
        newest = max((event.kv.mod_revision for event in _events(watch)), default=0)
        if newest > replay.state.revision:
            raise _fail("reliable", watch, f"revision {newest} never was")
    expected = [(event.type, event.kv) for event in _expected(watch, replay)]
    actual = [(event.type, event.kv) for event in _events(watch)]
    if expected == actual:
        return
    at = next(
        (n for n, (want, got) in enumerate(zip(expected, actual, strict=False)) if want != got),
        min(len(expected), len(actual)),
    )
    want = expected[at] if at < len(expected) else None
    got = actual[at] if at < len(actual) else None
    raise _fail("reliable", watch, f"event {at} is {got}, not {want}")


def check_resumable(watch: WatchRecord, replay: Replay) -> None:
    """A watch from a revision begins with the first event from it on, unless that is compacted."""
    error = watch.error
    if isinstance(error, CompactedError):
        _check_compacted(watch, error, replay)
        return
    if not watch.start_revision:
        return
    first = next(_events(watch), None)
    if isinstance(error, SlowWatcherError) and error.resume_revision > watch.through + 1:
        raise _fail("resumable", watch, f"to resume at {error.resume_revision}, having had {watch.through}")
    if first is None:
        return
    wanted = next(
        (event for event in replay.events_from(watch.start_revision) if _matches(watch, event)), None
    )
    if wanted is None or (wanted.type, wanted.kv) != (first.type, first.kv):
        raise _fail("resumable", watch, f"begins with {_name(first)}")


def _check_compacted(watch: WatchRecord, error: CompactedError, replay: Replay) -> None:
    """What it would deliver next is below a revision to which the log was compacted."""
    compacted = error.compact_revision
    if error.revision >= compacted:
        raise _fail("resumable", watch, f"{error.revision} is not below {compacted}")
    if compacted not in replay.compactions:
        raise _fail("resumable", watch, f"nothing was ever compacted to {compacted}")
    begun = watch.start_revision or watch.acknowledged + 1
    if error.revision < max(begun, watch.through + 1):
        raise _fail(
            "resumable",
            watch,
            f"{error.revision} is compacted, but it was at {max(begun, watch.through + 1)}",
        )


def check_prev_kv(watch: WatchRecord, replay: Replay) -> None:
    """What the key held before: right when it is there, and there unless it was compacted or the key was absent."""
    for response in watch.responses:
        for event in response.batch.events:
            held = _held_before(event, replay)
            if event.prev_kv is None and held is None:
                continue
            if event.prev_kv is not None and event.prev_kv != held:
                raise _fail("prevKV", watch, f"{_name(event)}: {event.prev_kv}, not {held}")
            if event.prev_kv is None and watch.prev_kv and not _may_be_compacted(event, replay):
                raise _fail("prevKV", watch, f"{_name(event)} without {held}")


def _held_before(event: Event, replay: Replay) -> object | None:
    return replay.at(event.kv.mod_revision - 1).keys.get(event.kv.key)


def _may_be_compacted(event: Event, replay: Replay) -> bool:
    """By the end of the run; a watch that reads history may come late."""
    return event.kv.mod_revision <= replay.state.compact_revision


def check_is_create(watch: WatchRecord, replay: Replay) -> None:
    """The create flag is set if and only if the key was absent before."""
    for event in _events(watch):
        if event.type is EventType.PUT and event.is_create is not (_held_before(event, replay) is None):
            raise _fail("isCreate", watch, _name(event))


VALIDATORS: dict[str, Callable[[WatchRecord, Replay], None]] = {
    "filter": check_filter,
    "ordered": check_ordered,
    "unique": check_unique,
    "atomic": check_atomic,
    "bookmarkable": check_bookmarkable,
    "reliable": check_reliable,
    "resumable": check_resumable,
    "prevKV": check_prev_kv,
    "isCreate": check_is_create,
}


def check_watch(watch: WatchRecord, replay: Replay) -> None:
    """Raises ViolationError."""
    for validate in VALIDATORS.values():
        validate(watch, replay)


def check_complete(watch: WatchRecord, revision: int) -> None:
    """A watch that still runs after the faults have stopped, and has asked for progress, has had everything.

    ``revision``: the store's, as of before it was asked.
    """
    runs = watch.opened and watch.error is None and not watch.cancelled
    if runs and watch.through < revision and watch.start_revision <= revision:
        raise _fail("reliable", watch, f"{watch.through} of {revision} delivered though all is well")
