"""Every kind keeps every field of the field table: built from the table, never from the Structs."""

import importlib
import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.api import generator, schema
from kube.api.schema import Field, GoType

KINDS = [
    pytest.param(package, name, id=f"{package}.{name}")
    for package in generator.GENERATED
    for name in schema.types_of(package)
    if schema.is_kind(package, name) and name != "TypeMeta"
]

SCALARS: dict[str, tuple[Any, ...]] = {
    "string": ("a", "b-c", "ü"),
    "bool": (True,),
    "int": (1, 9),
    "int32": (1, 2**31 - 1, -(2**31)),
    "int64": (1, 2**63 - 1),
    "float64": (0.5, 2.25),
    "interface": ("cell", 3, True),
    "Quantity": ("500m", "1Gi", "3"),
    "Time": ("2026-01-02T03:04:05Z",),
    "MicroTime": ("2026-01-02T03:04:05.000006Z",),
    "Duration": ("1m0s",),
    "IntOrString": (8080, "25%"),
    "Raw": ({"any": [1, "x"]},),
}

ZERO_SCALARS: dict[str, Any] = {
    "string": "",
    "bool": False,
    "int": 0,
    "int32": 0,
    "int64": 0,
    "float64": 0,
    "Quantity": "0",
    "Time": None,
    "MicroTime": None,
    "Duration": "0s",
    "IntOrString": 0,
    "Raw": None,
}


def struct_type(package: str, name: str) -> type:
    return getattr(importlib.import_module(generator.module_name(package)), name)


def decoder(cls: type) -> msgspec.json.Decoder:
    return msgspec.json.Decoder(cls, dec_hook=lambda nominal, text: nominal(text))


def value_of(kind: GoType, wrappers: tuple[str, ...], chance: random.Random, path: tuple[str, ...]) -> Any:
    if wrappers and kind.name == "byte" and len(wrappers) == 1:
        return "aGk="
    if wrappers:
        inner = value_of(kind, wrappers[1:], chance, path)
        if wrappers[0] == "[]":
            return [inner] * chance.randint(1, 2)
        return {chance.choice(["k", "example.com/l"]): inner} if wrappers[0] == "map" else inner
    if not kind.is_struct:
        return chance.choice(SCALARS[kind.name])
    if kind.name in generator.UNIONS:
        return {"type": "string"}
    return object_of(kind.package, kind.name, chance, path)


def object_of(package: str, name: str, chance: random.Random, path: tuple[str, ...] = ()) -> dict[str, Any]:
    """An object with every field of the table set; a type that holds itself is zero inside itself."""
    header = {}
    if schema.is_kind(package, name) and (version := generator.api_version(package, name)):
        header = {"kind": name, "apiVersion": version}
    if name in path:
        return header | {f.json: zero_value(f) for f in schema.fields_of(package, name) if emitted(f)}
    return header | {
        field.json: value_of(field.type, field.type.wrappers, chance, (*path, name))
        for field in schema.fields_of(package, name)
    }


def emitted(field: Field) -> bool:
    return field.presence.endswith("-always") or field.presence == "pointer-or-null"


def zero_value(field: Field) -> Any:
    """What Go writes for the zero value of an always-emitted field (a nil slice as an empty list)."""
    kind = field.type
    if kind.wrappers:
        if kind.name == "byte":
            return ""
        return {"*": None, "[]": [], "map": {}}[kind.wrappers[0]]
    if kind.is_struct:
        return {f.json: zero_value(f) for f in schema.fields_of(kind.package, kind.name) if emitted(f)}
    return ZERO_SCALARS.get(kind.name)


@pytest.mark.parametrize(("package", "name"), KINDS)
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_nothing_is_lost(package: str, name: str, seed: int) -> None:
    value = object_of(package, name, random.Random(seed))
    decoded = decoder(struct_type(package, name)).decode(json.dumps(value).encode())
    assert json.loads(msgspec.json.encode(decoded)) == value


@pytest.mark.parametrize(("package", "name"), KINDS)
def test_a_zero_object_has_only_what_go_always_emits(package: str, name: str) -> None:
    encoded = json.loads(msgspec.json.encode(struct_type(package, name)()))
    encoded.pop("kind", None)
    encoded.pop("apiVersion", None)
    expected = {f.json: zero_value(f) for f in schema.fields_of(package, name) if emitted(f)}
    assert encoded == expected


@pytest.mark.parametrize(("package", "name"), KINDS)
def test_zero_values_that_go_omits_are_dropped_on_entry(package: str, name: str) -> None:
    """``"labels": {}`` and ``"hostNetwork": false`` are stored as if they had not been sent."""
    value = {
        f.json: {"map": {}, "[]": []}.get(f.type.wrappers[0])
        if f.type.wrappers
        else ZERO_SCALARS[f.type.name]
        for f in schema.fields_of(package, name)
        if f.presence in ("scalar-omitempty", "slice-omitempty", "map-omitempty") and f.type.name != "byte"
    }
    decoded = decoder(struct_type(package, name)).decode(json.dumps(value).encode())
    assert msgspec.json.encode(decoded) == msgspec.json.encode(struct_type(package, name)())


def test_every_type_is_frozen_and_untracked() -> None:
    for package in generator.GENERATED:
        for name in generator.declared(package):
            config = struct_type(package, name).__struct_config__
            assert config.frozen
            assert not config.gc
            assert config.omit_defaults
            assert config.forbid_unknown_fields


def test_the_generator_writes_what_is_checked_in() -> None:
    assert generator.main(["--check"]) == 0


@pytest.mark.parametrize(
    ("wire", "attribute"),
    [
        ("podIP", "pod_ip"),
        ("podIPs", "pod_ips"),
        ("clusterIPs", "cluster_ips"),
        ("podCIDRs", "pod_cidrs"),
        ("nonResourceURLs", "non_resource_urls"),
        ("openAPIV3Schema", "open_api_v3_schema"),
        ("x-kubernetes-list-map-keys", "x_kubernetes_list_map_keys"),
        ("fieldsV1", "fields_v1"),
        ("fsGroup", "fs_group"),
        ("from", "from_"),
        ("continue", "continue_"),
        ("bool", "bool_"),
        ("$ref", "ref"),
        ("readOnlyRootFilesystem", "read_only_root_filesystem"),
        ("stubPKCS10Request", "stub_pkcs10_request"),
        ("iSCSI", "i_scsi"),
    ],
)
def test_attribute_names(wire: str, attribute: str) -> None:
    assert generator.attribute_name(wire) == attribute
