"""CRC-32 of many stretches of the same bytes, which may overlap, each in a time that does not grow with its length.

A CRC is linear over GF(2): what ``crc32(b, seed)`` makes of two seeds differs by their difference, carried over as many zero bytes as ``b`` has.
So the CRC of a stretch follows from those of all bytes up to its begin and up to its end (zlib's ``crc32_combine`` is the same law).
"""

import zlib
from functools import cache
from itertools import accumulate

BLOCK = 1024
"""Bytes between two sums that are kept, and the most that is read for one that is not."""

_POLYNOMIAL = 0xEDB88320
"""CRC-32's (IEEE 802.3), the lowest bit first."""
_Operator = tuple[tuple[int, ...], ...]
"""A linear map of 32 bits: for each byte of the argument, from the lowest, what its 256 values add."""


class StretchSums:
    """``data`` must not change. One pass over it is made at the begin."""

    __slots__ = ("_data", "_sums")

    def __init__(self, data: memoryview) -> None:
        self._data = data
        blocks = (data[at : at + BLOCK] for at in range(0, len(data) - BLOCK + 1, BLOCK))
        self._sums = list(accumulate(blocks, lambda crc, block: zlib.crc32(block, crc), initial=0))

    def crc(self, start: int, end: int, seed: int) -> int:
        """``zlib.crc32(data[start:end], seed)``."""
        if end - start <= BLOCK:
            return zlib.crc32(self._data[start:end], seed)
        return self._up_to(end) ^ over_zeros(self._up_to(start) ^ seed, end - start)

    def _up_to(self, end: int) -> int:
        at = end // BLOCK
        return zlib.crc32(self._data[at * BLOCK : end], self._sums[at])


def over_zeros(difference: int, count: int) -> int:
    """By what the CRCs of ``count`` equal bytes differ where their seeds differ by ``difference``."""
    place = 1
    while count:
        count, digit = divmod(count, 16)
        if digit:
            difference = _apply(_zeros(digit * place), difference)
        place *= 16
    return difference


@cache
def _zeros(count: int) -> _Operator:
    """Of so many zero bytes: one digit in base 16, or what such a one is made of."""
    if count == 1:
        return _operator([_zero_byte(1 << bit) for bit in range(32)])
    first = 1 << (count - 1).bit_length() - 1  # the greatest power of two below it
    return _operator([_apply(_zeros(count - first), _apply(_zeros(first), 1 << bit)) for bit in range(32)])


def _zero_byte(state: int) -> int:
    for _ in range(8):
        state = state >> 1 ^ (_POLYNOMIAL if state & 1 else 0)
    return state


def _apply(operator: _Operator, value: int) -> int:
    one, other, third, high = operator
    return one[value & 255] ^ other[value >> 8 & 255] ^ third[value >> 16 & 255] ^ high[value >> 24]


def _operator(columns: list[int]) -> _Operator:
    """From what each of the 32 bits becomes."""
    tables = []
    for first in range(0, 32, 8):
        table = [0]
        for column in columns[first : first + 8]:
            table += [entry ^ column for entry in table]
        tables.append(tuple(table))
    return tuple(tables)
