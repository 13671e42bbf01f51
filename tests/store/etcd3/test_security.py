"""TLS with client certificates, and etcd's users."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kube.apiserver.pki import CertificateAuthority
from kube.base.chance import Chance
from kube.base.clock import SystemClock
from kube.store.etcd3.config import Etcd3Config, EtcdURLError, parse_url
from kube.store.etcd3.errors import AccessDeniedError, UnreachableError
from kube.store.etcd3.store import Etcd3Store
from tests.store.servers import DISTRO, Server, etcd_binary, secure_etcd


@asynccontextmanager
async def connected(config: Etcd3Config) -> AsyncIterator[Etcd3Store]:
    store = Etcd3Store(config, SystemClock())
    try:
        yield store
    finally:
        await store.aclose()


def make_pki(directory: Path, seed: int) -> Path:
    """An authority, a server and a client that it has signed."""
    directory.mkdir()
    now = SystemClock().now()
    authority = CertificateAuthority.create(now, Chance(seed))
    authority.pair.write(directory, "ca")
    authority.server(now).write(directory, "server")
    authority.client("kube-apiserver-etcd-client", (), now).write(directory, "client")
    return directory


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pki(tmp_path_factory.mktemp("pki") / "ours", 1)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pki(tmp_path_factory.mktemp("pki") / "strangers", 2)


@pytest.fixture(scope="module")
def secure(pki: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = secure_etcd(DISTRO, tmp_path_factory.mktemp("etcd"), pki)
    server.start()
    yield server
    server.kill()


def with_files(server: Server, authority: Path, client: Path | None) -> Etcd3Config:
    files = (
        {} if client is None else {"cert_file": f"{client}/client.crt", "key_file": f"{client}/client.key"}
    )
    return parse_url(f"etcd://{server.endpoint}", ca_file=f"{authority}/ca.crt", **files)


async def test_a_client_with_certificates(secure: Server, pki: Path) -> None:
    async with connected(with_files(secure, pki, pki)) as store:
        await store.put(b"k", b"v")
        stream = await store.watch(b"k", b"", 2)
        assert [event.kv.value for event in (await stream.next()).events] == [b"v"]
        lease = await store.grant(10)
        assert (await store.keep_alive(lease.id)).ttl == 10


async def refusal(config: Etcd3Config) -> str:
    from msgspec.structs import replace

    async with connected(replace(config, request_timeout=1.0)) as store:
        with pytest.raises(UnreachableError) as refused:
            await store.ready()
    return str(refused.value)


async def test_who_is_not_trusted_is_told_why(secure: Server, pki: Path, stranger: Path) -> None:
    assert "CERTIFICATE_VERIFY_FAILED" in await refusal(with_files(secure, stranger, pki))
    for config in (
        with_files(secure, pki, None),
        with_files(secure, pki, stranger),
        parse_url(f"etcd://{secure.endpoint}"),
    ):
        assert secure.endpoint in await refusal(config)


async def test_certificates_that_are_none(tmp_path: Path, pki: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no certificate")
    for path, words in ((str(text), "is not PEM"), (str(tmp_path / "none"), "cannot read")):
        with pytest.raises(EtcdURLError, match=words):
            Etcd3Store(parse_url("etcd://127.0.0.1:1", ca_file=path), SystemClock())


async def test_users_and_what_they_may(server: Server) -> None:
    etcdctl = etcd_binary(DISTRO).with_name("etcdctl")

    def run(*arguments: str) -> None:
        command = [str(etcdctl), "--endpoints", server.endpoint, *arguments]
        subprocess.run(command, check=True, capture_output=True, env={"ETCDCTL_API": "3"})

    run("user", "add", "root:secret")
    run("user", "grant-role", "root", "root")
    run("user", "add", "kube:pass@word")
    run("role", "add", "cluster")
    run("role", "grant-permission", "--prefix=true", "cluster", "readwrite", "/mine")
    run("user", "grant-role", "kube", "cluster")
    run("auth", "enable")
    async with connected(parse_url(f"etcd://kube:pass%40word@{server.endpoint}/mine")) as store:
        await store.put(b"/k", b"v")
        stream = await store.watch(b"/k")
        await store.put(b"/k", b"w")
        assert [event.kv.value for event in (await stream.next()).events] == [b"w"]
        store._client._token = "gone.7"  # as after a restart of etcd, which forgets its tokens
        assert (await store.range(b"/k")).count == 1
    async with connected(parse_url(f"etcd://kube:pass%40word@{server.endpoint}")) as store:
        with pytest.raises(AccessDeniedError, match="permission denied"):
            await store.put(b"/others", b"")
        with pytest.raises(AccessDeniedError, match="permission denied"):
            await (await store.watch(b"/mine/k", b"", 2)).next()
    for url in (f"etcd://kube:wrong@{server.endpoint}", f"etcd://{server.endpoint}"):
        async with connected(parse_url(url)) as store:
            with pytest.raises(AccessDeniedError):
                await store.put(b"/mine/k", b"")
