"""Objects as Tables and as PartialObjectMetadata, the alternate representations of meta.k8s.io.

Source of the semantics: k8s.io/apiserver/pkg/endpoints/handlers/response.go, and the page "Kubernetes API Concepts",
section "Receiving resources as Tables".
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Raw
from msgspec.structs import replace

from kube.api.conversion.convert import convert
from kube.api.printers.columns import Printer
from kube.api.printers.registry import printer_for
from kube.api.types import autoscaling_v1, autoscaling_v2, core_v1, events_v1
from kube.apimachinery.errors import invalid
from kube.apimachinery.field import Path, not_supported
from kube.apimachinery.meta.v1 import ListMeta, PartialObjectMetadata, Table, TableRow
from kube.apimachinery.serializer import encode
from kube.apiserver.endpoints.requestinfo import Query, first
from kube.apiserver.storage.interface import Entry

INCLUDE_OBJECT: Final = ("Metadata", "None", "Object")
META_GROUP: Final = "meta.k8s.io"
_NULL: Final = Raw(b"null")
_PRINTED_AS: Final[Mapping[type, type]] = {
    autoscaling_v1.HorizontalPodAutoscaler: autoscaling_v2.HorizontalPodAutoscaler,
    events_v1.Event: core_v1.Event,
}
"""Printers take objects of the storage version."""


def include_object(query: Query) -> str:
    """What each row carries besides its cells: Metadata by default. Raises ApiError 422."""
    wanted = first(query, "includeObject") or "Metadata"
    if wanted not in INCLUDE_OBJECT:
        error = not_supported(Path("includeObject"), wanted, ("Metadata", "None", "Object", ""))
        raise invalid(f"TableOptions.{META_GROUP}", "", [error])
    return wanted


class TableMaker:
    """Makes the tables of one kind in one version of Table. `now` is wall seconds since the epoch."""

    def __init__(self, group: str, kind: str, include: str, version: str) -> None:
        """`include` is a value of `includeObject`, `version` that of meta.k8s.io."""
        self._printer: Printer = printer_for(group, kind)
        self._include = include
        self._api_version = f"{META_GROUP}/{version}"

    def head(self, metadata: ListMeta, *, columns: bool = True) -> Table:
        """A table without rows."""
        return Table(
            api_version=self._api_version,
            metadata=metadata,
            column_definitions=self._printer.columns if columns else (),
        )

    def row(self, obj: Any, encoded: bytes | None, now: float) -> TableRow:
        """`encoded` is the object's JSON, read only where rows carry whole objects."""
        printer, printed = self._printer, obj
        if (stored := _PRINTED_AS.get(type(obj))) is not None:
            printed = convert(obj, stored)
        cells, conditions = printer.cells(printed, now), printer.conditions(printed)
        return TableRow(cells=cells, conditions=conditions, object=self._object(obj, encoded))

    def entry_row(self, entry: Entry, now: float) -> TableRow:
        return self.row(entry.object, entry.encoded if self._include == "Object" else None, now)

    def _object(self, obj: Any, encoded: bytes | None) -> Raw:
        if self._include == "None":
            return _NULL
        if self._include == "Object":
            return Raw(encoded if encoded is not None else encode(obj))
        return Raw(encode(partial_metadata(obj, self._api_version)))

    def of_object(self, obj: Any, encoded: bytes | None, now: float, *, columns: bool = True) -> Table:
        """A table of one row; its resourceVersion is the object's."""
        head = self.head(ListMeta(resource_version=obj.metadata.resource_version), columns=columns)
        return replace(head, rows=(self.row(obj, encoded, now),))


def partial_metadata(obj: Any, api_version: str) -> PartialObjectMetadata:
    return PartialObjectMetadata(kind="PartialObjectMetadata", api_version=api_version, metadata=obj.metadata)
