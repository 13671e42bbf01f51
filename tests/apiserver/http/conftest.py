"""An API server behind real HTTP on a free port of the loopback interface, and a client."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest

from kube.api.discovery import Discovery
from kube.api.types.authentication_v1 import UserInfo
from kube.apiserver.authentication.tokens import BearerAuthenticator, StaticTokens
from kube.apiserver.authentication.union import RequestAuthenticator
from kube.apiserver.authentication.x509 import CertificateAuthenticator
from kube.apiserver.authorization.default_roles import default_objects
from kube.apiserver.authorization.interface import PrivilegedGroups, UnionAuthorizer
from kube.apiserver.authorization.rbac import Policy
from kube.apiserver.endpoints.body import BodyReader
from kube.apiserver.endpoints.discovery import DiscoveryHandler
from kube.apiserver.endpoints.health import HealthChecks
from kube.apiserver.endpoints.verbs import Verbs
from kube.apiserver.filters import FilterChain
from kube.apiserver.http.measure import RequestMetrics
from kube.apiserver.http.paths import PathHandler
from kube.apiserver.http.resources import ResourceHandler
from kube.apiserver.server import Server as HttpServer
from kube.base.cause import Causes
from kube.base.chance import Chance
from kube.base.clock import SystemClock
from kube.base.metrics import Metrics

TOKENS = {
    "root": UserInfo(username="root", groups=("system:masters",)),
    "jane": UserInfo(username="jane", groups=("dev",)),
}


@dataclass
class Reply:
    status: int
    headers: object
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode()


@dataclass
class Api:
    """The client's side."""

    session: aiohttp.ClientSession
    url: str
    front: FilterChain
    policy: Policy
    health: HealthChecks
    http: HttpServer
    core: object

    async def call(self, method, path, body=None, *, user="root", headers=None, **more):
        sent = dict(headers or {})
        if user:
            sent.setdefault("Authorization", f"Bearer {user}")
        if isinstance(body, dict):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        async with self.session.request(method, self.url + path, data=body, headers=sent, **more) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path, **more):
        return await self.call("GET", path, **more)

    async def create(self, name, **data):
        body = {"metadata": {"name": name}, "data": data}
        reply = await self.call("POST", "/api/v1/namespaces/default/configmaps", body)
        assert reply.status == 201, reply.text
        return reply.json


@pytest.fixture
async def api(server, admission) -> AsyncIterator[Api]:
    clock, chance = SystemClock(), Chance(1)
    server.install("configmaps")
    server.install("pods")
    server.install("namespaces")
    server.install("deployments", "apps")
    policy = Policy(default_objects())
    authorizer = UnionAuthorizer(PrivilegedGroups("system:masters"), policy)
    backend = Verbs(
        server.registry, authorizer, admission, clock=clock, chance=chance, convert=lambda obj, _: obj
    )
    metrics, health = Metrics(), HealthChecks()
    front = FilterChain(
        authenticator=RequestAuthenticator(
            CertificateAuthenticator(clock), BearerAuthenticator(StaticTokens(TOKENS))
        ),
        authorizer=authorizer,
        table=server.table,
        resources=ResourceHandler(backend, BodyReader(server.table), clock),
        paths=PathHandler(
            DiscoveryHandler(Discovery(server.table), lambda: "127.0.0.1:6443"), health, metrics.render
        ),
        metrics=RequestMetrics(metrics),
        clock=clock,
        chance=chance,
        causes=Causes("h"),
    )
    http = HttpServer(front.handle, tls=None)
    await http.start()
    async with aiohttp.ClientSession() as session:
        yield Api(session, http.url, front, policy, health, http, server)
    await http.stop()
    await backend.aclose()
