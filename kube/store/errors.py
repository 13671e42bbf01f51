"""Every error of the store, each with the data a caller needs and etcd's gRPC status code and words.

Source of codes and messages: etcd's ``api/v3rpc/rpctypes``.
"""

from enum import IntEnum
from typing import ClassVar


class Code(IntEnum):
    """gRPC status codes that etcd answers with (grpc.io, "Status codes and their use")."""

    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15


class StoreError(Exception):
    """An answer of the store that is not a result. ``message`` is etcd's own text.

    ``maybe_applied``: True when a write that got this error may still take effect.
    """

    code: ClassVar[Code] = Code.UNAVAILABLE
    message: ClassVar[str] = "etcdserver: unavailable"
    maybe_applied: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__(self.message)


class CompactedError(StoreError):
    """The wanted revision is older than ``compact_revision``, the oldest whose state is still whole."""

    code = Code.OUT_OF_RANGE
    message = "etcdserver: mvcc: required revision has been compacted"

    def __init__(self, revision: int, compact_revision: int) -> None:
        super().__init__()
        self.revision = revision
        self.compact_revision = compact_revision


class FutureRevisionError(StoreError):
    """The wanted ``revision`` is newer than the store's ``current_revision``."""

    code = Code.OUT_OF_RANGE
    message = "etcdserver: mvcc: required revision is a future revision"

    def __init__(self, revision: int, current_revision: int) -> None:
        super().__init__()
        self.revision = revision
        self.current_revision = current_revision


class EmptyKeyError(StoreError):
    code = Code.INVALID_ARGUMENT
    message = "etcdserver: key is not provided"


class DuplicateKeyError(StoreError):
    """A txn writes ``key`` twice."""

    code = Code.INVALID_ARGUMENT
    message = "etcdserver: duplicate key given in txn request"

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self.key = key


class KeyNotFoundError(StoreError):
    """A put that keeps the value or the lease found no ``key`` to keep it from."""

    code = Code.INVALID_ARGUMENT
    message = "etcdserver: key not found"

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self.key = key


class ValueProvidedError(StoreError):
    """A put that keeps the key's value brings one."""

    code = Code.INVALID_ARGUMENT
    message = "etcdserver: value is provided"


class LeaseProvidedError(StoreError):
    """A put that keeps the key's lease brings one."""

    code = Code.INVALID_ARGUMENT
    message = "etcdserver: lease is provided"


class TooManyOpsError(StoreError):
    code = Code.INVALID_ARGUMENT
    message = "etcdserver: too many operations in txn request"

    def __init__(self, count: int, limit: int) -> None:
        super().__init__()
        self.count = count
        self.limit = limit


class RequestTooLargeError(StoreError):
    """``size`` and ``limit`` are in bytes."""

    code = Code.INVALID_ARGUMENT
    message = "etcdserver: request is too large"

    def __init__(self, size: int, limit: int) -> None:
        super().__init__()
        self.size = size
        self.limit = limit


class TooManyRequestsError(StoreError):
    """Proposals that wait for commit fill their bound."""

    code = Code.RESOURCE_EXHAUSTED
    message = "etcdserver: too many requests"


class LeaseNotFoundError(StoreError):
    code = Code.NOT_FOUND
    message = "etcdserver: requested lease not found"

    def __init__(self, lease: int) -> None:
        super().__init__()
        self.lease = lease


class LeaseExistsError(StoreError):
    code = Code.FAILED_PRECONDITION
    message = "etcdserver: lease already exists"

    def __init__(self, lease: int) -> None:
        super().__init__()
        self.lease = lease


class LeaseTTLTooLargeError(StoreError):
    """``ttl`` in seconds."""

    code = Code.OUT_OF_RANGE
    message = "etcdserver: too large lease TTL"

    def __init__(self, ttl: int) -> None:
        super().__init__()
        self.ttl = ttl


class NoLeaderError(StoreError):
    """No member leads, and none did within the time given."""

    message = "etcdserver: no leader"


class NotLeaderError(StoreError):
    """``leader``: the id of the member believed to lead, 0 when unknown."""

    code = Code.FAILED_PRECONDITION
    message = "etcdserver: not leader"

    def __init__(self, leader: int = 0) -> None:
        super().__init__()
        self.leader = leader


