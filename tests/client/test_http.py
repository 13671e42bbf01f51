"""The HTTP transport against a server on a socket."""

import asyncio
import ssl
import sys
import time

import pytest
from aiohttp import web
from http_server import HTTPServer, failure, json
from memory_api import MemoryApi
from msgspec.structs import replace

from kube.api.types.core_v1 import ConfigMap, Namespace, Pod, PodStatus
from kube.apimachinery import errors
from kube.apimachinery.errors import ApiError
from kube.apimachinery.meta.v1 import ObjectMeta, Status
from kube.apiserver.pki import CertificateAuthority
from kube.base.chance import Chance
from kube.base.clock import FakeClock
from kube.client import http_codec, kubeconfig
from kube.client.client import Client
from kube.client.errors import ConnectionFailedError
from kube.client.http import HTTPTransport
from kube.client.kubeconfig import Connection, ExecConfig, ExecEnv, KubeconfigError


def pod(name: str, **labelled: str) -> Pod:
    return Pod(metadata=ObjectMeta(name=name, namespace="default", labels=labelled))


class World:
    """A server, and clients of it that are closed when the test ends."""

    def __init__(self, server: HTTPServer) -> None:
        self.server = server
        self.api = server.api
        self.clock = FakeClock()
        self.clients: list[Client] = []

    def client(self, **connection: object) -> Client:
        transport = HTTPTransport(Connection(self.server.url, **connection), clock=self.clock)
        self.clients.append(Client(transport, resources=self.api.resources))
        return self.clients[-1]


@pytest.fixture
async def world():
    async with HTTPServer(MemoryApi()).serve() as server:
        made = World(server)
        yield made
        for client in made.clients:
            await client.aclose()


async def eventually(condition) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came to be")


async def test_a_pod_lives_and_dies(world):
    client = world.client()
    made = await client.create(pod("a", app="web"))
    assert made.metadata.uid == "uid-1"
    assert await client.get(Pod, "a") == made
    listed = await client.list(Pod, label_selector="app in (web)")
    assert listed.items == (made,)
    assert listed.resource_version == str(world.api.revision)
    ready = await client.update_status(replace(made, status=PodStatus(phase="Running")))
    assert ready.status.phase == "Running"
    patched = await client.patch(Pod, "a", {"metadata": {"labels": {"x": "y"}}})
    assert patched.metadata.labels == {"app": "web", "x": "y"}
    assert world.server.seen[-1].headers["Content-Type"] == "application/strategic-merge-patch+json"
    gone = await client.delete(Pod, "a", grace_period_seconds=0)
    assert isinstance(gone, Status)
    assert world.api.requests[-1].options.delete.grace_period_seconds == 0
    with pytest.raises(ApiError, match='pods "a" not found') as missing:
        await client.get(Pod, "a")
    assert errors.is_not_found(missing.value)


async def test_what_is_cluster_scoped_has_no_namespace_in_its_path(world):
    client = world.client()
    await client.create(Namespace(metadata=ObjectMeta(name="x")))
    await client.get(Namespace, "x")
    assert [request.path for request in world.server.seen] == ["/api/v1/namespaces", "/api/v1/namespaces/x"]


async def test_events_arrive_in_order_until_the_block_is_left(world):
    client = world.client()
    world.api.put(pod("a"))
    seen = []
    async with client.watch(Pod, namespace="default") as events:
        for number in range(100):
            world.api.put(pod(str(number)))
        async for event in events:
            seen.append((event.type, event.object.metadata.name))
            if len(seen) == 101:
                break
    assert seen == [("ADDED", "a"), *(("ADDED", str(number)) for number in range(100))]
    await eventually(lambda: world.api.watchers == [])


async def test_a_watch_ends_when_the_server_ends_it(world):
    async with world.client().watch(Pod) as events:
        world.api.put(pod("a"))
        world.api.close_watches()
        assert [event.object.metadata.name async for event in events] == ["a"]


