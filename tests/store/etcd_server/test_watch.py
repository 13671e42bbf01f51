"""The Watch service (etcd's API reference, ``Watch``), with gRPC's own client."""

import asyncio
from typing import Any

import grpc.aio
import pytest

from kube.store.etcd_server import calls, watch_service
from kube.store.etcd_server.http2 import frames
from kube.store.etcd_server.http2.hpack import encode
from kube.store.etcd_server.watch_service import DUPLICATE_ID, EMPTY_RANGE, fragments, portions
from kube.store.etcdpb import messages
from kube.store.kv import Event, EventType, KeyValue, Put, Txn
from tests.store.etcd_server.conftest import Caller, Serving, Watching
from tests.store.waiting import until


def seen(response: messages.WatchResponse) -> list[tuple[int, bytes, int]]:
    """Type, key and revision of each event."""
    return [(event.type, event.kv.key, event.kv.mod_revision) for event in response.events]


def changed(revision: int, key: bytes = b"k") -> Event:
    return Event(EventType.PUT, KeyValue(key, b"v" * 100, 1, revision, 1, 0))


async def test_created_then_events_in_order(serving: Serving, watching: Watching) -> None:
    created = await watching.create(b"a", range_end=b"b")
    assert (created.created, created.watch_id, created.header.revision) == (True, 0, 1)
    await serving.store.put(b"a1", b"x", lease=0)
    await serving.store.put(b"z", b"y")
    await serving.store.delete_range(b"a1")
    first, second = await watching.read(), await watching.read()
    assert seen(first) == [(0, b"a1", 2)]
    assert first.events[0].kv == messages.KeyValue(
        key=b"a1", value=b"x", create_revision=2, mod_revision=2, version=1
    )
    assert seen(second) == [(1, b"a1", 4)]
    assert second.events[0].kv == messages.KeyValue(key=b"a1", mod_revision=4)
    assert second.header.revision == 4
    assert second.header.cluster_id == serving.store.cluster_id


async def test_history_comes_first(serving: Serving, watching: Watching) -> None:
    for number in range(5):
        await serving.store.put(b"k%d" % number, b"")
    assert (await watching.create(b"\0", range_end=b"\0", start_revision=3)).created
    await serving.store.put(b"k9", b"")
    events = seen(await watching.read())
    while len(events) < 5:
        events += seen(await watching.read())
    assert events == [(0, b"k1", 3), (0, b"k2", 4), (0, b"k3", 5), (0, b"k4", 6), (0, b"k9", 7)]


async def test_a_future_revision_is_waited_for(serving: Serving, watching: Watching) -> None:
    assert (await watching.create(b"k", start_revision=4)).created
    for _ in range(3):
        await serving.store.put(b"k", b"")
    assert seen(await watching.read()) == [(0, b"k", 4)]


async def test_many_watches_on_one_stream(serving: Serving, watching: Watching) -> None:
    for number in range(50):
        assert (await watching.create(b"k%d" % number)).watch_id == number
    for number in reversed(range(50)):
        await serving.store.put(b"k%d" % number, b"")
        response = await watching.read()
        assert (response.watch_id, seen(response)) == (number, [(0, b"k%d" % number, 51 - number)])


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        pytest.param({"watch_id": 7}, DUPLICATE_ID, id="an id that is taken"),
        pytest.param({"range_end": b"a"}, EMPTY_RANGE, id="an end before the key"),
        pytest.param({"range_end": b"k"}, EMPTY_RANGE, id="an end at the key"),
    ],
)
async def test_a_watch_that_cannot_be(
    serving: Serving, watching: Watching, fields: dict[str, Any], wanted: str
) -> None:
    assert (await watching.create(b"other", watch_id=7)).watch_id == 7
    refused = await watching.create(b"k", **fields)
    assert (refused.created, refused.canceled, refused.watch_id) == (True, True, -1)
    assert refused.cancel_reason == wanted
    await serving.store.put(b"other", b"")
    assert (await watching.read()).watch_id == 7


async def test_chosen_ids_are_passed_over_by_the_next(watching: Watching) -> None:
    assert (await watching.create(b"k", watch_id=1)).watch_id == 1
    assert [(await watching.create(b"k")).watch_id for _ in range(2)] == [0, 2]


