"""The resource table: look-ups, order, keys, paths, field labels and dynamic rows."""

import subprocess
import sys

import msgspec
import pytest

from kube.api.resources import BUILTIN, GROUPS, Resource, ResourceTable, builtin_table, version_priority
from kube.api.resources.selectable import field_text, value_at


@pytest.fixture(scope="module")
def table() -> ResourceTable:
    return builtin_table()


def row(table: ResourceTable, api_version: str, kind: str) -> Resource:
    found = table.by_api_version(api_version, kind)
    assert found is not None
    return found


def custom(version: str = "v1", plural: str = "widgets", group: str = "example.com") -> Resource:
    return Resource(
        group=group,
        version=version,
        kind="Widget",
        plural=plural,
        singular="widget",
        list_kind="WidgetList",
        namespaced=True,
        verbs=("create", "get", "list"),
        short_names=("wd",),
        storage_group=group,
        storage_version=version,
        storage_prefix=f"{group}/{plural}",
        type_reference="kube.api.types.core_v1:ConfigMap",
    )


def test_importing_the_table_imports_no_types() -> None:
    code = "import kube.api.resources, sys; print([m for m in sys.modules if m.startswith('kube.api.types')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("resource", BUILTIN, ids=lambda r: f"{r.api_version}.{r.plural}")
def test_every_type_reference_leads_to_its_struct(resource: Resource) -> None:
    assert resource.type().api_version == resource.api_version
    assert resource.type().kind == resource.kind
    if "list" in resource.verbs:
        assert resource.list_type().kind == resource.list_kind
    else:
        with pytest.raises(LookupError):
            _ = resource.list_type
    for subresource in resource.subresources:
        assert subresource.type.__name__ == subresource.kind


@pytest.mark.parametrize("resource", BUILTIN, ids=lambda r: f"{r.api_version}.{r.plural}")
def test_discovery_lists_are_sorted(resource: Resource) -> None:
    assert list(resource.verbs) == sorted(resource.verbs)
    names = [subresource.name for subresource in resource.subresources]
    assert names == sorted(names)
    for subresource in resource.subresources:
        assert list(subresource.verbs) == sorted(subresource.verbs)


@pytest.mark.parametrize(
    "resource", [row for row in BUILTIN if row.stored], ids=lambda r: f"{r.api_version}.{r.plural}"
)
def test_field_values_of_an_empty_object_are_readable(resource: Resource) -> None:
    stored = builtin_table({"api/all": True}).storage_of(resource)
    assert stored is not None
    values = resource.field_set(stored.type())
    assert list(values)[:2] == ["metadata.name", "metadata.namespace"]
    assert set(values) >= {field.label for field in resource.selectable_fields}


def test_field_paths_exist_in_the_types() -> None:
    """A misspelt path would read as an empty value for ever."""
    elsewhere = {"status.successful"}  # of CronJob, accepted upstream without a field behind it
    for resource in BUILTIN:
        for field in resource.selectable_fields:
            found = [path for path in field.sources if _has_path(resource.type, path)]
            assert found or field.label in elsewhere, (resource.plural, field.label)


def _has_path(struct: type[msgspec.Struct], path: str) -> bool:
    step, _, rest = path.partition(".")
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    if step not in fields:
        return False
    if not rest:
        return True
    inner = fields[step].type
    candidates = [inner, *getattr(inner, "__args__", ())]
    return any(
        isinstance(one, type) and issubclass(one, msgspec.Struct) and _has_path(one, rest)
        for one in candidates
    )


def test_field_values_of_a_pod(table: ResourceTable) -> None:
    pod = msgspec.json.decode(
        b"""{"metadata": {"name": "a", "namespace": "b"},
             "spec": {"nodeName": "n1", "restartPolicy": "Always", "hostNetwork": true, "containers": []},
             "status": {"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}]}}""",
        type=row(table, "v1", "Pod").type,
    )
    assert row(table, "v1", "Pod").field_set(pod) == {
        "metadata.name": "a",
        "metadata.namespace": "b",
        "spec.nodeName": "n1",
        "spec.restartPolicy": "Always",
        "spec.schedulerName": "",
        "spec.serviceAccountName": "",
        "spec.hostNetwork": "true",
        "status.phase": "Running",
        "status.podIP": "10.0.0.1",
        "status.nominatedNodeName": "",
    }


def test_both_event_apis_select_from_the_stored_event(table: ResourceTable) -> None:
    event = msgspec.json.decode(
        b"""{"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p"}, "reason": "Started",
             "source": {}, "reportingComponent": "kubelet", "type": "Normal"}""",
        type=row(table, "v1", "Event").type,
    )
    core = row(table, "v1", "Event").field_set(event)
    assert core["involvedObject.name"] == "p"
    assert core["source"] == "kubelet"
    new = row(table, "events.k8s.io/v1", "Event").field_set(event)
    assert new["regarding.kind"] == "Pod"
    assert new["reportingController"] == "kubelet"


