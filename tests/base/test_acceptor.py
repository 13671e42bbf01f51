"""Listening: every connection has its protocol, and none outlives the socket unknown."""

import asyncio
import contextlib
import errno
import os
import socket
import ssl
import time

import pytest

from kube.apiserver.http.tls import server_context
from kube.apiserver.pki import CertificateAuthority
from kube.base.acceptor import Acceptor
from kube.base.chance import Chance
from kube.base.descriptors import are_scarce

AUTHORITY = CertificateAuthority.create(time.time(), Chance(1))
PAIR = AUTHORITY.server(time.time(), ["127.0.0.1"])
CLIENTS = 40


class Recorder(asyncio.Protocol):
    """Says in capitals what it is told."""

    def __init__(self, made, come):
        self.made = made
        self.come = come
        self.transport = None
        self.calls = []
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        self.calls.append("made")
        self.made.append(self)
        self.come.set()

    def data_received(self, data):
        self.calls.append(data)
        self.transport.write(data.upper())

    def eof_received(self):
        self.calls.append("eof")

    def connection_lost(self, exc):
        self.calls.append("lost")
        if not self.over.done():
            self.over.set_result(None)


class Listening:
    def __init__(self, tls, **options):
        self.made = []
        self.come = asyncio.Event()
        self.client_context = (
            ssl.create_default_context(cadata=AUTHORITY.certificate.decode()) if tls else None
        )
        context = server_context(PAIR, AUTHORITY.certificate) if tls else None
        self.acceptor = Acceptor(lambda: Recorder(self.made, self.come), context, **options)

    async def __aenter__(self):
        await self.acceptor.listen("127.0.0.1", 0)
        self.port = self.acceptor.address[1]
        return self

    async def __aexit__(self, *_):
        await self.acceptor.aclose()
        for protocol in self.made:
            protocol.transport.abort()
            await protocol.over

    async def connect(self):
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=self.client_context)

    def dial(self):
        """A client that has connected, or is about to, and says nothing."""
        client = socket.socket()
        client.setblocking(False)
        assert client.connect_ex(("127.0.0.1", self.port)) in {0, errno.EINPROGRESS}
        return client


both = pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])


@both
async def test_a_connection_has_its_protocol(tls):
    async with Listening(tls) as listening:
        reader, writer = await listening.connect()
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"HELLO"
        (protocol,) = listening.made
        assert protocol.calls == ["made", b"hello"]
        assert (protocol.transport.get_extra_info("ssl_object") is not None) is tls
        writer.close()
        await protocol.over
        assert protocol.calls[-1] == "lost"


