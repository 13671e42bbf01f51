"""The layout of a bbolt file, little-endian as on every machine that etcd supports (bbolt's page.go, db.go, bucket.go).

A file is a sequence of pages of one size. Each begins with ``PAGE``: its id, its kind, how many elements it has, and over how many further
pages it goes on. Pages 0 and 1 are the metas, written in turn: the sound one of the higher transaction counts. It names the root bucket's first
page, and how many pages there are.

A bucket is a B+tree of branch and leaf pages. Elements have a fixed part each, in a row behind the page's header, and then their
bytes, found by an offset from the fixed part's own beginning. A bucket within a bucket is a leaf element with ``BUCKET_ELEMENT``, whose
value is ``BUCKET``; with a root of 0 its only page, a leaf without an id, follows in the value itself (an inline bucket).
"""

from functools import reduce
from struct import Struct
from typing import Final

import msgspec

MAGIC: Final = 0xED0CDAED
VERSION: Final = 2
PAGE_BYTES: Final = 4096
"""Of the files that are written here; those that are read say it themselves."""
MIN_PAGE_BYTES: Final = 512
MAX_PAGE_BYTES: Final = 1 << 24
NO_FREELIST: Final = (1 << 64) - 1
"""In the place of the freelist's page: what is free is what is not reachable. etcd's files have that."""

BRANCH: Final = 0x01
LEAF: Final = 0x02
META: Final = 0x04
FREELIST: Final = 0x10
BUCKET_ELEMENT: Final = 0x01

PAGE: Final = Struct("<QHHI")
"""Id, kind, number of elements, number of further pages."""
META_BODY: Final = Struct("<IIIIQQQQQ")
"""Magic, version, page size, flags, root page, root's sequence, freelist's page, number of pages, transaction."""
META_SUM: Final = Struct("<Q")
BUCKET: Final = Struct("<QQ")
"""Root page, sequence."""
LEAF_ELEMENT: Final = Struct("<IIII")
"""Flags, offset of the key, size of the key, size of the value, which follows the key."""
BRANCH_ELEMENT: Final = Struct("<IIQ")
"""Offset of the key, size of the key, page."""
META_BYTES: Final = PAGE.size + META_BODY.size + META_SUM.size

_FNV_OFFSET: Final = 0xCBF29CE484222325
_FNV_PRIME: Final = 0x100000001B3
_MASK: Final = (1 << 64) - 1


class Meta(msgspec.Struct, frozen=True):
    """``pages``: how many there are, which is the id of the first one behind them."""

    page_bytes: int
    root: int
    freelist: int
    pages: int
    transaction: int


def fnv1a(data: bytes) -> int:
    """64 bits of FNV-1a, the checksum of a meta page."""
    return reduce(lambda found, byte: (found ^ byte) * _FNV_PRIME & _MASK, data, _FNV_OFFSET)


def encode_meta(page: int, meta: Meta) -> bytes:
    """The page of id 0 or 1 whole."""
    body = META_BODY.pack(
        MAGIC, VERSION, meta.page_bytes, 0, meta.root, 0, meta.freelist, meta.pages, meta.transaction
    )
    encoded = PAGE.pack(page, META, 0, 0) + body + META_SUM.pack(fnv1a(body))
    return encoded.ljust(meta.page_bytes, b"\0")


def decode_meta(page: bytes) -> Meta | str:
    """Of the first META_BYTES of a page, or what is wrong with them."""
    if len(page) < META_BYTES:
        return "it is cut off"
    body = page[PAGE.size : PAGE.size + META_BODY.size]
    magic, version, page_bytes, _, root, _, freelist, pages, transaction = META_BODY.unpack(body)
    if magic != MAGIC:
        if magic == int.from_bytes(MAGIC.to_bytes(4, "little"), "big"):
            return "it was written on a big-endian machine"
        return "it does not have bbolt's magic number"
    if version != VERSION:
        return f"it is of version {version} instead of {VERSION}"
    if META_SUM.unpack(page[PAGE.size + META_BODY.size : META_BYTES])[0] != fnv1a(body):
        return "its checksum is wrong"
    if page_bytes & (page_bytes - 1) or not MIN_PAGE_BYTES <= page_bytes <= MAX_PAGE_BYTES:
        return f"pages of {page_bytes} bytes are none"
    return Meta(page_bytes, root, freelist, pages, transaction)


def inline_leaf(elements: list[tuple[bytes, bytes]]) -> bytes:
    """The leaf page of an inline bucket."""
    return encode_leaf(0, 0, elements)


def encode_leaf(page: int, further: int, elements: list[tuple[bytes, bytes]], flags: int = 0) -> bytes:
    """A leaf without the zeros that fill its last page. ``flags``: of every element."""
    at = LEAF_ELEMENT.size * len(elements)
    pack = LEAF_ELEMENT.pack
    fixed = [PAGE.pack(page, LEAF, len(elements), further)]
    data: list[bytes] = []
    for element in elements:
        key, value = element
        fixed.append(pack(flags, at, len(key), len(value)))
        data += element
        at += len(key) + len(value) - LEAF_ELEMENT.size
    return b"".join(fixed + data)


def encode_branch(page: int, further: int, children: list[tuple[bytes, int]]) -> bytes:
    """A branch without the zeros that fill its last page. ``children``: the first key and the page of each."""
    at = BRANCH_ELEMENT.size * len(children)
    fixed = [PAGE.pack(page, BRANCH, len(children), further)]
    for key, child in children:
        fixed.append(BRANCH_ELEMENT.pack(at, len(key), child))
        at += len(key) - BRANCH_ELEMENT.size
    return b"".join(fixed + [key for key, _ in children])
