"""The watch cache over a real store: fresh lists, watches from anywhere, bounded receivers."""

import asyncio

import pytest
from msgspec.structs import replace

from kube.api.types.core_v1 import ConfigMap, Pod, PodSpec
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.storage import cacher as cacher_module
from kube.apiserver.storage.errors import KeyNotFoundError
from kube.apiserver.storage.interface import INITIAL_EVENTS_END, ListOptions, Selection, WatchOptions
from kube.store.errors import SlowWatcherError
from kube.store.kv import Put, Txn, WatchBatch

LABELLED = Selection(matches=lambda obj: obj.metadata.labels.get("app") == "web")


def names(result):
    return [entry.object.metadata.name for entry in result.entries]


@pytest.fixture
def label(cacher, key):
    async def change(name: str, **labels: str):
        async def change(entry):
            return replace(entry.object, metadata=replace(entry.object.metadata, labels=labels))

        return await cacher.guaranteed_update(key(name), change)

    return change


class TestLists:
    async def test_the_latest_state_is_there_without_a_turn_of_the_loop(self, cacher, fill):
        await cacher.start()
        await fill("b", "a")
        list_ = cacher.get_list(ListOptions())
        with pytest.raises(StopIteration) as finished:
            list_.send(None)
        assert names(finished.value.value) == ["a", "b"]

    async def test_a_list_shares_the_entries_of_the_writers(self, cacher, fill):
        await cacher.start()
        made = await fill("a")
        result = await cacher.get_list(ListOptions())
        assert list(result.entries) == made
        assert (await cacher.get(made[0].key)) is made[0]

    async def test_a_long_selection_takes_turns_and_is_of_one_revision(self, cacher, fill, monkeypatch):
        monkeypatch.setattr(cacher_module, "JUDGED_AT_ONCE", 2)
        *_, last = await fill("a", "b", "c", "d", "e")
        await cacher.start()
        selection = Selection(matches=lambda obj: obj.metadata.name != "b")
        listing = asyncio.create_task(cacher.get_list(ListOptions(selection=selection)))
        await asyncio.sleep(0)
        assert not listing.done()
        await fill("f")
        result = await listing
        assert (names(result), result.resource_version) == (["a", "c", "d", "e"], str(last.revision))

    async def test_a_cache_is_loaded_by_portions(self, cacher, etcd3, fill, monkeypatch):
        monkeypatch.setattr(cacher_module, "LOADED_AT_ONCE", 2)
        await fill("a", "b", "c", "d", "e")
        portions, everything = [], type(etcd3).everything

        async def noted(self, **options):
            async for entries, at in everything(self, **options):
                portions.append(len(entries))
                yield entries, at

        monkeypatch.setattr(type(etcd3), "everything", noted)
        await cacher.start()
        assert portions == [2, 2, 1]
        assert len(cacher) == 5

    async def test_revisions_of_other_resources_count(self, cacher, store):
        await cacher.start()
        await store.put(b"/registry/other/a", b"1")
        result = await cacher.get_list(ListOptions())
        assert result.resource_version == str(await store.current_revision())

    async def test_a_limited_list_goes_on_where_it_stopped(self, cacher, fill):
        await fill("a/1", "a/2", "b/3")
        first = await cacher.get_list(ListOptions(limit=2))
        assert (names(first), first.remaining) == (["1", "2"], 1)
        await fill("b/4")
        rest = await cacher.get_list(ListOptions(limit=2, continue_=first.continue_))
        assert (names(rest), rest.resource_version) == (["3"], first.resource_version)

    async def test_a_filtered_page_leaves_the_rest_unsaid(self, cacher, fill):
        await fill("a/1", "a/2", "a/3")
        selection = Selection(namespace="a", matches=lambda _: True)
        result = await cacher.get_list(ListOptions(selection=selection, limit=2))
        assert result.continue_
        assert result.remaining is None

    async def test_any_state_ignores_the_limit(self, cacher, fill):
        await fill("a", "b")
        result = await cacher.get_list(ListOptions(resource_version="0", limit=1))
        assert names(result) == ["a", "b"]

    async def test_not_older_than(self, cacher, store, fill):
        made = await fill("a", "b")
        options = ListOptions(resource_version=str(made[0].revision), match="NotOlderThan")
        assert names(await cacher.get_list(options)) == ["a", "b"]

    async def test_a_revision_that_never_comes(self, cacher, store):
        ahead = await store.current_revision() + 7
        with pytest.raises(ApiError) as caught:
            await cacher.get_list(ListOptions(resource_version=str(ahead), match="NotOlderThan"))
        assert (caught.value.code, caught.value.retry_after_seconds) == (504, 1)
        assert caught.value.has_cause("ResourceVersionTooLarge")

    async def test_an_old_revision_with_a_limit_is_exact(self, cacher, fill):
        made = await fill("a", "b")
        result = await cacher.get_list(ListOptions(resource_version=str(made[0].revision), limit=5))
        assert names(result) == ["a"]


