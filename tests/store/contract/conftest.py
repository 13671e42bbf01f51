"""Every kind of store there is, behind one fixture: what a test of this folder says holds for all of them.

Servers are started once for a session, when they are first wanted. Each test has keys of its own there; revisions are
relative to where the store is when the test begins.
"""

import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio

from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import start_members
from kube.base.chance import Chance
from kube.base.clock import SystemClock
from kube.base.stall import StallGuard
from kube.store.administration import AdministeredStore
from kube.store.config import StoreConfig
from kube.store.etcd3.config import Etcd3Config
from kube.store.etcd3.store import Etcd3Store
from kube.store.kv import prefix_end
from kube.store.local import LocalStore
from kube.store.wal.directory import open_store
from tests.store.servers import DEBIAN, DISTRO, Server, etcd, kube_members, kube_store, share_a_loop

NUMBERS = count(1)


class Servers:
    """Those that run, by name, and a directory for what else there is to keep."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._running: dict[str, list[Server]] = {}

    def get(self, name: str, make: Callable[[Path], list[Server]]) -> tuple[str, ...]:
        """The endpoints of a store, which is started when it is first wanted."""
        if name not in self._running:
            members = self._running[name] = make(self.directory)
            for member in members:
                member.launch()
            for member in members:
                member.wait()
        return tuple(member.endpoint for member in self._running[name])

    def close(self) -> None:
        for members in self._running.values():
            for member in members:
                member.kill()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    running = Servers(tmp_path_factory.mktemp("servers"))
    yield running
    running.close()


@dataclass
class World:
    """A store, and the part of its key space that is a test's own. ``base`` ends in a slash."""

    store: AdministeredStore
    name: str
    base: bytes = field(default_factory=lambda: b"/contract/%d/" % next(NUMBERS))

    def __call__(self, key: bytes) -> bytes:
        return self.base + key

    @property
    def all(self) -> tuple[bytes, bytes]:
        """Key and range_end of everything of this test."""
        return self.base, prefix_end(self.base)

    def lease(self) -> int:
        """An id that no other test takes."""
        return 1_000_000 + next(NUMBERS)


Open = Callable[[Servers], AbstractAsyncContextManager[AdministeredStore]]


def in_process(replicas: int, *, on_disk: bool = False) -> Open:
    @asynccontextmanager
    async def opened(servers: Servers) -> AsyncIterator[AdministeredStore]:
        guard = StallGuard(SystemClock())
        guard.start()
        system = ActorSystem(clock=guard, chance=Chance(1))
        directory = None
        if on_disk:
            directory = open_store(servers.directory / f"data-{next(NUMBERS)}", replicas, Chance(2))
        store = LocalStore(StoreConfig(replicas=replicas), guard, random.Random(1), directory=directory)
        await start_members(system, store)
        try:
            yield store
        finally:
            await system.stop()
            await store.aclose()
            if directory is not None:
                directory.close()
            guard.stop()

    return opened


def over_grpc(name: str, make: Callable[[Path], list[Server]], prefix: bytes = b"") -> Open:
    """``make`` gives the members of the store ``name``, which are started unless they run."""

    @asynccontextmanager
    async def opened(servers: Servers) -> AsyncIterator[AdministeredStore]:
        config = Etcd3Config(endpoints=servers.get(name, make), prefix=prefix)
        store = Etcd3Store(config, SystemClock())
        try:
            yield store
        finally:
            await store.aclose()

    return opened


def of_etcd(version: str) -> Callable[[Path], list[Server]]:
    return lambda directory: [etcd(version, directory)]


STORES: dict[str, Open] = {
    "memory": in_process(1),
    "memory, 3 replicas": in_process(3),
    "data directory": in_process(1, on_disk=True),
    "kube store serve": over_grpc("kube store serve", lambda directory: [kube_store(directory)]),
    "three processes": over_grpc("three processes", lambda directory: kube_members(directory, 3)),
    DEBIAN: over_grpc(DEBIAN, of_etcd(DEBIAN)),
    DISTRO: over_grpc(DISTRO, of_etcd(DISTRO)),
    f"{DISTRO} under a prefix": over_grpc(DISTRO, of_etcd(DISTRO), b"/a prefix"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    share_a_loop(items, Path(__file__).parent)


@pytest_asyncio.fixture(params=STORES, loop_scope="session")
async def world(request: pytest.FixtureRequest, servers: Servers) -> AsyncIterator[World]:
    async with STORES[request.param](servers) as store:
        yield World(store, request.param)
