"""Frames on a peer connection: a length, a CRC-32, a kind, a payload. No I/O.

    | payload length, 4 bytes | CRC-32 of kind and payload, 4 bytes | kind, 1 byte | payload |

All numbers are big-endian. A connection begins with ``PREAMBLE``, so that whatever else dials a peer port is told apart from
a member at once.
"""

import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum

PREAMBLE = b"kube-peer/1\n"
"""The protocol and its version."""
MAX_FRAME_BYTES = 64 << 20
"""A batch of messages is split long before this; whoever announces more is refused before it is read."""
MAX_STRANGERS_FRAME_BYTES = 64 << 10
"""As much from somebody who has not said yet who it is."""

_HEADER = struct.Struct("!IIB")
HEADER_BYTES = _HEADER.size


class FrameKind(IntEnum):
    HELLO = 1
    WELCOME = 2
    REFUSAL = 3
    MESSAGES = 4
    PING = 5
    PONG = 6
    SNAPSHOT = 7
    """What a snapshot belongs to; ``CHUNK`` frames follow, and ``END``."""
    CHUNK = 8
    END = 9
    RECEIVED = 10
    """The answer to ``END``: the snapshot is whole and was handed over."""
    MEMBERS = 11


class FrameError(Exception):
    """The bytes are not the protocol's; the connection that brought them can't be read any further."""


def encode_frame(kind: FrameKind, payload: bytes = b"") -> bytes:
    """Raises ValueError for a payload over ``MAX_FRAME_BYTES``."""
    if len(payload) > MAX_FRAME_BYTES:
        raise ValueError(f"a frame of {len(payload)} bytes is over the limit of {MAX_FRAME_BYTES}")
    crc = zlib.crc32(payload, zlib.crc32(bytes((kind,))))
    return _HEADER.pack(len(payload), crc, kind) + payload


class FrameDecoder:
    """Bytes in as they arrive, whole frames out. ``limit``: bytes of a frame that may come next."""

    __slots__ = ("_buffer", "_preamble_due", "limit")

    def __init__(self, *, preamble: bool, limit: int = MAX_FRAME_BYTES) -> None:
        """``preamble``: the other side opens the connection, and says first which protocol it speaks."""
        self._buffer = bytearray()
        self.limit = limit
        self._preamble_due = preamble

    def feed(self, data: bytes) -> Iterator[tuple[FrameKind, bytes]]:
        """The frames that ``data`` completes, to be consumed before the next call. Raises FrameError."""
        buffer = self._buffer
        buffer += data
        if self._preamble_due and not self._take_preamble():
            return
        start = 0
        try:
            while len(buffer) - start >= HEADER_BYTES:
                length, crc, kind = _HEADER.unpack_from(buffer, start)
                if length > self.limit:
                    raise FrameError(f"a frame of {length} bytes is over the limit of {self.limit}")
                end = start + HEADER_BYTES + length
                if len(buffer) < end:
                    return
                payload = bytes(memoryview(buffer)[start + HEADER_BYTES : end])
                start = end
                yield _checked_kind(kind, payload, crc), payload
        finally:
            del buffer[:start]

    def _take_preamble(self) -> bool:
        """False when more of it is to come. Raises FrameError."""
        buffer = self._buffer
        got = bytes(buffer[: len(PREAMBLE)])
        if not PREAMBLE.startswith(got):
            name = PREAMBLE[: PREAMBLE.index(b"/") + 1]
            if got.startswith(name):
                raise FrameError(f"the peer protocol is version 1 here, not {got[len(name) :].strip()!r}")
            raise FrameError(f"not a member of a store: it began with {got!r}")
        if len(got) < len(PREAMBLE):
            return False
        del buffer[: len(PREAMBLE)]
        self._preamble_due = False
        return True


def _checked_kind(kind: int, payload: bytes, crc: int) -> FrameKind:
    if zlib.crc32(payload, zlib.crc32(bytes((kind,)))) != crc:
        raise FrameError(f"a frame of {len(payload)} bytes fails its CRC")
    try:
        return FrameKind(kind)
    except ValueError:
        raise FrameError(f"a frame of the unknown kind {kind}") from None