async def test_a_watch_that_is_too_old_fails_at_its_start_or_midway(world):
    client = world.client()
    world.api.put(pod("a"))
    world.api.compact()
    with pytest.raises(ApiError) as refused:
        await client.watch(Pod, resource_version="1").start()
    assert errors.is_resource_version_too_old(refused.value)
    async with client.watch(Pod) as events:
        world.api.close_watches(errors.expired("too old resource version: 1 (2)"))
        assert (await anext(events)).object.metadata.name == "a"
        with pytest.raises(ApiError, match="too old resource version") as broken:
            await anext(events)
    assert errors.is_expired(broken.value)


async def test_a_connection_that_breaks_ends_the_watch_with_an_error(world):
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"type":"ADDED","object":{"metadata":{"name":"a"}}}\n{"type":"AD')
        request.transport.abort()
        return response

    world.server.override = cut
    seen = []
    with pytest.raises(ConnectionFailedError):
        async with world.client().watch(Pod) as events:
            seen += [event.object.metadata.name async for event in events]
    assert seen in ([], ["a"])


async def test_closing_the_client_ends_its_watches(world):
    client = world.client()
    events = client.watch(Pod)
    await events.start()
    await client.aclose()
    assert [event async for event in events] == []


async def test_429_is_tried_again_for_as_long_as_the_server_asks(world):
    answers = [failure(429, "TooManyRequests", "busy", {"Retry-After": "3"}) for _ in range(2)]

    async def busy(_: web.Request) -> web.StreamResponse | None:
        return answers.pop() if answers else None

    world.server.override = busy
    creating = asyncio.get_running_loop().create_task(world.client().create(pod("a")))
    for _ in range(2):
        await eventually(lambda: world.clock.next_deadline() is not None)
        assert world.clock.next_deadline() == 3
        world.clock.advance(3)
    assert (await creating).metadata.name == "a"


@pytest.mark.parametrize(
    ("answer", "call", "tries"),
    [
        ((429, {}), "create", 1),
        ((503, {"Retry-After": "0"}), "create", 1),
        ((503, {"Retry-After": "0"}), "get", 11),
        ((503, {}), "get", 1),
        ((429, {"Retry-After": "0"}), "create", 11),
    ],
    ids=["no time named", "write met a fault", "read met a fault", "fault without a time", "ten retries"],
)
async def test_what_is_tried_again(world, answer, call, tries):
    async def refuse(_: web.Request) -> web.StreamResponse:
        code, headers = answer
        return failure(code, "", "no", headers)

    world.server.override = refuse
    client = world.client()
    with pytest.raises(ApiError):
        await (client.get(Pod, "a") if call == "get" else client.create(pod("a")))
    assert len(world.server.seen) == tries


async def test_an_error_without_a_status_is_told_by_its_code(world):
    async def text(_: web.Request) -> web.StreamResponse:
        return web.Response(status=502, text="bad gateway")

    world.server.override = text
    with pytest.raises(ApiError, match='an error on the server \\("bad gateway"\\)') as failed:
        await world.client().get(Pod, "a")
    assert (failed.value.code, failed.value.reason) == (502, "InternalError")
    assert failed.value.causes[0].message == "bad gateway"


async def test_an_answer_that_is_no_object_is_an_error(world):
    async def html(_: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>")

    world.server.override = html
    with pytest.raises(ApiError, match="the server's answer for pods cannot be read"):
        await world.client().get(Pod, "a")


async def test_an_answer_that_has_fields_of_the_future_is_read(world):
    async def newer(_: web.Request) -> web.StreamResponse:
        return json(
            {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a"}, "spec": {"fromTheFuture": 1}}
        )

    world.server.override = newer
    assert (await world.client().get(Pod, "a")).metadata.name == "a"


async def test_nobody_listens():
    client = Client(HTTPTransport(Connection("http://127.0.0.1:1")))
    with pytest.raises(ConnectionFailedError) as failed:
        await client.list(Pod)
    assert failed.value.refused
    assert errors.is_service_unavailable(failed.value)
    await client.aclose()


@pytest.mark.parametrize("name", ["..", "a/b", "a%2fb"])
async def test_a_name_that_would_change_the_path_is_refused(world, name):
    with pytest.raises(ValueError, match="invalid resource name"):
        await world.client().get(Pod, name)
    assert world.server.seen == []


@pytest.mark.parametrize(
    ("connection", "headers"),
    [
        ({"token": "secret"}, {"Authorization": "Bearer secret"}),
        ({"username": "u", "password": "p"}, {"Authorization": "Basic dTpw"}),
        (
            {
                "impersonate_user": "jane",
                "impersonate_groups": ("dev", "ops"),
                "impersonate_extra": {"a/b": ("c",)},
            },
            {"Impersonate-User": "jane", "Impersonate-Group": "dev, ops", "Impersonate-Extra-a%2Fb": "c"},
        ),
    ],
    ids=["token", "password", "impersonation"],
)
async def test_credentials(world, connection, headers):
    await world.client(**connection).list(Pod)
    sent = world.server.seen[0].headers
    for name, value in headers.items():
        assert ", ".join(sent.getall(name)) == value


async def test_a_token_file_is_read_again_after_a_minute(world, tmp_path):
    path = tmp_path / "token"
    path.write_text("one\n")
    client = world.client(token_file=str(path))
    await client.list(Pod)
    path.write_text("two\n")
    await client.list(Pod)
    world.clock.advance(61)
    await client.list(Pod)
    sent = [request.headers["Authorization"] for request in world.server.seen]
    assert sent == ["Bearer one", "Bearer one", "Bearer two"]


def test_secrets_are_not_shown():
    connection = Connection("http://x", token="hidden-1", password="hidden-2", client_key=b"hidden-3")
    assert "hidden" not in repr(connection)


async def test_get_raw(world):
    async def version(request: web.Request) -> web.StreamResponse:
        if request.path == "/version":
            return web.json_response({"major": "1"})
        return web.Response(status=404, text="404 page not found")

    world.server.override = version
    transport = world.client().transport
    assert await transport.get_raw("/version") == b'{"major": "1"}'
    with pytest.raises(ApiError, match="404 page not found"):
        await transport.get_raw("/nothing")


# TLS


@pytest.fixture(scope="module")
def authority():
    return CertificateAuthority.create(time.time(), Chance(1))


@pytest.fixture
async def secure(authority, tmp_path):
    pair = authority.server(time.time())
    pair.write(tmp_path, "server")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=authority.certificate.decode())
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    context.verify_mode = ssl.CERT_OPTIONAL
    server = HTTPServer(MemoryApi())

    async def who(request: web.Request) -> web.StreamResponse:
        certificate = request.transport.get_extra_info("peercert")
        names = (
            {key: value for part in certificate.get("subject", ()) for key, value in part}
            if certificate
            else {}
        )
        data = {"user": names.get("commonName", "")}
        return json(ConfigMap(metadata=ObjectMeta(name="a"), data=data))

    server.override = who
    async with server.serve(context):
        made = World(server)
        yield made
        for client in made.clients:
            await client.aclose()


async def test_a_client_certificate_says_who_one_is(secure, authority):
    pair = authority.client("jane", ["dev"], time.time())
    client = secure.client(ca=authority.certificate, client_certificate=pair.certificate, client_key=pair.key)
    assert (await client.get(ConfigMap, "a")).data == {"user": "jane"}


async def test_an_unknown_authority_is_refused_unless_told_otherwise(secure):
    with pytest.raises(ConnectionFailedError, match="certificate verify failed"):
        await secure.client(ca=CertificateAuthority.create(time.time(), Chance(2)).certificate).get(
            ConfigMap, "a"
        )
    assert (await secure.client(insecure=True).get(ConfigMap, "a")).data == {"user": ""}


async def test_the_name_in_the_certificate_must_fit(secure, authority):
    with pytest.raises(ConnectionFailedError, match="Hostname mismatch"):
        await secure.client(ca=authority.certificate, tls_server_name="elsewhere").get(ConfigMap, "a")
    client = secure.client(ca=authority.certificate, tls_server_name="kubernetes.default.svc")
    assert (await client.get(ConfigMap, "a")).data == {"user": ""}


@pytest.mark.parametrize(
    ("connection", "message"),
    [
        ({"ca": b"nonsense"}, "unable to load root certificates"),
        (
            {"insecure": True, "client_certificate": b"x", "client_key": b"y"},
            "tls: client certificate and key",
        ),
    ],
    ids=["authority", "client"],
)
async def test_certificates_that_cannot_be_used(secure, connection, message):
    with pytest.raises(KubeconfigError, match=message):
        await secure.client(**connection).get(ConfigMap, "a")


# Exec plugins

PLUGIN = """
import json, os, sys
count = int(open(sys.argv[1]).read() or 0) + 1
open(sys.argv[1], "w").write(str(count))
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
status = {"token": f"{os.environ['WHO']}-{count}"}
if count == 1:
    status["expirationTimestamp"] = "2023-11-14T22:14:20Z"
print(json.dumps({"apiVersion": info["apiVersion"], "kind": "ExecCredential", "status": status}))
"""


@pytest.fixture
def plugin(tmp_path):
    script, count = tmp_path / "plugin.py", tmp_path / "count"
    script.write_text(PLUGIN)
    count.write_text("")
    return ExecConfig(
        command=sys.executable,
        api_version="client.authentication.k8s.io/v1",
        args=(str(script), str(count)),
        env=(ExecEnv("WHO", "me"),),
        provide_cluster_info=True,
    )


async def test_a_plugin_is_asked_once_then_when_its_credential_expires_or_is_refused(world, plugin):
    refused = []

    async def check(request: web.Request) -> web.StreamResponse | None:
        if request.headers["Authorization"] in refused:
            return failure(401, "Unauthorized", "Unauthorized")
        return None

    world.server.override = check
    client = world.client(exec=plugin)
    await asyncio.gather(client.list(Pod), client.list(Pod))
    world.clock.advance(61)
    await client.list(Pod)
    refused.append("Bearer me-2")
    await client.list(Pod)
    sent = [request.headers["Authorization"] for request in world.server.seen]
    assert sent == ["Bearer me-1", "Bearer me-1", "Bearer me-2", "Bearer me-2", "Bearer me-3"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"command": "/nonexistent", "install_hint": "get it"},
            "exec: executable /nonexistent not found\n\nget it",
        ),
        ({"args": ("-c", "raise SystemExit(3)")}, "failed with exit code 3"),
        ({"args": ("-c", "print(1)")}, "decoding stdout"),
        ({"args": ("-c", "print('{}')")}, "plugin returned version "),
        ({"api_version": "client.authentication.k8s.io/v1alpha1"}, "exec plugin: invalid apiVersion"),
    ],
    ids=["absent", "fails", "no answer", "other version", "unknown version"],
)
async def test_a_plugin_that_gives_nothing(world, plugin, changes, message):
    with pytest.raises(KubeconfigError, match=message):
        await world.client(exec=replace(plugin, **changes)).list(Pod)