async def test_a_compacted_start_is_cancelled_with_the_revision(serving: Serving, watching: Watching) -> None:
    for _ in range(5):
        await serving.store.put(b"k", b"")
    await serving.store.compact(4)
    assert (await watching.create(b"other")).watch_id == 0
    assert (await watching.create(b"k", start_revision=2)).created
    gone = await watching.read()
    assert (gone.watch_id, gone.canceled, gone.compact_revision) == (1, True, 4)
    await serving.store.put(b"other", b"")
    assert (await watching.read()).watch_id == 0


async def test_cancel_ends_one_watch(serving: Serving, watching: Watching) -> None:
    await watching.create(b"k")
    await watching.create(b"k")
    await watching.cancel(0)
    gone = await watching.read()
    assert (gone.watch_id, gone.canceled, gone.created) == (0, True, False)
    await watching.cancel(99)
    await serving.store.put(b"k", b"")
    assert (await watching.read()).watch_id == 1


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        pytest.param([0], [1], id="no puts"),
        pytest.param([1], [0], id="no deletions"),
        pytest.param([9], [0, 1], id="one that nobody knows"),
    ],
)
async def test_filters(serving: Serving, watching: Watching, filters: list[int], wanted: list[int]) -> None:
    await watching.create(b"k", filters=filters)
    await watching.create(b"end")
    await serving.store.put(b"k", b"")
    await serving.store.delete_range(b"k")
    await serving.store.put(b"end", b"")
    kinds: list[int] = []
    while (response := await watching.read()).watch_id == 0:
        kinds += [event.type for event in response.events]
    assert kinds == wanted


@pytest.mark.parametrize("prev_kv", [False, True])
async def test_previous_values_only_for_who_wants_them(
    serving: Serving, watching: Watching, prev_kv: bool
) -> None:
    await serving.store.put(b"k", b"old")
    await watching.create(b"k", prev_kv=prev_kv)
    await serving.store.put(b"k", b"new")
    event = (await watching.read()).events[0]
    assert event.HasField("prev_kv") is prev_kv
    assert event.prev_kv.value == (b"old" if prev_kv else b"")


async def test_no_key_is_the_smallest(serving: Serving, watching: Watching) -> None:
    await watching.create(b"", range_end=b"\0")
    await serving.store.put(b"anything", b"")
    assert seen(await watching.read()) == [(0, b"anything", 2)]


async def test_a_transaction_is_not_torn(serving: Serving, watching: Watching) -> None:
    await watching.create(b"k", range_end=b"l")
    await serving.store.txn(Txn(success=tuple(Put(b"k%d" % number, b"") for number in range(10))))
    assert [revision for _, _, revision in seen(await watching.read())] == [2] * 10


async def test_progress_of_all_comes_after_what_was_before(serving: Serving, watching: Watching) -> None:
    await watching.create(b"a")
    await watching.create(b"b")
    for _ in range(3):
        await serving.store.put(b"a", b"")
    await watching.request_progress()
    revisions: list[int] = []
    while (response := await watching.read()).watch_id != -1:
        revisions += [event.kv.mod_revision for event in response.events]
    assert revisions == [2, 3, 4]
    assert response.header.revision == 4
    assert not response.events


async def test_progress_of_none_is_told_too(serving: Serving, watching: Watching) -> None:
    await serving.store.put(b"a", b"")
    for _ in range(2):
        await watching.request_progress()
        told = await watching.read()
        assert (told.watch_id, told.header.revision, told.created) == (-1, 2, False)
    assert (await watching.create(b"a")).created


@pytest.mark.parametrize(
    ("start", "compacted", "cancelled_with"), [(-1, 0, None), (-1, 2, 2), (-2, 0, -1), (-9, 2, 2)]
)
async def test_a_start_below_zero(
    serving: Serving, watching: Watching, start: int, compacted: int, cancelled_with: int | None
) -> None:
    """As the oldest revision that there can be: until something is compacted, -1 is not older than that, and means now."""
    await serving.store.put(b"k", b"")
    if compacted:
        await serving.store.compact(compacted)
    assert (await watching.create(b"k", start_revision=start)).created
    await serving.store.put(b"k", b"")
    response = await watching.read()
    if cancelled_with is None:
        assert seen(response) == [(0, b"k", 3)]
    else:
        assert (response.canceled, response.compact_revision) == (True, cancelled_with)


async def test_a_request_of_no_kind_is_passed_over(watching: Watching) -> None:
    await watching.call.write(messages.WatchRequest())
    assert (await watching.create(b"a")).created


async def test_a_client_that_is_done_ends_its_stream(serving: Serving, watching: Watching) -> None:
    await watching.create(b"a")
    await watching.call.done_writing()
    assert await watching.call.read() == grpc.aio.EOF
    assert (await watching.call.code()).name == "OK"
    assert len(serving.store.replicas.subscriptions) == 0