def test_untyped_bodies_are_selected_from_by_the_same_paths() -> None:
    class Untyped(msgspec.Struct):
        metadata: msgspec.Raw
        body: dict[str, object]

    body = Untyped(msgspec.Raw(b"{}"), {"spec": {"size": 3, "on": False, "gone": None}})
    assert field_text(value_at(body, "body.spec.size")) == "3"
    assert field_text(value_at(body, "body.spec.on")) == "false"
    assert field_text(value_at(body, "body.spec.gone")) == ""
    assert field_text(value_at(body, "body.spec.size.deeper")) == ""


@pytest.mark.parametrize(
    ("kind", "label", "accepted"),
    [
        ("Pod", "spec.nodeName", True),
        ("Pod", "metadata.namespace", True),
        ("Pod", "spec.priority", False),
        ("Node", "metadata.namespace", False),
        ("PersistentVolume", "metadata.namespace", True),
        ("ConfigMap", "metadata.name", True),
        ("ConfigMap", "data", False),
    ],
)
def test_field_labels(table: ResourceTable, kind: str, label: str, accepted: bool) -> None:
    assert row(table, "v1", kind).accepts_field_label(label) is accepted


def test_unknown_field_labels_are_named_as_upstream_does(table: ResourceTable) -> None:
    assert row(table, "v1", "Pod").unknown_field_label("x.y") == "field label not supported: x.y"
    assert row(table, "networking.k8s.io/v1", "Ingress").unknown_field_label("foo.bar") == (
        '"foo.bar" is not a known field selector: only "metadata.name", "metadata.namespace"'
    )


@pytest.mark.parametrize(
    ("api_version", "kind", "namespace", "key"),
    [
        ("v1", "Pod", "default", "/registry/pods/default/x"),
        ("v1", "Service", "default", "/registry/services/specs/default/x"),
        ("v1", "Endpoints", "default", "/registry/services/endpoints/default/x"),
        ("v1", "Node", "", "/registry/minions/x"),
        ("v1", "ReplicationController", "default", "/registry/controllers/default/x"),
        ("apps/v1", "Deployment", "default", "/registry/deployments/default/x"),
        ("coordination.k8s.io/v1", "Lease", "kube-node-lease", "/registry/leases/kube-node-lease/x"),
        ("networking.k8s.io/v1", "Ingress", "default", "/registry/ingress/default/x"),
        ("events.k8s.io/v1", "Event", "default", "/registry/events/default/x"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "/registry/apiextensions.k8s.io/customresourcedefinitions/x"),
        ("apiregistration.k8s.io/v1", "APIService", "", "/registry/apiregistration.k8s.io/apiservices/x"),
    ],
)  # fmt: skip
def test_storage_keys(table: ResourceTable, api_version: str, kind: str, namespace: str, key: str) -> None:
    resource = row(table, api_version, kind)
    assert resource.key(namespace, "x") == key
    assert key.startswith(resource.prefix(namespace))
    assert resource.prefix(namespace).startswith(resource.prefix())


def test_no_storage_prefix_contains_another(table: ResourceTable) -> None:
    prefixes = [resource.prefix() for resource in table.storages()]
    assert len(prefixes) == len(set(prefixes))
    assert not [(a, b) for a in prefixes for b in prefixes if a != b and b.startswith(a)]


def test_versions_of_one_resource_share_their_storage(table: ResourceTable) -> None:
    shared = {
        ("autoscaling", "v1", "horizontalpodautoscalers"): ("autoscaling", "v2"),
        ("events.k8s.io", "v1", "events"): ("", "v1"),
    }
    for resource in table:
        home = table.storage_of(resource)
        if not resource.stored:
            assert home is None
        elif resource.gvr in shared:
            assert home is not None
            assert home.group_version == shared[resource.gvr]
            assert not resource.is_storage_version
        else:
            assert home == resource
            assert resource.is_storage_version


@pytest.mark.parametrize(
    ("api_version", "kind", "expected"),
    [
        ("v1", "Pod", "xPOwRZ+Yhw8="),
        ("v1", "ConfigMap", "qFsyl6wFWjQ="),
        ("v1", "Event", "r2yiGXH7wu8="),
        ("events.k8s.io/v1", "Event", "r2yiGXH7wu8="),
        ("autoscaling/v1", "HorizontalPodAutoscaler", "qwQve8ut294="),
        ("v1", "Binding", ""),
    ],
)
def test_storage_version_hash(table: ResourceTable, api_version: str, kind: str, expected: str) -> None:
    assert row(table, api_version, kind).storage_version_hash == expected


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (("default", "x", "log"), "/api/v1/namespaces/default/pods/x/log"),
        (("default",), "/api/v1/namespaces/default/pods"),
        ((), "/api/v1/pods"),
    ],
)
def test_paths(table: ResourceTable, arguments: tuple[str, ...], path: str) -> None:
    assert row(table, "v1", "Pod").path(*arguments) == path