# The stream's codec


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_a_stream_is_cut_into_events_wherever_its_chunks_end(size):
    lines = [b'{"type":"ADDED","object":{"metadata":{"name":"p%d"}}}' % number for number in range(50)]
    data = b"\n".join(lines) + b"\n"
    reader = http_codec.EventReader(Pod)
    seen = [
        event.object.metadata.name
        for start in range(0, len(data), size)
        for event in reader.feed(data[start : start + size])
    ]
    assert seen == [f"p{number}" for number in range(50)]
    assert reader.error is None


def test_what_cannot_be_read_ends_the_stream_after_what_could():
    reader = http_codec.EventReader(Pod)
    events = reader.feed(b'{"type":"ADDED","object":{"metadata":{"name":"a"}}}\nnonsense\n{"type":"ADDED"}\n')
    assert [event.object.metadata.name for event in events] == ["a"]
    assert "cannot be read" in str(reader.error)


def test_an_event_without_end_ends_the_stream(monkeypatch):
    monkeypatch.setattr(http_codec, "MAX_EVENT_BYTES", 100)
    reader = http_codec.EventReader(Pod)
    assert reader.feed(b"x" * 101) == []
    assert "too large" in str(reader.error)


async def test_a_client_by_kubeconfig(world, tmp_path):
    config = kubeconfig.for_cluster("c", world.server.url, ca=b"", token="secret", namespace="apps")
    kubeconfig.write(tmp_path / "config", config)
    async with Client.from_kubeconfig(tmp_path / "config") as client:
        made = await client.create(Pod(metadata=ObjectMeta(name="a")))
    assert made.metadata.namespace == "apps"
    assert world.server.seen[0].headers["Authorization"] == "Bearer secret"
