"""CRC-32C against its published vectors, and blocks against bytes."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.store.backup.crc32c import BLOCK_BYTES, crc32c

_POLYNOMIAL = 0x82F63B78


def bit_by_bit(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(reversed(range(32))), 0x113FDB5C),
    ],
    ids=["nothing", "digits", "zeros", "ones", "up", "down"],
)
def test_the_vectors_of_rfc_3720(data: bytes, crc: int) -> None:
    assert crc32c(data) == crc


@settings(max_examples=50)
@given(st.binary(max_size=100), st.binary(max_size=100))
def test_it_goes_on_where_it_was(first: bytes, second: bytes) -> None:
    assert crc32c(second, crc32c(first)) == crc32c(first + second) == bit_by_bit(first + second)


@pytest.mark.parametrize("size", [BLOCK_BYTES - 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 7])
def test_blocks_are_as_their_bytes(size: int) -> None:
    data = random.Random(size).randbytes(size)
    piecewise = 0
    for at in range(0, size, 100_003):
        piecewise = crc32c(data[at : at + 100_003], piecewise)
    assert crc32c(data) == piecewise
    assert crc32c(data[3:], crc32c(data[:3])) == piecewise
