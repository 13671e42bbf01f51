"""The protocol types by themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.store import errors, kv
from kube.store.kv import ALL_KEYS_END, prefix_end


@pytest.mark.parametrize(
    ("prefix", "end"),
    [
        pytest.param(b"a", b"b", id="one byte"),
        pytest.param(b"/registry/pods/", b"/registry/pods0", id="a directory"),
        pytest.param(b"a\xff", b"b", id="a last byte that has no successor"),
        pytest.param(b"\xff\xff", ALL_KEYS_END, id="no successor at all"),
        pytest.param(b"", ALL_KEYS_END, id="every key"),
    ],
)
def test_prefix_end(prefix: bytes, end: bytes) -> None:
    assert prefix_end(prefix) == end


@given(st.binary(max_size=4), st.binary(max_size=6))
def test_a_key_is_in_the_range_of_a_prefix_exactly_if_it_starts_with_it(prefix: bytes, key: bytes) -> None:
    end = prefix_end(prefix)
    assert (prefix <= key and (end == ALL_KEYS_END or key < end)) == key.startswith(prefix)


EXAMPLES: dict[type[errors.StoreError], tuple[object, ...]] = {
    errors.CompactedError: (1, 2),
    errors.FutureRevisionError: (2, 1),
    errors.DuplicateKeyError: (b"k",),
    errors.KeyNotFoundError: (b"k",),
    errors.TooManyOpsError: (129, 128),
    errors.RequestTooLargeError: (2, 1),
    errors.LeaseNotFoundError: (1,),
    errors.LeaseExistsError: (1,),
    errors.LeaseTTLTooLargeError: (1,),
    errors.SlowWatcherError: (1,),
    errors.CorruptError: ("which",),
    errors.DiskFullError: ("directory",),
    errors.DiskFullError: ("/data",),
    errors.BadLeaderTransfereeError: (1,),
    errors.MemberNotFoundError: (1,),
    errors.MemberExistsError: (1,),
    errors.MemberNotLearnerError: (1,),
    errors.LearnerNotReadyError: (1,),
}


def subclasses() -> list[type[errors.StoreError]]:
    return [
        each
        for each in vars(errors).values()
        if isinstance(each, type)
        and issubclass(each, errors.StoreError)
        and not each.__name__.startswith("_")
    ]


@pytest.mark.parametrize("kind", subclasses(), ids=lambda kind: kind.__name__)
def test_every_error_speaks_etcds_words(kind: type[errors.StoreError]) -> None:
    error = kind(*EXAMPLES.get(kind, ()))
    assert str(error).startswith("etcdserver: ")
    assert isinstance(error.code, errors.Code)


def test_the_optimistic_requests_stand_for_txns() -> None:
    assert kv.create_if_absent(b"k", b"v", 3, "note") == kv.optimistic_put_txn(b"k", b"v", 0, 3, "note")
    txn = kv.optimistic_delete_txn(b"k", 7)
    assert txn.success == (kv.DeleteRange(b"k"),)
    assert txn.failure == (kv.Range(b"k"),)
