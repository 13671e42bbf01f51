"""Client certificates: the common name is the user, the organizations are its groups.

The TLS layer has verified the chain and that the certificate is for clients; what may change while a
connection lives, the validity period, is checked with every request.
"""

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from kube.api.types.authentication_v1 import UserInfo
from kube.apiserver.authentication.interface import (
    CREDENTIAL_ID,
    Credentials,
    InvalidCredentialsError,
    with_authenticated_group,
)
from kube.base.clock import Clock

if TYPE_CHECKING:
    from cryptography import x509

_REMEMBERED: Final = 1024
"""Certificates whose parsed form is kept: a hundred microseconds each, and most requests repeat one."""


class CertificateAuthenticator:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[UserInfo | None, float, float]] = OrderedDict()

    def authenticate(self, credentials: Credentials) -> UserInfo | None:
        der = credentials.certificate
        if der is None:
            return None
        known = self._known.get(der)
        if known is None:
            known = self._known[der] = _read(der)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        user, not_before, not_after = known
        if not not_before <= self._clock.now() <= not_after:
            raise InvalidCredentialsError("x509: certificate has expired or is not yet valid")
        return user


def _read(der: bytes) -> tuple[UserInfo | None, float, float]:
    """The user (None without a common name) and the period of validity, in seconds since the epoch."""
    from cryptography import x509  # noqa: PLC0415  # 40 ms that only a server with clients' certificates needs
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    try:
        certificate = x509.load_der_x509_certificate(der)
        subject = certificate.subject
    except ValueError as error:
        raise InvalidCredentialsError(f"x509: {error}") from error
    period = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
    names = _values(subject, NameOID.COMMON_NAME)
    if not names or not names[-1]:
        return None, *period
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
    user = UserInfo(
        username=names[-1],
        groups=_values(subject, NameOID.ORGANIZATION_NAME),
        extra={CREDENTIAL_ID: (f"X509SHA256={fingerprint}",)},
    )
    return with_authenticated_group(user), *period


def _values(name: "x509.Name", oid: "x509.ObjectIdentifier") -> tuple[str, ...]:
    values = (attribute.value for attribute in name.get_attributes_for_oid(oid))
    return tuple(value.decode() if isinstance(value, bytes) else value for value in values)
