"""The CRC of a stretch is the one that reading it gives."""

import zlib

from hypothesis import given, settings
from hypothesis import strategies as st

from kube.store.wal.checksums import BLOCK, StretchSums, over_zeros

SEEDS = st.integers(0, 2**32 - 1)


@given(st.integers(0, 2**32), st.integers(0, 5 * BLOCK), st.data())
@settings(max_examples=100, deadline=None)
def test_every_stretch_has_the_crc_that_reading_it_gives(
    content: int, size: int, data: st.DataObject
) -> None:
    whole = (content.to_bytes(5, "little") * (size // 5 + 1))[:size]
    sums = StretchSums(memoryview(whole))
    for _ in range(5):
        start = data.draw(st.integers(0, size))
        end = data.draw(st.integers(start, size))
        seed = data.draw(SEEDS)
        assert sums.crc(start, end, seed) == zlib.crc32(whole[start:end], seed)


@given(SEEDS, SEEDS, st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_a_difference_is_carried_over_bytes_whatever_they_are(one: int, other: int, data: bytes) -> None:
    assert zlib.crc32(data, one) ^ zlib.crc32(data, other) == over_zeros(one ^ other, len(data))


def test_a_difference_is_carried_over_many_bytes() -> None:
    zeros = bytes(3 << 20)
    assert over_zeros(1, len(zeros)) == zlib.crc32(zeros, 1) ^ zlib.crc32(zeros)
