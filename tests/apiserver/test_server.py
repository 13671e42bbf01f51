"""The HTTP server: TLS and client certificates, limits, hostile clients, an orderly end."""

import asyncio
import json
import socket
import ssl
import time

import aiohttp
import pytest

from kube.apimachinery.errors import ApiError
from kube.apiserver.http.compression import takes_gzip
from kube.apiserver.http.messages import HttpResponse, HttpStream, status_response
from kube.apiserver.http.tls import server_context
from kube.apiserver.pki import CertificateAuthority
from kube.apiserver.server import ListenError, Server
from kube.base.chance import Chance


async def echo(request):
    """What the server has understood."""
    try:
        body = await request.body()
    except ApiError as error:
        return status_response(error.to_status())
    told = {
        "method": request.method,
        "path": request.path,
        "query": dict(request.query),
        "body": body.decode(),
        "certificate": request.certificate is not None,
    }
    return HttpResponse(200, json.dumps(told).encode())


@pytest.fixture
async def serve():
    """Starts servers and stops them."""
    servers = []

    async def start(handler=echo, **options):
        server = Server(handler, **{"tls": None, **options})
        await server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.stop()


async def raw(server, data, *, half_close=False):
    """All that comes back for some bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(data)
    if half_close:
        writer.write_eof()
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


CLOSE = b"Host: x\r\nConnection: close\r\n"


async def test_requests_are_read_as_they_are(serve):
    server = await serve()
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/a%20b?x=1&x=2&y", data=b"hello") as reply,
    ):
        assert await reply.json() == {
            "method": "POST",
            "path": "/a b",
            "query": {"x": ["1", "2"], "y": [""]},
            "body": "hello",
            "certificate": False,
        }
    answer = await raw(server, b"GET http://x/abs?q=1 HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["path"] == "/abs"


async def test_a_connection_serves_many_requests(serve):
    server = await serve()
    request = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = await raw(server, request % 1 + request % 2 + b"GET /3 HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 3


async def test_a_request_may_come_in_pieces_and_others_right_behind(serve):
    server = await serve()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n"
    for piece in (head % 1 + b"abc", b"d", b"ef" + head % 2 + b"ghijkl" + head % 3, b"mnopqr"):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.01)
    writer.write(b"GET /4 HTTP/1.1\r\n" + CLOSE + b"\r\n")
    answer = await reader.read()
    assert [answer.count(b'"body": "%b"' % body) for body in (b"abcdef", b"ghijkl", b"mnopqr")] == [1, 1, 1]
    assert [answer.find(b'"path": "/%d"' % number) for number in (1, 2, 3, 4)] == sorted(
        answer.find(b'"path": "/%d"' % number) for number in (1, 2, 3, 4)
    )
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
async def test_a_connection_goes_on_behind_a_request_of_another_sort(serve, authority, tls):
    """Plain, in chunks, plain: the second and what follows are another implementation's."""
    context = server_context(authority.server(time.time()), authority.certificate) if tls else None
    server = await serve(tls=context)
    asking = client_context(authority) if tls else None
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=asking)
    plain = b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n%b"
    chunked = b"POST /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nin\r\n0\r\n\r\n"
    writer.write(plain % (1, b"go") + chunked + plain % (3, b"on"))
    for body in (b"go", b"in", b"on"):
        await reader.readuntil(b'"body": "%b"' % body)
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def test_a_busy_port_is_one_clear_line(serve):
    server = await serve()
    with pytest.raises(ListenError) as caught:
        await Server(echo, port=server.port, tls=None).start()
    assert str(caught.value) == f"cannot listen on 127.0.0.1:{server.port}: the port is in use"


async def test_an_address_that_is_not_ours_is_one_clear_line():
    with pytest.raises(ListenError, match=r"^cannot listen on 192\.0\.2\.1:1: "):
        await Server(echo, host="192.0.2.1", port=1, tls=None).start()


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["both lengths", "two lengths", "header name", "long header", "long target", "TLS on a plain port"],
)  # fmt: skip
async def test_malformed_requests_are_refused_and_the_connection_closed(serve, head):
    answer = await raw(await serve(), head)
    assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400")), answer[:80]
    assert answer.count(b"HTTP/1.") == 1


