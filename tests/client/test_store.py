"""The indexer and its lister against a model: a plain dictionary."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.api.types.core_v1 import Pod, PodSpec
from kube.apimachinery import labels
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.client.keys import key_of, meta_namespace_key, split_meta_namespace_key
from kube.client.store import Indexer


def pod(
    name: str,
    *,
    namespace: str = "default",
    node: str = "",
    version: str = "1",
    uid: str = "",
    **matched: str,
) -> Pod:
    return Pod(
        metadata=ObjectMeta(
            name=name, namespace=namespace, uid=uid or name, resource_version=version, labels=matched
        ),
        spec=PodSpec(node_name=node),
    )


def by_node(obj: Pod) -> tuple[str, ...]:
    return (obj.spec.node_name,) if obj.spec.node_name else ()


@pytest.mark.parametrize(
    ("namespace", "name", "key"),
    [("default", "a", "default/a"), ("", "node-1", "node-1")],
    ids=["namespaced", "cluster-scoped"],
)
def test_keys_are_namespace_and_name(namespace, name, key):
    assert key_of(namespace, name) == key
    assert meta_namespace_key(pod(name, namespace=namespace)) == key
    assert split_meta_namespace_key(key) == (namespace, name)


def test_a_key_has_at_most_two_parts():
    with pytest.raises(ValueError, match='unexpected key format: "a/b/c"'):
        split_meta_namespace_key("a/b/c")


def test_put_tells_additions_and_updates():
    store = Indexer()
    first, second = pod("a", version="1"), pod("a", version="2")
    assert store.put(first) == ((None, first),)
    assert store.put(second) == ((first, second),)
    assert store.get("default", "a") is second
    assert store.get_by_key("default/a") is second


def test_the_same_version_again_is_no_change():
    store = Indexer()
    store.put(pod("a", version="7"))
    assert store.put(pod("a", version="7")) == ()


def test_an_object_made_again_under_its_name_is_a_deletion_and_an_addition():
    store = Indexer({"node": by_node})
    old, new = pod("a", uid="1", node="n1"), pod("a", uid="2", node="n2", version="2")
    store.put(old)
    assert store.put(new) == ((old, None), (None, new))
    assert store.by_index("node", "n1") == ()
    assert store.by_index("node", "n2") == (new,)


def test_remove_tells_the_last_state():
    store = Indexer()
    store.put(pod("a"))
    last = pod("a", version="9")
    assert store.remove(last) == ((last, None),)
    assert store.remove(last) == ()
    assert len(store) == 0
    assert store.namespaces() == ()


def test_replace_tells_what_vanished_what_changed_and_what_came():
    store = Indexer()
    kept, changed, vanished = pod("kept"), pod("changed"), pod("vanished")
    for obj in (kept, changed, vanished):
        store.put(obj)
    newer, came = pod("changed", version="2"), pod("came")
    changes = list(store.replace([came, newer, pod("kept")]))
    assert changes == [(vanished, None), (None, came), (changed, newer)]


def test_an_object_made_again_is_a_deletion_and_an_addition_that_replace_makes_one_by_one():
    store: Indexer[Pod] = Indexer()
    old, new = pod("a", uid="1"), pod("a", uid="2")
    store.put(old)
    assert next(store.replace([new])) == (old, None)
    assert len(store) == 0
    assert list(store.replace([new])) == [(None, new)]


def test_replace_goes_on_where_it_was_left():
    store = Indexer()
    goal = [pod(str(number)) for number in range(10)]
    lazily = store.replace(goal)
    told = [next(lazily) for _ in range(4)]
    told += list(store.replace(goal))
    assert told == [(None, obj) for obj in goal]


def test_list_selects_by_namespace_and_labels():
    store = Indexer()
    web, db, far = pod("web", app="web"), pod("db", app="db"), pod("web", namespace="far", app="web")
    for obj in (web, db, far):
        store.put(obj)
    selector = labels.parse("app=web")
    assert store.list() == (web, db, far)
    assert store.list(namespace="default") == (web, db)
    assert store.list(selector) == (web, far)
    assert store.list(selector, namespace="far") == (far,)
    assert store.list(namespace="nowhere") == ()


def test_a_list_does_not_change_under_its_reader():
    store = Indexer()
    store.put(pod("a"))
    seen = store.list()
    store.put(pod("b"))
    assert [obj.metadata.name for obj in seen] == ["a"]


def test_an_index_covers_what_was_there_before_it():
    store = Indexer()
    here = pod("a", node="n1")
    store.put(here)
    store.add_index("node", by_node)
    store.add_index("node", by_node)
    assert store.by_index("node", "n1") == (here,)
    assert store.index_values("node") == ("n1",)
    with pytest.raises(ValueError, match="index node has another function"):
        store.add_index("node", lambda _: ())
    with pytest.raises(KeyError):
        store.by_index("zone", "a")


steps = st.lists(
    st.tuples(
        st.sampled_from(["put", "remove", "replace"]),
        st.lists(
            st.builds(
                pod,
                st.sampled_from("abc"),
                namespace=st.sampled_from(["x", "y"]),
                node=st.sampled_from(["", "n1", "n2"]),
                version=st.sampled_from("123"),
                uid=st.sampled_from("uv"),
            ),
            min_size=1,
            max_size=4,
            unique_by=lambda obj: (obj.metadata.namespace, obj.metadata.name),
        ),
    )
)


@given(steps)
def test_whoever_follows_the_changes_has_the_same_content_and_indexes_agree(todo):
    store = Indexer({"node": by_node})
    followed: dict[str, Pod] = {}
    for action, objects in todo:
        if action == "replace":
            changes = list(store.replace(objects))
        else:
            changes = [change for obj in objects for change in getattr(store, action)(obj)]
        for old, new in changes:
            key = meta_namespace_key(old or new)
            if new is None:
                del followed[key]
            else:
                assert (old is None) == (key not in followed)
                followed[key] = new
        content = {meta_namespace_key(obj): obj for obj in store}
        assert {key: (obj.metadata.uid, obj.metadata.resource_version) for key, obj in followed.items()} == {
            key: (obj.metadata.uid, obj.metadata.resource_version) for key, obj in content.items()
        }
        assert len(store) == len(content)
        for node in ("n1", "n2"):
            indexed = store.by_index("node", node)
            assert {id(obj) for obj in indexed} == {
                id(obj) for obj in content.values() if obj.spec.node_name == node
            }
            assert store.count_by_index("node", node) == len(indexed)