class TestGet:
    async def test_at_least_as_fresh_as_asked(self, cacher, fill, key):
        (made,) = await fill("a")
        assert (await cacher.get(key("a"), str(made.revision))).object == made.object
        assert (await cacher.get(key("a"), "0")).object == made.object

    async def test_nothing(self, cacher, key):
        with pytest.raises(KeyNotFoundError):
            await cacher.get(key("a"), "0")


class TestWatch:
    async def test_the_present_then_what_happens(self, cacher, fill, key, label, sink):
        await fill("b", "a")
        await cacher.watch(WatchOptions(), sink)
        assert sink.seen == [("ADDED", "a"), ("ADDED", "b")]
        await fill("c")
        await label("a", x="y")
        await cacher.delete(key("b"))
        assert sink.seen[2:] == [("ADDED", "c"), ("MODIFIED", "a"), ("DELETED", "b")]

    async def test_a_resumed_watch_misses_nothing_and_repeats_nothing(self, cacher, fill, key, sink):
        await cacher.start()
        made = await fill("a", "b", "c")
        await cacher.watch(WatchOptions(resource_version=str(made[0].revision)), sink)
        await cacher.delete(key("a"))
        assert sink.seen == [("ADDED", "b"), ("ADDED", "c"), ("DELETED", "a")]

    async def test_what_the_cache_has_forgotten_the_store_still_knows(self, cacher, fill, key, label, sink):
        made = await fill("a", "b")
        await label("a", x="1")
        await label("a", x="2")
        await cacher.delete(key("b"))
        await cacher.start()
        await cacher.watch(WatchOptions(resource_version=str(made[0].revision)), sink)
        assert sink.seen == [("ADDED", "b"), ("MODIFIED", "a"), ("MODIFIED", "a"), ("DELETED", "b")]
        labels = [event.entry.object.metadata.labels for event in sink.events[1:3]]
        assert labels == [{"x": "1"}, {"x": "2"}]
        assert sink.events[2].prev_entry.object.metadata.labels == {"x": "1"}
        await fill("c")
        assert sink.seen[-1] == ("ADDED", "c")

    async def test_a_selector_is_entered_and_left(self, cacher, fill, label, sink):
        await fill("a")
        await cacher.watch(WatchOptions(selection=LABELLED), sink)
        await label("a", app="web")
        await label("a", app="web", more="1")
        gone = await label("a", app="db")
        await label("a", app="db", more="1")
        assert sink.seen == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
        last = sink.events[-1].entry.object.metadata
        assert (last.labels, last.resource_version) == ({"app": "web", "more": "1"}, str(gone.revision))

    async def test_a_selector_over_forgotten_history(self, cacher, fill, label, sink):
        (made,) = await fill("a")
        await label("a", app="web")
        await label("a", app="db")
        await cacher.start()
        await cacher.watch(WatchOptions(selection=LABELLED, resource_version=str(made.revision)), sink)
        assert sink.seen == [("ADDED", "a"), ("DELETED", "a")]

    @pytest.mark.parametrize(
        ("selection", "wanted"),
        [
            (Selection(namespace="a"), [("ADDED", "1"), ("ADDED", "2")]),
            (Selection(namespace="a", name="2"), [("ADDED", "2")]),
            (Selection(namespace="b"), [("ADDED", "1")]),
        ],
        ids=["namespace", "name", "other namespace"],
    )
    async def test_the_scope_of_a_watch(self, cacher, fill, sink, selection, wanted):
        await cacher.watch(WatchOptions(selection=selection), sink)
        await fill("a/1", "b/1", "a/2")
        assert sink.seen == wanted

    async def test_a_compacted_revision_is_gone(self, cacher, store, fill, sink):
        made = await fill("a", "b", "c")
        await store.compact(await store.current_revision())
        await cacher.start()
        with pytest.raises(ApiError, match="too old resource version: ") as caught:
            await cacher.watch(WatchOptions(resource_version=str(made[0].revision)), sink)
        assert (caught.value.code, caught.value.reason) == (410, "Expired")
        assert cacher.watches == 0

    async def test_a_deletion_in_the_revision_that_is_compacted_is_not_passed_over(
        self, cacher, store, fill, key, sink
    ):
        """What the key held before is compacted, so nobody can say whether a watcher has seen it."""
        made = await fill("a", "b")
        gone = await cacher.delete(key("a"))
        await store.compact(gone.revision)
        await cacher.start()
        with pytest.raises(ApiError, match="too old resource version: ") as caught:
            await cacher.watch(WatchOptions(resource_version=str(made[1].revision)), sink)
        assert (caught.value.code, cacher.watches, sink.seen) == (410, 0, [])
        await cacher.watch(WatchOptions(resource_version=str(gone.revision)), sink)
        assert sink.seen == []

    async def test_a_change_in_the_revision_that_is_compacted_is_not_taken_for_an_addition(
        self, cacher, store, fill, label, sink
    ):
        made = await fill("a", "b")
        changed = await label("a", app="web")
        await store.compact(changed.revision)
        await cacher.start()
        with pytest.raises(ApiError, match="too old resource version: "):
            await cacher.watch(WatchOptions(resource_version=str(made[1].revision)), sink)

    async def test_an_addition_in_the_revision_that_is_compacted_is_known_to_be_one(
        self, cacher, store, fill, sink
    ):
        made = await fill("a", "b")
        await store.compact(made[1].revision)
        await cacher.start()
        await cacher.watch(WatchOptions(resource_version=str(made[0].revision)), sink)
        assert sink.seen == [("ADDED", "b")]

    async def test_a_cancelled_watch_hears_nothing_more(self, cacher, fill, sink):
        watch = await cacher.watch(WatchOptions(), sink)
        watch.cancel()
        watch.cancel()
        await fill("a")
        assert (sink.seen, sink.ends, cacher.watches) == ([], [], 0)

    async def test_a_receiver_that_falls_behind_is_closed_and_the_others_are_not(
        self, cacher, fill, sink, make_sink
    ):
        slow = make_sink(room=1)
        await cacher.watch(WatchOptions(), slow)
        await cacher.watch(WatchOptions(), sink)
        await fill("a", "b", "c")
        assert (slow.seen, slow.ends) == ([("ADDED", "a")], [None])
        assert (len(sink.seen), cacher.watches) == (3, 1)

    async def test_a_receiver_that_fails_is_closed_and_the_others_are_not(
        self, cacher, fill, sink, make_sink
    ):
        broken = make_sink()
        broken.deliver = lambda _: 1 / 0
        await cacher.watch(WatchOptions(), broken)
        await cacher.watch(WatchOptions(), sink)
        await fill("a")
        assert broken.ends == [None]
        assert sink.seen == [("ADDED", "a")]

    async def test_a_watch_from_now_on(self, cacher, fill, sink):
        await fill("a")
        await cacher.watch(WatchOptions(send_initial_events=False), sink)
        await fill("b")
        assert sink.seen == [("ADDED", "b")]

    async def test_events_during_a_long_start_come_after_it(self, cacher, fill, sink, monkeypatch):
        monkeypatch.setattr(cacher_module, "AT_ONCE", 2)
        await fill("a", "b", "c", "d", "e")
        await cacher.start()
        starting = asyncio.create_task(cacher.watch(WatchOptions(), sink))
        await asyncio.sleep(0)
        assert not sink.batches
        await fill("f")
        await starting
        assert [name for _, name in sink.seen] == ["a", "b", "c", "d", "e", "f"]


