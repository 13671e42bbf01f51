"""What is refused before it is proposed, and what of a request goes into the log."""

from collections.abc import Callable

import msgspec
import pytest

from kube.store.errors import (
    DuplicateKeyError,
    EmptyKeyError,
    LeaseProvidedError,
    StoreError,
    TooManyOpsError,
    ValueProvidedError,
)
from kube.store.kv import Compare, CompareResult, CompareTarget, DeleteRange, Put, Range, Txn
from kube.store.requests import check_put, check_txn, has_writes, size_of, without_notes


def compare(key: bytes) -> Compare:
    return Compare(key, CompareTarget.VERSION, CompareResult.EQUAL, 0)


A, B = Put(b"a", b"1"), Put(b"b", b"1")
DEL_A, DEL_ALL, DEL_AB = DeleteRange(b"a"), DeleteRange(b"\0", b"\0"), DeleteRange(b"a", b"b")


@pytest.mark.parametrize(
    "txn",
    [
        pytest.param(Txn(), id="empty"),
        pytest.param(Txn((compare(b"a"),), (A, B), (A,)), id="one key in both branches"),
        pytest.param(Txn(success=(DEL_A, DEL_ALL)), id="deletes that overlap"),
        pytest.param(Txn(success=(A, DeleteRange(b"b", b"c"))), id="a delete beside a put"),
        pytest.param(
            Txn(success=(Txn(success=(A,), failure=(A,)),)), id="one key in both branches of a nested one"
        ),
        pytest.param(Txn(success=(Txn(success=(A,), failure=(DEL_A,)),)), id="put or delete in a nested one"),
        pytest.param(
            Txn(success=(A, DeleteRange(b"a", b"a"))), id="put, and deleted by a range without keys"
        ),
        pytest.param(Txn(success=(A, DEL_ALL)), id="put and deleted by a range to the end, as etcd has it"),
        pytest.param(
            Txn(success=(Txn(success=(A,)), Txn(success=(DEL_A,)))), id="deleted in a later nested one"
        ),
        pytest.param(Txn(success=(Range(b"a"),) * 128), id="as many ops as may be"),
    ],
)
def test_txns_that_are_fine(txn: Txn) -> None:
    check_txn(txn, 128)


@pytest.mark.parametrize(
    ("txn", "error"),
    [
        pytest.param(Txn(success=(A, A)), DuplicateKeyError, id="a key put twice"),
        pytest.param(Txn(failure=(A, A)), DuplicateKeyError, id="in the other branch"),
        pytest.param(Txn(success=(A, DEL_AB)), DuplicateKeyError, id="put and deleted"),
        pytest.param(Txn(success=(DEL_A, A)), DuplicateKeyError, id="deleted and put"),
        pytest.param(
            Txn(success=(A, Txn(failure=(A,)))), DuplicateKeyError, id="put here and in a nested one"
        ),
        pytest.param(
            Txn(success=(Txn(success=(A,)), Txn(failure=(A,)))), DuplicateKeyError, id="in two nested ones"
        ),
        pytest.param(
            Txn(success=(DEL_AB, Txn(success=(A,)))), DuplicateKeyError, id="deleted here, put nested"
        ),
        pytest.param(
            Txn(success=(A, Txn(success=(DEL_A,)))), DuplicateKeyError, id="put here, deleted nested"
        ),
        pytest.param(
            Txn(success=(Txn(success=(DEL_A,)), Txn(success=(A,)))),
            DuplicateKeyError,
            id="put in a later nested one",
        ),
        pytest.param(Txn(success=(Range(b"a"),) * 129), TooManyOpsError, id="too many ops"),
        pytest.param(Txn((compare(b"a"),) * 129), TooManyOpsError, id="too many compares"),
        pytest.param(
            Txn(success=(*((Range(b"a"),) * 100), Txn(success=(Range(b"a"),) * 28))),
            TooManyOpsError,
            id="too many in all",
        ),
        pytest.param(Txn((compare(b""),)), EmptyKeyError, id="a compare without a key"),
        pytest.param(Txn(success=(Put(b"", b""),)), EmptyKeyError, id="a put without a key"),
        pytest.param(Txn(success=(Range(b""),)), EmptyKeyError, id="a range without a key"),
        pytest.param(
            Txn(success=(Put(b"a", b"1", ignore_value=True),)), ValueProvidedError, id="a value to ignore"
        ),
    ],
)
def test_txns_that_are_refused(txn: Txn, error: type[StoreError]) -> None:
    with pytest.raises(error):
        check_txn(txn, 128)


