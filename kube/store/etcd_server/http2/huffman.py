"""The Huffman code of header strings (RFC 7541, appendix B).

The code is canonical: sorted by length, then by symbol, each code is the one before plus one. So its lengths say all.
"""

from functools import cache, lru_cache
from typing import Final

_EOS: Final = 256
_CACHED: Final = 64
"""Longer strings are not worth their place in the cache."""


def _symbols(*parts: int | tuple[int, int]) -> tuple[int, ...]:
    """Symbols, and ranges of them with both ends."""
    return tuple(
        symbol
        for part in parts
        for symbol in (range(part[0], part[1] + 1) if isinstance(part, tuple) else (part,))
    )


_BY_LENGTH: Final = {
    5: _symbols(*b"012aceiost"),
    6: _symbols(*b" %-./3456789=A_bdfghlmnpru"),
    7: _symbols(*b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    8: _symbols(*b"&*,;XZ"),
    10: _symbols(*b'!"()?'),
    11: _symbols(*b"'+|"),
    12: _symbols(*b"#>"),
    13: _symbols(0, *b"$@[]~"),
    14: _symbols(*b"^}"),
    15: _symbols(*b"<`{"),
    19: _symbols(92, 195, 208),
    20: _symbols(128, 130, 131, 162, 184, 194, 224, 226),
    21: _symbols(153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230),
    22: _symbols(
        129, (132, 134), 136, 146, 154, 156, 160, 163, 164, 169, 170, 173, 178, 181, (185, 187), 189, 190, 196,
        198, 228, 232, 233,
    ),
    23: _symbols(
        1, 135, (137, 141), 143, 147, (149, 152), 155, 157, 158, 165, 166, 168, 174, 175, 180, 182, 183, 188,
        191, 197, 231, 239,
    ),
    24: _symbols(9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237),
    25: _symbols(199, 207, 234, 235),
    26: _symbols(192, 193, (200, 202), 205, 210, 213, 218, 219, 238, 240, 242, 243, 255),
    27: _symbols(203, 204, 211, 212, 214, (221, 223), 241, (244, 248), (250, 254)),
    28: _symbols((2, 8), 11, 12, (14, 21), (23, 31), 127, 220, 249),
    30: _symbols(10, 13, 22, _EOS),
}  # fmt: skip


class HuffmanError(ValueError):
    """A string that no encoder makes: padding that is too long or not all ones, or the end-of-string symbol."""


@cache
def codes() -> dict[tuple[int, int], int]:
    """Length and code to symbol."""
    table: dict[tuple[int, int], int] = {}
    code = previous = 0
    for length, symbols in _BY_LENGTH.items():
        code <<= length - previous
        previous = length
        for symbol in symbols:
            table[length, code] = symbol
            code += 1
    return table


@cache
def _lengths() -> tuple[int, ...]:
    return tuple(_BY_LENGTH)


def decode(data: bytes) -> bytes:
    """Raises HuffmanError."""
    return _remembered(data) if len(data) <= _CACHED else _decode(data)


def _decode(data: bytes) -> bytes:
    table, lengths = codes(), _lengths()
    out = bytearray()
    window = bits = 0
    for byte in data:
        window = (window << 8) | byte
        bits += 8
        while True:
            for length in lengths:
                if length > bits:
                    symbol = None
                    break
                symbol = table.get((length, window >> (bits - length)))
                if symbol is not None:
                    break
            if symbol is None:
                break
            if symbol == _EOS:
                raise HuffmanError("the end-of-string symbol in a string")
            out.append(symbol)
            bits -= length
            window &= (1 << bits) - 1
    if bits >= 8 or window != (1 << bits) - 1:
        raise HuffmanError("the padding is not the start of the end-of-string symbol")
    return bytes(out)


_remembered = lru_cache(maxsize=1024)(_decode)