class TestBookmarks:
    async def test_they_carry_the_stores_revision(self, cacher, store, sink, make_sink):
        without = make_sink()
        await cacher.watch(WatchOptions(bookmarks=True), sink)
        await cacher.watch(WatchOptions(), without)
        await store.put(b"/registry/other/a", b"1")
        cacher.send_bookmarks()
        (event,) = sink.events
        assert event.type == "BOOKMARK"
        assert event.entry.object == ConfigMap(
            metadata=ObjectMeta(resource_version=str(await store.current_revision()))
        )
        assert not without.batches

    async def test_the_end_of_the_initial_events(self, cacher, fill, sink):
        await fill("a")
        await cacher.watch(WatchOptions(send_initial_events=True, bookmarks=True), sink)
        (batch,) = sink.batches
        assert [event.type for event in batch] == ["ADDED", "BOOKMARK"]
        meta = batch[-1].entry.object.metadata
        assert (meta.annotations, meta.resource_version) == (
            {INITIAL_EVENTS_END: "true"},
            str(cacher.revision),
        )

    async def test_a_watch_that_times_out_says_where_it_was(self, cacher, sink):
        watch = await cacher.watch(WatchOptions(bookmarks=True), sink)
        watch.finish()
        assert [event.type for event in sink.events] == ["BOOKMARK"]
        assert sink.ends == [None]


