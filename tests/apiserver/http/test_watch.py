"""Watches over HTTP: shared frames, bounded buffers, ends, the older forms and the WebSocket."""

import asyncio
import json

import aiohttp
import pytest

from kube.api.types.core_v1 import ConfigMap
from kube.apimachinery.errors import expired
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.endpoints.interface import Entry, StoredEvent
from kube.apiserver.endpoints.negotiation import PLAIN, Representation
from kube.apiserver.http import watch as watch_module
from kube.apiserver.http.watch import Flusher, Frames, WatchStream

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
ROOT = {"Authorization": "Bearer root"}


class Watch:
    """Reads events from a response."""

    def __init__(self, response):
        self.response = response

    async def next(self):
        line = await asyncio.wait_for(self.response.content.readline(), 5)
        return json.loads(line) if line else None

    async def take(self, number):
        return [await self.next() for _ in range(number)]

    async def rest(self):
        found = []
        while (event := await self.next()) is not None:
            found.append(event)
        return found


@pytest.fixture
async def watch(api):
    """Opens watches, and closes them."""
    responses = []

    async def open_watch(path=f"{CONFIG_MAPS}?watch=true", **headers):
        response = await api.session.get(api.url + path, headers=ROOT | headers)
        responses.append(response)
        assert response.status == 200, await response.text()
        return Watch(response)

    yield open_watch
    for response in responses:
        response.close()


def seen(events):
    return [(event["type"], event["object"]["metadata"]["name"]) for event in events]


async def test_a_watch_begins_with_the_present_and_goes_on(api, watch):
    await api.create("a")
    stream = await watch()
    assert stream.response.headers["Content-Type"] == "application/json"
    assert stream.response.headers["Transfer-Encoding"] == "chunked"
    assert seen(await stream.take(1)) == [("ADDED", "a")]
    await api.create("b")
    await api.call(
        "PATCH",
        f"{CONFIG_MAPS}/a",
        b'{"data":{"x":"1"}}',
        headers={"Content-Type": "application/merge-patch+json"},
    )
    await api.call("DELETE", f"{CONFIG_MAPS}/b")
    events = await stream.take(3)
    assert seen(events) == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]
    assert (events[0]["object"]["kind"], events[0]["object"]["apiVersion"]) == ("ConfigMap", "v1")
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))


async def test_a_watch_from_a_version_sees_what_came_after_it(api, watch):
    first = await api.create("a")
    await api.create("b")
    stream = await watch(f"{CONFIG_MAPS}?watch=1&resourceVersion={first['metadata']['resourceVersion']}")
    assert seen(await stream.take(1)) == [("ADDED", "b")]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/watch/namespaces/default/configmaps",
        "/api/v1/watch/configmaps",
        "/api/v1/watch/namespaces/default/configmaps/b",
    ],
)
async def test_the_older_paths(api, watch, path):
    await api.create("b")
    assert seen(await (await watch(path)).take(1)) == [("ADDED", "b")]


async def test_a_watch_of_one_name_sees_no_other(api, watch):
    await api.create("a")
    stream = await watch(f"{CONFIG_MAPS}?watch=1&fieldSelector=metadata.name%3Db")
    await api.create("c")
    await api.create("b")
    assert seen(await stream.take(1)) == [("ADDED", "b")]


async def test_a_watch_ends_after_its_time(api, watch):
    await api.create("a")
    stream = await watch(f"{CONFIG_MAPS}?watch=1&timeoutSeconds=1")
    assert seen(await stream.rest()) == [("ADDED", "a")]
    assert stream.response.content.at_eof()
    assert (await api.get("/healthz")).status == 200


async def test_a_watch_from_the_compacted_past_is_told_so(api, watch):
    reply = await api.get(f"{CONFIG_MAPS}?watch=1&resourceVersion=nonsense")
    assert (reply.status, reply.json["reason"]) == (400, "BadRequest")


async def test_many_events_reach_every_watcher_in_the_same_order(api, watch):
    streams = [await watch() for _ in range(5)]
    await asyncio.gather(*(api.create(f"c{i}") for i in range(40)))
    orders = [[name for _, name in seen(await stream.take(40))] for stream in streams]
    assert all(order == orders[0] for order in orders)
    assert sorted(orders[0]) == sorted(f"c{i}" for i in range(40))


