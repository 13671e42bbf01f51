"""Where an etcd is and how it is spoken to: ``etcd://host:port[,host:port][/prefix]``."""

from typing import Final
from urllib.parse import unquote

from msgspec import Struct

SCHEME: Final = "etcd://"
DEFAULT_PORT: Final = 2379
REQUEST_TIMEOUT: Final = 5.0


class EtcdURLError(ValueError):
    """What is wrong with a URL or its certificates, in words for who wrote it."""


class Etcd3Config(Struct, frozen=True, kw_only=True):
    """``endpoints`` are host and port of members of one cluster. Keys are ``prefix`` and what the store's user names.

    The files are PEM; with any of them the connection is TLS. ``request_timeout`` in seconds: how long a request may wait
    for a member that answers.
    """

    endpoints: tuple[str, ...]
    prefix: bytes = b""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    user: str = ""
    password: str = ""
    request_timeout: float = REQUEST_TIMEOUT

    @property
    def is_secure(self) -> bool:
        return bool(self.ca_file or self.cert_file)


def parse_url(url: str, *, ca_file: str = "", cert_file: str = "", key_file: str = "") -> Etcd3Config:
    """``etcd://[user:password@]host[:port][,host[:port]…][/prefix]``; the path is kept as it is, with its slash.

    Raises EtcdURLError.
    """
    if not url.startswith(SCHEME):
        raise EtcdURLError(f"{url!r} is no store: write etcd://HOST:PORT[,HOST:PORT]")
    if "?" in url or "#" in url:
        raise EtcdURLError(
            f"{url!r} has a query or a fragment, which etcd:// does not: give certificates as flags"
        )
    authority, slash, path = url.removeprefix(SCHEME).partition("/")
    login, _, hosts = authority.rpartition("@")
    user, _, password = login.partition(":")
    if bool(cert_file) != bool(key_file):
        raise EtcdURLError("a client certificate and its key are given together or not at all")
    return Etcd3Config(
        endpoints=tuple(_endpoint(host, url) for host in hosts.split(",")),
        prefix=(slash + path).rstrip("/").encode(),
        ca_file=ca_file,
        cert_file=cert_file,
        key_file=key_file,
        user=unquote(user),
        password=unquote(password),
    )


def _endpoint(host: str, url: str) -> str:
    name, port = host, str(DEFAULT_PORT)
    if not host.endswith("]") and ":" in host:
        name, _, port = host.rpartition(":")
    if not name or not (port.isdecimal() and 0 < int(port) < 65536):
        raise EtcdURLError(f"{host!r} in {url!r} is no host and port")
    if ":" in name and not (name.startswith("[") and name.endswith("]")):
        raise EtcdURLError(f"{host!r} in {url!r}: write an IPv6 address in brackets")
    return f"{name}:{port}"
