"""One API server, put together: storage, registry, admission, users and their rights, the HTTP front, what runs beside.

Upstream: pkg/controlplane's Instance. The actor `kube.actors.api_server` owns one; tests make theirs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from kube.api.conversion.convert import convert
from kube.api.discovery import Discovery
from kube.api.resources import builtin_table
from kube.api.types.authentication_v1 import UserInfo
from kube.apimachinery.errors import ApiError, service_unavailable
from kube.apiserver.admission.chain import Chain
from kube.apiserver.admission.plugins.chain import default_chain
from kube.apiserver.authentication.interface import MASTERS, loopback
from kube.apiserver.authentication.reviews import GROUP as AUTHENTICATION
from kube.apiserver.authentication.reviews import identity_reviews
from kube.apiserver.authentication.tokens import BearerAuthenticator, StaticTokens
from kube.apiserver.authentication.union import RequestAuthenticator
from kube.apiserver.authentication.x509 import CertificateAuthenticator
from kube.apiserver.authorization.default_roles import default_objects
from kube.apiserver.authorization.follower import PolicyFollower
from kube.apiserver.authorization.interface import PrivilegedGroups, UnionAuthorizer
from kube.apiserver.authorization.rbac import Policy
from kube.apiserver.authorization.reviews import GROUP as AUTHORIZATION
from kube.apiserver.authorization.reviews import access_reviews
from kube.apiserver.bootstrap import Bootstrap
from kube.apiserver.compaction import Compactor
from kube.apiserver.endpoints.body import BodyReader
from kube.apiserver.endpoints.discovery import DiscoveryHandler
from kube.apiserver.endpoints.health import HealthChecks
from kube.apiserver.endpoints.interface import Backend, EventSink, Result
from kube.apiserver.endpoints.verbs import Verbs
from kube.apiserver.filters import FilterChain
from kube.apiserver.http.address import NOWHERE, advertised
from kube.apiserver.http.measure import RequestMetrics
from kube.apiserver.http.paths import PathHandler
from kube.apiserver.http.resources import ResourceHandler
from kube.apiserver.http.yaml_worker import YamlWorker
from kube.apiserver.local import LocalTransport
from kube.apiserver.pki import CertificateAuthority
from kube.apiserver.registry.escalation import EscalationGuard
from kube.apiserver.registry.rest import Registry
from kube.apiserver.registry.service_allocation import ServiceRange
from kube.apiserver.registry.table import install
from kube.apiserver.storage.factory import StorageFactory
from kube.base.backoff import Backoff
from kube.base.cause import Causes
from kube.base.chance import Chance
from kube.base.clock import Clock
from kube.base.logging import get_logger
from kube.base.metrics import Metrics
from kube.base.tasks import TaskOwner
from kube.base.version import KUBERNETES_GIT_VERSION
from kube.client.interface import Request, WatchHandle
from kube.store.errors import StoreError
from kube.store.kv import Store

if TYPE_CHECKING:
    from kube.apiserver.server import Server

DEFAULT_PORT: Final = 6443
_STORE_CHECK_SECONDS: Final = 2.0
_RETRY: Final = Backoff(initial=0.05, cap=2.0)

_NAMESPACES_HOOK: Final = "start-system-namespaces-controller"
_ROLES_HOOK: Final = "rbac/bootstrap-roles"
_PRIORITIES_HOOK: Final = "scheduling/bootstrap-system-priority-classes"
_SERVICE_HOOK: Final = "start-kubernetes-service-controller"
_HOOKS: Final = (_NAMESPACES_HOOK, _ROLES_HOOK, _PRIORITIES_HOOK, _SERVICE_HOOK)


class ServerOptions(Struct, frozen=True, kw_only=True):
    """`listen`: whether to open a socket at all; port 0 picks a free one. `names`: further names in the certificate.

    `tokens`: static bearer tokens and their users. `runtime_config` and those for admission: as kube-apiserver's flags.
    """

    listen: bool = True
    host: str = "127.0.0.1"
    port: int = 0
    names: tuple[str, ...] = ()
    tokens: Mapping[str, UserInfo] = field(default_factory=dict)
    anonymous: bool = True
    services: ServiceRange = field(default_factory=ServiceRange)
    runtime_config: Mapping[str, bool] = field(default_factory=dict)
    enable_admission_plugins: tuple[str, ...] = ()
    disable_admission_plugins: tuple[str, ...] = ()


class Instance:
    def __init__(
        self,
        store: Store,
        options: ServerOptions,
        authority: CertificateAuthority,
        *,
        clock: Clock,
        chance: Chance,
        causes: Causes,
        metrics: Metrics,
        admission: Callable[["Instance"], Chain] | None = None,
        tasks: TaskOwner | None = None,
    ) -> None:
        """`admission` makes another chain than the default one, over the instance's `served` stores.

        `tasks` owns what runs beside the requests; its owner hears their exceptions. Raises ValueError for an unknown
        admission plug-in in the options.
        """
        self.options = options
        self.authority = authority
        self.table = builtin_table(options.runtime_config)
        self.registry = Registry(self.table)
        self.factory = StorageFactory(store, clock)
        self.health = HealthChecks()
        self.metrics = metrics
        self._store = store
        self._clock = clock
        self._chance = chance
        self._own_tasks = None if tasks is not None else TaskOwner("apiserver")
        self._tasks = tasks if tasks is not None else self._own_tasks or TaskOwner("apiserver")
        self._log = get_logger(__name__)
        self._pending_hooks = dict.fromkeys(_HOOKS)
        self._written = asyncio.Event()
        self._store_state = "not asked yet"
        self._stopping = False

        policy = Policy(default_objects())
        self.authorizer = UnionAuthorizer(PrivilegedGroups(MASTERS), policy)
        tokens = BearerAuthenticator(StaticTokens(options.tokens))
        self._authenticator = RequestAuthenticator(
            CertificateAuthenticator(clock), tokens, allow_anonymous=options.anonymous
        )
        reviews = {
            **{
                (AUTHORIZATION, plural): rest
                for plural, rest in access_reviews(self.authorizer, policy).items()
            },
            **{(AUTHENTICATION, plural): rest for plural, rest in identity_reviews(tokens).items()},
        }
        self.served = install(
            self.registry,
            self.factory.storage,
            reviews=reviews,
            service_range=options.services,
            guard=EscalationGuard(self.authorizer, policy),
        )
        self.backend = Verbs(
            self.registry,
            self.authorizer,
            self._default_chain() if admission is None else admission(self),
            clock=clock,
            chance=chance,
            convert=convert,
        )
        self._bootstrap = Bootstrap(self.backend, self.table, loopback())
        self._follower = PolicyFollower(policy, self.backend, self.table, loopback(), clock)
        self._yaml = YamlWorker()
        self._requests = RequestMetrics(metrics)
        self._causes = causes
        self._http: Server | None = None
        self._add_checks()

    def _default_chain(self) -> Chain:
        return default_chain(
            self.served.stores,
            clock=self._clock,
            chance=self._chance,
            enable=self.options.enable_admission_plugins,
            disable=self.options.disable_admission_plugins,
        )

    # -- what it is

    def transport(self, user: UserInfo) -> LocalTransport:
        """The API for a component of this process, as `user`."""
        return LocalTransport(self.backend, user)

    @property
    def port(self) -> int:
        """The port that is listened on, 0 if none is."""
        return 0 if self._http is None else self._http.port

    def _address(self) -> str:
        return f"{self.options.host}:{self.port}"

    @property
    def url(self) -> str:
        """Where clients reach it; empty if it does not listen."""
        return "" if self._http is None else self._http.url

    @property
    def is_ready(self) -> bool:
        return self.health.is_ready()

    # -- its life

    async def start(self) -> None:
        """Returns when the API can be used: the system namespaces and the Service are there. Roles follow (`/readyz`).

        Raises ListenError.
        """
        self.factory.start()
        self._tasks.start(Compactor(self._store, self._clock).run(), name="compaction")
        self._tasks.start(self._watch_store(), name="store check")
        if self.options.listen:
            self._http = self._front()
            await self._http.start()
        await self._hook(_NAMESPACES_HOOK, self._bootstrap.namespaces)
        await self._hook(_PRIORITIES_HOOK, self._bootstrap.priority_classes)
        await self._hook(_SERVICE_HOOK, self._write_service)
        self._tasks.start(self._hook(_ROLES_HOOK, self._write_roles), name="roles")

    async def stop(self) -> None:
        """End every stream, answer what is under way, let go of everything. Takes less than two seconds."""
        self._stopping = True
        if self._http is not None:
            await self._http.stop()
        await self._follower.aclose()
        if self._own_tasks is not None:
            await self._own_tasks.aclose()
        await self.backend.aclose()
        await self.factory.aclose()
        await self._yaml.aclose()

    def _front(self) -> "Server":
        # A cluster that does not listen shall not pay for the HTTP library: two tenths of a second.
        from kube.api.openapi.documents import OpenAPI  # noqa: PLC0415
        from kube.apiserver.endpoints.openapi import OpenAPIHandler  # noqa: PLC0415
        from kube.apiserver.http.tls import server_context  # noqa: PLC0415
        from kube.apiserver.server import Server  # noqa: PLC0415

        options, now = self.options, self._clock.now()
        documents = OpenAPIHandler(OpenAPI(self.table, KUBERNETES_GIT_VERSION))
        chain = FilterChain(
            authenticator=self._authenticator,
            authorizer=self.authorizer,
            table=self.table,
            resources=ResourceHandler(self.backend, BodyReader(self.table, self._yaml.read), self._clock),
            paths=PathHandler(
                DiscoveryHandler(Discovery(self.table), self._address),
                self.health,
                self.metrics.render,
                documents,
            ),
            metrics=self._requests,
            clock=self._clock,
            chance=self._chance,
            causes=self._causes,
        )
        pair = self.authority.server(now, (options.host, *options.names), _first_address(options.services))
        tls = server_context(pair, self.authority.certificate)
        return Server(chain.handle, host=options.host, port=options.port, tls=tls)

    # -- what is written at the start

    async def _hook(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do a part of the start; what the store cannot do now is tried again."""
        attempt, said = 0, ""
        while True:
            try:
                await work()
                break
            except ApiError as error:
                if error.code < 500 and error.code != 429:  # what waiting cannot mend
                    raise
                if error.message != said:  # once, however often it is tried again
                    said = error.message
                    self._log.warning("post-start hook failed", hook=name, error=said)
            await self._clock.sleep(_RETRY.delay(attempt))
            attempt += 1
        del self._pending_hooks[name]
        if not self._pending_hooks:
            self._written.set()

    async def wait_written(self) -> None:
        """Until all that is written at the start is there, the roles too."""
        await self._written.wait()

    async def _write_service(self) -> None:
        options = self.options
        address = advertised(options.host) if options.listen else NOWHERE
        await self._bootstrap.kubernetes_service(
            _first_address(options.services), address, self.port or DEFAULT_PORT
        )

    async def _write_roles(self) -> None:
        """Until the roles are written the policy holds what will be; from then on it follows the store."""
        await self._bootstrap.roles()
        await self._follower.start()

    # -- health

    def _add_checks(self) -> None:
        self.health.add("etcd", lambda: self._store_state)
        self.health.add("etcd-readiness", lambda: self._store_state, "readyz")
        for hook in _HOOKS:
            self.health.add(f"poststarthook/{hook}", partial(self._hook_state, hook))
        self.health.add("shutdown", lambda: "process is shutting down" if self._stopping else "", "readyz")

    def _hook_state(self, hook: str) -> str:
        return "not finished" if hook in self._pending_hooks else ""

    async def _watch_store(self) -> None:
        while True:
            try:
                status = await self._store.status()
                self._store_state = "" if status.leader else "etcdserver: no leader"
            except StoreError as error:
                self._store_state = str(error) or type(error).__name__
            await self._clock.sleep(_STORE_CHECK_SECONDS)


