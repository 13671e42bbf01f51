"""Messages are read as generously as etcd reads them, and as quickly as they are long."""

import time

import pytest
from google.protobuf.message import DecodeError, Message
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.store.etcd_server.convert import txn_op
from kube.store.etcd_server.decoding import decode
from kube.store.etcdpb import messages
from kube.store.kv import MAX_TXN_OPS, Put, Txn
from tests.store.etcd_server.test_odd_calls import PUT, field, nested_txn

NO_TEXT = b"\xff\xfe\xfd"
REPLACED = "\N{REPLACEMENT CHARACTER}" * 3


def test_a_string_that_is_no_utf_8_holds_the_replacement_character_and_the_rest_is_there() -> None:
    body = field(1, b"http://a:1") + field(1, NO_TEXT) + b"\x10\x01"
    added = decode(messages.MemberAddRequest, body)
    assert (list(added.peerURLs), added.isLearner) == (["http://a:1", REPLACED], True)
    user = decode(messages.AuthUserAddRequest, field(1, NO_TEXT) + field(3, b"\x08\x01"))
    assert (user.name, user.options.no_password) == (REPLACED, True)


def test_the_health_service_is_as_strict_as_etcds() -> None:
    with pytest.raises(DecodeError):
        decode(messages.HealthCheckRequest, field(1, NO_TEXT))


@pytest.mark.parametrize(
    ("kind", "body", "wrong"),
    [
        pytest.param(messages.RangeRequest, b"\x08\x05", "wireType = 0 for field Key", id="in a message"),
        pytest.param(
            messages.WatchRequest,
            field(1, field(1, b"k") + b"\x1a\x01a"),
            "wireType = 2 for field StartRevision",
            id="in one within it",
        ),
        pytest.param(
            messages.TxnRequest,
            field(3, field(2, b"\x10\x05")) + nested_txn(60, PUT),
            "wireType = 0 for field Value",
            id="in one that is read the long way",
        ),
    ],
)
def test_a_known_field_of_another_kind_is_refused(kind: type[Message], body: bytes, wrong: str) -> None:
    with pytest.raises(DecodeError, match=wrong):
        decode(kind, body)


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        (messages.RangeRequest, field(1, b"k")),
        (messages.WatchRequest, field(1, field(1, b"k") + field(5, b"\0\1"))),
        (messages.TxnRequest, nested_txn(60, PUT)),
    ],
)
def test_a_field_that_nobody_knows_is_passed_over(kind: type[Message], known: bytes) -> None:
    found = decode(kind, known + b"\x98\x06\x05")
    found.DiscardUnknownFields()
    assert found == decode(kind, known)


def test_googles_library_takes_a_field_of_another_kind_for_one_that_it_does_not_know() -> None:
    assert not decode(messages.HealthCheckRequest, b"\x08\x05").service


@pytest.mark.parametrize("levels", [1, 50, 51, MAX_TXN_OPS])
def test_a_txn_may_be_nested_as_deep_as_its_operations_allow(levels: int) -> None:
    op: object = txn_op(decode(messages.TxnRequest, nested_txn(levels, PUT)))
    for _ in range(levels):
        assert isinstance(op, Txn)
        (op,) = op.success
    assert op == Put(b"deep", b"v")


def test_the_long_way_reads_as_many_operations_as_are_allowed() -> None:
    body = field(2, field(2, field(1, b"k"))) * 500 + nested_txn(60, PUT)
    assert len(txn_op(decode(messages.TxnRequest, body, 1_000), 1_000).success) == 501
    assert len(decode(messages.TxnRequest, body).success) == MAX_TXN_OPS + 1
    with pytest.raises(DecodeError, match="nested more than"):
        decode(messages.TxnRequest, nested_txn(MAX_TXN_OPS + 2, PUT), 1_000)


def test_the_long_way_reads_what_the_short_one_does() -> None:
    """All kinds of fields at every level."""
    txn = messages.TxnRequest(
        compare=[{"key": b"a", "target": 1, "create_revision": 5, "range_end": b"z"}],
        success=[{"request_range": {"key": b"k", "limit": 300}}, {"request_put": {"key": b"p"}}],
        failure=[{"request_delete_range": {"key": b"d", "prev_kv": True}}, {}],
    )
    body = txn.SerializeToString()
    inner = decode(messages.TxnRequest, field(2, field(4, body)) + field(3, field(4, nested_txn(60, PUT))))
    assert inner.success[0].request_txn == txn
    deep = inner.failure[0]
    for _ in range(60):
        deep = deep.request_txn.success[0]
    assert deep.request_put.key == b"deep"


@given(st.binary(max_size=60), st.integers(0, 30))
@settings(max_examples=300, deadline=None)
def test_what_is_no_message_is_refused(noise: bytes, cut: int) -> None:
    """Behind what the library refuses already, and cut anywhere: a message or DecodeError, nothing else."""
    for kind, start in (
        (messages.TxnRequest, nested_txn(60, PUT)),
        (messages.AuthUserGetRequest, field(1, NO_TEXT)),
    ):
        for body in (start + noise, start[: len(start) - cut], noise):
            try:
                decode(kind, body)
            except DecodeError:
                continue


def test_depth_and_width_cost_no_more_than_their_length() -> None:
    """2 MB, which is what a request may be."""
    deep = nested_txn(250_000, PUT)
    wide = field(2, b"") * 1_000_000 + nested_txn(60, PUT)
    assert min(len(deep), len(wide)) > 1_900_000
    begin = time.process_time()
    decode(messages.TxnRequest, deep)
    assert len(decode(messages.TxnRequest, wide).success) == MAX_TXN_OPS + 1
    assert time.process_time() - begin < 2