def test_cluster_scoped_paths_ignore_the_namespace(table: ResourceTable) -> None:
    resource = row(table, "storage.k8s.io/v1", "StorageClass")
    assert resource.path("default", "x") == "/apis/storage.k8s.io/v1/storageclasses/x"
    assert resource.key("default", "x") == "/registry/storageclasses/x"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("po", ["v1/pods"]),
        ("Pod", ["v1/pods"]),
        ("deployments", ["apps/v1/deployments"]),
        ("hpa", ["autoscaling/v2/horizontalpodautoscalers", "autoscaling/v1/horizontalpodautoscalers"]),
        ("ev", ["v1/events", "events.k8s.io/v1/events"]),
        ("crds", ["apiextensions.k8s.io/v1/customresourcedefinitions"]),
        ("nonsense", []),
    ],
)
def test_resolving_what_a_user_types(table: ResourceTable, word: str, expected: list[str]) -> None:
    assert [f"{found.api_version}/{found.plural}" for found in table.resolve(word)] == expected


def test_short_names_are_not_ambiguous(table: ResourceTable) -> None:
    owners: dict[str, set[str]] = {}
    for resource in table:
        for name in resource.short_names:
            owners.setdefault(name, set()).add(resource.plural)
    assert {name: plurals for name, plurals in owners.items() if len(plurals) > 1} == {}


def test_category_all(table: ResourceTable) -> None:
    assert [found.plural for found in table.in_category("all")] == [
        "pods", "replicationcontrollers", "services", "daemonsets", "deployments", "replicasets",
        "statefulsets", "horizontalpodautoscalers", "horizontalpodautoscalers", "cronjobs", "jobs",
    ]  # fmt: skip


def test_versions_are_in_order_of_preference(table: ResourceTable) -> None:
    preferred = table.preferred("autoscaling", "horizontalpodautoscalers")
    assert preferred is not None
    assert preferred.version == "v2"
    assert [found.version for found in table.kinds("HorizontalPodAutoscaler")] == ["v2", "v1"]


def test_groups_are_in_the_declared_order(table: ResourceTable) -> None:
    assert [group.name for group in table.groups()] == [group.name for group in GROUPS]


def test_beta_versions_are_served_when_asked_for() -> None:
    assert builtin_table().get("scheduling.k8s.io", "v1beta1", "workloads") is None
    asked = builtin_table({"scheduling.k8s.io/v1beta1": True})
    assert asked.get("scheduling.k8s.io", "v1beta1", "workloads") is not None
    assert [g.versions for g in asked.groups() if g.name == "scheduling.k8s.io"] == [("v1", "v1beta1")]
    assert builtin_table({"batch/v1": False}).get("batch", "v1", "jobs") is None
    only = builtin_table({"api/all": False, "v1": True})
    assert [group.name for group in only.groups()] == [""]


@pytest.mark.parametrize(
    ("versions", "ordered"),
    [
        (
            ["v1beta1", "foo10", "v1", "v10", "v3beta1", "v11alpha2", "v12alpha1", "foo1", "v11beta2", "v2", "v0"],
            ["v10", "v2", "v1", "v11beta2", "v3beta1", "v1beta1", "v12alpha1", "v11alpha2", "foo1", "foo10", "v0"],
        ),
    ],
)  # fmt: skip
def test_version_priority(versions: list[str], ordered: list[str]) -> None:
    assert sorted(versions, key=version_priority) == ordered


class TestDynamicRows:
    def test_come_and_go(self) -> None:
        table = builtin_table()
        before = table.revision
        table.add(custom("v1beta1"))
        table.add(custom("v1"))
        assert table.revision == before + 2
        assert next(group for group in table.groups() if group.name == "example.com").versions == (
            "v1",
            "v1beta1",
        )
        assert table.groups()[-1].name == "example.com"
        assert [found.version for found in table.resolve("wd")] == ["v1", "v1beta1"]
        table.remove("example.com", "v1", "widgets")
        assert table.by_kind("example.com", "v1", "Widget") is None
        assert [found.version for found in table.resolve("wd")] == ["v1beta1"]

    def test_replacing_a_row_forgets_its_old_kind(self) -> None:
        table = builtin_table()
        table.add(custom())
        table.add(msgspec.structs.replace(custom(), kind="Gadget"))
        assert table.by_kind("example.com", "v1", "Widget") is None
        assert table.by_kind("example.com", "v1", "Gadget") is not None

    def test_leave_other_tables_alone(self) -> None:
        changed, other = builtin_table(), builtin_table()
        changed.add(custom())
        assert ("example.com", "v1", "widgets") not in other

    def test_built_in_rows_stay(self) -> None:
        table = builtin_table()
        with pytest.raises(ValueError, match="built in"):
            table.remove("", "v1", "pods")
        with pytest.raises(ValueError, match="built in"):
            table.add(msgspec.structs.replace(custom(), group="", plural="pods"))
        with pytest.raises(KeyError):
            table.remove("example.com", "v1", "widgets")
