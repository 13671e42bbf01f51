"""The table against the operations of the PyPI ``kubernetes`` client, which is generated from upstream's
OpenAPI document: paths, methods, scopes; and against ``lightkube-models``: verbs."""

import re
from importlib import import_module, util
from pathlib import Path
from types import ModuleType

import pytest

from kube.api.resources import Resource, ResourceTable, builtin_table

CLIENT = util.find_spec("kubernetes")
LIGHTKUBE = util.find_spec("lightkube")
pytestmark = pytest.mark.skipif(CLIENT is None or LIGHTKUBE is None, reason="needs the dev extra")

NOT_SERVED = {
    "admissionregistration.k8s.io/v1alpha1": "off by default upstream",
    "admissionregistration.k8s.io/v1beta1": "off by default upstream",
    "certificates.k8s.io/v1beta1": "off by default upstream",
    "coordination.k8s.io/v1alpha2": "off by default upstream",
    "coordination.k8s.io/v1beta1": "off by default upstream",
    "internal.apiserver.k8s.io/v1alpha1": "off by default upstream",
    "lifecycle.k8s.io/v1alpha1": "off by default upstream",
    "resource.k8s.io/v1alpha3": "off by default upstream",
    "resource.k8s.io/v1beta1": "off by default upstream",
    "resource.k8s.io/v1beta2": "off by default upstream",
    "scheduling.k8s.io/v1alpha3": "off by default upstream",
    "storagemigration.k8s.io/v1beta1": "off by default upstream",
}
NOT_RESOURCES = re.compile(
    r"/(version|logs|logs/\{logpath\}|openid/v1/jwks|\.well-known/openid-configuration)/?"
    r"|/apis?/|/apis/[^/]+/|/(api|apis/[^/]+)/v[^/]+/|/apis/\{group\}/.*"
)
"""Discovery, endpoints beside the API, and the generic paths of custom objects."""

COLLECTION = {"create": "POST", "deletecollection": "DELETE", "list": "GET"}
ITEM = {"delete": "DELETE", "get": "GET", "patch": "PATCH", "update": "PUT"}
SUBRESOURCE = {"create": "POST", "get": "GET", "patch": "PATCH", "update": "PUT"}

_CALL = re.compile(r"method='([A-Z]+)',\s*resource_path='([^']+)'")


@pytest.fixture(scope="module")
def table() -> ResourceTable:
    return builtin_table({"scheduling.k8s.io/v1beta1": True})


def client_operations() -> set[tuple[str, str]]:
    assert CLIENT is not None
    assert CLIENT.origin is not None
    found: set[tuple[str, str]] = set()
    for file in sorted((Path(CLIENT.origin).parent / "client" / "api").glob("*_api.py")):
        for method, path in _CALL.findall(file.read_text()):
            group_version = "/".join(path.split("/")[2:4]) if path.startswith("/apis/") else ""
            if NOT_RESOURCES.fullmatch(path) is None and group_version not in NOT_SERVED:
                found.add((method, path))
    return found


def table_operations(resource: Resource) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    home = resource.path("{namespace}")
    for verb, method in COLLECTION.items():
        if verb in resource.verbs:
            found.add((method, home))
    if resource.namespaced and "list" in resource.verbs:
        found.add(("GET", resource.path()))
    for verb, method in ITEM.items():
        if verb in resource.verbs:
            found.add((method, resource.path("{namespace}", "{name}")))
    for subresource in resource.subresources:
        path = resource.path("{namespace}", "{name}", subresource.name)
        methods = subresource.methods or tuple(SUBRESOURCE[verb] for verb in subresource.verbs)
        found |= {(method, path) for method in methods}
        if subresource.takes_path:
            found |= {(method, f"{path}/{{path}}") for method in methods}
    return found


def test_no_operation_is_missing_and_none_is_extra(table: ResourceTable) -> None:
    ours = set().union(*(table_operations(resource) for resource in table))
    theirs = client_operations()
    assert sorted(theirs - ours) == []
    assert sorted(ours - theirs) == []
    assert len(theirs) > 650


LIGHTKUBE_VERBS = {
    "post": "create",
    "delete": "delete",
    "deletecollection": "deletecollection",
    "get": "get",
    "list": "list",
    "patch": "patch",
    "put": "update",
    "watch": "watch",
}
NO_WATCH = {"componentstatuses": "lightkube names a watch that upstream's discovery does not"}


def lightkube_modules() -> list[ModuleType]:
    assert LIGHTKUBE is not None
    assert LIGHTKUBE.origin is not None
    names = sorted(file.stem for file in (Path(LIGHTKUBE.origin).parent / "resources").glob("*_v*.py"))
    return [import_module(f"lightkube.resources.{name}") for name in names]


def test_verbs_agree_with_lightkube(table: ResourceTable) -> None:
    compared = 0
    for module in lightkube_modules():
        for cls in vars(module).values():
            info = getattr(cls, "_api_info", None)
            if info is None or cls.__module__ != module.__name__ or getattr(info, "parent", None):
                continue
            found = table.get(info.resource.group, info.resource.version, info.plural)
            if found is None:
                api_version = f"{info.resource.group}/{info.resource.version}"
                assert api_version in NOT_SERVED, api_version
                continue
            verbs = {LIGHTKUBE_VERBS[verb] for verb in info.verbs if not verb.startswith("global_")}
            if found.plural in NO_WATCH:
                verbs.discard("watch")
            assert set(found.verbs) == verbs, found.plural
            assert found.kind == info.resource.kind
            compared += 1
    assert compared > 60
