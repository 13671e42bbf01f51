"""What a call ended with, by etcd's words and by status code."""

from typing import Any

import pytest

from kube.store import errors
from kube.store.etcd3.errors import (
    AccessDeniedError,
    Asked,
    ConnectionLostError,
    UnexpectedError,
    UnreachableError,
    from_rpc,
    from_words,
)

LOCAL = {errors.StoreError, errors.WatchCanceledError, errors.SlowWatcherError, errors.DiskFullError}
"""What no member says; a full disk's words begin with those of a full key space."""


def everything() -> list[type[errors.StoreError]]:
    return [
        each
        for each in vars(errors).values()
        if isinstance(each, type)
        and issubclass(each, errors.StoreError)
        and each not in LOCAL
        and each.message != errors.StoreError.message
    ]


@pytest.mark.parametrize("kind", everything(), ids=lambda kind: kind.__name__)
def test_every_error_is_known_by_its_words(kind: type[errors.StoreError]) -> None:
    assert type(from_words(kind.message)) is kind


def test_errors_repeat_what_was_asked() -> None:
    asked = Asked(b"k", revision=7, lease=3, ttl=9, member=5, current_revision=6, compact_revision=8)
    compacted = from_words(errors.CompactedError.message, asked)
    assert isinstance(compacted, errors.CompactedError)
    assert (compacted.revision, compacted.compact_revision) == (7, 8)
    future = from_words(errors.FutureRevisionError.message, asked)
    assert isinstance(future, errors.FutureRevisionError)
    assert (future.revision, future.current_revision) == (7, 6)
    lease = from_words(errors.LeaseNotFoundError.message, asked)
    assert isinstance(lease, errors.LeaseNotFoundError)
    assert lease.lease == 3
    member = from_words(errors.MemberNotFoundError.message, asked)
    assert isinstance(member, errors.MemberNotFoundError)
    assert member.member == 5


def test_what_is_told_of_a_full_key_space_may_have_been_applied() -> None:
    """etcd applies a write that reaches the quota, and answers that there is no space."""
    error = from_rpc("RESOURCE_EXHAUSTED", errors.NoSpaceError.message, Asked(b"k"), "127.0.0.1:1")
    assert isinstance(error, errors.NoSpaceError)
    assert error.maybe_applied


def test_words_that_go_on() -> None:
    disk = from_words(str(errors.DiskFullError("/data")))
    assert type(disk) is errors.NoSpaceError
    corrupt = from_words(str(errors.CorruptError("hashes differ")))
    assert isinstance(corrupt, errors.CorruptError)
    assert corrupt.detail == "hashes differ"


CODES: list[Any] = [
    pytest.param(
        "UNAVAILABLE",
        "failed to connect to all addresses; last error: UNKNOWN: refused",
        UnreachableError,
        False,
        id="not connected",
    ),
    pytest.param("UNAVAILABLE", "DNS resolution failed for x", UnreachableError, False, id="no such host"),
    pytest.param("UNAVAILABLE", "Socket closed", ConnectionLostError, True, id="cut while it waited"),
    pytest.param("UNAVAILABLE", "etcdserver: no leader", errors.NoLeaderError, False, id="no leader"),
    pytest.param(
        "UNAVAILABLE",
        "etcdserver: rpc not supported for learner",
        errors.LearnerError,
        False,
        id="asked a learner",
    ),
    pytest.param("UNAVAILABLE", "etcdserver: leader changed", errors.LeaderChangedError, True, id="changed"),
    pytest.param(
        "UNAVAILABLE",
        "etcdserver: request timed out, possibly due to previous leader failure",
        errors.RequestTimeoutError,
        True,
        id="timed out, with a reason",
    ),
    pytest.param("DEADLINE_EXCEEDED", "Deadline Exceeded", errors.RequestTimeoutError, True, id="deadline"),
    pytest.param(
        "RESOURCE_EXHAUSTED",
        "grpc: received message larger than max (3 vs. 2)",
        errors.RequestTooLargeError,
        False,
        id="too large for the transport",
    ),
    pytest.param(
        "UNAUTHENTICATED", "etcdserver: invalid auth token", AccessDeniedError, False, id="an old token"
    ),
    pytest.param("PERMISSION_DENIED", "whatever", AccessDeniedError, False, id="not allowed"),
    pytest.param("INTERNAL", "whatever", UnexpectedError, True, id="anything else"),
]


@pytest.mark.parametrize(("code", "detail", "kind", "maybe"), CODES)
def test_status_codes(code: str, detail: str, kind: type[errors.StoreError], maybe: bool) -> None:
    error = from_rpc(code, detail, Asked(), "host:1")
    assert type(error) is kind
    assert error.maybe_applied is maybe
    assert str(error)
