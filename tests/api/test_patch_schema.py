"""How API types are patched, from their tags."""

import pytest

from kube.api.patch_schema import has_patch_schema, patch_schema
from kube.api.types.apps_v1 import Deployment
from kube.api.types.core_v1 import Pod, Service
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apimachinery.patch.errors import UnknownFieldError
from kube.apimachinery.patch.strategic import UNTYPED, merge


def at(cls: type, *path: str):
    schema = patch_schema(cls)
    for name in path:
        schema = schema.child(name)
    return schema


@pytest.mark.parametrize(
    ("cls", "path", "field", "strategies", "key"),
    [
        (Pod, ("spec",), "containers", ("merge",), "name"),
        (Pod, ("spec",), "volumes", ("merge", "retainKeys"), "name"),
        (Pod, ("spec",), "tolerations", (), ""),
        (Pod, ("spec", "containers"), "ports", ("merge",), "containerPort"),
        (Pod, ("status",), "conditions", ("merge",), "type"),
        (Pod, ("metadata",), "ownerReferences", ("merge",), "uid"),
        (Pod, ("metadata",), "finalizers", ("merge",), ""),
        (Service, ("spec",), "ports", ("merge",), "port"),
        (Deployment, ("spec",), "strategy", ("retainKeys",), ""),
        (Deployment, ("spec", "template", "spec"), "containers", ("merge",), "name"),
    ],
)
def test_tags(cls, path, field, strategies, key):
    schema = at(cls, *path)
    assert (schema.strategies(field), schema.merge_key(field)) == (strategies, key)


def test_inlined_structs_are_part_of_their_holder():
    assert at(Pod, "spec", "volumes").child("configMap").child("items") is not UNTYPED


@pytest.mark.parametrize("path", [("metadata", "labels"), ("kind",), ("spec", "nodeSelector")])
def test_what_has_no_struct_is_untyped(path):
    assert at(Pod, *path) is UNTYPED


def test_an_unknown_field():
    message = 'unable to find api field in struct v1.PodSpec for the json field "nope"'
    with pytest.raises(UnknownFieldError, match=message):
        at(Pod, "spec", "nope")


def test_types_that_are_not_generated_have_none():
    class Custom(Pod):
        pass

    assert has_patch_schema(Pod)
    assert has_patch_schema(ObjectMeta)
    assert not has_patch_schema(Custom)


def test_containers_merge_by_name():
    pod = {"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}}
    patch = {"spec": {"containers": [{"name": "b", "image": "2"}]}}
    merged = merge(pod, patch, patch_schema(Pod))
    assert merged["spec"]["containers"] == [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]