async def test_a_client_that_goes_leaves_nothing(serving: Serving, watching: Watching) -> None:
    await watching.create(b"a")
    assert len(serving.store.replicas.subscriptions) == 1
    watching.call.cancel()
    async with asyncio.timeout(10):
        while len(serving.store.replicas.subscriptions):
            await serving.store.put(b"b", b"")


@pytest.mark.parametrize(
    ("fragment", "wanted"),
    [
        pytest.param(True, [5, 5, 2], id="in pieces"),
        pytest.param(False, [12], id="whole for who did not ask"),
    ],
)
async def test_fragments(serving: Serving, fragment: bool, wanted: list[int]) -> None:
    """A single revision whose events come to more than a response may have."""
    options = [("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(serving.endpoint, options=options) as channel:
        watching = Watching(Caller(channel))
        for number in range(12):
            await serving.store.put(b"k%02d" % number, b"v" * 400_000)
        await watching.create(b"k", range_end=b"l", prev_kv=True, fragment=fragment)
        await serving.store.delete_range(b"k", b"l")
        responses = [await watching.read() for _ in wanted]
    assert [len(response.events) for response in responses] == wanted
    assert [response.fragment for response in responses] == [True] * (len(wanted) - 1) + [False]
    assert {response.header.revision for response in responses} == {14}


async def test_a_slow_client_is_bounded_and_loses_nothing(
    serving: Serving, caller: Caller, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for it stays within the bound, others have their events at once, and it gets every event in order."""
    monkeypatch.setattr(watch_service, "MAX_PENDING", 50)
    slow = Watching(caller)
    assert (await slow.create(b"k", range_end=b"l")).created
    assert (await watching.create(b"done")).created
    value = b"v" * 20_000
    for number in range(600):
        await serving.store.put(b"k%d" % (number % 7), value)
    await serving.store.put(b"done", b"")
    assert seen(await watching.read()) == [(0, b"done", 602)]
    [subscription, *_] = [each for each in serving.store.replicas.subscriptions._all if each.key == b"done"]
    assert subscription.next_revision == 603
    assert all(each.key == b"done" for each in serving.store.replicas.subscriptions._all), (
        "the slow one has left"
    )
    revisions: list[int] = []
    while len(revisions) < 600:
        revisions += [revision for _, _, revision in seen(await slow.read())]
    assert revisions == list(range(2, 602))
    await serving.store.put(b"k", b"live again")
    assert seen(await slow.read()) == [(0, b"k", 603)]


class SlowCall:
    """A stream whose client takes nothing until ``taking`` is set."""

    def __init__(self) -> None:
        self.requests: asyncio.Queue[messages.WatchRequest] = asyncio.Queue()
        self.responses: list[messages.WatchResponse] = []
        self.taking = asyncio.Event()
        self.taken = asyncio.Event()

    def __aiter__(self) -> "SlowCall":
        return self

    async def __anext__(self) -> messages.WatchRequest:
        return await self.requests.get()

    def write(self, response: bytes) -> None:
        self.responses.append(messages.WatchResponse.FromString(response))

    async def send(self, response: messages.WatchResponse) -> None:
        self.write(response.SerializeToString())
        await self.drain()

    async def drain(self) -> None:
        await self.taking.wait()
        self.taken.set()

    def revisions(self, watch: int) -> list[int]:
        found = [response for response in self.responses if response.watch_id == watch]
        return [revision for response in found for _, _, revision in seen(response)]


async def test_a_watch_for_whose_history_there_was_no_room_has_its_events_once(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves while the store still hands it the end of its history, and begins again when there is room."""
    monkeypatch.setattr(watch_service, "MAX_PENDING", 5)
    store, watches, puts = serving.store, 4, 20
    for _ in range(puts):
        await store.put(b"k", b"")
    call: Any = SlowCall()
    session = asyncio.ensure_future(watch_service.WatchService(store).watch(call))
    for _ in range(watches):
        create = {"key": b"k", "start_revision": 1}
        call.requests.put_nowait(messages.WatchRequest(create_request=create))
    for _ in range(100):
        await asyncio.sleep(0)  # as far as it goes without the client
    call.taking.set()
    for last in range(puts + 1, puts + 4):
        async with asyncio.timeout(10):
            while any(last not in call.revisions(watch) for watch in range(watches)):
                call.taken.clear()
                await call.taken.wait()
        await store.put(b"k", b"")
    assert len(store.replicas.subscriptions) == watches
    for watch in range(watches):
        assert call.revisions(watch)[: puts + 2] == [*range(2, puts + 4)]
    session.cancel()
    await asyncio.gather(session, return_exceptions=True)


async def test_progress_of_all_overtakes_no_event(serving: Serving) -> None:
    """One watch is written, and while the other one is, both get more: that is not part of the progress."""
    call: Any = SlowCall()
    session = asyncio.ensure_future(watch_service.WatchService(serving.store).watch(call))
    for _ in range(2):
        call.requests.put_nowait(messages.WatchRequest(create_request={"key": b"k"}))

    async def take() -> None:
        """One response."""
        call.taking.set()
        call.taking.clear()
        for _ in range(10):
            await asyncio.sleep(0)

    for _ in range(50):
        await take()
    assert [response.created for response in call.responses] == [True, True]
    puts = 20
    for _ in range(puts):
        call.requests.put_nowait(messages.WatchRequest(progress_request={}))
        await serving.store.put(b"k", b"")
        await take()
    for _ in range(5 * puts):
        await take()
    told = dict.fromkeys(range(2), 1)
    progress = 0
    for response in call.responses[2:]:
        if response.watch_id in told:
            assert response.header.revision > progress
            told[response.watch_id] = response.header.revision
        else:
            progress = response.header.revision
    assert progress == puts + 1
    assert told == dict.fromkeys(range(2), puts + 1)
    session.cancel()
    await asyncio.gather(session, return_exceptions=True)


async def test_a_slow_client_whose_place_is_compacted_is_told(
    serving: Serving, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_service, "MAX_PENDING", 50)
    slow = Watching(caller)
    await slow.create(b"k", range_end=b"l")
    for number in range(600):
        await serving.store.put(b"k%d" % (number % 7), b"v" * 20_000)
    await serving.store.compact(600)
    last = 0
    while not (response := await slow.read()).canceled:
        last = response.events[-1].kv.mod_revision
    assert response.compact_revision == 600
    assert 1 < last < 600


async def test_the_end_of_the_server_ends_the_stream(serving: Serving, watching: Watching) -> None:
    await watching.create(b"a")
    await serving.server.aclose()
    with pytest.raises(grpc.aio.AioRpcError, match="etcdserver: server stopped"):
        await watching.read()


async def test_who_asks_without_listening_is_not_heard_for_ever(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nobody to read the answers, requests stay where the client's window ends."""
    monkeypatch.setattr(calls, "HIGH_WATER", 1_000)
    host, port = serving.endpoint.split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    fields = {":method": "POST", ":path": "/etcdserverpb.Watch/Watch", "content-type": "application/grpc"}
    head = encode([(name.encode(), value.encode()) for name, value in fields.items()])
    request = messages.WatchRequest(create_request={"key": b"k", "range_end": b"a"}).SerializeToString()
    message = b"\0" + len(request).to_bytes(4, "big") + request
    writer.write(frames.PREFACE + frames.settings({frames.Setting.INITIAL_WINDOW_SIZE: 0}))
    writer.write(frames.frame(frames.HEADERS, frames.END_HEADERS, 1, head))
    for _ in range(30):
        writer.write(frames.frame(frames.DATA, 0, 1, message * 100))
    await writer.drain()
    await until(lambda: bool(serving.server._dispatcher.streaming))
    [call] = serving.server._dispatcher.streaming
    await until(lambda: len(call._requests) >= 2_500)
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(call._requests) > 2_500
    assert call.stream.queued < 1_200
    writer.transport.abort()


def test_portions_keep_revisions_together() -> None:
    events = tuple(changed(revision) for revision in (1, 1, 1, 2, 3, 3, 4))
    assert [[event.kv.mod_revision for event in each] for each in portions(events, 2)] == [
        [1, 1, 1],
        [2, 3, 3],
        [4],
    ]
    assert portions(events, 7) == [events]
    assert portions((), 7) == [()]
    assert [len(each) for each in portions(events, 7, 400)] == [3, 3, 1]
    assert [len(each) for each in portions(events, 7, 700)] == [4, 3]


def test_fragments_are_whole_events() -> None:
    events = tuple(changed(revision) for revision in range(10))
    pieces = fragments(events, 300, prev_kv=False)
    assert all(len(piece) <= 300 for piece in pieces)
    back = [
        event.kv.mod_revision for piece in pieces for event in messages.WatchResponse.FromString(piece).events
    ]
    assert back == list(range(10))
