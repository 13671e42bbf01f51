"""The server as a whole: sockets, TLS, the plain pages, silent clients, and its end."""

import asyncio
import contextlib
import json
import socket
import ssl
from pathlib import Path

import grpc.aio
import pytest

from kube.store.administration import Alarm, AlarmType
from kube.store.etcd_server import server
from kube.store.etcd_server.http2 import frames
from kube.store.etcd_server.maintenance_service import SERVER_VERSION
from kube.store.etcd_server.server import EtcdServerConfig
from kube.store.etcdpb import messages
from tests.store.etcd_server.certificates import Authority
from tests.store.etcd_server.conftest import Caller, Etcdctl, Serve, Serving, Watching, etcdctl_binary
from tests.store.waiting import until


async def http(endpoint: str, request: str) -> tuple[str, str]:
    """The status line, and the body."""
    host, port = endpoint.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request.encode())
    async with asyncio.timeout(10):
        answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition("\r\n\r\n")
    return head.splitlines()[0], body


# ---- pages


async def test_health_and_version(serving: Serving) -> None:
    status, body = await http(serving.endpoint, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (status, json.loads(body)) == ("HTTP/1.1 200 OK", {"health": "true", "reason": ""})
    _, body = await http(serving.endpoint, "GET /version HTTP/1.1\r\n\r\n")
    assert json.loads(body) == {"etcdserver": SERVER_VERSION, "etcdcluster": "3.5.0"}


async def test_an_alarm_is_no_health(serving: Serving) -> None:
    await serving.store.raise_alarm(Alarm(1, AlarmType.NOSPACE))
    status, body = await http(serving.endpoint, "GET /health HTTP/1.1\r\n\r\n")
    assert status == "HTTP/1.1 503 Service Unavailable"
    assert json.loads(body) == {"health": "false", "reason": "ALARM NOSPACE"}


async def test_metrics_are_prometheus_text(serving: Serving) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    await serving.store.put(b"k", b"v")
    _, body = await http(serving.endpoint, "GET /metrics HTTP/1.1\r\n\r\n")
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }
    assert values["etcd_server_has_leader"] == 1
    assert values["etcd_debugging_mvcc_keys_total"] == 1
    assert values["etcd_debugging_mvcc_current_revision"] == 2
    assert values["process_resident_memory_bytes"] > 10_000_000


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param("GET /other HTTP/1.1\r\n\r\n", "404 Not Found", id="another path"),
        pytest.param("POST /health HTTP/1.1\r\n\r\n", "405 Method Not Allowed", id="another method"),
        pytest.param("GET /health\r\n\r\n", "400 Bad Request", id="no version"),
        pytest.param(
            "GET / HTTP/1.1\r\n" + "X: y\r\n" * 3000, "431 Request Header Fields Too Large", id="too much"
        ),
    ],
)
async def test_requests_that_are_refused(serving: Serving, request_: str, status: str) -> None:
    assert (await http(serving.endpoint, request_))[0] == f"HTTP/1.1 {status}"


async def test_a_port_for_the_pages_alone(serving: Serving) -> None:
    host, port = await serving.server.listen_metrics("127.0.0.1", 0)
    assert (await http(f"{host}:{port}", "GET /health HTTP/1.1\r\n\r\n"))[0] == "HTTP/1.1 200 OK"
    assert (await http(f"{host}:{port}", frames.PREFACE.decode()))[0] == "HTTP/1.1 400 Bad Request"


# ---- TLS


async def test_tls_with_client_certificates(
    serve: Serve, etcdctl_version: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "stranger")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
    context.load_cert_chain(*authority.pair("server"))
    context.verify_mode = ssl.CERT_REQUIRED
    serving = await serve(tls=context)
    binary = etcdctl_binary(etcdctl_version)

    def client(pair: tuple[Path, Path] | None) -> Etcdctl:
        flags = ["--cacert", str(authority.file), "--command-timeout=2s", "--dial-timeout=2s"]
        if pair is not None:
            flags += ["--cert", str(pair[0]), "--key", str(pair[1])]
        return Etcdctl(binary, f"https://{serving.endpoint}", *flags)

    friend = client(authority.pair("client"))
    assert (await friend("put", "k", "v")).out == "OK\n"
    without, other = await asyncio.gather(
        client(None)("get", "k"), client(stranger.pair("other"))("get", "k")
    )
    assert (without.code, other.code) == (1, 1)
    for each in (without, other) if etcdctl_version == "3.5" else ():  # the older one keeps it to itself
        assert "remote error: tls:" in each.err, "it is told why"
    said = [each.getMessage() for each in caplog.records if "certificate is refused" in each.getMessage()]
    assert len(said) == 1, "however often they try"
    assert "client=127.0.0.1:" in said[0]
    assert (await friend("get", "k")).out == "k\nv\n"


# ---- clients that are silent, broken or many


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_who_dials_while_it_stops_is_hung_up_on(serve: Serve, tmp_path: Path, secure: bool) -> None:
    """In whatever turn of the loop they come, and however far their handshake is."""
    context = None
    if secure:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*Authority(tmp_path, "authority").pair("server"))
    for turns in range(4):
        serving = await serve(tls=context)
        host, port = serving.endpoint.split(":")
        clients = [socket.socket() for _ in range(40)]
        for client in clients:
            client.setblocking(False)
        for client in clients[:20]:
            client.connect_ex((host, int(port)))
        for _ in range(turns):
            await asyncio.sleep(0)
        closing = asyncio.ensure_future(serving.server.aclose())
        for client in clients[20:]:
            client.connect_ex((host, int(port)))
        await closing
        for client in clients:
            client.settimeout(5)
            try:
                assert await asyncio.to_thread(client.recv, 1) == b""
            except ConnectionError:
                pass
            finally:
                client.close()


