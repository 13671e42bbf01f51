"""Protobuf's wire format against protobuf itself."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.store.kv import KeyValue
from kube.store.protowire import (
    WireError,
    bytes_of,
    decode_fields,
    decode_key_value,
    encode_key_value,
    int_field,
    int_of,
    key_value_bytes,
    signed,
    varint,
    varint_bytes,
)

INT64 = st.one_of(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, 300))
KEY_VALUES = st.builds(
    KeyValue, st.binary(min_size=1, max_size=200), st.binary(max_size=200), INT64, INT64, INT64, INT64
)


@settings(max_examples=200)
@given(KEY_VALUES)
def test_a_key_value_is_as_protobuf_writes_it(kv: KeyValue) -> None:
    pytest.importorskip("google.protobuf")
    from kube.store.etcdpb import messages

    theirs = messages.KeyValue(
        key=kv.key,
        value=kv.value,
        create_revision=kv.create_revision,
        mod_revision=kv.mod_revision,
        version=kv.version,
        lease=kv.lease,
    ).SerializeToString(deterministic=True)
    assert encode_key_value(kv) == theirs
    assert key_value_bytes(kv) == len(theirs)
    assert decode_key_value(theirs) == kv


@settings(max_examples=100)
@given(st.integers(0, (1 << 64) - 1), st.integers(0, 3))
def test_an_alarm_is_as_protobuf_writes_it(member: int, kind: int) -> None:
    """etcdserverpb.AlarmMember: a uint64 and an enum, as a lease is two int64."""
    pytest.importorskip("google.protobuf")
    from kube.store.etcdpb import messages

    theirs = messages.AlarmMember(memberID=member, alarm=kind).SerializeToString(deterministic=True)
    assert int_field(1, member) + int_field(2, kind) == theirs
    fields = decode_fields(theirs)
    assert (int_of(fields, 1), int_of(fields, 2)) == (member, kind)


@given(INT64)
def test_a_varint_has_the_size_that_was_promised(number: int) -> None:
    assert len(varint(number)) == varint_bytes(number)
    assert signed(int_of(decode_fields(b"\x08" + varint(number)), 1)) == number


def test_what_is_unknown_is_passed_over_and_the_last_of_a_field_counts() -> None:
    unknown = b"\x79" + bytes(8) + b"\x7d" + bytes(4) + b"\x7a\x03abc" + b"\xf8\x3f\x01"
    kv = KeyValue(b"k", b"", 0, 7, 0, 0)
    assert decode_key_value(unknown + b"\x0a\x01x" + encode_key_value(kv) + unknown) == kv


MALFORMED = {
    "no end of a number": b"\x08" + b"\xff" * 10,
    "a number cut off": b"\x08\xff",
    "bytes cut off": b"\x0a\x05abcd",
    "eight bytes cut off": b"\x79" + bytes(7),
    "field 0": b"\x00\x01",
    "a group": b"\x0b\x0c",
    "a length without end": b"\x0a" + b"\xff" * 9 + b"\x01",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        decode_fields(data)


@pytest.mark.parametrize("data", [b"\x08\x01", b"\x1a\x01x", b"\x28\x01", b"\x32\x00"])
def test_a_field_of_another_kind_is_refused(data: bytes) -> None:
    with pytest.raises(WireError, match="is no"):
        decode_key_value(data)


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        fields = decode_fields(data)
    except WireError:
        return
    assert all(
        isinstance(bytes_of({1: value}, 1), bytes) for value in fields.values() if not isinstance(value, int)
    )
