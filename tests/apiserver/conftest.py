"""A whole API server core over a store of one member: what the tests of this folder drive."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import start_members
from kube.api.conversion.convert import convert
from kube.api.resources import Resource, ResourceTable, builtin_table
from kube.api.types.authentication_v1 import UserInfo
from kube.api.types.core_v1 import Namespace, ServiceAccount
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import DeleteOptions, ObjectMeta
from kube.apiserver.admission.chain import Chain
from kube.apiserver.admission.plugins.chain import default_chain
from kube.apiserver.endpoints.interface import ALLOW_ALL
from kube.apiserver.endpoints.verbs import Verbs
from kube.apiserver.local import LocalTransport
from kube.apiserver.registry.rest import Registry, Resources, StatusResult
from kube.apiserver.registry.selection import field_getter
from kube.apiserver.registry.store import Store
from kube.apiserver.registry.strategy import Strategy
from kube.apiserver.registry.subresources import ScaleRest, StatusRest
from kube.apiserver.registry.table import install as install_all
from kube.apiserver.storage.factory import StorageFactory
from kube.apiserver.storage.interface import ListResult, StoredEvent
from kube.base.chance import Chance
from kube.base.clock import FakeClock, SystemClock
from kube.client.interface import Options, Request
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


class Api(Server):
    """All resources, with their own strategies and the default admission plug-ins."""

    def __init__(self, factory: StorageFactory, table: ResourceTable, clock: Any) -> None:
        super().__init__(factory, table, clock, Chain())
        reviews = {(row.group, row.plural): object() for row in table if not row.stored}
        self.served = install_all(self.registry, factory.storage, reviews=reviews)
        chain = default_chain(self.served.stores, clock=clock, chance=Chance(4))
        self.verbs = Verbs(self.registry, ALLOW_ALL, chain, clock=clock, chance=Chance(3), convert=convert)
        self.warnings: list[str] = []

    async def call(
        self, verb: Any, kind: type, name: str = "", body: Any = None, namespace: str = "default", **more: Any
    ) -> Any:
        """The object or the Status of the answer. ``more``: ``subresource``, and fields of the options."""
        subresource = more.pop("subresource", "")
        zero: Any = kind()
        row = self.table.by_api_version(zero.api_version, zero.kind)
        assert row is not None
        request = Request(
            verb=verb,
            resource=row,
            namespace=namespace if row.namespaced else "",
            name=name,
            subresource=subresource,
            body=body,
            options=Options(**more),
        )
        self.warnings = []
        result: Any = await self.verbs.call(request, ADMIN, self.warnings)
        if isinstance(result, ListResult):
            return [entry.object for entry in result.entries]
        return result.status if isinstance(result, StatusResult) else result.object

    async def create(self, obj: Any, **more: Any) -> Any:
        return await self.call("create", type(obj), body=obj, **more)

    async def get(self, kind: type, name: str, **more: Any) -> Any:
        return await self.call("get", kind, name, **more)

    async def update(self, obj: Any, **more: Any) -> Any:
        return await self.call("update", type(obj), obj.metadata.name, obj, **more)

    async def delete(self, kind: type, name: str, **options: Any) -> Any:
        return await self.call("delete", kind, name, delete=DeleteOptions(**options))


@pytest.fixture
async def bare_api(factory: StorageFactory, table: ResourceTable, clock: FakeClock) -> AsyncIterator[Api]:
    """The server as it starts: without a namespace."""
    api = Api(factory, table, clock)
    yield api
    await api.client.aclose()
    await api.verbs.aclose()


@pytest.fixture
async def api(bare_api: Api) -> Api:
    """The server with the namespace default and its service account."""
    await bare_api.create(Namespace(metadata=ObjectMeta(name="default")))
    await bare_api.create(ServiceAccount(metadata=ObjectMeta(name="default", namespace="default")))
    return bare_api
