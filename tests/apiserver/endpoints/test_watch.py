"""Watches end after their time, and are forgotten when they end earlier."""

import asyncio

import pytest

from kube.api.types.authentication_v1 import UserInfo
from kube.api.types.core_v1 import ConfigMap
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.endpoints.watch import MIN_SECONDS
from kube.client.interface import Options, Request


@pytest.fixture
def watch(server):
    server.install("configmaps")

    async def start(sink, **options):
        request = Request(verb="watch", resource=server.row("configmaps"), options=Options(**options))
        return await server.verbs.watch(request, UserInfo(username="u"), sink)

    return start


@pytest.fixture
def create(server):
    async def do(name):
        body = ConfigMap(metadata=ObjectMeta(name=name))
        row = server.row("configmaps")
        await server.client.call(Request(verb="create", resource=row, namespace="default", body=body))

    return do


async def turn(clock, seconds):
    await asyncio.sleep(0)
    clock.advance(seconds)
    for _ in range(3):
        await asyncio.sleep(0)


async def test_it_ends_when_it_was_asked_to(watch, clock, sink):
    await watch(sink, timeout_seconds=10, allow_watch_bookmarks=True)
    await turn(clock, 9)
    assert not sink.ends
    await turn(clock, 2)
    assert [event.type for event in sink.events] == ["BOOKMARK"]
    assert sink.ends == [None]


async def test_it_ends_even_if_nobody_asked(watch, clock, make_sink):
    sinks = [make_sink() for _ in range(5)]
    for each in sinks:
        await watch(each)
    await turn(clock, MIN_SECONDS)
    assert not any(each.ends for each in sinks)
    await turn(clock, MIN_SECONDS)
    assert all(each.ends == [None] for each in sinks)


async def test_a_cancelled_watch_is_silent(watch, clock, create, sink):
    handle = await watch(sink, timeout_seconds=10)
    handle.cancel()
    handle.cancel()
    await create("a")
    await turn(clock, 20)
    assert (sink.batches, sink.ends) == ([], [])


async def test_a_watch_that_was_closed_is_not_closed_again(watch, clock, create, make_sink):
    sink = make_sink(room=0)
    await watch(sink, timeout_seconds=10)
    await create("a")
    assert sink.ends == [None]
    await turn(clock, 20)
    assert sink.ends == [None]


async def test_selectors_narrow_it(watch, create, sink):
    await watch(sink, field_selector="metadata.name!=b")
    for name in ("a", "b", "c"):
        await create(name)
    assert sink.seen == [("ADDED", "a"), ("ADDED", "c")]


async def test_a_selector_that_cannot_be_read(watch, sink):
    with pytest.raises(ApiError) as caught:
        await watch(sink, label_selector="a=b=c")
    assert caught.value.code == 400


async def test_initial_events_are_there_when_it_has_begun(watch, create, sink):
    await create("a")
    await watch(
        sink, send_initial_events=True, allow_watch_bookmarks=True, resource_version_match="NotOlderThan"
    )
    assert [event.type for event in sink.events] == ["ADDED", "BOOKMARK"]


async def test_one_that_begins_while_the_server_stops_is_over_at_once(watch, server, sink):
    await server.verbs.aclose()
    await watch(sink)
    assert sink.ends == [None]
