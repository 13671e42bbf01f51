"""Connections that change their protocol: which a request asks for, and which are taken over.

The one place that knows of upgrades. WebSocket watches are handed to the HTTP library's WebSocket; what exec, attach and
port-forward need besides (SPDY, subprotocols) belongs here when they are served.
"""

from typing import Final

from kube.apiserver.http.messages import Headers

WEBSOCKET: Final = "websocket"


def requested_upgrade(headers: Headers) -> str:
    """The protocol that the client wants to change to, in lower case; empty if none (RFC 9110, section 7.8)."""
    wanted = headers.get("Upgrade", "")
    if not wanted:
        return ""
    options = headers.get("Connection", "").lower().split(",")
    if "upgrade" not in (option.strip() for option in options):
        return ""
    return wanted.partition(",")[0].strip().lower()