async def test_a_silent_client_is_asked_and_given_up(serve: Serve) -> None:
    serving = await serve(config=EtcdServerConfig(keepalive_interval=0.05, keepalive_timeout=0.05))
    host, port = serving.endpoint.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(frames.PREFACE + frames.settings({}))
    async with asyncio.timeout(10):
        heard = await reader.read()
    assert frames.frame(frames.PING, 0, 0, bytes(8)) in heard
    writer.close()


@pytest.mark.parametrize("said", [b"", b"PRI", frames.PREFACE, b"GET /health HTTP/1.1\r\n"])
async def test_who_does_not_say_what_it_wants_is_hung_up_on(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(server, "GREETING_SECONDS", 0.05)
    serving = await serve(config=EtcdServerConfig(keepalive_timeout=0.01))
    host, _, port = serving.endpoint.rpartition(":")
    async with grpc.aio.insecure_channel(serving.endpoint) as channel:
        watching = Watching(Caller(channel))
        await watching.create(b"k")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(said)
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                await reader.read()
        writer.close()
        await serving.store.put(b"k", b"")
        assert (await watching.read()).events[0].kv.key == b"k"


async def test_a_quiet_client_that_answers_is_kept(serve: Serve) -> None:
    serving = await serve(config=EtcdServerConfig(keepalive_interval=0.01, keepalive_timeout=1.0))
    async with grpc.aio.insecure_channel(serving.endpoint) as channel:
        watching = Watching(Caller(channel))
        await watching.create(b"k")
        [protocol] = serving.server._connections
        quiet = protocol.last_received + 0.1
        await until(lambda: protocol.last_received > quiet, pause=0.01)  # nothing comes but answers to pings
        await serving.store.put(b"k", b"")
        assert (await watching.read()).events[0].kv.key == b"k"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x16\x03\x01\x02\x00", id="TLS where there is none"),
        pytest.param(b"\0" * 100, id="nothing known"),
        pytest.param(frames.PREFACE + b"\xff" * 100, id="frames that are none"),
    ],
)
async def test_a_broken_client_is_cut_off_and_others_go_on(
    serving: Serving, caller: Caller, data: bytes
) -> None:
    beside = Watching(caller)
    await beside.create(b"k")
    host, port = serving.endpoint.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    try:
        async with asyncio.timeout(10):
            await reader.read()
    except ConnectionResetError:
        pass
    writer.close()
    await serving.store.put(b"k", b"")
    assert (await beside.read()).events[0].kv.key == b"k"


async def test_who_never_reads_costs_no_more_than_the_bounds(serving: Serving) -> None:
    """Its windows are open, and it asks for much: what is ready for it stays in the stream's queue and the transport's."""
    await serving.store.put(b"k", b"v" * 1_000_000)
    host, port = serving.endpoint.split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    from kube.store.etcd_server.http2.hpack import encode

    head = encode(
        [
            (b":method", b"POST"),
            (b":path", b"/etcdserverpb.KV/Range"),
            (b":scheme", b"http"),
            (b"content-type", b"application/grpc"),
        ]
    )
    request = messages.RangeRequest(key=b"k").SerializeToString()
    body = b"\0" + len(request).to_bytes(4, "big") + request
    writer.write(frames.PREFACE + frames.settings({frames.Setting.INITIAL_WINDOW_SIZE: 2**31 - 1}))
    writer.write(frames.window_update(0, 2**30))
    for stream in range(1, 301, 2):
        writer.write(frames.frame(frames.HEADERS, frames.END_HEADERS, stream, head))
        writer.write(frames.frame(frames.DATA, frames.END_STREAM, stream, body))
    [protocol] = serving.server._connections
    await until(lambda: protocol._http2 is not None and protocol._http2._paused)
    for _ in range(100):  # turns in which the calls that are read already could run
        await asyncio.sleep(0)
    connection = protocol._http2
    waiting = sum(stream.queued for stream in connection.streams.values())
    assert 0 < waiting + protocol._transport.get_write_buffer_size() < 30_000_000
    assert (await serving.store.range(b"k")).count == 1
    got = 0
    async with asyncio.timeout(10):
        while got < 100_000_000:  # once it reads, it is served
            got += len(await reader.read(1_000_000))
    writer.transport.abort()


async def test_calls_that_run_may_end_when_the_server_closes(serving: Serving, caller: Caller) -> None:
    held = await caller("/v3lockpb.Lock/Lock", messages.LockRequest(name=b"l"))
    waiting = caller("/v3lockpb.Lock/Lock", messages.LockRequest(name=b"l"))
    watch = await serving.store.watch(b"l/", b"l0", 1)
    while (await serving.store.range(b"l/", b"l0")).count < 2:
        await watch.next()
    watch.cancel()
    closing = asyncio.ensure_future(serving.server.aclose())
    await asyncio.sleep(0)
    await serving.store.delete_range(held.key)
    assert (await waiting).key.startswith(b"l/")
    await closing


async def test_nothing_is_left(serve: Serve) -> None:
    before = len(asyncio.all_tasks())
    serving = await serve()
    running = len(asyncio.all_tasks())
    async with grpc.aio.insecure_channel(serving.endpoint) as channel:
        watching = Watching(Caller(channel))
        await watching.create(b"k")
        await serving.server.aclose()
        with pytest.raises(grpc.aio.AioRpcError):
            await watching.read()
    await asyncio.sleep(0)
    assert before < len(asyncio.all_tasks()) < running
    host, port = serving.endpoint.split(":")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(host, int(port))