class LearnerError(StoreError):
    """The member has no vote yet: it serves its status, its snapshot and what it holds, and nothing was done."""

    message = "etcdserver: rpc not supported for learner"


class LeaderChangedError(StoreError):
    """The leader changed while a request waited; a write may or may not be committed later."""

    message = "etcdserver: leader changed"
    maybe_applied = True


class RequestTimeoutError(StoreError):
    """No answer in time; a write may or may not be committed later."""

    message = "etcdserver: request timed out"
    maybe_applied = True


class StoppedError(StoreError):
    """The member (or the whole store) is stopped."""

    message = "etcdserver: server stopped"
    maybe_applied = True


class WatchCanceledError(StoreError):
    """The watch ended because its owner or the store ended it."""

    code = Code.CANCELLED
    message = "etcdserver: watch canceled"


class SlowWatcherError(StoreError):
    """The buffer of a watch is full. Resume from ``resume_revision``: everything below it was delivered."""

    code = Code.RESOURCE_EXHAUSTED
    message = "etcdserver: watch buffer is full"

    def __init__(self, resume_revision: int) -> None:
        super().__init__()
        self.resume_revision = resume_revision


class CorruptError(StoreError):
    """State that can't be trusted; ``detail`` says which."""

    code = Code.DATA_LOSS
    message = "etcdserver: corrupt cluster"

    def __init__(self, detail: str) -> None:
        super().__init__()
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.message}: {self.detail}"


class NoSpaceError(StoreError):
    """The key space is over its quota, or the disk is full: what would add to it is refused, reads go on."""

    code = Code.RESOURCE_EXHAUSTED
    message = "etcdserver: mvcc: database space exceeded"


class DiskFullError(NoSpaceError):
    """There is no space on the disk under ``directory``; writes work again as soon as there is."""

    def __init__(self, directory: str) -> None:
        super().__init__()
        self.directory = directory

    def __str__(self) -> str:
        return f"{self.message}: the disk under {self.directory} is full; reads go on, writes too once there is space"


class BadLeaderTransfereeError(StoreError):
    """``target`` is no voter, or the leader itself."""

    code = Code.FAILED_PRECONDITION
    message = "etcdserver: bad leader transferee"

    def __init__(self, target: int) -> None:
        super().__init__()
        self.target = target


class UnhealthyClusterError(StoreError):
    """A change of members that the members who run now could not survive."""

    message = "etcdserver: unhealthy cluster"


class NotEnoughStartedError(StoreError):
    """After the change of members a majority would not have started yet."""

    code = Code.FAILED_PRECONDITION
    message = "etcdserver: re-configuration failed due to not enough started members"


class _MemberError(StoreError):
    def __init__(self, member: int) -> None:
        super().__init__()
        self.member = member


class MemberNotFoundError(_MemberError):
    code = Code.NOT_FOUND
    message = "etcdserver: member not found"


class MemberExistsError(_MemberError):
    code = Code.FAILED_PRECONDITION
    message = "etcdserver: member ID already exist"


class MemberNotLearnerError(_MemberError):
    code = Code.FAILED_PRECONDITION
    message = "etcdserver: can only promote a learner member"


class LearnerNotReadyError(_MemberError):
    """The learner's log is still behind the leader's."""

    code = Code.FAILED_PRECONDITION
    message = "etcdserver: can only promote a learner member which is in sync with leader"


class TooManyLearnersError(StoreError):
    code = Code.FAILED_PRECONDITION
    message = "etcdserver: too many learner members in cluster"


class PeerURLExistsError(StoreError):
    code = Code.FAILED_PRECONDITION
    message = "etcdserver: Peer URLs already exists"


class FixedMembersError(StoreError):
    """The members live in one process and are as many as it was started with."""

    code = Code.FAILED_PRECONDITION
    message = (
        "etcdserver: the members of this store share one process and cannot be changed; "
        "run each as `kube store member` to change them"
    )


class BadMemberURLsError(StoreError):
    code = Code.INVALID_ARGUMENT
    message = "etcdserver: given member URLs are invalid"