async def test_tables_have_columns_in_the_first_event_only(api, watch):
    await api.create("a")
    await api.create("b")
    stream = await watch(Accept="application/json;as=Table;v=v1;g=meta.k8s.io")
    first, second = (event["object"] for event in await stream.take(2))
    assert (first["kind"], len(first["rows"]), len(first["columnDefinitions"])) == ("Table", 1, 3)
    assert (second["kind"], second["rows"][0]["cells"][0], second["columnDefinitions"]) == ("Table", "b", [])
    metadata = await watch(Accept="application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io")
    assert (await metadata.next())["object"]["kind"] == "PartialObjectMetadata"


@pytest.fixture
def left(monkeypatch):
    """Set when a stream has lost its client."""
    event, lost = asyncio.Event(), WatchStream.lost

    def telling(stream):
        lost(stream)
        event.set()

    monkeypatch.setattr(WatchStream, "lost", telling)
    return event


async def test_a_watcher_that_leaves_ends_its_watch(api, watch, left):
    before = watchers(api)
    stream = await watch()
    assert watchers(api) == before + 1
    stream.response.close()
    await asyncio.wait_for(left.wait(), 5)
    assert watchers(api) == before


def watchers(api):
    return sum(len(cacher._watchers) for _, cacher in api.core.factory.cachers())


async def test_stopping_the_server_ends_watches_in_an_orderly_way(api, watch):
    await api.create("a")
    stream = await watch()
    assert seen(await stream.take(1)) == [("ADDED", "a")]
    async with asyncio.timeout(2):
        stopped = asyncio.ensure_future(api.http.stop())
        assert await stream.rest() == []
        await stopped


async def test_a_websocket_carries_one_event_per_message(api, left):
    await api.create("a")
    await api.create("b")
    async with api.session.ws_connect(api.url + f"{CONFIG_MAPS}?watch=true", headers=ROOT) as socket:
        events = [json.loads((await socket.receive(5)).data) for _ in range(2)]
        assert seen(events) == [("ADDED", "a"), ("ADDED", "b")]
        await api.create("c")
        assert seen([json.loads((await socket.receive(5)).data)]) == [("ADDED", "c")]
    await asyncio.wait_for(left.wait(), 5)
    assert watchers(api) == 0


async def test_a_websocket_ends_with_the_watch(api):
    async with api.session.ws_connect(
        api.url + f"{CONFIG_MAPS}?watch=true&timeoutSeconds=1", headers=ROOT
    ) as socket:
        assert (await socket.receive(5)).type is aiohttp.WSMsgType.CLOSE


async def test_stopping_the_server_ends_websockets(api):
    async with api.session.ws_connect(api.url + f"{CONFIG_MAPS}?watch=true", headers=ROOT) as socket:
        async with asyncio.timeout(2):
            stopped = asyncio.ensure_future(api.http.stop())
            assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
            await stopped


async def test_what_is_no_websocket_handshake_is_refused(api):
    reply = await api.get(
        f"{CONFIG_MAPS}?watch=true", headers={"Connection": "Upgrade", "Upgrade": "websocket"}
    )
    assert reply.status == 400
    assert watchers(api) == 0


# -- the stream itself, over a writer that tests control


class Writer:
    def __init__(self):
        self.frames = []
        self.congested = False
        self.aborted = False
        self.finished = False

    def write(self, frame):
        self.frames.append(frame)

    def abort(self):
        self.aborted = True

    def finish(self):
        self.finished = True

    @property
    def events(self):
        lines = b"".join(self.frames).split(b"\r\n")[1::2]
        return [json.loads(line) for line in lines]


class Handle:
    cancelled = False

    def cancel(self):
        self.cancelled = True


def event(name, type_="ADDED"):
    return StoredEvent(
        type_, Entry(name.encode(), 5, ConfigMap(metadata=ObjectMeta(name=name, resource_version="5")))
    )


def new_stream(form=PLAIN):
    return WatchStream(Frames(form, ("", "ConfigMap"), "Metadata", lambda: 0.0, chunked=True), Flusher())


async def turn():
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # turns of the loop are what it is about
            await asyncio.sleep(0)


async def test_events_of_one_turn_are_one_write():
    stream, writer = new_stream(), Writer()
    stream.deliver([event("a")])
    stream.started(Handle())
    stream.opened(writer, writer.finish)
    stream.deliver([event("b")])
    stream.deliver([event("c"), event("d")])
    await turn()
    assert len(writer.frames) == 1
    assert seen(writer.events) == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c"), ("ADDED", "d")]