class TestFieldIndex:
    @pytest.fixture
    def node_watch(self, pods):
        async def watch(node: str, sink):
            index = ("spec.nodeName", node)

            def matches(obj):
                return obj.spec.node_name == node

            options = WatchOptions(selection=Selection(index=index, matches=matches))
            return await pods.watch(options, sink)

        return watch

    async def test_a_pod_goes_to_the_watcher_of_its_node_alone(self, pods, node_watch, make_sink):
        one, two = make_sink(), make_sink()
        await node_watch("n1", one)
        await node_watch("n2", two)
        key = b"/registry/pods/default/p"
        await pods.create(key, Pod(metadata=ObjectMeta(name="p", namespace="default")))

        def bind(node: str):
            async def change(entry):
                return replace(entry.object, spec=PodSpec(node_name=node))

            return change

        await pods.guaranteed_update(key, bind("n1"))
        await pods.guaranteed_update(key, bind("n2"))
        await pods.delete(key)
        assert one.seen == [("ADDED", "p"), ("DELETED", "p")]
        assert two.seen == [("ADDED", "p"), ("DELETED", "p")]

    async def test_watchers_of_other_nodes_are_not_even_looked_at(self, pods, make_sink):
        sinks = [make_sink() for _ in range(50)]

        def never(_):
            raise AssertionError("looked at")

        for number, each in enumerate(sinks):
            selection = Selection(index=("spec.nodeName", f"n{number}"), residual=never)
            await pods.watch(WatchOptions(selection=selection, send_initial_events=False), each)
        pod = Pod(metadata=ObjectMeta(name="p", namespace="default"), spec=PodSpec(node_name="other"))
        await pods.create(b"/registry/pods/default/p", pod)
        assert not any(each.ends or each.batches for each in sinks)

    async def test_an_index_within_a_namespace(self, pods, sink):
        selection = Selection(namespace="a", index=("spec.nodeName", "n"))
        await pods.watch(WatchOptions(selection=selection), sink)
        for namespace in ("a", "b"):
            pod = Pod(metadata=ObjectMeta(name="p", namespace=namespace), spec=PodSpec(node_name="n"))
            await pods.create(f"/registry/pods/{namespace}/p".encode(), pod)
        assert [event.entry.object.metadata.namespace for event in sink.events] == ["a"]


