"""Operations against those of the PyPI ``kubernetes`` client, which is generated from upstream's document."""

import re
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest

from kube.api.openapi.operations import Operation, PathItem, is_custom, resource_keys, resource_paths
from kube.api.resources import BUILTIN, Resource

CLIENT = find_spec("kubernetes")
needs_client = pytest.mark.skipif(CLIENT is None, reason="needs the dev extra")

_FUNCTION = re.compile(r"\n    def _(\w+)_serialize\(")
_CALL = re.compile(r"method='([A-Z]+)',\s*resource_path='([^']+)'")
_QUERY = re.compile(r"_query_params\.append\(\('(\w+)'")

NOT_OFFERED = {"shardSelector"}
"""Query parameters of alpha features."""


def client_operations() -> dict[tuple[str, str], tuple[str, set[str]]]:
    """By method and path: the function's name and its query parameters."""
    assert CLIENT is not None
    assert CLIENT.origin is not None
    found = {}
    for file in sorted((Path(CLIENT.origin).parent / "client" / "api").glob("*_v*_api.py")):
        name, *pieces = _FUNCTION.split(file.read_text())
        for name, body in zip(pieces[::2], pieces[1::2], strict=True):
            call = _CALL.search(body)
            assert call is not None
            found[call[1].lower(), call[2]] = (name, set(_QUERY.findall(body)))
    return found


def every_operation() -> list[tuple[Resource, PathItem, Operation]]:
    return [
        (row, item, operation)
        for row in BUILTIN
        for item in resource_paths(row)
        for operation in item.operations
    ]


@needs_client
def test_ids_and_query_parameters_equal_the_clients() -> None:
    theirs = client_operations()
    every = every_operation()
    assert len(every) > 600
    for _, item, operation in every:
        name, query = theirs[operation.method, item.path]
        if "proxy" not in item.path:
            ours = {one.name for one in (*item.parameters, *operation.parameters) if one.location == "query"}
            assert ours == query - NOT_OFFERED, (operation.method, item.path)
        snake = name.replace("_", "")
        group = re.match(r"[a-z]+([A-Z]\w*?V\d+(?:beta\d+)?)", operation.id)
        assert group is not None
        assert operation.id.replace(group[1], "", 1).lower() == snake.replace("withhttpinfo", "")


def test_ids_are_unique() -> None:
    ids = [operation.id for _, _, operation in every_operation()]
    assert len(ids) == len(set(ids))


def test_every_path_parameter_is_declared() -> None:
    for _, item, _ in every_operation():
        names = set(re.findall(r"\{(\w+)\}", item.path))
        assert names == {one.name for one in item.parameters if one.location == "path"}


def found(kind: str, path: str) -> dict[str, Operation]:
    row = next(row for row in BUILTIN if row.kind == kind)
    item = next(item for item in resource_paths(row) if item.path.endswith(path))
    return {operation.method: operation for operation in item.operations}


def test_patches_can_be_dry_run() -> None:
    patches = [operation for _, _, operation in every_operation() if operation.action == "patch"]
    assert patches
    for patch in patches:
        assert "dryRun" in [one.name for one in patch.parameters]
        assert patch.kind is not None


def test_actions_and_kinds() -> None:
    pods = found("Pod", "/pods")
    assert pods["get"].action == "list"
    collection = found("Pod", "/namespaces/{namespace}/pods")
    assert {method: operation.action for method, operation in collection.items()} == {
        "get": "list", "post": "post", "delete": "deletecollection",
    }  # fmt: skip
    assert found("Pod", "/exec")["get"].action == "connect"
    assert found("Pod", "/exec")["get"].kind == ("", "v1", "PodExecOptions")
    assert found("Pod", "/log")["get"].responses == ((200, "string"),)
    assert found("Deployment", "/scale")["patch"].kind == ("autoscaling", "v1", "Scale")
    assert found("Pod", "/eviction")["post"].body == ("policy/v1", "Eviction")


def test_what_a_delete_returns() -> None:
    assert found("Pod", "/pods/{name}")["delete"].responses[0] == (200, ("core/v1", "Pod"))
    assert found("ConfigMap", "/configmaps/{name}")["delete"].responses[0] == (200, ("meta/v1", "Status"))


def test_custom_resources_have_definitions_of_their_own_and_no_strategic_merge() -> None:
    pods = next(row for row in BUILTIN if row.kind == "Pod")
    widgets = msgspec.structs.replace(
        pods,
        group="stable.example.com",
        kind="Widget",
        list_kind="WidgetList",
        plural="widgets",
        subresources=(),
        type_reference="kube.apimachinery.unstructured:Unstructured",
    )
    assert is_custom(widgets)
    assert not is_custom(pods)
    assert resource_keys(widgets) == ("com.example.stable.v1.Widget", "com.example.stable.v1.WidgetList")
    patch = next(one for item in resource_paths(widgets) for one in item.operations if one.action == "patch")
    assert "application/strategic-merge-patch+json" not in patch.consumes
    assert patch.id == "patchComExampleStableV1NamespacedWidget"
