"""Certificates are what a TLS stack accepts, name what Kubernetes expects, and are cheap."""

import asyncio
import ssl
import stat

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from kube.apiserver.pki import CertificateAuthority, KeyPair, write_private
from kube.base.chance import Chance

NOW = 1_800_000_000.0


@pytest.fixture
def authority():
    return CertificateAuthority.create(NOW, Chance(1))


def subject(pair: KeyPair):
    name = x509.load_pem_x509_certificate(pair.certificate).subject
    values = {
        oid: [a.value for a in name.get_attributes_for_oid(oid)]
        for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
    }
    return values[NameOID.COMMON_NAME][0], tuple(values[NameOID.ORGANIZATION_NAME])


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda ca: ca.admin(NOW), ("kubernetes-admin", ("system:masters",))),
        (lambda ca: ca.scheduler(NOW), ("system:kube-scheduler", ())),
        (lambda ca: ca.controller_manager(NOW), ("system:kube-controller-manager", ())),
        (lambda ca: ca.node("n1", NOW), ("system:node:n1", ("system:nodes",))),
        (lambda ca: ca.client("jane", ("dev", "ops"), NOW), ("jane", ("dev", "ops"))),
    ],
    ids=["admin", "scheduler", "controller-manager", "node", "groups"],
)
def test_client_certificates_name_user_and_groups(authority, make, expected):
    assert subject(make(authority)) == expected


def test_server_certificate_covers_every_name_of_the_api(authority):
    pair = authority.server(NOW, names=("cluster.example", "192.0.2.7", "localhost"))
    names = (
        x509.load_pem_x509_certificate(pair.certificate)
        .extensions.get_extension_for_class(x509.SubjectAlternativeName)
        .value
    )
    assert names.get_values_for_type(x509.DNSName) == [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "cluster.example",
    ]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == [
        "127.0.0.1",
        "::1",
        "10.96.0.1",
        "192.0.2.7",
    ]


def test_validity_and_serial_come_from_the_context(authority):
    again = CertificateAuthority.create(NOW, Chance(1))
    first = x509.load_pem_x509_certificate(authority.certificate)
    second = x509.load_pem_x509_certificate(again.certificate)
    assert first.serial_number == second.serial_number
    assert first.public_key().public_numbers() == second.public_key().public_numbers()
    assert first.not_valid_before_utc.timestamp() == NOW - 300
    assert first.not_valid_after_utc.timestamp() == NOW + 3650 * 86400
    other = x509.load_pem_x509_certificate(CertificateAuthority.create(NOW, Chance(2)).certificate)
    assert other.serial_number != first.serial_number


def test_an_authority_goes_on_from_its_files(authority):
    restored = CertificateAuthority(authority.pair, Chance(9))
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    x509.load_pem_x509_certificate(restored.admin(NOW).certificate).verify_directly_issued_by(issuer)


def test_a_key_that_does_not_fit_is_refused(authority):
    with pytest.raises(ValueError, match="PEM"):
        CertificateAuthority(KeyPair(authority.certificate, b"no key"), Chance(1))


def test_key_files_are_private_and_replaced_whole(tmp_path, authority):
    path = tmp_path / "admin.key"
    path.write_text("old")
    path.chmod(0o644)
    authority.admin(NOW).write(tmp_path, "admin")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["admin.crt", "admin.key"]
    write_private(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_key_pair_does_not_print_its_key(authority):
    assert "PRIVATE" not in repr(authority.pair)


async def test_both_sides_verify_each_other(tmp_path):
    """A TLS handshake with client certificates, under today's date."""
    import time

    now = time.time()
    authority = CertificateAuthority.create(now, Chance(1))
    authority.server(now).write(tmp_path, "server")
    authority.node("n1", now).write(tmp_path, "client")
    server_context = ssl.create_default_context(
        ssl.Purpose.CLIENT_AUTH, cadata=authority.certificate.decode()
    )
    server_context.verify_mode = ssl.CERT_REQUIRED
    server_context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    client_context = ssl.create_default_context(cadata=authority.certificate.decode())
    client_context.load_cert_chain(tmp_path / "client.crt", tmp_path / "client.key")
    peer = asyncio.get_running_loop().create_future()

    async def serve(_, writer):
        peer.set_result(writer.get_extra_info("peercert"))
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=client_context, server_hostname="kubernetes.default.svc"
        )
        assert (("commonName", "system:node:n1"),) in (await peer)["subject"]
        writer.close()
        await writer.wait_closed()
