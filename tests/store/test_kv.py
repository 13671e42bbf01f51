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


ERRORS: dict[type[errors.StoreError], tuple[tuple[object, ...], str, str]] = {
    errors.StoreError: ((), "UNAVAILABLE", "unavailable"),
    errors.CompactedError: ((1, 2), "OUT_OF_RANGE", "mvcc: required revision has been compacted"),
    errors.FutureRevisionError: ((2, 1), "OUT_OF_RANGE", "mvcc: required revision is a future revision"),
    errors.EmptyKeyError: ((), "INVALID_ARGUMENT", "key is not provided"),
    errors.DuplicateKeyError: ((b"k",), "INVALID_ARGUMENT", "duplicate key given in txn request"),
    errors.KeyNotFoundError: ((b"k",), "INVALID_ARGUMENT", "key not found"),
    errors.ValueProvidedError: ((), "INVALID_ARGUMENT", "value is provided"),
    errors.LeaseProvidedError: ((), "INVALID_ARGUMENT", "lease is provided"),
    errors.TooManyOpsError: ((129, 128), "INVALID_ARGUMENT", "too many operations in txn request"),
    errors.RequestTooLargeError: ((2, 1), "INVALID_ARGUMENT", "request is too large"),
    errors.TooManyRequestsError: ((), "RESOURCE_EXHAUSTED", "too many requests"),
    errors.LeaseNotFoundError: ((1,), "NOT_FOUND", "requested lease not found"),
    errors.LeaseExistsError: ((1,), "FAILED_PRECONDITION", "lease already exists"),
    errors.LeaseTTLTooLargeError: ((1,), "OUT_OF_RANGE", "too large lease TTL"),
    errors.NoLeaderError: ((), "UNAVAILABLE", "no leader"),
    errors.NotLeaderError: ((), "FAILED_PRECONDITION", "not leader"),
    errors.LearnerError: ((), "UNAVAILABLE", "rpc not supported for learner"),
    errors.LeaderChangedError: ((), "UNAVAILABLE", "leader changed"),
    errors.RequestTimeoutError: ((), "UNAVAILABLE", "request timed out"),
    errors.StoppedError: ((), "UNAVAILABLE", "server stopped"),
    errors.WatchCanceledError: ((), "CANCELLED", "watch canceled"),
    errors.SlowWatcherError: ((1,), "RESOURCE_EXHAUSTED", "watch buffer is full"),
    errors.CorruptError: (("which",), "DATA_LOSS", "corrupt cluster"),
    errors.NoSpaceError: ((), "RESOURCE_EXHAUSTED", "mvcc: database space exceeded"),
    errors.DiskFullError: (("/data",), "RESOURCE_EXHAUSTED", "mvcc: database space exceeded"),
    errors.BadLeaderTransfereeError: ((1,), "FAILED_PRECONDITION", "bad leader transferee"),
    errors.UnhealthyClusterError: ((), "UNAVAILABLE", "unhealthy cluster"),
    errors.NotEnoughStartedError: (
        (),
        "FAILED_PRECONDITION",
        "re-configuration failed due to not enough started members",
    ),
    errors.MemberNotFoundError: ((1,), "NOT_FOUND", "member not found"),
    errors.MemberExistsError: ((1,), "FAILED_PRECONDITION", "member ID already exist"),
    errors.MemberNotLearnerError: ((1,), "FAILED_PRECONDITION", "can only promote a learner member"),
    errors.LearnerNotReadyError: (
        (1,),
        "FAILED_PRECONDITION",
        "can only promote a learner member which is in sync with leader",
    ),
    errors.TooManyLearnersError: ((), "FAILED_PRECONDITION", "too many learner members in cluster"),
    errors.PeerURLExistsError: ((), "FAILED_PRECONDITION", "Peer URLs already exists"),
    errors.BadMemberURLsError: ((), "INVALID_ARGUMENT", "given member URLs are invalid"),
}
"""What each is made with, its gRPC code, and its words after "etcdserver: ": etcd's own (its ``rpctypes``), but for the first, the
slow watcher's and the stopped watch's, which never leave the store for a client of etcd's API."""
OWN_WORDS = {"FixedMembersError"}
"""For what etcd has no error."""


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
    if kind.__name__ in OWN_WORDS:
        assert kind.message.startswith("etcdserver: ")
        return
    arguments, code, words = ERRORS[kind]
    error = kind(*arguments)
    assert (error.code.name, error.message) == (code, f"etcdserver: {words}")
    assert str(error).startswith(error.message)


def test_only_errors_of_writes_that_may_be_under_way_say_so() -> None:
    assert {kind.__name__ for kind in subclasses() if kind.maybe_applied} == {
        "LeaderChangedError",
        "RequestTimeoutError",
        "StoppedError",
    }


def test_the_optimistic_requests_stand_for_txns() -> None:
    txn = kv.optimistic_put_txn(b"k", b"v", 7, 3, "note")
    assert txn.success == (kv.Put(b"k", b"v", 3, note="note"),)
    assert txn.failure == (kv.Range(b"k"),)
    assert [(each.target, each.result, each.operand) for each in txn.compares] == [
        (kv.CompareTarget.MOD, kv.CompareResult.EQUAL, 7)
    ]
    txn = kv.optimistic_delete_txn(b"k", 7)
    assert txn.success == (kv.DeleteRange(b"k"),)
    assert txn.failure == (kv.Range(b"k"),)
