"""The whole cluster on one page: a store, an API server over it, controllers, a scheduler and simulated nodes.

``Cluster`` is what an embedding program enters and ``kube up`` runs. It is a guest: it runs on the loop that it is
entered on, and leaves no task, thread, socket or file.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from msgspec import Struct, field

from kube.actors.api_server import ApiServer
from kube.actors.controller_manager import ControllerManager, WaitSynced, enabled
from kube.actors.kubelet import SimulatedNode, SimulatedNodes
from kube.actors.runtime.supervision import Supervision
from kube.actors.runtime.system import ActorSystem
from kube.actors.scheduler import SchedulerActor
from kube.actors.store_member import start_members
from kube.api.defaults import defaulter
from kube.api.helpers.taints import NOT_READY
from kube.api.resources import builtin_table
from kube.api.types.authentication_v1 import UserInfo
from kube.api.types.core_v1 import ConfigMap, Namespace, Node, ServiceAccount
from kube.api.types.discovery_v1 import EndpointSlice
from kube.api.types.rbac_v1 import ClusterRole
from kube.api.types.scheduling_v1 import PriorityClass
from kube.api.validation import rules
from kube.apimachinery.serializer import decode
from kube.apiserver.admission.chain import Chain
from kube.apiserver.admission.plugins.chain import default_chain
from kube.apiserver.authentication.interface import (
    ALL_AUTHENTICATED,
    CONTROLLER_MANAGER,
    MASTERS,
    NODES,
    SCHEDULER,
)
from kube.apiserver.bootstrap import NAMESPACES
from kube.apiserver.instance import Instance, Loopback, ServerOptions
from kube.apiserver.pki import CertificateAuthority
from kube.apiserver.server import ListenError
from kube.apiserver.stored_authority import stored_authority
from kube.base.chance import Chance
from kube.base.clock import Clock, SystemClock
from kube.base.metrics import Metrics
from kube.base.stall import StallGuard
from kube.base.tasks import TaskOwner
from kube.client.client import Client
from kube.client.event_broadcaster import EventBroadcaster
from kube.client.interface import Request, Transport
from kube.client.isolation import IsolatedTransport
from kube.client.mutation_detector import MutationDetector
from kube.client.typed import TypedClient
from kube.client.watch import Watch
from kube.controllers.initializers import Settings, import_all, initializers
from kube.controllers.nodeipam import cluster_cidr_for
from kube.controllers.root_ca_certificate_publisher import CONFIG_MAP
from kube.controllers.serviceaccount import DEFAULT_NAME
from kube.kubelet.config import KubeletConfig
from kube.store.config import StoreConfig
from kube.store.etcd3.config import Etcd3Config, parse_url
from kube.store.etcdpb.extra import MESSAGES, require_etcd_extra
from kube.store.kv import Store
from kube.store.local import LocalStore
from kube.store.wal.directory import StoreDirectory, open_store
from kube.store.wal.syncer import ThreadSyncer

if TYPE_CHECKING:
    from kube.client.kubeconfig import Kubeconfig

ADMIN: Final = "kubernetes-admin"
START_SECONDS: Final = 60.0
"""How long entering may take before it is given up."""


class ClusterConfig(Struct, frozen=True, kw_only=True):
    """``nodes``: how many simulated nodes, or the configuration of each. ``replicas``: members of the store: 1, 3 or 5.

    ``listen``: host and port to serve HTTPS at, port 0 for a free one; None opens no socket. ``controllers`` as
    kube-controller-manager's flag; none at all, and ``scheduler=False``, leave those parts to processes of their own.
    ``seed`` makes names, uids and choices repeatable.
    """

    nodes: int | Sequence[KubeletConfig] = 1
    replicas: int = 1
    store: str | Etcd3Config | Store | None = None
    """Where everything is kept, instead of in this process: an etcd's URL (``etcd://host:port[,…][/prefix]``) or its whole
    configuration, with certificates; or a store that somebody else runs, and closes."""
    data_dir: Path | str | None = None
    """A directory that keeps everything for the next start, made if it is not there; None: it is gone with the process."""
    listen: tuple[str, int] | None = None
    etcd_listen: tuple[str, int] | None = None
    """Host and port to serve the store of this process at, over etcd's gRPC API; port 0 for a free one. Whoever reaches it reads and
    writes everything: it has neither TLS nor authentication, and belongs on a loopback address."""
    controllers: Sequence[str] = ("*",)
    scheduler: bool = True
    tokens: Mapping[str, UserInfo] = field(default_factory=dict)
    cluster_cidr: str = ""
    """Where pods' addresses come from; by default 10.244.0.0/16, or a larger range where the nodes need one."""
    node_mask: int = 24
    node_monitor_period: float = 5.0
    node_monitor_grace_period: float = 50.0
    seed: int | None = None
    clock: Clock | None = None
    detect_mutations: bool = False

    def __post_init__(self) -> None:
        if self.data_dir is not None and self.store is not None:
            raise ValueError("a data directory is for the store of this process, not for another one")
        if self.etcd_listen is not None and self.store is not None:
            raise ValueError("etcd's API is served from the store of this process, not from another one")
        if not (self.store is None or isinstance(self.store, (str, Etcd3Config, Store))):
            raise TypeError(
                f"a store is an etcd's URL, an Etcd3Config or an object with kube.store.kv.Store's methods, not {self.store!r}"
            )

    def node_configs(self) -> tuple[KubeletConfig, ...]:
        if not isinstance(self.nodes, int):
            return tuple(self.nodes)
        if self.nodes < 0:
            raise ValueError(f"a cluster has no fewer than 0 nodes, not {self.nodes}")
        grace = self.node_monitor_grace_period
        return tuple(node_config(number, grace) for number in range(self.nodes))


