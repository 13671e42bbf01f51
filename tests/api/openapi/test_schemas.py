"""Schemas against upstream's own definitions, as the PyPI package ``kubernetes-validate`` carries them."""

from typing import Any

import msgspec
import pytest

from kube.api import descriptions as texts
from kube.api import schema
from kube.api.descriptions import Descriptions
from kube.api.generator import GENERATED
from kube.api.openapi.names import definition_name
from kube.api.openapi.schemas import INT_OR_STRING, QUANTITY, RAW_EXTENSION, SchemaBuilder
from kube.api.resources import builtin_table

NO_TEXTS = Descriptions("", {})


NOT_IN_FIELD_TABLE = {
    "io.k8s.api.core.v1.NodeSystemInfo": {"runningInUserNamespace"},
    "io.k8s.api.resource.v1.DeviceCounterConsumption": {"compatibilityGroups"},
    "io.k8s.api.resource.v1.DeviceSubRequest": {"derivedAttributes"},
    "io.k8s.api.resource.v1.ExactDeviceRequest": {"derivedAttributes"},
}
"""Fields of the release that the field table, made from a beta of it, does not have."""


def upstream() -> dict[str, Any]:
    spec = texts.find_spec(texts.PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("needs the extra 'explain'")
    root = texts.Path(next(iter(spec.submodule_search_locations))) / "kubernetes-json-schema"
    folder = texts.descriptions().source
    if folder != "v1.37.0-local":
        pytest.skip(f"needs upstream's definitions of 1.37, found {folder}")
    found: dict[str, Any] = msgspec.json.decode((root / folder / "_definitions.json").read_bytes())["$defs"]
    return found


def plain(tree: Any) -> Any:
    """Upstream's JSON Schema without what the package adds to it (null types, kind enums) or words."""
    if isinstance(tree, list):
        return [plain(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    found = {
        key: plain(value)
        for key, value in tree.items()
        if not (key == "description" and isinstance(value, str))
    }
    if isinstance(found.get("type"), list):
        found["type"] = next(one for one in found["type"] if one != "null")
    if isinstance(found.get("$ref"), str):
        found["$ref"] = found["$ref"].rpartition("/")[2]
    return found


def comparable(definition: dict[str, Any]) -> dict[str, Any]:
    found = plain(definition)
    found.pop("x-kubernetes-group-version-kind", None)
    for name in ("apiVersion", "kind"):
        found.get("properties", {}).get(name, {}).pop("enum", None)
    if "required" in found:
        found["required"] = sorted(found["required"])
    return found


def every_type() -> list[tuple[str, str]]:
    return [(package, name) for package in GENERATED for name in schema.types_of(package)]


def built(*, v3: bool, described: bool = False) -> dict[str, Any]:
    builder = SchemaBuilder(v3=v3, texts=texts.descriptions() if described else NO_TEXTS)
    for package, name in every_type():
        builder.reference((package, name))
    return builder.definitions()


def test_v2_definitions_equal_upstreams() -> None:
    theirs = upstream()
    ours = built(v3=False)
    for name, fields in NOT_IN_FIELD_TABLE.items():
        for field in fields:
            assert field not in ours[name]["properties"]
            del theirs[name]["properties"][field]
    shared = sorted(set(ours) & set(theirs))
    assert len(shared) > 650
    different = {
        name: (comparable(ours[name]), comparable(theirs[name]))
        for name in shared
        if name not in (QUANTITY, INT_OR_STRING) and comparable(ours[name]) != comparable(theirs[name])
    }
    assert different == {}


def test_group_version_kinds_equal_upstreams() -> None:
    theirs = upstream()
    for name, body in built(v3=False).items():
        if name in theirs and name.startswith("io.k8s.api."):
            kinds = "x-kubernetes-group-version-kind"
            assert body.get(kinds) == theirs[name].get(kinds), name


def test_every_description_is_upstreams() -> None:
    theirs = upstream()
    compared = 0
    for name, body in built(v3=False, described=True).items():
        if name in theirs:
            assert body.get("description") == theirs[name].get("description"), name
            for prop, described in body.get("properties", {}).items():
                assert described.get("description") == theirs[name]["properties"][prop].get("description"), (
                    name,
                    prop,
                )
                compared += 1
    assert compared > 2500


def test_references_lead_somewhere() -> None:
    for v3, root in ((True, "#/components/schemas/"), (False, "#/definitions/")):
        definitions = built(v3=v3)

        def walk(tree: Any, definitions: dict[str, Any] = definitions, root: str = root) -> None:
            if isinstance(tree, dict):
                if isinstance(tree.get("$ref"), str):
                    assert tree["$ref"].startswith(root)
                    assert tree["$ref"].removeprefix(root) in definitions
                for value in tree.values():
                    walk(value)
            elif isinstance(tree, list):
                for item in tree:
                    walk(item)

        walk(definitions)


def test_v3_references_with_siblings_are_wrapped() -> None:
    definitions = built(v3=True, described=False)
    pod = definitions["io.k8s.api.core.v1.Pod"]["properties"]
    status = {"allOf": [{"$ref": "#/components/schemas/io.k8s.api.core.v1.PodStatus"}], "default": {}}
    assert pod["status"] == status
    assert pod["spec"] == {"$ref": "#/components/schemas/io.k8s.api.core.v1.PodSpec"}, "{} would be invalid"
    container = definitions["io.k8s.api.core.v1.Container"]["properties"]
    assert container["lifecycle"] == {"$ref": "#/components/schemas/io.k8s.api.core.v1.Lifecycle"}
    assert container["name"] == {"type": "string", "default": ""}
    assert container["command"]["items"] == {"type": "string", "default": ""}
    assert container["imagePullPolicy"] == {"type": "string", "enum": ["Always", "IfNotPresent", "Never"]}
    assert container["ports"] == {
        "type": "array",
        "items": {"$ref": "#/components/schemas/io.k8s.api.core.v1.ContainerPort"},
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
        "x-kubernetes-patch-strategy": "merge",
        "x-kubernetes-patch-merge-key": "containerPort",
    }
    port = definitions["io.k8s.api.core.v1.ContainerPort"]["properties"]
    assert port["protocol"]["default"] == "TCP"


def test_special_types() -> None:
    v3, v2 = built(v3=True), built(v3=False)
    assert v3[QUANTITY] == {"oneOf": [{"type": "string"}, {"type": "number"}]}
    assert v2[QUANTITY] == {"type": "string"}
    assert v2[INT_OR_STRING] == {"type": "string", "format": "int-or-string"}
    assert v3[RAW_EXTENSION] == {"type": "object"}
    secret = v2["io.k8s.api.core.v1.Secret"]["properties"]
    assert secret["data"] == {"type": "object", "additionalProperties": {"type": "string", "format": "byte"}}


def test_every_resource_has_a_definition_under_upstreams_name() -> None:
    theirs = upstream()
    for row in builtin_table():
        package = row.type_reference.removeprefix("kube.api.types.").partition(":")[0].rpartition("_")
        assert definition_name(f"{package[0]}/{package[2]}", row.kind) in theirs
