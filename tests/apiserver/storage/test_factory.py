"""One storage for each resource, shared by its versions; bookmarks for all of them."""

import asyncio

from kube.apiserver.storage.factory import BOOKMARK_SECONDS
from kube.apiserver.storage.interface import WatchOptions


async def test_versions_share_a_storage(factory, table):
    one = factory.storage(table.get("", "v1", "events"), {})
    two = factory.storage(table.get("events.k8s.io", "v1", "events"), {})
    assert one is two
    assert [prefix for prefix, _ in factory.cachers()] == ["/registry/events/"]


async def test_bookmarks_come_by_themselves(factory, table, clock, sink):
    factory.start()
    cacher = factory.storage(table.get("", "v1", "pods"), {})
    await cacher.watch(WatchOptions(bookmarks=True), sink)
    for _ in range(2):
        await asyncio.sleep(0)
        clock.advance(BOOKMARK_SECONDS)
        await asyncio.sleep(0)
    assert [event.type for event in sink.events] == ["BOOKMARK", "BOOKMARK"]


async def test_a_removed_resource_ends_its_watches(factory, table, sink):
    pods = table.get("", "v1", "pods")
    cacher = factory.storage(pods, {})
    await cacher.watch(WatchOptions(), sink)
    factory.remove(pods)
    factory.remove(pods)
    assert sink.ends == [None]
    assert factory.storage(pods, {}) is not cacher


async def test_aclose_ends_everything(factory, table, sink):
    factory.start()
    await factory.storage(table.get("", "v1", "pods"), {}).watch(WatchOptions(), sink)
    await factory.aclose()
    assert sink.ends == [None]
