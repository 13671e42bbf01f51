"""etcd's API on sockets: gRPC and the plain pages, over any store that can be administered.

It runs on the loop that it is made on, opens no thread, and leaves nothing when it is closed.
"""

import asyncio
import ssl
from typing import Final, Self

from msgspec import Struct

from kube.base.acceptor import Acceptor
from kube.base.clock import Clock
from kube.base.tasks import TaskOwner
from kube.store.administration import AdministeredStore
from kube.store.errors import StoppedError
from kube.store.etcd_server.auth_service import AuthService
from kube.store.etcd_server.calls import Dispatcher
from kube.store.etcd_server.cluster_service import ClusterService
from kube.store.etcd_server.concurrency_service import ElectionService, LockService
from kube.store.etcd_server.health_service import HealthService
from kube.store.etcd_server.http1 import Pages
from kube.store.etcd_server.http2.connection import Limits
from kube.store.etcd_server.kv_service import KVService
from kube.store.etcd_server.leadership import Leadership
from kube.store.etcd_server.lease_service import LeaseService
from kube.store.etcd_server.maintenance_service import MaintenanceService
from kube.store.etcd_server.pages import pages
from kube.store.etcd_server.protocol import ServerProtocol
from kube.store.etcd_server.service import endpoints_of
from kube.store.etcd_server.watch_service import WatchService
from kube.store.kv import MAX_REQUEST_BYTES, MAX_TXN_OPS

GRPC_OVERHEAD: Final = 512 * 1024
"""Bytes that a message may be larger than a request may be: etcd's grpcOverheadBytes."""
GREETING_SECONDS: Final = 120.0
"""How long a client may take to say what it wants (grpc-go's connection timeout); who never does would keep its socket for hours."""
CLOSE_SECONDS: Final = 1.0
"""How long calls that run may take to end when the server closes."""


class EtcdServerConfig(Struct, frozen=True, kw_only=True):
    """``max_request_bytes`` and ``max_txn_ops`` as the store's. A client that is silent for ``keepalive_interval`` seconds is asked whether it is there,
    and has ``keepalive_timeout`` seconds to answer: etcd's --grpc-keepalive-interval and --grpc-keepalive-timeout.
    """

    limits: Limits = Limits()
    max_request_bytes: int = MAX_REQUEST_BYTES
    max_txn_ops: int = MAX_TXN_OPS
    keepalive_interval: float = 7_200.0
    keepalive_timeout: float = 20.0


class EtcdServer:
    """``async with EtcdServer(store, clock) as server: await server.listen("127.0.0.1", 2379)``."""

    def __init__(
        self, store: AdministeredStore, clock: Clock, config: EtcdServerConfig | None = None
    ) -> None:
        """On a running loop. The store is the caller's, to be closed after the server."""
        config = config or EtcdServerConfig()
        self._clock = clock
        self._config = config
        self._tasks = TaskOwner("etcd")
        leadership = Leadership(store, clock)
        services = [
            KVService(store, config.max_txn_ops),
            WatchService(store),
            LeaseService(store),
            ClusterService(store),
            MaintenanceService(store),
            AuthService(store),
            LockService(store),
            ElectionService(store),
            HealthService(store, lambda: leadership.healthy, leadership.changed),
        ]
        self._dispatcher = Dispatcher(
            endpoints_of(services),
            self._tasks,
            leadership,
            config.max_request_bytes + GRPC_OVERHEAD,
            config.max_txn_ops,
        )
        self._pages = Pages(pages(store), self._tasks)
        self._acceptors: list[Acceptor] = []
        self._connections: dict[ServerProtocol, None] = {}
        self._empty = asyncio.Event()
        self._empty.set()
        self._tasks.start(leadership.watch(), name="leadership")
        self._tasks.start(self._keep_alive(), name="keepalive")

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> tuple[str, int]:
        """Serve gRPC and the pages; port 0 for a free one. Returns where. Raises OSError."""
        if tls is not None:
            tls.set_alpn_protocols(["h2", "http/1.1"])
        return await self._listen(host, port, tls, self._dispatcher)

    async def listen_metrics(
        self, host: str, port: int, tls: ssl.SSLContext | None = None
    ) -> tuple[str, int]:
        """Serve the pages alone: etcd's --listen-metrics-urls. Raises OSError."""
        return await self._listen(host, port, tls, None)

    async def _listen(
        self, host: str, port: int, tls: ssl.SSLContext | None, dispatcher: Dispatcher | None
    ) -> tuple[str, int]:
        def connect() -> ServerProtocol:
            return ServerProtocol(dispatcher, self._pages, self._config.limits, self._came, self._gone)

        acceptor = Acceptor(connect, tls)
        await acceptor.listen(host, port)
        self._acceptors.append(acceptor)
        return acceptor.address

    def _came(self, protocol: ServerProtocol) -> None:
        self._connections[protocol] = None
        self._empty.clear()

    def _gone(self, protocol: ServerProtocol) -> None:
        self._connections.pop(protocol, None)
        if not self._connections:
            self._empty.set()

    async def _keep_alive(self) -> None:
        config = self._config
        loop = asyncio.get_running_loop()
        while True:
            await self._clock.sleep(config.keepalive_timeout)
            now = loop.time()
            for protocol in tuple(self._connections):
                if (not protocol.greeted and now - protocol.since >= GREETING_SECONDS) or (
                    protocol.pinged is not None and now - protocol.pinged >= config.keepalive_timeout
                ):
                    protocol.abort()
                elif protocol.pinged is None and now - protocol.last_received >= config.keepalive_interval:
                    protocol.ping()

    async def aclose(self) -> None:
        """Streams end with StoppedError, other calls have a second to end, and then every connection is closed."""
        for acceptor in self._acceptors:
            await acceptor.aclose()
        for call in tuple(self._dispatcher.streaming):
            call.cancel(StoppedError())
        for protocol in tuple(self._connections):
            protocol.shut_down()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._empty.wait()
        except TimeoutError:
            for protocol in tuple(self._connections):
                protocol.abort()
            await self._empty.wait()
        await self._tasks.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
