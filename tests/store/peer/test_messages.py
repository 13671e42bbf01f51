"""Everything that members say comes out of its bytes as it went in; what is malformed is refused."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.store import errors
from kube.store.administration import MemberInfo
from kube.store.codec import CodecError
from kube.store.errors import StoreError
from kube.store.kv import Put
from kube.store.peer.messages import (
    MAX_BATCH_BYTES,
    Answer,
    Encoder,
    Forward,
    Forwarded,
    LeaseRemaining,
    LeaseRenew,
    PeerMessage,
    PromoteMember,
    Question,
    decode_messages,
    error_data,
    error_of,
)
from kube.store.raft.messages import (
    AppendEntries,
    AppendResponse,
    ConfChange,
    ConfChangeSingle,
    ConfChangeType,
    Entry,
    Heartbeat,
    HeartbeatResponse,
    ReadIndexRequest,
    ReadIndexResponse,
    RequestVote,
    VoteResponse,
)
from kube.store.requests import Compact, OptimisticPut

BIG = (1 << 64) - 1
CHANGE = ConfChange(
    (ConfChangeSingle(ConfChangeType.ADD_NODE, BIG),), context=(MemberInfo(BIG, "", ("http://h:1",)),)
)
MESSAGES: tuple[PeerMessage, ...] = (
    RequestVote(2, 1, 3, 10, 2, pre=True),
    VoteResponse(BIG, 1, 3, rejected=True),
    AppendEntries(
        2,
        1,
        3,
        4,
        2,
        (
            Entry(2, 5, Put(b"k", b"v"), 66),
            Entry(3, 6),
            Entry(3, 7, OptimisticPut(b"k", b"w", 5), 66),
            Entry(3, 8, CHANGE, 64),
        ),
        4,
    ),
    AppendEntries(2, 1, 3, 0, 0, (), 0),
    AppendResponse(1, 2, 3, 8, True, 4, 2),
    Heartbeat(2, 1, 3, 8, 5),
    HeartbeatResponse(1, 2, 3, 5),
    ReadIndexRequest(1, 2, 3, 77),
    ReadIndexResponse(2, 1, 3, 8, 77),
    Forward(1, 2, 5, 3, ((Put(b"a", b"b"), 66), (Compact(5), 8), (CHANGE, 64))),
    Forwarded(2, 1, 5, 9),
    Forwarded(2, 1, 5, 0, ("NoSpaceError", ())),
    *(Question(1, 2, 6, ask) for ask in (LeaseRenew(7), LeaseRemaining(7), PromoteMember(BIG))),
    Answer(2, 1, 6, 5),
    Answer(2, 1, 6, 4.5),
    Answer(2, 1, 6, error=("LeaseNotFoundError", (7,))),
)


def decoded(payloads: list[bytes]) -> tuple[PeerMessage, ...]:
    return tuple(message for payload in payloads for message in decode_messages(payload))


def test_every_message_comes_out_as_it_went_in() -> None:
    payloads = Encoder().encode(MESSAGES)
    assert len(payloads) == 1
    assert decoded(payloads) == MESSAGES


def test_entries_for_several_members_are_encoded_once() -> None:
    entries = (Entry(1, 1, Put(b"k", bytes(1000)), 1065),)
    encoder = Encoder()
    encoder.encode([AppendEntries(2, 1, 1, 0, 0, entries, 0)])
    known = encoder._encoded(entries)
    payloads = encoder.encode([AppendEntries(3, 1, 1, 0, 0, entries, 0)])
    assert encoder._encoded(entries) is known
    assert decoded(payloads) == (AppendEntries(3, 1, 1, 0, 0, entries, 0),)


def test_a_large_batch_is_split_over_frames() -> None:
    value = bytes(1 << 20)
    messages = tuple(
        AppendEntries(2, 1, 1, index - 1, 1, (Entry(1, index, Put(b"k", value), len(value)),), 0)
        for index in range(1, 11)
    )
    payloads = Encoder().encode(messages)
    assert len(payloads) > 2
    assert all(len(payload) <= MAX_BATCH_BYTES for payload in payloads)
    assert decoded(payloads) == messages


@given(st.binary(max_size=200))
def test_bytes_of_nobody_are_refused(payload: bytes) -> None:
    try:
        messages = decode_messages(payload)
    except CodecError:
        return
    assert messages == []


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param((Entry(1, 7),), id="a gap"),
        pytest.param((Entry(1, 5), Entry(1, 5)), id="twice"),
        pytest.param((Entry(4, 5),), id="of a term to come"),
        pytest.param((Entry(3, 5), Entry(2, 6)), id="terms go back"),
    ],
)
def test_entries_that_do_not_follow_each_other_are_refused(entries: tuple[Entry, ...]) -> None:
    payload = Encoder().encode([AppendEntries(2, 1, 3, 4, 1, entries, 0)])[0]
    with pytest.raises(CodecError, match="can't be the one at"):
        decode_messages(payload)


@pytest.mark.parametrize(
    "error",
    [
        errors.LeaseNotFoundError(7),
        errors.NotLeaderError(3),
        errors.LearnerNotReadyError(5),
        errors.NotEnoughStartedError(),
        errors.RequestTimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_comes_back_with_its_data(error: StoreError) -> None:
    back = error_of(error_data(error))
    assert type(back) is type(error)
    assert vars(back) == vars(error)


def test_an_error_that_no_answer_carries_may_have_been_anything() -> None:
    assert isinstance(error_of(error_data(errors.EmptyKeyError())), errors.RequestTimeoutError)


@pytest.mark.parametrize("data", [("ValueError", ()), ("LeaseNotFoundError", ()), ("__doc__", (1,))])
def test_an_error_of_nobody_is_refused(data: tuple[str, tuple[int, ...]]) -> None:
    with pytest.raises(CodecError):
        error_of(data)
    for message in (Forwarded(2, 1, 7, 0, data), Answer(2, 1, 7, None, data)):
        with pytest.raises(CodecError):  # here, and not in the turn of the member whom it would stop
            decode_messages(Encoder().encode([message])[0])


def test_a_message_of_another_kind_is_refused() -> None:
    payload = msgspec.msgpack.encode([{"type": "Unheard", "to": 1, "from_": 2}])
    with pytest.raises(CodecError, match="malformed"):
        decode_messages(payload)
