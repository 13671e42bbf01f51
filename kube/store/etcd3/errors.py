"""What a gRPC call ended with, as an error of ``kube.store.errors``: by etcd's words, then by the status code.

Source: etcd's ``api/v3rpc/rpctypes`` (the words) and grpc.io, "Status codes and their use".
"""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from kube.store import errors
from kube.store.errors import Code, StoreError


class UnreachableError(StoreError):
    """No endpoint could be connected to: nothing was sent."""

    def __init__(self, endpoints: tuple[str, ...], detail: str) -> None:
        super().__init__()
        self.endpoints = endpoints
        self.detail = detail

    def __str__(self) -> str:
        return f"etcd cannot be reached at {', '.join(self.endpoints)}: {self.detail}"


class _EndpointError(StoreError):
    """What happened with one endpoint."""

    def __init__(self, endpoint: str, detail: str) -> None:
        super().__init__()
        self.endpoint = endpoint
        self.detail = detail


class ConnectionLostError(_EndpointError):
    """The connection ended while a request waited for its answer."""

    maybe_applied = True

    def __str__(self) -> str:
        return f"the connection to etcd at {self.endpoint} was lost: {self.detail}"


class AccessDeniedError(StoreError):
    """etcd has users, and this one may not."""

    code = Code.FAILED_PRECONDITION

    def __init__(self, detail: str) -> None:
        super().__init__()
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


class AnotherStoreError(_EndpointError):
    """What answers is not what was there before: another cluster, or one that went back behind what this client has seen."""

    code = Code.DATA_LOSS
    maybe_applied = True

    def __str__(self) -> str:
        return (
            f"etcd at {self.endpoint} was replaced or restored: {self.detail}; "
            "start again to go on with what it holds now"
        )


class QuotaReachedError(errors.NoSpaceError):
    """etcd refuses a write for its quota before it proposes it, or, where others were faster, says so of one that it has applied
    (its ``quotaApplierV3``). Nobody can tell which.
    """

    maybe_applied = True


class UnexpectedError(StoreError):
    """An answer that etcd's API does not name; ``status`` is the gRPC status code's name."""

    maybe_applied = True

    def __init__(self, status: str, detail: str) -> None:
        super().__init__()
        self.status = status
        self.detail = detail

    def __str__(self) -> str:
        return f"etcd answered {self.status}: {self.detail}"


class Asked(Struct, frozen=True):
    """What of a request its errors repeat. ``current_revision`` and ``compact_revision``: the newest that are known."""

    key: bytes = b""
    revision: int = 0
    lease: int = 0
    ttl: int = 0
    member: int = 0
    size: int = 0
    current_revision: int = 0
    compact_revision: int = 0


NOTHING: Final = Asked()