class TestTrouble:
    async def test_a_value_that_cannot_be_read_ends_the_cache_until_it_is_gone(
        self, cacher, store, clock, fill, sink, key
    ):
        await cacher.watch(WatchOptions(), sink)
        await store.put(key("bad"), b"{")
        assert not cacher.ready
        with pytest.raises(ApiError, match="storage is \\(re\\)initializing") as caught:
            await cacher.start()
        assert caught.value.code == 429
        await asyncio.sleep(0)
        assert sink.ends == [None]
        await store.delete_range(key("bad"))
        while not cacher.ready:
            clock.advance(1)
            await asyncio.sleep(0)
        await fill("a")
        assert names(await cacher.get_list(ListOptions())) == ["a"]

    async def test_what_it_held_can_be_peeked_at_while_another_value_cannot_be_read(
        self, cacher, store, clock, fill, key
    ):
        await fill("a")
        await cacher.start()
        a = cacher.peek(key("a"))
        await store.put(key("bad"), b"{")
        for _ in range(3):
            clock.advance(1)
            await asyncio.sleep(0)
        assert (cacher.ready, cacher.holds_state) == (False, True)
        assert (cacher.peek(key("a")), list(cacher.peek_all())) == (a, [a])

    async def test_one_that_never_had_a_state_holds_none(self, cacher, store, key):
        await store.put(key("bad"), b"{")
        with pytest.raises(ApiError, match="storage is \\(re\\)initializing"):
            await cacher.start()
        assert not cacher.holds_state

    async def test_a_store_that_closes_a_slow_stream_is_followed_from_there(self, cacher, fill, sink):
        await cacher.watch(WatchOptions(), sink)
        await fill("a")
        cacher._stream.cancel()
        await fill("b")
        cacher._receive(WatchBatch((), cacher.revision, SlowWatcherError(cacher.revision + 1)))
        assert not cacher.ready
        await cacher.start()
        await fill("c")
        assert (sink.seen, sink.ends) == ([("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c")], [])

    async def test_what_the_store_has_compacted_meanwhile_is_listed_anew(
        self, cacher, store, fill, sink, key
    ):
        await cacher.watch(WatchOptions(), sink)
        await fill("a", "b")
        cacher._stream.cancel()
        await cacher.delete(key("a"))
        await fill("c")
        await store.compact(await store.current_revision())
        cacher._receive(WatchBatch((), cacher.revision, SlowWatcherError(cacher.revision + 1)))
        assert names(await cacher.get_list(ListOptions())) == ["b", "c"]
        assert sink.ends == [None]

    async def test_close_ends_the_watches(self, cacher, sink):
        await cacher.watch(WatchOptions(), sink)
        cacher.close()
        assert sink.ends == [None]
        with pytest.raises(ApiError, match="shut down"):
            await cacher.get_list(ListOptions())

    async def test_several_events_of_one_batch_arrive_together(self, cacher, store, sink, etcd3, config_map):
        """A transaction is one revision, and one batch to each watcher."""
        await cacher.watch(WatchOptions(), sink)
        values = {name: b'{"metadata":{"name":"%b"}}' % name.encode() for name in ("a", "b")}
        puts = tuple(Put(etcd3.prefix + f"default/{name}".encode(), value) for name, value in values.items())
        await store.txn(Txn(success=puts))
        assert [len(batch) for batch in sink.batches] == [2]
        assert sink.seen == [("ADDED", "a"), ("ADDED", "b")]

    @pytest.mark.parametrize("what", ["list", "watch", "get"])
    async def test_who_waits_for_a_cache_that_is_shut_down_is_told_so(
        self, cacher, etcd3, tasks, key, sink, monkeypatch, what
    ):
        async def never(self):
            await asyncio.Event().wait()
            yield [], 0

        monkeypatch.setattr(type(etcd3), "everything", never)
        asked = {
            "list": lambda: cacher.get_list(ListOptions()),
            "watch": lambda: cacher.watch(WatchOptions(), sink),
            "get": lambda: cacher.get(key("a"), "0"),
        }
        waiting = asyncio.create_task(asked[what]())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        cacher.close()
        await tasks.aclose()
        with pytest.raises(ApiError, match="storage is shut down") as caught:
            await waiting
        assert caught.value.code == 503

    async def test_a_watch_that_begins_while_the_cache_is_shut_down_does_not_hang(
        self, cacher, etcd3, sink, monkeypatch
    ):
        await cacher.start()
        asked, answer = asyncio.Event(), asyncio.Event()
        current_revision = type(etcd3).current_revision

        async def late(self):
            asked.set()
            await answer.wait()
            return await current_revision(self)

        monkeypatch.setattr(type(etcd3), "current_revision", late)
        waiting = asyncio.create_task(cacher.watch(WatchOptions(), sink))
        await asked.wait()
        cacher.close()
        answer.set()
        with pytest.raises(ApiError, match="storage is shut down"):
            await waiting
        assert cacher.watches == 0
