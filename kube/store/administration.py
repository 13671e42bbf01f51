"""What whoever runs a store asks of it: its members, alarms, hashes, backups. No cluster needs it of its store.

Source of the semantics: etcd's API reference (``Cluster`` and ``Maintenance`` services). Terms and units are those of ``kube.store.kv``, errors are in
``kube.store.errors``.
"""

from collections.abc import AsyncIterator
from enum import IntEnum
from typing import Protocol

import msgspec

from kube.store.kv import Store

# ---- data -------------------------------------------------------------------------------------------------


class AlarmType(IntEnum):
    NONE = 0
    NOSPACE = 1
    """The key space is over its quota: what would add to it is refused until the alarm is disarmed."""
    CORRUPT = 2
    """Members disagree on what they hold: nothing is written until the alarm is disarmed. Reads go on, as in etcd."""


class Alarm(msgspec.Struct, frozen=True, gc=False, order=True):
    """Raised by ``member`` and kept by all of them, in the log, until somebody disarms it."""

    member: int
    type: AlarmType


class HashKV(msgspec.Struct, frozen=True, gc=False):
    """``hash``: 32 bits over every version that can be read at a revision from ``compact_revision`` to ``revision``, and the
    deletions between them.

    Equal on all members for equal revisions of both kinds. It is not etcd's number: only members of one kind can be compared.
    ``compact_revision`` is -1 where nothing was ever compacted.
    """

    hash: int
    revision: int
    compact_revision: int


class MemberInfo(msgspec.Struct, frozen=True):
    """A member of the store as etcd's Cluster service tells of it. ``name`` is empty until the member has started."""

    id: int
    name: str = ""
    peer_urls: tuple[str, ...] = ()
    client_urls: tuple[str, ...] = ()
    is_learner: bool = False


# ---- services ---------------------------------------------------------------------------------------------


class Membership(Protocol):
    """etcd's Cluster service. Each change is a joint or simple configuration change through the log."""

    async def members(self, *, linearizable: bool = True) -> tuple[MemberInfo, ...]:
        """Sorted by id."""
        ...

    async def add_member(self, peer_urls: tuple[str, ...], *, learner: bool = False) -> MemberInfo:
        """Raises MemberExistsError, PeerURLExistsError, UnhealthyClusterError, TooManyLearnersError."""
        ...

    async def remove_member(self, member: int) -> None:
        """An id that was removed never comes back. Raises MemberNotFoundError, UnhealthyClusterError."""
        ...

    async def update_member(self, member: int, peer_urls: tuple[str, ...]) -> None:
        """Raises MemberNotFoundError, PeerURLExistsError."""
        ...

    async def promote_member(self, member: int) -> None:
        """Give a learner its vote. Raises MemberNotFoundError, MemberNotLearnerError, LearnerNotReadyError."""
        ...


class Administration(Membership, Protocol):
    """What etcd's Cluster and Maintenance services need beyond ``Store``; the ids are those of a response's header."""

    @property
    def cluster_id(self) -> int: ...

    @property
    def member_id(self) -> int: ...

    @property
    def raft_term(self) -> int: ...

    async def hash_kv(self, revision: int = 0) -> HashKV:
        """Of this member, at ``revision`` (0: now). Raises CompactedError, FutureRevisionError."""
        ...

    def snapshot(self) -> AsyncIterator[bytes]:
        """The whole of the store in pieces of at most 64 KiB: etcd's database as of one revision, then its SHA-256.

        See ``kube.store.backup.file``. What comes before the SHA-256 is a multiple of 512 bytes long.
        """
        ...

    async def alarms(self) -> tuple[Alarm, ...]:
        """Those that are raised, sorted."""
        ...

    async def raise_alarm(self, alarm: Alarm) -> None: ...

    async def disarm(self, alarm: Alarm) -> tuple[Alarm, ...]:
        """With member 0 or type NONE: of every member, of every type. Those that were disarmed."""
        ...

    async def defragment(self) -> None:
        """Memory has no holes to close: a no-op, there because etcd's API has it."""
        ...

    async def move_leader(self, target: int) -> None:
        """Raises NotLeaderError, BadLeaderTransfereeError, RequestTimeoutError."""
        ...


class AdministeredStore(Store, Administration, Protocol):
    """What etcd's gRPC API is served from."""
