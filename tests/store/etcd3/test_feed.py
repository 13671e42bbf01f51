"""All watches from one stream: against the history itself, whatever the ranges, the starts and the pieces."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from kube.store.errors import CompactedError, StoppedError
from kube.store.etcd3 import feed as module
from kube.store.etcd3.feed import Feed, FeedSubscription
from kube.store.kv import Event, EventType, KeyValue, WatchBatch, WatchFilter, prefix_end

KEYS = [b"a", b"ab", b"b", b"c"]
RANGES = [(b"a", b""), (b"a", prefix_end(b"a")), (b"ab", b"c"), (b"b", b"\0"), (b"\0", b"\0"), (b"c", b"a")]
FILTERS: list[tuple[WatchFilter, ...]] = [(), (WatchFilter.NOPUT,), (WatchFilter.NODELETE,)]


def event(key: bytes, revision: int, kind: EventType = EventType.PUT, value: bytes = b"") -> Event:
    return Event(kind, KeyValue(key, value, revision, revision, 1, 0))


def in_range(key: bytes, start: bytes, end: bytes) -> bool:
    if not end:
        return key == start
    return start <= key and (end == b"\0" or key < end)


class Receiver:
    """A watch with what it was given."""

    def __init__(
        self, key: bytes, end: bytes, start: int, filters: tuple[WatchFilter, ...] = (), target: int = 0
    ) -> None:
        self.batches: list[WatchBatch] = []
        self.start = start
        self.filters = filters
        self.subscription = FeedSubscription(
            key,
            end,
            start,
            filters=filters,
            progress_notify=False,
            sink=self.batches.append,
            ask_progress=self._ask,
        )
        self._target = target

    def _ask(self, subscription: FeedSubscription) -> None:
        assert subscription.feed is not None
        subscription.feed.progress(subscription, self._target)

    def ask(self, target: int) -> None:
        self._target = target
        self.subscription.request_progress()

    @property
    def events(self) -> list[Event]:
        return [each for batch in self.batches for each in batch.events]

    def wants(self, each: Event) -> bool:
        unwanted = {WatchFilter.NOPUT: EventType.PUT, WatchFilter.NODELETE: EventType.DELETE}
        return (
            each.kv.mod_revision >= self.start
            and in_range(each.kv.key, self.subscription.key, self.subscription.range_end)
            and each.type not in {unwanted[name] for name in self.filters}
        )


histories = st.lists(
    st.lists(
        st.tuples(st.sampled_from(KEYS), st.sampled_from(EventType)),
        min_size=1,
        max_size=3,
        unique_by=lambda x: x[0],
    ),
    min_size=1,
    max_size=20,
)
watches = st.lists(
    st.tuples(
        st.integers(0, 20),
        st.sampled_from(RANGES),
        st.integers(1, 25),
        st.sampled_from(FILTERS),
        st.booleans(),
    ),
    max_size=6,
)


def piece(history: Sequence[list[Event]], first: int, last: int) -> list[Event]:
    """Revisions ``first`` to ``last``; the first of all is 1."""
    return [each for revision in history[first - 1 : last] for each in revision]


@given(histories, watches, st.integers(0, 5), st.data())
def test_every_watch_gets_its_part_of_history(
    shape: list[list[tuple[bytes, EventType]]],
    wanted: list[tuple[int, tuple[bytes, bytes], int, tuple[WatchFilter, ...], bool]],
    position: int,
    data: st.DataObject,
) -> None:
    history = [[event(key, number, kind) for key, kind in keys] for number, keys in enumerate(shape, 1)]
    position = min(position, len(history))
    feed = Feed(position)
    receivers: list[Receiver] = []
    pending = sorted(wanted)
    while True:
        while pending and pending[0][0] <= feed.position:
            _, (key, end), start, filters, asks = pending.pop(0)
            receiver = Receiver(key, end, start, filters)
            receivers.append(receiver)
            joined = feed.add(receiver.subscription)
            if asks:
                receiver.ask(feed.position)
            while not joined:
                first = receiver.subscription.next_revision
                last = data.draw(st.integers(first, len(history)))
                joined = feed.history(receiver.subscription, piece(history, first, last), last)
            if asks:
                assert receiver.batches[-1].revision >= feed.position
        if feed.position == len(history):
            break
        last = data.draw(st.integers(feed.position + 1, len(history)))
        feed.receive(piece(history, feed.position + 1, last), last)
    everything = piece(history, 1, len(history))
    for receiver in receivers:
        assert receiver.events == [each for each in everything if receiver.wants(each)]
        revisions = [batch.revision for batch in receiver.batches]
        assert revisions == sorted(revisions)
        for batch in receiver.batches:
            assert all(each.kv.mod_revision <= batch.revision for each in batch.events)


def test_progress_waits_for_the_revision_that_was_asked_for() -> None:
    feed, receiver = Feed(5), Receiver(b"a", b"", 6)
    feed.add(receiver.subscription)
    receiver.ask(5)
    assert [(batch.events, batch.revision) for batch in receiver.batches] == [((), 5)]
    receiver.ask(7)
    feed.receive([event(b"b", 6)], 6)
    assert len(receiver.batches) == 1
    assert feed.waiting() == [receiver.subscription]
    feed.receive([event(b"b", 7)], 7)
    assert receiver.batches[-1].revision == 7
    assert feed.waiting() == []


def test_what_is_recent_is_bounded_by_number_and_by_size() -> None:
    feed = Feed(0)
    for revision in range(1, module.RECENT + 11):
        feed.receive([event(b"a", revision)], revision)
    assert feed.add(Receiver(b"a", b"", 11).subscription)
    assert not feed.add(Receiver(b"a", b"", 10).subscription)
    large = Feed(0)
    for revision in range(1, 5):
        large.receive([event(b"a", revision, value=b"x" * (module.RECENT_BYTES // 2))], revision)
    assert large.add(Receiver(b"a", b"", 3).subscription)
    assert not large.add(Receiver(b"a", b"", 2).subscription)


def test_a_gap_tells_each_watch_where_it_stopped() -> None:
    feed = Feed(5)
    joined, behind, ahead = Receiver(b"a", b"", 6), Receiver(b"a", b"", 3), Receiver(b"a", b"", 20)
    assert feed.add(joined.subscription)
    assert not feed.add(behind.subscription)
    assert feed.add(ahead.subscription)
    feed.receive([event(b"b", 6)], 6)
    feed.close(CompactedError(7, 30))
    told = [receiver.batches[-1].error for receiver in (joined, behind, ahead)]
    assert [
        (error.revision, error.compact_revision) for error in told if isinstance(error, CompactedError)
    ] == [
        (7, 30),
        (3, 30),
        (20, 30),
    ]
    assert not feed


def test_the_end_is_told_once() -> None:
    feed, receiver = Feed(0), Receiver(b"a", b"", 1)
    feed.add(receiver.subscription)
    feed.close(StoppedError())
    feed.close(StoppedError())
    receiver.ask(0)
    [batch] = receiver.batches
    assert isinstance(batch.error, StoppedError)
    assert feed.history(receiver.subscription, [event(b"a", 1)], 1)
