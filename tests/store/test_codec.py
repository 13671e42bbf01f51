"""Entries and snapshots to bytes and back."""

import random
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.store import codec
from kube.store.administration import Alarm, AlarmType, MemberInfo
from kube.store.apply import StateMachine, StateSnapshot
from kube.store.codec import CodecError, SnapshotDecoder
from kube.store.kv import Compare, CompareResult, CompareTarget, DeleteRange, Put, Range, Txn
from kube.store.membership import MemberTable
from kube.store.raft.messages import (
    ConfChange,
    ConfChangeSingle,
    ConfChangeTransition,
    ConfChangeType,
    ConfState,
    Entry,
    Snapshot,
)
from kube.store.requests import (
    AlarmAction,
    AlarmRequest,
    Compact,
    LeaseGrantRequest,
    LeaseRevokeRequest,
    MemberAttributes,
    OptimisticDelete,
    OptimisticPut,
    Request,
)

CHANGE = (ConfChangeSingle(ConfChangeType.ADD_LEARNER_NODE, 2**63 + 5),)
DATA = [
    None,
    Put(b"k", b"v", 7, prev_kv=True),
    Put(b"k", b"", 0, ignore_value=True, ignore_lease=True),
    DeleteRange(b"a", b"\0", prev_kv=True),
    Txn(
        (
            Compare(b"k", CompareTarget.VALUE, CompareResult.NOT_EQUAL, b"\xff\0"),
            Compare(b"k", CompareTarget.MOD, CompareResult.GREATER, 2**62, b"l"),
        ),
        (Put(b"k", b"v"), Txn((), (Range(b"a", b"z", limit=3),), (DeleteRange(b"q"),))),
        (Range(b"k", keys_only=True),),
    ),
    OptimisticPut(b"k", b"v" * 300, 4, 2**63 - 1),
    OptimisticDelete(b"k", 4),
    Compact(12),
    LeaseGrantRequest(1, 60),
    LeaseRevokeRequest(1),
    AlarmRequest(AlarmAction.ACTIVATE, Alarm(3, AlarmType.NOSPACE)),
    MemberAttributes((1 << 64) - 1, "m", ("http://a",)),
    ConfChange(CHANGE, ConfChangeTransition.JOINT_EXPLICIT, (MemberInfo(9, "m", ("http://a",), (), True),)),
    ConfChange(),
]


@pytest.mark.parametrize("data", DATA, ids=lambda data: type(data).__name__)
def test_what_an_entry_holds_comes_back(data: object) -> None:
    assert codec.decode_data(codec.encode_data(data)) == data
    entry = Entry(3, 4, data, 99)
    assert codec.decode_entries(codec.encode_entries([entry, entry])) == [entry, entry]


def test_every_request_that_can_be_in_the_log_is_tried() -> None:
    tried = {type(data) for data in DATA}
    assert set(Request.__args__) <= tried  # type: ignore[attr-defined]  # a union


@pytest.mark.parametrize(
    "encoded",
    [b"", b"\xc1", codec.encode_data(Put(b"k", b"v"))[:-1], msgspec.msgpack.encode(["Drop", b"k"]), b"\x90"],
    ids=["empty", "garbage", "cut", "unknown request", "nothing"],
)
def test_malformed_data_is_refused(encoded: bytes) -> None:
    with pytest.raises(CodecError):
        codec.decode_data(encoded)


def test_what_has_no_encoding_is_refused() -> None:
    with pytest.raises(CodecError, match="object"):
        codec.encode_data(object())
    with pytest.raises(CodecError):
        codec.encode_entries([Entry(1, 1, object())])


# ---- snapshots


def random_state(seed: int, steps: int = 60) -> StateMachine:
    rng = random.Random(seed)
    machine = StateMachine(lambda: 0.0)
    machine.apply(LeaseGrantRequest(5, 60))
    machine.members = MemberTable.of([MemberInfo(1, "one", ("http://one",))], [2])
    machine.apply(
        AlarmRequest(AlarmAction.ACTIVATE, Alarm(1, AlarmType.NOSPACE)) if seed % 3 == 0 else Compact(1)
    )
    for _ in range(steps):
        key = b"k%d" % rng.randrange(8)
        kind = rng.randrange(10)
        if kind < 6:
            machine.apply(OptimisticPut(key, rng.randbytes(rng.randrange(40)), 0, rng.choice([0, 5])))
            machine.apply(Put(key, rng.randbytes(rng.randrange(40)), rng.choice([0, 5])))
        elif kind < 8:
            machine.apply(DeleteRange(key, b"k5"))
        elif kind < 9:
            machine.apply(Compact(rng.randrange(machine.kv.revision + 1)))
        else:
            machine.kv.prune(rng.randrange(5))
    return machine


