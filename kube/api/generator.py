"""Writes the API types: ``python -m kube.api.generator`` (``--check`` only compares).

Input is the field table (``kube.api.schema``); output is one module per group and version under
``kube/api/types`` and ``kube/apimachinery/meta/v1.py``. The same table gives the same bytes.
"""

import keyword
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from kube.api import schema
from kube.api.schema import Field, GoType

GENERATED = (
    "meta/v1",
    "core/v1",
    "admission/v1",
    "admissionregistration/v1",
    "apidiscovery/v2",
    "apiextensions/v1",
    "apiregistration/v1",
    "apps/v1",
    "authentication/v1",
    "authorization/v1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "certificates/v1",
    "coordination/v1",
    "discovery/v1",
    "events/v1",
    "flowcontrol/v1",
    "metrics/v1beta1",
    "networking/v1",
    "node/v1",
    "policy/v1",
    "policy/v1beta1",
    "rbac/v1",
    "resource/v1",
    "scheduling/v1",
    "scheduling/v1alpha3",
    "scheduling/v1beta1",
    "storage/v1",
    "storagemigration/v1",
)
"""The packages of the resources that are served, and of what their types are made of."""

UNTYPED_META = {"ListOptions", "GetOptions", "CreateOptions", "UpdateOptions", "PatchOptions", "DeleteOptions",
                "ApplyOptions", "TableOptions", "APIGroup", "PartialObjectMetadata"}  # fmt: skip
"""Kinds of meta/v1 that are embedded in others or belong to every group, so have no version of their own."""

META_API_VERSION = {
    "Table": "meta.k8s.io/v1",
    "PartialObjectMetadata": "meta.k8s.io/v1",
    "PartialObjectMetadataList": "meta.k8s.io/v1",
}

UNIONS = {
    "JSONSchemaPropsOrArray": "JSONSchemaProps | tuple[JSONSchemaProps, ...]",
    "JSONSchemaPropsOrBool": "JSONSchemaProps | bool",
    "JSONSchemaPropsOrStringArray": "JSONSchemaProps | tuple[str, ...]",
}
"""Go structs that encode themselves as one of several JSON types."""

SCALARS = {
    "string": "str",
    "bool": "bool",
    "int": "Int64",
    "int32": "Int32",
    "int64": "Int64",
    "float64": "float",
    "interface": "Any",
    "IntOrString": "IntOrString",
    "Quantity": "Quantity",
    "Time": "Time",
    "MicroTime": "MicroTime",
    "Duration": "Duration",
    "Raw": "Raw",
}

ZEROS = {
    "string": '""',
    "bool": "False",
    "int": "0",
    "int32": "0",
    "int64": "0",
    "float64": "0.0",
    "interface": "None",
    "IntOrString": "0",
    "Quantity": 'Quantity("0")',
    "Time": "None",
    "MicroTime": "None",
    "Duration": 'Duration("0s")',
    "Raw": "NULL_RAW",
}

_ATTRIBUTES = {"openAPIV3Schema": "open_api_v3_schema", "$ref": "ref", "$schema": "schema"}
_WORDS = re.compile(r"[A-Z]+s(?=[A-Z]|$)|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+[0-9]*")


def attribute_name(wire: str) -> str:
    """``podCIDRs`` is ``pod_cidrs``; a keyword, or a type that annotations name, gets a trailing underscore."""
    if wire in _ATTRIBUTES:
        return _ATTRIBUTES[wire]
    name = "_".join(word.lower() for part in wire.split("-") for word in _WORDS.findall(part))
    return f"{name}_" if keyword.iskeyword(name) or name in SCALARS.values() else name


def module_name(package: str) -> str:
    """``apps/v1`` is ``kube.api.types.apps_v1``; ``meta/v1`` belongs to the API machinery."""
    if package == "meta/v1":
        return "kube.apimachinery.meta.v1"
    return f"kube.api.types.{package.replace('/', '_')}"


def alias(package: str) -> str:
    return package.replace("/", "_")


def api_version(package: str, name: str) -> str:
    """The ``apiVersion`` that objects of the kind carry; empty where the kind has none of its own."""
    if package == "meta/v1":
        return "" if name in UNTYPED_META else META_API_VERSION.get(name, "v1")
    folder, _, version = package.partition("/")
    group = schema.GROUPS[folder]
    return f"{group}/{version}" if group else version


def annotation(package: str, go_type: GoType) -> str:
    """The Python type of a Go type expression, without the ``| None`` of an outer pointer."""
    wrappers = [wrapper for wrapper in go_type.wrappers if wrapper != "*"]
    if go_type.name == "byte":
        text = "bytes"
        wrappers.pop()
    elif go_type.is_struct:
        text = UNIONS.get(go_type.name, go_type.name)
        if go_type.package != package:
            text = f"{alias(go_type.package)}.{text}"
    else:
        text = SCALARS[go_type.name]
    for wrapper in reversed(wrappers):
        text = f"tuple[{text}, ...]" if wrapper == "[]" else f"Mapping[str, {text}]"
    return text


def declaration(package: str, field: Field) -> str:
    """One attribute with its type and the default of its presence class."""
    kind = field.type
    text = annotation(package, kind)
    outer = kind.wrappers[0] if kind.wrappers else ""
    always = field.presence.endswith("-always")
    if outer == "*" and kind.name == "Raw":
        default = "NO_RAW"
    elif outer == "*":
        default = "always(None)" if field.presence == "pointer-or-null" else "None"
        text = f"{text} | None"
    elif outer == "[]":
        zero = 'b""' if text == "bytes" else "()"
        default = f"always({zero})" if always else zero
    elif outer == "map":
        default = "always({})" if always else "EMPTY_MAP"
    elif kind.is_struct:
        default = f"shared({text})"
    else:
        zero = ZEROS[kind.name]
        if zero == "None":
            text = text if kind.name == "interface" else f"{text} | None"
        default = zero if field.presence in ("scalar-omitempty", "struct-omitzero") else f"always({zero})"
    return f"    {attribute_name(field.json)}: {text} = {default}"


