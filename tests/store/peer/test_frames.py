"""Frames survive any cut into pieces; what is not a frame is refused with the reason."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.store.peer.frames import (
    HEADER_BYTES,
    MAX_FRAME_BYTES,
    PREAMBLE,
    FrameDecoder,
    FrameError,
    FrameKind,
    encode_frame,
)

FRAMES = st.lists(st.tuples(st.sampled_from(FrameKind), st.binary(max_size=300)), max_size=8)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[start:end] for start, end in zip([0, *at], [*at, len(data)], strict=True)]


@given(frames=FRAMES, cuts=st.lists(st.integers(0, 10_000), max_size=20))
def test_frames_come_out_as_they_went_in_however_they_are_cut(
    frames: list[tuple[FrameKind, bytes]], cuts: list[int]
) -> None:
    data = PREAMBLE + b"".join(encode_frame(kind, payload) for kind, payload in frames)
    decoder = FrameDecoder(preamble=True)
    assert [frame for piece in pieces(data, cuts) for frame in decoder.feed(piece)] == frames


@given(payload=st.binary(max_size=100), at=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_a_flipped_byte_is_never_taken_for_a_frame(payload: bytes, at: int, flip: int) -> None:
    data = bytearray(encode_frame(FrameKind.MESSAGES, payload))
    data[at % len(data)] ^= flip
    decoder = FrameDecoder(preamble=False)
    try:
        frames = list(decoder.feed(bytes(data)))
    except FrameError:
        return
    assert frames == []  # the length grew: the rest is yet to come


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n", "not a member of a store", id="http"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01", "not a member of a store", id="tls on a plain port"),
        pytest.param(b"kube-peer/2\n", "version 1 here, not b'2'", id="another version"),
        pytest.param(
            PREAMBLE + struct.pack("!IIB", MAX_FRAME_BYTES + 1, 0, 4), "over the limit", id="too large"
        ),
        pytest.param(
            PREAMBLE + encode_frame(FrameKind.PING)[:-1] + b"\x63", "fails its CRC", id="another kind"
        ),
        pytest.param(PREAMBLE + struct.pack("!IIB", 0, 0x0D968558, 9)[:-1] + b"\x09", "CRC", id="wrong crc"),
    ],
)
def test_what_is_no_frame_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    decoder = FrameDecoder(preamble=True)
    with pytest.raises(FrameError, match=reason):
        list(decoder.feed(data))


def test_a_frame_that_is_refused_leaves_those_before_it() -> None:
    good = encode_frame(FrameKind.PING, b"first")
    bad = bytearray(encode_frame(FrameKind.PING, b"second"))
    bad[-1] ^= 1
    frames = FrameDecoder(preamble=False).feed(good + bytes(bad))
    assert next(frames) == (FrameKind.PING, b"first")
    with pytest.raises(FrameError):
        next(frames)


def test_a_payload_over_the_limit_is_not_sent() -> None:
    with pytest.raises(ValueError, match="over the limit"):
        encode_frame(FrameKind.CHUNK, bytes(MAX_FRAME_BYTES + 1))
    assert HEADER_BYTES == 9
