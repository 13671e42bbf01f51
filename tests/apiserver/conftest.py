"""A whole API server core over a store of one member: what the tests of this folder drive."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import start_members
from kube.api.resources import Resource, ResourceTable, builtin_table
from kube.api.types.authentication_v1 import UserInfo
from kube.apimachinery.errors import ApiError
from kube.apiserver.admission.chain import Chain
from kube.apiserver.endpoints.interface import ALLOW_ALL
from kube.apiserver.endpoints.verbs import Verbs
from kube.apiserver.local import LocalTransport
from kube.apiserver.registry.rest import Registry, Resources
from kube.apiserver.registry.selection import field_getter
from kube.apiserver.registry.store import Store
from kube.apiserver.registry.strategy import Strategy
from kube.apiserver.registry.subresources import ScaleRest, StatusRest
from kube.apiserver.storage.factory import StorageFactory
from kube.apiserver.storage.interface import StoredEvent
from kube.base.chance import Chance
from kube.base.clock import FakeClock, SystemClock
from kube.store.local import LocalStore, StoreConfig

ADMIN = UserInfo(username="admin", groups=("system:masters",))


@dataclass
class Sink:
    """Collects what a watch delivers; refuses everything after ``room`` batches."""

    room: int = 1_000_000
    batches: list[list[StoredEvent]] = field(default_factory=list)
    ends: list[ApiError | None] = field(default_factory=list)

    def deliver(self, events: Any) -> bool:
        if len(self.batches) >= self.room:
            return False
        self.batches.append(list(events))
        return True

    def closed(self, error: ApiError | None) -> None:
        self.ends.append(error)

    @property
    def events(self) -> list[StoredEvent]:
        return [event for batch in self.batches for event in batch]

    @property
    def seen(self) -> list[tuple[str, str]]:
        """Types and names."""
        return [(event.type, event.entry.object.metadata.name) for event in self.events]


@pytest.fixture
async def store() -> AsyncIterator[LocalStore]:
    """One member, on the host's clock."""
    clock = SystemClock()
    async with ActorSystem(clock=clock, chance=Chance(7)) as system:
        store = LocalStore(StoreConfig(), clock, Chance(8))
        await start_members(system, store)
        yield store
        await store.aclose()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def factory(store: LocalStore, clock: FakeClock) -> AsyncIterator[StorageFactory]:
    factory = StorageFactory(store, clock)
    yield factory
    await factory.aclose()


@pytest.fixture
def table() -> ResourceTable:
    return builtin_table()


MakeStrategy = Callable[[Resource], Strategy]


class Server:
    """Resources are installed when they are asked for, by default with the generic strategy."""

    def __init__(
        self, factory: StorageFactory, table: ResourceTable, clock: FakeClock, admission: Chain
    ) -> None:
        self.factory = factory
        self.table = table
        self.clock = clock
        self.registry = Registry(table)
        self.verbs = Verbs(
            self.registry, ALLOW_ALL, admission, clock=clock, chance=Chance(3), convert=lambda obj, _: obj
        )
        self.client = LocalTransport(self.verbs, ADMIN)

    def row(self, plural: str, group: str = "", version: str = "v1") -> Resource:
        found = self.table.get(group, version, plural)
        assert found is not None
        return found

    def install(
        self, plural: str, group: str = "", make: MakeStrategy = Strategy, version: str = "v1"
    ) -> Store:
        row = self.row(plural, group, version)
        strategy = make(row)
        fields = {label: field_getter(row, row.type, label) for label in strategy.indexed_fields}
        store = Store(strategy, self.factory.storage(row, fields))
        subresources: dict[str, Any] = {}
        if row.subresource("status"):
            subresources["status"] = StatusRest(store)
        if row.subresource("scale"):
            subresources["scale"] = ScaleRest(store)
        self.registry.install(
            Resources(resource=row, rest=store, subresources=subresources, strategy=strategy)
        )
        return store


@pytest.fixture
def admission() -> Chain:
    return Chain()


@pytest.fixture
async def server(
    factory: StorageFactory, table: ResourceTable, clock: FakeClock, admission: Chain
) -> AsyncIterator[Server]:
    server = Server(factory, table, clock, admission)
    yield server
    await server.client.aclose()
    await server.verbs.aclose()


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def make_sink() -> type[Sink]:
    return Sink
