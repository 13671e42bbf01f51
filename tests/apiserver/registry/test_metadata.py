"""Metadata as requests bring it."""

import pytest

from kube.api.types.core_v1 import ConfigMap
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import ObjectMeta, OwnerReference
from kube.apiserver.registry.metadata import check_name, with_namespace, without_duplicate_owners


def config_map(**meta) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(**meta))


@pytest.mark.parametrize(
    ("held", "asked", "result"), [("", "a", "a"), ("a", "a", "a"), ("a", "", ""), ("", "", "")]
)
def test_an_object_is_where_its_request_is(held, asked, result):
    assert with_namespace(config_map(namespace=held), asked).metadata.namespace == result


def test_another_namespace():
    with pytest.raises(ApiError, match="does not match the namespace sent on the request"):
        with_namespace(config_map(namespace="b"), "a")


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ("b", "the name of the object (b) does not match the name on the URL (a)"),
        ("", "the name of the object (a based on URL) was undeterminable: name must be provided"),
    ],
)
def test_another_name(held, message):
    check_name(config_map(name="a"), "a")
    with pytest.raises(ApiError) as caught:
        check_name(config_map(name=held), "a")
    assert (caught.value.code, caught.value.message) == (400, message)


def owner(uid: str, kind: str = "Pod") -> OwnerReference:
    return OwnerReference(api_version="v1", kind=kind, name="o", uid=uid)


def test_owners_are_kept_once_and_the_user_is_told():
    warnings: list[str] = []
    obj = config_map(owner_references=(owner("1"), owner("2"), owner("1")))
    result = without_duplicate_owners(obj, warnings, after_admission=False)
    assert result.metadata.owner_references == (owner("1"), owner("2"))
    (warning,) = warnings
    assert warning == (
        ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may "
        "reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: 1"
    )


def test_different_references_to_one_owner_are_no_duplicates():
    obj = config_map(owner_references=(owner("1"), owner("1", "Node")))
    assert without_duplicate_owners(obj, [], after_admission=True) is obj
