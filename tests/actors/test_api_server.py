"""The API server as an actor: what it writes at its start, over HTTPS and in process, again after a failure."""

import asyncio
import json
import ssl
from functools import partial

import aiohttp
import pytest

from kube.actors.api_server import ApiServer
from kube.actors.runtime.system import ActorSystem
from kube.actors.store_member import start_members
from kube.api.types.authentication_v1 import UserInfo
from kube.api.types.authorization_v1 import (
    ResourceAttributes,
    SelfSubjectAccessReview,
    SelfSubjectAccessReviewSpec,
)
from kube.api.types.rbac_v1 import ClusterRoleBinding, RoleRef, Subject
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver import instance
from kube.apiserver.authentication.interface import MASTERS
from kube.apiserver.bootstrap import Bootstrap
from kube.apiserver.instance import Loopback, ServerOptions
from kube.apiserver.pki import CertificateAuthority
from kube.apiserver.server import ListenError, Server
from kube.base.backoff import Backoff
from kube.base.chance import Chance
from kube.base.clock import SystemClock
from kube.client.interface import Request
from kube.store.local import LocalStore, StoreConfig

ADMIN = UserInfo(username="admin", groups=(MASTERS,))
JANE = UserInfo(username="jane", groups=("system:authenticated",))


class Cluster:
    def __init__(self, system, store):
        self.system = system
        self.store = store
        self.authority = CertificateAuthority.create(SystemClock().now(), Chance(5))
        self.loopback = Loopback()
        self.admin = self.loopback.transport(ADMIN)

    async def start(self, **options):
        make = partial(ApiServer, self.store, ServerOptions(**options), self.authority, self.loopback)
        return await self.system.start(make, name="api-server")

    @property
    def instance(self):
        return self.loopback.instance

    def row(self, plural, group="", version="v1"):
        return self.instance.table.get(group, version, plural)

    async def names(self, plural, group="", namespace=""):
        found = await self.admin.call(
            Request(verb="list", resource=self.row(plural, group), namespace=namespace)
        )
        return [obj.metadata.name for obj in found.items]

    async def get(self, plural, name, group="", namespace=""):
        return await self.admin.call(
            Request(verb="get", resource=self.row(plural, group), namespace=namespace, name=name)
        )

    async def ready(self):
        async with asyncio.timeout(5):
            while not self.instance.is_ready:  # noqa: ASYNC110  # readiness is polled, as clients do
                await asyncio.sleep(0.005)


@pytest.fixture
async def cluster():
    clock = SystemClock()
    async with ActorSystem(clock=clock, chance=Chance(7)) as system:
        store = LocalStore(StoreConfig(), clock, Chance(8))
        await start_members(system, store)
        yield Cluster(system, store)


async def test_what_every_cluster_has(cluster):
    await cluster.start(listen=False)
    assert await cluster.names("namespaces") == ["default", "kube-node-lease", "kube-public", "kube-system"]
    classes = [
        await cluster.get("priorityclasses", name, "scheduling.k8s.io")
        for name in ("system-cluster-critical", "system-node-critical")
    ]
    assert [found.value for found in classes] == [2_000_000_000, 2_000_001_000]
    service = await cluster.get("services", "kubernetes", namespace="default")
    assert (service.spec.cluster_ip, service.spec.type) == ("10.96.0.1", "ClusterIP")
    assert [(port.name, port.port, port.target_port) for port in service.spec.ports] == [("https", 443, 6443)]
    assert service.metadata.labels == {"component": "apiserver", "provider": "kubernetes"}
    endpoints = await cluster.get("endpoints", "kubernetes", namespace="default")
    found = await cluster.get("endpointslices", "kubernetes", "discovery.k8s.io", "default")
    assert found.endpoints[0].addresses == (endpoints.subsets[0].addresses[0].ip,)
    assert (found.ports[0].port, found.address_type, found.metadata.labels) == (
        6443,
        "IPv4",
        {"kubernetes.io/service-name": "kubernetes"},
    )
    await cluster.ready()
    assert len(await cluster.names("clusterroles", "rbac.authorization.k8s.io")) == 73
    assert "system::leader-locking-kube-scheduler" in await cluster.names(
        "roles", "rbac.authorization.k8s.io", "kube-system"
    )


