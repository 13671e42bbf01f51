"""Header compression (RFC 7541), held against another implementation."""

import random

import hpack as hpack_package
import pytest
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.table import HeaderTable
from hypothesis import given
from hypothesis import strategies as st

from kube.store.etcd_server.http2 import hpack, huffman

FIELDS = st.lists(
    st.tuples(
        st.sampled_from([b":path", b"content-type", b"grpc-timeout", b"x-a", b"x-b"])
        | st.binary(max_size=40),
        st.binary(max_size=80),
    ),
    max_size=12,
)


def test_the_static_table() -> None:
    assert tuple(HeaderTable.STATIC_TABLE) == hpack.STATIC_TABLE


def test_the_huffman_code() -> None:
    codes = {
        (length, code): symbol
        for symbol, (length, code) in enumerate(zip(REQUEST_CODES_LENGTH, REQUEST_CODES, strict=True))
    }
    assert huffman.codes() == codes


def test_the_rfcs_own_example() -> None:
    """C.4.1."""
    assert huffman.decode(bytes.fromhex("f1e3c2e5f23a6ba0ab90f4ff")) == b"www.example.com"


@given(blocks=st.lists(st.tuples(FIELDS, st.booleans(), st.sampled_from([None, 0, 100, 4096])), max_size=6))
def test_what_another_encoder_says_is_understood(
    blocks: list[tuple[list[tuple[bytes, bytes]], bool, int | None]],
) -> None:
    encoder, decoder = hpack_package.Encoder(), hpack.Decoder(1 << 20)
    for fields, compressed, size in blocks:
        if size is not None:
            encoder.header_table_size = size
        block = encoder.encode(fields, huffman=compressed)
        assert decoder.decode(block) == tuple(fields)


@given(FIELDS)
def test_what_is_said_is_understood_by_another_decoder(fields: list[tuple[bytes, bytes]]) -> None:
    decoded = hpack_package.Decoder().decode(hpack.encode(fields), raw=True)
    assert [(name, value) for name, value in decoded] == fields


def test_a_block_that_comes_again_is_the_same_object() -> None:
    decoder = hpack.Decoder(1000)
    block = hpack.encode([(b":path", b"/x")])
    assert decoder.decode(block) is decoder.decode(block)


def test_a_remembered_block_is_forgotten_when_the_table_changes() -> None:
    decoder = hpack.Decoder(1000)
    insert_a, insert_b, first = b"\x40\x01a\x01A", b"\x40\x01b\x01B", b"\xbe"
    decoder.decode(insert_a)
    assert decoder.decode(first) == ((b"a", b"A"),)
    decoder.decode(insert_b)
    assert decoder.decode(first) == ((b"b", b"B"),)


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"\x80", id="index 0"),
        pytest.param(b"\xbe", id="an index beyond the table"),
        pytest.param(b"\xff\xff\xff\xff\xff\xff\x7f", id="an integer that is too long"),
        pytest.param(b"\xff", id="an integer that ends early"),
        pytest.param(b"\x00\x05ab", id="a string that ends early"),
        pytest.param(b"\x00", id="no string at all"),
        pytest.param(b"\x3f\xe2\x1f", id="a table that is larger than was offered"),
        pytest.param(b"\x82\x20", id="a change of the table's size after a field"),
        pytest.param(b"\x00\x81\xff\x00", id="padding of eight ones"),
        pytest.param(b"\x00\x81\x00\x00", id="padding that is not ones"),
        pytest.param(b"\x00\x84\xff\xff\xff\xff\x00", id="the end-of-string symbol"),
    ],
)
def test_what_no_encoder_says(block: bytes) -> None:
    with pytest.raises(hpack.HpackError):
        hpack.Decoder(1000).decode(block)


def test_headers_that_grow_in_decoding_are_bounded() -> None:
    """One entry of the table, many times: few bytes that would become many."""
    decoder = hpack.Decoder(10_000)
    decoder.decode(b"\x40\x01a\x7f\x80\x07" + b"v" * 1023)
    with pytest.raises(hpack.HeaderListTooLargeError):
        decoder.decode(b"\xbe" * 100)


@given(st.binary(max_size=60))
def test_garbage_is_refused_or_decoded_but_nothing_else(block: bytes) -> None:
    decoder = hpack.Decoder(2_000)
    try:
        decoder.decode(block)
    except hpack.HpackError:
        return


def test_long_strings_take_time_in_proportion() -> None:
    data = b"\x00" * 40_000  # forty thousand bytes of the symbol "0", five bits each
    assert huffman.decode(data + b"\x07" if len(data) * 8 % 5 else data) == b"0" * (len(data) * 8 // 5)


@given(st.randoms(use_true_random=False))
def test_huffman_reads_what_its_codes_say(chance: random.Random) -> None:
    text = chance.randbytes(chance.randrange(0, 90))
    by_symbol = {symbol: code for code, symbol in huffman.codes().items()}
    bits = "".join(format(code, f"0{length}b") for length, code in (by_symbol[each] for each in text))
    bits += "1" * (-len(bits) % 8)
    assert huffman.decode(int(bits or "0", 2).to_bytes(len(bits) // 8, "big")) == text
