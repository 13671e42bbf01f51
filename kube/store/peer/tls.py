"""TLS between members: both sides show a certificate and check the other's against one authority.

The names are those of etcd's flags ``--peer-cert-file``, ``--peer-key-file``, ``--peer-trusted-ca-file``, ``--peer-client-cert-auth``.
"""

import ssl
from pathlib import Path

import msgspec

from kube.store.urls import AddressError


class PeerTLS(msgspec.Struct, frozen=True):
    """Paths of PEM files. ``client_cert_auth``: whoever dials must show a certificate of ``trusted_ca_file``."""

    cert_file: Path
    key_file: Path
    trusted_ca_file: Path
    client_cert_auth: bool = True

    def server_context(self) -> ssl.SSLContext:
        """Raises AddressError."""
        context = self._loaded(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        if self.client_cert_auth:
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client_context(self) -> ssl.SSLContext:
        """Raises AddressError. The address that is dialled must be among the names of the other's certificate."""
        return self._loaded(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    def _loaded(self, context: ssl.SSLContext) -> ssl.SSLContext:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        for path in (self.cert_file, self.key_file, self.trusted_ca_file):
            if not path.is_file():
                raise AddressError(f"there is no file {path}")
        try:
            context.load_cert_chain(self.cert_file, self.key_file)
        except (ssl.SSLError, OSError) as error:
            why = f"no certificate with its key: {error}"
            raise AddressError(f"{self.cert_file} and {self.key_file} are {why}") from None
        try:
            context.load_verify_locations(self.trusted_ca_file)
        except (ssl.SSLError, OSError) as error:
            raise AddressError(f"{self.trusted_ca_file} holds no certificates: {error}") from None
        return context
