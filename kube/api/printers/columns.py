"""The shape of a printer, and the columns and cell texts that many kinds share."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from msgspec import Struct

from kube.api.printers.duration import human
from kube.apimachinery.meta.v1 import ObjectMeta, TableColumnDefinition, TableRowCondition
from kube.apimachinery.time import MicroTime, Time, to_seconds

Cell = str | int | bool
Cells = tuple[Cell, ...]

NONE: Final = "<none>"
UNKNOWN: Final = "<unknown>"
UNSET: Final = "<unset>"


class HasMetadata(Protocol):
    @property
    def metadata(self) -> ObjectMeta: ...


def _no_conditions(_: Any) -> tuple[TableRowCondition, ...]:
    return ()


class Printer(Struct, frozen=True):
    """The columns of a kind and how to fill them.

    ``cells`` takes an object of the storage version and wall seconds since the epoch, and gives one cell
    per column. ``conditions`` gives the row's conditions (a finished pod is Completed).
    """

    columns: tuple[TableColumnDefinition, ...]
    cells: Callable[[Any, float], Cells]
    conditions: Callable[[Any], tuple[TableRowCondition, ...]] = _no_conditions


def column(
    name: str, description: str, type_: str = "string", *, format_: str = "", wide: bool = False
) -> TableColumnDefinition:
    """A column; a wide one is shown by ``-o wide`` only."""
    return TableColumnDefinition(
        name=name, type=type_, format=format_, description=description, priority=1 if wide else 0
    )


NAME: Final = column("Name", "Name of the object, unique for its kind within its namespace.", format_="name")
AGE: Final = column("Age", "Time since the object was created.")
CREATED_AT: Final = column("Created At", "Moment when the object was created.", "date")
CONTAINERS: Final = column("Containers", "Names of the template's containers.", wide=True)
IMAGES: Final = column("Images", "Images of the template's containers.", wide=True)
SELECTOR: Final = column("Selector", "Selects the pods that belong to the object.", wide=True)
TEMPLATE: Final = (CONTAINERS, IMAGES, SELECTOR)


def since(moment: Time | MicroTime | None, now: float) -> str:
    """How long ago a moment was."""
    return human(now - to_seconds(moment)) if moment else UNKNOWN


def age(obj: HasMetadata, now: float) -> str:
    return since(obj.metadata.creation_timestamp, now)


def format_labels(labels: Mapping[str, str]) -> str:
    """``a=b,c=d`` in order."""
    return ",".join(sorted(f"{key}={value}" for key, value in labels.items())) or NONE


class _Named(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def image(self) -> str: ...


def container_names(containers: Iterable[_Named]) -> str:
    return ",".join(container.name for container in containers)


def container_images(containers: Iterable[_Named]) -> str:
    return ",".join(container.image for container in containers)


def abridged(texts: Iterable[str], limit: int = 3) -> str:
    """The first few, and how many are left: ``a,b,c + 2 more...``."""
    every = list(texts)
    if len(every) > limit:
        return f"{','.join(every[:limit])} + {len(every) - limit} more..."
    return ",".join(every) or UNSET


CellsOf = Callable[[Any, float], Cells]


class Printers(dict[tuple[str, str], Printer]):
    """Printers by group and kind, filled by decorators over the functions that compute the cells."""

    def whole(self, group: str, kind: str, *columns: TableColumnDefinition) -> Callable[[CellsOf], CellsOf]:
        """The function gives every cell."""

        def register(cells: CellsOf) -> CellsOf:
            self[group, kind] = Printer(columns, cells)
            return cells

        return register

    def between(self, group: str, kind: str, *columns: TableColumnDefinition) -> Callable[[CellsOf], CellsOf]:
        """The function gives the cells between the name and the age."""

        def register(middle: CellsOf) -> CellsOf:
            def cells(obj: HasMetadata, now: float) -> Cells:
                return (obj.metadata.name, *middle(obj, now), age(obj, now))

            self[group, kind] = Printer((NAME, *columns, AGE), cells)
            return middle

        return register


def _default_cells(obj: HasMetadata, _: float) -> Cells:
    return (obj.metadata.name, obj.metadata.creation_timestamp or UNKNOWN)


DEFAULT: Final = Printer((NAME, CREATED_AT), _default_cells)
"""What upstream prints of a kind without a printer of its own."""

NAME_AND_AGE: Final = Printer((NAME, AGE), lambda obj, now: (obj.metadata.name, age(obj, now)))
