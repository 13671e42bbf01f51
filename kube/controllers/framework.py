"""What a controller is: what it watches, which keys a change concerns, and what it does about one key.

A controller reads caches through listers and the time from its environment, decides in pure functions, and writes through the
client that it was given. ``kube.actors.controller_manager`` runs it: one work queue each, one worker per key at a time.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from msgspec import Struct, field

from kube.base.chance import Chance
from kube.client.events import EventRecorder
from kube.client.keys import HasMetadata
from kube.client.lister import Lister
from kube.client.store import IndexFunction
from kube.client.typed import TypedClient
from kube.client.workqueue import Result

__all__ = ["CONFLICT_PAUSE", "Controller", "Environment", "Gather", "Keys", "Result", "Watch", "own_key"]

T = TypeVar("T", bound=HasMetadata)
R = TypeVar("R")

CONFLICT_PAUSE: Final = 0.02
"""Seconds to give a cache that was behind what a controller wrote, before the key is tried again: no failure to log."""

Keys = Callable[[T | None, T | None], Iterable[str]]
"""Maps a change (old, new) to the keys that it concerns. Pure and quick; called once for each change."""

Now = Callable[[], float]
"""Seconds: of the epoch for ``Environment.now``, of a clock that only grows for ``Environment.monotonic``."""


class Gather(Protocol):
    """Runs calls side by side. The results come in the calls' order, an error in the place of what failed."""

    async def __call__(self, calls: Sequence[Callable[[], Awaitable[R]]], /) -> list[R | Exception]: ...


class Watch(Struct, Generic[T], frozen=True):
    """One informer that a controller needs. ``keys`` may be left out where only its lister is read.

    ``indexes`` are added to the shared cache: prefix their names with the controller's.
    """

    kind: type[T] | tuple[str, str, str]
    keys: Keys[T] | None = None
    indexes: Mapping[str, IndexFunction[T]] = field(default_factory=dict)


class Listers(Protocol):
    """The caches of the process."""

    def lister(self, kind: Any) -> Lister[Any]: ...


class Environment(Struct, frozen=True, kw_only=True):
    """What a controller is given. ``client`` acts under the controller's own identity.

    ``enqueue_after(key, seconds)`` puts a key into the controller's own queue, 0 for at once.
    """

    client: TypedClient
    listers: Listers
    recorder: EventRecorder
    now: Now
    monotonic: Now
    chance: Chance
    gather: Gather
    enqueue_after: Callable[[str, float], None]


class Controller(Protocol):
    """``reconcile`` is never called for one key twice at a time; what it raises is tried again under the rate limit.

    It is made anew, from its environment, whenever its actor is restarted.
    """

    name: str
    """The upstream name, ``replicaset``: of the queue, the logs and ``--controllers``."""
    workers: int

    def watches(self) -> Sequence[Watch[Any]]: ...

    async def reconcile(self, key: str) -> Result: ...


def own_key(old: HasMetadata | None, new: HasMetadata | None) -> tuple[str, ...]:
    """The ``Keys`` of a controller's own kind: the object's ``namespace/name``, or its name."""
    obj = old if new is None else new
    assert obj is not None
    namespace = obj.metadata.namespace
    return (f"{namespace}/{obj.metadata.name}" if namespace else obj.metadata.name,)
