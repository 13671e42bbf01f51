"""The plain requests of HTTP/1.1 as bytes: what clients of Kubernetes send, told apart from everything else.

Strict on purpose: whatever is not understood here to the last byte (chunked bodies, Expect, upgrades, HTTP/1.0, folded
lines, characters that are not ASCII, absolute targets) is left to a full implementation. Source: RFC 9112.
"""

import re
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, NamedTuple, cast

from multidict import CIMultiDict, CIMultiDictProxy

from kube.apiserver.http.messages import Headers

_HEAD: Final = re.compile(
    rb"(GET|POST|PUT|PATCH|DELETE) (/[!\"$-~]*) HTTP/1\.1\r\n"
    rb"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~]*\r\n)*)\r\n"
)
_LENGTH: Final = re.compile(r"[0-9]{1,9}")
_ELSEWHERE: Final = ("Transfer-Encoding", "Expect", "Upgrade", "Content-Encoding", "Trailer")
"""Header fields that only a full implementation knows."""
MAX_HEAD: Final = 32 * 1024
"""Bytes of a head that is read here."""
SERVER: Final = "kube-actors"
NO_CACHE: Final = "no-cache, private"
"""The Cache-Control of every answer that says nothing of its own."""
_NO_CACHE: Final = f"Cache-Control: {NO_CACHE}\r\n".encode()
_MAX_CACHED: Final = 256
_MAX_CACHED_SIZE: Final = 4096
_BODILESS: Final = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class Fields(NamedTuple):
    """The header fields of a request, and what they say of its framing. `length`: bytes of the body."""

    headers: Headers
    length: int
    close: bool


class Head(NamedTuple):
    """The head of a request, which ends before the offset `end`. `target` is as it was sent."""

    method: str
    target: str
    fields: Fields
    end: int


class HeadReader:
    """Reads heads. Clients send the same header fields again and again: each block of them is read once."""

    def __init__(self) -> None:
        self._known: dict[bytes, Fields] = {}

    def read(self, data: bytes) -> Head | None:
        """None for what is not a whole head of a plain request."""
        found = _HEAD.match(data, 0, MAX_HEAD)
        if found is None:
            return None
        block = found[3]
        fields = self._known.get(block)
        if fields is None:
            fields = _fields(block.decode("ascii"))
            if fields is None:
                return None
            if len(block) <= _MAX_CACHED_SIZE:
                if len(self._known) >= _MAX_CACHED:
                    self._known.clear()
                self._known[block] = fields
        return Head(found[1].decode("ascii"), found[2].decode("ascii"), fields, found.end())


def _fields(block: str) -> Fields | None:
    """None for a block that this module does not understand."""
    headers: CIMultiDict[str] = CIMultiDict()
    for line in block.split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        headers.add(name, value.strip(" \t"))
    if len(headers.getall("Host", [])) != 1 or any(name in headers for name in _ELSEWHERE):
        return None
    lengths = headers.getall("Content-Length", ["0"])
    if len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0]):
        return None
    connection = headers.getall("Connection", [])
    if len(connection) > 1 or (connection and connection[0].lower() not in ("close", "keep-alive")):
        return None
    close = bool(connection) and connection[0].lower() == "close"
    return Fields(cast("Headers", CIMultiDictProxy(headers)), int(lengths[0]), close)


class HeadWriter:
    """Writes the heads of answers."""

    def __init__(self) -> None:
        self._beginnings: dict[tuple[int, str], bytes] = {}
        self._second = 0
        self._date = b""

    def write(
        self,
        status: int,
        content_type: str,
        headers: Iterable[tuple[str, str]],
        *,
        length: int | None,
        close: bool,
        now: float,
    ) -> bytes:
        """`length`: bytes of the body, None for one in chunks. `now` is wall time, for Date.

        Raises ValueError for a field that would end its line.
        """
        beginning = self._beginnings.get((status, content_type))
        if beginning is None:
            beginning = self._beginnings[status, content_type] = _beginning(status, content_type)
        if self._second != int(now):
            self._second = int(now)
            self._date = f"Date: {formatdate(self._second, usegmt=True)}\r\n".encode()
        parts = [beginning, self._date]
        cacheable = False
        for name, value in headers:
            if "\n" in value or "\r" in value:
                raise ValueError(f"a line break in the header field {name}")
            cacheable = cacheable or name == "Cache-Control"
            parts.append(f"{name}: {value}\r\n".encode())
        if not cacheable:
            parts.append(_NO_CACHE)
        if length is None:
            parts.append(b"Transfer-Encoding: chunked\r\n")
        elif status not in _BODILESS:
            parts.append(b"Content-Length: %d\r\n" % length)
        parts.append(b"Connection: close\r\n\r\n" if close else b"\r\n")
        return b"".join(parts)


def _beginning(status: int, content_type: str) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    lines = [f"HTTP/1.1 {status} {phrase}", f"Server: {SERVER}"]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    return "".join(f"{line}\r\n" for line in lines).encode()
