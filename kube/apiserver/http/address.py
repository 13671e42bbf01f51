"""The address under which others reach a server that listens on this host."""

import socket
from ipaddress import ip_address
from typing import Final

NOWHERE: Final = "192.0.2.1"
"""An address of TEST-NET-1 (RFC 5737), for a server that nobody can reach: endpoints cannot have a loopback address."""


def advertised(host: str) -> str:
    """`host` itself if it is a reachable address, else that of the interface of the default route.

    Upstream's ResolveBindAddress. Nothing is sent.
    """
    try:
        given = ip_address(host)
    except ValueError:
        given = None
    if given is not None and not given.is_loopback and not given.is_unspecified:
        return str(given)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((NOWHERE, 9))
        except OSError:
            return NOWHERE
        found: str = probe.getsockname()[0]
    return NOWHERE if ip_address(found).is_loopback else found
