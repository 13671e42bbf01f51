"""Entries and events as everybody shares them."""

import msgspec
import pytest

from kube.api.types.core_v1 import ConfigMap, Container, Pod, PodSpec
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.serializer import decode, encode
from kube.apiserver.storage.interface import Entry, StoredEvent, with_resource_version
from kube.base.cause import Cause

KEY = b"/registry/configmaps/default/a"


def config_map(**meta: object) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name="a", namespace="default", **meta), data={"k": "v"})


class TestEntry:
    @pytest.mark.parametrize(
        "obj",
        [
            config_map(),
            config_map(labels={"metadata": '"metadata":{'}),
            Pod(metadata=ObjectMeta(name="p"), spec=PodSpec(containers=(Container(name="c"),))),
        ],
        ids=["plain", "marker in a label", "pod"],
    )
    def test_the_encoded_form_is_the_object_with_its_resource_version(self, obj):
        entry = Entry(KEY, 0, obj, encode(obj))
        entry.seal(42)
        assert decode(type(obj), entry.encoded) == entry.object
        assert entry.object.metadata.resource_version == "42"

    def test_bytes_of_another_writer_are_encoded_anew(self):
        obj = config_map()
        spaced = msgspec.json.format(encode(obj), indent=2)
        entry = Entry(KEY, 7, with_resource_version(obj, 7), spaced)
        assert decode(ConfigMap, entry.encoded) == entry.object

    def test_what_is_not_stored_is_encoded_once(self):
        entry = Entry(KEY, 7, config_map())
        assert entry.encoded is entry.encoded

    def test_the_first_seal_counts(self):
        entry = Entry(KEY, 0, config_map(), b"{}")
        entry.seal(3)
        entry.seal(4)
        assert (entry.revision, entry.object.metadata.resource_version) == (3, "3")

    def test_a_view_is_made_once_for_each_key(self):
        entry = Entry(KEY, 7, config_map())
        made = []

        def make(of: Entry) -> int:
            made.append(of)
            return len(made)

        assert [entry.view("a", make), entry.view("a", make), entry.view("b", make)] == [1, 1, 2]


class TestWithResourceVersion:
    def test_zero_takes_it_away(self):
        obj = with_resource_version(config_map(), 5)
        assert with_resource_version(obj, 0).metadata.resource_version == ""


class TestStoredEvent:
    def test_the_frame_is_one_line_shared_by_all_streams(self):
        event = StoredEvent("ADDED", Entry(KEY, 7, with_resource_version(config_map(), 7)))
        frame = event.frame
        assert frame is event.frame
        assert frame.endswith(b"}\n")
        assert frame.count(b"\n") == 1
        assert msgspec.json.decode(frame) == {
            "type": "ADDED",
            "object": {
                "kind": "ConfigMap",
                "apiVersion": "v1",
                "metadata": {"name": "a", "namespace": "default", "resourceVersion": "7"},
                "data": {"k": "v"},
            },
        }

    def test_watchers_in_process_share_one_event_with_its_cause(self):
        cause = Cause("c1", "create")
        event = StoredEvent("ADDED", Entry(KEY, 7, config_map(), cause=cause))
        assert event.watch_event is event.watch_event
        assert event.watch_event.cause is cause
        assert event.watch_event.object is event.entry.object