def _first_address(services: ServiceRange) -> str:
    """The address of the Service `kubernetes`: the first of the range."""
    network = ip_network(services.cluster_ips)
    return str(network[1])


class Loopback:
    """The API for components of the process, over whichever instance runs now: a restart changes the instance.

    A Backend. While none runs, calls are refused with 503, which clients try again.
    """

    def __init__(self) -> None:
        self.instance: Instance | None = None
        self.port = 0
        """The port that the first instance listened on: those that follow listen there too."""

    def opened(self, instance: Instance) -> None:
        self.instance = instance
        self.port = instance.port

    def closed(self, instance: Instance) -> None:
        if self.instance is instance:
            self.instance = None

    def transport(self, user: UserInfo) -> LocalTransport:
        """For a component of this process, as `user`; outlives the instance."""
        return LocalTransport(self, user)

    async def call(self, request: Request, user: UserInfo, warnings: list[str]) -> Result:
        return await self._backend().call(request, user, warnings)

    async def watch(self, request: Request, user: UserInfo, sink: EventSink) -> WatchHandle:
        return await self._backend().watch(request, user, sink)

    async def connect(self, request: Request, user: UserInfo, options: Any, path: str = "") -> Any:
        return await self._backend().connect(request, user, options, path)

    def _backend(self) -> Backend:
        if self.instance is None:
            raise service_unavailable("the API server is not running")
        return self.instance.backend
