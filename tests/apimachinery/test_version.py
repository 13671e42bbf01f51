import random

import pytest

from kube.apimachinery.version import (
    GroupKind,
    GroupResource,
    GroupVersion,
    GroupVersionKind,
    GroupVersionResource,
    is_newer,
    version_priority,
)


@pytest.mark.parametrize(
    ("text", "group", "version"), [("v1", "", "v1"), ("apps/v1", "apps", "v1"), ("", "", "")]
)
def test_group_version_is_read_from_api_version(text, group, version):
    parsed = GroupVersion.parse(text)
    assert (parsed.group, parsed.version, str(parsed)) == (group, version, text)


def test_group_version_has_one_slash():
    with pytest.raises(ValueError, match=r"^unexpected GroupVersion string: a/b/c$"):
        GroupVersion.parse("a/b/c")


@pytest.mark.parametrize("kind", [GroupKind, GroupResource])
@pytest.mark.parametrize("text", ["pods", "deployments.apps", "roles.rbac.authorization.k8s.io"])
def test_text_goes_there_and_back(kind, text):
    assert str(kind.parse(text)) == text


def test_names_know_their_parts():
    kind = GroupVersionKind.of("apps/v1", "Deployment")
    assert (str(kind), kind.api_version, str(kind.group_kind)) == (
        "apps/v1, Kind=Deployment",
        "apps/v1",
        "Deployment.apps",
    )
    resource = GroupVersionResource.of("v1", "pods")
    assert (str(resource), resource.api_version, str(resource.group_resource)) == (
        "/v1, Resource=pods",
        "v1",
        "pods",
    )
    assert resource.group_version.with_resource("pods") == resource
    assert kind.group_version.with_kind("Deployment") == kind


def test_different_names_of_equal_parts_are_different_keys():
    assert len({GroupKind("a", "b"): 1, GroupResource("a", "b"): 2}) == 2


def test_versions_are_preferred_as_upstream_orders_them():
    preferred = [
        "v10",
        "v2",
        "v1",
        "v11beta2",
        "v10beta3",
        "v3beta1",
        "v12alpha1",
        "v11alpha2",
        "foo1",
        "foo10",
        "v0",
    ]
    shuffled = random.Random(3).sample(preferred, len(preferred))
    assert sorted(shuffled, key=version_priority) == preferred
    assert is_newer("v1", "v1beta1")
