"""The server's side of TLS."""

import ssl
import tempfile
from pathlib import Path

from kube.apiserver.pki import KeyPair, write_private


def server_context(pair: KeyPair, client_authority: bytes) -> ssl.SSLContext:
    """A context that shows `pair`, and verifies the certificates of clients that show one against the authority (PEM).

    A client without a certificate is let in: whether it may do anything is decided later.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    context.num_tickets = 0
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=client_authority.decode())
    # The ssl module takes a chain from files alone.
    with tempfile.TemporaryDirectory(prefix="kube-tls-") as name:
        path = Path(name) / "pair.pem"
        write_private(path, pair.key + pair.certificate)
        context.load_cert_chain(path)
    return context
