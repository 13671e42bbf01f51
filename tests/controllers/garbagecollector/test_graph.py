"""The graph knows who owns whom, and says what must be looked at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.apimachinery.meta.v1 import ObjectMeta, OwnerReference
from kube.controllers.garbagecollector.graph import AbsentOwners, Graph, Identity


def reference(name, *, block=False, kind="ConfigMap", api_version="v1", uid=None):
    return OwnerReference(
        api_version=api_version,
        kind=kind,
        name=name,
        uid=uid or f"uid-{name}",
        block_owner_deletion=block or None,
    )


def meta(name, *owners, namespace="default", finalizers=(), deleting=False):
    return ObjectMeta(
        name=name,
        namespace=namespace,
        uid=f"uid-{name}",
        owner_references=owners,
        finalizers=finalizers,
        deletion_timestamp="2026-01-01T00:00:00Z" if deleting else None,
    )


@pytest.fixture
def graph():
    return Graph(lambda _, kind: kind != "Node")


def see(graph, *args, kind="ConfigMap", **more):
    return graph.observe("v1", kind, meta(*args, **more))


def test_an_owner_that_was_not_seen_yet_is_looked_for(graph):
    assert see(graph, "child", reference("owner")) == ["uid-owner"]
    assert graph.nodes["uid-owner"].virtual
    assert see(graph, "owner") == []
    assert not graph.nodes["uid-owner"].virtual
    assert list(graph.nodes["uid-owner"].dependents) == ["uid-child"]


def test_dependents_of_what_is_gone_are_looked_at(graph):
    see(graph, "owner")
    assert see(graph, "child", reference("owner")) == []
    assert graph.observe_deletion("uid-owner") == ["uid-child"]
    assert Identity("v1", "ConfigMap", "default", "owner", "uid-owner") in graph.absent
    assert graph.observe_deletion("uid-owner") == []


def test_a_foreground_deletion_concerns_the_dependents_and_itself(graph):
    see(graph, "owner")
    see(graph, "child", reference("owner", block=True))
    deleting = {"finalizers": ("foregroundDeletion",), "deleting": True}
    assert see(graph, "owner", **deleting) == ["uid-child", "uid-owner"]
    assert see(graph, "owner", **deleting) == []
    assert graph.observe_deletion("uid-child") == ["uid-owner"]


def test_an_orphaning_deletion_concerns_itself(graph):
    see(graph, "owner")
    see(graph, "child", reference("owner"))
    assert see(graph, "owner", finalizers=("orphan",), deleting=True) == ["uid-owner"]


def test_an_owner_that_is_no_longer_blocked_is_looked_at(graph):
    see(graph, "owner")
    see(graph, "child", reference("owner", block=True))
    assert [each.identity.name for each in graph.nodes["uid-owner"].blocking_dependents] == ["child"]
    assert see(graph, "child", reference("owner")) == ["uid-owner"]
    assert graph.nodes["uid-owner"].blocking_dependents == []


def test_an_owner_in_another_namespace_is_reported(graph):
    see(graph, "owner", namespace="other")
    assert see(graph, "child", reference("owner")) == ["uid-child"]
    ((dependent, owner),) = graph.take_invalid()
    assert (dependent.name, str(owner)) == (
        "child",
        "[v1/ConfigMap, namespace: default, name: owner, uid: uid-owner]",
    )
    assert graph.take_invalid() == []


def test_an_owner_that_turns_out_to_be_in_another_namespace_is_reported(graph):
    see(graph, "child", reference("owner"))
    assert see(graph, "owner", namespace="other") == ["uid-child"]
    assert len(graph.take_invalid()) == 1


def test_a_cluster_scoped_owner_may_have_dependents_anywhere(graph):
    see(graph, "a", reference("node", kind="Node"))
    see(graph, "b", reference("node", kind="Node"), namespace="other")
    assert graph.nodes["uid-node"].identity.namespace == ""
    assert see(graph, "node", namespace="", kind="Node") == []
    assert graph.take_invalid() == []


def test_a_denied_owner_leaves_and_its_dependents_are_looked_at(graph):
    see(graph, "child", reference("owner"))
    identity = graph.nodes["uid-owner"].identity
    assert graph.deny(identity) == ["uid-child"]
    assert identity in graph.absent
    assert graph.deny(identity) == []


def test_dependents_that_disagree_about_an_owner(graph):
    see(graph, "a", reference("owner"))
    see(graph, "b", reference("owner", kind="Secret"))
    first = graph.nodes["uid-owner"].identity
    assert graph.deny(first) == ["uid-a", "uid-owner"]
    second = graph.nodes["uid-owner"].identity
    assert second == Identity("v1", "Secret", "default", "owner", "uid-owner")
    assert graph.nodes["uid-owner"].virtual


def test_what_was_seen_is_not_denied_by_a_wrong_claim(graph):
    see(graph, "owner")
    see(graph, "child", reference("owner", kind="Secret"))
    claimed = Identity("v1", "Secret", "default", "owner", "uid-owner")
    assert graph.deny(claimed) == ["uid-child"]
    assert "uid-owner" in graph.nodes


def test_denials_are_forgotten_in_their_order():
    absent = AbsentOwners(2)
    identities = [Identity("v1", "ConfigMap", "default", name, name) for name in "abc"]
    for identity in identities:
        absent.add(identity)
    assert [identity in absent for identity in identities] == [False, True, True]


names = st.sampled_from("abcde")
changes = st.lists(st.tuples(names, st.none() | st.lists(names, unique=True, max_size=3)), max_size=25)


@given(changes)
def test_the_graph_is_what_the_objects_say(history):
    graph = Graph(lambda *_: True)
    objects, ended = {}, set()
    for name, owners in history:
        if name in ended:
            continue  # a uid does not come back
        if owners is None:
            objects.pop(name, None)
            ended.add(name)
            graph.observe_deletion(f"uid-{name}")
        else:
            objects[name] = owners
            see(graph, name, *(reference(owner) for owner in owners))
    expected = {(owner, name) for name, owners in objects.items() for owner in owners if owner not in ended}
    seen = {
        (node.identity.name, dependent.identity.name)
        for node in graph.nodes.values()
        for dependent in node.dependents.values()
        if node.identity.name not in ended
    }
    assert {node.identity.name for node in graph.nodes.values() if not node.virtual} == set(objects)
    assert expected == seen
