"""The cluster's public-key infrastructure: one certificate authority, the server's certificate, clients' certificates.

Keys are ECDSA P-256 and made from the context's random source; all certificates of a cluster take a few
milliseconds. Names and organizations are those that kubeadm gives (its page "PKI certificates and
requirements"): a client's common name is its user, its organizations are its groups.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from os import O_CREAT, O_EXCL, O_WRONLY, fdopen
from os import open as os_open
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from kube.base.chance import Chance

SERVER_NAMES: Final = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
SERVER_ADDRESSES: Final = ("127.0.0.1", "::1")

MASTERS: Final = "system:masters"
NODES: Final = "system:nodes"

default_backend()  # or the first signature imports it, while a loop waits

_CURVE: Final = ec.SECP256R1()
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_CA_LIFETIME: Final = timedelta(days=3650)
_LIFETIME: Final = timedelta(days=365)
_BACKDATE: Final = timedelta(minutes=5)
"""How far clocks of clients may be behind."""


class KeyPair(Struct, frozen=True):
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return f"KeyPair({len(self.certificate)} bytes of certificate)"

    def write(self, directory: Path, name: str) -> None:
        """Write ``NAME.crt`` and ``NAME.key``, the key readable by its owner alone from the first moment.

        Existing files are replaced whole. Raises OSError.
        """
        write_private(directory / f"{name}.key", self.key)
        (directory / f"{name}.crt").write_bytes(self.certificate)


def write_private(path: Path, data: bytes) -> None:
    """Put a file of mode 0600 in the place of ``path``; a reader sees the old content or the new. Raises OSError."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with fdopen(os_open(temporary, O_WRONLY | O_CREAT | O_EXCL, 0o600), "wb") as file:
        file.write(data)
    temporary.replace(path)


class CertificateAuthority:
    """Signs the certificates of one cluster. ``now`` is seconds since the epoch, serials come from ``chance``."""

    def __init__(self, pair: KeyPair, chance: Chance) -> None:
        """Go on with an existing authority. Raises ValueError if the PEM is not one of an ECDSA key."""
        self._certificate = x509.load_pem_x509_certificate(pair.certificate)
        key = serialization.load_pem_private_key(pair.key, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("the certificate authority's key is no ECDSA key")  # noqa: TRY004  # the file's fault
        self._key = key
        self._chance = chance
        self.pair = pair

    @classmethod
    def create(cls, now: float, chance: Chance, common_name: str = "kubernetes") -> "CertificateAuthority":
        key = _private_key(chance)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        public = key.public_key()
        certificate = (
            _builder(name, public, now, _CA_LIFETIME, _serial(chance))
            .issuer_name(name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_key_usage(sign_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(_pair(certificate, key), chance)

    @property
    def certificate(self) -> bytes:
        """The authority's own certificate, PEM: what clients trust."""
        return self.pair.certificate

    def server(self, now: float, names: Iterable[str] = (), service_ip: str = "10.96.0.1") -> KeyPair:
        """The API server's certificate; ``names`` are further host names or addresses."""
        wanted = dict.fromkeys((*SERVER_NAMES, *SERVER_ADDRESSES, service_ip, *names))
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in wanted if name])
        return self._issue("kube-apiserver", (), ExtendedKeyUsageOID.SERVER_AUTH, now, alternatives)

    def client(self, user: str, groups: Iterable[str], now: float) -> KeyPair:
        """A client's certificate. Raises ValueError for a name that X.509 cannot hold (over 64 characters)."""
        return self._issue(user, groups, ExtendedKeyUsageOID.CLIENT_AUTH, now)

    def admin(self, now: float) -> KeyPair:
        return self.client("kubernetes-admin", (MASTERS,), now)

    def scheduler(self, now: float) -> KeyPair:
        return self.client("system:kube-scheduler", (), now)

    def controller_manager(self, now: float) -> KeyPair:
        return self.client("system:kube-controller-manager", (), now)

    def node(self, name: str, now: float) -> KeyPair:
        return self.client(f"system:node:{name}", (NODES,), now)

    def _issue(
        self,
        common_name: str,
        organizations: Iterable[str],
        usage: x509.ObjectIdentifier,
        now: float,
        alternatives: x509.SubjectAlternativeName | None = None,
    ) -> KeyPair:
        key = _private_key(self._chance)
        subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in organizations]
        subject.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
        builder = (
            _builder(x509.Name(subject), key.public_key(), now, _LIFETIME, _serial(self._chance))
            .issuer_name(self._certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(sign_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        if alternatives is not None:
            builder = builder.add_extension(alternatives, critical=False)
        return _pair(builder.sign(self._key, hashes.SHA256()), key)


def _private_key(chance: Chance) -> ec.EllipticCurvePrivateKey:
    """FIPS 186-5, A.2.1: 64 bits more than the order has make the bias negligible."""
    return ec.derive_private_key(int.from_bytes(chance.token(40), "big") % (_ORDER - 1) + 1, _CURVE)


def _builder(
    subject: x509.Name, public: ec.EllipticCurvePublicKey, now: float, lifetime: timedelta, serial: int
) -> x509.CertificateBuilder:
    """A certificate that still lacks its issuer. Serials are positive and have at most 159 bits (RFC 5280)."""
    made = datetime.fromtimestamp(int(now), UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(made - _BACKDATE)
        .not_valid_after(made + lifetime)
    )


def _serial(chance: Chance) -> int:
    return chance.getrandbits(158) | 1


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    address = _address(name)
    return x509.DNSName(name) if address is None else x509.IPAddress(address)


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> KeyPair:
    return KeyPair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