async def test_a_user_may_what_a_role_in_the_store_says(cluster):
    await cluster.start(listen=False)
    jane = cluster.loopback.transport(JANE)
    pods = Request(verb="list", resource=cluster.row("pods"), namespace="default")
    await cluster.ready()
    with pytest.raises(ApiError) as caught:
        await jane.call(pods)
    assert caught.value.code == 403
    binding = ClusterRoleBinding(
        metadata=ObjectMeta(name="jane"),
        role_ref=RoleRef(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name="view"),
        subjects=(Subject(api_group="rbac.authorization.k8s.io", kind="User", name="jane"),),
    )
    bindings = cluster.row("clusterrolebindings", "rbac.authorization.k8s.io")
    await cluster.admin.call(Request(verb="create", resource=bindings, body=binding))
    await asyncio.sleep(0)
    assert (await jane.call(pods)).items == ()
    review = SelfSubjectAccessReview(
        spec=SelfSubjectAccessReviewSpec(
            resource_attributes=ResourceAttributes(namespace="default", verb="list", resource="pods")
        )
    )
    reviews = cluster.row("selfsubjectaccessreviews", "authorization.k8s.io")
    answer = await jane.call(Request(verb="create", resource=reviews, body=review))
    assert (answer.status.allowed, answer.status.reason) == (
        True, 'RBAC: allowed by ClusterRoleBinding "jane" of ClusterRole "view" to User "jane"',
    )  # fmt: skip
    await cluster.admin.call(Request(verb="delete", resource=bindings, name="jane"))
    await asyncio.sleep(0)
    with pytest.raises(ApiError):
        await jane.call(pods)


async def fetch(cluster, url, path, pair, tmp_path):
    pair.write(tmp_path, "client")
    context = ssl.create_default_context(cadata=cluster.authority.certificate.decode())
    context.load_cert_chain(tmp_path / "client.crt", tmp_path / "client.key")
    async with aiohttp.ClientSession() as session, session.get(url + path, ssl=context) as reply:
        return reply.status, await reply.text()


async def test_over_https_a_certificate_is_the_user(cluster, tmp_path):
    await cluster.start()
    url = cluster.instance.url
    now = SystemClock().now()
    status, body = await fetch(
        cluster, url, "/api/v1/namespaces/default/pods", cluster.authority.admin(now), tmp_path
    )
    assert (status, json.loads(body)["kind"]) == (200, "PodList")
    scheduler = cluster.authority.scheduler(now)
    assert (await fetch(cluster, url, "/api/v1/nodes", scheduler, tmp_path))[0] == 200
    status, body = await fetch(cluster, url, "/api/v1/secrets", scheduler, tmp_path)
    assert json.loads(body)["message"] == (
        'secrets is forbidden: User "system:kube-scheduler" cannot list resource "secrets" in API group "" at the cluster scope'
    )
    await cluster.ready()
    status, body = await fetch(cluster, url, "/readyz?verbose", scheduler, tmp_path)
    assert status == 200
    assert "[+]poststarthook/rbac/bootstrap-roles ok\n" in body
    assert (await fetch(cluster, url, "/openapi/v3/apis/apps/v1", scheduler, tmp_path))[0] == 200


async def test_what_hinders_the_start_again_and_again_is_said_once(cluster, monkeypatch, caplog):
    """An object in the store that nobody can read: until it is gone the start waits, and goes on by itself then."""
    monkeypatch.setattr(instance, "_RETRY", Backoff(initial=0.005, cap=0.005))
    attempts, often = [], asyncio.Event()
    namespaces = Bootstrap.namespaces

    async def counted(bootstrap):
        attempts.append(bootstrap)
        if len(attempts) == 5:
            often.set()
        await namespaces(bootstrap)

    monkeypatch.setattr(Bootstrap, "namespaces", counted)
    await cluster.store.put(b"/registry/namespaces/default", b"no object")
    starting = asyncio.ensure_future(cluster.start(listen=False))
    async with asyncio.timeout(10):
        await often.wait()
        await cluster.store.delete_range(b"/registry/namespaces/default")
        await starting
    said = [
        record.getMessage() for record in caplog.records if "post-start hook failed" in record.getMessage()
    ]
    assert sum("hook=start-system-namespaces-controller" in each for each in said) == 1, said


async def test_a_busy_port_fails_the_start_with_one_clear_line(cluster):
    async def nothing(_):
        raise AssertionError

    other = Server(nothing, tls=None)
    await other.start()
    with pytest.raises(ListenError, match=f"^cannot listen on 127.0.0.1:{other.port}: the port is in use$"):
        await cluster.start(port=other.port)
    assert cluster.instance is None
    await other.stop()


async def test_a_restart_keeps_the_port_and_what_is_stored(cluster, tmp_path):
    ref = await cluster.start()
    await cluster.ready()
    first, url = cluster.instance, cluster.instance.url
    roles = cluster.row("clusterroles", "rbac.authorization.k8s.io")
    await cluster.admin.call(Request(verb="delete", resource=roles, name="view"))
    service = await cluster.get("services", "kubernetes", namespace="default")
    await cluster.system.stop_actor(ref)
    with pytest.raises(ApiError) as caught:
        await cluster.admin.call(Request(verb="list", resource=roles))
    assert caught.value.code == 503
    await cluster.start()
    await cluster.ready()
    assert cluster.instance is not first
    assert cluster.instance.url == url
    assert (
        await cluster.get("services", "kubernetes", namespace="default")
    ).metadata.uid == service.metadata.uid
    assert "view" in await cluster.names("clusterroles", "rbac.authorization.k8s.io")
    status, _ = await fetch(cluster, url, "/readyz", cluster.authority.admin(SystemClock().now()), tmp_path)
    assert status == 200