async def test_frames_are_made_once_for_all_streams():
    one = event("a")
    writers = [Writer(), Writer()]
    for writer in writers:
        stream = new_stream()
        stream.opened(writer, writer.finish)
        stream.started(Handle())
        stream.deliver([one])
    await turn()
    assert writers[0].frames[0] is writers[1].frames[0]


async def test_others_have_turns_while_many_streams_write(monkeypatch):
    """What comes while the first streams write is one more write for them, and part of the only one for the last."""
    monkeypatch.setattr(watch_module, "_TURN_SECONDS", 0.0)
    monkeypatch.setattr(watch_module, "_TURN_SECONDS_PER_EVENT", 0.0)
    flusher = Flusher()
    frames = [Frames(PLAIN, ("", "ConfigMap"), "", lambda: 0.0, chunked=True) for _ in range(8)]
    streams, writers = [WatchStream(each, flusher) for each in frames], [Writer() for _ in range(8)]
    for stream, writer in zip(streams, writers, strict=True):
        stream.opened(writer, writer.finish)
        stream.started(Handle())
    await until(lambda: not flusher._scheduled)
    for stream in streams:
        stream.deliver([event("a")])
    await until(lambda: writers[0].frames)
    assert not writers[-1].frames
    for stream in streams:
        stream.deliver([event("b")])
    await until(lambda: not flusher._scheduled)
    assert [seen(writer.events) for writer in writers] == [[("ADDED", "a"), ("ADDED", "b")]] * 8
    assert (len(writers[0].frames), len(writers[-1].frames)) == (2, 1)


async def test_a_stream_that_cannot_be_written_stops_no_other():
    flusher, broken, sound = Flusher(), Writer(), Writer()
    broken.write = broken.abort = None
    for writer in (broken, sound):
        stream = WatchStream(Frames(PLAIN, ("", "ConfigMap"), "", lambda: 0.0, chunked=True), flusher)
        stream.opened(writer, writer.finish)
        stream.started(Handle())
        stream.deliver([event("a")])
    await turn()
    assert seen(sound.events) == [("ADDED", "a")]


async def test_an_error_is_the_last_event():
    stream, writer = new_stream(), Writer()
    stream.opened(writer, writer.finish)
    stream.started(Handle())
    stream.deliver([event("a")])
    stream.closed(expired("too old resource version: 1 (5)"))
    await turn()
    assert writer.finished
    last = writer.events[-1]
    assert (last["type"], last["object"]["kind"], last["object"]["code"]) == ("ERROR", "Status", 410)
    assert last["object"]["reason"] == "Expired"


async def test_a_peer_that_does_not_read_is_cut_off(monkeypatch):
    monkeypatch.setattr(watch_module, "MAX_PENDING", 3)
    stream, writer, handle = new_stream(), Writer(), Handle()
    writer.congested = True
    stream.deliver([event(f"i{i}") for i in range(10)])
    stream.started(handle)
    stream.opened(writer, writer.finish)
    assert all(stream.deliver([event("x")]) for _ in range(3))
    assert stream.deliver([event("y")]) is False
    stream.closed(None)
    await turn()
    assert (writer.aborted, writer.finished, writer.frames) == (True, False, [])


async def test_a_congested_stream_goes_on_where_it_stopped():
    stream, writer = new_stream(), Writer()
    stream.opened(writer, writer.finish)
    stream.started(Handle())
    writer.congested = True
    stream.deliver([event("a")])
    await turn()
    assert writer.frames == []
    writer.congested = False
    stream.resumed()
    await turn()
    assert seen(writer.events) == [("ADDED", "a")]


async def test_an_event_that_cannot_be_shown_ends_the_stream(caplog):
    stream, writer, handle = new_stream(), Writer(), Handle()
    stream.opened(writer, writer.finish)
    stream.started(handle)
    broken = event("a")
    broken.entry.object = object()
    stream.deliver([broken])
    await turn()
    assert (writer.aborted, handle.cancelled, writer.frames) == (True, True, [])
    assert "a watch event cannot be encoded" in caplog.text


async def test_a_lost_peer_cancels_the_watch():
    stream, handle, writer = new_stream(), Handle(), Writer()
    stream.started(handle)
    stream.opened(writer, writer.finish)
    stream.lost()
    stream.deliver([event("a")])
    await turn()
    assert (handle.cancelled, writer.frames) == (True, [])


async def test_a_watch_that_ends_before_its_stream_is_opened_is_still_told():
    stream, writer = new_stream(Representation()), Writer()
    stream.closed(None)
    stream.started(Handle())
    stream.opened(writer, writer.finish)
    await turn()
    assert writer.finished
