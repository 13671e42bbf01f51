"""The field table of the API types: wire names, Go types, presence, protobuf numbers, merge rules.

The table is the input of the type generator and is also read at run time, by whoever needs more than
the Structs say: strategic merge patch, OpenAPI, protobuf. Each type's rows are parsed when they are first asked for.
"""

import re
from functools import cache
from pathlib import Path

from msgspec import Struct

GROUPS = {
    "admission": "admission.k8s.io",
    "admissionregistration": "admissionregistration.k8s.io",
    "apidiscovery": "apidiscovery.k8s.io",
    "apiextensions": "apiextensions.k8s.io",
    "apiregistration": "apiregistration.k8s.io",
    "apiserverinternal": "internal.apiserver.k8s.io",
    "apps": "apps",
    "authentication": "authentication.k8s.io",
    "authorization": "authorization.k8s.io",
    "autoscaling": "autoscaling",
    "batch": "batch",
    "certificates": "certificates.k8s.io",
    "coordination": "coordination.k8s.io",
    "core": "",
    "discovery": "discovery.k8s.io",
    "events": "events.k8s.io",
    "flowcontrol": "flowcontrol.apiserver.k8s.io",
    "lifecycle": "lifecycle.k8s.io",
    "meta": "meta.k8s.io",
    "metrics": "metrics.k8s.io",
    "networking": "networking.k8s.io",
    "node": "node.k8s.io",
    "policy": "policy",
    "rbac": "rbac.authorization.k8s.io",
    "resource": "resource.k8s.io",
    "scheduling": "scheduling.k8s.io",
    "storage": "storage.k8s.io",
    "storagemigration": "storagemigration.k8s.io",
}
"""Folder of the Go package to API group."""

SCALARS = {"string", "bool", "int", "int32", "int64", "float64", "byte", "interface"}

SPECIAL = {
    "resource.Quantity": "Quantity",
    "metav1.Time": "Time",
    "metav1.MicroTime": "MicroTime",
    "metav1.Duration": "Duration",
    "meta/v1.Time": "Time",
    "meta/v1.MicroTime": "MicroTime",
    "meta/v1.FieldsV1": "Raw",
    "intstr.IntOrString": "IntOrString",
    "runtime.RawExtension": "Raw",
    "apiextensions/v1.JSON": "Raw",
}
"""Go types whose JSON form is not that of their declaration."""

ALIASES = {
    "authentication/v1.ExtraValue": "[]string",
    "authentication/v1.AttestationValue": "[]string",
    "authorization/v1.ExtraValue": "[]string",
    "certificates/v1.ExtraValue": "[]string",
    "core/v1.ClaimResourceStatus": "string",
}
"""Named Go types that the table refers to without declaring them."""

_PREFIX = re.compile(r"(\*|\[\]|map\[[^\]]*\])")
_QUALIFIER = {
    "metav1": "meta/v1",
    "corev1": "core/v1",
    "apiv1": "core/v1",
    "authenticationv1": "authentication/v1",
    "schedulingv1alpha3": "scheduling/v1alpha3",
}
_V1 = {
    "apidiscovery/v2": "meta/v1",
    "authentication/v1alpha1": "authentication/v1",
    "admissionregistration/v1alpha1": "admissionregistration/v1",
    "admissionregistration/v1beta1": "admissionregistration/v1",
    "coordination/v1alpha2": "coordination/v1",
    "coordination/v1beta1": "coordination/v1",
}
"""What the import alias ``v1`` means, package by package; elsewhere it is core/v1."""
_NAMED_STRINGS = {"UID", "NodeName", "ResourceName", "ConditionStatus", "Protocol", "StatusReason",
                  "ReinvocationPolicyType", "CoordinatedLeaseStrategy", "PreemptionPolicy",
                  "PersistentVolumeReclaimPolicy", "PersistentVolumeMode", "PersistentVolumeAccessMode",
                  "PodConditionType"}  # fmt: skip


class GoType(Struct, frozen=True):
    """A Go type expression, taken apart.

    ``wrappers`` are read from the outside in: ``*``, ``[]``, ``map``. ``name`` is a scalar of Go, one
    of the special names (``Quantity``, ``Time``, ``MicroTime``, ``Duration``, ``IntOrString``,
    ``Raw``), or the type's name in ``package``.
    """

    wrappers: tuple[str, ...]
    name: str
    package: str = ""

    @property
    def is_struct(self) -> bool:
        return self.package != ""


class Field(Struct, frozen=True, kw_only=True):
    """One row of the table; inline rows are flattened away except ``TypeMeta``'s."""

    json: str
    go_type: str
    type: GoType
    presence: str
    proto: int
    proto_kind: str
    patch_strategy: str = ""
    merge_key: str = ""
    list_type: str = ""
    list_keys: tuple[str, ...] = ()
    map_type: str = ""
    default: str = ""
    enum: tuple[str, ...] = ()


