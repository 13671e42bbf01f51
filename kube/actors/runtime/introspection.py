"""What a system says about its actors: as a snapshot, as metrics, as a drawing."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kube.actors.runtime.cell import Cell

if TYPE_CHECKING:
    from kube.actors.runtime.system import ActorSystem


class ActorInfo(Struct, frozen=True):
    """One actor at one moment. `depth` counts messages, `slowest` is seconds that one message (or batch) took."""

    path: str
    kind: str
    state: str
    depth: int
    capacity: int
    high_water: int
    handled: int
    restarts: int
    dead_letters: int
    slowest: float
    slowest_message: str


class Totals:
    """Counts of all actors of a kind."""

    __slots__ = ("actors", "dead_letters", "depth", "handled", "high_water", "restarts", "slowest")

    def __init__(self) -> None:
        self.actors = 0
        self.depth = 0
        self.handled = 0
        self.restarts = 0
        self.dead_letters = 0
        self.high_water = 0
        self.slowest = 0.0

    def add(self, cell: Cell) -> None:
        self.handled += cell.handled
        self.restarts += cell.restarts
        self.dead_letters += cell.mailbox.dead_letters
        self.high_water = max(self.high_water, cell.high_water)
        self.slowest = max(self.slowest, cell.slowest)

    def merge(self, other: "Totals") -> "Totals":
        self.handled += other.handled
        self.restarts += other.restarts
        self.dead_letters += other.dead_letters
        self.high_water = max(self.high_water, other.high_water)
        self.slowest = max(self.slowest, other.slowest)
        return self


_READINGS: Final = (
    ("kube_actors", "gauge", "Actors that live", "actors"),
    ("kube_actor_mailbox_depth", "gauge", "Messages that wait", "depth"),
    (
        "kube_actor_mailbox_high_water",
        "gauge",
        "The most messages that ever waited in one mailbox",
        "high_water",
    ),
    ("kube_actor_messages_handled_total", "counter", "Messages handled", "handled"),
    ("kube_actor_restarts_total", "counter", "Restarts after failures", "restarts"),
    ("kube_actor_dead_letters_total", "counter", "Messages for actors that were gone", "dead_letters"),
    ("kube_actor_slowest_handler_seconds", "gauge", "The longest that one message or batch took", "slowest"),
)
"""By kind of actor, not by path: a label value per pod would make the scrape as large as the cluster."""


def register(system: "ActorSystem") -> None:
    for name, kind, help_, attribute in _READINGS:

        def read(attribute: str = attribute) -> Iterator[tuple[tuple[str, ...], float]]:
            for actor, totals in system.totals().items():
                yield (actor,), getattr(totals, attribute)

        system.metrics.reading(name, help_, read, labels=("actor",), kind=kind)


def describe(cell: Cell) -> ActorInfo:
    return ActorInfo(
        path=cell.path,
        kind=cell.kind,
        state=cell.state.value,
        depth=len(cell.mailbox),
        capacity=cell.mailbox.capacity,
        high_water=max(cell.high_water, len(cell.mailbox)),
        handled=cell.handled,
        restarts=cell.restarts,
        dead_letters=cell.mailbox.dead_letters,
        slowest=cell.slowest,
        slowest_message=cell.slowest_message,
    )


def draw(actors: Iterable[ActorInfo]) -> str:
    lines = []
    for info in actors:
        parts = info.path.split("/")
        line = f"{'  ' * (len(parts) - 2)}{parts[-1]} ({info.kind}) {info.state}, {info.handled} handled"
        if info.depth:
            line += f", {info.depth} of {info.capacity} waiting"
        if info.restarts:
            line += f", {info.restarts} restarts"
        lines.append(line)
    return "\n".join(lines)
