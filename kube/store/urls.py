"""Where members are: URLs as etcd's flags ``--listen-peer-urls``, ``--listen-client-urls`` and ``--initial-cluster`` take them. Pure."""

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from kube.store.errors import BadMemberURLsError


class AddressError(ValueError):
    """The text is not what it should be; the message says why, in one line."""


class Address(NamedTuple):
    """What a URL says. ``port`` 0, where one listens: a free one."""

    secure: bool
    host: str
    port: int


def parse_urls(text: str) -> tuple[str, ...]:
    """``http://host:port`` and ``https://host:port``, separated by commas; sorted. Raises AddressError."""
    return tuple(sorted(checked_url(each.strip()) for each in text.split(",")))


def checked_url(url: str) -> str:
    """Without the slash at its end. Raises AddressError."""
    try:
        parts = urlsplit(url)
    except ValueError as error:  # brackets without an address, characters that look like a URL's own
        raise AddressError(f"{url!r} is not a URL: {error}") from None
    if parts.scheme not in {"http", "https"}:
        raise AddressError(f"{url!r} is not a URL: http://HOST:PORT or https://HOST:PORT is wanted")
    try:
        port = parts.port
    except ValueError:
        port = None
    if not parts.hostname or port is None:
        raise AddressError(f"{url!r} has no HOST:PORT")
    try:
        parts.hostname.encode("idna")  # as whoever looks it up does
    except UnicodeError:
        raise AddressError(f"{url!r} has a host that is neither an address nor a name") from None
    if parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc:
        raise AddressError(f"{url!r} has more than a scheme, a host and a port")
    return f"{parts.scheme}://{parts.netloc}"


def address_of(url: str) -> Address:
    """Of a URL that ``checked_url`` or ``parse_urls`` has returned."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return Address(parts.scheme == "https", parts.hostname, parts.port)


def checked_member_urls(urls: Iterable[str]) -> tuple[str, ...]:
    """What somebody wants to add or to update a member with, sorted. Raises BadMemberURLsError."""
    try:
        checked = tuple(sorted(map(checked_url, urls)))
    except AddressError:
        raise BadMemberURLsError from None
    if not checked:
        raise BadMemberURLsError
    return checked


def parse_initial_cluster(text: str) -> dict[str, tuple[str, ...]]:
    """``name=url,name=url,…`` as name to sorted URLs; a name may come more than once. Raises AddressError."""
    found: dict[str, list[str]] = {}
    for part in text.split(","):
        name, equals, url = part.strip().partition("=")
        if not equals or not name:
            raise AddressError(f"{part.strip()!r} in the initial cluster is not NAME=URL")
        found.setdefault(name, []).append(checked_url(url))
    urls = [url for each in found.values() for url in each]
    twice = next((url for url in urls if urls.count(url) > 1), None)
    if twice is not None:
        raise AddressError(f"{twice} is there twice in the initial cluster")
    return {name: tuple(sorted(each)) for name, each in found.items()}