@pytest.mark.parametrize(
    ("target", "operand"),
    [
        (CompareTarget.VALUE, 5),
        *((target, b"5") for target in CompareTarget if target is not CompareTarget.VALUE),
    ],
    ids=lambda each: each.name if isinstance(each, CompareTarget) else "",
)
def test_an_operand_is_of_its_targets_type(target: CompareTarget, operand: int | bytes) -> None:
    """What a replica could not compare would stop all of them, at each start anew."""
    with pytest.raises(TypeError, match=target.name):
        check_txn(Txn((Compare(b"k", target, CompareResult.GREATER, operand),)), 128)


@pytest.mark.parametrize(
    ("put", "error"),
    [
        pytest.param(Put(b"", b"v"), EmptyKeyError, id="no key"),
        pytest.param(Put(b"k", b"v", ignore_value=True), ValueProvidedError, id="a value to ignore"),
        pytest.param(Put(b"k", b"v", 7, ignore_lease=True), LeaseProvidedError, id="a lease to ignore"),
    ],
)
def test_puts_that_are_refused(put: Put, error: type[StoreError]) -> None:
    with pytest.raises(error):
        check_put(put)


@pytest.mark.parametrize(
    ("txn", "writes"),
    [
        pytest.param(Txn(), False, id="empty"),
        pytest.param(Txn(success=(Range(b"a"),), failure=(Txn(success=(Range(b"a"),)),)), False, id="ranges"),
        pytest.param(Txn(failure=(A,)), True, id="a put in a branch"),
        pytest.param(Txn(failure=(Txn(success=(DEL_A,)),)), True, id="a nested delete"),
    ],
)
def test_whether_a_txn_writes(txn: Txn, writes: bool) -> None:
    assert has_writes(txn) is writes


def test_no_note_enters_the_log() -> None:
    note, nested_note = object(), object()
    txn = Txn(
        (compare(b"a"),),
        (Put(b"a", b"1", note=note), Range(b"a"), Txn(failure=(Put(b"b", b"2", note=nested_note),))),
    )
    notes: dict[bytes, object] = {}
    stripped = without_notes(txn, notes)
    assert notes == {b"a": note, b"b": nested_note}
    assert stripped == Txn((compare(b"a"),), (A, Range(b"a"), Txn(failure=(Put(b"b", b"2"),))))
    msgspec.msgpack.encode(stripped)


def test_a_txn_without_notes_passes_as_it_is() -> None:
    txn = Txn(success=(A, Txn(success=(B,))))
    notes: dict[bytes, object] = {}
    assert without_notes(txn, notes) is txn
    assert notes == {}


def test_size_counts_keys_and_values() -> None:
    small = size_of(Txn((compare(b"a"),), (A,), (Range(b"a"),)))
    large = size_of(Txn((compare(b"a"),), (Put(b"a", b"x" * 1000),), (Range(b"a"),)))
    assert large - small == 999


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(lambda end: DeleteRange(b"a", end), id="delete"),
        pytest.param(lambda end: Range(b"a", end), id="range"),
        pytest.param(
            lambda end: Txn((Compare(b"a", CompareTarget.VERSION, CompareResult.EQUAL, 0, end),)),
            id="compare",
        ),
        pytest.param(lambda end: Txn(failure=(DeleteRange(b"a", end),)), id="in a txn"),
    ],
)
def test_size_counts_ends_of_ranges(request_: Callable[[bytes], Range | Txn]) -> None:
    assert size_of(request_(bytes(1000))) - size_of(request_(b"")) == 1000


class Counted(bytes):
    """A key that counts how often it is compared."""

    compared = 0

    def __lt__(self, other: bytes) -> bool:
        Counted.compared += 1
        return super().__lt__(other)

    def __le__(self, other: bytes) -> bool:
        Counted.compared += 1
        return super().__le__(other)


def nested(ops: list[Put] | list[DeleteRange]) -> Txn:
    """All of them in one txn, in txns within it of sixty each."""
    return Txn(success=tuple(Txn(success=tuple(ops[at : at + 60])) for at in range(0, len(ops), 60)))


def test_a_txn_of_many_deletes_and_puts_is_checked_in_time() -> None:
    """A request within the limit of its size has tens of thousands of each; pair by pair that would hold the loop for minutes."""
    count = 3_000
    deletes = [DeleteRange(Counted(b"a%05d" % each), Counted(b"a%05d!" % each)) for each in range(count)]
    puts = [Put(Counted(b"b%05d" % each), b"") for each in range(count)]
    Counted.compared = 0
    check_txn(Txn(success=(nested(deletes), nested(puts))), 128)
    assert Counted.compared < 200 * count
