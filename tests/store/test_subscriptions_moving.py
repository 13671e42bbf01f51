"""Watches whose members come, go, fall behind and are rebuilt from snapshots, against the list of all changes."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from kube.store.apply import StateMachine
from kube.store.errors import CompactedError, StoreError
from kube.store.kv import (
    ALL_KEYS_END,
    DeleteRange,
    Event,
    EventType,
    KeyValue,
    Op,
    Put,
    Txn,
    WatchBatch,
    WatchFilter,
    prefix_end,
)
from kube.store.requests import Compact, Request
from kube.store.subscriptions import Subscription, Subscriptions

KEYS = [b"a", b"a/1", b"a/2", b"b"]
RANGES = [(b"a", b""), (b"a/", prefix_end(b"a/")), (b"\0", ALL_KEYS_END), (b"a/1", b"b"), (b"b", b"")]
FILTERS = [(), (WatchFilter.NOPUT,), (WatchFilter.NODELETE,)]


def inside(key: bytes, start: bytes, end: bytes) -> bool:
    return key == start if not end else start <= key and (end == ALL_KEYS_END or key < end)


@dataclass
class Reader:
    """A watch and everything that it was given."""

    key: bytes
    range_end: bytes
    start: int
    filters: tuple[WatchFilter, ...]
    batches: list[WatchBatch] = field(default_factory=list)
    may_be_behind: bool = False
    """It began before the compacted revision, or had no home when something was compacted."""
    subscription: Subscription = field(init=False)

    def __post_init__(self) -> None:
        self.subscription = Subscription(
            self.key,
            self.range_end,
            self.start,
            filters=self.filters,
            progress_notify=False,
            sink=self.batches.append,
        )

    @property
    def error(self) -> StoreError | None:
        return self.batches[-1].error if self.batches else None

    def wants(self, event: Event) -> bool:
        unwanted = WatchFilter.NOPUT if event.type is EventType.PUT else WatchFilter.NODELETE
        return (
            event.kv.mod_revision >= self.start
            and inside(event.kv.key, self.key, self.range_end)
            and unwanted not in self.filters
        )


class World:
    """Two replicas of one log, and the subscriptions of their process at home at one of them, or at none."""

    def __init__(self) -> None:
        self.log: list[Request] = []
        self.replicas = [StateMachine(lambda: 0.0) for _ in range(2)]
        self.applied = [0, 0]
        self.home: int | None = 0
        self.subscriptions = Subscriptions()
        self.subscriptions.move(self.replicas[0].watches)
        self.readers: list[Reader] = []
        self.events: list[Event] = []
        self.compacted = 0

    def apply(self, which: int, until: int) -> None:
        machine = self.replicas[which]
        while self.applied[which] < until:
            machine.apply(self.log[self.applied[which]])
            machine.watches.collect()
            self.applied[which] += 1
        machine.watches.flush()

    def propose(self, request: Request, batch: int) -> None:
        """The model has it at once, the home when ``batch`` have gathered."""
        self.log.append(request)
        if self.home is not None and len(self.log) - self.applied[self.home] >= batch:
            self.apply(self.home, len(self.log))

    def move(self, home: int | None) -> None:
        """As the store does it: a new home has applied everything that anybody was told of."""
        if home is not None:
            self.apply(home, len(self.log))
        self.home = home
        self.subscriptions.move(None if home is None else self.replicas[home].watches)

    def rebuild(self, which: int) -> None:
        """The member is started again from a snapshot; what lived there moves to the new one."""
        machine = self.replicas[which] = StateMachine.restore(self.replicas[which].snapshot(), lambda: 0.0)
        if self.home == which:
            self.subscriptions.move(None)
            self.subscriptions.move(machine.watches)

    def watch(self, reader: Reader, limit: int) -> None:
        self.readers.append(reader)
        reader.may_be_behind = reader.start < self.compacted
        self.subscriptions.add(reader.subscription)
        if self.home is None:
            return
        if not reader.start:
            reader.start = self.replicas[self.home].kv.revision + 1
        while reader.subscription.catch_up(limit):
            pass


def model_of(log: list[Request]) -> list[Event]:
    """Every event there ever was, by replaying the log on a dict."""
    events: list[Event] = []
    held: dict[bytes, KeyValue] = {}
    revision = 1
    for request in log:
        ops: tuple[Op, ...] = ()
        if isinstance(request, Txn):
            ops = request.success
        elif isinstance(request, (Put, DeleteRange)):
            ops = (request,)
        next_ = revision + 1
        for op in ops:
            if isinstance(op, Put):
                old = held.get(op.key)
                kv = KeyValue(
                    op.key,
                    op.value,
                    old.create_revision if old else next_,
                    next_,
                    old.version + 1 if old else 1,
                    0,
                )
                held[op.key] = kv
                events.append(Event(EventType.PUT, kv, old))
                revision = next_
            elif isinstance(op, DeleteRange):
                for key in sorted(held):
                    if inside(key, op.key, op.range_end):
                        events.append(
                            Event(EventType.DELETE, KeyValue(key, b"", 0, next_, 0, 0), held.pop(key))
                        )
                        revision = next_
    return events


def check(world: World, reader: Reader, compacted: int) -> None:
    """Ordered, unique, atomic, filtered, with the right previous values, complete up to what each batch says."""
    wanted = [event for event in model_of(world.log) if reader.wants(event)]
    given_ = [event for batch in reader.batches for event in batch.events]
    through = reader.start - 1
    for batch in reader.batches:
        if batch.error is not None:
            continue
        revisions = [event.kv.mod_revision for event in batch.events]
        assert all(through < revision <= batch.revision for revision in revisions)
        assert batch.revision >= through
        through = batch.revision
    due = [event for event in wanted if event.kv.mod_revision <= through]
    assert [(event.type, event.kv) for event in given_] == [(event.type, event.kv) for event in due]
    for event, model in zip(given_, due, strict=True):
        if event.prev_kv is None and event.kv.mod_revision <= compacted:
            continue  # it was read from a history that begins with it
        assert event.prev_kv == model.prev_kv


PUTS = st.builds(Put, st.sampled_from(KEYS), st.binary(max_size=1))
DELETES = st.builds(DeleteRange, st.sampled_from(KEYS), st.sampled_from([b"", b"", b"b", b"c"]))
TXNS = st.lists(PUTS, min_size=1, max_size=3, unique_by=lambda put: put.key).map(
    lambda ops: Txn(success=tuple(ops))
)
READERS = st.tuples(st.sampled_from(RANGES), st.sampled_from(FILTERS), st.floats(0, 1.2), st.integers(1, 4))
STEPS = st.one_of(
    st.tuples(st.just("write"), st.one_of(PUTS, PUTS, DELETES, TXNS), st.integers(1, 3)),
    st.tuples(st.just("write"), st.one_of(PUTS, DELETES, TXNS), st.integers(1, 3)),
    st.tuples(st.just("watch"), READERS, st.none()),
    st.tuples(st.just("move"), st.sampled_from([None, 0, 1]), st.none()),
    st.tuples(st.just("rebuild"), st.integers(0, 1), st.none()),
    st.tuples(st.just("compact"), st.floats(0, 1), st.none()),
    st.tuples(st.just("prune"), st.integers(0, 1), st.none()),
    st.tuples(st.just("progress"), st.floats(0, 1), st.none()),
)


def take(world: World, step: tuple) -> None:
    kind, argument, batch = step
    revision = model_of(world.log)[-1].kv.mod_revision if model_of(world.log) else 1
    if kind == "write":
        world.propose(argument, batch)
    elif kind == "watch":
        (key, range_end), filters, start, limit = argument
        world.watch(Reader(key, range_end, int(start * revision) or 1, filters), limit)
    elif kind == "move":
        world.move(argument)
    elif kind == "rebuild":
        world.rebuild(argument)
    elif kind == "compact":
        floor = max(1, int(argument * revision))
        world.compacted = max(world.compacted, floor)
        for reader in world.readers:
            reader.may_be_behind |= world.home is None
        world.propose(Compact(floor), 1)
    elif kind == "prune":
        world.replicas[argument].kv.prune(2)
    elif world.readers:
        world.readers[int(argument * (len(world.readers) - 1))].subscription.request_progress()


@given(st.lists(STEPS, max_size=40))
@settings(max_examples=300, deadline=None)
def test_watches_miss_and_repeat_nothing_wherever_they_live(steps: list) -> None:
    world = World()
    for step in steps:
        take(world, step)
    world.move(1)
    world.move(0)
    for reader in world.readers:
        check(world, reader, world.compacted)
        error = reader.error
        if error is not None:
            assert isinstance(error, CompactedError)
            assert reader.may_be_behind
            assert reader.batches[-1].revision + 1 < error.compact_revision <= world.compacted
            continue
        reader.subscription.request_progress()
        assert reader.batches[-1].revision == max(world.replicas[0].kv.revision, reader.start - 1)
        check(world, reader, world.compacted)
