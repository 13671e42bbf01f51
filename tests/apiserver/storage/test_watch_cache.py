"""The state of a watch cache against a plain model of it."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.api.types.core_v1 import Pod, PodSpec
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.storage.interface import Entry, Selection
from kube.apiserver.storage.watch_cache import FRESH_SECONDS, MAX_HISTORY, MIN_HISTORY, CacheEvent, WatchCache

PREFIX = b"/registry/pods/"


def node_name(obj: Pod) -> str:
    return obj.spec.node_name


def make_cache() -> WatchCache:
    return WatchCache(PREFIX, {"spec.nodeName": node_name})


def entry(namespace: str, name: str, revision: int, node: str = "", **labels: str) -> Entry:
    obj = Pod(
        metadata=ObjectMeta(name=name, namespace=namespace, resource_version=str(revision), labels=labels),
        spec=PodSpec(node_name=node),
    )
    return Entry(PREFIX + f"{namespace}/{name}".encode(), revision, obj)


@dataclass(frozen=True)
class Step:
    namespace: str
    name: str
    node: str
    delete: bool


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(["a", "a-b", "b"]),
        st.sampled_from(["x", "x-y", "y", "z"]),
        st.sampled_from(["", "n1", "n2"]),
        st.booleans(),
    ),
    max_size=40,
)


@given(STEPS)
def test_every_way_to_look_shows_what_a_plain_dict_would(steps):
    cache, model = make_cache(), {}
    for revision, step in enumerate(steps, 1):
        made = entry(step.namespace, step.name, revision, step.node)
        if step.delete:
            change = cache.delete(made.key, revision, 0.0)
            gone = model.pop(made.key, None)
            assert (change is None) is (gone is None)
            assert change is None or (change.prev is gone and change.entry is None)
        else:
            change = cache.put(made, 0.0)
            assert change.prev is model.get(made.key)
            model[made.key] = made
        everything = [model[key] for key in sorted(model)]
        assert cache.select(Selection()) == everything
        assert len(cache) == len(model)
    for namespace in ("a", "a-b", "b", "none"):
        inside = [each for each in everything_of(model) if each.object.metadata.namespace == namespace]
        assert cache.select(Selection(namespace=namespace)) == inside
        for node in ("n1", "n2", "n3"):
            index = ("spec.nodeName", node)
            there = [each for each in inside if node_name(each.object) == node]
            assert cache.select(Selection(namespace=namespace, index=index)) == there
    for node in ("", "n1", "n2"):
        there = [each for each in everything_of(model) if node_name(each.object) == node]
        assert cache.select(Selection(index=("spec.nodeName", node))) == there
    for key, held in model.items():
        assert cache.get(key) is held


def everything_of(model):
    return [model[key] for key in sorted(model)]


def test_a_name_is_looked_up():
    cache = make_cache()
    held = entry("a", "x", 1)
    cache.load(held)
    assert cache.select(Selection(namespace="a", name="x")) == [held]
    assert cache.select(Selection(namespace="a", name="x", matches=lambda _: False)) == []
    assert cache.select(Selection(namespace="a", name="y")) == []


def test_an_index_is_narrowed_by_the_residual_and_not_by_all_again():
    cache = make_cache()
    held = entry("a", "x", 1, "n1", app="web")
    cache.load(held)

    def all_of_it(_: Pod) -> bool:
        raise AssertionError("the index has judged this already")

    selection = Selection(
        index=("spec.nodeName", "n1"),
        matches=all_of_it,
        residual=lambda obj: obj.metadata.labels.get("app") == "web",
    )
    assert cache.select(selection) == [held]


class TestHistory:
    def test_what_happened_after_a_revision(self):
        cache = make_cache()
        events = [cache.put(entry("a", f"p{revision}", revision), 0.0) for revision in range(1, 6)]
        assert cache.since(3) == events[3:]
        assert cache.since(5) == []
        assert cache.since(0) == events

    def test_old_events_go_once_there_are_enough(self):
        cache = make_cache()
        for revision in range(1, MIN_HISTORY + 1):
            cache.put(entry("a", "p", revision), 0.0)
        cache.put(entry("a", "p", 500), FRESH_SECONDS + 1)
        assert cache.floor == 1
        assert len(cache.history) == MIN_HISTORY

    def test_the_history_is_bounded(self):
        cache = make_cache()
        for revision in range(1, MAX_HISTORY + 11):
            cache.put(entry("a", "p", revision), 0.0)
        assert cache.floor == 10
        assert len(cache.history) == MAX_HISTORY

    def test_what_is_loaded_is_no_event(self):
        cache = make_cache()
        cache.load(entry("a", "p", 1))
        assert not cache.history

    def test_clear_forgets_everything(self):
        cache = make_cache()
        cache.put(entry("a", "p", 1, "n1"), 0.0)
        cache.clear()
        assert (cache.revision, cache.floor, len(cache), list(cache.history)) == (0, 0, 0, [])
        assert cache.select(Selection(index=("spec.nodeName", "n1"))) == []


OLD, NEW = entry("a", "x", 1, app="old"), entry("a", "x", 2, app="new")


class TestCacheEvent:
    @pytest.mark.parametrize(
        ("was", "now", "type_"),
        [(False, True, "ADDED"), (True, True, "MODIFIED"), (True, False, "DELETED"), (False, False, None)],
        ids=["enters", "stays", "leaves", "never there"],
    )
    def test_what_a_selector_sees_of_a_change(self, was, now, type_):
        event = CacheEvent(NEW.key, b"a", 2, entry=NEW, prev=OLD)
        seen = event.filtered(
            lambda obj: was if obj.metadata.labels["app"] == "old" else now, was=True, now=True
        )
        assert (seen and seen.type) == type_

    def test_who_sees_the_same_shares_one_event(self):
        event = CacheEvent(NEW.key, b"a", 2, entry=NEW, prev=OLD)
        assert event.seen(True, True) is event.seen(True, True)
        assert event.seen(True, False) is event.seen(True, False)

    @pytest.mark.parametrize("held", [NEW, None], ids=["left the selection", "is gone"])
    def test_a_deletion_shows_the_last_state_under_its_own_revision(self, held):
        seen = CacheEvent(OLD.key, b"a", 9, entry=held, prev=OLD).seen(True, False)
        assert seen is not None
        assert seen.type == "DELETED"
        assert seen.entry.object.metadata.labels == {"app": "old"}
        assert seen.entry.object.metadata.resource_version == "9"
        assert seen.prev_entry is OLD
