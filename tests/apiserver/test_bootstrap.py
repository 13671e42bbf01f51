"""What the server writes at its start is written once, completed where it is incomplete, and otherwise left alone."""

import pytest
from msgspec.structs import replace

from kube.api.types.core_v1 import Endpoints, Namespace
from kube.api.types.rbac_v1 import ClusterRoleBinding, RoleRef
from kube.apimachinery.errors import ApiError, conflict
from kube.apimachinery.meta.v1 import ObjectMeta
from kube.apiserver.authentication.interface import loopback
from kube.apiserver.bootstrap import NAMESPACES, Bootstrap
from kube.apiserver.http.address import NOWHERE, advertised
from kube.client.interface import Request

RBAC = "rbac.authorization.k8s.io"


@pytest.fixture
def bootstrap(server):
    for plural in ("namespaces", "services", "endpoints"):
        server.install(plural)
    server.install("endpointslices", "discovery.k8s.io")
    server.install("priorityclasses", "scheduling.k8s.io")
    for plural in ("clusterroles", "clusterrolebindings", "roles", "rolebindings"):
        server.install(plural, RBAC)
    return Bootstrap(server.verbs, server.table, loopback())


async def get(server, plural, name, group="", namespace=""):
    return await server.client.call(
        Request(verb="get", resource=server.row(plural, group), namespace=namespace, name=name)
    )


async def put(server, verb, plural, obj, group=""):
    row = server.row(plural, group)
    name = "" if verb == "create" else obj.metadata.name
    return await server.client.call(
        Request(verb=verb, resource=row, namespace=obj.metadata.namespace, name=name, body=obj)
    )


async def versions(server):
    found = {}
    for row in server.table.storages():
        try:
            listed = await server.client.call(Request(verb="list", resource=row))
        except (ApiError, LookupError):
            continue
        found |= {
            (obj.kind, obj.metadata.namespace, obj.metadata.name): obj.metadata.resource_version
            for obj in listed.items
        }
    return found


async def everything(bootstrap, address="192.0.2.7", port=6443):
    await bootstrap.namespaces()
    await bootstrap.roles()
    await bootstrap.priority_classes()
    await bootstrap.kubernetes_service("10.96.0.1", address, port)


async def test_a_second_start_changes_nothing(server, bootstrap):
    await everything(bootstrap)
    before = await versions(server)
    assert len(before) == 4 + 141 + 2 + 3
    await everything(bootstrap)
    assert await versions(server) == before


async def test_the_service_leads_to_where_the_server_is_now(server, bootstrap):
    await everything(bootstrap)
    service = await get(server, "services", "kubernetes", namespace="default")
    await everything(bootstrap, "192.0.2.8", 7443)
    moved = await get(server, "services", "kubernetes", namespace="default")
    assert (moved.metadata.uid, moved.spec.cluster_ip, moved.spec.ports[0].target_port) == (
        service.metadata.uid,
        "10.96.0.1",
        7443,
    )
    endpoints = await get(server, "endpoints", "kubernetes", namespace="default")
    assert (endpoints.subsets[0].addresses[0].ip, endpoints.subsets[0].ports[0].port) == ("192.0.2.8", 7443)
    found = await get(server, "endpointslices", "kubernetes", "discovery.k8s.io", "default")
    assert (found.endpoints[0].addresses, found.ports[0].port) == (("192.0.2.8",), 7443)


async def test_what_was_deleted_or_cut_down_comes_back(server, bootstrap):
    await everything(bootstrap)
    role = await get(server, "clusterroles", "system:kube-scheduler", RBAC)
    await put(server, "update", "clusterroles", replace(role, rules=role.rules[:1]), RBAC)
    await server.client.call(Request(verb="delete", resource=server.row("namespaces"), name="kube-public"))
    await server.client.call(Request(verb="delete", resource=server.row("clusterroles", RBAC), name="view"))
    await everything(bootstrap)
    assert set((await get(server, "clusterroles", "system:kube-scheduler", RBAC)).rules) == set(role.rules)
    assert (await get(server, "namespaces", "kube-public")).metadata.name == "kube-public"
    assert (await get(server, "clusterroles", "view", RBAC)).rules


async def test_a_binding_to_another_role_is_made_anew(server, bootstrap):
    await bootstrap.namespaces()
    other = ClusterRoleBinding(
        metadata=ObjectMeta(name="system:kube-dns"),
        role_ref=RoleRef(api_group=RBAC, kind="ClusterRole", name="other"),
    )
    await put(server, "create", "clusterrolebindings", other, RBAC)
    await bootstrap.roles()
    assert (
        await get(server, "clusterrolebindings", "system:kube-dns", RBAC)
    ).role_ref.name == "system:kube-dns"


async def test_somebody_elses_write_in_between_is_taken_up(server, bootstrap, monkeypatch):
    await everything(bootstrap)
    call, failures = server.verbs.call, [1, 2]

    async def racing(request, user, warnings):
        if request.verb == "update" and failures:
            failures.pop()
            raise conflict("endpoints", "kubernetes")
        return await call(request, user, warnings)

    monkeypatch.setattr(server.verbs, "call", racing)
    await everything(bootstrap, port=7443)
    endpoints: Endpoints = await get(server, "endpoints", "kubernetes", namespace="default")
    assert endpoints.subsets[0].ports[0].port == 7443
    failures.extend(range(100))
    with pytest.raises(RuntimeError, match="changed by somebody else"):
        await everything(bootstrap, port=8443)


async def test_what_exists_before_keeps_its_owner(server, bootstrap):
    await put(
        server, "create", "namespaces", Namespace(metadata=ObjectMeta(name="default", labels={"mine": "1"}))
    )
    await bootstrap.namespaces()
    found = await server.client.call(Request(verb="list", resource=server.row("namespaces")))
    assert sorted(obj.metadata.name for obj in found.items) == sorted(NAMESPACES)
    assert (await get(server, "namespaces", "default")).metadata.labels["mine"] == "1"


@pytest.mark.parametrize(("host", "expected"), [("192.0.2.9", "192.0.2.9"), ("2001:db8::1", "2001:db8::1")])
def test_a_reachable_address_is_advertised_as_it_is(host, expected):
    assert advertised(host) == expected


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0", "localhost"])
def test_a_loopback_address_is_never_advertised(host):
    found = advertised(host)
    assert found == NOWHERE or not found.startswith(("127.", "0.", "::"))
