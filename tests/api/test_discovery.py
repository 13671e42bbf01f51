"""Discovery documents: upstream's entries, and the PyPI clients that read them."""

import json
from typing import Any

import msgspec
import pytest

from kube.api.discovery import Discovery
from kube.api.resources import Resource, ResourceTable, builtin_table


@pytest.fixture
def table() -> ResourceTable:
    return builtin_table()


@pytest.fixture
def discovery(table: ResourceTable) -> Discovery:
    return Discovery(table)


def tree(document: Any) -> Any:
    return json.loads(msgspec.json.encode(document))


def test_api_versions(discovery: Discovery) -> None:
    assert tree(discovery.api_versions("127.0.0.1:6443")) == {
        "kind": "APIVersions",
        "apiVersion": "v1",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443"}],
    }


def test_groups_by_priority_with_their_preferred_version(discovery: Discovery) -> None:
    groups = tree(discovery.group_list())["groups"]
    assert [group["name"] for group in groups][:3] == ["apiregistration.k8s.io", "apps", "events.k8s.io"]
    assert next(group for group in groups if group["name"] == "autoscaling") == {
        "name": "autoscaling",
        "versions": [
            {"groupVersion": "autoscaling/v2", "version": "v2"},
            {"groupVersion": "autoscaling/v1", "version": "v1"},
        ],
        "preferredVersion": {"groupVersion": "autoscaling/v2", "version": "v2"},
    }


def test_one_group(discovery: Discovery) -> None:
    document = tree(discovery.group("apps"))
    assert document["kind"] == "APIGroup"
    assert document["apiVersion"] == "v1"
    assert document["preferredVersion"]["groupVersion"] == "apps/v1"
    assert discovery.group("nope") is None
    assert discovery.group("") is None


def entries(discovery: Discovery, group: str, version: str) -> dict[str, Any]:
    document = tree(discovery.resource_list(group, version))
    assert document["kind"] == "APIResourceList"
    return {entry["name"]: entry for entry in document["resources"]}


def test_resource_list_of_core(discovery: Discovery) -> None:
    found = entries(discovery, "", "v1")
    assert found["pods"] == {
        "name": "pods",
        "singularName": "pod",
        "namespaced": True,
        "kind": "Pod",
        "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        "shortNames": ["po"],
        "categories": ["all"],
        "storageVersionHash": "xPOwRZ+Yhw8=",
    }
    assert found["pods/eviction"] == {
        "name": "pods/eviction",
        "singularName": "",
        "namespaced": True,
        "group": "policy",
        "version": "v1",
        "kind": "Eviction",
        "verbs": ["create"],
    }
    assert found["nodes/proxy"]["kind"] == "NodeProxyOptions"
    assert "storageVersionHash" not in found["bindings"]
    assert list(found) == sorted(found)


def test_a_version_that_is_not_served_has_no_list(discovery: Discovery) -> None:
    assert discovery.resource_list("apps", "v1beta1") is None


def test_aggregated_documents_split_core_from_the_rest(discovery: Discovery) -> None:
    core = json.loads(discovery.aggregated(core=True).body)
    rest = json.loads(discovery.aggregated(core=False).body)
    assert core["kind"] == "APIGroupDiscoveryList"
    assert core["apiVersion"] == "apidiscovery.k8s.io/v2"
    assert [item["metadata"].get("name", "") for item in core["items"]] == [""]
    assert "" not in [item["metadata"].get("name", "") for item in rest["items"]]
    deployments = next(
        resource
        for item in rest["items"]
        if item["metadata"]["name"] == "apps"
        for resource in item["versions"][0]["resources"]
        if resource["resource"] == "deployments"
    )
    assert deployments["responseKind"] == {"group": "", "version": "", "kind": "Deployment"}
    assert deployments["scope"] == "Namespaced"
    assert deployments["subresources"][0] == {
        "subresource": "scale",
        "responseKind": {"group": "autoscaling", "version": "v1", "kind": "Scale"},
        "verbs": ["get", "patch", "update"],
    }


def test_older_clients_get_the_beta_version(discovery: Discovery) -> None:
    document = json.loads(discovery.aggregated(core=True, version="v2beta1").body)
    assert document["apiVersion"] == "apidiscovery.k8s.io/v2beta1"


def test_documents_follow_the_table(table: ResourceTable, discovery: Discovery) -> None:
    before = discovery.aggregated(core=False)
    assert discovery.aggregated(core=False) is before
    assert discovery.resource_list("example.com", "v1") is None
    table.add(
        Resource(
            group="example.com",
            version="v1",
            kind="Widget",
            plural="widgets",
            singular="widget",
            list_kind="WidgetList",
            namespaced=True,
            verbs=("get", "list"),
            storage_group="example.com",
            storage_version="v1",
            storage_prefix="example.com/widgets",
            type_reference="kube.api.types.core_v1:ConfigMap",
        )
    )
    after = discovery.aggregated(core=False)
    assert after.etag != before.etag
    assert json.loads(after.body)["items"][-1]["metadata"]["name"] == "example.com"
    assert [group.name for group in discovery.group_list().groups][-1] == "example.com"
    assert discovery.resource_list("example.com", "v1") is not None


def test_the_official_client_reads_every_document(discovery: Discovery, table: ResourceTable) -> None:
    client = pytest.importorskip("kubernetes.client")
    api = client.ApiClient()

    def read(document: Any, name: str) -> Any:
        return api._ApiClient__deserialize(tree(document), name)

    assert len(read(discovery.group_list(), "V1APIGroupList").groups) == len(table.groups()) - 1
    assert read(discovery.api_versions("h:1"), "V1APIVersions").versions == ["v1"]
    for group, version in table.group_versions():
        found = read(discovery.resource_list(group, version), "V1APIResourceList")
        assert len(found.resources) >= len(table.in_group_version(group, version))
