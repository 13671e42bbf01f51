"""Header compression (RFC 7541): a decoder with its dynamic table, and an encoder that needs no memory.

What a server says in headers is nearly constant, so it is encoded without the dynamic table, once. What clients say is
mostly the same again: a block that neither reads nor changes what can change is decoded once too.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final, TypeAlias

from kube.store.etcd_server.http2 import huffman

Header: TypeAlias = tuple[bytes, bytes]
Headers: TypeAlias = tuple[Header, ...]

_STATIC: Final = """\
:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate
"""
STATIC_TABLE: Final[Headers] = tuple(
    (name.encode(), value.encode()) for name, _, value in (row.partition(" ") for row in _STATIC.splitlines())
)
"""RFC 7541, appendix A; the first has index 1."""

TABLE_SIZE: Final = 4096
"""Bytes that the dynamic table may hold: the default of SETTINGS_HEADER_TABLE_SIZE, which is never changed here."""
ENTRY_OVERHEAD: Final = 32
_MEMO: Final = 256
"""Blocks that are remembered."""


class HpackError(ValueError):
    """A header block that cannot be decoded: the connection's compression state is lost."""


class HeaderListTooLargeError(HpackError):
    """More bytes of headers than are taken."""


def encode_integer(value: int, prefix_bits: int, first: int) -> bytes:
    """``first``: the bits before the prefix (RFC 7541, 5.1)."""
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes((first | value,))
    out = bytearray((first | limit,))
    value -= limit
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(headers: Iterable[Header]) -> bytes:
    """A header block of indexed fields and literals without indexing, so that its bytes mean the same on every connection."""
    out = bytearray()
    for header in headers:
        if header in STATIC_TABLE:
            out += encode_integer(STATIC_TABLE.index(header) + 1, 7, 0x80)
            continue
        name, value = header
        names = [each for each, _ in STATIC_TABLE]
        if name in names:
            out += encode_integer(names.index(name) + 1, 4, 0)
        else:
            out += b"\0" + encode_integer(len(name), 7, 0) + name
        out += encode_integer(len(value), 7, 0) + value
    return bytes(out)


class Decoder:
    """The receiving end of one connection. ``max_list`` in bytes, counted as RFC 9113, 6.5.2 does."""

    def __init__(self, max_list: int) -> None:
        self._max_list = max_list
        self._dynamic: deque[Header] = deque()
        self._size = 0
        self._max_size = TABLE_SIZE
        self._memo: dict[bytes, Headers] = {}
        """Blocks under the table as it is now."""

    def decode(self, block: bytes) -> Headers:
        """Raises HpackError; the decoder is of no use after that."""
        known = self._memo.get(block)
        if known is not None:
            return known
        headers, changed = self._decode(block)
        if changed or len(self._memo) >= _MEMO:
            self._memo.clear()
        if not changed:
            self._memo[block] = headers
        return headers

    def _decode(self, block: bytes) -> tuple[Headers, bool]:
        headers: list[Header] = []
        position, size, changed = 0, 0, False
        while position < len(block):
            first = block[position]
            if first & 0x80:
                index, position = _integer(block, position, 7)
                header = self._entry(index)
            elif first & 0xE0 == 0x20:
                if headers:
                    raise HpackError("a change of the table's size after a field")
                limit, position = _integer(block, position, 5)
                if limit > TABLE_SIZE:
                    raise HpackError(f"a table of {limit} bytes was never offered")
                self._max_size = limit
                self._evict()
                changed = True
                continue
            else:
                indexed = first & 0x40
                index, position = _integer(block, position, 6 if indexed else 4)
                name, position = _string(block, position) if not index else (self._entry(index)[0], position)
                value, position = _string(block, position)
                header = (name, value)
                if indexed:
                    self._add(header)
                    changed = True
            size += len(header[0]) + len(header[1]) + ENTRY_OVERHEAD
            if size > self._max_list:
                raise HeaderListTooLargeError(f"headers of more than {self._max_list} bytes")
            headers.append(header)
        return tuple(headers), changed

    def _entry(self, index: int) -> Header:
        if 0 < index <= len(STATIC_TABLE):
            return STATIC_TABLE[index - 1]
        dynamic = index - len(STATIC_TABLE) - 1
        if index and dynamic < len(self._dynamic):
            return self._dynamic[dynamic]
        raise HpackError(f"no field has the index {index}")

    def _add(self, header: Header) -> None:
        self._dynamic.appendleft(header)
        self._size += len(header[0]) + len(header[1]) + ENTRY_OVERHEAD
        self._evict()

    def _evict(self) -> None:
        while self._size > self._max_size:
            name, value = self._dynamic.pop()
            self._size -= len(name) + len(value) + ENTRY_OVERHEAD


def _integer(block: bytes, position: int, prefix_bits: int) -> tuple[int, int]:
    """The integer and where it ends."""
    limit = (1 << prefix_bits) - 1
    value = block[position] & limit
    position += 1
    if value < limit:
        return value, position
    for shift in range(0, 35, 7):
        if position >= len(block):
            raise HpackError("the block ends in an integer")
        byte = block[position]
        position += 1
        value += (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, position
    raise HpackError("an integer that is too long")


def _string(block: bytes, position: int) -> tuple[bytes, int]:
    if position >= len(block):
        raise HpackError("the block ends before a string")
    compressed = block[position] & 0x80
    length, position = _integer(block, position, 7)
    end = position + length
    if end > len(block):
        raise HpackError("the block ends in a string")
    data = block[position:end]
    if not compressed:
        return data, end
    try:
        return huffman.decode(data), end
    except huffman.HuffmanError as error:
        raise HpackError(str(error)) from None
