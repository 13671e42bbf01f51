"""How the fields of API types are patched strategically, read from the field table.

Source of the semantics: the ``patchStrategy`` and ``patchMergeKey`` tags, and ``LookupPatchMetadataForStruct`` of
k8s.io/apimachinery/pkg/util/strategicpatch. Custom resources have no such tags and are not patched so.
"""

from functools import cache

from kube.api.schema import Field, GoType, fields_of, is_kind
from kube.apimachinery.patch.errors import UnknownFieldError
from kube.apimachinery.patch.strategic import UNTYPED, PatchSchema

_TYPE_META = ("kind", "apiVersion")


class StructSchema:
    """A Go struct of the field table. Implements ``strategic.PatchSchema``."""

    def __init__(self, package: str, name: str) -> None:
        self._package = package
        self._name = name
        self._fields: dict[str, Field] | None = None

    @property
    def fields(self) -> dict[str, Field]:
        """By wire name; looked up on first use, for types refer to each other."""
        if self._fields is None:
            self._fields = {field.json: field for field in fields_of(self._package, self._name)}
        return self._fields

    def _field(self, json_name: str) -> Field | None:
        """None for kind and apiVersion. Raises UnknownFieldError."""
        field = self.fields.get(json_name)
        if field is None and not (json_name in _TYPE_META and is_kind(self._package, self._name)):
            raise UnknownFieldError(f"{self._package.rpartition('/')[2]}.{self._name}", json_name)
        return field

    def child(self, json_name: str) -> PatchSchema:
        field = self._field(json_name)
        return UNTYPED if field is None else _schema(field.type)

    def strategies(self, json_name: str) -> tuple[str, ...]:
        field = self._field(json_name)
        return tuple(field.patch_strategy.split(",")) if field is not None and field.patch_strategy else ()

    def merge_key(self, json_name: str) -> str:
        field = self._field(json_name)
        return "" if field is None else field.merge_key


class MapSchema:
    """A map of structs: any key leads to one. Implements ``strategic.PatchSchema``."""

    def __init__(self, item: PatchSchema) -> None:
        self._item = item

    def child(self, json_name: str) -> PatchSchema:  # noqa: ARG002  # the protocol
        return self._item

    def strategies(self, json_name: str) -> tuple[str, ...]:  # noqa: ARG002  # the protocol
        return ()

    def merge_key(self, json_name: str) -> str:  # noqa: ARG002  # the protocol
        return ""


@cache
def _struct(package: str, name: str) -> StructSchema:
    return StructSchema(package, name)


def _schema(go_type: GoType) -> PatchSchema:
    """What a value of the type, or an element of its list, is patched by."""
    if not go_type.is_struct:
        return UNTYPED
    struct = _struct(go_type.package, go_type.name)
    return MapSchema(struct) if "map" in go_type.wrappers else struct


def has_patch_schema(cls: type) -> bool:
    """Whether objects of the type can be patched strategically: those of generated Structs."""
    return cls.__module__.startswith(("kube.api.types.", "kube.apimachinery.meta."))


def patch_schema(cls: type) -> PatchSchema:
    """The schema of a generated Struct."""
    module = cls.__module__.rpartition(".")[2]
    if module == "v1":
        return _struct("meta/v1", cls.__name__)
    group, _, version = module.rpartition("_")
    return _struct(f"{group}/{version}", cls.__name__)
