"""The schemas of types, in the dialect of either OpenAPI version.

v3 wraps a reference that has siblings in ``allOf`` and states defaults and enums; v2 puts the siblings
beside ``$ref``, as swagger tools and kubectl expect it, and leaves defaults out.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from kube.api import schema
from kube.api.descriptions import Descriptions, TypeText
from kube.api.openapi.facts import ALSO_REQUIRED, ATOMIC, NOT_REQUIRED, UNIONS
from kube.api.openapi.names import META, definition_name
from kube.api.schema import Field, GoType

Schema = dict[str, Any]
TypeKey = tuple[str, str]
"""Package and type name, ``("core/v1", "Pod")``."""

QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING: Final = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
RAW_EXTENSION: Final = "io.k8s.apimachinery.pkg.runtime.RawExtension"
FIELDS_V1: Final = f"{META}.FieldsV1"
PATCH: Final = f"{META}.Patch"
VERSION_INFO: Final = "io.k8s.apimachinery.pkg.version.Info"
_JSON: Final = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON"

_SCALARS: Final[Mapping[str, Schema]] = {
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "int": {"type": "integer", "format": "int32"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "float64": {"type": "number", "format": "double"},
    "byte": {"type": "string", "format": "byte"},
    "Duration": {"type": "string"},
    "interface": {},
}
_ZEROS: Final[Mapping[str, Any]] = {
    "string": "",
    "bool": False,
    "int": 0,
    "int32": 0,
    "int64": 0,
    "float64": 0,
}
_NAMED: Final[Mapping[str, str]] = {
    "Quantity": QUANTITY,
    "IntOrString": INT_OR_STRING,
    "Time": f"{META}.Time",
    "MicroTime": f"{META}.MicroTime",
}
_RAW: Final[Mapping[str, str]] = {"RawExtension": RAW_EXTENSION, "FieldsV1": FIELDS_V1, "JSON": _JSON}
"""Types whose JSON is not that of their Go declaration, and the definitions that stand for them."""

_ANY: Final = (
    _JSON,
    *(f"{_JSON}SchemaPropsOr{other}" for other in ("Array", "Bool", "StringArray")),
)
_SPECIAL: Final[Mapping[str, Schema]] = {
    QUANTITY: {"oneOf": [{"type": "string"}, {"type": "number"}]},
    INT_OR_STRING: {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
    f"{META}.Time": {"type": "string", "format": "date-time"},
    f"{META}.MicroTime": {"type": "string", "format": "date-time"},
    RAW_EXTENSION: {"type": "object"},
    FIELDS_V1: {"type": "object"},
    PATCH: {"type": "object"},
    **{name: {} for name in _ANY},
}
_SPECIAL_V2: Final[Mapping[str, Schema]] = {
    QUANTITY: {"type": "string"},
    INT_OR_STRING: {"type": "string", "format": "int-or-string"},
}
"""Where v2, which has no ``oneOf``, says it otherwise."""

_ALWAYS: Final = frozenset(("scalar-always", "slice-always", "map-always", "pointer-or-null"))
_ZERO_DEFAULTS: Final = frozenset(("scalar-always",))


def _version_info() -> Schema:
    required = ("major", "minor", "gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform")  # fmt: skip
    optional = ("emulationMajor", "emulationMinor", "minCompatibilityMajor", "minCompatibilityMinor")
    properties = {name: {"type": "string"} for name in sorted((*required, *optional))}
    return {"type": "object", "required": list(required), "properties": properties}


class SchemaBuilder:
    """Writes definitions and collects those that they refer to, until all are written.

    ``kinds`` gives the group, version and kind of the types that are kinds of their own
    (``x-kubernetes-group-version-kind``), beyond what their package tells.
    """

    def __init__(
        self, *, v3: bool, texts: Descriptions, group_versions: Iterable[tuple[str, str]] = ()
    ) -> None:
        self._v3 = v3
        self._texts = texts
        self._root = "#/components/schemas/" if v3 else "#/definitions/"
        self._group_versions = tuple(group_versions)
        self._pending: list[TypeKey | str] = []
        self._seen: set[TypeKey | str] = set()
        self._custom: dict[str, Schema] = {}

    def reference(self, key: TypeKey | str) -> Schema:
        """A ``$ref`` to a type of the field table, or to a definition named in this module."""
        if key not in self._seen:
            self._seen.add(key)
            self._pending.append(key)
        name = key if isinstance(key, str) else definition_name(*key)
        return {"$ref": self._root + name}

    def define(self, name: str, body: Schema) -> Schema:
        """Add a definition that is written elsewhere (custom resources); gives the reference to it."""
        self._custom[name] = body
        self._seen.add(name)
        return {"$ref": self._root + name}

    def definitions(self) -> dict[str, Schema]:
        """Every definition that was referred to, by name, transitively."""
        found = dict(self._custom)
        while self._pending:
            key = self._pending.pop()
            if isinstance(key, str):
                if key not in self._custom:
                    found[key] = self._special(key)
            else:
                found[definition_name(*key)] = self._definition(*key)
        return dict(sorted(found.items()))

    def object_meta(self) -> Schema:
        return self.reference(("meta/v1", "ObjectMeta"))

    def type_meta(self) -> dict[str, Schema]:
        """The properties ``apiVersion`` and ``kind``."""
        texts = self._texts.of(f"{META}.Status")
        return {name: _described({"type": "string"}, texts.of(name)) for name in ("apiVersion", "kind")}

    def _special(self, name: str) -> Schema:
        if name == VERSION_INFO:
            body = _version_info()
        else:
            body = dict(_SPECIAL[name] if self._v3 else _SPECIAL_V2.get(name, _SPECIAL[name]))
        return _described(body, self._texts.of(name).description)

    def _definition(self, package: str, name: str) -> Schema:
        key = f"{package}.{name}"
        full = definition_name(package, name)
        if full in _SPECIAL:
            return self._special(full)
        texts = self._texts.of(full)
        is_kind = schema.is_kind(package, name)
        properties = self.type_meta() if is_kind else {}
        fields = schema.fields_of(package, name)
        properties |= {field.json: self._property(field, texts) for field in fields}
        body: Schema = _described({"type": "object"}, texts.description)
        if required := sorted(_required(key, fields)):
            body["required"] = required
        if properties:
            body["properties"] = dict(sorted(properties.items()))
        if is_kind and (kinds := self._kinds(package, name)):
            body["x-kubernetes-group-version-kind"] = kinds
        if key in ATOMIC:
            body["x-kubernetes-map-type"] = "atomic"
        if key in UNIONS:
            body["x-kubernetes-unions"] = [_union(*UNIONS[key])]
        return body

    def _kinds(self, package: str, name: str) -> list[dict[str, str]]:
        folder, _, version = package.partition("/")
        if folder != "meta":
            return [{"group": schema.GROUPS[folder], "kind": name, "version": version}]
        if name in ("DeleteOptions", "WatchEvent"):
            return [{"group": g, "kind": name, "version": v} for g, v in sorted(self._group_versions)]
        return [{"group": "", "kind": name, "version": "v1"}]

    def _property(self, field: Field, texts: TypeText) -> Schema:
        body = self._typed(field, field.type, field.type.wrappers)
        body |= _annotations(field)
        if self._v3:
            body |= _default(field, body)
        return self._siblings(_described(body, texts.of(field.json)))

    def _typed(self, field: Field, kind: GoType, wrappers: tuple[str, ...]) -> Schema:
        """The schema of a Go type expression, from its outermost wrapper inwards."""
        if not wrappers:
            return self._named(field, kind)
        outer, rest = wrappers[0], wrappers[1:]
        if outer == "*":
            return self._typed(field, kind, rest)
        if outer == "[]" and kind.name == "byte" and not rest:
            return dict(_SCALARS["byte"])
        inner = self._element(self._typed(field, kind, rest), kind, rest, is_list=outer == "[]")
        if outer == "[]":
            return {"type": "array", "items": inner}
        return {"type": "object", "additionalProperties": inner}

    def _element(self, inner: Schema, kind: GoType, rest: tuple[str, ...], *, is_list: bool) -> Schema:
        if self._v3 and not rest:
            inner |= _zero_default(kind, inner)
        return self._siblings(inner) if is_list or kind.is_struct else inner

    def _named(self, field: Field, kind: GoType) -> Schema:
        if kind.is_struct:
            return self.reference((kind.package, kind.name))
        if kind.name in _NAMED:
            return self.reference(_NAMED[kind.name])
        if kind.name == "Raw":
            return self.reference(_RAW[field.go_type.rpartition(".")[2].strip("*[]")])
        body = dict(_SCALARS[kind.name])
        if self._v3 and field.enum:
            body["enum"] = sorted(field.enum)
        return body

    def _siblings(self, body: Schema) -> Schema:
        """v3 forbids siblings of ``$ref``, so the reference moves into ``allOf``."""
        if not self._v3 or "$ref" not in body or len(body) == 1:
            return body
        return {"allOf": [{"$ref": body.pop("$ref")}], **body}


def _described(body: Schema, text: str) -> Schema:
    if text:
        body["description"] = text
    return body


def _required(key: str, fields: Iterable[Field]) -> set[str]:
    names = {field.json for field in fields if field.presence in _ALWAYS}
    names |= set(ALSO_REQUIRED.get(key, "").split())
    return names - set(NOT_REQUIRED.get(key, "").split())


def _union(discriminator: str, members: Mapping[str, str]) -> Schema:
    union: Schema = {"fields-to-discriminateBy": dict(members)}
    return {"discriminator": discriminator, **union} if discriminator else union


def _annotations(field: Field) -> Schema:
    found: Schema = {}
    if field.list_type:
        found["x-kubernetes-list-type"] = field.list_type
    if field.list_keys:
        found["x-kubernetes-list-map-keys"] = list(field.list_keys)
    if field.map_type:
        found["x-kubernetes-map-type"] = field.map_type
    if field.patch_strategy:
        found["x-kubernetes-patch-strategy"] = field.patch_strategy
    if field.merge_key:
        found["x-kubernetes-patch-merge-key"] = field.merge_key
    return found


def _zero_default(kind: GoType, body: Schema) -> Schema:
    """The zero value as default, where the schema allows it: no enum that lacks it, no required field."""
    if kind.is_struct:
        fields = schema.fields_of(kind.package, kind.name)
        return {} if _required(f"{kind.package}.{kind.name}", fields) else {"default": {}}
    return {"default": _ZEROS[kind.name]} if kind.name in _ZEROS and "enum" not in body else {}


def _default(field: Field, body: Schema) -> Schema:
    """The declared default, or the zero value that Go always encodes."""
    if field.default and not field.default.startswith("ref("):
        return {"default": msgspec.json.decode(field.default)}
    if field.type.wrappers or not (field.type.is_struct or field.presence in _ZERO_DEFAULTS):
        return {}
    return _zero_default(field.type, body)