def declared(package: str) -> list[str]:
    """The package's types, and those that it names without declaring (empty Go structs), value structs
    before their holders: a zero instance of each is the default of its holders.
    """
    names = dict.fromkeys(schema.types_of(package))
    if package == "meta/v1":
        names.pop("TypeMeta")
    for name in list(names):
        for field in schema.fields_of(package, name):
            if field.type.package == package and field.type.name not in UNIONS:
                names.setdefault(field.type.name)
    ordered: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in ordered:
            return
        for field in schema.fields_of(package, name):
            if field.type.package == package and not field.type.wrappers:
                visit(field.type.name)
        ordered[name] = None

    for name in names:
        visit(name)
    return list(ordered)


def render_type(package: str, name: str) -> Iterator[str]:
    fields = schema.fields_of(package, name)
    renamed = {attribute_name(f.json): f.json for f in fields if attribute_name(f.json) != f.json}
    kind = schema.is_kind(package, name)
    if kind:
        renamed["api_version"] = "apiVersion"
    suffix = ""
    if renamed:
        pairs = ", ".join(f'"{attribute}": "{wire}"' for attribute, wire in renamed.items())
        suffix = f", rename={{{pairs}}}"
    yield f"class {name}(ApiStruct, frozen=True, kw_only=True{suffix}):"
    if kind:
        version = api_version(package, name)
        yield f'    kind: str = always("{name}")' if version else '    kind: str = ""'
        yield f'    api_version: str = always("{version}")' if version else '    api_version: str = ""'
    for field in fields:
        yield declaration(package, field)
    maps = [attribute_name(f.json) for f in fields if f.presence == "map-omitempty"]
    raws = [attribute_name(f.json) for f in fields if f.presence == "pointer" and f.type.name == "Raw"]
    if maps or raws:
        yield ""
        yield "    def __post_init__(self) -> None:"
        for attribute in maps:
            yield f"        if not self.{attribute} and self.{attribute} is not EMPTY_MAP:"
            yield f'            force_setattr(self, "{attribute}", EMPTY_MAP)'
        for attribute in raws:
            yield f"        if self.{attribute} == NULL_RAW:"
            yield f'            force_setattr(self, "{attribute}", NO_RAW)'
    elif not fields and not kind:
        yield "    pass"


def render(package: str) -> str:
    """The source of one module."""
    body: list[str] = []
    for name in declared(package):
        body += ["", "", *render_type(package, name)]
    text = "\n".join(body)
    head = [
        f'"""{package}: generated by kube.api.generator, never edited by hand."""',
        "",
        "from __future__ import annotations",
        "",
        "from collections.abc import Mapping",
        "from typing import Any",
        "",
        "from msgspec import Raw, field",
        "from msgspec.structs import force_setattr",
        "",
    ]
    used = set(re.findall(r"\b\w+\b", text))
    for module in GENERATED:
        if module != package and re.search(rf"\b{alias(module)}\.", text):
            parent, _, leaf = module_name(module).rpartition(".")
            head.append(
                f"from {parent} import {leaf}" + (f" as {alias(module)}" if leaf != alias(module) else "")
            )
    quantities = [n for n in ("Quantity",) if n in used]
    times = [n for n in ("Duration", "MicroTime", "Time") if n in used]
    structs = [
        n
        for n in (
            "EMPTY_MAP",
            "NO_RAW",
            "NULL_RAW",
            "ApiStruct",
            "Int32",
            "Int64",
            "IntOrString",
            "always",
            "shared",
        )
        if n in used
    ]
    head.append(f"from kube.apimachinery.meta.struct import {', '.join(structs)}")
    if quantities:
        head.append("from kube.apimachinery.quantity import Quantity")
    if times:
        head.append(f"from kube.apimachinery.time import {', '.join(times)}")
    for line, word in (
        ("from collections.abc import Mapping", "Mapping"),
        ("from typing import Any", "Any"),
        ("from msgspec.structs import force_setattr", "force_setattr"),
    ):
        if word not in used:
            head.remove(line)
    names = [n for n in ("Raw", "field") if re.search(rf"\b{n}\b(?!_)", text)]
    if names != ["Raw", "field"]:
        at = head.index("from msgspec import Raw, field")
        head[at : at + 1] = [f"from msgspec import {', '.join(names)}"] if names else []
    source = "\n".join(head) + "\n" + text + "\n"
    return re.sub(r"\n{4,}", "\n\n\n", source.replace("annotations\n\n\n", "annotations\n\n"))


def outputs(root: Path) -> dict[Path, str]:
    """Every generated file with its text, under the directory that holds ``kube``."""
    files = {}
    for package in GENERATED:
        path = root.joinpath(*module_name(package).split(".")).with_suffix(".py")
        files[path] = render(package)
    return files


def main(arguments: list[str]) -> int:
    root = Path(__file__).resolve().parents[2]
    stale = [path for path, text in outputs(root).items() if not path.exists() or path.read_text() != text]
    if "--check" in arguments:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(root)} is not what the generator writes\n")
        return 1 if stale else 0
    files = outputs(root)
    for path in stale:
        path.write_text(files[path])
    sys.stdout.write(f"{len(files)} modules, {len(stale)} changed\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
