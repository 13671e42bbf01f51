"""Selectors of requests, compiled."""

import pytest

from kube.api.resources import builtin_table
from kube.api.types.core_v1 import Event, EventSource, ObjectReference, Pod, PodSpec, PodStatus
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.registry.selection import Selectors, field_getter
from kube.apiserver.storage.interface import EVERYTHING

TABLE = builtin_table()
PODS = TABLE.get("", "v1", "pods")
NODES = TABLE.get("", "v1", "nodes")
EVENTS = TABLE.get("", "v1", "events")
NEW_EVENTS = TABLE.get("events.k8s.io", "v1", "events")

POD = Pod(
    metadata=ObjectMeta(name="p", namespace="a", labels={"app": "web"}),
    spec=PodSpec(node_name="n1", host_network=True),
    status=PodStatus(phase="Running"),
)


@pytest.fixture
def pods():
    return Selectors(PODS, Pod, ("spec.nodeName",))


def compiled(selectors, namespace="", name="", labels="", fields=""):
    return selectors.compile(namespace, name, labels, fields)


def test_nothing_selects_everything(pods):
    assert compiled(pods) is EVERYTHING
    assert compiled(pods, "a").is_everything


@pytest.mark.parametrize(
    ("labels", "fields", "matches"),
    [
        ("app=web", "", True),
        ("app!=web", "", False),
        ("", "status.phase=Running", True),
        ("", "status.phase!=Running", False),
        ("", "spec.hostNetwork=true", True),
        ("", "status.phase=Running,spec.hostNetwork=false", False),
        ("app=web", "status.phase=Pending", False),
        ("app=db", "status.phase=Running", False),
        ("app=web", "status.phase=Running", True),
        ("", "metadata.namespace!=a", False),
        ("", "spec.nodeName=n1", True),
        ("", "spec.nodeName=n2", False),
    ],
)
def test_labels_and_fields(pods, labels, fields, matches):
    assert compiled(pods, labels=labels, fields=fields).matches(POD) is matches


def test_what_a_key_says_is_not_asked_again(pods):
    selection = compiled(pods, "a", fields="metadata.name=p")
    assert (selection.namespace, selection.name, selection.matches) == ("a", "p", None)


def test_a_namespace_by_field_narrows_as_one_by_path(pods):
    selection = compiled(pods, fields="metadata.namespace=a,metadata.name=p")
    assert (selection.namespace, selection.name, selection.matches) == ("a", "p", None)


def test_a_name_without_a_namespace_is_a_filter(pods):
    selection = compiled(pods, fields="metadata.name=p")
    assert selection.name == ""
    assert selection.matches(POD)


def test_another_namespace_than_the_paths_selects_nothing(pods):
    selection = compiled(pods, "b", fields="metadata.namespace=a")
    assert selection.namespace == "b"
    assert not selection.matches(Pod(metadata=ObjectMeta(name="p", namespace="b")))


def test_an_indexed_field_leaves_only_the_rest_to_judge(pods):
    selection = compiled(pods, fields="spec.nodeName=n1")
    assert (selection.index, selection.residual) == (("spec.nodeName", "n1"), None)
    selection = compiled(pods, labels="app=db", fields="spec.nodeName=n1")
    assert selection.index == ("spec.nodeName", "n1")
    assert not selection.residual(POD)


def test_a_difference_uses_no_index(pods):
    assert compiled(pods, fields="spec.nodeName!=n1").index is None


def test_a_cluster_scoped_name_is_a_key():
    selection = compiled(Selectors(NODES, NODES.type), fields="metadata.name=n")
    assert (selection.name, selection.matches) == ("n", None)


def test_the_name_of_the_path_must_agree(pods):
    assert compiled(pods, "a", "p").name == "p"
    assert compiled(pods, "a", "p", fields="metadata.name=p").name == "p"
    message = "field-selector metadata.name doesn't match requested name"
    with pytest.raises(ApiError, match=message):
        compiled(pods, "a", "p", fields="metadata.name=q")


@pytest.mark.parametrize(
    ("labels", "fields", "message"),
    [
        ("a=b=c", "", "unable to parse requirement"),
        ("", "spec.nodeName", "invalid selector: 'spec.nodeName'; can't understand 'spec.nodeName'"),
        ("", "spec.nope=1", "field label not supported: spec.nope"),
    ],
    ids=["labels", "fields", "unknown field"],
)
def test_what_cannot_be_read_is_a_bad_request(pods, labels, fields, message):
    with pytest.raises(ApiError) as caught:
        compiled(pods, labels=labels, fields=fields)
    assert caught.value.code == 400
    assert caught.value.message.startswith(message) or labels


def test_kinds_without_own_fields_say_so():
    row = TABLE.get("", "v1", "configmaps")
    with pytest.raises(ApiError) as caught:
        compiled(Selectors(row, row.type), fields="data=x")
    assert caught.value.message == (
        '"data" is not a known field selector: only "metadata.name", "metadata.namespace"'
    )


def test_labels_of_another_version_read_the_stored_form():
    event = Event(
        metadata=ObjectMeta(name="e", namespace="a"),
        involved_object=ObjectReference(kind="Pod", name="p"),
        source=EventSource(component="kubelet"),
    )
    old, new = Selectors(EVENTS, Event), Selectors(NEW_EVENTS, Event)
    assert compiled(old, fields="involvedObject.kind=Pod,source=kubelet").matches(event)
    assert compiled(new, fields="regarding.kind=Pod").matches(event)


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("metadata.name", "p"),
        ("metadata.namespace", "a"),
        ("spec.nodeName", "n1"),
        ("spec.hostNetwork", "true"),
        ("status.podIP", ""),
    ],
)
def test_values_of_fields(label, value):
    assert field_getter(PODS, Pod, label)(POD) == value


def test_an_unknown_label_has_no_value():
    with pytest.raises(KeyError):
        field_getter(PODS, Pod, "spec.nope")