async def test_a_body_that_breaks_off_is_400(serve):
    seen = []

    async def reading(request):
        try:
            await request.body()
        except ApiError as error:
            seen.append(error.code)
        return HttpResponse(200)

    await raw(
        await serve(reading),
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhello",
        half_close=True,
    )
    assert seen == [400]


async def test_an_expectant_client_is_told_to_continue(serve):
    server = await serve()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST / HTTP/1.1\r\n" + CLOSE + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"ok")
    assert b'"body": "ok"' in await reader.read()
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("header", "expected"),
    [("gzip", True), ("deflate, gzip;q=0.5", True), ("*", True), ("", False), ("identity", False), ("gzip;q=0", False), ("gzip; q=0.0", False), ("xgzip", False)],
)  # fmt: skip
def test_who_takes_gzip(header, expected):
    assert takes_gzip(header) is expected


async def test_an_answer_in_pieces(serve):
    async def pieces(request):
        return HttpResponse(200, iter([b"a" * 10, b"b" * 10, b"c"]))

    server = await serve(pieces)
    answer = await raw(server, b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert b"Transfer-Encoding: chunked" in answer
    assert answer.endswith(b"a\r\naaaaaaaaaa\r\na\r\nbbbbbbbbbb\r\n1\r\nc\r\n0\r\n\r\n")
    older = await raw(server, b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
    assert older.endswith(b"\r\n\r\naaaaaaaaaabbbbbbbbbbc")
    head = await raw(server, b"HEAD / HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert head.endswith(b"\r\n\r\n")


# -- the end


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_who_dials_while_it_stops_is_hung_up_on(serve, authority, secure, turns):
    """In whatever turn of the loop they come, and however far their handshake is."""
    server = await serve(
        tls=server_context(authority.server(time.time()), authority.certificate) if secure else None
    )
    address = ("127.0.0.1", server.port)
    clients = [socket.socket() for _ in range(40)]
    for client in clients:
        client.setblocking(False)
    for client in clients[:20]:
        client.connect_ex(address)
    for _ in range(turns):
        await asyncio.sleep(0)
    stopping = asyncio.ensure_future(server.stop())
    for client in clients[20:]:
        client.connect_ex(address)
    await stopping
    for client in clients:
        client.settimeout(5)
        try:
            assert await asyncio.to_thread(client.recv, 1) == b""
        except ConnectionError:
            pass
        finally:
            client.close()


# -- TLS


@pytest.fixture
def authority():
    return CertificateAuthority.create(time.time(), Chance(1))


def client_context(authority, pair=None, tmp_path=None):
    context = ssl.create_default_context(cadata=authority.certificate.decode())
    if pair is not None:
        pair.write(tmp_path, "client")
        context.load_cert_chain(tmp_path / "client.crt", tmp_path / "client.key")
    return context


async def ask(server, context, host="127.0.0.1"):
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"https://{host}:{server.port}/x", ssl=context) as reply,
    ):
        return await reply.json()


async def test_client_certificates_are_optional_and_verified(serve, authority, tmp_path):
    now = time.time()
    server = await serve(tls=server_context(authority.server(now), authority.certificate))
    assert server.url == f"https://127.0.0.1:{server.port}"
    assert (await ask(server, client_context(authority)))["certificate"] is False
    assert (await ask(server, client_context(authority), "localhost"))["certificate"] is False
    assert (await ask(server, client_context(authority, authority.admin(now), tmp_path)))[
        "certificate"
    ] is True
    stranger = CertificateAuthority.create(now, Chance(2)).admin(now)
    with pytest.raises((aiohttp.ClientError, ssl.SSLError, ConnectionError)):
        await ask(server, client_context(authority, stranger, tmp_path))
    serving = authority.server(now)
    with pytest.raises((aiohttp.ClientError, ssl.SSLError, ConnectionError)):
        await ask(server, client_context(authority, serving, tmp_path))


def test_no_key_is_left_on_disk(authority, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server_context(authority.server(time.time()), authority.certificate)
    assert list(tmp_path.iterdir()) == []


# -- streams and the end


class Ticker:
    """A stream that writes what the test tells it to."""

    def __init__(self):
        self.writer = None
        self.finish = None
        self.is_lost = False
        self.opened_ = asyncio.Event()
        self.resumptions = asyncio.Event()

    def opened(self, writer, finish):
        self.writer, self.finish = writer, finish
        self.opened_.set()

    def resumed(self):
        self.resumptions.set()

    def lost(self):
        self.is_lost = True


async def test_a_stream_is_open_until_its_source_ends_it(serve):
    ticker = Ticker()

    async def stream(request):
        return HttpStream(ticker)

    server = await serve(stream)
    asked = asyncio.ensure_future(raw(server, b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n"))
    await ticker.opened_.wait()
    ticker.writer.write(b"2\r\nhi\r\n")
    ticker.finish()
    assert (await asked).endswith(b"\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
    assert not ticker.is_lost


async def test_streams_are_not_for_http_1_0(serve):
    ticker = Ticker()

    async def stream(request):
        return HttpStream(ticker)

    answer = await raw(await serve(stream), b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.0 505")
    assert ticker.is_lost


async def test_a_stalled_client_is_noticed_and_harms_nobody(serve):
    ticker = Ticker()

    async def stream(request):
        return HttpStream(ticker) if request.path == "/stream" else HttpResponse(200, b"fine")

    server = await serve(stream)
    stalled = socket.create_connection(("127.0.0.1", server.port))
    stalled.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
    await ticker.opened_.wait()
    data = b"%x\r\n%b\r\n" % (65536, b"x" * 65536)
    writes = 0
    while not ticker.writer.congested:
        ticker.writer.write(data)
        writes += 1
        assert writes < 10_000
    assert b"fine" in await raw(server, b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n")
    loop = asyncio.get_running_loop()
    stalled.setblocking(False)
    while not ticker.resumptions.is_set():
        await loop.sock_recv(stalled, 1 << 20)
    assert len(server._tasks)
    ticker.writer.abort()
    async with asyncio.timeout(5):
        while len(server._tasks):  # noqa: ASYNC110  # there is no event for a task that ends
            await asyncio.sleep(0)
    stalled.close()


async def test_stopping_ends_streams_idle_and_stalled_connections_within_two_seconds(serve):
    tickers = {"/a": Ticker(), "/b": Ticker()}
    stuck = asyncio.Event()

    async def stream(request):
        if request.path == "/stuck":
            stuck.set()
            await asyncio.Event().wait()
        return HttpStream(tickers[request.path])

    server = await serve(stream)
    connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(4)]
    for connection, path in zip(connections, (b"/a", b"/b", b"/stuck"), strict=False):
        connection.sendall(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path)
    await asyncio.gather(*(ticker.opened_.wait() for ticker in tickers.values()), stuck.wait())
    while not tickers["/a"].writer.congested:
        tickers["/a"].writer.write(b"%x\r\n%b\r\n" % (65536, b"x" * 65536))
    started = time.monotonic()
    await server.stop()
    assert time.monotonic() - started < 2
    assert all(ticker.is_lost for ticker in tickers.values())
    assert server.port == 0
    for connection in connections:
        connection.close()
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_fifty_servers_leave_nothing(serve):
    for _ in range(50):
        server = Server(echo, tls=None)
        await server.start()
        await server.stop()
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("turns", range(6))
async def test_a_start_that_is_cancelled_leaves_no_socket(turns):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(echo, tls=None, port=port)
    starting = asyncio.create_task(server.start())
    for _ in range(turns):
        await asyncio.sleep(0)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await server.stop()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "somebody still listens"