def spoken_with_the_handshake(port, context, *words, close):
    """A client whose first words share a packet with the end of its handshake; returns the answer."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                client.sendall(outgoing.read())
                incoming.write(client.recv(65536))
        for word in words:
            tls.write(word)
        if close:
            with pytest.raises(ssl.SSLWantReadError):
                tls.unwrap()
        client.sendall(outgoing.read())
        if close:
            return b""
        answer = b""
        while len(answer) < sum(map(len, words)):
            incoming.write(client.recv(65536))
            while True:
                try:
                    answer += tls.read()
                except ssl.SSLWantReadError:
                    break
        return answer


@pytest.mark.parametrize("close", [False, True], ids=["stays", "goes"])
async def test_what_comes_with_the_end_of_the_handshake_is_not_lost(close):
    async with Listening(tls=True) as listening:
        answer = await asyncio.to_thread(
            spoken_with_the_handshake, listening.port, listening.client_context, b"one", b"two", close=close
        )
        assert answer == (b"" if close else b"ONETWO")
        await asyncio.wait_for(listening.come.wait(), 5)
        (protocol,) = listening.made
        if close:
            await protocol.over
        said = b"".join(call for call in protocol.calls if isinstance(call, bytes))
        assert (protocol.calls[0], said) == ("made", b"onetwo")


@both
@pytest.mark.parametrize("turns", range(5))
async def test_who_dials_while_it_closes_is_known_or_hung_up_on(tls, turns):
    """In whatever turn of the loop they come: none is left over when the protocols that were made are closed."""
    problems = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
    listening = Listening(tls)
    await listening.acceptor.listen("127.0.0.1", 0)
    listening.port = listening.acceptor.address[1]
    clients = [listening.dial() for _ in range(CLIENTS)]
    for _ in range(turns):
        await asyncio.sleep(0)
    closing = asyncio.ensure_future(listening.acceptor.aclose())
    clients += [listening.dial() for _ in range(CLIENTS)]
    await closing
    assert listening.acceptor.address == ("", 0)
    assert all(protocol.transport is not None for protocol in listening.made)
    for protocol in listening.made:
        protocol.transport.abort()
        await protocol.over
    known = len(listening.made)
    for client in clients:
        client.setblocking(True)
        client.settimeout(5)
        try:
            assert await asyncio.to_thread(client.recv, 1) == b""
        except ConnectionError:
            pass
        finally:
            client.close()
    assert (len(listening.made), problems) == (known, [])


async def test_a_client_that_speaks_no_tls_is_hung_up_on():
    async with Listening(tls=True) as listening:
        reader, writer = await asyncio.open_connection("127.0.0.1", listening.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        try:
            async with asyncio.timeout(5):
                await reader.read()
        except ConnectionError:
            pass
        writer.close()
        good, writer = await listening.connect()
        writer.write(b"a")
        assert await good.readexactly(1) == b"A"
        writer.close()
        assert len(listening.made) == 1


def refused_handshake(port):
    """What a client without a certificate is told, at the latest when it reads."""
    context = ssl.create_default_context(cadata=AUTHORITY.certificate.decode())
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                return str(secure.recv(1))
        except OSError as error:
            return str(error)


async def refuse_two():
    context = server_context(PAIR, AUTHORITY.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    acceptor = Acceptor(asyncio.Protocol, context)
    await acceptor.listen("127.0.0.1", 0)
    told = [await asyncio.to_thread(refused_handshake, acceptor.address[1]) for _ in range(2)]
    await acceptor.aclose()
    return told


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_client_whose_certificate_is_refused_is_told_why(loop, caplog):
    factory = asyncio.new_event_loop if loop == "asyncio" else pytest.importorskip(loop).new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        told = runner.run(refuse_two())
    assert all("CERTIFICATE_REQUIRED" in each for each in told), told
    (said,) = [each.getMessage() for each in caplog.records if "certificate is refused" in each.getMessage()]
    assert "client=127.0.0.1:" in said
    assert "it has none" in said


async def test_a_client_has_so_long_for_its_handshake():
    async with Listening(tls=True, handshake_timeout=0.05) as listening:
        reader, writer = await asyncio.open_connection("127.0.0.1", listening.port)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        assert not listening.made


async def test_a_client_that_goes_within_its_handshake_leaves_nothing():
    async with Listening(tls=True) as listening:
        for hello in (b"", b"\x16\x03\x01\x02\x00\x01"):
            _, writer = await asyncio.open_connection("127.0.0.1", listening.port)
            writer.write(hello)
            writer.transport.abort()
        reader, writer = await listening.connect()
        writer.write(b"a")
        assert await reader.readexactly(1) == b"A"
        writer.close()
        assert len(listening.made) == 1


@both
async def test_when_files_are_scarce_who_comes_is_hung_up_on(tls, few_files, caplog):
    """Until some have gone. Whoever is there is served, and files can be opened all the time."""
    async with Listening(tls) as listening:
        first, writer = await listening.connect()
        clients = []
        with few_files(60):
            while not are_scarce():
                clients.append(socket.create_connection(("127.0.0.1", listening.port)))
                await asyncio.sleep(0)
            late = socket.create_connection(("127.0.0.1", listening.port))
            late.settimeout(5)
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.to_thread(late.recv, 1) == b""
            late.close()
            writer.write(b"a")
            assert await first.readexactly(1) == b"A"
            os.close(os.open(os.devnull, os.O_RDONLY))
            for client in clients:
                client.close()
            while are_scarce():  # noqa: ASYNC110  # that they were closed has no event here
                await asyncio.sleep(0)
            again, another = await listening.connect()
            another.write(b"b")
            assert await again.readexactly(1) == b"B"
            another.close()
            writer.close()
    lines = [record.message for record in caplog.records if "too many open files" in record.message]
    assert len(lines) == 1


async def test_a_port_that_is_taken():
    async with Listening(tls=False) as listening:
        other = Acceptor(asyncio.Protocol)
        with pytest.raises(OSError) as refused:  # its number says it
            await other.listen("127.0.0.1", listening.port)
        assert refused.value.errno == errno.EADDRINUSE
        await other.aclose()
        assert other.address == ("", 0)