def decoded(pieces: Iterable[bytes]) -> Snapshot:
    decoder = SnapshotDecoder()
    for piece in pieces:
        decoder.feed(piece)
    return decoder.finish()


@given(st.integers(0, 10_000), st.integers(1, 400))
@settings(max_examples=60, deadline=None)
def test_a_snapshot_comes_back_whatever_the_size_of_its_pieces(seed: int, piece_bytes: int) -> None:
    state = random_state(seed).snapshot()
    snapshot = Snapshot(10, 3, ConfState((1, 2), (3,)), state)
    pieces = list(codec.encode_snapshot(snapshot, piece_bytes))
    again = decoded(pieces)
    assert again == snapshot
    assert StateMachine.restore(again.data, lambda: 0.0).snapshot() == state  # type: ignore[arg-type]


def test_an_empty_snapshot_comes_back() -> None:
    assert decoded(codec.encode_snapshot(Snapshot(conf=ConfState((1,))))) == Snapshot(conf=ConfState((1,)))


def test_a_value_that_is_current_and_in_the_history_is_in_a_snapshot_once() -> None:
    machine = StateMachine(lambda: 0.0)
    machine.apply(Put(b"k", b"x" * 10_000))
    pieces = list(codec.encode_snapshot(Snapshot(1, 1, ConfState(), machine.snapshot())))
    assert sum(map(len, pieces)) < 11_000
    state = decoded(pieces).data
    assert isinstance(state, StateSnapshot)
    restored = StateMachine.restore(state, lambda: 0.0).kv
    assert restored.live[b"k"] is next(iter(restored.changes))


def test_pieces_are_of_about_the_size_asked_for() -> None:
    machine = StateMachine(lambda: 0.0)
    for number in range(100):
        machine.apply(Put(b"k%d" % number, b"x" * 1000))
    machine.apply(Compact(machine.kv.revision))
    pieces = list(codec.encode_snapshot(Snapshot(1, 1, ConfState(), machine.snapshot()), 5000))
    assert max(map(len, pieces)) < 6500
    assert len(pieces) > 15


def test_pieces_that_are_missing_cut_or_out_of_order_are_refused() -> None:
    snapshot = Snapshot(1, 1, ConfState(), random_state(4).snapshot())
    pieces = list(codec.encode_snapshot(snapshot, 50))
    for bad in (pieces[:-1], pieces[1:], [], [*pieces, pieces[-1]], [*pieces[:-1], pieces[-1][:-1]]):
        with pytest.raises(CodecError):
            decoded(bad)


def test_a_newer_format_is_refused_with_both_numbers() -> None:
    head = next(codec.encode_snapshot(Snapshot(1, 1, ConfState())))
    newer = msgspec.msgpack.encode({**msgspec.msgpack.decode(head), "format": codec.FORMAT + 1})
    with pytest.raises(
        CodecError, match=f"format {codec.FORMAT + 1}, this program reads up to {codec.FORMAT}"
    ):
        decoded([newer])


def test_replicas_that_are_decoded_share_their_key_values() -> None:
    pieces = list(codec.encode_snapshot(Snapshot(1, 1, ConfState(), random_state(5).snapshot())))
    known: dict = {}
    states = []
    for _ in range(2):
        decoder = SnapshotDecoder(known)
        for piece in pieces:
            decoder.feed(piece)
        states.append(decoder.finish().data)
    first, second = states
    assert isinstance(first, StateSnapshot)
    assert isinstance(second, StateSnapshot)
    assert all(one is other for one, other in zip(first.kv.changes, second.kv.changes, strict=True))
    assert all(one is other for one, other in zip(first.kv.bases, second.kv.bases, strict=True))