_BY_WORDS: Final[Mapping[str, Callable[[Asked], StoreError]]] = {
    errors.CompactedError.message: lambda asked: errors.CompactedError(
        asked.revision, asked.compact_revision
    ),
    errors.FutureRevisionError.message: lambda asked: errors.FutureRevisionError(
        asked.revision, asked.current_revision
    ),
    errors.EmptyKeyError.message: lambda _: errors.EmptyKeyError(),
    errors.DuplicateKeyError.message: lambda asked: errors.DuplicateKeyError(asked.key),
    errors.KeyNotFoundError.message: lambda asked: errors.KeyNotFoundError(asked.key),
    errors.ValueProvidedError.message: lambda _: errors.ValueProvidedError(),
    errors.LeaseProvidedError.message: lambda _: errors.LeaseProvidedError(),
    errors.TooManyOpsError.message: lambda asked: errors.TooManyOpsError(asked.size, 0),
    errors.RequestTooLargeError.message: lambda asked: errors.RequestTooLargeError(asked.size, 0),
    errors.TooManyRequestsError.message: lambda _: errors.TooManyRequestsError(),
    errors.LeaseNotFoundError.message: lambda asked: errors.LeaseNotFoundError(asked.lease),
    errors.LeaseExistsError.message: lambda asked: errors.LeaseExistsError(asked.lease),
    errors.LeaseTTLTooLargeError.message: lambda asked: errors.LeaseTTLTooLargeError(asked.ttl),
    errors.NoLeaderError.message: lambda _: errors.NoLeaderError(),
    errors.NotLeaderError.message: lambda _: errors.NotLeaderError(),
    errors.LearnerError.message: lambda _: errors.LearnerError(),
    errors.LeaderChangedError.message: lambda _: errors.LeaderChangedError(),
    errors.RequestTimeoutError.message: lambda _: errors.RequestTimeoutError(),
    errors.StoppedError.message: lambda _: errors.StoppedError(),
    errors.NoSpaceError.message: lambda _: errors.NoSpaceError(),
    errors.CorruptError.message: lambda _: errors.CorruptError("a member says so"),
    errors.BadLeaderTransfereeError.message: lambda asked: errors.BadLeaderTransfereeError(asked.member),
    errors.UnhealthyClusterError.message: lambda _: errors.UnhealthyClusterError(),
    errors.NotEnoughStartedError.message: lambda _: errors.NotEnoughStartedError(),
    errors.MemberNotFoundError.message: lambda asked: errors.MemberNotFoundError(asked.member),
    errors.MemberExistsError.message: lambda asked: errors.MemberExistsError(asked.member),
    errors.MemberNotLearnerError.message: lambda asked: errors.MemberNotLearnerError(asked.member),
    errors.LearnerNotReadyError.message: lambda asked: errors.LearnerNotReadyError(asked.member),
    errors.TooManyLearnersError.message: lambda _: errors.TooManyLearnersError(),
    errors.PeerURLExistsError.message: lambda _: errors.PeerURLExistsError(),
    errors.FixedMembersError.message: lambda _: errors.FixedMembersError(),
    errors.BadMemberURLsError.message: lambda _: errors.BadMemberURLsError(),
}

INVALID_TOKEN: Final = "etcdserver: invalid auth token"  # noqa: S105  # words, no secret
_DENIED: Final = (
    INVALID_TOKEN,
    "etcdserver: permission denied",
    "etcdserver: user name is empty",
    "etcdserver: authentication failed",
    "etcdserver: authentication is not enabled",
)
_NOT_CONNECTED: Final = ("failed to connect to all addresses", "DNS resolution failed", "name resolution")
_TOO_LARGE: Final = "message larger than max"


def from_words(detail: str, asked: Asked = NOTHING) -> StoreError | None:
    """The error that etcd names so; None for words that are none of etcd's."""
    make = _BY_WORDS.get(detail)
    if make is not None:
        return make(asked)
    if detail.startswith(errors.RequestTimeoutError.message):  # "…, possibly due to previous leader failure"
        return errors.RequestTimeoutError()
    if detail.startswith(errors.NoSpaceError.message):  # with what is full
        return errors.NoSpaceError()
    if detail.startswith(errors.CorruptError.message):
        return errors.CorruptError(detail.removeprefix(errors.CorruptError.message).lstrip(": "))
    if detail.startswith(_DENIED):
        return AccessDeniedError(detail)
    return None


def from_rpc(code: str, detail: str, asked: Asked, endpoint: str) -> StoreError:
    """``code`` is a status code's name; ``endpoint`` is where the call went to."""
    known = from_words(detail, asked)
    if type(known) is errors.NoSpaceError:
        return QuotaReachedError()
    if known is not None:
        return known
    if code == "UNAVAILABLE":
        if any(words in detail for words in _NOT_CONNECTED):
            return UnreachableError((endpoint,), detail)
        return ConnectionLostError(endpoint, detail)
    if code == "DEADLINE_EXCEEDED":
        return errors.RequestTimeoutError()
    if code == "RESOURCE_EXHAUSTED" and _TOO_LARGE in detail:
        return errors.RequestTooLargeError(asked.size, 0)
    if code in {"PERMISSION_DENIED", "UNAUTHENTICATED"}:
        return AccessDeniedError(detail)
    return UnexpectedError(code, detail)
