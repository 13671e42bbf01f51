"""A request is as large as etcd's encoding of it in its log."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.store.errors import RequestTooLargeError
from kube.store.etcd3.convert import Converter
from kube.store.kv import (
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    Put,
    Range,
    SortOrder,
    SortTarget,
    Txn,
    optimistic_put_txn,
)
from kube.store.request_size import check_size
from kube.store.requests import Compact, OptimisticPut

KEYS = st.binary(min_size=1, max_size=200)
ENDS = st.binary(max_size=200)
NUMBERS = st.integers(0, 2**63 - 1) | st.integers(0, 300)
PUTS = st.builds(Put, KEYS, ENDS, NUMBERS, st.booleans(), st.booleans(), st.booleans())
DELETES = st.builds(DeleteRange, KEYS, ENDS, st.booleans())
RANGES = st.builds(
    Range,
    *(KEYS, ENDS, NUMBERS, NUMBERS, st.booleans(), st.booleans()),
    *(st.sampled_from(SortOrder), st.sampled_from(SortTarget), NUMBERS, NUMBERS, NUMBERS, NUMBERS),
)
COMPARES = st.sampled_from(CompareTarget).flatmap(
    lambda target: st.builds(
        Compare,
        KEYS,
        st.just(target),
        st.sampled_from(CompareResult),
        ENDS if target is CompareTarget.VALUE else NUMBERS,
        ENDS,
    )
)


def txns(ops: st.SearchStrategy) -> st.SearchStrategy[Txn]:
    branch = st.lists(ops, max_size=3).map(tuple)
    return st.builds(Txn, st.lists(COMPARES, max_size=3).map(tuple), branch, branch)


TXNS = st.recursive(txns(PUTS | DELETES | RANGES), lambda nested: txns(nested | PUTS), max_leaves=3)


def counted(request: object) -> int:
    with pytest.raises(RequestTooLargeError) as error:
        check_size(request, 0, -1)
    return error.value.size


def logged(encoded: int) -> int:
    """With the header, and what is before a field of so many bytes."""
    return 14 + 1 + (max(encoded.bit_length(), 1) + 6) // 7 + encoded


@given(PUTS | DELETES | TXNS)
def test_what_counts_is_the_encoding(request: Put | DeleteRange | Txn) -> None:
    convert = Converter(b"")
    if isinstance(request, Put):
        encoded = convert.put(request)
    elif isinstance(request, DeleteRange):
        encoded = convert.delete_range(request)
    else:
        encoded = convert.txn(request)
    assert counted(request) == logged(encoded.ByteSize())


def test_an_optimistic_put_counts_as_the_txn_that_it_stands_for() -> None:
    fields = (b"k", b"v" * 300, 77, 5)
    assert counted(OptimisticPut(*fields)) == counted(optimistic_put_txn(*fields))


def test_what_etcd_does_not_have_counts_as_it_says() -> None:
    check_size(Compact(5), 8, 8)
    with pytest.raises(RequestTooLargeError):
        check_size(Compact(5), 9, 8)