def node_config(number: int, grace_period: float = 50.0) -> KubeletConfig:
    """The node that ``--nodes`` makes: ``node-0`` at 10.0.0.10 and so on.

    It is heard of often enough for the grace period, of which a lease covers four fifths, as upstream's 40 s of 50.
    """
    high, low = divmod(number + 10, 250)
    return KubeletConfig(
        node_name=f"node-{number}",
        node_ip=f"10.0.{high}.{low + 1}",
        node_lease_duration_seconds=max(1, min(40, int(grace_period * 0.8))),
        node_status_update_frequency=min(10.0, grace_period / 5),
    )


def component(username: str, *groups: str) -> UserInfo:
    """A component of this process. It is privileged, as upstream's loopback client is."""
    return UserInfo(username=username, groups=(*groups, MASTERS, ALL_AUTHENTICATED))


class Cluster:
    """``async with Cluster(nodes=3) as cluster``: entered means that everything serves and every node is Ready.

    Takes the fields of :class:`ClusterConfig`. Raises ``kube.apiserver.server.ListenError`` for an address that cannot be
    listened on, ``kube.store.wal.disk.DataDirectoryError`` for a data directory that cannot be used.
    """

    def __init__(self, **settings: Any) -> None:
        self.config = ClusterConfig(**settings)
        self.loopback = Loopback()
        self.nodes: dict[str, SimulatedNode] = {}
        self._configs = self.config.node_configs()
        self._system: ActorSystem | None = None
        self._store: Store | None = None
        self._closing_store: Callable[[], Awaitable[None]] | None = None
        self._closing_etcd: Callable[[], Awaitable[None]] | None = None
        self._etcd_address: tuple[str, int] | None = None
        self._guard: StallGuard | None = None
        self._client: Client | None = None
        self._ending: asyncio.Task[None] | None = None
        self._authority: CertificateAuthority | None = None
        self._simulated: SimulatedNodes | None = None
        self._detector = MutationDetector() if self.config.detect_mutations else None

    # -- its life

    async def start(self) -> None:
        """As entering; if it fails, nothing is left."""
        if self._system is not None:
            raise RuntimeError("the cluster has been started already")
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        config = self.config
        clock = config.clock if config.clock is not None else SystemClock()
        chance = Chance.system() if config.seed is None else Chance(config.seed)
        guard = self._guard = StallGuard(clock)
        guard.start()
        system = self._system = ActorSystem(clock=guard, chance=chance, supervision=Supervision())
        await self._start_store(system, chance)
        await self._start_api_server(system, chance, clock)
        manager = await self._start_controllers(system)
        if config.scheduler:
            await system.start(
                lambda: SchedulerActor(self._transport(component(SCHEDULER)), detector=self._detector),
                name="scheduler",
            )
        self._start_nodes(system, chance)
        await manager.ask(WaitSynced(), timeout=START_SECONDS)
        await self._usable()
        if self.loopback.instance is not None:
            await self.loopback.instance.wait_written()

    async def stop(self) -> None:
        """End everything, within two seconds. Idempotent.

        Whoever is cancelled while this runs is so when all has ended. Raises StopTimeoutError when an actor ignored its
        cancellation.
        """
        if self._ending is None:
            self._ending = TaskOwner("cluster", on_error=lambda *_: None).start(self._stop(), name="stop")
        ending, cancelled = self._ending, False
        while not ending.done():
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                cancelled = True
            except Exception:  # noqa: BLE001  # raised below
                break
        self._ending = None
        if cancelled:
            raise asyncio.CancelledError
        ending.result()

    async def _stop(self) -> None:
        """What was begun last ends first; what fails to end keeps nothing else from it."""
        system, self._system = self._system, None
        async with AsyncExitStack() as parts:
            if self._guard is not None:
                parts.callback(self._guard.stop)
            if self._closing_store is not None:
                parts.push_async_callback(self._closing_store)
            if system is not None:
                parts.push_async_callback(system.stop)
            if self._closing_etcd is not None:
                parts.push_async_callback(self._closing_etcd)
            if self._simulated is not None:
                parts.push_async_callback(self._simulated.broadcaster.aclose)
            if self._client is not None:
                parts.push_async_callback(self._client.aclose)
            self._client = self._simulated = self._store = self._guard = None
            self._closing_store = self._closing_etcd = self._etcd_address = None
        if self._detector is not None:
            self._detector.verify()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def wait(self) -> None:
        """Until the cluster has stopped. Raises what made it fail, if something did."""
        await self.system.wait()

    # -- its parts

    async def _start_store(self, system: ActorSystem, chance: Chance) -> None:
        given = self.config.store
        if isinstance(given, (str, Etcd3Config)):
            self._store = await self._connect(given, system.clock)
        elif given is not None:
            self._store = given
        else:
            self._store = await self._start_own_store(system, chance)

    async def _connect(self, given: str | Etcd3Config, clock: Clock) -> Store:
        """Raises EtcdURLError, MissingExtraError, StoreError when etcd cannot be reached."""
        config = parse_url(given) if isinstance(given, str) else given
        require_etcd_extra()
        from kube.store.etcd3.store import Etcd3Store  # noqa: PLC0415  # grpc, which the store in process never needs

        store = Etcd3Store(config, clock)
        self._closing_store = store.aclose
        await store.ready()
        return store

    async def _start_own_store(self, system: ActorSystem, chance: Chance) -> Store:
        store_config = StoreConfig(replicas=self.config.replicas)
        directory = await self._open_directory(chance)
        store = LocalStore(store_config, system.clock, chance.fork("store"), directory=directory)

        async def close() -> None:
            try:
                await store.aclose()
            finally:
                if directory is not None:
                    directory.close()

        self._closing_store = close
        await start_members(system, store)
        if self.config.etcd_listen is not None:
            await self._serve_etcd(store, system.clock, *self.config.etcd_listen)
        return store

    async def _serve_etcd(self, store: LocalStore, clock: Clock, host: str, port: int) -> None:
        """Raises MissingExtraError, ListenError."""
        require_etcd_extra(MESSAGES)
        from kube.store.etcd_server.server import EtcdServer  # noqa: PLC0415  # protobuf, which a cluster else never needs

        server = EtcdServer(store, clock)
        self._closing_etcd = server.aclose
        try:
            self._etcd_address = await server.listen(host, port)
        except OSError as error:
            number = error.errno or 0
            why = os.strerror(number) if number > 0 else str(error)  # a name's resolution counts below 0
            raise ListenError(host, port, why) from None
        store.replicas.client_urls = (f"http://{self._etcd_address[0]}:{self._etcd_address[1]}",)

    async def _open_directory(self, chance: Chance) -> StoreDirectory | None:
        """In a thread: reading a large one takes seconds. Raises DataDirectoryError."""
        path = self.config.data_dir
        if path is None:
            return None
        opened: list[StoreDirectory] = []

        def work() -> None:
            opened.append(open_store(Path(path), self.config.replicas, chance.fork("data-dir")))

        thread = ThreadSyncer("store-open")
        try:
            await thread.run(work)
        except asyncio.CancelledError:
            thread.close()
            for directory in opened:  # the thread does what it has begun
                directory.close()
            raise
        finally:
            thread.close()
        return opened[0]

    async def _start_api_server(self, system: ActorSystem, chance: Chance, clock: Clock) -> None:
        config = self.config
        host, port = config.listen or ("127.0.0.1", 0)
        options = ServerOptions(
            listen=config.listen is not None, host=host, port=port, tokens=dict(config.tokens)
        )
        assert self._store is not None
        store = self._store
        if config.store is None and config.data_dir is None:
            authority = CertificateAuthority.create(clock.now(), chance.fork("pki"))
        else:
            authority = await stored_authority(store, clock.now(), chance.fork("pki"))
        self._authority = authority

        def admission(instance: Instance) -> Chain:
            return default_chain(instance.served.stores, clock=clock, chance=chance.fork("admission"))

        await system.start(
            lambda: ApiServer(store, options, authority, self.loopback, admission=admission),
            name="api-server",
        )
        transport = IsolatedTransport(self._transport(component(ADMIN)))
        self._client = Client(transport)

    async def _start_controllers(self, system: ActorSystem) -> Any:
        config = self.config
        assert self._authority is not None
        table = initializers(
            Settings(
                root_ca=self._authority.certificate.decode(),
                cluster_cidr=config.cluster_cidr or cluster_cidr_for(len(self._configs), config.node_mask),
                node_mask=config.node_mask,
                node_monitor_period=config.node_monitor_period,
                node_monitor_grace_period=config.node_monitor_grace_period,
            )
        )
        return await system.start(
            lambda: ControllerManager(
                self._transport(component(CONTROLLER_MANAGER)),
                table,
                controllers=config.controllers,
                detector=self._detector,
            ),
            name="controller-manager",
        )

    def _start_nodes(self, system: ActorSystem, chance: Chance) -> None:
        client = TypedClient(self._transport(component(NODES, NODES)))
        broadcaster = EventBroadcaster(client, system.clock, chance.fork("events"), metrics=system.metrics)
        self._simulated = SimulatedNodes(client, broadcaster, chance.fork("nodes"))
        for config in self._configs:
            self._add(config).spawn(system)

    def _add(self, config: KubeletConfig) -> SimulatedNode:
        assert self._simulated is not None
        node = self.nodes[config.node_name] = self._simulated.node(config)
        return node

    async def _usable(self) -> None:
        """Until pods can be created and bound: every node is Ready and has lost the taint that it is registered with, and
        every namespace has what pods take for granted. What no controller sees to is not waited for.
        """
        controllers = enabled(initializers(Settings(root_ca="")), self.config.controllers)
        tainted = "nodelifecycle" in controllers

        def is_usable(node: Node) -> bool:
            return is_node_ready(node) and not (tainted and _is_kept_from(node))

        await self._seen(Node, (("", config.node_name) for config in self._configs), is_usable)
        if "serviceaccount" in controllers:
            await self._seen(ServiceAccount, ((namespace, DEFAULT_NAME) for namespace in NAMESPACES))
        if "root-ca-certificate-publisher" in controllers:
            await self._seen(ConfigMap, ((namespace, CONFIG_MAP) for namespace in NAMESPACES))

    async def _seen(
        self,
        kind: type[Any],
        names: Iterable[tuple[str, str]],
        holds: Callable[[Any], bool] = lambda _: True,
    ) -> None:
        """Until each object, by namespace and name, has been seen as wanted."""
        waiting = dict.fromkeys(names)
        request = Request(verb="watch", resource=self.reader.resource(kind))
        while waiting:
            async with Watch[Any](self.reader.transport, request, buffer=1024 + 8 * len(waiting)) as events:
                async for event in events:
                    if holds(event.object):
                        metadata = event.object.metadata
                        waiting.pop((metadata.namespace, metadata.name), None)
                        if not waiting:
                            return

    def _transport(self, user: UserInfo) -> Transport:
        return self.loopback.transport(user)

    # -- what one does with it

    @property
    def system(self) -> ActorSystem:
        """The actors, to be asked about themselves. Raises RuntimeError unless the cluster runs."""
        if self._system is None:
            raise RuntimeError("the cluster is not running")
        return self._system

    @property
    def store(self) -> Store:
        if self._store is None:
            raise RuntimeError("the cluster is not running")
        return self._store

    @property
    def metrics(self) -> Metrics:
        return self.system.metrics

    @property
    def client(self) -> Client:
        """A client of the administrator, in process. Objects that pass it are copied."""
        if self._client is None:
            raise RuntimeError("the cluster is not running")
        return self._client

    @property
    def reader(self) -> TypedClient:
        """As ``client``, but what it returns is shared with the caches, not copied. For reading."""
        return TypedClient(self._transport(component(ADMIN)))

    @property
    def url(self) -> str:
        """Where the API is served; empty unless ``listen`` was given."""
        instance = self.loopback.instance
        return "" if instance is None else instance.url

    @property
    def etcd_address(self) -> tuple[str, int] | None:
        """Where the store is served over etcd's gRPC API; None unless ``etcd_listen`` was given."""
        return self._etcd_address

    def kubeconfig(self, name: str = "kube-actors") -> "Kubeconfig":
        """The administrator's, with the certificates in it. Raises RuntimeError unless the cluster listens."""
        from kube.client.kubeconfig import for_cluster  # noqa: PLC0415  # files and YAML, which most never need

        if not self.url or self._authority is None:
            raise RuntimeError("the cluster does not listen: give it listen=(host, port)")
        pair = self._authority.admin(self.system.clock.now())
        return for_cluster(
            name,
            self.url,
            ca=self._authority.certificate,
            client_certificate=pair.certificate,
            client_key=pair.key,
        )

    async def add_node(self, config: KubeletConfig) -> None:
        """Switch another machine on, and wait until its Node is Ready."""
        await self._add(config).start(self.system)
        await self.client.wait_for(Node, config.node_name, is_node_ready, timeout=START_SECONDS)

    async def kill_node(self, name: str) -> None:
        """Cut a machine's power: its heartbeats end, its containers vanish, and nobody is told. Raises KeyError."""
        await self.nodes.pop(name).kill()


def _is_kept_from(node: Node) -> bool:
    return any(taint.key == NOT_READY for taint in node.spec.taints)


def is_node_ready(node: Node) -> bool:
    return any(
        condition.type == "Ready" and condition.status == "True" for condition in node.status.conditions
    )


def _import_parts() -> None:
    """What a start uses and what is otherwise imported when it is first used: a host's loop shall not wait for it."""
    import_all()
    for row in builtin_table().storages():
        assert row.type
    for kind in (ClusterRole, EndpointSlice, Namespace, PriorityClass):
        defaulter(kind)
        rules(kind)
    decode(Node, b"{}")  # makes the decoder, which takes 2 ms and is needed by the first patch of a node


_import_parts()