def parse_go_type(package: str, text: str) -> GoType:
    """Resolve ``text`` as written in ``package``: ``*metav1.Time``, ``[]Container``, ``T=string``."""
    wrappers: list[str] = []
    name = text
    while True:
        while match := _PREFIX.match(name):
            token = match.group(1)
            wrappers.append("map" if token.startswith("map") else token)
            name = name[match.end() :]
        if "=" in name:
            name = name.partition("=")[2]
            continue
        home, _, short = name.rpartition(".")
        where = _QUALIFIER.get(home, home)
        if home == "v1":
            where = _V1.get(package, "core/v1")
        if (special := SPECIAL.get(name) or SPECIAL.get(f"{where or package}.{short}")) is not None:
            return GoType(tuple(wrappers), special)
        if name in SCALARS:
            return GoType(tuple(wrappers), name)
        if home and short in _NAMED_STRINGS:
            return GoType(tuple(wrappers), "string")
        if short == "ResourceList":
            return GoType((*wrappers, "map"), "Quantity")
        if (alias := ALIASES.get(f"{where or package}.{short}")) is not None:
            name = alias
            continue
        return GoType(tuple(wrappers), short, where or package)


@cache
def _text() -> str:
    """One line a field; the lines of a type stand together."""
    return Path(__file__).with_name("types").joinpath("fields.tsv").read_text(encoding="utf-8")


@cache
def _types() -> tuple[tuple[str, str], ...]:
    """Every (package, name), in the table's order."""
    found: dict[tuple[str, str], None] = {}
    for line in _text().splitlines()[1:]:
        package, name, _ = line.split("\t", 2)
        found[package, name] = None
    return tuple(found)


@cache
def _lines(package: str) -> str:
    """The lines of one package, which stand together too; each follows a line feed."""
    text, start = _text(), f"\n{package}\t"
    first, last = text.find(start), text.rfind(start)
    return text[first : text.find("\n", last + 1)] if first >= 0 else ""


@cache
def _rows(package: str, name: str) -> tuple[list[str], ...]:
    """The rows of one type, without its package and name. Empty for a type that the table does not declare."""
    lines, start = _lines(package), f"\n{package}\t{name}\t"
    rows = []
    at = lines.find(start)
    while at >= 0 and lines.startswith(start, at):
        end = lines.find("\n", at + 1)
        rows.append(lines[at + len(start) : end if end >= 0 else None].split("\t"))
        at = end
    return tuple(rows)


def packages() -> tuple[str, ...]:
    """Every Go package of the table, as ``apps/v1``, in the table's order."""
    return tuple(dict.fromkeys(package for package, _ in _types()))


def types_of(package: str) -> tuple[str, ...]:
    """The names of the types declared in ``package``, in the table's order."""
    return tuple(name for where, name in _types() if where == package)


def is_kind(package: str, name: str) -> bool:
    """Whether the type has ``kind`` and ``apiVersion``."""
    return any(row[0] == "(inline)" and row[1].endswith("TypeMeta") for row in _rows(package, name))


@cache
def fields_of(package: str, name: str) -> tuple[Field, ...]:
    """The fields of one type, with inlined structs flattened in place, without kind and apiVersion.

    An empty tuple for a type that has no fields, or that the table does not declare.
    """
    fields: list[Field] = []
    for row in _rows(package, name):
        if row[0] != "(inline)":
            fields.append(_field(package, row))
        elif not row[1].endswith("TypeMeta"):
            inlined = parse_go_type(package, row[1])
            fields.extend(fields_of(inlined.package, inlined.name))
    return tuple(fields)


@cache
def message_of(package: str, name: str) -> tuple[Field, ...]:
    """The fields of one type as its protobuf message has them: an inlined struct is one field, of the wire name ``""``."""
    return tuple(
        _field(package, ["" if row[0] == "(inline)" else row[0], *row[1:]])
        for row in _rows(package, name)
        if row[4]
    )


def _field(package: str, row: list[str]) -> Field:
    json, go_type, presence, proto, proto_kind, patch, list_, default, enum = row
    strategy, _, merge_key = patch.partition(":")
    list_type, _, keys = list_.partition(":")
    map_type = ""
    if "=" in list_:
        list_type, map_type = "", list_.partition("=")[2]
    elif presence == "pointer" and list_type:
        list_type, map_type = "", list_type
    return Field(
        json=json,
        go_type=go_type,
        type=parse_go_type(package, go_type),
        presence=presence,
        proto=int(proto) if proto else 0,
        proto_kind=proto_kind,
        patch_strategy=strategy,
        merge_key=merge_key,
        list_type=list_type,
        list_keys=tuple(keys.split("+")) if keys else (),
        map_type=map_type,
        default=default,
        enum=tuple(enum.split("|")) if enum else (),
    )
